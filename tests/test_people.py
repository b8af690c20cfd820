"""Name, phone, e-mail and birth date as people type them; the hashes that stand for a person."""

from datetime import date

import pytest

from civic import people

TODAY = date(2023, 8, 16)


@pytest.mark.parametrize(
    "typed",
    [
        "01012345678",
        "010-1234-5678",
        "010 1234 5678",
        "010.1234.5678",
        " (010) 1234-5678 ",
        "+82 10-1234-5678",
        "+82 (0)10-1234-5678",
        "+82 010-1234-5678",
        "82-10-1234-5678",
        "82-010-1234-5678",
        "+82-010-1234-5678",
        "0082 10-1234-5678",
        "0082-010-1234-5678",
        "０１０－１２３４－５６７８",
        "010–1234–5678",
        "010ㅡ1234ㅡ5678",
        "010_1234_5678",
        "\u202a010-1234-5678\u202c",  # as address books and chats hand it over
        "\u200b01012345678",
    ],
)
def test_every_usual_spelling_is_one_number(typed: str) -> None:
    """However it is typed, it is the same person."""
    assert people.normalise_phone(typed) == "+821012345678"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+1 201 555 0123", "+12015550123"),
        ("+84 91 234 56 78", "+84912345678"),
        ("0084 91 234 56 78", "+84912345678"),
        ("+880 1312-345678", "+8801312345678"),
        ("008801312345678", "+8801312345678"),
        ("011-234-5678", "+82112345678"),
    ],
)
def test_other_mobile_numbers_are_taken(typed: str, number: str) -> None:
    """Foreign numbers in + form, and old Korean ones."""
    assert people.normalise_phone(typed) == number


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "전화 없음",
        "123",
        "010-1234-567",
        "010-1234-56789",
        "010-12B4-5678",
        "02-123-4567",
        "062-960-8114",
        "1588-1234",
        "1 201 555 0123",
        "010-1234-5678, 010-9999-9999",
        "010-1234-5678 ext 3",
        "0" * 500,
    ],
)
def test_what_is_no_mobile_number_is_refused_with_an_example(typed: str) -> None:
    """A missing digit, a landline, two numbers, letters: the message shows how to write it."""
    with pytest.raises(ValueError, match="010-1234-5678처럼"):
        people.normalise_phone(typed)


def test_a_wrong_foreign_number_gets_a_foreign_example() -> None:
    """+ and a number that does not exist in that country."""
    with pytest.raises(ValueError, match=r"\+1 201"):
        people.normalise_phone("+1 555")
    with pytest.raises(ValueError, match=r"\+1 201"):
        people.normalise_phone("+999 123456789")


def test_numbers_are_shown_as_koreans_write_them() -> None:
    """For staff lists."""
    assert people.show_phone("+821012345678") == "010-1234-5678"
    assert people.show_phone("+12015550123") == "+1 201-555-0123"


@pytest.mark.parametrize(
    ("typed", "digits"),
    [("5678", "5678"), ("５６７８", "5678"), ("010-1234-5678", "5678"), ("567", ""), ("", ""), ("٥٦٧٨", "")],
)
def test_last_four_digits(typed: str, digits: str) -> None:
    """Four digits, or a whole number by mistake; fewer never match anything."""
    assert people.last_four(typed) == digits


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" 홍길동 ", "홍길동"),
        ("\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "홍길동"),
        ("Nguyễn  Thị Minh", "Nguyễn Thị Minh"),
        ("O'Neill-Kim", "O'Neill-Kim"),
    ],
)
def test_names_are_read(typed: str, name: str) -> None:
    """Composed, on one line, without double spaces; names of any script."""
    assert people.read_name(typed) == name


@pytest.mark.parametrize("typed", ["", "   ", "123", "가" * 51, "홍길동\n김철수", "..."])
def test_what_is_no_name_is_refused(typed: str) -> None:
    """Empty, only digits, too long, two lines."""
    with pytest.raises(ValueError, match="이름을"):
        people.read_name(typed)


def test_emails_are_read() -> None:
    """In one spelling, without asking any server; nonsense is refused with an example."""
    assert people.read_email(" kim@GWANGSAN.example.kr ") == "kim@gwangsan.example.kr"
    assert people.read_email("ｋｉｍ@naver.com") == "kim@naver.com"
    for typed in ("", "kim", "kim@", "kim@naver", "a b@naver.com", "kim@naver.com\nbcc: x@naver.com"):
        with pytest.raises(ValueError, match=r"name@example\.kr처럼"):
            people.read_email(typed)


@pytest.mark.parametrize(
    "typed", ["1990-01-31", "1990.1.31", "1990. 1. 31.", "19900131", "1990년 1월 31일", "1990/01/31"]
)
def test_birth_dates_are_read(typed: str) -> None:
    """As Koreans write them; a new-born may be signed up."""
    assert people.read_birth_date("2023-08-16", TODAY) == "2023-08-16"
    assert people.read_birth_date(typed, TODAY) == "1990-01-31"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "1990-01-31처럼"),
        ("900131", "1990-01-31처럼"),
        ("1990-02-30", "1990-01-31처럼"),
        ("어제", "1990-01-31처럼"),
        ("2023-08-17", "오늘보다 뒤"),
        ("1899-12-31", "해를 확인"),
    ],
)
def test_impossible_birth_dates_are_refused(typed: str, message: str) -> None:
    """Not a date, in the future, before 1900."""
    with pytest.raises(ValueError, match=message):
        people.read_birth_date(typed, TODAY)


def test_a_person_is_a_keyed_hash() -> None:
    """The same inputs give the same key, worked out here by hand with hashlib; any other input another."""
    import hashlib
    import hmac

    expected = hmac.new(b"secret", b"person\x1f+821012345678\x1f1990-01-31", hashlib.sha256).hexdigest()
    assert people.person_key(b"secret", "+821012345678", "1990-01-31") == expected
    others = {
        people.person_key(b"secret", "+821012345678"),
        people.person_key(b"other", "+821012345678", "1990-01-31"),
        people.person_key(b"secret", "+821012345679", "1990-01-31"),
        people.pin(b"secret", "7K3F-9QXM", "5678"),
        people.pin(b"secret", "7K3F-9QXN", "5678"),
        people.pin(b"secret", "7K3F-9QXM", "5679"),
    }
    assert len(others | {expected}) == 7
    # As `openssl dgst -sha256 -mac hmac` gives it: entries kept long ago must match.
    kept = "936108e0bffaab46004192b18ccac30cbc77f221a9e746240d931d848862ae91"
    assert people.pin(b"k" * 32, "7K3F-9QXM", "5678") == kept
