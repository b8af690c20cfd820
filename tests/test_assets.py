"""What pages load: complete, small, ours alone, and the same each time."""

import ast
import gzip
import re
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from templates import fonts, stylesheet
from templates.assets import APART, MANIFEST, STAFF, Assets, SiteAssets, own_characters, page_words, style

ROOT = Path(__file__).parents[1]
CHARACTERS = frozenset("광산구 참여마당에서 신청하세요 0123456789")


@pytest.fixture(scope="module")
def assets() -> Assets:
    """The real assets, with few characters so that it is quick."""
    return Assets.collect(ROOT, CHARACTERS)


def the(assets: Assets, name: str) -> bytes:
    """The content behind a plain name."""
    return assets.files[assets.url(name).removeprefix("/assets/")]


def test_names_follow_content(assets: Assets) -> None:
    """A name carries eight signs of the content's hash, and an unknown name is an error."""
    assert re.fullmatch(r"/assets/site\.[0-9a-f]{8}\.css", assets.url("site.css"))
    with pytest.raises(KeyError):
        assets.url("sight.css")


def test_same_input_same_bytes(assets: Assets, tmp_path: Path) -> None:
    """A second collection with an empty cache gives every file byte for byte."""
    again = Assets.collect(ROOT, CHARACTERS, cache=tmp_path)
    assert again.files == assets.files
    assert again.addresses == assets.addresses


def test_every_character_of_the_site_has_a_glyph(assets: Assets) -> None:
    """The small fonts hold what was asked for, and do not bear the reserved name."""
    for weight in ("regular", "medium", "bold"):
        font = TTFont(BytesIO(the(assets, f"madang-sans-{weight}.woff2")))
        assert {ord(sign) for sign in CHARACTERS} <= set(font.getBestCmap())
        names = {str(record) for record in font["name"].names if record.nameID in (1, 3, 4, 6, 16)}
        assert not any("Pretendard" in name for name in names)


def test_what_a_stylesheet_reads_is_set(assets: Assets) -> None:
    """Sizes and colours that only the stylesheets of some pages read are set in the one that all pages load."""
    site = the(assets, "site.css").decode()
    own = {name: the(assets, f"{name}.css").decode() for name in APART}
    for name, css in own.items():
        assert set(re.findall(r"var\((--[\w-]+)\)", css)) <= set(re.findall(r"(--[\w-]+):", site + css)), name


def test_a_moved_module_leaves_the_font_as_it_is(tmp_path: Path) -> None:
    """Which letters the small font has is no matter of how modules are called or where in the house they lie."""
    for name in ("civic", "forms_api", "publish", "templates", "static/js"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    before = own_characters(tmp_path)
    (tmp_path / "civic/errors.py").rename(tmp_path / "civic/refusals.py")
    (tmp_path / "civic/library.py").rename(tmp_path / "publish/shelf.py")
    (tmp_path / "civic/votes").rename(tmp_path / "civic/polls")
    assert own_characters(tmp_path) == before == own_characters(ROOT)


def test_every_refusal_has_its_letters() -> None:
    """Whatever the form API may say to a citizen stands in the site's font; only words of the commands may not."""
    places = [
        ROOT / "civic/errors.py",
        *(x for x in (ROOT / "forms_api").glob("*.py") if x.name not in STAFF),
    ]
    said = "".join(
        node.value
        for file in places
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    letters = {letter for letter in said if "가" <= letter <= "힣"}
    assert len(letters) > 100
    assert letters <= own_characters(ROOT)


def test_nothing_is_asked_of_a_third_party(assets: Assets) -> None:
    """No address in styles or scripts leaves the site, and every address in the CSS is a file of ours."""
    css = the(assets, "site.css").decode()
    assert "@import" not in css
    for address in re.findall(r'url\(\s*"?([^")]+)', css):
        assert address.startswith("data:image/svg+xml,") or address.removeprefix("/assets/") in assets.files
    for name, content in assets.files.items():
        if name.endswith(".js"):
            assert not re.search(r"https?://", content.decode())


def test_imports_name_files_that_exist(assets: Assets) -> None:
    """A script imports its neighbour under the neighbour's hashed name."""
    imported = re.findall(
        r'(?:from |import\()"/assets/([^"]+)"', (the(assets, "site.js") + the(assets, "vote.js")).decode()
    )
    assert len(imported) >= 2
    assert all(name in assets.files for name in imported)


def test_no_script_of_the_kit_is_shipped(assets: Assets) -> None:
    """Every script comes from static/js."""
    ours = {file.stem for file in (ROOT / "static/js").glob("*.js")}
    assert {name.split(".")[0] for name in assets.files if name.endswith(".js")} == ours


def test_pages_stay_light(assets: Assets) -> None:
    """Styles and scripts of the heaviest page are under 45 kB as sent."""
    names = ("site.css", "settings.js", "site.js", "status.js", "form.js")
    assert sum(len(gzip.compress(the(assets, name))) for name in names) < 45_000


def test_every_used_property_is_declared(assets: Assets) -> None:
    """The purge drops no custom property that a kept rule reads without a fallback."""
    css = the(assets, "site.css").decode()
    declared = set(re.findall(r"[{;](--[\w-]+):", css))
    read = set(re.findall(r"var\((--[\w-]+)\)", css))
    # The kit itself reads these without declaring them anywhere.
    kit = "".join(
        (ROOT / "node_modules/krds-uiux/resources/css" / name).read_text("utf-8")
        for name in ("token/krds_tokens.css", "component/output.css")
    )
    never = {name for name in read if name not in declared and f"{name}:" not in kit}
    assert not {name for name in never if not name.startswith("--krds-")}
    assert read - declared <= never


def test_classes_of_the_kit_in_templates_are_styled(assets: Assets) -> None:
    """Each class from the kit that a template names has its rules in what is shipped."""
    css = the(assets, "site.css").decode()
    used = {
        word
        for word in page_words(ROOT)
        if re.match(r"(krds-(btn|badge|input|form|step|pag|table)|bg-light-)", word)
    }
    used -= {"krds-mode"}
    assert {"krds-btn", "krds-badge", "krds-input", "bg-light-success"} <= used
    assert [name for name in sorted(used) if f".{name}" not in css] == []


def test_focus_and_legends_are_never_hidden(assets: Assets) -> None:
    """The kit's rules that hide legends or focus rings do not reach a page."""
    layer = the(assets, "site.css").decode().split("@layer kit{", 1)[1]
    for rule in stylesheet.parse("@layer kit{" + layer):
        for inner in rule.rules or ():
            assert "legend" not in inner.head or "clip" not in inner.body
            assert not inner.head.startswith("*:focus")


def test_purge_keeps_what_can_match_only() -> None:
    """A selector list loses its dead selectors; a media rule without living rules goes."""
    rules = stylesheet.parse(
        ".a, .b .c { color: red } @media print { .dead { top: 0 } } p:not(.a) { top: 1px }"
    )
    kept = stylesheet.purge(rules, {"a", "b"}, lambda selector: False)
    assert stylesheet.write(kept) == ".a{color:red}p:not(.a){top:1px}"


def test_unused_properties_go_however_far_away() -> None:
    """--far is read only by --near, which nobody reads: both go; --used stays."""
    rules = stylesheet.parse(":root { --far: 1; --near: var(--far); --used: 2 } p { top: var(--used) }")
    assert stylesheet.write(stylesheet.keep_used_properties(rules)) == ":root{--used:2}p{top:var(--used)}"


def test_braces_and_semicolons_in_quotes_do_not_divide() -> None:
    """content: "};" is one value."""
    (rule,) = stylesheet.parse('p::before { content: "};{"; top: 0 }')
    assert list(stylesheet.declarations(rule.body)) == [("content", '"};{"'), ("top", "0")]


def test_an_open_brace_is_an_error() -> None:
    """A stylesheet that was cut off stops the build."""
    with pytest.raises(ValueError, match="not closed"):
        stylesheet.parse("p { top: 0")


def test_a_mistake_in_a_style_names_its_file(tmp_path: Path) -> None:
    """With nine files put together, "a brace is not closed" alone is a search; locks of editors are no scripts."""
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    for name in ("static", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "static/js/.#live.js").symlink_to("somebody@host.1234")
    (tmp_path / "templates/.#base.html").symlink_to("somebody@host.1234")
    assert style(tmp_path) == style(ROOT)
    with (tmp_path / "static/css/layout.css").open("a", encoding="utf-8") as file:
        file.write("main {")
    with pytest.raises(ValueError, match=r"static/css/layout\.css: css: a brace is not closed"):
        style(tmp_path)


def test_unicode_range_joins_neighbours() -> None:
    """Neighbours become a span; others stand alone."""
    assert fonts.unicode_range("abc가") == "U+61-63,U+AC00"
    assert fonts.unicode_range("") == ""


def test_manifest_follows_the_live_site(tmp_path: Path) -> None:
    """Plain names without a site; then the names of the build that is live now."""
    live = SiteAssets(tmp_path)
    assert live.url("site.css") == "/assets/site.css"
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("/assets/site.11111111.css", "/assets/site.22222222.css"):
        fresh = folder / "fresh.json"
        fresh.write_text(f'{{"site.css": "{name}"}}', "utf-8")
        fresh.replace(folder / MANIFEST)
        assert live.url("site.css") == name
