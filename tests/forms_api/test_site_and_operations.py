"""The built site beside the API, the headers on everything, and what those who run it can ask."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.servers import processes
from forms_api.app import CSP
from tests.builders import an_application, write_content, write_files
from tests.forms_api.conftest import LECTURES
from tests.forms_api.server import Server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a small built site behind a link, as the build leaves it."""
    folder = tmp_path_factory.mktemp("site")
    files = {
        "index.html": "<h1>처음</h1>",
        "404.html": "<h1>찾는 화면이 없습니다</h1>",
        "lectures/plain/index.html": "<h1>강좌</h1>",
        "assets/site.1a2b3c4d.css": "p{}",
        "feed.xml": "<feed/>",
        "empty/note.txt": "x",
    }
    write_files(folder / "builds/1", files)
    (folder / "secret.txt").write_text("not to be served")
    (folder / "site").symlink_to("builds/1")
    content = write_content(folder / "content", {"plain": LECTURES["plain"]})
    with Server(content, folder / "var/data", site=folder / "site", proxies="1") as server:
        yield server


@pytest.fixture
def reader(site: Server) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def test_pages_are_served_as_folders(reader: httpx.Client) -> None:
    """/lectures/plain/ is its index.html, kept until it is asked for again; without the last slash it leads there, query
    kept."""
    assert reader.get("/").text == "<h1>처음</h1>" and reader.head("/").status_code == 200
    page = reader.get("/lectures/plain/")
    assert (page.status_code, page.text) == (200, "<h1>강좌</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "public, max-age=0, must-revalidate"
    moved = reader.get("/lectures/plain?x=1")
    assert (moved.status_code, moved.headers["location"]) == (308, "/lectures/plain/?x=1")
    assert reader.get(f"{reader.base_url}//elsewhere.example/lectures/plain").status_code == 404


def test_a_part_is_sent_where_one_part_is_asked_for(reader: httpx.Client) -> None:
    """RFC 9110: one range of bytes is a part, one past the end is none; whatever else is asked for gets the whole."""
    whole = "<h1>처음</h1>".encode()
    for asked, status, sent in (
        ("bytes=0-3", 206, whole[:4]),
        ("bytes=-5", 206, whole[-5:]),
        ("bytes=900-", 416, None),
        ("bytes=0-3,5-8", 200, whole),
        ("bytes=5-3", 200, whole),
        ("items=0-3", 200, whole),
        ("nonsense", 200, whole),
    ):
        answer = reader.get("/", headers={"Range": asked, "Accept-Encoding": "identity"})
        assert (answer.status_code, sent in (None, answer.content)) == (status, True), asked
    assert reader.head("/", headers={"Range": "bytes=0-3"}).status_code == 200
    assert reader.get("/assets/site.1a2b3c4d.css", headers={"Range": "bytes=0-0,2-2"}).text == "p{}"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/nothing/",
        "/empty/",
        "/index.html/",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/",
        "/" + "a" * 300,
    ],
)
def test_what_is_not_there(reader: httpx.Client, path: str) -> None:
    """The site's own 404 page; nothing outside the site."""
    answer = reader.get(path)
    assert (answer.status_code, answer.text) == (404, "<h1>찾는 화면이 없습니다</h1>")


def test_long_addresses_are_not_remembered(site: Server, reader: httpx.Client) -> None:
    """Nobody fills the memory with addresses: 600 of 60,000 signs each, of which 500 would be kept, were they short."""

    def memory() -> int:
        """MB of all that serve."""
        lines = (Path(f"/proc/{pid}/status").read_text().splitlines() for pid in processes(site))
        return (
            sum(int(line.split()[1]) for each in lines for line in each if line.startswith("VmRSS")) // 1024
        )

    for number in range(100):  # what serves them is there
        assert reader.get(f"/{number:060000}").status_code == 404
    before = memory()
    for number in range(100, 700):
        assert reader.get(f"/{number:060000}").status_code == 404
    assert memory() - before < 12


def test_a_new_build_is_served_at_once(site: Server, reader: httpx.Client) -> None:
    """The link is swapped: the next reader sees the new page, and pages of the API use the new assets."""
    arguments = list(map(str, site.process.args))  # type: ignore[arg-type]  # it is a list here
    link = Path(arguments[arguments.index("--site") + 1])
    names = (
        "favicon.svg",
        "madang-sans-regular.woff2",
        "madang-sans-bold.woff2",
        "site.css",
        "settings.js",
        "site.js",
    )
    manifest = json.dumps({name: f"/assets/new.{name}" for name in names})
    write_files(link.parent / "builds/2", {"fresh.html": "new", "assets/manifest.json": manifest})
    draft = link.with_name("draft")
    draft.symlink_to("builds/2")
    draft.replace(link)
    assert reader.get("/fresh.html").text == "new"
    page = reader.get("/api/nothing", headers={"Accept": "text/html"})
    assert 'href="/assets/new.site.css"' in page.text
    draft.symlink_to("builds/1")
    draft.replace(link)
    assert reader.get("/").text == "<h1>처음</h1>"


def test_a_page_from_before_a_new_build_gets_its_files(tmp_path: Path) -> None:
    """Hashed files of the builds that are kept are still there; their pages, and unfinished builds, are not."""
    files = {
        "site-000001/assets/site.11111111.css": "old",
        "site-000001/old/index.html": "old",
        "site-000002/assets/site.22222222.css": "new",
        "site-000002/404.html": "gone",
        "site-000003.part/assets/site.33333333.css": "unfinished",
        "other-000001/assets/site.44444444.css": "of another site",
    }
    write_files(tmp_path / ".builds", files)
    (tmp_path / "site").symlink_to(".builds/site-000002")
    content = write_content(tmp_path / "content", {"plain": LECTURES["plain"]})
    with Server(content, tmp_path / "var/data", site=tmp_path / "site") as server, server.client() as client:
        found = {number: client.get(f"/assets/site.{str(number) * 8}.css") for number in (1, 2, 3, 4)}
        assert [found[number].text for number in (1, 2, 3, 4)] == ["old", "new", "gone", "gone"]
        assert found[1].headers["cache-control"] == "public, max-age=31536000, immutable"
        assert client.get("/old/").status_code == 404
        assert client.get("/../site-000001/assets/site.11111111.css").status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/assets/site.1a2b3c4d.css", "/api/status", "/api/nothing", "/healthz"]
)
def test_headers_are_on_every_answer(reader: httpx.Client, path: str) -> None:
    """No inline script or style, no guessing of types, no framing, on pages, files and the API alike."""
    headers = reader.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert "default-src 'none'" in CSP and "unsafe" not in CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "geolocation=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers


def test_operations(reader: httpx.Client) -> None:
    """Alive, ready, and counters that tell routes and refusals but no person."""
    assert reader.get("/healthz").json() == {"status": "ok"}
    assert reader.get("/readyz").json() == {"status": "ok", "lacks": []}
    reader.post("/api/forms/lectures/plain", json=an_application())
    reader.post("/api/forms/lectures/plain", json=an_application(name=""))
    text = reader.get("/metrics").text
    assert 'madang_requests_total{route="/api/forms/<folder>/<slug>",status="201"} 1' in text
    assert 'madang_refusals_total{name="invalid"} 1' in text
    assert 'madang_entries_total{state="confirmed"} 1' in text


def test_metrics_stay_on_this_machine(reader: httpx.Client) -> None:
    """Behind a proxy, whoever comes from elsewhere does not see the counters."""
    assert reader.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404
    assert reader.get("/metrics").status_code == 200


def test_openapi_is_made_from_the_forms(client: httpx.Client) -> None:
    """Each form's body is described as it will be checked."""
    document = client.get("/api/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    post = document["paths"]["/api/forms/lectures/asks"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["round"]["enum"] == ["r1", "r2"]
    assert schema["properties"]["answers"]["required"] == ["area", "days"]
    assert schema["properties"]["answers"]["properties"]["topic"]["maxLength"] == 50
    family = document["paths"]["/api/forms/lectures/family"]["post"]["requestBody"]
    required = family["content"]["application/json"]["schema"]["required"]
    assert {"birth_date", "email"} <= set(required)
    names = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert len(names) >= 14 and "/problems/already-applied" in names
