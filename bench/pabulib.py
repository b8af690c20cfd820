"""Recounts every `.pb` file of a folder and compares with what the file publishes; measures the speed.

    python bench/pabulib.py DIR            one line per file that differs, with the reason; then the sums
    python bench/pabulib.py --speed        130,000 generated ballots over 200 proposals against a bare csv pass: approval,
                                           ordinal and cumulative, each without and with quotes
    python bench/pabulib.py DIR --slow 5   also names files that took longer than so many seconds

Exit code 1 when any recount differs from the published votes of its file.
"""

import argparse
import csv
import io
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.elections import count
from bench.elections.election import PublicElection, oddities
from bench.elections.reader import decode, parse
from civic.errors import ContentMistakes
from civic.votes.count import RulesMistake

WHY = (
    ("online votes only", "paper ballots counted for the official result are not in the file"),
    ("online votes", "ballots cast on paper are not in the file"),
    ("sticker prices", "official costs were ranges; the winners exceed the budget on purpose"),
    ("within categories", "official winners were picked category by category"),
    ("leftover", "leftover money was spent by a rule of its own"),
    ("unused funds", "unused money of other districts was added"),
)


def why_missed(election: PublicElection, wanted: frozenset[str], got: frozenset[str], tie: object) -> str:
    """A reason that the file itself gives, or what can be seen from the figures."""
    comment = election.meta.get("comment", "")
    reasons = [text for words, text in WHY if words in comment.lower()][:1]
    if election.meta.get("rule", "unknown") == "unknown":
        reasons.append("the file declares no rule")
    spent = sum(election.projects[slug].cost for slug in wanted)
    if spent > election.budget:
        reasons.append(f"official winners cost {spent}, budget {election.budget}")
    if tie and wanted ^ got <= set(tie):
        reasons.append("a tie was settled otherwise")
    return "; ".join(reasons) or "unexplained"


def run(folder: Path, slow: float) -> int:
    sums: Counter[str] = Counter()
    files = sorted(folder.glob("**/*.pb"))
    for path in files:
        started = time.perf_counter()
        try:
            election = parse(decode(path.read_bytes(), path.name), path.name)
            found = count.recount(election)
        except ContentMistakes as err:
            sums["refused"] += 1
            print("REFUSED", str(err).splitlines()[0], f"({len(err.mistakes)} mistakes)")
            continue
        except RulesMistake as err:
            sums["refused"] += 1
            print("REFUSED", path.name, err)
            continue
        took = time.perf_counter() - started
        if slow and took > slow:
            print(f"SLOW    {path.name}: {took:.1f} s")
        sums[compared_votes(path, election, found)] += 1
        sums[compared_winners(path, election, found)] += 1
        sums["a tie mattered"] += bool(found.tie)
    print(f"{len(files)} files: " + ", ".join(f"{key} {n}" for key, n in sorted(sums.items())))
    return 1 if sums["votes differ"] or sums["refused"] else 0


def compared_votes(path: Path, election: PublicElection, found: count.Recount) -> str:
    """Under which sum the file's votes fall; where they differ, a line says how."""
    published = count.published_votes(election)
    if published is None:
        return "no votes column"
    if published == found.votes:
        return "votes equal"
    odd = {slug: (n, found.votes[slug]) for slug, n in published.items() if n != found.votes[slug]}
    print(f"VOTES   {path.name}: {len(odd)} differ (published, counted): {dict(list(odd.items())[:3])}")
    return "votes differ"


def compared_winners(path: Path, election: PublicElection, found: count.Recount) -> str:
    """Under which sum the file's official winners fall; where they differ, a line says why."""
    wanted, got = count.official(election), frozenset(found.winners)
    if wanted is None:
        return "no official winners"
    if wanted == got:
        return "winners equal"
    reason = why_missed(election, wanted, got, found.tie)
    print(f"WINNERS {path.name}: not ours {sorted(wanted - got)}, only ours {sorted(got - wanted)}: {reason}")
    return "winners differ"


def generated(ballots: int, proposals: int, picks: int, kind: str, quoted: bool, seed: int = 7) -> str:
    """An election with 1 to so many picks a ballot, voters with age and sex, like a big city's."""
    draw = random.Random(seed)
    ids = [str(n) for n in range(1, proposals + 1)]
    weights = [draw.random() for _ in ids]
    points = ["points"] if kind == "cumulative" else []
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    out.write(
        f"META\nkey;value\nbudget;5000000\nvote_type;{kind}\nrule;greedy\nPROJECTS\nproject_id;cost;name\n"
    )
    writer.writerows([id, draw.randint(10_000, 900_000), f"사업 {id}"] for id in ids)
    out.write("VOTES\n")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=";", lineterminator="\n", quoting=quoting)
    writer.writerow(["voter_id", "vote", *points, "age", "sex"])
    for n in range(ballots):
        picked = list(dict.fromkeys(draw.choices(ids, weights, k=draw.randint(1, picks))))
        given = [",".join(str(draw.randint(1, 10)) for _ in picked) for _ in points]
        writer.writerow([n, ",".join(picked), *given, draw.randint(10, 90), "F"])
    return out.getvalue()


def speed(kind: str, quoted: bool, ballots: int = 130_000, proposals: int = 200, picks: int = 10) -> None:
    """Processor time, medians of 7 that take turns, because other programs may share the machine."""
    text = generated(ballots, proposals, picks, kind, quoted)
    taken: dict[str, list[float]] = {"csv": [], "count": [], "remarks": []}
    for _ in range(7):
        started = time.process_time()
        for _row in csv.reader(io.StringIO(text, newline=""), delimiter=";"):
            pass
        taken["csv"].append(time.process_time() - started)
        started = time.process_time()
        election = parse(text, "generated.pb")
        count.recount(election)
        taken["count"].append(time.process_time() - started)
        oddities(election)
        taken["remarks"].append(time.process_time() - started)
        del election
    once, counted, told = (statistics.median(times) for times in taken.values())
    print(
        f"{kind + (' quoted' if quoted else ''):18} {len(text) / 1e6:4.1f} MB  csv pass {once * 1000:3.0f} ms;"
        f" read, checked and counted {counted * 1000:3.0f} ms: {counted / once:.1f} times;"
        f" with the remarks on limits and doubles {told / once:.1f}"
    )


def main() -> int:
    call = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    call.add_argument("folder", nargs="?", type=Path)
    call.add_argument("--speed", action="store_true")
    call.add_argument("--slow", type=float, default=0)
    chosen = call.parse_args()
    if chosen.speed:
        print("130000 ballots x 200 proposals, 1 to 10 picks:")
        for kind in ("approval", "ordinal", "cumulative"):
            for quoted in (False, True):
                speed(kind, quoted)
    elif chosen.folder is None:
        call.error("DIR or --speed")
    return run(chosen.folder, chosen.slow) if chosen.folder else 0


if __name__ == "__main__":
    raise SystemExit(main())
