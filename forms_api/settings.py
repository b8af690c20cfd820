"""Settings of every command: environment variables MADANG_<NAME>, one table, which docs/api.md prints. No command line."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from civic.content.snapshot import sources
from civic.errors import Misuse
from civic.links import is_address

if TYPE_CHECKING:
    from civic.contacts.budget import Budget

PAIRS = (  # neither makes sense without the other
    ("smtp", "mail_from"),
    ("sms", "sms_from"),
    ("oidc_issuer", "oidc_client_id"),
    ("oidc_issuer", "oidc_client_secret"),
)
CHOICES = {"rate_limit": ("on", "off"), "metrics": ("local", "open"), "log": ("on", "off")}
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared, not bound
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")  # a demonstration is visited by any of them
NO_SENDER = (
    "문자도 메일도 설정하지 않았습니다. 인증번호가 있어야 하는 투표와 신청은 열지 않고, 알림은 보내지 않고 모아 둡니다. "
    "MADANG_SMS나 MADANG_SMTP를 적고 서버를 다시 켜세요."
)
NO_TEXTS = (
    "문자를 설정하지 않았습니다. 휴대전화 번호를 확인하는 신청은 열지 않고, 이메일 주소가 없는 사람의 알림은 모아 둡니다. MADANG_SMS를 "
    "적고 서버를 다시 켜세요."
)
OTHER_ADDRESS = (
    "누리집은 {built}로 빌드했는데 서버의 공개 주소는 {served}입니다. 빌드와 서버에 같은 MADANG_BASE_URL을 적고, 다시 빌드하거나 "
    "서버를 다시 켜세요."
)
NO_PROXY = (
    "주소는 https인데 MADANG_PROXIES가 0입니다. 모든 방문자를 한 사람으로 봅니다. 앞에 있는 프록시 수(nginx 하나면 1)를 적고 "
    "서버를 다시 켜세요."
)


def is_loopback(host: str) -> bool:
    """Does the address or name mean this machine only?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"text": text})


@dataclass(frozen=True, eq=False, repr=False)  # quick to load; secrets are not printed
class Settings:
    """What can be set, with its default; the sentence is for staff."""

    host: str = _setting("127.0.0.1", "서버가 듣는 주소. 밖에서 바로 받으려면 0.0.0.0")
    port: int = _setting(8000, "서버가 듣는 포트. 0이면 빈 포트를 고릅니다.")
    base_url: str = _setting(
        "",
        "누리집의 공개 주소. 화면, 알림, 신청을 받는 주소에 씁니다. 비우면 site.toml의 것(시연에서는 서버가 듣는 주소)",
    )
    data: str = _setting("tinydb://var/data", "신청을 두는 곳. tinydb://폴더 또는 postgresql://…")
    keys: str = _setting("", "열쇠를 두는 폴더. 비우면 자료 폴더 옆의 keys/")
    content: str = _setting("content", "글이 있는 폴더")
    site: str = _setting("site", "빌드한 누리집이 놓이는 자리(링크)")
    results: str = _setting("var/results", "서버가 센 가벼운 투표의 결과를 두는 폴더. 다음 빌드가 읽습니다.")
    paper: str = _setting("var/paper", "종이 투표를 입력하는 폴더")
    jobs: int = _setting(0, "빌드가 함께 쓰는 프로세스 수. 0이면 컴퓨터의 코어 수")
    origins: str = _setting("", "신청을 보낼 수 있는 다른 누리집 주소. 쉼표로 나눕니다.")
    proxies: int = _setting(0, "서버 앞에 있는 프록시 수. 보낸 사람의 주소를 여기에 맞춰 읽습니다.")
    rate_limit: str = _setting(
        "on", "off이면 보내는 횟수를 제한하지 않습니다. 부하 시험용이며 시연(--now)에서만 됩니다."
    )
    threads: int = _setting(16, "요청을 처리하는 스레드 수(프로세스마다)")
    processes: int = _setting(0, "서버 프로세스 수. 0이면 이 서버가 쓸 수 있는 프로세서 수만큼, 많아야 4개")
    metrics: str = _setting("local", "open이면 /metrics를 밖에서도 볼 수 있습니다.")
    smtp: str = _setting(
        "", "인증번호와 알림을 보낼 메일 서버. smtp://아이디:암호@서버:587(STARTTLS) 또는 smtps://…:465"
    )
    mail_from: str = _setting("", "메일의 보내는 사람 주소")
    sms: str = _setting(
        "", "문자 회사에 보내는 방법을 적은 파일(TOML). docs/deployment.md에 견본이 있습니다."
    )
    sms_from: str = _setting("", "문자의 보내는 번호(미리 등록한 번호)")
    sms_secret: str = _setting("", "문자 회사의 비밀. 파일의 {secret}에 들어갑니다.")
    texts_hour: int = _setting(3000, "한 신청서나 투표에서 한 시간에 보내는 인증번호의 수")
    texts_day: int = _setting(10_000, "하루에 보내는 인증번호의 수. 모든 신청서와 투표를 더합니다.")
    countries: str = _setting(
        "82", "인증번호를 보내는 나라 번호. 쉼표로 나눕니다. 문자 회사가 보낼 수 있는 나라만 적으세요."
    )
    oidc_issuer: str = _setting(
        "", "본인확인기관(OIDC)의 주소. 본인 확인 수준이 3인 투표에 씁니다. 예: https://id.example.kr"
    )
    oidc_client_id: str = _setting("", "본인확인기관에서 받은 이름(client_id)")
    oidc_client_secret: str = _setting("", "본인확인기관에서 받은 비밀(client_secret)")
    log: str = _setting("on", "off이면 사건 기록(JSON 한 줄씩)을 남기지 않습니다.")

    # Set by --now alone, not by the environment: every page says that it is a demonstration.
    demo: bool = False

    @property
    def is_limited(self) -> bool:
        """Are rate limits on?"""
        return self.rate_limit != "off"

    @property
    def content_dir(self) -> Path:
        return Path(self.content)

    @property
    def sources(self) -> Path:
        """What is read instead of files that somebody may be writing: what the site was made from, see civic.content.snapshot."""
        return sources(self.site_dir, self.content_dir)

    @property
    def site_dir(self) -> Path:
        return Path(self.site)

    @property
    def data_dir(self) -> Path | None:
        """The data folder of the TinyDB store; None for another store."""
        return Path(self.data.removeprefix("tinydb://")) if self.data.startswith("tinydb://") else None

    @property
    def keys_dir(self) -> Path:
        """Where the secrets live: never inside the data folder, so that a copy of it opens nothing."""
        if self.keys:
            return Path(self.keys)
        return self.data_dir.parent / "keys" if self.data_dir else Path("var/keys")

    @property
    def key_file(self) -> Path:
        return self.keys_dir / "keys.json"

    @property
    def budget(self) -> Budget | None:
        """How many messages with codes may go out, and to which countries; None without limits."""
        from civic.contacts.budget import Budget  # late: build.py reads settings, and no store

        countries = tuple(_listed(self.countries))
        return Budget(self.texts_hour, self.texts_day, countries) if self.is_limited else None

    def address(self, base_url: str) -> str:
        """The one public address of pages, messages and forms. base_url: what site.toml says.

        Never what a request claims. A demonstration is where it listens, unless told otherwise.
        """
        if self.base_url or not self.demo:
            return self.base_url or base_url
        host = "127.0.0.1" if self.host in ANYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def allowed_origins(self, base_url: str) -> frozenset[str]:
        """Addresses of the pages that may send forms: the site's own, and the configured."""
        return self.own_origins(base_url) | {origin.rstrip("/") for origin in _listed(self.origins)}

    def own_origins(self, base_url: str) -> frozenset[str]:
        """Addresses of the site itself, and in a demonstration of the server."""
        own = {f"http://{name}:{self.port}" for name in OWN_NAMES} if self.demo else set()
        return frozenset({base_url.rstrip("/"), *own})

    def shortcomings(self, base_url: str) -> dict[str, str]:
        """What a real server cannot do as it is set: name -> what is wrong and what to do; {} in a demonstration.

        base_url: its public address; "" where it is not known.
        """
        found = {
            "sender": "" if self.smtp or self.sms else NO_SENDER,
            "texts": NO_TEXTS if self.smtp and not self.sms else "",
            "proxies": NO_PROXY if base_url.startswith("https://") and not self.proxies else "",
        }
        with suppress(OSError):  # no site is built
            told = (self.site_dir / "robots.txt").read_text("utf-8")
            built = re.search(r"^Sitemap: (\S+)/sitemap\.xml$", told, re.M)
            if built and base_url not in ("", built[1]):
                found["address"] = OTHER_ADDRESS.format(built=built[1], served=base_url)
        return {} if self.demo else {name: text for name, text in found.items() if text}

    def check_serving(self, base_url: str) -> None:
        """May a server start so? base_url: what site.toml says. Raises Misuse with what contradicts itself."""
        if not self.is_limited and not self.demo:
            raise Misuse("MADANG_RATE_LIMIT=off는 시연(--now)에서만 쓸 수 있습니다. 지우세요.")
        if not (self.demo or self.base_url) and is_loopback(urlsplit(base_url).hostname or ""):
            raise Misuse(
                f"누리집의 공개 주소가 이 컴퓨터입니다({base_url}). site.toml의 base_url이나 MADANG_BASE_URL에 https://로 "
                "시작하는 주소를 적으세요. 이 컴퓨터에서만 쓸 서버라면 MADANG_BASE_URL에 이 주소를 그대로 적고, 시연이면 --now를 붙이세요."
            )


def _listed(text: str) -> list[str]:
    """What stands between commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def table() -> list[tuple[str, str, str]]:
    """(variable, default, sentence) of every setting, in order."""
    return [
        (f"MADANG_{name.upper()}", str(info.default), info.metadata["text"])
        for name, info in Settings.__dataclass_fields__.items()
        if "text" in info.metadata
    ]


def default_of(name: str) -> Callable[[], Any]:
    """What an option is worth that is not given: that setting, read when it is asked for. Raises Misuse, as read_settings."""
    return lambda: getattr(read_settings(), name)


def read_settings(environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Settings from the environment; `overrides` (command-line options; None is not given) win.

    Raises Misuse for an unknown MADANG_ variable, a value that does not fit, or two that contradict each other.
    """
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith("MADANG_") or variable.startswith("MADANG_TEST_"):
            continue
        name = variable.removeprefix("MADANG_").lower()
        info = Settings.__dataclass_fields__.get(name)
        if info is None or "text" not in info.metadata:
            raise Misuse(f"{variable}: 그런 설정은 없습니다.")
        is_number = isinstance(info.default, int)
        if is_number and not text.strip().isdigit():
            raise Misuse(f"{variable}: 숫자로 적으세요 (found {text!r}).")
        values[name] = int(text) if is_number else text.strip()
    settings = Settings(**values | {name: value for name, value in overrides.items() if value is not None})
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Raises Misuse."""
    for name, allowed in CHOICES.items():
        if getattr(settings, name) not in allowed:
            raise Misuse(f"MADANG_{name.upper()}: {' 또는 '.join(allowed)} 가운데 하나로 적으세요.")
    countries = _listed(settings.countries)
    if not countries or not all(code.isdigit() for code in countries):
        raise Misuse("MADANG_COUNTRIES는 나라 번호를 82처럼, 여럿이면 쉼표로 나누어 적으세요.")
    if settings.base_url and not is_address(settings.base_url):
        raise Misuse(
            f"MADANG_BASE_URL(--base-url): https://www.example.go.kr처럼 이름까지만 소문자로 쓰세요 (found {settings.base_url})."
        )
    if not 0 <= settings.processes <= 64 or not 0 <= settings.jobs <= 64:
        raise Misuse("MADANG_PROCESSES(--processes)와 MADANG_JOBS(--jobs)는 0부터 64 사이여야 합니다.")
    if not 1 <= settings.threads <= 256 or not 0 <= settings.port <= 65535:
        raise Misuse("MADANG_THREADS는 1부터 256, MADANG_PORT는 0부터 65535 사이여야 합니다.")
    for pair in PAIRS:
        for name, other in (pair, pair[::-1]):
            if getattr(settings, name) and not getattr(settings, other):
                raise Misuse(f"MADANG_{name.upper()}: MADANG_{other.upper()}도 함께 적으세요.")
    if settings.data_dir and settings.keys_dir.absolute().is_relative_to(settings.data_dir.absolute()):
        raise Misuse("MADANG_KEYS: 열쇠는 자료 폴더 밖에 두세요. 자료를 복사하면 열쇠까지 따라갑니다.")
