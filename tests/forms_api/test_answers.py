"""How answers leave the app, and what must stay true of them from release to release."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from werkzeug.test import create_environ

from civic.clock import parse_time
from civic.store.entry import Entry
from forms_api.app import WholeResponse
from forms_api.operations import Services


def test_a_receipt_address_given_out_once_stays_valid() -> None:
    """The token of this number under this key: the number and the keyed hash of it as a receipt."""
    parts = Services.__new__(Services)
    parts.intake = cast(Any, SimpleNamespace(keys=SimpleNamespace(link=b"k" * 32)))
    token = "7K3F-9QXM.f790e2204bc614179602c404b31e0d636294983b583a927ebb4d741af48fb3f3"
    assert parts.receipt("7K3F-9QXM") == f"/api/receipts/{token}"
    assert parts.receipt_number(token) == "7K3F-9QXM"


def test_a_whole_answer_is_one_list() -> None:
    """A known body is a list with its length; HEAD, 304 and a stream are left to werkzeug."""
    closed: list[int] = []
    answer = WholeResponse("본문")
    answer.call_on_close(lambda: closed.append(1))
    body, _, headers = answer.get_wsgi_response(create_environ(method="GET"))
    assert body == ["본문".encode()] and ("Content-Length", "6") in headers and closed == [1]
    stream = WholeResponse(iter([b"1"]))
    for other, method in ((WholeResponse("본문"), "HEAD"), (WholeResponse("", 304), "GET"), (stream, "GET")):
        found, _, _ = other.get_wsgi_response(create_environ(method=method))
        assert not isinstance(found, list)


def test_an_entry_but_for_some_fields() -> None:
    """The same as dataclasses.replace gives; the first stays as it was; an unknown field is refused."""
    now = parse_time("2023-08-16T09:00")
    one = Entry("7K3F-9QXM", "lectures/a", "r1", "received", 0, "p", "q", "s", now, now)
    later = now + timedelta(hours=1)
    assert one.but(state="confirmed", changed=later) == replace(one, state="confirmed", changed=later)
    assert one.state == "received" and one.changed == now
    with pytest.raises(TypeError):
        one.but(stat="confirmed")
