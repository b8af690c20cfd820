"""A public election as content files: one poll and its proposals, ready for the library. Text only, no files."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import PurePath

from pydantic import ValidationError

from civic.clock import SEOUL
from civic.content.pages import Poll, Proposal
from civic.content.reading import read_document
from civic.elsewhere.declared import declared_rules
from civic.errors import ContentMistakes, Mistake
from civic.links import FOLDERS
from civic.votes.pabulib import Election
from civic.votes.pabulib_numbers import plain
from forms_api.commands.imported_result import imported_result

TYPE = "proposals"  # the one type of an imported poll
UNDATED = "날짜를 밝히지 않음"
YEAR = 2000  # of an election that names no year at all: content needs a day
LONGEST = 64  # characters of a poll's slug; a proposal adds its number
SOURCE = "Pabulib(pabulib.org)에 공개된 투표 자료"

Value = str | int | bool | date | datetime | list["Value"] | dict[str, "Value"]


def content_files(election: Election, file: str) -> dict[str, str]:
    """Path inside the content folder -> text: the poll, its proposals, then its result with the record last.

    Costs are rounded up and the budget down to whole units of the file's currency, which the poll names.
    ContentMistakes when a text does not fit into the content's shape; RulesMistake when
    the file's rule cannot be applied.
    """
    poll = slug_of(PurePath(file).stem)
    width = len(str(len(election.projects)))
    names = {id: f"{poll}-{n:0{width}}" for n, id in enumerate(election.projects, 1)}
    texts = {f"votes/{poll}.md": _poll(election, poll, names, file)}
    for project in election.projects.values():
        name = names[project.id]
        fields: dict[str, Value] = {
            "title": _line(project.name or f"제안 {project.id}"),
            "vote": poll,
            "type": TYPE,
            "cost": math.ceil(project.cost),
        }
        if area := project.other.get("neighborhood") or project.other.get("district"):
            fields["area"] = area[:60]
        fields["facts"] = [{"label": "원래 번호", "text": project.id}, {"label": "출처", "text": SOURCE}]
        _try(Proposal, fields, name, file)
        texts[f"proposals/{name}.md"] = front_matter(fields) + _body(project.other.get("description", ""))
    return texts | _results(election, texts, names, file)


def _results(
    election: Election, texts: Mapping[str, str], names: Mapping[str, str], file: str
) -> dict[str, str]:
    """The result, counted for the poll and the proposals exactly as the library will read them."""
    read = []
    for place, text in texts.items():
        folder, _, name = place.partition("/")
        read.append(read_document(folder, name, text.encode("utf-8")))
    mistakes = [mistake for _, _, found in read for mistake in found]
    if mistakes:
        raise ContentMistakes(mistakes)
    poll = next(each for each, _, _ in read if isinstance(each, Poll))
    proposals = [each for each, _, _ in read if isinstance(each, Proposal)]
    source = f"{SOURCE}, {PurePath(file).name}"
    files = imported_result(election, poll, proposals, names, source)
    return {f"{FOLDERS['result']}/{place}": text for place, text in files.items()}


def slug_of(text: str) -> str:
    """ASCII, lower case, single hyphens: "Poland_Łódź_2024" -> "poland-lodz-2024"."""
    ascii_ = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L")).encode("ascii", "ignore")
    slug = "-".join(re.findall(r"[a-z0-9]+", ascii_.decode().lower())) or "poll"
    if len(slug) <= LONGEST:
        return slug
    ending = hashlib.sha256(text.encode()).hexdigest()[:6]  # long names differ at their end
    return f"{slug[: LONGEST - 7].strip('-')}-{ending}"


def _poll(election: Election, slug: str, names: Mapping[str, str], file: str) -> str:
    meta = election.meta
    opens, closes, dated = _days(meta)
    limit = meta.get("max_length", "")
    longest = max((vote.count(",") + 1 if vote else 0 for vote in election.votes), default=1)
    picks = int(limit) if limit.isdecimal() and int(limit) > 0 else max(longest, 1)
    rules = declared_rules(election).rules
    place = ", ".join(filter(None, (meta.get("country"), meta.get("unit"), meta.get("subunit"))))
    facts = {
        "투표 방식": meta.get("vote_type", ""),
        "선정 규칙": meta.get("rule") or "밝히지 않음",
        "표": f"{len(election.votes):,}장",
        "투표한 날": "" if dated else UNDATED,
    }
    fields: dict[str, Value] = {
        "title": _line(meta.get("description") or slug),
        "opens": opens,
        "closes": closes,
        "electorate": _line(place or "밝히지 않음"),
        "budget": math.floor(election.budget),
        "max_picks": picks,
        "blank_allowed": "" in election.votes,
        "threshold": math.ceil(rules.threshold) if meta.get("vote_type") in ("approval", "choose-1") else 0,
        "when_too_big": rules.when_too_big,
        "exclusions": [list[Value](sorted(names[id] for id in group)) for group in rules.exclusions],
        "types": [{"id": TYPE, "label": "제안", "max": picks}],
        "source": f"{SOURCE}, {PurePath(file).name}"[:300],
        "currency": meta.get("currency", "")[:10],
        "facts": [{"label": label, "text": _line(text)} for label, text in facts.items() if text],
    }
    _try(Poll, fields, slug, file)
    return front_matter(fields) + _body(meta.get("comment", ""))


def _days(meta: Mapping[str, str]) -> tuple[datetime, datetime, bool]:
    """First moment, the one after the last, and whether the file states both days. A year stands for all of it.

    Where no day can be read, a year in the date will do, then one in the other date or in `instance`; without any,
    YEAR.
    """
    begins, ends = (_day(meta.get(key, "")) for key in ("date_begin", "date_end"))
    texts = [meta.get(key, "") for key in ("date_begin", "date_end", "instance")]
    years = [int(found[0]) for text in texts if (found := re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", text))]
    year = years[0] if years else YEAR
    first, last = begins or ends or (date(year, 1, 1),) * 2, ends or begins or (date(year, 12, 31),) * 2
    days = first[0], max(first[0], last[1]) + timedelta(days=1)
    opens, closes = (datetime.combine(day, time(), SEOUL) for day in days)
    return opens, closes, begins is not None and ends is not None


def _day(text: str) -> tuple[date, date] | None:
    """The first and the last day that a date of the file means; None when it cannot be read. A time of day is dropped."""
    text = re.sub(r"[T\s]+\d{1,2}:\d{2}.*$", "", text)
    try:
        if match := re.fullmatch(r"(\d{1,2})[./-](\d{1,2})[./-]((?:19|20)\d\d)", text):
            return (date(int(match[3]), int(match[2]), int(match[1])),) * 2
        if match := re.fullmatch(r"((?:19|20)\d\d)[./-](\d{1,2})[./-](\d{1,2})", text):
            return (date(int(match[1]), int(match[2]), int(match[3])),) * 2
        if re.fullmatch(r"(?:19|20)\d\d", text):
            return date(int(text), 1, 1), date(int(text), 12, 31)
    except ValueError:
        pass
    return None


def _try(model: type[Poll] | type[Proposal], fields: Mapping[str, Value], slug: str, file: str) -> None:
    """The library will read these fields: a mistake is named now, before anything is written."""
    try:
        model.model_validate({**fields, "slug": slug, "file": f"{slug}.md"})
    except ValidationError as err:
        raise ContentMistakes(
            Mistake(file, 0, ".".join(map(str, each["loc"])), each["msg"])
            for each in err.errors(include_input=False, include_url=False)
        ) from None


def _line(text: str) -> str:
    return " ".join(text.split())[:300] or "-"


def _body(text: str) -> str:
    """Foreign text as plain words: nothing in it is read as Markdown or HTML."""
    words = re.sub(r"([\\`*_{}\[\]<>#+\-!|&~])", r"\\\1", " ".join(text.split()))
    return f"\n{words}\n" if words else ""


def front_matter(fields: Mapping[str, Value]) -> str:
    """The fields as TOML between +++; plain values first, then tables in arrays."""
    single = [f"{key} = {_toml(value)}" for key, value in fields.items() if not _is_tables(value)]
    tables = [
        "\n".join([f"\n[[{key}]]", *(f"{name} = {_toml(cell)}" for name, cell in row.items())])
        for key, value in fields.items()
        if _is_tables(value) and isinstance(value, list)
        for row in value
        if isinstance(row, dict)
    ]
    return "\n".join(["+++", *single, *tables, "+++", ""])


def _is_tables(value: Value) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(SEOUL).replace(tzinfo=None).isoformat(timespec="seconds")
    if isinstance(value, int):
        return plain(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text) + '"'
