"""A draw worked out again in the reader's browser: right as published, and a change is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import PATIENCE
from tests.browser.visit import Visits
from tests.draw_samples import a_draw, publish_draw
from tests.forms_api.server import Server

AFTER = "2023-09-03T09:00:00+09:00"


def test_the_page_works_the_draw_out(browser: Browser, root: Path, tmp_path: Path) -> None:
    """The button says that all of it agrees; after one result is changed in the file it names the number."""
    content = tmp_path / "content"
    shutil.copytree(root / "content", content)
    publish_draw(content, a_draw("lectures/economics", "경제인문학"))
    out = tmp_path / "site"
    command = [sys.executable, "build.py", "--content", str(content), "--out", str(out), "--now", AFTER]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    server = Server(content, tmp_path / "var/data", now=AFTER, site=out, rate_limit="off").ready()
    try:
        visits = Visits(browser, server.base)
        page = visits.open("/results/lectures-economics/")
        button, said = (
            page.get_by_role("button", name="이 화면에서 다시 계산하기"),
            page.locator("[data-draw-said]"),
        )
        button.click()
        expect(said).to_have_text("맞습니다. 접수번호 5개의 명단과 순서, 결과가 모두 같습니다.")
        file = out / "results/lectures-economics/draw.json"
        told = json.loads(file.read_text("utf-8"))
        last = told["rounds"]["autumn"]["entries"][-1]
        last["result"] = "confirmed" if last["result"] == "waiting" else "waiting"
        file.write_text(json.dumps(told), encoding="utf-8")
        page.reload(wait_until="networkidle")
        button.click()
        expect(said).to_contain_text(f"{last['number']}의 결과가 다릅니다.")
        visits.close()
        assert visits.trouble == []
    finally:
        server.stop()
