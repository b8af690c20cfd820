"""How a vote is held and counted: ballots, envelopes, codes, count, result. No web."""
