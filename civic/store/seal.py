"""Personal answers under lock: AES-256-GCM with one data key per subject, wrapped by a master key; and the cipher itself.

The master key lies in a key file outside the data folder; the wrapped data keys lie in the store. Destroying a
data key makes that subject's answers unreadable wherever its wrapped key is not: not in a backup that holds both.
"""

from __future__ import annotations

import hmac
import json
import secrets
import stat
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from civic import files, people
from civic.errors import Misuse, why

SIZE = 32  # bytes of every key
NONCE = 12  # bytes, random: 2^32 answers per data key are safe
NAMES = ("master", "person", "link")


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


class KeyRing(Protocol):
    """Where wrapped data keys are kept: every store."""

    def wrapped_key(self, subject: str) -> bytes | None: ...

    def keep_key(self, subject: str, wrapped: bytes) -> bytes: ...

    def drop_key(self, subject: str, at: datetime) -> None: ...


class Keys:
    """The secrets of one installation."""

    def __init__(self, master: bytes, person: bytes, link: bytes) -> None:
        self._master = Sealer(master)
        self._person = person
        self.link = link  # signs receipt links
        self._data_keys: dict[bytes, Sealer] = {}  # by wrapped key: a destroyed or replaced one is never used

    @classmethod
    def load_or_create(cls, path: Path, data: Path | None = None) -> Keys:
        """The keys of that file, made on the first start (mode 0600).

        data: the data folder; a key file in it is refused, since a stolen folder or backup would open itself,
        and a missing file is refused when the folder has sealed entries already: new keys could not open them.
        Raises Misuse, saying what to do.
        """
        if data and path.resolve().is_relative_to(data.resolve()):
            raise Misuse(
                f"키 파일({path})은 자료 폴더({data}) 밖에 두세요. 자료와 함께 새어 나가면 안 됩니다."
            )
        try:
            if not path.exists():
                if data and any((data / name).exists() for name in ("keys.sqlite3", "madang.sqlite3")):
                    raise Misuse(
                        f"키 파일({path})이 없는데 자료 폴더({data})에는 신청이 있습니다. 백업한 키 파일을 "
                        "그 자리에 되돌려 놓으세요. 새 키로는 지난 신청을 열 수 없습니다."
                    )
                _create(path)
            return cls.load(path)
        except OSError as err:
            raise Misuse(
                f"키 파일({path})을 읽거나 만들 수 없습니다: {why(err)}. 권한을 확인하세요."
            ) from err

    @classmethod
    def load(cls, path: Path) -> Keys:
        """The keys of that file. Raises Misuse (others may read it, or it is damaged), OSError."""
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise Misuse(
                f"키 파일({path})을 다른 사람이 읽을 수 있습니다(권한 {mode:04o}). ‘chmod 600 {path}’를 하세요."
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            keys = {name: b64decode(content[name], validate=True) for name in NAMES}
        except (ValueError, KeyError, TypeError, AttributeError):
            keys = {}
        if {len(key) for key in keys.values()} != {SIZE}:
            raise Misuse(f"키 파일({path})이 손상되었습니다. 백업한 키 파일을 되돌려 놓으세요.")
        return cls(**keys)

    # ------------------------------------------------------------ hashes

    def person(self, phone: str, birth_date: str = "") -> str:
        """The key that stands for a person; see people.person_key."""
        return people.person_key(self._person, phone, birth_date)

    def pin(self, number: str, last4: str) -> str:
        """What must match to see an entry; see people.pin."""
        return people.pin(self._person, number, last4)

    def derived(self, purpose: str) -> bytes:
        """A secret of its own for another part of the house: 32 bytes, the same for the same purpose."""
        return hmac.digest(self._person, f"derived\x1f{purpose}".encode(), "sha256")

    @staticmethod
    def same(one: str, other: str) -> bool:
        """Compared in the same time whatever differs."""
        return hmac.compare_digest(one.encode(), other.encode())

    # ------------------------------------------------------------ sealing

    def seal(self, ring: KeyRing, subject: str, number: str, plain: bytes) -> bytes:
        """Sealed bytes that open only as this entry of this subject. The subject's first gets a data key."""
        wrapped = ring.wrapped_key(subject)
        if wrapped is None:
            wrapped = ring.keep_key(subject, self._wrap(subject, secrets.token_bytes(SIZE)))
        return self._data_key(subject, wrapped).seal(plain, _bound(subject, number))

    def unseal(self, ring: KeyRing, subject: str, number: str, sealed: bytes) -> bytes:
        """What was sealed. Raises Erased (it was taken out, or the data key is gone), WrongKey."""
        wrapped = ring.wrapped_key(subject) if sealed else None
        if wrapped is None:
            raise Erased
        return self.opened(wrapped, subject, number, sealed)

    def opened(self, wrapped: bytes, subject: str, number: str, sealed: bytes) -> bytes:
        """What was sealed with the data key that is wrapped so. Raises WrongKey."""
        try:
            return self._data_key(subject, wrapped).open(sealed, _bound(subject, number))
        except Unopened as err:
            raise WrongKey from err

    def erase(self, ring: KeyRing, subject: str, at: datetime) -> None:
        """Destroy the subject's data key, and with it its answers."""
        wrapped = ring.wrapped_key(subject)
        ring.drop_key(subject, at)
        if wrapped:
            self._data_keys.pop(wrapped, None)

    def opens(self, subject: str, wrapped: bytes) -> bool:
        """Is this the key file under which the subject's data key was wrapped?"""
        try:
            self._data_key(subject, wrapped)
        except WrongKey:
            return False
        return True

    def _wrap(self, subject: str, data_key: bytes) -> bytes:
        return self._master.seal(data_key, _bound(subject, "data key"))

    def _data_key(self, subject: str, wrapped: bytes) -> Sealer:
        known = self._data_keys.get(wrapped)
        if known is None:
            try:
                plain = self._master.open(wrapped, _bound(subject, "data key"))
            except Unopened as err:
                raise WrongKey from err
            known = self._data_keys[wrapped] = Sealer(plain)
        return known


def _bound(subject: str, number: str) -> bytes:
    """Ties sealed bytes to their place: moved to another entry or subject they do not open."""
    return f"{subject}\x1f{number}".encode()


def _create(path: Path) -> None:
    """A new key file, complete or not there at all; of two first starts at once, one makes the keys for both."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {name: b64encode(secrets.token_bytes(SIZE)).decode() for name in NAMES}
    files.create(path, json.dumps(content, indent=1), mode=0o600)
