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

from civic import drawing
from civic.clock import parse_time
from civic.drawn import FILE
from civic.entries import clean_number
from civic.errors import Misuse, NotEligible
from civic.forms import FormSpec
from civic.models import Document
from forms_api import access
from forms_api.cli.entries import Desk, common, desk
from forms_api.cli.front_matter import write


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
    """접수가 끝난 명단을 얼리고 지문(SHA-256)을 공개합니다. 얼린 뒤에는 아무도 넣거나 뺄 수 없습니다."""
    with desk(**where) as opened:
        doc, spec = _drawn(opened, subject)
        now, found = opened.intake.clock.now(), False
        opened.note("freeze", subject)
        for each in spec.rounds:
            with opened.intake.store.open(subject, who=access.who()) as book:
                frozen = drawing.freeze(book, spec, each, now)
            if frozen is None:
                click.echo(f"{each.label}\t추첨할 신청이 없습니다.")
                continue
            found = True
            people = sum(frozen.sizes.values())
            need = "추첨합니다" if drawing.is_needed(frozen) else "정원보다 많지 않아 모두 확정됩니다"
            click.echo(
                f"{each.label}\t신청 {len(frozen.entries)}건 {people}명, 자리 {frozen.places}명: {need}"
            )
            click.echo(f"{each.label}\t명단 지문 {frozen.list_hash}")
        if found:
            _publish(opened, doc, now)
        if spec.seed:
            click.echo(f"씨앗: {spec.seed}. 값이 나오면 draw run {subject} --seed 값 --by 이름 을 하세요.")


@draw.command()
@click.argument("subject")
@click.option("--seed", required=True, help='공개된 씨앗 값. 예: "3 11 14 18 26 27"')
@click.option("--by", "by", required=True, help="값을 확인하거나 주사위를 던진 사람(직책). 공개됩니다.")
@click.option("--source", default="", help="씨앗의 출처. 글에 미리 적은 seed가 없을 때(공개 주사위) 씁니다.")
@click.option("--at", "at", help="씨앗이 나온 때. 빼면 지금")
@common
def run(subject: str, seed: str, by: str, source: str, at: str | None, **where: Any) -> None:
    """얼린 명단의 순서를 씨앗으로 정해 자리를 주고, 모든 순서를 공개합니다. 한 번만 할 수 있습니다."""
    if not seed.strip() or not by.strip():
        raise Misuse("--seed와 --by에 값을 적으세요.")
    with desk(**where) as opened:
        doc, spec = _drawn(opened, subject)
        if spec.seed and source and source != spec.seed:
            raise NotEligible(f"씨앗은 글에 미리 적은 ‘{spec.seed}’만 쓸 수 있습니다.")
        if not spec.seed and not source:
            raise Misuse(
                "글에 적은 seed가 없습니다. --source에 씨앗의 출처를 적으세요. 예: 공개 주사위 10면체 6개"
            )
        now = opened.intake.clock.now()
        try:
            known = parse_time(at) if at else now
        except ValueError:
            raise Misuse("--at은 2023-09-02T20:45:00처럼 적으세요.") from None
        if known > now:
            raise Misuse("--at이 지금보다 뒤입니다.")
        word = drawing.Seed(
            seed.strip(), spec.seed or source, by.strip(), known.isoformat(timespec="seconds")
        )
        opened.note("draw", subject)
        frozen = opened.intake.store.fixed(subject)
        lists = [each for each in spec.rounds if "frozen" in frozen.get(each.id, {})]
        if not lists:
            raise NotEligible("먼저 명단을 얼리세요(draw freeze).")
        for each in lists:
            with opened.intake.store.open(subject, who=access.who()) as book:
                listed = drawing.run(book, spec, each, word, now)
            results = [state for _, state in drawing.outcome(listed, word.seed)]
            click.echo(
                f"{each.label}\t확정 {results.count('confirmed')}건, 대기 {results.count('waiting')}건"
            )
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


def _told(opened: Desk, doc: Document) -> dict[str, Any]:
    """draw.json from what is fixed, read inside the store so that it is never a moment old."""
    facts = {}
    with opened.intake.store.open(doc.subject, who=access.who()) as book:
        for each in doc.spec.rounds if doc.spec else ():
            facts[each.id] = book.fixed(each.id)
    return drawing.document(doc.subject, doc.title, facts)


def _publish(opened: Desk, doc: Document, now: datetime) -> None:
    """content/results/<kind>-<slug>.toml and its draw.json: the next build shows them."""
    name = f"{doc.folder}-{doc.slug}"
    base = opened.settings.content_dir / "results"
    text = json.dumps(_told(opened, doc), ensure_ascii=False, indent=1) + "\n"
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    try:
        (base / name).mkdir(parents=True, exist_ok=True)
        write(base / name / FILE, text)
        write(base / f"{name}.toml", _record(doc, now, digest, f"{name}/{FILE}"))
    except OSError as err:
        raise Misuse(
            f"{base}에 쓸 수 없습니다: {err.strerror}. 추첨은 저장되었습니다. draw show {doc.subject}로 다시 쓰세요."
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
