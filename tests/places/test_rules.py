"""The pure decisions and their words: when, what happens next. Who gets a place and who moves up: test_intake_model.py."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from civic.clock import SEOUL
from civic.content.form import FormSpec
from civic.content.rounds import Consent, Limit, Round
from civic.errors import Closed, Invalid, NotEligible, NotOpen
from civic.places import phases, rules
from civic.places.form_round import FormRound
from civic.store.entry import Cap, Counts, Entry, Seat

OPENS = datetime(2023, 8, 16, 9, tzinfo=SEOUL)
CLOSES = datetime(2023, 9, 1, tzinfo=SEOUL)
MOMENT = timedelta(milliseconds=1)


def a_spec(
    rounds: tuple[Round, ...] = (Round(id="r1", label="가을반", places=2, waiting=3),), **changes: Any
) -> FormSpec:
    consent = Consent(purpose="접수", items=("이름",), keep_days=30)
    return FormSpec(opens=OPENS, closes=CLOSES, rounds=rounds, consent=consent, **changes)


def of(spec: FormSpec, number: int = 0) -> FormRound:
    """A round of it."""
    return FormRound(None, spec, spec.rounds[number])


def an_entry(number: str = "A", **changes: Any) -> Entry:
    entry = Entry(number, "lectures/essay", "r1", "confirmed", 1, "p", "", "s", OPENS, OPENS)
    return replace(entry, **changes)


def test_a_form_opens_and_closes_on_the_millisecond() -> None:
    """opens <= now < closes, said in the words of the poster."""
    spec = a_spec()
    rules.check_time(of(spec), OPENS)
    rules.check_time(of(spec), CLOSES - MOMENT)
    with pytest.raises(NotOpen, match=r"^접수는 8월 16일\(수\) 09:00에 시작합니다\.$"):
        rules.check_time(of(spec), OPENS - MOMENT)
    with pytest.raises(Closed, match=r"^접수는 8월 31일\(목\) 24:00에 끝났습니다\.$"):
        rules.check_time(of(spec), CLOSES)


def test_a_round_may_have_times_of_its_own() -> None:
    """The round's times count before the form's."""
    late = Round(id="r1", label="늦은 반", places=2, opens=OPENS + timedelta(days=1))
    spec = a_spec((late,))
    with pytest.raises(NotOpen):
        rules.check_time(of(spec), OPENS)
    assert rules.form_state(spec, OPENS) == "upcoming"


def test_the_form_is_as_open_as_its_best_round() -> None:
    spec = a_spec((Round(id="a", label="a", places=1), Round(id="b", label="b", places=1)))
    taken = Counts(taken=1)
    for at, second, state in (
        (OPENS, rules.NOBODY, "open"),
        (OPENS, taken, "full"),
        (CLOSES, rules.NOBODY, "closed"),
    ):
        states = [rules.round_state(of(spec, n), at, held) for n, held in enumerate((taken, second))]
        assert rules.whole_state(states) == state


def test_caps() -> None:
    """Groups, hours and the only try, each under its own key."""
    each = Round(id="r1", label="r1", places=2, hours=40)
    spec = a_spec((each,), limits=(Limit(group="now", max=2),), ledger="allowance", reentry=False)
    limit, hours, once = rules.caps(of(spec))
    assert (limit.key, limit.amount, limit.ceiling) == ("limit:now", 1, 2)
    assert (hours.key, hours.amount, hours.ceiling) == ("ledger:allowance", 40, 100)
    assert hours.kept_in == ("attended",)
    assert (once.key, once.ceiling) == ("once::r1", 1) and "cancelled" in once.kept_in
    assert hours.message == "한 사람이 쓸 수 있는 활동 시간 100시간을 넘습니다. 이 활동은 40시간입니다."
    assert rules.caps(of(a_spec())) == []
    assert isinstance(limit, Cap)


def test_a_party_must_fit_into_the_round() -> None:
    """Three cannot come to a round of two; the field says how many can."""
    each = of(a_spec((Round(id="r1", label="r1", places=2),)))
    rules.check_size(each, 2)
    with pytest.raises(Invalid) as refused:
        rules.check_size(each, 3)
    (error,) = refused.value.errors
    assert (error.field, "정원은 2명" in error.message) == ("party", True)


@pytest.mark.parametrize(
    ("round", "form", "said"),
    [
        ({"waiting": 0}, {"close_at": 1.5}, "waiting을 2 이상으로"),
        ({"waiting": 1}, {"close_at": 1.5}, "close_at 1.5배는 6명인데 정원과 대기를 더해도 5명"),
        ({"waiting": 1}, {"close_at": 1.5, "selection": "window-draw", "window": 5}, "waiting을 2 이상으로"),
        ({"waiting": 2}, {"close_at": 1.5}, ""),
        ({"waiting": 0}, {"close_at": 1.0}, ""),
        ({"waiting": 0}, {"close_at": 1.5, "selection": "draw"}, ""),
        ({"waiting": 0}, {"close_at": 1.5, "selection": "review"}, ""),
        ({}, {"party": 5}, "회차 r2의 정원(places) 4명보다"),
        ({}, {"party": 4}, ""),
    ],
)
def test_what_can_never_come_true_is_a_mistake(
    round: dict[str, Any], form: dict[str, Any], said: str
) -> None:
    """An early close that so few cannot reach, and a party that no round can take."""
    rounds = (Round(id="r1", label="r1", places=9, waiting=9), Round(id="r2", label="r2", places=4, **round))
    if not said:
        assert a_spec(rounds, **form)
        return
    with pytest.raises(ValidationError) as mistake:
        a_spec(rounds, **form)
    assert said in str(mistake.value)


def test_hours_are_final_once_they_are_approved() -> None:
    """After the start; put right until approved; approved again only with the same number."""
    each = of(a_spec((Round(id="r1", label="r1", places=5, starts=CLOSES),)))
    confirmed = an_entry(hours=4)
    with pytest.raises(NotEligible, match=r"활동이 9월 1일\(금\) 00:00에 시작합니다"):
        rules.check_hours(each, confirmed, 4, False, CLOSES - MOMENT)
    rules.check_hours(each, confirmed, 4, False, CLOSES)
    rules.check_hours(None, confirmed, 4, False, OPENS)
    with pytest.raises(NotEligible, match="확정되어 활동한"):
        rules.check_hours(each, confirmed, 4, True, CLOSES)  # nobody wrote that they came
    worked = an_entry(state="attended", cause="worked", hours=4)
    rules.check_hours(each, worked, 6, False, CLOSES)
    rules.check_hours(each, worked, None, False, CLOSES)
    rules.check_hours(each, worked, 6, True, CLOSES)
    approved = an_entry(state="attended", cause="approved", hours=60)
    rules.check_hours(each, approved, 60, True, CLOSES)
    for hours, again in ((10, True), (60, False), (None, False)):
        with pytest.raises(NotEligible, match="이미 60시간을 인정한"):
            rules.check_hours(each, approved, hours, again, CLOSES)


def test_a_decision_needs_a_reason_and_a_place() -> None:
    """On what is received or waits, once; a place only while one is free; never without a word why."""
    each = Round(id="r1", label="r1", places=2)
    spec = a_spec((each,), selection="review")
    for state in ("received", "waiting"):
        rules.check_decision(of(spec), an_entry(state=state), "confirmed", Counts(taken=1))
        with pytest.raises(NotEligible, match="남은 자리가 0명"):
            rules.check_decision(of(spec), an_entry(state=state), "confirmed", Counts(taken=2))
        rules.check_decision(of(spec), an_entry(state=state), "rejected", Counts(taken=2))
    for state in ("waiting", "confirmed", "cancelled"):
        with pytest.raises(NotEligible, match="심사를 기다리는"):
            rules.check_decision(of(spec), an_entry(state=state), "waiting", Counts())
    assert rules.check_reason(" 구 밖에 삶\n") == "구 밖에 삶"
    for text in ("", "  ", "\n\t"):
        with pytest.raises(NotEligible, match="이유"):
            rules.check_reason(text)


def test_cancelling() -> None:
    """Live entries, before the activity begins; also when its page is gone."""
    each = of(a_spec((Round(id="r1", label="r1", places=5, starts=CLOSES),)))
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
    assert "취소해 주세요" in phases.next_steps(of(spec), "confirmed", OPENS)[0]
    waits = phases.next_steps(of(spec), "waiting", OPENS)
    assert waits[:2] == [
        "자리가 나면 대기 순서대로 바로 확정됩니다.",
        "9월 1일(금) 00:00에 활동이 시작하면 대기는 끝납니다.",
    ]
    assert "취소하면" in phases.next_steps(of(a_spec((each,), selection="review")), "waiting", OPENS)[0]
    draw = a_spec((each,), selection="draw")
    told = phases.result_told(draw, OPENS)
    assert told.startswith("결과는 8월 31일(목) 24:00 뒤에 추첨해 적어 주신 휴대전화로 알려 드리고")
    assert phases.result_told(spec, OPENS) == ""
    assert phases.next_steps(of(spec), "cancelled", OPENS) == []


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
    spec = a_spec((Round(id="r1", label="r1", places=1),), offer_hours=hours)
    assert f"{rules.offer_deadline(of(spec), at):%m-%d %H:%M}" == until


def test_an_offer_does_not_outlast_the_start() -> None:
    """Five hours before the activity a day's offer ends with its start; where that is not told, with its end."""
    starts = OPENS + timedelta(hours=5)
    each = Round(id="r1", label="r1", places=1, starts=starts)
    ends = Round(id="r1", label="r1", places=1, ends=starts)
    assert rules.offer_deadline(of(a_spec((each,))), OPENS) == starts
    assert rules.offer_deadline(of(a_spec((each,), offer_hours=4)), OPENS) == OPENS + timedelta(hours=4)
    assert rules.offer_deadline(of(a_spec((ends,))), OPENS) == starts
    assert rules.for_line(of(a_spec((ends,))), starts, Counts()) == 0  # and nobody moves up any more
    offered = an_entry(state="offered", deadline=OPENS + timedelta(hours=9))  # staff put the start forward
    assert not rules.has_lapsed(offered, of(a_spec((each,))), starts - MOMENT)
    assert rules.has_lapsed(offered, of(a_spec((each,))), starts)
    assert rules.has_lapsed(an_entry(state="offered", deadline=OPENS), of(a_spec((each,))), OPENS)
    assert not rules.has_lapsed(an_entry(), of(a_spec((each,))), CLOSES)


@pytest.mark.parametrize(
    ("times", "places", "people"), [(1.5, 10, 15), (1.5, 3, 5), (1.1, 10, 11), (1, 7, 7)]
)
def test_an_early_close_is_rounded_up(times: float, places: int, people: int) -> None:
    """1.5 times 3 is 4.5: the fifth closes. 1.1 times 10 is 11, and not 12 for a rounding error."""
    each = Round(id="r1", label="r1", places=places, waiting=20)
    spec = a_spec((each,), close_at=float(times))
    assert spec.closing_size(each) == people
    assert not rules.closes_now(of(spec), Counts(taken=places, waiting=people - places - 1))
    assert rules.closes_now(of(spec), Counts(taken=places, waiting=people - places))
    line = [seat.ceiling for seat in rules.seats(of(spec), OPENS) if seat.state == "waiting"]
    assert line == ([people - places] if people > places else [])
    assert a_spec((each,)).closing_size(each) is None


def test_a_window_and_what_comes_behind_it() -> None:
    """Ten minutes: received. After them the line only, with room for those whom the draw sends there; then first come."""
    spec = a_spec(selection="window-draw", window=10)  # two places, a line of three
    end = OPENS + timedelta(minutes=10)
    assert of(spec).window_end == end
    assert rules.seats(of(spec), end - MOMENT) == [Seat("received", rules.NO_CEILING)]
    assert rules.seats(of(spec), end, Counts(received=4)) == [Seat("waiting", 1)]  # two of four will wait
    assert rules.seats(of(spec), end, Counts(received=9)) == [Seat("waiting", 0)]
    assert rules.seats(of(spec), end, Counts(taken=2)) == [Seat("confirmed", 2), Seat("waiting", 3)]
    assert rules.round_state(of(spec), end, Counts(received=4)) == "open"
    assert rules.round_state(of(spec), end, Counts(received=5)) == "full"
    assert rules.round_state(of(spec), end - MOMENT, Counts(received=50)) == "open"
    short = a_spec(selection="window-draw", window=1440).model_copy(
        update={"closes": OPENS + timedelta(hours=1)}
    )
    assert of(short).window_end == OPENS + timedelta(hours=1)


def test_what_closed_stays_closed() -> None:
    """Closed early, called off, frozen for a draw, or a closing time that has passed: whatever the clock says now."""
    spec = a_spec()
    rules.check_time(of(spec), OPENS, {})
    rules.check_time(of(spec), OPENS, {"frozen": "[]"})  # a window's list: others come behind it
    for fact in ("closed", "called-off", of(spec).passed):
        with pytest.raises(Closed):
            rules.check_time(of(spec), OPENS, {fact: ""})
    with pytest.raises(Closed):
        rules.check_time(of(a_spec(selection="draw")), OPENS, {"frozen": "[]"})
    longer = spec.model_copy(update={"closes": CLOSES + timedelta(days=7)})  # staff write a later end
    rules.check_time(of(longer), CLOSES, {of(spec).passed: "time"})
    assert rules.round_state(of(spec), OPENS, Counts(closed=True)) == "closed"


def test_every_way_of_choosing_is_one_plain_sentence() -> None:
    """The first sentence names the way; others follow only where the form says more."""
    assert phases.explain(a_spec()) == ["신청한 차례대로 자리를 드리고, 정원이 차면 대기 순서를 드립니다."]
    for selection, word, more in (
        ("draw", "추첨으로 정하며", {}),
        ("window-draw", "10분 안에", {"window": 10}),
        ("review", "정한 이유", {}),
    ):
        said, *_ = phases.explain(a_spec(selection=selection, **more))
        assert word in said and said.count(".") == 1 and said.endswith("니다.")
    assert "차례대로 받습니다" in phases.explain(a_spec(selection="review"))[1]
    large = Round(id="r1", label="r1", places=9, waiting=9, starts=CLOSES)
    much = a_spec(
        (large,), selection="draw", seed="로또 1083회", seed_at=CLOSES + timedelta(days=2), promotion="offer", party=4, close_at=1.5, reentry=False,
        limits=(Limit(group="now", max=2),), ledger="allowance",
    )  # fmt: skip
    said = " ".join(phases.explain(much))
    for words in (
        "로또 1083회",
        "24시간",
        "밤 9시",
        "모두 같이",
        "1.5배",
        "2개까지",
        "100시간",
        "취소하거나",
        "그때까지만",
    ):
        assert words in said, words


def test_offers_and_calling_off() -> None:
    """An offer is answered while it stands; a round is called off once, and not within its draw."""
    rules.check_offer(an_entry(state="offered"))
    with pytest.raises(NotEligible, match="기한이 지나"):
        rules.check_offer(an_entry(state="declined", cause="lapsed"))
    with pytest.raises(NotEligible, match="제안된 자리가 없"):
        rules.check_offer(an_entry())
    each = of(a_spec((Round(id="r1", label="r1", places=5),), promotion="offer"))
    rules.check_call_off({"frozen": "[]", "drawn": "{}"})
    with pytest.raises(NotEligible, match="명단을 확정한"):
        rules.check_call_off({"frozen": "[]"})
    with pytest.raises(NotEligible, match="이미 취소한"):
        rules.check_call_off({"called-off": "x"})
    assert "기한이 지나면" in phases.next_steps(each, "offered", OPENS)[0]
    _, said = phases.entry_said(an_entry(state="offered", deadline=OPENS), None, each.round, None, OPENS)
    assert said == "자리가 났습니다. 8월 16일(수) 09:00까지 수락하거나 사양해 주세요."
