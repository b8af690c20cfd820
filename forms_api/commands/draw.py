"""`draw freeze | exclude | run | show`: the public draw, from the frozen list to the published order.

docs/draw-day.md says who does what. Nothing here can change an order: a list is frozen once and drawn once.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from civic.clock import parse_time
from civic.codes import clean_number
from civic.content.form import FormSpec, Round
from civic.content.pages import Document
from civic.errors import Misuse, NotEligible, why
from civic.files import write
from civic.places import drawing
from civic.places.draw_record import FILE, DrawFile
from forms_api import access
from forms_api.commands.entries import Desk, common, desk


@click.group()
def draw() -> None:
    """추첨: 명단을 얼리고, 공개한 씨앗으로 순서를 정하고, 결과를 공개합니다."""


@draw.command()
@click.argument("subject")
@click.argument("number")
@click.option(
    "--reason", required=True, help="뺀 까닭. 결과와 함께 공개합니다. 이름이나 연락처를 쓰지 마세요."
)
@common
def exclude(subject: str, number: str, reason: str, **where: Any) -> None:
    """명단을 얼리기 전에, 자격이 없는 신청을 까닭과 함께 뺍니다."""
    with desk(**where) as opened:
        _, spec = _drawn(opened, subject)
        entry = opened.entry(number)
        each = spec.round(entry.round)
        if entry.subject != subject or each is None:
            raise NotEligible(f"{entry.number}: {subject}의 신청이 아닙니다.")
        opened.note("exclude", subject, entry.number)
        with opened.intake.store.open(subject, who=access.who()) as book:
            drawing.exclude(book, each, clean_number(number), reason, opened.intake.clock.now())
        click.echo(f"{entry.number}: 명단에서 뺐습니다. 까닭은 결과와 함께 공개됩니다.")


@draw.command()
@click.argument("subject")
@common
def freeze(subject: str, **where: Any) -> None:
    """접수가 끝난 회차의 명단을 얼리고 지문(SHA-256)을 공개합니다. 얼린 뒤에는 아무도 넣거나 뺄 수 없습니다."""
    with desk(**where) as opened:
        doc, spec = _drawn(opened, subject)
        now = opened.intake.clock.now()
        opened.note("freeze", subject)
        lists: list[drawing.Frozen] = []
        refused: list[str] = []
        for each in spec.rounds:
            try:
                with opened.intake.store.open(subject, who=access.who()) as book:
                    frozen = drawing.freeze(book, spec, each, now)
                    # In here: a list that could not be shown is not frozen.
                    _checked(drawing.document(subject, doc.title, {each.id: book.fixed(each.id)}))
            except NotEligible as refusal:
                refused.append(refusal.detail)
                continue
            if frozen is None:
                click.echo(f"{each.label}\t추첨할 신청이 없습니다.")
                continue
            lists.append(frozen)
            people = sum(frozen.sizes.values())
            need = "추첨합니다" if drawing.is_needed(frozen) else "정원보다 많지 않아 모두 확정합니다"
            click.echo(
                f"{each.label}\t신청 {len(frozen.entries)}건 {people}명, 자리 {frozen.places}명: {need}"
            )
            click.echo(f"{each.label}\t명단 지문 {frozen.list_hash}")
        if refused and not lists:
            raise NotEligible("\n".join(refused))
        for line in refused:
            click.echo(line)
        if lists:
            _publish(opened, doc, now)
            _say_next(subject, lists)


def _say_next(subject: str, lists: list[drawing.Frozen]) -> None:
    """What to type when the seed is known, or at once where no dice are needed. lists: of all frozen rounds."""
    lists = [frozen for frozen in lists if frozen.entries]
    if lists and not any(frozen.source or drawing.is_needed(frozen) for frozen in lists):
        click.echo(
            "씨앗: 추첨할 회차가 없어 주사위를 던지지 않습니다. 모두 확정하려면 "
            f'draw run {subject} --seed 0 --source "추첨하지 않음" --by 이름 을 하세요.'
        )
        return
    for source in sorted({frozen.source for frozen in lists}):
        if source:
            click.echo(f"씨앗: {source}. 값이 나오면 draw run {subject} --seed 값 --by 이름 을 하세요.")
        else:
            click.echo(
                "씨앗: 미리 정하지 않았습니다. 공개 자리에서 주사위를 던지고 "
                f'draw run {subject} --seed 값 --source "공개 주사위 10면체 6개" --by 이름 을 하세요.'
            )


@draw.command()
@click.argument("subject")
@click.option("--seed", required=True, help='공개된 씨앗 값. 예: "3 11 14 18 26 27"')
@click.option("--by", "by", required=True, help="값을 확인하거나 주사위를 던진 사람(직책). 공개됩니다.")
@click.option("--source", default="", help="씨앗의 출처. 글에 미리 적은 seed가 없을 때(공개 주사위) 씁니다.")
@click.option("--at", "at", help="씨앗이 나온 때. 빼면 지금")
@common
def run(subject: str, seed: str, by: str, source: str, at: str | None, **where: Any) -> None:
    """얼린 회차의 순서를 씨앗으로 정해 자리를 주고, 모든 순서를 공개합니다. 회차마다 한 번만 할 수 있습니다."""
    with desk(**where) as opened:
        doc, spec = _drawn(opened, subject)
        now = opened.intake.clock.now()
        try:
            known = parse_time(at) if at else now
        except ValueError:
            raise Misuse("--at은 2023-09-02T20:45:00처럼 적으세요.") from None
        if known > now:
            raise Misuse("--at이 지금보다 뒤입니다.")
        opened.note("draw", subject)
        lists = [(each, fixed) for each, fixed in _facts(opened, doc) if "frozen" in fixed]
        if not lists:
            raise NotEligible("먼저 명단을 얼리세요(draw freeze).")
        # Rounds that close at different times have seeds of their own; one that was drawn is left as it is.
        lists = [(each, fixed) for each, fixed in lists if "drawn" not in fixed] or lists
        sources = [source or drawing.Frozen.read(fixed["frozen"]).source for _, fixed in lists]
        if not all(sources):
            raise Misuse(
                "명단을 얼릴 때 글에 seed가 없었습니다. --source에 씨앗의 출처를 적으세요. 예: 공개 주사위 10면체 6개"
            )
        refused: list[str] = []
        for (each, _), named in zip(lists, sources, strict=True):
            word = drawing.Seed(seed, named, by, known.isoformat(timespec="seconds"))
            try:
                with opened.intake.store.open(subject, who=access.who()) as book:
                    results = [state for _, state in drawing.run(book, spec, each, word, now)]
                    _checked(drawing.document(subject, doc.title, {each.id: book.fixed(each.id)}))
            except NotEligible as refusal:
                refused.append(refusal.detail)
                continue
            click.echo(
                f"{each.label}\t확정 {results.count('confirmed')}건, 대기 {results.count('waiting')}건"
            )
        if len(refused) == len(lists):
            raise NotEligible("\n".join(refused))
        for line in refused:
            click.echo(line)
        _publish(opened, doc, now)


@draw.command()
@click.argument("subject")
@common
def show(subject: str, **where: Any) -> None:
    """지금까지 공개한 것을 다시 보여 주고, 결과 파일을 다시 씁니다. 아무것도 바꾸지 않습니다."""
    with desk(**where) as opened:
        doc, _ = _drawn(opened, subject)
        told = _told(opened, doc)
        if not told["rounds"]:
            click.echo("얼린 명단이 없습니다.")
            return
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        _publish(opened, doc, opened.intake.clock.now())


def _drawn(opened: Desk, subject: str) -> tuple[Document, FormSpec]:
    doc, spec = opened.form(subject)
    if spec.selection not in ("draw", "window-draw"):
        raise NotEligible(f"{subject}: 추첨으로 정하는 신청이 아닙니다.")
    return doc, spec


def _facts(opened: Desk, doc: Document) -> list[tuple[Round, dict[str, str]]]:
    """What is fixed about every round, read inside the store so that it is never a moment old."""
    with opened.intake.store.open(doc.subject, who=access.who()) as book:
        return [(each, book.fixed(each.id)) for each in (doc.spec.rounds if doc.spec else ())]


def _told(opened: Desk, doc: Document) -> dict[str, Any]:
    """draw.json from what is fixed."""
    facts = {each.id: fixed for each, fixed in _facts(opened, doc)}
    return drawing.document(doc.subject, doc.title, facts)


def _checked(told: dict[str, Any]) -> str:
    """draw.json as it is written. Raises NotEligible when the site could not show it; {} rounds are passed over."""
    text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    if told["rounds"]:
        try:
            wrong = list(DrawFile.model_validate_json(text).disagreements())
        except ValidationError as err:
            wrong = [".".join(map(str, each["loc"])) for each in err.errors(include_url=False)]
        if wrong:
            raise NotEligible(f"{told['subject']}: 추첨을 공개할 수 없습니다: {', '.join(wrong)}")
    return text


def _publish(opened: Desk, doc: Document, now: datetime) -> None:
    """content/results/<kind>-<slug>.toml and its draw.json: the next build shows them."""
    name = f"{doc.folder}-{doc.slug}"
    base = opened.settings.content_dir / "results"
    text = _checked(_told(opened, doc))
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    try:
        (base / name).mkdir(parents=True, exist_ok=True)
        write(base / name / FILE, text)
        write(base / f"{name}.toml", _record(doc, now, digest, f"{name}/{FILE}"))
    except OSError as err:
        raise Misuse(
            f"{base}에 쓸 수 없습니다: {why(err)}. 추첨은 저장되었습니다. draw show {doc.subject}로 다시 쓰세요."
        ) from err
    click.echo(
        f"{Path(base, name + '.toml')}: 썼습니다. 누리집을 다시 만들면 /results/{name}/에 보입니다.", err=True
    )


def _record(doc: Document, now: datetime, digest: str, file: str) -> str:
    at = now.replace(microsecond=0, tzinfo=None).isoformat()
    return (
        "# 추첨 명령(python -m forms_api draw)이 쓴 파일입니다. 고치지 마세요.\n"
        f'draw = "{doc.subject}"\npublished_at = {at}\ndigest = "{digest}"\nfiles = ["{file}"]\n'
    )
