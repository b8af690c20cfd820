"""Messages to those who signed up, on their way: by text message and by mail, with a calendar file. No page, no view."""

import json
from dataclasses import astuple, replace
from datetime import timedelta
from typing import Any

from civic.contacts.budget import CONTACT_DAY, DAY
from civic.content.meetings import Invite, calendar_file
from civic.errors import Refused
from civic.people import is_mobile
from civic.places import messages
from civic.places.appointments import SETTLED, TOLD, days_told, told_of
from civic.places.intake import Found
from civic.store.entry import Message, latest
from civic.store.outbox import STUCK, Letter, Parcel, PutOff
from civic.store.seal import Erased, WrongKey
from forms_api.operations import Services
from forms_api.receipts import receipt_address

WAYS = ("email", "phone")  # the one last that costs most when it goes twice
PAUSE = timedelta(minutes=10)  # between two looks whether a way is set by which somebody can be reached


class Postman:
    """Sends the messages of one intake."""

    def __init__(self, parts: Services) -> None:
        self._parts = parts

    def deliver(self) -> int:
        """Send some of what is due; how many were looked at. Without a sender they wait for the day when there is one."""
        intake = self._parts.intake
        return intake.store.outbox.deliver(intake.clock, self._send) if self._parts.sender.can_send else 0

    def _send(self, parcel: Parcel) -> PutOff | None:
        """See `Outbox.deliver`."""
        parts, message = self._parts, Message(*parcel.row)
        intake, now = parts.intake, parts.intake.clock.now()
        entry = intake.store.find(message.number)
        if entry is None:
            return None
        try:
            given = json.loads(intake.keys.unseal(intake.store, entry.subject, entry.number, entry.sealed))
        except (Erased, WrongKey):
            return None  # nobody can be reached any more
        found = intake.found(entry)
        facts = intake.store.fixed(entry.subject).get(entry.round, {})
        if not messages.is_true(message.kind, found, now):
            return None
        if entry.cause == "applied":  # anybody may have typed this number, again and again
            lately = [each for each in intake.store.of_contact(entry.contact) if each.received > now - DAY]
            if len(lately) > CONTACT_DAY:
                return None
        if message.kind == messages.CHANGED and found.round and latest(facts, TOLD) != told_of(found.round):
            return PutOff(now + SETTLED)  # it is being changed again
        days = [*days_told(facts), messages.begins(found.round)]
        at = messages.may_go(message.kind, found, now, days)
        if at > now:
            return PutOff(at)
        return self._go(message, found, given, parcel.tries)

    def _go(self, message: Message, found: Found, given: dict[str, Any], tries: int) -> PutOff | None:
        """By every way that is left; see `Outbox.deliver`."""
        parts, entry, now = self._parts, found.entry, self._parts.intake.clock.now()
        contacts = {
            way: given[way] for way in WAYS if "@" in given.get(way, "") or is_mobile(given.get(way, ""))
        }
        done, has_failed = message.done.split(), False
        for way, contact in tuple(contacts.items()):
            if way in done:
                continue
            try:
                parts.sender.check(contact)
                parts.sender.send(contact, self._letter(message, found, contact))
                done.append(way)
            except Refused:
                pass  # no such way is set
            except OSError:
                has_failed = True
            except ValueError:  # this contact will never do
                del contacts[way]
        if not contacts:  # also of whom staff entered with a landline: they must ring
            parts.log.event("not-told", subject=entry.subject, kind=message.kind)
        parts.metrics.add("messages_total", kind=message.kind, how="failed" if has_failed else "sent")
        if has_failed and tries + 1 == STUCK:
            parts.log.event("message-stuck", subject=entry.subject, kind=message.kind)
        if has_failed:
            return PutOff(row=(*astuple(message)[:-1], " ".join(done)))
        return None if done or not contacts else PutOff(now + PAUSE)

    def _letter(self, message: Message, found: Found, contact: str) -> Letter:
        parts, intake = self._parts, self._parts.intake
        receipt = parts.site.base_url + receipt_address(intake.keys.link, found.entry.number)
        office = parts.library.contacts(found.doc)[0]
        letter = messages.letter(message, found, intake.clock.now(), receipt, office)
        calendar = self._calendar(message.kind, found, contact) if "@" in contact else ""
        return replace(letter, calendar=calendar)

    def _calendar(self, kind: str, found: Found, contact: str) -> str:
        """What the person's own calendar takes over; "" where nothing changes there."""
        parts, entry, doc, round_ = self._parts, found.entry, found.doc, found.round
        is_off = entry.state == "cancelled" or getattr(doc, "status", "") == "cancelled"
        if not doc or not round_ or kind == messages.REMINDER or not (is_off or entry.state == "confirmed"):
            return ""
        facts = parts.intake.store.fixed(entry.subject).get(entry.round, {})
        method = "CANCEL" if is_off else "REQUEST"
        invite = Invite(method, parts.settings.mail_from, contact, len(days_told(facts)))
        return calendar_file(parts.site, [(doc, round_.round)], parts.told(), invite).decode()
