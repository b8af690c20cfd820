"""What people who signed up rely on: may a page be changed so? No store, no clock, no web.

A page is compared with the one that was accepted before, for as long as its people's answers are kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from civic.content.form import FormSpec
from civic.content.front_matter import KeyPath
from civic.content.pages import Document
from civic.store.entry import Counts

# Keys of a form that must stay as they are, and what would break. One that people rely on too joins here.
FIXED = {
    "person": "같은 사람을 알아보지 못해 두 번 신청할 수 있게 됩니다",
    "selection": "신청한 사람에게 알린 뽑는 방법과 다릅니다",
    "window": "동시 접수로 알린 시간과 다릅니다",
    "seed": "미리 알린 추첨 씨앗과 다릅니다",
    "seed_kind": "미리 알린 추첨 씨앗의 종류와 다릅니다",
    "seed_at": "미리 알린 씨앗이 나오는 때와 다릅니다",
    "freeze_at": "미리 알린 명단을 얼리는 때와 다릅니다",
    "ledger": "받은 신청의 활동 시간을 더는 세지 않게 됩니다",
}
DOWN = "글을 내리면 신청한 사람이 볼 수 없습니다. 활동이 끝난 뒤에 내리거나 회차를 취소하세요"
CALL_OFF = "없앨 회차면 먼저 entries call-off로 취소하세요"
ACCEPT = "알면서 바꾸려면 content-check --accept {subject} --reason 까닭 을 쓰세요"


@dataclass(frozen=True)
class Contradiction:
    """One change that goes against what people were promised."""

    path: KeyPath  # of the key in the page's front matter; () for the whole page
    said: str  # what is wrong and how it is done right, in Korean
    people: int  # whom it concerns


def people(counts: Counts | None) -> int:
    """How many have signed up and not given up."""
    return counts.taken + counts.waiting + counts.received if counts else 0


def contradictions(
    before: Document,
    after: Document | None,
    is_shown: bool,
    counts: Mapping[str, Counts],
    now: datetime,
    titles: Collection[str] = (),
) -> list[Contradiction]:
    """What of a page's change people would not find as they were promised; empty when nobody is concerned any more.

    before: as it was accepted; after: as it is written now, None when it is gone; is_shown: is it on the site now?
    counts: by round, as the store names them. titles: of the other pages, as they were accepted.
    """
    everybody = sum(map(people, counts.values()))
    if not everybody or before.spec is None or (before.kept_until and now >= before.kept_until):
        return []
    if after is None or after.spec is None or not is_shown:
        ends = min(filter(None, (before.needed_until, before.expire_at)), default=None)
        return [] if ends and now >= ends else [_gone(before, after, everybody, now)]
    found = [*_form(before.spec, after.spec), *_questions(before.spec, after.spec)]
    whole = [Contradiction(("form", *path), said, everybody) for path, said in found]
    down, rest = after.expire_at, [at for at in (before.expire_at, before.needed_until) if at]
    if down and down != before.expire_at and all(down < end for end in rest):
        whole.append(Contradiction(("expire_at",), DOWN, everybody))
    if after.title != before.title and after.title in titles:
        said = f"신청한 사람은 ‘{before.title}’로 알고 있습니다. 파일이 다른 글과 바뀌었으면 되돌리세요"
        whole.append(Contradiction(("title",), said, everybody))
    return [*whole, *_rounds(before.spec, after.spec, counts)]


def _gone(before: Document, after: Document | None, everybody: int, now: datetime) -> Contradiction:
    if after is None:
        said = f"글이 없어졌습니다. {_aliases(before.slug, before.aliases, ())}. {CALL_OFF}"
        return Contradiction((), said, everybody)
    if after.spec is None:
        return Contradiction((), "신청서(form)가 없어졌습니다. 되돌리거나 회차를 취소하세요", everybody)
    is_over = after.expire_at and now >= after.expire_at
    key = "draft" if after.draft else "expire_at" if is_over else "publish_at"
    return Contradiction((key,), DOWN, everybody)


def _form(before: FormSpec, after: FormSpec) -> Iterator[tuple[KeyPath, str]]:
    is_window = before.selection == "window-draw" == after.selection
    for key, said in (FIXED | {"opens": FIXED["window"]} if is_window else FIXED).items():
        was = getattr(before, key)
        if getattr(after, key) != was and (was or key != "ledger"):
            back = was.isoformat() if isinstance(was, datetime) else was or "빈 값"
            yield (key,), f"{said}. {back}(으)로 되돌리세요"
    if before.needs_proof != after.needs_proof:
        yield ("contact",), "휴대전화 번호를 확인하는지가 신청한 사람 때와 다릅니다. 되돌리세요"
    for limit in before.limits:
        if limit.group not in {each.group for each in after.limits}:
            yield ("limits",), f"묶음 {limit.group}의 한도에서 받은 신청이 빠집니다. 되돌리세요"
    if after.consent.keep_days > before.consent.keep_days:
        said = f"{before.consent.keep_days}일 뒤에 지운다고 동의를 받았습니다. 더 오래 둘 수 없습니다"
        yield ("consent", "keep_days"), said


def _questions(before: FormSpec, after: FormSpec) -> Iterator[tuple[KeyPath, str]]:
    told = {question.key: (question.label, question.type) for question in before.fields}
    there = {question.key: (number, question) for number, question in enumerate(after.fields)}
    names = [question.name for question in after.fields]
    for question in before.fields:
        number, now = there.get(question.key, (0, None))
        said = f"질문 {question.name}의 답을 이미 받았습니다."
        if now is None:
            yield ("fields",), f"{said} {_aliases(question.name, question.aliases, names)}"
        elif now.name == question.name and _is_other(told, question.key, (now.label, now.type)):
            yield ("fields", number, "name"), f"{said} 다른 질문에는 새 name을 쓰세요"


def _rounds(before: FormSpec, after: FormSpec, counts: Mapping[str, Counts]) -> Iterator[Contradiction]:
    told = {round_.key: (round_.label, round_.starts) for round_ in before.rounds}
    there = {round_.key: (number, round_) for number, round_ in enumerate(after.rounds)}
    fresh = [number for key, (number, _) in there.items() if key not in told]
    for round_ in before.rounds:
        concerned = people(counts.get(round_.key))
        if not concerned:
            continue
        number, now = there.get(round_.key, (0, None))
        path: KeyPath = ("form", "rounds", number)
        if now is None:
            path = ("form", "rounds", fresh[0], "id") if fresh else ("form", "rounds")
            how = _aliases(round_.id, round_.aliases, [each.id for each in after.rounds])
            said = f"회차 {round_.id}에 신청한 사람이 있습니다. {how}. {CALL_OFF}"
            yield Contradiction(path, said, concerned)
            continue
        if now.id == round_.id and _is_other(told, round_.key, (now.label, now.starts)):
            said = f"회차 {round_.id}에 신청한 사람은 ‘{round_.label}’로 알고 있습니다. 다른 회차에는 새 id를 쓰세요"
            yield Contradiction((*path, "id"), said, concerned)
        taken = counts[round_.key].taken
        if now.places < round_.places and now.places < taken:
            said = f"이미 {taken}명이 자리를 받았습니다. 정원을 {taken}명 이상으로 쓰세요"
            yield Contradiction((*path, "places"), said, taken)


def _is_other(told: Mapping[str, tuple[str, Any]], key: str, now: tuple[str, Any]) -> bool:
    """Is what stands under an old name something else now?

    told: what people tell each thing by, (its words, its kind or time). It is another when both differ, when it says what
    another one said before, or when its words differ and nothing else tells it from others that there are.
    """
    was = told[key]
    if now != was and now in told.values():
        return True
    return now[0] != was[0] and (now[1] != was[1] if was[1] is not None else len(told) > 1)


def _aliases(name: str, aliases: Sequence[str], names: Sequence[str]) -> str:
    """What to write for something that was only renamed. names: those that are in use now."""
    old = ", ".join(f'"{each}"' for each in (*aliases, name) if each not in names)
    return f"이름만 바꾸었으면 aliases = [{old}]를 함께 쓰세요"


def resembles(gone: Document, page: Document) -> bool:
    """Could a page that nobody knew before be one that is gone, under another name?"""
    was, spec = gone.spec, page.spec
    if was is None or spec is None or gone.folder != page.folder:
        return False
    return gone.title == page.title or (was.opens, was.closes) == (spec.opens, spec.closes)
