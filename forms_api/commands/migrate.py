"""`migrate`: brings a data folder or a PostgreSQL database to what this version needs."""

from __future__ import annotations

import os

import click

from civic.store import migrate as bring
from forms_api.settings import read_settings


@click.command()
@click.option("--data", help="자료의 주소: tinydb://폴더 또는 postgresql://… (없으면 MADANG_DATA)")
def migrate(data: str | None) -> None:
    """자료의 표를 이 판에 맞춥니다. 서버를 끄고 하세요. 여러 번 실행해도 됩니다."""
    before, after = bring(read_settings(os.environ, data=data).data)
    if before == after:
        click.echo(f"이미 최신입니다(판 {after}).")
    else:
        click.echo(f"표를 맞추었습니다(판 {before or '없음'} → {after}).")
