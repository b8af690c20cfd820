"""What is taken over is what would have been made: an incremental build is byte for byte a full one."""

import shutil
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from civic.content.snapshot import beside
from civic.errors import ContentMistakes
from civic.files import RACY
from publish import edition
from publish.builds import BuildFailed
from publish.command import BuildReport
from publish.inputs import Request, asset_places, look_at
from publish.memory import Kept
from publish.render import Maker
from templates.assets import Assets
from tests.builders import rewrite
from tests.built.edits import Editor, put
from tests.built.samples import edit, snapshot


@pytest.fixture(autouse=True)
def assets_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stylesheet takes longer than all pages together: it is put together once for the same characters."""
    collect = Assets.collect

    @cache
    def once(root: Path, characters: frozenset[str], _: str) -> Assets:
        return collect(root, characters)

    def collected(root: Path, characters: frozenset[str], _: Path) -> Assets:
        return once(root, characters, look_at(*asset_places(root, root / "templates"))[0])

    monkeypatch.setattr(Assets, "collect", collected)


def full(request: Request) -> dict[str, bytes]:
    """The site that a build from nothing makes."""
    out = request.out.parent.parent / "full/site"
    build.build(replace(request, out=out, full=True, previous=request.out))
    return snapshot(out)


def compare_edits(request: Request, templates: Path, seed: int, count: int) -> tuple[int, int]:
    """(files taken over, files made) in `count` builds, each after a random edit and each as a full one."""
    editor = Editor(seed, request, templates)
    build.build(request)
    told = []
    taken_over = made = 0
    for _ in range(count):
        kept = Path(shutil.copytree(request.content, request.content.with_name("kept"), dirs_exist_ok=True))
        told.append(editor.edit())
        try:
            report = build.build(editor.request)
        except (ContentMistakes, BuildFailed) as refused:
            # E.g. a page was deleted that another or every footer links to: undone, as staff would.
            with pytest.raises(type(refused)):
                full(editor.request)
            shutil.rmtree(request.content)
            kept.rename(request.content)
            continue
        # Of pages that are held back: as what was accepted; then the edit is undone.
        sources = beside(request.out.resolve()) if report.mistakes else request.content
        assert snapshot(request.out) == full(replace(editor.request, content=sources)), f"seed {seed}: {told}"
        if report.mistakes:
            shutil.rmtree(request.content)
            kept.rename(request.content)
        else:
            shutil.rmtree(kept)
        taken_over, made = taken_over + report.files - report.made, made + report.made
    return taken_over, made


@pytest.mark.parametrize(("jobs", "count"), [(1, 30), (2, 12)])
def test_an_incremental_build_is_a_full_one(
    request_: Request, templates: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, count: int
) -> None:
    """Random edits, some of them with every page made by another process; some make few pages, others all."""
    from civic.content import parallel

    monkeypatch.setattr(parallel, "FEWEST", 2)
    taken_over, made = compare_edits(replace(request_, jobs=jobs), templates, jobs, count)
    assert min(taken_over, made) > 10 * count


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_an_incremental_build_is_a_full_one_after_hundreds_of_edits(
    request_: Request, templates: Path, seed: int
) -> None:
    """Twenty sites with thirty edits each."""
    compare_edits(request_, templates, seed, 30)


def test_a_page_that_hides_whose_text_it_shows_is_noticed(
    request_: Request, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control where only texts have changed: a page that does not say which text it shows is missed."""
    monkeypatch.setattr(edition, "words_in", lambda shown: frozenset())
    build.build(request_)
    edit(request_, "강좌 안내", "lectures/l01.md")
    build.build(request_)
    assert snapshot(request_.out) != full(request_)


@pytest.mark.parametrize("key", ["", "title", "summary"])
def test_an_edit_of_words_makes_the_pages_that_show_them(
    request_: Request, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """No other page is asked for, nor planned; a file that somebody touched is made too."""
    time.sleep(2 * RACY / 1e9)  # else every file is too fresh to be remembered
    build.build(request_)
    before = snapshot(request_.out)
    asked = []
    one = Maker.render
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "publish.site", None)
        patch.setattr(Maker, "render", lambda maker, name: (asked.append(name), one(maker, name))[1])
        page = request_.content / "lectures/l01.md"
        if key:
            put(page, key, '"강좌 안내"')
        else:
            edit(request_, "강좌 안내", "lectures/l01.md")
        (request_.out / "robots.txt").write_text("x", "utf-8")
        build.build(request_)
    after = snapshot(request_.out)
    assert after == full(request_)
    assert "robots.txt" in asked
    # Calendars show no summary, but are made from the whole front matter, as are lists of nothing but titles.
    lists = (
        "calendar",
        "lectures/l01/event.ics",
        "sitemap/index.html",
        "privacy/collected/index.html",
        "search/",
    )
    assert {name for name in asked if not name.startswith(("robots.txt", *lists))} <= {
        *changed(before, after)
    }
    assert len(asked) < len(after) / 4


def test_a_title_changes_wherever_it_stands(request_: Request, templates: Path) -> None:
    """Of every page, a draw's and two votes' among them: all that names it, lists through a filter too, is made anew."""
    Editor(0, request_, templates).drawing()
    votes, proposals = request_.content / "votes", request_.content / "proposals"
    shutil.copy(votes / "budget.md", votes / "other.md")
    rewrite(proposals / "lights.md", 'vote = "budget"', 'vote = "other"')
    build.build(request_)
    for page in sorted(request_.content.glob("*/*.md")):
        put(page, "title", '"누구나 공예 안내"')
        build.build(request_)
        assert snapshot(request_.out) == full(request_), page


def test_another_count_of_a_vote_changes_its_result(request_: Request) -> None:
    """The result is published anew with other ballots: its page and files, and nothing is forgotten."""
    from tests.result_samples import PUBLISHED, a_counted_poll, publish, some_ballots, write_site

    poll, proposals = a_counted_poll()
    content = write_site(request_.out.parent.parent / "voted", poll, list(proposals.values()))
    request = replace(request_, content=content, now=PUBLISHED)
    sites = []
    for ballots in (some_ballots(), some_ballots()[3:]):
        publish(content, poll, proposals, ballots)
        build.build(request)
        sites.append(snapshot(request.out))
        assert sites[-1] == full(request)
    assert len(changed(*sites)) > 1


def rename(page: Path) -> None:
    """Another title for a page."""
    page.write_text(page.read_text("utf-8").replace('title = "', 'title = "새 ', 1), "utf-8")


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Files that are new, gone or other; the search knows every word, and is left out."""
    return sorted(
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) and not name.startswith(("sha256sums.txt", "search/"))
    )


def after_edit(request: Request, file: str, old: str, new: str) -> tuple[list[str], BuildReport]:
    """The files that change when `old` becomes `new` in a content file."""
    time.sleep(0.1)  # files that are this fresh are read again by the next build
    build.build(request)
    before = snapshot(request.out)
    rewrite(request.content / file, old, new)
    report = build.build(request)
    return changed(before, snapshot(request.out)), report


def test_another_body_changes_one_page(request_: Request) -> None:
    """And that page alone is rendered, with its words for the search."""
    files, report = after_edit(request_, "lectures/l09.md", "강좌 09 안내입니다", "안내 강좌 09입니다")
    assert files == ["lectures/l09/index.html"]
    assert report.made < 9  # with what the search says of it, and by which letters it is found


def test_another_title_changes_the_lists_that_show_it(request_: Request) -> None:
    """Lecture 03 is on the home page, in four lists, among the forms that collect something, and has its own page."""
    files, report = after_edit(request_, "lectures/l03.md", 'title = "강좌 03"', 'title = "강좌 30"')
    assert files == [
        "index.html",
        "lectures/category/craft/index.html",
        "lectures/department/office/index.html",
        "lectures/index.html",
        "lectures/index.json",
        "lectures/l03/index.html",
        "lectures/status/open/index.html",
        "privacy/collected/index.html",
        "sitemap/index.html",
    ]
    assert report.made <= len(files) + 9  # with the files of the search in which its letters stand


def test_nothing_changed_makes_nothing(request_: Request) -> None:
    """The second build finds the site as it should be, and leaves it alone."""
    time.sleep(0.06)  # else the files are too fresh to be told by their times
    first = build.build(request_)
    again = build.build(request_)
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.files, again.made) == (first.files, 0)
    assert request_.out.readlink().name == "site-000001"


@pytest.mark.parametrize("list_", ["category/books", "department/library", "status/closed"])
@pytest.mark.parametrize("is_menu", [False, True])
def test_a_list_that_runs_empty_stays_where_others_link_to_it(
    request_: Request, list_: str, is_menu: bool
) -> None:
    """A minute came in which its last page was taken down: from then on no build came through."""
    time.sleep(2 * RACY / 1e9)  # else the edit below is not one of a text alone
    build.build(request_)
    if is_menu:
        rewrite(request_.content / "site.toml", '"/programs/"', f'"/lectures/{list_}/"')
    else:
        edit(request_, f"[강좌](/lectures/{list_}/)", "programs/news.md")
    build.build(request_)
    for page in request_.content.glob("lectures/*.md"):
        put(page, "expire_at", "2023-08-17T00:00:00")
    late = replace(request_, now=parse_time("2023-08-17T00:00:00"))
    build.build(late)
    assert f"lectures/{list_}/index.html" in snapshot(request_.out)
    assert snapshot(request_.out) == full(late)


def test_a_touched_file_publishes_nothing(request_: Request) -> None:
    """Another time, the same content: read again, and nothing new to publish."""
    build.build(request_)
    (request_.content / "lectures/l01.md").touch()
    assert not build.build(request_).is_new
    assert request_.out.readlink().name == "site-000001"


def test_what_somebody_changed_in_the_site_is_not_taken_over(request_: Request) -> None:
    """A page that was edited in site/ itself is made anew, also when nothing else changed, and only a letter of it."""
    time.sleep(0.06)  # else the files are too fresh to be told by their times
    build.build(request_)
    good = snapshot(request_.out)
    page = request_.out / "about/index.html"
    page.write_text(page.read_text("utf-8").replace("h1", "h2"), "utf-8")
    build.build(request_)
    assert snapshot(request_.out) == good


@pytest.mark.parametrize("damage", ["cut", "text", "older", "gone"])
def test_a_damaged_memory_is_thrown_away(request_: Request, damage: str) -> None:
    """Half a file, no such file, no memory at all, one of the build before: all pages are made."""
    time.sleep(2 * RACY / 1e9)  # else every file is too fresh to be remembered
    build.build(request_)
    memory = request_.out.parent / ".builds/.site.cache"
    older = Path(shutil.copytree(memory, memory.with_name("older")))
    edit(request_, "강좌", "lectures/l08.md")
    time.sleep(2 * RACY / 1e9)
    build.build(request_)
    good = snapshot(request_.out)
    one = min(memory.glob("page-*"))
    if damage == "cut":
        one.write_bytes(one.read_bytes()[:-9])
    elif damage == "text":
        (memory / "state").write_text("이것은 기억이 아닙니다" * 100, "utf-8")
    elif damage == "older":
        for file in older.iterdir():
            if file.name != "state":
                shutil.copy(file, memory)
    else:
        one.unlink()
    edit(request_, "강좌")
    report = build.build(request_)
    assert report.made == report.files
    assert changed(good, snapshot(request_.out)) == ["lectures/l09/index.html"]
    assert snapshot(request_.out) == full(request_)


@pytest.mark.parametrize("damage", ["", "cut", "other", "moved", "program", "made from"])
def test_what_is_kept_is_what_was_put_there(tmp_path: Path, damage: str) -> None:
    """Not what was cut, overwritten, put under another name, by another program or made from other files."""
    Kept(tmp_path, "program").put("assets", "files", b"stylesheet")
    file = tmp_path / "assets"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "other":
        file.write_bytes(file.read_bytes().replace(b"style", b"STYLE"))
    elif damage == "moved":
        file.rename(tmp_path / "another")
    kept = Kept(tmp_path, "another program" if damage == "program" else "program")
    name = "another" if damage == "moved" else "assets"
    found = kept.get(name, "other files" if damage == "made from" else "files")
    assert found == (None if damage else b"stylesheet")


def test_all_processors_make_the_same_site(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one process and with three, byte for byte."""
    from civic.content import parallel

    one = full(request_)
    monkeypatch.setattr(parallel, "FEWEST", 1)
    assert full(replace(request_, jobs=3)) == one


def test_a_file_that_changes_while_it_is_read_is_named(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page is made of what was checked: of a copy, or as it was accepted before where it changes too soon."""
    from civic.library import Library
    from publish import build as one_build

    page = request_.out / "lectures/l09/index.html"
    build.build(request_)
    edit(request_, "강좌")
    read, copy = Library.body, one_build.keep

    def late(self: Library, doc: object) -> str:
        edit(request_, "책 강좌 책")
        return read(self, doc)  # type: ignore[arg-type]

    def early(*given: object) -> None:
        edit(request_, "책 강좌 책")
        copy(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Library, "body", late)
        build.build(request_)
    assert "책 강좌 책" not in page.read_text("utf-8")
    monkeypatch.setattr(one_build, "keep", early)
    said = build.build(request_).mistakes[0]
    assert said == "lectures/l09.md: 만드는 동안 파일이 바뀌었습니다. 다시 만드세요"
    assert "책 강좌 책" not in page.read_text("utf-8")
