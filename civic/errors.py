"""Every named refusal a citizen can get (table in docs/api.md), and every mistake staff can make. No web, no store."""

import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FieldError:
    """One field that must be corrected: its name in the form and what to do, in Korean."""

    field: str
    message: str


class Refused(Exception):
    """The citizen's request was understood and declined. Use a leaf, never this class.

    A leaf goes by its own name, TooMany as "too-many"; the leaf of a leaf by that one's.
    """

    name, status, title = "refused", 400, "요청을 처리하지 못했습니다."
    said = ""  # the detail where none is given; "" for the title
    retry_after = 0  # seconds, sent as Retry-After; 0 sends none

    def __init_subclass__(cls, status: int = 0, title: str = "") -> None:
        if status:
            cls.name, cls.status = re.sub(r"\B(?=[A-Z])", "-", cls.__name__).lower(), status
        cls.title = title or cls.title

    def __init__(self, detail: str | None = None, errors: Iterable[FieldError] = ()) -> None:
        self.detail = detail or self.said or self.title
        self.errors = tuple(errors)
        super().__init__(self.detail)


class Invalid(Refused, status=422, title="적은 내용을 고쳐 주세요."):
    """Fields are missing or wrong; `errors` names each."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        found = tuple(errors)
        super().__init__(f"고칠 곳이 {len(found)}개 있습니다.", found)


class NotOpen(Refused, status=403, title="아직 접수를 시작하지 않았습니다."):
    """Asked before `opens`, or of what cannot be opened here now (`detail`)."""

    def __init__(self, opens: str = "", detail: str | None = None, at: datetime | None = None) -> None:
        self.at = at  # when it opens, where that is known
        super().__init__(f"접수는 {opens}에 시작합니다." if opens else detail)


class Closed(Refused, status=403, title="접수가 끝났습니다."):
    """Asked at or after `closes`, or after an early close."""

    def __init__(self, closes: str = "", why: str | None = None) -> None:
        super().__init__(why or (f"접수는 {closes}에 끝났습니다." if closes else None))


class Full(Refused, status=409, title="정원이 모두 찼습니다."):
    """No place and no waiting place is left."""

    def __init__(self, places: int, waiting: int = 0, together: int = 0) -> None:
        """together: how many came in one go of whom only some fit."""
        line = f"과 대기 {waiting}명" if waiting else ""
        few = f"{together}명이 모두 들어갈 자리가 없습니다. 인원을 줄여 다시 신청해 주세요."
        super().__init__(few if together else f"정원 {places}명{line}이 모두 찼습니다.")


class AlreadyApplied(Refused, status=409, title="이미 신청하셨습니다."):
    """This person has a live entry in the round. Says nothing of it: a phone number is not a key."""

    said = "같은 사람이 이미 신청했습니다. 접수번호와 휴대전화 번호 뒤 네 자리로 ‘내 신청 확인’에서 볼 수 있습니다."


class LimitReached(Refused, status=409, title="한 사람이 신청할 수 있는 한도를 넘었습니다."):
    """A cap across subjects is used up (courses per person, hours per person)."""


class NotEligible(Refused, status=403, title="이 요청은 받을 수 없습니다."):
    """The person does not meet a stated condition, or the entry's state does not allow the act."""


class WrongCode(Refused, status=403, title="번호가 맞지 않습니다."):
    """Number and last four digits, or a one-time code, do not match. Never says which part."""


class LateCode(WrongCode, title="인증번호의 시간이 지났습니다."):
    """The right one-time code, after its time."""


class UsedCode(WrongCode, title="이미 쓴 인증번호입니다."):
    """The right one-time code, after it let a ballot in."""


class ContactUnproven(Refused, status=403, title="휴대전화를 먼저 인증해 주세요."):
    """What is scarce or given up here asks for a proof of the phone, and there is none, or it is too old."""


class ForbiddenOrigin(Refused, status=403, title="이 누리집의 화면에서 보낸 요청이 아닙니다."):
    """A write that did not come from one of our own pages."""


class NotFound(Refused, status=404, title="찾는 것이 없습니다."):
    """No such form, round, entry or page."""


class TooLarge(Refused, status=413, title="보낸 내용이 너무 큽니다. 64kB까지 보낼 수 있습니다."):
    """The body is over 64 kB."""


class UnsupportedType(Refused, status=415, title="JSON이나 폼으로만 보낼 수 있습니다."):
    """Neither JSON nor a form post."""


class TooMany(Refused, status=429, title="너무 자주 보냈습니다. 잠시 뒤에 다시 해 주세요."):
    """A rate limit."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        when = f"늦어도 {-(-retry_after // 60)}분 뒤에는 다시 할 수 있습니다."
        super().__init__(f"너무 자주 보냈거나 여러 번 틀렸습니다. {when}")


class OutOfTexts(Refused, status=429, title="지금은 인증번호를 더 보낼 수 없습니다."):
    """All messages with codes that staff allow for now are spent. Whoever has a code may still use it."""

    said = "인증번호를 너무 많이 보내 잠시 멈추었습니다. 나중에 다시 하거나 담당 부서에 문의해 주세요."

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__()


class Unavailable(Refused, status=503, title="지금은 접수할 수 없습니다. 잠시 뒤에 다시 해 주세요."):
    """The store cannot answer now; nothing was kept."""

    def __init__(self, detail: str | None = None, retry_after: int = 5) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake in what staff wrote: `lectures/pottery.md:7: places: 0보다 커야 합니다 (found 0)`."""

    file: str  # relative to the content folder
    line: int  # 1 is the first; 0 when the whole file is meant
    field: str  # dotted, as in the front matter; "" when none
    message: str  # Korean, says what to do
    found: str = ""  # what stands there now
    hint: str = ""  # e.g. the nearest known key

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = ": ".join(filter(None, (place, self.field, self.message)))
        if self.found:
            text += f" (found {self.found})"
        return f"{text} → {self.hint}" if self.hint else text


class ContentMistakes(Exception):
    """Everything wrong with the content, sorted by file and line; never empty."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class Unusable(Exception):
    """What staff gave to a command cannot be used; `lines` says each reason in Korean. Nothing was changed."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class InUse(Exception):
    """Another process holds the data folder (exit code 3)."""


_TROUBLES = {
    errno.ENOSPC: "디스크가 가득 찼습니다",
    errno.EDQUOT: "쓸 수 있는 자리를 다 썼습니다",
    errno.EACCES: "권한이 없습니다",
    errno.EPERM: "권한이 없습니다",
    errno.EROFS: "읽기 전용입니다",
    errno.ENOENT: "없습니다",
    errno.ENOTDIR: "폴더가 아닙니다",
    errno.EISDIR: "파일이 아니라 폴더입니다",
    errno.EEXIST: "이미 있습니다",
    errno.ENOTEMPTY: "폴더가 비어 있지 않습니다",
    errno.EFBIG: "파일이 너무 큽니다",
    errno.EMFILE: "열린 파일이 너무 많습니다",
    errno.ENFILE: "열린 파일이 너무 많습니다",
    errno.EIO: "디스크에서 읽거나 쓰지 못했습니다",
    errno.ESTALE: "연결된 폴더가 끊겼습니다",
    errno.ELOOP: "링크가 돌고 돕니다",
    errno.ENAMETOOLONG: "이름이 너무 깁니다",
    errno.EADDRNOTAVAIL: "이 컴퓨터의 주소가 아닙니다",
}


def why(wrong: OSError) -> str:
    """What the operating system refused, in Korean where we know it."""
    return _TROUBLES.get(wrong.errno or 0) or wrong.strerror or str(wrong)


def trouble(wrong: OSError, place: object) -> str:
    """What the operating system refused: the whole path, and why in Korean. place: where the error itself names no file."""
    return f"{wrong.filename if isinstance(wrong.filename, str) else place}: {why(wrong)}"


class Misuse(Exception):
    """The command or its settings are wrong (exit code 2)."""
