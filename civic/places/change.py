"""Changing an entry that stands: its answers, e-mail, phone or round, while its form takes sign-ups. No web.

Nothing that was said is shown again: who holds the receipt writes anew what is to change, and all else stays.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from civic.content.form import FormSpec
from civic.errors import FieldError, Invalid, NotEligible
from civic.places import line, rules
from civic.places.application import Application, draft_of, read_application, shown_name
from civic.places.intake import Found, Intake
from civic.store.seal import Erased

CHANGES = ("round", "email", "phone", "answers")


def optional(spec: FormSpec) -> FormSpec:
    """The form with no question that must be answered: what is left empty stays as it was."""
    fields = tuple(each.model_copy(update={"required": False}) for each in spec.fields)
    return spec.model_copy(update={"fields": fields, "email": "none" if spec.email == "none" else "optional"})


def read_change(intake: Intake, found: Found, given: Mapping[str, Any]) -> tuple[Application, str]:
    """What an entry is to be from now on, and its phone (E.164) where that is another, else "".

    given: some of CHANGES, as in an application, having passed `refuse_forbidden`; all else stays as the entry says. Raises NotEligible (over, begun, or
    its page is gone), NotOpen, Closed, Invalid.
    """
    entry, doc, round_ = found.entry, found.doc, found.round
    if doc is None or round_ is None:
        raise NotEligible("지금은 내린 글입니다. 담당 부서에 문의해 주세요.")
    if odd := [
        FieldError(shown_name(name), "바꿀 수 없는 항목입니다.") for name in given if name not in CHANGES
    ]:
        raise Invalid(odd)
    now = intake.clock.now()
    rules.check_cancel(entry, round_, now)
    rules.check_time(round_, now, intake.facts(round_, now))
    try:
        told = json.loads(intake.keys.unseal(intake.store, entry.subject, entry.number, entry.sealed))
    except Erased:
        raise NotEligible("신청 내용을 이미 지운 신청입니다.") from None
    if told.get("party") == 1:
        del told["party"]  # not asked where nobody comes along
    if "applicant" in told:  # a guardian's: who takes part was sealed where the person themselves would be
        child = {"name": told["name"], "birth_date": told.pop("birth_date", "")}
        told |= {"name": told.pop("applicant"), "participants": [child]}
    kept = told.pop("answers", {})  # as they were read then, never read again
    named = {name: value for name in CHANGES if (value := given.get(name))}
    payload = {"round": round_.round.id, **told, **named, "consent": True, "submission_id": str(uuid.uuid4())}
    wanted = round_.spec.round(str(payload["round"]))
    landlines = not given.get("phone")  # staff may have entered one
    sent = read_application(doc, optional(round_.spec), wanted, payload, now.date(), landlines)
    read, *_ = sent.each
    application = replace(read, spec=round_.spec, answers={**kept, **read.answers})
    return application, "" if read.phone == told["phone"] else read.phone


def keep_change(intake: Intake, found: Found, application: Application, is_other_phone: bool) -> Found:
    """The entry as it is changed, in one transaction. The caller knows whose it is.

    Answers and e-mail keep state and rank. For another round the old one is given up only if the new one is had; another
    phone has the same place. Either has a number of its own, and is one person's only entry and within their caps, as a
    new one must be. Raises NotEligible, NotOpen, Closed, and as `Intake.apply`.
    """
    entry, keys, store, now = found.entry, intake.keys, intake.store, intake.clock.now()
    draft = draft_of(application, keys, store, now, "applied", "" if is_other_phone else entry.person)
    with store.open(entry.subject, who="citizen") as book:
        if application.id != entry.round:
            rules.check_time(application, now, book.fixed(application.id))
            line.cancel(book, found.round, entry.number, now, line.CANCELLED)
            entry = line.admit(book, application, draft)
        elif is_other_phone:
            entry = line.hand_over(book, application, entry.number, draft)
        else:
            current = book.get(entry.number) or entry
            rules.check_cancel(current, application, now)
            sealed = keys.seal(store, entry.subject, entry.number, application.personal())
            entry = book.move(current.but(changed=now, sealed=sealed), noted=line.CHANGED)
    return intake.found(entry)  # behind the block: who waits is looked up in one of their own
