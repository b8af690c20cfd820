"""Do all pages together hold: is each address taken once, and does what staff wrote point at something that exists?"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from civic import korean
from civic.content.front_matter import KeyPath
from civic.content.meetings import meetings
from civic.content.mistakes import nearest, suggestion
from civic.content.pages import Document
from civic.content.poll import Poll, Proposal
from civic.content.prose import prose
from civic.content.reading import SITE_FILE, Reading
from civic.errors import Mistake
from civic.links import FILTERS, FOLDERS, LISTED, NOUNS, link
from civic.text import nfc

# Plain pages live at the root, where these names are already taken.
TAKEN_AT_ROOT = (
    *FOLDERS.values(), "api", "assets", "en", "healthz", "metrics", "my", "open-data", "problems", "readyz",
    "search", "sitemap", "staff",
)  # fmt: skip
TAKEN_IN_LISTS = (*FILTERS, "page")
FIXED = ("/", "/my/", "/sitemap/", link("collected"), "/feed.xml", "/calendar.ics", *map(link, LISTED))
PAGE_ANCHORS = ("main", "apply", "glance", "sessions")  # made by the templates on every page that they fit

# Not its pages 2, 3, …: what stands there moves, and the last of them goes as the list gets shorter.
_LIST_PART = re.compile(rf"({'|'.join(map(link, LISTED))})(feed\.xml|({'|'.join(FILTERS)})/[a-z0-9-]+/)")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*):", re.IGNORECASE)


Files = Mapping[str, str]  # address of a page -> its file


def doubled(reading: Reading) -> Iterator[Mistake]:
    """Pages that would stand on an address that is taken."""
    seen: dict[str, str] = {}
    for file, folder, slug in reading.pages():
        address = link(NOUNS[folder], slug)
        if slug in (TAKEN_AT_ROOT if folder == "pages" else TAKEN_IN_LISTS):
            yield Mistake(file, 0, "", "이미 쓰는 주소입니다. 파일 이름을 바꾸세요", address)
        other = seen.setdefault(address, file)
        if other != file:
            yield Mistake(file, 0, "", f"{other}와 주소가 같습니다. 파일 이름을 바꾸세요", address)
    for document in reading.documents:
        for alias in document.aliases:
            other = seen.setdefault(link(document.noun, alias), document.file)
            if other != document.file:
                said = f"{other}의 이름입니다. 이 글의 옛 이름만 쓰세요"
                yield reading.mistake(document.file, ("aliases",), said, alias)


def mixed_persons(reading: Reading) -> Iterator[Mistake]:
    """Forms that share a limit or a ledger but tell people apart in different ways: nobody could be counted over both."""
    first: dict[str, Document] = {}
    for document in reading.documents:
        spec = document.spec
        if spec is None:
            continue
        shared = [(f"묶음 {limit.group}", ("form", "limits")) for limit in spec.limits]
        for what, path in [*shared, *([(f"장부 {spec.ledger}", ("form", "ledger"))] if spec.ledger else [])]:
            other = first.setdefault(what, document)
            if other.spec and other.spec.person != spec.person:
                said = f"같은 {korean.josa(what, '을/를')} 쓰는 {other.file}와 person이 다릅니다. 함께 셀 수 없으니 같게 쓰세요"
                yield reading.mistake(document.file, path, said, spec.person)


def broken_links(reading: Reading) -> Iterator[Mistake]:
    """Links in the text and in the menu that lead nowhere, with the line they stand on."""
    addresses = {file: link(NOUNS[folder], slug) for file, folder, slug in reading.pages()}
    files = {address: file for file, address in addresses.items()}
    own = reading.site.base_url if reading.site else ""
    for file, facts in reading.facts.items():
        for line, target, is_picture in facts.links:
            if facts.document and _is_beside(target, facts.document, is_picture):
                continue
            if wrong := _wrong(_within(target, own), addresses[file], reading, files, is_picture):
                yield Mistake(file, line, "", wrong[0], target, wrong[1])
    yield from _broken_menu(reading, files, own)


def _is_beside(target: str, doc: Document, is_picture: bool) -> bool:
    """Is it a file that lies beside the page?"""
    name = nfc(unquote(target))
    return any(each.name == name and (each.is_picture or not is_picture) for each in doc.files)


def _within(target: str, own: str) -> str:
    """A link by the site's own address as one within the site; any other as it is."""
    rest = target.removeprefix(own) if own else target
    return target if rest == target or rest[:1] not in ("", "/", "#", "?") else rest or "/"


def _is_address(path: str, files: Files) -> bool:
    """Will a page or file stand at this path? Lists by filter are taken on trust; the build checks them."""
    of_page = path.removesuffix("event.ics") if path.endswith("/event.ics") else path
    return path in FIXED or of_page in files or _LIST_PART.fullmatch(path) is not None


def _wrong(target: str, own: str, reading: Reading, files: Files, is_picture: bool) -> tuple[str, str] | None:
    """(what is wrong, hint) with a link's target, or None. own: the address of the page it stands on."""
    if not target:
        return "주소가 비어 있습니다", ""
    scheme = _SCHEME.match(target)
    if scheme and is_picture:
        return "다른 누리집의 그림은 쓸 수 없습니다", ""
    if scheme:
        allowed = scheme.group(1).lower() in ("http", "https", "mailto", "tel")
        return None if allowed else ("쓸 수 없는 주소입니다", "https://, mailto:, tel:만 쓸 수 있습니다")
    path, _, anchor = target.partition("#")
    path = path.partition("?")[0] or own
    if not path.startswith("/") and re.search(r"\.(?!md$)\w{2,5}$", path):
        return "글 옆에 없는 파일입니다", ""
    if not path.startswith("/") or path.startswith("//"):
        return "누리집 안의 주소는 /로 시작합니다", _likely(path, files)
    if not _is_address(path, files):
        return "없는 주소입니다", _likely(path, files)
    if path.endswith("/event.ics"):
        facts = reading.facts.get(files[path.removesuffix("event.ics")])
        if facts and facts.document and not meetings(facts.document):
            return "때가 없는 글이라 달력 파일이 없습니다", ""
    file = files.get(path)
    if not anchor or file is None or unquote(anchor) in PAGE_ANCHORS:
        return None
    source = reading.source(file)
    if source is None or unquote(anchor) in _anchors(source.body):
        return None
    near = nearest(unquote(anchor), _anchors(source.body))
    return "그 글에 없는 자리(#)입니다", f"혹시 #{near}?" if near else ""


@cache
def _anchors(body: str) -> frozenset[str]:
    """The ids that a text gives its headings and notes."""
    return prose(body).ids


def _broken_menu(reading: Reading, files: Files, own: str) -> Iterator[Mistake]:
    source = reading.source(SITE_FILE)
    banner = reading.site.banner if reading.site else None
    found: list[tuple[KeyPath, str]] = [(("banner", "to"), banner.to)] if banner and banner.to else []
    menu = source.values.get("menu") if source else None
    for index, item in enumerate(menu if isinstance(menu, list) else ()):
        to = str(item.get("to")) if isinstance(item, dict) else ""
        # Anything that does not look like an address is already reported.
        found += [(("menu", index, "to"), to)] if re.fullmatch(r"/([a-z0-9/-]*/)?", to) else []
    for path, to in found:
        if wrong := _wrong(_within(to, own), "", reading, files, False):
            yield reading.mistake(SITE_FILE, path, wrong[0], to, wrong[1])


def _likely(path: str, files: Files) -> str:
    """A hint at the address that was most likely meant: another folder, another name, or both nearly right; else ""."""
    known = [*FIXED, *files]
    folder, _, name = path.rstrip("/").removesuffix(".md").rpartition("/")
    beside = {each.split("/")[-2]: each for each in known if each.startswith(f"{folder}/") and each != "/"}
    found = nearest(name, beside, 0.75)
    return f"혹시 {beside[found]}?" if found else suggestion(path, known, likeness=0.8)


# Key -> the table of site.toml with the names that exist, and what they are.
_NAMED_IN_SITE = {
    "department": ("departments", "부서"),
    "review.office": ("departments", "부서"),
    "category": ("categories", "분야"),
    "series": ("series", "묶음"),
}


def broken_references(reading: Reading) -> Iterator[Mistake]:
    """Every name that leads nowhere, also of pages and settings that have other mistakes.

    Names of site.toml are not checked when it is not TOML, nor types of a vote that could not be read.
    """
    polls = {page.slug: page for page in reading.documents if isinstance(page, Poll)}
    votes = [slug for _, folder, slug in reading.pages() if folder == "votes"]
    site = reading.source(SITE_FILE)
    for file, facts in reading.facts.items():
        poll = polls.get(facts.names.get("vote", ""))
        for key, name in facts.names.items():
            table, what = _NAMED_IN_SITE.get(key, ("", ""))
            known: Any = site.values.get(table, {}) if site and table else None
            said = f"site.toml의 {table}에 없는 {what}입니다"
            if key == "vote":
                known, said = votes, "votes/에 없는 투표입니다"
            elif key == "type" and poll:
                known, said = [each.id for each in poll.types], f"투표 {poll.slug}의 types에 없는 유형입니다"
            if isinstance(known, dict | list) and name not in known:
                hint = suggestion(name, sorted(known), "이름")
                yield reading.mistake(file, tuple(key.split(".")), said, name, hint)


def uneven_proposals(reading: Reading) -> Iterator[Mistake]:
    """Votes whose proposals are not as many as were received."""
    proposals = [page for page in reading.documents if isinstance(page, Proposal)]
    for poll in (page for page in reading.documents if isinstance(page, Poll)):
        own = [page for page in proposals if page.vote == poll.slug and not page.draft]
        voted = sum(page.is_on_ballot for page in own)
        counted = len(own) + sum(each.count for each in poll.unlisted)
        if poll.received not in (None, counted):
            said = f"투표에 오른 제안 {voted}건과 오르지 않은 제안 {counted - voted}건을 더하면 {counted}건입니다"
            hint = "unlisted나 제안 파일을 맞추세요"
            yield reading.mistake(poll.file, ("received",), said, str(poll.received), hint)
