"""Two builds of a site, file by file: equal once the hashes in the names of assets are mapped away.

    python -m bench.pages BEFORE AFTER

Prints each file that is in one build only or differs, with the words around the first difference; exits 1 when any does.
Assets are compared by their bytes together, sha256sums.txt not at all.
"""

import re
import sys
from pathlib import Path

HASH = re.compile(rb"(/assets/[\w./-]+?)\.[0-9a-f]{8}(\.[a-z0-9]+)")
AROUND = 60  # bytes shown on each side of a difference


def main(before: Path, after: Path) -> int:
    old, new = pages(before), pages(after)
    wrong = [f"only in one build: {name}" for name in sorted(old.keys() ^ new.keys())]
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            pairs = zip(old[name], new[name], strict=False)
            at = next((at for at, (one, other) in enumerate(pairs) if one != other), len(new[name]))
            shown = slice(max(0, at - AROUND), at + AROUND)
            wrong.append(f"{name}: {old[name][shown]!r} | {new[name][shown]!r}")
    print(*wrong, sep="\n")
    print(f"{len(old.keys() & new.keys())} files in both, {len(wrong)} differ")
    return 1 if wrong else 0


def pages(site: Path) -> dict[str, bytes]:
    """Name -> content of everything but assets and the list of sums, hashes mapped away."""
    files = (file for file in site.resolve().rglob("*") if file.is_file())
    named = {str(file.relative_to(site.resolve())): file for file in files}
    left_out = ("assets/", "sha256sums.txt")
    return {
        name: HASH.sub(rb"\1\2", file.read_bytes())
        for name, file in named.items()
        if not name.startswith(left_out)
    }


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
