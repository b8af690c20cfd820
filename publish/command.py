"""How the build is called and what it says: what the command line takes, what of it makes no sense together, what a build did."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from civic.clock import SEOUL, YEARS, parse_time
from civic.errors import ContentMistakes, InUse, trouble
from civic.links import is_address, notice_of
from publish.builds import BuildFailed
from publish.inputs import Request

if TYPE_CHECKING:
    from civic.library import Library

MODES = ("check", "watch", "rollback", "due")


class Call(NamedTuple):
    """One call of the command. mode: one of MODES, "" for a build; beside: see publish.watch."""

    request: Request
    mode: str
    beside: list[str] | None


@dataclass
class BuildReport:
    """What one build did."""

    files: int = 0  # of the whole site
    made: int = 0  # rendered; the others were taken over
    dropped: int = 0
    build: str = ""  # name of the build that is the site now
    is_new: bool = False  # was anything published?
    due: datetime | None = None  # when the site has to be built again because of the clock
    mistakes: tuple[str, ...] = ()  # see outcome
    warnings: tuple[str, ...] = ()  # what staff should look at
    said: tuple[str, ...] = ()  # what else is worth a line: where each draft stands
    seconds: float = 0.0

    def sentence(self, out: object) -> str:
        """What happened, in one line."""
        if not self.is_new:
            return f"{out}: 바뀐 것이 없습니다. 파일 {self.files}개 그대로입니다. ({self.seconds:.2f}초)"
        parts = [f"만든 것 {self.made}개", f"이어받은 것 {self.files - self.made}개"]
        if self.dropped:
            parts.append(f"내린 것 {self.dropped}개")
        return f"{out}: 파일 {self.files}개({', '.join(parts)})를 {self.seconds:.1f}초에 만들었습니다."


def outcome(library: "Library") -> tuple[str, ...]:
    """A line for each mistake that a notice is held back for, and what is seen of it now; nothing where all are right."""
    shown = {notice_of(file) for file in library.digests}
    said = ("올린 적이 없어 보이지 않습니다.", "앞서 올린 글이 그대로 보입니다.")
    told = (f"{'/'.join(page)}: {said[page in shown]}" for page in sorted(library.held))
    return (*map(str, library.refused), *told)


def reasons(wrong: Exception, out: Path) -> tuple[str, list[str]]:
    """What went wrong with a build, and why, a line for each reason."""
    said = "만들지 못했습니다."
    if isinstance(wrong, ContentMistakes):
        return f"고칠 곳이 {len(wrong.mistakes)}개 있습니다.", [*map(str, wrong.mistakes)]
    if isinstance(wrong, BuildFailed | InUse):
        return said, [*map(str, wrong.args)]
    if isinstance(wrong, OSError):
        return said, [trouble(wrong, out)]
    from publish.render import explain

    return said, [explain(wrong)]


def read_call(arguments: Sequence[str] | None, defaults: Mapping[str, object]) -> Call:
    """The call. defaults: of options that are not given. Exits with 2 and a sentence when it is wrong, 0 after its help."""
    try:
        call = _call.main(arguments, "build.py", standalone_mode=False, default_map=defaults)
    except click.UsageError as wrong:
        from civic.korean import call_mistake

        print(f"{call_mistake(wrong.format_message())}\n쓰는 법은 build.py --help로 봅니다.", file=sys.stderr)
        sys.exit(2)
    if not isinstance(call, Call):
        sys.exit(0)
    return call


def _time(text: str) -> datetime:
    try:
        at = parse_time(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"2023-08-16T09:00:00처럼 쓰세요 (found {text})") from None
    if at.year not in YEARS:
        raise click.BadParameter(f"{YEARS[0]}년부터 {YEARS[-1]}년까지 쓸 수 있습니다 (found {text})")
    return at


def _address(text: str) -> str:
    if text and not is_address(text):
        raise click.BadParameter(f"https://www.example.go.kr처럼 이름까지만 소문자로 쓰세요 (found {text})")
    return text


def _words(text: str) -> list[str]:
    with suppress(ValueError):  # a quotation mark too few
        words = shlex.split(text)
        if words and shutil.which(words[0]):
            return words
    raise click.BadParameter(f"그런 명령이 없습니다 (found {text})")


_DIR = click.Path(path_type=Path)


@click.command(help="누리집을 만듭니다.")
@click.option("--content", type=_DIR, metavar="DIR", help="내용이 있는 폴더")
@click.option("--out", type=_DIR, metavar="DIR", help="누리집이 놓일 자리(링크)")
@click.option("--results", type=_DIR, metavar="DIR", help="서버가 센 투표의 결과가 있는 폴더")
@click.option("--base-url", type=_address, metavar="URL", help="공개 주소")
@click.option("--now", type=_time, metavar="ISO", help="이 시각의 누리집을 시연용으로 만듭니다")
@click.option("--check", is_flag=True, help="내용만 살펴보고 아무것도 쓰지 않습니다")
@click.option("--full", is_flag=True, help="이어받지 않고 모두 새로 만듭니다")
@click.option("--draft", is_flag=True, help="쓰는 중인 글도, 주소를 아는 사람만 보게 만듭니다")
@click.option("--strict", is_flag=True, help="잘못이 있는 글이 하나라도 있으면 만들지 않습니다")
@click.option("--watch", is_flag=True, help="고칠 때마다 다시 만들고 브라우저를 새로 고칩니다")
@click.option("--due", is_flag=True, help="언제 다시 만들어야 하는지 적습니다(시각, now, never)")
@click.option("--rollback", is_flag=True, help="바로 전에 만든 누리집으로 되돌립니다")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="함께 일할 프로세스 수")
@click.option(
    "--previous", type=_DIR, metavar="DIR", help="앞선 누리집(옮겨 만들 때). 달력의 고친 횟수를 잇습니다"
)
@click.option("--beside", type=_words, metavar="COMMAND", help="--watch와 함께 돌릴 서버 명령")
def _call(content: Path, out: Path, now: datetime | None, full: bool, **given: Any) -> Call:
    mode, *others = [mode for mode in MODES if given[mode]] or [""]
    if others:
        raise click.UsageError(f"--{others[0]}: --{mode}와 함께 쓸 수 없습니다")
    if full and mode not in ("", "watch"):
        raise click.UsageError(f"--full: --{mode}와 함께 쓸 수 없습니다")
    if given["beside"] is not None and mode != "watch":
        raise click.UsageError("--beside: --watch 없이 쓸 수 없습니다")
    _check_places(content, out)
    moment = now or datetime.now(SEOUL).replace(microsecond=0)
    more = {name: value for name, value in given.items() if name not in (*MODES, "beside")}
    request = Request(content, out, moment, demo=now is not None, live=mode == "watch", full=full, **more)
    return Call(request, mode, given["beside"])


def _check_places(content: Path, out: Path) -> None:
    """Raises UsageError for places that cannot be, and where the site would lie in its content."""
    try:
        place = out.absolute().parent.resolve() / out.name
        place.is_symlink()  # can anything be told of it?
        if place.is_relative_to(content.resolve()):
            raise click.UsageError(f"--out: 내용이 있는 폴더 밖에 두세요 (found {out})")
    except OSError as wrong:  # e.g. a name that is too long
        raise click.UsageError(f"쓸 수 없는 자리입니다: {trouble(wrong, out)}") from wrong
    except RuntimeError as wrong:
        raise click.UsageError("--content, --out: 링크가 제자리로 돌아옵니다") from wrong
