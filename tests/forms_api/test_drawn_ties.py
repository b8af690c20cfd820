"""A tie that decides: the count stops, a public draw is recorded with when, where and before whom, then it is published."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from civic.clock import parse_time
from civic.library import load
from tests.forms_api.voting import CLOSING, SLUG, a_box, done, partials, prepare, run, signatures, write_poll

RECORD = """poll = "budget"
at = 2023-08-28T14:00:00
where = "구청 3층 회의실"
by = ["감사관", "주민참여예산위원장"]
how = "이름표를 상자에 넣고 뽑음"
order = ["budget-bench", "budget-bus"]
"""


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """Twelve ballots for the bench and twelve for the bus: both do not fit into the budget."""
    content = write_poll(tmp_path / "content")
    page = content / "votes" / f"{SLUG}.md"
    page.write_text(page.read_text("utf-8").replace("max_picks = 3", 'max_picks = 3\nties = "draw"'), "utf-8")
    keys, where = prepare(content, SLUG, tmp_path / "keys"), ("--content", content, "--now", CLOSING)
    box = a_box(content, tmp_path / "box.json", [["bench"], ["bus"]] * 12)
    file = tmp_path / "opened.json"
    done("open", box, *partials(box, keys[:2], *where), "--to", file, *where)
    return file


def test_a_tie_waits_for_its_draw(opened: Path, root: Path) -> None:
    """Without a record nothing is published; with it the order, the time and the witnesses are, and the recount agrees."""
    content, record = opened.parent / "content", opened.parent / "draw.toml"
    where = ("--content", content, "--now", "2023-08-29T09:00:00")
    stopped = run("publish", opened, *where)
    assert stopped.exit_code == 1 and "budget-bench" in stopped.output and not (content / "results").exists()
    record.write_text(RECORD, "utf-8")
    drawn = ("--draw", record, *where)
    keys = [opened.parent / "keys" / f"{SLUG}-{number}.json" for number in (1, 3)]
    assert "선정: 제안 bench" in done("publish", opened, *signatures(opened, keys, *drawn), *drawn)
    folder = content / "results" / SLUG
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["draw"] == ["budget-bench", "budget-bus"] and sorted(results["tie"]) == results["draw"]
    assert results["drawn"]["by"] == ["감사관", "주민참여예산위원장"]
    assert results["drawn"]["at"].startswith("2023-08-28T14:00:00")
    assert "budget-bus" not in results["winners"]
    verify = [sys.executable, root / "static/verify.py"]
    ran = subprocess.run(verify, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout
    shown = load(content, parse_time("2023-08-30T09:00:00+09:00"))  # the published files are read back
    assert shown.get("votes", SLUG)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('by = ["감사관", "주민참여예산위원장"]', 'by = ["감사관"]'), "by"),
        (('where = "구청 3층 회의실"\n', ""), "where"),
        (('poll = "budget"', 'poll = "other"'), "다른 투표"),
        (("2023-08-28", "2023-08-20"), "투표가 끝난 뒤"),
        (('order = ["budget-bench", "budget-bus"]', 'order = ["budget-bench", "budget-lamp"]'), "budget-bus"),
        (("poll =", "poll"), "TOML"),
    ],
)
def test_a_draw_that_says_too_little_decides_nothing(
    opened: Path, change: tuple[str, str], says: str
) -> None:
    """One witness, no place, another poll, before closing, a tied proposal missing, no TOML: named; nothing is written."""
    content, record = opened.parent / "content", opened.parent / "draw.toml"
    record.write_text(RECORD.replace(*change), "utf-8")
    result = run(*("publish", opened, "--content", content, "--now", "2023-08-29T09:00:00", "--draw", record))
    assert result.exit_code == 1 and says in result.output, result.output
    assert not (content / "results").exists()
