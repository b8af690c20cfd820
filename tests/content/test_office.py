"""Forty notices as offices write them: each page shows what its writer typed, and reads as it was meant."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from civic.clock import parse_time
from civic.content.faithful import unlike
from civic.library import Library, load
from tests.publish.test_pages import page, reader

OFFICE = Path(__file__).parents[1] / "samples/office"
NOW = parse_time("2026-12-05T09:00:00")
PROSE = re.compile(r'<div class="prose">\n(.*?)\n    </div>', re.DOTALL)

# Beyond its letters and digits: what each must read as, worked out by hand. A line end in a page is " ".
MEANT = {
    "programs/staff-hiring": [
        "<li>채용 분야 및 인원<br> 가. 분야: 자료정리<br> 나. 인원: 2명<br>",
        "나. 「지방공무원법」 제31조의 결격사유가 없는 사람<br> \u20031) 운전면허는",
        "<p>붙임 1. 응시원서 1부.<br> 2. 개인정보 동의서 1부.  끝.</p>",
    ],
    "programs/schedule-dates": ["<p>11. 4.(수) 산들마을회관 10:00~12:00<br> 11. 11.(수) 물빛마을회관"],
    "programs/parcel-tax": ['<p class="mark-1">○ 과세 기준일: 2026. 12. 1. 현재', "<p>[문의]: 02-000-4100</p>"],
    "programs/water-outage": ["<del>2026. 11. 23.(월) 22:00~다음 날 05:00</del>", "<br> ① 물을 미리"],
    "programs/fee-table": ['<th scope="col">주말·공휴일</th>', "20%</p> <p>감면은 겹쳐서"],
    "programs/market-stalls": ["<p>천막은 3*3m, 탁자는 120*60*75cm입니다.</p>", "<ol> <li>신청서를"],
    "programs/html-table": ['<th scope="col" colspan="2">예산액(백만 원)</th>'],
    "programs/details-faq": ["<p><strong>네.</strong> 주민등록이", '<a href="/programs/">https://www.gaon'],
    "programs/flu-shots": ["<li>기간<ul> <li>75세 이상: 2026. 10. 12.(월)~2027. 4. 30.(금)</li>"],
    "programs/apartment": ['<tr> <th scope="col">전용면적(㎡)</th>', "<tr> <td>26.37</td>"],
    "programs/school-meals": ['<td></td> <th scope="col">월</th>'],
    "programs/pest-control": ["- 아 래 -</p>", "<li>협조 사항<ul> <li>창문을"],
    "programs/mask": ["<br> * 예외 차량 *</p>"],
    "programs/quote-notice": ["<p>&lt; 아 래 &gt;</p> <blockquote>"],
    "programs/numbers-gap": ["<li>개찰: 2026. 3. 3.(화) 10:00</li> <li>입찰 보증금"],
    "programs/lost-title": ["<p>#1 지역사회 봉사<br> #2 효행·선행"],
    "programs/naming": ["<strong>이름</strong>을", "file_name_like_this.hwp처럼"],
    "programs/links": ["[1] 옛 주소는 2026. 12. 31.까지"],
    "programs/phones": ["<li>하수도 +82-2-000-0130</li>", "<em>긴급할 때는 119로 거세요.</em>"],
    "events/health-walk": ["<ol> <li>4. 18.(토)은 사진을 찍습니다.</li> <li>6. 27.(토)이"],
    "events/lantern": ["<p>10. 9.(금) 17:00 등불 켜기<br> 10. 10.(토) 20:00 불꽃놀이</p>"],
}  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Library:
    return load(OFFICE, NOW)


@pytest.fixture(scope="module")
def client(library: Library) -> FlaskClient:
    return reader(library)


def test_every_notice_shows_what_was_typed(library: Library, client: FlaskClient) -> None:
    """Letters and digits of source and page are one sequence; a page with one digit changed is noticed (the control)."""
    docs = library.everything()
    assert len(docs) == 40
    for doc in docs:
        (shown,) = PROSE.findall(page(client, doc.link))
        assert unlike(doc.body, shown) is None, doc.file
        other = re.sub(r"(>[^<>]*[가-힣])", r"\g<1>8", shown, count=1)
        assert other != shown and unlike(doc.body, other) is not None, doc.file


def test_every_notice_reads_as_it_was_meant(client: FlaskClient) -> None:
    """Lists, tables, marks and dates of each sort, as its writer would draw them."""
    for address, meant in MEANT.items():
        (shown,) = PROSE.findall(page(client, f"/{address}/"))
        read = re.sub(r" *\n *", " ", shown)
        assert not [each for each in meant if each not in read], address


def test_staff_are_asked_only_about_what_is_odd(library: Library) -> None:
    """Of forty notices one is: a festival on a public holiday, as festivals are."""
    (odd,) = library.warnings
    assert str(odd).startswith(
        "events/lantern.md:9: sessions.0.starts: 2026년 10월 9일(금)은 쉬는 날(한글날)"
    )
