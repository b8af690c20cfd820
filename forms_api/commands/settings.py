"""`settings`: what can be set, and how."""

import click

from forms_api.settings import table


@click.command()
def settings() -> None:
    """설정(환경 변수) 표를 보여 줍니다."""
    click.echo("| 환경 변수 | 기본값 | 뜻 |\n|---|---|---|")  # as docs/api.md has it
    for name, default, text in table():
        click.echo(f"| `{name}` | {f'`{default}`' if default else '(빈 값)'} | {text} |")
