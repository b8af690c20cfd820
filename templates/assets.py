"""Everything a page loads: one stylesheet, a few scripts, the fonts, each under a hashed name.

Collected at build time from static/ and from the design kit in node_modules/; nothing is fetched from
anybody else, and no script of the kit is shipped. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from civic.links import is_passed_over
from templates import NotText, fonts, stylesheet, text_of

KIT = Path("node_modules/krds-uiux/resources")
STYLES = (
    "tokens",
    "base",
    "layout",
    "components",
    "forms",
    "pages",
    "votes",
    "results",
    "print",
)  # static/css, in this order
MANIFEST = "manifest.json"
TERMINAL = (  # whose words only staff at a terminal read
    "civic/votes/box_key.py",
    "civic/library",
    "civic/store",
    "forms_api/commands",
    "forms_api/settings.py",
    "publish/building.py",
    "publish/checking.py",
)

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
_QUOTED = re.compile(r"""(?s)"[^"]*"|'[^']*'|`[^`]*`""")
_OTHER_ATTRIBUTE = re.compile(r'\s(?!class=|id=)[a-z-]+="[^"{]*"')
_WORD = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True)
class Assets:
    """Addresses by plain name, and the content of every file under /assets/."""

    addresses: Mapping[str, str]
    files: Mapping[str, bytes]

    def url(self, name: str) -> str:
        """Address of a file: "site.css" -> "/assets/site.1a2b3c4d.css". Raises KeyError for an unknown name."""
        return self.addresses[name]

    @classmethod
    def collect(cls, root: Path, characters: frozenset[str], cache: Path | None = None) -> Assets:
        """All files for a site that uses these characters.

        root: the project's folder; cache: where subset fonts are kept (default .builds/cache/fonts).
        Raises FileNotFoundError when the kit is not installed.
        """
        box = _Box()
        kit = root / KIT
        if not kit.is_dir():
            raise FileNotFoundError(f"{KIT}: krds-uiux가 없습니다. make build가 설치합니다.")
        characters |= _own_characters(root)
        addresses = {}
        for weight in fonts.WEIGHTS:
            source = fonts.kit_font(kit / "fonts", weight)
            small = fonts.small_font(source, weight, characters, cache or root / ".builds/cache/fonts")
            name = f"madang-sans-{weight.lower()}.woff2"
            addresses[weight] = (box.add(f"kit-{weight.lower()}.woff2", source), box.add(name, small))
        css = fonts.faces(addresses, characters) + style(root)
        box.add("site.css", css.encode())
        _add_scripts(box, root / "static/js")
        box.add("favicon.svg", (root / "static/icons/favicon.svg").read_bytes())  # the others are in the CSS
        for file in sorted(filter(Path.is_file, _seen((root / "static").iterdir()))):
            box.add(file.name, file.read_bytes())
        names = json.dumps(box.addresses, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        return cls(dict(box.addresses), {**box.files, MANIFEST: names.encode()})

    @staticmethod
    def from_manifest(site_dir: Path) -> SiteAssets:
        """Addresses of a built site; plain names where none is built."""
        return SiteAssets(site_dir)


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


class _Box:
    """Files on their way into an Assets."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.files: dict[str, bytes] = {}

    def add(self, name: str, content: bytes) -> str:
        """Keep a file under its hashed name; its address."""
        if name in self.addresses:
            raise ValueError(f"two files are called {name}")
        stem, dot, ending = name.rpartition(".")
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:8]}{dot}{ending}"
        self.files[hashed] = content
        self.addresses[name] = f"/assets/{hashed}"
        return self.addresses[name]


def style(root: Path) -> str:
    """The stylesheet without its fonts: the kit's tokens, what we use of its components, and ours on top.

    The kit's rules stand in a layer of their own: whatever they say, ours win without `!important`.
    """
    kit = root / KIT / "css"
    words = page_words(root)

    def dropped(selector: str) -> bool:
        return bool(_DROPPED.search(selector))

    tokens = stylesheet.parse((kit / "token/krds_tokens.css").read_text("utf-8"))
    parts = stylesheet.parse((kit / "component/output.css").read_text("utf-8"))
    layer = stylesheet.Rule("@layer kit", rules=_step_labels(stylesheet.purge(parts, words, dropped)))
    ours = _own_css(root)
    slim = stylesheet.keep_used_properties((*tokens, layer, *ours))

    def icon(name: str) -> str:
        own = root / "static/icons" / f"{name}.svg"
        file = root / KIT / "img/component/icon" / f"ico_{name.replace('-', '_')}.svg"
        return (own if own.is_file() else file).read_text("utf-8")

    return stylesheet.icons_as_properties(stylesheet.write(slim), icon)


def _own_css(root: Path) -> Iterator[stylesheet.Rule]:
    for name in STYLES:
        file = root / "static/css" / f"{name}.css"
        try:
            yield from stylesheet.parse(text_of(file))
        except NotText:
            raise
        except ValueError as wrong:
            raise ValueError(f"{file}: {wrong}") from wrong


def _step_labels(rules: tuple[stylesheet.Rule, ...]) -> tuple[stylesheet.Rule, ...]:
    """The rules without those that hide step labels on phones."""
    kept = []
    for rule in rules:
        if rule.rules is not None:
            kept.append(stylesheet.Rule(rule.head, rules=_step_labels(rule.rules)))
        elif not ("clip:rect" in rule.body and ".step" in rule.head):
            kept.append(rule)
    return tuple(kept)


def page_words(root: Path) -> frozenset[str]:
    """Every word that could be a class: those of class attributes, and of texts that templates and scripts hand on."""
    words: set[str] = set()
    for file in _templates_and_scripts(root):
        text = _COMMENT_LINE.sub("", _TEMPLATE_COMMENT.sub("", text_of(file)))
        for quoted in _QUOTED.findall(_OTHER_ATTRIBUTE.sub("", text)):
            words.update(_WORD.findall(quoted))
    return frozenset(words)


def _templates_and_scripts(root: Path) -> Iterator[Path]:
    yield from _seen((root / "templates").rglob("*.html"))
    yield from _seen((root / "static/js").glob("*.js"))


def _seen(files: Iterable[Path]) -> Iterator[Path]:
    return (file for file in files if not is_passed_over(file.name))


def _own_characters(root: Path) -> frozenset[str]:
    """Characters of our own words: ASCII, the space that does not break, templates, scripts, and Hangul in the code.

    What only staff at a terminal read is left out, and so are the signs that code looks for in what people type.
    """
    found = {chr(code) for code in (*range(0x20, 0x7F), 0xA0)}
    for file in _templates_and_scripts(root):
        found.update(character for character in text_of(file) if character.isprintable())
    terminal = [root / place for place in TERMINAL]
    for folder in ("civic", "forms_api", "publish"):
        for file in (root / folder).rglob("*.py"):
            if not any(file.is_relative_to(place) for place in terminal):
                found.update(_HANGUL.findall(file.read_text("utf-8")))
    return frozenset(found)


def _add_scripts(box: _Box, folder: Path) -> None:
    """Scripts; an import of a neighbour is rewritten to the neighbour's hashed name."""
    waiting = {file.name: text_of(file) for file in sorted(_seen(folder.glob("*.js")))}

    def add(name: str) -> str:
        if name in box.addresses:
            return box.addresses[name]
        text = waiting.pop(name)  # a KeyError here is an import that goes in a circle or nowhere
        text = re.sub(r'(from |import\()"\./([\w-]+\.js)"', lambda m: f'{m[1]}"{add(m[2])}"', text)
        return box.add(name, _COMMENT_LINE.sub("", text).encode())

    for name in list(waiting):
        add(name)
