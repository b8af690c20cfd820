"""What staff should look at over all pages, though nothing stops for it: an old banner, what is missing, early dates."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from civic.content.beside import LITTER
from civic.content.dates import YEAR
from civic.content.reading import SITE_FILE, Reading
from civic.errors import Mistake
from civic.links import link, page_of

LONGEST_BANNER = timedelta(days=31)


def advice(reading: Reading, now: datetime) -> tuple[Mistake, ...]:
    """What staff should look at, though nothing stops for it."""
    return (
        *(each for facts in reading.facts.values() for each in facts.odd),
        *unreachable(reading),
        *too_early(reading, now.date(), now.date() + YEAR),
        *odd_banner(reading, now),
        *unsaid_privacy(reading),
        *(Mistake(file, 0, "", LITTER) for file in reading.litter),
    )


def unreachable(reading: Reading) -> Iterator[Mistake]:
    """Offices that pages name for questions and that have no phone: staff are only told, a number may not be known yet."""
    used = {page.department for page in reading.documents if not getattr(page, "contacts", ())}
    for key, office in reading.site.departments.items() if reading.site else ():
        if not office.phone and key in used:
            said = "전화번호(phone)가 없어 궁금한 것을 물어볼 수 없습니다"
            yield reading.mistake(SITE_FILE, ("departments", key), said, office.name)


def unsaid_privacy(reading: Reading) -> Iterator[Mistake]:
    """A site that takes sign-ups without a privacy policy, or whose policy does not lead to what forms collect."""
    known = {page_of(file): each for file, each in reading.facts.items()}
    facts = known.get(("pages", "privacy"))
    if not any(page.spec and not page.draft for page in reading.documents):
        return
    if facts is None:
        said = "신청을 받으려면 개인정보 처리방침이 있어야 합니다. pages/privacy.md로 쓰세요"
        yield Mistake("pages", 0, "", said)
    elif link("collected") not in (facts.mentions or ()):
        said = (
            f"신청서마다 받는 항목을 모은 화면으로 이어 주세요. [받는 항목]({link('collected')})처럼 씁니다"
        )
        yield Mistake(facts.document.file if facts.document else "pages", 0, "", said)


def odd_banner(reading: Reading, now: datetime) -> Iterator[Mistake]:
    """An urgent notice that nobody sees any more, or that stands so long that nobody will read it."""
    banner = reading.site.banner if reading.site else None
    said = ""
    if banner and banner.until <= now:
        said = "끝난 긴급 알림입니다. 지우세요"
    elif banner and banner.until > now + LONGEST_BANNER:
        said = "긴급 알림이 한 달 넘게 보입니다. 끝나는 때를 살펴보세요"
    if banner and said:
        yield reading.mistake(SITE_FILE, ("banner", "until"), said, f"{banner.until:%Y-%m-%dT%H:%M:%S}")


def too_early(reading: Reading, after: date, until: date = date.max) -> Iterator[Mistake]:
    """Days of publication in this time to come. Soon may be meant; in a year or later is another year's number."""
    for page in reading.documents:
        is_in_time = page.published and after < page.published <= until
        if is_in_time and not page.draft and not page.publish_at:
            said = "올린 날이 오늘보다 뒤입니다. 그때부터 보이게 하려면 publish_at을 쓰세요"
            yield reading.mistake(page.file, ("published",), said, str(page.published))
