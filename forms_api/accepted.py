"""Which forms are in force: what the content says now, unless that goes against what people were promised.

What was accepted last is kept in the store, so that every process, also one that starts after an edit, sees the same. A
change that is held back leaves the form as it was accepted; everything else of the page goes on.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError
from tinydb.table import Document as TinyDocument

from civic.content.front_matter import KeyPath, read_source
from civic.content.pages import Document
from civic.content.reading import KINDS, SITE_FILE
from civic.errors import ContentMistakes, Mistake, Unavailable
from civic.library import Library
from civic.places.promises import ACCEPT, Contradiction, contradictions, people, resembles
from civic.store.entry import Overview
from civic.store.store import Store

Texts = Mapping[str, str]  # subject -> its page, see `texts_of`
TABLE = "promises"
SITE = "site"  # what is accepted of site.toml; no subject is called so
OTHER_TOWN = (
    "이 자료를 받은 누리집의 글 폴더가 아닙니다. --content(MADANG_CONTENT)나 --data(MADANG_DATA)를 확인하세요. "
    "누리집 이름이나 주소를 바꾸었다면 content-check --accept site --reason 까닭 을 쓰세요"
)


@dataclass(frozen=True)
class HeldBack:
    """One change that is held back."""

    subject: str
    mistake: Mistake


@dataclass(frozen=True)
class InForce:
    """The library that counts, and what of the written one does not."""

    library: Library
    held: tuple[HeldBack, ...] = ()
    instead: Mapping[str, Document | None] = field(default_factory=dict)  # see Library.holding
    changed: Mapping[str, str] = field(default_factory=dict)  # subject -> text that nothing speaks against


def in_force(store: Store, written: Library, now: datetime) -> InForce:
    """What counts of a library. Reads only. Of another town's nothing is compared: all that is held is SITE. Raises Unavailable."""
    known = promised(store)
    if strange := other_town(store, written, known):
        return InForce(written, (HeldBack(SITE, strange),))
    said = {page.subject: page for page in written.takers()}
    texts = texts_of(written)
    changed = {subject: text for subject, text in texts.items() if known.get(subject) != text}
    held: list[HeldBack] = []
    instead: dict[str, Document | None] = {}
    for before, found in _against(store, known, said, texts, now):
        subject, after = before.subject, said.get(before.subject)
        changed.pop(subject, None)
        instead[subject] = _as_before(before, after if subject in texts else None)
        file = after.file if after else before.file
        twins = [s for s in changed if s in said and s not in known and resembles(before, said[s])]
        for twin in twins if after is None else ():
            file, instead[twin] = said[twin].file, None
            del changed[twin]
        for each in found:
            said_of = f"{each.said} (신청한 사람 {each.people:,}명)"
            hint = ACCEPT.format(subject=subject)
            held.append(HeldBack(subject, _mistake(written, file, each.path, said_of, hint=hint)))
    library = written.holding(instead) if instead else written
    return InForce(library, tuple(held), instead, changed)


def _against(
    store: Store, known: Texts, said: Mapping[str, Document], texts: Texts, now: datetime
) -> Iterator[tuple[Document, list[Contradiction]]]:
    """Each page as it was accepted that is written in a way its people were not promised, with what is against it.

    said: every page that takes sign-ups now; texts: those of the pages that are shown.
    """
    overview = store.overview()
    concerned = [s for s in known if any(map(people, overview.get(s, Overview()).counts.values()))]
    changed = [subject for subject in concerned if texts.get(subject) != known[subject]]
    pages = {subject: text.partition("\n")[2] for subject, text in known.items()} if changed else {}
    titles = {subject: json.loads(fields)["title"] for subject, fields in pages.items() if fields}
    for subject in changed:
        if before := page_of(known[subject]):
            others = [title for other, title in titles.items() if other != subject]
            counts = overview[subject].counts
            if found := contradictions(before, said.get(subject), subject in texts, counts, now, others):
                yield before, found


def follow(store: Store, written: Library, now: datetime) -> InForce:
    """The same, and from now on what counts is what people are promised. Raises ContentMistakes, Unavailable."""
    found = in_force(store, written, now)
    check_town(found)
    if not found.changed:
        return found
    said = {page.subject: page for page in written.subjects()}
    known = promised(store)
    with suppress(Unavailable):  # it counts all the same; kept as soon as the store takes it
        fresh = {s: text for s, text in found.changed.items() if s not in known or s == SITE}
        with store.open(SITE, who="content"):
            keep(store, fresh)
        for subject in found.changed.keys() - fresh.keys():
            with store.open(subject, who="content") as book:
                counts = {round: book.counts(round) for round in store.counts(subject)}
                before = page_of(promised(store)[subject])
                if not before or not contradictions(before, said[subject], True, counts, now):
                    keep(store, {subject: found.changed[subject]})
        return in_force(store, written, now)
    return found


def check_town(found: InForce) -> None:
    """Raises ContentMistakes where the content is another town's."""
    if strange := [each.mistake for each in found.held if each.subject == SITE]:
        raise ContentMistakes(strange)


def accept(store: Store, written: Library, subject: str, who: str, reason: str, now: datetime) -> None:
    """Let a change that is held back come into force, with a line in the journal. Raises Unavailable."""
    with store.open(subject, who=who) as book:
        book.fix("", f"accepted:{now.isoformat()}", reason, now)
        keep(store, {subject: texts_of(written).get(subject, "")})


def promised(store: Store) -> dict[str, str]:
    """What of the content people rely on, as it was accepted: subject -> text; empty before anything was."""
    return {document["subject"]: document["text"] for document in store.database.table(TABLE).all()}


def keep(store: Store, texts: Mapping[str, str]) -> None:
    """Accept these texts in place of those that there are, inside an open block and with it."""
    for subject in sorted(texts):
        # The same id for everybody: two who accept at once write one document.
        id = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:6])
        store.database.table(TABLE).upsert(TinyDocument({"subject": subject, "text": texts[subject]}, id))


def other_town(store: Store, written: Library, known: Mapping[str, str]) -> Mistake | None:
    """What shows that the data belong to another content folder; None while nobody's answers are kept."""
    subjects, was = store.subjects(), json.loads(known.get(SITE, "{}"))
    changed = next((name for name in was if was[name] != getattr(written.site, name)), "")
    said = {page.subject for page in written.takers()}
    if was and not changed and not said.isdisjoint(subjects):
        return None
    kept = [subject for subject in subjects if store.wrapped_key(subject) is not None]
    if kept and changed:
        return _mistake(written, SITE_FILE, (changed,), OTHER_TOWN, f"자료의 {changed}: {was[changed]}")
    if len(kept) > 1 and said.isdisjoint(kept):
        return Mistake(SITE_FILE, 0, "", OTHER_TOWN, f"자료의 신청: {', '.join(kept[:3])}")
    return None


def page_of(text: str) -> Document | None:
    """The page of such a text; None where nothing is promised, or a version of before wrote it in a way not known now."""
    folder, _, fields = text.partition("\n")
    try:
        return KINDS[folder].model_validate_json(fields)
    except (KeyError, ValidationError):
        return None


def texts_of(written: Library) -> dict[str, str]:
    """What of a library is kept: subject -> the page's kind and what staff wrote; of SITE what tells towns apart."""
    town = {"name": written.site.name, "base_url": written.site.base_url}
    found = {SITE: json.dumps(town, ensure_ascii=False)}
    for page in written.subjects():
        fields = page.model_dump_json(exclude={"body", "facts"}, exclude_unset=True)
        found[page.subject] = f"{page.folder}\n{fields}"
    return found


def _as_before(before: Document, after: Document | None) -> Document:
    """The page with its form as it was accepted; as it was altogether where it is gone or not shown."""
    if after is not None and after.spec is not None:
        return after.model_copy(update={"form": before.spec})
    return before.model_copy(update={"draft": False, "publish_at": None, "expire_at": None})


def _mistake(
    written: Library, file: str, path: KeyPath, said: str, found: str = "", hint: str = ""
) -> Mistake:
    """A mistake with its line, where the file can be read."""
    with suppress(OSError):
        source, _ = read_source(file, (written.content / file).read_bytes(), front=file != SITE_FILE)
        if source and path:
            return source.mistake(path, said, found, hint)
    return Mistake(file, 0, ".".join(map(str, path)), said, found, hint)
