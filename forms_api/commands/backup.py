"""`backup` and `restore`: a copy of everything beside a running server, and a data folder made from it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from civic.errors import Misuse
from civic.store.copies import back_up
from civic.store.copies import restore as make_again
from forms_api.settings import read_settings

OF_POSTGRESQL = "postgresql:// 자료는 pg_dump와 pg_restore로 백업하고 되살리세요(docs/deployment.md)."


def _folder(data: str | None) -> Path:
    found = read_settings(os.environ, data=data).data_dir
    if found is None:
        raise Misuse(OF_POSTGRESQL)
    return found


@click.command()
@click.option("--data", help="신청을 두는 곳: tinydb://폴더")
@click.argument("target", type=click.Path(path_type=Path))
def backup(data: str | None, target: Path) -> None:
    """자료를 새 폴더 TARGET에 복사합니다. 서버가 켜져 있어도 됩니다. 키 파일은 따로 백업하세요."""
    back_up(_folder(data), target)
    click.echo(f"{target}에 백업했습니다. 키 파일(MADANG_KEYS)은 다른 곳에 따로 백업하세요.")


@click.command()
@click.option("--data", help="되살릴 새 자료 폴더: tinydb://폴더")
@click.argument("source", type=click.Path(path_type=Path))
def restore(data: str | None, source: Path) -> None:
    """백업 폴더 SOURCE에서 새 자료 폴더를 만듭니다. 있는 자료 위에는 쓰지 않습니다."""
    folder = _folder(data)
    contents = make_again(source, folder)
    click.echo(
        f"{folder}에 신청 {len(contents.entries):,}건, 기록 {len(contents.journal):,}줄을 되살렸습니다. "
        "함께 백업한 키 파일을 MADANG_KEYS에 두세요."
    )
