"""`lapse`: what the server does every few seconds, done now: overdue offers lapse, lines move up."""

from __future__ import annotations

from typing import Any

import click

from forms_api.commands.entries import common, desk


@click.command()
@click.argument("subject", required=False, default="")
@common
def lapse(subject: str, **where: Any) -> None:
    """기한이 지난 제안을 거두고 빈자리를 다음 순서에 줍니다. SUBJECT를 빼면 모든 글을 봅니다."""
    with desk(**where) as opened:
        if subject:
            opened.form(subject)
        moved = opened.intake.advance(subject)
        click.echo(f"자리를 받거나 제안받은 신청 {moved}건")
