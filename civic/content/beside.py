"""The files beside a page, in its folder: which there are, which are used, and what is wrong with them."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from civic.content.attached import Attached, read_attached
from civic.content.facts import Stamp, stamp
from civic.content.front_matter import Source
from civic.content.mistakes import suggestion
from civic.content.pages import Document
from civic.errors import Mistake, why
from civic.files import whole_file
from civic.links import is_litter, is_passed_over
from civic.text import nfc

INDEX = "index.md"  # the page of a folder, which holds its files too
LITTER = "글이나 첨부가 아니라서 넘어갔습니다"
_BLANK = re.compile(r"\]\((?!<)([^()<>\n\"]*[^()<>\n\"\s] +[^()<>\n\"]*\.[A-Za-z]{3,4})\)")
_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)")


def bytes_of(content: Path, file: str) -> tuple[bytes | None, list[Mistake]]:
    """The bytes of a file of the content, or why there are none."""
    try:
        return whole_file(f"{content}/{file}"), []
    except FileNotFoundError:
        return None, [Mistake(file, 0, "", "파일이 없습니다")]
    except OSError as wrong:
        return None, [Mistake(file, 0, "", "파일을 읽을 수 없습니다", why(wrong))]


def attached(content: Path, place: str) -> tuple[Attached | None, list[Mistake]]:
    """A picture or document of the content, see `read_attached`."""
    raw, mistakes = bytes_of(content, place)
    return (None, mistakes) if raw is None else read_attached(place, raw)


def beside(content: Path, file: str) -> tuple[tuple[Attached, ...], list[Mistake], list[Mistake]]:
    """The files beside a page, what is wrong with them, and what staff should look at; none where it has no folder.

    file: of the page, inside the content.
    """
    files: list[Attached] = []
    mistakes: list[Mistake] = []
    odd: list[Mistake] = []
    names: dict[str, str] = {}
    folder = file.removesuffix(INDEX)
    for name, _ in listed(content / folder) if file.endswith(f"/{INDEX}") else ():
        if is_litter(name):
            odd.append(Mistake(f"{folder}{name}", 0, "", LITTER))
        if name == INDEX or is_litter(name):
            continue
        found, told = attached(content, f"{folder}{name}")
        (odd if found else mistakes).extend(told)
        if found is None:
            continue
        files.append(found)
        # Pictures of one name would share their WebP, whatever they end in.
        shared = found.safe.removesuffix(found.ending) if found.is_picture else found.safe
        other = names.setdefault(shared, found.name)
        if other != found.name:
            said = f"{other}와 누리집에서의 이름이 같습니다. 파일 이름을 바꾸세요"
            mistakes.append(Mistake(f"{folder}{found.name}", 0, "", said, found.safe))
    return tuple(files), mistakes, odd


def stamp_of(content: Path, file: str) -> Stamp:
    """What tells one state of a page from another; of one with files, of all of them. Raises OSError."""
    own = stamp(os.stat(f"{content}/{file}"))  # noqa: PTH116 (thousands of them)
    if not file.endswith(f"/{INDEX}"):
        return own
    folder = f"{content}/{file.removesuffix(INDEX)}"
    all_ = [(name, *stamp(os.stat(folder + name))) for name, _ in listed(Path(folder))]  # noqa: PTH116
    names = int.from_bytes(hashlib.sha256(repr(all_).encode()).digest()[:6], "big")
    return own[0], max(each[2] for each in all_), max(each[3] for each in all_), names


def listed(folder: Path) -> list[tuple[str, bool]]:
    """(name, is it a folder) of what lies in a folder, in the order of the names, without hidden files that nobody put there."""
    with os.scandir(folder) as entries:
        return sorted(
            (entry.name, _is_folder(entry))
            for entry in entries
            if is_litter(entry.name) or not is_passed_over(entry.name)
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """What cannot be told, e.g. of a link to itself, is said where the file is read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def misplaced(doc: Document, source: Source) -> Iterator[Mistake]:
    """What a page says of its files that does not fit, pictures without a word beside them, and a page of nothing but files."""
    for found in _BLANK.finditer(source.body):
        said = "이름에 빈칸이 있는 파일은 < >로 감싸야 링크가 됩니다"
        yield Mistake(doc.file, source.at(found.start()), "", said, found[1], f"](<{found[1]}>)")
    documents = {file.name: file for file in doc.files if not file.is_picture}
    pictures = [file.name for file in doc.files if file.is_picture]
    for index, each in enumerate(doc.attachments):
        if nfc(each.file) not in documents:
            hint = suggestion(each.file, sorted(documents), "파일")
            yield source.mistake(
                ("attachments", index, "file"), "글의 폴더에 없는 파일입니다", each.file, hint
            )
    if doc.poster and doc.picture(doc.poster) is None:
        hint = suggestion(doc.poster, pictures, "그림")
        yield source.mistake(("poster",), "글의 폴더에 없는 그림입니다", doc.poster, hint)
    if doc.poster and not doc.poster_alt.strip():
        yield source.mistake(("poster",), "포스터에 무엇이 있는지 poster_alt에 글로 적으세요", doc.poster)
    used = {nfc(unquote(name)) for name in _PICTURE.findall(source.body)} | {nfc(doc.poster)}
    for name in pictures:
        if name not in used and f'"{name}"' not in source.body:
            said = "글에 쓰지 않은 그림입니다. ![그림 설명](파일 이름)으로 넣거나 지우세요"
            yield Mistake(f"{doc.file.removesuffix(INDEX)}{name}", 0, "", said)
    if doc.files and not _PICTURE.sub("", source.body).strip():
        yield Mistake(
            doc.file, source.body_line, "", "글이 없습니다. 첨부나 그림만 올리지 말고 내용을 글로 적으세요"
        )
