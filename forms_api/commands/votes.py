"""`votes`: a budget vote from its keys to its published result; docs/voting.md says who does what."""

from typing import Any

import click

from civic.errors import Unusable
from forms_api.commands import box, holder, paper, poll, result
from forms_api.commands.staff_acts import logged
from forms_api.settings import Settings, read_settings


class VoteCommands(click.Group):
    """Commands that do all of their work or none: what staff gave and cannot be used is named, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Unusable as wrong:
            click.echo("\n".join([*wrong.lines, "아무것도 바뀌지 않았습니다."]), err=True)
            raise SystemExit(1) from None


@click.group("votes", cls=VoteCommands)
def votes() -> None:
    """투표함을 만들고 닫고 열어 결과를 공개합니다."""


def _settings(data: str | None = None, **_: Any) -> Settings:
    return read_settings(data=data)


for command in (*holder.COMMANDS, *poll.COMMANDS, *box.COMMANDS, *result.COMMANDS, *paper.COMMANDS):
    votes.add_command(logged(command, _settings))
