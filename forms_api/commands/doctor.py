"""`doctor`: looks whether everything is whole and in agreement, changes nothing, and saves what is whole."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import click

from civic.clock import SEOUL
from civic.store.agreement import without_key
from civic.store.copies import check_new, write_folder
from civic.store.doctor import examine
from forms_api.settings import read_settings

FOUND = 1  # exit code


@click.command()
@click.option("--data", help="신청을 두는 곳: tinydb://폴더 또는 postgresql://…")
@click.option("--save", type=click.Path(path_type=Path), help="온전한 것을 이 새 폴더에 저장합니다.")
def doctor(data: str | None, save: Path | None) -> None:
    """자료가 온전한지 살펴봅니다. 아무것도 바꾸지 않습니다. 서버가 켜져 있어도 됩니다."""
    settings = read_settings(os.environ, data=data)
    if save:
        check_new(save, settings.data_dir)
    report = examine(settings.data, settings.keys_dir / "keys.json")
    for line in report.told:
        click.echo(f"알림: {line}")
    for line in report.wrong:
        click.echo(f"문제: {line}")
    if save:
        # Without this note nothing could start on the saved folder: its answers would wait for a key that is gone.
        for subject in without_key(report.contents):
            report.contents.keys.append((subject, None, datetime.now(SEOUL), 0))
            click.echo(
                f"알림: {subject}의 열쇠가 없어 신청 내용을 지운 것으로 저장합니다. 접수번호, 상태, 순번은 남습니다."
            )
        write_folder(report.contents, save)
        click.echo(
            f"저장: {save}에 신청 {len(report.contents.entries):,}건, 기록 {len(report.contents.journal):,}줄을 저장했습니다. "
            "키 파일은 따로 있습니다."
        )
    for number in report.lost:
        click.echo(f"{'저장하지 못함' if save else '잃음'}: {number}")
    if report.wrong or report.lost:
        click.echo(f"{len(report.wrong)}가지 문제를 찾았습니다.")
        sys.exit(FOUND)
    click.echo("문제가 없습니다.")
