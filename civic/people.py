"""Who is it? Name, phone, e-mail and birth date as people type them, and the keyed hashes that stand for a person.

Every reading function takes the typed text and returns it in one spelling, or raises ValueError with a Korean
sentence that says what to do. No store, no clock, no web.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from civic.errors import NotEligible
from civic.korean import josa
from civic.text import clean, has_resident_number, length, read_day

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hmac import HMAC

LONGEST_NAME = 50  # characters; names of foreign residents are long
OLDEST = date(1900, 1, 1)
OF_AGE_ALONE = 14  # from then on one may consent to what is kept of oneself: 개인정보 보호법 22조의2
PHONE_MESSAGE = "휴대전화 번호를 010-1234-5678처럼 적어 주세요."
FOREIGN_MESSAGE = "외국 번호는 나라 번호부터 +1 201 555 0123처럼 적어 주세요."
_PHONE_SIGNS = re.compile(r"\+?[\d\s()./\-‐-―−~]{7,30}")
_MAIL = re.compile(r"[^\s@]@[^\s@]+\.\w")
_BETWEEN = re.compile(r"[\s.\-]+")
_BLANKS = re.compile(r"\s+")
_ABROAD = re.compile(r"^00(?=[\s.\-]*[1-9])")
# All of these are valid; of 0105 some are not given out.
_PLAIN_MOBILE = re.compile(r"010[0-46-9]\d{7}", re.ASCII)
# The libraries for phones and mail are loaded where they are needed: a build rarely needs them, and they take a while.


def read_name(text: str) -> str:
    """A name on one line, without outer or double spaces."""
    text = clean(unicodedata.normalize("NFKC", text))
    if not text:
        raise ValueError("이름을 적어 주세요.")
    if length(text) > LONGEST_NAME or "\n" in text:
        raise ValueError(f"이름을 {LONGEST_NAME}자 안으로, 한 줄로 적어 주세요.")
    if not any(c.isalpha() for c in text):
        raise ValueError("이름을 홍길동처럼 글자로 적어 주세요.")
    return _BLANKS.sub(" ", text)


def normalise_phone(text: str, landlines: bool = False) -> str:
    """A mobile number in E.164: "010 1234 5678" -> "+821012345678"; with `landlines` any number that one can ring.

    Korean numbers in any usual spelling, full-width digits too; others only with + (or 00) and the country's number.
    """
    bare = _BETWEEN.sub("", text)
    if _PLAIN_MOBILE.fullmatch(bare):  # what nearly everybody types; the library takes ten times as long
        return f"+82{bare[1:]}"
    text = _plain_signs(clean(text))
    message = FOREIGN_MESSAGE if text.startswith("+") and not text.startswith("+82") else PHONE_MESSAGE
    if not _PHONE_SIGNS.fullmatch(text):  # the library would read letters as keys of a telephone
        raise ValueError(message)
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "KR")
    except phonenumbers.NumberParseException:
        raise ValueError(message) from None
    korean = number.country_code == 82
    if not korean and not text.startswith("+"):
        raise ValueError(PHONE_MESSAGE)
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    is_wanted = landlines or phonenumbers.number_type(number) in kinds
    if not phonenumbers.is_valid_number(number) or not is_wanted:
        raise ValueError(message)
    phone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if phone.startswith("+8210") and len(phone) != len("+821012345678"):
        raise ValueError(PHONE_MESSAGE)  # the library also knows the 7-digit 010 numbers of before 2004
    return phone


def is_mobile(phone: str) -> bool:
    """Does a number (E.164) take text messages?"""
    try:
        return bool(normalise_phone(phone))
    except ValueError:
        return False


def is_international(text: str) -> bool:
    """Is it a mobile number with + (or 00) and the country's number? Thirteen digits of it may begin like a birth date."""
    return _plain_signs(clean(text)).startswith("+") and is_mobile(text)


def _plain_signs(text: str) -> str:
    """Full-width digits made plain, hyphens as people type them, 00 as +, without the marks that copying brings along."""
    return _ABROAD.sub("+", _plain_hyphens(text))


def _plain_hyphens(text: str) -> str:
    if text.isascii():
        return text.replace("_", "-")
    # The letter ㅡ before NFKC, which would make another letter of it. Marks of direction (U+202A …) and zero-width
    # spaces come with numbers copied from address books and chats.
    text = unicodedata.normalize("NFKC", text.replace("ㅡ", "-").replace("_", "-"))
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def show_phone(phone: str) -> str:
    """An E.164 number as Koreans write it: "+821012345678" -> "010-1234-5678"; others stay as they are."""
    import phonenumbers

    number, forms = phonenumbers.parse(phone, None), phonenumbers.PhoneNumberFormat
    form = forms.NATIONAL if number.country_code == 82 else forms.INTERNATIONAL
    return phonenumbers.format_number(number, form)


def last_four(text: str) -> str:
    """The last four digits of what was typed (four digits, or a whole number); "" when there are fewer."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", text) if c in "0123456789")
    return digits[-4:] if len(digits) >= 4 else ""


def read_email(text: str) -> str:
    """An e-mail address that could exist, in one spelling; nobody is asked whether it does."""
    from email_validator import EmailNotValidError, validate_email

    text = clean(unicodedata.normalize("NFKC", text))
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError("이메일 주소를 name@example.kr처럼 적어 주세요.") from None


def personal_data_in(text: str) -> str:
    """What in a text that is to be published could reach or name a person, in Korean; "" when nothing does.

    Phone numbers of any kind in any usual spelling, mail addresses, resident registration numbers. Names are not seen.
    """
    if has_resident_number(text):
        return "주민등록번호"
    plain = _plain_hyphens(text)
    if _MAIL.search(plain):
        return "이메일 주소"
    import phonenumbers

    return "전화번호" if phonenumbers.PhoneNumberMatcher(plain, "KR").has_next() else ""


def check_public(name: str, text: str) -> None:
    """May a text of staff be published? name: what it is. Raises NotEligible where `personal_data_in` finds something."""
    if found := personal_data_in(text):
        raise NotEligible(f"{name}: {josa(found, '이/가')} 들어 있어 쓰지 않았습니다. 지우고 다시 적으세요.")


def read_birth_date(text: str, today: date) -> str:
    """A birth date in ISO form: "1990. 1. 31." or "19900131" -> "1990-01-31"; from 1900 until today."""
    try:
        born = read_day(text)
    except ValueError as wrong:
        said = str(wrong) if "요일" in str(wrong) else "생년월일을 1990-01-31처럼 적어 주세요."
        raise ValueError(said) from None
    if born > today:
        raise ValueError("생년월일이 오늘보다 뒤입니다. 1990-01-31처럼 태어난 날을 적어 주세요.")
    if born < OLDEST:
        raise ValueError("생년월일의 해를 확인해 주세요. 1990-01-31처럼 네 자리로 적습니다.")
    return born.isoformat()


def age(born: date, day: date) -> int:
    """Full years on that day (만 나이)."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def person_key(secret: bytes, phone: str, birth_date: str = "") -> str:
    """The same for the same person on every form that asks the same: HMAC-SHA-256, hex.

    phone: E.164; birth_date: ISO, "" where the form does not ask for it. Without the secret, all 010 numbers
    could be tried in minutes: the secret is not kept beside the data.
    """
    return keyed_hash(secret, "person", phone, birth_date)


def pin(secret: bytes, number: str, last4: str) -> str:
    """What must match to see an entry: HMAC-SHA-256 of receipt number and the phone's last four digits."""
    return keyed_hash(secret, "pin", number, last4)


def keyed_hash(secret: bytes, *parts: str) -> str:
    """HMAC-SHA-256 of parts that hold no unit separator, which keeps ("1", "23") and ("12", "3") apart; hex."""
    mac = keyed(secret).copy()
    mac.update("\x1f".join(parts).encode())
    return mac.finalize().hex()


@cache
def keyed(secret: bytes) -> HMAC:
    """HMAC-SHA-256, to be copied: to begin anew lets go of the interpreter lock, and among busy threads waits for it."""
    from cryptography.hazmat.primitives import hashes, hmac

    return hmac.HMAC(secret, hashes.SHA256())
