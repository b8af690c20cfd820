"""What is wrong with a call, in Korean: argparse and click know it in English alone. Words only."""

from __future__ import annotations

import re

# What the libraries say -> what we say; {0} is the first group, itself looked up.
_SAID = (
    # argparse
    (r"argument ([^\s:]+): not allowed with argument (\S+)", "{0}: {1}와 함께 쓸 수 없습니다"),
    (r"argument ([^\s:]+): (.+)", "{0}: {1}"),
    (r"unrecognized arguments: (.+)", "모르는 옵션이나 값입니다 (found {0})"),
    (
        r"ambiguous option: (\S+) could match (.+)",
        "{0}: 여러 옵션의 앞부분입니다. {1} 가운데 하나를 다 적으세요",
    ),
    (r"expected one argument", "값을 하나 적으세요"),
    (r"ignored explicit argument '(.*)'", "값을 적지 않는 옵션입니다 (found {0})"),
    # click
    (r"Invalid value for '(.+?)': (.+)", "{0}: {1}"),
    (r"No such option '(.+?)'\.", "모르는 옵션입니다 (found {0})"),
    (r"No such option '(.+?)'\. Did you mean '(.+?)'\?", "모르는 옵션입니다 (found {0}). 혹시 {1}?"),
    (r"No such option '(.+?)'\. \(Did you mean one of: (.+)\?\)", "모르는 옵션입니다 (found {0}). 혹시 {1}?"),
    (r"No such command '(.+?)'\.", "모르는 명령입니다 (found {0})"),
    (r"No such command '(.+?)'\. Did you mean '(.+?)'\?", "모르는 명령입니다 (found {0}). 혹시 {1}?"),
    (
        r"No such command '(.+?)'\. \(Did you mean one of: (.+)\?\)",
        "모르는 명령입니다 (found {0}). 혹시 {1}?",
    ),
    (r"Missing (?:argument|option) '(.+?)'\.", "{0}: 빠졌습니다"),
    (r"Missing (?:argument|option) '(.+?)'\. Choose from:\s+(.+)", "{0}: {1} 가운데 하나를 적으세요"),
    (r"Missing command\.", "명령을 적으세요"),
    (r"Option '(.+?)' requires an argument\.", "{0}: 값을 하나 적으세요"),
    (r"Option '(.+?)' does not take a value\.", "{0}: 값을 적지 않는 옵션입니다"),
    (r"Got unexpected extra arguments? \((.+)\)", "더 적은 값이 있습니다 (found {0})"),
    (r"'(.*)' is not a valid (?:integer|float)(?: range)?\.", "수여야 합니다 (found {0})"),
    (r"(\S+) is not in the range (.+)\.", "범위는 {1}입니다 (found {0})"),
    (r"'(.*)' is not one of (.+)\.", "{1} 가운데 하나여야 합니다 (found {0})"),
    (r"(?:File|Directory|Path) '(.*)' does not exist\.", "없습니다 (found {0})"),
    (r"(?:File|Path) '(.*)' is a directory\.", "폴더입니다. 파일을 적으세요 (found {0})"),
    (r"(?:Directory|Path) '(.*)' is a file\.", "파일입니다. 폴더를 적으세요 (found {0})"),
    (r"(?:File|Directory|Path) '(.*)' is not readable\.", "읽을 권한이 없습니다 (found {0})"),
    (r"(?:File|Directory|Path) '(.*)' is not writable\.", "쓸 권한이 없습니다 (found {0})"),
)


def call_mistake(said: str) -> str:
    """A library's sentence about a wrong call, in Korean. What is Korean already, or not known here, stays as it is."""
    for pattern, korean in _SAID:
        found = re.fullmatch(pattern, said, re.DOTALL)
        if found:
            return korean.format(*map(call_mistake, found.groups()))
    return said
