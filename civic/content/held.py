"""One bad page does not stop an office: it gives way to its source as it was accepted last. No site, no clock."""

from collections.abc import Callable, Iterable, Iterator, Set
from itertools import product

from civic.content.beside import INDEX, bytes_of
from civic.content.facts import Memory
from civic.content.reading import SITE_FILE, Reading, read_page
from civic.content.site import Site
from civic.content.snapshot import Snapshot
from civic.errors import ContentMistakes, Mistake
from civic.links import notice_of

Name = tuple[str, str]  # folder and slug


def settled(
    reading: Reading,
    look: Callable[[Reading], Iterable[Mistake]],
    accepted: Snapshot | None,
    memory: Memory | None,
) -> tuple[Site, tuple[Mistake, ...], frozenset[Name]]:
    """The site of a reading in which no mistake is left; those that were there, and the notices that gave way for them.

    look: finds what is wrong between the files; memory: forgets what gave way. Raises ContentMistakes.
    """
    refused: list[Mistake] = []
    held: set[Name] = set()
    while mistakes := [*reading.mistakes, *look(reading)]:
        refused += mistakes
        if not _hold_back(reading, mistakes, accepted, held, with_bodies=memory is None):
            raise ContentMistakes(dict.fromkeys(refused))
    if reading.site is None:
        raise ContentMistakes([Mistake(SITE_FILE, 0, "", "파일이 없습니다")])
    if memory and held:
        memory.forget(held)
    return reading.site, tuple(sorted(set(refused))), frozenset(held)


def _hold_back(
    reading: Reading,
    mistakes: Iterable[Mistake],
    accepted: Snapshot | None,
    held: set[Name],
    with_bodies: bool,
) -> bool:
    """Take each notice with a mistake from what was accepted, or leave it out where it never was; they are added to `held`.

    False, and nothing is done, where nothing was accepted yet, something else is wrong, or one that is held already.
    """
    pages = {notice_of(each.file) for each in mistakes}
    names = set(filter(None, pages))
    if accepted is None or not accepted.files or None in pages or not names.isdisjoint(held):
        return False
    names.update(filter(None, _renamed(reading, names, accepted)))
    held |= names
    reading.mistakes = [each for each in reading.mistakes if notice_of(each.file) not in names]
    for file in [file for file in reading.digests if notice_of(file) in names]:
        del reading.digests[file]
        reading.facts.pop(file, None)
        reading.sources.pop(file, None)
    for file in accepted.files:
        if notice_of(file) in names and _is_page(file):
            reading.elsewhere[file] = accepted.folder
            facts, wrong, reading.digests[file] = read_page(accepted.folder, file, with_bodies)
            reading.mistakes += wrong
            if facts:
                reading.facts[file] = facts
    return True


def _is_page(file: str) -> bool:
    return file.count("/") == 1 or file.endswith(f"/{INDEX}")


def _renamed(reading: Reading, names: Set[Name], accepted: Snapshot) -> Iterator[Name | None]:
    """Notices that have gone while one of these, which is new, has most of their lines: renamed, and wrong since."""
    here = {None, *map(notice_of, reading.digests)}
    old = [file for file in accepted.files if _is_page(file) and notice_of(file) not in here]
    new = [file for file in reading.digests if notice_of(file) in names and file not in accepted.files]
    for before, after in product(old, new):
        lines, others = (
            set((bytes_of(folder, file)[0] or b"").split(b"\n"))
            for folder, file in ((accepted.folder, before), (reading.content, after))
        )
        if 2 * len(lines & others) > len(lines):
            yield notice_of(before)
