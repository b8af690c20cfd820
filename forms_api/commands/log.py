"""`log verify | month`: what staff did, for whoever checks it: is the record whole, and what does a month hold?"""

import json
import re
from collections import Counter
from contextlib import closing
from datetime import datetime
from typing import Any

import click

from civic.errors import Misuse
from civic.store import open_beside
from civic.store.chain import Line
from civic.store.key_file import PLACE, check_tied, load
from forms_api.commands import INPUT_WRONG
from forms_api.commands.server_data import DATA
from forms_api.settings import read_settings

OFFICE_HOURS = range(8, 19)  # from 08:00 until 19:00, Monday to Friday


@click.group()
def log() -> None:
    """담당자가 무엇을 보고 바꾸었는지의 기록(열람 기록)을 확인합니다."""


@log.command()
@click.option("--data", help=DATA)
def verify(data: str | None) -> None:
    """기록이 남긴 그대로인지 봅니다. 바뀌거나 빠지거나 더해진 첫 줄을 말합니다. 아무것도 바꾸지 않습니다."""
    lines = read_log(data)
    last = lines[-1].mac if lines else "(없음)"
    click.echo(f"{len(lines)}줄이 모두 남긴 그대로입니다. 마지막 줄의 지문 {last}")


@log.command()
@click.argument("month", metavar="YYYY-MM")
@click.option("--data", help=DATA)
def month(month: str, data: str | None) -> None:
    """한 달의 점검표: 누가 무엇을 몇 번 했는지, 내려받은 것과 그 까닭, 업무 시간이 아닌 때의 일, 확인되지 않은 이름."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise Misuse("달은 2023-08처럼 적으세요.")
    lines = [line for line in read_log(data) if line.at.startswith(month)]
    if not lines:
        click.echo(f"{month}: 기록이 없습니다.")
        return
    click.echo(f"{month}: {lines[0].line}번째부터 {lines[-1].line}번째까지, 마지막 줄의 지문 {lines[-1].mac}")
    acts = [*map(act_of, lines)]
    click.echo("\n누가 무엇을 몇 번")
    for (who, name), times in sorted(Counter((act["who"], act["act"]) for act in acts).items()):
        people = sum(_people(act) for act in acts if (act["who"], act["act"]) == (who, name))
        click.echo(f"{who}\t{name}\t{times}번\t신청 {people}건")
    for title, wanted in (
        ("내려받은 것과 까닭", lambda act: act["act"] == "entries export"),
        ("업무 시간이 아닌 때(평일 08~19시 밖)", _is_unusual),
        ("환경 변수만 다른 이름을 말한 것(확인되지 않음)", lambda act: "claimed" in act),
    ):
        click.echo(f"\n{title}")
        for act in filter(wanted, acts):
            click.echo(_shown(act))


def read_log(data: str | None) -> list[Line]:
    """What staff did in a store, beside a running server; ends the command where it is not as it was kept. Raises Misuse."""
    settings = read_settings(data=data)
    with closing(open_beside(settings.data)) as store:
        keys = load(settings.key_file)
        check_tied(keys, store.fixed(PLACE).get("", {}), settings.key_file)
        store.trust(keys.journal)
        lines, faults = store.acts_of_staff()
    if not faults:
        return lines
    click.echo(f"{faults[0]} 그 줄부터는 믿을 수 없습니다.", err=True)
    click.echo("시스템 기록(journalctl -t madang)의 사본과 견주고 정보보호 담당에게 알리세요.", err=True)
    raise SystemExit(INPUT_WRONG)


def act_of(line: Line) -> dict[str, Any]:
    """What one line says: who, when, from where, which command, whose data and why."""
    said: dict[str, Any] = json.loads(line.cause)
    return said | {"who": line.who.removeprefix("staff:"), "at": line.at, "line": line.line}


def _people(act: dict[str, Any]) -> int:
    return len(act["numbers"]) if "numbers" in act else int(act["count"])


def _is_unusual(act: dict[str, Any]) -> bool:
    at = datetime.fromisoformat(act["at"])
    return at.hour not in OFFICE_HOURS or at.weekday() > 4


def _shown(act: dict[str, Any]) -> str:
    claimed = ", ".join(f"{name}={text}" for name, text in act.get("claimed", {}).items())
    where = f"{act['from']}{f' (확인되지 않음: {claimed})' if claimed else ''}"
    cells = (act["line"], act["at"], act["who"], where, act["act"], act["subject"], f"신청 {_people(act)}건")
    return "\t".join(" ".join(str(cell).split()) for cell in (*cells, act.get("reason", "")))
