"""A result as people find it: its pages and files, what they say, and what a wrong result does to a build."""

import json
import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from bench.elections.reader import parse
from civic.clock import SEOUL
from civic.content.poll import Body, PollType
from civic.errors import ContentMistakes
from civic.library import load
from civic.votes.ballot import Ballot, Spoiled
from civic.votes.result_files import ResultCorrection
from civic.votes.tally import counting_rules
from publish import results as pages
from publish.site import addresses
from tests.ballot_samples import a_proposal
from tests.builders import rewrite
from tests.publish.test_pages import page, reader
from tests.result_samples import PUBLISHED, a_counted_poll, fixed_receipts, publish, some_ballots, write_site
from tests.test_recount import verify

ROOT = Path(__file__).resolve().parents[2]


def counted(folder: Path, ballots: Sequence[Ballot] = (), more: int = 0, **given: Any) -> Path:
    """The counted vote, published, with `more` proposals of its first type; given: to `publish`, or rules of the poll."""
    told = {name: given.pop(name) for name in ("void", "tables", "corrections") if name in given}
    poll, proposals = a_counted_poll(**given)
    proposals |= {f"extra-{n}": a_proposal(f"extra-{n}", title=f"나머지 {n}") for n in range(more)}
    content = write_site(folder / "content", poll, list(proposals.values()))
    publish(content, poll, proposals, ballots or some_ballots(), **told)
    return content


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """The counted vote of 24 ballots, with its receipts."""
    return counted(tmp_path)


def site(content: Path) -> FlaskClient:
    return reader(load(content, PUBLISHED))


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, as text."""
    return [
        [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.S)
        ]
        for row in re.findall(r"<tr\b.*?</tr>", text.split("<main")[1], re.S)
    ]


def test_the_page_says_who_won_and_why(content: Path) -> None:
    """General, 100 million: lamp 60, bench 50 does not fit, ramp 40 does, few has 1 of 2 votes; fixed: bus."""
    text = page(site(content), "/results/budget/")
    assert rows(text) == [
        ["순위", "제안", "득표", "예산", "결과"],
        ["1", "&lt;가로등&gt; 바꾸기", "14", "6,000만 원", "선정"],
        ["2", "쉬는 의자", "10", "5,000만 원", "예산 부족"],
        ["3", "경사로", "9", "4,000만 원", "선정"],
        ["4", "작은 도서관", "1", "100만 원", "기준 미달"],
        ["순위", "제안", "득표", "예산", "결과"],
        ["1", "마을버스", "20", "9,000만 원", "선정"],
    ]
    assert "<strong>24명</strong>" in text
    assert "<strong>1억 원</strong> 씀, 0원 남음 (모두 1억 원)" in text
    assert "1건은 보여 주기만 했고" in text  # the youth proposal
    assert "style=" not in text and "<script>" not in text


def test_void_ballots_are_listed_with_their_reasons(tmp_path: Path) -> None:
    """A voter whose envelope did not open read only "1장": now the receipt stands there, under the reason."""
    receipts = fixed_receipts()
    void = [Spoiled(receipts[n], fault) for n, fault in ((3, "altered"), (5, "type-limit"))]
    text = page(site(counted(tmp_path, void=void)), "/results/budget/")
    assert 'href="#void"' in text and 'id="void">무효표 2장' in text
    part = text.split('id="void"')[1].split("</section>")[0]
    assert re.findall(r"<h3>(.*?) \(1장\)</h3>\s*<ul.*?<li>(.*?)</li>", part, re.S) == [
        ("봉한 투표용지를 열 수 없습니다. 내용이 바뀌었거나 다른 열쇠로 봉했습니다.", receipts[3]),
        ("한 유형에서 고를 수 있는 수를 넘었습니다.", receipts[5]),
    ]


def test_a_corrected_result_says_when_and_why(content: Path) -> None:
    """Dated, with its reason and the old fingerprint; objections are taken from then on, not from the first telling."""
    plain = page(site(content), "/results/budget/")
    assert "바로잡은 기록" not in plain and "2023년 9월 9일(토) 03:00까지" in plain
    at = datetime(2023, 8, 30, 9, tzinfo=SEOUL)
    replaced = {"results.json": "ab" * 32}
    correction = ResultCorrection(at=at, reason="묶음 <하나>를 빠뜨림", replaced=replaced)
    content = counted(content.parent / "corrected", corrections=(correction,))
    text = page(site(content), "/results/budget/")
    assert "2023년 8월 30일(수) 09:00에 바로잡았습니다" in text and "묶음 &lt;하나&gt;를 빠뜨림" in text
    assert "ab" * 32 in text and "2023년 9월 13일(수) 09:00까지" in text
    rewrite(content / "results/budget.toml", "rules =", "destroyed_at = 2023-09-14T00:00:00\nrules =")
    assert "투표함을 없앤 때" in page(site(content), "/results/budget/")


def test_many_lost_proposals_are_folded_below_the_winners(tmp_path: Path) -> None:
    """Six without a chance: the winners stand in sight, the others in one place that unfolds; no row is lost."""
    text = page(site(counted(tmp_path, more=6)), "/results/budget/")
    folded = text.split('<details class="unfold"')[1].split("</details>")[0]
    assert "선정되지 않은 제안 8건 보기" in folded
    assert [row[1] for row in rows(text)[1:3]] == ["&lt;가로등&gt; 바꾸기", "경사로"]
    assert len(re.findall('<th scope="row">', folded)) == 8 and "쉬는 의자" in folded


def test_ranks_over_a_shared_pot_are_explained(tmp_path: Path) -> None:
    """A table that begins with rank 3 looked wrong; types with a pot of their own need no such sentence."""
    said = "순위는 예산을 함께 나누는 일반참여형, 고정참여형의 제안을 모두 합해 매겼습니다."
    for own, expected in ((90_000_000, 0), (None, 2)):
        kinds = [{"id": "general", "label": "일반참여형", "max": 2}]
        kinds.append({"id": "fixed", "label": "고정참여형", "max": 1, "budget": own})
        kinds.append({"id": "youth", "label": "청년참여형", "max": 0})
        content = counted(tmp_path / str(expected), types=tuple(PollType(**kind) for kind in kinds))
        assert page(site(content), "/results/budget/").count(said) == expected


def test_bars_have_the_length_of_their_votes(content: Path) -> None:
    """14 votes are the whole length, 10 are 71.43 per cent, 9 64.29, 1 7.14; every bar also says it in words."""
    text = page(site(content), "/results/budget/")
    widths = re.findall(r'class="result-bar-fill" x="0" y="0" width="([\d.]+)"', text)
    assert widths == ["100.0", "71.43", "64.29", "7.14", "100.0", "100.0", "100.0"]  # two pots at the end
    assert (
        text.count('<svg class="result-bar-drawing"')
        == text.count('aria-hidden="true" focusable="false"')
        == 7
    )


def test_a_long_chart_shows_the_best_and_none_without_votes(
    content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most two bars: lamp and bench; the caption says that there are more, and the table has all."""
    monkeypatch.setattr(pages, "CHARTED", 2)
    text = page(site(content), "/results/budget/")
    assert "일반참여형 득표 (위에서 2건)" in text
    assert text.count('<li class="result-bar') == 3
    assert ["4", "작은 도서관", "1", "100만 원", "기준 미달"] in rows(text)


def test_the_rules_and_their_fingerprint_are_printed(content: Path) -> None:
    """In plain words, with the hash of the documents for download."""
    client = site(content)
    text = page(client, "/results/budget/")
    results = json.loads(client.get("/results/budget/results.json").data)
    assert results["rules_hash"] in text
    assert "2표보다 적게 받은 제안은 선정하지 않습니다." in text
    assert "고정참여형의 예산은 9,000만 원이고, 그 유형만 씁니다." in text


def test_everything_for_a_recount_lies_beside_the_page(content: Path, tmp_path: Path) -> None:
    """Downloaded into one folder, verify.py agrees; with one vote changed it does not."""
    client = site(content)
    names = re.findall(r'href="/results/budget/([\w.]+)" download', page(client, "/results/budget/"))
    assert sorted(names) == [
        "ballots.csv", "ballots.json", "board.json", "election.pb", "results.csv", "results.json", "signatures.json", "verify.py",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(client.get(f"/results/budget/{name}").data)

    assert verify(tmp_path, {})[0] == 0
    rewrite(tmp_path / "ballots.json", '"ramp"', '"bench"')
    assert verify(tmp_path, {})[0] == 1
    election = parse((tmp_path / "election.pb").read_text("utf-8"), "election.pb")
    assert election.named["lamp"] == 14


def test_the_board_lists_receipts_and_ballots(content: Path) -> None:
    """All 24 of both; the page of the result leads there."""
    client = site(content)
    text = page(client, "/results/budget/board/")
    receipts = json.loads(client.get("/results/budget/board.json").data)["receipts"]
    assert re.findall(r"<li>([0-9A-Z-]{19})</li>", text) == receipts
    assert ["AAAA-AAAA-AAAA-0023", "쉬는 의자, 마을버스, 작은 도서관"] in rows(text)
    assert len(rows(text)) == 25
    assert client.get("/results/budget/board/2/").status_code == 404
    assert 'href="/results/budget/board/"' in page(client, "/results/budget/")


def test_a_long_board_is_cut_into_pages(content: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten to a page: 10, 10 and 4; the list of pages says with which number each begins."""
    monkeypatch.setattr(pages, "PER_BOARD", 10)
    client = site(content)
    assert len(rows(page(client, "/results/budget/board/3/"))) == 5
    assert "표 번호 AAAA-AAAA-AAAA-0020부터" in page(client, "/results/budget/board/")
    assert client.get("/results/budget/board/4/").status_code == 404


def test_every_address_answers_and_the_vote_links_to_its_result(content: Path) -> None:
    """Named for the build, linked from the vote, in the sitemap."""
    client = site(content)
    app = client.application
    with app.test_request_context():
        made = [app.url_for(endpoint, **values) for endpoint, values in addresses(app)]
    assert len([each for each in made if each.startswith("/results/budget/")]) == 10
    for address in made:
        assert client.get(address).status_code == 200, address
    assert 'href="/results/budget/"' in page(client, "/votes/budget/")
    assert "/results/budget/</loc>" in page(client, "/sitemap.xml")


def test_before_publication_nothing_is_there(content: Path) -> None:
    """A second earlier: no page, no link, no rule."""
    before = PUBLISHED - timedelta(seconds=1)
    client = reader(load(content, before))
    assert client.get("/results/budget/").status_code == 404
    assert "/results/" not in page(client, "/votes/budget/")
    assert not [rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith("/results")]


def test_few_ballots_show_totals_only(tmp_path: Path) -> None:
    """19 ballots: votes and winners, but no ballot, no ballot in any file, and no tracker to look for."""
    client = site(counted(tmp_path, some_ballots()[:19]))
    text, board = page(client, "/results/budget/"), page(client, "/results/budget/board/")
    assert "표가 20장보다 적어 합계만 알립니다" in text and "<strong>19명</strong>" in text
    for name in ("ballots.json", "ballots.csv", "election.pb"):
        assert client.get(f"/results/budget/{name}").status_code == 404
    assert "AAAA-AAAA-AAAA" not in board and "표를 하나씩 공개하지 않습니다" in board
    assert "누구나 다시 셀 수 있습니다" not in text and "에서 내 접수증 번호를 찾을 수 있습니다" in text
    label = '<label for="find-number">접수증 번호</label>'
    assert label in board and "표 번호로는 찾을 수 없습니다" in board
    assert "표 번호 옆에" not in board and "고른 대로" not in board


def test_scores_of_other_bodies_are_shown(tmp_path: Path) -> None:
    """Votes 70 %, committee 30 %: lamp 70 + 0, ramp 45 + 30; the table has a column for the score."""
    body = Body(id="committee", label="위원회", weight=30)
    table = {slug: 10 if slug == "ramp" else 0 for slug in a_counted_poll()[1]}
    text = page(site(counted(tmp_path, bodies=(body,), tables={"committee": table})), "/results/budget/")
    assert ["1", "경사로", "9", "75", "4,000만 원", "선정"] in rows(text)
    assert ["2", "&lt;가로등&gt; 바꾸기", "14", "70", "6,000만 원", "선정"] in rows(text)
    assert "온라인 투표 70%, 위원회 30%" in text


def test_rules_in_words() -> None:
    """Stop, draw, exclusions, two types that share: each has its sentence."""
    poll, _ = a_counted_poll(when_too_big="stop", ties="draw", exclusions=(("lamp", "ramp"),), threshold=0)
    assert counting_rules(poll)[-4:] == (
        "예산은 1억 원입니다.",
        "남은 예산보다 큰 제안이 나오면 거기서 선정을 마칩니다.",
        "같은 사업으로 묶인 제안은 하나만 선정합니다.",
        "동점이라 당락이 갈리면 공개 추첨으로 정합니다.",
    )


def mistakes(content: Path) -> str:
    with pytest.raises(ContentMistakes) as caught:
        load(content, PUBLISHED)
    return "\n".join(map(str, caught.value.mistakes))


def test_a_result_that_does_not_follow_from_its_ballots_stops_the_build(content: Path) -> None:
    """One pick changed in ballots.json: both proposals are named, and no page is made."""
    rewrite(content / "results/budget/ballots.json", '"ramp"', '"bench"')
    said = mistakes(content)
    assert "results/budget.toml" in said
    assert "ramp: votes: 적힌 것 9, 다시 센 것 8" in said


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("results.csv", '"14"', '"41"'),
        ("ballots.csv", '"ramp"', '"bench"'),
        ("election.pb", "60000000", "6000000"),
    ],
)
def test_a_file_for_other_programs_that_says_something_else_is_named(
    content: Path, name: str, old: str, new: str
) -> None:
    """It was offered for download unseen: a figure changed by hand would have been the district's own."""
    place = content / "results/budget" / name
    told = place.read_bytes()
    assert old.encode() in told
    place.write_bytes(told.replace(b"\r\n", b"\n"))
    load(content, PUBLISHED)  # the control, with the line ends that version control may write
    place.write_bytes(told.replace(old.encode(), new.encode(), 1))
    assert f"{name}: results.json이나 ballots.json과 다릅니다. 공개한 파일로 되돌리세요" in mistakes(content)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("published_at", "publishd_at", "혹시 published_at?"),
        (
            "published_at = 2023-08-26T03",
            "published_at = 2023-08-25T03",
            "투표가 끝나기 전에 공개한 결과입니다",
        ),
        ('rules = "', 'rules = "x', "rules"),
        ("rules = ", f'rules = "{"0" * 64}"  # ', "rules: 000000000000…라고 적혀 있는데"),
    ],
)
def test_mistakes_of_the_record_are_named(content: Path, old: str, new: str, said: str) -> None:
    """Like any mistake in the content: the file, and what to do."""
    rewrite(content / "results/budget.toml", old, new)
    assert "results/budget.toml" in mistakes(content)
    assert said in mistakes(content)


def test_files_that_are_gone_or_broken_are_named(content: Path) -> None:
    """A file that the record names is missing; then one that is no JSON."""
    place = content / "results/budget/board.json"
    text = place.read_text("utf-8")
    place.unlink()
    assert "results/budget/board.json: 파일이 없습니다" in mistakes(content)
    place.write_text(text[:50], "utf-8")
    assert "results/budget/board.json: JSON 파일이 아니거나 중간에 잘렸습니다" in mistakes(content)


def test_a_table_that_was_saved_elsewhere_is_named(content: Path) -> None:
    """Excel saves in another encoding: the build fell over it, without a word of which file."""
    place = content / "results/budget/results.csv"
    place.write_bytes(place.read_text("utf-8-sig").encode("cp949"))
    assert mistakes(content).startswith("results/budget/results.csv:1: UTF-8이 아닙니다")


def test_a_pipe_among_the_files_is_named(content: Path) -> None:
    """Nobody knows when it ends: the build waited for ever."""
    place = content / "results/budget/results.json"
    place.unlink()
    os.mkfifo(place)
    assert "results/budget/results.json: 파일을 읽을 수 없습니다" in mistakes(content)


def test_the_table_of_a_small_vote_is_compared_too(tmp_path: Path) -> None:
    """Without single ballots it follows from results.json alone."""
    content = counted(tmp_path, some_ballots()[:12])
    load(content, PUBLISHED)  # the control
    rewrite(content / "results/budget/results.csv", "lamp", "lump")
    assert "results.csv: results.json이나" in mistakes(content)


def test_single_ballots_of_a_small_vote_are_refused(content: Path) -> None:
    """Somebody puts the ballots of a vote with 19 into the folder: the build stops."""
    for name in ("ballots.json", "results.json"):
        place = content / "results/budget" / name
        document = json.loads(place.read_text("utf-8"))
        if name == "ballots.json":
            document["ballots"] = document["ballots"][:19]
        else:
            document |= {"ballots": 19, "voters": 19}
        place.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", "utf-8")
    assert "표가 20장보다 적으면 표를 하나씩 공개하지 않습니다" in mistakes(content)
