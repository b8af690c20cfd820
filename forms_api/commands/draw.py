"""`draw freeze | exclude | run | promise | reveal | hide | show`: the public draw, from its list to the published order.

docs/draw-day.md says who does what. Nothing here can change an order: a list is frozen once and drawn once.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypeVar

import click
import tomlkit
from pydantic import ValidationError

from civic.content.pages import Document
from civic.errors import Misuse, NotEligible, NotFound, why
from civic.files import write
from civic.places import draw as acts
from civic.places.draw_list import DrawnEntry, FrozenList
from civic.places.draw_record import FILE, DrawFile, DrawnRound
from civic.places.form_round import FormRound, rounds_of
from civic.recount import CHECK
from civic.store.book import Book
from forms_api.commands.access import StaffAccess, StaffGroup
from forms_api.commands.given import tell

WRITTEN = "추첨 명령(python -m forms_api draw)이 쓴 파일입니다. 고치지 마세요."
T = TypeVar("T")


@click.group(cls=StaffGroup)
def draw() -> None:
    """추첨: 명단을 얼리고, 공개한 씨앗으로 순서를 정하고, 결과를 공개합니다."""


@draw.command()
@click.argument("subject")
@click.argument("number")
@click.option(
    "--reason", required=True, help="뺀 까닭. 결과와 함께 공개합니다. 이름이나 연락처를 쓰지 마세요."
)
def exclude(staff: StaffAccess, subject: str, number: str, reason: str) -> None:
    """명단을 얼리기 전에, 자격이 없는 신청을 까닭과 함께 뺍니다. NUMBER는 접수번호입니다."""
    _drawn(staff, subject, reason, [number])
    entry = staff.intake.entry(number)
    round_ = staff.intake.round(entry)
    if entry.subject != subject or round_ is None:
        raise NotEligible(f"{entry.number}: {subject}의 신청이 아닙니다.")
    with staff.book(subject) as book:
        acts.exclude(book, round_, entry.number, reason, staff.now)
    click.echo(f"{entry.number}: 명단에서 뺐습니다. 까닭은 추첨 번호와 함께 공개됩니다.")


@draw.command()
@click.argument("subject")
def freeze(staff: StaffAccess, subject: str) -> None:
    """얼린 명단과 지문을 공개합니다. 때가 되면 서버가 스스로 얼리고, 그 뒤에는 아무도 넣거나 뺄 수 없습니다."""
    doc = _drawn(staff, subject)
    lists: list[FrozenList] = []
    for round_, frozen in _by_round(staff, doc, rounds_of(doc), partial(acts.frozen_list, now=staff.now)):
        if frozen is None:
            click.echo(f"{round_.label}\t추첨할 신청이 없습니다.")
            continue
        lists.append(frozen)
        counted = f"신청 {len(frozen.entries)}건 {sum(frozen.sizes.values())}명, 자리 {frozen.places}명"
        need = "추첨합니다" if frozen.is_contested else "정원보다 많지 않아 모두 확정합니다"
        click.echo(f"{round_.label}\t{counted}: {need}")
        click.echo(f"{round_.label}\t지문 {frozen.commitment}")
    if lists:
        _publish(staff, doc)
        tell(*sorted({_next(subject, frozen) for frozen in lists}), name=CHECK)


def _next(subject: str, frozen: FrozenList) -> str:
    """What to type when the seed is known, or at once where none is needed."""
    if not frozen.is_contested:
        return f"자리가 모자라지 않는 회차는 draw run {subject} --by 이름 으로 모두 확정합니다."
    if frozen.kind == "two":
        return f"{frozen.source}. 두 사람이 저마다 draw promise {subject} --by 이름 으로 약속하고, 공개한 뒤 draw reveal로 밝힙니다."
    return f"씨앗: {frozen.source}. 값이 나오면 draw run {subject} --seed 값 --by 이름 을 하세요."


@draw.command()
@click.argument("subject")
@click.option("--seed", default="", help='공개된 씨앗 값. 예: "3 11 14 18 26 27". 추첨하지 않으면 뺍니다.')
@click.option("--by", "by", required=True, help="값을 확인한 사람(직책). 공개됩니다.")
def run(staff: StaffAccess, subject: str, seed: str, by: str) -> None:
    """얼린 회차의 순서를 씨앗으로 정해 자리를 주고, 모든 순서를 공개합니다. 회차마다 한 번만 할 수 있습니다."""
    _act(staff, subject, lambda book, round_: acts.run(book, round_, seed, by, staff.now), "")


@draw.command()
@click.argument("subject")
@click.option("--by", "by", required=True, help="난수를 만든 사람(직책). 공개됩니다.")
@click.option("--hash", "digest", required=True, help="자기 컴퓨터에서 만든 난수의 SHA-256")
def promise(staff: StaffAccess, subject: str, by: str, digest: str) -> None:
    """두 사람의 난수로 정할 때, 자기 난수의 지문을 먼저 겁니다. 두 지문이 모두 공개된 뒤에 밝힙니다."""
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise Misuse("--hash는 SHA-256 확인 값 64자리(0-9, a-f)입니다.")
    act = partial(acts.promise, by=by, digest=digest, now=staff.now)
    _act(staff, subject, act, f"{by}: 난수의 지문을 걸었습니다. 누리집을 다시 만들어 공개하세요.")


@draw.command()
@click.argument("subject")
@click.option("--bits", required=True, help="지문을 건 난수. 16진수 32자리")
def reveal(staff: StaffAccess, subject: str, bits: str) -> None:
    """지문을 건 난수를 밝힙니다. 두 사람이 모두 밝히면 곧바로 추첨합니다."""
    act = partial(acts.reveal, bits=bits.strip().lower(), now=staff.now)
    _act(staff, subject, act, "난수를 밝혔습니다.")


@draw.command()
@click.argument("subject")
@click.argument("number")
@click.option("--reason", required=True, help="까닭을 가리는 이유. 열람 기록에 남습니다.")
def hide(staff: StaffAccess, subject: str, number: str, reason: str) -> None:
    """공개한 뺀 까닭 하나를 가립니다. 지문은 그대로 맞습니다. NUMBER는 추첨 번호입니다."""
    doc = _drawn(staff, subject, reason)
    for id, facts in _facts(staff, doc).items():
        if "frozen" in facts and number in {out.number for out in DrawnRound.of_facts(facts).excluded}:
            with staff.book(subject) as book:
                book.fix(id, f"hidden:{number}", reason, staff.now)
            _publish(staff, doc)
            return
    raise NotFound(f"{number}: 뺀 신청 가운데 그런 추첨 번호가 없습니다.")


@draw.command()
@click.argument("subject")
def show(staff: StaffAccess, subject: str) -> None:
    """지금까지 공개한 것을 다시 보여 주고, 결과 파일을 다시 씁니다. 아무것도 바꾸지 않습니다."""
    doc = _drawn(staff, subject)
    document = _document(doc, _facts(staff, doc))
    if document is None:
        click.echo("얼린 명단이 없습니다.")
        return
    click.echo(document.as_json(), nl=False)
    _publish(staff, doc)


def _act(
    staff: StaffAccess, subject: str, act: Callable[[Book, FormRound], tuple[DrawnEntry, ...]], said: str
) -> None:
    """An act on every frozen round that is not drawn yet (on all where none is left), and its files."""
    doc = _drawn(staff, subject)
    staff.intake.advance(subject)
    facts = _facts(staff, doc)
    frozen = [round_ for round_ in rounds_of(doc) if "frozen" in facts[round_.id]]
    if not frozen:
        raise NotEligible("아직 얼린 명단이 없습니다. 얼리는 때(freeze_at)가 지나면 서버가 얼립니다.")
    waiting = [round_ for round_ in frozen if "drawn" not in facts[round_.id]]
    for round_, drawn in _by_round(staff, doc, waiting or frozen, act):
        results = Counter(entry.result for entry in drawn)
        counted = f"확정 {results['confirmed']}건, 대기 {results['waiting']}건"
        counted += f", 뽑히지 않음 {results['rejected']}건" if results["rejected"] else ""
        click.echo(f"{round_.label}\t{counted if drawn else said}")
    _publish(staff, doc)


def _drawn(staff: StaffAccess, subject: str, reason: str = "", numbers: Iterable[str] = ()) -> Document:
    """The page, noted. Raises NotFound, and NotEligible where nothing is drawn, or its file says what was not promised."""
    held = [str(each.mistake) for each in staff.held if each.subject == subject]
    if held:
        raise NotEligible("\n".join(held))
    doc, spec = staff.form(subject)
    if not spec.is_drawn:
        raise NotEligible(f"{subject}: 추첨으로 정하는 신청이 아닙니다.")
    staff.note(subject, numbers, reason)
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
                _document(doc, {round_.id: book.fixed(round_.id)})
        except NotEligible as refusal:
            refused.append(refusal.detail)
            continue
        is_done = is_done or found is not None
        yield round_, found
    if refused and not is_done:
        raise NotEligible("\n".join(refused))
    for line in refused:
        click.echo(line)


def _facts(staff: StaffAccess, doc: Document) -> dict[str, dict[str, str]]:
    """What is fixed about every round, by its id, read inside the store so that it is never a moment old."""
    with staff.book(doc.subject) as book:
        return {round_.id: book.fixed(round_.id) for round_ in rounds_of(doc)}


def _document(doc: Document, facts: Mapping[str, Mapping[str, str]]) -> DrawFile | None:
    """draw.json from what is fixed; None without a frozen list. Raises NotEligible when the site could not show it."""
    try:
        document = DrawFile.of(doc.subject, doc.title, facts)
        wrong = list(document.disagreements()) if document else []
    except ValidationError as err:
        wrong = [".".join(map(str, mistake["loc"])) for mistake in err.errors(include_url=False)]
    if wrong:
        raise NotEligible(f"{doc.subject}: 추첨을 공개할 수 없습니다: {', '.join(wrong)}")
    return document


def _publish(staff: StaffAccess, doc: Document) -> None:
    """content/results/<kind>-<slug>.toml and its draw.json: the next build shows them."""
    name = f"{doc.folder}-{doc.slug}"
    base = staff.settings.content_dir / "results"
    document = _document(doc, _facts(staff, doc))
    if document is None:
        return
    text = document.as_json()
    record = tomlkit.document().add(tomlkit.comment(WRITTEN))
    record["draw"] = doc.subject
    record["published_at"] = staff.now.replace(microsecond=0, tzinfo=None)
    record["digest"] = hashlib.sha256(text.encode()).hexdigest()
    try:
        (base / name).mkdir(parents=True, exist_ok=True)
        write(base / name / FILE, text)
        write(base / f"{name}.toml", tomlkit.dumps(record))
    except OSError as err:
        raise Misuse(
            f"{base}에 쓸 수 없습니다: {why(err)}. 추첨은 저장되었습니다. draw show {doc.subject}로 다시 쓰세요."
        ) from err
    click.echo(f"{base / name}.toml: 썼습니다. 누리집을 다시 만들면 /results/{name}/에 보입니다.", err=True)
