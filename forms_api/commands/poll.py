"""`votes keys | rehearse`, and what all vote commands share: a poll as its content stands, the time, files, refusals.

docs/voting.md says who does what. Every command does all of its work or none.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import tomlkit
from pydantic import ValidationError

from civic import korean
from civic.clock import SteadyClock
from civic.codes import new_code
from civic.content.front_matter import dotted
from civic.content.mistakes import say
from civic.content.poll import Poll, Proposal
from civic.errors import Misuse, Unusable
from civic.files import typed_text, write
from civic.library import load
from civic.shape import Shape
from civic.store import open_beside
from civic.votes.box_key import is_sealed, match, new_half, read_half, write_half
from civic.votes.envelope import Slot, open_one, seal, slot_of
from forms_api.commands.access import clock_beside, read_time
from forms_api.settings import default_of, read_settings

A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
A_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
CONTENT = click.option("--content", type=A_FOLDER, default=default_of("content"), help="글 폴더")
NOW = click.option("--now", help="시연 자료에서만: 이때로 봅니다. 예: 2023-08-26T00:00:00+09:00")
DATA = click.option("--data", help="자료를 두는 곳: tinydb://폴더 또는 postgresql://…")
HALF = click.option(
    "--half", "files", multiple=True, type=A_FILE, help="열쇠 파일. 맡은 사람 수만큼 되풀이합니다."
)
MOST_SHOWN = 20  # mistakes of one file
_OWN_WORDS = {
    "string_pattern_mismatch": "형식이 맞지 않습니다",
    "extra_forbidden": "이 파일에 없는 항목입니다",
    "json_invalid": "JSON 파일이 아니거나 중간에 잘렸습니다",
}
_PAGE = re.compile(r"(\ufeff?\+\+\+[^\n]*\n)(.*?)(^\+\+\+\s*?$.*)", re.DOTALL | re.MULTILINE)

F = TypeVar("F", bound=Shape)


@dataclass(frozen=True)
class PollPage:
    """A poll as its content stands at the time of a command, to the second; file: of its page."""

    at: datetime
    poll: Poll
    proposals: dict[str, Proposal]
    slot: Slot
    file: Path
    town: str = ""  # whose site it is

    @classmethod
    def of(cls, content: Path, slug: str, now: str | None, data: str | None = None) -> PollPage:
        """now, data: as `time_of` takes them. Gives up when there is no such poll."""
        at = time_of(now, data).replace(microsecond=0)
        library = load(content, at)
        poll = library.get("votes", slug)
        if not isinstance(poll, Poll):
            give_up(f"{slug}: 그런 투표가 없습니다.")
        listed = library.proposals(slug)
        return cls(
            at,
            poll,
            {p.slug: p for p in listed},
            slot_of(poll, listed),
            content / poll.file,
            library.site.organisation,
        )

    def not_before_closing(self, act: str) -> None:
        """Gives up while votes may still come in; act: what is not done then."""
        if self.at < self.poll.closes:
            give_up(
                f"{self.poll.slug}: 투표는 {korean.closing(self.poll.closes)}에 끝납니다. 그 전에는 {act}."
            )


def give_up(*lines: str) -> NoReturn:
    """What staff gave cannot be used, for these reasons. Raises Unusable, which ends the command."""
    raise Unusable(lines)


def time_of(now: str | None, data: str | None = None) -> datetime:
    """The time of the clock that the servers of the data keep; only a demonstration's lets `--now` choose it.

    data: the address of the box that the command acts on; where there is none, a new, empty box would pass for a poll
    without a vote. None for a command on files alone: where no data is at hand (another computer, or before the first
    start) it takes any time. Raises Misuse, InUse.
    """
    try:
        store = open_beside(data or read_settings(os.environ).data)
    except Misuse:
        if data:
            raise
        return read_time(now) if now else SteadyClock().now()
    try:
        return clock_beside(store, now)[0].now()
    finally:
        store.close()


def read_shape(file: Path, model: type[F], *, is_toml: bool = False) -> F:
    """A file that an earlier command wrote as JSON, or staff as TOML. Gives up naming each field that is wrong."""
    try:
        text = typed_text(file)
        return model.model_validate(tomllib.loads(text)) if is_toml else model.model_validate_json(text)
    except ValidationError as wrong:
        give_up(*_wrong_fields(file, wrong))
    except UnicodeDecodeError:
        give_up(f"{file}: UTF-8로 적힌 파일이 아닙니다.")
    except tomllib.TOMLDecodeError:
        give_up(f"{file}: TOML로 읽을 수 없습니다.")


def _wrong_fields(file: Path, wrong: ValidationError) -> list[str]:
    """Each wrong field of a file in Korean: "opened.json: ballots.0.tracker: 꼭 써야 합니다"."""
    lines = []
    for each in wrong.errors(include_url=False):
        kind, place = each["type"], dotted(each["loc"])
        said = _OWN_WORDS.get(kind) or say(kind, dict(each.get("ctx", {})), each["input"])[0]
        lines.append(f"{file}: {place}: {said}" if place else f"{file}: {said}")
    lines = list(dict.fromkeys(lines))
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], f"{file}: 그 밖에 {more}곳"] if more > 0 else lines


def with_values(file: Path, **values: Any) -> str:
    """A page's text with these values in its front matter; all else stays as staff wrote it, comments and line ends too.

    A table's values are set one by one; a list of tables takes the place of the old one. Raises ValueError without
    front matter.
    """
    page = _PAGE.fullmatch(file.read_bytes().decode())
    if not page:
        raise ValueError("no front matter")
    opening, front, rest = page.groups()
    document = tomlkit.parse(front)
    for key, value in values.items():
        if isinstance(value, dict) and key in document:
            document[key].update(value)
        else:
            document.pop(key, None)
            document[key] = value
    front = tomlkit.dumps(document)
    if opening.endswith("\r\n"):
        front = re.sub(r"(?<!\r)\n", "\r\n", front)
    return opening + front + rest


# ---------------------------------------------------------------------------- keys


@click.command("keys")
@click.argument("slug")
@click.option("--holder", "holders", multiple=True, required=True, help="맡는 사람의 직책. 되풀이합니다.")
@click.option("--to", "folder", type=FOLDER, required=True, help="열쇠를 둘 폴더")
@click.option("--no-passphrase", is_flag=True, help="암호 없이 둡니다. 시연에만 쓰세요.")
@click.option("--anew", is_flag=True, help="이미 있는 열쇠를 바꿉니다. 투표를 시작하기 전에만 됩니다.")
@CONTENT
@NOW
def keys(
    slug: str,
    holders: tuple[str, ...],
    folder: Path,
    no_passphrase: bool,
    anew: bool,
    content: Path,
    now: str | None,
) -> None:
    """맡는 사람마다 투표함 열쇠를 만들고, 공개 열쇠를 투표 글에 적습니다."""
    page = PollPage.of(content, slug, now)
    if page.poll.keys and not anew:
        give_up(f"{slug}: 열쇠가 이미 있습니다. 투표를 시작하기 전이면 --anew로 바꿀 수 있습니다.")
    if page.poll.keys and page.at >= page.poll.opens:
        # Whatever was cast already opens with the old keys only.
        give_up(f"{slug}: 투표를 시작한 뒤에는 열쇠를 바꿀 수 없습니다.")
    files = _key_files(folder, slug, holders)
    halves = [new_half(slug, holder) for holder in holders]
    texts = [write_half(half, "" if no_passphrase else _new_passphrase(half.holder)) for half in halves]
    text = with_values(page.file, keys=[{"holder": half.holder, "public": half.public} for half in halves])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, private in zip(files, texts, strict=True):
        write(file, private, mode=0o600)
    # Last: a page that names keys which were never kept would lock the box for good.
    write(page.file, text)
    for file, half in zip(files, halves, strict=True):
        click.echo(f"{half.holder}: {file}")
    click.echo(
        "열쇠 파일을 맡은 사람에게 각각 건네고 여기서는 지우세요. 하나라도 잃으면 투표함을 열 수 없습니다."
    )


def _key_files(folder: Path, slug: str, holders: Sequence[str]) -> list[Path]:
    """A new file for each holder. Gives up for fewer than two people, and where one of the files is there."""
    if len(holders) < 2 or len(set(holders)) < len(holders):
        give_up("서로 다른 사람 둘 넘게 적으세요. 한 사람이 혼자 열 수 있으면 안 됩니다.")
    files = [folder / f"{slug}-{number}.json" for number in range(1, len(holders) + 1)]
    if there := [file for file in files if file.exists()]:
        give_up(*(f"{file}: 이미 있습니다. 덮어쓰지 않습니다." for file in there))
    return files


def _new_passphrase(holder: str) -> str:
    """Typed twice; empty is none."""
    asks = f"{holder}의 암호(비우면 암호 없음)"
    return str(click.prompt(asks, default="", hide_input=True, confirmation_prompt=True, show_default=False))


def read_halves(files: Sequence[Path], poll: Poll) -> tuple[Any, ...]:
    """The private keys in the poll's order; asks for passphrases. Gives up naming each wrong or missing half."""
    halves, wrong = [], []
    for file in files:
        text = file.read_text("utf-8", errors="replace")
        passphrase = click.prompt(f"{file.name}의 암호", hide_input=True) if is_sealed(text) else ""
        try:
            halves.append(read_half(text, passphrase))
        except ValueError as err:
            wrong.append(f"{file.name}: {err}")
    if wrong:
        give_up(*wrong)
    return match(poll.slug, poll.keys, halves)


# ---------------------------------------------------------------------------- rehearse


@click.command("rehearse")
@click.argument("slug")
@HALF
@CONTENT
@NOW
def rehearse(slug: str, files: tuple[Path, ...], content: Path, now: str | None) -> None:
    """시험 표를 봉하고 모든 열쇠로 열어 봅니다. 성공하면 투표를 시작할 수 있습니다."""
    page = PollPage.of(content, slug, now)
    poll, slot = page.poll, page.slot
    privates = read_halves(files, poll)
    pickable = {kind.id for kind in poll.types if kind.max}
    choice = next((p.slug for p in page.proposals.values() if p.type in pickable and not p.withdrawn), None)
    if choice is None:
        give_up(f"{slug}: 고를 수 있는 제안이 없습니다.")
    tracker, most = new_code(), ["x" * 80] * poll.max_picks
    if open_one(seal([choice], slot, tracker), slot, privates) != (tracker, (choice,)):
        give_up(f"{slug}: 시험 표가 봉한 대로 나오지 않았습니다.")
    seal(most, slot, tracker)  # raises where the longest ballot would not fit
    rehearsed = {"at": page.at, "rules": slot.rules}
    write(page.file, with_values(page.file, rehearsed=rehearsed))
    click.echo(f"시험 표가 열렸습니다. 규칙 지문 {slot.rules}")


COMMANDS = (keys, rehearse)
