"""`votes rehearse`, and what all vote commands share: how they are called, and a poll as it stands.

docs/voting.md says who does what. Every command does all of its work or none.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import tomlkit

from civic import korean
from civic.clock import SteadyClock
from civic.content.poll import Poll, Proposal
from civic.content.snapshot import Snapshot
from civic.files import write
from civic.library import Library, load
from civic.votes.envelope import Slot, seal, slot_of
from civic.votes.opening import TrialBallot
from civic.votes.partial import PartialFile
from civic.votes.result import as_json
from forms_api.commands.given import A_FILE, A_FOLDER, NEW_FILE, give_up, of_each, read_shape
from forms_api.commands.server_data import DATA, NoData, open_data, read_time
from forms_api.settings import Settings, default_of, read_settings

_PARTS = "맡은 사람이 쓴 공유값 파일(votes partial). 되풀이합니다."
PARTS = click.option("--partial", "files", multiple=True, type=A_FILE, help=_PARTS)
_PLAIN = re.compile(r"[a-z0-9.-]{1,80}")  # a file name or slug; whatever else was typed is not noted
_PAGE = re.compile(r"\A(\ufeff?\+\+\+[^\n]*\n)(.*?)(^\+\+\+\s*?$.*)", re.DOTALL | re.MULTILINE)


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
    """A command that is noted before it does anything.

    One on content is called with its Place, as `at`; so long as no data of a server is at hand it takes any `--now`.
    """

    def __init__(self, *given: Any, has_content: bool = True, has_data: bool = False, **named: Any) -> None:
        """has_data: it works on the ballot boxes, and so there must be some."""
        super().__init__(*given, **named)
        self.needs_data = has_data
        if has_content:
            self.params += [
                click.Option(["--content"], type=A_FOLDER, default=default_of("content"), help="글 폴더"),
                click.Option(["--now"], help="시연 자료에서만: 이때로 봅니다. 예: 2023-08-26T00:00:00+09:00"),
            ]
        if has_data:
            self.params.append(click.Option(["--data"], help=DATA))

    def invoke(self, ctx: click.Context) -> Any:
        given = ctx.params
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
            if self.needs_data:  # a new, empty box would pass for a poll without a vote
                raise
            time, is_demo = read_time(now) if now else SteadyClock().now(), bool(now)
        if "content" in given:
            given["at"] = Place(given.pop("content"), time.replace(microsecond=0), is_demo, settings)
        return super().invoke(ctx)


class VoteGroup(click.Group):
    """A group of such commands."""

    command_class = VoteCommand
    group_class = type


@click.group("votes", cls=VoteGroup)
def votes() -> None:
    """투표함을 만들고 닫고 열어 결과를 공개합니다."""


def with_values(file: Path, **values: Any) -> str:
    """A page's text with these values in its front matter; all else stays as staff wrote it, comments and line ends too.

    A table's values are set one by one; a list of tables takes the place of the old one. Raises ValueError without
    front matter.
    """
    [(opening, front, rest)] = _PAGE.findall(file.read_bytes().decode())
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
    return f"{opening}{front}{rest}"


@votes.command("rehearse")
@click.argument("slug")
@click.option(
    "--to", "file", type=NEW_FILE, help="먼저: 시험 표를 봉해 이 파일에 씁니다. 맡은 사람 모두에게 보내세요."
)
@click.option("--box", type=A_FILE, help="그다음: 시험 표의 파일. 모두의 --partial과 함께")
@PARTS
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
