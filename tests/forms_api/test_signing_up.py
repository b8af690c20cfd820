"""Signing up by JSON, through the door: what comes back, what is kept, what two at once get."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.builders import a_phone, an_application
from tests.forms_api.server import Server, act, look, sign_up


def apply(client: httpx.Client, slug: str = "plain", **changes: Any) -> httpx.Response:
    return client.post(f"/api/forms/lectures/{slug}", json=an_application(**changes))


def at_once(server: Server, slug: str, payloads: list[dict[str, Any]]) -> list[httpx.Response]:
    """All posts at the same moment, each on its own connection."""
    gate = threading.Barrier(len(payloads))

    def post(payload: dict[str, Any]) -> httpx.Response:
        with server.client() as client:
            client.get("/healthz")  # connected before the start
            gate.wait(30)
            return client.post(f"/api/forms/lectures/{slug}", json=payload)

    with ThreadPoolExecutor(len(payloads)) as threads:
        return list(threads.map(post, payloads))


def test_an_application_gets_a_receipt(client: httpx.Client) -> None:
    """A right post is 201 with exactly the five fields of the contract."""
    answer = apply(client)
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["number", "state", "position", "round", "receipt"]
    assert (body["state"], body["position"], body["round"]) == ("confirmed", None, "r1")
    assert len(body["number"]) == 9 and body["number"][4] == "-"
    assert body["receipt"].startswith("/api/receipts/")
    assert answer.headers["cache-control"] == "no-store"


def test_the_same_submission_again_is_the_same_answer(client: httpx.Client) -> None:
    """A retry is 200 with the same body, in whatever spelling the phone comes."""
    payload = an_application(phone="010-6999-0001")
    first = client.post("/api/forms/lectures/plain", json=payload)
    again = client.post("/api/forms/lectures/plain", json=payload | {"phone": "+82 10 6999 0001"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_a_submission_id_is_good_for_one_person(client: httpx.Client) -> None:
    """Somebody else's submission id shows nothing of that entry."""
    payload = an_application()
    assert client.post("/api/forms/lectures/plain", json=payload).status_code == 201
    other = client.post("/api/forms/lectures/plain", json=payload | {"phone": a_phone()})
    assert other.status_code == 422
    assert [error["field"] for error in other.json()["errors"]] == ["submission_id"]


def test_two_clicks_at_once_make_one_entry(server: Server) -> None:
    """The same submission twice at the same moment: one 201, one 200, one number."""
    for _ in range(5):
        payload = an_application()
        answers = at_once(server, "plain", [payload, payload])
        assert sorted(answer.status_code for answer in answers) == [200, 201]
        assert answers[0].json() == answers[1].json()


def test_two_submissions_of_one_person_at_once(server: Server) -> None:
    """Two windows, one person: one entry, one already-applied that tells nothing of it."""
    for _ in range(5):
        payload = an_application()
        answers = at_once(server, "plain", [payload, payload | {"submission_id": str(uuid.uuid4())}])
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        refused = next(answer for answer in answers if answer.status_code == 409).json()
        assert refused["type"] == "/problems/already-applied"
        assert refused["errors"] == []


def test_places_are_exact_when_three_times_as_many_come(server: Server, client: httpx.Client) -> None:
    """45 people at once for 10 places and 5 in line: 10 confirmed, 5 waiting in order, 30 told that it is full."""
    answers = at_once(server, "rush", [an_application() for _ in range(45)])
    states = Counter(a.json()["state"] if a.status_code == 201 else a.json()["type"] for a in answers)
    assert states == {"confirmed": 10, "waiting": 5, "/problems/full": 30}
    positions = sorted(a.json()["position"] for a in answers if a.json().get("state") == "waiting")
    assert positions == [1, 2, 3, 4, 5]
    form = client.get("/api/forms/lectures/rush").json()
    assert form["state"] == "full"
    counts = {"places": 10, "taken": 10, "waiting": 5}
    assert form["rounds"]["r1"] == {"label": "r1 회차", "state": "full", **counts}


def test_a_form_asks_for_what_its_file_says(client: httpx.Client) -> None:
    """Birth date, e-mail and party count are asked for and counted."""
    whole = {"birth_date": "1990-01-31", "email": "ada@example.com", "party": 3}
    assert apply(client, "family", **whole).status_code == 201
    assert client.get("/api/forms/lectures/family").json()["rounds"]["r1"]["taken"] == 3
    full = apply(client, "family", **whole)
    assert (full.status_code, full.json()["detail"]) == (409, "정원 5명이 모두 찼습니다.")
    missing = apply(client, "family")
    assert {error["field"] for error in missing.json()["errors"]} == {"birth_date", "email"}


def test_status_tells_every_form(client: httpx.Client) -> None:
    """One small document; its tag answers 304 while nothing changes."""
    answer = client.get("/api/status")
    assert answer.headers["cache-control"] == "public, max-age=1"
    body = answer.json()
    assert body["now"].startswith("2023-08-16T09:")
    assert body["forms"]["lectures/soon"] == {
        "state": "upcoming",
        "opens": "2023-08-20T09:00:00+09:00",
        "closes": "2023-09-01T00:00:00+09:00",
        "rounds": {"r1": {"state": "upcoming", "places": 20, "taken": 0, "waiting": 0}},
    }
    assert body["forms"]["lectures/over"]["state"] == "closed"
    again = client.get("/api/status", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_form_is_described_by_its_own_spec(client: httpx.Client) -> None:
    """GET tells questions, rounds and state as the contract names them."""
    body = client.get("/api/forms/lectures/asks").json()
    assert body["fields"][0] == {
        "name": "area",
        "label": "사는 동",
        "type": "select",
        "required": True,
        "options": [{"value": "수완동", "label": "수완동"}, {"value": "첨단동", "label": "첨단동"}],
    }
    assert body["fields"][1]["max"] == 50
    names = {"subject", "title", "state", "selection", "contact", "opens", "closes", "fields", "rounds"}
    assert set(body) == names and body["contact"] == "typed"


def test_a_freed_place_never_goes_to_a_newcomer(client: httpx.Client) -> None:
    """While people wait, whoever comes joins the end of the line."""
    holder = sign_up(client, "full-form")
    assert apply(client, "full-form").json()["position"] == 1
    act(client, holder, "cancel")
    assert apply(client, "full-form").json()["state"] == "waiting"


def test_one_phone_two_birth_dates_are_two_people(client: httpx.Client) -> None:
    """Where the form tells people apart by birth date too, a family may share a phone."""
    shared = a_phone()
    answers = [
        apply(client, "family", phone=shared, birth_date=born, email="ada@example.com")
        for born in ("1990-01-31", "2005-05-05")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_cancelled_place_goes_to_the_first_in_line(client: httpx.Client) -> None:
    """One place, three in line; the place is given back: the first gets it, the others move up."""
    people = [sign_up(client, "line") for _ in range(4)]
    assert [entry["position"] for entry, _ in people] == [None, 1, 2, 3]
    cancelled = act(client, people[0], "cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    found = [look(client, each) for each in people]
    assert [each["state"] for each in found] == ["cancelled", "confirmed", "waiting", "waiting"]
    assert [each["position"] for each in found] == [None, None, 1, 2]


def test_a_draw_only_receives(client: httpx.Client) -> None:
    """Before a draw everyone is received, also beyond the places."""
    assert [apply(client, "drawn").json()["state"] for _ in range(3)] == ["received"] * 3
