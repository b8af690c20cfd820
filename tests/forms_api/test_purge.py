"""Answers end by themselves while a server runs, and by `purge` beside it; the clock moves between servers."""

import base64
import json
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from civic.store import open_store
from tests.builders import NOW, a_lecture_file, write_content
from tests.forms_api.server import Server, look, sign_up
from tests.patience import eventually
from tests.staff import at, call
from tests.store.conftest import raw_files

SUBJECT = "lectures/essay"
# Closed on 1 September, kept for 30 days.
BEFORE, OVER = "2023-09-30T23:00:00+09:00", "2023-10-01T00:00:01+09:00"


def purge(folder: Path, *words: str, now: str = OVER) -> subprocess.CompletedProcess[str]:
    """python -m forms_api purge … on that folder."""
    return call("purge", *words, *at(folder, now))


def served(folder: Path, now: str = NOW) -> Server:
    return Server(folder / "content", folder / "var/data", now=now, rate_limit="off").ready()


@pytest.fixture(scope="module")
def signed_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder in which somebody signed up at NOW: (it, receipt number, last four digits)."""
    folder = tmp_path_factory.mktemp("signed-up")
    write_content(folder / "content", {"essay": a_lecture_file("에세이")})
    with served(folder) as server, server.client() as client:
        entry, last4 = sign_up(client, "essay")
    return folder, entry["number"], last4


@pytest.fixture
def number(signed_up: tuple[Path, str, str], tmp_path: Path) -> str:
    """Of that entry, in a copy of that folder."""
    shutil.copytree(signed_up[0], tmp_path, dirs_exist_ok=True)
    return signed_up[1]


def shown(folder: Path, number: str) -> str:
    return call("entries", "show", number, *at(folder, OVER)).stdout


def test_a_server_erases_what_is_over(number: str, signed_up: tuple[Path, str, str], tmp_path: Path) -> None:
    """Nobody calls anything: a day before it is there, a second after it is in no file; the citizen still finds the entry."""
    assert served(tmp_path, BEFORE).stop() == 0
    assert "홍길동" in shown(tmp_path, number)
    url = f"tinydb://{tmp_path}/var/data"
    with closing(open_store(url)) as store:
        kept = store.find(number)
    assert kept
    answers = base64.b64encode(kept.sealed)
    assert answers in raw_files(url)
    with served(tmp_path, OVER) as server, server.client() as client:
        server.says('"answers-erased"')
        told = [json.loads(line) for line in server.lines if '"answers-erased"' in line]
        assert [line["subject"] for line in told] == [SUBJECT]
        eventually(lambda: answers not in raw_files(url))
        assert "홍길동" not in shown(tmp_path, number)
        assert look(client, ({"number": number}, signed_up[2]))["state"] == "confirmed"


def test_purge_lists_then_erases(number: str, tmp_path: Path) -> None:
    """Beside a running server: a dry run shows and changes nothing, the real one says what went, again finds nothing."""
    with served(tmp_path, BEFORE):
        kept = purge(tmp_path, "--dry-run", now=BEFORE)
        assert (kept.returncode, kept.stdout) == (0, f"{SUBJECT}\t2023-10-01 00:00\t보관 중\n")
        assert purge(tmp_path, now=BEFORE).stdout == ""
        assert purge(tmp_path, "--dry-run").stdout == f"{SUBJECT}\t2023-10-01 00:00\t지울 것\n"
        assert "홍길동" in shown(tmp_path, number)
        gone = purge(tmp_path)
        assert (gone.returncode, gone.stdout) == (0, f"{SUBJECT}\t2023-10-01 00:00\t1건의 답을 지웠습니다.\n")
        assert "예전 백업" in gone.stderr
        again = purge(tmp_path)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "지울 것이 없습니다.\n")
        assert "홍길동" not in shown(tmp_path, number) and number in shown(tmp_path, number)


def test_a_page_that_was_deleted_is_purged_too(number: str, tmp_path: Path) -> None:
    """Its date stands in the store since the first sign-up."""
    (tmp_path / f"content/{SUBJECT}.md").unlink()
    assert purge(tmp_path, now=BEFORE).stdout == ""
    assert "1건의 답을 지웠습니다." in purge(tmp_path).stdout
    assert "홍길동" not in shown(tmp_path, number)


def test_one_subject_can_be_erased_early(number: str, tmp_path: Path) -> None:
    """When an event is called off, or the page and the note are both missing."""
    assert "1건의 답을 지웠습니다." in purge(tmp_path, SUBJECT, "--early", now=BEFORE).stdout
    assert "홍길동" not in shown(tmp_path, number)


def test_one_person_can_be_erased(number: str, tmp_path: Path) -> None:
    """By the person's wish, once: shown as erased with the reason, and the answers of nobody else."""
    words = ("entries", "erase", number, "--reason", "본인 요청", *at(tmp_path, BEFORE))
    done = call(*words)
    assert done.returncode == 0 and "자리는 그대로입니다" in done.stderr
    assert "홍길동" not in shown(tmp_path, number) and "answers-erased: 본인 요청" in shown(tmp_path, number)
    again = call(*words)
    assert again.returncode == 1 and "이미 지운" in again.stderr


def test_wrong_calls_change_nothing(number: str, tmp_path: Path) -> None:
    """Everything at once and early, a subject that nobody signed up for."""
    for arguments, code, said in (
        (["--early"], 2, "--early는 글 하나를 적을 때만 씁니다."),
        (["lectures/none"], 1, "lectures/none: 신청이 없는 글입니다."),
    ):
        answer = purge(tmp_path, *arguments)
        assert (answer.returncode, answer.stdout) == (code, "")
        assert said in answer.stderr and "Traceback" not in answer.stderr
    assert "홍길동" in shown(tmp_path, number)
