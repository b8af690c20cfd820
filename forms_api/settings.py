"""Settings of the server: environment variables MADANG_<NAME>, one table. docs/api.md prints it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from civic.errors import Misuse

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"text": text})


@dataclass(frozen=True)
class Settings:
    """What can be set, with its default; the sentence is for staff."""

    host: str = _setting("127.0.0.1", "서버가 듣는 주소. 밖에서 바로 받으려면 0.0.0.0")
    port: int = _setting(8000, "서버가 듣는 포트. 0이면 빈 포트를 고릅니다.")
    data: str = _setting("tinydb://var/data", "신청을 두는 곳. tinydb://폴더 또는 postgresql://…")
    keys: str = _setting("", "열쇠를 두는 폴더. 비우면 자료 폴더 옆의 keys/")
    content: str = _setting("content", "글이 있는 폴더")
    site: str = _setting("site", "빌드한 누리집이 있는 폴더")
    access_log: str = _setting("", "담당자가 신청을 본 기록을 쌓는 파일. 비우면 열쇠 폴더 옆의 access.jsonl")
    origins: str = _setting("", "신청을 보낼 수 있는 다른 누리집 주소. 쉼표로 나눕니다.")
    proxies: int = _setting(0, "서버 앞에 있는 프록시 수. 보낸 사람의 주소를 여기에 맞춰 읽습니다.")
    rate_limit: str = _setting(
        "on", "off이면 보내는 횟수를 제한하지 않습니다. 부하 시험용이며 127.0.0.1에서만 됩니다."
    )
    threads: int = _setting(16, "요청을 처리하는 스레드 수(프로세스마다)")
    processes: int = _setting(
        1,
        "서버 프로세스 수. /metrics와 횟수 제한은 프로세스마다 따로 셉니다.",
    )
    metrics: str = _setting("local", "open이면 /metrics를 밖에서도 볼 수 있습니다.")
    smtp: str = _setting(
        "", "인증번호를 보낼 메일 서버. smtp://아이디:암호@서버:587(STARTTLS) 또는 smtps://…:465"
    )
    mail_from: str = _setting("", "메일의 보내는 사람 주소")
    sms: str = _setting("", "문자 회사(솔라피)의 열쇠. 키:비밀 꼴로 적습니다.")
    sms_from: str = _setting("", "문자의 보내는 번호(미리 등록한 번호)")
    oidc_issuer: str = _setting(
        "", "본인확인기관(OIDC)의 주소. 본인 확인 수준이 3인 투표에 씁니다. 예: https://id.example.kr"
    )
    oidc_client_id: str = _setting("", "본인확인기관에서 받은 이름(client_id)")
    oidc_client_secret: str = _setting("", "본인확인기관에서 받은 비밀(client_secret)")
    log: str = _setting("on", "off이면 사건 기록(JSON 한 줄씩)을 남기지 않습니다.")

    demo: bool = False  # set by --now, not by the environment: every page says that it is a demonstration

    @property
    def is_loopback(self) -> bool:
        """Does the server listen on this machine only?"""
        return _is_loopback(self.host)

    @property
    def is_limited(self) -> bool:
        """Are rate limits on?"""
        return self.rate_limit != "off"

    @property
    def content_dir(self) -> Path:
        return Path(self.content)

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
    def access_log_file(self) -> Path:
        """Where staff's looks at personal data are noted."""
        return Path(self.access_log) if self.access_log else self.keys_dir.parent / "access.jsonl"

    def allowed_origins(self, base_url: str) -> frozenset[str]:
        """Addresses of the pages that may send forms: the site's own, the configured, and on loopback the server's."""
        given = {origin.strip().rstrip("/") for origin in self.origins.split(",") if origin.strip()}
        own = {f"http://{name}:{self.port}" for name in LOOPBACK_NAMES} if self.is_loopback else set()
        return frozenset({base_url.rstrip("/"), *given, *own})


def table() -> list[tuple[str, str, str]]:
    """(variable, default, sentence) of every setting, in order."""
    return [
        (f"MADANG_{name.upper()}", str(info.default), info.metadata["text"])
        for name, info in Settings.__dataclass_fields__.items()
        if "text" in info.metadata
    ]


def read_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Settings from the environment; `overrides` (command-line options; None is not given) win.

    Raises Misuse for an unknown MADANG_ variable, a value that does not fit, or limits off on a public address.
    """
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith("MADANG_") or variable.startswith("MADANG_TEST_"):
            continue
        name = variable.removeprefix("MADANG_").lower()
        info = Settings.__dataclass_fields__.get(name)
        if info is None or "text" not in info.metadata:
            raise Misuse(f"{variable}: 그런 설정은 없습니다.")
        values[name] = _typed(variable, text, info.default)
    values |= {name: value for name, value in overrides.items() if value is not None}
    settings = Settings(**values)
    for name, allowed in (
        ("rate_limit", ("on", "off")),
        ("metrics", ("local", "open")),
        ("log", ("on", "off")),
    ):
        if getattr(settings, name) not in allowed:
            raise Misuse(f"MADANG_{name.upper()}: {' 또는 '.join(allowed)} 가운데 하나로 적으세요.")
    if not settings.is_limited and not settings.is_loopback:
        raise Misuse("MADANG_RATE_LIMIT=off는 서버가 127.0.0.1에서만 들을 때 쓸 수 있습니다.")
    if not 1 <= settings.processes <= 64:
        raise Misuse("MADANG_PROCESSES(--processes)는 1부터 64 사이여야 합니다.")
    if not 1 <= settings.threads <= 256 or not 0 <= settings.port <= 65535:
        raise Misuse("MADANG_THREADS는 1부터 256, MADANG_PORT는 0부터 65535 사이여야 합니다.")
    return settings


def _typed(variable: str, text: str, default: Any) -> Any:
    if not isinstance(default, int):
        return text.strip()
    if not text.strip().isdigit():
        raise Misuse(f"{variable}: 숫자로 적으세요 (found {text!r}).")
    return int(text)
