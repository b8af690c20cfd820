"""Who takes part, apart from who signs up: children by their parent, all in one go; ages, names of companions, consents."""

import re
from typing import Any

import httpx

from tests.builders import a_phone, an_application, as_form
from tests.forms_api.server import Server, a_proof, prove
from tests.forms_api.test_refusals import page
from tests.staff import call

CHILDREN = "/api/forms/lectures/children"
HANA = {"name": "김하나", "birth_date": "2014. 5. 1."}
DURI = {"name": "김두리", "birth_date": "2014. 5. 1."}  # twins
ANSWERS = {"resident": True, "insurer": True}


def parent(*children: dict[str, str], **changes: Any) -> dict[str, Any]:
    return an_application(name="보호자", participants=list(children), **{"answers": ANSWERS, **changes})


def wrong(client: httpx.Client, payload: dict[str, Any], address: str = CHILDREN) -> dict[str, str]:
    """What must be corrected, by field."""
    answer = client.post(address, json=payload)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_two_children_and_a_third_one_who_does_not_fit(client: httpx.Client, server: Server) -> None:
    """Three at once for two places: none is kept, also not the first two. Two: both, each with a receipt; again: the same."""
    phone = a_phone()
    prove(client, phone)
    everybody = parent(HANA, DURI, {"name": "김세찌", "birth_date": "2015-01-02"}, phone=phone)
    refused = client.post(CHILDREN, json=everybody)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/full")
    assert client.get("/api/my").json()["entries"] == []

    two = parent(HANA, DURI, phone=phone)
    kept = client.post(CHILDREN, json=two)
    assert kept.status_code == 201, kept.text
    (other,) = kept.json()["others"]
    assert {kept.json()["state"], other["state"]} == {"confirmed"} and other["number"] != kept.json()[
        "number"
    ]
    again = client.post(CHILDREN, json=two)
    assert (again.status_code, again.json()) == (200, kept.json())
    changed = {"receipt": kept.json()["receipt"], "email": "a@example.kr"}
    assert client.post(f"/api/entries/{kept.json()['number']}/change", json=changed).status_code == 200
    twice = client.post(CHILDREN, json=parent(HANA, phone=phone))
    assert twice.json()["type"] == "/problems/already-applied"  # counted is the child
    assert len(client.get("/api/my").json()["entries"]) == 2

    given = [str(word) for word in server.process.args]  # type: ignore[union-attr]
    where = [word for name in ("--data", "--content") for word in given[given.index(name) :][:2]]
    table = call("entries", "export", "lectures/children", "--reason", "명단", *where)
    head, first, second = table.stdout.splitlines()
    assert "신청한 사람" in head and "이 지역에 주소(주민등록)를 둔 주민입니다" in head, table.stderr
    assert "김하나" in first and "2014-05-01" in first and "보호자" in first and "동의함" in first
    assert "김두리" in second

    client.post(f"/api/entries/{other['number']}/cancel", json={"receipt": other["receipt"]})
    client.post(f"/api/entries/{kept.json()['number']}/cancel", json={"receipt": kept.json()["receipt"]})


def test_the_plain_way_for_two_children(client: httpx.Client) -> None:
    """Without a script: fields for each child, all of it to look over, a code, and the receipts of both."""
    phone = a_phone()
    fields = as_form(
        parent(phone=phone, answers={"resident": "on", "insurer": "on", "other_parent": "02 120-0000"})
    )
    del fields["participants"]
    fields |= {
        f"participants.{n}.{key}": text for n, child in ((0, HANA), (2, DURI)) for key, text in child.items()
    }
    form = page(
        client.post(CHILDREN, data={**fields, "step": "edit"}),
        200,
        "3번째 사람 적기",
        "사진을 소식지에 씁니다.",
    )
    assert re.search(r'<details class="participant" open>\s*<summary>3번째', form)
    late = {**fields, "participants.2.birth_date": "1990-01-31"}
    shown = page(
        client.post(CHILDREN, data={**late, "step": "check"}), 422, "만 7세부터 13세까지 신청할 수 있습니다"
    )
    assert 'href="#f-participants-2-birth-date"' in shown
    shown = page(
        client.post(CHILDREN, data={**fields, "step": "check"}), 200,
        "김하나, 2014년 5월 1일", "김두리, 2014년 5월 1일", "02-120-0000", "5,000원", "동의하지 않음", "동의함",
    )  # fmt: skip
    proof = a_proof(client, phone)
    sent = client.post(
        CHILDREN, data={**fields, "step": "send", "code": proof["code"], "request": proof["request"]}
    )
    assert sent.status_code == 303, sent.text
    receipt = page(client.get(sent.headers["location"]), 200, "함께 신청한 사람의 접수증", "5,000원")
    assert "김하나" not in receipt and len(set(re.findall(r"접수번호 ([A-Z0-9-]{9})<", receipt))) == 1
    prove(client, phone)
    for entry in client.get("/api/my").json()["entries"]:
        client.post(f"/api/entries/{entry['number']}/cancel", json={})


def test_what_must_be_corrected_of_participants(client: httpx.Client) -> None:
    """Nobody, the same twice, too young on the day, too many, unknown shapes: each by its field. Consents are asked apart."""
    assert wrong(client, parent()) == {
        "participants.0.name": "이름을 적어 주세요.",
        "participants.0.birth_date": "생년월일을 1990-01-31처럼 적어 주세요.",
    }
    assert wrong(client, parent(HANA, HANA)) == {"participants.1.name": "같은 사람을 두 번 적었습니다."}
    assert wrong(client, parent({**HANA, "school": "초등학교"})) == {
        "participants.0": "이 신청서에 없는 항목입니다."
    }
    assert len(wrong(client, parent({"name": "1"}, {"name": "2"}))) == 4
    young = {"name": "김막내", "birth_date": "2016-09-10"}  # seven on the tenth, the course is on the ninth
    assert wrong(client, parent(young)) == {
        "participants.0.birth_date": "만 7세부터 13세까지 신청할 수 있습니다. 적은 생년월일이면 2023년 9월 9일(토)에 만 6세입니다."
    }
    assert "participants" in wrong(client, parent(HANA, DURI, HANA, DURI))
    for odd in ("김하나", [["김하나"]], 3):
        assert "participants" in wrong(client, {**parent(), "participants": odd})
    assert set(wrong(client, parent(HANA, answers={"photo": "on", "mail": "a@", "other_parent": "112233"}))) == {
        "answers.mail", "answers.other_parent", "answers.resident", "answers.insurer",
    }  # fmt: skip
    hidden = {"name": "김하나 900101-1234567", "birth_date": "2014-05-01"}
    assert "participants" in wrong(client, parent(hidden))


def test_under_fourteen_a_guardian_signs_up(client: httpx.Client) -> None:
    """A form that asks a birth date of the applicant alone takes no child: fourteen on the day is old enough."""
    form = "/api/forms/lectures/relatives"
    said = wrong(client, an_application(birth_date="2009-08-17"), form)
    assert said == {"birth_date": "만 14세 미만은 보호자가 신청해야 합니다. 담당 부서에 문의해 주세요."}
    assert client.post(form, json=an_application(birth_date="2009-08-16")).status_code == 201


def test_companions_are_named_one_by_one(client: httpx.Client) -> None:
    """As many names as people come along; nobody, none."""
    form = "/api/forms/lectures/picnic"
    named = {"answers": {"companions": "이영희\n박철수"}}
    assert client.post(form, json=an_application(party=3, **named)).status_code == 201
    assert client.post(form, json=an_application()).status_code == 201
    said = {"answers.companions": "함께 오는 사람 1명의 이름을 한 줄에 한 사람씩 적어 주세요."}
    assert wrong(client, an_application(party=2, **named), form) == said
    assert wrong(client, an_application(party=2), form) == said
