"""The slot of one ballot box: what is needed to seal for it, and the measures of its envelopes. No cryptography.

The format is written down in docs/voting.md; civic/votes/envelope.py seals and opens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from civic.codes import to_text

POLL_TAG = 16  # bytes of SHA-256(poll id)
POINT = 65  # an uncompressed P-256 point
HEADER = 1 + POLL_TAG + 32  # version, poll tag, rules hash
GCM_TAG = 16
STEP = 512  # the padded content is a multiple of this
LONGEST_SLUG = 80

FAULTS = {
    "format": "투표용지의 형식이 맞지 않습니다.",
    "size": "투표용지의 크기가 맞지 않습니다.",
    "other-poll": "다른 투표의 투표용지입니다.",
    "other-rules": "투표의 규칙이 바뀌었습니다. 화면을 새로 고친 뒤 다시 골라 주세요.",
    "copied": "이미 낸 봉투와 같거나 같은 열쇠로 봉한 봉투입니다.",
    "altered": "봉투를 열 수 없습니다. 내용이 바뀌었거나 다른 열쇠로 봉했습니다.",
    "content": "봉투 안에 투표용지가 아닌 것이 들어 있습니다.",
    "unknown": "이 투표에 없는 제안을 골랐습니다.",
    "withdrawn": "철회된 제안을 골랐습니다.",
    "twice": "같은 제안을 두 번 골랐습니다.",
    "type-limit": "한 유형에서 고를 수 있는 수를 넘었습니다.",
    "limit": "고를 수 있는 수를 넘었습니다.",
    "blank": "아무것도 고르지 않았습니다.",
    "unlisted": "접수증 명단에 없는 봉투입니다.",
    "missing": "접수증 명단에 있는 봉투가 없습니다.",
}


@dataclass(frozen=True)
class Slot:
    """The slot of one ballot box: all that is needed to seal for it. Public; the page carries the same.

    keys: the holders' public keys in the order of the front matter, uncompressed P-256 points; an envelope opens
    only with the private halves of all of them. earlier: rules hashes before a published correction, accepted when
    the box is opened, not when a ballot is cast.
    """

    poll: str
    rules: str
    keys: tuple[bytes, ...]
    room: int
    earlier: tuple[str, ...] = field(default=())

    @property
    def length(self) -> int:
        """Bytes of every envelope of this poll."""
        return HEADER + POINT + self.room + GCM_TAG

    @property
    def key_texts(self) -> tuple[str, ...]:
        """The public keys as pages and the API carry them."""
        return tuple(to_text(key) for key in self.keys)


def room(max_picks: int) -> int:
    """Bytes of the padded content: the same for every ballot of a poll, whatever was chosen."""
    longest = 2 + len('{"choices":[],"tracker":""}') + 19 + max_picks * (LONGEST_SLUG + 3)
    return -(-longest // STEP) * STEP
