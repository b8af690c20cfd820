"""The API as OpenAPI 3.1, written from the forms themselves. No state, no counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from civic import errors
from civic.content.form import FormSpec
from civic.content.pages import Document, Site
from civic.content.poll import Poll
from civic.links import api
from forms_api.openapi_votes import vote_paths

REFUSALS = (
    errors.Invalid,
    errors.NotOpen,
    errors.Closed,
    errors.Full,
    errors.AlreadyApplied,
    errors.LimitReached,
    errors.NotEligible,
    errors.WrongCode,
    errors.ForbiddenOrigin,
    errors.NotFound,
    errors.TooLarge,
    errors.UnsupportedType,
    errors.TooMany,
    errors.Unavailable,
)
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "enum": [f"/problems/{each.name}" for each in REFUSALS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
RECEIPT = {
    "type": "object",
    "required": ["number", "state", "position", "round", "receipt"],
    "properties": {
        "number": {"type": "string", "examples": ["7K3F-9QXM"]},
        "state": {"type": "string"},
        "position": {
            "type": ["integer", "null"],
            "description": "place in the waiting line; 1 is next; null behind a draw",
        },
        "round": {"type": "string"},
        "receipt": {"type": "string", "description": "address of the receipt page"},
    },
}


def describe_api(site: Site, subjects: Iterable[Document], polls: Iterable[Poll] = ()) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {
        "/api/status": {"get": _call("State of every form", {})},
        "/api/entries/lookup": {"post": _call("Look an entry up", {}, _credentials(with_number=True))},
    }
    for act, said in (
        ("cancel", "Cancel an entry"),
        ("accept", "Take an offered place"),
        ("decline", "Leave an offered place to the next"),
    ):
        paths[f"/api/entries/{{number}}/{act}"] = {
            "post": {
                **_call(said, {}, _credentials(with_number=False)),
                "parameters": [
                    {"name": "number", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
            }
        }
    for doc in subjects:
        if doc.spec:
            paths[api(doc.folder, doc.slug)] = {
                "get": _call(f"{doc.title}: questions, rounds, state", {}),
                "post": {
                    **_call(f"{doc.title}: sign up", RECEIPT, application_schema(doc.spec), created=True),
                },
            }
    paths |= vote_paths(polls, _call)
    return {
        "openapi": "3.1.0",
        "info": {"title": site.name, "version": "1"},
        "servers": [{"url": site.base_url}],
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM}},
    }


def application_schema(spec: FormSpec) -> dict[str, Any]:
    """What a post to this form holds, as JSON Schema."""
    properties: dict[str, Any] = {
        "round": {"type": "string", "enum": [each.id for each in spec.rounds]},
        "name": {"type": "string"},
        "phone": {"type": "string"},
        "consent": {"const": True},
        "submission_id": {"type": "string", "format": "uuid"},
    }
    required = list(properties)
    if spec.email != "none":
        properties["email"] = {"type": "string", "format": "email"}
    if spec.email == "required":
        required.append("email")
    if spec.person == "phone+birth_date":
        properties["birth_date"] = {"type": "string", "format": "date"}
        required.append("birth_date")
    if spec.party > 1:
        properties["party"] = {"type": "integer", "minimum": 1, "maximum": spec.party}
    if spec.fields:
        properties["answers"] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {q.name: {"title": q.label, **q.answer_schema()} for q in spec.fields},
            "required": [question.name for question in spec.fields if question.required],
        }
        if any(question.required for question in spec.fields):
            required.append("answers")
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _credentials(with_number: bool) -> dict[str, Any]:
    properties = {"phone_last4": {"type": "string", "pattern": "^[0-9]{4}$"}}
    if with_number:
        properties = {"number": {"type": "string"}, **properties}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _call(
    summary: str, answer: dict[str, Any], body: dict[str, Any] | None = None, created: bool = False
) -> dict[str, Any]:
    done = {"description": "done", "content": {"application/json": {"schema": answer}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: dict[str, Any] = {"200": done, "default": {"description": "refused", "content": problem}}
    if created:
        responses["201"] = done
    call: dict[str, Any] = {"summary": summary, "responses": responses}
    if body:
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return call
