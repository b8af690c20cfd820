#!/usr/bin/env python3
"""공개된 투표 결과를 처음부터 다시 셉니다. 파이썬 3.9 이상만 있으면 되고, 더 설치할 것은 없습니다.

    python3 verify.py [폴더] --rules 64자리확인 값        이 폴더(또는 그 폴더)의 파일을 접수증에 적힌 규칙 확인 값과 견줍니다
    python3 verify.py … --board 64자리확인 값             개표 전에 맡은 사람들이 읽어 준 명단의 확인 값과도 견줍니다
    python3 verify.py … --tracker 내추적번호           내 표가 어떻게 세어졌는지 보여 줍니다
    python3 verify.py … --receipt 접수증번호 --signature 서버의서명     접수증을 서버가 정말 주었는지 확인합니다

폴더에는 results.json, board.json, signatures.json과 (표가 20장 이상이면) ballots.json이 있어야 합니다.
끝나는 값: 0 모두 맞음, 1 다른 곳이 있음(한 줄에 하나씩), 2 부르는 법이 틀림.

This program shares no code with the site that published the result: it was written from the description in
docs/rules.md ("공개 형식") and uses the standard library alone, so that anyone can read it and run it.
"""

import argparse
import base64
import hashlib
import itertools
import json
import pathlib
import sys
from collections import Counter
from fractions import Fraction

FEWEST = 20  # ballots; of fewer only totals are published
WORDINGS = {
    "selected": "선정", "over-budget": "예산 부족", "stopped": "앞 순위에서 선정 마감", "below-threshold": "기준 미달",
    "duplicate": "동일 사업 중복", "no-votes": "득표 없음", "withdrawn": "철회", "not-voted": "투표 대상 아님",
}  # fmt: skip

# An example of each file. A name with "?" may be missing or null, "*" stands for any name; all others are wrong.
EXAMPLES = json.loads("""{
"results": {"format": "madang-results/1", "poll": "", "title": "", "rules_hash": "", "board": "", "voters": 0,
  "declared": {"rules": {"*": null}, "proposals": [{"*": null}]}, "ballots": 0, "void": 0, "blank": 0,
  "paper": [{"batch": "", "ballots": 0}], "tables": {"*": {"*": ""}}, "draw": [""],
  "drawn?": {"at": "", "where": "", "by": [""], "how": ""}, "corrections?": [{"reason": "", "results": ""}],
  "lines": [{"slug": "", "pot": "", "votes": 0, "score": "", "rank": 0, "won": true, "reason": "", "wording": "",
    "instead": ""}], "winners": [""], "spent": {"*": 0}, "tie?": [""]},
"board": {"format": "madang-board/1", "poll": "", "rules": "", "closed": "", "receipts": [""], "replaced": [""],
  "roll": 0, "marked": 0, "urns": {"*": 0}, "tables": {"*": {"*": ""}}},
"signatures": {"format": "madang-signatures/1", "poll": "", "board": {"*": ""}, "result": {"*": ""}},
"ballots": {"format": "madang-ballots/1", "poll": "", "rules_hash": "",
  "ballots": [{"tracker": "", "choices": [""], "batch?": ""}],
  "void": [{"receipt": "", "fault": "", "batch?": ""}]}}""")


def once(pairs):
    """A JSON object in which no name stands twice: two programs could read two different values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"같은 이름이 두 번 있습니다: {', '.join(name for name, _ in pairs)}"[:200])
    return found


def misshapen(value, example, where):
    """Every place at which a value is not like its example; types are exact: 1 is not true."""
    if example is None:
        return
    is_other = type(example) is str and value != example != ""  # of a format
    if type(value) is not type(example) or (type(value) is int and value < 0) or is_other:
        yield f"{where}: 값이 맞지 않습니다: {value!r}"[:200]
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from misshapen(each, example[0], f"{where}.{place}")
    elif isinstance(value, dict):
        known = {name.rstrip("?"): like for name, like in example.items()}
        for name, each in value.items():
            if name not in known and "*" not in known:
                yield f"{where}: 모르는 이름입니다: {name}"
            elif each is not None or f"{name}?" not in example:
                yield from misshapen(each, known.get(name, known.get("*")), f"{where}.{name}")
        yield from (
            f"{where}: {name}이 없습니다" for name in example if name not in value and name[-1] not in "?*"
        )


def load(folder):
    """(name -> document, what is wrong with the files themselves)."""
    found, wrong = {}, []
    for name, example in EXAMPLES.items():
        file = folder / f"{name}.json"
        if name == "ballots" and not file.exists():
            continue
        try:
            found[name] = json.loads(file.read_text("utf-8-sig"), object_pairs_hook=once)
        except (ValueError, RecursionError) as err:
            wrong.append(f"{file.name}: JSON으로 읽을 수 없습니다: {err}")
            continue
        wrong += misshapen(found[name], example, file.name)
    return found, wrong


def fingerprint(document):
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


# ---------------------------------------------------------------- Ed25519 (RFC 8032), to check signatures

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(one, other):
    (x1, y1), (x2, y2) = one, other
    k = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def times(factor, point):
    found = (0, 1)
    while factor:
        if factor & 1:
            found = add(found, point)
        point, factor = add(point, point), factor >> 1
    return found


def point_of(raw):
    """The point of 32 bytes; ValueError where they are none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise ValueError
    return (x if x & 1 == sign else P - x), y


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def bytes_of(text, size):
    """So many bytes of base64url in its one spelling."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text or len(raw) != size:
        raise ValueError
    return raw


def is_signed(key, signature, words):
    """Is it the Ed25519 signature of these words by this key? Both base64url."""
    try:
        public, raw = bytes_of(key, 32), bytes_of(signature, 64)
        own, commitment = point_of(public), point_of(raw[:32])
    except (ValueError, TypeError):
        return False
    response = int.from_bytes(raw[32:], "little")
    digest = hashlib.sha512(raw[:32] + public + words.encode("utf-8")).digest()
    challenge = int.from_bytes(digest, "little") % L
    return response < L and times(response, BASE) == add(commitment, times(challenge, own))


class Poll:
    """The declared rules, with the defaults for what is not written down."""

    def __init__(self, declared):
        rules = declared["rules"]
        self.slug, self.title, self.closes = rules["slug"], rules["title"], rules["closes"]
        self.keys = {each["holder"]: each["signing"] for each in rules.get("keys", [])}
        self.needed = rules.get("keys_needed", 2)
        self.receipt_key = rules.get("receipt_key", "")
        self.assurance = rules.get("assurance", 1)
        self.proposals = {each["slug"]: each for each in declared["proposals"]}
        if len(self.proposals) < len(declared["proposals"]) or len(self.keys) < len(rules.get("keys", [])):
            raise ValueError("제안이나 열쇠를 맡은 사람이 두 번 있습니다")
        self.types = {each["id"]: each for each in rules["types"]}
        self.max_picks = rules.get("max_picks", 1)
        self.blank_allowed = rules.get("blank_allowed", False)
        self.threshold = rules.get("threshold", 0)
        self.stop = rules.get("when_too_big", "skip") == "stop"
        self.by_draw = rules.get("ties", "cost") == "draw"
        self.exclusions = [set(group) for group in rules.get("exclusions", [])]
        bodies = {each["id"]: each["weight"] for each in rules.get("bodies", [])}
        self.weights = {"online": 100 - sum(bodies.values()), **bodies} if bodies else {}
        with_own = [kind for kind in rules["types"] if kind.get("budget") is not None]
        own = [(kind["id"], kind["budget"], [kind["id"]]) for kind in with_own]
        shared = [kind["id"] for kind in rules["types"] if kind.get("budget") is None]
        rest = rules.get("budget", 0) - sum(budget for _, budget, _ in own)
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
    yield from (f"{name}: 없는 제안입니다: {slug}" for slug in picks if slug not in poll.proposals)
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
        table = votes if body == "online" else tables.get(body, {})
        given = {slug: Fraction(table[slug]) for slug in members}
        best = max(given.values(), default=0)
        for slug in members if best else ():
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
        state, rank = (budget, won, False), 1
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
                        raise ValueError(f"추첨 기록에 없는 동점입니다: {', '.join(sorted(tied))}")
                    place = {slug: at for at, slug in enumerate(draw)}
                    cost = {slug: poll.proposals[slug]["cost"] for slug in alive}
                    alive.sort(key=lambda slug: (place.get(slug, len(draw)), cost[slug], slug))
            more, state = fund(poll, alive, state)
            fates.update(more)
            lines += [(slug, pot, votes[slug], score, rank, *fates[slug]) for slug in group]
            rank += len(group)
        spent[pot] = budget - state[0]
        won = state[1]
    return lines, spent, tie


def compare(*rows):
    """A sentence for each (name, as published, as worked out again) that differs."""
    for name, given, counted in rows:
        if given != counted:
            yield f"{name}: 적힌 것 {given}, 다시 계산한 것 {counted}"


def of_the_board(poll, board, results):
    """What was known at closing, before anything was opened: is it whole, and all that was counted?"""
    sheets, every = sum(board["urns"].values()), board["receipts"] + board["replaced"]
    yield from compare(
        ("board.json: poll", board["poll"], poll.slug),
        ("board.json: rules", board["rules"], results["rules_hash"]),
        ("results.json: board", results["board"], fingerprint(board)),
        ("results.json: tables", results["tables"], board["tables"]),
        ("board.json: tables", sorted(board["tables"]), sorted(set(poll.weights) - {"online"})),
        ("results.json: voters", results["voters"], len(board["receipts"]) + sheets),
    )
    if board["closed"] < poll.closes:
        yield "board.json: closed: 투표가 끝나기 전에 닫은 명단입니다"
    if board["receipts"] != sorted(board["receipts"]) or len(set(every)) != len(every):
        yield "board.json: receipts, replaced: 같은 접수증이 두 번 있거나 차례대로가 아닙니다"
    if sheets > board["marked"] or (board["marked"] and poll.assurance == 3):
        yield f"board.json: urns: 종이 {sheets}장인데 용지를 받은 사람은 {board['marked']}명입니다"
    if poll.assurance == 2 and len(board["receipts"]) + board["marked"] > board["roll"]:
        yield f"board.json: roll: 명부는 {board['roll']}명인데 투표한 사람이 더 많습니다"


def of_the_signatures(poll, found):
    """Did enough of the holders whom the rules name sign the board, and the result?"""
    signatures, ballots = found["signatures"], found.get("ballots")
    yield from compare(("signatures.json: poll", signatures["poll"], poll.slug))
    if not 2 <= poll.needed <= len(set(poll.keys.values())) == len(poll.keys) <= 5:
        yield f"keys: 열쇠를 맡은 사람 {len(poll.keys)}명, 서명해야 하는 사람 {poll.needed}명은 있을 수 없습니다"
    result = f"{fingerprint(found['results'])}\n{fingerprint(ballots) if ballots else '-'}"
    for kind, words in (("board", fingerprint(found["board"])), ("result", result)):
        said = f"madang {kind} 1\n{words}"
        given = signatures[kind].items()
        false = [holder for holder, each in given if not is_signed(poll.keys.get(holder, ""), each, said)]
        yield from (f"signatures.json: {kind}: {holder}의 서명이 맞지 않습니다" for holder in false)
        if len(given) - len(false) < poll.needed:
            yield f"signatures.json: {kind}: 서명 {poll.needed}개가 있어야 하는데 {len(given) - len(false)}개입니다"


def of_the_ballots(poll, ballots, board, results):
    """Each ballot within the rules, and as many as the board and the result say."""
    cast, void = ballots["ballots"], ballots["void"]
    singly = [*cast, *void]
    sheets = Counter(each["batch"] for each in singly if each.get("batch"))
    entered = Counter(each["batch"] for each in cast if each.get("batch"))
    yield from compare(
        ("ballots.json: poll", ballots["poll"], results["poll"]),
        ("ballots.json: rules_hash", ballots["rules_hash"], results["rules_hash"]),
        ("results.json: ballots", results["ballots"], len(cast)),
        ("results.json: void", results["void"], len(void)),
        ("results.json: blank", results["blank"], sum(not each["choices"] for each in cast)),
        ("board.json: receipts", len(board["receipts"]), sum(not each.get("batch") for each in singly)),
        ("board.json: urns", {name: many for name, many in board["urns"].items() if many}, dict(sheets)),
        ("results.json: paper", sorted((row["batch"], row["ballots"]) for row in results["paper"] if row["ballots"]),
         sorted(entered.items())),
    )  # fmt: skip
    trackers, names = [each["tracker"] for each in cast], [each["receipt"] for each in void]
    if trackers != sorted(set(trackers)):
        yield "ballots.json: 표 번호가 겹치거나 차례대로가 아닙니다"
    if len(set(names)) != len(names):
        yield "ballots.json: void: 같은 무효표가 두 번 있습니다"
    for each in cast:
        yield from ballot_faults(poll, each)
    for each in void:
        if not each.get("batch") and each["receipt"] not in board["receipts"]:
            yield f"ballots.json: 무효표 {each['receipt']}: 접수증 명단에 없습니다"
    if len(cast) < FEWEST:
        yield f"ballots.json: 표가 {FEWEST}장보다 적으면 하나씩 공개하지 않습니다"


def of_the_count(poll, votes, results):
    """Does everything that is published follow from the votes by the declared rules?"""
    try:
        lines, spent, tie = recount(poll, votes, results["tables"], results["draw"])
    except (ValueError, KeyError) as err:
        yield f"다시 셀 수 없습니다: {err}"
        return
    published = {each["slug"]: each for each in results["lines"]}
    if len(published) != len(results["lines"]) or set(published) != {line[0] for line in lines}:
        yield "results.json: lines: 제안의 목록이 규칙의 목록과 다릅니다"
        return
    for line in lines:
        again = dict(zip(("slug", "pot", "votes", "score", "rank", "reason", "instead"), line))  # noqa: B905 (3.9)
        again.update(score=str(line[3]), won=line[5] == "selected", wording=WORDINGS[line[5]])
        given = published[line[0]]
        yield from compare(*((f"{line[0]}: {name}", given[name], value) for name, value in again.items()))
    winners = sorted(line[0] for line in lines if line[5] == "selected")
    pairs = ("winners", sorted(results["winners"]), winners), ("spent", results["spent"], spent)
    yield from compare(*pairs, ("tie", results.get("tie"), tie))


def differences(found, rules_hash=None, board_hash=None):
    """Everything that does not hold between the documents of `load`, a sentence each; nothing when all is right."""
    results, board, ballots = found["results"], found["board"], found.get("ballots")
    poll, computed = Poll(results["declared"]), fingerprint(results["declared"])
    yield from compare(
        ("results.json: rules_hash", results["rules_hash"], computed),
        ("results.json: poll", results["poll"], poll.slug),
        ("results.json: title", results["title"], poll.title),
        ("results.json: voters", results["voters"], results["ballots"] + results["void"]),
        ("접수증의 규칙 확인 값과 다릅니다", (rules_hash or computed).lower(), computed),
        ("읽어 준 명단의 확인 값과 다릅니다", (board_hash or results["board"]).lower(), results["board"]),
    )
    yield from of_the_board(poll, board, results)
    yield from of_the_signatures(poll, found)
    if ballots:
        yield from of_the_ballots(poll, ballots, board, results)
        votes = Counter(itertools.chain.from_iterable(each["choices"] for each in ballots["ballots"]))
    else:
        votes = Counter({each["slug"]: each["votes"] for each in results["lines"]})
        if results["ballots"] >= FEWEST:
            yield "ballots.json이 없습니다"
    yield from of_the_count(poll, votes, results)


def about_a_receipt(poll, board, rules, receipt, signature):
    """(is it right, what is known of this receipt)."""
    words = f"madang receipt 1\n{poll.slug}\n{rules}\n{receipt}"
    if signature and not is_signed(poll.receipt_key, signature, words):
        return False, "이 서명은 서버가 이 규칙의 이 접수증에 한 서명이 아닙니다."
    said = "서버가 준 접수증입니다." if signature else "서명은 확인하지 않았습니다(--signature)."
    if receipt in board["receipts"]:
        return True, f"{said} 명단에 있습니다."
    if receipt in board["replaced"]:
        return True, f"{said} 다시 투표해 바뀐 접수증이라고 합니다. 다시 투표하지 않았다면 알리세요."
    return False, f"{said} 명단에 없습니다. 서명이 맞으면 그것이 증거입니다."


def say(text):
    """Prints a line; signs of a file that would move the cursor or hide what stands there are spelt out."""
    print("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text))


def main():
    call = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    call.add_argument("folder", nargs="?", default=".", type=pathlib.Path)
    call.add_argument("--rules", help="접수증에 적힌 규칙 확인 값")
    call.add_argument("--board", help="개표 전에 들은 명단의 확인 값")
    call.add_argument("--tracker", help="내 표의 표 번호")
    call.add_argument("--receipt", help="내 접수증 번호")
    call.add_argument("--signature", help="접수증에 적힌 서버의 전자서명")
    chosen = call.parse_args()
    try:
        found, wrong = load(chosen.folder)
        wrong = wrong or list(differences(found, chosen.rules, chosen.board))
    except OSError as err:
        call.error(f"파일을 열 수 없습니다: {err.filename}")
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as err:
        wrong = [f"형식에 맞지 않습니다: {type(err).__name__} {err}"]
    if wrong:
        for line in wrong:
            say(f"다름: {line}")
        return 1
    results, board, poll = found["results"], found["board"], Poll(found["results"]["declared"])
    if chosen.receipt:
        rules = chosen.rules or results["rules_hash"]
        right, said = about_a_receipt(poll, board, rules, chosen.receipt, chosen.signature)
        say(f"{chosen.receipt}: {said}")
        wrong += [] if right else [said]
    if chosen.tracker:
        cast = {each["tracker"]: each["choices"] for each in found.get("ballots", {}).get("ballots", ())}
        mine = cast.get(chosen.tracker, ["이 표 번호의 표가 없습니다"])
        say(f"{chosen.tracker}: {', '.join(mine) or '빈 표'}")
        wrong += [] if chosen.tracker in cast else mine
    if wrong:
        return 1
    print(f"맞습니다: 표 {results['ballots']}장과 선정 {len(results['winners'])}건이 공표와 같습니다.")
    say(f"서명한 사람: {', '.join(found['signatures']['result'])}")
    print(f"규칙 확인 값 {results['rules_hash']}\n명단 확인 값 {results['board']}")
    if not chosen.rules:
        print("견주지 않은 것: 규칙 확인 값(--rules). 그래서 누가 서명해야 하는지도 이 파일의 말입니다.")
    if not chosen.board:
        print("견주지 않은 것: 명단 확인 값. 개표 전에 적어 둔 확인 값이 있으면 --board로 주세요.")
    if "ballots" not in found:
        print("견주지 않은 것: 표 하나하나. 20장보다 적어 공개하지 않았습니다.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
