"""Messages on their way: a real mail server on this machine, a gateway that is down, settings that do not fit."""

import email
import hmac
import io
import re
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from civic.errors import Invalid, Misuse, Unavailable
from civic.store.outbox import Letter
from forms_api.commands.serve import held_port
from forms_api.senders import Console, Gateway, Mail, MailOrText, sender_of
from forms_api.settings import Settings
from tests.forms_api.server import ROOT
from tests.gateway import a_gateway


class Letters:
    """A mail server's clerk: keeps letters, refuses what it is told to."""

    def __init__(self) -> None:
        self.kept: list[tuple[list[str], str]] = []
        self.refusal = ""

    def text(self, number: int) -> str:
        """What one of them says."""
        letter = email.message_from_string(self.kept[number][1])
        return str(
            next(each for each in letter.walk() if not each.is_multipart()).get_payload(decode=True), "utf-8"
        )

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.kept.append((envelope.rcpt_tos, envelope.content.decode("utf-8")))
        return "250 OK"


def a_letter(text: str = "인증번호는 123456입니다.", **given: str) -> Letter:
    return Letter(**{"subject": "[투표] 인증번호", "text": text, "kind": "code", "key": "k1", **given})


def test_mail_arrives_or_says_why_not() -> None:
    """A letter comes, under a name that stays, with its calendar; a full mailbox may be tried again, an unknown one
    never; a server that is gone: again."""
    letters = Letters()
    with held_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    office = Controller(letters, hostname="127.0.0.1", port=port)
    office.start()
    try:
        mail = Mail(f"smtp://127.0.0.1:{port}", "vote@example.kr")
        for _ in "12":
            mail.send("kim@example.kr", a_letter(calendar="BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\n"))
        first, second = (letter for _, letter in letters.kept)
        assert letters.kept[0][0] == ["kim@example.kr"] and "From: vote@example.kr" in first
        assert "Message-ID: <k1@example.kr>" in first and "Message-ID: <k1@example.kr>" in second
        text, calendar = email.message_from_string(first).get_payload()
        assert "123456" in str(text.get_payload(decode=True), "utf-8")
        assert (calendar.get_content_type(), calendar.get_param("method")) == ("text/calendar", "CANCEL")
        letters.refusal = "452 full"
        with pytest.raises(ConnectionError):
            mail.send("kim@example.kr", a_letter())
        letters.refusal = "550 no such user"
        with pytest.raises(ValueError):
            mail.send("kim@example.kr", a_letter())
    finally:
        office.stop()
    with pytest.raises(OSError):
        mail.send("kim@example.kr", a_letter())


def test_a_code_with_a_line_break_cannot_add_headers() -> None:
    """The poll's title stands in the subject: a line break in it is refused, not sent."""
    with pytest.raises(ValueError):
        Mail("smtp://127.0.0.1:1", "vote@example.kr").send(
            "kim@example.kr", a_letter(subject="a\nBcc: all@x.kr")
        )


def test_any_gateway_is_asked_as_its_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in a text, the body is whole; 90 bytes are short, 91 are long; no answer in time, a bad status or a
    bad word in a good answer are no success; a foreign number is given up."""
    monkeypatch.setattr("forms_api.senders.PATIENCE", 0.2)
    with a_gateway(tmp_path) as gateway:
        texts = Gateway(str(gateway.file), "0621234567", "s3cret")
        for key, text in (("a", '"줄"\n\\{to} ' + "가" * 39), ("b", "가" * 45), ("c", "가" * 45 + ".")):
            texts.send("+821012345678", a_letter(text, key=key))
        assert [each["type"] for each in gateway.taken.values()] == ["SMS", "SMS", "LMS"]
        sent = gateway.taken["a"]
        assert (sent["to"], sent["from"], sent["path"]) == (
            "01012345678",
            "0621234567",
            "/send?to=01012345678",
        )
        assert sent["text"].startswith('"줄"\n\\{to} ') and sent["headers"]["Authorization"] == "Key s3cret"
        for failure in (500, 401, 302, 0, 200):
            gateway.fails = lambda _, failure=failure: failure
            with pytest.raises(OSError):
                texts.send("+821012345678", a_letter(key="d"))
        assert list(gateway.taken) == ["a", "b", "c"]
    with pytest.raises(OSError):
        texts.send("+821012345678", a_letter())
    with pytest.raises(ValueError):
        texts.send("+12015550123", a_letter())


def test_registered_texts_and_signatures_go_their_own_way(tmp_path: Path) -> None:
    """A kind that has a registered text goes as such, as a form; the rest as a text message. What is signed can be checked."""
    with a_gateway(tmp_path) as gateway:
        more = gateway.file.read_text().replace("Key {secret}", "key=k, date={time}, signature={signature}")
        more = more.replace("body =", 'sign = "{time}{key}"\nbody =') + more.replace(
            "[text]", "[alimtalk]"
        ).replace('"type": "{kind}"', '"type": "{template}"')
        gateway.file.write_text(more + 'templates = {offered = "T-7"}\n')
        texts = Gateway(str(gateway.file), "0621234567", "s3cret")
        for kind in ("offered", "code"):
            texts.send("+821012345678", a_letter(kind=kind, key=kind))
        assert [each["type"] for each in gateway.taken.values()] == ["T-7", "SMS"]
        said = gateway.taken["code"]["headers"]["Authorization"]
        at = re.search("date=([^,]+)", said)[1]
        assert said.endswith(hmac.digest(b"s3cret", f"{at}code".encode(), "sha256").hex())


@pytest.mark.parametrize(
    "file", sorted((ROOT / "docs/deployment").glob("gateway*.toml")), ids=lambda file: file.stem
)
def test_the_examples_of_gateways_are_right(file: Path, tmp_path: Path) -> None:
    """Each can be used as it stands, and with what is commented out in it too."""
    whole = tmp_path / file.name
    whole.write_text(re.sub(r"^#(?=\[|\w+ = )", "", file.read_text(), flags=re.M))
    for each in (file, whole):
        Gateway(str(each), "0621234567", "secret")


def test_a_gateway_file_with_mistakes_names_each(tmp_path: Path) -> None:
    """File, line and key of each; what stands where the file's name belongs may be a secret and is not repeated."""
    good = """[text]
url = "https://gateway.example/send"
headers = {"Content-Type" = "application/json"}
body = '{"to": "{to}"}'
"""
    file = tmp_path / "gateway.toml"
    for wrong, said in (
        (good.replace("https", "http"), "gateway.toml:2: text.url: url은 https://로"),
        (good.replace("{to}", "{phone}"), "{phone}은 쓸 수 없습니다"),
        (good.replace("application/json", "text/{text}"), "Content-Type"),
        (good.replace('json"}', 'json", "X" = "{text}"}'), "{text}은 쓸 수"),
        (good + "boddy = 1\n", "gateway.toml:5: text.boddy: 없는 키입니다"),
        (good.replace("{to}", "{secret}"), "MADANG_SMS_SECRET"),
        ("[text", "gateway.toml:1"),
        ("", "text"),
    ):
        file.write_text(wrong)
        with pytest.raises(Misuse, match=re.escape(said)):
            Gateway(str(file), "0621234567", "")
    with pytest.raises(Misuse) as told:
        Gateway("key:secret", "0621234567", "")
    assert "secret" not in str(told.value)


def test_settings_choose_the_way() -> None:
    """Nothing set: the console, in a demonstration only. Mail only: numbers are told so. Nonsense: Misuse."""
    assert isinstance(sender_of(Settings(demo=True), io.StringIO()).way("010-1234-5678"), Console)
    with pytest.raises(Unavailable):
        sender_of(Settings(), io.StringIO()).way("010-1234-5678")
    by_mail = sender_of(Settings(smtp="smtp://127.0.0.1", mail_from="a@example.kr"), io.StringIO())
    assert isinstance(by_mail, MailOrText)
    by_mail.way("kim@example.kr")
    with pytest.raises(Invalid) as told:
        by_mail.way("010-1234-5678")
    assert told.value.errors[0].message == "지금은 이메일 주소로만 인증번호를 보냅니다."
    with pytest.raises(Invalid):
        by_mail.send("+821012345678", a_letter())
    for wrong in (
        Settings(smtp="http://x", mail_from="a@example.kr"),
        Settings(smtp="smtp://x"),
        Settings(sms="key:secret", sms_from="062"),
    ):
        with pytest.raises(Misuse):
            sender_of(wrong, io.StringIO())


def test_the_console_cuts_the_contact_short() -> None:
    """A demonstration's console shows the code, and of the contact its end only."""
    stream = io.StringIO()
    Console(stream).send("+821012345678", a_letter())
    assert stream.getvalue() == "[시연] …5678에게: 인증번호는 123456입니다.\n"
