"""`votes paper sheets | mark | enter` and `votes roll`: paper ballots beside the online box, on one roll.

Whoever takes a paper ballot is marked before it is handed out, and the server then refuses an online one (and the
other way round). Sheets are typed in after closing, by two people apart from each other.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import templates
from civic import korean, people
from civic.clock import FixedClock
from civic.errors import Invalid, NotEligible
from civic.files import write
from civic.library import load
from civic.store import open_box
from civic.store.seal import Keys
from civic.votes.casting import Polling
from civic.votes.paper import (
    ACCEPTED,
    Entry,
    PaperMistake,
    accept,
    entry_document,
    numbered,
    read_document,
    read_entry,
)
from civic.votes.result import as_json
from forms_api.commands.poll import A_FILE, CONTENT, DATA, NOW, Standing, give_up, time_of
from forms_api.settings import read_settings
from templates.assets import KIT
from templates.fonts import kit_font

FOLDER = click.Path(file_okay=False, path_type=Path)
ENTRIES = click.option(
    "--to", "folder", type=FOLDER, default=Path("var/paper"), help="입력을 두는 폴더 [기본: var/paper]"
)


@click.group("paper")
def paper() -> None:
    """종이 투표용지를 만들고, 받은 사람을 표시하고, 두 사람이 입력합니다."""


@paper.command("sheets")
@click.argument("slug")
@click.option("--out", "folder", type=FOLDER, required=True, help="인쇄할 파일을 둘 폴더")
@CONTENT
@NOW
def sheets(slug: str, folder: Path, content: Path, now: str | None) -> None:
    """투표 글에서 투표용지와 집계표를 만듭니다. 브라우저로 열어 인쇄하세요."""
    standing = Standing.of(content, slug, time_of(now))
    env = Environment(
        loader=FileSystemLoader(templates.FOLDER / "paper"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    groups = numbered(standing.poll, standing.proposals.values())
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ballot.html", "tally.html"):
        page = env.get_template(name)
        write(
            folder / name,
            page.render(poll=standing.poll, groups=groups, rules=standing.slot.rules, words=korean) + "\n",
        )
    shutil.copyfile(templates.FOLDER / "paper/paper.css", folder / "paper.css")
    for weight in ("Regular", "Bold"):  # where the kit is installed: an office machine may lack Korean fonts
        with suppress(FileNotFoundError):
            font = kit_font(templates.FOLDER.parent / KIT / "fonts", weight)
            (folder / f"pretendard-gov-{weight.lower()}.woff2").write_bytes(font)
    count = sum(len(rows) for _, rows in groups)
    click.echo(
        f"제안 {count}건의 투표용지와 집계표를 {folder}에 썼습니다. 두 쪽이 넘으면 양면으로 인쇄하세요."
    )


# ---------------------------------------------------------------------------- the roll


@contextmanager
def polls(data: str | None, content: Path, now: str | None) -> Iterator[Polling]:
    """The polls of a content folder with their boxes, beside a running server."""
    settings = read_settings(os.environ, data=data, content=str(content))
    at = time_of(now, settings.data)
    library = load(content, at)
    keys = Keys.load_or_create(settings.keys_dir / "keys.json", settings.data_dir)
    boxes = open_box(settings.data)
    try:
        yield Polling(library, boxes, keys, FixedClock(at), settings.is_limited)
    finally:
        boxes.shut()


def contacts() -> list[str]:
    """Contacts from standard input, one to a line: never in the command, which others on the machine can see."""
    if sys.stdin.isatty():
        click.echo("연락처를 한 줄에 하나씩 적고, 끝나면 Ctrl-D를 누르세요.", err=True)
    return [line.strip() for line in sys.stdin if line.strip()]


@paper.command("mark")
@click.argument("slug")
@DATA
@CONTENT
@NOW
def mark(slug: str, data: str | None, content: Path, now: str | None) -> None:
    """종이 투표용지를 받는 사람을 표시합니다. 연락처를 한 줄에 하나씩 넣어 주세요."""
    wrong: list[str] = []
    marked = 0
    with polls(data, content, now) as desk:
        standing = desk.setup(slug)
        if desk.state(standing) != "open":
            give_up(f"{slug}: 투표하는 동안에만 표시합니다.")
        for line, contact in enumerate(contacts(), 1):
            try:
                desk.mark_paper(slug, contact)
                marked += 1
            except Invalid as refusal:
                wrong.append(f"{line}줄: {refusal.errors[0].message}")
            except NotEligible as refusal:
                wrong.append(f"{line}줄: {refusal.detail}")
    click.echo(f"종이로 투표하는 사람 {marked}명을 표시했습니다.")
    if wrong:
        for text in wrong:
            click.echo(text, err=True)
        raise SystemExit(1)


@click.command("roll")
@click.argument("slug")
@DATA
@CONTENT
@NOW
def roll(slug: str, data: str | None, content: Path, now: str | None) -> None:
    """투표할 수 있는 사람의 명부를 넣습니다(본인 확인 수준 2). 연락처를 한 줄에 하나씩 넣어 주세요."""
    given = contacts()
    wrong = []
    for line, contact in enumerate(given, 1):
        try:
            people.read_email(contact) if "@" in contact else people.normalise_phone(contact)
        except ValueError as err:
            wrong.append(f"{line}줄: {err}")
    if wrong:
        give_up(*wrong)
    with polls(data, content, now) as desk:
        new = desk.enrol(slug, given)
    click.echo(f"명부에 {new}명을 더했습니다. 이미 있던 사람 {len(given) - new}명은 그대로입니다.")


# ---------------------------------------------------------------------------- typing in


@paper.command("enter")
@click.argument("slug")
@click.argument("batch")
@click.argument("file", type=A_FILE)
@click.option("--by", required=True, help="입력한 사람의 이름이나 직책")
@click.option("--again", is_flag=True, help="같은 사람이 고쳐 다시 입력합니다.")
@ENTRIES
@CONTENT
@NOW
def enter(
    slug: str, batch: str, file: Path, by: str, again: bool, folder: Path, content: Path, now: str | None
) -> None:
    """종이 표 한 묶음을 입력합니다. 다른 사람의 입력이 있으면 견주고, 모두 같을 때만 받아들입니다."""
    at = time_of(now)
    standing = Standing.of(content, slug, at)
    if at < standing.poll.closes:
        give_up(f"{slug}: 종이 표는 투표가 끝난 뒤에({korean.closing(standing.poll.closes)}) 입력합니다.")
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        give_up(f"{file}: UTF-8로 저장하세요.")
    try:
        entry = read_entry(text, standing.poll, standing.proposals, standing.slot.rules, batch, by)
    except PaperMistake as mistake:
        give_up(*(f"{file}: {line}" for line in mistake.lines))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = folder / f"{slug}-{batch}.json"
    if done.exists():
        give_up(f"{done}: 이 묶음은 이미 두 사람의 입력이 맞아 받아들였습니다.")
    places = [folder / f"{slug}-{batch}-entry-{number}.json" for number in (1, 2)]
    kept = [_kept(place) if place.exists() else None for place in places]
    mine = next(
        (place for place, each in zip(places, kept, strict=True) if each and each.by == entry.by), None
    )
    if mine and not again:
        give_up(f"{entry.by}: 이미 입력했습니다. 고쳐 다시 입력하려면 --again을 붙이세요.")
    free = mine or next((place for place, each in zip(places, kept, strict=True) if each is None), None)
    if free is None:
        give_up("두 사람이 이미 입력했습니다. 둘 가운데 한 사람이 --again으로 고치세요.")
    write(free, as_json(entry_document(entry)), mode=0o600)
    other = next((each for place, each in zip(places, kept, strict=True) if each and place != free), None)
    if other is None:
        click.echo(f"{batch}: 용지 {len(entry.sheets)}장을 입력했습니다. 다른 사람이 한 번 더 입력하세요.")
        return
    _compare(standing, other, entry, done)


def _compare(standing: Standing, first: Entry, second: Entry, done: Path) -> None:
    try:
        counted = accept(first, second, standing.poll, standing.proposals)
    except PaperMistake as mistake:
        for line in mistake.lines:
            click.echo(line, err=True)
        click.echo("두 입력이 다릅니다. 용지를 다시 보고 틀린 사람이 --again으로 다시 입력하세요.", err=True)
        raise SystemExit(1) from None
    document: dict[str, Any] = {
        "format": ACCEPTED,
        "entries": [entry_document(first), entry_document(second)],
    }
    write(done, as_json(document), mode=0o600)
    click.echo(
        f"{counted.batch.id}: 두 입력이 같습니다. 유효 {len(counted.ballots)}장, 무효 {len(counted.void)}장을 받아들였습니다."
    )


def _kept(place: Path) -> Entry:
    try:
        return read_document(json.loads(place.read_text("utf-8")))
    except (PaperMistake, ValueError):
        give_up(f"{place}: 깨진 파일입니다. 옮기고 다시 입력하세요.")


COMMANDS = (paper, roll)
