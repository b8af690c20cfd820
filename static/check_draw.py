"""추첨을 스스로 다시 계산합니다. 표준 파이썬만 씁니다.

쓰는 법: python check_draw.py draw.json [명단을 확정할 때 본 확인 값 …]
draw.json은 추첨 결과 화면에서 내려받은 파일입니다. 확인 값은 접수증이나 그때의 화면, 피드에서 적어 둔 것입니다.
모두 맞으면 0, 아니면 1로 끝납니다. 확인 값을 주지 않으면 무엇을 견주지 못했는지 말합니다.
"""

import hashlib
import json
import pathlib
import re
import sys
import unicodedata
from datetime import datetime, timedelta

COMMITTED = ["label", "frozen_at", "places", "waiting", "by_staff", "kind", "source", "late", "closing"]
COUNTS, CLAIMS = ["places", "by_staff", "applications", "people"], ["late", "drawn"]
NAMES = {
    *COMMITTED,
    *COUNTS,
    *CLAIMS,
    *["seed_at", "commitment", "pairs", "seed", "by", "at", "entries", "excluded"],
}
OF_ENTRIES, OF_EXCLUDED = {"number", "size", "result"}, {"number", "size", "digest", "reason", "salt"}
OF_HALVES = {"by", "hash", "at", "bits", "revealed"}
NUMBER = "[A-Z0-9]{4}(-[A-Z0-9]{4}){2}"
BALL = "(?:[1-9]|[1-3][0-9]|4[0-5])"
SPELT = {"lotto": f"{BALL}(?: {BALL}){{5}}", "number": r"(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?"}
USAGE = "쓰는 법: python check_draw.py draw.json [명단을 확정할 때 본 확인 값 …]"


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def once(pairs):
    """JSON의 한 이름이 두 번 나오면 어느 것이 맞는지 아무도 모릅니다."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("한 이름이 두 번 있습니다")
    return dict(pairs)


def is_spelt(kind, seed):
    balls = seed.split() if kind == "lotto" else []
    return bool(re.fullmatch(SPELT[kind], seed)) and balls == sorted(set(balls), key=int)


def wrong_seed(part):
    at, frozen = datetime.fromisoformat(part["at"]), datetime.fromisoformat(part["frozen_at"])
    if part["kind"] != "two":
        if not is_spelt(part["kind"], part["seed"]):
            return "추첨 값의 적는 법이 다릅니다"
        return "추첨 값이 나오기 전에 추첨했습니다" if at < datetime.fromisoformat(part["seed_at"]) else ""
    pair = part["pairs"][-1] if part["pairs"] else []
    if len(pair) != 2 or seen(pair[0]["by"]) == seen(pair[1]["by"]) or pair[0]["hash"] == pair[1]["hash"]:
        return "두 사람의 무작위 값이 모이지 않았습니다"
    if any(not re.fullmatch("[0-9a-f]{32}", h["bits"]) or sha256(h["bits"]) != h["hash"] for h in pair):
        return "밝힌 무작위 값이 걸어 둔 확인 값과 다릅니다"
    if part["seed"] != sha256(part["commitment"] + pair[0]["bits"] + pair[1]["bits"]):
        return "추첨 값이 두 사람의 무작위 값에서 나온 값이 아닙니다"
    hung = [datetime.fromisoformat(half["at"]) for half in pair]
    shown = [datetime.fromisoformat(half["revealed"]) for half in pair]
    last = max(hung)
    right = frozen <= min(hung) and all(last <= each <= last + timedelta(hours=24) for each in shown)
    return "" if right else "무작위 값을 약속하고 밝힌 때가 맞지 않습니다"


def misshapen(part):
    """이름과 값의 꼴: 모르는 이름, 1 대신 true, 눈에 보이지 않는 글자로 다르게 적은 번호."""
    if set(part) != NAMES:
        return "모르는 이름이 있거나 있어야 할 이름이 없습니다"
    halves = [half for pair in part["pairs"] for half in pair]
    for rows, names in ((part["entries"], OF_ENTRIES), (part["excluded"], OF_EXCLUDED), (halves, OF_HALVES)):
        if any(set(row) != names for row in rows):
            return "모르는 이름이 있거나 있어야 할 이름이 없습니다"
    rows = part["entries"] + part["excluded"]
    if any(not re.fullmatch(NUMBER, row["number"]) or type(row["size"]) is not int for row in rows):
        return "추첨 번호나 사람 수의 꼴이 맞지 않습니다"
    counts, claims = [part[key] for key in COUNTS], [part[key] for key in CLAIMS]
    counts += [] if part["waiting"] is None else [part["waiting"]]
    if any(type(count) is not int or count < 0 for count in counts) or {*map(type, claims)} != {bool}:
        return "수나 참, 거짓의 꼴이 맞지 않습니다"
    return ""


def seen(name):
    """이름에서 눈에 보이는 글자만: 띄어쓰기나 보이지 않는 글자만 다른 두 이름은 한 사람입니다."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name) if sign.isprintable() and sign != " ")


def check(subject, name, part):
    if misshapen(part):
        return misshapen(part)
    entries, out, seed = part["entries"], part["excluded"], part["seed"]
    listed = sorted([e["number"], e["size"]] for e in entries)
    terms = {"format": "madang-draw/3", "subject": subject, "round": name, "entries": listed}
    terms.update({key: part[key] for key in COMMITTED}, seed_at=part["seed_at"] or "")
    terms["excluded"] = sorted([e["number"], e["size"], e["digest"]] for e in out)
    if sha256(canonical(terms)) != part["commitment"]:
        return "명단, 자리, 뺀 신청, 추첨 값의 출처 가운데 하나가 확정할 때 공개한 확인 값과 다릅니다"
    both = sorted(listed + [[e["number"], e["size"]] for e in out])
    if len({number for number, _ in both}) != len(both):
        return "한 추첨 번호가 두 번 있습니다"
    if sha256(canonical(both)) != part["closing"]:
        return "명단이 접수를 마감할 때의 명단과 다릅니다"
    if any((e["reason"] or e["salt"]) and sha256(e["salt"] + e["reason"]) != e["digest"] for e in out):
        return "뺀 까닭이 그 확인 값과 다릅니다"
    if (part["kind"] == "two") != (not part["seed_at"]) or (part["late"] and part["kind"] != "two"):
        return "추첨 값의 종류와 때가 맞지 않습니다"
    if part["seed_at"] and datetime.fromisoformat(part["frozen_at"]) >= datetime.fromisoformat(
        part["seed_at"]
    ):
        return "추첨 값이 나온 뒤에 명단을 확정했습니다"
    sizes = [e["size"] for e in entries]
    if (len(entries), sum(sizes)) != (part["applications"], part["people"]) or min(sizes, default=1) < 1:
        return "신청이나 사람의 수가 다릅니다"
    left = part["places"]
    if seed is None or part["at"] is None:
        told = seed is not None or part["drawn"] or any(e["result"] for e in entries)
        return "추첨 값이 없는데 결과가 있습니다" if told else "아직 추첨하지 않았습니다"
    if part["drawn"] != (sum(sizes) > left):
        return "추첨이 필요했는지가 다릅니다"
    if not part["drawn"] and seed:
        return "추첨하지 않는 회차에 추첨 값이 있습니다"
    if part["drawn"] and wrong_seed(part):
        return wrong_seed(part)
    numbers = [e["number"] for e in entries]
    if numbers != (sorted(numbers, key=lambda n: sha256(seed + n)) if part["drawn"] else sorted(numbers)):
        return "순서가 추첨 값과 다릅니다"
    rest = sum(sizes) if part["waiting"] is None else part["waiting"]
    for entry in entries:
        lower = "waiting" if entry["size"] <= rest else "rejected"
        if entry["result"] != ("confirmed" if entry["size"] <= left else lower):
            return entry["number"] + "의 결과가 순서와 다릅니다"
        left -= entry["size"] if entry["result"] == "confirmed" else 0
        rest -= entry["size"] if entry["result"] == "waiting" else 0
    return ""


def say(text):
    """파일에 든 글이 화면을 지우거나 감추지 못하게, 보이지 않는 글자는 풀어서 적습니다."""
    print("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text))


if len(sys.argv) < 2:
    sys.exit(USAGE)
try:
    document = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"), object_pairs_hook=once)
    if set(document) != {"format", "subject", "title", "rounds"} or document["format"] != "madang-draw/3":
        sys.exit(f"{sys.argv[1]}: 이 프로그램이 아는 추첨 결과가 아닙니다.")
    rounds = document["rounds"]
    said = {name: check(document["subject"], name, part) for name, part in rounds.items()}
    for name, part in rounds.items():
        say(f"{part['label']}: {said[name] or '맞습니다'}. 자리 {part['places']}, 사람 {part['people']}")
        say(f"  확인 값 {part['commitment']}")
        say(f"  추첨 값 {part['seed']} ({part['source']}), 담당자가 넣은 신청 {part['by_staff']}")
except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
    sys.exit(f"{sys.argv[1]}을 추첨 결과로 읽을 수 없습니다({type(err).__name__}).")
hashes = {part["commitment"] for part in rounds.values()}
lost = {each.lower() for each in sys.argv[2:]} - hashes
for each in sorted(lost):
    print(f"{each}: 이런 확인 값의 명단이 없습니다.")
if hashes - {each.lower() for each in sys.argv[2:]}:
    print(
        "밖에서 본 확인 값과 견주지 않은 명단이 있습니다. 접수증에 적힌 확인 값을 뒤에 붙여야 명단이 바뀌지 않았는지 압니다."
    )
if any(said.values()):
    print("맞다고 확인하지 못한 회차가 있습니다.")
if not rounds:
    print("회차가 하나도 없습니다. 확인한 것이 없습니다.")
sys.exit(1 if not rounds or lost or any(said.values()) else 0)
