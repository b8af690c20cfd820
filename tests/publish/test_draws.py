"""The page of a draw: what was frozen, the whole order, what was left out; nothing that does not follow from the seed."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from civic.clock import parse_time
from civic.errors import ContentMistakes
from civic.library import load
from civic.places.draw_list import list_hash
from civic.places.draw_record import DrawFile
from publish.site import addresses
from tests.builders import a_lecture_file, write_content
from tests.draw_samples import FORGERIES, FORGERIES_OF_TWO, SEED, SIZES, SOURCE, a_draw, a_list, publish_draw
from tests.publish.test_pages import reader

NOW = parse_time("2023-09-03T09:00:00")
SUBJECT = "lectures/essay"
AT = parse_time("2023-09-09T20:35:00")
ADDRESS = "/results/lectures-essay/"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    lecture = a_lecture_file("에세이", selection="draw", seed="로또 1등 번호", seed_at=AT, party=2)
    return write_content(tmp_path / "content", {"essay": lecture})


def site(content: Path) -> FlaskClient:
    return reader(load(content, NOW))


def test_a_drawn_list_is_shown_whole(content: Path) -> None:
    """Seed, source, who, hash, every number in order with its result, who was left out, and both files."""
    document = a_draw(SUBJECT, "에세이")
    file = publish_draw(content, document)
    client = site(content)
    text = client.get(ADDRESS).get_data(as_text=True)
    list_hash_of_it = document["rounds"]["autumn"]["commitment"]
    for word in (SEED.seed, SOURCE, SEED.by, list_hash_of_it, "광산구에 살지 않음"):
        assert word in text
    order = [entry["number"] for entry in document["rounds"]["autumn"]["entries"]]
    assert sorted(order, key=text.index) == order and set(order) == set(SIZES)
    assert client.get(f"{ADDRESS}draw.json").data == file.read_bytes()
    assert b"hashlib.sha256" in client.get(f"{ADDRESS}check_draw.py").data
    assert all(list_hash_of_it in client.get(feed).text for feed in ("/feed.xml", "/lectures/feed.xml"))
    assert list_hash_of_it not in client.get("/programs/feed.xml").text
    assert f'href="{ADDRESS}"' in client.get("/lectures/essay/").get_data(as_text=True)
    listed = [values for _, values in addresses(client.application) if values.get("slug") == "lectures-essay"]
    assert [values.get("name", "") for values in listed] == ["", "draw.json", "check_draw.py"]


def test_a_frozen_list_shows_its_hash_and_no_order(content: Path) -> None:
    """Before the seed: hash and count, and not one receipt number."""
    publish_draw(content, a_draw(SUBJECT, "에세이", drawn=False))
    client = site(content)
    text = client.get(ADDRESS).get_data(as_text=True)
    assert a_draw(SUBJECT, "에세이")["rounds"]["autumn"]["commitment"] in text
    assert not [number for number in SIZES if number in text]
    assert "data-draw-run" not in text
    assert client.get(f"{ADDRESS}check_draw.py").status_code == 404


@pytest.mark.parametrize("name", [*FORGERIES, *FORGERIES_OF_TWO])
def test_what_does_not_follow_is_not_published(content: Path, name: str) -> None:
    """Also where the forger knows to write the record anew."""
    told = a_draw(SUBJECT, "에세이", two=name in FORGERIES_OF_TWO)
    publish_draw(content, told)
    load(content, NOW)  # control
    (FORGERIES | FORGERIES_OF_TWO)[name](told["rounds"]["autumn"])
    publish_draw(content, told)
    with pytest.raises(ContentMistakes, match=r"가을반|autumn"):
        load(content, NOW)


def test_rounds_are_shown_as_far_as_each_has_come(content: Path) -> None:
    """One drawn, one only frozen: the first with its seed and order, the second with its hash and its source."""
    told = a_draw(SUBJECT, "에세이")
    other = a_list(source="12월 2일 로또 1등 번호", label="겨울반", id="winter")
    document = DrawFile.of(SUBJECT, "에세이", {"winter": {"frozen": other.model_dump_json()}})
    assert document
    told["rounds"] |= json.loads(document.as_json())["rounds"]
    publish_draw(content, told)
    text = site(content).get(ADDRESS).get_data(as_text=True)
    assert all(text.count(number) == 1 for number in SIZES)
    assert SEED.seed in text and "아직 추첨하지 않았습니다" in text and "12월 2일 로또 1등 번호" in text


def test_a_list_that_fits_waits_for_no_dice(content: Path) -> None:
    """Nine places for six people: nobody is told of dice; an empty list has a sentence instead of an empty table."""
    publish_draw(content, a_draw(SUBJECT, "에세이", drawn=False, places=9))
    text = site(content).get(ADDRESS).get_data(as_text=True)
    assert "추첨하지 않고 모두 확정합니다" in text and "draw.json (확정한 명단의 확인 값)" in text
    assert "추첨 값이 나오면" not in text and "추첨 값의 출처" not in text and "아직 추첨하지" not in text
    told = a_draw(SUBJECT, "에세이", places=9, entries=(), excluded=(), closing=list_hash([]))
    publish_draw(content, told)
    text = site(content).get(ADDRESS).get_data(as_text=True)
    assert "신청한 사람이 없어 추첨하지 않습니다" in text and "<table" not in text


def test_a_record_and_its_file_belong_together(content: Path) -> None:
    """A changed file, a missing file, another subject's file: each is named."""
    file = publish_draw(content, a_draw(SUBJECT, "에세이"))
    good = file.read_text("utf-8")
    for text, said in (
        (good + " ", "확인 값과 다릅니다"),
        ("{}", "꼭 써야 합니다"),
        (json.dumps({**json.loads(good), "subject": "lectures/other"}), "다른 글의 추첨"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ContentMistakes, match=said):
            load(content, NOW)
    file.unlink()
    with pytest.raises(ContentMistakes, match="파일이 없습니다"):
        load(content, NOW)
