"""Where a page lives: the one place that knows addresses; each begins and ends with a slash. No templates, no files."""

import re
import unicodedata

# noun -> folder in content/, in addresses and in the API
FOLDERS = {
    "programme": "programs",
    "lecture": "lectures",
    "event": "events",
    "vote": "votes",
    "proposal": "proposals",
    "result": "results",
    "page": "pages",
}
NOUNS = {folder: noun for noun, folder in FOLDERS.items()}
_ADDRESS = re.compile(
    r"https?://(?=[^:]{1,253}(?::|$))(?:[a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(?::(?P<port>[1-9]\d*))?"
)
_LITTER = re.compile(
    r"(?i:thumbs\.db|desktop\.ini|\.ds_store|~\$.*|.*\.(?:tmp|bak)|.* - (?:복사본|copy)(?: ?\(\d+\))?(?:\.\w+)?)|README(?:\.\w+)?"
)
OTHERS = {"home": "", "page": "", "month": "/calendar", "search": "/search", "my": "/my", "sitemap": "/sitemap", "collected": "/privacy/collected"}  # fmt: skip
LISTED = tuple(noun for noun in FOLDERS if noun not in ("result", "page"))  # kinds that have a list page
# Between a list and what it is seen through.
FILTERS = (
    "status", "stage", "vote", "type", "area", "kind", "category", "audience", "fee", "weekday", "department",
)  # fmt: skip


def is_address(text: str) -> bool:
    """Can it be the public address of a site: scheme, name in small letters, perhaps a port, and nothing behind?"""
    found = _ADDRESS.fullmatch(text)
    return found is not None and int(found["port"] or 1) <= 65535


def page_of(file: str) -> tuple[str, str]:
    """(folder, slug) of a page's file: "lectures/essay.md" and "lectures/essay/index.md" are ("lectures", "essay")."""
    folder, _, name = file.partition("/")
    return folder, name.removesuffix("/index.md").removesuffix(".md")


def notice_of(file: str) -> tuple[str, str] | None:
    """(folder, slug) of the notice that a file of the content is the text of or lies beside; None for what all pages need."""
    folder, _, rest = file.partition("/")
    is_notice = rest and NOUNS.get(folder) in ("programme", "lecture", "event", "page")
    return (folder, rest.partition("/")[0].removesuffix(".md")) if is_notice else None


def is_passed_over(name: str) -> bool:
    """Is a file or folder of that name no part of the site: hidden, or a lock that an editor leaves while one writes?"""
    return name.startswith((".", "~$"))


def is_litter(name: str) -> bool:
    """Is that a file that systems and people leave beside pages: "Thumbs.db", "~$a.docx", "a - 복사본.md", "README.md"?"""
    return _LITTER.fullmatch(unicodedata.normalize("NFC", name)) is not None


def link(noun: str, slug: str = "") -> str:
    """Address of a page or, without a slug, of the list of its kind.

    link("home") is "/"; link("lecture", "essay") is "/lectures/essay/"; link("month", "2023-09") is "/calendar/2023-09/";
    plain pages live at the root: link("page", "privacy") is "/privacy/". Raises KeyError for an unknown noun.
    """
    folder = OTHERS[noun] if noun in OTHERS else f"/{FOLDERS[noun]}"
    return f"{folder}/{slug}/" if slug else f"{folder}/"


def api(folder: str, slug: str) -> str:
    """Where a form is sent: api("lectures", "essay") is "/api/forms/lectures/essay"."""
    return f"/api/forms/{folder}/{slug}"
