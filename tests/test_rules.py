"""The pure decisions: when, which places, who moves up, what happens next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from civic import rules
from civic.clock import SEOUL
from civic.entries import Cap, Counts, Entry, Seat
from civic.errors import Closed, NotEligible, NotOpen
from civic.forms import Consent, FormSpec, Limit, Round

OPENS = datetime(2023, 8, 16, 9, tzinfo=SEOUL)
CLOSES = datetime(2023, 9, 1, tzinfo=SEOUL)
MOMENT = timedelta(milliseconds=1)


def a_spec(
    rounds: tuple[Round, ...] = (Round(id="r1", label="가을반", places=2, waiting=3),), **changes: Any
) -> FormSpec:
    consent = Consent(purpose="접수", items=("이름",), keep_days=30)
    return FormSpec(opens=OPENS, closes=CLOSES, rounds=rounds, consent=consent, **changes)


def an_entry(number: str = "A", **changes: Any) -> Entry:
    entry = Entry(
        number=number,
        subject="lectures/essay",
        round="r1",
        state="confirmed",
        rank=1,
        person="p",
        pin="",
        submission="s",
        received=OPENS,
        changed=OPENS,
    )
    return replace(entry, **changes)


def test_a_form_opens_and_closes_on_the_millisecond() -> None:
    """opens <= now < closes, said in the words of the poster."""
    spec = a_spec()
    each = spec.rounds[0]
    rules.check_time(spec, each, OPENS)
    rules.check_time(spec, each, CLOSES - MOMENT)
    with pytest.raises(NotOpen, match=r"^접수는 8월 16일\(수\) 09:00에 시작합니다\.$"):
        rules.check_time(spec, each, OPENS - MOMENT)
    with pytest.raises(Closed, match=r"^접수는 8월 31일\(목\) 24:00에 끝났습니다\.$"):
        rules.check_time(spec, each, CLOSES)


def test_a_round_may_have_times_of_its_own() -> None:
    """The round's times count before the form's."""
    late = Round(id="r1", label="늦은 반", places=2, opens=OPENS + timedelta(days=1))
    spec = a_spec((late,))
    with pytest.raises(NotOpen):
        rules.check_time(spec, late, OPENS)
    assert rules.form_state(spec, OPENS) == "upcoming"


@pytest.mark.parametrize(
    ("taken", "waiting", "state"),
    [(0, 0, "open"), (2, 0, "open"), (2, 3, "full"), (1, 3, "full"), (1, 2, "open")],
)
def test_a_round_is_full_without_place_and_line(taken: int, waiting: int, state: str) -> None:
    """Two places and three in line; a free place does not count while people wait for it."""
    spec = a_spec()
    assert rules.round_state(spec, spec.rounds[0], OPENS, Counts(taken, waiting)) == state


def test_a_draw_is_never_full() -> None:
    spec = a_spec(selection="draw")
    assert rules.round_state(spec, spec.rounds[0], OPENS, Counts(received=500)) == "open"


def test_the_form_is_as_open_as_its_best_round() -> None:
    spec = a_spec((Round(id="a", label="a", places=1), Round(id="b", label="b", places=1)))
    counts = {"a": Counts(taken=1)}
    assert rules.form_state(spec, OPENS, counts) == "open"
    assert rules.form_state(spec, OPENS, {**counts, "b": Counts(taken=1)}) == "full"
    assert rules.form_state(spec, CLOSES, counts) == "closed"


def test_seats() -> None:
    """First come: places, then the line if there is one. Draw and review: everyone is received."""
    spec = a_spec()
    assert rules.seats(spec, spec.rounds[0]) == [Seat("confirmed", 2), Seat("waiting", 3)]
    no_line = Round(id="r1", label="r1", places=2)
    assert rules.seats(a_spec((no_line,)), no_line) == [Seat("confirmed", 2)]
    for selection, more in (("draw", {}), ("review", {}), ("window-draw", {"window": 10})):
        spec = a_spec(selection=selection, **more)
        assert [seat.state for seat in rules.seats(spec, spec.rounds[0])] == ["received"]


def test_caps() -> None:
    """Groups, hours and the only try, each under its own key."""
    each = Round(id="r1", label="r1", places=2, hours=40)
    spec = a_spec((each,), limits=(Limit(group="now", max=2),), ledger="allowance", reentry=False)
    limit, hours, once = rules.caps(spec, each, "programs/a")
    assert (limit.key, limit.amount, limit.ceiling) == ("limit:now", 1, 2)
    assert (hours.key, hours.amount, hours.ceiling) == ("ledger:allowance", 40, 100)
    assert not hours.counts_in("absent") and hours.counts_in("attended")
    assert (once.key, once.ceiling) == ("once:programs/a:r1", 1) and once.counts_in("cancelled")
    assert hours.message == "한 사람이 쓸 수 있는 활동 시간 100시간을 넘습니다. 이 활동은 40시간입니다."
    assert rules.caps(a_spec(), each, "programs/a") == []
    assert isinstance(limit, Cap)


def test_the_line_moves_up_in_strict_order() -> None:
    """As many as fit, first in line first; a group that does not fit keeps its turn, and the next that fits goes."""
    each = Round(id="r1", label="r1", places=5)
    line = [an_entry("A", size=1), an_entry("B", size=3), an_entry("C", size=1)]
    assert [e.number for e in rules.promoted(each, Counts(taken=5), line)] == []
    assert [e.number for e in rules.promoted(each, Counts(taken=3), line)] == ["A", "C"]
    assert [e.number for e in rules.promoted(each, Counts(taken=2), line)] == ["A", "C"]
    assert [e.number for e in rules.promoted(each, Counts(taken=1), line)] == ["A", "B"]
    assert [e.number for e in rules.promoted(each, Counts(taken=0), line)] == ["A", "B", "C"]
    assert rules.promoted(each, Counts(), []) == []


def test_cancelling() -> None:
    """Live entries, before the activity begins; also when its page is gone."""
    each = Round(id="r1", label="r1", places=5, starts=CLOSES)
    rules.check_cancel(an_entry(), each, CLOSES - MOMENT)
    rules.check_cancel(an_entry(), None, CLOSES)
    with pytest.raises(NotEligible, match="활동이 시작되어"):
        rules.check_cancel(an_entry(), each, CLOSES)
    with pytest.raises(NotEligible, match="이미 취소한"):
        rules.check_cancel(an_entry(state="cancelled"), each, OPENS)
    with pytest.raises(NotEligible, match="끝난 신청"):
        rules.check_cancel(an_entry(state="attended"), each, OPENS)


def test_next_steps() -> None:
    """What the receipt says for each state; nothing for what is over."""
    each = Round(id="r1", label="r1", places=5, starts=CLOSES)
    spec = a_spec((each,))
    assert "9월 1일(금) 00:00에 시작합니다." in rules.next_steps(spec, each, "confirmed")
    assert rules.next_steps(spec, each, "waiting", 2)[0].startswith("대기 2번입니다.")
    drawn = a_spec((each,), selection="draw")
    assert (
        rules.next_steps(drawn, each, "received")[0]
        == "접수가 끝나는 8월 31일(목) 24:00 뒤에 추첨해서 정합니다."
    )
    assert rules.next_steps(spec, each, "cancelled") == []


@pytest.mark.parametrize(
    ("offered", "hours", "until"),
    [
        ("08-16 09:00", 24, "08-17 09:00"),  # by day: exactly the hours
        ("08-16 12:30", 5, "08-16 17:30"),
        ("08-16 20:59", 24, "08-17 20:59"),
        ("08-16 21:00", 24, "08-18 10:00"),  # 21:00 is night
        ("08-16 20:00", 5, "08-17 10:00"),  # 01:00 of the next day: that same morning
        ("08-16 23:59", 9, "08-17 10:00"),  # 08:59
        ("08-16 23:59", 10, "08-17 09:59"),
        ("08-31 22:00", 1, "09-01 10:00"),  # over the end of a month
    ],
)
def test_an_offer_never_ends_at_night(offered: str, hours: int, until: str) -> None:
    """From 21:00 until 09:00 nobody has to answer; such a deadline is put off to 10:00."""
    at = datetime.fromisoformat(f"2023-{offered}").replace(tzinfo=SEOUL)
    assert f"{rules.offer_deadline(at, hours):%m-%d %H:%M}" == until


@pytest.mark.parametrize(
    ("times", "places", "people"), [(1.5, 10, 15), (1.5, 3, 5), (1.1, 10, 11), (1, 7, 7)]
)
def test_an_early_close_is_rounded_up(times: float, places: int, people: int) -> None:
    """1.5 times 3 is 4.5: the fifth closes. 1.1 times 10 is 11, and not 12 for a rounding error."""
    each = Round(id="r1", label="r1", places=places, waiting=20)
    spec = a_spec((each,), close_at=float(times))
    assert rules.closing_size(spec, each) == people
    assert not rules.closes_now(spec, each, Counts(taken=places, waiting=people - places - 1))
    assert rules.closes_now(spec, each, Counts(taken=places, waiting=people - places))
    line = [seat.ceiling for seat in rules.seats(spec, each) if seat.state == "waiting"]
    assert line == ([people - places] if people > places else [])
    assert rules.closing_size(a_spec((each,)), each) is None


def test_a_window_and_what_comes_behind_it() -> None:
    """Ten minutes: received. After them the line only, with room for those whom the draw sends there; then first come."""
    spec = a_spec(selection="window-draw", window=10)  # two places, a line of three
    each, end = spec.rounds[0], OPENS + timedelta(minutes=10)
    assert rules.window_end(spec, each) == end
    assert rules.seats(spec, each, end - MOMENT) == [Seat("received", rules.NO_CEILING)]
    assert rules.seats(spec, each, end, Counts(received=4)) == [Seat("waiting", 1)]  # two of four will wait
    assert rules.seats(spec, each, end, Counts(received=9)) == [Seat("waiting", 0)]
    assert rules.seats(spec, each, end, Counts(taken=2)) == [Seat("confirmed", 2), Seat("waiting", 3)]
    assert rules.round_state(spec, each, end, Counts(received=4)) == "open"
    assert rules.round_state(spec, each, end, Counts(received=5)) == "full"
    assert rules.round_state(spec, each, end - MOMENT, Counts(received=50)) == "open"
    short = a_spec(selection="window-draw", window=1440).model_copy(
        update={"closes": OPENS + timedelta(hours=1)}
    )
    assert rules.window_end(short, each) == OPENS + timedelta(hours=1)


def test_what_closed_stays_closed() -> None:
    """Closed early, called off, frozen for a draw, or a closing time that has passed: whatever the clock says now."""
    spec = a_spec()
    each = spec.rounds[0]
    rules.check_time(spec, each, OPENS, {})
    rules.check_time(spec, each, OPENS, {"frozen": "[]"})  # a window's list: others come behind it
    for fact in ("closed", "called-off", rules.passed(spec, each)):
        with pytest.raises(Closed):
            rules.check_time(spec, each, OPENS, {fact: ""})
    with pytest.raises(Closed):
        rules.check_time(a_spec(selection="draw"), each, OPENS, {"frozen": "[]"})
    longer = spec.model_copy(update={"closes": CLOSES + timedelta(days=7)})  # staff write a later end
    rules.check_time(longer, each, CLOSES, {rules.passed(spec, each): "time"})
    assert rules.round_state(spec, each, OPENS, Counts(closed=True)) == "closed"


def test_every_way_of_choosing_is_one_plain_sentence() -> None:
    """The first sentence names the way; others follow only where the form says more."""
    assert rules.explain(a_spec()) == ["신청한 차례대로 자리를 드리고, 정원이 차면 대기 순서를 드립니다."]
    for selection, word, more in (
        ("draw", "추첨으로 정하며", {}),
        ("window-draw", "10분 안에", {"window": 10}),
        ("review", "정한 이유", {}),
    ):
        (said,) = rules.explain(a_spec(selection=selection, **more))
        assert word in said and said.count(".") == 1 and said.endswith("니다.")
    much = a_spec(
        selection="draw", seed="로또 1083회", promotion="offer", party=4, close_at=1.5, reentry=False,
        limits=(Limit(group="now", max=2),), ledger="allowance",
    )  # fmt: skip
    said = " ".join(rules.explain(much))
    for word in ("로또 1083회", "24시간", "밤 9시", "모두 같이", "1.5배", "2개까지", "100시간", "취소하면"):
        assert word in said


def test_offers_and_calling_off() -> None:
    """An offer is answered while it stands; a round is called off only below its minimum."""
    rules.check_offer(an_entry(state="offered"))
    with pytest.raises(NotEligible, match="기한이 지나"):
        rules.check_offer(an_entry(state="declined", cause="lapsed"))
    with pytest.raises(NotEligible, match="제안된 자리가 없"):
        rules.check_offer(an_entry())
    each = Round(id="r1", label="r1", places=5, minimum=3)
    rules.check_call_off(each, Counts(taken=2, waiting=9))
    with pytest.raises(NotEligible, match="3명을 채웠습니다"):
        rules.check_call_off(each, Counts(taken=3))
    with pytest.raises(NotEligible, match="정하지 않은"):
        rules.check_call_off(Round(id="r1", label="r1", places=5), Counts())
    spec = a_spec((each,), promotion="offer")
    (first, _) = rules.next_steps(spec, each, "offered", deadline=OPENS)
    assert first == "자리가 났습니다. 8월 16일(수) 09:00까지 ‘내 신청 확인’에서 수락하거나 사양해 주세요."
