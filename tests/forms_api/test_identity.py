"""Polls of assurance 3: to a real provider program and back, and every way in which that may go wrong."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from civic.clock import parse_time
from civic.codes import from_text, new_code, to_text
from civic.library import load
from civic.store import open_box
from civic.votes.box_key import read_key
from civic.votes.envelope import seal, slot_of
from civic.votes.opening import open_all
from civic.votes.partial import PartialFile
from tests.builders import a_phone
from tests.forms_api.voting import CLOSING, PASSPHRASE, SLUG, Town, done, run
from tests.oidc_provider import WRONG, ProviderProcess

API = f"/api/votes/{SLUG}"


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderProcess]:
    running = ProviderProcess()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, provider: ProviderProcess) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"), assurance=3)
    with made.serve(**provider.settings):
        yield made


@pytest.fixture
def client(town: Town) -> Iterator[httpx.Client]:
    """One browser: it keeps cookies."""
    assert town.server
    with town.server.client() as opened:
        opened.headers["Accept"] = "text/html"
        yield opened


def hidden(text: str) -> dict[str, str]:
    """The hidden fields of a page."""
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text)
    }


def to_provider(client: httpx.Client, name: str) -> str:
    """Leave for the provider, say a name there; the address that it sends the browser back to."""
    away = client.get(f"{API}/identity")
    assert away.status_code == 302, away.text[:300]
    with httpx.Client() as elsewhere:  # another site: our cookies do not go there
        page = elsewhere.get(away.headers["location"])
        assert page.status_code == 200, page.text
        back = elsewhere.post(str(page.url.copy_with(query=None)), data={**hidden(page.text), "name": name})
    assert back.status_code == 303
    return back.headers["location"]


def identified(client: httpx.Client, name: str) -> httpx.Response:
    return client.get(to_provider(client, name))


def ticket_of(client: httpx.Client, name: str) -> str:
    page = identified(client, name)
    assert page.status_code == 200, page.text[:500]
    return hidden(page.text)["ticket"]


def test_the_way_to_the_provider_carries_no_secret_of_the_voter(client: httpx.Client) -> None:
    """Code flow with PKCE, state and nonce; nothing of the picks; the cookie is short-lived and for the API only."""
    client.post(f"{API}/check", data={"choices": [f"{SLUG}-lamp"]})
    away = client.get(f"{API}/identity")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(away.headers["location"]).query).items()}
    flow = {"response_type": "code", "scope": "openid", "code_challenge_method": "S256"}
    assert asked | flow == asked
    assert len(asked["state"]) >= 32 and len(asked["nonce"]) >= 32 and "lamp" not in away.headers["location"]
    for cookie in away.headers.get_list("set-cookie"):
        parts = {part.strip() for part in cookie.split(";")}
        assert {"HttpOnly", "Path=/api/", "SameSite=Lax", "Max-Age=900"} <= parts
        assert asked["state"] not in cookie and "lamp" not in cookie


def test_one_person_is_one_voter(town: Town, client: httpx.Client, provider: ProviderProcess) -> None:
    """Sealed in the browser under one ticket, again under another: one ballot, the last; the name is kept nowhere."""
    assert town.server
    slot, trackers = town.slot(client), []
    for pick in ("lamp", "ramp"):
        trackers.append(new_code())
        envelope = to_text(seal([f"{SLUG}-{pick}"], slot, trackers[-1]))
        body = {"ticket": ticket_of(client, "hong"), "envelope": envelope}
        answer = client.post(f"{API}/ballots", json=body)
        assert answer.status_code == 201, answer.text
        again = client.post(f"{API}/ballots", json=body)
        assert (again.status_code, again.json()) == (201, answer.json())
        other = body | {"envelope": to_text(seal([], slot))}
        assert client.post(f"{API}/ballots", json=other).json()["type"] == "/problems/wrong-code"
    another = {"ticket": ticket_of(client, "kim"), "choices": [f"{SLUG}-bus"], "submission": "x" * 22}
    tracker = client.post(f"{API}/ballots", json=another).json()["tracker"]
    kept = b"".join(file.read_bytes() for file in town.data.rglob("*") if file.is_file())
    for secret in ("person hong", "person kim", "hong", provider.issuer, tracker):
        assert secret.encode() not in kept and secret not in "".join(town.server.lines)
    library = load(town.content, parse_time("2023-08-16T09:00:00+09:00"))
    poll = library.get("votes", SLUG)
    listed = {each.slug: each for each in library.of("proposal")}
    boxes = open_box(f"tinydb://{town.data}")
    with boxes.open(SLUG) as box:
        receipts, envelopes = map(list, zip(*box.cast(), strict=True))
    boxes.close()
    keys = [read_key(file.read_text("utf-8"), PASSPHRASE) for file in town.keys[:2]]
    parts = [PartialFile.of(key, "0" * 64, envelopes) for key in keys]
    opened = open_all(envelopes, receipts, slot_of(poll, listed.values()), "0" * 64, parts, poll, listed)  # type: ignore[arg-type]
    found = {each.tracker: each.choices for each in opened.ballots}
    assert found == {trackers[1]: (f"{SLUG}-ramp",), tracker: (f"{SLUG}-bus",)}


def test_the_plain_way_keeps_the_picks(town: Town, client: httpx.Client) -> None:
    """Picks, provider, the picks again on the check page, receipt; a second press gives the same receipt."""
    picks = [f"{SLUG}-lamp", f"{SLUG}-bus"]
    checked = client.post(f"{API}/check", data={"choices": picks})
    assert checked.status_code == 200 and 'name="contact"' not in checked.text
    assert "본인확인하고 투표하기" in checked.text
    page = identified(client, "lee")
    assert page.status_code == 200 and "고른 것 확인하기" in page.text
    form = {**hidden(page.text), "choices": re.findall(r'name="choices" value="([^"]+)"', page.text)}
    assert sorted(form["choices"]) == sorted(picks)
    first, second = (client.post(f"{API}/ballots", data=form) for _ in range(2))
    assert first.status_code == second.status_code == 201
    numbers = [re.findall(r'class="receipt-number">([^<]+)<', page.text) for page in (first, second)]
    assert len(numbers[0]) == 2 and numbers[0] == numbers[1]
    assert not {"madang-picks", "madang-identity"} & set(client.cookies)
    # Other picks under the same ticket: refused on the page, which offers the provider again.
    refused = client.post(f"{API}/ballots", data=form | {"choices": picks[:1]})
    assert refused.status_code == 403 and "본인확인하고 투표하기" in refused.text and "오류:" in refused.text


def test_without_picks_the_provider_comes_first(client: httpx.Client) -> None:
    """Straight to the provider: the proposals come with the ticket, and the ticket goes along to the end."""
    page = identified(client, "choi")
    ticket = hidden(page.text)["ticket"]
    assert "고르기" in page.text and "data-ticket-form" in page.text
    wrong = client.post(f"{API}/check", data={"choices": [], "ticket": ticket})
    assert wrong.status_code == 422 and hidden(wrong.text)["ticket"] == ticket
    checked = client.post(f"{API}/check", data={"choices": [f"{SLUG}-lamp"], "ticket": ticket})
    form = {**hidden(checked.text), "choices": [f"{SLUG}-lamp"]}
    assert client.post(f"{API}/ballots", data=form).status_code == 201


@pytest.mark.parametrize("fault", WRONG)
def test_a_word_that_does_not_hold_is_no_proof(client: httpx.Client, fault: str) -> None:
    """Another nonce, audience, issuer, key, algorithm; late; no name; no token: refused, and nobody is told why."""
    answer = identified(client, fault)
    assert answer.status_code == 403 and "본인확인을 마치지 못했습니다" in answer.text
    assert "ticket" not in hidden(answer.text) and fault not in answer.text


def test_only_who_left_comes_back(town: Town, client: httpx.Client) -> None:
    """No cookie, another browser's address, another state, twice the same code, who said no: refused."""
    assert town.server
    address = to_provider(client, "kang")
    with town.server.client() as other:
        assert other.get(address).status_code == 403  # no cookie
        other.get(f"{API}/identity")
        assert other.get(address).status_code == 403  # a cookie of another way: logged in as somebody else
    assert client.get(re.sub("state=[^&]+", "state=x", address)).status_code == 403
    cookies = dict(client.cookies)
    assert client.get(address).status_code == 200
    client.cookies.update(cookies)
    assert client.get(address).status_code == 403  # the code was used
    assert identified(client, "no").status_code == 403
    client.cookies.set("madang-identity", "AAAA", path="/api/")
    assert client.get("/api/identity?state=x&code=y").status_code == 403


def test_codes_and_foreign_tickets_open_nothing(town: Town, client: httpx.Client) -> None:
    """No code is sent for such a poll; a code, a made-up or a changed ticket casts nothing; no paper roll beside it."""
    assert town.server
    lines = len(town.server.lines)
    refused = client.post(f"{API}/code", json={"contact": a_phone()})
    assert refused.status_code == 403 and "본인확인" in refused.json()["detail"]
    body = {"choices": [f"{SLUG}-lamp"]}
    by_code = client.post(f"{API}/ballots", json=body | {"contact": a_phone(), "code": "123456"})
    assert (by_code.status_code, by_code.json()["type"]) == (403, "/problems/not-eligible")
    good = ticket_of(client, "yoon")
    changed = to_text(bytes([from_text(good)[0] ^ 1]) + from_text(good)[1:])
    for ticket in ("x", changed, "A" * 5000):
        answer = client.post(f"{API}/ballots", json=body | {"ticket": ticket})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/wrong-code")
    assert not any("인증번호는" in line for line in town.server.lines[lines:])


def test_without_a_provider_the_poll_says_so(tmp_path: Path) -> None:
    """No settings: no code is sent instead, the page says what to do; half of the settings stops the server."""
    town = Town(tmp_path, assurance=3)
    with town.serve() as server, server.client() as client:
        answer = client.get(f"{API}/identity", headers={"Accept": "text/html"})
        assert answer.status_code == 503 and "본인확인기관이 아직 연결되지 않아" in answer.text
        refused = client.post(f"{API}/code", json={"contact": a_phone()})
        assert refused.status_code == 403
    assert not any("인증번호는" in line for line in server.lines)
    for wrong in ({"oidc_issuer": "http://id.example.kr"}, {"oidc_issuer": "https://id.example.kr"}):
        with pytest.raises(AssertionError, match="MADANG_OIDC"):
            town.serve(**wrong)


def test_the_box_of_such_a_poll_closes_like_any_other(town: Town) -> None:
    """As many envelopes as persons who were named."""
    where = ("--content", town.content, "--now", CLOSING, "--data", f"tinydb://{town.data}")
    assert "투표한 사람" in done("close", SLUG, "--to", town.folder / "box.json", *where)
    assert run("close", SLUG, "--to", town.folder / "box.json", *where).exit_code == 0
