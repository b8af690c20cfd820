"""The state of all forms, read at most once a second however many ask. No web."""

from __future__ import annotations

import hashlib
import json
import threading
import time

from civic.places.intake import Intake
from forms_api.files import Text, make

FRESH = 1.0  # seconds that an answer may be repeated


class StatusBoard:
    """The document and its ETag; a rush of readers costs one reading of the counts per second."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._lock = threading.Lock()
        self._made = float("-inf")
        self._text = make(b"")

    def read(self) -> Text:
        """JSON; its tag changes only when a form does, not with the clock."""
        with self._lock:
            if time.monotonic() - self._made >= FRESH:
                document = self._intake.status()
                body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
                tag = hashlib.sha256(json.dumps(document["forms"]).encode()).hexdigest()[:16]
                self._text = make(body, tag)
                self._made = time.monotonic()
            return self._text
