"""How well is the site searched: ours beside Pagefind, in one run, over the district's content and over pages that are made here.

    python -m bench.search [--pages 2000] [--work DIR]

Truth is a plain scan of each page's text. Asked are words of the texts, half of them pieces from inside of longer words. Bytes
are those of a first answer, compressed as a server sends them: program, index and the hits that are shown. Pagefind,
fetched at the first run, indexes the same texts as pages in Korean. Exit code 1 where an aim is missed:
recall 0.99, precision 0.95, 15 kB over the district's content and 40 kB over 2,000 pages.
"""

import argparse
import gzip
import html
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from playwright.sync_api import sync_playwright

from civic.content.search import SHOWN, search, show
from tests.browser.chromium import FLAGS, find
from tests.search_cases import QUERIES, quality, scanned, texts

ROOT = Path(__file__).resolve().parent.parent
NOW = "2023-08-16T09:00:00+09:00"
NOUNS = [
    "주민",
    "참여",
    "예산",
    "도서관",
    "마을",
    "강좌",
    "신청",
    "행사",
    "센터",
    "복지",
    "문화",
    "청년",
    "일자리",
    "어린이",
    "안전",
    "교통",
    "공원",
    "환경",
    "건강",
    "체육",
    "교육",
    "평생",
    "학습",
    "인문",
    "독서",
    "글쓰기",
    "음악",
    "미술",
    "축제",
    "시장",
    "상생",
    "나눔",
    "돌봄",
    "어르신",
    "가족",
    "다문화",
    "외국인",
    "주차",
    "보행",
    "자전거",
    "하천",
    "산책",
    "나무",
    "텃밭",
    "농업",
    "창업",
    "취업",
    "상담",
    "법률",
    "세금",
    "민원",
    "회의",
    "위원회",
    "공모",
    "선정",
    "결과",
    "안내",
    "모집",
    "접수",
    "추첨",
    "대기",
    "봉사",
    "활동",
    "기록",
    "사진",
    "영상",
    "방송",
    "인터넷",
    "컴퓨터",
    "스마트폰",
    "로봇",
    "과학",
    "수학",
    "역사",
    "유산",
    "박물관",
    "미술관",
    "공연",
    "극장",
    "영화",
    "요리",
    "건축",
    "재생",
    "골목",
    "상가",
    "아파트",
    "놀이터",
    "유치원",
    "학교",
    "대학",
    "병원",
    "약국",
    "보건소",
    "예방",
    "접종",
    "검진",
    "운동",
    "수영",
    "축구",
    "배드민턴",
]
VERBS = [
    "합니다",
    "엽니다",
    "받습니다",
    "알립니다",
    "모집합니다",
    "배웁니다",
    "만듭니다",
    "나눕니다",
    "고릅니다",
    "정합니다",
]
PARTICLES = ["을", "를", "이", "가", "은", "는", "에", "에서", "의", "과", "와", "", "", ""]


def sentences(chance: random.Random, count: int) -> str:
    """Korean as notices are written: nouns that are joined, particles, a verb at the end."""
    made = []
    for _ in range(count):
        joined = [
            "".join(chance.choices(NOUNS, k=chance.randint(1, 3))) + chance.choice(PARTICLES)
            for _ in range(chance.randint(4, 9))
        ]
        made.append(f"{' '.join(joined)} {chance.choice(VERBS)}.")
    return "\n".join(made)


def write_pages(folder: Path, count: int) -> Path:
    """A site of so many programmes, about 2 kB of text each; the same for the same count."""
    chance = random.Random(count)
    shutil.copytree(
        ROOT / "tests/samples/small",
        folder,
        ignore=lambda _, names: {n for n in names if n in ("lectures", "events", "votes", "proposals")},
    )
    site = folder / "site.toml"
    site.write_text(
        re.sub(
            r'to = "/(?:lectures|events|votes|proposals)[^"]*"', 'to = "/programs/"', site.read_text("utf-8")
        ),
        "utf-8",
    )
    shutil.rmtree(folder / "programs")
    (folder / "programs").mkdir()
    for number in range(count):
        title = " ".join("".join(chance.choices(NOUNS, k=2)) for _ in range(3))
        head = f'+++\ntitle = "{title} {number}"\nsummary = "{sentences(chance, 1)}"\npublished = 2023-{number % 7 + 1:02}-{number % 28 + 1:02}\n+++\n'
        (folder / f"programs/p{number}.md").write_text(f"{head}\n{sentences(chance, 12)}\n", "utf-8")
    return folder


def queries(pages: dict[int, tuple[str, str]], count: int = 60) -> list[str]:
    """Words of the texts: two thirds are pieces from inside of a longer word."""
    chance = random.Random(count)
    found: dict[str, None] = {}
    plain = [word for _, text in pages.values() for word in re.findall(r"[가-힣]{4,}", text)]
    while len(found) < count:
        word = chance.choice(plain)
        if len(found) % 3:
            start = chance.randint(1, len(word) - 2)
            found[word[start : start + chance.randint(2, 4)]] = None
        else:
            found[word] = None
    return list(found)


def build(content: Path, out: Path) -> float:
    """Seconds of a build from nothing."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, ROOT / "build.py", "--content", content, "--out", out, "--now", NOW, "--full"],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def index_seconds(site: Path) -> float:
    """Seconds that the index alone takes, the texts being there."""
    from publish.render import Before, Maker
    from publish.search import PAGES, add_index

    class Nowhere(Maker):
        def write(self, *_: Any) -> Any:
            pass

    maker = Nowhere({}, {}, site.resolve(), Before())
    records: Any = dict.fromkeys(f"{PAGES}{number}.json" for number in texts(site))
    began = time.perf_counter()
    add_index(maker, records, ())
    return time.perf_counter() - began


def ours(site: Path, asked: Sequence[str], pages: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """What our index finds, and what a first answer costs."""
    program = next((site / "assets").glob("search.*.js"))
    sizes = {"": len(gzip.compress(program.read_bytes(), 9))}
    costs, pairs = [], []
    for query in asked:
        read: dict[str, int] = dict(sizes)

        def noted(name: str, read: dict[str, int] = read) -> Any:
            raw = (site / f"search/{name}.json").read_bytes()
            read[name] = len(gzip.compress(raw, 9))
            return json.loads(raw)

        found = search(query, noted)
        pairs.append((set(found), scanned(query, pages)))
        for number in found[:SHOWN]:
            show(number, query, noted)
        costs.append(sum(read.values()))
    recall, precision = quality(pairs)
    kept = list((site / "search").rglob("*.json"))
    return {"recall": recall, "precision": precision, "bytes": statistics.median(costs), "most": max(costs), "files": len(kept),
            "index": sum(len(gzip.compress(file.read_bytes(), 9)) for file in kept)}  # fmt: skip


PAGEFIND = """async (queries) => {
  const pagefind = await import("/pagefind/pagefind.js");
  await pagefind.options({ excerptLength: 20 });
  await pagefind.init();
  const all = [];
  for (const query of queries) {
    performance.clearResourceTimings();
    const found = await pagefind.search(query);
    const shown = await Promise.all(found.results.slice(0, SHOWN).map((each) => each.data()));
    const rest = await Promise.all(found.results.map((each) => each.data()));
    all.push(rest.map((each) => Number(each.url.match(/(\\d+)\\.html/)[1])));
  }
  return all;
}"""
FIRST = """async (query) => {
  const pagefind = await import("/pagefind/pagefind.js");
  await pagefind.init();
  const found = await pagefind.search(query);
  await Promise.all(found.results.slice(0, SHOWN).map((each) => each.data()));
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, compressed where that helps, and how much was sent."""

    sent: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            self.send_error(404)
            return
        raw = file.read_bytes()
        small = raw if raw[:2] == b"\x1f\x8b" else gzip.compress(raw, 9)
        self.sent.append(min(len(raw), len(small)))
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


def node_tool(name: str, version: str) -> Path:
    """A program of npm's that only the benchmarks need: fetched at the first run into var/tools. Raises CalledProcessError."""
    home = ROOT / f"var/tools/{name}-{version}"
    program = home / "node_modules/.bin" / name
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", *flags, "--prefix", home, f"{name}@{version}"], check=True)
    return program


def pagefind(folder: Path, asked: Sequence[str], pages: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """The same of Pagefind, in a browser as a reader has it; each first answer with nothing in the cache."""
    folder.mkdir()
    for number, (title, text) in pages.items():
        body = f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
        (folder / f"{number}.html").write_text(
            f'<!doctype html><html lang="ko"><title>{number}</title><body>{body}</body></html>', "utf-8"
        )
    (folder / "index.html").write_text('<!doctype html><html lang="ko"><title>x</title></html>', "utf-8")
    began = time.perf_counter()
    subprocess.run([node_tool("pagefind", "1.6.0"), "--site", folder], check=True, capture_output=True)
    seconds = time.perf_counter() - began
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    costs: list[int] = []
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=find(), args=FLAGS)
        page = browser.new_page(base_url=base)
        page.goto("/index.html")
        page.set_default_timeout(600_000)
        found = page.evaluate(PAGEFIND.replace("SHOWN", str(SHOWN)), list(asked))
        for query in asked[:12]:
            fresh = browser.new_context(base_url=base)
            opened = fresh.new_page()
            opened.goto("/index.html")
            Quiet.sent.clear()
            opened.evaluate(FIRST.replace("SHOWN", str(SHOWN)), query)
            costs.append(sum(Quiet.sent))
            fresh.close()
        browser.close()
    server.shutdown()
    recall, precision = quality(
        (set(each), scanned(query, pages)) for query, each in zip(asked, found, strict=True)
    )
    kept = [
        file for file in (folder / "pagefind").rglob("*") if file.is_file() and "pagefind-ui" not in file.name
    ]
    return {"recall": recall, "precision": precision, "bytes": statistics.median(costs), "most": max(costs), "files": len(kept),
            "index": sum(len(gzip.compress(file.read_bytes(), 9)) for file in kept), "seconds": seconds}  # fmt: skip


def cases(
    work: Path, count: int
) -> Iterator[tuple[str, Path, Callable[[dict[int, tuple[str, str]]], Sequence[str]], int]]:
    """(name, content, what is asked, most bytes of a first answer)."""
    yield (
        "the district's content",
        ROOT / "content",
        lambda pages: [q for q in QUERIES if scanned(q, pages)] + queries(pages),
        15_000,
    )
    yield f"{count} pages", write_pages(work / "made", count), queries, 40_000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        work = Path(name)
        for number, (what, content, ask, most) in enumerate(cases(work, given.pages)):
            site = work / f"www{number}/site"
            seconds = build(content, site)
            pages = texts(site)
            asked = ask(pages)
            inside = sum(not any(f" {query}" in f" {text}" for _, text in pages.values()) for query in asked)
            print(
                f"{what}: {len(pages)} pages, {len(asked)} queries, {inside} of them never at the beginning of a word"
            )
            rows = {
                "ours": ours(site, asked, pages) | {"seconds": index_seconds(site)},
                "Pagefind": pagefind(work / f"pagefind{number}", asked, pages),
            }
            for side, row in rows.items():
                print(
                    f"  {side:>8}: recall {row['recall']:.3f}, precision {row['precision']:.3f}, first answer {row['bytes'] / 1000:.1f} kB"
                    f" (most {row['most'] / 1000:.1f}), all {row['index'] / 1000:,.0f} kB in {row['files']} files, index {row['seconds']:.2f} s"
                )
            print(f"  the whole build from nothing: {seconds:.1f} s")
            own = rows["ours"]
            missed |= own["recall"] < 0.99 or own["precision"] < 0.95 or own["bytes"] > most
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
