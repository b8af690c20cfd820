"""The command line: `python -m forms_api <command>`. Each command is a module of its own, loaded when it is called.

Exit codes: 0 done; 1 the input is wrong; 2 the call is wrong; 3 in use by another process.
"""

import importlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.exceptions import NoArgsIsHelpError

from civic.errors import ContentMistakes, InUse, Invalid, Misuse, Refused, Unavailable, Unusable, trouble
from civic.korean import call_mistake
from civic.store.folder import explain

OWN = ("content-check", "draw", "entries", "keys", "ledger", "log", "new", "serve", "settings", "votes")
COMMANDS = {  # name -> module beside this one that holds a command of the same name
    **{name: name.replace("-", "_") for name in OWN},
    **dict.fromkeys(("backup", "doctor", "migrate", "move", "restore"), "care"),
    **dict.fromkeys(("lapse", "purge"), "due"),
}
INPUT_WRONG, CALL_WRONG, IN_USE = 1, 2, 3
PROGRAM = "python -m forms_api"
EXPECTED = (click.UsageError, click.Abort, ContentMistakes, Unusable, Refused, Misuse, InUse, OSError)


class Commands(click.Group):
    """A group whose commands are imported only when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, by default that of this process; every expected failure ends with its exit code and a sentence, never a traceback."""
    try:
        code = madang(arguments, prog_name=PROGRAM, standalone_mode=False)
    except EXPECTED as wrong:
        code, lines = ending(wrong)
        for line in lines:
            click.echo(line, err=True)
    sys.exit(code if isinstance(code, int) else 0)  # where help was asked for, its code


def ending(wrong: Exception) -> tuple[int, list[str]]:
    """(exit code, what staff are told) of a command that could not do its work."""
    match wrong:
        case NoArgsIsHelpError():  # whose message is the help
            return CALL_WRONG, [wrong.format_message()]
        case click.UsageError():
            command = wrong.ctx.command_path if wrong.ctx else PROGRAM
            return CALL_WRONG, [call_mistake(wrong.format_message()), f"쓰는 법은 {command} --help로 봅니다."]
        case ContentMistakes():
            count = f"{len(wrong.mistakes)}곳을 고쳐 주세요. 아무것도 바뀌지 않았습니다."
            return INPUT_WRONG, [*map(str, wrong.mistakes), count]
        case Unusable():
            return INPUT_WRONG, [*wrong.lines, "아무것도 바뀌지 않았습니다."]
        case Unavailable():
            return INPUT_WRONG, [staff_words(wrong)]
        case Invalid():
            return INPUT_WRONG, [f"{error.field}: {error.message}" for error in wrong.errors]
        case Refused():
            return INPUT_WRONG, [wrong.detail]
        case Misuse() | InUse():
            return IN_USE if isinstance(wrong, InUse) else CALL_WRONG, [str(wrong)]
        case OSError():
            return INPUT_WRONG, [f"파일을 읽거나 쓰지 못했습니다. {trouble(wrong, '자료')}"]
    return INPUT_WRONG, ["그만두었습니다."]  # click.Abort
