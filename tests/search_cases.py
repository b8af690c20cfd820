"""Queries that browser and server must answer alike, and the plain scan that says what is right."""

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from civic.content.search import forms, initials, words

# More than half stand inside a word somewhere; then particles, several words, first consonants, one syllable, signs, nothing.
QUERIES = (
    "예산", "참여예산", "민참여", "도서관", "서관", "집현전", "문학", "인문", "일자리", "자리", "수완", "공원", "보행등", "행등", "마을",
    "동체", "청년", "사회적경제", "회적", "경제", "강좌를", "도서관에서", "누구나", "공무원 교육", "도서관 장난감", "온라인 주민투표",
    "ㅈㅁㅊㅇ", "ㄷㅅㄱ", "ㅇㅅ", "글", "책", "NOW", "now", "062-960-8548", "나.우.NOW", "‘에세이’", "“예산”,", "도서과", "도서ㄱ", "도셔관",
    "zzz", "없는말입니다", "  ", "(", "개인정보처리방침", "처리방침", "2023", "hwpx",
)  # fmt: skip


def reader(site: Path) -> Any:
    """What the index of a built site holds, by name."""
    return lambda name: json.loads((site / f"search/{name}.json").read_bytes())


def texts(site: Path) -> dict[int, tuple[str, str]]:
    """Number of a page -> its title, and all it says."""
    said = {int(file.stem): json.loads(file.read_bytes()) for file in (site / "search/d").iterdir()}
    return {
        number: (each["title"], f"{each['title']} {each['text']}") for number, each in sorted(said.items())
    }


def scanned(query: str, pages: dict[int, tuple[str, str]]) -> set[int]:
    """The pages in which every word of a query stands, by a plain look through each text: slow, and so simple that it is right."""
    asked = [forms(word) for word in words(query)]
    return {
        n for n, (title, text) in pages.items() if asked and all(_has(both, title, text) for both in asked)
    }


def _has(both: Iterable[str], title: str, text: str) -> bool:
    low, first = (unicodedata.normalize("NFC", each).lower() for each in (text, title))
    return any(
        form in (first if len(form) == 1 else low) or (len(form) > 1 and form in initials(first))
        for form in both
    )


def quality(asked: Iterable[tuple[set[int], set[int]]]) -> tuple[float, float]:
    """(recall, precision) of (found, right), each the mean over those queries that have any."""
    pairs = list(asked)
    recalls = [len(found & right) / len(right) for found, right in pairs if right]
    precisions = [len(found & right) / len(found) for found, right in pairs if found]
    return sum(recalls) / len(recalls), sum(precisions) / len(precisions)
