"""How the site is searched: which pages a query finds, in which order, and which of their words are marked. No files, no web.

static/js/search.js does the same in the browser, and tests give both the same cases. The index is described in
docs/decisions/030-search-by-three-letters.md; `read(name)` gives what is in one of its files ("index", "g/7", "d/12", "words").
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

Read = Callable[[str], Any]
Pieces = list[tuple[str, bool]]  # of a text, and is it marked

LONGEST_QUERY = 100  # characters
MOST_WORDS = 8
SHOWN = 8  # hits at a time
BEFORE, AROUND = 30, 120  # characters of a text that are shown before the first marked word, and in all
ALIKE = 0.4  # of all pairs of letters of two words, so many are in both
INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
# What may stand at the end of a noun, longest first.
PARTICLES = ("에서", "으로", *"을를이가은는의에로과와도만")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_LONE_JAMO = re.compile(r"(?<=[가-힣])[ㄱ-ㅎㅏ-ㅣ]+$")  # what is still being typed


def answer(query: str, page: int, read: Read) -> dict[str, Any]:
    """One page of what a query finds, as templates/pages/search.html takes it. page: from 1; past the last one it is empty.

    {"query", "total": pages found, "hits": see `show`, "nearest": words that come near where there are none, "page", "pages"}
    """
    found = search(query, read)
    shown = found[(page - 1) * SHOWN : page * SHOWN]
    hits = [hit for number in shown if (hit := show(number, query, read))]
    total = len(found) - len(shown) + len(hits)
    near = [each for word in words(query) for each in nearest_of(word, read("words"))] if not total else []
    pages = -(-len(found) // SHOWN)
    return {"query": query, "total": total, "hits": hits, "nearest": near, "page": page, "pages": pages}


def search(query: str, read: Read) -> list[int]:
    """Numbers of the pages that have every word, best first: as typed before without a particle, in the title before elsewhere.

    Equal ones stand in the order of the index: what can be applied for first, then the newest.
    """
    found: dict[int, int] | None = None
    for word in words(query):
        points: dict[int, int] = {}
        for form, worth in zip(forms(word), (2, 0), strict=False):
            for number, titled in _pages(form, read).items():
                points[number] = max(points.get(number, 0), worth + titled)
        had = points if found is None else found
        found = {number: points[number] + (found or {}).get(number, 0) for number in points if number in had}
    return sorted(found or {}, key=lambda number: (-(found or {})[number], number))


def fold(text: str) -> str:
    """A text as it is compared: NFC and in small letters, each sign in its place."""
    text = unicodedata.normalize("NFC", text)
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def words(query: str) -> list[str]:
    """The words of a query, each once; what is no letter at their edges does not count."""
    return list(dict.fromkeys(filter(None, map(_trimmed, fold(query[:LONGEST_QUERY]).split()))))[:MOST_WORDS]


def _trimmed(word: str) -> str:
    word = word if word.isalnum() else _EDGES.sub("", word)
    return _LONE_JAMO.sub("", word) if "ㄱ" <= word[-1:] <= "ㅣ" else word


def forms(word: str) -> list[str]:
    """A word as it was typed and, where it ends with a particle, without it; two letters at least are left."""
    stems = (word.removesuffix(particle) for particle in PARTICLES)
    return [word, *[stem for stem in stems if len(word) > len(stem) > 1][:1]]


def initials(title: str) -> str:
    """The first consonants of a title: "도서관 강좌" is "ㄷㅅㄱㄱㅈ"."""
    return "".join(INITIALS[(ord(c) - 0xAC00) // 588] for c in title if "가" <= c <= "힣")


def grams(title: str, text: str, **_: str) -> dict[str, int]:
    """By what a page is found, and is it in its title (1) or elsewhere (0).

    Each two letters of a word with the one behind them; of a title each letter, and the same of its first consonants.
    """
    titled = fold(title)
    in_title = _cut(f"{titled} {initials(titled)}").union("".join(titled.split()))
    found = dict.fromkeys(_cut(fold(text)), 0)
    found.update(dict.fromkeys(in_title, 1))
    return found


def _cut(text: str) -> set[str]:
    return {word[at : at + 3] for word in set(text.split()) for at in range(len(word) - 1)}


def shard_of(gram: str, shards: int) -> int:
    """In which of the index's files a gram stands: by its first two letters."""
    return (ord(gram[0]) * 31 + (ord(gram[1]) if len(gram) > 1 else 0)) % shards


def _pages(form: str, read: Read) -> dict[int, int]:
    """Pages that hold all of these letters in a row, as far as three letters at a time tell; and are they in the title."""
    last = len(form) - 3
    parts = [form[at : at + 3] for at in (*range(0, last, 2), last)] if last >= 0 else [form]
    found = _postings(parts[0], read)
    for part in parts[1:]:
        more = _postings(part, read)
        found = {number: found[number] & more[number] for number in found if number in more}
    return found


def _postings(part: str, read: Read) -> dict[int, int]:
    """The same of two or three letters. A list of the index has twice a page's number, and one more where it is in the
    title, each less the one before."""
    shard = read(f"g/{shard_of(part, read('index')['shards'])}")
    keys = [key for key in shard if key.startswith(part)] if len(part) == 2 else [part]
    found: dict[int, int] = {}
    for both in (both for key in keys for both in accumulate(shard.get(key, ()))):
        found[both >> 1] = found.get(both >> 1, 0) | both & 1
    return found


def show(number: int, query: str, read: Read) -> dict[str, Any] | None:
    """A page that was found: {"link", "head": HTML of its badges and date, "title" and "text" in pieces}.

    The text is the part around the first word that was asked for. None when it has not all of them, letter by letter.
    """
    page, asked = read(f"d/{number}"), [forms(word) for word in words(query)]
    low, first = fold(f"{page['title']} {page['text']}"), initials(fold(page["title"]))
    if not all(any(form in low or (form in first and len(form) > 1) for form in both) for both in asked):
        return None
    marked = [form for both in asked for form in both]
    pieces = {"title": marks(page["title"], marked), "text": marks(snippet(page["text"], marked), marked)}
    return {"link": page["link"], "head": page["head"], **pieces}


def snippet(text: str, marked: Iterable[str]) -> str:
    """The part of a text around the first of these words; its beginning where none is in it."""
    low = fold(text)
    first = min((at for form in marked if (at := low.find(form)) >= 0), default=0)
    start = text.rfind(" ", 0, max(0, first - BEFORE) + 1) + 1 if first > BEFORE else 0
    end = start + AROUND
    cut = text[start:end].strip()
    return f"{'… ' if start else ''}{cut}{' …' if end < len(text) else ''}"


def marks(text: str, marked: Iterable[str]) -> Pieces:
    """A text in pieces; each of these words in it is one that is marked."""
    longest = sorted(set(marked), key=lambda form: (-len(form), form))
    if not longest:
        return [(text, False)]
    found = re.split(f"({'|'.join(map(re.escape, longest))})", fold(text))
    pieces, at = [], 0
    for index, piece in enumerate(found):
        if piece:
            pieces.append((unicodedata.normalize("NFC", text)[at : at + len(piece)], index % 2 == 1))
        at += len(piece)
    return pieces


def nearest_of(word: str, known: Sequence[str]) -> list[str]:
    """Up to three known words that have most pairs of letters (consonants and vowels) in common with this one."""

    def pairs(text: str) -> set[str]:
        letters = unicodedata.normalize("NFD", text)
        return {letters[at : at + 2] for at in range(len(letters) - 1)}

    own = pairs(word)
    alike = ((len(own & other) / len(own | other), each) for each in known if (other := pairs(each)))
    return [each for share, each in sorted(alike, key=lambda pair: (-pair[0], pair[1])) if share >= ALIKE][:3]


def known_words(titles: Iterable[str]) -> list[str]:
    """The words of titles that may be proposed, each once, in order."""
    typed = {word[:LONGEST_QUERY] for title in titles for word in title.split()}
    return sorted({word for each in typed if len(word := _trimmed(fold(each))) > 1})
