"""What a running app is made of, and how it does: its parts; /healthz, /readyz, /metrics."""

import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, request

from civic.clock import Clock
from civic.content.meetings import Told, told_from
from civic.content.pages import Document
from civic.content.poll import Poll
from civic.content.site import Site
from civic.errors import Mistake, NotFound, Refused, Unavailable
from civic.library import Library
from civic.links import link
from civic.people import keyed_hash
from civic.places.intake import Intake
from civic.store import open_box
from civic.store.seal import Keys, Sealer
from civic.store.store import Store
from civic.votes.casting import Polling
from civic.votes.light import Vault
from forms_api import accepted
from forms_api.accepted import InForce
from forms_api.describe import describe_api
from forms_api.doors import RateLimits
from forms_api.metrics import EventLog, Metrics
from forms_api.senders import sender_of
from forms_api.settings import Settings, is_loopback
from templates import environment
from templates.assets import SiteAssets

operations = Blueprint("operations", __name__)
SERVICES = "madang"  # the name of an app's extension that holds them
RECEIPTS = "/api/receipts/"
FRESH = 0.2  # seconds that an answer about health may be repeated
PATIENCE = 0.7  # seconds that it may take
Trail = list[tuple[str, str]]


class Health:
    """Can the server do its work? Tried for whoever asks; no answer is older or later than a second.

    What is wrong is for the log alone, once for each change: it may name machines and accounts.
    """

    def __init__(self, log: EventLog, store: Store) -> None:
        self._log, self._store = log, store
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "health")
        self._asked: Future[bool] | None = None
        self._at = 0.0  # when the last look began, by the monotonic clock
        self._said = ""

    def is_well(self, patience: float = PATIENCE) -> bool:
        """False as well while a look takes longer than `patience` seconds: so does whatever a citizen sends."""
        with self._lock:
            is_over = self._asked is None or self._asked.done()
            if is_over and time.monotonic() - self._at >= FRESH:
                self._at, self._asked = time.monotonic(), self._pool.submit(self._look)
            asked = self._asked
        try:
            return asked is not None and asked.result(patience)
        except TimeoutError:
            return False

    def _look(self) -> bool:
        try:
            wrong = self._store.trouble
        except Exception as err:
            self._log.failure("health", err)
            return False
        if wrong != self._said:
            self._said = wrong
            self._log.event("not-ready" if wrong else "ready-again", why=wrong or None)
        return not wrong


def identity_provider(settings: Settings) -> Any:
    """The `oidc.Provider` that the settings name; None when they name none. Raises Misuse."""
    if not settings.oidc_issuer:
        return None
    # Late: the packages behind it take a quarter of the time in which the app is loaded.
    from forms_api.oidc import Provider

    return Provider(settings)


class Services:
    """The parts of one running app. Nothing of it is global: two apps in one process do not mix."""

    def __init__(self, settings: Settings, written: Library, store: Store, keys: Keys, clock: Clock) -> None:
        """written: what the content says. Raises Misuse, and what `follow` does."""
        self.settings, self.written = settings, written
        self.sender = sender_of(settings, sys.stdout)
        self.provider = identity_provider(settings)
        self.limits, self.metrics = RateLimits(settings.is_limited), Metrics()
        self.log = EventLog(clock, settings.log == "on")
        self.health = Health(self.log, store)
        self.intake = Intake(written, store, keys, clock, not settings.demo, self.sender.can_text)
        ways = settings.budget, self.sender.can_send, settings.demo
        box = open_box(settings.data)
        self.polling = Polling(written, box, keys, clock, *ways, Vault(keys, store))
        self.sealer = Sealer(keys.derived("votes: pockets"))  # of cookies
        self.queued = threading.Event()  # set when a code waits to be sent
        self.refused: tuple[Mistake, ...] = ()  # why a newer content is not followed
        self.held: tuple[Mistake, ...] = ()  # what of this one is held back
        self._force: InForce | None = None
        self._low: datetime | None = None  # until then few messages were left
        self._assets = SiteAssets(settings.site_dir)
        self.follow(written)

    def follow(self, written: Library) -> None:
        """From now on this library counts, at the address of the settings, but for what goes against what people were promised.

        Raises ContentMistakes when it is another town's: then the one before goes on.
        """
        before = self._force
        force = accepted.follow(self.intake.store, written, self.intake.clock.now())
        held = tuple(each.mistake for each in force.held)
        for each in held if held != self.held else ():
            self.log.event("content-held-back", mistake=str(each))
        self.held, self._force = held, force
        self.is_settled = not held and not force.changed  # everything is kept as a promise
        if before and written is self.written and force.instead == before.instead:
            return
        self.written = written
        library = force.library.at_address(self.settings.address(written.site.base_url))
        clock, is_demo = self.intake.clock, self.settings.demo
        self._environment = environment(library, self._assets, clock, is_demo)
        # The one that counts: replaced, never changed, so that it is read without a lock.
        self.library = self.intake.library = self.polling.library = library

    @property
    def lacks(self) -> list[str]:
        """What staff must put right though entries are taken: see Settings.shortcomings.

        "budget": few messages with codes are left; "messages": some do not go out; "content": some is held back.
        """
        lacks = list(self.settings.shortcomings(self.site.base_url))
        if self._low and self.intake.clock.now() < self._low:
            lacks.append("budget")
        with suppress(Unavailable):
            lacks += ["messages"] if self.intake.store.outbox.stuck() else []
        return [*lacks, "content"] if self.held or self.refused else lacks

    def told(self) -> dict[str, Told]:
        """What the built site tells of its meetings; nothing where none is built."""
        return told_from(self.settings.site_dir)

    def note_text(self, place: str, is_low: bool) -> None:
        """Count a message with a code; while little is left of a budget, staff are told, once an hour in the log."""
        now = self.intake.clock.now()
        self.metrics.add("texts_total", place=place)
        if is_low and (self._low is None or now >= self._low):
            self._low = now + timedelta(hours=1)
            self.log.event("texts-low", place=place)

    @property
    def site(self) -> Site:
        """What site.toml says now."""
        return self.library.site

    def receipt(self, number: str) -> str:
        """ "/api/receipts/<token>": the address of a receipt, which nobody can make but we: the number, signed."""
        return f"{RECEIPTS}{number}.{keyed_hash(self.intake.keys.link, 'receipt', number)}"

    def receipt_number(self, token: str) -> str:
        """The receipt number in a token. Raises NotFound when it is not ours."""
        number = token.partition(".")[0]
        if not compare_digest(f"{RECEIPTS}{token}".encode(), self.receipt(number).encode()):
            raise NotFound("그런 접수증이 없습니다.")
        return number

    def page(
        self,
        template: str,
        title: str,
        *,
        last: str = "",
        above: Trail | None = None,
        path: str = "",
        refusal: Refused | None = None,
        at: str = "",
        **context: Any,
    ) -> Response:
        """One HTML answer, from the same templates as the site.

        last: its name in the breadcrumb, by default the title; above: what stands before it there, by default the menu's
        entry and the page of `doc`. path: of the page; "" is the request's. refusal: what must be corrected, said in the
        title and at the fields; one that names no field is said at the field `at`.
        """
        errors: dict[str, str] = {}
        for error in refusal.errors if refusal else ():
            errors.setdefault(error.field, error.message)
        if refusal and at and not errors:
            errors = {at: refusal.detail}
        text = self._environment.get_template(template).render(
            title=f"오류: {title}" if refusal else title,
            trail=[*(self._above(context.get("doc")) if above is None else above), (last or title, "")],
            path=path or request.path,
            errors=errors,
            **context,
        )
        return Response(text, status=refusal.status if refusal else 200, mimetype="text/html")

    def _above(self, doc: Document | None) -> Trail:
        if doc is None:
            return []
        menu = [(item.label, item.to) for item in self.site.menu if item.to == link(doc.noun)]
        return [*menu, (doc.title, doc.link)]


def services() -> Services:
    """Those of the app that answers now."""
    return cast(Services, current_app.extensions[SERVICES])


@operations.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@operations.get("/readyz")
def readyz() -> Response:
    """Entries can be taken; 503 when they cannot. Why is said to the log and by `doctor`, not to everybody.

    lacks: see Services.lacks.
    """
    is_well = services().health.is_well()
    answer = jsonify(status="ok" if is_well else "not ok", lacks=services().lacks)
    answer.status_code = 200 if is_well else 503
    answer.headers["Cache-Control"] = "no-store"
    return answer


@operations.get("/metrics")
def metrics() -> Response:
    """The counters; for who asks from this machine and past every proxy only, unless MADANG_METRICS=open."""
    is_passed_on = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    is_near = is_loopback(request.remote_addr or "") and not is_passed_on
    if services().settings.metrics != "open" and not is_near:
        raise NotFound
    lacks = services().lacks
    names = ("sender", "texts", "proxies", "address", "budget", "messages", "content")
    said = "".join(f'madang_lacks{{what="{name}"}} {int(name in lacks)}\n' for name in names)
    text = f"{services().metrics.text()}# TYPE madang_lacks gauge\n{said}"
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


@operations.get("/api/openapi.json")
def openapi() -> Response:
    """The API, described from the same forms that check the posts."""
    library = services().library
    polls = [each for each in library.of("vote") if isinstance(each, Poll)]
    answer = jsonify(describe_api(library.site, library.subjects(), polls))
    answer.headers["Cache-Control"] = "public, max-age=60"
    return answer
