"""A town that votes: content with a poll, its keys, a server over it, and voters who read their codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner, Result

from civic.codes import to_text
from civic.votes.envelope import Slot, read_public, seal
from forms_api.commands.votes import votes
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
    return CliRunner().invoke(votes, [str(word) for word in words], input=typed)


def done(*words: str | Path, typed: str = "") -> str:
    """The same, and it must succeed; what it said."""
    result = run(*words, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


class Town:
    """Content, keys and, while it runs, a server."""

    def __init__(self, folder: Path, closes: str = "", assurance: int = 1) -> None:
        self.folder = folder
        self.content = write_poll(folder / "content", closes=closes, assurance=assurance)
        self.data = folder / "var/data"
        self.halves = [folder / "keys" / f"{SLUG}-{number}.json" for number in (1, 2)]
        done(
            *("keys", SLUG, "--holder", "감사관", "--holder", "기획과장", "--to", folder / "keys"),
            *("--no-passphrase", "--content", self.content, "--now", BEFORE),
        )
        done("rehearse", SLUG, *self.given_halves, "--content", self.content, "--now", BEFORE)
        self.server: Server | None = None

    @property
    def given_halves(self) -> list[str | Path]:
        return [word for half in self.halves for word in ("--half", half)]

    def serve(self, now: str = "2023-08-16T09:00:00+09:00", **settings: str) -> Server:
        self.server = Server(self.content, self.data, now=now, **({"rate_limit": "off"} | settings)).ready()
        return self.server

    def slot(self, client: httpx.Client) -> Slot:
        """What the API gives to seal with."""
        told = client.get(f"/api/votes/{SLUG}").json()
        return Slot(told["poll"], told["rules"], tuple(map(read_public, told["keys"])), told["room"])

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
