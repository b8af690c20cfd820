"""Text messages through any gateway that takes an HTTP request: how it is asked stands in a file, with places for what differs
(docs/deployment.md). No vendor's package."""

import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote_plus, urlsplit

from pydantic import Field, Strict, ValidationError, model_validator

from civic.content.front_matter import read_source
from civic.content.mistakes import shape_mistakes
from civic.errors import Mistake, Misuse
from civic.korean import SHORT, fitting, text_bytes
from civic.shape import Many, Shape
from civic.store.outbox import Letter

PATIENCE = 10  # seconds for a mail server or gateway to answer
PLAIN = ("to", "from", "kind", "key", "template", "secret", "time", "signature")  # in headers too
NAMES = (*PLAIN, "text", "subject")
PLACE = re.compile(r"\{([a-z_]+)\}")
SUBJECT = 40  # bytes of a long message's subject
FORM = "application/x-www-form-urlencoded"


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

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("url은 https://로 시작해야 합니다")
        if self._type not in ("application/json", FORM):
            raise ValueError(f"headers의 Content-Type은 application/json이나 {FORM}이어야 합니다")
        for allowed, texts in ((NAMES, (self.url, self.body, self.sign)), (PLAIN, self.headers.values())):
            if wrong := set(PLACE.findall(" ".join(texts))).difference(allowed):
                raise ValueError(f"{{{min(wrong)}}}은 쓸 수 없습니다. 쓸 수 있는 것: {', '.join(allowed)}")
        return self

    @property
    def _type(self) -> str:
        found = (value for name, value in self.headers.items() if name.lower() == "content-type")
        return next(found, "").partition(";")[0].strip()

    def send(self, values: Mapping[str, str]) -> None:
        """Raises OSError where it was not taken."""
        signed = hmac.digest(values["secret"].encode(), _filled(self.sign, values).encode(), "sha256")
        values = {**values, "signature": signed.hex()}
        body = _filled(self.body, values, quote_plus if self._type == FORM else _in_json)
        headers = {name: _filled(text, values) for name, text in self.headers.items()}
        import requests  # late: most servers and commands send nothing

        answer = requests.post(  # its exceptions are OSErrors
            _filled(self.url, values, quote_plus),
            body.encode(),
            headers=headers,
            timeout=PATIENCE,
            allow_redirects=False,
        )
        if not 200 <= answer.status_code < 300 or not all(
            _says(answer, *wanted) for wanted in self.answer.items()
        ):
            raise ConnectionError(f"the gateway answered {answer.status_code}")


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
        registered = self._file.alimtalk
        request = registered if registered and letter.kind in registered.templates else self._file.text
        request.send(
            {
                "to": local_number(contact),
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
        )


def local_number(phone: str) -> str:
    """As gateways want it: "+821012345678" -> "01012345678". Raises ValueError for a foreign number."""
    if not phone.startswith("+82"):
        raise ValueError("not a Korean number")
    return "0" + phone.removeprefix("+82")


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
