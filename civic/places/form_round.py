"""A round together with its form and its page: what a person signs up for, and what every rule looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from civic.content.form import FormSpec
from civic.content.pages import Document
from civic.content.rounds import Round


@dataclass(frozen=True)
class FormRound:
    """One round. Its times are its own, or the form's."""

    doc: Document | None  # None where only times and places are looked at
    spec: FormSpec
    round: Round

    @property
    def subject(self) -> str:
        """The name under which its sign-ups are kept: "lectures/essay"; "" without a page."""
        return self.doc.subject if self.doc else ""

    @property
    def id(self) -> str:
        """Under which name the store keeps its sign-ups; `round.id` is what the page calls it now."""
        return self.round.key

    @property
    def label(self) -> str:
        return self.round.label

    @property
    def opens(self) -> datetime:
        return self.round.opens or self.spec.opens

    @property
    def closes(self) -> datetime:
        return self.round.closes or self.spec.closes

    @property
    def begins(self) -> datetime | None:
        """When the activity begins; where the page says only when it ends: its end. None when it says neither."""
        return self.round.starts or self.round.ends

    @property
    def window_end(self) -> datetime:
        """Until when all who apply have come at once: the end of the window; for a draw, the end of the form."""
        return self.spec.window_end(self.round)

    @property
    def freeze_at(self) -> datetime:
        """When the list of a draw is frozen: as the page says, or as soon as nobody can join it."""
        return max(self.window_end, self.spec.freeze_at or self.window_end)

    @property
    def passed(self) -> str:
        """The name of the fact that its closing time has passed."""
        return f"closed:{self.closes.isoformat()}"

    def is_closed(self, facts: Mapping[str, str] | None) -> bool:
        """Do the facts about the round close it for good? A frozen window does not: others come behind it.

        A closing time that was seen to pass counts until staff put a later one into the page.
        """
        final = ("closed", "called-off", "frozen" if self.spec.selection == "draw" else "closed")
        return any(name in final or (name[:7] == "closed:" and name == self.passed) for name in facts or ())


def rounds_of(doc: Document | None) -> list[FormRound]:
    """Every round of a page's form, in its order; empty where there is no form."""
    spec = doc.spec if doc else None
    return [FormRound(doc, spec, each) for each in spec.rounds] if spec else []


def round_of(doc: Document | None, id: str) -> FormRound | None:
    """The round that has that id, or once had it; None when it or its page is gone."""
    spec = doc.spec if doc else None
    found = spec.round(id) if spec else None
    return FormRound(doc, spec, found) if spec and found else None
