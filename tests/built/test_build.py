"""The command as staff run it: what it makes, what it refuses, and what it leaves alone."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from civic.errors import ContentMistakes, InUse
from publish.builds import BuildFailed
from publish.command import BuildReport
from publish.inputs import Request
from templates import NotText

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests/samples"
NOW = parse_time("2023-08-16T09:00:00")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python build.py …` from another folder."""
    return subprocess.run(
        [sys.executable, ROOT / "build.py", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
    )


def snapshot(site: Path) -> dict[str, bytes]:
    """Every file of a site by its name."""
    here = site.resolve()
    return {
        path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()
    }


def folders(site: Path) -> list[str]:
    """The builds that lie behind a site, whole or not."""
    return sorted(path.name for path in (site.parent / ".builds").glob(f"{site.name}-*"))


def edit(request: Request, word: str) -> None:
    """One more paragraph on a page."""
    page = request.content / "lectures/l09.md"
    page.write_text(f"{page.read_text('utf-8')}\n\n{word}\n", "utf-8")


def make(content: Path, site: Path, patience: float = 60.0) -> BuildReport:
    return build.build(Request(content, site, NOW, patience=patience))


# ---------------------------------------------------------------------------- what it makes


def test_two_builds_are_byte_for_byte_the_same(tmp_path: Path) -> None:
    """In other folders, with other hash seeds and another time of day: the same files, the same bytes."""
    sites = []
    for name, seed in (("a", "1"), ("b", "4711")):
        out = tmp_path / name / "site"
        made = run(
            "--content", SAMPLES / "small", "--out", out, "--now", "2023-08-16T09:00", PYTHONHASHSEED=seed
        )
        assert made.returncode == 0, made.stdout + made.stderr
        sites.append(snapshot(out))
    assert len(sites[0]) > 60
    assert sites[0] == sites[1]


def test_every_document_becomes_a_page(content: Path, site: Path) -> None:
    """23 visible documents, linked or not; hidden ones have no file."""
    make(content, site)
    files = snapshot(site)
    for file in content.glob("*/*.md"):
        folder = "" if file.parent.name == "pages" else f"{file.parent.name}/"
        is_hidden = file.stem in ("later", "gone", "draft")
        assert (f"{folder}{file.stem}/index.html" in files) is not is_hidden, file
    for name in ("index.html", "404.html", "feed.xml", "calendar.ics", "sitemap.xml", "robots.txt"):
        assert name in files
    assert "assets/manifest.json" in files


def test_the_site_is_a_link_that_can_be_moved_with_its_folder(content: Path, site: Path) -> None:
    """The link is relative, so that the folder may be mounted elsewhere."""
    make(content, site)
    assert site.is_symlink()
    assert site.readlink() == Path(".builds/site-000001")
    moved = site.parent.rename(site.parent.with_name("elsewhere"))
    assert (moved / "site/index.html").is_file()


# ---------------------------------------------------------------------------- what it refuses


def test_the_broken_sample_prints_every_mistake(tmp_path: Path) -> None:
    """Exit 1, the whole report on standard output, nothing written."""
    made = run("--content", SAMPLES / "broken", "--out", tmp_path / "site")
    assert made.returncode == 1
    assert made.stdout == (SAMPLES / "broken-report.txt").read_text("utf-8")
    assert list(tmp_path.iterdir()) == []


def test_check_writes_nothing(tmp_path: Path) -> None:
    """--check says whether the content is right: 0 or 1."""
    assert run("--check", "--content", SAMPLES / "small", "--out", tmp_path / "site").returncode == 0
    assert run("--check", "--content", SAMPLES / "broken", "--out", tmp_path / "site").returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_leaves_the_site_as_it_was(content: Path, site: Path) -> None:
    """The control first: a good edit does change the site."""
    make(content, site)
    before = snapshot(site)
    page = content / "lectures/l01.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace("강좌 01", "고친 강좌"), "utf-8")
    make(content, site)
    after = snapshot(site)
    assert after != before
    page.write_text(good.replace("audience", "audiense"), "utf-8")
    with pytest.raises(ContentMistakes):
        make(content, site)
    assert snapshot(site) == after
    assert folders(site) == ["site-000001", "site-000002"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{{ nobody }}", "templates/pages/lecture.html:1: UndefinedError: 'nobody' is undefined"),
        ("{% if %}", "templates/pages/lecture.html:1: TemplateSyntaxError: Expected an expression"),
        ('{% include "none.html" %}', "templates/pages/lecture.html:1: TemplateNotFound: none.html"),
    ],
)
def test_a_template_mistake_names_file_and_line(
    content: Path, site: Path, templates: Path, wrong: str, said: str
) -> None:
    """The page fails in the middle of the build: nothing half-built is left, the site is as it was."""
    make(content, site)
    before = snapshot(site)
    (templates / "pages/lecture.html").write_text(f"<h1>{wrong}</h1>\n", "utf-8")
    with pytest.raises(BuildFailed) as failed:
        make(content, site)
    assert failed.value.args[0].startswith(said)
    assert "lectures" in failed.value.args[0]
    assert snapshot(site) == before
    assert folders(site) == ["site-000001"]


def test_a_template_that_is_no_text_is_named(content: Path, site: Path, templates: Path) -> None:
    """An editor saved it in another encoding: file and line, instead of the line of ours that reads it."""
    file = templates / "components/trail.html"
    file.write_bytes(file.read_bytes().replace(b"\n", "\n한글\n".encode("cp949"), 1))
    with pytest.raises(NotText, match=rf"^{file}:2: UTF-8이 아닙니다. 편집기에서 UTF-8로 저장하세요$"):
        make(content, site)


def test_a_lock_beside_a_template_is_no_template(content: Path, site: Path, templates: Path) -> None:
    """Emacs leaves a link that leads nowhere while somebody writes: no build came through meanwhile."""
    (templates / "pages/.#list.html").symlink_to("somebody@host.1234")
    assert make(content, site).is_new


def test_a_page_that_is_not_whole_is_not_published(content: Path, site: Path, templates: Path) -> None:
    """A template with a dead link and two headings: each is named, the site is as it was."""
    make(content, site)
    before = snapshot(site)
    (templates / "pages/page.html").write_text(
        '<html lang="ko"><h1>가</h1><h1>나</h1><a href="/none/">', "utf-8"
    )
    with pytest.raises(BuildFailed) as failed:
        make(content, site)
    assert list(map(str, failed.value.args[:2])) == [
        "about/index.html: h1은 꼭 하나여야 합니다 (found 2)",
        "about/index.html: 링크가 끊겼습니다 (found /none/)",
    ]
    assert snapshot(site) == before


def test_what_is_not_ours_is_left_alone(content: Path, site: Path) -> None:
    """A folder with files, a file, a link to elsewhere: refused, and still there."""
    site.mkdir(parents=True)
    (site / "letter.txt").write_text("소중한 글", "utf-8")
    with pytest.raises(BuildFailed, match="만들기가 만들지 않은 폴더"):
        make(content, site)
    assert (site / "letter.txt").read_text("utf-8") == "소중한 글"
    shutil.rmtree(site)
    site.write_text("파일", "utf-8")
    with pytest.raises(BuildFailed, match="같은 이름의 파일"):
        make(content, site)
    site.unlink()
    site.symlink_to(content)
    with pytest.raises(BuildFailed, match="다른 곳을 가리키는 링크"):
        make(content, site)
    assert site.readlink() == content
    site.unlink()
    site.mkdir()
    make(content, site)  # the control: an empty folder gives way
    assert site.is_symlink()


def test_the_second_of_two_builds_waits_or_says_so(content: Path, site: Path) -> None:
    """While another build holds the lock: InUse after its patience; when it lets go, the build goes on."""
    make(content, site)
    lock = (site.parent / ".builds/.site.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(InUse):
        make(content, site, patience=0.1)
    later = threading.Timer(0.3, lock.close)
    later.start()
    assert make(content, site, patience=30).files > 60
    later.join()
