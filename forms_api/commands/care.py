"""`doctor`, `backup`, `restore`, `migrate`, `move`: looking after the data and its place. No form."""

import sys
from datetime import datetime
from pathlib import Path

import click

from civic.clock import SEOUL
from civic.errors import Misuse, Unavailable
from civic.store import copies
from civic.store import migrate as bring
from civic.store.chain import too_early
from civic.store.contents import agreement, without_key
from civic.store.doctor import Report, examine
from civic.store.outbox import STUCK
from forms_api.clock_mark import PLACE, newest
from forms_api.commands import INPUT_WRONG
from forms_api.commands.server_data import DATA, open_data, who
from forms_api.settings import Settings, read_settings

MOVED = (
    "모두 옮겼고, 두 쪽의 수와 해시가 같습니다. 원본 폴더는 그대로 있습니다.\n"
    "이제 MADANG_DATA를 새 주소로 바꾸고, 열쇠 폴더(MADANG_KEYS)는 지금 것을 그대로 쓰세요. "
    "원본 폴더로는 서버를 다시 켜지 마세요."
)
UNTOLD = "알림이 나가지 않고 있습니다. 문자 회사와 메일 서버를 확인하고, 급한 것은 전화로 알리세요. 접수번호 {}(모두 {}명)"
STAYED = (
    "{count}가지 문제를 찾아 아무것도 옮기지 않았습니다. ‘python -m forms_api doctor’로 살펴보고 고치거나 백업에서 "
    "되살리세요. 이미 살펴본 문제라면 --as-is를 붙여 그대로 옮길 수 있습니다."
)


@click.command()
@click.option("--data", help=DATA)
@click.option("--save", type=click.Path(path_type=Path), help="온전한 것을 이 새 폴더에 저장합니다.")
@click.option(
    "--accept-clock", is_flag=True, help="마지막 기록보다 늦은 이 컴퓨터의 시계가 맞다고 확인합니다."
)
def doctor(data: str | None, save: Path | None, accept_clock: bool) -> None:
    """자료가 온전한지 살펴봅니다. 아무것도 바꾸지 않습니다. 서버가 켜져 있어도 됩니다."""
    settings = read_settings(data=data)
    if save:
        copies.check_new(save, settings.data_dir)
    if accept_clock:
        _accept_clock(settings)
    report = examine(settings.data, settings.key_file)
    if save:
        note_if_possible(settings, is_whole=not report.wrong)
    if data is None:  # else it looks at a copy, perhaps
        note_lacks(report, settings)
    if not report.wrong and report.contents.of("facts"):  # what was never used would be tied to the keys here
        from forms_api.commands.content_check import told  # slow to load

        report.told += told(settings)
    for line in report.told:
        click.echo(f"알림: {line}")
    for line in report.wrong:
        click.echo(f"문제: {line}")
    if save:
        _save(report, save)
    for number in report.lost:
        click.echo(f"{'저장하지 못함' if save else '잃음'}: {number}")
    if report.wrong or report.lost:
        click.echo(f"{len(report.wrong)}가지 문제를 찾았습니다.")
        sys.exit(INPUT_WRONG)
    click.echo("문제가 없습니다.")


def _accept_clock(settings: Settings) -> None:
    """Confirm that the machine's clock is right, though the journal's newest line is later. Raises Misuse, Unavailable."""
    with open_data(settings) as data:
        if data.is_demo:
            raise Misuse("시연 자료의 시계는 확인할 것이 없습니다.")
        with data.store.open(PLACE, who=who()) as book:
            book.fix("", f"clock-accepted:{data.now.isoformat()}", "", data.now)
    click.echo("이 컴퓨터의 시계로 다시 받습니다.")


def _save(report: Report, folder: Path) -> None:
    """Put what is whole into a new folder, and say what of it is not."""
    contents = report.contents
    # Without this note nothing could start on the saved folder: its answers would wait for a key that is gone.
    for subject in without_key(contents):
        contents.of("keys").append((subject, b"", datetime.now(SEOUL).isoformat(), 0))
        click.echo(
            f"알림: {subject}의 열쇠가 없어 신청 내용을 지운 것으로 저장합니다. 접수번호, 상태, 순번은 남습니다."
        )
    contents.recount(report.journal_key)
    copies.write_folder(contents, folder)
    click.echo(f"저장: {folder}에 {contents.extent}을 저장했습니다. 키 파일은 따로 있습니다.")


def note_lacks(report: Report, settings: Settings) -> None:
    """Add to a report on a real server's data what that server lacks, and what waits for it."""
    contents = report.contents
    mark = newest(contents.fixed(PLACE))
    if mark is None or mark.start is not None:
        return
    last, messages = contents.journal[-1].time if contents.journal else None, contents.of("messages")
    report.wrong += filter(None, [too_early(datetime.now(SEOUL), last)])
    if stuck := sorted({row[5] for row in messages if row[1] >= STUCK}):
        report.wrong.append(UNTOLD.format(", ".join(stuck[:20]), len(stuck)))
    for name, text in settings.shortcomings(settings.base_url).items():
        waiting = f" 지금 {len(messages):,}건을 모아 두었습니다." if name == "sender" and messages else ""
        report.told.append(text + waiting)


@click.command()
@click.option("--data", help=DATA)
def migrate(data: str | None) -> None:
    """자료의 표를 이 판에 맞춥니다. 서버를 끄고 하세요. 여러 번 실행해도 됩니다."""
    before, after = bring(read_settings(data=data).data)
    if before == after:
        click.echo(f"이미 최신입니다(판 {after}).")
    else:
        click.echo(f"표를 맞추었습니다(판 {before or '없음'} → {after}).")


@click.command()
@click.option("--from", "source", required=True, help="지금 자료: tinydb://폴더")
@click.option("--to", "target", required=True, help="옮길 곳: postgresql://…")
@click.option("--as-is", is_flag=True, help="서로 맞지 않는 것을 알면서 그대로 옮깁니다.")
def move(source: str, target: str, as_is: bool) -> None:
    """신청, 기록, 알림, 열쇠, 투표함을 모두 PostgreSQL로 옮깁니다. 서버를 끄고 하세요. 다시 해도 됩니다."""
    settings = read_settings(data=source)
    if settings.data_dir is None:
        raise Misuse("--from은 tinydb://폴더 로 적으세요.")
    if not target.startswith("postgresql"):
        raise Misuse("--to는 postgresql://사용자@서버/이름 처럼 적으세요.")
    note_if_possible(settings)
    contents = copies.read_folder(settings.data_dir)
    found = agreement(contents, [])
    for line in found:
        click.echo(f"문제: {line}", err=True)
    if found and not as_is:
        click.echo(STAYED.format(count=len(found)), err=True)
        sys.exit(INPUT_WRONG)
    arrived = copies.receive(target, contents, str(settings.data_dir.absolute()), datetime.now(SEOUL))
    for name, (count, digest) in contents.digests().items():
        there, its = arrived[name]
        click.echo(f"{name}: 원본 {count:,} {digest[:16]} / 옮긴 곳 {there:,} {its[:16]}")
    click.echo(MOVED)


@click.command()
@click.option("--data", help=DATA)
@click.argument("target", type=click.Path(path_type=Path))
def backup(data: str | None, target: Path) -> None:
    """자료를 새 폴더 TARGET에 복사합니다. 서버가 켜져 있어도 됩니다. 키 파일은 따로 백업하세요."""
    settings = read_settings(data=data)
    folder = _folder(settings)
    copies.check_new(target, folder)
    note_if_possible(settings)
    copies.back_up(folder, target)
    click.echo(f"{target}에 백업했습니다. 키 파일(MADANG_KEYS)은 다른 곳에 따로 백업하세요.")


@click.command()
@click.option("--data", help="되살릴 새 자료 폴더: tinydb://폴더")
@click.argument("source", type=click.Path(path_type=Path))
def restore(data: str | None, source: Path) -> None:
    """백업 폴더 SOURCE에서 새 자료 폴더를 만듭니다. 있는 자료 위에는 쓰지 않습니다."""
    settings = read_settings(data=data)
    folder = _folder(settings)
    contents = copies.restore(source, folder)
    note_if_possible(settings)
    click.echo(f"{folder}에 {contents.extent}을 되살렸습니다. 함께 백업한 키 파일을 MADANG_KEYS에 두세요.")


def note_if_possible(settings: Settings, is_whole: bool = True) -> None:
    """Note an act on data that may be damaged, or whose keys may not be there yet: then it is done all the same.

    is_whole: False where nothing may be written any more.
    """
    try:
        if not is_whole:
            raise Misuse
        with open_data(settings) as data:
            data.note()
    except (Misuse, Unavailable):
        click.echo("이 자료의 열람 기록에 남기지 못했습니다. 한 일과 때를 따로 적어 두세요.", err=True)


def _folder(settings: Settings) -> Path:
    if settings.data_dir is None:
        raise Misuse("postgresql:// 자료는 pg_dump와 pg_restore로 백업하고 되살리세요(docs/deployment.md).")
    return settings.data_dir
