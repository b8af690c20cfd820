"""What everybody may know of all forms at once: state, places, people. Nothing of any entry."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from civic.content.form import FormSpec
from civic.content.pages import Document
from civic.errors import Unavailable
from civic.places import rules
from civic.places.form_round import FormRound, rounds_of
from civic.places.intake import Intake, with_closed
from civic.store.entry import ENCODER, Counts, Overview


@dataclass
class Form:
    """A form as far as it depends on the content alone, and how it stood last."""

    doc: Document
    spec: FormSpec
    moments: list[datetime]  # at which a state may change whatever people do, sorted
    rounds: dict[str, FormRound]  # by the name under which the store keeps them
    seen: Any = None  # by what it was said last
    last: Mapping[str, Any] = field(default_factory=dict)  # never changed in place
    text: str = ""  # the same as JSON


def form_of(doc: Document, spec: FormSpec) -> Form:
    """The form of a page."""
    rounds = {each.id: each for each in rounds_of(doc)}
    moments = {at for r in rounds.values() for at in (r.opens, r.closes, r.window_end, r.begins) if at}
    return Form(doc, spec, sorted(moments), rounds)


def status(intake: Intake, forms: Iterable[Form]) -> dict[str, Any]:
    """State of every form with a count per round: the document of GET /api/status."""
    known, now = intake.store.overview(), intake.clock.now()
    with suppress(Unavailable):  # where nothing can be written, what is known can be shown
        for form in forms:
            for each in form.rounds.values() if now >= form.moments[0] else ():
                if now >= each.closes:
                    intake.facts(each, now)
    for form in forms:
        here = known.get(form.doc.subject) or Overview()
        if form.seen != (stand := (here, bisect_right(form.moments, now))):
            form.last = of_form(intake, form, now, with_closed(form.rounds, here))
            form.seen, form.text = stand, ENCODER.encode(form.last)
    shown = {form.doc.subject: form.last for form in forms}
    return {"now": now.isoformat(timespec="seconds"), "forms": shown}


def of_form(intake: Intake, form: Form, now: datetime, counts: Mapping[str, Counts]) -> dict[str, Any]:
    """One form. A round's own times stand there only where it has any; while the form is shut, so are its rounds."""
    states = [rules.round_state(each, now, counts.get(id, rules.NOBODY)) for id, each in form.rounds.items()]
    whole = "closed" if form.doc.off else intake.state(form.spec, states)
    rounds: dict[str, Any] = {}
    for (id, each), state in zip(form.rounds.items(), states, strict=True):
        held = counts.get(id, rules.NOBODY)
        is_shut = whole == "closed" or (whole == "upcoming" and state != "closed")
        rounds[each.round.id] = {
            "state": whole if is_shut else state,
            "places": each.round.places,
            "taken": held.taken,
            "waiting": held.waiting,
            **_times(each.round.opens, each.round.closes),
        }
    return {"state": whole, **_times(form.spec.opens, form.spec.closes), "rounds": rounds}


def _times(opens: datetime | None, closes: datetime | None) -> dict[str, str]:
    return {name: at.isoformat() for name, at in (("opens", opens), ("closes", closes)) if at}
