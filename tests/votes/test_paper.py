"""Paper ballots: sheets from the same data, two people's entries, one roll with the online vote, one count."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError

from civic.clock import parse_time
from civic.content.poll import Body
from civic.errors import Unusable
from civic.library import load
from civic.votes.paper import TypedBatch, accept, differences, numbered, read_entry
from civic.votes.result import as_json
from civic.votes.tally import read_scores
from tests.ballot_samples import a_poll, some_proposals
from tests.builders import a_phone
from tests.forms_api.voting import CLOSING, SLUG, Town, done, rehearse, run
from tests.publish.test_pages import page, reader
from tests.test_recount import documents, in_program, in_script

DURING = "2023-08-16T09:00:00+09:00"

POLL, PROPOSALS = a_poll(), some_proposals()
RULES = "0" * 64
# On the sheet: 1 bench, 2 gone (withdrawn), 3 lamp, 4 ramp; 5 bus, 6 guide. The youth proposal is not on it.


def entered(rows: str, by: str = "김 주무관", batch: str = "dong-1") -> TypedBatch:
    return read_entry(f"용지,고른 번호\n{rows}", POLL, PROPOSALS, RULES, batch, by)


def wrong(rows: str) -> tuple[str, ...]:
    with pytest.raises(Unusable) as caught:
        entered(rows)
    return caught.value.lines


def test_numbers_run_through_the_types_that_are_voted_on() -> None:
    """By type, then by name; a type without picks is not on the sheet; a withdrawn proposal keeps its number."""
    groups = [
        (kind.id, [(number, each.slug) for number, each in rows])
        for kind, rows in numbered(POLL, PROPOSALS.values())
    ]
    assert groups == [
        ("general", [(1, "bench"), (2, "gone"), (3, "lamp"), (4, "ramp")]),
        ("fixed", [(5, "bus"), (6, "guide")]),
    ]


def test_rows_become_picks() -> None:
    """Numbers with blanks, a blank sheet, a void one, a byte order mark, an empty line."""
    rows = "1,3 5\n2,\n\n3,무효\n4,6\n"
    entry = read_entry(f"용지,고른 번호\n{rows}", POLL, PROPOSALS, RULES, "dong-1", "김")
    assert entry.sheets == {1: ("bus", "lamp"), 2: (), 3: None, 4: ("guide",)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,7\n", "2줄: 투표용지에 없는 번호입니다 (found 7)"),
        ("1,lamp\n", "2줄: 투표용지에 없는 번호입니다 (found lamp)"),
        ("1,3 3\n", "2줄: 같은 번호를 두 번 적었습니다"),
        ("x,3\n", "2줄: 용지 번호가 아닙니다 (found x)"),
        ("0,3\n", "2줄: 용지 번호가 아닙니다 (found 0)"),
        ("1,3\n1,4\n", "3줄: 용지 1번이 두 번 있습니다"),
        ("1,3\n3,4\n", "용지 2번이 빠졌습니다"),
        ("", "용지가 하나도 없습니다"),
    ],
)
def test_rows_that_cannot_be_meant_are_named(rows: str, said: str) -> None:
    assert said in wrong(rows)


def test_a_file_without_head_and_a_strange_batch_are_refused() -> None:
    with pytest.raises(Unusable, match="첫 줄은"):
        read_entry("1,3\n", POLL, PROPOSALS, RULES, "dong-1", "김")
    with pytest.raises(Unusable, match="묶음의 이름"):
        entered("1,3\n", batch="../x")
    with pytest.raises(Unusable, match="입력한 사람"):
        entered("1,3\n", by=" ")


def test_differences_are_named_sheet_by_sheet() -> None:
    """In the numbers that stand on the sheet, with who said what."""
    first = entered("1,3 5\n2,\n3,무효\n")
    second = entered("1,3 6\n2,무효\n3,무효\n4,1\n", by="이 주무관")
    assert differences(first, second, POLL, PROPOSALS) == [
        "용지 1: 김 주무관 3 5, 이 주무관 3 6",
        "용지 2: 김 주무관 빈 표, 이 주무관 무효",
        "용지 4: 김 주무관 없음, 이 주무관 1",
    ]


def test_one_person_is_not_two() -> None:
    """The same name twice is refused even where all sheets agree."""
    with pytest.raises(Unusable, match="같은 사람"):
        accept(entered("1,3\n"), entered("1,3\n"), POLL, PROPOSALS)


def test_sheets_that_break_the_rules_are_void() -> None:
    """Good; three of a type where two are allowed; blank; unreadable; withdrawn is passed over by the count only."""
    rows = "1,3 5\n2,1 3 4\n3,\n4,무효\n5,2 6\n"
    counted = accept(entered(rows), entered(rows, by="이"), POLL, PROPOSALS)
    assert [(each.tracker, each.choices, each.batch) for each in counted.ballots] == [
        ("P-dong-1-00001", ("bus", "lamp"), "dong-1"),
        ("P-dong-1-00005", ("gone", "guide"), "dong-1"),
    ]
    assert [(each.receipt, each.fault, each.batch) for each in counted.void] == [
        ("P-dong-1-00002", "type-limit", "dong-1"),
        ("P-dong-1-00003", "blank", "dong-1"),
        ("P-dong-1-00004", "unreadable", "dong-1"),
    ]


def test_an_entry_survives_being_kept() -> None:
    entry = entered("1,3 5\n2,무효\n")
    assert TypedBatch.model_validate_json(as_json(entry)) == entry
    for broken in ({}, [], None, {"format": "madang-paper-entry/1", "sheets": {"x": []}}):
        with pytest.raises(ValidationError):
            TypedBatch.model_validate_json(json.dumps(broken))


def test_scores_are_read_exactly() -> None:
    """Decimals as fractions; what takes no part may be missing."""
    rows = "제안,점수\nbench,87.5\nlamp,90\nramp,0\nbus,1\nguide,2\n"
    scores = read_scores(rows, POLL, PROPOSALS)
    assert scores["bench"] == Fraction(175, 2)
    assert (scores["lamp"], scores["club"], scores["gone"]) == (90, 0, 0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("bench,1\n", "lamp: 점수가 없습니다"),
        ("moon,1\n", "2줄: 이 투표에 없는 제안입니다 (found moon)"),
        ("bench,-1\n", "2줄: 점수는 0 이상의 수로 쓰세요 (found -1)"),
        ("bench,팔십\n", "2줄: 점수는 0 이상의 수로 쓰세요 (found 팔십)"),
        ("bench,1\nbench,2\n", "3줄: bench가 두 번 있습니다"),
    ],
)
def test_a_wrong_table_is_named(rows: str, said: str) -> None:
    with pytest.raises(Unusable) as caught:
        read_scores(f"제안,점수\n{rows}", POLL, PROPOSALS)
    assert said in caught.value.lines


def test_sheets_are_made_from_the_same_data(tmp_path: Path) -> None:
    """Every proposal that can be picked, its number and cost, the fingerprint of the rules; no script."""
    town = Town(tmp_path)
    done("paper", "sheets", SLUG, "--out", tmp_path / "print", "--content", town.content, "--now", DURING)
    ballot = (tmp_path / "print/ballot.html").read_text("utf-8")
    tally = (tmp_path / "print/tally.html").read_text("utf-8")
    for text in (ballot, tally):
        assert [name for name in ("bench", "lamp", "ramp", "bus", "guide") if f"제안 {name}" in text] == [
            "bench", "lamp", "ramp", "bus", "guide",
        ]  # fmt: skip
        assert "제안 club" not in text and "<script" not in text and "style=" not in text
    assert "<b>4</b>" in ballot and "5,000만 원" in ballot
    rehearsed = (town.content / "votes/budget.md").read_text("utf-8").split('rules = "')[1][:64]
    assert rehearsed in ballot and rehearsed in tally
    assert "제안은 모두 5건입니다" in ballot
    css = (tmp_path / "print/paper.css").read_text("utf-8")
    for weight in ("regular", "bold"):  # an office machine may have no Korean font: the sheet showed boxes
        font = f"pretendard-gov-{weight}.woff2"
        assert font in css and (tmp_path / "print" / font).stat().st_size > 100_000


def test_paper_and_online_are_one_vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """21 vote online, 3 on paper, nobody both ways; the sheets are typed in twice; all 24 are counted, again by the build."""
    town = Town(tmp_path)
    here: list[str | Path] = ["--content", town.content, "--now", DURING]
    data = ["--data", f"tinydb://{town.data}"]
    online, on_paper = [a_phone() for _ in range(21)], [a_phone() for _ in range(3)]
    with town.serve() as server, server.client() as client:
        for voter in online:
            town.cast(client, voter, ["lamp", "bus"])
        # Marked beside the running server: the one who voted online is named by line, nothing more is said.
        marked = run("paper", "mark", SLUG, *data, *here, typed="\n".join([*on_paper, online[0], "전화"]))
        assert marked.exit_code == 1
        assert "3명을 표시했습니다" in marked.output
        assert "4줄: 이미 투표한 사람입니다" in marked.output and "5줄: " in marked.output
        assert online[0] not in marked.output
        refused = client.post(
            f"/api/votes/{SLUG}/ballots",
            json={
                "contact": on_paper[0],
                "code": town.code(client, on_paper[0]),
                "choices": [f"{SLUG}-lamp"],
            },
        )
        assert refused.status_code == 403 and "종이로 투표한 분입니다" in refused.json()["detail"]

    after: list[str | Path] = ["--content", town.content, "--now", CLOSING]
    where = [*after, "--to", tmp_path / "paper"]
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("용지,고른 번호\n1,1 2\n2,4\n3,무효\n", "utf-8")  # bench and lamp; bus; void
    second.write_text("용지,고른 번호\n1,1 2\n2,5\n3,무효\n", "utf-8")
    early = run("paper", "enter", SLUG, "dong-1", first, "--by", "김", *here, "--to", tmp_path / "paper")
    assert early.exit_code == 1 and "투표가 끝난 뒤에" in early.output
    done("paper", "enter", SLUG, "dong-1", first, "--by", "김", *where)
    same = run("paper", "enter", SLUG, "dong-1", first, "--by", "김", *where)
    assert same.exit_code == 1 and "이미 입력했습니다" in same.output
    differing = run("paper", "enter", SLUG, "dong-1", second, "--by", "이", *where)
    assert differing.exit_code == 1 and "용지 2: 김 4, 이 5" in differing.output

    for urns, says in (
        ((), "3명인데 투표함의 종이는 0장입니다. 함마다 읽지 않고 센 종이의 수를 --urn"),
        (("--urn", "dong-1=4"), "3명인데 투표함의 종이는 4장입니다"),
        (("--urn", "dong-1=many"), "묶음=장수로"),
        (("--urn", "dong-1=1", "--urn", "dong-1=2"), "묶음마다 한 번"),
    ):
        kept = run("close", SLUG, "--to", tmp_path / "b.json", *urns, *data, *after)
        assert kept.exit_code == 1 and says in kept.output, kept.output
    assert "투표한 사람 24명(온라인 21, 종이 3)" in town.close(tmp_path / "b.json", "--urn", "dong-1=3")
    town.open(tmp_path / "b.json", tmp_path / "o.json")
    missing = run("publish", tmp_path / "o.json", "--paper", tmp_path / "paper", *after)
    assert missing.exit_code == 1 and "dong-1: 용지 2: 김 4, 이 5" in missing.output
    forgotten = run("publish", tmp_path / "o.json", *after)
    assert forgotten.exit_code == 1 and "--paper로 주세요" in forgotten.output
    assert not (town.content / "results").exists()

    said = done("paper", "enter", SLUG, "dong-1", first, "--by", "이", "--again", *where)
    assert "유효 2장, 무효 1장" in said
    town.publish(tmp_path / "o.json", "--paper", tmp_path / "paper")
    result = load(town.content, parse_time(CLOSING)).results[SLUG]  # counted again by the library
    document = result.document
    assert (document.voters, document.ballots, document.void) == (24, 23, 1)
    assert [(each.batch, each.ballots) for each in document.paper] == [("dong-1", 2)]
    assert {line.slug: line.votes for line in document.lines} == {
        "budget-lamp": 22, "budget-bench": 1, "budget-ramp": 0, "budget-bus": 22, "budget-guide": 0, "budget-club": 0,
    }  # fmt: skip
    board = result.board
    assert (len(board.receipts), board.replaced, board.marked, board.urns) == (21, (), 3, {"dong-1": 3})

    # The other two counts agree, and the page says what happened.
    shown = page(reader(load(town.content, parse_time(CLOSING))), f"/results/{SLUG}/")
    assert "<strong>24명</strong> (온라인 21명, 종이 3명)" in shown  # one sheet of the three is void
    case = documents(dict(result.offered))
    assert in_program(case) == [] == in_script([case])[0]


def test_a_roll_is_put_in_once(tmp_path: Path) -> None:
    """Two contacts, one of them twice in other spellings; again nothing is new; a wrong one stops all."""
    town = Town(tmp_path)
    assert town.serve().stop() == 0  # data of a demonstration: only there --now chooses the time
    where: list[str | Path] = ["--data", f"tinydb://{town.data}", "--content", town.content, "--now", DURING]
    contacts = "\ufeffkim@example.org\n010-1234-5678\n+82 10 1234 5678\n\nkim@example.org\n"
    assert "2명을 더했습니다" in done("roll", SLUG, *where, typed=contacts)
    assert "0명을 더했습니다" in done("roll", SLUG, *where, typed=contacts)
    wrong = run("roll", SLUG, *where, typed="010-1111-2222\n없음\n")
    assert wrong.exit_code == 1 and "2줄: " in wrong.output and "없음" not in wrong.output
    assert "1명을 더했습니다" in done("roll", SLUG, *where, typed="010-1111-2222\n")


def test_late_marks_are_refused(tmp_path: Path) -> None:
    """After closing nobody is marked any more."""
    town = Town(tmp_path)
    assert town.serve().stop() == 0  # data of a demonstration: only there --now chooses the time
    where = ("--data", f"tinydb://{town.data}", "--content", town.content, "--now", CLOSING)
    late = run("paper", "mark", SLUG, *where, typed=a_phone())
    assert late.exit_code == 1 and "투표하는 동안에만" in late.output


def test_other_bodies_count_with_their_tables(tmp_path: Path) -> None:
    """Online 50 %, committee 50 %: without the table nothing is published; with it ramp beats lamp."""
    town = Town(tmp_path)
    file = town.content / "votes/budget.md"
    text = file.read_text("utf-8")
    body = Body(id="committee", label="위원회", weight=50)
    block = f'\n[[bodies]]\nid = "{body.id}"\nlabel = "{body.label}"\nweight = {body.weight}\n'
    file.write_text(text.replace("\n[[keys]]", block + "\n[[keys]]", 1), "utf-8")
    rehearse(town.content, SLUG, town.keys)
    with town.serve() as server, server.client() as client:
        for choice in (["lamp"], ["lamp"], ["ramp"]):
            town.cast(client, a_phone(), choice)
    after: list[str | Path] = ["--content", town.content, "--now", CLOSING]
    data = ("--data", f"tinydb://{town.data}")
    without = run("close", SLUG, "--to", tmp_path / "b.json", *data, *after)
    assert without.exit_code == 1 and "committee.csv" in without.output
    scores = tmp_path / "scores"
    scores.mkdir()
    rows = {"bench": 0, "lamp": 10, "ramp": 90, "bus": 1, "guide": 1}
    table = "".join(f"{SLUG}-{slug},{points}\n" for slug, points in rows.items())
    (scores / "committee.csv").write_text(f"제안,점수\n{table}", "utf-8")
    town.close(tmp_path / "b.json", "--scores", scores)
    town.open(tmp_path / "b.json", tmp_path / "o.json")
    town.publish(tmp_path / "o.json")
    document = load(town.content, parse_time(CLOSING)).results[SLUG].document
    ranks = {line.slug: (line.rank, line.score) for line in document.lines}
    # lamp: 2 of 2 votes are 50, 10 of 90 points 50/9 more; ramp: 1 of 2 votes 25, all points 50.
    assert ranks["budget-ramp"] == (1, "75")
    assert ranks["budget-lamp"] == (2, "500/9")
