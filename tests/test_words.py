"""What a 72-year-old reads on a phone: no name of the machine's states in a page, a message or a refusal."""

import re
from pathlib import Path

import pytest

from civic.places.phases import ENTRIES, PHASES, VOTES

ROOT = Path(__file__).parent.parent
MACHINE = (
    *("얼린", "얼렸", "얼려", "얼릴", "얼리기", "씨앗", "지문", "난수", "추적 번호", "봉투", "글로 돌아가기"),
    *("해시", "토큰", "트랜잭션", "파라미터", "엔드포인트", "커밋", "스키마", "데이터베이스", "세션"),
)
READ = (
    *("templates/**/*.html", "templates/**/*.xml", "static/js/*.js", "forms_api/*.py", "civic/errors.py"),
    *(
        f"civic/places/{name}.py"
        for name in ("application", "change", "intake", "line", "messages", "participants", "phases", "rules")
    ),
    *(f"civic/votes/{name}.py" for name in ("ballot", "casting", "light", "words")),
    *("publish/files.py", "publish/results.py"),
)
# What citizens never read: settings, the log, the description for programs.
FOR_STAFF = ("settings.py", "describe.py", "clock_mark.py", "accepted.py", "operations.py", "metrics.py")


def machine_words(text: str) -> list[str]:
    return [
        word for word in MACHINE if word in re.sub(r"\{#.*?#\}|^\s*(#|//).*?$", "", text, flags=re.S | re.M)
    ]


FILES = sorted(
    file for pattern in READ for file in ROOT.glob(pattern) if file.is_file() and file.name not in FOR_STAFF
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_machine_word_reaches_a_citizen(file: Path) -> None:
    """Names of our own states are said in words of every day, or explained where they stand."""
    assert machine_words(file.read_text("utf-8")) == []


def test_a_machine_word_would_be_seen() -> None:
    """The control."""
    assert machine_words("<p>명단을 얼렸습니다. 지문 abc</p>{# 씨앗 #}") == ["얼렸", "지문"]


def test_every_phase_has_words_of_its_own() -> None:
    """Each form × what it is for has a sentence; once it is over, none of an earlier phase asks for anything."""
    forms = ("upcoming", "open", "full", "closed", "drawing", "decided")
    assert set(PHASES) == {(form, it) for form in ("", *forms) for it in ("ahead", "running", "over")}
    said = [*PHASES.values(), *VOTES.values(), *ENTRIES.values()]
    assert all(sentence for _, sentence in said)
    assert machine_words(str(said)) == []
    for form in ("full", "closed", "drawing", "decided"):
        assert PHASES[form, "over"][0] == "끝남" and "신청" not in PHASES[form, "over"][1]
