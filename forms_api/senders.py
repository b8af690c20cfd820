"""How a code or a message reaches a person: console, mail, text message."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit

from civic.errors import FieldError, Invalid, Misuse, Unavailable
from civic.store.outbox import Letter, Sender
from forms_api.gateway import PATIENCE, Gateway
from forms_api.settings import Settings


class CheckedSender(Sender, Protocol):
    """A sender that knows whom it can reach."""

    can_send: bool  # is there anybody whom it reaches?
    can_text: bool  # does it reach phones?

    def check(self, contact: str) -> None:
        """Raises Invalid (another kind of contact would do) or Unavailable (none would)."""
        ...


class Console:
    """Prints the message where the server runs: for demonstrations. The contact is cut short."""

    can_send = can_text = True

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def check(self, contact: str) -> None:
        """Everybody can be reached."""

    def send(self, contact: str, letter: Letter) -> None:
        self._stream.write(f"[시연] …{contact[-4:]}에게: {' '.join(letter.text.split())}\n")
        self._stream.flush()


class Mail:
    """A mail server, reached by TLS: smtps:// from the start, smtp:// by STARTTLS (without it only on this machine)."""

    def __init__(self, address: str, sender: str) -> None:
        """address: smtp://user:password@host:587. Raises Misuse when it cannot be read."""
        parts = urlsplit(address)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or "@" not in sender:
            raise Misuse("MADANG_SMTP는 smtp://서버:587처럼, MADANG_MAIL_FROM은 보내는 메일 주소로 적으세요.")
        self._secure = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._secure else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender
        self._local = self._host in ("localhost", "127.0.0.1", "::1")

    def send(self, contact: str, letter: Letter) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, contact, letter.subject
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = f"<{letter.key}@{self._sender.rpartition('@')[2]}>"
        message.set_content(letter.text, cte="base64")  # whatever way it takes
        if letter.calendar:
            method = "CANCEL" if "METHOD:CANCEL" in letter.calendar else "REQUEST"
            named: dict[str, Any] = {"filename": "event.ics", "params": {"method": method}}
            message.add_attachment(letter.calendar, subtype="calendar", cte="base64", **named)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as err:
            if all(code >= 500 for code, _ in err.recipients.values()):
                raise ValueError("no such mailbox") from None
            raise ConnectionError("mailbox not ready") from None
        except smtplib.SMTPException as err:  # some of them are no OSError
            raise ConnectionError(type(err).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._secure:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=PATIENCE)
            if not self._local:
                server.starttls(context=context)
        if self._user:
            server.login(self._user, self._password)
        return server


class MailOrText:
    """Mail to addresses, text messages to numbers; either may be missing."""

    def __init__(self, mail: Sender | None, texts: Sender | None) -> None:
        self._mail, self._texts = mail, texts
        self.can_send, self.can_text = bool(mail or texts), texts is not None

    def check(self, contact: str) -> None:
        """As `CheckedSender.check`."""
        self._way(contact)

    def send(self, contact: str, letter: Letter) -> None:
        self._way(contact).send(contact, letter)

    def _way(self, contact: str) -> Sender:
        way = self._mail if "@" in contact else self._texts
        if not self.can_send:
            said = "지금은 인증번호를 보낼 수 없습니다. 담당 부서에 문의해 주세요."
            raise Unavailable(said, retry_after=600)
        if way is None:
            other = "휴대전화 번호" if self._mail is None else "이메일 주소"
            raise Invalid([FieldError("contact", f"지금은 {other}로만 인증번호를 보냅니다.")])
        return way


def sender_of(settings: Settings, stream: IO[str]) -> CheckedSender:
    """What the settings ask for; the console where a demonstration sets nothing."""
    if not settings.smtp and not settings.sms and settings.demo:
        return Console(stream)
    mail = Mail(settings.smtp, settings.mail_from) if settings.smtp else None
    texts = Gateway(settings.sms, settings.sms_from, settings.sms_secret) if settings.sms else None
    return MailOrText(mail, texts)
