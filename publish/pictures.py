"""Pictures beside a page as it shows them: in several widths, without what cameras note; and links to its documents."""

import html
import io
import re
from urllib.parse import unquote

from markupsafe import Markup

from civic.content.attached import PICTURES, Attached
from civic.content.pages import Document
from civic.errors import ContentMistakes, Mistake
from civic.text import nfc
from publish.memory import Kept

WIDTHS = (480, 960, 1440)  # pixels: a phone, a phone of many pixels or a column, a wide screen
SIZES = "(min-width: 1024px) 76rem, 100vw"
QUALITY = {"WEBP": 80, "JPEG": 82}

_IMG = re.compile(r"<img( [^>]*)?>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_HREF = re.compile(r'(<a [^>]*?href=")([^"/#?:][^"/?:]*)"')


def names_of(doc: Document) -> dict[str, tuple[Attached, int, str]]:
    """Name in the site -> (file, width, kind) of everything that stands beside a page there; width 0 for the file as it is."""
    found: dict[str, tuple[Attached, int, str]] = {}
    for each in doc.files:
        if each.is_picture:
            for width in widths(each):
                for ending, kind in ((".webp", "WEBP"), (each.ending, PICTURES[each.ending])):
                    found[_name(each, width, ending)] = (each, width, kind)
        else:
            found[each.safe] = (each, 0, "")
    return found


def widths(picture: Attached) -> tuple[int, ...]:
    """The widths in which a picture is offered, narrowest first; never wider than it is."""
    return tuple(dict.fromkeys(min(width, picture.width) for width in WIDTHS))


def derived(raw: bytes, picture: Attached, width: int, kind: str, memory: Kept | None = None) -> bytes:
    """A picture in a width and kind, turned as its camera noted and without what it noted. memory: of those made before."""

    def make() -> bytes:
        from PIL import Image, ImageOps  # slow to load, and most builds make no picture anew

        with Image.open(io.BytesIO(raw)) as opened:
            turned = ImageOps.exif_transpose(opened)
            has_alpha = "A" in turned.getbands() or "transparency" in turned.info
            plain = turned.convert("RGBA" if has_alpha and kind != "JPEG" else "RGB")
        height = max(1, round(plain.height * width / plain.width))
        small = plain.resize((width, height), Image.Resampling.LANCZOS) if width != plain.width else plain
        out = io.BytesIO()
        small.save(out, kind, quality=QUALITY.get(kind, 80), optimize=True, method=4)
        return out.getvalue()

    name = f"{picture.digest[:32]}-{width}.{kind.lower()}"
    return memory.made(name, picture.digest, make) if memory else make()


def with_files(clean: str, doc: Document) -> str:
    """A page's HTML with the files beside it: pictures in all their widths, links at where documents stand."""
    if not doc.files:
        return clean
    documents = {each.name: each for each in doc.files if not each.is_picture}

    def picture(found: re.Match[str]) -> str:
        given = dict(_ATTRIBUTE.findall(found.group(1) or ""))
        name = unquote(html.unescape(given.get("src", "")))
        known = doc.picture(name)
        if known is None:
            raise ContentMistakes([Mistake(doc.file, 0, "", "글의 폴더에 없는 그림입니다", name)])
        is_decor = given.get("title") == "decor"
        return picture_html(doc, known, "" if is_decor else html.unescape(given.get("alt", "")))

    def linked(found: re.Match[str]) -> str:
        known = documents.get(nfc(unquote(html.unescape(found.group(2)))))
        return f'{found.group(1)}{doc.link}{known.safe}"' if known else found.group()

    return _HREF.sub(linked, _IMG.sub(picture, clean))


def poster_html(doc: Document, sizes: str = SIZES) -> Markup:
    """The poster of a page; "" where it has none."""
    picture = doc.picture(doc.poster) if doc.poster else None
    return Markup(picture_html(doc, picture, doc.poster_alt, sizes)) if picture else Markup()  # noqa: S704 (made of escaped parts)


def address_of(doc: Document, name: str) -> str:
    """Where a picture beside a page stands, as wide as most want it; "" where there is none of that name."""
    picture = doc.picture(name) if name else None
    return f"{doc.link}{_name(picture, widths(picture)[:2][-1], picture.ending)}" if picture else ""


def picture_html(doc: Document, picture: Attached, alt: str, sizes: str = SIZES) -> str:
    """A picture as HTML. alt: "" for one that only decorates."""

    def offered(ending: str) -> str:
        return ", ".join(f"{doc.link}{_name(picture, width, ending)} {width}w" for width in widths(picture))

    src = address_of(doc, picture.name)
    return (
        f'<picture><source type="image/webp" srcset="{offered(".webp")}" sizes="{sizes}">'
        f'<img src="{src}" srcset="{offered(picture.ending)}" sizes="{sizes}" alt="{html.escape(alt)}"'
        f' width="{picture.width}" height="{picture.height}" loading="lazy" decoding="async"></picture>'
    )


def _name(picture: Attached, width: int, ending: str) -> str:
    return f"{picture.safe.removesuffix(picture.ending)}-{width}{ending}"
