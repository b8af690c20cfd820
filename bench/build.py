"""How long does the site take to make: ours, plain Frozen-Flask, and other generators, in one run, interleaved.

    python bench/build.py [--sizes 1000,10000] [--rounds 5] [--tools DIR] [--only ours,hugo] [--but watch] [--work DIR] [--beside DIR] [--korean]

The corpus is made here, the same each time: documents over all kinds, about 3 kB of Korean Markdown each (--korean: of the
words that content/ has, which an index of letters finds again and again). Ours and
plain Frozen-Flask use the full templates; Hugo, Eleventy and Pelican a plain layout (title, menu, text). They are
looked for in DIR (bin/hugo, bin/pelican, node_modules/.bin/eleventy) and left out where they are not installed.
With --beside another checkout of ours does all that ours does, each right after the other on a site of its own.
Printed: median seconds and highest memory (largest process, and all of them at once are not told apart by the kernel:
ru_maxrss of the largest). Each measured build is a process of its own, but for the edits beside `--watch`; every round does every case once. Then each aim
with what became of it; exit code 1 when one was missed.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOW = "2023-08-16T09:00:00+09:00"
SHARES = (("lectures", 30), ("events", 20), ("programs", 25), ("proposals", 20), ("pages", 5))  # per cent
SYLLABLES = "가나다라마바사아자차카타파하거너더러머버서어저처고노도로모보소오조초구누두루무부수우주추그느드르므브스으즈기니디리미비시이지치강민원센터예산행정복지문화"


KOREAN: list[str] = []  # words to choose from; without any they are syllables in any order


def words(chance: random.Random, count: int) -> str:
    if KOREAN:
        return " ".join(chance.choices(KOREAN, k=count))
    return " ".join("".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(count))


def body(chance: random.Random) -> str:
    """About 3 kB: headings, paragraphs, a list, a table and a link."""
    parts = []
    for _ in range(3):
        parts.append(f"## {words(chance, 3)}")
        parts += [f"{words(chance, 45)}. **{words(chance, 2)}** {words(chance, 10)}." for _ in range(2)]
        parts.append("\n".join(f"- {words(chance, 5)}" for _ in range(3)))
    parts.append(
        "| 구분 | 내용 |\n|---|---|\n"
        + "\n".join(f"| {words(chance, 1)} | {words(chance, 4)} |" for _ in range(4))
    )
    parts.append(f"[{words(chance, 2)}](https://example.org/{chance.randint(1, 999)})")
    return "\n\n".join(parts) + "\n"


def front(kind: str, number: int, chance: random.Random) -> str:
    """The front matter of a document of ours."""
    day = f"2023-09-{number % 28 + 1:02}"
    common = [
        f'title = "{words(chance, 3)} {number}"',
        f'summary = "{words(chance, 8)}"',
        f"published = 2023-08-{number % 15 + 1:02}",
    ]
    common += [f'department = "d{number % 5}"'] if kind != "pages" else []
    common += [f'category = "c{number % 6}"'] if kind in ("lectures", "events", "programs") else []
    form = (
        f"\n[form]\nopens = 2023-08-{number % 27 + 1:02}T09:00:00\ncloses = {day}T18:00:00\n"
        '[[form.rounds]]\nid = "one"\nlabel = "한 반"\nplaces = 20\n'
        '[form.consent]\npurpose = "접수"\nitems = ["이름", "휴대전화 번호"]\nkeep_days = 30\n'
    )
    match kind:
        case "lectures":
            more = ['where = "문화관"', 'audience = "누구나"'] + (
                [f'series = "s{number % 40}"'] if number % 4 == 0 else []
            )
            sessions = f'\n[[sessions]]\nstarts = {day}T10:00:00\nends = {day}T12:00:00\ntopic = "{words(chance, 2)}"\n'
            return "\n".join([*common, *more]) + sessions + (form if number % 2 else "")
        case "events":
            return (
                "\n".join([*common, f"starts = {day}T10:00:00", f"ends = {day}T12:00:00", 'where = "광장"'])
                + "\n"
            )
        case "programs":
            return "\n".join(common) + "\n" + (form if number % 5 == 0 else "")
        case "proposals":
            # A hundred or so to a vote, as districts have them.
            return (
                "\n".join(
                    [*common, f'vote = "vote-{number // 100}"', 'type = "general"', f"cost = {number * 1000}"]
                )
                + "\n"
            )
    return "\n".join(common) + "\n"


def documents(size: int) -> Iterator[tuple[str, int, str, str]]:
    """(kind, number, front matter, body) of a corpus; the same for the same size."""
    chance = random.Random(size)
    for kind, share in SHARES:
        for number in range(size * share // 100):
            yield kind, number, front(kind, number, chance), body(chance)


def write_ours(folder: Path, size: int) -> None:
    site = (ROOT / "tests/samples/small/site.toml").read_text("utf-8").partition("[departments.office]")[0]
    site += '[departments.office]\nname = "민원실"\n'
    site += "".join(f'[departments.d{n}]\nname = "부서 {n}"\n' for n in range(5))
    site += "".join(f'[series.s{n}]\ntitle = "묶음 {n}"\n' for n in range(40))
    site += "[categories]\n" + "".join(f'c{n} = "분야 {n}"\n' for n in range(6))
    folder.mkdir(parents=True)
    (folder / "site.toml").write_text(site, "utf-8")
    shutil.copytree(ROOT / "tests/samples/small/pages", folder / "pages")  # which every page links to
    (folder / "pages/privacy.md").write_text('+++\ntitle = "개인정보"\n+++\n\n개인정보 글입니다.\n', "utf-8")
    votes = folder / "votes"
    votes.mkdir()
    for vote in range(max(1, -(-size * 20 // 10000))):
        (votes / f"vote-{vote}.md").write_text(
            f'+++\ntitle = "투표 {vote}"\nopens = 2023-08-07T09:00:00\ncloses = 2023-08-26T00:00:00\nelectorate = "주민"\n'
            'budget = 1_000_000\nmax_picks = 2\n[[types]]\nid = "general"\nlabel = "일반"\nmax = 2\n+++\n골라 주세요.\n',
            "utf-8",
        )
    for kind, number, head, text in documents(size):
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / f"{kind[:1]}{number}.md").write_text(f"+++\n{head}+++\n\n{text}", "utf-8")


LAYOUT = '<!DOCTYPE html><html lang="ko"><head><meta charset="utf-8"><title>%s</title></head><body><nav><a href="/">마당</a></nav><main><h1>%s</h1>%s</main></body></html>'


def write_hugo(folder: Path, size: int) -> None:
    (folder / "layouts/_default").mkdir(parents=True)
    (folder / "hugo.toml").write_text(
        'baseURL = "https://example.org/"\ntitle = "마당"\ndisableKinds = ["taxonomy", "term"]\n'
    )
    single = LAYOUT % ("{{ .Title }}", "{{ .Title }}", "{{ .Content }}")
    listed = LAYOUT % (
        "{{ .Title }}",
        "{{ .Title }}",
        '<ul>{{ range .Pages }}<li><a href="{{ .RelPermalink }}">{{ .Title }}</a></li>{{ end }}</ul>',
    )
    (folder / "layouts/_default/single.html").write_text(single)
    (folder / "layouts/_default/list.html").write_text(listed)
    for kind, number, head, text in documents(size):
        (folder / "content" / kind).mkdir(parents=True, exist_ok=True)
        title = head.partition("\n")[0]
        (folder / "content" / kind / f"p{number}.md").write_text(f"+++\n{title}\n+++\n\n{text}", "utf-8")


def write_eleventy(folder: Path, size: int) -> None:
    (folder / "_includes").mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    (folder / "_includes/page.njk").write_text(
        LAYOUT % ("{{ title }}", "{{ title }}", "{{ content | safe }}")
    )
    for kind, number, head, text in documents(size):
        (folder / kind).mkdir(exist_ok=True)
        title = head.partition("\n")[0].partition("= ")[2]
        (folder / kind / f"p{number}.md").write_text(
            f"---\ntitle: {title}\nlayout: page.njk\n---\n\n{text}", "utf-8"
        )


def write_pelican(folder: Path, size: int) -> None:
    (folder / "content").mkdir(parents=True)
    (folder / "theme/templates").mkdir(parents=True)
    page = LAYOUT % ("{{ article.title }}", "{{ article.title }}", "{{ article.content }}")
    (folder / "theme/templates/article.html").write_text(page)
    (folder / "theme/templates/index.html").write_text(
        LAYOUT
        % ("목록", "목록", '{% for a in articles %}<a href="{{ a.url }}">{{ a.title }}</a>{% endfor %}')
    )
    (folder / "conf.py").write_text(
        'SITENAME = "마당"\nPATH = "content"\nTHEME = "theme"\nTIMEZONE = "Asia/Seoul"\nDIRECT_TEMPLATES = ["index"]\n'
        "AUTHOR_SAVE_AS = CATEGORY_SAVE_AS = TAG_SAVE_AS = ARCHIVES_SAVE_AS = ''\nFEED_ALL_ATOM = CATEGORY_FEED_ATOM = None\n"
    )
    for kind, number, head, text in documents(size):
        title = head.partition("\n")[0].partition("= ")[2].strip('"')
        (folder / "content" / f"{kind}-{number}.md").write_text(
            f"Title: {title}\nDate: 2023-08-01\n\n{text}", "utf-8"
        )


PLAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from markdown import Markdown
from flask_frozen import Freezer
from civic.clock import FixedClock, parse_time
from civic.library import load
from civic.content import prose
from publish.edition import Edition
from publish.site import create_app, addresses
from templates.assets import Assets
now = parse_time(sys.argv[4])
content = Path(sys.argv[2])
# Markdown as it comes, a new one for each page.
prose._markdown = lambda: Markdown(
    extensions=["tables", "footnotes", "attr_list", "sane_lists"],
    extension_configs={"tables": {"use_align_attribute": True}},
)
library = load(content, now)
assets = Assets.collect(Path(sys.argv[1]), library.characters)
app = create_app(Edition(library, assets, FixedClock(now)))
app.config["FREEZER_DESTINATION"] = str(Path(sys.argv[3]).absolute())
freezer = Freezer(app, with_static_files=False, with_no_argument_rules=False, log_url_for=False)
freezer.register_generator(lambda: addresses(app))
freezer.freeze()
"""


# Compiled Python is kept, as it is wherever nobody forbids it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(command: list[str], cwd: Path) -> tuple[float, float, float]:
    """(seconds, seconds of all processors, highest memory in MB of its largest process) of a command."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, env=ENVIRONMENT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            out.seek(0)
            raise SystemExit(f"{command}: {out.read().decode()[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def watched(command: list[str], out: Path, change: Callable[[], None]) -> tuple[float, float, float]:
    """The same of one edit beside `--watch`, until the site is the new one; memory: of the first build too."""
    environment = ENVIRONMENT | {"MADANG_PORT": "0"}  # an older checkout shows the site by itself
    process = subprocess.Popen([*command, "--watch"], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout
    for line in process.stdout:
        if "파일" in line:  # the first site stands
            break
    time.sleep(1)
    before, worked, began = out.readlink(), processor(process.pid), time.perf_counter()
    change()
    while out.readlink() == before and time.perf_counter() < began + 120:
        time.sleep(0.001)
    seconds, worked = time.perf_counter() - began, processor(process.pid) - worked
    process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if out.readlink() == before or process.returncode:
        raise SystemExit(f"{command} --watch: no new site, or ended with {process.returncode}")
    return seconds, worked, usage.ru_maxrss / 1024


def processor(pid: int) -> float:
    """Seconds of a running process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# (case, at most so many times, this case), by the documents; each that was measured is judged.
AIMS = [
    ("ours, cold", 0.3, "plain Frozen-Flask"),
    ("ours, cold", 1.0, "Eleventy, cold"),
    ("ours, cold", 2.0, "Hugo, cold"),
]
EDITS = (
    "ours, one body",
    "ours, one title",
    "ours, one body beside --watch",
    "ours, one title beside --watch",
)
QUICK = {  # an edit and no edit beside Hugo: a page that changes costs us the same in a larger site
    1000: [*((edit, 0.4) for edit in EDITS), ("ours, nothing changed", 0.15)],
    10000: [*((edit, 0.12) for edit in EDITS), ("ours, nothing changed", 0.08)],
}
MEMORY = ("ours, cold", 0.3, "Hugo, cold")


def judged(size: int, seconds: dict[str, list[float]], memory: dict[str, list[float]]) -> bool:
    """Prints what became of each aim; were all of them reached?"""
    quick = [(name, most, "Hugo, cold") for name, most in QUICK.get(size, [])]
    aims = [("seconds", seconds, *aim) for aim in [*AIMS, *quick]] + [("memory", memory, *MEMORY)]
    reached = True
    for what, figures, name, most, beside in aims:
        if not figures[name] or not figures[beside]:
            continue
        ratio = statistics.median(figures[name]) / statistics.median(figures[beside])
        reached &= ratio <= most
        print(
            f"{'reached' if ratio <= most else 'MISSED'}: {what}, {name}: {ratio:.2f} x {beside} (aim {most})"
        )
    return reached


def compare(figures: Sequence[dict[str, list[float]]]) -> None:
    """Prints what ours takes beside the other checkout: of each round the ratio, of these the median.

    figures: seconds, processor seconds and memory of each case.
    """
    for name in [name for name in figures[0] if name.startswith("beside, ")]:
        ours = name.replace("beside", "ours", 1)
        ratios = [
            statistics.median(
                mine / max(other, 0.001) for mine, other in zip(each[ours], each[name], strict=True)
            )
            for each in figures
        ]
        print(
            f"{ours}: {ratios[0]:.2f} x seconds, {ratios[1]:.2f} x processor seconds, {ratios[2]:.2f} x memory of beside"
        )


Measure = Callable[[], tuple[float, float, float]]
Case = tuple[str, Callable[[], None], Measure]  # name, what is done before, what is measured


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text, file
    file.write_text(text.replace(old, new, 1), "utf-8")


def house(checkout: Path, folder: Path) -> Path:
    """A copy of the program: a template of it is edited."""
    if not folder.exists():
        for name in ("civic", "publish", "templates", "static", "forms_api"):
            shutil.copytree(checkout / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(checkout / "build.py", folder / "build.py")
        (folder / "node_modules").symlink_to((checkout / "node_modules").resolve())
    return folder


def python_of(checkout: Path) -> str:
    """The Python that a checkout runs on: its own, where it has one."""
    own = checkout / ".venv/bin/python"
    return str(own) if own.exists() else sys.executable


def own_cases(name: str, program: Path, site: Path, size: int, python: str) -> Iterator[Case]:
    """What is measured of a program of ours, in the order of a round."""
    content, watched_site = site / "content", site / "watched/site"
    write_ours(content, size)
    lecture = content / "lectures/l5.md"

    def call(out: Path) -> list[str]:
        program_ = [python, str(program / "build.py")]
        return [*program_, "--content", str(content), "--out", str(out), "--now", NOW]

    def one_body() -> None:
        lecture.write_text(lecture.read_text("utf-8") + "\n가나다 라마바\n", "utf-8")

    def one_title() -> None:
        edit(lecture, 'title = "', 'title = "가')

    def one_template() -> None:
        edit(program / "templates/pages/detail.html", "한눈에 보기</h2>", "한눈에 보기</h2><!---->")

    build = partial(measured, call(site / "www/site"), site)
    watching = partial(watched, call(watched_site), watched_site)
    yield f"{name}, cold", removed(site / "www"), build
    yield f"{name}, nothing changed", nothing, build
    yield f"{name}, one body", one_body, build
    yield f"{name}, one title", one_title, build
    yield f"{name}, one body beside --watch", nothing, partial(watching, one_body)
    yield f"{name}, one title beside --watch", nothing, partial(watching, one_title)
    yield f"{name}, one template", one_template, build


def cases(work: Path, size: int, tools: Path, beside: Path | None) -> Iterator[Case]:
    """Everything to be measured at one size, in the order of a round."""
    base, program = work / str(size), house(ROOT, work / "house")
    ours = list(own_cases("ours", program, base / "ours", size, python_of(ROOT)))
    if beside:
        place = house(beside, work / "beside")
        other = own_cases("beside", place, base / "beside", size, python_of(beside))
        ours = [case for pair in zip(ours, other, strict=True) for case in pair]
    yield from ours
    plain = base / "plain.py"
    plain.write_text(PLAIN)
    call = [sys.executable, str(plain), str(program), str(base / "ours/content"), str(base / "plain"), NOW]
    yield "plain Frozen-Flask", removed(base / "plain"), partial(measured, call, work)
    yield from other_generators(base, size, tools)


def other_generators(base: Path, size: int, tools: Path) -> Iterator[Case]:
    """Those that are installed."""
    hugo, eleventy, pelican = tools / "bin/hugo", tools / "node_modules/.bin/eleventy", tools / "bin/pelican"
    if hugo.exists():
        write_hugo(base / "hugo", size)
        binary = next(
            iter(tools.glob("lib/*/site-packages/hugo/binaries/hugo*")), hugo
        )  # not its Python wrapper
        build = partial(measured, [str(binary), "--quiet", "--noBuildLock"], base / "hugo")
        yield "Hugo, cold", removed(base / "hugo/public"), build

        def hugo_body() -> None:
            file = base / "hugo/content/lectures/p5.md"
            file.write_text(file.read_text("utf-8") + "\n가나다\n", "utf-8")

        yield "Hugo, one body", hugo_body, build
    if eleventy.exists():
        write_eleventy(base / "eleventy", size)
        call = [*(["node"] if eleventy.is_symlink() else []), str(eleventy.resolve()), "--quiet"]
        build = partial(measured, call, base / "eleventy")
        yield "Eleventy, cold", removed(base / "eleventy/_site"), build
    if pelican.exists():
        write_pelican(base / "pelican", size)
        call = [str(pelican), "-q", "-s", "conf.py", "-o", "output"]
        build = partial(measured, call, base / "pelican")
        yield "Pelican, cold", removed(base / "pelican/output"), build


def nothing() -> None:
    pass


def removed(folder: Path) -> Callable[[], None]:
    return partial(shutil.rmtree, folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", type=Path, default=Path("/tmp/bench-tools"))
    parser.add_argument("--only", default="", help="parts of names, separated by commas")
    parser.add_argument("--but", default="", help="parts of names that are left out, likewise")
    parser.add_argument("--work", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--beside", type=Path, help="another checkout of ours, to be compared with")
    parser.add_argument("--korean", action="store_true", help="words of content/ instead of any syllables")
    given = parser.parse_args()
    if given.korean:
        texts = [file.read_text("utf-8") for file in sorted((ROOT / "content").rglob("*.md"))]
        KOREAN[:] = sorted({word for text in texts for word in re.findall("[가-힣]{2,}", text)})
    wanted, unwanted = ([part for part in names.split(",") if part] for names in (given.only, given.but))
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        sizes = [int(size) for size in given.sizes.split(",")]
        chosen = [
            [
                case
                for case in cases(Path(folder), size, given.tools, given.beside)
                if (not wanted or any(part in case[0] for part in wanted))
                and not any(part in case[0] for part in unwanted)
            ]
            for size in sizes
        ]
        reached = [run(size, given.rounds, some) for size, some in zip(sizes, chosen, strict=True)]
    return 0 if all(reached) else 1


def run(size: int, rounds: int, everything: list[Case]) -> bool:
    seconds: dict[str, list[float]] = defaultdict(list)
    work_done: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, prepare, measure in everything:
            prepare()
            time.sleep(0.1)  # a file that was just changed may change again at the same time of its clock
            spent, worked, most = measure()
            seconds[name].append(spent)
            work_done[name].append(worked)
            memory[name].append(most)
    hugo = statistics.median(seconds["Hugo, cold"]) if seconds["Hugo, cold"] else None
    print(f"\n{size} documents, {rounds} rounds, median (lowest to highest)\n")
    print(
        "| case | seconds | range | processor seconds | memory MB | × Hugo |\n|---|---:|---:|---:|---:|---:|"
    )
    for name, _, _ in everything:
        middle = statistics.median(seconds[name])
        ratio = f"{middle / hugo:.2f}" if hugo else ""
        spread = f"{min(seconds[name]):.2f} to {max(seconds[name]):.2f}"
        print(
            f"| {name} | {middle:.2f} | {spread} | {statistics.median(work_done[name]):.2f} | {statistics.median(memory[name]):.0f} | {ratio} |"
        )
    compare([seconds, work_done, memory])
    print(json.dumps({"size": size, "seconds": seconds, "work": work_done, "memory": memory}))
    return judged(size, seconds, memory)


if __name__ == "__main__":
    sys.exit(main())
