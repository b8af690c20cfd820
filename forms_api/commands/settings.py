"""`settings`: the table of settings, as docs/api.md prints it."""

from __future__ import annotations

import click

from forms_api.settings import table


def as_markdown() -> str:
    """The table in Markdown, one line per setting."""
    lines = ["| 환경 변수 | 기본값 | 뜻 |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {f'`{default}`' if default else '(빈 값)'} | {text} |"
        for name, default, text in table()
    ]
    return "\n".join(lines)


@click.command()
def settings() -> None:
    """설정(환경 변수) 표를 보여 줍니다."""
    click.echo(as_markdown())
