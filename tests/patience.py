"""How tests wait for what another thread or process does."""

import time
from collections.abc import Callable


def eventually(is_so: Callable[[], object], patience: float = 60, pause: float = 0.05) -> None:
    """Wait until it is so. Fails after `patience` seconds; looks every `pause` seconds."""
    until = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(pause)
