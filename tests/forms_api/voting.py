"""A town that votes: content with a poll, its holders, a server over it, and voters who read their codes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx
from click.testing import CliRunner, Result

from civic.clock import parse_time
from civic.codes import to_text
from civic.votes.envelope import Slot, read_public, receipt_of, seal
from civic.votes.result import Board, as_json
from forms_api.commands import main
from forms_api.commands.box import BoxFile
from forms_api.commands.poll import Place
from forms_api.settings import read_settings
from tests.builders import SITE, toml, write_files
from tests.forms_api.server import Server

SLUG = "budget"
PROPOSALS = {
    "bench": ("general", 30_000_000),
    "lamp": ("general", 20_000_000),
    "ramp": ("general", 10_000_000),
    "bus": ("fixed", 50_000_000),
    "guide": ("fixed", 5_000_000),
    "club": ("youth", 5_000_000),
}
POLL = """+++
title = "예산 투표"
summary = "예산을 어디에 쓸지 고릅니다."
opens = 2023-08-07T09:00:00
closes = 2023-08-26T00:00:00
electorate = "주민 누구나"
budget = 60_000_000
max_picks = 3

[[types]]
id = "general"
label = "일반참여형"
max = 2

[[types]]
id = "fixed"
label = "고정참여형"
max = 1

[[types]]
id = "youth"
label = "청년참여형"
max = 0
+++

글을 씁니다.
"""
HOLDERS = ("감사관", "기획과장", "주민위원장")
PASSPHRASE = "달빛 아래 자전거"
BEFORE, CLOSING, LATER = "2023-08-01T09:00:00", "2023-08-26T00:00:00", "2023-09-09T00:00:01"


def write_poll(folder: Path, slug: str = SLUG, closes: str = "", assurance: int = 1) -> Path:
    """A content folder with one poll and its proposals; the folder."""
    text = POLL.replace("closes = 2023-08-26T00:00:00", f"closes = {closes}") if closes else POLL
    text = text.replace("max_picks = 3", f"max_picks = 3\nassurance = {assurance}") if assurance > 1 else text
    files = {"site.toml": SITE.replace('"/lectures/"', '"/votes/"'), f"votes/{slug}.md": text}
    for name, (kind, cost) in PROPOSALS.items():
        lines = {"title": f"제안 {name}", "vote": slug, "type": kind}
        body = "".join(f"{key} = {toml(value)}\n" for key, value in lines.items())
        files[f"proposals/{slug}-{name}.md"] = f"+++\n{body}cost = {cost}\n+++\n\n글을 씁니다.\n"
    return write_files(folder, files)


def run(*words: str | Path, typed: str = "") -> Result:
    """`python -m forms_api votes …` in this process."""
    command = click.Command("madang", callback=lambda: main(["votes", *map(str, words)]))
    return CliRunner().invoke(command, [], input=typed)


def done(*words: str | Path, typed: str = "") -> str:
    """The same, and it must succeed; what it said."""
    result = run(*words, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


def asked(*words: str | Path, times: int = 1) -> str:
    """The same, with the holder's passphrase typed."""
    return done(*words, typed=f"{PASSPHRASE}\n" * times)


def prepare(content: Path, slug: str, folder: Path, *words: str) -> list[Path]:
    """Three holders make their keys, the poll takes them in, and all rehearse; the key files. words: of `keys add`."""
    keys = [folder / f"{slug}-{number}.json" for number in (1, 2, 3)]
    where = ("--content", content, "--now", BEFORE)
    for holder, key in zip(HOLDERS, keys, strict=True):
        asked("key", "new", slug, "--holder", holder, "--to", key, times=2)
    done("keys", "add", slug, *(key.with_suffix(".public.json") for key in keys), *words, *where)
    done("keys", "receipt", slug, *where)
    rehearse(content, slug, keys)
    return keys


def rehearse(content: Path, slug: str, keys: Sequence[Path], now: str = BEFORE) -> str:
    """A test ballot that all holders answer."""
    rehearsal, where = keys[0].with_name("rehearsal.json"), ("--content", content, "--now", now)
    done("rehearse", slug, "--to", rehearsal, *where)
    return done("rehearse", slug, "--box", rehearsal, *partials(rehearsal, keys, *where), *where)


def partials(box: Path, keys: Sequence[Path], *where: str | Path) -> list[str | Path]:
    """`--partial FILE` of each of these holders over a box or a rehearsal."""
    words: list[str | Path] = []
    for key in keys:
        part = key.with_suffix(f".{box.stem}.part.json")
        asked("partial", box, "--key", key, "--to", part, *where)
        words += ["--partial", part]
    return words


def signatures(opened: Path, keys: Sequence[Path], *words: str | Path) -> list[str | Path]:
    """`--signature FILE` of each of these holders over an opened box; words: what is counted beside it, and where."""
    found: list[str | Path] = []
    for key in keys:
        file = key.with_suffix(".signature.json")
        asked("sign", opened, "--key", key, "--to", file, *words)
        found += ["--signature", file]
    return found


def a_box(content: Path, file: Path, picks: Sequence[Sequence[str]]) -> Path:
    """A closed box with these ballots, as `votes close` exports it, without a server."""
    page = Place(content, parse_time(CLOSING), True, read_settings()).poll(SLUG)
    envelopes = sorted(
        (seal([f"{SLUG}-{pick}" for pick in each], page.slot) for each in picks), key=receipt_of
    )
    board = Board(
        format="madang-board/1",
        poll=SLUG,
        rules=page.slot.rules,
        closed=page.at,
        receipts=tuple(map(receipt_of, envelopes)),
        replaced=(),
        roll=0,
        marked=0,
        urns={},
        tables={},
    )
    sealed = tuple(map(to_text, envelopes))
    file.write_text(as_json(BoxFile(format="madang-box/2", board=board, envelopes=sealed)), "utf-8")
    return file


class Town:
    """Content, three holders of whom two are needed, and, while it runs, a server."""

    def __init__(self, folder: Path, closes: str = "", assurance: int = 1) -> None:
        self.folder = folder
        self.content = write_poll(folder / "content", closes=closes, assurance=assurance)
        self.data = folder / "var/data"
        self.keys = prepare(self.content, SLUG, folder / "keys")
        self.server: Server | None = None

    def close(self, file: Path, *words: str | Path) -> str:
        """The box as it stands, exported."""
        data, where = ("--data", f"tinydb://{self.data}"), ("--content", self.content, "--now", CLOSING)
        return done("close", SLUG, "--to", file, *words, *data, *where)

    def open(self, box: Path, target: Path, keys: Sequence[Path] | None = None) -> str:
        """Opened by these holders, or the last two: one is always missing."""
        where = ("--content", self.content, "--now", CLOSING)
        parts = partials(box, self.keys[1:] if keys is None else keys, *where)
        return done("open", box, *parts, "--to", target, *where)

    def publish(
        self, opened: Path, *words: str | Path, content: Path | None = None, now: str = CLOSING
    ) -> str:
        """Signed by the last two, and published."""
        where = (*words, "--content", content or self.content, "--now", now)
        return done("publish", opened, *signatures(opened, self.keys[1:], *where), *where)

    def serve(self, now: str = "2023-08-16T09:00:00+09:00", **settings: str) -> Server:
        self.server = Server(self.content, self.data, now=now, **({"rate_limit": "off"} | settings)).ready()
        return self.server

    def slot(self, client: httpx.Client) -> Slot:
        """What the API gives to seal with."""
        told = client.get(f"/api/votes/{SLUG}").json()
        keys = tuple(map(read_public, told["keys"]))
        return Slot(told["poll"], told["rules"], keys, told["room"], told["keys_needed"])

    def code(self, client: httpx.Client, contact: str) -> str:
        """Ask for a code and read it off the console."""
        assert self.server
        seen = len(self.server.lines)
        answer = client.post(f"/api/votes/{SLUG}/code", json={"contact": contact})
        assert answer.status_code == 202, answer.text
        return self.server.code(contact, seen)

    def cast(
        self, client: httpx.Client, contact: str, choices: Sequence[str], sealed: bool = True
    ) -> dict[str, Any]:
        """One voter's whole way; the receipt. Sealed: as the browser does, with the tracker added."""
        code = self.code(client, contact)
        body: dict[str, Any] = {"contact": contact, "code": code}
        names = [f"{SLUG}-{each}" for each in choices]
        body |= {"envelope": to_text(seal(names, self.slot(client)))} if sealed else {"choices": names}
        answer = client.post(f"/api/votes/{SLUG}/ballots", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())
