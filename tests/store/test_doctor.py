"""The doctor finds what is broken, changes nothing, and saves what is whole: on real files with real damage."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from civic.errors import Misuse
from civic.store import open_box, open_store
from civic.store.box import Sealed
from civic.store.doctor import examine
from civic.store.entry import Cap, Counts, Entry, Seat
from civic.store.saving import check_place, write_folder
from civic.store.seal import Keys
from tests.postgres import a_database, ask
from tests.staff import call
from tests.store.conftest import SUBJECT, add, an_entry, move

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 400
CAPS = (Cap("limit:a", 1, 2),)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A key file beside the data folder."""
    return Keys.load_or_create(tmp_path / "keys/keys.json", tmp_path / "data")


@pytest.fixture
def filled(tmp_path: Path, keys: Keys) -> dict[str, Entry]:
    """A closed folder `data` with sealed entries of usual and of great length, some cancelled; by receipt number."""
    return fill(f"tinydb://{tmp_path}/data", keys)


def fill(url: str, keys: Keys) -> dict[str, Entry]:
    store = open_store(url)
    kept = {}
    for i in range(PEOPLE):
        plain = an_entry(f"p{i}", round=f"r{i % 3}")
        sealed = keys.seal(store, SUBJECT, plain.number, os.urandom(3000 if i % 50 == 0 else 200))
        entry = add(store, an_entry(**vars(plain) | {"sealed": sealed}), (Seat("confirmed", 10**6),), CAPS)
        kept[entry.number] = move(store, entry, "cancelled") if i % 7 == 0 else entry
    store.close()
    return kept


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file's name and content."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


def look(folder: Path, key_file: Path | None = None) -> tuple[list[str], list[str]]:
    """(wrong, lost), after proving that nothing was touched."""
    before = fingerprint(folder)
    report = examine(f"tinydb://{folder}", key_file or folder.parent / "keys/keys.json")
    assert fingerprint(folder) == before
    return report.wrong, report.lost


def saved(folder: Path, into: Path) -> dict[str, Entry]:
    """What a store finds in the folder that the doctor saved; by receipt number."""
    report = examine(f"tinydb://{folder}", folder.parent / "keys/keys.json")
    write_folder(report.contents, into)
    store = open_store(f"tinydb://{into}")
    with store.open(SUBJECT) as book:
        found = {entry.number: entry for entry in book.entries()}
    store.close()
    return found


@pytest.mark.usefixtures("filled")
def test_a_whole_folder_has_no_findings(tmp_path: Path) -> None:
    """The control: nothing wrong, nothing lost."""
    assert look(tmp_path / "data") == ([], [])


def test_what_is_saved_from_a_whole_folder_is_the_same(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Entries, counts, caps, journal and keys: a backup that a server can start on."""
    assert saved(tmp_path / "data", tmp_path / "new") == filled
    assert look(tmp_path / "new") == ([], [])
    one, two = open_store(f"tinydb://{tmp_path}/data"), open_store(f"tinydb://{tmp_path}/new")
    assert one.counts(SUBJECT) == two.counts(SUBJECT)
    number = next(number for number, entry in filled.items() if entry.state == "cancelled")
    assert one.history(number) == two.history(number) != []
    assert one.wrapped_key(SUBJECT) == two.wrapped_key(SUBJECT) is not None
    with one.open(SUBJECT) as here, two.open(SUBJECT) as there:
        assert [here.used(f"p{i}", "limit:a") for i in range(9)] == [
            there.used(f"p{i}", "limit:a") for i in range(9)
        ]
    one.close()
    two.close()


# ------------------------------------------------------------ damage


def damage_header(content: bytearray) -> None:
    content[:64] = b"x" * 64


def damage_first_page(content: bytearray) -> None:
    content[:4096] = os.urandom(4096)


def damage_root(content: bytearray) -> None:
    """The page from which all others of the table are found."""
    content[4096 : 2 * 4096] = bytes(4096)


@pytest.mark.parametrize("damage", [damage_header, damage_first_page, damage_root])
def test_a_broken_beginning_loses_no_entry(
    tmp_path: Path, filled: dict[str, Entry], damage: Callable[[bytearray], None]
) -> None:
    """Header, first page or the tree's root overwritten: said with what to do, and every entry is saved."""
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    with pytest.raises(Misuse, match="doctor"):
        open_store(f"tinydb://{tmp_path}/data")
    wrong, lost = look(tmp_path / "data")
    assert wrong and "--save" in wrong[0] and not any("\n" in line for line in wrong)
    found = saved(tmp_path / "data", tmp_path / "new")
    # The root of a two-floor tree holds rows of its own: those are lost, and named.
    missing = set(filled) - set(found)
    assert missing == set(lost)
    assert len(missing) <= (40 if damage is damage_root else 0)
    assert {number: filled[number] for number in found} == found


def test_lost_pages_lose_their_rows_and_no_other(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Each tenth page overwritten: what is saved is exact, what is not is named by its receipt number."""
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    for page in range(9, len(content) // 4096, 10):
        content[page * 4096 : (page + 1) * 4096] = os.urandom(4096)
    path.write_bytes(content)
    wrong, lost = look(tmp_path / "data")
    assert any("손상되었습니다" in line for line in wrong)
    found = saved(tmp_path / "data", tmp_path / "new")
    assert {number: filled[number] for number in found} == found
    assert len(found) > len(filled) // 2
    assert set(filled) - set(found) == set(lost) != set()


def test_one_flipped_bit_costs_one_entry(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """A row that is still JSON and still a good page is told by its sum; its number stays known."""
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    at = content.rindex(b'"state": "confirmed"') + len('"state": "confirme')
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(Misuse, match="doctor"):
        open_store(f"tinydb://{tmp_path}/data")
    wrong, lost = look(tmp_path / "data")
    assert len(lost) == 1 and lost[0] in filled and lost[0] in " ".join(wrong)
    assert set(saved(tmp_path / "data", tmp_path / "new")) == set(filled) - set(lost)


def test_damage_in_a_folder_left_by_a_crash(tmp_path: Path, keys: Keys) -> None:
    """The newest entries are still in the log when the header breaks: they are saved as well."""
    store = open_store(f"tinydb://{tmp_path}/live")
    entries = [add(store, an_entry(f"p{i}", sealed=b"")) for i in range(30)]
    shutil.copytree(tmp_path / "live", tmp_path / "data", ignore=lambda *_: ["door"])
    store.close()
    assert (tmp_path / "data/madang.sqlite3-wal").stat().st_size
    assert look(tmp_path / "data") == ([], [])
    with (tmp_path / "data/madang.sqlite3").open("r+b") as file:
        file.write(os.urandom(4096))
    wrong, lost = look(tmp_path / "data")
    # The log has a good first page of its own; then nothing is wrong with what a start would read.
    assert lost == []
    assert set(saved(tmp_path / "data", tmp_path / "new")) == {entry.number for entry in entries}
    assert all("첫 쪽" in line for line in wrong)


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Nothing is read from what this release does not know."""
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    content[60:64] = (99).to_bytes(4)
    path.write_bytes(content)
    wrong, _ = look(tmp_path / "data")
    assert any("다른 판" in line for line in wrong)


def test_what_is_no_database_at_all_is_said(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """A file of noise, an empty one, none: a sentence each, never a traceback."""
    path = tmp_path / "data/madang.sqlite3"
    for content in (os.urandom(40_000), b"", b"SQLite format 3\0"):
        path.write_bytes(content)
        wrong = look(tmp_path / "data")[0]
        assert wrong and not any("다른 판" in line for line in wrong)
        assert any("비어 있습니다(0바이트)" in line for line in wrong) == (content == b"")
        assert saved(tmp_path / "data", tmp_path / f"new{len(content)}") == {}
    path.unlink()
    assert any("없습니다. 서버를 끄고" in line for line in look(tmp_path / "data")[0])


# ------------------------------------------------------------ what SQLite cannot see


def rewrite(folder: Path, statement: str) -> None:
    """Change a closed folder behind the store's back."""
    with closing(sqlite3.connect(folder / "madang.sqlite3", isolation_level=None)) as file:
        file.create_function("crc", 1, lambda text: zlib.crc32(text.encode()))
        file.execute(statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM documents WHERE id = 5", "기록에는 있는데 신청이 없습니다"),
        ("DELETE FROM journal WHERE id = 9", "이어지지 않습니다"),
        ("DELETE FROM journal WHERE id = 4", "신청은 있는데 기록이 없습니다"),
        ("UPDATE journal SET after = 'waiting' WHERE id = 4", "마지막 기록"),
        ("INSERT INTO documents SELECT name, 9999, body, crc FROM documents WHERE id = 5", "함께 쓰고"),
        (
            """UPDATE documents SET body = replace(body, '"person": "p5"', '"person": "p8"'),"""
            """ crc = crc(replace(body, '"person": "p5"', '"person": "p8"')) WHERE id = 6""",
            "한 사람의 신청이 둘",
        ),
    ],
)
@pytest.mark.usefixtures("filled")
def test_disagreements_are_found(tmp_path: Path, statement: str, said: str) -> None:
    """A healthy SQLite file with a wrong story in it."""
    rewrite(tmp_path / "data", statement)
    wrong, _ = look(tmp_path / "data")
    assert any(re.search(said, line) for line in wrong), wrong


@pytest.mark.usefixtures("filled")
def test_key_files_are_looked_at(tmp_path: Path) -> None:
    """Missing, readable by others, of another installation, damaged: each with what to do."""
    own = tmp_path / "keys/keys.json"
    assert any("MADANG_KEYS" in line for line in look(tmp_path / "data", tmp_path / "nowhere.json")[0])
    own.chmod(0o644)
    assert any("chmod 600" in line for line in look(tmp_path / "data")[0])
    own.chmod(0o600)
    Keys.load_or_create(tmp_path / "other/keys.json")
    assert any("열 수 없는 자료" in line for line in look(tmp_path / "data", tmp_path / "other/keys.json")[0])
    own.write_text("{}")
    assert any("손상되었습니다" in line for line in look(tmp_path / "data")[0])


@pytest.mark.usefixtures("filled")
def test_sealed_answers_are_opened_one_by_one(tmp_path: Path) -> None:
    """Two sealed answers exchanged: every sum is right, and neither opens."""
    rewrite(
        tmp_path / "data",
        "UPDATE documents SET body = (SELECT json_set(documents.body, '$.sealed', json_extract(other.body, '$.sealed'))"
        " FROM documents other WHERE other.id = 8) WHERE id = 5",
    )
    rewrite(tmp_path / "data", "UPDATE documents SET crc = crc(body)")
    wrong, _ = look(tmp_path / "data")
    assert len(wrong) == 1 and "열리지 않습니다" in wrong[0]


@pytest.mark.usefixtures("filled")
def test_the_file_of_wrapped_keys(tmp_path: Path) -> None:
    """Its first page destroyed: said, and the keys are saved; the file gone: said."""
    path = tmp_path / "data/keys.sqlite3"
    content = bytearray(path.read_bytes())
    content[:4096] = os.urandom(4096)
    path.write_bytes(content)
    wrong, lost = look(tmp_path / "data")
    assert (len(wrong), lost) == (1, [])
    saved(tmp_path / "data", tmp_path / "new")
    assert look(tmp_path / "new") == ([], [])
    path.unlink()
    assert any("감싼 열쇠" in line for line in look(tmp_path / "data")[0])


# ------------------------------------------------------------ where and when


@pytest.mark.usefixtures("filled")
def test_beside_a_running_store(tmp_path: Path) -> None:
    """Says whose the folder is, sees what was acknowledged a moment ago, and stands in nobody's way."""
    store = open_store(f"tinydb://{tmp_path}/data")
    entry = add(store, an_entry("new", sealed=b""))
    report = examine(f"tinydb://{tmp_path}/data", tmp_path / "keys/keys.json")
    assert report.wrong == []
    assert any(f"프로세스 {os.getpid()}" in line for line in report.told)
    assert entry in [each for each, _ in report.contents.entries]
    add(store, an_entry("newer", sealed=b""))
    # The control: a server that counts wrongly is noticed.
    store._counts[SUBJECT] = {**store._counts[SUBJECT], "r1": Counts(taken=1)}  # type: ignore[attr-defined]
    report = examine(f"tinydb://{tmp_path}/data", tmp_path / "keys/keys.json")
    assert [line for line in report.wrong if "서버를 다시 켜세요" in line] == report.wrong != []
    store.close()


@pytest.mark.usefixtures("filled")
def test_a_read_only_folder_is_examined(tmp_path: Path) -> None:
    """An account that may only read still learns everything. (Root drops its rights first.)"""
    code = """if True:
        import os, sys, pathlib
        from civic.store.doctor import examine
        home = pathlib.Path(sys.argv[1])
        for path in [home, *home.rglob("*")]:
            if os.getuid() == 0: os.chown(path, 65534, 65534)
            path.chmod(0o555 if path.is_dir() else 0o400)
        os.chdir(home)
        if os.getuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        report = examine("tinydb://data", pathlib.Path("keys/keys.json"))
        print(len(report.contents.entries), *report.wrong, sep="\\n")
    """
    home = tmp_path / "home"
    home.mkdir()
    for name in ("data", "keys"):
        shutil.move(tmp_path / name, home / name)
    ran = subprocess.run(
        [sys.executable, "-c", code, str(home)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    for path in [home, home / "data"]:
        path.chmod(0o755)
    lines = ran.stdout.splitlines()
    assert ran.stderr == ""
    assert lines[0] == str(PEOPLE)
    assert len(lines) == 2 and "쓸 수 없습니다" in lines[1]


def test_places_that_cannot_be_saved_into(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Not over something, not into the data folder, not from nowhere."""
    for place in (tmp_path / "keys", tmp_path / "data/new"):
        with pytest.raises(Misuse):
            check_place(place, tmp_path / "data")
    check_place(tmp_path / "new", tmp_path / "data")
    with pytest.raises(Misuse, match="없습니다"):
        examine(f"tinydb://{tmp_path}/nowhere", tmp_path / "keys/keys.json")


# ------------------------------------------------------------ PostgreSQL


def test_a_database_is_examined_and_saved(tmp_path: Path, keys: Keys) -> None:
    """Counters and caps against the entries, and a data folder with all of it."""
    key_file = tmp_path / "keys/keys.json"
    with a_database() as url:
        filled = fill(url, keys)
        report = examine(url, key_file)
        assert (report.wrong, report.lost) == ([], [])
        write_folder(report.contents, tmp_path / "new")
        assert look(tmp_path / "new") == ([], [])
        assert {
            e.number: e for e, _ in examine(f"tinydb://{tmp_path}/new", key_file).contents.entries
        } == filled
        for statement, said in (
            ("UPDATE rounds SET taken = taken + 1 WHERE round = 'r1'", "적어 둔 인원"),
            ("UPDATE caps SET used = 2 WHERE person = 'p1'", "한도"),
            ("DELETE FROM entries WHERE person = 'p2'", "신청이 없습니다"),
            ("DELETE FROM keys", "감싼 열쇠"),
            ("UPDATE alembic_version SET version_num = 'other'", "migrate"),
        ):
            version = ask(url, "SELECT version_num FROM alembic_version")
            ask(url, statement)
            assert any(said in line for line in examine(url, key_file).wrong), statement
            ask(url, f"UPDATE alembic_version SET version_num = '{version[0][0]}'")
    gone = examine("postgresql://madang@/none?host=/nowhere", key_file)
    assert len(gone.wrong) == 1 and "연결하지 못했습니다" in gone.wrong[0]


# ------------------------------------------------------------ the command


def test_the_command_tells_and_saves(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Exit 0 and 1, a line for each finding, and the numbers that could not be saved."""
    data = f"tinydb://{tmp_path}/data"
    whole = call("doctor", "--data", data)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.splitlines()[-1] == "문제가 없습니다."
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    for page in range(9, len(content) // 4096, 10):
        content[page * 4096 : (page + 1) * 4096] = os.urandom(4096)
    path.write_bytes(content)
    broken = call("doctor", "--data", data, "--save", str(tmp_path / "new"))
    assert (broken.returncode, broken.stderr) == (1, "")
    lines = broken.stdout.splitlines()
    lost = {line.split()[-1] for line in lines if line.startswith("저장하지 못함: ")}
    kept = {
        e.number for e, _ in examine(f"tinydb://{tmp_path}/new", tmp_path / "keys/keys.json").contents.entries
    }
    assert kept | lost == set(filled) and not kept & lost
    assert (
        call("doctor", "--data", data, "--save", str(tmp_path / "new")).returncode == 2
    )  # something is in there now
    assert call("doctor", "--data", f"tinydb://{tmp_path}/nowhere").returncode == 2


def test_ballot_boxes_come_along(tmp_path: Path) -> None:
    """Envelopes and voters of a whole box are saved; a damaged one is said and left for a backup."""
    open_store(f"tinydb://{tmp_path}/data").close()
    boxes = open_box(f"tinydb://{tmp_path}/data")
    with boxes.open("budget-2024") as box:
        box.put(Sealed("voter-hash", b"\x00envelope", "receipt", "once"))
    boxes.shut()
    before = examine(f"tinydb://{tmp_path}/data", tmp_path / "keys/keys.json").contents.digests()
    write_folder(examine(f"tinydb://{tmp_path}/data", tmp_path / "k").contents, tmp_path / "new")
    after = examine(f"tinydb://{tmp_path}/new", tmp_path / "keys/keys.json").contents.digests()
    assert after == before and before["투표함"][0] > 0
    path = tmp_path / "data/votes.sqlite3"
    content = bytearray(path.read_bytes())
    content[: 3 * 4096] = os.urandom(3 * 4096)
    path.write_bytes(content)
    assert any("투표함" in line for line in look(tmp_path / "data")[0])
