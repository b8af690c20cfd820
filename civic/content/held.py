"""One bad page does not stop an office: it gives way to its source as it was accepted last. No site, no clock."""

from collections.abc import Iterable

from civic.content.beside import INDEX
from civic.content.reading import Reading, read_page
from civic.content.snapshot import Snapshot
from civic.errors import Mistake
from civic.links import notice_of

Name = tuple[str, str]  # folder and slug


def hold_back(
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
