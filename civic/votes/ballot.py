"""What a ballot may hold, and what binds the rules of its poll. Pure: no store, no clock, no web, no file."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from civic.content.pages import Document
from civic.content.poll import Poll, Proposal, candidates
from civic.errors import FieldError, Invalid, Mistake
from civic.korean import josa
from civic.shape import EXACT, Line, Many, Slug, document_hash

# What a page says beside the rules; everything else that staff write in a poll is a rule and is bound.
NOT_RULES = {*Document.model_fields, "rehearsed", "corrections", "received", "unlisted"} - {"slug", "title"}
FAULTS = {
    "format": "투표용지의 형식이 맞지 않습니다.",
    "size": "투표용지의 크기가 맞지 않습니다.",
    "other-poll": "다른 투표의 투표용지입니다.",
    "other-rules": "투표의 규칙이 바뀌었습니다. 화면을 새로 고친 뒤 다시 골라 주세요.",
    "copied": "이미 낸 투표용지와 같거나 같은 열쇠로 봉한 투표용지입니다.",
    "altered": "봉한 투표용지를 열 수 없습니다. 내용이 바뀌었거나 다른 열쇠로 봉했습니다.",
    "content": "봉한 투표용지 안에 투표용지가 아닌 것이 들어 있습니다.",
    "unknown": "이 투표에 없는 것을 골랐습니다.",
    "withdrawn": "철회된 제안을 골랐습니다.",
    "twice": "같은 것을 두 번 골랐습니다.",
    "type-limit": "한 유형에서 고를 수 있는 수를 넘었습니다.",
    "limit": "고를 수 있는 수를 넘었습니다.",
    "blank": "아무것도 고르지 않았습니다.",
    "unlisted": "접수증 명단에 없는 봉한 투표용지입니다.",
    "missing": "접수증 명단에 있는 봉한 투표용지가 없습니다.",
}
CHANGED = (
    "투표를 시작한 뒤에 규칙이나 제안이 바뀌었습니다. 고친 것을 되돌리거나, 바로잡은 기록을 적고 시험 개표를 "
    "다시 하세요(docs/voting.md ‘규칙을 고쳐야 할 때’)"
)
OF_A_PROPOSAL = ("slug", "title", "summary", "type", "cost", "area", "withdrawn")
Proposals = Mapping[str, Proposal]  # of a poll, by slug


def rules_document(poll: Poll, proposals: Iterable[Proposal]) -> dict[str, object]:
    """What the hash binds, as it is published beside a result: the poll's rules, keys and proposals.

    Any rule added to `models.Poll` later is bound by itself; a rule left at its default is not written down, so
    that a new one does not change the hash of an old poll.
    """
    rules = poll.model_dump(mode="json", exclude=set(NOT_RULES), exclude_defaults=True)
    ordered = sorted(proposals, key=lambda proposal: proposal.slug)
    told = (proposal.model_dump(include={*OF_A_PROPOSAL}, exclude_defaults=True) for proposal in ordered)
    listed = [{name: each[name] for name in OF_A_PROPOSAL if name in each} for each in told]
    return {"proposals": listed, "rules": rules}


def rules_hash(poll: Poll, proposals: Iterable[Proposal]) -> str:
    """The hash of `rules_document`; the order of files does not matter."""
    return document_hash(rules_document(poll, proposals))


def changed_rules(pages: Iterable[Document], now: datetime) -> list[Mistake]:
    """A mistake for each poll that opened and whose rules are not those of its rehearsal, without a correction."""
    listed, found = list(pages), []
    for poll in listed:
        if not isinstance(poll, Poll) or poll.rehearsed is None or now < poll.opens:
            continue
        current = rules_hash(poll, candidates(listed, poll.slug))
        if poll.rehearsed.rules not in (current, *(correction.rules for correction in poll.corrections)):
            hint = (
                f'글머리에 [[corrections]] / at = {now:%Y-%m-%dT%H:%M:%S} / text = "무엇을 왜 고쳤는지" / '
                f'rules = "{poll.rehearsed.rules}", 그다음 python -m forms_api votes rehearse {poll.slug} --to 시험표.json'
            )
            found.append(Mistake(poll.file, 0, "rehearsed.rules", CHANGED, f"{current[:12]}…", hint))
    return found


def check_choices(poll: Poll, proposals: Proposals, choices: Sequence[str]) -> tuple[str, ...]:
    """The choices in their one written order (sorted), or Invalid naming each fault."""
    faults = choice_faults(poll, proposals, choices)
    if faults:
        raise Invalid(FieldError("choices", message) for _, message in faults)
    return tuple(sorted(choices))


def choice_faults(poll: Poll, proposals: Proposals, choices: Sequence[str]) -> list[tuple[str, str]]:
    """(key of FAULTS, message for the voter) of everything wrong with these choices; empty when they are valid."""
    if not choices:
        return [] if poll.blank_allowed else [("blank", "하나 이상 골라 주세요.")]
    found: list[tuple[str, str]] = []
    known = [proposals[slug] for slug in dict.fromkeys(choices) if slug in proposals]
    if len(known) < len(set(choices)):
        found.append(("unknown", FAULTS["unknown"]))
    if any(proposal.withdrawn for proposal in known):
        found.append(("withdrawn", FAULTS["withdrawn"]))
    if len(set(choices)) < len(choices):
        found.append(("twice", FAULTS["twice"]))
    if len(choices) > poll.max_picks:
        said = f"모두 합해 {poll.max_picks}개까지 고를 수 있습니다. 지금 {len(choices)}개입니다."
        found.append(("limit", said))
    picked = Counter(proposal.type for proposal in known)
    for kind in poll.types:
        if picked[kind.id] > kind.max < poll.max_picks:  # else all together are too many, which is said
            most = f"{kind.max}개까지 고를 수 있습니다. 지금 {picked[kind.id]}개입니다."
            said = most if kind.max else "이 투표에서 고르지 않습니다."
            found.append(("type-limit", f"{josa(kind.label, '은/는')} {said}"))
    return found


def void_faults(poll: Poll, proposals: Proposals, choices: Sequence[str]) -> list[tuple[str, str]]:
    """Of a ballot that was cast: what makes it void. The count passes over a proposal withdrawn after it was picked."""
    return [fault for fault in choice_faults(poll, proposals, choices) if fault[0] != "withdrawn"]


@dataclass(frozen=True)
class Ballot:
    """One ballot that counts: the tracker only its voter knows, and the picks. `batch` names a paper batch."""

    __pydantic_config__ = EXACT
    tracker: Line
    choices: Many[Slug]
    batch: str = ""


@dataclass(frozen=True)
class Spoiled:
    """A void ballot: it was cast and stands on the board, but its content breaks the rules."""

    __pydantic_config__ = EXACT
    receipt: Line
    fault: Line  # a key of FAULTS, or paper.UNREADABLE
    batch: str = ""  # of a paper ballot: its batch; then the receipt is the sheet


@dataclass(frozen=True)
class Judged:
    """What came out of a box or a batch of sheets: valid ballots sorted by tracker, void ones by receipt, and none besides."""

    ballots: tuple[Ballot, ...]
    void: tuple[Spoiled, ...]
