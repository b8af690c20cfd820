"""추첨 순서를 스스로 다시 계산합니다. 표준 파이썬만 씁니다.

쓰는 법: python check_draw.py draw.json [명단을 얼릴 때 적어 둔 지문 …]
draw.json은 추첨 결과 화면에서 내려받은 파일입니다. 모두 맞으면 0, 아니면 1로 끝납니다.
"""

import hashlib
import json
import pathlib
import sys


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check(part):
    numbers, sizes = [e["number"] for e in part["entries"]], [e["size"] for e in part["entries"]]
    seed, left = part.get("seed"), part["places"]
    if not seed:
        return "씨앗이 없는데 결과가 있습니다" if numbers or part["drawn"] else "아직 추첨하지 않았습니다"
    if sha256("".join(n + "\n" for n in sorted(numbers))) != part["list_hash"]:
        return "명단이 지문과 다릅니다"
    counted = len(set(numbers)) == len(numbers) == part["applications"] and sum(sizes) == part["people"]
    if not counted or min(sizes, default=1) < 1:
        return "신청이나 사람의 수가 다릅니다"
    if part["drawn"] != (sum(sizes) > left):
        return "추첨이 필요했는지가 다릅니다"
    if part["drawn"] and numbers != sorted(numbers, key=lambda n: sha256(seed + n)):
        return "순서가 씨앗과 다릅니다"
    rest = part.get("waiting", sum(sizes))
    for entry in part["entries"]:
        lower = "waiting" if entry["size"] <= rest else "rejected"
        if entry["result"] != ("confirmed" if entry["size"] <= left else lower):
            return entry["number"] + "의 결과가 순서와 다릅니다"
        left -= entry["size"] if entry["result"] == "confirmed" else 0
        rest -= entry["size"] if entry["result"] == "waiting" else 0
    return ""


if len(sys.argv) < 2:
    sys.exit("쓰는 법: python check_draw.py draw.json [명단을 얼릴 때 적어 둔 지문 …]")
try:
    rounds = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))["rounds"]
    said = {name: check(part) for name, part in rounds.items()}
    for name, part in rounds.items():
        print(f"{part['label']}: {said[name] or '맞습니다'}. 자리 {part['places']}, 사람 {part['people']}")
        print(f"  지문 {part['list_hash']}\n  씨앗 {part.get('seed')} ({part['source']})")
except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
    sys.exit(f"{sys.argv[1]}을 추첨 결과로 읽을 수 없습니다({type(err).__name__}).")
lost = set(sys.argv[2:]) - {part["list_hash"] for part in rounds.values()}
for each in sorted(lost):
    print(f"{each}: 이런 지문의 명단이 없습니다.")
if not rounds:
    print("회차가 하나도 없습니다. 확인한 것이 없습니다.")
sys.exit(1 if not rounds or lost or any(said.values()) else 0)
