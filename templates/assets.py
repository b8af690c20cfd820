"""Everything a page loads: one stylesheet, a few scripts, the fonts, each under a hashed name.

Collected at build time from static/ and from the design kit in node_modules/; nothing is fetched from
anybody else, and no script of the kit is shipped. The same input gives the same bytes.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from civic.links import is_passed_over
from templates import fonts, stylesheet, text_of

KIT = Path("node_modules/krds-uiux/resources")
# static/css, in this order
STYLES = ("tokens", "base", "layout", "components", "forms", "pages", "votes", "print")
APART = ("find", "home", "parts", "results")  # beside it, for the pages that need them
MANIFEST = "manifest.json"
# What speaks to staff alone: commands, and what is wrong with a file or a built site.
_TO_STAFF = (
    "attached.py beside.py box_key.py check.py checks.py clock_mark.py command.py commands doctor.py "
    "draw.py draw_record.py folder.py form.py front_matter.py inline.py lines.py "
    "mistakes.py particulars.py promises.py result_files.py rounds.py settings.py site.py watch.py"
)
STAFF = frozenset(_TO_STAFF.split())

# Selectors of the kit that must not reach a page, and why:
#   legend, caption, hr       hidden by the kit: a group of choices would have no visible name
#   :focus                    rings on every click and removes outlines; ours are :focus-visible
#   input[type=radio], …      moved out of sight behind drawings; ours are real boxes that can be clicked
#   … :root                   a :root inside something: can never match
_DROPPED = re.compile(
    r"(^|[\s>])(legend|caption|hr)$|^\*?:focus|outline-none"
    r"|krds-mode=[\"']?theme|\S\s+:root|^input\[type=(radio|checkbox)\]"
)
_COMMENT_LINE = re.compile(r"^\s*//.*\n", re.M)  # whole lines only: "//" in a text is left alone
_HANGUL = re.compile(r"[가-힣]")
_TEMPLATE_COMMENT = re.compile(r"\{#.*?#\}", re.S)
_JINJA = re.compile(r"(?s)\{\{.*?\}\}|\{%.*?%\}")
_CLASSES = re.compile(r'\b(?:class|id)="([^"]*)"')
# Not the value of a keyword, such as type="text".
_PLAIN_TEXT = re.compile(r"""(?<![\w-]=)(["'`])([\w -]+)\1""")


@dataclass
class Assets:
    """Addresses by plain name, and the content of every file under /assets/."""

    addresses: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Address of a file: "site.css" -> "/assets/site.1a2b3c4d.css". Raises KeyError for an unknown name."""
        return self.addresses[name]

    def add(self, name: str, content: bytes) -> str:
        """Keep a file under its hashed name; its address."""
        if name in self.addresses:
            raise ValueError(f"two files are called {name}")
        stem, dot, ending = name.rpartition(".")
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:8]}{dot}{ending}"
        self.files[hashed] = content
        self.addresses[name] = f"/assets/{hashed}"
        return self.addresses[name]

    @classmethod
    def collect(cls, root: Path, characters: frozenset[str], cache: Path | None = None) -> Self:
        """All files for a site that uses these characters.

        root: the project's folder; cache: where subset fonts are kept (default .builds/cache/fonts).
        Raises FileNotFoundError when the kit is not installed.
        """
        kit = root / KIT
        if not kit.is_dir():
            raise FileNotFoundError(f"{KIT}: krds-uiux가 없습니다. make build가 설치합니다.")
        assets = cls()
        characters |= own_characters(root)
        faces = {}
        for weight in fonts.WEIGHTS:
            source = fonts.kit_font(kit / "fonts", weight)
            small = fonts.small_font(source, weight, characters, cache or root / ".builds/cache/fonts")
            full_address = assets.add(f"kit-{weight.lower()}.woff2", source)
            faces[weight] = full_address, assets.add(f"madang-sans-{weight.lower()}.woff2", small)
        assets.add("site.css", (fonts.faces(faces, characters) + style(root)).encode())
        for name in APART:
            assets.add(f"{name}.css", stylesheet.write(_own_css(root, (name,))).encode())
        _add_scripts(assets, root / "static/js")
        assets.add("favicon.svg", (root / "static/icons/favicon.svg").read_bytes())  # others are in the CSS
        for file in sorted(filter(Path.is_file, _seen((root / "static").iterdir()))):
            assets.add(file.name, file.read_bytes())
        return assets

    def complete(self, colour: str = "", logo: bytes = b"", logo_name: str = "") -> Self:
        """With what is the site's own, and the list of all names.

        colour: "#0b50d0", of links and buttons, "" for the kit's; logo: of the site, b"" for the kit's emblem.
        """
        if colour:
            self.add("town.css", stylesheet.coloured(colour).encode())
        if logo:
            self.add(logo_name, logo)
        names = json.dumps(self.addresses, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        self.files[MANIFEST] = names.encode()
        return self


class SiteAssets:
    """Addresses of the site that is live now: after a new build the next page already has the new ones."""

    def __init__(self, site_dir: Path) -> None:
        self._manifest = site_dir / "assets" / MANIFEST
        self._read: tuple[tuple[int, int], Mapping[str, str]] = ((-1, -1), {})

    def url(self, name: str) -> str:
        """Address of a file; "/assets/<name>" where no site is built. Raises KeyError for an unknown name."""
        try:
            found = self._manifest.stat()
        except FileNotFoundError:
            return f"/assets/{name}"
        version = (found.st_ino, found.st_mtime_ns)
        if self._read[0] != version:
            self._read = (version, json.loads(self._manifest.read_text("utf-8")))
        return self._read[1][name]


def style(root: Path) -> str:
    """The stylesheet without its fonts: the kit's tokens, what we use of its components, and ours on top.

    The kit's rules stand in a layer of their own: whatever they say, ours win without `!important`.
    """
    kit = root / KIT / "css"
    tokens = stylesheet.parse((kit / "token/krds_tokens.css").read_text("utf-8"))
    parts = stylesheet.parse((kit / "component/output.css").read_text("utf-8"))
    parts = stylesheet.purge(parts, page_words(root), lambda selector: bool(_DROPPED.search(selector)))
    # Without what hides the labels of steps on phones.
    parts = stylesheet.sift(
        parts, lambda rule: None if "clip:rect" in rule.body and ".step" in rule.head else rule
    )
    layer = stylesheet.Rule("@layer kit", rules=parts)
    apart = stylesheet.write(_own_css(root, APART))
    slim = stylesheet.keep_used_properties((*tokens, layer, *_own_css(root)), apart)

    def icon(name: str) -> str:
        own = root / "static/icons" / f"{name}.svg"
        file = root / KIT / "img/component/icon" / f"ico_{name.replace('-', '_')}.svg"
        return (own if own.is_file() else file).read_text("utf-8")

    return stylesheet.icons_as_properties(stylesheet.write(slim), icon)


def _own_css(root: Path, names: Iterable[str] = STYLES) -> Iterator[stylesheet.Rule]:
    for name in names:
        file = root / "static/css" / f"{name}.css"
        text = text_of(file)
        try:
            yield from stylesheet.parse(text)
        except ValueError as wrong:
            raise ValueError(f"{file}: {wrong}") from wrong


def page_words(root: Path) -> frozenset[str]:
    """Every word that could be a class: those of class attributes, and of plain texts in the code of templates and scripts."""
    words: set[str] = set()
    for file in _templates_and_scripts(root):
        code = _COMMENT_LINE.sub("", _TEMPLATE_COMMENT.sub("", text_of(file)))
        if file.suffix == ".html":
            words.update(*map(str.split, _CLASSES.findall(_JINJA.sub(" ", code))))
            code = " ".join(_JINJA.findall(code))
        words.update(*(text.split() for _, text in _PLAIN_TEXT.findall(code)))
    return frozenset(words)


def _templates_and_scripts(root: Path) -> Iterator[Path]:
    yield from _seen((root / "templates").rglob("*.html"))
    yield from _seen((root / "static/js").glob("*.js"))


def _seen(files: Iterable[Path]) -> Iterator[Path]:
    return (file for file in files if not is_passed_over(file.name))


def own_characters(root: Path) -> frozenset[str]:
    """Characters of our own words: ASCII, the space that does not break, templates, scripts, and Hangul in the code.

    A citizen may read every word but those to staff. Signs that code looks for in what people type are left out.
    """
    found = {chr(code) for code in (*range(0x20, 0x7F), 0xA0)}
    found.update(*(filter(str.isprintable, text_of(file)) for file in _templates_and_scripts(root)))
    for room in ("civic", "forms_api", "publish"):
        for file in (root / room).rglob("*.py"):
            if not STAFF.intersection(file.relative_to(root).parts):
                found.update(_HANGUL.findall(file.read_text("utf-8")))
    return frozenset(found)


def _add_scripts(assets: Assets, folder: Path) -> None:
    """Scripts; an import of a neighbour is rewritten to the neighbour's hashed name."""
    waiting = {file.name: text_of(file) for file in sorted(_seen(folder.glob("*.js")))}

    def add(name: str) -> str:
        if name in assets.addresses:
            return assets.addresses[name]
        text = waiting.pop(name)  # a KeyError here is an import that goes in a circle or nowhere
        text = re.sub(r'(from |import\()"\./([\w-]+\.js)"', lambda m: f'{m[1]}"{add(m[2])}"', text)
        return assets.add(name, _COMMENT_LINE.sub("", text).encode())

    for name in list(waiting):
        add(name)
