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


def _object(properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """optional: names of properties that may be missing."""
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties)} | ({"required": needed} if needed else {})


def _call(
    summary: str, answer: Schema | None = None, body: Schema | None = None, done: str = "200"
) -> Schema:
    """A call with what it answers. done: its statuses then; "200 201": the same post again gives the same."""
    success = {"description": "done", "content": {"application/json": {"schema": answer or {}}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refused = {"description": "refused", "content": problem}
    sent = {"required": True, "content": {"application/json": {"schema": body}}}
    return {
        "summary": summary,
        "responses": {**dict.fromkeys(done.split(), success), "default": refused},
        **({"requestBody": sent} if body else {}),
    }


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
CLAIM: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
CODE: Schema = {"type": "string", "examples": ["7K3F-9QXM-34AC-DEFG"]}
LAST4: Schema = {"phone_last4": {"type": "string", "pattern": "^[0-9]{4}$"}}
# Of every refusal of a post, without those of the web alone.
NAMES = [kind.name for kind in errors.Refused.__subclasses__() if kind.__module__ == errors.__name__]
PROBLEM = _object(
    {
        "type": {"type": "string", "enum": [f"/problems/{name}" for name in NAMES]},
        "title": TEXT,
        "status": NUMBER,
        "detail": TEXT,
        "errors": {"type": "array", "items": _object({"field": TEXT, "message": TEXT})},
    }
)
LINE = "place in the waiting line; 1 is next; null behind a draw"
SAME = "the same of each further participant"
RECEIPT = _object(
    {
        "number": {"type": "string", "examples": ["7K3F-9QXM"]},
        "state": TEXT,
        "position": {"type": ["integer", "null"], "description": LINE},
        "round": TEXT,
        "receipt": {**TEXT, "description": "address of the receipt page"},
        "draw_number": {**TEXT, "description": "public in a draw; only where places are drawn"},
        "others": {"type": "array", "items": {"type": "object"}, "description": SAME},
    },
    optional=("draw_number", "others"),
)
VOTE_RECEIPT = _object(
    {
        "receipt": {**CODE, "description": "fingerprint of the envelope"},
        "signature": {**TEXT, "description": "Ed25519, base64url, over poll, rules and receipt"},
        "rules": {**TEXT, "description": "SHA-256 of rules and proposals"},
        "tracker": {**CODE, "description": "only where the server sealed"},
    },
    optional=("tracker",),
)
BOARD = _object(
    {
        **dict.fromkeys(("poll", "rules", "receipt_key"), TEXT),
        **dict.fromkeys(("voters", "papers"), NUMBER),
        "receipts": {"type": "array", "items": CODE},
    }
)
POINTS = "P-256 points of the key holders, base64url"
POLL = _object(
    {
        **dict.fromkeys(("poll", "title", "rules", "receipt_key"), TEXT),
        **dict.fromkeys(("opens", "closes"), TIME),
        **dict.fromkeys(("keys_needed", "max_picks"), NUMBER),
        "state": {"enum": ["upcoming", "open", "closed"]},
        "assurance": {"enum": [1, 2, 3]},
        "keys": {"type": "array", "items": TEXT, "description": POINTS},
        "room": {**NUMBER, "description": "bytes of an envelope's padded content"},
        "blank_allowed": CLAIM,
        "types": {"type": "object"},
    }
)
ASKED = _object({"sent": {"const": True}, "minutes": NUMBER, "request": TEXT})
PROOF: Schema = {
    "contact": TEXT,
    "code": {"type": "string", "pattern": "^[0-9]{6}$"},
    "request": {**TEXT, "description": "what asking answered: keeps strangers from using up the tries"},
}
MINE = _object({"entries": {"type": "array", "items": {"type": "object"}}, "until": TIME, "fresh": CLAIM})
NUMBERED: Schema = {"parameters": [{"name": "number", "in": "path", "required": True, "schema": TEXT}]}
ASKING = {"post": _call("Send a one-time code", ASKED, _object({"contact": TEXT}), "202")}
PROVING = _object({**PROOF, "mine": CLAIM}, optional=("mine",))
CALLS: Schema = {  # those that no page adds
    "/api/status": {"get": _call("State of every form")},
    "/api/contacts/code": ASKING,
    "/api/contacts/ticket": {
        "get": _call("Has this browser lately proven a phone?", _object({"fresh": CLAIM})),
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
    rounds = [each.id for each in spec.rounds]
    one = _object({"name": TEXT, "birth_date": DAY})
    people = {"type": "array", "items": one, "minItems": 1, "maxItems": spec.people_per_contact}
    answers = {each.name: {"title": each.label, **each.answer_schema()} for each in spec.fields}
    open_ended = {each.name for each in spec.fields if not each.required}
    rows: list[tuple[str, Schema, bool, bool]] = [  # name, schema; has the form it, must it be there
        ("round", {"type": "string", "enum": rounds}, True, True),
        ("name", TEXT, True, True),
        ("phone", TEXT, True, True),
        ("consent", {"const": True}, True, True),
        ("submission_id", {"type": "string", "format": "uuid"}, True, True),
        ("code", PROOF["code"], spec.needs_proof, False),  # or a ticket
        ("request", PROOF["request"], spec.needs_proof, False),
        ("email", {"type": "string", "format": "email"}, spec.email != "none", spec.email == "required"),
        ("birth_date", DAY, spec.person == "phone+birth_date", True),
        ("participants", people, spec.has_participants, True),
        ("party", {"type": "integer", "minimum": 1, "maximum": spec.party}, spec.party > 1, False),
        ("answers", _closed(answers, open_ended), bool(answers), open_ended < answers.keys()),
    ]
    properties = {name: schema for name, schema, is_asked, _ in rows if is_asked}
    return _closed(properties, [name for name, _, _, is_needed in rows if not is_needed])


def _closed(properties: Mapping[str, Schema], optional: Iterable[str]) -> Schema:
    return {**_object(properties, optional), "additionalProperties": False}


def _poll_paths(poll: Poll) -> Schema:
    """Every call of a poll."""
    address = f"/api/votes/{poll.slug}"
    picks = {"type": "array", "items": TEXT, "uniqueItems": True, "maxItems": poll.max_picks}
    checked = _object({"choices": picks, "cost": NUMBER})
    by_provider = {"/identity": {"get": _call("Leads to the identity provider (302)")}}
    check = _call("Look choices over; nothing is kept", checked, _object({"choices": picks}))
    cast = _call("Cast; the last one counts", VOTE_RECEIPT, _ballot(poll, picks), "200 201")
    calls = {
        "": {"get": _call(f"{poll.title}: state, limits, what sealing needs", POLL)},
        "/receipts": {"get": _call("After closing: all receipts", BOARD)},
        "/check": {"post": check},
        **(by_provider if poll.assurance == 3 else {"/code": ASKING}),
        "/ballots": {"post": cast},
    }
    return {f"{address}{step}": call for step, call in calls.items()}


def _ballot(poll: Poll, picks: Schema) -> Schema:
    ticket = {"ticket": {**TEXT, "description": "from the page after the identity provider"}}
    proof = ticket if poll.assurance == 3 else PROOF
    # envelope: all of a poll have one length, whatever was chosen
    signs = -(-slot_of(poll, ()).length * 4 // 3)
    sealed = {**TEXT, "minLength": signs, "maxLength": signs, "description": "docs/voting.md, base64url"}
    again = {**TEXT, "description": "random id of the sender: the same post again gives the same ballot"}
    by_script = _object({**proof, "envelope": sealed}, optional=("request",))
    by_form = _object({**proof, "choices": picks, "submission": again}, optional=("request", "submission"))
    return {"oneOf": [by_script, by_form]}
