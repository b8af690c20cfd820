"""`draw freeze | exclude | run | show`: the public draw, from the frozen list to the published order.

docs/draw-day.md says who does what. Nothing here can change an order: a list is frozen once and drawn once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

import click
import tomlkit
from pydantic import ValidationError

from civic.clock import parse_time
from civic.codes import clean_number
from civic.content.pages import Document
from civic.errors import Misuse, NotEligible, why
from civic.files import write
from civic.places import draw as acts
from civic.places.draw import FrozenList, Seed
from civic.places.draw_record import FILE, DrawFile
from civic.places.form_round import FormRound, rounds_of
from civic.store.book import Book
from forms_api.commands.access import StaffAccess, with_access

WRITTEN = "추첨 명령(python -m forms_api draw)이 쓴 파일입니다. 고치지 마세요."
DICE = "공개 주사위 10면체 6개"
T = TypeVar("T")


@click.group()
def draw() -> None:
    """추첨: 명단을 얼리고, 공개한 씨앗으로 순서를 정하고, 결과를 공개합니다."""


@draw.command()
@click.argument("subject")
@click.argument("number")
@click.option(
    "--reason", required=True, help="뺀 까닭. 결과와 함께 공개합니다. 이름이나 연락처를 쓰지 마세요."
)
@with_access
def exclude(staff: StaffAccess, subject: str, number: str, reason: str) -> None:
    """명단을 얼리기 전에, 자격이 없는 신청을 까닭과 함께 뺍니다."""
    _drawn(staff, subject)
    entry = staff.entry(number)
    round_ = staff.intake.round(entry)
    if entry.subject != subject or round_ is None:
        raise NotEligible(f"{entry.number}: {subject}의 신청이 아닙니다.")
    staff.note(subject, [entry.number], reason)
    with staff.book(subject) as book:
        acts.exclude(book, round_, clean_number(number), reason, staff.now)
    click.echo(f"{entry.number}: 명단에서 뺐습니다. 까닭은 결과와 함께 공개됩니다.")


@draw.command()
@click.argument("subject")
@with_access
def freeze(staff: StaffAccess, subject: str) -> None:
    """접수가 끝난 회차의 명단을 얼리고 지문(SHA-256)을 공개합니다. 얼린 뒤에는 아무도 넣거나 뺄 수 없습니다."""
    doc = _drawn(staff, subject)
    now = staff.now
    staff.note(subject)

    def act(book: Book, round_: FormRound) -> FrozenList | None:
        return acts.freeze(book, round_, now)

    lists: list[FrozenList] = []
    for round_, frozen in _by_round(staff, doc, rounds_of(doc), act):
        if frozen is None:
            click.echo(f"{round_.label}\t추첨할 신청이 없습니다.")
            continue
        lists.append(frozen)
        counted = f"신청 {len(frozen.entries)}건 {sum(frozen.sizes.values())}명, 자리 {frozen.places}명"
        need = "추첨합니다" if frozen.is_contested else "정원보다 많지 않아 모두 확정합니다"
        click.echo(f"{round_.label}\t{counted}: {need}")
        click.echo(f"{round_.label}\t명단 지문 {frozen.list_hash}")
    if lists:
        _publish(staff, doc, now)
        _say_next(subject, lists)


def _say_next(subject: str, lists: list[FrozenList]) -> None:
    """What to type when the seed is known, or at once where no dice are needed. lists: of all frozen rounds."""
    lists = [frozen for frozen in lists if frozen.entries]
    if lists and not any(frozen.source or frozen.is_contested for frozen in lists):
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
                f'draw run {subject} --seed 값 --source "{DICE}" --by 이름 을 하세요.'
            )


@draw.command()
@click.argument("subject")
@click.option("--seed", required=True, help='공개된 씨앗 값. 예: "3 11 14 18 26 27"')
@click.option("--by", "by", required=True, help="값을 확인하거나 주사위를 던진 사람(직책). 공개됩니다.")
@click.option("--source", default="", help="씨앗의 출처. 글에 미리 적은 seed가 없을 때(공개 주사위) 씁니다.")
@click.option("--at", "at", help="씨앗이 나온 때. 빼면 지금")
@with_access
def run(staff: StaffAccess, subject: str, seed: str, by: str, source: str, at: str | None) -> None:
    """얼린 회차의 순서를 씨앗으로 정해 자리를 주고, 모든 순서를 공개합니다. 회차마다 한 번만 할 수 있습니다."""
    doc = _drawn(staff, subject)
    now = staff.now
    known = _known(at, now)
    staff.note(subject)
    frozen = [(round_, facts) for round_, facts in _facts(staff, doc) if "frozen" in facts]
    if not frozen:
        raise NotEligible("먼저 명단을 얼리세요(draw freeze).")
    # Rounds that close at different times have seeds of their own; one that was drawn is left as it is.
    frozen = [(round_, facts) for round_, facts in frozen if "drawn" not in facts] or frozen
    sources = {round_.id: source or FrozenList.read(facts["frozen"]).source for round_, facts in frozen}
    if not all(sources.values()):
        raise Misuse(f"명단을 얼릴 때 글에 seed가 없었습니다. --source에 씨앗의 출처를 적으세요. 예: {DICE}")

    def act(book: Book, round_: FormRound) -> list[str]:
        word = Seed(seed, sources[round_.id], by, known.isoformat(timespec="seconds"))
        return [entry.result for entry in acts.run(book, round_, word, now)]

    for round_, states in _by_round(staff, doc, [round_ for round_, _ in frozen], act):
        counted = f"확정 {states.count('confirmed')}건, 대기 {states.count('waiting')}건"
        out = states.count("rejected")
        click.echo(f"{round_.label}\t{counted}{f', 뽑히지 않음 {out}건' if out else ''}")
    _publish(staff, doc, now)


def _known(at: str | None, now: datetime) -> datetime:
    """When the seed became known: what --at says, or now. Raises Misuse."""
    try:
        known = parse_time(at) if at else now
    except ValueError:
        raise Misuse("--at은 2023-09-02T20:45:00처럼 적으세요.") from None
    if known > now:
        raise Misuse("--at이 지금보다 뒤입니다.")
    return known


@draw.command()
@click.argument("subject")
@with_access
def show(staff: StaffAccess, subject: str) -> None:
    """지금까지 공개한 것을 다시 보여 주고, 결과 파일을 다시 씁니다. 아무것도 바꾸지 않습니다."""
    doc = _drawn(staff, subject)
    staff.note(subject)
    document = _document(doc, _facts(staff, doc))
    if document is None:
        click.echo("얼린 명단이 없습니다.")
        return
    click.echo(document.as_json(), nl=False)
    _publish(staff, doc, staff.now)


def _drawn(staff: StaffAccess, subject: str) -> Document:
    """The page. Raises NotFound, and NotEligible where nothing is drawn, or its file says what was not promised."""
    held = [str(each.mistake) for each in staff.held if each.subject == subject]
    if held:
        raise NotEligible("\n".join(held))
    doc, spec = staff.form(subject)
    if spec.selection not in ("draw", "window-draw"):
        raise NotEligible(f"{subject}: 추첨으로 정하는 신청이 아닙니다.")
    return doc


def _by_round(
    staff: StaffAccess, doc: Document, rounds: Iterable[FormRound], act: Callable[[Book, FormRound], T]
) -> Iterator[tuple[FormRound, T]]:
    """What `act` gave for each round, one transaction each; a round that is refused stays as it was.

    Refusals are said at the end. Raises NotEligible when nothing but refusals came.
    """
    refused: list[str] = []
    is_done = False
    for round_ in rounds:
        try:
            with staff.book(doc.subject) as book:
                found = act(book, round_)
                # In here: what the site could not show is not kept.
                _document(doc, [(round_, book.fixed(round_.id))])
        except NotEligible as refusal:
            refused.append(refusal.detail)
            continue
        is_done = is_done or found is not None
        yield round_, found
    if refused and not is_done:
        raise NotEligible("\n".join(refused))
    for line in refused:
        click.echo(line)


def _facts(staff: StaffAccess, doc: Document) -> list[tuple[FormRound, dict[str, str]]]:
    """What is fixed about every round, read inside the store so that it is never a moment old."""
    with staff.book(doc.subject) as book:
        return [(round_, book.fixed(round_.id)) for round_ in rounds_of(doc)]


def _document(doc: Document, facts: Iterable[tuple[FormRound, dict[str, str]]]) -> DrawFile | None:
    """draw.json from what is fixed; None without a frozen list. Raises NotEligible when the site could not show it."""
    try:
        document = DrawFile.of(doc.subject, doc.title, {round_.id: fixed for round_, fixed in facts})
        wrong = list(document.disagreements()) if document else []
    except ValidationError as err:
        wrong = [".".join(map(str, mistake["loc"])) for mistake in err.errors(include_url=False)]
    if wrong:
        raise NotEligible(f"{doc.subject}: 추첨을 공개할 수 없습니다: {', '.join(wrong)}")
    return document


def _publish(staff: StaffAccess, doc: Document, now: datetime) -> None:
    """content/results/<kind>-<slug>.toml and its draw.json: the next build shows them."""
    name = f"{doc.folder}-{doc.slug}"
    base = staff.settings.content_dir / "results"
    document = _document(doc, _facts(staff, doc))
    if document is None:
        return
    text = document.as_json()
    record = tomlkit.document().add(tomlkit.comment(WRITTEN))
    record["draw"] = doc.subject
    record["published_at"] = now.replace(microsecond=0, tzinfo=None)
    record["digest"] = hashlib.sha256(text.encode()).hexdigest()
    record["files"] = [f"{name}/{FILE}"]
    try:
        (base / name).mkdir(parents=True, exist_ok=True)
        write(base / name / FILE, text)
        write(base / f"{name}.toml", tomlkit.dumps(record))
    except OSError as err:
        raise Misuse(
            f"{base}에 쓸 수 없습니다: {why(err)}. 추첨은 저장되었습니다. draw show {doc.subject}로 다시 쓰세요."
        ) from err
    click.echo(f"{base / name}.toml: 썼습니다. 누리집을 다시 만들면 /results/{name}/에 보입니다.", err=True)
