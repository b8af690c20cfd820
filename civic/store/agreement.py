"""Do entries, counters, journal and keys of a store tell the same story? Pure: no file, no connection."""

from collections import Counter
from collections.abc import Iterable, Iterator

from civic.store.chain import STAFF
from civic.store.contents import Contents, counted
from civic.store.entry import LIVE, Change, Entry

RECOUNT = "‘python -m forms_api doctor --save 새폴더’로 저장하면 신청에서 다시 셉니다."
MOST = 20  # findings of one kind that are named one by one


def agreement(contents: Contents, lost: list[str]) -> list[str]:
    """Sentences on what does not fit together; empty when all does. Adds to `lost` what only the journal knows of."""
    entries = [entry for entry, _ in contents.entries]
    journal = [change for change in contents.journal if change.number not in ("", STAFF)]
    missing = [number for number in _without_entry(entries, journal) if number not in lost]
    lost += missing
    kinds: tuple[Iterable[str], ...] = (
        (f"{number}: 기록에는 있는데 신청이 없습니다. 백업에서 이 신청을 확인하세요." for number in missing),
        _twice(entries),
        _against_journal(entries, journal),
        _counters(contents),
        _facts(contents),
        _keys(contents),
    )
    return [sentence for kind in kinds for sentence in shortened(kind)]


def shortened(kind: Iterable[str]) -> list[str]:
    """The first sentences of a kind, and how many more there are."""
    sentences = list(kind)
    more = len(sentences) - MOST
    return [*sentences[:MOST], *([f"위와 같은 문제가 {more}개 더 있습니다."] if more > 0 else [])]


def _without_entry(entries: list[Entry], journal: list[Change]) -> list[str]:
    there = {entry.number for entry in entries}
    return sorted({change.number for change in journal} - there)


def _twice(entries: list[Entry]) -> Iterator[str]:
    for what, names in (
        ("접수번호", Counter(entry.number for entry in entries)),
        ("제출 번호", Counter(entry.submission for entry in entries)),
    ):
        for name, times in names.items():
            if times > 1:
                yield f"{what} {name}: 신청 {times}건이 함께 쓰고 있습니다. 백업과 견주어 하나를 고르세요."
    people: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        if entry.state in LIVE:
            people.setdefault((entry.subject, entry.round, entry.person), []).append(entry.number)
    for (subject, round, _), numbers in people.items():
        if len(numbers) > 1:
            yield f"{subject} {round}: 한 사람의 신청이 둘입니다({', '.join(sorted(numbers))}). 하나를 취소하세요."


def _against_journal(entries: list[Entry], journal: list[Change]) -> Iterator[str]:
    latest: dict[str, Change] = {}
    for change in journal:
        previous = latest.get(change.number)
        if change.before != (previous.after if previous else ""):
            yield f"{change.number}: 기록이 이어지지 않습니다(‘{change.before}’ 앞이 빠짐). 백업에서 이 신청을 확인하세요."
        latest[change.number] = change
    for entry in entries:
        line = latest.get(entry.number)
        if line is None:
            yield f"{entry.number}: 신청은 있는데 기록이 없습니다. 백업에서 이 신청을 확인하세요."
        elif (line.after, line.subject) != (entry.state, entry.subject):
            yield (
                f"{entry.number}: 신청의 상태({entry.state})와 마지막 기록({line.after})이 다릅니다. "
                "백업에서 이 신청을 확인하세요."
            )


def _counters(contents: Contents) -> Iterator[str]:
    counters, used = counted(contents.entries)
    nobody = (0,) * 5
    for key in sorted(contents.counters.keys() | counters.keys()):
        kept, right = contents.counters.get(key, nobody), counters.get(key, nobody)
        if kept[:-1] != right[:-1] or kept[-1] < right[-1]:
            yield (
                f"{key[0]} {key[1]}: 적어 둔 인원(확정 {kept[0]}, 대기 {kept[1]}, 접수 {kept[2]}, 마지막 순번 {kept[4]})이 "
                f"신청(확정 {right[0]}, 대기 {right[1]}, 접수 {right[2]}, 마지막 순번 {right[4]})과 다릅니다. {RECOUNT}"
            )
    for cap, person in sorted(contents.used.keys() | used.keys()):
        kept_use, right_use = contents.used.get((cap, person), 0), used.get((cap, person), 0)
        if kept_use != right_use:
            yield f"한도 {cap}: 한 사람이 쓴 양({kept_use})이 신청({right_use})과 다릅니다. {RECOUNT}"


def _facts(contents: Contents) -> Iterator[str]:
    """What is fixed stands in the journal too."""
    noted = {(c.subject, c.before, c.after, c.cause) for c in contents.journal if not c.number}
    for fact in sorted(set(contents.facts) ^ noted):
        yield f"{fact[0]} {fact[1]}: 정해진 것({fact[2]})이 기록과 다릅니다. 백업과 견주어 확인하세요."


def without_key(contents: Contents) -> list[str]:
    """Subjects with sealed entries of whose data key nothing is known, not even that it was destroyed; sorted."""
    known = {subject for subject, *_ in contents.keys}
    return sorted({entry.subject for entry, _ in contents.entries if entry.sealed} - known)


def _keys(contents: Contents) -> Iterator[str]:
    for subject in without_key(contents):
        yield f"{subject}: 봉인된 신청의 감싼 열쇠가 없습니다. 백업에서 keys.sqlite3을 되살리세요."
