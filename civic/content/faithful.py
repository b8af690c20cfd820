"""Does a page show just the letters and digits that its writer typed, numbers of lists included? No files."""

import html
import re
import unicodedata
from collections.abc import Iterator

_LETTERS = re.compile(r"[^\W_]")
_OTHERS = re.compile(r"[\W_]+")
_CODE = re.compile(r"`[^`\n]+`")
_NAMES = re.compile(r"\{:?[ ]*[#.][^{}\n]*\}|\[\^[^\]\n]+\](?!:)")
_FOOTNOTE = re.compile(r"^[ ]{0,3}\[\^[^\]\n]+\]:", re.MULTILINE)
# What of a source is not to be seen: comments, what browsers hide, tags, the targets of links, pictures, ids.
_UNSEEN = re.compile(
    r"<!--.*?-->|<(style|script|head|title)\b.*?</\1\s*>|<(?!https?:|[^<>\s]+@)/?[a-zA-Z][^<>]*>|!\[[^\]]*\]\([^)\s]*[^)]*\)"
    r"|(?<=\])\((?:<[^<>\n]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)",
    re.DOTALL | re.IGNORECASE,
)
# Of a page: what only says that a link leaves the site, and the places of footnotes.
_ADDED = re.compile(
    r'<span class="sr-only">.*?</span>|<sup[^>]*><a class="footnote-ref".*?</sup>|<a class="footnote-backref".*?</a>'
    r'|<div class="footnote">\s*<hr>\s*<ol>|<hr>',
    re.DOTALL,
)
_LISTS = re.compile(r'<(/?)(ol|ul|li)(?: (?:[^>]*?\b)?start="(\d+)"[^>]*| [^>]*)?>')


def unlike(source: str, shown: str) -> int | None:
    """The line of the source (0 is the first) from which on the page shows other letters or digits; None when it does not.

    shown: the page's HTML as `prose` makes it.
    """
    typed = unicodedata.normalize("NFC", source)
    if "{" in typed or "[^" in typed:  # running words in braces are seen, names of places and notes are not
        words = html.unescape(re.sub(r"<[^>]*>", "", shown))
        typed = _NAMES.sub(lambda found: found.group() if found.group() in words else "", typed)
    seen, blanked = _seen(shown), _blanked(typed)
    if "[^" not in typed and _letters(blanked) == seen:
        return None
    letters = list(_typed(blanked))
    if "<ol" in typed:  # its numbers are nowhere typed
        seen, letters = re.sub(r"\d", "", seen), [each for each in letters if not each[0].isdecimal()]
    if "".join(letter for letter, _ in letters) == seen:
        return None
    same = next(
        (n for n, (each, _) in enumerate(letters) if n >= len(seen) or each != seen[n]), len(letters) - 1
    )
    return letters[same][1] if letters else 0


def _blanked(source: str) -> str:
    """The source with blanks for what is not to be seen; its lines stay."""
    if "`" in source:
        source = _CODE.sub(lambda code: re.sub(r"[^\w\n]", " ", code.group()), source)
    if "<" in source or "[" in source:
        return _UNSEEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)
    return source


def _typed(blanked: str) -> Iterator[tuple[str, int]]:
    """Each letter or digit that is to be seen, with its line; those of footnotes last."""
    body: list[tuple[str, int]] = []
    notes: list[tuple[str, int]] = []
    is_note = False
    for number, line in enumerate(blanked.split("\n")):
        note = _FOOTNOTE.match(line)
        is_note = bool(note) or (is_note and (not line.strip() or line.startswith((" ", "\t"))))
        said = line[note.end() :] if note else line
        if "&" in said:
            said = html.unescape(said)
        (notes if is_note else body).extend((letter, number) for letter in _LETTERS.findall(said))
    yield from body
    yield from notes


def _seen(shown: str) -> str:
    """Every letter and digit of a page, with the numbers that lists show."""
    if "<" not in shown:
        return _letters(shown)
    counts: list[int | None] = []  # of the lists that are open: the next number, None for dashes

    def numbered(found: re.Match[str]) -> str:
        ends, name, start = found.groups()
        if name == "li":
            if ends or not counts or counts[-1] is None:
                return " "
            counts[-1] += 1
            return f" {counts[-1] - 1} "
        if ends:
            counts[-1:] = []
        else:
            counts.append(int(start or 1) if name == "ol" else None)
        return " "

    plain = _ADDED.sub(lambda found: "<ul>" if "<ol>" in found.group() else " ", shown)
    if "<li" in plain:
        plain = _LISTS.sub(numbered, plain)
    return _letters(re.sub(r"<[^>]*>", " ", plain))


def _letters(text: str) -> str:
    return _OTHERS.sub("", "".join(html.unescape(text).split()))  # most of what goes are blanks
