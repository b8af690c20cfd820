"""What is taken over is what would have been made: an incremental build is byte for byte a full one."""

from __future__ import annotations

import shutil
import sqlite3
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from civic.errors import ContentMistakes
from publish import building, freezing, making, request
from publish.edition import PageText
from publish.inputs import RACY, Inputs
from publish.making import Before, Pages
from publish.remembering import Drawer
from publish.report import Report
from publish.request import Request
from templates.assets import Assets
from tests.built.edits import Editor
from tests.built.test_build import ROOT, SAMPLES, snapshot

NOW = parse_time("2023-08-16T09:00:00")


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A build of a copy of the small site."""
    content = Path(shutil.copytree(SAMPLES / "small", tmp_path / "content"))
    return Request(content, tmp_path / "www/site", NOW)


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates that builds use, to be edited; static/ lies beside."""
    import templates as package

    house = tmp_path / "house"
    copy = Path(shutil.copytree(ROOT / "templates", house / "templates"))
    shutil.copytree(ROOT / "static", house / "static")
    for name in ("node_modules", "civic", "publish", "forms_api", ".builds"):
        (house / name).symlink_to(ROOT / name)
    monkeypatch.setattr(package, "FOLDER", copy)
    for module in (making, building, request):
        monkeypatch.setattr(module, "ROOT", house)
    return copy


@pytest.fixture(autouse=True)
def assets_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stylesheet takes longer than all pages together: it is put together once for the same characters."""
    collect = Assets.collect

    @cache
    def once(root: Path, characters: frozenset[str], _: str) -> Assets:
        return collect(root, characters)

    def collected(root: Path, characters: frozenset[str]) -> Assets:
        return once(root, characters, Inputs(root, root / "templates").of_assets())

    monkeypatch.setattr(Assets, "collect", collected)


def full(request: Request) -> dict[str, bytes]:
    """The site that a build from nothing makes."""
    out = request.out.parent.parent / "full/site"
    build.build(replace(request, out=out, full=True))
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
        except (ContentMistakes, build.BuildFailed) as refused:
            # E.g. a page was deleted that another or every footer links to: undone, as staff would.
            with pytest.raises(type(refused)):
                full(editor.request)
            shutil.rmtree(request.content)
            kept.rename(request.content)
            continue
        shutil.rmtree(kept)
        assert snapshot(request.out) == full(editor.request), f"seed {seed}: {told}"
        assert report.made + report.taken_over == report.files
        taken_over, made = taken_over + report.taken_over, made + report.made
    return taken_over, made


@pytest.mark.parametrize(("jobs", "count"), [(1, 70), (2, 30)])
def test_an_incremental_build_is_a_full_one(
    request_: Request, templates: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, count: int
) -> None:
    """A hundred random edits, some of them with every page made by another process; most files are taken over."""
    from civic.content import parallel

    monkeypatch.setattr(parallel, "FEWEST", 2)
    taken_over, made = compare_edits(replace(request_, jobs=jobs), templates, jobs, count)
    assert taken_over > made > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_an_incremental_build_is_a_full_one_after_hundreds_of_edits(
    request_: Request, templates: Path, seed: int
) -> None:
    """Twenty sites with thirty edits each."""
    compare_edits(request_, templates, seed, 30)


def test_a_key_that_leaves_something_out_is_noticed(
    request_: Request, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with a key that knows nothing of the text, an edit of the text is missed."""
    monkeypatch.setattr(PageText, "made_from", "")
    build.build(request_)
    append(request_.content / "lectures/l01.md", "강좌 안내")
    rename(request_.content / "events/night.md")  # so that more than texts has changed
    build.build(request_)
    assert snapshot(request_.out) != full(request_)


def test_a_page_that_hides_whose_text_it_shows_is_noticed(
    request_: Request, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control where only texts have changed: a page that does not say which text it shows is missed."""
    monkeypatch.setattr(Before, "is_in_doubt", lambda before, name: not before.records[name].key)
    build.build(request_)
    append(request_.content / "lectures/l01.md", "강좌 안내")
    build.build(request_)
    assert snapshot(request_.out) != full(request_)


@pytest.mark.parametrize("key", ["", "title", "summary"])
def test_an_edit_of_words_plans_nothing_else(
    request_: Request, templates: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Where only words have changed no other page is even asked what it is made from; a file that somebody touched is."""
    time.sleep(2 * RACY / 1e9)  # else every file is too fresh to be remembered
    build.build(request_)
    before = snapshot(request_.out)
    asked = []
    ask = Pages.ask
    with monkeypatch.context() as patch:
        patch.setattr(freezing, "plan", None)
        patch.setattr(Pages, "ask", lambda pages, name: (asked.append(name), ask(pages, name))[1])
        page = request_.content / "lectures/l01.md"
        if key:
            Editor(0, request_, templates).put(page, key, '"강좌 안내"')
        else:
            append(page, "강좌 안내")
        (request_.out / "robots.txt").write_text("x", "utf-8")
        build.build(request_)
    after = snapshot(request_.out)
    assert after == full(request_)
    assert "robots.txt" in asked
    # Calendars show no summary, but are made from the whole front matter.
    assert {*asked} - {"robots.txt", "calendar.ics", "lectures/l01/event.ics"} <= {*changed(before, after)}
    assert len(asked) < len(after) / 4


def test_a_title_changes_wherever_it_stands(request_: Request, templates: Path) -> None:
    """Of every page, a draw's and two votes' among them: all that names it, lists through a filter too, is made anew."""
    Editor(0, request_, templates).drawing()
    votes, proposals = request_.content / "votes", request_.content / "proposals"
    shutil.copy(votes / "budget.md", votes / "other.md")
    lights = (proposals / "lights.md").read_text("utf-8")
    (proposals / "lights.md").write_text(lights.replace('vote = "budget"', 'vote = "other"'), "utf-8")
    build.build(request_)
    for page in sorted(request_.content.glob("*/*.md")):
        Editor(0, request_, templates).put(page, "title", '"누구나 공예 안내"')
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


def append(page: Path, text: str) -> None:
    """One more paragraph at the end of a page."""
    page.write_text(f"{page.read_text('utf-8')}\n\n{text}\n", "utf-8")


def rename(page: Path) -> None:
    """Another title for a page."""
    page.write_text(page.read_text("utf-8").replace('title = "', 'title = "새 ', 1), "utf-8")


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Files that are new, gone or other."""
    return sorted(
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) and name != "sha256sums.txt"
    )


def after_edit(request: Request, file: str, old: str, new: str) -> tuple[list[str], Report]:
    """The files that change when `old` becomes `new` in a content file."""
    time.sleep(0.1)  # files that are this fresh are read again by the next build
    build.build(request)
    before = snapshot(request.out)
    page = request.content / file
    text = page.read_text("utf-8")
    assert old in text
    page.write_text(text.replace(old, new), "utf-8")
    report = build.build(request)
    return changed(before, snapshot(request.out)), report


def test_another_body_changes_one_page(request_: Request) -> None:
    """And that page alone is rendered."""
    files, report = after_edit(request_, "lectures/l09.md", "강좌 09 안내입니다", "안내 강좌 09입니다")
    assert files == ["lectures/l09/index.html"]
    assert report.made == 1


def test_another_title_changes_the_lists_that_show_it(request_: Request) -> None:
    """Lecture 03 is on the home page, in four lists, and has its own page."""
    files, report = after_edit(request_, "lectures/l03.md", 'title = "강좌 03"', 'title = "강좌 30"')
    assert files == [
        "index.html",
        "lectures/category/craft/index.html",
        "lectures/department/office/index.html",
        "lectures/index.html",
        "lectures/l03/index.html",
        "lectures/status/open/index.html",
    ]
    assert report.made <= len(files) + 3


def test_nothing_changed_makes_nothing(request_: Request) -> None:
    """The second build finds the site as it should be, and leaves it alone."""
    time.sleep(0.06)  # else the files are too fresh to be told by their times
    first = build.build(request_)
    again = build.build(request_)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.taken_over == first.files
    assert again.made == 0
    assert request_.out.readlink().name == "site-000001"


@pytest.mark.parametrize("list_", ["category/books", "department/library", "status/closed"])
@pytest.mark.parametrize("is_menu", [False, True])
def test_a_list_that_runs_empty_stays_where_others_link_to_it(
    request_: Request, templates: Path, list_: str, is_menu: bool
) -> None:
    """A minute came in which its last page was taken down: from then on no build came through."""
    time.sleep(2 * RACY / 1e9)  # else the edit below is not one of a text alone
    build.build(request_)
    if is_menu:
        site = request_.content / "site.toml"
        site.write_text(site.read_text("utf-8").replace('"/programs/"', f'"/lectures/{list_}/"', 1), "utf-8")
    else:
        append(request_.content / "programs/news.md", f"[강좌](/lectures/{list_}/)")
    build.build(request_)
    for page in request_.content.glob("lectures/*.md"):
        Editor(0, request_, templates).put(page, "expire_at", "2023-08-17T00:00:00")
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


def test_the_clock_makes_only_what_it_changes(request_: Request) -> None:
    """Nothing at 09:30; when lecture 03 closes, its page and the lists that show its state."""
    time.sleep(0.06)
    first = build.build(request_)
    assert first.due
    assert not build.build(replace(request_, now=parse_time("2023-08-16T09:00:01"))).is_new
    before = snapshot(request_.out)
    due = replace(request_, now=parse_time(first.due))
    report = build.build(due)
    after = snapshot(request_.out)
    assert report.is_new
    assert changed(before, after)
    assert after == full(due)
    assert report.taken_over > report.changed
    just_before = replace(
        request_, now=parse_time(first.due).replace(microsecond=0) - (parse_time(first.due) - NOW) / 1000
    )
    assert full(just_before) == before  # the time that was told was not too late


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("lectures/l03.md", "closes = 2023-08-18T00", "closes = 2023-08-18T10"),  # "soon" on the home page
        ("votes/budget.md", "opens = 2023-08-07T09", "opens = 2023-08-15T10"),  # the state on its cards
    ],
)
def test_what_was_read_of_the_clock_is_not_forgotten(
    request_: Request, monkeypatch: pytest.MonkeyPatch, jobs: int, file: str, old: str, new: str
) -> None:
    """What changes at ten is due at ten, also where another process asked for the page, and where nobody asked again."""
    from civic.content import parallel

    monkeypatch.setattr(parallel, "FEWEST", 1)
    page = request_.content / file
    page.write_text(page.read_text("utf-8").replace(old, new), "utf-8")
    time.sleep(2 * RACY / 1e9)  # else the edit below is not one of a text alone
    request = replace(request_, now=parse_time("2023-08-15T09:00:00"), jobs=jobs)
    assert build.build(request).due == "2023-08-15T10:00:00+09:00"
    append(request_.content / "lectures/l01.md", "강좌 안내")
    assert build.build(request).due == "2023-08-15T10:00:00+09:00"
    later = replace(request, now=parse_time("2023-08-15T10:00:00"))
    assert build.build(later).is_new
    assert snapshot(request_.out) == full(later)


@pytest.mark.parametrize("as_long", [False, True])
def test_what_somebody_changed_in_the_site_is_not_taken_over(request_: Request, as_long: bool) -> None:
    """A page that was edited in site/ itself is made anew, also when nothing else changed, or only a letter of it."""
    time.sleep(0.06)  # else the files are too fresh to be told by their times
    build.build(request_)
    good = snapshot(request_.out)
    page = request_.out / "about/index.html"
    page.write_text(page.read_text("utf-8").replace("h1", "h2") if as_long else "<h1>다른 글</h1>", "utf-8")
    build.build(request_)
    assert snapshot(request_.out) == good


@pytest.mark.parametrize("damage", ["cut", "text", "row", "old", "empty"])
def test_a_damaged_cache_is_thrown_away(request_: Request, damage: str) -> None:
    """Half a file, no database, a row that somebody changed, another program's cache: everything is made anew."""
    build.build(request_)
    good = snapshot(request_.out)
    file = request_.out.parent / ".builds/.site.cache"
    raw = file.read_bytes()
    if damage == "cut":
        file.write_bytes(raw[: len(raw) // 2])
    elif damage == "text":
        file.write_text("이것은 데이터베이스가 아닙니다" * 100, "utf-8")
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        with sqlite3.connect(file) as db:
            if damage == "row":
                db.execute("update kept set value = ? where kind = 'page'", (b"x",))
            else:
                db.execute("update kept set proof = ?", (b"x",))
        db.close()
    page = request_.content / "lectures/l09.md"
    page.write_text(page.read_text("utf-8") + "\n\n강좌\n", "utf-8")
    build.build(request_)
    assert changed(good, snapshot(request_.out)) == ["lectures/l09/index.html"]
    assert snapshot(request_.out) == full(request_)


@pytest.mark.parametrize("damage", ["cut", "other", "moved", "program", "made from"])
def test_a_drawer_gives_only_what_was_put_there(tmp_path: Path, damage: str) -> None:
    """Compiled templates and assets: cut, overwritten, put under another name, of another program or of other files."""
    drawer = Drawer(tmp_path, "program")
    drawer.put("assets", "files", b"stylesheet")
    assert drawer.get("assets", "files") == b"stylesheet"
    file = tmp_path / "assets"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "other":
        file.write_bytes(file.read_bytes().replace(b"style", b"STYLE"))
    elif damage == "moved":
        file.rename(tmp_path / "another")
    found = {
        "moved": drawer.get("another", "files"),
        "program": Drawer(tmp_path, "another program").get("assets", "files"),
        "made from": drawer.get("assets", "other files"),
    }
    assert found.get(damage, drawer.get("assets", "files")) is None


def test_all_processors_make_the_same_site(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one process and with three, byte for byte."""
    from civic.content import parallel

    one = full(request_)
    monkeypatch.setattr(parallel, "FEWEST", 1)
    assert full(replace(request_, jobs=3)) == one


def test_a_file_that_changes_while_it_is_read_is_named(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page is made of what was checked, or not at all."""
    from civic.library import Library

    build.build(request_)
    before = snapshot(request_.out)
    page = request_.content / "lectures/l09.md"
    page.write_text(page.read_text("utf-8") + "\n\n강좌\n", "utf-8")
    read = Library.body

    def late(self: Library, doc: object) -> str:
        page.write_text(page.read_text("utf-8") + "\n\n책\n", "utf-8")
        return read(self, doc)  # type: ignore[arg-type]

    monkeypatch.setattr(Library, "body", late)
    with pytest.raises(ContentMistakes, match=r"lectures/l09\.md: 만드는 동안 파일이 바뀌었습니다"):
        build.build(request_)
    assert snapshot(request_.out) == before
