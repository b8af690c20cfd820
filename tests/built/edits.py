"""Random edits of a small site: what staff, developers and the clock do to it between two builds."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from civic.clock import parse_time
from publish.inputs import Request
from tests.draw_samples import a_draw, publish_draw

# No new characters: fonts take seconds.
WORDS = ("강좌", "안내", "공예", "책", "도서관", "민원실", "소식", "누구나")
MOMENTS = ("2023-08-15T00:00:00", "2023-08-17T10:00:00", "2023-08-31T23:00:00", "2023-09-02T00:00:00")


def put(page: Path, key: str, value: str) -> str:
    """Write a key of the front matter, in place of the one that is there; what was done."""
    lines = [line for line in page.read_text("utf-8").split("\n") if not line.startswith(f"{key} = ")]
    page.write_text("\n".join([lines[0], f"{key} = {value}", *lines[1:]]), "utf-8")
    return f"{page.name}: {key} = {value}"


class Editor:
    """Edits content and templates in place, and the request; the same edits for the same seed."""

    def __init__(self, seed: int, request: Request, templates: Path) -> None:
        self.random = random.Random(seed)
        self.request = request
        self.content, self.templates = request.content, templates

    def edit(self) -> str:
        """Do one edit; what it was, for the message of a failing test."""
        edits: list[Callable[[], str]] = [
            *(5 * [self.body]), *(5 * [self.title]), *(3 * [self.summary]), *(2 * [self.link]), *(2 * [self.clock]),
            lambda: put(self._page(), "published", f"2023-08-{self.random.randint(10, 28)}"),
            lambda: put(self._page("lectures/*.md"), "where", f'"{self._words()}"'),
            lambda: put(self._page(), "draft", self.random.choice(("true", "false"))),
            self.rename, self.delete, self.copy,
            lambda: put(self._page(), self.random.choice(("publish_at", "expire_at")), self._moment()),
            self.form_time, self.template, self.setting,
            lambda: put(self._page("proposals/*.md"), "cost", str(self.random.randint(1, 9) * 1000)),
            self.wish, self.style, self.script, self.drawing,
        ]  # fmt: skip
        return self.random.choice(edits)()

    def _words(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 4)))

    def _page(self, pattern: str = "*/*.md") -> Path:
        return self.random.choice(sorted(self.content.glob(pattern)))

    def _moment(self) -> str:
        return self.random.choice(MOMENTS)

    def body(self) -> str:
        page = self._page()
        page.write_text(page.read_text("utf-8") + f"\n## {self._words()}\n\n{self._words()}\n", "utf-8")
        return f"{page.name}: body"

    def link(self) -> str:
        page, target = self._page(), self._page("programs/*.md")
        page.write_text(page.read_text("utf-8") + f"\n[{self._words()}](/programs/{target.stem}/)\n", "utf-8")
        return f"{page.name}: link to {target.name}"

    def title(self) -> str:
        return put(self._page(), "title", f'"{self._words()}"')

    def summary(self) -> str:
        return put(self._page(), "summary", f'"{self._words()}"')

    def rename(self) -> str:
        page = self._page()
        page.rename(page.with_name(f"page-{self.random.randint(1, 99)}.md"))
        return f"{page.name}: renamed"

    def delete(self) -> str:
        page = self._page()
        page.unlink()
        return f"{page.name}: deleted"

    def copy(self) -> str:
        page = self._page()
        page.with_name(f"copy-{self.random.randint(1, 99)}.md").write_bytes(page.read_bytes())
        return f"{page.name}: copied"

    def form_time(self) -> str:
        page = self._page("lectures/*.md")
        key = self.random.choice(("opens", "closes"))
        page.write_text(
            re.sub(rf"(?m)^{key} = .*$", f"{key} = {self._moment()}", page.read_text("utf-8")), "utf-8"
        )
        return f"{page.name}: {key}"

    def template(self) -> str:
        """Another word somewhere in a template, a partial or the frame of all pages."""
        files = [*self.templates.glob("pages/*.html"), *self.templates.glob("components/*.html")]
        file = self.random.choice([*sorted(files), self.templates / "base.html"])
        text = file.read_text("utf-8")
        places = [found.end(1) for found in re.finditer(r">([가-힣][가-힣 .]*)</", text)]
        if places:
            at = self.random.choice(places)
            file.write_text(f"{text[:at]} {self._words()}{text[at:]}", "utf-8")
        return f"template {file.name}"

    def style(self) -> str:
        """Another rule in a stylesheet: its address is in every page."""
        file = self.random.choice(sorted(self.templates.parent.glob("static/css/*.css")))
        file.write_text(
            f"{file.read_text('utf-8')}\nmain {{ top: {self.random.randint(1, 99)}px; }}\n", "utf-8"
        )
        return f"style {file.name}"

    def script(self) -> str:
        file = self.random.choice(sorted(self.templates.parent.glob("static/js/*.js")))
        file.write_text(
            f"{file.read_text('utf-8')}\n// {self._words()}\nvoid {self.random.randint(1, 99)};\n", "utf-8"
        )
        return f"script {file.name}"

    def drawing(self) -> str:
        """A public draw is published, or published anew."""
        page = self._page("lectures/*.md")
        drawn, places = self.random.random() < 0.7, self.random.randint(1, 4)
        publish_draw(self.content, a_draw(f"lectures/{page.stem}", self._words(), drawn, places))
        return f"draw of {page.name}, {places} places"

    def setting(self) -> str:
        site = self.content / "site.toml"
        text = site.read_text("utf-8")
        key = self.random.choice(("name", "organisation", "craft", "label", "phone", "title"))
        found = list(re.finditer(rf'(?m)^{key} = ".*"$', text))
        if found:
            one = self.random.choice(found)
            site.write_text(f'{text[: one.start()]}{key} = "{self._words()}"{text[one.end() :]}', "utf-8")
        return f"setting {key}"

    def clock(self) -> str:
        """Time goes on, to another moment of the content, or (a demonstration) back."""
        if self.random.random() < 0.3:
            now = parse_time(self._moment())
        else:
            now = self.request.now + timedelta(minutes=self.random.choice((1, 20, 300, 1440, 4000)))
        self.request = replace(self.request, now=now)
        return f"clock {now}"

    def wish(self) -> str:
        if self.random.random() < 0.5:
            self.request = replace(self.request, demo=not self.request.demo)
        else:
            self.request = replace(self.request, base_url=self.random.choice(("", "https://a.example")))
        return f"demo {self.request.demo}, base_url {self.request.base_url}"
