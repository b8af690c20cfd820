"""`new`: a content folder for another town, which builds as it is. Options only; nothing is asked, nothing is written over."""

import re
import shutil
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import tomlkit

from civic.clock import SEOUL
from civic.errors import Misuse
from civic.files import write
from civic.korean import josa
from civic.library import load
from templates import FOLDER, plain

TOWN = FOLDER / "town"
FIRST_LOTTO = date(2002, 12, 7)  # number 1; one each Saturday since


@click.command("new", help="다른 동네의 내용 폴더를 만듭니다.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="누리집 이름")
@click.option("--organisation", help="운영 기관 이름. 적지 않으면 누리집 이름")
@click.option("--department", help="대표 문의 부서. 적지 않으면 운영 기관")
@click.option("--phone", help="대표 전화")
@click.option("--base-url", "base_url", help="공개 주소(https://로 시작)")
@click.option("--colour", help="링크와 단추의 색(#0b50d0처럼)")
@click.option(
    "--logo",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="이름 앞의 그림 파일(png, webp, jpg)",
)
def new(folder: Path, name: str, logo: Path | None, **given: str | None) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"{folder}: 이미 무엇이 있습니다. 새 이름이나 빈 폴더를 적으세요.")
    organisation = given["organisation"] or name
    words = {
        "name": name,
        "organisation": organisation,
        "department": given["department"] or organisation,
        "phone": given["phone"] or "",
        "base_url": (given["base_url"] or "https://www.example.go.kr").rstrip("/"),
        "colour": (given["colour"] or "").lower(),
        "logo": f"logo{logo.suffix.lower()}" if logo else "",
    }
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    # Beside it and moved: all of it or nothing is there in the end.
    with TemporaryDirectory(prefix=".new-", dir=place.parent) as draft:
        town = Path(draft) / "town"
        _write(town, words)
        if logo:
            shutil.copyfile(logo, town / words["logo"])
        load(town, datetime.now(SEOUL))
        town.replace(place)
    click.echo(f"{folder}: 만들었습니다. 글을 고치고 make serve CONTENT={folder} 로 보세요.")


def _write(folder: Path, words: Mapping[str, str]) -> None:
    """The folder of a town. words: what its files say of it."""
    today = datetime.now(SEOUL).date()

    def day(later: int) -> str:
        return (today + timedelta(days=later)).isoformat()

    later = today + timedelta(days=4)  # more than a day behind the window of the first minutes
    saturday = later + timedelta(days=(5 - later.weekday()) % 7)
    lotto = (saturday - FIRST_LOTTO).days // 7 + 1
    env = plain(TOWN, keep_trailing_newline=True)
    env.filters |= {"toml": lambda text: tomlkit.string(text).as_string(), "josa": josa}
    env.globals.update(words, today=today, day=day, lotto=lotto, saturday=saturday)
    for file in sorted(TOWN.rglob("*.*")):
        place = file.relative_to(TOWN)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        write(folder / place, re.sub(r"\n{3,}", "\n\n", env.get_template(place.as_posix()).render()))
