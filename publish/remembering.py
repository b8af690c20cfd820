"""What every build by this program needs: compiled templates, stylesheet and fonts, kept with the program."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

PROOF = hashlib.sha256().digest_size


class Drawer:
    """What belongs to the program and not to a site, one file each: compiled templates, stylesheet and fonts.

    A file that is not what was written, or was written by another program, is as none: never trusted.
    """

    def __init__(self, folder: Path, stamp: str) -> None:
        """stamp: of the program and its libraries."""
        self._folder, self._stamp = folder, stamp.encode()

    def get(self, name: str, made_from: str) -> bytes | None:
        """What was put under that name, if it was made from the same."""
        try:
            kept = (self._folder / name).read_bytes()
        except OSError:
            return None
        return kept[PROOF:] if kept[:PROOF] == self._proof(name, made_from, kept[PROOF:]) else None

    def put(self, name: str, made_from: str, content: bytes) -> None:
        """Keep it in place of what was there; a folder that cannot be written keeps nothing."""
        file = self._folder / name
        fresh = file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(self._proof(name, made_from, content) + content)
            fresh.replace(file)

    def _proof(self, name: str, made_from: str, content: bytes) -> bytes:
        named = [self._stamp, name.encode(), made_from.encode(), content]
        return hashlib.sha256(b"\0".join(named)).digest()


class Compiled(BytecodeCache):
    """Templates as Jinja compiled them."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._drawer.get(bucket.key, bucket.checksum)
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._drawer.put(bucket.key, bucket.checksum, bucket.bytecode_to_string())
