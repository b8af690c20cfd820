"""Elections of other cities, counted again from their raw ballots: `python -m bench.elections FILE.pb [--json]`."""
