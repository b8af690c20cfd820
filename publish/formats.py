"""Are XML files and calendars what every program can read? Pure: bytes in, the first fault out; cheap where there is none."""

import re
from typing import NamedTuple
from xml.parsers import expat


class Fault(NamedTuple):
    """What is wrong with a built file. line: 0 where it is the whole."""

    said: str
    line: int = 0


def xml_fault(content: bytes) -> Fault | None:
    """The first fault of an XML document, namespaces included; None for a well-formed one."""
    parser = expat.ParserCreate(namespace_separator=" ")
    try:
        parser.Parse(content, True)
    except expat.ExpatError as wrong:
        return Fault(f"XML로 읽을 수 없습니다: {expat.ErrorString(wrong.code)}", wrong.lineno)
    return None


# RFC 5545, what of it we write: no components but events, no zones. Lines end with CRLF, folded at 75 bytes.
_LONGEST = 75
_TEXTS = "SUMMARY|LOCATION|DESCRIPTION|COMMENT|UID|X-WR-CALNAME"
_PLAIN = r"[^\\;,\x00-\x08\x0a-\x1f\x7f]*+"
_TEXT = rf"{_PLAIN}(?:\\[\\;,nN]{_PLAIN})*"
# Only single signs are repeated without a way back (*+): what is more, Python 3.11.2 (Debian 12) does wrongly.
_PARAMETER = r'(?:;[A-Z][A-Z0-9-]*+=(?:"[^"\x00-\x1f\x7f]*+"|[^";:,\x00-\x1f\x7f]*+))*'
_PROPERTY = (
    rf"(?!BEGIN:|END:)(?:(?:{_TEXTS}){_PARAMETER}:{_TEXT}"
    rf"|(?:DTSTAMP|DTSTART|DTEND):\d{{8}}T(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ"
    rf"|(?!(?:{_TEXTS}|DTSTAMP|DTSTART|DTEND)[;:])[A-Z][A-Z0-9-]*+{_PARAMETER}:[^\x00-\x08\x0a-\x1f\x7f]*+)\r\n"
)
_EVENT = rf"BEGIN:VEVENT\r\n(?:{_PROPERTY})+END:VEVENT\r\n"
_CALENDAR = re.compile(rf"BEGIN:VCALENDAR\r\n(?:{_PROPERTY})+(?:{_EVENT})*END:VCALENDAR\r\n")
_LINE = re.compile(rf"(?:BEGIN|END):(?:VCALENDAR|VEVENT)\r\n|{_PROPERTY}")
_ONCE = {"VEVENT": ("UID", "DTSTAMP", "DTSTART"), "VCALENDAR": ("VERSION", "PRODID")}
_UID = re.compile(r"\r\nUID:([^\r]*)")


def calendar_fault(content: bytes) -> Fault | None:
    """The first fault of an iCalendar file; None for one that is right to the letter."""
    for number, row in enumerate(content.split(b"\r\n"), 1):
        if len(row) > _LONGEST:
            return Fault("달력 파일의 한 줄이 75바이트를 넘습니다", number)
    if re.search(rb"\r\n [\x80-\xbf]", content):
        return Fault("달력 파일의 글자가 줄 사이에서 나뉘었습니다")
    text = content.decode().replace("\r\n ", "")
    if not _CALENDAR.fullmatch(text):
        lines = text.split("\r\n")
        wrong = next((n for n, line in enumerate(lines[:-1], 1) if not _LINE.fullmatch(f"{line}\r\n")), 0)
        said = (
            "달력 파일의 줄이 규칙(RFC 5545)에 맞지 않습니다" if wrong else "달력 파일의 짜임이 맞지 않습니다"
        )
        return Fault(said, wrong)
    events = text.count("\r\nBEGIN:VEVENT\r\n")
    for name, times in (("VEVENT", events), ("VCALENDAR", 1)):
        for key in _ONCE[name]:
            if text.count(f"\r\n{key}:") != times:
                return Fault(f"달력 파일의 {name}마다 {key}가 꼭 하나 있어야 합니다")
    if len(set(_UID.findall(text))) != events:
        return Fault("달력 파일에 같은 UID가 둘 있습니다")
    return None
