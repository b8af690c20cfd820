"""The dialect of notices: lines as Korean offices type them, arranged so that Markdown reads what the writer meant.

docs/content-guide.md says the rules to staff. Where a line could mean two things it stays text, and staff are told.
"""

import re
from dataclasses import dataclass, field

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.util import BLOCK_LEVEL_ELEMENTS

from civic.content.tables import BULLET, piped, table_end, while_lines

NOT_COUNTED = "번호가 하나씩 늘지 않아 목록이 아니라 글로 보입니다. 1. 2. 3.처럼 차례로 쓰거나 그대로 두세요"
Odd = tuple[int, str]  # line of the text (0 is the first), what looks odd there

_DEPTHS = (1, 4)  # blanks before a marked line from which it stands one step, two steps further in
_NUMBER = re.compile(r"(\d{1,9})\.[ \t]+(?=\S)")
_NUMBERED = re.compile(r"^[\s>]*\d{1,9}\.[ \t]", re.MULTILINE)
# "2023. 8. 16.", and "10. 4." but for "1. 10. 4." and "3. 5.5"
_DATE = re.compile(
    r"\d{4}\.\s*\d{1,2}\.|(1[0-2]|0?[1-9])\.\s*(3[01]|[12]\d|0?[1-9])\.(?!\d)(?!\s*\d{1,2}\.(?!\d))"
)
_THREE = re.compile(r"\d{1,2}\.\s*(1[0-2]|0?[1-9])\.\s*(3[01]|[12]\d|0?[1-9])\.")
_MARK = re.compile(
    r"[가나다라마바사아자차카타파하][.)][ \t]|\(?(\d{1,2}|[가-하])\)[ \t]*\S|[①-⑳㉠-㉻]|[○●◦◎□■❍◇◆△▲▷▶※☞•‣]|ㅇ[ \t]"
)
_MARKED = "{{: .mark-{} }}"  # what ends a paragraph that begins with a mark
_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_RULE = re.compile(r"([-*_])[ \t]*(?:\1[ \t]*){2,}")
_ATTRIBUTES = re.compile(r"\{:[^{}]*\}")
_NOTE = re.compile(r"\[\^[^\]]+\]:[ \t]*")
_TAG = re.compile(r"<(?:!--|/?([a-zA-Z][\w-]*))")
_DETAILS = re.compile(r"^<details\b(?![^>]*\bmarkdown=)")
_OPENED = frozenset({"details", "summary"})  # inside of them stands Markdown
_RAW = frozenset(BLOCK_LEVEL_ELEMENTS) - _OPENED
_ENDS_SENTENCE = re.compile(r"[^\W\d_][\"'”’)\]]*[.?!][\"'”’)\]]*$")
# "가", "「가", "[가](/a/)", "2023년", but not "2023." or "(가)"
_WORD = re.compile(r"(?:[「『‘“\"'*_`]|\[(?=[^\]]*\]\())*(?:\d[\d,]*)?[^\W\d_]")
_NUMBER_AT_START = re.compile(r"\d+(?=\.[ \t])")


@dataclass
class _Level:
    """A list that is open: how far in its items stand, and the number of the last one; None for dashes."""

    indent: int
    number: int | None


@dataclass
class _Arranged:
    """What was arranged so far."""

    lines: list[str] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)
    levels: list[_Level] = field(default_factory=list)
    before: str = ""  # what the line before is: "" (blank or the end of something), "text", "item"
    said: str = ""  # the line before, as typed
    tail: str = ""  # what ends the paragraph that is open
    counted: int = 0  # the last number of the last list


def arranged(text: str) -> tuple[list[str], list[Odd]]:
    """(the lines for Markdown, what looks odd). "" gives one empty line."""
    found, lines = _Arranged(), text.split("\n")
    at = 0
    while at < len(lines):
        at = _take(found, lines, at)
    _end(found, keep_lists=False)
    return found.lines, found.odd


def _take(found: _Arranged, lines: list[str], at: int) -> int:
    """Arrange what begins at a line; the line behind it."""
    line = lines[at]
    said = line.strip()
    if not said:
        _end(found, keep_lists=True)
        found.lines.append("")
        return at + 1
    if said[0] == "<" and (end := _raw_end(lines, at)):
        return _block(found, lines[at:end], end)
    if said[0] == "<" and re.match(r"</?(details|summary)\b", said):
        return _block(found, [said], at + 1)
    if said[0] == ">":
        end = while_lines(lines, at, lambda each: each.strip().startswith(">"))
        inner, odd = arranged("\n".join(re.sub(r"^\s*>[ \t]?", "", each) for each in lines[at:end]))
        found.odd += [(at + number, what) for number, what in odd]
        return _block(found, [f"> {each}" for each in inner], end)
    if end := table_end(lines, at):
        rows = lines[at:end]
        return _block(found, rows if "|" in rows[0] and "\t" not in rows[0].strip() else piped(rows), end)
    if _HEADING.match(said) or _RULE.fullmatch(said):
        return _block(found, [said], at + 1)
    if note := _NOTE.match(said):
        _block(found, [note.group() + _plain(said[note.end() :])], at + 1)
        found.before = "note"
    elif _ATTRIBUTES.fullmatch(said) and found.before:
        found.lines.append(said)
    elif not _item(found, lines, at, said.replace("\t", " ")):
        _text(found, line, said.replace("\t", " "))
    return at + 1


def _block(found: _Arranged, lines: list[str], end: int) -> int:
    """Lines that stand for themselves."""
    _end(found, keep_lists=False)
    _apart(found)
    found.lines += [*lines, ""]
    return end


def _apart(found: _Arranged) -> None:
    """What comes next begins anew."""
    if found.lines and found.lines[-1]:
        found.lines.append("")


def _item(found: _Arranged, lines: list[str], at: int, said: str) -> bool:
    """Take a line as an item of a list, if it is one."""
    bullet, number = BULLET.match(said), _NUMBER.match(said)
    indent = _indent(lines[at])
    count = int(number.group(1)) if number else None
    if not bullet and (count is None or not _counts(found, lines, at, said, count, indent)):
        return False
    depth = next(
        (
            n
            for n, level in enumerate(found.levels)
            if indent < level.indent + (2 if (level.number is None) == (count is None) else 1)
        ),
        len(found.levels),
    )
    goes_on = found.before == "item"
    is_new = depth == len(found.levels) or (found.levels[depth].number is None) != (count is None)
    _end(found, keep_lists=True)
    if not is_new:  # one list, however many blank lines its writer left
        while not found.lines[-1]:
            found.lines.pop()
    elif not goes_on or depth < len(found.levels):
        _apart(found)
    found.levels[depth:] = [_Level(indent if is_new else found.levels[depth].indent, count)]
    marker, words = said.split(None, 1)
    found.lines.append(f"{'    ' * depth}{marker} {_plain(words)}")
    found.before, found.said = "item", said
    found.counted = count or found.counted
    return True


def _counts(found: _Arranged, lines: list[str], at: int, said: str, count: int, indent: int) -> bool:
    """Does this number go on with a list, or begin one that counts up by one?"""
    level = next((each for each in found.levels if abs(each.indent - indent) < 2), None)
    expected = level.number + 1 if level and level.number is not None else None
    if _DATE.match(said) or (_THREE.match(said) and count not in (1, expected)):
        return False
    if expected == count:
        return True
    following = next((each for each in lines[at + 1 :] if each.strip() and _indent(each) <= indent), "")
    next_one = _NUMBER.match(following.strip())
    goes_on = not next_one or int(next_one.group(1)) == count + 1 or bool(_DATE.match(following.strip()))
    if expected is None and goes_on and (count in (0, 1) or count == found.counted + 1):
        return True
    if not re.search(rf"(?<!\d){count - 1}\.[ \t]", found.said):  # "붙임 1. …" and below it "2. …"
        found.odd.append((at, NOT_COUNTED))
    return False


def _text(found: _Arranged, line: str, said: str) -> None:
    """A line of words: it goes on with the paragraph or item before it, or begins a paragraph."""
    indent, marked = _indent(line), bool(_MARK.match(said))
    in_item = bool(found.levels) and indent > 0
    if in_item and found.before in ("item", "text"):
        deeper = "&emsp;" * ((indent - found.levels[-1].indent - 1) // 3) if marked else ""
        _go_on(found, said, f"{'    ' * (len(found.levels) - 1)}{deeper}{_plain(said)}", breaks=marked)
        return
    if in_item and indent >= 2:
        found.lines.append(f"{'    ' * len(found.levels)}{_plain(said)}")
        found.before, found.said = "text", said
        return
    if found.before == "note" and indent > 0:
        found.lines[-1] = f"    {_plain(said)}"
        found.lines.append("")
        return
    is_behind = not indent and found.tail and found.tail != _MARKED.format(1)
    if found.levels or marked or is_behind:
        _end(found, keep_lists=False)
        _apart(found)
    if marked:
        found.tail = _MARKED.format(1 + sum(indent >= least for least in _DEPTHS))
    if found.before == "text" and not marked:
        _go_on(found, said, _plain(said), breaks=False)
    else:
        found.lines.append(_plain(said))
    found.before, found.said = "text", said


def _go_on(found: _Arranged, said: str, line: str, breaks: bool) -> None:
    flows = not breaks and _ENDS_SENTENCE.search(found.said) and _WORD.match(said)
    if not flows and not found.lines[-1].endswith(("  ", "<br>", "<br/>", "<br />")):
        found.lines[-1] += "  "
    found.lines.append(line)
    found.said = said


def _end(found: _Arranged, keep_lists: bool) -> None:
    """The paragraph is over, and unless they are kept the lists too."""
    if found.tail:
        found.lines.append(found.tail)
        found.tail = ""
    if not keep_lists and found.levels:
        found.levels.clear()
        _apart(found)
    found.before = found.said = ""


def _plain(said: str) -> str:
    """Words that are to stay words, though they begin as a list or heading does."""
    if number := _NUMBER_AT_START.match(said):
        return f"{number.group()}\\{said[number.end() :]}"
    return f"\\{said}" if said.startswith("#") or re.match(r"[-+*][ \t]", said) else said


def _indent(line: str) -> int:
    """Blanks before the words; a tab counts four, a wide blank two."""
    blanks = line[: len(line) - len(line.lstrip())]
    return len(blanks.replace("\t", "    ").replace("\u3000", "  "))


def _raw_end(lines: list[str], at: int) -> int:
    """The line behind an HTML block that begins here and stays as it is; 0 where none does."""
    tag = _TAG.match(lines[at].strip())
    if tag is None or (tag.group(1) and tag.group(1).lower() not in _RAW):
        return 0
    name = (tag.group(1) or "").lower()
    depth = 0
    for end in range(at, len(lines)):
        if name:
            depth += sum(
                -1 if mark == "/" else 1 for mark in re.findall(rf"<(/?){name}\b", lines[end].lower())
            )
        is_over = depth <= 0 if name else "-->" in lines[end]
        if is_over or name == "hr":
            return end + 1
    return len(lines)


class _Lines(Preprocessor):
    """Before any other: tabs still tell columns apart."""

    def run(self, lines: list[str]) -> list[str]:
        return [_DETAILS.sub('<details markdown="1"', line) for line in arranged("\n".join(lines))[0]]


class TypedLines(Extension):
    """Lines as arranged here; no code by four blanks, no addresses kept aside, no headings by a line below."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        md.preprocessors.register(_Lines(md), "dialect", 35)
        for name in ("code", "reference", "setextheader"):
            md.parser.blockprocessors.deregister(name)
        for name in ("reference", "image_reference", "short_reference", "short_image_ref"):
            md.inlinePatterns.deregister(name)


def odd_lines(text: str) -> list[Odd]:
    """What staff should look at; quick where nothing is numbered."""
    return arranged(text)[1] if _NUMBERED.search(text) else []
