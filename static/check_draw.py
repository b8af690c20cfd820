"""추첨 순서를 스스로 다시 계산합니다. 표준 파이썬만 씁니다.

쓰는 법: python check_draw.py draw.json
draw.json은 추첨 결과 화면에서 내려받은 파일입니다. 맞으면 0, 다르면 1로 끝납니다.
"""

import hashlib
import json
import pathlib
import sys

draw = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
wrong = []
for name, part in draw["rounds"].items():
    numbers = [entry["number"] for entry in part["entries"]]
    listed = "".join(n + "\n" for n in sorted(numbers))
    if hashlib.sha256(listed.encode()).hexdigest() != part["list_hash"]:
        wrong.append(name + ": 얼린 명단의 해시가 다릅니다")
    if part["drawn"]:
        again = sorted(numbers, key=lambda n: hashlib.sha256((draw["seed"] + n).encode()).digest())
        if again != numbers:
            wrong.append(name + ": 추첨 순서가 다릅니다")
    left = part["places"]
    for entry in part["entries"]:
        state = "confirmed" if entry["size"] <= left else "waiting"
        left -= entry["size"] if state == "confirmed" else 0
        if entry["result"] != state:
            wrong.append(name + ": " + entry["number"] + "의 결과가 다릅니다")
print("\n".join(wrong) or f"맞습니다: 회차 {len(draw['rounds'])}개의 명단과 순서가 모두 같습니다.")
sys.exit(1 if wrong else 0)
