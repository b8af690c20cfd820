"""Proposals from their receipt to the day they are done: how far each has come, and numbers that add up."""

from datetime import timedelta
from pathlib import Path

import pytest

from civic.content.poll import Progress, Review, Unlisted
from civic.library import load
from tests.ballot_samples import a_proposal
from tests.result_samples import PUBLISHED, a_counted_poll, publish, some_ballots, write_site
from tests.test_library import report

REVIEW = Review(result="unfit", reason="이미 하고 있는 사업입니다.")


def test_a_result_says_how_far_proposals_have_come(tmp_path: Path) -> None:
    """Before its publication all stand for the vote; then each is chosen or not; what was dropped is on no ballot."""
    poll, proposals = a_counted_poll()
    dropped = a_proposal("dropped", stage="dropped", review=REVIEW)
    content = write_site(tmp_path / "content", poll, [*proposals.values(), dropped])
    publish(content, poll, proposals, some_ballots())
    before, after = (load(content, PUBLISHED + timedelta(seconds=each)) for each in (-1, 0))
    assert {before.stage(each) for each in proposals.values()} == {"on-ballot"}
    winners = set(after.results[poll.slug].document.winners)
    stages = {each.slug: after.stage(each) for each in after.proposals(poll.slug)}
    assert {slug for slug, stage in stages.items() if stage == "chosen"} == winners
    assert (stages["club"], stages["few"]) == (
        "on-ballot",
        "not-chosen",
    )  # club: of a type that is only shown
    assert "dropped" not in stages
    assert after.stage(dropped) == "dropped"


@pytest.mark.parametrize(
    ("received", "listed", "said"),
    [(9, 2, ""), (10, 2, "6건과 오르지 않은 제안 3건을 더하면 9건"), (8, 2, "9건"), (8, 1, "")],
)
def test_received_proposals_add_up(tmp_path: Path, received: int, listed: int, said: str) -> None:
    """6 on the ballot, 1 dropped with a page, some without one: as many as were received, or the build names the line."""
    unlisted = (Unlisted(reason="같은 제안", count=listed),)
    poll, proposals = a_counted_poll(received=received, unlisted=unlisted)
    dropped = a_proposal("dropped", stage="dropped", review=REVIEW)
    found = report(write_site(tmp_path / "content", poll, [*proposals.values(), dropped]))
    assert len(found) == bool(said)
    assert all(each.startswith("votes/") and ": received: " in each and said in each for each in found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stage": "dropped"}, "[review]에 까닭"),
        ({"stage": "on-ballot", "vote": ""}, "vote와 type이 있어야"),
        ({"progress": (Progress(date=PUBLISHED.date(), text="시작"),)}, "chosen, running, done"),
        (
            {
                "stage": "done",
                "cost": 10,
                "progress": tuple(Progress(date=PUBLISHED.date(), text="씀", spent=6) for _ in "ab"),
            },
            "cost보다 큽니다",
        ),
        (
            {
                "stage": "running",
                "progress": tuple(
                    Progress(date=PUBLISHED.date() - timedelta(days=n), text="함") for n in range(2)
                ),
            },
            "오래된 것부터",
        ),
    ],
)
def test_a_proposal_that_contradicts_itself_is_refused(changes: dict[str, object], said: str) -> None:
    """A dropped one without a reason, progress before it was chosen, more spent than it costs, days out of order."""
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        a_proposal("lamp", **changes)
