"""When a draw's list is settled and frozen: by whoever comes first once the time has come. No web, no clock, no files."""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime

from civic.places.draw_list import (
    BY_STAFF,
    EXCLUDED,
    LATE,
    LONGEST,
    TWO,
    DrawnEntry,
    FrozenList,
    LeftOut,
    list_hash,
    sha256,
)
from civic.places.form_round import FormRound
from civic.store.book import Book


def is_due(round_: FormRound, now: datetime, facts: Mapping[str, str]) -> bool:
    """Is there a list to be settled or frozen now? Cheap: asked every second."""
    if not round_.spec.is_drawn or {"frozen", "called-off"} & facts.keys() or facts.get("listed") == "":
        return False
    is_over = now >= round_.window_end or round_.is_closed(facts)
    return is_over and ("listed" not in facts or now >= round_.freeze_at)


def settle(book: Book, round_: FormRound, now: datetime) -> None:
    """Settle the list when sign-up has ended and freeze it when its time has come, once each. Does nothing else."""
    facts = book.fixed(round_.id)
    if not is_due(round_, now, facts):
        return
    now = now.replace(microsecond=0)
    received = book.entries(round_.id, ("received", "cancelled", "rejected"))
    if "listed" not in facts:
        listed = [e for e in received if e.state == "received" or e.cause.startswith(EXCLUDED)]
        if round_.spec.selection == "window-draw" and not any(e.state == "received" for e in listed):
            book.fix(round_.id, "listed", "", now)  # everyone has a place
            return
        numbers = sorted(entry.draw for entry in listed)
        free = max(0, round_.round.places - book.counts(round_.id).taken)
        text = json.dumps({"at": now.isoformat(), "numbers": numbers, "places": free})
        book.fix(round_.id, "listed", text, now)
    if now >= round_.freeze_at:
        kept = json.loads(book.fixed(round_.id)["listed"])
        frozen = _frozen(book, round_, now, set(kept["numbers"]), kept["places"])
        book.fix(round_.id, "frozen", frozen.model_dump_json(), now)


def _frozen(book: Book, round_: FormRound, now: datetime, listed: set[str], places: int) -> FrozenList:
    spec, most = round_.spec, round_.round.most_waiting
    entries = sorted((e for e in book.entries(round_.id) if e.draw in listed), key=lambda entry: entry.draw)
    out = [entry for entry in entries if entry.cause.startswith(EXCLUDED)]
    is_late = spec.seed_at is not None and now >= spec.seed_at
    return FrozenList.of(
        round_.subject,
        round_.id,
        label=round_.label,
        frozen_at=now,
        places=places,
        waiting=None if most is None else max(0, most - book.counts(round_.id).waiting),
        entries=tuple(DrawnEntry(entry.draw, entry.size) for entry in entries if entry not in out),
        excluded=tuple(_left_out(entry.draw, entry.size, entry.cause) for entry in out),
        by_staff=sum(entry.cause.startswith(BY_STAFF) for entry in entries),
        kind="two" if is_late else spec.drawn_by,
        source=f"{LATE} ({spec.seed})"[:LONGEST] if is_late else spec.seed or TWO,
        seed_at=None if is_late else spec.seed_at,
        closing=list_hash(DrawnEntry(entry.draw, entry.size) for entry in entries),
        late=is_late,
    )


def _left_out(number: str, size: int, cause: str) -> LeftOut:
    reason, salt = cause.removeprefix(EXCLUDED), secrets.token_hex(16)
    return LeftOut(number, size, sha256(salt + reason), reason, salt)
