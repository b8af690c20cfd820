"""What staff write in content/: every page kind and the site's own settings. No files, no clock.

The descriptions are the staff's reference: docs/content-guide.md is checked against them.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol

from pydantic import Field

from civic import korean
from civic.clock import SEOUL
from civic.content.attached import Attached
from civic.content.form import COMPANIONS, RESIDENT, FormSpec
from civic.content.particulars import AFee, AnAudience, AVenue, ChangeNote, Contact, Fact, Fee, Titled
from civic.content.sessions import Repeat, Session
from civic.links import FOLDERS, link
from civic.shape import Clash, Line, Many, SeoulTime, Shape, Slug, Text, first_name
from civic.text import nfc

FILLED = ("slug", "body", "file", "files")  # keys of a page that the library fills in, not staff
FormStates = Callable[[FormSpec], str]  # "open", "upcoming", "full" or "closed" at some time


class Document(Shape):
    """What every page has, what the library fills in included."""

    noun: ClassVar[str] = "page"
    list_title: ClassVar[str] = ""  # what the list of the kind is called where the menu does not say

    title: Line = Field(description="제목")
    summary: Text = Field("", description="목록과 제목 아래에 보이는 한두 문장")
    published: date | None = Field(None, description="올린 날")
    updated: date | None = Field(None, description="고친 날")
    publish_at: SeoulTime | None = Field(None, description="이때부터 누리집에 보입니다.")
    expire_at: SeoulTime | None = Field(None, description="이때부터 누리집에서 내립니다.")
    draft: bool = Field(False, description="쓰는 중인 글. 누리집에 나오지 않습니다.")
    sample: bool = Field(False, description="지어낸 예시 데이터. 화면에 ‘예시 데이터’ 표시가 붙습니다.")
    department: str = Field("", description="담당 부서의 키(site.toml). 비우면 대표 문의 부서로 보입니다.")
    category: str = Field("", description="분야의 키(site.toml)")
    facts: Many[Fact] = Field((), description="‘한눈에 보기’에 더할 줄")
    poster: str = Field("", description="포스터. 글의 폴더에 있는 그림 파일의 이름")
    poster_alt: Text = Field("", description="포스터에 무엇이 있는지 글로")
    attachments: Many[Titled] = Field(
        (), description="첨부 파일의 보이는 이름. 적지 않으면 파일 이름으로 보입니다."
    )
    aliases: Many[Slug] = Field(
        (),
        description="이 글의 옛 파일 이름(.md 없이). 처음 이름부터 차례로 모두 씁니다. 받은 신청이 이어집니다.",
    )

    slug: Slug = Field(description="주소가 되는 파일 이름")
    body: str = Field("", description="글(Markdown)")
    file: str = Field(description="content/ 안의 파일 자리")
    files: tuple[Attached, ...] = Field((), description="글의 폴더에 함께 있는 파일")

    @property
    def folder(self) -> str:
        return FOLDERS[self.noun]

    @property
    def link(self) -> str:
        return link(self.noun, self.slug)

    @cached_property
    def subject(self) -> str:
        """The name under which sign-ups are kept: "lectures/essay"; of a page that was renamed, its first one."""
        return f"{self.folder}/{first_name(self.slug, self.aliases)}"

    @property
    def last_change(self) -> datetime | None:
        """When the page was last changed, as far as staff say; None when they do not."""
        day = self.updated or self.published
        return datetime.combine(day, time(), tzinfo=SEOUL) if day else self.publish_at

    @property
    def documents(self) -> list[tuple[str, Attached]]:
        """(title, file) of every document beside the page: those with a title first, as staff ordered them."""
        named = {file.name: file for file in self.files if not file.is_picture}
        titled = [
            (each.title, named.pop(nfc(each.file))) for each in self.attachments if nfc(each.file) in named
        ]
        return [*titled, *((file.name, file) for file in named.values())]

    def picture(self, name: str) -> Attached | None:
        """The picture of that name beside the page, or None."""
        return next((file for file in self.files if file.is_picture and file.name == nfc(name)), None)

    @property
    def off(self) -> str:
        """ "취소" or "연기" of what was called off or put off and takes no sign-ups; "" of anything else."""
        return ""

    @property
    def spec(self) -> FormSpec | None:
        """The page's sign-up form, or None."""
        return getattr(self, "form", None)

    @property
    def is_internal(self) -> bool:
        """Is it for the district's own staff alone?"""
        return False

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """When what it tells of begins and is over; None while no date is set."""
        return None

    @property
    def kept_until(self) -> datetime | None:
        """When the answers of its sign-ups are erased: `consent.keep_days` after everything is over; None without form.

        Everything: the last round's end or closing, the lecture's last meeting, the event's end.
        """
        return self._over(self.spec) + timedelta(days=self.spec.consent.keep_days) if self.spec else None

    @property
    def needed_until(self) -> datetime | None:
        """Until when people who signed up need the page: the end of what they come to; as `kept_until` where it is not said."""
        spec = self.spec
        if spec is None or not (self.span or any(each.ends for each in spec.rounds)):
            return self.kept_until
        return self._over(spec)

    def _over(self, spec: FormSpec) -> datetime:
        return max(spec.last_end, self.span[1]) if self.span else spec.last_end

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """Where it stands in the list of its kind: what a reader looks for first comes first. Never by words of the page.

        state_of: the state of a form at that time. Equal ones stand in the order of their file names.
        """
        return ()

    def clashes(self) -> Iterator[Clash]:
        is_before = self.published and self.updated and self.updated < self.published
        yield is_before, "updated는 published보다 앞설 수 없습니다"
        is_before = self.publish_at and self.expire_at and self.expire_at <= self.publish_at
        yield is_before, "expire_at은 publish_at보다 뒤여야 합니다"
        yield self.aliases and self.spec is None, "aliases는 신청서(form)가 있는 글에만 씁니다"


class Pages(Protocol):
    """The pages that are to be seen now, as the writing side asks for them; see `civic.library.Library`."""

    def get(self, folder: str, slug: str) -> Document | None: ...

    def of(self, noun: str) -> tuple[Document, ...]: ...

    def subjects(self) -> tuple[Document, ...]: ...

    def takers(self) -> tuple[Document, ...]: ...


class Page(Document):
    """A plain page at the root: /privacy/, /accessibility/, /about/."""

    noun = "page"


class Notice(Document):
    """What lives on after its publication: it may be moved, postponed or called off. Programmes, lectures, events."""

    status: Literal["planned", "postponed", "cancelled"] = Field(
        "planned",
        description="postponed는 연기, cancelled는 취소. 신청을 더 받지 않고, 글과 목록, 달력에 그렇게 보입니다.",
    )
    status_reason: Text = Field("", description="연기하거나 취소한 까닭")
    changes: Many[ChangeNote] = Field((), description="읽는 사람이 알아야 할 바뀐 점")
    pinned: bool = Field(False, description="목록의 맨 앞에 둘지")
    where: AVenue | None = Field(None, description="장소. 이름만 글로 쓰거나, 표로 씁니다.")
    audience: AnAudience | None = Field(None, description="누구에게. 글로 쓰거나, 표로 씁니다.")
    fee: AFee | None = Field(None, description="비용. 돈(원)만 수로 쓰거나, 표로 씁니다. 0이면 무료")
    contacts: Many[Contact] = Field((), description="문의할 곳. 비우면 담당 부서. 접수증에는 첫째")
    sessions: Many[Session] = Field((), description="만나는 날과 내용")
    repeats: Many[Repeat] = Field((), description="매주 같은 요일에 만날 때. sessions와 함께 써도 됩니다.")
    form: FormSpec | None = Field(None, description="신청서")

    @property
    def off(self) -> str:
        return korean.OFF.get(self.status, "")

    @property
    def spec(self) -> FormSpec | None:
        residents = self.audience is not None and self.audience.residents
        more = [RESIDENT] * residents + [COMPANIONS] * bool(self.form and self.form.party_names)
        return self.form.asking(*more) if self.form and more else self.form

    @property
    def is_internal(self) -> bool:
        return self.audience is not None and self.audience.internal

    @cached_property
    def meets(self) -> tuple[Session, ...]:
        """Every session, those of repeats too, in order."""
        repeated = (session for each in self.repeats for session in each.sessions)
        return tuple(sorted((*self.sessions, *repeated), key=lambda each: each.starts))

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        return (self.meets[0].starts, max(each.ends for each in self.meets)) if self.meets else None

    @property
    def last_change(self) -> datetime | None:
        told = [datetime.combine(each.date, time(), tzinfo=SEOUL) for each in self.changes]
        return max(filter(None, [super().last_change, *told]), default=None)

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        is_unsaid = self.off and not self.status_reason.strip()
        yield is_unsaid, "연기하거나 취소한 글에는 status_reason에 까닭을 적어야 합니다"
        days = [each.date for each in self.changes]
        yield days != sorted(days), "changes는 오래된 것부터 적습니다"
        is_unasked = self.form and self.form.person == "phone" and self.audience and self.audience.ages
        said = "생년월일을 묻지 않아 나이를 확인할 수 없습니다. phone+birth_date나 participant로 쓰세요"
        yield is_unasked, said, "form", "person"


class Programme(Notice):
    """A notice of what the district does (공고): content/programs/."""

    noun = "programme"
    list_title = "소식·공고"

    kind: Literal["program", "notice"] = Field("program", description="program은 사업 안내, notice는 알림")

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """Newest first."""
        return not self.pinned, -(self.published or date.min).toordinal()


class Lecture(Notice):
    """A course (강좌): content/lectures/."""

    noun = "lecture"
    list_title = "강좌"

    series: str = Field("", description="묶음 강좌의 키(site.toml의 series)")
    where: AVenue = Field(description="장소. 이름만 글로 쓰거나, 표로 씁니다.")
    audience: AnAudience = Field(description="누구에게. 글로 쓰거나, 표로 씁니다.")
    teacher: str = Field("", max_length=100, description="가르치는 사람")
    fee: AFee = Field(Fee(amount=0), description="수강료. 다른 글의 fee와 같고, 쓰지 않으면 무료로 보입니다.")
    when: str = Field("", max_length=200, description="때를 글로. sessions가 없을 때만 보입니다.")

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """Open, coming, without form, closed; then by date."""
        starts = self.span[0] if self.span else self.form.closes if self.form else now
        rank = {"open": 0, "upcoming": 1, "closed": 3}.get(state_of(self.form), 0) if self.form else 2
        return not self.pinned, rank, starts


class Event(Notice):
    """Something on one date and place (행사): content/events/."""

    noun = "event"
    list_title = "행사"

    starts: SeoulTime | None = Field(None, description="시작하는 때. 여러 날이면 대신 sessions")
    ends: SeoulTime | None = Field(None, description="끝나는 때")
    where: AVenue = Field(description="장소. 이름만 글로 쓰거나, 표로 씁니다.")
    host: str = Field("", max_length=200, description="함께 여는 곳")

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        return (self.starts, self.ends) if self.starts and self.ends else super().span

    def place(self, now: datetime, state_of: FormStates) -> tuple[Any, ...]:
        """The next first, then the past ones, latest first."""
        return (not self.pinned, *next_first(*(self.span or (now, now)), now))

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        is_odd = bool(self.starts) != bool(self.ends) or bool(self.starts) == bool(self.meets)
        yield is_odd, "starts와 ends를 함께 쓰거나, 그 대신 sessions나 repeats를 쓰세요"
        yield self.starts and self.ends and self.ends <= self.starts, "ends는 starts보다 뒤여야 합니다"


def next_first(starts: datetime, ends: datetime, now: datetime) -> tuple[Any, ...]:
    """The place in a list of what is still to come, soonest first, and then what is over, latest first."""
    return (0, starts.timestamp()) if ends > now else (1, -starts.timestamp())
