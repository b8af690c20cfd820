"""CONTRIBUTING's recipes, followed in a copy of the tree: the files that they name are enough."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.builders import NOW, a_lecture_file, write_content

ROOT = Path(__file__).resolve().parent.parent
TREE = ("civic", "publish", "forms_api", "templates", "static", "build.py")

FACILITY = '''

class Facility(Notice):
    """A place that one can use: content/facilities/."""

    noun = "facility"
    list_title = "시설"
'''
TIME = '''

class TimeQuestion(Question):
    """A time of day."""

    def read_text(self, text: str) -> str:
        if len(text) != 5 or text[2] != ":" or not "00:00" <= text <= "23:59":
            raise ValueError("시각을 09:30처럼 적어 주세요.")
        return text

    def answer_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\\d\\d:\\d\\d$"}

    def sample(self) -> str:
        return "09:30"
'''


def recipe(title: str) -> set[str]:
    """The files of the product that a recipe names."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    found = re.search(rf"^\*\*{re.escape(title)}\.\*\*(.+?)(?=^\*\*|^## )", text, re.M | re.S)
    assert found, title
    return {name for name in re.findall(r"`([^`\s]+)`", found[1]) if name.startswith(TREE)}


class Copy:
    """The tree of the product, to be changed."""

    def __init__(self, folder: Path, title: str) -> None:
        self.folder, self.files = folder, recipe(title)
        for name in TREE:
            place = ROOT / name
            (shutil.copytree if place.is_dir() else shutil.copy)(place, folder / name)
        (folder / "node_modules").symlink_to(ROOT / "node_modules")

    def edit(self, name: str, before: str, after: str, named: str = "") -> None:
        """Put `after` where `before` stands, in a file that the recipe names (as `named`)."""
        assert (named or name) in self.files, f"the recipe does not name {named or name}"
        file = self.folder / name
        text = file.read_text("utf-8") if file.exists() else ""
        assert before in text, f"{name}: {before}"
        file.write_text(text.replace(before, after, 1) if before else text + after, "utf-8")

    def run(self, *call: str) -> str:
        """What a program of the copy prints."""
        done = subprocess.run(
            [sys.executable, *call], cwd=self.folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def test_a_page_kind_by_the_recipe(tmp_path: Path) -> None:
    """A kind `facility` is built, listed, fed, mapped and takes sign-ups after the files of the recipe alone."""
    copy = Copy(tmp_path / "tree", "Add a page kind")
    copy.edit(
        "civic/links.py",
        '    "event": "events",\n',
        '    "event": "events",\n    "facility": "facilities",\n',
    )
    copy.edit("civic/content/pages.py", "", FACILITY)
    copy.edit("civic/content/reading.py", "import FILLED, ", "import FILLED, Facility, ")
    copy.edit(
        "civic/content/reading.py", "(Programme, Lecture, Event,", "(Programme, Lecture, Event, Facility,"
    )
    copy.edit(
        "templates/pages/facility.html",
        "",
        '{% extends "pages/detail.html" %}\n',
        named="templates/pages/<noun>.html",
    )
    content = write_content(tmp_path / "content", {})
    (content / "facilities").mkdir()
    page = a_lecture_file("배드민턴장").replace('audience = "누구나"', "published = 2023-08-01")
    (content / "facilities/court.md").write_text(page, "utf-8")

    copy.run("build.py", "--content", str(content), "--out", str(tmp_path / "site"), "--now", NOW)
    site = tmp_path / "site"
    shown = (site / "facilities/court/index.html").read_text("utf-8")
    assert "장덕도서관" in shown and 'action="/api/forms/facilities/court"' in shown
    assert "/facilities/court/" in (site / "facilities/index.html").read_text("utf-8")
    assert "/facilities/court/" in (site / "facilities/feed.xml").read_text("utf-8")
    assert "/facilities/court/" in (site / "sitemap.xml").read_text("utf-8")


def test_a_question_type_by_the_recipe(tmp_path: Path) -> None:
    """A type `time` is drawn, described and checked after the files of the recipe alone."""
    copy = Copy(tmp_path / "tree", "Add a question type to forms")
    questions = "civic/content/questions.py"
    copy.edit(questions, "\n\nTYPES: dict", TIME + "\n\nTYPES: dict")
    copy.edit(
        questions, '    "date": DateQuestion,\n', '    "date": DateQuestion,\n    "time": TimeQuestion,\n'
    )
    copy.edit(questions, '    "consent",\n]', '    "consent",\n    "time",\n]')
    copy.edit(
        "templates/components/questions.html",
        "",
        '{% macro time(name, question, values, errors) %}{{ text_field(name, question.label, values, errors, type="time", required=question.required) }}{% endmacro %}\n',
    )
    asked = [{"name": "when", "label": "오는 때", "type": "time"}]
    content = write_content(tmp_path / "content", {"plain": a_lecture_file(fields=asked)})

    copy.run("build.py", "--content", str(content), "--out", str(tmp_path / "site"), "--now", NOW)
    page = (tmp_path / "site/lectures/plain/index.html").read_text("utf-8")
    assert re.search(r'<input(?=[^>]+name="answers.when")[^>]+type="time"', page)
    said = copy.run(
        "-c",
        "import json\nfrom civic.content.questions import TYPES\n"
        "asked = TYPES['time'](name='when', label='오는 때', type='time')\n"
        "try:\n    asked.read('9시')\nexcept ValueError as wrong:\n    print(json.dumps([str(wrong), asked.read('09:30'), asked.describe()]))",
    )
    assert json.loads(said)[:2] == ["시각을 09:30처럼 적어 주세요.", "09:30"]
