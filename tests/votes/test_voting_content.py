"""The demonstration's own vote: its box is ready, its private halves are nowhere, and anyone can make new ones."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from civic.clock import SEOUL
from civic.content.poll import Poll, Proposal
from civic.errors import ContentMistakes
from civic.library import load
from civic.votes.ballot import rules_hash
from civic.votes.box_key import FORMAT
from civic.votes.envelope import seal, slot_of
from forms_api.commands.poll import with_values
from tests.builders import rewrite
from tests.forms_api.voting import HOLDERS, prepare, run, write_poll

SLUG = "budget-2024"
BEFORE, DURING = datetime(2023, 8, 1, tzinfo=SEOUL), datetime(2023, 8, 16, tzinfo=SEOUL)


def the_poll(content: Path, now: datetime) -> tuple[Poll, list[Proposal]]:
    library = load(content, now)
    poll = library.get("votes", SLUG)
    assert isinstance(poll, Poll)
    return poll, list(library.proposals(SLUG))


def test_the_demonstration_takes_ballots(root: Path) -> None:
    """Whoever edits the poll or a proposal makes it ready again, as docs/voting.md says under "시연"."""
    poll, proposals = the_poll(root / "content", DURING)
    slot = slot_of(poll, proposals)
    assert slot.ready, f"rehearse again: the rules are now {slot.rules}"
    assert len(poll.keys) == 3 and len(seal([proposals[0].slug], slot)) == slot.length


def test_no_key_file_is_published(root: Path) -> None:
    """Whoever has two keys of a box reads every ballot: none stands in what we hand out."""
    files = [file for top in ("content", "docs", "static", "tests") for file in (root / top).rglob("*")]
    texts = [file for file in files if file.suffix in (".json", ".toml", ".md")]
    assert len(texts) > 50
    for file in texts:
        assert f'"format": "{FORMAT}"' not in file.read_text("utf-8", errors="replace"), file


def test_anyone_can_make_the_demonstration_theirs(root: Path, tmp_path: Path) -> None:
    """New keys on a copy before opening: rehearsed, open, and a ballot opens with them; after opening they stay."""
    content = tmp_path / "content"
    shutil.copytree(root / "content", content)
    keys = prepare(content, SLUG, tmp_path / "k", "--anew")
    poll, proposals = the_poll(content, DURING)
    assert slot_of(poll, proposals).ready and [key.holder for key in poll.keys] == list(HOLDERS)
    before = (content / "votes" / f"{SLUG}.md").read_bytes()
    parts = [key.with_suffix(".public.json") for key in keys]
    late = run("keys", "add", SLUG, *parts, "--anew", "--content", content, "--now", "2023-08-16T09:00:00")
    assert late.exit_code == 1 and "투표를 시작한 뒤에는" in late.output
    assert (content / "votes" / f"{SLUG}.md").read_bytes() == before


def test_a_poll_that_has_begun_keeps_its_rules(tmp_path: Path) -> None:
    """Changed before opening: fine. After opening: the build names it, until a dated correction names the old rules."""
    content = write_poll(tmp_path / "content")
    page = content / "votes" / "budget.md"
    poll = load(content, BEFORE).get("votes", "budget")
    assert isinstance(poll, Poll)
    mine = [p for p in load(content, BEFORE).of("proposal") if isinstance(p, Proposal)]
    rules = rules_hash(poll, mine)
    page.write_text(with_values(page, rehearsed={"at": BEFORE, "rules": rules}), "utf-8")
    load(content, DURING)
    rewrite(content / "proposals" / "budget-lamp.md", "20000000", "20000001")
    load(content, BEFORE)
    with pytest.raises(ContentMistakes) as found:
        load(content, DURING)
    (mistake,) = found.value.mistakes
    assert (mistake.file, mistake.field) == ("votes/budget.md", "rehearsed.rules") and rules in mistake.hint
    correction = {"at": DURING, "text": "금액을 바로잡음", "rules": rules}
    page.write_text(with_values(page, corrections=[correction]), "utf-8")
    load(content, DURING)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_the_values_of_a_page_change(end: str, tmp_path: Path) -> None:
    """Staff's comments, blanks, order and line ends stay byte for byte; a page saved with CRLF once got LF."""
    before = (
        '+++\ntitle = "투표"   # 이름\nmax_picks  = 3\n\n# 유형\n[[types]]\nid = "a" # 하나\n\n[rehearsed]\n'
        'at = 2023-08-01T00:00:00\nrules = "aa"  # 지문\n\n# 끝\n+++\n\n본문 +++\n+++\n'
    ).replace("\n", end)
    page = tmp_path / "page.md"

    def changed(text: str, **values: Any) -> str:
        page.write_bytes(text.encode())
        return with_values(page, **values)

    after = changed(before, rehearsed={"rules": "bb"})
    assert after == before.replace('"aa"', '"bb"')
    keys = [{"holder": "감사관", "public": "x"}, {"holder": "과장", "public": "y"}]
    once = changed(after, keys=keys)
    added = '[[keys]]\nholder = "감사관"\npublic = "x"\n\n[[keys]]\nholder = "과장"\npublic = "y"\n'
    assert once.replace(end, "\n").replace(f"\n{added}", "") == after.replace(end, "\n")
    assert once.count("\n") == once.count(end)
    assert changed(changed(once, keys=keys[:1]), keys=keys) == once
    with pytest.raises(ValueError, match="unpack"):
        changed("글뿐입니다.", keys=keys)
