"""Builders of what tests send and publish: content files, applications. Each call may change single values."""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOW = "2023-08-16T09:00:00+09:00"
_phones = itertools.count(1)


def a_phone() -> str:
    """A mobile number that no other call has given."""
    number = next(_phones)
    return f"010-{7000 + number // 10000:04d}-{number % 10000:04d}"


def an_application(**changes: Any) -> dict[str, Any]:
    """A right application of a new person for round r1, as JSON; None takes a field out."""
    payload: dict[str, Any] = {
        "round": "r1",
        "name": "홍길동",
        "phone": a_phone(),
        "consent": True,
        "submission_id": str(uuid.uuid4()),
    }
    payload |= changes
    return {name: value for name, value in payload.items() if value is not None}


def as_form(payload: Mapping[str, Any], **extra: str) -> dict[str, Any]:
    """The same application as the fields of a plain HTML form."""
    fields: dict[str, Any] = {}
    for name, value in payload.items():
        if name == "answers":
            fields |= {f"answers.{key}": answer for key, answer in value.items()}
        elif name == "consent":
            fields |= {"consent": "on"} if value else {}
        else:
            fields[name] = str(value)
    return {**fields, **extra}


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    return str(value)


def a_round(id: str = "r1", **changes: Any) -> dict[str, Any]:
    """A round with 20 places."""
    return {"id": id, "label": f"{id} 회차", "places": 20, **changes}


def a_lecture_file(
    title: str = "에세이 글쓰기",
    rounds: Sequence[Mapping[str, Any]] = (),
    fields: Sequence[Mapping[str, Any]] = (),
    page: Mapping[str, Any] | None = None,
    sessions: str = "",
    **form: Any,
) -> str:
    """A lecture with a form that is open at NOW; `form` changes keys of [form], `page` those above it, `sessions` is TOML."""
    times = {"opens": "2023-08-16T09:00:00", "closes": "2023-09-01T00:00:00"}
    form.setdefault("contact", "typed")
    times |= {key: form.pop(key) for key in times if key in form}
    lines = ["+++", f"title = {toml(title)}", 'where = "장덕도서관"', 'audience = "누구나"']
    lines += [f"{key} = {toml(value)}" for key, value in (page or {}).items()]
    lines += [sessions, "[form]", *(f"{key} = {value}" for key, value in times.items())]
    lines += [f"{key} = {toml(value)}" for key, value in form.items()]
    for each in rounds or [a_round()]:
        lines += ["", "[[form.rounds]]"]
        lines += [
            f"{key} = {value if key in ('starts', 'ends', 'opens', 'closes') else toml(value)}"
            for key, value in each.items()
        ]
    for question in fields:
        lines += ["", "[[form.fields]]", *(f"{key} = {toml(value)}" for key, value in question.items())]
    lines += [
        "",
        "[form.consent]",
        'purpose = "강좌 신청 접수와 안내"',
        'items = ["이름", "휴대전화 번호"]',
        "keep_days = 30",
        "+++",
        "",
        "글을 씁니다.",
        "",
    ]
    return "\n".join(lines)


SITE = """name = "시험 누리집"
organisation = "광산구"
summary = "시험에 쓰는 누리집입니다."
contact = "library"

[[menu]]
label = "강좌"
to = "/lectures/"

[departments.library]
name = "도서관정책팀"
"""


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Files with these texts by their names below a folder; the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


def rewrite(file: Path, old: str, new: str) -> None:
    """Put `new` in place of the first `old` in a text file, which must be there."""
    before, found, after = file.read_text("utf-8").partition(old)
    assert found, old
    file.write_text(f"{before}{new}{after}", "utf-8")


def write_content(folder: Path, lectures: Mapping[str, str]) -> Path:
    """A content folder with site.toml and these lectures (slug -> file); the folder."""
    (folder / "lectures").mkdir(parents=True, exist_ok=True)
    pages = {f"lectures/{slug}.md": text for slug, text in lectures.items()}
    return write_files(folder, {"site.toml": SITE, **pages})
