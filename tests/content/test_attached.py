"""Files beside a notice: what may be published is on its page, and nothing else is."""

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

import build
from civic.content.attached import read_attached, safe_name
from tests.builders import SITE, write_files
from tests.test_library import report

RESIDENT, PHONE = "900101-1234567", "010-1234-5678"
PAGE = '+++\ntitle = "안내"\npublished = 2023-08-14\nkind = "notice"\n{keys}+++\n{body}\n'


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return out.getvalue()


def hwpx(*lines: str, **more: str | bytes) -> bytes:
    words = "".join(f"<p><run><t>{line}</t></run></p>" for line in lines)
    return packed({"Contents/content.hpf": "<p/>", "Contents/section0.xml": f"<sec>{words}</sec>", **more})


def docx(*lines: str) -> bytes:
    words = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)
    return packed({"word/document.xml": f'<w:document xmlns:w="w">{words}</w:document>'})


def xlsx(state: str, cell: str, **more: str) -> bytes:
    book = (
        f'<workbook xmlns:r="r"><sheets><sheet name="공개" r:id="r1"/>'
        f'<sheet name="연락처" state="{state}" r:id="r2"/></sheets></workbook>'
    )
    rels = '<R><x Id="r1" Target="worksheets/sheet1.xml"/><x Id="r2" Target="worksheets/sheet2.xml"/></R>'
    sheet = "<worksheet><sheetData><row><c><is><t>{}</t></is></c></row></sheetData></worksheet>"
    return packed(
        {
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": rels,
            "xl/worksheets/sheet1.xml": sheet.format("반"),
            "xl/worksheets/sheet2.xml": sheet.format(cell),
            **more,
        }
    )


def pdf(script: str = "") -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    if script:
        action = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject(script)}
        writer.root_object[NameObject("/OpenAction")] = writer._add_object(DictionaryObject(action))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def written_pdf(
    catalog: str = "", page: str = "", action: str = "", generation: int = 0, size: int = 5
) -> bytes:
    """A PDF as an attacker types it; action: object 4, of that generation. size: as it says itself."""
    objects = (
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] {page} >>",
        action or "null",
    )
    raw, rows = b"%PDF-1.7\n", b"0000000000 65535 f \n"
    for number, content in enumerate(objects, 1):
        own = generation if number == 4 else 0
        rows += f"{len(raw):010d} {own:05d} n \n".encode()
        raw += f"{number} {own} obj\n{content}\nendobj\n".encode()
    ends = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(raw)}\n%%EOF\n"
    return raw + b"xref\n0 5\n" + rows + ends.encode()


SCRIPT, PROGRAM = "<< /S /JavaScript /JS (x) >>", "<< /S /Launch /F (x.exe) >>"


@pytest.mark.parametrize(
    "parts",
    [
        {"catalog": f"/OpenAction {SCRIPT}"},
        {"catalog": "/OpenAction 4 0 R", "action": SCRIPT},
        {"catalog": "/OpenAction 4 0 R", "action": SCRIPT, "size": 2},
        {"catalog": "/OpenAction 4 1 R", "action": SCRIPT, "generation": 1},
        {"catalog": f"/OpenAction << /S /GoTo /D [3 0 R /Fit] /Next {PROGRAM} >>"},
        {"catalog": "/OpenAction << /S /J#61vaScript /J#53 (x) >>"},
        {"catalog": f"/Names << /JavaScript << /Names [(a) {SCRIPT}] >> >>"},
        {"catalog": "/OpenAction << /S /Rendition /JS (x) >>"},
        {"page": f"/AA << /O {SCRIPT} >>"},
        {"page": f"/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] /A {PROGRAM} >>]"},
        {"action": PROGRAM},  # nothing leads to it
    ],
)
def test_a_pdf_that_runs_something(parts: dict[str, Any]) -> None:
    """Wherever the action stands, and however it is spelled; the same PDF without one is taken."""
    found, (wrong,) = read_attached("a.pdf", written_pdf(**parts))
    assert found is None and "스크립트" in str(wrong)
    assert read_attached("a.pdf", written_pdf(catalog="/OpenAction [3 0 R /Fit]"))[0]


@pytest.mark.parametrize(
    "part",
    [
        {"catalog": f"/AcroForm << /Fields [<< /FT /Tx /T (a) /V ({RESIDENT}) >>] >>"},
        {"page": f"/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 1 1] /Contents ({RESIDENT}) >>]"},
    ],
)
def test_a_resident_number_beside_the_text_of_a_pdf(part: dict[str, Any]) -> None:
    """In a form that somebody has filled, or in a note."""
    found, (wrong,) = read_attached("a.pdf", written_pdf(**part))
    assert found is None and "주민등록번호" in str(wrong)
    plain = {key: text.replace(RESIDENT, PHONE) for key, text in part.items()}
    assert read_attached("a.pdf", written_pdf(**plain))[0]


def picture(width: int = 1000, height: int = 500, kind: str = "JPEG", turned: bool = False) -> bytes:
    out, made = io.BytesIO(), Image.new("RGB", (width, height), "navy")
    exif = made.getexif()
    exif[0x0112] = 6 if turned else 1
    exif[0x010F] = "SECRETCAM"
    made.save(out, kind, exif=exif)
    return out.getvalue()


BOMB = packed(
    {"Contents/content.hpf": "<p/>", "Contents/section0.xml": b"<a>" + b" " * 120_000_000 + b"</a>"}
)
LAUGHS = b'<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.pdf", b"", "빈 파일"),
        ("a.pdf", b"hello", "PDF가 아닙니다"),
        ("a.pdf", pdf("app.alert(1)"), "스크립트"),
        ("a.pdf", pdf()[:200], "PDF를 읽을 수 없습니다"),
        ("a.hwpx", BOMB, "풀면 너무 커지는"),
        (
            "a.hwpx",
            packed({"Contents/content.hpf": "<p/>", "Contents/section0.xml": LAUGHS}),
            "풀면 너무 커지는",
        ),
        ("a.hwpx", docx("글"), "그런 문서가 아닙니다"),
        ("a.hwpx", hwpx("글", **{"Scripts/a.js": "x"}), "매크로"),
        ("a.docx", b"PK\x03\x04", "문서를 읽을 수 없습니다"),
        ("a.docx", docx("담당", f"주민 {RESIDENT}"), "주민등록번호"),
        ("a.docx", docx("담당</w:t><w:delText>홍길동</w:delText><w:t>"), "변경 기록"),
        ("a.csv", f"이름,번호\r\n가,{RESIDENT}".encode("cp949"), "주민등록번호"),
        ("a.xlsx", xlsx("hidden", PHONE), "숨긴 시트 ‘연락처’"),
        ("a.xlsx", xlsx("veryHidden", "1"), "숨긴 시트 ‘연락처’"),
        (
            "a.xlsx",
            xlsx("visible", "1", **{"xl/pivotCache/pivotCacheRecords1.xml": f'<r><s v="{RESIDENT}"/></r>'}),
            "주민등록번호",
        ),
        (
            "a.xlsx",
            xlsx("visible", "1", **{"xl/externalLinks/externalLink1.xml": f"<a><v>{RESIDENT}</v></a>"}),
            "주민등록번호",
        ),
        ("a.docm", docx("글"), "올릴 수 없는 종류"),
        ("a.svg", b"<svg/>", "올릴 수 없는 종류"),
        ("a.exe", b"MZ", "올릴 수 없는 종류"),
        ("a.png", picture(), "다른 종류의 그림"),
        ("a.jpg", b"\xff\xd8\xff", "그림을 읽을 수 없습니다"),
        ("a.png", picture(20_000, 2, "PNG"), "20,000×2"),
        ("a.png", picture(9000, 9000, "PNG"), "9,000×9,000"),
        ("a.jpg", picture()[:-300], "그림을 읽을 수 없습니다"),
        ("a.jpg", b"\xff" * 61_000_000, "30MB보다"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_may_not_be_published_is_named(name: str, raw: bytes, said: str) -> None:
    """Empty, disguised, with scripts or macros, bombs, hidden sheets, resident numbers, far too large."""
    found, findings = read_attached(name, raw)
    assert found is None
    assert [said in each.message for each in findings] == [True]


@pytest.mark.parametrize(
    ("name", "raw", "text", "odd"),
    [
        ("a.hwpx", hwpx("첫 줄", "둘째 줄"), "첫 줄\n둘째 줄", ""),
        ("a.docx", docx("문의 062-960-8548"), "문의 062-960-8548", "전화번호"),
        ("a.xlsx", xlsx("visible", "1반"), "반\n1반", ""),
        ("a.csv", "이름\r\n가".encode("cp949"), "이름\r\n가", ""),
        ("a.pdf", pdf(), "", "스캔한"),
        ("a.hwp", b"\xd0\xcf\x11\xe0", "", "hwpx로"),
    ],
)
def test_what_documents_say_is_read(name: str, raw: bytes, text: str, odd: str) -> None:
    """The controls of the refusals: the same kinds, fit to be published; what is odd is told."""
    found, findings = read_attached(name, raw)
    assert found is not None and found.text == text
    assert [odd in each.message + each.hint for each in findings] == [True] * bool(odd)


def test_names_are_safe_and_stay() -> None:
    """ASCII names stay readable; any other gets one that is always the same, however it is spelt."""
    assert safe_name("2023 Form.PDF") == "2023-form.pdf"
    assert re.fullmatch(r"file-[0-9a-f]{6}\.hwpx", safe_name("신청서.hwpx"))
    found, _ = read_attached("신청서.hwpx".encode().decode(), hwpx("글"))
    assert found is not None and found.safe == safe_name("신청서.hwpx")


def a_site(content: Path, files: Mapping[str, bytes], keys: str = "", body: str = "본문") -> Path:
    """A content folder with one notice and files beside it."""
    page = PAGE.format(keys=keys, body=body)
    write_files(content, {"site.toml": SITE, "programs/form/index.md": page})
    for name, raw in files.items():
        (content / "programs/form" / name).write_bytes(raw)
    return content


@pytest.mark.parametrize(
    ("files", "keys", "body", "said"),
    [
        ({"a.pdf": b""}, "", "본문", "programs/form/a.pdf: 빈 파일입니다"),
        ({"a b.hwpx": hwpx("글"), "a_b.hwpx": hwpx("글")}, "", "본문", "이름이 같습니다"),
        (
            {"a.jpg": picture(), "a.png": picture(kind="PNG")},
            "",
            "![말](a.jpg) ![말](a.png) 글",
            "programs/form/a.png: a.jpg와 누리집에서의 이름이 같습니다",
        ),
        ({"a.hwpx": hwpx("글")}, "", "[서식](b.hwpx)", "programs/form/index.md:6"),
        ({"a.jpg": picture()}, "", "![](a.jpg)", "그림을 말로 설명하세요"),
        (
            {"a.jpg": picture()},
            'poster = "b.jpg"\nposter_alt = "말"\n',
            "![말](a.jpg) 글",
            "poster: 글의 폴더에 없는 그림",
        ),
        ({"a.jpg": picture()}, 'poster = "a.jpg"\n', "본문", "poster_alt에 글로"),
        ({"a.hwpx": hwpx("글")}, '[[attachments]]\nfile = "b.hwpx"\ntitle = "서식"\n', "본문", "혹시 a.hwpx"),
        ({"a.hwpx": hwpx("글")}, "", "", "글이 없습니다"),
        ({"a.jpg": picture()}, "", "본문", "글에 쓰지 않은 그림"),
    ],
)
def test_a_page_and_its_files_fit(
    tmp_path: Path, files: Mapping[str, bytes], keys: str, body: str, said: str
) -> None:
    """Each mistake with the file or line where it is."""
    assert any(said in line for line in report(a_site(tmp_path, files, keys, body)))


def test_folders_without_a_page_and_pages_twice(tmp_path: Path) -> None:
    """A folder needs its index.md; a page beside its own folder is one page too many."""
    content = a_site(tmp_path, {})
    (content / "programs/empty").mkdir()
    (content / "programs/form.md").write_text(PAGE.format(keys="", body="본문"), "utf-8")
    lines = report(content)
    assert any("programs/empty: 폴더에 글(index.md)이 없습니다" in line for line in lines)
    assert any("programs/form/index.md: programs/form.md와 주소가 같습니다" in line for line in lines)


def test_files_are_on_the_page_and_in_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures in two kinds and all widths, turned and without what the camera noted; a corrected form keeps its address."""
    files = {
        "양식.hwpx": hwpx("신청서", "이름:"),
        "a.jpg": picture(1000, 500, turned=True),
        "b.png": picture(30, 20, "PNG"),
    }
    body = '[양식](양식.hwpx)\n![호수](a.jpg)\n![](b.png "decor") 글'
    keys = '[[attachments]]\nfile = "양식.hwpx"\ntitle = "신청서 서식"\n'
    content, site = a_site(tmp_path / "content", files, keys, body), tmp_path / "site"
    call = ["--content", str(content), "--out", str(site), "--now", "2023-08-16T09:00:00"]
    assert build.main(call) == 0, capsys.readouterr()
    page, place = (site / "programs/form/index.html").read_text("utf-8"), safe_name("양식.hwpx")
    assert f'<a href="/programs/form/{place}" download="양식.hwpx">신청서 서식</a>' in page
    assert f'<a href="/programs/form/{place}">양식</a>' in page
    assert "HWPX, 1KB" in page and "<p>이름:</p>" in page
    assert 'alt="호수" width="500" height="1000" loading="lazy"' in page and 'alt="" width="30"' in page
    assert 'srcset="/programs/form/a-480.webp 480w, /programs/form/a-500.webp 500w"' in page
    with Image.open(site / "programs/form/a-480.jpg") as made:
        assert made.size == (480, 960) and not made.getexif()
    assert b"SECRETCAM" not in (site / "programs/form/a-480.jpg").read_bytes()
    capsys.readouterr()
    (content / "programs/form/양식.hwpx").write_bytes(hwpx("신청서 이름"))
    assert build.main(call) == 0
    assert "<p>신청서 이름</p>" in (site / "programs/form/index.html").read_text("utf-8")
    assert (site / "programs/form" / place).read_bytes() == (content / "programs/form/양식.hwpx").read_bytes()
