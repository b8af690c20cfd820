"""`keys show | rotate | drop`: the master keys of an installation, changed beside a running server. No entry is opened."""

import click

from civic.errors import Misuse
from civic.store.key_file import PLACE, forget, is_newest, note_master, prepare, switch
from forms_api.commands.access import StaffAccess, StaffGroup
from forms_api.commands.server_data import who


@click.group(cls=StaffGroup)
def keys() -> None:
    """키 파일의 주 열쇠를 보고, 바꾸고, 옛것을 버립니다."""


@keys.command()
def show(staff: StaffAccess) -> None:
    """주 열쇠마다 지문과, 그것으로 감싼 자료 열쇠가 몇 개인지 보여 줍니다. 열쇠는 보여 주지 않습니다."""
    staff.note(PLACE)
    uses = staff.keys.uses(staff.store.wrapped_keys())
    for number, (print_, count) in enumerate(uses.items()):
        role = "여는 데만 쓰는 열쇠" if number else "지금 쓰는 열쇠"
        click.echo(f"{print_}\t{role}\t자료 열쇠 {count}개")


@keys.command()
@click.option(
    "--prepare",
    "is_first",
    is_flag=True,
    help="새 열쇠를 키 파일에 넣기만 합니다. 서버가 여러 대일 때 먼저 하세요.",
)
def rotate(staff: StaffAccess, is_first: bool) -> None:
    """새 주 열쇠를 만들어 모든 자료 열쇠를 다시 감쌉니다. 서버가 켜져 있어도 됩니다. 옛 주 열쇠는 키 파일에 남습니다."""
    file, own, store = staff.settings.key_file, staff.keys, staff.store
    staff.note(PLACE)
    if is_first:
        click.echo(
            f"새 열쇠({prepare(file)})를 넣었습니다. {file}을 모든 서버에 복사한 뒤 keys rotate를 하세요."
        )
        return
    uses = [*own.uses(store.wrapped_keys()).values()]
    is_left = sum(uses[1:]) > 0 or not is_newest(store, own)
    if not is_left:
        switch(file)
        own.renew()
    with store.open(PLACE, who=who()) as book:
        note_master(book, own)
    count = store.rewrap(own.rewrapped)
    done = "지난번에 마치지 못한 교체를 마쳤습니다" if is_left else "주 열쇠를 바꾸었습니다"
    click.echo(f"{done}: {own.masters[0]}")
    click.echo(
        f"자료 열쇠 {count}개를 다시 감쌌습니다. 키 파일({file})을 지금 다시 백업하고, 다른 서버에도 복사하세요."
    )


@keys.command()
@click.argument("fingerprint")
def drop(staff: StaffAccess, fingerprint: str) -> None:
    """옛 주 열쇠를 키 파일에서 버립니다. 그 열쇠로 만든 백업은 더는 열리지 않습니다."""
    uses = staff.keys.uses(staff.store.wrapped_keys())
    if uses.get(fingerprint) or fingerprint == staff.keys.masters[0]:
        raise Misuse(f"{fingerprint}: 아직 쓰는 열쇠입니다. 먼저 keys rotate로 바꾸세요.")
    staff.note(PLACE)
    if not forget(staff.settings.key_file, fingerprint):
        raise Misuse(f"{fingerprint}: 그런 옛 열쇠가 없습니다. keys show로 지문을 확인하세요.")
    click.echo(f"{fingerprint}: 버렸습니다. 다른 서버의 키 파일과 키 파일의 백업에서도 지우세요.")
