"""The waiting line over HTTP: offers, answers, lapses, groups, early close, calling off; the clock moves between servers."""

import re
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import NOW, a_lecture_file, a_phone, a_round, an_application, as_form
from tests.forms_api.server import Server, act, look, sign_up
from tests.patience import eventually
from tests.staff import at, call

LECTURES = {
    "offer": a_lecture_file("제안 강좌", [a_round(places=1, waiting=5)], promotion="offer", offer_hours=24),
    "group": a_lecture_file("가족 강좌", [a_round(places=4, waiting=9)], party=4),
    "early": a_lecture_file("조기 마감", [a_round(places=2, waiting=5)], close_at=1.5),
    "small": a_lecture_file("최소 인원", [a_round(places=5, minimum=3)], closes="2023-08-18T00:00:00"),
    "review": a_lecture_file("심사", [a_round(places=1)], selection="review"),
    "hours": a_lecture_file(
        "활동", [a_round("a", hours=60, places=9), a_round("b", hours=50, places=9)], ledger="allowance"
    ),
    "window": a_lecture_file("동시 접수", [a_round(places=2, waiting=3)], selection="window-draw", window=30),
}
WINDOW_OVER = "2023-08-16T09:30:00+09:00"
NEXT_DAY = "2023-08-17T09:00:01+09:00"
LATER = "2023-08-18T10:00:00+09:00"

Start = Callable[..., Server]
Staff = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def staff(tmp_path: Path) -> Staff:
    """python -m forms_api … beside that server."""
    return lambda *words, now: call(*words, *at(tmp_path, now))


def test_an_offer_is_accepted_once(start: Start) -> None:
    """The freed place is held until the next morning; accepting twice is one acceptance; nobody else gets it."""
    server = start()
    with server.client() as client:
        holder, first, second = [sign_up(client, "offer") for _ in range(3)]
        assert act(client, holder, "cancel").json()["state"] == "cancelled"
        found = look(client, first)
        assert (found["state"], found["position"]) == ("offered", None)
        assert found["deadline"].startswith("2023-08-17T09:00:")
        assert look(client, second)["position"] == 1
        eventually(lambda: any("자리가 났습니다" in line for line in server.lines))  # later it were not true
        assert sign_up(client, "offer")[0]["state"] == "waiting"

        wrong = client.post(f"/api/entries/{first[0]['number']}/accept", json={"phone_last4": first[1]})
        assert wrong.status_code == 403
        assert act(client, second, "accept").json()["type"] == "/problems/not-eligible"
        for _ in range(2):
            answer = act(client, first, "accept")
            assert (answer.status_code, answer.json()["state"]) == (200, "confirmed")
        assert act(client, first, "decline").status_code == 403


def test_a_declined_offer_goes_to_the_next_by_plain_form(start: Start) -> None:
    """The page has both buttons; declining tells the history, and the next in line has the offer at once."""
    with start().client() as client:
        holder, first, second = [sign_up(client, "offer") for _ in range(3)]
        act(client, holder, "cancel")
        fields = {"number": first[0]["number"], "receipt": first[0]["receipt"]}
        page = client.post("/api/entries/lookup", data=fields).text
        assert f"/api/entries/{first[0]['number']}/accept" in page
        # On a phone what must be answered comes first.
        assert page.index("수락하기") < page.index("신청한 내용")
        assert "다른 분이 취소해 자리를 제안" in page
        answer = client.post(f"/api/entries/{first[0]['number']}/decline", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, first[0]["receipt"])
        after = client.post("/api/entries/lookup", data=fields).text
        assert "제안한 자리를 사양" in after and "수락하기" not in after
        assert look(client, second)["state"] == "offered"
        assert act(client, first, "decline").status_code == 200


def test_who_cannot_come_says_so_by_one_press(start: Start) -> None:
    """The link of a message changes nothing by being opened, however often; one press gives the place to the next."""
    with start().client() as client:
        holder, first = (sign_up(client, "group", party=4) for _ in "12")
        for _ in "12":
            page = client.get(f"{holder[0]['receipt']}/cancel").text
            assert "못 갑니다</button>" in page and "되돌릴 수 없습니다" in page
        assert look(client, holder)["state"] == "confirmed"
        act, name, value = re.search(
            r'action="([^"]+)"[^>]*>\s*<input type="hidden" name="(\w+)" value="([^"]+)"', page
        ).groups()
        assert client.post(act, data={name: value}).headers["location"] == holder[0]["receipt"]
        assert "신청을 취소했습니다" in client.get(holder[0]["receipt"], headers={"Accept": "text/html"}).text
        assert look(client, first)["state"] == "confirmed"
        again = client.get(f"{holder[0]['receipt']}/cancel").text
        assert "못 갑니다</button>" not in again and "취소할 수 없는 신청입니다" in again


def test_a_lapsed_offer_passes_on_by_itself(start: Start, staff: Staff) -> None:
    """After the deadline the place is the next one's without anybody asking, and the answer comes too late."""
    with start().client() as client:
        holder, first, second = [sign_up(client, "offer") for _ in range(3)]
        act(client, holder, "cancel")
    server = start(NEXT_DAY)
    with server.client() as client:
        late = act(client, first, "accept")
        assert late.status_code == 403
        assert "기한이 지나" in late.json()["detail"]
        assert look(client, first)["state"] == "declined"
        assert look(client, second)["state"] == "offered"
    server = start(LATER)
    with server.client() as client:
        eventually(lambda: client.get("/api/forms/lectures/offer").json()["rounds"]["r1"]["taken"] == 0)
        assert staff("lapse", now=LATER).stdout == "자리를 받거나 제안받은 신청 0건\n"


def test_a_group_keeps_its_turn(start: Start) -> None:
    """Four places: 3 confirmed, a group of 2 waits, one person who fits goes; when 3 leave the group is in."""
    with start().client() as client:
        three = sign_up(client, "group", party=3)
        pair = sign_up(client, "group", party=2)
        single = sign_up(client, "group", party=1)
        assert [who[0]["state"] for who in (three, pair, single)] == ["confirmed", "waiting", "confirmed"]
        behind = sign_up(client, "group", party=1)
        assert (behind[0]["state"], behind[0]["position"]) == ("waiting", 2)
        act(client, three, "cancel")
        assert look(client, pair)["state"] == look(client, behind)["state"] == "confirmed"


def test_an_early_close_is_final(start: Start) -> None:
    """Two places, 1.5 times: the third closes the form; cancelling opens nothing; the third's retry is answered."""
    with start().client() as client:
        first = sign_up(client, "early")
        sign_up(client, "early")
        third = an_application()
        assert client.post("/api/forms/lectures/early", json=third).json()["state"] == "waiting"
        for _ in range(2):
            refused = client.post("/api/forms/lectures/early", json=an_application())
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/closed")
            assert client.get("/api/forms/lectures/early").json()["state"] == "closed"
            act(client, first, "cancel")
        again = client.post("/api/forms/lectures/early", json=third)
        assert (again.status_code, again.json()["state"]) == (200, "confirmed")
    with start().client() as client:
        assert client.post("/api/forms/lectures/early", json=an_application()).status_code == 403
        assert client.post("/api/forms/lectures/early", json=third).status_code == 200


def test_a_retry_after_closing_is_answered_over_http(start: Start) -> None:
    """The same submission, as JSON or by the form, hours after the end: the same entry. A new one: closed."""
    sent = an_application()
    with start().client() as client:
        number = client.post("/api/forms/lectures/small", json=sent).json()["number"]
    with start(LATER).client() as client:
        again = client.post("/api/forms/lectures/small", json=sent)
        assert (again.status_code, again.json()["number"]) == (200, number)
        page = client.post("/api/forms/lectures/small", data=as_form(sent))
        assert page.status_code == 303
        assert client.post("/api/forms/lectures/small", json=an_application()).status_code == 403
        other = {**sent, "phone": a_phone()}
        assert client.post("/api/forms/lectures/small", json=other).status_code == 403
        fresh = {**sent, "submission_id": str(uuid.uuid4())}
        assert client.post("/api/forms/lectures/small", json=fresh).status_code == 403


def test_an_open_round_is_called_off(start: Start, staff: Staff) -> None:
    """Everybody is told why, and nobody gets in any more."""
    server = start()
    with server.client() as client:
        people = [sign_up(client, "small") for _ in range(2)]
        call_off = ("entries", "call-off", "lectures/small", "r1", "--reason", "인원 부족")
        done = staff(*call_off, now=NOW)
        assert done.returncode == 0, done.stderr
        assert client.post("/api/forms/lectures/small", json=an_application()).status_code == 403
        assert [look(client, who)["state"] for who in people] == ["cancelled"] * 2
        eventually(lambda: sum("까닭: 인원 부족. 접수번호" in line for line in server.lines) == 2)
        assert staff(*call_off, now=NOW).returncode == 1


def test_staff_decide_a_review_with_a_reason(start: Start, staff: Staff) -> None:
    """One place: the second cannot be confirmed; the reason stands in the history."""
    server = start()
    with server.client() as client:
        one, two = sign_up(client, "review"), sign_up(client, "review")
        assert one[0]["state"] == "received"
        decide = ("entries", "decide", one[0]["number"], "--confirm", "--reason", "경력 3년")
        assert staff(*decide, now=NOW).returncode == 0
        full = staff("entries", "decide", two[0]["number"], "--confirm", "--reason", "x", now=NOW)
        assert (full.returncode, "남은 자리가 0명" in full.stderr) == (1, True)
        silent = staff("entries", "decide", two[0]["number"], "--reject", "--reason", " ", now=NOW)
        assert (silent.returncode, "이유(--reason)를 적으세요" in silent.stderr) == (1, True)
        reject = ("entries", "decide", two[0]["number"], "--reject", "--reason", "구 밖에 삽니다.")
        assert staff(*reject, now=NOW).returncode == 0
        eventually(lambda: any("까닭: 구 밖에 삽니다. 접수번호" in line for line in server.lines))
        assert look(client, two)["state"] == "rejected"
        page = client.post("/api/entries/lookup", data={"number": one[0]["number"], "phone_last4": one[1]})
        assert "심사 결과 확정: 경력 3년" in page.text


def test_staff_are_told_whom_a_decision_passes(start: Start, staff: Staff) -> None:
    """The one place goes past the one who waits: done, and their number is said."""
    server = start()
    with server.client() as client:
        one, two = sign_up(client, "review"), sign_up(client, "review")
        wait = ("entries", "decide", one[0]["number"], "--wait", "--reason", "예비")
        assert staff(*wait, now=NOW).stderr == ""
        told = staff("entries", "decide", two[0]["number"], "--confirm", "--reason", "경력", now=NOW)
        assert told.returncode == 0
        assert f"먼저 대기하던 신청 1건보다 앞서 확정했습니다: {one[0]['number']}" in told.stderr
        assert look(client, one)["state"] == "waiting"


def test_hours_are_counted_from_reserved_to_approved(start: Start, staff: Staff) -> None:
    """60 and 50 hours do not fit into 100; 40 worked of 60 make room; what is approved stays within the limit."""
    with start().client() as client:
        phone = a_phone()
        first = client.post("/api/forms/lectures/hours", json=an_application(phone=phone, round="a")).json()
        over = client.post("/api/forms/lectures/hours", json=an_application(phone=phone, round="b"))
        assert (over.status_code, over.json()["type"]) == (409, "/problems/limit-reached")
        number = first["number"]
        assert "60시간 / 100시간" in staff("ledger", "show", number, now=NOW).stdout
        assert staff("ledger", "approve", number, "--hours", "40", now=NOW).returncode == 1
        assert staff("ledger", "work", number, "--hours", "101", now=NOW).returncode == 1
        assert staff("ledger", "work", number, "--hours", "40", now=NOW).returncode == 0
        second = client.post("/api/forms/lectures/hours", json=an_application(phone=phone, round="b"))
        assert second.status_code == 201
        assert staff("ledger", "approve", number, "--hours", "51", now=NOW).returncode == 1
        for _ in range(2):
            assert staff("ledger", "approve", number, "--hours", "45", now=NOW).returncode == 0
        changed = staff("ledger", "approve", number, "--hours", "10", now=NOW)
        assert (changed.returncode, "이미 45시간을 인정한" in changed.stderr) == (1, True)
        shown = staff("ledger", "show", number, now=NOW).stdout
        assert "인정\t45시간" in shown and "모두 95시간 / 100시간" in shown
        absent = staff("ledger", "work", second.json()["number"], "--absent", now=NOW)
        assert absent.returncode == 0
        assert "모두 45시간" in staff("ledger", "show", number, now=NOW).stdout


def test_a_window_that_is_not_full_needs_no_draw(start: Start) -> None:
    """One person for two places in the window: confirmed when it ends, and the next comes first come."""
    with start().client() as client:
        early = sign_up(client, "window")
        assert early[0]["state"] == "received"
    with start(WINDOW_OVER).client() as client:
        eventually(lambda: look(client, early)["state"] == "confirmed")
        assert [sign_up(client, "window")[0]["state"] for _ in range(2)] == ["confirmed", "waiting"]
