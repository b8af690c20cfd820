"""The key file of an installation: made for an empty store, tied to the data that it seals, given new masters.

It lies outside the data. The store holds the fingerprints of its keys, which open nothing, so that no other keys are ever
used beside them: `keys:person`, `keys:link`, and `keys:master:<n>`, of which the last is the one that wraps.
"""

import json
import secrets
import stat
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from civic import files
from civic.clock import SEOUL
from civic.errors import Misuse, why
from civic.store.book import Book
from civic.store.entry import latest
from civic.store.seal import SIZE, Keys, print_of
from civic.store.store import Store

PLACE = "keys"  # the subject under which the fingerprints are facts; no page has that address
MASTER = "keys:master"  # the fact, with a number, that names the master which wraps from then on
NAMES = ("master", "person", "link")
Held = dict[str, list[bytes]]  # one key each of NAMES; "next": prepared, or none; "old": still needed to open


def keys_of(store: Store, path: Path, data: Path | None) -> Keys:
    """The keys of that file, made (mode 0600) when the store is empty, and tied to the store.

    data: the data folder; a key file in it is refused, since a stolen folder or backup would open itself. Raises
    Misuse, saying what to do: another installation's keys, none beside data that has some, readable by others, damaged.
    """
    check_outside(path, data)
    known = store.fixed(PLACE).get("", {})
    wrapped = store.wrapped_keys()
    is_new = not path.exists()
    if is_new and (known or wrapped):
        raise Misuse(
            f"키 파일({path})이 없는데 자료에는 그것으로 봉인한 신청이 있습니다. {_restore(path, known)}"
        )
    keys = load_or_create(path)
    if not known and not all(keys.opens(subject, key) for subject, key in wrapped.items()):
        raise Misuse(f"키 파일({path})이 이 자료와 짝이 아닙니다. {_restore(path, known)}")
    store.trust(keys.journal)
    try:
        _tie(store, keys, known, path)
    except Misuse:
        if is_new:  # another host was faster: what was made a moment ago has sealed nothing
            path.unlink()
        raise
    store.check_journal()
    return keys


def check_outside(path: Path, data: Path | None) -> None:
    """Raises Misuse for a key file inside the data folder."""
    if data and path.resolve().is_relative_to(data.resolve()):
        raise Misuse(f"키 파일({path})은 자료 폴더({data}) 밖에 두세요. 자료와 함께 새어 나가면 안 됩니다.")


def check_tied(keys: Keys, known: dict[str, str], path: Path) -> None:
    """Are these the keys of which the store knows the fingerprints? Raises Misuse."""
    newest = latest(known, MASTER)
    are_right = all(known.get(f"keys:{name}", own) == own for name, own in keys.prints.items())
    if not are_right or (newest and newest not in keys.masters):
        raise Misuse(f"키 파일({path})이 이 자료와 짝이 아닙니다. {_restore(path, known)}")


def _tie(store: Store, keys: Keys, known: dict[str, str], path: Path) -> None:
    """Insert or compare: of two hosts that come with different keys, the second is refused."""
    if {f"keys:{name}" for name in keys.prints} <= known.keys():
        check_tied(keys, known, path)
        return
    with store.open(PLACE, who="keys") as book:
        check_tied(keys, book.fixed(""), path)
        for name, own in keys.prints.items():
            book.fix("", f"keys:{name}", own, datetime.now(SEOUL))
        note_master(book, keys)


def is_newest(store: Store, keys: Keys) -> bool:
    """Does the store know that these keys' master wraps now?"""
    return latest(store.fixed(PLACE).get("", {}), MASTER) == keys.masters[0]


def note_master(book: Book, keys: Keys) -> None:
    """Say in the store which master wraps from now on."""
    known = book.fixed("")
    if latest(known, MASTER) != keys.masters[0]:
        number = sum(name.startswith(f"{MASTER}:") for name in known) + 1
        book.fix("", f"{MASTER}:{number}", keys.masters[0], datetime.now(SEOUL))


def _restore(path: Path, known: dict[str, str]) -> str:
    wanted = latest(known, MASTER)
    named = f"(주 열쇠의 지문 {wanted})" if wanted else ""
    return (
        f"이 자료와 함께 쓰던 열쇠 폴더{named}를 백업에서 {path.parent}에 되돌려 놓으세요. 서버가 여럿이면 같은 열쇠 폴더를 "
        "복사해 쓰세요. 다른 열쇠로는 지난 신청을 열 수 없어 시작하지 않습니다."
    )


def load_or_create(path: Path) -> Keys:
    """The keys of that file, made when it is missing: of two first starts at once, one makes them for both. Raises Misuse."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.create(path, _text({name: [secrets.token_bytes(SIZE)] for name in NAMES}), mode=0o600)
        return load(path)
    except OSError as err:
        raise Misuse(f"키 파일({path})을 읽거나 만들 수 없습니다: {why(err)}. 권한을 확인하세요.") from err


def load(path: Path) -> Keys:
    """The keys of that file, which follow it when it gets new masters. Raises Misuse, OSError."""
    held = _read(path)

    def renewed() -> Keys | None:
        with suppress(OSError, Misuse):  # being copied just now, or taken away: what is known still opens
            return load(path)
        return None

    master, person, link = (held[name][0] for name in NAMES)
    others = (*held.get("next", ()), *held.get("old", ()))
    return Keys(master, person, link, others, renewed)


def prepare(path: Path) -> str:
    """Put the next master into the file, beside the others, without using it; its fingerprint. Raises Misuse, OSError."""
    held = _read(path)
    if not held.get("next"):
        held = _write(path, held | {"next": [secrets.token_bytes(SIZE)]})
    return print_of(held["next"][0])


def switch(path: Path) -> None:
    """Let the prepared master wrap from now on, and keep the one before it. Raises Misuse, OSError."""
    prepare(path)
    held = _read(path)
    _write(path, held | {"master": held["next"], "next": [], "old": [*held["master"], *held.get("old", [])]})


def forget(path: Path, master: str) -> bool:
    """Take an old master out of the file; False when it is none of it. Raises Misuse, OSError."""
    held = _read(path)
    kept = [key for key in held.get("old", []) if print_of(key) != master]
    if kept == held.get("old", []):
        return False
    _write(path, held | {"old": kept})
    return True


def _read(path: Path) -> Held:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Misuse(
            f"키 파일({path})을 다른 사람이 읽을 수 있습니다(권한 {mode:04o}). ‘chmod 600 {path}’를 하세요."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        held = {
            name: [b64decode(key, validate=True) for key in ([keys] if isinstance(keys, str) else keys)]
            for name, keys in content.items()
        }
    except (ValueError, TypeError, AttributeError):
        held = {}
    whole = all(len(held.get(name, ())) == 1 for name in NAMES)
    if not whole or {len(key) for keys in held.values() for key in keys} != {SIZE}:
        raise Misuse(f"키 파일({path})이 손상되었습니다. 백업한 키 파일을 되돌려 놓으세요.")
    return held


def _write(path: Path, held: Held) -> Held:
    files.write(path, _text(held), mode=0o600)
    return held


def _text(held: Held) -> str:
    shown = {name: [b64encode(key).decode() for key in keys] for name, keys in held.items() if keys}
    return json.dumps({name: keys[0] if name in NAMES else keys for name, keys in shown.items()}, indent=1)
