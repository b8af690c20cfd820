"""A page in short, as lists and the home page show it: state, time, place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from civic import korean
from civic.content.meetings import summary
from civic.content.pages import Document
from civic.content.poll import Poll, Proposal
from civic.library import Library
from civic.places.form_round import rounds_of
from civic.places.rules import form_state, round_state


@dataclass(frozen=True)
class Card:
    """One page in a list. `state` is "" where nothing opens or closes."""

    doc: Document
    state: str = ""  # "", "upcoming", "open", "closed"; "full" is known to the API only
    opens: datetime | None = None
    closes: datetime | None = None
    when: str = ""  # of a proposal: its type
    where: str = ""
    places: int | None = None
    cost: str = ""  # of a proposal, in words


def card(doc: Document, library: Library) -> Card:
    """The card of a page at the library's time."""
    now = library.now
    match doc:
        case Poll():
            state = "upcoming" if now < doc.opens else "open" if now < doc.closes else "closed"
            return Card(doc, state, doc.opens, doc.closes, korean.period(doc.opens, doc.closes))
        case Proposal():
            poll = library.get("votes", doc.vote)
            kind = poll.type(doc.type) if isinstance(poll, Poll) else None
            return Card(doc, when=kind.label if kind else "", where=doc.area, cost=korean.won(doc.cost))
        case _:
            return _of_form(doc, now)


def _of_form(doc: Document, now: datetime) -> Card:
    """Of a page that may have meetings, a place and a form."""
    spec, when, where = doc.spec, summary(doc), getattr(doc, "where", "")
    if spec is None:
        return Card(doc, when=when, where=where)
    state = form_state(spec, now)
    rounds = [each for each in rounds_of(doc) if round_state(each, now) == state]
    return Card(
        doc,
        state,
        opens=min(each.opens for each in rounds),
        closes=max(each.closes for each in rounds),
        when=when,
        where=where,
        places=sum(each.places for each in rounds),
    )
