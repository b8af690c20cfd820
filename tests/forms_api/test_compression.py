"""Text of the site goes out compressed to whoever takes that, once per content, with caches kept right."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from forms_api.site import LARGEST, Files
from tests.builders import write_content, write_files
from tests.forms_api.conftest import LECTURES
from tests.forms_api.server import Server

LONG = "<h1>강좌</h1>" + "<p>같은 줄이 여러 번 나옵니다.</p>" * 200
TEXTS = {
    "index.html": LONG,
    "404.html": LONG.replace("강좌", "없음"),
    "assets/site.1a2b3c4d.css": "p { color: black }\n" * 300,
    "assets/site.1a2b3c4d.js": "export const a = 1;\n" * 300,
    "assets/icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'>" + "<g/>" * 300 + "</svg>",
    "feed.xml": "<feed>" + "<entry/>" * 300 + "</feed>",
    "open-data/forms.json": '{"a": [' + "1, " * 300 + "1]}",
    "calendar.ics": "BEGIN:VCALENDAR\r\n" * 100,
}
FONT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server over TEXTS; it says itself what it accepts."""
    folder = tmp_path_factory.mktemp("compressed")
    write_files(folder / "site", {**TEXTS, "tiny.txt": "x"})
    (folder / "site/assets/font.1a2b3c4d.woff2").write_bytes(FONT)
    content = write_content(folder / "content", {"plain": LECTURES["plain"]})
    with Server(content, folder / "var/data", site=folder / "site") as server, server.client() as client:
        yield client


def raw(client: httpx.Client, path: str, accepts: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer and its bytes as they came over the line."""
    with client.stream("GET", path, headers={"Accept-Encoding": accepts, **headers}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_kind_of_text_is_compressed(reader: httpx.Client, name: str) -> None:
    """Smaller on the line, the same when unpacked; the plain one for whoever takes only that."""
    path = "/nothing/" if name == "404.html" else f"/{name.removesuffix('index.html')}"
    small, sent = raw(reader, path, "br, gzip")
    plain, whole = raw(reader, path, "identity")
    assert small.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert gzip.decompress(sent) == whole == TEXTS[name].encode()
    assert len(sent) < len(whole) / 4
    assert int(small.headers["content-length"]) == len(sent)
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert small.headers["etag"] != plain.headers["etag"]
    assert small.headers["content-type"] == plain.headers["content-type"]


@pytest.mark.parametrize(
    ("accepts", "is_small"),
    [
        ("gzip", True),
        ("*", True),
        ("gzip;q=0.1, identity", True),
        ("gzip;q=0", False),
        ("br", False),
        ("", False),
    ],
)
def test_the_reader_says_what_it_takes(reader: httpx.Client, accepts: str, is_small: bool) -> None:
    """Compressed only where the request allows it."""
    answer, _ = raw(reader, "/", accepts)
    assert (answer.headers.get("content-encoding") == "gzip") is is_small


def test_what_is_not_worth_it(reader: httpx.Client) -> None:
    """Fonts are packed already, and a few bytes only grow: both are sent as they are, and kept as before."""
    font, sent = raw(reader, "/assets/font.1a2b3c4d.woff2", "gzip")
    assert "content-encoding" not in font.headers and sent == FONT
    assert font.headers["content-type"] == "font/woff2"
    assert font.headers["cache-control"] == "public, max-age=31536000, immutable"
    tiny, sent = raw(reader, "/tiny.txt", "gzip")
    assert "content-encoding" not in tiny.headers and sent == b"x"


def test_a_cache_asks_again(reader: httpx.Client) -> None:
    """304 for the form that is kept, also among several tags; the other form's tag gets the whole file."""
    for accepts in ("gzip", "identity"):
        first, _ = raw(reader, "/", accepts)
        tag = first.headers["etag"]
        for asked in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            again, body = raw(reader, "/", accepts, **{"If-None-Match": asked})
            assert (again.status_code, body) == (304, b"")
            assert again.headers["etag"] == tag and again.headers["vary"] == "Accept-Encoding"
        other = "identity" if accepts == "gzip" else "gzip"
        assert raw(reader, "/", other, **{"If-None-Match": tag})[0].status_code == 200
    asset, _ = raw(reader, "/assets/site.1a2b3c4d.css", "gzip")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_part_of_a_file(reader: httpx.Client) -> None:
    """A range is one of the plain bytes, whatever the client could unpack; beyond them: 416 with the file's size."""
    answer, body = raw(reader, "/", "gzip", Range="bytes=0-3")
    assert (answer.status_code, body) == (206, b"<h1>")
    assert "content-encoding" not in answer.headers
    size = len(LONG.encode())
    assert answer.headers["content-range"] == f"bytes 0-3/{size}"
    beyond, _ = raw(reader, "/", "gzip", Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_the_api_is_not_compressed(reader: httpx.Client) -> None:
    """The length of an answer about a person tells nothing."""
    answer, _ = raw(reader, "/api/openapi.json", "gzip")
    assert answer.status_code == 200 and "content-encoding" not in answer.headers


def test_each_content_is_compressed_once(tmp_path: Path) -> None:
    """Asked twice: the very same bytes; a file that changed under its name: the new ones."""
    file, files = tmp_path / "index.html", Files()
    file.write_text(LONG)
    first = files.text(file)
    assert first and files.text(file) is first
    new = tmp_path / "new"
    new.write_text(LONG.replace("강좌", "행사"))
    new.replace(file)
    second = files.text(file)
    assert second and second.tag != first.tag and "행사" in second.plain.decode()
    same = tmp_path / "same.html"
    same.write_text(LONG)
    third = files.text(same)
    assert third and third.tag == first.tag, "the same content has the same tag in every build"


def test_what_is_kept_has_a_bound(tmp_path: Path) -> None:
    """The oldest go; a very large file is not kept at all."""
    files = Files(most=100_000)
    for number in range(40):
        file = tmp_path / f"{number}.txt"
        file.write_bytes(number.to_bytes(2, "big") * 5_000)
        files.text(file)
        assert files.size <= 100_000
    assert files.size > 50_000
    large = tmp_path / "large.csv"
    large.write_bytes(b"x" * (LARGEST + 1))
    assert files.text(large) is None
