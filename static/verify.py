#!/usr/bin/env python3
"""공개된 투표 결과를 처음부터 다시 셉니다. 파이썬 3.9 이상만 있으면 되고, 더 설치할 것은 없습니다.

    python3 verify.py                                  이 폴더의 ballots.json과 results.json
    python3 verify.py ballots.json results.json
    python3 verify.py … --rules 64자리지문             접수증에 적힌 규칙 지문과도 견줍니다
    python3 verify.py … --receipts receipts.json       개표 전에 공개된 접수증 명단과도 견줍니다
    python3 verify.py … --tracker 내추적번호           내 표가 어떻게 세어졌는지 보여 줍니다

끝나는 값: 0 모두 맞음, 1 다른 곳이 있음(한 줄에 하나씩), 2 부르는 법이 틀림.

This program shares no code with the site that published the result: it was written from the description in
docs/rules.md ("공개 형식") and uses the standard library alone, so that anyone can read it and run it.
"""

import argparse
import hashlib
import itertools
import json
import sys
from collections import Counter
from fractions import Fraction

WORDINGS = {
    "selected": "선정",
    "over-budget": "예산 부족",
    "stopped": "앞 순위에서 선정 마감",
    "below-threshold": "기준 미달",
    "duplicate": "동일 사업 중복",
    "no-votes": "득표 없음",
    "withdrawn": "철회",
    "not-voted": "투표 대상 아님",
}


def load(name):
    with open(name, encoding="utf-8-sig") as file:  # noqa: PTH123
        return json.load(file)


def fingerprint(declared):
    text = json.dumps(declared, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class Poll:
    """The declared rules, with the defaults for what is not written down."""

    def __init__(self, declared):
        rules = declared["rules"]
        self.proposals = {each["slug"]: each for each in declared["proposals"]}
        self.types = {each["id"]: each for each in rules["types"]}
        self.max_picks = rules["max_picks"]
        self.blank_allowed = rules.get("blank_allowed", False)
        self.threshold = rules.get("threshold", 0)
        self.stop = rules.get("when_too_big", "skip") == "stop"
        self.by_draw = rules.get("ties", "cost") == "draw"
        self.exclusions = [set(group) for group in rules.get("exclusions", [])]
        bodies = {each["id"]: each["weight"] for each in rules.get("bodies", [])}
        self.weights = {"online": 100 - sum(bodies.values()), **bodies} if bodies else {}
        own = [
            (kind["id"], kind["budget"], [kind["id"]])
            for kind in rules["types"]
            if kind.get("budget") is not None
        ]
        shared = [kind["id"] for kind in rules["types"] if kind.get("budget") is None]
        rest = rules["budget"] - sum(budget for _, budget, _ in own)
        self.pots = own + ([("all", rest, shared)] if shared else [])

    def out(self, slug):
        each = self.proposals[slug]
        if each.get("withdrawn"):
            return "withdrawn"
        return "" if self.types[each["type"]]["max"] else "not-voted"


def ballot_faults(poll, ballot):
    """What a published ballot holds that the rules do not allow."""
    picks, name = ballot["choices"], ballot["tracker"]
    if not picks and not poll.blank_allowed:
        yield f"{name}: 빈 표를 받지 않는 투표입니다"
    if len(set(picks)) != len(picks):
        yield f"{name}: 같은 제안이 두 번 있습니다"
    if len(picks) > poll.max_picks:
        yield f"{name}: {poll.max_picks}개까지인데 {len(picks)}개를 골랐습니다"
    for slug in picks:
        if slug not in poll.proposals:
            yield f"{name}: 없는 제안입니다: {slug}"
        elif poll.out(slug) == "not-voted":  # withdrawn after it was picked: the count passes over it
            yield f"{name}: 고를 수 없는 제안입니다: {slug}"
    kinds = Counter(poll.proposals[slug]["type"] for slug in picks if slug in poll.proposals)
    for kind, many in kinds.items():
        if many > poll.types[kind]["max"]:
            yield f"{name}: {kind} 유형은 {poll.types[kind]['max']}개까지인데 {many}개를 골랐습니다"


def scores_in(poll, members, votes, tables):
    """Votes; or, with weights, per cent of each body's best score in this pot."""
    if not poll.weights:
        return {slug: Fraction(votes[slug]) for slug in members}
    total = dict.fromkeys(members, Fraction(0))
    for body, weight in poll.weights.items():
        given = {
            slug: Fraction(votes[slug]) if body == "online" else Fraction(tables.get(body, {})[slug])
            for slug in members
        }
        best = max(given.values(), default=0)
        for slug in members:
            if best:
                total[slug] += weight * given[slug] / best
    return total


def fund(poll, order, state):
    """Funds the proposals in this order; state: money left, winners so far, stopped or not."""
    left, won, stopped = state
    fates = {}
    for slug in order:
        cost = poll.proposals[slug]["cost"]
        rivals = set().union(*(group for group in poll.exclusions if slug in group)) - {slug}
        if rivals & won:
            fates[slug] = ("duplicate", min(rivals & won))
        elif stopped:
            fates[slug] = ("stopped", "")
        elif cost > left:
            fates[slug] = ("over-budget", "")
            stopped = poll.stop
        else:
            fates[slug] = ("selected", "")
            won, left = won | {slug}, left - cost
    return fates, (left, won, stopped)


def some_orders(group):
    """All orders of up to five; of more, each first and each last among the others in three orders."""
    if len(group) <= 5:
        return itertools.permutations(group)
    found = []
    for slug in group:
        others = [other for other in group if other != slug]
        found.append([slug, *others])
        found += [[*row, slug] for row in (others, others[::-1], others[1::2] + others[::2])]
    return found


def recount(poll, votes, tables, draw):
    """(lines, spent, tie) by the declared rules; a line is (slug, pot, votes, score, rank, reason, instead)."""
    lines, spent, tie, won = [], {}, None, frozenset()
    for pot, budget, kinds in poll.pots:
        members = [slug for slug, each in poll.proposals.items() if each["type"] in kinds]
        scores = scores_in(poll, members, votes, tables)
        state = (budget, won, False)
        rank = 1
        ordered = sorted(members, key=lambda slug: (-scores[slug], poll.proposals[slug]["cost"], slug))
        for score, equals in itertools.groupby(ordered, key=scores.__getitem__):
            group = list(equals)
            fates = {}
            for slug in group:
                if poll.out(slug):
                    fates[slug] = (poll.out(slug), "")
                elif not votes[slug]:
                    fates[slug] = ("no-votes", "")
                elif votes[slug] < poll.threshold:
                    fates[slug] = ("below-threshold", "")
            alive = [slug for slug in group if slug not in fates]
            seen = [fund(poll, order, state)[1][1] & set(group) for order in some_orders(alive)]
            tied = frozenset.union(*seen) - frozenset.intersection(*seen)
            if tied and poll.stop:
                tied |= set(alive) - frozenset.union(*seen)
            if tied:
                tie = tie or sorted(tied)
                if poll.by_draw:
                    if not tied <= set(draw):
                        raise ValueError(
                            f"추첨으로 정해야 할 동점이 추첨 기록에 없습니다: {', '.join(sorted(tied))}"
                        )
                    place = {slug: at for at, slug in enumerate(draw)}
                    alive.sort(
                        key=lambda slug: (place.get(slug, len(draw)), poll.proposals[slug]["cost"], slug)
                    )
            more, state = fund(poll, alive, state)
            fates.update(more)
            for slug in group:
                lines.append((slug, pot, votes[slug], score, rank, *fates[slug]))
            rank += len(group)
        spent[pot] = budget - state[0]
        won = state[1]
    return lines, spent, tie


def differences(ballots, results, rules_hash=None, receipts=None):
    """Everything that does not hold, a sentence each; nothing when the result is right."""
    if ballots.get("format") != "madang-ballots/1" or results.get("format") != "madang-results/1":
        yield "모르는 형식입니다"
        return
    if ballots["poll"] != results["poll"]:
        yield f"다른 투표의 파일입니다: {ballots['poll']}, {results['poll']}"
    computed = fingerprint(results["declared"])
    for where, given in (("results.json", results["rules_hash"]), ("ballots.json", ballots["rules_hash"])):
        if given != computed:
            yield f"{where}: 규칙 지문이 다릅니다: 적힌 것 {given[:12]}…, 다시 계산한 것 {computed[:12]}…"
    if rules_hash and rules_hash.lower() != computed:
        yield f"접수증의 규칙 지문과 다릅니다: {rules_hash[:12]}…, 다시 계산한 것 {computed[:12]}…"
    rules = results["declared"]["rules"]
    for name, given in (("poll", rules.get("slug")), ("title", rules.get("title"))):
        if results.get(name) != given:
            yield f"results.json: {name}: 적힌 것 {results.get(name)}, 규칙에는 {given}"
    poll = Poll(results["declared"])
    cast = ballots["ballots"]
    trackers = [each["tracker"] for each in cast]
    if trackers != sorted(set(trackers)):
        yield "ballots.json: 추적 번호가 겹치거나 차례대로가 아닙니다"
    for ballot in cast:
        yield from ballot_faults(poll, ballot)
    void = len(ballots["void"])
    figures = (
        ("ballots", len(cast)),
        ("void", void),
        ("blank", sum(not each["choices"] for each in cast)),
        ("voters", len(cast) + void),
    )
    for name, counted in figures:
        if results[name] != counted:
            yield f"{name}: 적힌 것 {results[name]}, 다시 센 것 {counted}"
    sheets = {each["batch"]: each["ballots"] for each in results["paper"]}
    entered = Counter(each["batch"] for each in cast if each.get("batch"))
    for batch in sorted({*sheets, *entered}):
        if sheets.get(batch, 0) != entered[batch]:
            yield f"종이 표 묶음 {batch}: 집계표 {sheets.get(batch, 0)}장, 표 {entered[batch]}장"
    if receipts is not None:
        online = sum(not each.get("batch") for each in itertools.chain(cast, ballots["void"]))
        if len(receipts["receipts"]) != online:
            yield f"접수증은 {len(receipts['receipts'])}장인데 온라인 표는 {online}장입니다"
        if receipts.get("poll", results["poll"]) != results["poll"]:
            yield f"receipts.json: 다른 투표의 접수증 명단입니다: {receipts['poll']}"
        known = set(receipts["receipts"])
        if len(known) != len(receipts["receipts"]):
            yield "receipts.json: 같은 접수증이 두 번 있습니다"
        for each in ballots["void"]:
            if not each.get("batch") and each["receipt"] not in known:
                yield f"무효표 {each['receipt']}: 접수증 명단에 없습니다"
        listed = "\n".join(receipts["receipts"])
        if "digest" in receipts and hashlib.sha256(listed.encode("utf-8")).hexdigest() != receipts["digest"]:
            yield "접수증 명단이 함께 적힌 지문과 다릅니다"
    votes = Counter(itertools.chain.from_iterable(each["choices"] for each in cast))
    try:
        lines, spent, tie = recount(poll, votes, results["tables"], results["draw"])
    except (ValueError, KeyError) as err:
        yield f"다시 셀 수 없습니다: {err}"
        return
    published = {each["slug"]: each for each in results["lines"]}
    if len(published) != len(results["lines"]) or set(published) != {line[0] for line in lines}:
        yield "results.json: 제안의 목록이 규칙의 목록과 다릅니다"
        return
    for slug, pot, counted, score, rank, reason, instead in lines:
        expected = {"pot": pot, "votes": counted, "rank": rank, "reason": reason, "instead": instead}
        expected.update(won=reason == "selected", wording=WORDINGS[reason])
        for name, value in expected.items():
            if published[slug][name] != value:
                yield f"{slug}: {name}: 적힌 것 {published[slug][name]}, 다시 센 것 {value}"
        if Fraction(published[slug]["score"]) != score:
            yield f"{slug}: score: 적힌 것 {published[slug]['score']}, 다시 센 것 {score}"
    winners = sorted(line[0] for line in lines if line[5] == "selected")
    if sorted(results["winners"]) != winners:
        yield f"선정: 적힌 것 {sorted(results['winners'])}, 다시 센 것 {winners}"
    if results["spent"] != spent:
        yield f"쓴 예산: 적힌 것 {results['spent']}, 다시 센 것 {spent}"
    if results["tie"] != tie:
        yield f"동점: 적힌 것 {results['tie']}, 다시 센 것 {tie}"


def main():
    call = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    call.add_argument("ballots", nargs="?", default="ballots.json")
    call.add_argument("results", nargs="?", default="results.json")
    call.add_argument("--rules", help="접수증에 적힌 규칙 지문")
    call.add_argument("--receipts", help="개표 전에 공개된 접수증 명단")
    call.add_argument("--tracker", help="내 표의 추적 번호")
    chosen = call.parse_args()
    try:
        ballots, results = load(chosen.ballots), load(chosen.results)
        receipts = load(chosen.receipts) if chosen.receipts else None
    except OSError as err:
        call.error(f"파일을 열 수 없습니다: {err.filename}")
    except ValueError:
        print("JSON 파일이 아닙니다")
        return 1
    try:
        found = list(differences(ballots, results, chosen.rules, receipts))
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as err:
        print(f"형식에 맞지 않습니다: {type(err).__name__} {err}")
        return 1
    for line in found:
        print("다름:", line)
    if chosen.tracker:
        mine = [each for each in ballots["ballots"] if each["tracker"] == chosen.tracker]
        print(
            f"{chosen.tracker}:",
            ", ".join(mine[0]["choices"]) or "빈 표" if mine else "이 추적 번호의 표가 없습니다",
        )
        if not mine:
            return 1
    if found:
        return 1
    print(
        f"맞습니다: 표 {results['ballots']}장을 다시 세었고, 선정 {len(results['winners'])}건이 공표와 같습니다."
    )
    print(f"규칙 지문 {results['rules_hash']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
