"""`migrate`: brings a PostgreSQL database to what this version needs."""

from __future__ import annotations

import os

import click

from civic.errors import Misuse
from forms_api.settings import read_settings


@click.command()
@click.option("--data", help="데이터베이스: postgresql://… (없으면 MADANG_DATA)")
def migrate(data: str | None) -> None:
    """PostgreSQL의 표를 이 판에 맞춥니다. 여러 번 실행해도 됩니다."""
    url = read_settings(os.environ, data=data).data
    if not url.startswith("postgresql"):
        raise Misuse("tinydb:// 자료는 맞출 것이 없습니다. migrate는 postgresql:// 자료에만 씁니다.")
    # Only where it is wanted: the packages behind it are optional.
    from civic.store.postgresql import migrate as bring

    before, after = bring(url)
    if before == after:
        click.echo(f"이미 최신입니다(판 {after}).")
    else:
        click.echo(f"표를 맞추었습니다(판 {before or '없음'} → {after}).")
