"""The command as staff run it: what it makes, what it refuses, and what it leaves alone."""

import fcntl
import os
import re
import shutil
import threading
from pathlib import Path

import pytest

import build
from civic.errors import InUse
from publish.builds import BuildFailed, Builds
from publish.command import BuildReport
from publish.inputs import Request
from templates import NotText
from tests.built.samples import NOW, SAMPLES, folders, run, snapshot


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where a site will be."""
    return tmp_path / "www/site"


def make(content: Path, site: Path, patience: float = 60.0) -> BuildReport:
    return build.build(Request(content, site, NOW, patience=patience))


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
        is_hidden = file.stem in ("later", "draft")  # "gone" says that it is over
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


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--now", "tomorrow"], ["--base-url", "example.org/"]])
def test_a_wrong_call_is_refused(arguments: list[str]) -> None:
    """Exit 2 and a sentence, no traceback."""
    made = run(*arguments)
    assert made.returncode == 2
    assert "Traceback" not in made.stderr


def refused(content: Path, site: Path, file: Path, text: str) -> list[str]:
    """What a build says whose template has this text; nothing half-built is left, the site is as it was."""
    assert make(content, site).is_new  # the control
    before = snapshot(site)
    file.write_text(text, "utf-8")
    with pytest.raises(BuildFailed) as failed:
        make(content, site)
    assert snapshot(site) == before and folders(site) == ["site-000001"]
    return [str(line) for line in failed.value.args]


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
    """The page fails in the middle of the build."""
    first, *_ = refused(content, site, templates / "pages/lecture.html", f"<h1>{wrong}</h1>\n")
    assert first.startswith(said) and "lectures" in first


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


@pytest.mark.parametrize(
    ("template", "old", "new", "said"),
    [
        ("files/feed.xml", "</title>", "</titel>", r"feed.xml:\d+: XML로 읽을 수 없습니다: mismatched tag"),
        ("files/sitemap.xml", "<loc>", "<loc>&", r"sitemap.xml:\d+: XML로 읽을 수 없습니다: "),
        (
            "pages/detail.html",
            "</div>\n{% endblock %}",
            "</div></div>\n{% endblock %}",
            r"/index.html:\d+: </\w+>의 차례가 맞지 않습니다",
        ),
        ("pages/detail.html", "</dl>", "", r"/index.html:\d+: </\w+>의 차례가 맞지 않습니다"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_published(
    content: Path, site: Path, templates: Path, template: str, old: str, new: str, said: str
) -> None:
    """A feed or a list that is no XML, a page whose tags do not nest: named with the line there, a page with its source."""
    text = (templates / template).read_text("utf-8")
    assert old in text
    lines = refused(content, site, templates / template, text.replace(old, new, 1))
    assert any(re.search(said, line) for line in lines), lines
    assert any(".md" in line.partition("→")[2] for line in lines) or template.startswith("files/")


def test_a_site_can_be_read_by_everybody(content: Path, site: Path, tmp_path: Path) -> None:
    """Under a strict umask, and after one: folders 0755 and files 0644; a second spelling of its place is the same place."""
    before = os.umask(0o077)
    try:
        make(content, site)
        (site / "index.html").chmod(0o600)
        assert make(content, site.parent / "x" / ".." / site.name).is_new
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    places = [site.resolve(), site.parent / ".builds", *site.resolve().rglob("*")]
    assert {place.stat().st_mode & 0o777 for place in places if place.is_dir()} == {0o755}
    assert {place.stat().st_mode & 0o777 for place in places if place.is_file()} == {0o644}


def test_what_systems_leave_beside_pages_is_passed_over(content: Path, site: Path) -> None:
    """Named in a line; a file that somebody may have meant as a page is a mistake."""
    for name in ("Thumbs.db", "desktop.ini", "l09 - 복사본.md", "l09 - Copy (2).md", "README.md"):
        (content / "lectures" / name).write_bytes(b"\xff")
    (content / "desktop.ini").touch()
    warned = [each for each in make(content, site).warnings if "넘어갔습니다" in each]
    assert len(warned) == 6 and "lectures/Thumbs.db: 글이나 첨부가 아니라서 넘어갔습니다" in warned
    (content / "lectures/강좌.hwp").touch()
    assert "md 파일만" in make(content, site).mistakes[0]


def test_a_page_that_is_not_whole_is_not_published(content: Path, site: Path, templates: Path) -> None:
    """A template with a dead link and two headings: each is named."""
    text = '<html lang="ko"><h1>가</h1><h1>나</h1><a href="/none/"></a></html>'
    assert refused(content, site, templates / "pages/page.html", text)[:2] == [
        "about/index.html: h1은 꼭 하나여야 합니다 (found 2) → pages/about.md의 글이나 화면의 틀(templates/)을 보세요",
        "about/index.html: 링크가 끊겼습니다 (found /none/)",
    ]


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


def test_the_last_five_builds_are_kept(site: Path, tmp_path: Path) -> None:
    """The sixth build removes the first."""
    builds = Builds(site)
    with builds.alone(0):
        for number in range(1, 8):
            fresh = builds.begin()
            (fresh / "n").write_text(str(number), "utf-8")
            builds.publish(fresh)
    assert [number for number, _ in builds.numbered()] == [3, 4, 5, 6, 7]
    assert (site / "n").read_text("utf-8") == "7"


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
    assert make(content, site).mistakes
    assert snapshot(site) == after
    assert folders(site) == ["site-000001", "site-000002"]


def test_what_a_killed_build_left_is_removed(content: Path, site: Path) -> None:
    """An unfinished folder is not a build and does not stay."""
    left = site.parent / ".builds/site-000009.part"
    left.mkdir(parents=True)
    make(content, site)
    assert not left.exists()
    assert site.readlink() == Path(".builds/site-000001")
