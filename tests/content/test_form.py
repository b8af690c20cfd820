"""What a form asks: times and rounds that go together, and what the consent names."""

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from civic.content.form import FormSpec


def a_form(**changes: Any) -> FormSpec:
    """A form that is right, with what the test changes."""
    given: dict[str, Any] = {
        "opens": datetime(2023, 8, 16, 9),  # noqa: DTZ001 — as staff write it
        "closes": datetime(2023, 9, 1),  # noqa: DTZ001
        "rounds": [{"id": "r1", "label": "1회차", "places": 20}],
        "consent": {"purpose": "강좌 접수", "items": ["이름", "휴대전화 번호"], "keep_days": 30},
    }
    return FormSpec.model_validate({**given, **changes})


EARLY = datetime(2023, 8, 1)  # noqa: DTZ001 — as staff write it


def test_times_without_offset_are_seoul_and_half_open() -> None:
    """09:00 on the poster is 09:00 +09:00."""
    assert a_form().opens.isoformat() == "2023-08-16T09:00:00+09:00"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"closes": datetime(2023, 8, 16, 9)}, "closes는 opens보다 뒤여야"),  # noqa: DTZ001
        ({"rounds": [{"id": "r1", "label": "a", "places": 1}] * 2}, "rounds에 같은 이름"),
        ({"selection": "window-draw"}, "window는"),
        ({"window": 10}, "window는"),
        ({"rounds": [{"id": "r1", "label": "a", "places": 1, "hours": 4}]}, "ledger를 쓰세요"),
        ({"rounds": [{"id": "r1", "label": "a", "places": 1, "opens": EARLY}]}, "opens보다 앞설"),
        ({"rounds": [{"id": "r1", "label": "a", "places": 1, "ends": EARLY}]}, "시작하는 때보다"),
    ],
)
def test_a_form_that_cannot_work_is_refused(changes: dict[str, Any], says: str) -> None:
    """Each mistake is said in Korean, in words that say what to do."""
    with pytest.raises(ValidationError, match=says):
        a_form(**changes)


@pytest.mark.parametrize("wrong", [{"places": "20"}, {"places": 0}, {"places": 2.0}, {"seats": 3}])
def test_types_are_exact_and_unknown_keys_are_mistakes(wrong: dict[str, Any]) -> None:
    """ "20" is not 20: a wrong type is a slip of the pen that must be seen."""
    with pytest.raises(ValidationError):
        a_form(rounds=[{"id": "r1", "label": "a", "places": 5, **wrong}])


def test_the_consent_names_everything_that_is_collected() -> None:
    """Found with an event that counted companions and did not say so: the list comes from the fields themselves."""
    consent = {"purpose": "접수", "keep_days": 30, "items": ["출석", "이름"], "optional_items": ["사진"]}
    full = a_form(
        consent=consent,
        person="phone+birth_date",
        email="optional",
        party=4,
        fields=[{"name": "a", "label": "사는 동"}, {"name": "b", "label": "바라는 것", "required": False}],
    )
    always = ("이름", "휴대전화 번호", "생년월일", "함께 신청하는 사람 수", "사는 동", "출석")
    assert full.collected == (always, ("이메일", "바라는 것", "사진"))
    assert a_form(email="required").collected == (("이름", "휴대전화 번호", "이메일"), ())
    assert a_form(email="none").collected == (("이름", "휴대전화 번호"), ())
