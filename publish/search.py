"""The index of the site's search, see civic/content/search.py: what each page says, and by which letters it is found.

What a page says is a file made as every page is. By which letters is worked out from those files once all of them are there:
where only words were edited, in the files of the build before, with the same bytes as from nothing.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from operator import sub
from pathlib import Path
from typing import Any

from civic.content.attached import Attached
from civic.content.facts import TEXT
from civic.content.pages import Document
from civic.content.search import grams, known_words, shard_of
from civic.links import link
from publish.edition import Edition, Route, as_json
from publish.render import Maker, Record, View, missing

PAGES, SHARDS, INDEX = "search/d/", "search/g/", "search/index.json"
PER_SHARD = 500  # steps of lists in a file of the index, about: 1 to 2 kB when compressed
MOST_SHARDS = 512
Lists = dict[str, list[int]]  # gram -> pages, each as twice its number, and one more where it is in the title
_WITHIN = re.compile(
    r"</?(?:a|abbr|b|cite|code|del|em|i|ins|kbd|mark|q|s|small|span|strong|sub|sup|u)\b[^>]*>|(?<=>) \(외부 누리집\)(?=</span>)"
)
_TAG = re.compile(r"<[^>]*>")


def routes(edition: Edition) -> Iterator[Route]:
    """The page before anything is asked, what each page and document says, and the words that may be proposed."""
    site, entries = edition.library.site, edition.searched

    def said(number: int) -> View:
        doc, file = entries[number] if number < len(entries) else missing()
        text = file.text if file else edition.html(doc)
        shows = frozenset({doc.file, f"{doc.file}{TEXT}"})
        return View(lambda: as_json(what_it_says(edition, doc, file, text)), ".json", shows)

    def words() -> View:
        docs = [doc for doc, file in entries if not file]
        named = [*site.categories.values(), *(each.title for each in site.series.values())]
        return edition.page(
            docs, lambda: as_json(known_words([*named, *(doc.title for doc in docs)])), ".json"
        )

    numbers = [{"number": number} for number in range(len(entries))]
    address = link("search")
    yield Route(
        "search", (address,), lambda: edition.render("pages/search.html", "통합검색", address, answer=None)
    )
    yield Route("search_page", ("/search/d/<int:number>.json",), said, lambda: numbers)
    yield Route("search_words", ("/search/words.json",), words)


def what_it_says(edition: Edition, doc: Document, file: Attached | None, text: str) -> dict[str, str]:
    """A page, or a document beside it, as a hit shows it, and all its words. text: its own, of a page as HTML."""
    module: Any = edition.env.get_template("components/hits.html").module
    named = next((title for title, each in doc.documents if each == file), "")
    kind = "첨부" if file else edition.list_titles.get(doc.noun, "안내")
    return {
        "link": doc.link + (file.safe if file else ""),
        "title": f"{named} ({doc.title})" if file else doc.title,
        "head": str(module.hit_head(edition.card(doc), kind)).strip(),
        "text": " ".join((text if file else plain(module.hit_words(doc, text))).split()),
    }


def plain(prose: str) -> str:
    """The words of HTML: what begins or ends within a word leaves no gap in it."""
    return html.unescape(_TAG.sub(" ", _WITHIN.sub("", prose)))


def add_index(maker: Maker, records: dict[str, Record], made: Iterable[str]) -> list[str]:
    """Write by which letters each page is found, beside the files of the pages; the names of the files that were written.

    maker: of the build, records: of all its files so far, made: those that are not as before. Raises BuildFailed.
    """
    before, touched = maker.before, [name for name in made if name.startswith(PAGES)]
    index = {name for name in before.records if name == INDEX or name.startswith(SHARDS)}
    is_known = before.edited is not None and index <= records.keys() and all(map(before.stands, touched))
    old = before.folder if is_known else None
    known = _read(old, INDEX) if old else {"shards": 0, "steps": 0}
    now, more = _lists(maker.folder, touched if old else [n for n in records if n.startswith(PAGES)])
    was, less = _lists(old, touched) if old else ({}, 0)
    steps = known["steps"] + more - less
    # One file more than a power of two: so syllables without a last consonant, of which a word mostly consists, spread.
    count = 1 + min(MOST_SHARDS, 1 << (steps // PER_SHARD).bit_length())
    if old and count != known["shards"]:
        return add_index(replace(maker, before=replace(before, edited=None)), records, made)
    shards: dict[int, Lists] = {} if old else {shard: {} for shard in range(count)}
    if old:
        now = {gram: now.get(gram, []) for gram in now.keys() | was.keys() if now.get(gram) != was.get(gram)}
    by_letters: dict[str, Lists] = {}
    for gram, pages in now.items():
        here = by_letters.get(gram[:2])
        if here is None:
            here = by_letters[gram[:2]] = shards.setdefault(shard_of(gram, count), {})
        here[gram] = pages
    files: dict[str, object] = {INDEX: {"shards": count, "steps": steps}}
    for shard, lists in shards.items():
        name = f"{SHARDS}{shard}.json"
        stood: Lists = _read(old, name) if old else {}
        for gram in lists if old else ():
            others = {*accumulate(stood.get(gram, ()))}.difference(was.get(gram, ()))
            lists[gram] = sorted(others.union(lists[gram]))
        stood |= {
            gram: [*pages[:1], *map(sub, pages[1:], pages)] if len(pages) > 1 else pages
            for gram, pages in lists.items()
        }
        files[name] = {gram: stood[gram] for gram in sorted(stood) if stood[gram]}
    for name in () if old else index - files.keys():
        records.pop(name, None)
        (maker.folder / name).unlink(missing_ok=True)
    records |= {name: maker.write(name, frozenset(), as_json(each).encode()) for name, each in files.items()}
    return [name for name in files if records[name] != before.records.get(name)]


def _lists(folder: Path, names: Iterable[str]) -> tuple[Lists, int]:
    """By which letters these pages are found, and how many steps of lists that makes."""
    found: Lists = {}
    steps = 0
    for number in sorted(int(Path(name).stem) for name in names):
        both = 2 * number, 2 * number + 1  # two objects for all lists
        here = grams(**_read(folder, f"{PAGES}{number}.json"))
        steps += len(here)
        for gram, titled in here.items():
            pages = found.get(gram)
            if pages is None:
                found[gram] = [both[titled]]
            else:
                pages.append(both[titled])
    return found, steps


def _read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_bytes())
    return found
