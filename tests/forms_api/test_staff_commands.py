"""What staff do on the command line, beside the running server and without it."""

import csv
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import NOW, a_lecture_file, a_phone, a_round, an_application, write_content
from tests.forms_api.server import Server
from tests.staff import at, call

SUBJECT = "lectures/asks"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of these tests' own, with one lecture that has a line."""
    folder = tmp_path_factory.mktemp("office")
    question = {"name": "why", "label": "=왜 오나요", "required": False, "type": "textarea"}
    lecture = a_lecture_file("에세이", [a_round(places=2, waiting=5)], [question])
    content = write_content(folder / "content", {"asks": lecture})
    (content / "pages").mkdir()
    (content / "pages/about.md").write_text(
        '+++\ntitle = "x"\nsummary = "x"\npublished = 2023-08-07\n+++\nx\n'
    )
    with Server(content, folder / "var/data", rate_limit="off") as server:
        yield server


@pytest.fixture
def folder(office: Server) -> Path:
    """Where the office keeps everything."""
    arguments = list(map(str, office.process.args))  # type: ignore[arg-type]  # it is a list here
    return Path(arguments[arguments.index("--content") + 1]).parent


@pytest.fixture
def citizen(office: Server) -> Iterator[httpx.Client]:
    with office.client() as client:
        yield client


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """python -m forms_api entries … on that folder."""
    return call("entries", *words, *at(folder, NOW))


def table(output: str) -> list[list[str]]:
    assert output.startswith("\ufeff")
    return list(csv.reader(io.StringIO(output.removeprefix("\ufeff"), newline="")))


def test_staff_see_cancel_and_export(office: Server, citizen: httpx.Client, folder: Path) -> None:
    """List, show, export and cancel beside the server: the citizen's page and the line follow at once."""
    phones = [a_phone() for _ in range(3)]
    names, formula = ["=1+A", "@홍길동", "김하나"], '＝HYPERLINK("http://x")\t'
    numbers = [
        citizen.post(
            "/api/forms/lectures/asks",
            json=an_application(name=name, phone=phone, answers={"why": why}),
        ).json()["number"]
        for name, phone, why in zip(names, phones, ("가\n상태\t취소", *[formula] * 2), strict=True)
    ]

    listed = run(folder, "list", SUBJECT)
    lines = listed.stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == numbers
    assert [line.split("\t")[3] for line in lines] == ["확정", "확정", "대기"]
    assert not [each for each in (*names, *phones) if each in listed.stdout]
    assert run(folder, "list").stdout == f"{SUBJECT}\t확정 2\t대기 1\t접수 0\n"

    shown = run(folder, "show", numbers[0].lower()).stdout
    assert "=1+A" in shown and phones[0] in shown and "확정" in shown
    assert "\nwhy\t가\n\t| 상태 취소\n" in shown  # no line of an answer passes for one of the office's

    exported = table(run(folder, "export", SUBJECT, "--reason", "출석부").stdout)
    assert exported[0][-1] == "'=왜 오나요"
    assert [row[5] for row in exported[1:]] == ["'=1+A", "'@홍길동", "김하나"]
    assert [row[6] for row in exported[1:]] == phones
    assert {row[10] for row in exported[2:]} == {'\'＝HYPERLINK("http://x")'}
    out = folder / "out.csv"
    out.touch(0o644)
    assert run(folder, "export", SUBJECT, "--reason", "출석부", "--out", str(out)).returncode == 0
    assert out.stat().st_mode & 0o777 == 0o600

    cancelled = run(folder, "cancel", numbers[0])
    assert cancelled.returncode == 0, cancelled.stderr
    look = citizen.post("/api/entries/lookup", json={"number": numbers[2], "phone_last4": phones[2][-4:]})
    assert look.json()["state"] == "confirmed"
    again = run(folder, "cancel", numbers[0])
    assert (again.returncode, again.stderr) == (1, "이미 취소한 신청입니다.\n")


def test_staff_enter_who_has_no_mobile(office: Server, folder: Path) -> None:
    """A landline takes a place by the same rules, marked with clerk and channel; a citizen cannot use one (the control)."""
    words = ("entries", "add", "lectures/asks", "r1", "--channel", "방문", *at(folder, NOW))
    typed = "김할머니\n062-960-1234\n\n글을 배우려고\ny\n"
    done = call(*words, typed=typed)
    number, state, *_ = done.stdout.split()
    assert done.returncode == 0 and state in ("확정", "대기"), done.stderr
    shown = run(folder, "show", number).stdout
    assert "062-960-1234" in shown and "entered-by-staff: 방문\tstaff:" in shown and "글을 배우려고" in shown
    again = call(*words, typed=typed)
    assert (again.returncode, "이미 신청" in again.stderr or "같은 사람" in again.stderr) == (1, True)
    wrong = call(*words, typed="김할머니\n02\n\n\nn\n")
    assert wrong.returncode == 1 and "phone: " in wrong.stderr and "consent: " in wrong.stderr
    with office.client() as client:
        typed_by_citizen = an_application(phone="062-960-1234")
        assert client.post("/api/forms/lectures/asks", json=typed_by_citizen).status_code == 422


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "ZZZZ-ZZZZ"], 1, "그런 접수번호가 없습니다."),
        (["list", "lectures/none"], 1, "lectures/none: 그런 신청서가 없습니다. 예: lectures/essay"),
        (["list", "--state", "here"], 2, "--state: 'received', 'confirmed',"),
        (["list", "pages/about"], 1, "pages/about: 그런 신청서가 없습니다. 예: lectures/essay"),
        (["list", SUBJECT, "--round", "r9"], 1, "r9: 그런 회차가 없습니다. 있는 회차: r1"),
        (["export", SUBJECT, "--reason", "x", "--round", "r9"], 1, "r9: 그런 회차가 없습니다. 있는 회차: r1"),
        (["export", SUBJECT, "--reason", "x", "--out", "/nowhere/out.csv"], 1, "/nowhere/out.csv: 없습니다"),
        (["export", SUBJECT, "--reason", "x", "--out", "/dev/null"], 1, "/dev/null: 이미 있습니다"),
        (["export", SUBJECT, "--reason", "x", "--out", "a.XLSX"], 2, "a.XLSX: CSV만 쓸 수 있습니다"),
        (["export", SUBJECT], 2, "--reason"),
    ],
)
def test_wrong_calls(office: Server, folder: Path, arguments: list[str], code: int, said: str) -> None:
    """A sentence and the exit code, never a traceback."""
    answer = run(folder, *arguments)
    assert answer.returncode == code
    assert said in answer.stderr and "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nothing", "모르는 명령입니다 (found nothing)"),
        ("serve --prt 3", "모르는 옵션입니다 (found --prt). 혹시 --port?"),
        ("serve --port", "--port: 값을 하나 적으세요"),
        ("serve --port x", "--port: 수여야 합니다 (found x)"),
        ("serve --port 99999", "--port: 범위는 0<=x<=65535입니다 (found 99999)"),
        ("entries show", "NUMBER: 빠졌습니다"),
        ("entries show A B", "더 적은 값이 있습니다 (found B)"),
        ("entries list --state here", "'absent' 가운데 하나여야 합니다 (found here)"),
        ("votes rehearse budget-2024 --content /nowhere", "--content: 없습니다 (found /nowhere)"),
        ("votes open /nowhere/a.json", "없습니다 (found /nowhere/a.json)"),
    ],
)
def test_a_wrong_call_is_named_in_korean(words: str, said: str) -> None:
    """With where to look further, and exit code 2."""
    answer = call(*words.split())
    lines = answer.stderr.splitlines()
    assert answer.returncode == 2
    assert said in lines[0] and lines[1].endswith("--help로 봅니다.")


def test_staff_can_look_when_no_server_runs(tmp_path: Path) -> None:
    """The same commands open the folder themselves."""
    content = write_content(tmp_path / "content", {"asks": a_lecture_file("에세이")})
    server = Server(content, tmp_path / "var/data").ready()
    with server.client() as client:
        number = client.post("/api/forms/lectures/asks", json=an_application()).json()["number"]
    assert server.stop() == 0
    assert number in run(tmp_path, "list", SUBJECT).stdout
