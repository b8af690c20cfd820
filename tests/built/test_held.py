"""One bad page does not stop an office: it stays as it was accepted last, and whoever builds is told each time."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import build
from civic.clock import parse_time
from civic.content.snapshot import beside, sources
from civic.errors import ContentMistakes
from civic.library import load
from publish.inputs import Request
from tests.built.samples import edit, folders, run, snapshot

PAGE = "lectures/l09.md"
Break = Callable[[Path], object]


def wrong(file: Path) -> None:
    """A closing quotation mark too few."""
    file.write_text(re.sub(r'(?m)^(title = ".*)"$', r"\1", file.read_text("utf-8"), count=1), "utf-8")


def page(request: Request, file: str = PAGE) -> str:
    return (request.out / f"{file.removesuffix('.md')}/index.html").read_text("utf-8")


@pytest.fixture
def office(request_: Request) -> Request:
    """A site that stands, whose page was changed once since."""
    build.build(request_)
    edit(request_, "누구나 소식 공예")
    build.build(request_)
    return request_


def test_a_bad_page_stays_as_it_was_accepted(office: Request, tmp_path: Path) -> None:
    """The others go on, the mistake is told at each build with exit 1, what is corrected comes; the server reads the same."""
    call = ["--content", office.content, "--out", office.out, "--now", "2023-08-16T09:00"]
    good = (office.content / PAGE).read_text("utf-8")
    wrong(office.content / PAGE)
    edit(office, "도서관 안내", "lectures/l01.md")
    for count in ("만든 것", "바뀐 것이 없습니다"):
        made = run(*call)
        assert made.returncode == 1
        assert made.stdout.startswith(f"{PAGE}:2: 닫는 따옴표가 없습니다")
        assert "lectures/l09: 앞서 올린 글이 그대로 보입니다." in made.stdout and count in made.stdout
    assert "누구나 소식 공예" in page(office) and "도서관 안내" in page(office, "lectures/l01.md")
    assert run(*call, "--check").returncode == 1
    read = load(sources(office.out, office.content), office.now)
    assert not read.refused and "도서관 안내" in str([read.body(doc) for doc in read.everything()])
    # Corrected, in a text that was read before and then taken for another one's.
    (office.content / PAGE).write_text(good, "utf-8")
    edit(office, "책 안내")
    assert run(*call).returncode == 0
    assert "책 안내" in page(office)
    fresh = replace(office, out=tmp_path / "fresh/site", full=True, demo=True)
    build.build(fresh)
    assert snapshot(fresh.out) == snapshot(office.out), "as if nothing had ever been wrong"


def leading(to: str) -> Break:
    """A link to nothing."""
    return lambda file: file.write_text(f"{file.read_text('utf-8')}\n[없음]({to})\n", "utf-8")


def attached(file: Path) -> None:
    """It becomes a folder, with a drawing that may not be published."""
    folder = file.with_suffix("")
    folder.mkdir()
    file.rename(folder / "index.md")
    (folder / "map.svg").write_text("<svg/>", "utf-8")


def twice(file: Path) -> None:
    """The folder is there, the page beside it too."""
    file.with_suffix("").mkdir()
    shutil.copy(file, file.with_suffix("") / "index.md")


def emptied(file: Path) -> None:
    """The folder without the page."""
    file.with_suffix("").mkdir()
    file.unlink()


BREAKS = {
    "dead link": leading("/lectures/none/"),
    "dead filter": leading("/lectures/category/none/"),  # told by the pages that were made alone
    "no text": lambda file: file.write_bytes("공고".encode("cp949")),
} | {break_.__name__: break_ for break_ in (attached, twice, emptied)}


@pytest.mark.parametrize("name", BREAKS)
def test_whatever_is_wrong_with_a_page(office: Request, name: str) -> None:
    """In its text, its bytes, its links or its folder: the page that stood stays."""
    before = snapshot(office.out)
    BREAKS[name](office.content / PAGE)
    report = build.build(office)
    assert report.mistakes and not report.is_new
    assert snapshot(office.out) == before


def test_a_new_page_with_a_mistake_is_not_shown(office: Request) -> None:
    """Nor what leads to it; a page whose source was taken away goes."""
    new = office.content / "lectures/new.md"
    new.write_text('+++\ntitle = "새 강좌\n+++\n', "utf-8")
    edit(office, "[책](/lectures/new/)", "lectures/l01.md")
    (office.content / PAGE).unlink()
    report = build.build(office)
    assert "lectures/new: 올린 적이 없어 보이지 않습니다." in report.mistakes
    assert "lectures/l01: 앞서 올린 글이 그대로 보입니다." in report.mistakes
    gone = {"lectures/new/index.html", "lectures/l09/index.html"}
    assert gone.isdisjoint(snapshot(office.out)) and "/lectures/new/" not in page(office, "lectures/l01.md")


def test_a_page_renamed_and_broken_at_once_stays_at_its_old_address(office: Request) -> None:
    """Nobody who signed up loses it for a missing quotation mark; once mended or taken away it goes from there."""
    new = office.content / "lectures/new.md"
    (office.content / PAGE).rename(new)
    wrong(new)
    for _ in range(2):
        edit(office, f"책 {_}", "lectures/l01.md")
        report = build.build(office)
        assert "lectures/l09: 앞서 올린 글이 그대로 보입니다." in report.mistakes
        assert "누구나 소식 공예" in page(office) and "lectures/new/index.html" not in snapshot(office.out)
    new.unlink()
    assert not build.build(office).mistakes and "lectures/l09/index.html" not in snapshot(office.out)


@pytest.mark.parametrize("file", ["site.toml", "votes/budget.md", "proposals/benches.md"])
def test_what_all_pages_need_stops_all(office: Request, file: str) -> None:
    """A mistake in the settings, a vote or a proposal; one in a notice does so with --strict and before the first build."""
    before = snapshot(office.out)
    needed = office.content / file
    good = needed.read_bytes()
    needed.write_bytes(good + b"\n+++ = \n" if file == "site.toml" else b"+++\n" + good)
    with pytest.raises(ContentMistakes):
        build.build(office)
    needed.write_bytes(good)
    wrong(office.content / PAGE)
    for request in (replace(office, strict=True), replace(office, out=office.out.with_name("other"))):
        with pytest.raises(ContentMistakes):
            build.build(request)
    assert snapshot(office.out) == before and folders(office.out) == ["site-000001", "site-000002"]
    assert build.build(office).mistakes, "the control: the notice alone stops nobody"


def test_going_back_goes_back_to_its_sources(office: Request) -> None:
    """What was accepted is what the site was made from that stands now, whichever build it is."""
    assert run("--rollback", "--out", office.out).returncode == 0
    assert "누구나 소식 공예" not in page(office)
    wrong(office.content / PAGE)
    build.build(office)
    assert "누구나 소식 공예" not in page(office)
    kept = beside(office.out.resolve()) / PAGE
    assert kept.read_bytes() != (office.content / PAGE).read_bytes()


def test_snapshots_go_with_their_builds(office: Request) -> None:
    """Each of the five builds has its own, which an edit in place does not reach; no other lies there."""
    for number in range(6):
        edit(replace(office, now=parse_time("2023-08-16T09:00:00")), f"책 {number}")
        build.build(office)
    assert sorted(each.name for each in (office.out.parent / ".builds").glob(".*.content")) == [
        f".{name}.content" for name in folders(office.out)
    ]
    texts = {
        (beside(office.out.parent / ".builds" / name) / PAGE).read_bytes() for name in folders(office.out)
    }
    assert len(texts) == 5
