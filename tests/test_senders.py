"""Messages on their way: a real mail server on this machine, a gateway that is down, settings that do not fit."""

from __future__ import annotations

import email
import io
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from civic.errors import Invalid, Misuse, Unavailable
from forms_api.commands.serve import held_port
from forms_api.senders import Console, Mail, MailOrText, TextMessages, local_number, sender_of
from forms_api.settings import Settings


class Letters:
    """A mail server's clerk: keeps letters, refuses what it is told to."""

    def __init__(self) -> None:
        self.kept: list[tuple[list[str], str]] = []
        self.refusal = ""

    def text(self, number: int) -> str:
        """What one of them says."""
        return str(email.message_from_string(self.kept[number][1]).get_payload(decode=True), "utf-8")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.kept.append((envelope.rcpt_tos, envelope.content.decode("utf-8")))
        return "250 OK"


def test_mail_arrives_or_says_why_not() -> None:
    """A letter comes; a full mailbox may be tried again, an unknown one never; a server that is gone: again."""
    letters = Letters()
    with held_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    office = Controller(letters, hostname="127.0.0.1", port=port)
    office.start()
    try:
        mail = Mail(f"smtp://127.0.0.1:{port}", "vote@example.kr")
        mail.send("kim@example.kr", "[투표] 인증번호", "인증번호는 123456입니다.")
        assert letters.kept[0][0] == ["kim@example.kr"] and "From: vote@example.kr" in letters.kept[0][1]
        letters.refusal = "452 full"
        with pytest.raises(ConnectionError):
            mail.send("kim@example.kr", "s", "t")
        letters.refusal = "550 no such user"
        with pytest.raises(ValueError):
            mail.send("kim@example.kr", "s", "t")
    finally:
        office.stop()
    with pytest.raises(OSError):
        mail.send("kim@example.kr", "s", "t")


def test_a_code_with_a_line_break_cannot_add_headers() -> None:
    """The poll's title stands in the subject: a line break in it is refused, not sent."""
    with pytest.raises(ValueError):
        Mail("smtp://127.0.0.1:1", "vote@example.kr").send("kim@example.kr", "a\nBcc: all@example.kr", "t")


def test_text_messages_go_as_local_numbers() -> None:
    """The gateway gets 010…; a foreign number is given up, a gateway that is down is not."""
    sent: list[tuple[str, str]] = []
    texts = TextMessages("key:secret", "0621234567", gateway=lambda number, text: sent.append((number, text)))
    texts.send("+821012345678", "s", "t")
    assert sent == [("01012345678", "t")]
    with pytest.raises(ValueError):
        local_number("+12015550123")


def test_settings_choose_the_way() -> None:
    """Nothing set: the console, in a demonstration only. Mail only: numbers are told so. Nonsense: Misuse."""
    assert isinstance(sender_of(Settings(demo=True), io.StringIO()), Console)
    with pytest.raises(Unavailable):
        sender_of(Settings(), io.StringIO()).check("010-1234-5678")
    by_mail = sender_of(Settings(smtp="smtp://127.0.0.1", mail_from="a@example.kr"), io.StringIO())
    assert isinstance(by_mail, MailOrText)
    by_mail.check("kim@example.kr")
    with pytest.raises(Invalid) as told:
        by_mail.check("010-1234-5678")
    assert told.value.errors[0].message == "지금은 이메일 주소로만 인증번호를 보냅니다."
    with pytest.raises(ValueError):
        by_mail.send("+821012345678", "s", "t")
    for wrong in (
        Settings(smtp="http://x", mail_from="a@example.kr"),
        Settings(smtp="smtp://x"),
        Settings(sms="key"),
        Settings(sms="key:secret"),
    ):
        with pytest.raises(Misuse):
            sender_of(wrong, io.StringIO())


def test_the_console_cuts_the_contact_short() -> None:
    """A demonstration's console shows the code, and of the contact its end only."""
    stream = io.StringIO()
    Console(stream).send("+821012345678", "s", "인증번호는 123456입니다.")
    assert stream.getvalue() == "[시연] …5678에게: 인증번호는 123456입니다.\n"
