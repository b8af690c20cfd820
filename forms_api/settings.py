"""Settings of the server: environment variables MADANG_<NAME>, one table (docs/api.md prints it); and its clock."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from civic.clock import SEOUL, Clock, SteadyClock
from civic.errors import Misuse
from civic.store import open_box
from civic.store.book import Store
from civic.store.budget import Budget

PLACE = "server"  # the subject under which the marks of the clock are kept; no page has that address
CHOICES = {"rate_limit": ("on", "off"), "metrics": ("local", "open"), "log": ("on", "off")}
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Does the address mean this machine only?"""
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
    processes: int = _setting(0, "서버 프로세스 수. 0이면 이 서버가 쓸 수 있는 프로세서 수만큼, 많아야 4개")
    metrics: str = _setting("local", "open이면 /metrics를 밖에서도 볼 수 있습니다.")
    smtp: str = _setting(
        "", "인증번호를 보낼 메일 서버. smtp://아이디:암호@서버:587(STARTTLS) 또는 smtps://…:465"
    )
    mail_from: str = _setting("", "메일의 보내는 사람 주소")
    sms: str = _setting("", "문자 회사(솔라피)의 열쇠. 키:비밀 꼴로 적습니다.")
    sms_from: str = _setting("", "문자의 보내는 번호(미리 등록한 번호)")
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

    demo: bool = False  # set by --now, not by the environment: every page says that it is a demonstration

    @property
    def is_loopback(self) -> bool:
        """Does the server listen on this machine only?"""
        return is_loopback(self.host)

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

    @property
    def budget(self) -> Budget | None:
        """How many messages with codes may go out, and to which countries; None without limits."""
        allowed = Budget(self.texts_hour, self.texts_day, tuple(_listed(self.countries)))
        return allowed if self.is_limited else None

    def allowed_origins(self, base_url: str) -> frozenset[str]:
        """Addresses of the pages that may send forms: the site's own, the configured, and on loopback the server's."""
        given = {origin.rstrip("/") for origin in _listed(self.origins)}
        own = {f"http://{name}:{self.port}" for name in LOOPBACK_NAMES} if self.is_loopback else set()
        return frozenset({base_url.rstrip("/"), *given, *own})


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
        values[name] = text.strip()
        if isinstance(info.default, int):
            if not text.strip().isdigit():
                raise Misuse(f"{variable}: 숫자로 적으세요 (found {text!r}).")
            values[name] = int(text)
    values |= {name: value for name, value in overrides.items() if value is not None}
    settings = Settings(**values)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Raises Misuse."""
    for name, allowed in CHOICES.items():
        if getattr(settings, name) not in allowed:
            raise Misuse(f"MADANG_{name.upper()}: {' 또는 '.join(allowed)} 가운데 하나로 적으세요.")
    if not settings.is_limited and not settings.is_loopback:
        raise Misuse("MADANG_RATE_LIMIT=off는 서버가 127.0.0.1에서만 들을 때 쓸 수 있습니다.")
    countries = _listed(settings.countries)
    if not countries or not all(code.isdigit() for code in countries):
        raise Misuse("MADANG_COUNTRIES는 나라 번호를 82처럼, 여럿이면 쉼표로 나누어 적으세요.")
    if not 0 <= settings.processes <= 64:
        raise Misuse("MADANG_PROCESSES(--processes)는 0부터 64 사이여야 합니다.")
    if not 1 <= settings.threads <= 256 or not 0 <= settings.port <= 65535:
        raise Misuse("MADANG_THREADS는 1부터 256, MADANG_PORT는 0부터 65535 사이여야 합니다.")


@dataclass(frozen=True)
class ClockMark:
    """What one start of a server says about the clock of its store, for every process beside it.

    A store has one clock: a demonstration's runs from its --now, every other one's is the machine's. So no false clock
    can close a form, end an offer or open a draw among what citizens really sent.
    """

    start: datetime | None  # what it showed at first; None is the machine's own clock
    began: datetime  # when that was, by the machine

    def clock(self) -> Clock:
        """The same clock, in this process."""
        if self.start is None:
            return SteadyClock()
        return SteadyClock(self.start + max(timedelta(0), datetime.now(SEOUL) - self.began))


def mark_of(store: Store) -> ClockMark | None:
    """The newest mark; None on a store that no server has marked yet."""
    return _newest(store.fixed(PLACE).get("", {}))


def take_up(store: Store, data: str, mark: ClockMark) -> Clock:
    """The clock of a server that starts with that mark, on the store of the address `data`.

    A demonstration begins its clock anew at each start. Raises Misuse for a demonstration on real data and for a real
    server on a demonstration's.
    """
    used = bool(store.subjects() or store.history("")) or (mark.start is not None and _has_ballots(data))
    with store.open(PLACE, who="clock") as book:
        facts = book.fixed("")
        last = _newest(facts)
        if mark.start is None and last and last.start:
            raise Misuse(
                "시연(--now)에 쓴 자료입니다. 진짜 접수에는 쓸 수 없습니다. 다른 자료를 --data로 정하거나 --now를 붙이세요."
            )
        if mark.start and (last.start is None if last else used):
            raise Misuse(
                "시연이 아닌 서버가 쓴 자료입니다. --now로 시각을 바꿀 수 없습니다. 시연에는 다른 자료를 --data로 정하세요."
            )
        if last != mark and (last is None or mark.start):  # the processes of one server share a mark
            start = mark.start.isoformat() if mark.start else ""
            text = json.dumps({"start": start, "began": mark.began.isoformat()})
            book.fix("", f"clock:{len(facts) + 1}", text, mark.began)
    return mark.clock()


def _newest(facts: dict[str, str]) -> ClockMark | None:
    marks = {int(name.partition(":")[2]): text for name, text in facts.items() if name.startswith("clock:")}
    if not marks:
        return None
    given = json.loads(marks[max(marks)])
    start = datetime.fromisoformat(given["start"]) if given["start"] else None
    return ClockMark(start, datetime.fromisoformat(given["began"]))


def _has_ballots(data: str) -> bool:
    boxes = open_box(data)
    try:
        return bool(boxes.polls())
    finally:
        boxes.shut()
