"""The desk where votes are cast: polling, its outbox, the identity provider. Opened once per app; no views."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from flask import current_app

from civic.votes.casting import Polling
from forms_api.background import Every
from forms_api.oidc import Pocket, Provider
from forms_api.operations import Services

EXTENSION = "madang.votes"
PAUSE = 1.0  # seconds between two looks for codes to send, when nobody wakes it


class Desk:
    """Polling with its outbox; opened by the first who votes, or by the server where there are polls."""

    def __init__(
        self,
        make: Callable[[], Polling],
        parts: Services,
        pocket: Pocket,
        provider: Provider | None,
    ) -> None:
        self.pocket, self.provider = pocket, provider
        self._make, self._parts = make, parts
        self._lock = threading.Lock()
        self._open: tuple[Polling, Every] | None = None

    @property
    def polling(self) -> Polling:
        """The open desk; messages that an earlier server left go out."""
        if self._open is None:
            with self._lock:
                if self._open is None:
                    polling = self._make()
                    self._parts.follow(self._parts.library, polling)
                    outbox = Every("outbox", PAUSE, self._deliver, self._parts.log)
                    self._open = polling, outbox
        return self._open[0]

    def _deliver(self, outbox: Every) -> None:
        while not outbox.is_over and self.polling.codes.deliver(self._parts.sender):
            pass

    def wake(self) -> None:
        """Send what was queued."""
        if self._open:
            self._open[1].wake()

    def close(self) -> None:
        """Stop sending and let go of the box."""
        with self._lock:
            if self._open:
                polling, outbox = self._open
                self._open = None
                outbox.stop()
                polling.box.shut()


def desk() -> Desk:
    """The desk of the app that answers now."""
    return cast(Desk, current_app.extensions[EXTENSION])
