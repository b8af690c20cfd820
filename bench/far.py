"""A PostgreSQL server as if it were farther away: a proxy on this machine that keeps what it hands on for a moment."""

import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit


@contextmanager
def farther(address: str, seconds: float) -> Iterator[str]:
    """The address under which a server on a socket (postgresql://user@/name?host=folder) answers so much later.

    seconds: for the way there and back together, half of them each way. The proxy is a process of its own.
    """
    given = urlsplit(address)
    target = f"{parse_qs(given.query)['host'][0]}/.s.PGSQL.5432"
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    proxy = multiprocessing.get_context("fork").Process(
        target=hand_on_all, args=(listening, target, seconds / 2), daemon=True
    )
    proxy.start()
    listening.close()
    try:
        yield f"postgresql://{given.username}@127.0.0.1:{port}{given.path}"
    finally:
        proxy.terminate()
        proxy.join(10)


def hand_on_all(listening: socket.socket, target: str, seconds: float) -> None:
    """Two threads for each connection, until the process ends."""
    while True:
        near, _ = listening.accept()
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far = socket.socket(socket.AF_UNIX)
        far.connect(target)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=hand_on, args=(source, sink, seconds), daemon=True).start()


def hand_on(source: socket.socket, sink: socket.socket, seconds: float) -> None:
    """What comes from one goes to the other a little later; the end as well."""
    with suppress(OSError):
        while part := source.recv(65536):
            time.sleep(seconds)
            sink.sendall(part)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
