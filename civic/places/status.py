"""What everybody may know of all forms at once: state, places, people. Nothing of any entry."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from civic.clock import Clock
from civic.content.form import FormSpec
from civic.content.pages import Document, Pages
from civic.errors import Unavailable
from civic.places import rules
from civic.places.form_round import FormRound, rounds_of
from civic.store.entry import Counts, Overview
from civic.store.store import Store


class Desk(Protocol):
    """Where sign-ups are taken in: see `civic.places.intake.Intake`."""

    library: Pages
    store: Store
    clock: Clock

    def facts(self, round_: FormRound, now: datetime) -> Mapping[str, str]: ...

    def state(self, spec: FormSpec, now: datetime, counts: Mapping[str, Counts]) -> str: ...


def status(intake: Desk) -> dict[str, Any]:
    """State of every form with a count per round: the document of GET /api/status."""
    known, now = intake.store.overview(), intake.clock.now()
    forms: dict[str, Any] = {}
    rounds = {doc.subject: rounds_of(doc) for doc in intake.library.subjects()}
    with suppress(Unavailable):  # where nothing can be written, what is known can be shown
        over = [each for found in rounds.values() for each in found if now >= each.closes]
        _ = [intake.facts(each, now) for each in over]
    for doc in intake.library.subjects():
        if doc.spec is None:
            continue
        counts = with_closed(rounds[doc.subject], known.get(doc.subject, Overview()))
        forms[doc.subject] = of_form(intake, doc, doc.spec, now, counts)
    return {"now": now.isoformat(timespec="seconds"), "forms": forms}


def of_form(
    intake: Desk, doc: Document, spec: FormSpec, now: datetime, counts: Mapping[str, Counts]
) -> dict[str, Any]:
    """One form. A round's own times stand there only where it has any; while the form is shut, so are its rounds."""
    form = "closed" if doc.off else intake.state(spec, now, counts)
    rounds: dict[str, Any] = {}
    for each in rounds_of(doc):
        held = counts.get(each.id, rules.NOBODY)
        state = "closed" if form == "closed" else rules.round_state(each, now, held)
        own = {"opens": each.round.opens, "closes": each.round.closes}
        rounds[each.round.id] = {
            "state": form if form == "upcoming" and state != "closed" else state,
            "places": each.places,
            "taken": held.taken,
            "waiting": held.waiting,
            **{name: at.isoformat() for name, at in own.items() if at},
        }
    times = {"opens": spec.opens.isoformat(), "closes": spec.closes.isoformat()}
    return {"state": form, **times, "rounds": rounds}


def with_closed(rounds: Iterable[FormRound], known: Overview) -> dict[str, Counts]:
    """The counts of these rounds, and which of them are closed for good."""
    if not known.facts:
        return known.counts
    closed = [each.id for each in rounds if each.is_closed(known.facts.get(each.id))]
    return {**known.counts, **{id: replace(known.counts.get(id, rules.NOBODY), closed=True) for id in closed}}
