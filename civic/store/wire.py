"""What goes through the door of a data folder: one JSON line per question and answer. No socket here."""

from __future__ import annotations

import base64
import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from civic.clock import SEOUL
from civic.errors import FieldError, Refused, Unavailable
from civic.store.book import Change, Message, NumberTaken
from civic.store.entry import Cap, Counts, Entry, Seat

SHAPES: dict[str, Any] = {
    shape.__name__: shape for shape in (Cap, Change, Counts, Entry, FieldError, Message, Seat)
}


def pack(value: Any) -> bytes:
    """One line of JSON for a value made of our shapes, times, bytes, lists and plain values."""
    return json.dumps(_plain(value), ensure_ascii=False).encode() + b"\n"


def unpack(line: bytes) -> Any:
    """The value of a line. Raises ValueError when it is none."""
    try:
        return _rich(json.loads(line))
    except (KeyError, TypeError) as err:
        raise ValueError("not one of our lines") from err


def pack_error(err: Exception) -> bytes:
    """A refusal, so that the other side can raise the same; anything else becomes Unavailable."""
    if isinstance(err, NumberTaken):
        return pack({"refused": "NumberTaken"})
    known = err if isinstance(err, Refused) else Unavailable()
    return pack(
        {
            "refused": type(known).__name__,
            "detail": known.detail,
            "errors": list(known.errors),
            "retry_after": getattr(known, "retry_after", None),
        }
    )


def error_of(answer: dict[str, Any]) -> Exception:
    """The exception of an answer made by `pack_error`."""
    if answer["refused"] == "NumberTaken":
        return NumberTaken()
    kinds = {kind.__name__: kind for kind in Refused.__subclasses__()}
    kind = kinds.get(answer["refused"], Unavailable)
    refused = kind.__new__(kind)  # its constructor composes the words; here they are given
    Refused.__init__(refused, answer["detail"], answer["errors"])
    if answer["retry_after"] is not None:
        refused.retry_after = answer["retry_after"]  # type: ignore[attr-defined]  # TooMany and Unavailable
    return refused


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"is": "time", "of": value.isoformat()}
    if isinstance(value, bytes):
        return {"is": "bytes", "of": base64.b64encode(value).decode()}
    if is_dataclass(value):
        held = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"is": type(value).__name__, "of": held}
    if isinstance(value, dict):
        return {"is": "dict", "of": {key: _plain(inner) for key, inner in value.items()}}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return [_rich(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kind, held = value["is"], value["of"]
    if kind == "time":
        return datetime.fromisoformat(held).astimezone(SEOUL)
    if kind == "bytes":
        return base64.b64decode(held)
    rich = {name: _rich(inner) for name, inner in held.items()}
    if kind == "dict":
        return rich
    return SHAPES[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in rich.items()})
