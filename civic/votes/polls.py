"""A poll that has begun keeps its rules: a change needs a dated correction that citizens can read. No files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from civic.content.pages import Document, Poll, Proposal
from civic.errors import Mistake
from civic.votes.ballot import rules_hash


def changed_rules(pages: Iterable[Document], now: datetime) -> list[Mistake]:
    """A mistake for each poll whose rules or proposals changed after it opened, without a correction.

    What counts are the rules under which the keys were last rehearsed. A poll without a rehearsal takes no
    ballots: it may change.
    """
    listed = list(pages)
    found = []
    for poll in listed:
        if not isinstance(poll, Poll) or poll.rehearsed is None or now < poll.opens:
            continue
        mine = [each for each in listed if isinstance(each, Proposal) and each.vote == poll.slug]
        current = rules_hash(poll, mine)
        if poll.rehearsed.rules not in (current, *(each.rules for each in poll.corrections)):
            found.append(
                Mistake(
                    poll.file,
                    0,
                    "rehearsed.rules",
                    "투표를 시작한 뒤에 규칙이나 제안이 바뀌었습니다. 고친 것을 되돌리거나, 바로잡은 기록을 적고 시험 개표를 "
                    "다시 하세요(docs/voting.md ‘규칙을 고쳐야 할 때’)",
                    current[:12] + "…",
                    f'글머리에 [[corrections]] / at = {now:%Y-%m-%dT%H:%M:%S} / text = "무엇을 왜 고쳤는지" / '
                    f'rules = "{poll.rehearsed.rules}", 그다음 python -m forms_api votes rehearse {poll.slug} '
                    "--half 열쇠파일 --half 열쇠파일",
                )
            )
    return found
