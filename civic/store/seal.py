"""Personal answers under lock: AES-256-GCM with one data key per subject, wrapped by a master key; and the cipher itself.

The master keys lie in a key file outside the data folder (key_file.py); the wrapped data keys, each with the name of its
master, lie in the store. Destroying a data key makes that subject's answers unreadable wherever its wrapped key is not:
not in a backup that holds both.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from civic import people
from civic.errors import Misuse

if TYPE_CHECKING:
    from civic.store.store import Store

SIZE = 32  # bytes of every key
NONCE = 12  # bytes, random: 2^32 answers per data key are safe
NAME = 8  # bytes by which a wrapped key names its master


class Erased(Exception):
    """The subject's data key was destroyed: its answers can never be read again."""


class WrongKey(Misuse):
    """The key file is not the one with which the data was sealed, or the sealed bytes were changed."""

    def __init__(self) -> None:
        super().__init__(
            "신청 내용을 열 수 없습니다. 키 파일이 이 자료와 짝이 맞는지 확인하고, 함께 백업한 키 파일을 쓰세요."
        )


class Unopened(ValueError):
    """Sealed with another key or for another place, or changed since."""


class Sealer:
    """Everything that is sealed with one key, each time under a new nonce: AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, bound: bytes = b"") -> bytes:
        """The nonce, then the sealed bytes. bound: their place; under another one they do not open."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, bound: bytes = b"") -> bytes:
        """What was sealed for that place. Raises Unopened."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], bound)
        except (InvalidTag, ValueError):
            raise Unopened("sealed by another key, for another place, or changed") from None


class Keys:
    """The secrets of one installation."""

    def __init__(
        self,
        master: bytes,
        person: bytes,
        link: bytes,
        others: Sequence[bytes] = (),
        renewed: Callable[[], Keys | None] = lambda: None,
    ) -> None:
        """others: masters under which something may still be wrapped; renewed: the keys as they are now if they changed."""
        self.link = link  # signs receipt links
        self._person = person
        self._renewed = renewed
        self._data_keys: dict[bytes, Sealer] = {}  # by wrapped key: a destroyed or replaced one is never used
        self._derived: dict[str, bytes] = {}  # by purpose
        self._master = print_of(master)
        self._masters = {print_of(key): Sealer(key) for key in (master, *others)}

    @property
    def prints(self) -> dict[str, str]:
        """What tells these keys from all others, and opens nothing: of person and link key, which never change."""
        return {"person": print_of(self._person), "link": print_of(self.link)}

    @property
    def masters(self) -> list[str]:
        """The prints of all masters that open something, the one that wraps first."""
        return [self._master, *(name for name in self._masters if name != self._master)]

    def renew(self) -> None:
        """Take up masters that came or went; nothing else ever changes."""
        fresh = self._renewed()
        if fresh:
            self._master, self._masters = fresh._master, fresh._masters

    def person(self, phone: str, birth_date: str = "") -> str:
        """The key that stands for a person; see people.person_key."""
        return people.person_key(self._person, phone, birth_date)

    def pin(self, number: str, last4: str) -> str:
        """What must match to see an entry; see people.pin."""
        return people.pin(self._person, number, last4)

    def derived(self, purpose: str) -> bytes:
        """A secret of its own for another part of the house: 32 bytes, the same for the same purpose."""
        if purpose not in self._derived:
            self._derived[purpose] = bytes.fromhex(people.keyed_hash(self._person, "derived", purpose))
        return self._derived[purpose]

    @property
    def journal(self) -> bytes:
        """The secret under which the lines of the journal are chained."""
        return self.derived("journal")

    @staticmethod
    def same(one: str, other: str) -> bool:
        """Compared in the same time whatever differs."""
        return hmac.compare_digest(one.encode(), other.encode())

    def seal(self, store: Store, subject: str, number: str, plain: bytes) -> bytes:
        """Sealed bytes that open only as this entry of this subject. The subject's first gets a data key."""
        wrapped = store.wrapped_key(subject)
        if wrapped is None:
            wrapped = store.keep_key(subject, self._wrap(subject, secrets.token_bytes(SIZE)))
        return self._data_key(subject, wrapped).seal(plain, _bound(subject, number))

    def unseal(self, store: Store, subject: str, number: str, sealed: bytes) -> bytes:
        """What was sealed. Raises Erased (it was taken out, or the data key is gone), WrongKey."""
        wrapped = store.wrapped_key(subject) if sealed else None
        if wrapped is None:
            raise Erased
        return self.opened(wrapped, subject, number, sealed)

    def opened(self, wrapped: bytes, subject: str, number: str, sealed: bytes) -> bytes:
        """What was sealed with the data key that is wrapped so. Raises WrongKey."""
        try:
            return self._data_key(subject, wrapped).open(sealed, _bound(subject, number))
        except Unopened as err:
            raise WrongKey from err

    def erase(self, store: Store, subject: str, at: datetime) -> None:
        """Destroy the subject's data key, and with it its answers."""
        wrapped = store.wrapped_key(subject)
        store.drop_key(subject, at)
        if wrapped:
            self._data_keys.pop(wrapped, None)

    def opens(self, subject: str, wrapped: bytes) -> bool:
        """Is this the key file under which the subject's data key was wrapped?"""
        try:
            self._data_key(subject, wrapped)
        except WrongKey:
            return False
        return True

    def uses(self, wrapped: Mapping[str, bytes]) -> dict[str, int]:
        """Print of each master, the one that wraps first -> how many of these wrapped keys name it."""
        names = [key[:NAME].hex() for key in wrapped.values()]
        return {name: names.count(name) for name in self.masters}

    def rewrapped(self, subject: str, wrapped: bytes) -> bytes | None:
        """The same data key under the master that wraps now; None when it is. Raises WrongKey."""
        if wrapped[:NAME].hex() == self._master:
            return None
        return self._wrap(subject, self._unwrapped(subject, wrapped))

    def _wrap(self, subject: str, data_key: bytes) -> bytes:
        self.renew()
        sealed = self._masters[self._master].seal(data_key, _bound(subject, "data key"))
        return bytes.fromhex(self._master) + sealed

    def _unwrapped(self, subject: str, wrapped: bytes) -> bytes:
        name = wrapped[:NAME].hex()
        if name not in self._masters:
            self.renew()
        try:
            return self._masters[name].open(wrapped[NAME:], _bound(subject, "data key"))
        except (KeyError, Unopened) as err:
            raise WrongKey from err

    def _data_key(self, subject: str, wrapped: bytes) -> Sealer:
        known = self._data_keys.get(wrapped)
        if known is None:
            known = self._data_keys[wrapped] = Sealer(self._unwrapped(subject, wrapped))
        return known


def print_of(key: bytes) -> str:
    """The fingerprint of a key: hex, nothing of the key in it."""
    return hashlib.sha256(b"madang key\x1f" + key).digest()[:NAME].hex()


@cache
def _bound(subject: str, number: str) -> bytes:
    """Ties sealed bytes to their place: moved to another entry or subject they do not open."""
    return f"{subject}\x1f{number}".encode()
