"""Who among staff did what: noted by every command, chained, and read month by month."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from civic.store import open_store
from civic.store.chain import STAFF
from civic.store.key_file import load_or_create
from civic.store.store import Store
from forms_api.commands import madang, server_data
from forms_api.commands.log import act_of
from tests.builders import NOW, a_lecture_file, write_content
from tests.forms_api.server import Server, sign_up
from tests.staff import at, call
from tests.store.conftest import BACK_ENDS, NOON

SUBJECT = "lectures/asks"
# Show and change nothing of anybody.
UNNOTED = {"serve", "settings", "migrate", "log verify", "log month", "content-check", "new"}
MORE = {"entries decide": ["--confirm"], "ledger work": ["--absent"], "doctor": ["--save"]}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a drawn lecture whose hours are counted, and the number of its one sign-up; no server runs."""
    folder = tmp_path_factory.mktemp("office")
    lecture = a_lecture_file("추첨", selection="draw", ledger="hours", ledger_max=10)
    server = Server(write_content(folder / "content", {"asks": lecture}), folder / "var/data")
    with server, server.client() as client:
        number = sign_up(client, "asks")[0]["number"]
    return folder, number


def noted(folder: Path) -> list[dict[str, Any]]:
    with closing(open_store(f"tinydb://{folder}")) as store:
        return [act_of(line) for line in store.acts_of_staff()[0]]


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


@pytest.mark.parametrize("path", [path for path, _ in leaves(madang) if path not in UNNOTED])
def test_every_command_is_noted(
    office: tuple[Path, str], tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever touches entries, draws, votes or keys leaves a line, also where it then refuses; a new command too."""
    folder, number = office
    (tmp_path / "file.json").write_text("{}")
    data = folder / "var/data" if path != "restore" else tmp_path / "again"
    known = {"number": number, "subject": SUBJECT, "round_id": "r1", "slug": "budget", "reason": "점검"}
    known |= {"target": tmp_path / "copy", "source": folder / "var/data", "folder": tmp_path / "out"}
    known |= {"holders": "감사관", "digest": "a" * 64}
    if path == "move":
        known |= {"source": f"tinydb://{folder}/var/data", "target": "postgresql://nobody@127.0.0.1:1/none"}
    if path == "restore":
        monkeypatch.setenv("MADANG_KEYS", str(folder / "var/keys"))
    words: list[object] = [*path.split(), *MORE.get(path, ())]
    command = dict(leaves(madang))[path]
    for given in command.params:
        kind = given.type.func if isinstance(given.type, click.types.FuncParamType) else given.type
        value = known.get(given.name or "", tmp_path / "file.json" if isinstance(kind, click.Path) else 1)
        value = kind.choices[0] if isinstance(kind, click.Choice) else value
        if isinstance(given, click.Argument):
            words.append(value)
        elif given.required:
            words += [given.opts[0], value]
    words += [tmp_path / "saved"] if path == "doctor" else []
    options = {option for given in command.params for option in given.opts}
    where = {"--content": folder / "content", "--data": f"tinydb://{data}", "--now": NOW}
    words += [word for option, value in where.items() if option in options for word in (option, value)]
    monkeypatch.setenv("MADANG_DATA", f"tinydb://{data}")
    before = len(noted(data)) if data.exists() else -1
    answer = call(*words)
    after = noted(data)
    assert len(after) > max(before, 0), answer.stderr
    assert after[-1]["act"] == path, answer.stderr


def test_the_line_names_the_account(
    office: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The kernel's login uid, or sudo's where a process above runs as it; what only the environment says is a claim."""
    folder, number = office
    kernel = tmp_path / "loginuid"
    kernel.write_text(str(server_data.UNSET))
    me = server_data._name(os.getuid())
    monkeypatch.setattr(server_data, "LOGIN_UID", kernel)
    monkeypatch.setenv("LOGNAME", "감사관")
    monkeypatch.setenv("SUDO_UID", "4294")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 5000 192.0.2.1 22")
    call("entries", "show", number, *at(folder, NOW))
    line = noted(folder / "var/data")[-1]
    assert (line["who"], line["numbers"], line["subject"]) == (me, [number], SUBJECT)
    assert line["claimed"]["LOGNAME"] == "감사관" and line["claimed"]["SSH_CONNECTION"].startswith(
        "192.0.2.7"
    )
    monkeypatch.setattr(server_data, "_accounts_above", lambda: {4294})
    assert server_data.who() == "staff:4294"
    kernel.write_text("0")
    assert server_data.account() == server_data._name(0)

    refused = call("entries", "export", SUBJECT, "--reason", "김철수 010-2004-1234", *at(folder, NOW))
    assert refused.returncode == 1 and "전화번호가 들어 있어" in refused.stderr and refused.stdout == ""
    assert call("entries", "export", SUBJECT, "--reason", "출석부", *at(folder, NOW)).returncode == 0
    told = call("log", "month", "2023-08", "--data", f"tinydb://{folder}/var/data").stdout
    assert "entries export\t2번\t신청 2건" in told and "\t출석부" in told and "LOGNAME=감사관" in told
    assert "홍길동" not in told


def test_nothing_is_shown_without_a_line(office: tuple[Path, str]) -> None:
    """Where the line cannot be kept, staff see nothing; afterwards they do. No server runs."""
    folder, number = office
    with closing(sqlite3.connect(folder / "var/data/madang.sqlite3")) as file:
        file.execute("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'full'); END")
        refused = call("entries", "show", number, *at(folder, NOW))
        assert (refused.returncode, refused.stdout) == (2, "") and "열람 기록" in refused.stderr
        file.execute("DROP TRIGGER full")
    assert number in call("entries", "show", number, *at(folder, NOW)).stdout


EDITS = {
    "SELECT 1": "",
    "UPDATE journal SET cause = replace(cause, 'lapse', 'purge') WHERE line = 3": "3번째 줄이 적은 뒤에 바뀌",
    "UPDATE journal SET who = 'staff:lee' WHERE line = 2": "2번째 줄이 적은 뒤에 바뀌",
    "DELETE FROM journal WHERE number = 'staff' AND line = 8": "8번째 줄이 없",
    "INSERT INTO journal SELECT 99, subject, number, before, after, cause, who, at, round, 9, mac, checksum "
    "FROM journal WHERE number = 'staff' AND line = 8": "9번째 줄이 적은 뒤에 바뀌",
    "UPDATE rounds SET head = '' WHERE subject = 'staff'": "기록의 끝(8번째 줄)",
}


def test_every_edit_of_the_record_is_named(tmp_path: Path) -> None:
    """A line changed, cut off or added, and the end: the first is named, to who checks the log and by `doctor`."""
    folder = tmp_path / "var/data"
    load_or_create(tmp_path / "var/keys/keys.json")
    open_store(f"tinydb://{folder}").close()
    for _ in range(8):
        assert call("lapse", *at(write_content(tmp_path / "content", {}).parent)).returncode == 0
    whole = (folder / "madang.sqlite3").read_bytes()
    for edit, said in EDITS.items():
        (folder / "madang.sqlite3").write_bytes(whole)
        with closing(sqlite3.connect(folder / "madang.sqlite3", isolation_level=None)) as file:
            file.execute(edit)
        answer = call("log", "verify", "--data", f"tinydb://{folder}")
        assert (answer.returncode, said in answer.stderr) == (1 if said else 0, True), (edit, answer.stderr)
        told = call("doctor", "--data", f"tinydb://{folder}").stdout
        assert ("문제: " in told) == bool(said), (edit, told)


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_many_write_one_chain(tmp_path: Path, back_end: str) -> None:
    """Two stores on one address (two hosts, two processes), four threads each: no line is lost, none stands twice."""
    with BACK_ENDS[back_end](tmp_path) as url:
        stores = [open_store(url) for _ in range(2)]

        def write(store: Store, name: str) -> None:
            for count in range(5):
                with store.open(STAFF, "staff:kim") as book:
                    book.note(f"{name} {count}", NOON)

        with ThreadPoolExecutor(8) as threads:
            names = [f"{number}" for number in range(8)]
            assert list(threads.map(write, stores * 4, names)) == [None] * 8
        lines, faults = stores[1].acts_of_staff()
        assert [line.line for line in lines] == list(range(1, 41)) and not faults
        assert len({line.cause for line in lines}) == 40
        stores[1].trust(bytes(31) + b"1")
        assert stores[1].acts_of_staff()[1][0].line == 1  # control: with another key none is right
        for store in stores:
            store.close()
