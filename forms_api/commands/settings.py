"""`settings`: what can be set, and how."""

import click

from forms_api.settings import table


@click.command()
def settings() -> None:
    """설정(환경 변수) 표를 보여 줍니다."""
    click.echo(as_markdown())


def as_markdown() -> str:
    """The table of settings, as docs/api.md prints it: one line per setting."""
    lines = ["| 환경 변수 | 기본값 | 뜻 |", "|---|---|---|"]
    for name, default, text in table():
        lines.append(f"| `{name}` | {f'`{default}`' if default else '(빈 값)'} | {text} |")
    return "\n".join(lines)
