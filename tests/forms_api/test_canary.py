"""A choice sealed as the browser does is nowhere on the server before opening: files, log, memory of all its processes.

The same scanner must find what is there: the envelope in the files, and in memory what the server itself sealed for a
ballot of the plain way. Linux only: it reads /proc.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from civic.codes import from_text, new_code, to_text
from civic.votes.envelope import seal
from tests.builders import a_phone
from tests.forms_api.server import Server
from tests.forms_api.voting import SLUG, Town

API = f"/api/votes/{SLUG}"
PIECE = 1 << 24


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [pid, *(each for child in children for each in family(child))]


def memory(pid: int) -> Iterator[bytes]:
    """Everything that a process can read or write, in pieces that overlap."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S*) .*?(\[v\w+\])?$", line)
            if not found or found[4]:
                continue
            at, end = int(found[1], 16), int(found[2], 16)
            while at < end:
                try:
                    mem.seek(at)
                    piece = mem.read(min(PIECE, end - at))
                except (OSError, OverflowError):
                    break  # a hole, or a device
                if not piece:
                    break
                yield piece
                at += max(len(piece) - 256, 1) if at + len(piece) < end else len(piece)


def found_in(server: Server, town: Town, words: list[bytes]) -> dict[bytes, set[str]]:
    """Where each of the words is found: "memory", "files", "log"."""
    found: dict[bytes, set[str]] = {word: set() for word in words}
    places = [("memory", piece) for pid in family(server.process.pid) for piece in memory(pid)]
    places += [("files", file.read_bytes()) for file in (town.folder / "var").rglob("*") if file.is_file()]
    places += [("log", "".join(server.lines).encode())]
    for name, piece in places:
        for word in words:
            if word in piece:
                found[word].add(name)
    return found


def test_a_sealed_choice_is_nowhere_before_opening(tmp_path: Path) -> None:
    """Tracker and content of a sealed ballot: nowhere. The envelope, and a plain ballot's tracker: the scanner sees them."""
    town = Town(tmp_path)
    with town.serve() as server, server.client() as client:
        slot, tracker, contact = town.slot(client), new_code(), a_phone()
        picks = [f"{SLUG}-guide", f"{SLUG}-lamp"]
        envelope = seal(picks, slot, tracker)
        body = {"contact": contact, "code": town.code(client, contact), "envelope": to_text(envelope)}
        assert client.post(f"{API}/ballots", json=body).status_code == 201
        # What a reader of the content would look for: the tracker, and the choices in the order of the envelope.
        content = '"choices":["' + '","'.join(picks) + '"]'
        words = (tracker, tracker.replace("-", ""), content, ",".join(picks))
        secrets = [word.encode() for word in words]
        kept = from_text(body["envelope"])[200:260]
        found = found_in(server, town, [*secrets, kept])
        assert {word: places for word, places in found.items() if places and word != kept} == {}
        assert "files" in found[kept]
        # The control: what the server itself sealed passed through its memory, and there the scanner finds it.
        plain = a_phone()
        body = {"contact": plain, "code": town.code(client, plain), "choices": [f"{SLUG}-ramp"]}
        told = client.post(f"{API}/ballots", json=body).json()
        found = found_in(server, town, [told["tracker"].encode(), told["receipt"].encode()])
        assert "memory" in found[told["tracker"].encode()] | found[told["receipt"].encode()]
        assert not {"files", "log"} & found[told["tracker"].encode()]
        assert found[told["receipt"].encode()] >= {"files", "memory"}
