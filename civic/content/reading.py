"""From the content folder to documents: each file read and checked on its own. No cross-references yet."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from civic.content.beside import INDEX, attached, beside, bytes_of, listed, misplaced, stamp_of
from civic.content.dates import impossible, odd_dates
from civic.content.facts import Facts, Memory, Stamp, links_of, mentions_of
from civic.content.front_matter import KeyPath, Source, read_source
from civic.content.lines import odd_lines
from civic.content.mistakes import shape_mistakes, suggestion, text_mistakes, unknown_key, unseen_values
from civic.content.pages import FILLED, Document, Event, Lecture, Page, Programme
from civic.content.parallel import mapped
from civic.content.poll import Poll, Proposal
from civic.content.site import Site
from civic.errors import Mistake
from civic.links import FOLDERS, is_litter, page_of
from civic.shape import SLUG

SITE_FILE = "site.toml"
# Keys whose values are names of something else.
NAMING = ("category", "department", "review.office", "series", "type", "vote")
WORDS = ("title", "summary")
WRITTEN_BY_PROGRAM = FOLDERS["result"]  # by `votes publish`; nobody writes a page there by hand
KINDS: dict[str, type[Document]] = {
    FOLDERS[model.noun]: model for model in (Programme, Lecture, Event, Poll, Proposal, Page)
}


@dataclass
class Reading:
    """Everything that was read, drafts included, and everything that is wrong with it so far."""

    site: Site | None = None
    content: Path = Path()
    facts: dict[str, Facts] = field(default_factory=dict)  # by file: of every page that could be read
    # By file: SHA-256 of its bytes, "" where they cannot be read.
    digests: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    elsewhere: dict[str, Path] = field(default_factory=dict)  # file -> where it lies, if not in that folder
    litter: list[str] = field(default_factory=list)  # files that were passed over, which staff may not expect
    sources: dict[str, Source | None] = field(default_factory=dict)

    @property
    def documents(self) -> list[Document]:
        """Every page that has no mistake of its own."""
        return [facts.document for facts in self.facts.values() if facts.document]

    def pages(self) -> list[tuple[str, str, str]]:
        """(file, folder, slug) of every page, also of those that could not be read."""
        return [(file, *page_of(file)) for file in sorted(self.digests) if "/" in file]

    def source(self, file: str) -> Source | None:
        """A file taken apart, read once more when it is needed; None when that cannot be done."""
        if file not in self.sources:
            raw, _ = bytes_of(self.elsewhere.get(file, self.content), file)
            if raw is None:
                return None
            self.sources[file], _ = read_source(file, raw, front=file != SITE_FILE)
        return self.sources[file]

    def mistake(self, file: str, path: KeyPath, said: str, found: str = "", hint: str = "") -> Mistake:
        """A mistake at a key of a file, with its line as long as the file can be read."""
        source = self.source(file)
        return (source or Source(file, "")).mistake(path, said, found, hint)


def read_content(content: Path, memory: Memory | None = None, jobs: int = 1) -> Reading:
    """Read site.toml and every page of the content folder, in the order of their names.

    memory: knows files that have not changed; jobs: processes that read those that have.
    """
    reading = Reading(content=content)
    if not content.is_dir():
        reading.mistakes.append(Mistake(str(content), 0, "", "content 폴더가 없습니다"))
        return reading
    _read_site(reading)
    files: list[str] = []
    logo = reading.site.logo if reading.site else ""
    for name, is_folder in listed(content):
        if not is_folder and is_litter(name):
            reading.litter.append(name)
        elif is_folder and name in KINDS:
            files += _pages(name, reading)
        elif name not in (SITE_FILE, logo) and not (is_folder and name == WRITTEN_BY_PROGRAM):
            hint = suggestion(name, [SITE_FILE, *KINDS]) or suggestion(name, list(KINDS), "폴더")
            said = "여기에 둘 수 없는 파일이나 폴더입니다"
            reading.mistakes.append(Mistake(name, 0, "", said, "", hint))
    if logo and (content / logo).is_file():
        picture, mistakes = attached(content, logo)
        reading.mistakes += mistakes
        reading.digests |= {logo: picture.digest} if picture else {}
    elif logo:
        said = "site.toml 옆에 없는 파일입니다"
        reading.mistakes.append(reading.mistake(SITE_FILE, ("logo",), said, logo))
    _read_pages(files, reading, memory, jobs)
    return reading


def read_document(file: str, raw: bytes) -> tuple[Document | None, Source | None, list[Mistake]]:
    """One page from its bytes: depends on nothing else."""
    folder, slug = page_of(file)
    mistakes = _name_mistakes(file)
    source, found = read_source(file, raw)
    mistakes += found
    if source is None:
        return None, None, mistakes
    model = KINDS[folder]
    mistakes += text_mistakes(source)
    mistakes += [unknown_key(source, model, (key,)) for key in FILLED if key in source.values]
    filled = {"slug": slug if re.match(SLUG, slug) else "x", "body": source.body, "file": file}
    try:
        return model.model_validate(source.values | filled), source, mistakes
    except ValidationError as wrong:
        return None, source, mistakes + shape_mistakes(source, model, wrong)


def _read_site(reading: Reading) -> None:
    raw, mistakes = bytes_of(reading.content, SITE_FILE)
    reading.mistakes += mistakes
    if raw is None:
        return
    reading.digests[SITE_FILE] = hashlib.sha256(raw).hexdigest()
    source, mistakes = read_source(SITE_FILE, raw, front=False)
    reading.mistakes += mistakes
    if source is None:
        return
    reading.mistakes += unseen_values(source)
    reading.sources[SITE_FILE] = source
    try:
        reading.site = Site.model_validate(source.values)
    except ValidationError as wrong:
        reading.mistakes += shape_mistakes(source, Site, wrong)


def _pages(folder: str, reading: Reading) -> Iterator[str]:
    """The page files of a folder, index.md of one that has a folder of its own; whatever else lies there is a mistake."""
    for name, is_folder in listed(reading.content / folder):
        file = f"{folder}/{name}"
        if is_folder:
            if (reading.content / file / INDEX).is_file():
                yield f"{file}/{INDEX}"
            else:
                said, hint = "폴더에 글(index.md)이 없습니다", "글을 index.md로 저장하세요"
                reading.mistakes.append(Mistake(file, 0, "", said, "", hint))
        elif is_litter(name):
            reading.litter.append(file)
        elif not name.endswith(".md"):
            hint = "이름을 .md로 끝내세요" if name.lower().endswith((".md", ".markdown", ".txt")) else ""
            reading.mistakes.append(Mistake(file, 0, "", "여기에는 .md 파일만 둘 수 있습니다", "", hint))
        else:
            yield file


def _read_pages(files: list[str], reading: Reading, memory: Memory | None, jobs: int) -> None:
    known: dict[str, Facts] = {}
    stamps: dict[str, Stamp] = {}
    for file in files if memory else ():
        with suppress(OSError):  # said below, where the file is read
            stamps[file] = stamp_of(reading.content, file)
            if memory and (facts := memory.recall(file, stamps[file])):
                known[file] = facts
    fresh = [file for file in files if file not in known]

    def read(batch: Sequence[str]) -> Iterator[tuple[Facts | None, list[Mistake], str]]:
        return (read_page(reading.content, file, with_body=memory is None) for file in batch)

    with closing(mapped(read, fresh, jobs)) as pages:
        for file, (facts, mistakes, digest) in zip(fresh, pages, strict=True):
            reading.mistakes += mistakes
            reading.digests[file] = digest
            if facts:
                known[file] = facts
            if memory and facts and not mistakes and file in stamps:
                memory.keep(file, stamps[file], facts)
    reading.facts = {file: known[file] for file in files if file in known}
    reading.digests |= {file: facts.digest for file, facts in known.items()}


def read_page(content: Path, file: str, with_body: bool) -> tuple[Facts | None, list[Mistake], str]:
    """(facts, what is wrong, SHA-256) of a page file; no facts when nothing more can be said of it."""
    raw, mistakes = bytes_of(content, file)
    if raw is None:
        return None, mistakes, ""
    digest = hashlib.sha256(raw).hexdigest()
    document, source, mistakes = read_document(file, raw)
    if source is None:
        return None, mistakes, digest
    files, wrong, odd = beside(content, file)
    first, body, model = source.body_line, source.body, KINDS[page_of(file)[0]]
    mistakes += wrong
    odd += (Mistake(file, first + line, "", said) for line, said in odd_lines(body))
    if document:
        document = document.model_copy(update={"files": files, "body": body if with_body else ""})
        mistakes += [*misplaced(document, source), *impossible(document, source)]
        odd += odd_dates(document, source)
    frame = [*_frame(file, source), *((each.name, each.width, each.height) for each in files)]
    facts = Facts(
        digest,
        hashlib.sha256(source.toml.encode()).hexdigest(),
        hashlib.sha256(repr(frame).encode()).hexdigest(),
        document,
        {
            key: value
            for key in NAMING
            if key.partition(".")[0] in model.model_fields
            and (value := source.value(tuple(key.split("."))))
            and isinstance(value, str)
        },
        tuple((first + line, target, is_picture) for line, target, is_picture in links_of(body)),
        tuple(odd),
        mentions_of(body),
        "".join({*source.toml, *body, *(sign for each in files for sign in each.name + each.text)}),
    )
    return facts, mistakes, digest


def _frame(file: str, source: Source) -> list[tuple[str, Any]]:
    """A front matter without what pages only show. A page that shows it says so, see publish.render.View.shows.

    Of a vote all of it: lists of proposals are named after votes that they do not show.
    """
    words = () if page_of(file)[0] == FOLDERS["vote"] else WORDS
    return [(key, value) for key, value in source.values.items() if key not in words]


def _name_mistakes(file: str) -> list[Mistake]:
    name = file.partition("/")[2].removesuffix(f"/{INDEX}")
    slug, ending = name.removesuffix(".md"), ".md" if name.endswith(".md") else ""
    if re.match(SLUG, slug) and len(slug) <= 80:
        return []
    said = "파일 이름은 영문 소문자와 숫자, 줄표(-)로만 쓰세요"
    hint = ""
    if unicodedata.normalize("NFC", name) != name:
        said += ". 한글 자모가 풀어진(NFD) 이름입니다"
    elif slug.isascii():
        hint = "-".join(re.findall(r"[a-z0-9]+", slug.lower()))[:80].strip("-")
    return [Mistake(file, 0, "", said, "", f"{hint}{ending}" if hint else "")]
