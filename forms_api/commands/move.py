"""`move`: takes everything from a data folder that is in agreement into a PostgreSQL database, and proves that it arrived."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from civic.clock import SEOUL
from civic.errors import Misuse
from civic.store.agreement import agreement
from civic.store.copies import read_folder, receive
from forms_api.commands import INPUT_WRONG

AFTER = (
    "모두 옮겼고, 두 쪽의 수와 해시가 같습니다. 원본 폴더는 그대로 있습니다.\n"
    "이제 MADANG_DATA를 새 주소로 바꾸고, 열쇠 폴더(MADANG_KEYS)는 지금 것을 그대로 쓰세요. "
    "원본 폴더로는 서버를 다시 켜지 마세요."
)

STAYED = (
    "{count}가지 문제를 찾아 아무것도 옮기지 않았습니다. ‘python -m forms_api doctor’로 살펴보고 고치거나 백업에서 "
    "되살리세요. 이미 살펴본 문제라면 --as-is를 붙여 그대로 옮길 수 있습니다."
)


@click.command()
@click.option("--from", "source", required=True, help="지금 자료: tinydb://폴더")
@click.option("--to", "target", required=True, help="옮길 곳: postgresql://…")
@click.option("--as-is", is_flag=True, help="서로 맞지 않는 것을 알면서 그대로 옮깁니다.")
def move(source: str, target: str, as_is: bool) -> None:
    """신청, 기록, 알림, 열쇠, 투표함을 모두 PostgreSQL로 옮깁니다. 서버를 끄고 하세요. 다시 해도 됩니다."""
    kind, _, folder = source.partition("://")
    if kind != "tinydb" or not folder:
        raise Misuse("--from은 tinydb://폴더 로 적으세요.")
    if not target.startswith("postgresql"):
        raise Misuse("--to는 postgresql://사용자@서버/이름 처럼 적으세요.")
    contents = read_folder(Path(folder))
    found = agreement(contents, [])
    for line in found:
        click.echo(f"문제: {line}", err=True)
    if found and not as_is:
        click.echo(STAYED.format(count=len(found)), err=True)
        sys.exit(INPUT_WRONG)
    arrived = receive(target, contents, str(Path(folder).absolute()), datetime.now(SEOUL))
    for name, (count, digest) in contents.digests().items():
        there, its = arrived[name]
        click.echo(f"{name}: 원본 {count:,} {digest[:16]} / 옮긴 곳 {there:,} {its[:16]}")
    click.echo(AFTER)
