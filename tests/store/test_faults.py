"""What was acknowledged is there, what was refused is not (a hasty store is caught): failing disks, power cuts, kill -9."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

import pytest

from civic.errors import InUse, Misuse, Unavailable
from civic.store import open_store, sqlite
from civic.store.entry import Counts, Entry
from civic.store.folder import check_place, serving
from civic.store.session import SqliteSession
from civic.store.sqlite import SqliteDatabase
from civic.store.store import Store
from tests.patience import eventually
from tests.store.conftest import EVERYBODY, NOON, SUBJECT, add, an_entry, move
from tests.store.faulty import FULL, IOERR_WRITE, Disk
from tests.store.test_processes import a_process, answers, go

ROOT = Path(__file__).resolve().parents[2]


def open_at(folder: Path) -> Store:
    """The default store in a folder."""
    return open_store(f"tinydb://{folder}")


def present(folder: Path) -> dict[str, Entry]:
    """All entries that a restart finds, by submission."""
    with closing(open_at(folder)) as store:
        with store.open(SUBJECT) as book:
            found = {entry.submission: entry for entry in book.entries()}
        assert store.counts(SUBJECT).get("r1", Counts()).taken == sum(
            entry.size for entry in found.values() if entry.state == "confirmed"
        )
        return found


@pytest.mark.parametrize("code", [FULL, IOERR_WRITE])
@pytest.mark.parametrize("for_ever", [False, True])
def test_whatever_write_fails_the_answer_is_true(disk: Disk, memory: Path, code: int, for_ever: bool) -> None:
    """The n-th write or sync fails, for every n: acknowledged is there, refused is not; with room again it goes on."""
    for n in range(1, 200):
        folder = memory / f"{code}-{for_ever}-{n}"
        store = open_at(folder)
        add(store, an_entry("first", submission="first"))
        disk.fail(n, code, for_ever)
        acknowledged, refused = {"first"}, set()
        for i in range(3):
            try:
                add(store, an_entry(f"p{i}", submission=f"s{i}", sealed=os.urandom(3000)))
                acknowledged.add(f"s{i}")
            except Unavailable:
                refused.add(f"s{i}")
        reached = disk.has_failed
        if refused and for_ever:
            assert "자리" in store.trouble or "디스크" in store.trouble
            with pytest.raises(Unavailable), store.open(SUBJECT):
                pass
        disk.fail(0)
        if not for_ever:  # killed now instead of closed, all that was ever written still in the files
            disk.image(memory / f"cut-{n}", choose=lambda: True)
            assert set(present(memory / f"cut-{n}")) == acknowledged
        assert store.trouble == ""
        add(store, an_entry("later", submission="later"))
        store.close()
        assert set(present(folder)) == acknowledged | {"later"}
        assert acknowledged | refused == {"first", "s0", "s1", "s2"}
        if not reached:
            assert n > 3  # a write that nobody tried to fail is no proof
            return
    pytest.fail("the run never came to its end without the failure")


def test_after_a_failed_write_a_retry_is_one_entry(disk: Disk, tmp_path: Path) -> None:
    """503, then the server is started again, then the same submission: one entry, whatever the disk kept."""
    for n in range(1, 8):
        folder = tmp_path / str(n)
        with closing(open_at(folder)) as store:
            store.keep_key(SUBJECT, b"wrapped key")
            disk.fail(n, IOERR_WRITE, for_ever=True)
            with pytest.raises(Unavailable, match="두 번 접수되지 않습니다"):
                for i in range(9):
                    add(store, an_entry(f"p{i}", submission=f"s{i}"))
            disk.image(tmp_path / f"cut-{n}", choose=lambda: True)
            disk.fail(0)
        with closing(open_at(tmp_path / f"cut-{n}")) as again:
            for _ in range(2):
                kept = add(again, an_entry("p0", submission="s0"))
                assert (kept.submission, kept.rank) == ("s0", 1)


def test_a_start_on_a_failing_disk_says_what_to_do(disk: Disk, tmp_path: Path) -> None:
    """Every write of the first start fails once: a sentence, no traceback, and the next start works."""
    for n in range(1, 120):
        folder = tmp_path / str(n)
        disk.fail(n, FULL)
        try:
            open_at(folder).close()
        except Misuse as err:
            assert "디스크가 가득 찼습니다" in str(err)
        reached = disk.has_failed
        disk.fail(0)
        assert present(folder) == {}
        if not reached:
            assert n > 3
            return
    pytest.fail("the start never came to its end without the failure")


def lost_in_power_cuts(disk: Disk, tmp_path: Path, cuts: int, seed: int = 7) -> set[str]:
    """Acknowledged submissions that are missing after a power cut, over several cuts in one run."""
    chance = random.Random(seed)
    with closing(open_at(tmp_path / "data")) as store:
        acknowledged: set[str] = set()
        lost: set[str] = set()
        for cut in range(cuts):
            for i in range(chance.randrange(1, 12)):
                name = f"{cut}-{i}"
                entry = add(store, an_entry(name, submission=name, sealed=os.urandom(chance.randrange(4000))))
                acknowledged.add(name)
                if chance.random() < 0.3:
                    move(store, entry, "cancelled")
            share = chance.choice([0.0, 0.5, 0.9])
            image = tmp_path / f"cut-{cut}"
            disk.image(image, choose=lambda share=share: chance.random() < share)  # type: ignore[misc]
            try:
                lost |= acknowledged - set(present(image))
            except Misuse:  # a folder on which nothing starts has lost everything
                lost |= acknowledged
    return lost


@pytest.mark.parametrize(("cuts", "seed"), [(12, 7), pytest.param(400, 11, marks=pytest.mark.long)])
def test_power_cuts_lose_nothing_acknowledged(disk: Disk, tmp_path: Path, cuts: int, seed: int) -> None:
    """Only what was synced survives, and a random part of the rest, also where the log is folded in meanwhile."""
    assert lost_in_power_cuts(disk, tmp_path, cuts, seed) == set()


def test_control_without_sync_power_cuts_lose_entries(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: with synchronous=OFF the same check finds losses, or a file that nobody can read, so it can see them."""
    real = sqlite3.connect

    def careless(*args: object, **options: object) -> sqlite3.Connection:
        class Careless(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                return super().execute(sql.replace("synchronous=FULL", "synchronous=OFF"), *values)  # type: ignore[arg-type]

        return real(*args, factory=Careless, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr("civic.store.folder.sqlite3.connect", careless)
    try:
        assert lost_in_power_cuts(disk, tmp_path, cuts=4)
    except (Misuse, Unavailable) as broken:
        assert "손상" in str(broken) or "malformed" in str(broken.__cause__)


def test_control_answering_before_the_commit_loses_entries(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: a store that does not wait for its batch is caught."""
    monkeypatch.setattr(SqliteDatabase, "_leave", hasty)
    with closing(open_at(tmp_path / "data")) as store:
        add(store, an_entry(submission="s"))
        disk.image(tmp_path / "cut")
        assert "s" not in present(tmp_path / "cut")
        monkeypatch.undo()


def three_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Ranks by submission after three blocks of one commit, of which the second fails with what it writes last."""
    monkeypatch.setattr(sqlite, "LONGEST", 60.0)
    monkeypatch.setattr(SqliteDatabase, "_commit", lambda self: (commits.append(1), commit(self))[1])
    commits: list[int] = []
    with closing(open_at(folder)) as store:
        waiting = cast(SqliteDatabase, store.database.storage.database)._waiters

        def second() -> None:
            with suppress(Unavailable), store.open(SUBJECT) as book:
                book.add(an_entry("lee", submission="given up"), EVERYBODY)
                store.database.storage.here.session.later("INSERT INTO nowhere VALUES (1)")

        others = [threading.Thread(target=second)]
        others.append(threading.Thread(target=add, args=(store, an_entry("park", submission="third"))))
        with store.open(SUBJECT) as book:
            for ahead, other in enumerate(others):
                other.start()
                eventually(lambda ahead=ahead: len(waiting) > ahead)
            book.add(an_entry(submission="first"), EVERYBODY)
            commits.clear()
        for other in others:
            other.join()
        assert commits == [1]
    return {name: entry.rank for name, entry in present(folder).items()}


commit = SqliteDatabase._commit


def test_a_block_that_fails_leaves_nothing_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of one commit know of each other's rounds, but not of what was taken back."""
    assert three_blocks(tmp_path / "data", monkeypatch) == {"first": 1, "third": 2}


def test_control_what_was_taken_back_is_seen_when_it_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: blocks that write into what they know in common are caught."""
    monkeypatch.setattr(
        SqliteSession, "known", property(lambda self: self.before, lambda *_: None), raising=False
    )
    with pytest.raises(AssertionError):
        assert three_blocks(tmp_path / "data", monkeypatch) == {"first": 1, "third": 2}


def hasty(self: SqliteDatabase, batch: object, failure: object = None) -> None:
    """The end of a block that leaves the commit to nobody: for controls."""
    self._owner = 0
    self._pass_on()


def wrong_after_kill(folder: Path, manner: str, acknowledgements: int) -> list[str]:
    """Acknowledged states that a restart does not show, after kill -9 in the middle of a load of 8 threads."""
    server = a_process(f"tinydb://{folder}", 100_000, 10**6, manner)
    go(server)
    assert server.stdout
    told = [server.stdout.readline().split() for _ in range(acknowledgements)]
    server.kill()
    told += answers(server)
    found = {entry.number: entry.state for entry in present(folder).values()}
    return [number for _, number, state in told if found.get(number) != state]


@pytest.mark.parametrize(
    "moments", [(40, 300), pytest.param(range(20, 1300, 37), marks=pytest.mark.long)], ids=str
)
def test_kill_keeps_every_acknowledged_entry(tmp_path: Path, moments: Iterable[int]) -> None:
    """SIGKILL in the middle: whatever a citizen was told is what the next start finds."""
    for acknowledgements in moments:
        assert wrong_after_kill(tmp_path / str(acknowledgements), "careful", acknowledgements) == []


def test_control_a_hasty_store_loses_entries_to_a_kill(tmp_path: Path) -> None:
    """Control: answering before the commit is caught by the same check."""
    assert wrong_after_kill(tmp_path / "data", "hasty", 300)


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    """Another server holds the folder: its number and what to do; commands work beside it; after it ends it is free."""
    code = "import sys, pathlib; from civic.store.folder import serving; hold = serving(pathlib.Path(sys.argv[1])); print('up', flush=True); input()"
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", code, folder], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout and first.stdout.readline() == b"up\n"
        with pytest.raises(InUse, match=rf"프로세스 {first.pid}\).*다른 자료 폴더"):
            serving(folder)
        open_at(folder).close()
        first.kill()
    serving(folder).close()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    """The address points at a file."""
    (tmp_path / "data").touch()
    with pytest.raises(Misuse, match="폴더가 아닙니다"):
        open_at(tmp_path / "data")


@pytest.mark.parametrize(
    "url", ["", "var/data", "tinydb://", "mysql://x", "tinydb:var", "postgresql", "sqlite://"]
)
def test_a_wrong_address_is_named(url: str) -> None:
    """What is accepted stands in the message."""
    with pytest.raises(Misuse, match="tinydb://폴더"):
        open_store(url)


@pytest.mark.parametrize("what", ["header", "cut", "newer", "trial", "foreign"])
def test_a_wrong_file_is_noticed_at_the_start(tmp_path: Path, what: str) -> None:
    """Bytes overwritten, cut off, of a later or earlier release, of something else: a sentence; the file is not touched."""
    path = tmp_path / "data/madang.sqlite3"
    with closing(open_at(path.parent)) as store:
        for i in range(200):
            add(store, an_entry(f"p{i}"))
    content = bytearray(path.read_bytes())
    if what == "header":
        content[:64] = b"x" * 64
    elif what == "cut":
        del content[-4096:]
    elif what == "trial":
        content[60:64] = (4).to_bytes(4)  # user_version
    elif what == "foreign":
        content[68:72] = bytes(4)  # application_id
    else:
        content[60:64] = (99).to_bytes(4)
    path.write_bytes(content)
    said = {"newer": "다른 판", "trial": "시험판.*새 자료 폴더", "foreign": "신청 파일이 아닙니다"}
    with pytest.raises(Misuse, match=said.get(what, "손상되었습니다.*지우지 말고")):
        open_at(tmp_path / "data")
    assert path.read_bytes() == content


def test_a_place_that_is_no_folder_is_told_by_its_error(tmp_path: Path) -> None:
    """Not by its name: below a file called "full" no disk was full."""
    (tmp_path / "full").touch()
    for place in (tmp_path / "full", tmp_path / "full/data"):
        with pytest.raises(Misuse, match=f"{place}.* 폴더가 아닙니다"):
            open_at(place)


def test_a_folder_on_another_machine_is_refused(tmp_path: Path) -> None:
    """Its locks are not ours: the nearest mount counts, and a local one is the control."""
    (tmp_path / "mounts").write_text(
        f"disk / ext4 rw 0 0\nnas:/x {tmp_path}/far nfs4 rw 0 0\nproc /proc proc rw 0 0\n"
    )
    with pytest.raises(Misuse, match=f"{tmp_path}/far/data.*네트워크 드라이브.nfs4.*이 컴퓨터의 디스크"):
        check_place(tmp_path / "far/data", tmp_path / "mounts")
    check_place(tmp_path / "near/data", tmp_path / "mounts")


def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without derived columns nothing can be kept: which version is needed is said, and no file is made."""
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 30, 1))
    with pytest.raises(Misuse, match=r"너무 오래되었습니다. 3\.31 이상"):
        open_at(tmp_path / "data")
    assert not (tmp_path / "data/madang.sqlite3").exists()


def test_dropped_keys_leave_no_bytes_in_the_folder(tmp_path: Path) -> None:
    """The wrapped key is overwritten, not only unlisted."""
    secret = os.urandom(60)
    with closing(open_at(tmp_path)) as store:
        store.keep_key(SUBJECT, secret)
        assert any(secret in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        store.drop_key(SUBJECT, NOON)
        assert store.wrapped_key(SUBJECT) is None
        assert not any(secret in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
