"""The calls of voting in the API's description, one set per poll. No state, no counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from civic.content.poll import Poll
from civic.votes.envelope import room

Call = Callable[..., dict[str, Any]]
TEXT = {"type": "string"}
CODE = {"type": "string", "examples": ["7K3F-9QXM-34AC-DEFG"]}
RECEIPT = {
    "type": "object",
    "required": ["receipt", "signature", "rules"],
    "properties": {
        "receipt": {**CODE, "description": "fingerprint of the envelope"},
        "signature": {**TEXT, "description": "Ed25519, base64url, over poll, rules and receipt"},
        "rules": {**TEXT, "description": "SHA-256 of rules and proposals"},
        "tracker": {**CODE, "description": "only where the server sealed"},
    },
}
BOARD = {
    "type": "object",
    "properties": {
        "poll": TEXT,
        "rules": TEXT,
        "voters": {"type": "integer"},
        "papers": {"type": "integer"},
        "receipts": {"type": "array", "items": CODE},
        "digest": TEXT,
        "receipt_key": TEXT,
    },
}
STANDING = {
    "type": "object",
    "properties": {
        "poll": TEXT,
        "title": TEXT,
        "state": {"enum": ["upcoming", "open", "closed"]},
        "opens": {"type": "string", "format": "date-time"},
        "closes": {"type": "string", "format": "date-time"},
        "assurance": {"enum": [1, 2, 3]},
        "rules": TEXT,
        "keys": {"type": "array", "items": TEXT, "description": "P-256 points of the key holders, base64url"},
        "room": {"type": "integer", "description": "bytes of an envelope's padded content"},
        "max_picks": {"type": "integer"},
        "blank_allowed": {"type": "boolean"},
        "types": {"type": "object"},
        "receipt_key": TEXT,
    },
}


def vote_paths(polls: Iterable[Poll], call: Call) -> dict[str, Any]:
    """Every call of every poll. call: makes one, as `forms_api.describe` does for forms."""
    paths: dict[str, Any] = {}
    for poll in polls:
        address = f"/api/votes/{poll.slug}"
        paths[address] = {"get": call(f"{poll.title}: state, limits, what sealing needs", STANDING)}
        paths[f"{address}/receipts"] = {"get": call("After closing: all receipts", BOARD)}
        picks = {"type": "array", "items": TEXT, "uniqueItems": True, "maxItems": poll.max_picks}
        checked = {"type": "object", "properties": {"choices": picks, "cost": {"type": "integer"}}}
        only_picks = _body({"choices": picks}, ["choices"])
        paths[f"{address}/check"] = {"post": call("Look choices over; nothing is kept", checked, only_picks)}
        if poll.assurance == 3:
            paths[f"{address}/identity"] = {"get": call("Leads to the identity provider (302)", {})}
        else:
            paths[f"{address}/code"] = {"post": _accepted(call)}
        paths[f"{address}/ballots"] = {
            "post": call("Cast; the last one counts", RECEIPT, _ballot(poll, picks), created=True)
        }
    return paths


def _ballot(poll: Poll, picks: dict[str, Any]) -> dict[str, Any]:
    if poll.assurance == 3:
        proof = {"ticket": {**TEXT, "description": "from the page after the identity provider"}}
    else:
        asked = {**TEXT, "description": "what /code answered: keeps strangers from using up the tries"}
        proof = {"contact": TEXT, "code": {"type": "string", "pattern": "^[0-9]{6}$"}, "request": asked}
    # envelope: all of a poll have one length, whatever was chosen
    signs = -(-(1 + 16 + 32 + 65 + room(poll.max_picks) + 16) * 4 // 3)
    sealed = {**TEXT, "minLength": signs, "maxLength": signs, "description": "docs/voting.md, base64url"}
    again = {**TEXT, "description": "random id of the sender: the same post again gives the same ballot"}
    needed = [name for name in proof if name != "request"]
    return {
        "oneOf": [
            _body({**proof, "envelope": sealed}, [*needed, "envelope"]),
            _body({**proof, "choices": picks, "submission": again}, [*needed, "choices"]),
        ]
    }


def _accepted(call: Call) -> dict[str, Any]:
    told = {"sent": {"const": True}, "minutes": {"type": "integer"}, "request": TEXT}
    made = call(
        "Send a one-time code", {"type": "object", "properties": told}, _body({"contact": TEXT}, ["contact"])
    )
    made["responses"]["202"] = made["responses"].pop("200")
    return made


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}
