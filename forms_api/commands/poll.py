"""`votes rehearse`, and what all vote commands share: a poll as it stands, files, refusals.

docs/voting.md says who does what. Every command does all of its work or none.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import click
import tomlkit
from pydantic import ValidationError

from civic import korean
from civic.clock import SteadyClock
from civic.content.poll import Poll, Proposal
from civic.content.snapshot import Snapshot
from civic.errors import Unusable, why
from civic.files import typed_text, write
from civic.library import Library, load
from civic.recount import VERIFY, checker_digest, wrong_fields
from civic.shape import Shape
from civic.votes.envelope import Slot, seal, slot_of
from civic.votes.opening import TrialBallot
from civic.votes.partial import PartialFile
from civic.votes.result import as_json
from forms_api.commands.server_data import DATA, NoData, open_data, read_time
from forms_api.settings import Settings, default_of, read_settings

A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
A_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PARTS = click.option(
    "--partial",
    "files",
    multiple=True,
    type=A_FILE,
    help="맡은 사람이 쓴 공유값 파일(votes partial). 되풀이합니다.",
)
_PLAIN = re.compile(r"[a-z0-9.-]{1,80}")  # a file name or slug; whatever else was typed is not noted
_PAGE = re.compile(r"(\ufeff?\+\+\+[^\n]*\n)(.*?)(^\+\+\+\s*?$.*)", re.DOTALL | re.MULTILINE)

F = TypeVar("F", bound=Shape)
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class PollPage:
    """A poll as its content stands at the time of a command, to the second."""

    at: datetime
    poll: Poll
    proposals: dict[str, Proposal]
    slot: Slot
    content: Path
    town: str  # whose site it is

    @property
    def file(self) -> Path:
        return self.content / self.poll.file

    def not_before_closing(self, act: str) -> None:
        """Gives up while votes may still come in; act: what is not done then."""
        if self.at < self.poll.closes:
            give_up(
                f"{self.poll.slug}: 투표는 {korean.closing(self.poll.closes, self.at)}에 끝납니다. 그 전에는 {act}."
            )


@dataclass(frozen=True)
class Place:
    """On what a vote command works, and when."""

    content: Path
    time: datetime
    is_demo: bool
    settings: Settings

    def library(self) -> Library:
        """The content at that time. Raises ContentMistakes."""
        return load(self.content, self.time, accepted=Snapshot.of(self.settings.site_dir, self.content))

    def poll(self, slug: str) -> PollPage:
        """The poll as it stands. Gives up when there is none, or a light one. Raises ContentMistakes."""
        library = self.library()
        poll = library.get("votes", slug)
        if not isinstance(poll, Poll):
            give_up(f"{slug}: 그런 투표가 없습니다.")
        if poll.options:
            give_up(f"{slug}: 선택지를 적은 투표는 서버가 열고 닫고 셉니다. 명령이 필요 없습니다.")
        listed = library.proposals(slug)
        proposals, slot = {p.slug: p for p in listed}, slot_of(poll, listed)
        return PollPage(self.time, poll, proposals, slot, self.content, library.site.organisation)


class VoteCommand(click.Command):
    """A command that is noted before it does anything, and does all of its work or none.

    One on content is called with its Place first; so long as no data of a server is at hand it takes any `--now`. What
    staff gave and cannot be used is named, with exit code 1.
    """

    def invoke(self, ctx: click.Context) -> Any:
        given, needs_data = ctx.params, "data" in ctx.params
        settings, now = read_settings(data=given.pop("data", None)), given.pop("now", None)
        named = next(
            Path(given[each.name or ""]).name for each in self.params if isinstance(each, click.Argument)
        )
        try:
            with open_data(settings, now) as found:
                subject = f"votes/{named}" if _PLAIN.fullmatch(named) else "votes"
                found.note(subject, reason=given.get("reason") or "")
                time, is_demo = found.now, found.is_demo
        except NoData:
            if needs_data:  # a new, empty box would pass for a poll without a vote
                raise
            time, is_demo = read_time(now) if now else SteadyClock().now(), bool(now)
        if "content" in given:
            given["at"] = Place(given.pop("content"), time.replace(microsecond=0), is_demo, settings)
        try:
            return super().invoke(ctx)
        except Unusable as wrong:
            click.echo("\n".join([*wrong.lines, "아무것도 바뀌지 않았습니다."]), err=True)
            raise SystemExit(1) from None


class VoteGroup(click.Group):
    """A group of such commands."""

    command_class = VoteCommand
    group_class = type


@click.group("votes", cls=VoteGroup)
def votes() -> None:
    """투표함을 만들고 닫고 열어 결과를 공개합니다."""


def on_files(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say where a vote command works."""
    command = click.option("--content", type=A_FOLDER, default=default_of("content"), help="글 폴더")(command)
    return click.option("--now", help="시연 자료에서만: 이때로 봅니다. 예: 2023-08-26T00:00:00+09:00")(
        command
    )


def on_data(command: Callable[..., None]) -> Callable[..., None]:
    """The same, of one on the ballot boxes."""
    return DATA(on_files(command))


def give_up(*lines: str) -> NoReturn:
    """What staff gave cannot be used, for these reasons. Raises Unusable, which ends the command."""
    raise Unusable(lines)


def read_shape(file: Path, *models: type[F], is_toml: bool = False) -> F:
    """A file that an earlier command wrote as JSON, or staff as TOML. Gives up naming each field that is wrong.

    models: the last one that the file says by its "format" to be, else the first.
    """
    with reading(file):
        if is_toml:
            return models[0].model_validate(tomllib.loads(typed_text(file)))
        text = typed_text(file)
        told = [
            each for each in models[1:] if f'"{get_args(each.model_fields["format"].annotation)[0]}"' in text
        ]
        return [models[0], *told][-1].model_validate_json(text)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Gives up with the name of the file that is read in here and cannot be used."""
    try:
        yield
    except ValidationError as wrong:
        give_up(*(": ".join(filter(None, (str(file), *told))) for told in wrong_fields(wrong)))
    except UnicodeDecodeError:
        give_up(f"{file}: UTF-8로 적힌 파일이 아닙니다.")
    except tomllib.TOMLDecodeError:
        give_up(f"{file}: TOML로 읽을 수 없습니다.")
    except OSError as wrong:
        give_up(f"{file}: {why(wrong)}")
    except Unusable as mistake:
        give_up(*(f"{file}: {line}" for line in mistake.lines))


def tell(*lines: str, name: str = VERIFY) -> None:
    """Say these lines, and the digest of the program that readers check with: so that it is known outside the site too."""
    for line in lines:
        click.echo(line)
    click.echo(f"확인하는 프로그램 {name}의 확인 값 {checker_digest(name)}")


def of_each(given: Iterable[T], act: Callable[[T], R]) -> list[R]:
    """What the act gives for each of them. Gives up naming all that is wrong with any."""
    found: list[R] = []
    wrong: list[str] = []
    for each in given:
        try:
            found.append(act(each))
        except Unusable as mistake:
            wrong += mistake.lines
    if wrong:
        give_up(*wrong)
    return found


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


# ---------------------------------------------------------------------------- rehearse


@votes.command("rehearse")
@click.argument("slug")
@click.option(
    "--to", "file", type=NEW_FILE, help="먼저: 시험 표를 봉해 이 파일에 씁니다. 맡은 사람 모두에게 보내세요."
)
@click.option("--box", type=A_FILE, help="그다음: 시험 표의 파일. 모두의 --partial과 함께")
@PARTS
@on_files
def rehearse(at: Place, slug: str, file: Path | None, box: Path | None, files: tuple[Path, ...]) -> None:
    """시험 표를 봉하고, 맡은 사람들의 공유값으로 모든 짝이 여는지 봅니다. 성공하면 투표를 시작할 수 있습니다."""
    page = at.poll(slug)
    poll, slot = page.poll, page.slot
    if len(poll.keys) < poll.keys_needed:
        give_up(f"{slug}: 열쇠를 맡은 사람이 {len(poll.keys)}명입니다. {poll.keys_needed}명이 있어야 엽니다.")
    if not poll.receipt_key:
        give_up(f"{slug}: 접수증의 공개 열쇠가 없습니다. 먼저 votes keys receipt {slug}")
    pickable = {kind.id for kind in poll.types if kind.max}
    choice = next((p.slug for p in page.proposals.values() if p.type in pickable and not p.withdrawn), None)
    if choice is None:
        give_up(f"{slug}: 고를 수 있는 제안이 없습니다.")
    seal(["x" * 80] * poll.max_picks, slot)  # raises where the longest ballot would not fit
    if file:
        write(file, as_json(TrialBallot.of(slot, choice)), mode=0o600)
        click.echo(
            f"시험 표를 {file}에 썼습니다. 맡은 사람마다 votes partial {file.name}을 한 뒤 --box로 다시 부르세요."
        )
        return
    if box is None:
        give_up("시험 표를 만들 파일(--to)이나 만든 파일(--box)을 적으세요.")
    parts = of_each(files, lambda each: read_shape(each, PartialFile))
    sets = read_shape(box, TrialBallot).judge(slot, poll.keys, parts)
    write(page.file, with_values(page.file, rehearsed={"at": page.at, "rules": slot.rules}))
    click.echo(f"{len(poll.keys)}명 가운데 {poll.keys_needed}명씩 {sets}가지 짝이 모두 시험 표를 열었습니다.")
    click.echo(f"규칙 지문 {slot.rules}")
