"""`votes`: a budget vote from its keys to its published result; docs/voting.md says who does what."""

from __future__ import annotations

import click

from forms_api.commands import box, paper, poll, result


@click.group("votes")
def votes() -> None:
    """투표함을 만들고 닫고 열어 결과를 공개합니다."""


for command in (
    *poll.COMMANDS,
    *box.COMMANDS,
    *result.COMMANDS,
    *paper.COMMANDS,
):  # in the order of their use
    votes.add_command(command)
