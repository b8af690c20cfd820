"""A store file that is gone or empty is noticed before anything is begun anew; what is left of the folder stays as it is."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from civic.errors import Misuse, Unavailable
from civic.store import open_beside, open_box, open_store
from civic.store.box import Sealed
from civic.store.copies import read_folder
from civic.store.doctor import examine
from civic.store.folder import BOX_FILE, ENTRIES, KEYS
from civic.store.seal import Erased, Keys
from tests.postgres import ask
from tests.staff import call
from tests.store.conftest import NOON, SUBJECT, a_box, add, an_entry, move
from tests.store.test_doctor import ROOT, fingerprint, rewrite

TOUR = "programs/tour"


def fill(url: str, keys: Keys) -> None:
    """Sealed entries of two subjects; the key of one was destroyed when its time had come."""
    with closing(open_store(url)) as store:
        for subject in (SUBJECT, TOUR):
            for person in "abc":
                plain = an_entry(person, subject=subject)
                sealed = keys.seal(store, subject, plain.number, b"answers")
                add(store, an_entry(**vars(plain) | {"sealed": sealed}))
        store.drop_key(TOUR, NOON)


@pytest.fixture
def folder(tmp_path: Path, keys: Keys) -> Path:
    """A closed data folder."""
    fill(f"tinydb://{tmp_path}/data", keys)
    return tmp_path / "data"


def lose(path: Path, how: str) -> None:
    """The file is gone, has no byte left, or was made anew by something else."""
    path.unlink()
    if how == "empty":
        path.touch()
    elif how == "new":
        rewrite(path.parent, "VACUUM")


def refused(folder: Path) -> set[str]:
    """What opening says, in every way in which the files are opened; proves that nothing was touched by it."""
    before = fingerprint(folder)
    said = set()
    for opened in (open_store, open_beside, lambda url: read_folder(Path(url.removeprefix("tinydb://")))):
        with pytest.raises(Misuse) as err:
            opened(f"tinydb://{folder}")
        said.add(str(err.value))
    after = fingerprint(folder)
    locks = {name for name in after if name.endswith("lock")}
    assert {name: sum for name, sum in after.items() if name not in locks} == {
        name: sum for name, sum in before.items() if name not in locks
    }
    return said


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_lost_keys_are_noticed(folder: Path, how: str) -> None:
    """No new data key beside entries that it could not open; nobody starts, nothing is moved, the doctor says which file."""
    lose(folder / KEYS, how)
    (said,) = refused(folder)
    assert str(folder / KEYS) in said and SUBJECT in said and "백업에서 keys.sqlite3" in said
    wrong = examine(f"tinydb://{folder}", folder.parent / "keys/keys.json").wrong
    assert any(str(folder / KEYS) in line and "백업에서 이 파일을" in line for line in wrong)


@pytest.mark.parametrize("how", ["gone", "empty", "new"])
def test_lost_entries_are_noticed(folder: Path, how: str) -> None:
    """Keys without the file of entries: nobody starts on nothing, and the doctor does not speak of another release."""
    lose(folder / ENTRIES, how)
    if how == "new":
        with pytest.raises(Misuse, match="손상되었습니다"):
            open_store(f"tinydb://{folder}")
    else:
        (said,) = refused(folder)
        assert (
            str(folder / ENTRIES) in said and "백업에서 madang.sqlite3" in said and "다른 자료 폴더" in said
        )
    wrong = examine(f"tinydb://{folder}", folder.parent / "keys/keys.json").wrong
    assert wrong and not any("다른 판" in line for line in wrong)
    listed = call("entries", "list", "--data", f"tinydb://{folder}")
    assert (listed.returncode, listed.stdout) == (2, "") and "백업에서" in listed.stderr + wrong[0]


def test_a_log_without_its_file_is_not_thrown_away(tmp_path: Path) -> None:
    """Killed, and then the file of entries is lost: the newest entries are in the log, which SQLite would remove."""
    with closing(open_store(f"tinydb://{tmp_path}/live")) as store:
        add(store, an_entry())
        shutil.copytree(tmp_path / "live", tmp_path / "data", ignore=lambda *_: [KEYS, f"{ENTRIES}-shm"])
    for how in ("empty", "gone"):
        lose(tmp_path / "data" / ENTRIES, how)
        (said,) = refused(tmp_path / "data")
        assert f"{ENTRIES}-wal" in said


def test_one_lost_key_is_noticed(folder: Path) -> None:
    """A file of keys from before the subject's first entry: its entries would get a second key."""
    shutil.copy(folder / KEYS, folder.parent / "backup")
    with closing(open_store(f"tinydb://{folder}")) as store:
        add(store, an_entry(subject="events/fair"))
    shutil.copy(folder.parent / "backup", folder / KEYS)
    (said,) = refused(folder)
    assert "가 없습니다: events/fair." in said


def test_a_first_start_that_broke_off_is_begun_again(tmp_path: Path) -> None:
    """Nothing was ever kept: whatever of the two files is there, empty or not, the next start goes on."""
    open_store(f"tinydb://{tmp_path}/whole").close()
    for name, content in (
        (ENTRIES, b""),
        (ENTRIES, (tmp_path / "whole" / ENTRIES).read_bytes()),
        (KEYS, b""),
    ):
        folder = tmp_path / f"{name}{len(content)}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        open_store(f"tinydb://{folder}").close()


def test_destroyed_keys_are_no_damage(folder: Path, keys: Keys) -> None:
    """After retention every key is destroyed on purpose: the folder opens, is moved, and its answers read as erased."""
    with closing(open_store(f"tinydb://{folder}")) as store:
        store.drop_key(SUBJECT, NOON)
    with closing(open_store(f"tinydb://{folder}")) as store:
        with store.open(SUBJECT) as book:
            entry = book.entries()[0]
        with pytest.raises(Erased):
            keys.unseal(store, SUBJECT, entry.number, entry.sealed)
    assert read_folder(folder).digests()["신청"][0] == 6
    assert examine(f"tinydb://{folder}", folder.parent / "keys/keys.json").wrong == []


def test_without_a_backup_the_rest_can_be_saved(folder: Path, tmp_path: Path) -> None:
    """Keys lost for good: the doctor saves all but the answers, as if they had been erased, and that folder starts."""
    (folder / KEYS).unlink()
    done = call("doctor", "--data", f"tinydb://{folder}", "--save", str(tmp_path / "new"))
    assert done.returncode == 1 and "열람 기록에 남기지 못했습니다" in done.stderr
    assert f"알림: {SUBJECT}의 열쇠가 없어" in done.stdout
    with closing(open_store(f"tinydb://{tmp_path}/new")) as store:
        with store.open(SUBJECT) as book:
            assert len(book.entries()) == 3
        assert store.wrapped_key(SUBJECT) is None


def test_a_server_does_not_start_on_a_lost_file(folder: Path, tmp_path: Path) -> None:
    """Exit code 2 and the sentence; no key file is made beside entries that have one somewhere."""
    words = ("serve", "--port", "0", "--data", f"tinydb://{folder}", "--now", "2023-08-16T09:00:00+09:00")
    (folder / KEYS).unlink()
    program = [sys.executable, "-m", "forms_api", *words]
    started = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert started.returncode == 2 and "ready" not in started.stdout and KEYS in started.stderr
    assert not (folder / KEYS).exists()


def test_what_does_not_fit_together_is_not_moved(folder: Path, url: str) -> None:
    """Keys lost: nothing is moved. An entry lost: named, moved only when staff say so."""
    words = ("move", "--from", f"tinydb://{folder}", "--to", url)
    shutil.copytree(folder, folder.parent / "broken")
    (folder / KEYS).unlink()
    done = call(*words)
    assert (done.returncode, done.stdout) == (2, "") and KEYS in done.stderr
    broken = folder.parent / "broken"
    rewrite(broken, "DELETE FROM entries WHERE id = 2")
    words = ("move", "--from", f"tinydb://{broken}", "--to", url)
    done = call(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "기록에는 있는데 신청이 없습니다" in done.stderr and "아무것도 옮기지 않았습니다" in done.stderr
    assert ask(url, "SELECT count(*) FROM entries") == [(0,)]
    done = call(*words, "--as-is")
    assert done.returncode == 0 and "신청: 원본 5 " in done.stdout


def test_lost_keys_of_a_database_are_noticed(url: str, keys: Keys) -> None:
    """A destroyed key is no damage, a lost row is: no process starts until it is back."""
    fill(url, keys)
    with closing(open_store(url)) as store:
        with store.open(SUBJECT) as book:
            entry = book.entries()[0]
        move(store, entry, "cancelled")
    ask(url, "DELETE FROM keys WHERE wrapped IS NOT NULL")
    with pytest.raises(Misuse, match=rf"keys 표\)가 없습니다: {SUBJECT}\."):
        open_store(url)


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_lost_ballot_box_is_not_begun_anew(folder: Path, how: str) -> None:
    """Server, `move` and `doctor` name the file and leave all as it is; a first start that was cut off goes on."""
    url, path = f"tinydb://{folder}", folder / BOX_FILE
    open_box(url).close()
    with a_box(url) as boxes, boxes.open("budget-2024") as box:  # the control: nothing is lost yet
        box.put(Sealed("voter-hash", b"envelope", "receipt", "once"))
    kept = path.read_bytes()
    lose(path, how)
    left = fingerprint(folder)
    for attempt in (lambda: open_box(url), lambda: read_folder(folder)):
        with pytest.raises(Misuse, match=f"{path}.*남아 있습니다.*백업"):
            attempt()
    assert any(str(path) in line for line in examine(url, folder.parent / "keys/keys.json").wrong)
    assert fingerprint(folder) == left
    path.write_bytes(kept)
    with a_box(url) as boxes, boxes.open("budget-2024") as box:
        assert box.receipts() == ["receipt"]
    # As a kill leaves it while the tables are made: a journal that is written, and no table yet.
    path.write_bytes(b"")
    path.with_name(f"{BOX_FILE}-journal").write_bytes(b"\0" * 512)
    with a_box(url) as boxes:
        assert boxes.polls() == []


@pytest.mark.parametrize("how", ["moved", "removed", "exchanged"])
def test_what_goes_away_beneath_an_open_store_takes_nothing_more(folder: Path, how: str) -> None:
    """SQLite would go on writing into a file that no name leads to: refused with the reason, and nothing is begun anew."""
    with closing(open_store(f"tinydb://{folder}")) as store:
        if how == "moved":
            folder.rename(folder.with_name("elsewhere"))
        elif how == "removed":
            (folder / ENTRIES).unlink()
        else:
            shutil.copy(folder / ENTRIES, folder / "copy")
            (folder / "copy").replace(folder / ENTRIES)
        with pytest.raises(Unavailable):
            add(store, an_entry())
        assert "옮겨졌거나" in store.trouble
        assert (folder / ENTRIES).exists() == (how == "exchanged")


def test_a_closed_store_writes_nowhere(folder: Path) -> None:
    """The numbers of its closed files belong to others by then: a late write would hit the head of a log that is in use."""
    store, late = open_store(f"tinydb://{folder}"), open_store(f"tinydb://{folder}")
    add(store, an_entry())
    for _ in "ab":
        late.close()
    others = [(folder / f"{ENTRIES}-wal").open("r+b") for _ in range(9)]  # as they are opened next
    log = others[0].read()
    for act in (lambda: add(late, an_entry()), lambda: late.find("X")):
        with pytest.raises(Unavailable):
            act()
    others[0].seek(0)
    assert log and others[0].read() == log
    for file in others:
        file.close()
    store.close()


@pytest.mark.parametrize("how", ["exchanged", "cut"])
@pytest.mark.parametrize("name", [KEYS, BOX_FILE])
def test_a_file_of_something_else_is_not_made_ours(folder: Path, name: str, how: str) -> None:
    """The keys' file in the boxes' place, or one byte of it: nothing is begun in there, as if nobody had voted."""
    url = f"tinydb://{folder}"
    open_box(url).close()
    other = folder / (KEYS if name == BOX_FILE else BOX_FILE)
    (folder / name).write_bytes(other.read_bytes() if how == "exchanged" else b"S")
    before = fingerprint(folder)
    with pytest.raises(Misuse, match=f"손상.*{name}"):
        (open_box if name == BOX_FILE else open_store)(url)
    after = fingerprint(folder)
    assert after[name] == before[name] and after[other.name] == before[other.name]
