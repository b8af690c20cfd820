"""A disk that fails on demand, beneath SQLite itself: the n-th write or sync, or the loss of power.

It registers a VFS (SQLite's own extension point for files) around the real one, so that the store under test runs
unchanged. `Disk.image` is what a machine finds after a power cut: only what was synced, and of the
rest whatever the caller chooses.
"""

import _sqlite3
import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any

OK, FULL, IOERR_WRITE, IOERR_FSYNC = 0, 13, 10 | 3 << 8, 10 | 4 << 8

# A store that a test gave up may be closed by the collector long after its disk was taken away: what SQLite calls stays.
_kept: list[object] = []

_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Close = CFUNCTYPE(c_int, c_void_p)
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = [
        ("version", c_int),
        ("close", _Close),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        *[(f"other{i}", c_void_p) for i in range(13)],
    ]


class _Vfs(Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("version", c_int),
        ("size_of_file", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        *[(f"other{i}", c_void_p) for i in range(14)],
    ]


class Disk:
    """Counts the writes and syncs of every SQLite file, fails the one that is asked for, remembers what is safe."""

    def __init__(self) -> None:
        self.calls = 0  # writes, truncations and syncs since the last `fail`
        self._fail_at = 0
        self._for_ever = False
        self._code = FULL
        self._lock = threading.RLock()
        self._names: dict[int, str] = {}  # open file -> path
        self._safe: dict[str, bytearray] = {}  # what was synced
        self._loose: dict[str, list[tuple[int, bytes | None]]] = {}  # (offset, content); None truncates there

    def fail(self, at: int, code: int = FULL, for_ever: bool = False) -> None:
        """The `at`-th call from now on fails (and all after it); 0 heals the disk."""
        with self._lock:
            self.calls, self._fail_at, self._code, self._for_ever = 0, at, code, for_ever

    @property
    def has_failed(self) -> bool:
        """Was the call that should fail reached?"""
        return 0 < self._fail_at <= self.calls

    def image(self, folder: Path, choose: Callable[[], bool] = lambda: False) -> None:
        """Write what a power cut leaves into a folder: what was synced, and of the rest what `choose` keeps."""
        folder.mkdir()
        with self._lock:
            for path, safe in self._safe.items():
                content = bytearray(safe)
                for offset, data in self._loose.get(path, []):
                    if choose():
                        _apply(content, offset, data)
                if not path.endswith("-shm"):
                    (folder / Path(path).name).write_bytes(content)

    def note(self, file: int, offset: int, data: bytes | None) -> int:
        """A write or truncation: OK, or the code with which it fails."""
        with self._lock:
            code = self._next()
            if code == OK and file in self._names:
                self._loose.setdefault(self._names[file], []).append((offset, data))
            return code

    def settle(self, file: int) -> int:
        """A sync: OK, or the code with which it fails."""
        with self._lock:
            code = self._next()
            if code == OK and file in self._names:
                path = self._names[file]
                for offset, data in self._loose.pop(path, []):
                    _apply(self._safe[path], offset, data)
                return OK
            return IOERR_FSYNC if code == IOERR_WRITE else code

    def opened(self, file: int, path: str) -> None:
        """A file is open; what is in it is taken as safe if it is new to us."""
        with self._lock:
            self._names[file] = path
            if path not in self._safe:
                self._safe[path] = bytearray(Path(path).read_bytes())

    def closed(self, file: int) -> None:
        """A file is closed."""
        with self._lock:
            self._names.pop(file, None)

    def deleted(self, path: str) -> None:
        """A file is gone."""
        with self._lock:
            self._safe.pop(path, None)
            self._loose.pop(path, None)

    def _next(self) -> int:
        self.calls += 1
        failing = self._fail_at and (
            self.calls >= self._fail_at if self._for_ever else self.calls == self._fail_at
        )
        return self._code if failing else OK


@contextmanager
def faulty_disk() -> Iterator[Disk]:
    """Every SQLite file opened inside the block lies on this disk."""
    disk = Disk()
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    real = library.sqlite3_vfs_find(None)
    vfs = _Vfs.from_buffer_copy(real.contents)
    tables: dict[int, _Methods] = {}  # ours, by the address of the real table

    def ours(address: int) -> _Methods:
        methods = _Methods.from_address(address)
        table = _Methods.from_buffer_copy(methods)

        @_Write
        def write(file: int, data: int, size: int, offset: int) -> int:
            return disk.note(file, offset, ctypes.string_at(data, size)) or methods.write(
                file, data, size, offset
            )

        @_Truncate
        def truncate(file: int, size: int) -> int:
            return disk.note(file, size, None) or methods.truncate(file, size)

        @_Sync
        def sync(file: int, flags: int) -> int:
            return disk.settle(file) or methods.sync(file, flags)

        @_Close
        def close(file: int) -> int:
            disk.closed(file)
            return int(methods.close(file))

        table.write, table.truncate, table.sync, table.close = write, truncate, sync, close
        return table

    @_Open
    def open_file(_: int, name: int | None, file: int, flags: int, out: int) -> int:
        result = int(real.contents.open(ctypes.addressof(real.contents), name, file, flags, out))
        pointer = c_void_p.from_address(file)
        if result == OK and pointer.value:
            if pointer.value not in tables:
                tables[pointer.value] = ours(pointer.value)
            pointer.value = ctypes.addressof(tables[pointer.value])
            if name:
                disk.opened(file, ctypes.string_at(name).decode())
        return result

    @_Delete
    def delete(_: int, name: bytes, sync_folder: int) -> int:
        disk.deleted(name.decode())
        return int(real.contents.delete(ctypes.addressof(real.contents), name, sync_folder))

    vfs.name, vfs.open, vfs.delete = b"faulty", open_file, delete
    _kept.extend((vfs, tables, open_file, delete))
    library.sqlite3_vfs_register(ctypes.byref(vfs), 1)
    try:
        yield disk
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(vfs))
        library.sqlite3_vfs_register(real, 1)


def swallowing(act: Callable[..., Any], kind: type[Exception]) -> Callable[..., Any]:
    """The same act, after which nobody learns that it failed: for controls."""

    def careless(*given: Any) -> Any:
        with contextlib.suppress(kind):
            return act(*given)
        return []

    return careless


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
