"""`votes paper sheets | mark | enter` and `votes roll`: paper ballots beside the online box, on one roll.

Whoever takes a paper ballot is marked before it is handed out, and the server then refuses an online one (and the
other way round). Sheets are typed in after closing, by two people apart from each other.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import click

import templates
from civic import korean
from civic.clock import FixedClock
from civic.errors import Invalid, NotEligible, Unusable
from civic.files import BOM, typed_text, write
from civic.store import open_box
from civic.votes.casting import Polling
from civic.votes.contact import contacts_in
from civic.votes.paper import TypedBatch, accept, differences, numbered, read_entry
from civic.votes.result import as_json
from forms_api.commands.given import A_FILE, FOLDER, give_up, read_shape, reading
from forms_api.commands.poll import Place, votes
from forms_api.commands.server_data import open_data
from forms_api.settings import default_of
from templates.assets import KIT
from templates.fonts import kit_font


@votes.group("paper")
def paper() -> None:
    """종이 투표용지를 만들고, 받은 사람을 표시하고, 두 사람이 입력합니다."""


@paper.command("sheets")
@click.argument("slug")
@click.option("--out", "folder", type=FOLDER, required=True, help="인쇄할 파일을 둘 폴더")
def sheets(at: Place, slug: str, folder: Path) -> None:
    """투표 글에서 투표용지와 집계표를 만듭니다. 브라우저로 열어 인쇄하세요."""
    page = at.poll(slug)
    env = templates.plain(templates.FOLDER / "paper", lstrip_blocks=True)
    groups = numbered(page.poll, page.proposals.values())
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ballot.html", "tally.html"):
        sheet = env.get_template(name)
        text = sheet.render(poll=page.poll, groups=groups, rules=page.slot.rules, words=korean)
        write(folder / name, text + "\n")
    shutil.copyfile(templates.FOLDER / "paper/paper.css", folder / "paper.css")
    for weight in ("Regular", "Bold"):  # where the kit is installed: an office machine may lack Korean fonts
        with suppress(FileNotFoundError):
            font = kit_font(templates.FOLDER.parent / KIT / "fonts", weight)
            (folder / f"pretendard-gov-{weight.lower()}.woff2").write_bytes(font)
    count = sum(len(rows) for _, rows in groups)
    click.echo(
        f"제안 {count}건의 투표용지와 집계표를 {folder}에 썼습니다. 두 쪽이 넘으면 양면으로 인쇄하세요."
    )


@contextmanager
def open_polls(at: Place) -> Iterator[Polling]:
    """The polls of a content folder with their boxes, beside a running server."""
    library = at.library()
    with open_data(at.settings) as found, closing(open_box(at.settings.data)) as boxes:
        yield Polling(library, boxes, found.keys, FixedClock(at.time), demo=at.is_demo)


def contacts() -> list[str]:
    """Contacts from standard input, one to a line: never in the command, which others on the machine can see."""
    if sys.stdin.isatty():
        click.echo("연락처를 한 줄에 하나씩 적고, 끝나면 Ctrl-D를 누르세요.", err=True)
    return [line.strip() for line in sys.stdin.read().removeprefix(BOM).splitlines() if line.strip()]


def each_of(given: list[str], act: Callable[[str], object]) -> list[str]:
    """Do this for each contact; "line: what was wrong" of those with whom it cannot be done."""
    wrong = []
    for line, contact in enumerate(given, 1):
        try:
            act(contact)
        except (Invalid, NotEligible) as refusal:
            wrong.append(f"{line}줄: {refusal.errors[0].message if refusal.errors else refusal.detail}")
    return wrong


@paper.command("mark", has_data=True)
@click.argument("slug")
def mark(at: Place, slug: str) -> None:
    """종이 투표용지를 받는 사람을 표시합니다. 연락처를 한 줄에 하나씩 넣어 주세요."""
    with open_polls(at) as polling:
        if polling.state(polling.setup(slug)) != "open":
            give_up(f"{slug}: 투표하는 동안에만 표시합니다.")
        given = contacts()
        wrong = each_of(given, partial(polling.mark_paper, slug))
    click.echo(f"종이로 투표하는 사람 {len(given) - len(wrong)}명을 표시했습니다.")
    if wrong:
        click.echo("\n".join(wrong), err=True)
        raise SystemExit(1)


@votes.command("roll", has_data=True)
@click.argument("slug")
def roll(at: Place, slug: str) -> None:
    """투표할 수 있는 사람의 명부를 넣습니다(본인 확인 수준 2). 한 사람을 한 줄에, 그 사람의 연락처가 여럿이면 쉼표로."""
    given = contacts()
    if wrong := each_of(given, contacts_in):
        give_up(*wrong)
    with open_polls(at) as polling:
        new = polling.enrol(slug, given)
    click.echo(f"명부에 {new}명을 더했습니다. 이미 있던 사람 {len(given) - new}명은 그대로입니다.")


@paper.command("enter")
@click.argument("slug")
@click.argument("batch")
@click.argument("file", type=A_FILE)
@click.option("--by", required=True, help="입력한 사람의 이름이나 직책")
@click.option("--again", is_flag=True, help="같은 사람이 고쳐 다시 입력합니다.")
@click.option("--to", "folder", type=FOLDER, default=default_of("paper"), help="입력을 두는 폴더")
def enter(at: Place, slug: str, batch: str, file: Path, by: str, again: bool, folder: Path) -> None:
    """종이 표 한 묶음을 입력합니다. 다른 사람의 입력이 있으면 견주고, 모두 같을 때만 받아들입니다."""
    page = at.poll(slug)
    if page.at < page.poll.closes:
        give_up(
            f"{slug}: 종이 표는 투표가 끝난 뒤에({korean.closing(page.poll.closes, page.at)}) 입력합니다."
        )
    with reading(file):
        entry = read_entry(typed_text(file), page.poll, page.proposals, page.slot.rules, batch, by)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    places = [folder / f"{slug}-{batch}-entry-{number}.json" for number in (1, 2)]
    kept = {place: read_shape(place, TypedBatch) for place in places if place.exists()}
    if len(kept) == 2 and not differences(kept[places[0]], kept[places[1]], page.poll, page.proposals):
        give_up(f"{batch}: 이 묶음은 이미 두 사람의 입력이 맞아 받아들였습니다.")
    own = next((place for place, each in kept.items() if each.by == entry.by), None)
    if own and not again:
        give_up(f"{entry.by}: 이미 입력했습니다. 고쳐 다시 입력하려면 --again을 붙이세요.")
    free = own or next((place for place in places if place not in kept), None)
    if free is None:
        give_up("두 사람이 이미 입력했습니다. 둘 가운데 한 사람이 --again으로 고치세요.")
    write(free, as_json(entry), mode=0o600)
    other = next((each for place, each in kept.items() if place != free), None)
    if other is None:
        click.echo(f"{batch}: 용지 {len(entry.sheets)}장을 입력했습니다. 다른 사람이 한 번 더 입력하세요.")
        return
    try:
        counted = accept(other, entry, page.poll, page.proposals)
    except Unusable as mistake:
        said = "두 입력이 다릅니다. 용지를 다시 보고 틀린 사람이 --again으로 다시 입력하세요."
        click.echo("\n".join([*mistake.lines, said]), err=True)
        raise SystemExit(1) from None
    sums = f"유효 {len(counted.ballots)}장, 무효 {len(counted.void)}장"
    click.echo(f"{batch}: 두 입력이 같습니다. {sums}을 받아들였습니다.")
