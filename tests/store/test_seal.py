"""Sealed answers open only with the right keys, in their own place, until the data key is destroyed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from civic.clock import SEOUL
from civic.errors import Misuse
from civic.store.key_file import check_outside, load_or_create
from civic.store.seal import Erased, Keys, WrongKey
from tests.store.conftest import at_once

SUBJECT, NUMBER = "lectures/essay", "7K3F-9QXM"
PLAIN = "홍길동 010-1234-5678".encode()
NOW = datetime(2023, 8, 16, 12, tzinfo=SEOUL)


class Ring(dict[str, bytes]):
    """A store's key ring, in memory."""

    def wrapped_key(self, subject: str) -> bytes | None:
        return self.get(subject)

    def keep_key(self, subject: str, wrapped: bytes) -> bytes:
        return self.setdefault(subject, wrapped)

    def drop_key(self, subject: str, at: datetime) -> None:
        self.pop(subject, None)


@pytest.fixture
def ring() -> Any:
    return Ring()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Keys of a first start."""
    return load_or_create(tmp_path / "keys" / "madang.keys")


def test_sealed_answers_come_back(keys: Keys, ring: Any) -> None:
    """What was sealed is opened; nothing of it shows; the same text is sealed differently each time."""
    one, two = (keys.seal(ring, SUBJECT, NUMBER, PLAIN) for _ in range(2))
    assert keys.unseal(ring, SUBJECT, NUMBER, one) == keys.unseal(ring, SUBJECT, NUMBER, two) == PLAIN
    assert one != two
    assert len(ring) == 1
    assert "홍길동".encode() not in one


def test_sealed_answers_open_only_in_their_place(keys: Keys, ring: Any) -> None:
    """Copied to another number or subject, or with one bit changed, or cut, they do not open."""
    sealed = keys.seal(ring, SUBJECT, NUMBER, PLAIN)
    ring["programs/tour"] = ring[SUBJECT]
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for subject, number, content in [
        (SUBJECT, "7K3F-9QXN", sealed),
        ("programs/tour", NUMBER, sealed),
        (SUBJECT, NUMBER, changed),
        (SUBJECT, NUMBER, sealed[:5]),
    ]:
        with pytest.raises(WrongKey, match="키 파일"):
            keys.unseal(ring, subject, number, content)


def test_each_subject_has_its_own_key(keys: Keys, ring: Any) -> None:
    """Erasing one subject leaves the others; the erased one never opens again, not even from a copy."""
    sealed = {subject: keys.seal(ring, subject, NUMBER, PLAIN) for subject in (SUBJECT, "programs/tour")}
    keys.erase(ring, SUBJECT, NOW)
    with pytest.raises(Erased):
        keys.unseal(ring, SUBJECT, NUMBER, sealed[SUBJECT])
    assert keys.unseal(ring, "programs/tour", NUMBER, sealed["programs/tour"]) == PLAIN
    keys.seal(ring, SUBJECT, NUMBER, PLAIN)  # a new key for new entries
    with pytest.raises(WrongKey):
        keys.unseal(ring, SUBJECT, NUMBER, sealed[SUBJECT])


def test_a_key_destroyed_by_another_process_is_not_used_again(keys: Keys, ring: Any, tmp_path: Path) -> None:
    """The command line erases beside the server: what the server seals next opens with the new key."""
    keys.seal(ring, SUBJECT, NUMBER, PLAIN)
    load_or_create(tmp_path / "keys" / "madang.keys").erase(ring, SUBJECT, NOW)
    sealed = keys.seal(ring, SUBJECT, NUMBER, PLAIN)
    fresh = load_or_create(tmp_path / "keys" / "madang.keys")
    assert fresh.unseal(ring, SUBJECT, NUMBER, sealed) == PLAIN


def test_keys_survive_a_restart(keys: Keys, ring: Any, tmp_path: Path) -> None:
    """The second start reads what the first made: same hashes, same sealing, same links."""
    sealed = keys.seal(ring, SUBJECT, NUMBER, PLAIN)
    again = load_or_create(tmp_path / "keys" / "madang.keys")
    assert again.unseal(ring, SUBJECT, NUMBER, sealed) == PLAIN
    assert again.person("+821012345678") == keys.person("+821012345678")
    assert again.pin(NUMBER, "5678") == keys.pin(NUMBER, "5678")
    assert again.link == keys.link


def test_key_file_is_for_its_owner_only(keys: Keys, tmp_path: Path) -> None:
    """Made with mode 0600 and nothing left beside it; one that others can read is refused with the remedy."""
    path = tmp_path / "keys" / "madang.keys"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    path.chmod(0o640)
    with pytest.raises(Misuse, match="chmod 600"):
        load_or_create(path)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"master": 1}', "\x00", '{"master": "AA==", "person": "", "link": ""}'],
)
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: str) -> None:
    """Never replaced by new keys, never a traceback."""
    path = tmp_path / "madang.keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Misuse, match="손상"):
        load_or_create(path)
    assert path.read_text() == content


def test_keys_where_they_must_not_be_are_refused(tmp_path: Path) -> None:
    """Inside the data, below a file: said, and nothing is made."""
    data = tmp_path / "data"
    (tmp_path / "file").touch()
    with pytest.raises(Misuse, match="밖에"):
        check_outside(data / "sub" / ".." / "madang.keys", data)
    with pytest.raises(Misuse, match="만들 수 없습니다"):
        load_or_create(tmp_path / "file" / "madang.keys")
    assert not data.exists()


def test_two_first_starts_make_one_set_of_keys(tmp_path: Path) -> None:
    """Eight threads start at once: all hold the same keys."""
    path = tmp_path / "madang.keys"
    found = at_once([lambda: load_or_create(path).link] * 8)
    assert len(set(found)) == 1 and isinstance(found[0], bytes)
    assert set(json.loads(path.read_text())) == {"master", "person", "link"}
