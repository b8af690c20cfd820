"""Files are written whole or not at all, and no table that leaves the house can run as a formula."""

import os
import threading
from pathlib import Path

import pytest

from civic import files
from civic.files import create, csv_text, write


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", ["가\r\n나\n", b"\x00\xff"])
def test_a_file_is_replaced_whole(tmp_path: Path, content: str | bytes) -> None:
    """Byte for byte, with the mode that was asked for, whatever the old one and the umask were; no draft is left."""
    file = tmp_path / "a.toml"
    file.write_text("old")
    file.chmod(0o666)
    before = os.umask(0o077)
    try:
        write(file, content)
        assert file.stat().st_mode & 0o777 == 0o644
        write(file, content, mode=0o600, durable=False)
    finally:
        os.umask(before)
    assert file.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert file.stat().st_mode & 0o777 == 0o600
    assert left(tmp_path) == ["a.toml"]


def test_what_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, text that is none, a folder or a device in its place: an error, the old file, and no draft."""
    file = tmp_path / "a.toml"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write(file, "\ud800")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(files.os, "fsync", full)
        write(file, "new")
    with pytest.raises(FileExistsError, match="/dev/null"):
        write(Path("/dev/null"), "new")
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.toml"):
        write(tmp_path / "nowhere/a.toml", "new")
    assert (file.read_text(), left(tmp_path)) == ("old", ["a.toml"])


def test_of_many_that_create_one_does(tmp_path: Path) -> None:
    """Eight at once: one says so, and its content stays; a later one changes nothing."""
    file, made = tmp_path / "keys.json", []
    gate = threading.Barrier(8)

    def go(number: int) -> None:
        gate.wait()
        if create(file, str(number), mode=0o600):
            made.append(str(number))

    threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [file.read_text()]
    assert not create(file, "later")
    assert (file.read_text(), file.stat().st_mode & 0o777) == (made[0], 0o600)
    assert left(tmp_path) == ["keys.json"]


@pytest.mark.parametrize(
    "cell",
    [
        *["=1+1", "+82", "-5", "@x", "＝HYPERLINK(1)", "＋1", "－1", "＠x"],
        *("\t=1", " =1", "\u3000＝1", "\r=1", "\nx", "\ufeff=1", "\u200e\u061c＝1", " \tx"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(cell: str) -> None:
    """Full-width signs and leading blanks too; a sign further on is left alone."""
    assert csv_text([[cell]]) == f'\ufeff"\'{cell}"\r\n'
    assert csv_text([[f"가{cell}"]]) == f'\ufeff"가{cell}"\r\n'


def test_a_table_is_one_that_excel_reads() -> None:
    """A BOM, every cell quoted, quotes doubled, lines ended as Excel likes it, rows of any length; no rows are a BOM alone."""
    rows = [["이름", 3], ['김"하나"', "가,나", ""], ["끝"]]
    assert csv_text(rows) == '\ufeff"이름","3"\r\n"김""하나""","가,나",""\r\n"끝"\r\n'
    assert csv_text([]) == "\ufeff"
