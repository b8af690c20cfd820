"""A draw worked out again in the reader's browser: right as published, and a change is noticed."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import built
from tests.browser.visit import Visits
from tests.draw_samples import FORGERIES, FORGERIES_OF_TWO, SEED, a_draw, publish_draw
from tests.forms_api.server import Server

AFTER = "2023-09-03T09:00:00+09:00"


def reported(page: Page, told: dict[str, Any]) -> list[str]:
    """What the page's own program says of a file."""
    lines = """async (told) => {
        const { report } = await import(document.querySelector("script[src*='draw']").src);
        return await report(told, "");
    }"""
    found: list[str] = page.evaluate(lines, told)
    return found


def test_the_page_works_the_draw_out(browser: Browser, root: Path, tmp_path: Path) -> None:
    """The button says that all of it agrees, with hash and seed; a hash noted at the freeze is looked for; after one
    result is changed in the file it names the number. No forgery passes, and a list not drawn yet is not called wrong."""
    content = tmp_path / "content"
    shutil.copytree(root / "content", content)
    publish_draw(content, a_draw("lectures/economics", "경제인문학"))
    out = built(root, content, tmp_path / "site", AFTER)
    server = Server(content, tmp_path / "var/data", now=AFTER, site=out, rate_limit="off").ready()
    try:
        visits = Visits(browser, server.base)
        page = visits.open("/results/lectures-economics/")
        button = page.get_by_role("button", name="이 화면에서 다시 계산하기")
        said = page.locator("[data-draw-said]")
        told = a_draw("lectures/economics", "경제인문학")["rounds"]["autumn"]
        right = "가을반: 맞습니다. 추첨 번호 5개의 명단과 순서, 결과가 모두 같습니다."
        right += f" 확인 값 {told['commitment']}, 추첨 값 {SEED.seed}"
        button.click()
        expect(said).to_have_text(re.compile(f"^{re.escape(right)}밖에서 본 확인 값과 견주지 않았습니다"))
        page.get_by_label("적어 둔 확인 값").fill("0" * 64)
        button.click()
        expect(said).to_have_text(f"{right}적어 두신 확인 값의 명단이 없습니다.")
        page.get_by_label("적어 둔 확인 값").fill(f" {told['commitment'].upper()}")
        button.click()
        expect(said).to_have_text(right)
        for name, forge in (FORGERIES | FORGERIES_OF_TWO).items():
            forged = a_draw(two=name in FORGERIES_OF_TWO)
            assert "맞습니다" in reported(page, forged)[0], name  # control
            forge(forged["rounds"]["autumn"])
            assert "맞습니다" not in reported(page, forged)[0], name
        assert "아직 추첨하지 않았습니다." in reported(page, a_draw(drawn=False))[0]
        assert "맞습니다" in reported(page, a_draw(places=9))[0]
        assert "맞습니다" in reported(page, a_draw(waiting=2))[0]
        assert reported(page, a_draw() | {"rounds": {}}) == ["회차가 하나도 없습니다. 확인한 것이 없습니다."]
        file = out / "results/lectures-economics/draw.json"
        told = json.loads(file.read_text("utf-8"))
        last = told["rounds"]["autumn"]["entries"][-1]
        last["result"] = "confirmed" if last["result"] == "waiting" else "waiting"
        file.write_text(json.dumps(told), encoding="utf-8")
        page.reload(wait_until="networkidle")
        button.click()
        expect(said).to_contain_text(f"{last['number']}의 결과가 순서와 다릅니다.")
        visits.close()
        assert visits.trouble == []
    finally:
        server.stop()
