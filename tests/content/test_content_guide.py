"""The staff's guide says what the models say, and its examples really load."""

import os
import re
import shutil
import tomllib
import types
import typing
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from civic.clock import SEOUL
from civic.content.mistakes import known_keys
from civic.content.pages import Document, Lecture
from civic.content.poll import candidates
from civic.content.reading import KINDS
from civic.content.site import Site
from civic.korean import ENTRY_STATES, FORM_STATES, SELECTIONS
from civic.library import load
from civic.shape import Shape
from tests.builders import write_files

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "content-guide.md"
NOW = datetime(2023, 8, 16, 9, tzinfo=SEOUL)

SECTION = re.compile(r"<!-- 표 (\S+) -->\n(.*?)<!-- 표 끝 -->\n", re.DOTALL)
EXAMPLE = re.compile(r"^```toml (site\.toml|\S+/\S+\.md)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FRAGMENT = re.compile(r"^```toml \+ (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANY_TOML = re.compile(r"^```toml", re.MULTILINE)
WORDS = {str: "글", int: "수", float: "수", bool: "true, false", date: "날짜", datetime: "때", time: "시각"}


def shapes_in(annotation: Any) -> Iterator[type[Shape]]:
    """The models named anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from shapes_in(inner)


def fields(model: type[Shape]) -> dict[str, FieldInfo]:
    """What staff may write in a table, by its key."""
    named = {key.alias or name: key for name, key in model.model_fields.items()}
    return {name: named[name] for name in known_keys(model)}


def models() -> list[type[Shape]]:
    """Every model that staff write, from the settings and pages inward, each once."""
    found: list[type[Shape]] = [Site, Document, *KINDS.values()]
    for model in found:  # grows while it is walked
        for key in fields(model).values():
            found += [each for each in shapes_in(key.annotation) if each not in found]
    return found


def value_words(annotation: Any) -> str:
    """What may stand there, in the staff's words: "글", "때", "`auto`, `offer`", "`[[표]]`"."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return value_words(inside[0])
    if origin is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in inside)
    if origin in (typing.Union, types.UnionType):
        return value_words(next(each for each in inside if each is not type(None)))
    if origin is tuple:
        return "`[[표]]` 여러 개" if any(shapes_in(annotation)) else f"목록: {value_words(inside[0])}"
    if origin is dict:
        return "`[표.이름]` 여러 개" if any(shapes_in(annotation)) else f"표: 이름 = {value_words(inside[1])}"
    return "`[표]`" if any(shapes_in(annotation)) else WORDS[annotation]


def default_words(default: Any) -> str:
    """What holds when the key is left out."""
    if default is None or default in ("", (), {}):
        return "비움"
    return f"`{str(default).lower()}`" if isinstance(default, bool) else f"`{default}`"


def table(model: type[Shape]) -> str:
    """The Markdown table of one model. A page kind leaves out what every page has."""
    shared = set(Document.model_fields) if issubclass(model, Document) and model is not Document else set()
    rows = ["| 키 | 꼭 쓰나요 | 쓰지 않으면 | 값 | 뜻 |", "|---|---|---|---|---|"]
    for name in known_keys(model):
        if name in shared:
            continue
        key = fields(model)[name]
        must, default = ("꼭", "") if key.is_required() else ("", default_words(key.default))
        meaning = str(key.description).replace("|", "\\|")
        rows.append(f"| `{name}` | {must} | {default} | {value_words(key.annotation)} | {meaning} |")
    if len(rows) == 2:
        return "더 쓰는 키가 없습니다.\n"
    return "\n".join(rows) + "\n"


def with_tables(text: str) -> str:
    """The guide with every table as the models have it now; a new model's table is put at the end."""
    tables = {model.__name__: table(model) for model in models()}
    kept = SECTION.sub(
        lambda found: (
            f"<!-- 표 {found[1]} -->\n{tables[found[1]]}<!-- 표 끝 -->\n" if found[1] in tables else ""
        ),
        text,
    )
    for name in tables.keys() - {found[1] for found in SECTION.finditer(kept)}:
        kept += f"\n### {name}\n\n<!-- 표 {name} -->\n{tables[name]}<!-- 표 끝 -->\n"
    return kept


def test_tables_of_the_guide_are_the_models() -> None:
    """A key was added, renamed or explained anew: each model has one table that says so. GUIDE=write rewrites them."""
    text = GUIDE.read_text("utf-8")
    wanted = with_tables(text)
    if os.environ.get("GUIDE") == "write":
        GUIDE.write_text(wanted, "utf-8")
        text = wanted
    assert text == wanted, "다시 만드세요: GUIDE=write .venv/bin/pytest tests/content/test_content_guide.py"
    names = [found[1] for found in SECTION.finditer(text)]
    assert sorted(names) == sorted(model.__name__ for model in models())


def test_a_changed_model_changes_its_table() -> None:
    """The comparison can fail: a table of other words is not the models' table."""
    text = GUIDE.read_text("utf-8").replace("| `places` | 꼭 |", "| `places` |  |")
    assert text != with_tables(text)


def examples() -> dict[str, str]:
    """File in content/ -> its whole text, as the guide shows it."""
    return {found[1]: found[2] for found in EXAMPLE.finditer(GUIDE.read_text("utf-8"))}


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `more` in it: tables are merged, everything else is replaced."""
    both = dict(base)
    for key, value in more.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def test_guide_shows_a_whole_example_of_every_kind() -> None:
    """Settings and each kind of page: one complete file at least."""
    folders = {name.split("/")[0] for name in examples()}
    assert folders == {"site.toml", *KINDS}


def test_examples_load_as_a_library(tmp_path: Path) -> None:
    """Copied into an empty content folder, the examples are a site without a mistake."""
    library = load(write_files(tmp_path, examples()), NOW)
    shown = {page.file for page in library.everything()}
    assert shown == set(examples()) - {"site.toml"}


def test_fragments_fit_into_their_example() -> None:
    """Each short example is accepted in the file it is meant for."""
    found = FRAGMENT.findall(GUIDE.read_text("utf-8"))
    assert found
    for file, text in found:
        whole = examples()[file]
        values = merged(tomllib.loads(whole.split("+++")[1] if "/" in file else whole), tomllib.loads(text))
        if file == "site.toml":
            Site.model_validate(values)
        else:
            filled = {"slug": Path(file).stem, "file": file}
            KINDS[file.split("/")[0]].model_validate(values | filled)


def test_every_toml_block_is_tried() -> None:
    """No example hides from these tests by an unknown heading."""
    text = GUIDE.read_text("utf-8")
    tried = len(EXAMPLE.findall(text)) + len(FRAGMENT.findall(text))
    assert tried == len(ANY_TOML.findall(text))


@pytest.fixture(scope="module")
def pages() -> list[Document]:
    """Everything of content/ that is on the site in the demonstration."""
    return list(load(ROOT / "content", NOW).everything())


def test_content_has_what_the_district_announced(pages: list[Document]) -> None:
    """6 + 4 courses, 22 facilities, the vote's 53 proposals in four types, as reported."""
    series = [page.series for page in pages if isinstance(page, Lecture)]
    assert series.count("jiphyeonjeon") == 6
    assert series.count("now-humanities") == 4
    allowance = next(page for page in pages if page.subject == "programs/citizen-allowance")
    assert allowance.spec is not None
    assert len(allowance.spec.rounds) == 22
    types = [page.type for page in candidates(pages, "budget-2024")]
    assert len(types) == 53
    assert set(types) == {"general", "fixed", "youth", "self-governing"}


def test_what_is_made_up_is_marked(pages: list[Document]) -> None:
    """The facts give no number of places: every page with a form is a sample, and no page is one without saying why."""
    for page in pages:
        assert page.sample or not (page.spec or page.noun in ("proposal", "vote")), page.file
        assert not page.sample or "지어낸 예시" in page.body, page.file


def test_the_content_repeats_no_field_in_its_consent(pages: list[Document]) -> None:
    """What a form collects is told by the form itself: a second list would go stale."""
    assert not [
        page.file
        for page in pages
        if page.spec and (page.spec.consent.items or page.spec.consent.optional_items)
    ]


def test_glossary_names_every_model() -> None:
    """Each model that staff write has its Korean word."""
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    missing = (
        {model.__name__ for model in models()} - named - {"Limit", "MenuItem"}
    )  # said as `limits`, menus
    assert not missing


def test_the_first_steps_work_on_the_content_that_is_there(tmp_path: Path) -> None:
    """Someone who types the guide's lecture into the folder as it stands gets a lecture, not a list of mistakes."""
    shutil.copytree(ROOT / "content", tmp_path / "content")
    text = next(
        body for name, body in EXAMPLE.findall(GUIDE.read_text("utf-8")) if name == "lectures/pottery.md"
    )
    (tmp_path / "content/lectures/pottery.md").write_text(text, "utf-8")
    library = load(tmp_path / "content", NOW)
    pottery = library.get("lectures", "pottery")
    assert pottery is not None
    assert pottery.spec is not None
    assert library.site.departments.get(pottery.department) is not None


def test_every_model_has_one_table() -> None:
    """No model is missing and none is told twice."""
    names = [found[1] for found in SECTION.finditer(GUIDE.read_text("utf-8"))]
    assert sorted(names) == sorted(model.__name__ for model in models())


def test_samples_say_what_is_made_up(pages: list[Document]) -> None:
    """No page carries the badge without a sentence that explains it."""
    assert all("지어낸 예시" in page.body for page in pages if page.sample)


def test_glossary_says_the_words_of_the_pages() -> None:
    """States and selections are called in the glossary as the site calls them."""
    rows = set(
        re.findall(r"^\| `([\w-]+)` \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.M)
    )
    for words in (FORM_STATES, ENTRY_STATES, SELECTIONS):
        assert set(words.items()) <= rows
