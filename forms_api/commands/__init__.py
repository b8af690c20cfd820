"""The command line: `python -m forms_api <command>`. Each command is a module of its own, loaded when it is called.

Exit codes: 0 done; 1 the input is wrong; 2 the call is wrong; 3 in use by another process.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
from pathlib import Path
from typing import cast

import click
from click.exceptions import NoArgsIsHelpError

from civic.call_words import call_mistake
from civic.errors import ContentMistakes, InUse, Misuse, Refused, Unavailable, trouble
from civic.store.folder import explain

COMMANDS = {  # name -> module that holds a command of the same name
    "backup": "forms_api.commands.backup",
    "doctor": "forms_api.commands.doctor",
    "draw": "forms_api.commands.draw",
    "entries": "forms_api.commands.entries",
    "lapse": "forms_api.commands.lapse",
    "ledger": "forms_api.commands.ledger",
    "migrate": "forms_api.commands.migrate",
    "move": "forms_api.commands.move",
    "purge": "forms_api.commands.purge",
    "restore": "forms_api.commands.backup",
    "rush": "forms_api.commands.rush",
    "serve": "forms_api.commands.serve",
    "settings": "forms_api.commands.settings",
    "votes": "forms_api.commands.votes",
}
INPUT_WRONG, CALL_WRONG, IN_USE = 1, 2, 3
PROGRAM = "python -m forms_api"


class Commands(click.Group):
    """A group whose commands are imported only when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return cast(click.Command, getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name))


def staff_words(away: Unavailable) -> str:
    """What staff are told when a store cannot answer: what is wrong and what to do, never to come back later."""
    if isinstance(away.__cause__, sqlite3.Error | OSError):
        return explain(away.__cause__, Path("자료 폴더"))
    if away.detail == Unavailable.title:
        return "자료를 둔 곳이 답하지 않습니다. ‘python -m forms_api doctor’로 까닭과 할 일을 확인하세요."
    return away.detail


@click.group(cls=Commands)
def madang() -> None:
    """마당의 서버와 담당자 명령."""


def main() -> None:
    """Run a command; every expected failure ends with its exit code and a sentence, never a traceback."""
    try:
        code = madang(prog_name=PROGRAM, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)  # where help was asked for, its code
    except click.UsageError as wrong:
        click.echo(call_mistake(wrong.format_message()), err=True)
        if not isinstance(wrong, NoArgsIsHelpError):  # whose message is the help
            command = wrong.ctx.command_path if wrong.ctx else PROGRAM
            click.echo(f"쓰는 법은 {command} --help로 봅니다.", err=True)
        sys.exit(CALL_WRONG)
    except click.Abort:
        click.echo("그만두었습니다.", err=True)
        sys.exit(INPUT_WRONG)
    except ContentMistakes as found:
        for mistake in found.mistakes:
            click.echo(str(mistake), err=True)
        click.echo(f"{len(found.mistakes)}곳을 고쳐 주세요. 아무것도 바뀌지 않았습니다.", err=True)
        sys.exit(INPUT_WRONG)
    except Unavailable as away:
        click.echo(staff_words(away), err=True)
        sys.exit(INPUT_WRONG)
    except Refused as refusal:
        click.echo(refusal.detail, err=True)
        sys.exit(INPUT_WRONG)
    except Misuse as wrong:
        click.echo(str(wrong), err=True)
        sys.exit(CALL_WRONG)
    except InUse as busy:
        click.echo(str(busy), err=True)
        sys.exit(IN_USE)
    except OSError as wrong:
        click.echo(f"파일을 읽거나 쓰지 못했습니다. {trouble(wrong, '자료')}", err=True)
        sys.exit(INPUT_WRONG)
