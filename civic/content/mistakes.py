"""What is wrong with one page: its keys and values as pydantic found them, and its text. In Korean, with line and hint.

Every page of every build passes here, so each check of a text first looks for the signs without which it finds nothing.
"""

import difflib
import html
import re
import typing
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from civic.content.facts import without_code
from civic.content.faithful import unlike
from civic.content.form import FormSpec
from civic.content.front_matter import KeyPath, Source, dotted
from civic.content.pages import FILLED, Document
from civic.content.prose import TEMPLATE_IDS, prose
from civic.errors import Mistake
from civic.shape import Shape
from civic.text import has_resident_number

TIME_HINT = "2023-08-16T09:00:00처럼 따옴표 없이 쓰세요"
DATE_HINT = "2023-08-16처럼 따옴표 없이 쓰세요"

# pydantic's error type -> (what to do, hint); {…} is filled from the error's context
_SAID: dict[str, tuple[str, str]] = {
    "missing": ("꼭 써야 합니다", ""),
    "string_type": ("글이어야 합니다", "큰따옴표로 감싸세요"),
    "int_type": ("정수여야 합니다", "따옴표와 쉼표 없이 숫자로 쓰세요"),
    "int_from_float": ("정수여야 합니다", "소수점 없이 쓰세요"),
    "float_type": ("숫자여야 합니다", "따옴표 없이 쓰세요"),
    "bool_type": ("true나 false여야 합니다", "따옴표 없이 소문자로 쓰세요"),
    "datetime_type": ("날짜와 시각이어야 합니다", TIME_HINT),
    "date_type": ("날짜여야 합니다", DATE_HINT),
    "date_from_datetime_inexact": ("시각 없이 날짜만 쓰세요", DATE_HINT),
    **dict.fromkeys(("list_type", "tuple_type"), ("목록이어야 합니다", '["하나", "둘"]처럼 쓰세요')),
    **dict.fromkeys(("dict_type", "model_type"), ("표여야 합니다", "[이름] 아래에 키 = 값으로 쓰세요")),
    "greater_than": ("{gt}보다 커야 합니다", ""),
    "greater_than_equal": ("{ge} 이상이어야 합니다", ""),
    "less_than": ("{lt}보다 작아야 합니다", ""),
    "less_than_equal": ("{le} 이하여야 합니다", ""),
    "too_short": ("{min_length}개 이상 써야 합니다", ""),
    "string_too_long": ("{max_length}자까지 쓸 수 있습니다", ""),
    "extra_forbidden": ("이 파일에 없는 항목입니다", ""),
    "json_invalid": ("JSON 파일이 아니거나 중간에 잘렸습니다", ""),
}
_UNQUOTED_TIMES = (datetime, date, time)


def shape_mistakes(source: Source, model: type[Shape], wrong: ValidationError) -> list[Mistake]:
    """Every finding as a Mistake, once each; findings about what the library itself fills in are left out."""
    details = [
        detail
        for detail in wrong.errors(include_url=False, include_input=False)
        # pydantic also counts items that failed as absent: only a list that is short in the file is short
        if detail["type"] != "too_short" or not source.value(tuple(detail["loc"]))
    ]
    return list(dict.fromkeys(_mistake(source, model, detail) for detail in details))


def unknown_key(source: Source, model: type[Shape], path: KeyPath) -> Mistake:
    """A key that does not exist, with the nearest one that does, or the table where it belongs."""
    key, table = str(path[-1]), path[:-1]
    known = known_keys(shape_at(model, table))
    hint = suggestion(key, known)
    if not hint and table and key in known_keys(model):
        hint = f"[{dotted(part for part in table if isinstance(part, str))}]보다 위에 쓰세요"
    elif not hint and not table and key in known_keys(FormSpec) and "form" in known:
        hint = "[form] 아래에 쓰세요"
    return source.mistake(path, "없는 키입니다", key, hint or suggestion(key, known, "키"))


def suggestion(word: str, known: Iterable[str], what: str = "", likeness: float = 0.6) -> str:
    """A hint: "혹시 lectures?", where a known word is near; else, with `what`, all of them; else ""."""
    near = nearest(word, known, likeness)
    if near:
        return f"혹시 {near}?"
    return f"쓸 수 있는 {what}: {', '.join(known)}" if what and known else ""


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known word that was most likely meant, or "". likeness: from 0 (anything) to 1 (the same)."""
    names = {name.lower(): name for name in known}
    for spelling in (word.lower(), word.lower().replace("_", "-")):
        close = difflib.get_close_matches(spelling, names, 1, likeness)
        if close:
            return names[close[0]]
    return ""


def known_keys(shape: type[Shape]) -> list[str]:
    """The keys that staff may write in this table."""
    filled = FILLED if issubclass(shape, Document) else ()
    return [key.alias or name for name, key in shape.model_fields.items() if name not in filled]


def shape_at(model: type[Shape], path: KeyPath) -> type[Shape]:
    """The shape of the table at a path: (Lecture, ("form", "rounds", 2)) -> Round. Numbers and free keys lead nowhere."""
    for part in path:
        info = model.model_fields.get(str(part))
        model = next(_shapes(info.annotation), model) if info else model
    return model


def _shapes(annotation: Any) -> Iterator[type[Shape]]:
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _shapes(inner)


def _mistake(source: Source, model: type[Shape], detail: ErrorDetails) -> Mistake:
    kind, path, context = detail["type"], tuple(detail["loc"]), detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(source, model, path)
    if kind == "value_error":
        said, inside = str(context["error"]), getattr(context["error"], "path", ())
        named = (*path, *(inside or (said.split(" ")[0].rstrip("은는이가을를에의도:과와나").rstrip("으"),)))
        path = named if inside or source.has(named) else path
        return source.mistake(path, said, _shown(source.value(path)))
    value = source.value(path)
    if kind != "missing" and path[-1:] != ("[key]",) and not source.has(path) and source.has(path[:-1]):
        path, value = path[:-1], source.value(path[:-1])  # a table that was written in short
    if path[-1:] == ("[key]",):  # of a table whose keys are free: it is the key that is wrong
        path, value = path[:-1], path[-2]
    said, hint = say(kind, context, value)
    return source.mistake(path, said, _shown(value), hint)


def say(kind: str, context: dict[str, Any], value: Any) -> tuple[str, str]:
    """(what to do, hint) for one of pydantic's error types."""
    if kind == "literal_error":
        known = [part.strip("' ") for part in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return f"다음 가운데 하나여야 합니다: {', '.join(known)}", suggestion(str(value), known)
    if kind == "string_pattern_mismatch":
        return _say_pattern(str(context["pattern"]), str(value))
    if kind == "string_too_short":
        least = context["min_length"]
        return ("비워 둘 수 없습니다" if least == 1 else f"{least}자 이상 써야 합니다"), ""
    if kind == "string_type" and isinstance(value, _UNQUOTED_TIMES):
        return "글이어야 합니다", "날짜도 큰따옴표로 감싸세요"
    if kind == "datetime_type" and isinstance(value, date):
        return "시각도 써야 합니다", f"{value.isoformat()}T09:00:00처럼 쓰세요"
    said, hint = _SAID.get(kind, ("값이 맞지 않습니다", ""))
    return said.format(**context), hint


def _say_pattern(pattern: str, value: str) -> tuple[str, str]:
    if pattern.startswith("^https?"):
        return "http://나 https://로 시작하고 끝에 /가 없는 주소여야 합니다", value.rstrip("/")
    if pattern.startswith("^/"):
        path = "/" + value.strip("/") + "/" if value.strip("/") else "/"
        return "/로 시작하고 /로 끝나는 누리집 안의 주소여야 합니다", path if path.isascii() else ""
    separator = "_" if "_]" in pattern else "-"
    word = "".join(c if c.isascii() and c.isalnum() else separator for c in value.lower())
    word = separator.join(part for part in word.split(separator) if part)
    sign = "밑줄(_)" if separator == "_" else "줄표(-)"
    return f"영문 소문자와 숫자, {sign}로만 쓰세요", word


def _shown(value: Any) -> str:
    """What stands there, short enough for a line of the report."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"{len(value)}개" if value else "[]"
    text = str(value).replace("\n", " ")
    if has_resident_number(text):
        return ""
    return text if len(text) <= 60 else f"{text[:40]}… {len(text)}자"


# Controls but tab and line break, the marks that turn the direction of what follows, and what XML does not allow.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
# What takes everything up to its end out of the text; without an end, all the rest of the page.
_TAKING = re.compile(
    r"<!--|<(?:iframe|math|noembed|noframes|noscript|object|plaintext|script|style|template|textarea|title|xmp)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"`[^`\n]+`")
_PICTURE_WITHOUT_WORDS = re.compile(
    r"!\[\s*\](?!\([^)\n]*\"decor\"\s*\))|<img\b(?![^>]*\balt\s*=\s*[\"'][^\"'])[^>]*>", re.IGNORECASE
)
_OWN_ID = re.compile(r"\{:?[^{}\n]*?#([^\s{}]+)[^{}\n]*\}|<[^<>]*\bid\s*=\s*[\"']?([^\s\"'<>]+)")


def text_mistakes(source: Source) -> Iterator[Mistake]:
    """Everything wrong with the body of a page, and with what its front matter's texts hold."""
    yield from unseen_values(source)
    body = source.body
    if not _is_plain(body) or "&#" in body:
        for number, line in enumerate(body.split("\n")):
            yield from _unseen(source, source.body_line + number, "", html.unescape(line))
    if "<" in body and _TAKING.search(body):
        yield from _unclosed(source)
    if "#" in body or "id" in body:
        yield from _taken_ids(source)
    if "![" in body or "<img" in body:
        hint = '![그림 설명](파일 이름)처럼, 꾸미는 그림이면 ![](파일 이름 "decor")'
        for found in _PICTURE_WITHOUT_WORDS.finditer(without_code(body)):
            yield Mistake(source.file, source.at(found.start()), "", "그림을 말로 설명하세요", hint=hint)


def unseen_values(source: Source) -> Iterator[Mistake]:
    """Signs that nobody sees in the values of a front matter or of site.toml."""
    if not _is_plain(source.toml) or "\\" in source.toml:
        for path in source.lines:
            if isinstance(text := source.value(path), str):
                yield from _unseen(source, source.line(path), dotted(path), text)


def _is_plain(text: str) -> bool:
    """Is nothing in it that nobody sees? Quick: almost every text is."""
    return text.replace("\n", "").replace("\t", "").isprintable() or not _UNSEEN.search(text)


def _unseen(source: Source, line: int, field: str, text: str) -> Iterator[Mistake]:
    found = _UNSEEN.search(text)
    if found:
        said = "보이지 않는 제어 글자가 있습니다. 지우고 다시 쓰세요"
        yield Mistake(source.file, line, field, said, f"U+{ord(found.group()):04X}")


def _unclosed(source: Source) -> Iterator[Mistake]:
    """What has no end, and so takes the rest of the page."""
    body = _CODE.sub(lambda code: " " * len(code.group()), source.body)
    is_shown = unlike(source.body, prose(source.body).html) is None  # only that knows comments and code
    for found in _TAKING.finditer(body):
        name = found.group()[1:].lower()
        end = "-->" if name == "!--" else f"</{name}>"
        if end in body[found.end() :].lower() or (name != "!--" and is_shown):
            continue
        what = "닫지 않은 주석입니다" if name == "!--" else "닫지 않아 그 뒤의 글이 보이지 않습니다"
        shown = f"<{name}" if name == "!--" else f"<{name}>"
        yield Mistake(source.file, source.at(found.start()), "", f"{what}. {end}로 닫거나 지우세요", shown)
        return


def _taken_ids(source: Source) -> Iterator[Mistake]:
    """Ids that staff gave to a part of the page though the page has them already."""
    first: dict[str, int] = {}
    for found in _OWN_ID.finditer(without_code(source.body)):
        line, id = source.at(found.start()), found[1] or found[2]
        known = first.setdefault(id, line)
        is_reserved = id in TEMPLATE_IDS or id.startswith("f-")
        if not is_reserved and known == line:
            continue
        # Braces in running words name nothing: what counts is what came out.
        if prose(source.body).html.count(f' id="{id}"') > (not is_reserved):
            said = (
                "누리집이 쓰는 자리 이름(#)입니다" if is_reserved else f"{known}줄과 자리 이름(#)이 같습니다"
            )
            yield Mistake(source.file, line, "", f"{said}. 다른 이름으로 쓰세요", f"#{id}")
