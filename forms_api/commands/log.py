"""`log verify | month`: what staff did, for whoever checks it: is the record whole, and what does a month hold?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import click

from civic.errors import Misuse
from civic.store import open_beside
from civic.store.key_file import keys_of
from civic.store.staff_log import StaffLog
from forms_api.commands import INPUT_WRONG
from forms_api.commands.staff_acts import log_of
from forms_api.settings import read_settings

DATA = click.option("--data", help="신청을 두는 곳: tinydb://폴더 또는 postgresql://…")
OFFICE_HOURS = range(8, 19)  # from 08:00 until 19:00, Monday to Friday
FAULTS = {
    "changed": "{}번째 줄이 바뀌었거나 제자리가 아닙니다.",
    "missing": "{}번째 줄이 없습니다.",
    "head": "{}번째 줄까지 있다는 표시가 바뀌었거나 없습니다.",
}


@click.group()
def log() -> None:
    """담당자가 무엇을 보고 바꾸었는지의 기록(열람 기록)을 확인합니다."""


@log.command()
@DATA
def verify(data: str | None) -> None:
    """기록이 남긴 그대로인지 봅니다. 바뀌거나 빠지거나 더해진 첫 줄을 말합니다. 아무것도 바꾸지 않습니다."""
    with open_log(data) as chain:
        _check(chain)
        *_, last = (0, {}, ""), *chain.lines()
    click.echo(f"{last[0]}줄이 모두 남긴 그대로입니다. 마지막 줄의 지문 {last[2] or '(없음)'}")


@log.command()
@click.argument("month", metavar="YYYY-MM")
@DATA
def month(month: str, data: str | None) -> None:
    """한 달의 점검표: 누가 무엇을 몇 번 했는지, 내려받은 것과 그 까닭, 업무 시간이 아닌 때의 일, 확인되지 않은 이름."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise Misuse("달은 2023-08처럼 적으세요.")
    with open_log(data) as chain:
        _check(chain)
        lines = [(n, line, hash) for n, line, hash in chain.lines() if line["at"].startswith(month)]
    if not lines:
        click.echo(f"{month}: 기록이 없습니다.")
        return
    click.echo(f"{month}: {lines[0][0]}번째부터 {lines[-1][0]}번째까지, 마지막 줄의 지문 {lines[-1][2]}")
    click.echo("\n누가 무엇을 몇 번")
    for (who, act), times in sorted(Counter((line["who"], line["act"]) for _, line, _ in lines).items()):
        people = sum(_people(line) for _, line, _ in lines if (line["who"], line["act"]) == (who, act))
        click.echo(f"{who}\t{act}\t{times}번\t신청 {people}건")
    for title, wanted in (
        ("내려받은 것과 까닭", lambda line: line["act"] == "entries export"),
        ("업무 시간이 아닌 때(평일 08~19시 밖)", _is_unusual),
        ("환경 변수만 다른 이름을 말한 것(확인되지 않음)", lambda line: "claimed" in line),
    ):
        click.echo(f"\n{title}")
        for number, line, _ in lines:
            if wanted(line):
                click.echo(_shown(number, line))


@contextmanager
def open_log(data: str | None) -> Iterator[StaffLog]:
    """The chain of a store, beside a running server. Raises Misuse, Unavailable."""
    settings = read_settings(data=data)
    with closing(open_beside(settings.data)) as store:
        yield log_of(store, keys_of(store, settings.key_file, settings.data_dir))


def _check(chain: StaffLog) -> None:
    """Ends the command where the record is not as it was kept."""
    if found := chain.fault():
        click.echo(f"{FAULTS[found[1]].format(found[0])} 그 줄부터는 믿을 수 없습니다.", err=True)
        click.echo("시스템 기록(journalctl -t madang)의 사본과 견주고 정보보호 담당에게 알리세요.", err=True)
        raise SystemExit(INPUT_WRONG)


def _people(line: dict[str, Any]) -> int:
    return len(line["numbers"]) if "numbers" in line else int(line["count"])


def _is_unusual(line: dict[str, Any]) -> bool:
    at = datetime.fromisoformat(line["at"])
    return at.hour not in OFFICE_HOURS or at.weekday() > 4


def _shown(number: int, line: dict[str, Any]) -> str:
    claimed = ", ".join(f"{name}={text}" for name, text in line.get("claimed", {}).items())
    where = f"{line['from']}{f' (확인되지 않음: {claimed})' if claimed else ''}"
    cells = (number, line["at"], line["who"], where, line["act"], line["subject"], f"신청 {_people(line)}건")
    return "\t".join(" ".join(str(cell).split()) for cell in (*cells, line.get("reason", "")))
