"""Files that staff or an earlier command give to a command, and what is said when they cannot be used."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar, get_args

import click
from pydantic import ValidationError

from civic.errors import Unusable, why
from civic.files import typed_text
from civic.recount import VERIFY, checker_digest, wrong_fields
from civic.shape import Shape

A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
A_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

F = TypeVar("F", bound=Shape)
T = TypeVar("T")
R = TypeVar("R")


def give_up(*lines: str) -> NoReturn:
    """What staff gave cannot be used, for these reasons. Raises Unusable, which ends the command."""
    raise Unusable(lines)


def read_shape(file: Path, *models: type[F], is_toml: bool = False) -> F:
    """A file that an earlier command wrote as JSON, or staff as TOML. Gives up naming each field that is wrong.

    models: what it may be: the one that it says by its "format" to be, else the first.
    """
    with reading(file):
        text = typed_text(file)
        if is_toml:
            return models[0].model_validate(tomllib.loads(text))
        told = [each for each in models if f'"{get_args(each.model_fields["format"].annotation)[0]}"' in text]
        return [*told, *models][0].model_validate_json(text)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Gives up with the name of the file that is read in here and cannot be used."""
    try:
        yield
    except ValidationError as wrong:
        give_up(*(": ".join(filter(None, (str(file), *told))) for told in wrong_fields(wrong)))
    except UnicodeDecodeError:
        give_up(f"{file}: UTF-8로 적힌 파일이 아닙니다.")
    except tomllib.TOMLDecodeError:
        give_up(f"{file}: TOML로 읽을 수 없습니다.")
    except OSError as wrong:
        give_up(f"{file}: {why(wrong)}")
    except Unusable as mistake:
        give_up(*(f"{file}: {line}" for line in mistake.lines))


def of_each(given: Iterable[T], act: Callable[[T], R]) -> list[R]:
    """What the act gives for each of them. Gives up naming all that is wrong with any."""
    found: list[R] = []
    wrong: list[str] = []
    for each in given:
        try:
            found.append(act(each))
        except Unusable as mistake:
            wrong += mistake.lines
    if wrong:
        give_up(*wrong)
    return found


def tell(*lines: str, name: str = VERIFY) -> None:
    """Say these lines, and the digest of the program that readers check with: so that it is known outside the site too."""
    for line in lines:
        click.echo(line)
    click.echo(f"확인하는 프로그램 {name}의 확인 값 {checker_digest(name)}")
