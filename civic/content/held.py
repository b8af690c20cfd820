"""One bad page does not stop an office: it gives way to its source as it was accepted last. No site, no clock."""

from collections.abc import Callable, Iterable

from civic.content.beside import INDEX
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
    held |= names
    reading.mistakes = [each for each in reading.mistakes if notice_of(each.file) not in names]
    for file in [file for file in reading.digests if notice_of(file) in names]:
        del reading.digests[file]
        reading.facts.pop(file, None)
        reading.sources.pop(file, None)
    for file in accepted.files:
        if notice_of(file) in names and (file.count("/") == 1 or file.endswith(f"/{INDEX}")):
            reading.elsewhere[file] = accepted.folder
            facts, wrong, reading.digests[file] = read_page(accepted.folder, file, with_bodies)
            reading.mistakes += wrong
            if facts:
                reading.facts[file] = facts
    return True
