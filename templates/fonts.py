"""The site's typeface: a small subset of the kit's fonts with just the characters the site uses.

Pretendard GOV reserves its name (OFL 1.1), so the changed fonts are called "Madang Sans".
Subsetting takes seconds: results are kept in a cache folder under a name made from all inputs.
"""

import hashlib
from collections.abc import Iterable
from io import BytesIO
from itertools import groupby
from pathlib import Path

from civic.files import write

FAMILY = "Madang Sans"
WEIGHTS = {"Regular": 400, "Medium": 500, "Bold": 700}
# Advance of the kit's font as a share of Noto Sans CJK KR's, in per cent: all, then what differs from Hangul.
FALLBACK = {
    "": 94,
    "unicode-range:U+20": 129,
    "unicode-range:U+28-29": 85,
    "unicode-range:U+30-39": 104,
    "unicode-range:U+B7": 45,
}
ASCENT, DESCENT = 95.2, 24.1  # of the kit's font, in per cent of its size
_RECIPE = "3"  # raise it when the way of subsetting changes: old cached fonts are then left aside
_KEPT_NAMES = (0, 13, 14)  # copyright and licence stay; everything that bears the reserved name goes


def kit_font(folder: Path, weight: str) -> bytes:
    """The kit's own file of that weight, unchanged."""
    return (folder / f"PretendardGOV-{weight}.subset.woff2").read_bytes()


def small_font(source: bytes, weight: str, characters: frozenset[str], cache: Path) -> bytes:
    """A woff2 font with these characters, as far as the source has them; the same bytes each time."""
    key = hashlib.sha256(source)
    key.update("\0".join([_RECIPE, weight, *sorted(characters)]).encode())
    kept = cache / f"{key.hexdigest()[:32]}.woff2"
    if kept.is_file():
        return kept.read_bytes()
    made = _subset(source, weight, characters)
    cache.mkdir(parents=True, exist_ok=True)
    write(kept, made, durable=False)
    return made


def _subset(source: bytes, weight: str, characters: frozenset[str]) -> bytes:
    # Here, because loading them takes longer than a small build, and most builds find the fonts in the cache.
    from fontTools import subset
    from fontTools.ttLib import TTFont

    # recalcTimestamp: with it the file would differ from second to second.
    font = TTFont(BytesIO(source), recalcTimestamp=False)
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = ["ccmp", "locl", "mark", "mkmk"]
    options.name_IDs = list(_KEPT_NAMES)
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx"]  # measures for writing downwards
    work = subset.Subsetter(options)
    work.populate(unicodes=[ord(character) for character in characters])
    work.subset(font)
    names = font["name"]
    for name_id, text in ((1, FAMILY), (2, weight), (4, f"{FAMILY} {weight}"), (6, f"MadangSans-{weight}")):
        names.setName(text, name_id, 3, 1, 0x409)
    font.flavor = "woff2"
    out = BytesIO()
    font.save(out, reorderTables=False)
    return out.getvalue()


def unicode_range(characters: Iterable[str]) -> str:
    """Characters as CSS writes them: "ac" and "b" -> "U+61-63"."""
    codes = sorted(set(map(ord, characters)))
    parts = []
    for _, neighbours in groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        first, *others = (code for _, code in neighbours)
        parts.append(f"U+{first:X}-{others[-1]:X}" if others else f"U+{first:X}")
    return ",".join(parts)


def faces(addresses: dict[str, tuple[str, str]], characters: frozenset[str]) -> str:
    """@font-face rules. addresses: weight -> (address of the kit's file, address of the small one).

    The small face comes last, so it wins for its characters; a browser fetches the kit's file only when
    somebody types a character that the site itself does not use. The fallback faces have the measures of
    the real one, so that nothing moves when the font arrives.
    """
    span = unicode_range(characters)
    rules = [
        '@font-face{font-family:"Madang Fallback";src:local("Noto Sans CJK KR"),local("Noto Sans KR"),'
        'local("Apple SD Gothic Neo"),local("Malgun Gothic"),local("sans-serif");'
        f"size-adjust:{share}%;ascent-override:{ASCENT * 100 / share:.0f}%;"
        f"descent-override:{DESCENT * 100 / share:.0f}%;line-gap-override:0%;{where}}}"
        for where, share in FALLBACK.items()
    ]
    for weight, (full, small) in addresses.items():
        head = f'@font-face{{font-family:"{FAMILY}";font-weight:{WEIGHTS[weight]};font-display:swap;'
        rules.append(f'{head}src:url("{full}") format("woff2")}}')
        rules.append(f'{head}src:url("{small}") format("woff2");unicode-range:{span}}}')
    return "".join(rules)
