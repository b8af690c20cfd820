"""How a one-time code reaches a person: console, mail, text message."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from civic.contacts.proof import Sender
from civic.errors import FieldError, Invalid, Misuse, Unavailable
from forms_api.settings import Settings

PATIENCE = 10  # seconds for a mail server or gateway to answer


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

    def send(self, contact: str, subject: str, text: str) -> None:
        self._stream.write(f"[시연] …{contact[-4:]}에게: {text}\n")
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

    def send(self, contact: str, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, contact, subject
        message.set_content(text)
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


class TextMessages:
    """Korean text messages through a gateway (the package `solapi`)."""

    def __init__(self, keys: str, sender: str, gateway: Callable[[str, str], None] | None = None) -> None:
        """keys: "key:secret"; sender: a registered number; gateway: (number, text) sends one, for tests."""
        key, colon, secret = keys.partition(":")
        if not (key and colon and secret and sender):
            raise Misuse("MADANG_SMS는 키:비밀 꼴로, MADANG_SMS_FROM은 등록한 보내는 번호로 적으세요.")
        self._gateway = gateway or solapi_gateway(key, secret, sender)

    def send(self, contact: str, subject: str, text: str) -> None:
        self._gateway(local_number(contact), text)


def local_number(phone: str) -> str:
    """As the gateway wants it: "+821012345678" -> "01012345678". Raises ValueError for a foreign number."""
    if not phone.startswith("+82"):
        raise ValueError("not a Korean number")
    return "0" + phone.removeprefix("+82")


def solapi_gateway(key: str, secret: str, sender: str) -> Callable[[str, str], None]:
    """One message by solapi. Raises Misuse when the package is missing."""
    try:
        from solapi import SolapiMessageService
        from solapi.model import RequestMessage
    except ImportError:
        raise Misuse("문자를 보내려면 solapi 꾸러미가 필요합니다(pip install 'madang[sms]').") from None
    service = SolapiMessageService(key, secret)

    def send(number: str, text: str) -> None:
        try:
            service.send(RequestMessage(from_=sender, to=number, text=text))
        except Exception as err:  # the package raises what its HTTP client does; all of it may pass
            raise ConnectionError(type(err).__name__) from None

    return send


class MailOrText:
    """Mail to addresses, text messages to numbers; either may be missing."""

    def __init__(self, mail: Sender | None, texts: Sender | None) -> None:
        self._mail, self._texts = mail, texts
        self.can_send, self.can_text = bool(mail or texts), texts is not None

    def check(self, contact: str) -> None:
        """As `CheckedSender.check`."""
        if not self.can_send:
            raise Unavailable(
                "지금은 인증번호를 보낼 수 없습니다. 담당 부서에 문의해 주세요.", retry_after=600
            )
        if self._of(contact) is None:
            other = "휴대전화 번호" if self._mail is None else "이메일 주소"
            raise Invalid([FieldError("contact", f"지금은 {other}로만 인증번호를 보냅니다.")])

    def send(self, contact: str, subject: str, text: str) -> None:
        way = self._of(contact)
        if not self.can_send:
            raise ConnectionError("no sender is set")  # kept: one may be set later
        if way is None:
            raise ValueError("no way to this contact")
        way.send(contact, subject, text)

    def _of(self, contact: str) -> Sender | None:
        return self._mail if "@" in contact else self._texts


def sender_of(settings: Settings, stream: IO[str]) -> CheckedSender:
    """What the settings ask for; the console where a demonstration sets nothing."""
    if not settings.smtp and not settings.sms and settings.demo:
        return Console(stream)
    mail = Mail(settings.smtp, settings.mail_from) if settings.smtp else None
    texts = TextMessages(settings.sms, settings.sms_from) if settings.sms else None
    return MailOrText(mail, texts)
