"""How a code or a message reaches a person: console, mail, text message.

Text messages go through any gateway that takes an HTTP request: how it is asked stands in a file, with places for what
differs (docs/deployment.md). No vendor's package.
"""

import hmac
import json
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from pathlib import Path
from typing import IO, Annotated, Any
from urllib.parse import quote_plus, unquote, urlsplit

from pydantic import Field, Strict, ValidationError

from civic.content.front_matter import read_source
from civic.content.mistakes import shape_mistakes
from civic.errors import FieldError, Invalid, Mistake, Misuse, Unavailable
from civic.korean import SHORT, fitting, text_bytes
from civic.shape import Clash, Many, Shape
from civic.store.outbox import Letter, Sender
from forms_api.settings import Settings

PATIENCE = 10  # seconds for a mail server or gateway to answer
PLAIN = ("to", "from", "kind", "key", "template", "secret", "time", "signature")  # in headers too
NAMES = (*PLAIN, "text", "subject")
PLACE = re.compile(r"\{([a-z_]+)\}")
SUBJECT = 40  # bytes of a long message's subject
FORM = "application/x-www-form-urlencoded"


class Console:
    """Prints the message where the server runs: for demonstrations. The contact is cut short."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

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
        self._is_secure, self._sender = parts.scheme == "smtps", sender
        self._host, self._port = parts.hostname, parts.port or (465 if self._is_secure else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

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
        context, place = ssl.create_default_context(), (self._host, self._port)
        if self._is_secure:
            server: smtplib.SMTP = smtplib.SMTP_SSL(*place, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(*place, timeout=PATIENCE)
            if self._host not in ("localhost", "127.0.0.1", "::1"):
                server.starttls(context=context)
        if self._user:
            server.login(self._user, self._password)
        return server


class GatewayRequest(Shape):
    """What a gateway is sent; in its texts {to} and the others of NAMES stand for what differs."""

    url: str
    headers: dict[str, str]  # with the body's Content-Type
    body: str
    # Its words for a short message and a long one.
    kinds: Annotated[tuple[str, str], Strict(False)] = ("SMS", "LMS")
    sign: str = ""  # {signature}: the HMAC-SHA-256 of this under the secret, in hex
    # What a good answer says besides its status, {"result.code": ["0000"]}; ids of registered texts by kind of message.
    answer: dict[str, Many[str]] = Field(default={})
    templates: dict[str, str] = Field(default={})

    def clashes(self) -> Iterator[Clash]:
        parts = urlsplit(self.url)
        is_open = parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost")
        yield is_open, "url은 https://로 시작해야 합니다"
        is_other = self.content_type not in ("application/json", FORM)
        yield is_other, f"headers의 Content-Type은 application/json이나 {FORM}이어야 합니다"
        for allowed, texts in ((NAMES, (self.url, self.body, self.sign)), (PLAIN, self.headers.values())):
            for wrong in sorted(set(PLACE.findall(" ".join(texts))).difference(allowed)):
                yield True, f"{{{wrong}}}은 쓸 수 없습니다. 쓸 수 있는 것: {', '.join(allowed)}"

    @property
    def content_type(self) -> str:
        found = (value for name, value in self.headers.items() if name.lower() == "content-type")
        return next(found, "").partition(";")[0].strip()


class GatewayFile(Shape):
    """The whole file. alimtalk: of those kinds of message that have a registered text."""

    text: GatewayRequest
    alimtalk: GatewayRequest | None = None


class Gateway:
    """A `Sender` to phones."""

    def __init__(self, file: str, sender: str, secret: str) -> None:
        """sender: a registered number; secret: for {secret}. Raises Misuse with what is wrong in the file."""
        path = Path(file)
        try:
            raw = path.read_bytes()
        except OSError:  # what stands in place of its name may be a secret, and is not repeated
            said = "파일이 없거나 읽을 수 없습니다. 문자를 보내는 방법을 적은 파일을 적으세요."
            raise Misuse(f"MADANG_SMS: {said}") from None
        source, mistakes = read_source(path.name, raw, front=False)
        try:
            self._file = GatewayFile.model_validate(source.values if source else {})
        except ValidationError as err:
            mistakes += shape_mistakes(source, GatewayFile, err) if source else []
        if not secret and re.search(rb"\{(secret|signature)\}", raw):
            mistakes.append(Mistake(path.name, 0, "", "{secret}에 넣을 MADANG_SMS_SECRET도 적으세요"))
        if mistakes:
            raise Misuse("\n".join(f"MADANG_SMS: {mistake}" for mistake in mistakes))
        self._sender, self._secret = sender, secret

    def send(self, contact: str, letter: Letter) -> None:
        """To a number as gateways want it, "01012345678". Raises ValueError for a foreign one."""
        if not contact.startswith("+82"):
            raise ValueError("not a Korean number")
        registered = self._file.alimtalk
        request = registered if registered and letter.kind in registered.templates else self._file.text
        values = {
            "to": "0" + contact.removeprefix("+82"),
            "from": self._sender,
            "text": letter.text,
            "subject": fitting(letter.subject, "", SUBJECT),
            "kind": request.kinds[text_bytes(letter.text) > SHORT],
            "key": letter.key,
            "template": request.templates.get(letter.kind, ""),
            "secret": self._secret,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "signature": "",
        }
        signed = hmac.digest(self._secret.encode(), _filled(request.sign, values).encode(), "sha256")
        values["signature"] = signed.hex()
        import requests  # late: most servers and commands send nothing

        answer = requests.post(  # its exceptions are OSErrors
            _filled(request.url, values, quote_plus),
            _filled(request.body, values, quote_plus if request.content_type == FORM else _in_json).encode(),
            headers={name: _filled(text, values) for name, text in request.headers.items()},
            timeout=PATIENCE,
            allow_redirects=False,
        )
        says = all(_says(answer, *wanted) for wanted in request.answer.items())
        if not 200 <= answer.status_code < 300 or not says:
            raise ConnectionError(f"the gateway answered {answer.status_code}")


def _filled(text: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    return PLACE.sub(lambda found: escape(values[found[1]]), text)


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _says(answer: Any, path: str, good: tuple[str, ...]) -> bool:
    """Does an answer in JSON hold one of these there? path: names and numbers, between points."""
    try:
        found = answer.json()
        for name in path.split("."):
            found = found[int(name) if isinstance(found, list) else name]
    except (ValueError, LookupError, TypeError):
        return False
    return str(found) in good


class MailOrText:
    """Mail to addresses, text messages to numbers; either may be missing."""

    def __init__(self, mail: Sender | None, texts: Sender | None) -> None:
        self._mail, self._texts = mail, texts
        self.can_send, self.can_text = bool(mail or texts), texts is not None

    def send(self, contact: str, letter: Letter) -> None:
        """As `Sender.send`; raises as `way` too."""
        self.way(contact).send(contact, letter)

    def way(self, contact: str) -> Sender:
        """Who reaches that contact. Raises Invalid (another kind of contact would do) or Unavailable (none would)."""
        way = self._mail if "@" in contact else self._texts
        if not self.can_send:
            said = "지금은 인증번호를 보낼 수 없습니다. 담당 부서에 문의해 주세요."
            raise Unavailable(said, retry_after=600)
        if way is None:
            other = "휴대전화 번호" if self._mail is None else "이메일 주소"
            raise Invalid([FieldError("contact", f"지금은 {other}로만 인증번호를 보냅니다.")])
        return way


def sender_of(settings: Settings, stream: IO[str]) -> MailOrText:
    """What the settings ask for; the console where a demonstration sets nothing."""
    if not settings.smtp and not settings.sms and settings.demo:
        return MailOrText(Console(stream), Console(stream))
    mail = Mail(settings.smtp, settings.mail_from) if settings.smtp else None
    texts = Gateway(settings.sms, settings.sms_from, settings.sms_secret) if settings.sms else None
    return MailOrText(mail, texts)
