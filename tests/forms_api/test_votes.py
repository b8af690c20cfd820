"""Voting over HTTP: a real server, codes read off its console, every bad input by its name."""

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from civic.codes import from_text, to_text
from civic.store import open_box
from civic.text import RESIDENT_NUMBER_MESSAGE
from civic.votes.box_key import signed_words
from civic.votes.envelope import receipt_of, seal
from tests.builders import a_phone
from tests.forms_api.server import prove
from tests.forms_api.test_refusals import page
from tests.forms_api.voting import SLUG, Town

API = f"/api/votes/{SLUG}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    with made.serve():
        yield made


@pytest.fixture
def client(town: Town) -> Iterator[httpx.Client]:
    assert town.server
    with town.server.client() as opened:
        yield opened


def ticks(*names: str) -> list[str]:
    return [f"{SLUG}-{name}" for name in names]


def problem(answer: httpx.Response, name: str, status: int, *messages: str) -> None:
    """problem+json of that name, with these messages, repeating nothing that was sent."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["type"]) == (status, f"/problems/{name}")
    said = [error["message"] for error in body["errors"]] or [body["detail"]]
    assert said == list(messages)


def test_a_poll_says_what_sealing_needs(client: httpx.Client) -> None:
    """State, limits, fingerprint, keys and room; never a count."""
    told = client.get(API).json()
    assert (told["state"], told["max_picks"], told["room"]) == ("open", 3, 512)
    assert told["types"]["general"] == {"label": "일반참여형", "max": 2}
    assert re.fullmatch("[0-9a-f]{64}", told["rules"]) and (len(told["keys"]), told["keys_needed"]) == (3, 2)
    assert not {"voters", "count", "ballots"} & set(told)


def test_a_sealed_ballot_gets_a_signed_receipt(town: Town, client: httpx.Client) -> None:
    """The receipt is the envelope's own fingerprint, and the signature holds under the published key."""
    contact, slot = a_phone(), town.slot(client)
    envelope = to_text(seal(ticks("lamp", "bus"), slot))
    code = town.code(client, contact)
    answer = client.post(f"{API}/ballots", json={"contact": contact, "code": code, "envelope": envelope})
    told = answer.json()
    assert answer.status_code == 201 and set(told) == {"receipt", "signature", "rules"}
    assert told["receipt"] == receipt_of(from_text(envelope))
    key = Ed25519PublicKey.from_public_bytes(from_text(client.get(API).json()["receipt_key"]))
    key.verify(from_text(told["signature"]), signed_words("receipt", SLUG, slot.rules, told["receipt"]))
    again = client.post(f"{API}/ballots", json={"contact": contact, "code": code, "envelope": envelope})
    assert (again.status_code, again.json()) == (201, told)


def test_a_phone_just_proven_votes_without_a_second_code(town: Town, client: httpx.Client) -> None:
    """By the browser's ticket: the same again is the same ballot, and by a code it is the same voter; nobody else is."""
    phone, body = a_phone(), {"choices": ticks("lamp"), "submission": "s" * 22}
    assert client.post(f"{API}/ballots", json=body).status_code == 422  # the control
    boxes = open_box(f"tinydb://{town.data}")

    def cast() -> set[str]:
        with boxes.open(SLUG) as box:
            return set(box.receipts())

    before = cast()
    prove(client, phone)
    first, again = (client.post(f"{API}/ballots", json=body).json() for _ in range(2))
    assert first["receipt"] == again["receipt"] and cast() - before == {first["receipt"]}
    page(
        client.post(f"{API}/check", data={"choices": ticks("bus")}),
        200,
        "휴대전화 인증을 마쳤습니다",
        "투표하기",
    )
    by_code = town.cast(client, phone, ["bus"])
    assert cast() - before == {by_code["receipt"]}
    boxes.close()
    # Not even a time ties the proof to the vote; the control: the proof's own two ends share theirs.
    with closing(sqlite3.connect(town.data / "votes.sqlite3")) as rows:
        voters, until = zip(
            *rows.execute("SELECT voter, until FROM box_proofs WHERE poll = ?", (SLUG,)), strict=True
        )
        kept = rows.execute("SELECT contact, until, fresh FROM box_tickets").fetchall()
    times = {int(time) for _, *ends in kept for time in ends}
    assert not {int(time) for time in until} & times and not set(voters) & {contact for contact, *_ in kept}
    assert any(int(end - fresh) == 90 * 60 for _, end, fresh in kept)


@pytest.mark.parametrize(
    ("choices", "messages"),
    [
        (["bench", "lamp", "ramp"], ["일반참여형은 2개까지 고를 수 있습니다. 지금 3개입니다."]),
        (["bench", "lamp", "bus", "guide"], None),
        (["nothing"], ["이 투표에 없는 것을 골랐습니다."]),
        (["club"], ["청년참여형은 이 투표에서 고르지 않습니다."]),
        (["lamp", "lamp"], ["같은 것을 두 번 골랐습니다."]),
        ([], ["하나 이상 골라 주세요."]),
    ],
)
def test_wrong_choices_are_named(
    town: Town, client: httpx.Client, choices: list[str], messages: list[str] | None
) -> None:
    """Before any code is asked for, and when they are cast; nothing is used up."""
    expected = messages or [
        "모두 합해 3개까지 고를 수 있습니다. 지금 4개입니다.",
        "고정참여형은 1개까지 고를 수 있습니다. 지금 2개입니다.",
    ]
    for address, body in (
        ("check", {"choices": ticks(*choices)}),
        ("ballots", {"contact": a_phone(), "code": "123456", "choices": ticks(*choices)}),
    ):
        problem(client.post(f"{API}/{address}", json=body), "invalid", 422, *expected)


def test_wrong_envelopes_are_named(town: Town, client: httpx.Client) -> None:
    """For another poll, under other rules, too long, cut, no envelope at all; a copy of another voter's."""
    slot, contact = town.slot(client), a_phone()
    good = to_text(seal(ticks("lamp"), slot))
    other_rules = replace(slot, rules="0" * 64)
    cases = {
        to_text(seal([], replace(slot, poll="other"))): "다른 투표의 투표용지입니다.",
        to_text(seal([], other_rules)): "투표의 규칙이 바뀌었습니다. 화면을 새로 고친 뒤 다시 골라 주세요.",
        to_text(seal([], replace(slot, room=slot.room + 512))): "투표용지의 크기가 맞지 않습니다.",
        good[:-4]: "투표용지의 크기가 맞지 않습니다.",
        "<b>": "투표용지의 형식이 맞지 않습니다.",
    }
    code = town.code(client, contact)
    for envelope, message in cases.items():
        body = {"contact": contact, "code": code, "envelope": envelope}
        problem(client.post(f"{API}/ballots", json=body), "invalid", 422, message)
    body = {"contact": contact, "code": code, "envelope": good}
    assert client.post(f"{API}/ballots", json=body).status_code == 201
    other = a_phone()
    body = {"contact": other, "code": town.code(client, other), "envelope": good}
    said = "이미 낸 투표용지와 같거나 같은 열쇠로 봉한 투표용지입니다."
    problem(client.post(f"{API}/ballots", json=body), "invalid", 422, said)


def test_codes_are_refused_by_name(town: Town, client: httpx.Client) -> None:
    """Wrong, used, never asked for: 403 wrong-code, in words that help."""
    contact = a_phone()
    code = town.code(client, contact)
    wrong = {"contact": contact, "code": f"{(int(code) + 1) % 10**6:06}", "choices": ticks("lamp")}
    message = "인증번호가 맞지 않습니다. 다섯 번 틀리면 새 인증번호를 받아야 합니다."
    problem(client.post(f"{API}/ballots", json=wrong), "wrong-code", 403, message)
    problem(client.post(f"{API}/ballots", json=wrong | {"contact": a_phone()}), "wrong-code", 403, message)
    right = wrong | {"code": code}
    assert client.post(f"{API}/ballots", json=right).status_code == 201
    used = "이 인증번호로 이미 투표했습니다. 바꾸고 싶으면 새 인증번호를 받아 다시 투표하세요. 마지막 표만 셉니다."
    problem(client.post(f"{API}/ballots", json=right), "wrong-code", 403, used)


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("code", {}),
        ("code", {"contact": 5}),
        ("code", {"contact": "02-123-4567"}),
        ("code", {"contact": "a@b"}),
        ("check", {"choices": "lamp"}),
        ("check", {"choices": [1]}),
        ("check", {"choices": ["x"] * 401}),
        ("ballots", {}),
        ("ballots", {"contact": "010-1234-5678", "code": "12", "choices": ["budget-lamp"]}),
        ("ballots", {"contact": "010-1234-5678", "code": "123456", "envelope": None}),
        ("ballots", {"contact": "010-1234-5678", "code": "123456", "envelope": "x", "choices": ["x"]}),
        ("ballots", {"contact": "010-1234-5678", "code": "123456", "choices": ["x"], "website": "spam"}),
    ],
)
def test_malformed_posts_are_invalid(client: httpx.Client, address: str, body: dict[str, object]) -> None:
    """422 with the field's name, whatever was sent."""
    answer = client.post(f"{API}/{address}", json=body)
    assert answer.status_code == 422 and answer.json()["errors"]


def test_a_resident_number_is_refused_and_not_shown(client: httpx.Client) -> None:
    """In every field of every step, as JSON and on the pages; a number that is none is shown again (the control)."""
    reason, given = RESIDENT_NUMBER_MESSAGE, "900101-1234567"
    for step in ("code", "ballots", "check"):
        for name in ("contact", "code", "request", "submission", "ticket", "choices"):
            sent = {"choices": ticks("lamp")} | {name: [given] if name == "choices" else given}
            as_json = client.post(f"{API}/{step}", json=sent)
            assert [error["message"] for error in as_json.json()["errors"]] == [reason]
            assert "1234567" not in page(client.post(f"{API}/{step}", data=sent), 422, reason)
    shown = page(client.post(f"{API}/code", data={"choices": ticks("lamp"), "contact": "010-12-34567"}), 422)
    assert "010-12-34567" in shown


def test_posts_from_elsewhere_and_to_nowhere(town: Town, client: httpx.Client) -> None:
    """Another site's page, an unknown poll, a board before its time."""
    foreign = client.post(
        f"{API}/code", json={"contact": a_phone()}, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403 and foreign.json()["type"] == "/problems/forbidden-origin"
    for answer in (
        client.get("/api/votes/nothing"),
        client.post("/api/votes/nothing/code", json={"contact": a_phone()}),
    ):
        assert answer.status_code == 404
    board = client.get(f"{API}/receipts")
    assert board.status_code == 403 and board.json()["type"] == "/problems/not-open"


def test_nothing_that_was_typed_is_logged_or_kept(town: Town, client: httpx.Client) -> None:
    """Contact, choices, trackers: not in the log, not in the data folder. The answer alone holds the tracker."""
    assert town.server
    told = town.cast(client, "010-9876-5432", ["guide"], sealed=False)
    assert set(told) == {"receipt", "signature", "rules", "tracker"}
    kept = b"".join(file.read_bytes() for file in town.data.rglob("*") if file.is_file())
    said = "".join(town.server.lines)
    for secret in ("budget-guide", told["tracker"], "98765432", "9876-5432"):
        assert secret.encode() not in kept and secret not in said


def test_the_calls_are_described(town: Town, client: httpx.Client) -> None:
    """Every address of the poll stands in the API's description, and what is cast has the length it says."""
    paths = client.get("/api/openapi.json").json()["paths"]
    found = {name.removeprefix(API) for name in paths if name.startswith(API)}
    assert found == {"", "/receipts", "/check", "/code", "/ballots"}
    body = paths[f"{API}/ballots"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    sealed = body["oneOf"][0]["properties"]["envelope"]
    assert len(to_text(seal(ticks("lamp"), town.slot(client)))) == sealed["minLength"] == sealed["maxLength"]
    assert set(paths[f"{API}/code"]["post"]["responses"]) == {"202", "default"}


def code_page(town: Town, client: httpx.Client, picks: list[str], contact: str) -> tuple[str, str]:
    """The page that asks for the code of a plain form, and the code."""
    assert town.server
    seen = len(town.server.lines)
    text = page(client.post(f"{API}/code", data={"choices": picks, "contact": contact}), 200, "인증번호")
    return text, town.server.code(contact, seen)


def test_the_plain_way_from_picks_to_receipt(town: Town, client: httpx.Client) -> None:
    """Check, contact, code, receipt; every page carries the picks on; nothing may be cached."""
    picks = ticks("lamp", "bus")
    answer = client.post(f"{API}/check", data={"choices": picks})
    page(answer, 200, "고른 것 확인하기", "제안 lamp", "제안 bus", "서버가 투표용지를 받아 바로 봉합니다")
    assert answer.headers["cache-control"] == "no-store"
    contact = a_phone()
    text, code = code_page(town, client, picks, contact)
    assert contact in text
    assert [f'name="choices" value="{pick}"' in text for pick in picks] == [True, True]
    form = {"choices": picks, "contact": contact, "code": code}
    text = page(client.post(f"{API}/ballots", data=form), 201, "투표를 마쳤습니다", "접수증 번호", "표 번호")
    assert len(re.findall(r"(?:[34679ACDEFGHJKMNPQRTUWXY]{4}-){3}[34679ACDEFGHJKMNPQRTUWXY]{4}", text)) == 2


def test_the_address_of_a_step_leads_a_person_to_the_vote(client: httpx.Client) -> None:
    """Enter in the address bar after a step without script: the vote and not "nothing found"."""
    for step in ("check", "code", "ballots"):
        led = client.get(f"{API}/{step}", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers.get("location")) == (302, f"/votes/{SLUG}/"), step
        assert client.get(f"{API}/{step}", headers={"Accept": "application/json"}).status_code == 404


def test_a_second_press_gives_the_same_receipt(town: Town, client: httpx.Client) -> None:
    """Without a script the last button can be pressed twice: the same two numbers, one ballot; other picks are refused."""
    picks, contact = ticks("lamp", "guide"), a_phone()
    text, code = code_page(town, client, picks, contact)
    hidden = dict(re.findall(r'<input type="hidden" name="(request|submission)" value="([^"]+)"', text))
    form = {"choices": picks, "contact": contact, "code": code, **hidden}
    assert set(hidden) == {"request", "submission"}
    with ThreadPoolExecutor(3) as pool:
        pages = list(pool.map(lambda _: page(client.post(f"{API}/ballots", data=form), 201), range(3)))
    numbers = [re.findall(r'class="receipt-number">([^<]+)<', text) for text in pages]
    assert len(numbers[0]) == 2 and numbers[0] == numbers[1] == numbers[2]
    refused = client.post(f"{API}/ballots", data=form | {"choices": picks[:1]})
    page(refused, 403, "이 인증번호로 이미 투표했습니다.")


def test_a_stranger_cannot_use_up_the_tries(town: Town, client: httpx.Client) -> None:
    """Who knows the contact guesses ten times and asks for a code: the voter's own page still lets its ballot in."""
    contact = a_phone()
    assert town.server
    seen = len(town.server.lines)
    asked = client.post(f"{API}/code", json={"contact": contact}).json()["request"]
    code = town.server.code(contact, seen)
    client.post(f"{API}/code", json={"contact": contact})
    wrong = {"contact": contact, "code": f"{(int(code) + 1) % 10**6:06}", "choices": ticks("lamp")}
    for number in range(10):
        client.post(f"{API}/ballots", json=wrong | ({"request": "guess"} if number % 2 else {}))
    unknown = client.post(f"{API}/ballots", json=wrong | {"code": code})  # without knowing who asked
    assert unknown.status_code == 403
    own = wrong | {"code": code, "request": asked}
    assert client.post(f"{API}/ballots", json=own).status_code == 201


def test_a_refused_form_keeps_its_picks(town: Town, client: httpx.Client) -> None:
    """Too many: the ticks are still there and the limit is named. A wrong code: the picks ride along."""
    picks = ticks("bench", "lamp", "ramp")
    answer = client.post(f"{API}/check", data={"choices": picks})
    text = page(answer, 422, "오류:", "일반참여형은 2개까지 고를 수 있습니다. 지금 3개입니다.")
    assert text.count(" checked") == 3
    text = page(client.post(f"{API}/check", data={"choices": picks[:1], "step": "edit"}), 200, "고르기")
    assert text.count(" checked") == 1
    text = page(
        client.post(f"{API}/code", data={"choices": picks[:2], "contact": "010"}),
        422,
        "오류:",
        "010-1234-5678처럼",
    )
    assert text.count('name="choices"') == 2
    form = {"choices": picks[:2], "contact": a_phone(), "code": "123456"}
    text = page(client.post(f"{API}/ballots", data=form), 403, "오류:", "인증번호가 맞지 않습니다")
    assert text.count('name="choices"') == 2


def test_choices_are_sealed_by_the_server(town: Town, client: httpx.Client) -> None:
    """The plain way by JSON: the answer holds the tracker, which nobody else knows."""
    told = town.cast(client, a_phone(), ["lamp"], sealed=False)
    assert set(told) == {"receipt", "signature", "rules", "tracker"}
