"""One content file, taken apart."""

import tomllib

from civic.content.front_matter import key_lines, read_source


def test_lines_of_keys_are_found_however_they_are_written() -> None:
    """Tables, arrays of tables, dotted and quoted keys, arrays over lines, inline tables, long strings."""
    text = '''a = """
[no]
b = 1
"""
# [comment]
c.d = [
  1,  # one
  { e = 2, "f g" = [3] },
]
[h]
i = "x # y"
[[h.j]]
k = 1
[[h.j]]
k = 2
[h.j.l]
m = 'n'
'''
    tomllib.loads(text)
    assert key_lines(text) == {
        ("a",): 1,
        ("c",): 6,
        ("c", "d"): 6,
        ("c", "d", 0): 7,
        ("c", "d", 1): 8,
        ("c", "d", 1, "e"): 8,
        ("c", "d", 1, "f g"): 8,
        ("c", "d", 1, "f g", 0): 8,
        ("h",): 10,
        ("h", "i"): 11,
        ("h", "j"): 12,
        ("h", "j", 0): 12,
        ("h", "j", 0, "k"): 13,
        ("h", "j", 1): 14,
        ("h", "j", 1, "k"): 15,
        ("h", "j", 1, "l"): 16,
        ("h", "j", 1, "l", "m"): 17,
    }


def test_midnight_may_end_a_day() -> None:
    """Our own pages write 24:00, so staff will too; the 31st of June stays a mistake."""
    raw = "+++\ncloses = 2023-08-31T24:00:00\nends = 2023-12-31 24:00 # 끝\n+++\n"
    source, mistakes = read_source("lectures/a.md", raw.encode())
    assert source is not None and not mistakes
    assert {key: str(value) for key, value in source.values.items()} == {
        "closes": "2023-09-01 00:00:00",
        "ends": "2024-01-01 00:00:00",
    }
    assert read_source("lectures/a.md", raw.replace("08-31", "06-31").encode())[1]
