"""The doctor finds what is broken, changes nothing, and saves what is whole: on real files with real damage."""

import hashlib
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from civic.errors import Misuse, Unavailable
from civic.store import open_beside, open_store
from civic.store.box import Sealed
from civic.store.copies import back_up, check_new, restore, write_folder
from civic.store.doctor import Report, examine
from civic.store.entry import Cap, Entry, Seat
from civic.store.folder import BOX_FILE, ENTRIES, KEYS, serving
from civic.store.key_file import load_or_create
from civic.store.seal import Keys
from civic.store.store import Store
from tests.postgres import a_database, ask
from tests.staff import call
from tests.store.conftest import SUBJECT, a_box, add, an_entry, move

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 400
CAPS = (Cap("limit:a", 1, 2),)


@pytest.fixture
def filled(tmp_path: Path, keys: Keys) -> dict[str, Entry]:
    """A closed folder `data` with sealed entries of usual and of great length, some cancelled; by receipt number."""
    return fill(f"tinydb://{tmp_path}/data", keys)


def fill(url: str, keys: Keys) -> dict[str, Entry]:
    with closing(open_store(url)) as store:
        kept = {}
        for i in range(PEOPLE):
            plain = an_entry(f"p{i}", round=f"r{i % 3}")
            sealed = keys.seal(store, SUBJECT, plain.number, os.urandom(3000 if i % 50 == 0 else 200))
            entry = add(
                store, an_entry(**vars(plain) | {"sealed": sealed}), (Seat("confirmed", 10**6),), CAPS
            )
            kept[entry.number] = move(store, entry, "cancelled") if i % 7 == 0 else entry
    return kept


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file's name and content."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


def report(folder: Path) -> Report:
    """What the doctor says of a folder beside its keys."""
    return examine(f"tinydb://{folder}", folder.parent / "keys/keys.json")


def look(folder: Path, key_file: Path | None = None) -> tuple[list[str], list[str]]:
    """(wrong, lost), after proving that nothing was touched."""
    before = fingerprint(folder)
    found = examine(f"tinydb://{folder}", key_file or folder.parent / "keys/keys.json")
    assert fingerprint(folder) == before
    return found.wrong, found.lost


def check_told(folder: Path) -> None:
    """Who reads what is damaged is told to come back, and nothing wrong is shown."""
    with (
        pytest.raises((Unavailable, Misuse)),  # whichever comes first
        closing(open_store(f"tinydb://{folder}")) as store,
        store.open(SUBJECT) as book,
    ):
        book.entries()


def saved(folder: Path, into: Path) -> dict[str, Entry]:
    """What a store finds in the folder that the doctor saved; by receipt number."""
    write_folder(report(folder).contents, into)
    with closing(open_store(f"tinydb://{into}")) as store, store.open(SUBJECT) as book:
        return {entry.number: entry for entry in book.entries()}


def test_a_whole_folder_has_no_findings(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """The control: nothing wrong, nothing lost, and what is saved is the same: a backup that a server can start on."""
    assert look(tmp_path / "data") == ([], [])
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


@pytest.mark.parametrize("pages", [[0], [1], range(9, 900, 10), range(3, 900), "cut"])
def test_broken_pages_are_said(tmp_path: Path, filled: dict[str, Entry], pages: Any) -> None:
    """The first page, the schema's next, each tenth, the end cut off: said with what to do, and nothing wrong is saved."""
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    if pages == "cut":
        del content[len(content) // 2 :]
    else:
        for page in pages:
            if page < len(content) // 4096:
                content[page * 4096 : (page + 1) * 4096] = os.urandom(4096)
    path.write_bytes(content)
    wrong, _ = look(tmp_path / "data")
    assert any("손상되었습니다" in line and ".recover" in line for line in wrong)
    assert not any("\n" in line for line in wrong)
    assert all(filled[entry.number] == entry for entry in report(tmp_path / "data").contents.entries)
    if pages == range(3, 900):
        check_told(tmp_path / "data")


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.long)])
def test_a_flipped_byte_anywhere_is_noticed_or_harmless(
    tmp_path: Path, filled: dict[str, Entry], count: int
) -> None:
    """Bytes of the file of entries, one at a time: a finding, or the contents are the same."""
    path, chance = tmp_path / "data/madang.sqlite3", random.Random(11)
    whole = path.read_bytes()
    right = report(tmp_path / "data").contents.digests()
    for _ in range(count):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        found = report(tmp_path / "data")
        assert found.wrong or found.contents.digests() == right


def test_an_entry_with_a_flipped_byte_is_named(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Whichever byte of what one person sent: its receipt number is said, and all others are read."""
    path, chance = tmp_path / "data/madang.sqlite3", random.Random(12)
    whole = path.read_bytes()
    once = [number for number in sorted(filled) if whole.count(b'{"number":"' + number.encode()) == 1]
    for number in chance.sample(once, 40):  # of the others earlier selves lie in free space
        content = bytearray(whole)
        start = whole.index(b'{"number":"' + number.encode())
        content[start + chance.randrange(400)] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        found = report(tmp_path / "data")
        assert found.lost == [number] and any(number in line for line in found.wrong)
        assert len(found.contents.entries) == PEOPLE - 1


def test_a_folder_left_by_a_crash(tmp_path: Path, keys: Keys) -> None:
    """The newest entries are still in the log: they are read as well; its last write may be torn, also for a start."""
    with closing(open_store(f"tinydb://{tmp_path}/live")) as store:
        entries = [add(store, an_entry(f"p{i}", sealed=b"")) for i in range(30)]
        shutil.copytree(tmp_path / "live", tmp_path / "data")
    assert (tmp_path / "data/madang.sqlite3-wal").stat().st_size
    assert set(saved(tmp_path / "data", tmp_path / "new")) == {entry.number for entry in entries}
    with (tmp_path / "data/madang.sqlite3-wal").open("ab") as log:
        log.write(os.urandom(5000))
    with closing(open_store(f"tinydb://{tmp_path}/data")) as store, store.open(SUBJECT) as book:
        assert book.entries() == entries


@pytest.mark.usefixtures("filled")
def test_what_is_no_database_of_this_release_is_said(tmp_path: Path) -> None:
    """A file of a later release, with a word that is no text, of noise, an empty one, none: a sentence each, never a traceback."""
    path = tmp_path / "data/madang.sqlite3"
    path.write_bytes((whole := path.read_bytes()).replace(b"CREATE TABLE caps", b"CR\xdfATE TABLE caps"))
    assert any("손상되었습니다" in line for line in look(tmp_path / "data")[0])
    with pytest.raises(Misuse, match="손상되었습니다"):
        open_store(f"tinydb://{tmp_path}/data")
    newer = bytearray(whole)
    newer[60:64] = (99).to_bytes(4)
    path.write_bytes(newer)
    assert any("다른 판" in line for line in look(tmp_path / "data")[0])
    for content in (os.urandom(40_000), b"", b"SQLite format 3\0"):
        path.write_bytes(content)
        wrong = look(tmp_path / "data")[0]
        assert wrong and not any("다른 판" in line for line in wrong)
        assert any("비어 있습니다(0바이트)" in line for line in wrong) == (content == b"")
    path.unlink()
    assert any("없습니다. 서버를 끄고" in line for line in look(tmp_path / "data")[0])


def rewrite(folder: Path, statement: str) -> None:
    """Change a closed folder behind the store's back."""
    with closing(sqlite3.connect(folder / "madang.sqlite3", isolation_level=None)) as file:
        file.create_function("crc", -1, lambda *words: zlib.crc32("\x1f".join(map(str, words)).encode()))
        for each in statement.split("; "):
            file.execute(each)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM entries WHERE id = 5", "기록에는 있는데 신청이 없습니다"),
        ("DELETE FROM journal WHERE id = 9", "이어지지 않습니다"),
        ("DELETE FROM journal WHERE id = 4", "신청은 있는데 기록이 없습니다"),
        (
            "UPDATE journal SET after = 'waiting', checksum = crc(subject, number, before, 'waiting', cause, who, at, round, line, mac)"
            " WHERE id = 4",
            "마지막 기록",
        ),
        ("UPDATE journal SET who = 'nobody' WHERE id = 4", "손상되었습니다"),
        ("UPDATE rounds SET taken = taken + 1 WHERE round = 'r1'", "적어 둔 인원"),
        ("UPDATE caps SET used = 2 WHERE person = 'p1'", "한도"),
        (
            "INSERT INTO facts VALUES ('lectures/essay', 'r1', 'drawn', 'x', crc('lectures/essay', 'r1', 'drawn', 'x'))",
            "기록과 다릅니다",
        ),
        (
            "DROP INDEX entries_number; CREATE INDEX entries_number ON entries (number); "
            'INSERT INTO entries (body, checksum) SELECT replace(body, \'"submission":"\', \'"submission":"x\'), '
            'crc(replace(body, \'"submission":"\', \'"submission":"x\')) FROM entries WHERE id = 1',
            "함께 쓰고",
        ),
        (  # two sealed answers exchanged: every sum is right, and neither opens
            "UPDATE entries SET body = (SELECT json_set(entries.body, '$.sealed', json_extract(other.body, '$.sealed'))"
            " FROM entries other WHERE other.id = 8) WHERE id = 5; "
            "UPDATE entries SET checksum = crc(body) WHERE id = 5",
            "열리지 않습니다",
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
    """Missing, readable by others, of another installation, damaged, also the wrapped keys: each with what to do."""
    own = tmp_path / "keys/keys.json"
    assert any("MADANG_KEYS" in line for line in look(tmp_path / "data", tmp_path / "nowhere.json")[0])
    own.chmod(0o644)
    assert any("chmod 600" in line for line in look(tmp_path / "data")[0])
    own.chmod(0o600)
    load_or_create(tmp_path / "other/keys.json")
    assert any("열 수 없는 자료" in line for line in look(tmp_path / "data", tmp_path / "other/keys.json")[0])
    own.write_text("{}")
    assert any("손상되었습니다" in line for line in look(tmp_path / "data")[0])
    path = tmp_path / "data/keys.sqlite3"
    path.write_bytes(os.urandom(4096) + path.read_bytes()[4096:])
    assert any("감싼 열쇠 파일" in line and "손상" in line for line in look(tmp_path / "data")[0])


@pytest.mark.usefixtures("filled")
def test_beside_a_running_store(tmp_path: Path) -> None:
    """Says whose the folder is, sees what was acknowledged a moment ago, and stands in nobody's way."""
    hold = serving(tmp_path / "data")
    with closing(open_store(f"tinydb://{tmp_path}/data")) as store:
        entry = add(store, an_entry("new", sealed=b""))
        found = report(tmp_path / "data")
        assert found.wrong == []
        assert any(f"프로세스 {os.getpid()}" in line for line in found.told)
        assert entry in found.contents.entries
        add(store, an_entry("newer", sealed=b""))
    hold.close()


@pytest.mark.usefixtures("filled")
def test_a_read_only_folder_is_examined(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """An account that may only read still learns everything; no store starts there. (Root drops its rights first.)"""
    code = """if True:
        import os, sys, pathlib
        from civic.errors import Misuse
        from civic.store import open_beside, open_store
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
        for url in ("tinydb://data", "tinydb://new/data"):
            try:
                open_store(url)
            except Misuse as err:
                print(err)
    """
    home = Path(tempfile.mkdtemp())  # where every account may look: SQLite does, at each folder above
    request.addfinalizer(lambda: shutil.rmtree(home))
    for name in ("data", "keys"):
        shutil.move(tmp_path / name, home / name)
    ran = subprocess.run(
        [sys.executable, "-c", code, str(home)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    for path in [home, home / "data"]:
        path.chmod(0o755)
    lines = ran.stdout.splitlines()
    assert ran.stderr == ""
    assert lines[0] == str(PEOPLE), lines
    assert len(lines) == 4 and "쓸 수 없습니다" in lines[1]
    assert all("쓸 수 없습니다" in line and "권한을 주고" in line for line in lines[2:])


def test_places_that_cannot_be_saved_into(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Not over something, not into the data folder, not from nowhere."""
    for place in (tmp_path / "keys", tmp_path / "data/new"):
        with pytest.raises(Misuse):
            check_new(place, tmp_path / "data")
    check_new(tmp_path / "new", tmp_path / "data")
    with pytest.raises(Misuse, match="없습니다"):
        examine(f"tinydb://{tmp_path}/nowhere", tmp_path / "keys/keys.json")


def test_a_database_is_examined_and_saved(tmp_path: Path, keys: Keys) -> None:
    """Counters and caps against the entries, and a data folder with all of it."""
    key_file = tmp_path / "keys/keys.json"
    with a_database() as url:
        filled = fill(url, keys)
        whole = examine(url, key_file)
        assert (whole.wrong, whole.lost) == ([], [])
        write_folder(whole.contents, tmp_path / "new")
        assert look(tmp_path / "new") == ([], [])
        assert {e.number: e for e in report(tmp_path / "new").contents.entries} == filled
        for statement, said in (
            ("UPDATE rounds SET taken = taken + 1 WHERE round = 'r1'", "적어 둔 인원"),
            ("UPDATE caps SET used = 2 WHERE person = 'p1'", "한도"),
            ("DELETE FROM entries WHERE person = 'p2'", "신청이 없습니다"),
            ("DELETE FROM keys", "감싼 열쇠"),
        ):
            ask(url, statement)
            assert any(said in line for line in examine(url, key_file).wrong), statement
        with psycopg.connect(url) as other:
            other.execute("SELECT 1 FROM rounds FOR UPDATE")
            time.sleep(1.1)
            stands = f"세션 {other.info.backend_pid}"
            assert any(stands in line for line in examine(url, key_file).wrong)
    gone = examine("postgresql://madang@/none?host=/nowhere", key_file)
    assert len(gone.wrong) == 1 and "연결하지 못했습니다" in gone.wrong[0]


def test_the_command_tells_and_saves(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Exit 0 and 1, a line for each finding, and the numbers that could not be saved."""
    data = f"tinydb://{tmp_path}/data"
    whole = call("doctor", "--data", data)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.splitlines()[-1] == "문제가 없습니다."
    path = tmp_path / "data/madang.sqlite3"
    content = bytearray(path.read_bytes())
    content[content.rindex(b'"cause":"applied"') + 9] ^= 1
    path.write_bytes(content)
    check_told(tmp_path / "data")
    broken = call("doctor", "--data", data, "--save", str(tmp_path / "new"))
    assert broken.returncode == 1 and "열람 기록에 남기지 못했습니다" in broken.stderr
    lines = broken.stdout.splitlines()
    lost = {line.split()[-1] for line in lines if line.startswith("저장하지 못함: ")}
    kept = {e.number for e in report(tmp_path / "new").contents.entries}
    assert kept | lost == set(filled) and not kept & lost
    assert len(lost) == 1  # a row that is still JSON and still a good page is told by its sum
    assert (
        call("doctor", "--data", data, "--save", str(tmp_path / "new")).returncode == 2
    )  # something is in there now
    assert call("doctor", "--data", f"tinydb://{tmp_path}/nowhere").returncode == 2


def test_ballot_boxes_come_along(tmp_path: Path) -> None:
    """Envelopes and voters of a whole box are saved; a damaged one is said and left for a backup."""
    open_store(f"tinydb://{tmp_path}/data").close()
    with a_box(f"tinydb://{tmp_path}/data") as boxes, boxes.open("budget-2024") as box:
        box.put(Sealed("voter-hash", b"\x00envelope", "receipt", "once"))
    before = report(tmp_path / "data").contents.digests()
    write_folder(examine(f"tinydb://{tmp_path}/data", tmp_path / "k").contents, tmp_path / "new")
    after = report(tmp_path / "new").contents.digests()
    assert after == before and before["투표함"][0] > 0
    path = tmp_path / "data/votes.sqlite3"
    content = bytearray(path.read_bytes())
    content[: 3 * 4096] = os.urandom(3 * 4096)
    path.write_bytes(content)
    assert any("투표함" in line for line in look(tmp_path / "data")[0])


def test_a_backup_beside_a_running_store(tmp_path: Path, filled: dict[str, Entry]) -> None:
    """Made while people sign up; restored into a new folder it is all that was acknowledged before it, and in agreement."""
    done = threading.Event()

    def sign_up(store: Store) -> None:
        while not done.is_set():
            add(store, an_entry(uuid.uuid4().hex, sealed=b""))

    with closing(open_store(f"tinydb://{tmp_path}/data")) as store, ThreadPoolExecutor(2) as citizens:
        busy = [citizens.submit(sign_up, store) for _ in range(2)]
        try:
            back_up(tmp_path / "data", tmp_path / "backup")
        finally:
            done.set()
    assert [each.result() for each in busy] == [None, None]
    contents = restore(tmp_path / "backup", tmp_path / "again")
    assert set(filled) <= {entry.number for entry in contents.entries}
    assert look(tmp_path / "again") == ([], [])
    for place in (tmp_path / "again", tmp_path / "data/new"):  # never over something, never inside the data
        with pytest.raises(Misuse):
            back_up(tmp_path / "data", place)
    with pytest.raises(Misuse):
        restore(tmp_path / "backup", tmp_path / "data")


@pytest.mark.parametrize("act", [back_up, restore])
def test_a_copy_that_was_cut_off_is_no_data_folder(
    act: Callable[[Path, Path], object],
    tmp_path: Path,
    filled: dict[str, Entry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed or without room before the last file: nothing opens what is there, for its ballots would be gone unseen."""
    del filled
    with a_box(f"tinydb://{tmp_path}/data") as boxes, boxes.open("budget") as box:
        box.enrol([["voter"]])
    data, moved, named = tmp_path / "data", Path.replace, []

    class Killed(BaseException):
        pass

    def until_the_last(draft: Path, place: Path) -> Path:
        if place.name == ENTRIES:
            raise Killed
        named.append(place.name)
        return moved(draft, place)

    monkeypatch.setattr(Path, "replace", until_the_last)
    with pytest.raises(Killed):
        act(data, tmp_path / "copy")
    monkeypatch.undo()
    assert {*os.listdir(tmp_path / "copy")} >= {f"{ENTRIES}.part", KEYS, BOX_FILE}  # noqa: PTH208
    for attempt in (open_store, open_beside):
        with pytest.raises(Misuse, match="신청"):
            attempt(f"tinydb://{tmp_path}/copy")
    with pytest.raises(Misuse, match="copy"):
        restore(tmp_path / "copy", tmp_path / "new")
    act(data, tmp_path / "whole")
    with a_box(f"tinydb://{tmp_path}/whole") as boxes, boxes.open("budget") as box:
        assert box.rolled() == 1


def test_restoring_from_nowhere_makes_nothing(tmp_path: Path) -> None:
    """A backup that is not there, or a folder of something else: named, and the new folder is not begun."""
    (tmp_path / "empty").mkdir()
    for name in ("none", "empty"):
        said = call("restore", tmp_path / name, data=f"tinydb://{tmp_path}/new")
        assert said.returncode == 2 and f"{tmp_path}/{name}" in said.stderr
    assert not (tmp_path / "new").exists()


def test_doctor_ties_nothing_that_was_never_used(url: str, tmp_path: Path) -> None:
    """A new database: looked at by whoever has other keys, or none, it takes those of the server that comes first."""
    said = call("doctor", data=url, keys=str(tmp_path / "staff"))
    assert said.returncode == 0, said.stdout
    assert not (tmp_path / "staff").exists() and ask(url, "SELECT * FROM facts") == []
