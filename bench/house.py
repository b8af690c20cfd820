"""How large is the house, and how far does a sign-up walk through it? Counted from the source and one traced request.

    python -m bench.house

Prints each figure beside its aim; exits 1 when an aim is missed. Counts lines as they stand, comments and blanks included.
"""

import ast
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Container
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("civic", "publish", "forms_api", "templates", "build.py")
STORE = ROOT / "civic/store"
LONG_MODULE, LONG_FUNCTION = 300, 40
ABOVE = ("library.py", "recount.py")  # files of civic/ that are no vocabulary


def main() -> int:
    files = [file for name in PRODUCT for file in python_files(ROOT / name)]
    tests = [file for file in python_files(ROOT / "tests") if "bench" not in file.relative_to(ROOT).parts]
    apart = [file for file in files if STORE not in file.parents]
    entered, changes = trip()
    code, proof = lines(files), lines(tests)
    figures = [
        ("lines of Python in the product", code, 22_500),
        ("modules", len(files), 140),
        ("files flat in civic", len(list((ROOT / "civic").glob("*.py"))), 12),
        (f"modules over {LONG_MODULE} lines outside the store", len(long_modules(apart)), 0),
        (f"functions over {LONG_FUNCTION} lines outside the store", len(long_functions(apart)), 3),
        ("circles of imports", len(circle(graph(modules(files)))), 0),
        ("class names with more than one meaning", len(doubled_classes(files)), 0),
        ("lines of tests for 100 lines of the product", round(100 * proof / code), 100),
        ("files that a sign-up enters", len(entered), 16),
        ("changes of file on its way", changes, 60),
    ]
    for name, figure, aim in figures:
        print(f"{figure:>7,}  {name} (aim: at most {aim:,}){'' if figure <= aim else '  MISSED'}")
    for room in sorted({file.relative_to(ROOT).parent for file in files}):
        inside = [file for file in files if file.parent == ROOT / room]
        print(f"{lines(inside):>7,}  {room} in {len(inside)} modules")
    for place in (*long_modules(files), *long_functions(files), *doubled_classes(files)):
        print(f"         {place}")
    print("         a sign-up enters: " + ", ".join(sorted(entered)))
    return 1 if any(figure > aim for _, figure, aim in figures) else 0


def python_files(place: Path) -> list[Path]:
    """The Python files of a folder, or the file itself."""
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def lines(files: list[Path]) -> int:
    """Lines of these files together."""
    return sum(file.read_text("utf-8").count("\n") for file in files)


def long_modules(files: list[Path]) -> list[str]:
    """Those with more lines than a module may have."""
    return [f"{file.relative_to(ROOT)}: {lines([file])}" for file in files if lines([file]) > LONG_MODULE]


def long_functions(files: list[Path]) -> list[str]:
    """Functions with more lines than one may have, decorators apart."""
    return [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno and node.end_lineno - node.lineno + 1 > LONG_FUNCTION
    ]


def doubled_classes(files: list[Path]) -> list[str]:
    """Names of classes that are defined at more than one place."""
    places: dict[str, list[str]] = {}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{file.relative_to(ROOT)}:{node.lineno}")
    return [f"{name}: {', '.join(at)}" for name, at in sorted(places.items()) if len(at) > 1]


def modules(files: list[Path]) -> dict[str, Path]:
    """Dotted name and file of each module."""
    named = {}
    for file in files:
        parts = file.relative_to(ROOT).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return named


def imports(source: str, known: Container[str]) -> set[str]:
    """Modules that a source imports, wherever in it; `from a import b` is a.b where that is a known module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found.update(inside_known := {name for name in inside if name in known})
            if len(inside_known) < len(inside):
                found.add(base)
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as err:
        return list(err.args[1])
    return []


def graph(named: dict[str, Path]) -> dict[str, set[str]]:
    """Which of these modules each of them imports."""
    return {
        name: imports(file.read_text("utf-8"), named) & named.keys() - {name} for name, file in named.items()
    }


def trip() -> tuple[set[str], int]:
    """(files entered, changes of file) of one JSON sign-up, outside the store and the vocabulary.

    A request with warm caches: the second of two people for a lecture of the demonstration, first come, first served.
    """
    steps: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = counted(frame.f_code.co_filename) if event in ("call", "return") else None
        if name and steps[-1:] != [name]:
            steps.append(name)

    with tempfile.TemporaryDirectory(prefix="madang-house-") as folder:
        post = sign_ups(Path(folder))
        post("010-1234-5601")
        sys.setprofile(note)
        try:
            answer = post("010-1234-5602")
        finally:
            sys.setprofile(None)
    if answer.status_code != 201:
        raise SystemExit(f"the sign-up was refused: {answer.get_json()}")
    return set(Counter(steps)), len(steps) - 1


def counted(filename: str) -> str | None:
    """The file's name from the root, unless it is none of the product's, the store's or vocabulary."""
    file = Path(filename)
    if not file.is_relative_to(ROOT) or STORE in file.parents or ".venv" in file.parts:
        return None
    name = str(file.relative_to(ROOT))
    flat = file.parent == ROOT / "civic" and file.name not in ABOVE
    return None if flat or not name.startswith(PRODUCT) else name


def sign_ups(folder: Path) -> Any:
    """post(phone): the answer to one sign-up for lectures/essay in an app over the demonstration's content."""
    from civic.clock import FixedClock, parse_time
    from civic.library import load
    from civic.store import open_store
    from civic.store.key_file import keys_of
    from forms_api.app import create_app
    from forms_api.operations import SERVICES
    from forms_api.settings import read_settings

    now = parse_time("2023-08-16T09:00:00+09:00")
    settings = read_settings(
        {
            "MADANG_DATA": f"tinydb://{folder}/data",
            "MADANG_KEYS": f"{folder}/keys",
            "MADANG_SITE": str(folder),
            "MADANG_LOG": "off",
            "MADANG_RATE_LIMIT": "off",
        },
        demo=True,
    )
    library = load(ROOT / "content", now)
    store = open_store(f"tinydb://{folder}/data")
    keys = keys_of(store, folder / "keys/keys.json", None)
    app = create_app(settings, library, store, keys, FixedClock(now))
    client = app.test_client()
    base = settings.allowed_origins(library.site.base_url)

    def post(phone: str) -> Any:
        asked = app.extensions[SERVICES].polling.codes.ask(phone, "", "")
        payload = {
            "code": asked.code,
            "request": asked.request,
            "round": "autumn",
            "name": "홍길동",
            "phone": phone,
            "consent": True,
            "submission_id": "00000000-0000-4000-8000-" + phone.replace("-", "").zfill(12),
        }
        return client.post(
            "/api/forms/lectures/essay",
            data=json.dumps(payload),
            content_type="application/json",
            headers={"Origin": sorted(base)[0]},
        )

    return post


if __name__ == "__main__":
    sys.exit(main())
