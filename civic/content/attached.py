"""Files beside a notice: is each what its name says, may it be published, what does it say? No site, no clock.

Whatever is attached is read before anybody can download it: resident numbers, hidden sheets, scripts and bombs are mistakes.
"""

import hashlib
import io
import logging
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree

from civic.errors import Mistake
from civic.text import has_resident_number, nfc

LARGEST = 30 * 1024 * 1024  # bytes of a file
LARGEST_SIDE = 12_000  # pixels
MOST_PIXELS = 40_000_000  # of a picture: 120 MB while it is made smaller
LARGEST_INSIDE = 100 * 1024 * 1024  # bytes of all that a packed file holds
MOST_INSIDE = 3000  # files that it holds
MOST_TEXT = 200_000  # characters that are kept of a document
PICTURES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
DOCUMENTS = (".pdf", ".hwpx", ".hwp", ".docx", ".xlsx", ".pptx", ".csv")
_REFUSED = {
    ".svg": "PNG로 저장해 올리세요",
    ".gif": "PNG나 JPG로 저장해 올리세요",
    ".zip": "파일을 하나씩 올리세요",
}
# What a packed document must hold to be what it says, and where its words lie.
_PACKED = {
    ".hwpx": ("Contents/content.hpf", r"Contents/section\d+\.xml|Contents/header\.xml"),
    ".docx": ("word/document.xml", r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"),
    ".xlsx": (
        "xl/workbook.xml",
        r"xl/(sharedStrings|comments\d*|(worksheets|externalLinks|pivotCache)/[^/]+)\.xml",
    ),
    ".pptx": ("ppt/presentation.xml", r"ppt/(slides|notesSlides|comments)/[^/]+\.xml"),
}
# Documents whose words are not known, and what to do about it.
_WORDLESS = {
    ".hwp": ("hwp는 글을 읽어 살펴볼 수 없습니다", "hwpx로 저장하면 검사하고 글로도 보여 줍니다"),
    ".pdf": ("글이 없는(스캔한) PDF입니다. 읽지 못하는 사람이 있습니다", "글이 있는 PDF로 바꾸세요"),
}
_RESIDENT = "주민등록번호로 보이는 숫자가 들어 있습니다. 지우고 다시 올리세요"
_RUNNING = {"/JavaScript", "/JS"}  # keys of a PDF's dictionaries
_BREAKS = ("p", "tr", "row", "si", "c", "br", "lineBreak")  # elements with which a line begins
_WORDS = ("t", "v", "text")  # elements that hold them


class _Wrong(Exception):
    """Why a file may not be published, and what to do."""


@dataclass(frozen=True)
class Attached:
    """One file beside a page. safe: its name in the site; width, height: of a picture as it is to be seen, else 0."""

    name: str
    safe: str
    size: int  # bytes
    digest: str  # SHA-256
    width: int = 0
    height: int = 0
    text: str = ""  # of a document; "" where none can be read

    @property
    def ending(self) -> str:
        return _ending(self.name)

    @property
    def is_picture(self) -> bool:
        return self.ending in PICTURES


def read_attached(place: str, raw: bytes) -> tuple[Attached | None, list[Mistake]]:
    """A file and what staff should look at; or None and why it may not be published. place: within the content."""
    name = nfc(place.rpartition("/")[2])
    ending = _ending(name)
    found = Attached(name, safe_name(name), len(raw), hashlib.sha256(raw).hexdigest())
    try:
        _check_kind(ending, raw)
        if ending in PICTURES:
            width, height = _measures(raw, PICTURES[ending])
            return replace(found, width=width, height=height), []
        text = _text(ending, raw)
        if has_resident_number(text):
            raise _Wrong(_RESIDENT)
    except _Wrong as wrong:
        return None, [_told(place, *wrong.args)]
    except Exception:  # whatever a broken file makes a library raise
        what = "그림을" if ending in PICTURES else "PDF를" if ending == ".pdf" else "문서를"
        hint = "암호를 풀고 다시 저장해 올리세요" if ending in _PACKED else "다시 저장해 올리세요"
        return None, [_told(place, f"{what} 읽을 수 없습니다", hint)]
    from civic.people import personal_data_in  # slow to load, and most pages have no document

    odd = [_told(place, *_WORDLESS[ending])] if ending in _WORDLESS and not text.strip() else []
    if personal := personal_data_in(text):
        odd.append(_told(place, f"{personal}가 들어 있습니다. 공개해도 되는지 확인하세요"))
    return replace(found, text=text[:MOST_TEXT]), odd


def _told(place: str, said: str, hint: str = "") -> Mistake:
    return Mistake(place, 0, "", said, "", hint)


def safe_name(name: str) -> str:
    """A name for addresses, always the same for the same name: "2023 Form.PDF" -> "2023-form.pdf", "신청서.hwpx" ->
    "file-1a2b3c.hwpx"."""
    ending = _ending(name)
    stem = name[: len(name) - len(ending)]
    plain = "-".join(re.findall(r"[a-z0-9]+", stem.lower())) if stem.isascii() else ""
    return f"{plain[:60] or 'file-' + hashlib.sha256(stem.encode()).hexdigest()[:6]}{ending}"


def _ending(name: str) -> str:
    _, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot else ""


def _check_kind(ending: str, raw: bytes) -> None:
    if ending not in PICTURES and ending not in DOCUMENTS:
        hint = _REFUSED.get(ending, f"쓸 수 있는 종류: {', '.join((*PICTURES, *DOCUMENTS))}")
        newer = next((f"{each}x" for each in (ending, ending[:-1]) if f"{each}x" in DOCUMENTS), "")
        raise _Wrong("올릴 수 없는 종류입니다", f"매크로 없이 {newer}로 저장하세요" if newer else hint)
    if not raw:
        raise _Wrong("빈 파일입니다", "다시 저장해 올리세요")
    if len(raw) > LARGEST:
        raise _Wrong(f"파일이 {LARGEST // 1024 // 1024}MB보다 큽니다", "줄여서 올리세요")


def _measures(raw: bytes, kind: str) -> tuple[int, int]:
    """Width and height as people see the picture: turned as its camera noted."""
    from PIL import Image, ImageOps  # slow to load, and most pages have no picture

    Image.MAX_IMAGE_PIXELS = None  # there is a lower limit below, which says the size
    with Image.open(io.BytesIO(raw)) as picture:
        if picture.format != kind:
            raise _Wrong("이름과 다른 종류의 그림입니다", f"{kind}로 다시 저장하세요")
        width, height = picture.size
        if max(width, height) > LARGEST_SIDE or width * height > MOST_PIXELS:
            raise _Wrong(f"너무 큰 그림입니다({width:,}×{height:,}픽셀)", "줄여서 올리세요")
        picture.load()  # all of it: one cut short is told here, with its name
        return ImageOps.exif_transpose(picture).size


def _text(ending: str, raw: bytes) -> str:
    """The words of a document; "" where there are none, or none that can be read."""
    if ending == ".csv":
        for coding in ("utf-8-sig", "cp949"):
            with suppress(UnicodeDecodeError):
                return raw.decode(coding)
        raise _Wrong("CSV의 글자를 읽을 수 없습니다", "UTF-8로 저장하세요")
    if ending == ".pdf":
        return _pdf_text(raw)
    if ending != ".hwp":
        return _packed_text(ending, raw)
    if not raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise _Wrong("한글 문서(.hwp)가 아닙니다")
    return ""


def _pdf_text(raw: bytes) -> str:
    import pypdf  # slow to load

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it wonders about is told here

    if not raw.startswith(b"%PDF-"):
        raise _Wrong("PDF가 아닙니다")
    reader = pypdf.PdfReader(io.BytesIO(raw))
    if reader.is_encrypted:
        raise _Wrong("암호가 걸린 PDF입니다", "암호를 풀고 올리세요")
    _check_objects(reader)
    return "\n".join(page.extract_text() for page in reader.pages)


def _check_objects(reader: Any) -> None:
    """Raises _Wrong where anything in a PDF runs something, or a field or note holds a resident number: in every object,
    also where nothing leads to it, and whatever stands in it."""
    from pypdf.generic import IndirectObject

    known = [(number, generation) for generation, places in reader.xref.items() for number in places]
    known += [(number, 0) for number in reader.xref_objStm]
    left: list[Any] = [reader.trailer, *(IndirectObject(*each, reader).get_object() for each in known)]
    while left:
        each = left.pop()
        if isinstance(each, Mapping):
            if each.get("/S") in ("/JavaScript", "/Launch") or not _RUNNING.isdisjoint(each):
                raise _Wrong("실행되는 것(스크립트)이 들어 있는 PDF입니다", "인쇄하듯 PDF로 다시 저장하세요")
            left += each.values()
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str) and has_resident_number(each):
            raise _Wrong(_RESIDENT)


def _packed_text(ending: str, raw: bytes) -> str:
    needed, places = _PACKED[ending]
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        inside, names = packed.infolist(), packed.namelist()
        if len(inside) > MOST_INSIDE or sum(each.file_size for each in inside) > LARGEST_INSIDE:
            raise _Wrong("풀면 너무 커지는 파일입니다", "그림을 줄여 다시 저장하세요")
        if needed not in names:
            raise _Wrong(f"이름은 {ending}인데 그런 문서가 아닙니다", "프로그램에서 다시 저장하세요")
        if any(name.lower().endswith(("vbaproject.bin", ".js")) for name in names):
            raise _Wrong("매크로가 들어 있습니다", f"매크로를 지우고 {ending}로 저장하세요")
        for sheet in _read_xml(packed, needed).iter() if ending == ".xlsx" else ():
            if _tag(sheet) == "sheet" and sheet.get("state", "visible") != "visible":
                said = f"숨긴 시트 ‘{sheet.get('name', '')}’가 있습니다"
                raise _Wrong(said, "지우거나 보이게 한 뒤 다시 저장하세요")
        parts = ((int(re.sub(r"\D", "", name) or 0), name) for name in names if re.fullmatch(places, name))
        return "\n".join(line for _, name in sorted(parts) for line in _lines(_read_xml(packed, name)))


def _read_xml(packed: zipfile.ZipFile, name: str) -> ElementTree.Element:
    """A part of a document. Its true size counts."""
    with packed.open(name) as file:
        content = file.read(LARGEST_INSIDE + 1)
    if len(content) > LARGEST_INSIDE or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise _Wrong("풀면 너무 커지는 파일입니다")
    return ElementTree.fromstring(content)  # noqa: S314 (no entities, bounded)


def _lines(part: ElementTree.Element) -> list[str]:
    """The words of a part, a line for each paragraph, row or cell that has any. Raises _Wrong for deleted ones in it."""
    lines = [""]
    for element in part.iter():
        if _tag(element) in _BREAKS:
            lines.append("")
        elif _tag(element) == "delText":
            raise _Wrong("지운 글이 변경 기록에 남아 있습니다", "변경 내용을 모두 적용하고 다시 저장하세요")
        elif _tag(element) in _WORDS:
            lines[-1] += "".join(element.itertext())
        elif element.get("v"):  # of a pivot table, which keeps what its sheet no longer shows
            lines += [element.get("v", ""), ""]
    return [line.strip() for line in lines if line]


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]
