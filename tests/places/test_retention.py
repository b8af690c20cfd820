"""Answers are kept as long as the page says and no longer: told to the store, erased unasked, the rest stays."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from civic.clock import SEOUL
from civic.library import Library, load
from civic.places import retention
from civic.places.intake import Intake
from civic.store.entry import Entry, Seat
from civic.store.seal import Erased
from tests.builders import a_lecture_file, a_phone, a_round, an_application, write_content
from tests.places.conftest import OPENS

# Meetings end on 7 September at noon, keep_days is 30.
UNTIL = datetime(2023, 10, 7, 12, tzinfo=SEOUL)
ESSAY = "lectures/essay"
SESSION = {"starts": "2023-09-07T10:00:00", "ends": "2023-09-07T12:00:00"}


ROUNDS = [a_round(), a_round("r2", **SESSION)]
LECTURES = {"essay": a_lecture_file("에세이", ROUNDS), "other": a_lecture_file("다른 강좌")}


def applied(desk: Intake, slug: str = "essay", phone: str = "") -> Entry:
    sent = an_application(phone=phone or a_phone())
    return desk.apply(desk.check(*desk.form("lectures", slug), sent))[0][0]


def follow(desk: Intake, at: datetime) -> list[str]:
    return retention.follow(desk.library, desk.store, desk.keys, at)  # type: ignore[arg-type]  # a Library


def opens(desk: Intake, entry: Entry) -> bool:
    kept = desk.store.find(entry.number)
    assert kept
    try:
        return bool(desk.keys.unseal(desk.store, kept.subject, kept.number, kept.sealed))
    except Erased:
        return False


def library_of(desk: Intake) -> Library:
    assert isinstance(desk.library, Library)
    return desk.library


def test_answers_end_when_their_time_is_over(desk: Intake, tmp_path: Path) -> None:
    """Found with a promise that nothing kept: to the second, of that subject alone, and again changes nothing."""
    phone = a_phone()
    entry, other = applied(desk, phone=phone), applied(desk, "other")
    assert follow(desk, UNTIL - timedelta(seconds=1)) == ["lectures/other"]  # it ended on 1 September
    assert opens(desk, entry) and not opens(desk, other)
    assert follow(desk, UNTIL) == [ESSAY]
    assert not opens(desk, entry)
    assert follow(desk, UNTIL) == []
    assert desk.store.find(entry.number) == replace(entry, sealed=b"")
    assert desk.lookup(entry.number, phone[-4:]).entry.state == "confirmed"


def test_a_lecture_ends_with_its_last_meeting(tmp_path: Path) -> None:
    """Rounds without an end, meetings weeks after the closing: nothing goes before the last of them."""
    sessions = '\n[[sessions]]\nstarts = 2023-11-02T10:00:00\nends = 2023-11-02T12:00:00\ntopic = "끝"\n'
    text = a_lecture_file("에세이").replace("\n[form]", f"{sessions}\n[form]", 1)
    library = load(write_content(tmp_path, {"essay": text}), OPENS)
    page = library.get("lectures", "essay")
    assert page and page.kept_until == datetime(2023, 12, 2, 12, tzinfo=SEOUL)


def test_the_first_sign_up_tells_the_store(desk: Intake) -> None:
    """A page that is gone the next minute leaves its date behind, and the date is kept to."""
    entry = applied(desk)
    empty = replace(library_of(desk), _pages=())
    assert retention.kept_answers(empty, desk.store) == [retention.KeptAnswers(ESSAY, UNTIL, OPENS)]
    assert retention.follow(empty, desk.store, desk.keys, UNTIL) == [ESSAY]
    assert not opens(desk, entry)


def test_a_page_that_is_not_shown_counts(desk: Intake) -> None:
    """expire_at takes a page from the site, not its promise."""
    applied(desk)
    later = library_of(desk).at(OPENS)
    hidden = replace(later, _by_folder={})
    assert hidden.get("lectures", "essay") is None
    assert retention.kept_answers(hidden, desk.store)[0].until == UNTIL


def test_a_date_must_have_stood_for_a_day(desk: Intake, tmp_path: Path) -> None:
    """A slip of the pen in keep_days is mended before it costs anything; a date that moves on is followed."""
    entry = applied(desk)
    page = library_of(desk).get("lectures", "essay")
    assert page and page.spec
    for days, noted in ((1, UNTIL), (60, UNTIL + timedelta(hours=23))):
        consent = page.spec.consent.model_copy(update={"keep_days": days})
        other = page.model_copy(update={"form": page.spec.model_copy(update={"consent": consent})})
        changed = replace(library_of(desk), _pages=(other,))
        assert retention.follow(changed, desk.store, desk.keys, noted) == []
        assert retention.kept_answers(changed, desk.store)[0].noted == noted
        assert retention.follow(changed, desk.store, desk.keys, noted + timedelta(hours=22)) == []
    assert opens(desk, entry)
    assert retention.follow(changed, desk.store, desk.keys, UNTIL + timedelta(days=31)) == [ESSAY]


def test_what_nobody_dated_is_left_alone(desk: Intake) -> None:
    """Neither page nor note, as after an older version: it is listed and stays."""
    key = desk.keys
    entry = replace(applied(desk), subject="lectures/gone", number="AAAA-AAAA", submission="x", person="y")
    sealed = key.seal(desk.store, "lectures/gone", entry.number, b"{}")
    with desk.store.open("lectures/gone") as book:
        book.add(replace(entry, sealed=sealed), [Seat("confirmed", 9)])
    found = {each.subject: each for each in retention.kept_answers(desk.library, desk.store)}
    assert found["lectures/gone"] == retention.KeptAnswers("lectures/gone", None, None)
    assert "lectures/gone" not in follow(desk, UNTIL + timedelta(days=4000))
    key.erase(desk.store, "lectures/gone", UNTIL)
    assert not opens(desk, entry)
