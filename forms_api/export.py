"""Entries as a table for staff: CSV that Korean Excel opens, without live formulas. No store, no web."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from civic import korean
from civic.content.form import FormSpec
from civic.files import csv_text
from civic.people import show_phone
from civic.store.entry import Entry

ERASED = "(지움)"  # the retention period is over: the answers can never be read again
Opened = tuple[Entry, Mapping[str, Any] | None]  # an entry and its unsealed answers; None when erased


def to_csv(spec: FormSpec | None, opened: Iterable[Opened]) -> str:
    """One line per entry, in the given order."""
    labels = {round.id: round.label for round in spec.rounds} if spec else {}
    questions = {question.name: question.label for question in spec.fields} if spec else {}
    rows = list(opened)
    for _, answers in rows:  # questions that the form no longer asks
        for name in (answers or {}).get("answers", {}):
            questions.setdefault(name, name)
    head = ["접수번호", "회차", "상태", "순번", "접수한 때", "이름", "휴대전화", "이메일", "생년월일", "인원"]
    lines = (_row(entry, answers, labels, questions) for entry, answers in rows)
    return csv_text([[*head, *questions.values()], *lines])


def _row(
    entry: Entry, answers: Mapping[str, Any] | None, labels: Mapping[str, str], questions: Iterable[str]
) -> list[Any]:
    fixed = [
        entry.number,
        labels.get(entry.round, entry.round),
        korean.ENTRY_STATES.get(entry.state, entry.state),
        entry.rank,
        entry.received.strftime("%Y-%m-%d %H:%M:%S"),
    ]
    if answers is None:
        return [*fixed, ERASED]
    given = answers.get("answers", {})
    phone = str(answers.get("phone", ""))
    personal = [
        answers.get("name", ""),
        show_phone(phone) if phone else "",
        answers.get("email", ""),
        answers.get("birth_date", ""),
        entry.size,
    ]
    return [*fixed, *personal, *(korean.answer(given.get(name, "")) for name in questions)]
