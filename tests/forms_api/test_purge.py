"""Answers end by themselves while a server runs, and by `purge` beside it; the clock moves between servers."""

import base64
import json
import subprocess
from contextlib import closing
from pathlib import Path

from civic.store import open_store
from tests.builders import NOW, a_lecture_file, write_content
from tests.forms_api.server import Server, look, sign_up
from tests.patience import eventually
from tests.staff import at, call
from tests.store.conftest import raw_files

SUBJECT = "lectures/essay"
# Closed on 1 September, kept for 30 days.
BEFORE, OVER = "2023-09-30T23:00:00+09:00", "2023-10-01T00:00:01+09:00"


def purge(
    folder: Path, *words: str, now: str = OVER, command: str = "purge"
) -> subprocess.CompletedProcess[str]:
    """python -m forms_api purge … on that folder."""
    return call(command, *words, *at(folder, now))


def served(folder: Path, now: str = NOW) -> Server:
    return Server(folder / "content", folder / "var/data", now=now, rate_limit="off").ready()


def applied(folder: Path, name: str = "홍길동") -> tuple[str, str]:
    """(receipt number, last four digits) of somebody who signed up at NOW."""
    write_content(folder / "content", {"essay": a_lecture_file("에세이")})
    server = served(folder)
    with server.client() as client:
        entry, last4 = sign_up(client, "essay", name=name)
    assert server.stop() == 0
    return entry["number"], last4


def shown(folder: Path, number: str) -> str:
    return purge(folder, "show", number, command="entries").stdout


def test_a_server_erases_what_is_over(tmp_path: Path) -> None:
    """Nobody calls anything: a day before it is there, a second after it is in no file; the citizen still finds the entry."""
    number, last4 = applied(tmp_path)
    assert served(tmp_path, BEFORE).stop() == 0
    assert "홍길동" in shown(tmp_path, number)
    url = f"tinydb://{tmp_path}/var/data"
    with closing(open_store(url)) as store:
        kept = store.find(number)
    assert kept
    answers = base64.b64encode(kept.sealed)
    assert answers in raw_files(url)
    server = served(tmp_path, OVER)
    eventually(lambda: any('"answers-erased"' in line for line in server.lines))
    told = [json.loads(line) for line in server.lines if '"answers-erased"' in line]
    assert [line["subject"] for line in told] == [SUBJECT]
    eventually(lambda: answers not in raw_files(url))
    assert "홍길동" not in shown(tmp_path, number)
    with server.client() as client:
        assert look(client, ({"number": number}, last4))["state"] == "confirmed"
    assert server.stop() == 0


def test_purge_lists_then_erases(tmp_path: Path) -> None:
    """Beside a running server: a dry run shows and changes nothing, the real one says what went, again finds nothing."""
    number, _ = applied(tmp_path)
    server = served(tmp_path, BEFORE)
    try:
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
    finally:
        assert server.stop() == 0


def test_a_page_that_was_deleted_is_purged_too(tmp_path: Path) -> None:
    """Its date stands in the store since the first sign-up."""
    number, _ = applied(tmp_path)
    (tmp_path / f"content/{SUBJECT}.md").unlink()
    assert purge(tmp_path, now=BEFORE).stdout == ""
    assert "1건의 답을 지웠습니다." in purge(tmp_path).stdout
    assert "홍길동" not in shown(tmp_path, number)


def test_one_subject_can_be_erased_early(tmp_path: Path) -> None:
    """When an event is called off, or the page and the note are both missing."""
    number, _ = applied(tmp_path)
    assert "1건의 답을 지웠습니다." in purge(tmp_path, SUBJECT, "--early", now=BEFORE).stdout
    assert "홍길동" not in shown(tmp_path, number)


def test_one_person_can_be_erased(tmp_path: Path) -> None:
    """By the person's wish, once: shown as erased with the reason, and the answers of nobody else."""
    number, _ = applied(tmp_path)
    done = purge(tmp_path, "erase", number, "--reason", "본인 요청", now=BEFORE, command="entries")
    assert done.returncode == 0 and "자리는 그대로입니다" in done.stderr
    assert "홍길동" not in shown(tmp_path, number) and "answers-erased: 본인 요청" in shown(tmp_path, number)
    again = purge(tmp_path, "erase", number, "--reason", "본인 요청", now=BEFORE, command="entries")
    assert again.returncode == 1 and "이미 지운" in again.stderr


def test_wrong_calls_change_nothing(tmp_path: Path) -> None:
    """Everything at once and early, a subject that nobody signed up for."""
    number, _ = applied(tmp_path)
    for arguments, code, said in (
        (["--early"], 2, "--early는 글 하나를 적을 때만 씁니다."),
        (["lectures/none"], 1, "lectures/none: 신청이 없는 글입니다."),
    ):
        answer = purge(tmp_path, *arguments)
        assert (answer.returncode, answer.stdout) == (code, "")
        assert said in answer.stderr and "Traceback" not in answer.stderr
    assert "홍길동" in shown(tmp_path, number)
