"""How the build is called: what the command line takes, and what of it makes no sense together. Reads no content."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from civic.clock import YEARS, parse_time
from civic.errors import trouble
from civic.korean import call_mistake
from publish.request import ROOT

PORT = 8000
MODES = ("check", "watch", "rollback", "due")
# option -> modes with which it says nothing; "" is the build itself
_WITHOUT = {
    "full": ("check", "rollback", "due"),
    "sync": MODES,
    "json": ("watch", "rollback", "due"),
    "profile": MODES,
    "port": ("", "check", "rollback", "due"),
    "beside": ("", "check", "rollback", "due"),
}
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.I)


# What argparse says -> what we say; {0} is the first group, itself looked up.
_SAID = (
    (r"argument ([^\s:]+): not allowed with argument (\S+)", "{0}: {1}와 함께 쓸 수 없습니다"),
    (r"argument ([^\s:]+): (.+)", "{0}: {1}"),
    (r"unrecognized arguments: (.+)", "모르는 옵션이나 값입니다 (found {0})"),
    (
        r"ambiguous option: (\S+) could match (.+)",
        "{0}: 여러 옵션의 앞부분입니다. {1} 가운데 하나를 다 적으세요",
    ),
    (r"expected one argument", "값을 하나 적으세요"),
    (r"ignored explicit argument '(.*)'", "값을 적지 않는 옵션입니다 (found {0})"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{_in_korean(message)}\n쓰는 법은 build.py --help로 봅니다.\n")


def _in_korean(said: str) -> str:
    for pattern, korean in _SAID:
        found = re.fullmatch(pattern, said, re.DOTALL)
        if found:
            return korean.format(*map(_in_korean, found.groups()))
    return call_mistake(said)


def read_call(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The call. Exits with 2 and a sentence when it is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    mode = next((name for name in MODES if getattr(given, name)), "")
    for option, modes in _WITHOUT.items():
        if mode in modes and getattr(given, option) not in (None, False):
            beside = f"--{mode}와 함께" if mode else "--watch 없이"
            parser.error(f"--{option}: {beside} 쓸 수 없습니다")
    try:
        _check_places(parser, given)
    except OSError as wrong:  # e.g. a name that is too long
        parser.error(f"쓸 수 없는 자리입니다: {trouble(wrong, given.out)}")
    except RuntimeError:
        parser.error("--content, --out, --sync: 링크가 제자리로 돌아옵니다")
    return given


def _check_places(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Exits with 2 where one place lies in another. Raises OSError and RuntimeError for places that cannot be."""
    content, out = given.content.resolve(), given.out.absolute().parent.resolve() / given.out.name
    out.is_symlink()  # can anything be told of it?
    if out.is_relative_to(content):
        parser.error(f"--out: 내용이 있는 폴더 밖에 두세요 (found {given.out})")
    for place in (content, out, out.parent / ".builds") if given.sync else ():
        if given.sync.resolve().is_relative_to(place):
            parser.error(f"--sync: 내용과 누리집이 있는 폴더 밖에 두세요 (found {given.sync})")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="build.py", description="누리집을 만듭니다.")
    add = parser.add_argument
    add("--content", type=Path, default=ROOT / "content", metavar="DIR", help="내용이 있는 폴더")
    add("--out", type=Path, default=ROOT / "site", metavar="DIR", help="누리집이 놓일 자리(링크)")
    add("--base-url", type=_address, metavar="URL", help="공개 주소")
    add("--now", type=_time, metavar="ISO", help="이 시각의 누리집을 시연용으로 만듭니다")
    add("--full", action="store_true", help="이어받지 않고 모두 새로 만듭니다")
    add("--jobs", type=_jobs, default=min(os.cpu_count() or 1, 64), metavar="N", help="함께 일할 프로세스 수")
    add("--json", action="store_true", help="결과를 JSON으로 적습니다")
    add("--profile", action="store_true", help="어디에 시간이 걸렸는지 적습니다")
    add("--sync", type=Path, metavar="DIR", help="만든 뒤 바뀐 파일만 이 폴더에 옮깁니다")
    add("--port", type=_port, metavar="N", help=f"--watch가 보여 주는 포트(기본 {PORT})")
    add("--beside", type=_command, metavar="COMMAND", help="--watch와 함께 돌릴 서버 명령")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--check", action="store_true", help="내용만 살펴보고 아무것도 쓰지 않습니다")
    only.add_argument("--watch", action="store_true", help="고칠 때마다 다시 만들고 브라우저를 새로 고칩니다")
    only.add_argument("--rollback", action="store_true", help="바로 전에 만든 누리집으로 되돌립니다")
    only.add_argument(
        "--due", action="store_true", help="언제 다시 만들어야 하는지 적습니다(시각, now, never)"
    )
    return parser


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"1부터 64까지의 수여야 합니다 (found {text})")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"0부터 65535까지의 수여야 합니다 (found {text})")
    return int(text)


def _command(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if not words:
        raise argparse.ArgumentTypeError(f"명령으로 읽을 수 없습니다 (found {text})")
    if shutil.which(words[0]) is None:
        raise argparse.ArgumentTypeError(f"그런 명령이 없습니다 (found {words[0]})")
    return words


def _time(text: str) -> datetime:
    try:
        at = parse_time(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"2023-08-16T09:00:00처럼 쓰세요 (found {text})") from None
    if at.year not in YEARS:
        raise argparse.ArgumentTypeError(f"{YEARS[0]}년부터 {YEARS[-1]}년까지 쓸 수 있습니다 (found {text})")
    return at


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_right = (
            parts.scheme in ("http", "https")
            and bool(_HOST.fullmatch(parts.hostname or ""))
            and parts.port != 0
            and text == f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        )
    except ValueError:
        is_right = False
    if not is_right:
        raise argparse.ArgumentTypeError(
            f"https://www.example.go.kr처럼 이름까지만 소문자로 쓰세요 (found {text})"
        )
    return text
