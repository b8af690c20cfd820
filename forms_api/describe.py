"""The API as OpenAPI 3.1, written from the forms and polls themselves. No state, no counts."""

from collections.abc import Iterable, Mapping
from typing import Any

from civic import errors
from civic.content.form import FormSpec
from civic.content.pages import Document
from civic.content.poll import Poll
from civic.content.site import Site
from civic.links import api
from civic.votes.envelope import slot_of

Schema = dict[str, Any]


def refusals() -> list[type[errors.Refused]]:
    """Every refusal of a post, without those of the web alone."""
    return [kind for kind in errors.Refused.__subclasses__() if kind.__module__ == errors.__name__]


def _object(properties: Mapping[str, Schema], required: Iterable[str] | None = None) -> Schema:
    """required: names of properties; None means all."""
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties)} | ({"required": names} if names else {})


def _call(
    summary: str, answer: Schema | None = None, body: Schema | None = None, done: str = "200"
) -> Schema:
    """A call with what it answers. done: its statuses then; "200 201": the same post again gives the same."""
    success = {"description": "done", "content": {"application/json": {"schema": answer or {}}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refused = {"description": "refused", "content": problem}
    call: Schema = {
        "summary": summary,
        "responses": {**dict.fromkeys(done.split(), success), "default": refused},
    }
    if body:
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return call


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
TIME: Schema = {"type": "string", "format": "date-time"}
CODE: Schema = {"type": "string", "examples": ["7K3F-9QXM-34AC-DEFG"]}
LAST4: Schema = {"phone_last4": {"type": "string", "pattern": "^[0-9]{4}$"}}
PROBLEM = _object(
    {
        "type": {"type": "string", "enum": [f"/problems/{kind.name}" for kind in refusals()]},
        "title": TEXT,
        "status": NUMBER,
        "detail": TEXT,
        "errors": {"type": "array", "items": _object({"field": TEXT, "message": TEXT}, required=())},
    }
)
LINE = "place in the waiting line; 1 is next; null behind a draw"
RECEIPT = _object(
    {
        "number": {"type": "string", "examples": ["7K3F-9QXM"]},
        "state": TEXT,
        "position": {"type": ["integer", "null"], "description": LINE},
        "round": TEXT,
        "receipt": {"type": "string", "description": "address of the receipt page"},
        "draw_number": {"type": "string", "description": "public in a draw; only where places are drawn"},
        "others": {
            "type": "array",
            "items": {"type": "object"},
            "description": "the same of each further participant",
        },
    },
    required=("number", "state", "position", "round", "receipt"),
)
VOTE_RECEIPT = _object(
    {
        "receipt": {**CODE, "description": "fingerprint of the envelope"},
        "signature": {**TEXT, "description": "Ed25519, base64url, over poll, rules and receipt"},
        "rules": {**TEXT, "description": "SHA-256 of rules and proposals"},
        "tracker": {**CODE, "description": "only where the server sealed"},
    },
    required=("receipt", "signature", "rules"),
)
BOARD = _object(
    {
        **dict.fromkeys(("poll", "rules", "receipt_key"), TEXT),
        **dict.fromkeys(("voters", "papers"), NUMBER),
        "receipts": {"type": "array", "items": CODE},
    },
    required=(),
)
POLL = _object(
    {
        **dict.fromkeys(("poll", "title", "rules", "receipt_key"), TEXT),
        **dict.fromkeys(("opens", "closes"), TIME),
        "state": {"enum": ["upcoming", "open", "closed"]},
        "assurance": {"enum": [1, 2, 3]},
        "keys": {"type": "array", "items": TEXT, "description": "P-256 points of the key holders, base64url"},
        "keys_needed": NUMBER,
        "room": {"type": "integer", "description": "bytes of an envelope's padded content"},
        "max_picks": NUMBER,
        "blank_allowed": {"type": "boolean"},
        "types": {"type": "object"},
    },
    required=(),
)
ASKED = _object({"sent": {"const": True}, "minutes": NUMBER, "request": TEXT}, required=())
PROOF: Schema = {
    "contact": TEXT,
    "code": {"type": "string", "pattern": "^[0-9]{6}$"},
    "request": {**TEXT, "description": "what asking answered: keeps strangers from using up the tries"},
}
MINE = _object(
    {"entries": {"type": "array", "items": {"type": "object"}}, "until": TIME, "fresh": {"type": "boolean"}}
)
NUMBERED: Schema = {"parameters": [{"name": "number", "in": "path", "required": True, "schema": TEXT}]}
ASKING = {"post": _call("Send a one-time code", ASKED, _object({"contact": TEXT}), "202")}
PROVING = _object({**PROOF, "mine": {"type": "boolean"}}, PROOF)
CALLS: Schema = {  # those that no page adds
    "/api/status": {"get": _call("State of every form")},
    "/api/contacts/code": ASKING,
    "/api/contacts/ticket": {
        "get": _call("Has this browser lately proven a phone?", _object({"fresh": {"type": "boolean"}})),
        "post": _call("Prove a contact; the answer sets a cookie", {}, PROVING, "200 201"),
    },
    "/api/contacts/forget": {"post": _call("End this browser's proof", {}, _object({}))},
    "/api/my": {"get": _call("What the proven contact signed up for", MINE)},
    "/api/entries/lookup": {"post": _call("Look an entry up", {}, _object({"number": TEXT, **LAST4}))},
    **{
        f"/api/entries/{{number}}/{act}": {"post": _call(said, {}, _object(LAST4)) | NUMBERED}
        for act, said in (
            ("cancel", "Cancel an entry"),
            ("accept", "Take an offered place"),
            ("decline", "Leave an offered place to the next"),
            ("change", "Change answers, e-mail or round"),
        )
    },
}


def describe_api(site: Site, subjects: Iterable[Document], polls: Iterable[Poll] = ()) -> Schema:
    """The whole document."""
    paths = dict(CALLS)
    for doc in subjects:
        if doc.spec:
            applying = application_schema(doc.spec)
            paths[api(doc.folder, doc.slug)] = {
                "get": _call(f"{doc.title}: questions, rounds, state"),
                "post": _call(f"{doc.title}: sign up", RECEIPT, applying, "200 201"),
            }
    for poll in polls:
        paths |= _poll_paths(poll)
    return {
        "openapi": "3.1.0",
        "info": {"title": site.name, "version": "1"},
        "servers": [{"url": site.base_url}],
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM}},
    }


def application_schema(spec: FormSpec) -> Schema:
    """What a post to this form holds, as JSON Schema."""
    properties: Schema = {
        "round": {"type": "string", "enum": [each.id for each in spec.rounds]},
        "name": TEXT,
        "phone": TEXT,
        "consent": {"const": True},
        "submission_id": {"type": "string", "format": "uuid"},
    }
    required = list(properties)
    if spec.needs_proof:
        properties |= {name: PROOF[name] for name in ("code", "request")}  # or a ticket
    if spec.email != "none":
        properties["email"] = {"type": "string", "format": "email"}
    if spec.email == "required":
        required.append("email")
    if spec.person == "phone+birth_date":
        properties["birth_date"] = {"type": "string", "format": "date"}
        required.append("birth_date")
    if spec.has_participants:
        one = _object({"name": TEXT, "birth_date": {"type": "string", "format": "date"}})
        properties["participants"] = {
            "type": "array", "items": one, "minItems": 1, "maxItems": spec.people_per_contact
        }  # fmt: skip
        required.append("participants")
    if spec.party > 1:
        properties["party"] = {"type": "integer", "minimum": 1, "maximum": spec.party}
    if spec.fields:
        needed = [question.name for question in spec.fields if question.required]
        properties["answers"] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {q.name: {"title": q.label, **q.answer_schema()} for q in spec.fields},
            "required": needed,
        }
        required += ["answers"] if needed else []
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _poll_paths(poll: Poll) -> Schema:
    """Every call of a poll."""
    address = f"/api/votes/{poll.slug}"
    picks = {"type": "array", "items": TEXT, "uniqueItems": True, "maxItems": poll.max_picks}
    checked = _object({"choices": picks, "cost": NUMBER}, required=())
    check = _call("Look choices over; nothing is kept", checked, _object({"choices": picks}))
    ballot = _call("Cast; the last one counts", VOTE_RECEIPT, _ballot(poll, picks), "200 201")
    by_provider = {"get": _call("Leads to the identity provider (302)")}
    proving = {"identity": by_provider} if poll.assurance == 3 else {"code": ASKING}
    calls = {
        "receipts": {"get": _call("After closing: all receipts", BOARD)},
        "check": {"post": check},
        **proving,
        "ballots": {"post": ballot},
    }
    described = {"get": _call(f"{poll.title}: state, limits, what sealing needs", POLL)}
    return {address: described} | {f"{address}/{step}": call for step, call in calls.items()}


def _ballot(poll: Poll, picks: Schema) -> Schema:
    ticket = {"ticket": {**TEXT, "description": "from the page after the identity provider"}}
    proof = ticket if poll.assurance == 3 else PROOF
    # envelope: all of a poll have one length, whatever was chosen
    signs = -(-slot_of(poll, ()).length * 4 // 3)
    sealed = {**TEXT, "minLength": signs, "maxLength": signs, "description": "docs/voting.md, base64url"}
    again = {**TEXT, "description": "random id of the sender: the same post again gives the same ballot"}
    needed = [name for name in proof if name != "request"]
    return {
        "oneOf": [
            _object({**proof, "envelope": sealed}, [*needed, "envelope"]),
            _object({**proof, "choices": picks, "submission": again}, [*needed, "choices"]),
        ]
    }
