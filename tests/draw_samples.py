"""A published draw for tests of the reading side: five people for two places, one group, one left out."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from civic.clock import parse_time
from civic.places.draw_list import DrawnEntry, FrozenList, Half, LeftOut, Seed, joined, list_hash, sha256
from civic.places.draw_record import DrawFile, DrawnRound
from civic.shape import document_hash

SIZES = {
    "3AAA-AAAA-AAAA": 1,
    "4CCC-CCCC-CCCC": 2,
    "6DDD-DDDD-DDDD": 1,
    "7EEE-EEEE-EEEE": 1,
    "9FFF-FFFF-FFFF": 1,
}
OUT = LeftOut("XXXX-XXXX-XXXX", 1, sha256("5a" + "광산구에 살지 않음"), "광산구에 살지 않음", "5a")
SEED = Seed(seed="3 11 14 18 26 27", by="도서관정책팀장", at=parse_time("2023-09-02T21:00:00"))
SOURCE = "2023년 9월 2일 로또 1등 번호"
BITS = ("ab" * 16, "cd" * 16)
Round = dict[str, Any]


def a_list(subject: str = "lectures/essay", places: int = 2, **changes: Any) -> FrozenList:
    """Five sign-ups and one that was left out, frozen before a lottery."""
    entries = tuple(DrawnEntry(number, size) for number, size in sorted(SIZES.items()))
    told = {"kind": "lotto", "source": SOURCE, "seed_at": parse_time("2023-09-02T20:35:00"), "by_staff": 0}
    told |= {
        "frozen_at": parse_time("2023-09-01T10:00:00"),
        "closing": list_hash([*entries, OUT]),
        "waiting": None,
    }
    told |= {"label": "가을반", "entries": entries, "excluded": (OUT,), "places": places}
    return FrozenList.of(subject, **{"id": "autumn"} | told | changes)


def of_two(frozen: FrozenList) -> tuple[Seed, dict[str, str]]:
    """The seed of two persons for a list, and the facts of their pair."""
    times = {"at": parse_time("2023-09-01T11:00:00"), "revealed": parse_time("2023-09-01T12:00:00")}
    pair = tuple(
        Half(by=by, hash=sha256(bits), bits=bits, **times)
        for by, bits in zip(("가", "나"), BITS, strict=True)
    )
    facts = {}
    for side, half in enumerate(pair, 1):
        facts[f"bits:001:{side}"] = half.model_dump_json(include={"bits", "revealed"})
        facts[f"half:001:{side}"] = half.model_dump_json(exclude={"bits", "revealed"})
    return Seed(seed=joined(frozen.commitment, pair), by="가, 나", at=times["revealed"]), facts


def a_draw(
    subject: str = "lectures/essay",
    title: str = "에세이",
    drawn: bool = True,
    places: int = 2,
    two: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """draw.json of that subject; two: by the bits of two persons."""
    changes |= {"kind": "two", "source": "두 사람의 무작위 값", "seed_at": None} if two else {}
    frozen = a_list(subject, places, **changes)
    seed, facts = of_two(frozen) if two else (SEED, {})
    facts["frozen"] = frozen.model_dump_json()
    if drawn:
        used = seed if frozen.is_contested else seed.model_copy(update={"seed": ""})
        facts["drawn"] = used.model_dump_json()
    document = DrawFile.of(subject, title, {"autumn": facts})
    assert document is not None
    told: dict[str, Any] = json.loads(document.as_json())
    return told


def committed(change: Callable[[Round], object]) -> Callable[[Round], None]:
    """A forgery whose maker also makes the hash of the list anew: only what was inside cannot hold any more."""

    def forge(round: Round) -> None:
        change(round)
        again = DrawnRound.model_validate_json(json.dumps(round))
        round["commitment"] = again.hash("lectures/essay", "autumn")

    return forge


def _entries(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Round], None]:
    return lambda round: change(round["entries"]) and None


def _half(round: Round, **changes: Any) -> None:
    round["pairs"][0][1] |= changes


def no_draw_of_choice(round: Round) -> None:
    """Says that nothing had to be drawn, and puts the forger's friends in front."""
    round["drawn"] = False
    round["entries"].sort(key=lambda entry: entry["number"], reverse=True)


def twice(round: Round) -> None:
    """One number stands twice, and the counts are made to fit."""
    round["entries"].append(dict(round["entries"][-1]))
    round |= {"applications": 6, "people": 7}


def moved_in(round: Round) -> None:
    """One who was left out is put into the list, and the counts are made to fit; only the closing list knows."""
    entry = round["entries"][0]
    round["excluded"].append(
        {"number": entry["number"], "size": 2, "digest": "0" * 64, "reason": "", "salt": ""}
    )
    round["entries"] = round["entries"][1:]


def reshaped(change: Callable[[Round], object]) -> Callable[[Round], None]:
    """A forgery in a form that is no draw's; list, hash, order and results are all made anew by hand."""

    def forge(round: Round) -> None:
        change(round)
        listed = sorted([each["number"], each["size"]] for each in round["entries"])
        out = [[each["number"], each["size"], each["digest"]] for each in round["excluded"]]
        round["closing"] = document_hash(sorted([*listed, *(row[:2] for row in out)]))
        names = (
            "label",
            "frozen_at",
            "places",
            "waiting",
            "by_staff",
            "kind",
            "source",
            "late",
            "closing",
            "seed_at",
        )
        terms = {name: round[name] for name in names} | {
            "format": "madang-draw/3",
            "subject": "lectures/essay",
        }
        round["commitment"] = document_hash({**terms, "round": "autumn", "entries": listed, "excluded": out})
        round["entries"].sort(key=lambda each: sha256(round["seed"] + each["number"]))
        left, rest = round["places"], sum(each["size"] for each in round["entries"])
        rest = rest if round["waiting"] is None else round["waiting"]
        for each in round["entries"]:
            each["result"] = (
                "confirmed" if each["size"] <= left else "waiting" if each["size"] <= rest else "rejected"
            )
            left -= each["size"] if each["result"] == "confirmed" else 0
            rest -= each["size"] if each["result"] == "waiting" else 0
        round["applications"], round["people"] = len(listed), sum(size for _, size in listed)

    return forge


def a_ghost(round: Round) -> None:
    """One person stands twice: the second number has a sign that nobody sees."""
    first = round["entries"][0]
    round["entries"].append({**first, "number": first["number"] + "\u200b", "size": 1})


# What a forger may do to a drawn round; every checker must see each.
FORGERIES: dict[str, Callable[[Round], None]] = {
    "swap": _entries(lambda entries: entries.insert(0, entries.pop(1))),
    "drop": _entries(lambda entries: entries.pop(0)),
    "promote": _entries(lambda entries: entries[-1].update(result="confirmed")),
    "other-seed": lambda round: round.update(seed="1 2 3 4 5 6"),
    "seed-spelt-otherwise": lambda round: round.update(seed="03 11 14 18 26 27"),
    "seed-in-another-order": lambda round: round.update(seed="11 3 14 18 26 27"),
    "no-seed": lambda round: round.update(seed=None),
    "empty-seed": lambda round: round.update(seed=""),
    "too-early": lambda round: round.update(at="2023-09-02T20:00:00+09:00"),
    "not-drawn": lambda round: round.update(drawn=False),
    "no-draw-of-choice": no_draw_of_choice,
    "twice": twice,
    "twice-committed": committed(twice),
    "hide": lambda round: round.update(entries=[]),
    "more-places": lambda round: round.update(places=9),
    "sizes-dealt-anew": _entries(lambda entries: [each.update(size=1) for each in entries] and None),
    "other-source": lambda round: round.update(source="2023년 9월 9일 로또 1등 번호"),
    "other-kind": lambda round: round.update(kind="number"),
    "later-seed": lambda round: round.update(seed_at="2023-09-02T20:59:00+09:00"),
    "frozen-late": committed(lambda round: round.update(frozen_at="2023-09-02T20:41:00+09:00")),
    "late-but-used": committed(lambda round: round.update(late=True)),
    "two-with-a-time": committed(lambda round: round.update(kind="two")),
    "another-reason": lambda round: round["excluded"][0].update(reason="신청을 취소함"),
    "one-less-left-out": committed(lambda round: round.update(excluded=[])),
    "moved-in": committed(moved_in),
    "other-closing": committed(lambda round: round.update(closing="0" * 64)),
    "fewer-by-staff": lambda round: round.update(by_staff=3),
    "other-hash": lambda round: round.update(commitment="0" * 64),
    "number-with-an-unseen-sign": reshaped(a_ghost),
    "true-for-one": reshaped(_entries(lambda entries: entries[-1].update(size=True))),
    "one-and-a-half": reshaped(_entries(lambda entries: entries[-1].update(size=1.5))),
    "true-places": reshaped(lambda round: round.update(places=True)),
    "places-in-parts": reshaped(lambda round: round.update(places=2.9)),
    "less-than-nobody-waits": reshaped(lambda round: round.update(waiting=-1)),
    "nought-for-false": reshaped(lambda round: round.update(late=0)),
    "a-name-inside": _entries(lambda entries: entries[0].update(note="당첨")),
    # Whoever may add noughts to a public number chooses among as many draws.
    "number-with-noughts": reshaped(lambda round: round.update(kind="number", seed="2571.10")),
    "seed-in-wide-digits": reshaped(lambda round: round.update(seed="３ 11 14 18 26 27")),
    "frozen-late-in-another-zone": committed(
        lambda round: round.update(frozen_at="2023-09-02T11:40:00+00:00")
    ),
}
# And to one that two persons decided.
FORGERIES_OF_TWO: dict[str, Callable[[Round], None]] = {
    "other-bits": lambda round: _half(round, bits="ef" * 16),
    "other-bits-hung-anew": lambda round: _half(round, bits="ef" * 16, hash=sha256("ef" * 16)),
    "one-person": lambda round: _half(round, by="가"),
    "same-bits": lambda round: _half(round, bits=BITS[0], hash=sha256(BITS[0])),
    "not-revealed": lambda round: _half(round, bits=""),
    "revealed-before-the-other": lambda round: _half(round, revealed="2023-09-01T10:30:00+09:00"),
    "revealed-after-a-day": lambda round: _half(round, revealed="2023-09-02T11:00:01+09:00"),
    "hung-before-the-freeze": lambda round: _half(round, at="2023-09-01T09:00:00+09:00"),
    "one-person-with-an-unseen-sign": lambda round: _half(round, by="가\u200b"),
    "one-person-with-a-space": lambda round: _half(round, by="가 "),
    "three-halves": lambda round: round["pairs"][0].append(dict(round["pairs"][0][0], by="다")),
    "a-name-inside-a-half": lambda round: _half(round, note="x"),
    "half-a-pair": lambda round: round["pairs"][0].pop(),
    "no-pair": lambda round: round.update(pairs=[]),
    "of-choice": lambda round: round.update(seed="0" * 64),
}


def publish_draw(content: Path, document: dict[str, Any]) -> Path:
    """Write it where `draw run` does; the place of draw.json."""
    name = document["subject"].replace("/", "-")
    folder = content / "results" / name
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False)
    (folder / "draw.json").write_text(text, encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    record = f'draw = "{document["subject"]}"\npublished_at = 2023-09-02T21:00:00\ndigest = "{digest}"\n'
    (folder.with_suffix(".toml")).write_text(record, encoding="utf-8")
    return folder / "draw.json"
