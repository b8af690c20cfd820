"""What the META of a public election (`.pb` file) asks for: its rule, its pots, and who excludes whom. No files.

Which rule names exist, what each means here and what is done with an unknown one: docs/rules.md#pabulib.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from bench.elections.election import PublicElection
from bench.elections.figures import number
from civic.votes.count import Number, Pot, Rules

POT = "all"
KNOWN = {"greedy", "equalshares", "threshold", "noskip", "exclusive", "custom", "add1", "comparison"}

# What a comment says of projects of which only one may win.
_EXCLUDES = re.compile(
    r"(?<!greedy-)exclusive\b|\bexcludes?\b|\bexcluded by\b|\bconflict|same (?:area|site|location|place|land|plot)"
    r"|(?:\bnot\b|n't\b|\bcannot\b|\bunable\b|\bimpossible\b|\bonly one\b)[^.]*"
    r"\b(?:both|simultaneous\w*|together|at the same time|jointly|be (?:implemented|selected|funded|built))\b"
    r"|\bonly one of\b",
    re.IGNORECASE,
)
_ALLOWS = re.compile(
    r"(?:\bnot|n't) (?:\w+ )?(?:exclu|conflict|in conflict)|"
    r"^(?!.*(?:\bnot\b|n't\b|cannot)).*\bboth\b(?: \w+){0,2} (?:selected|funded|implemented|chosen)",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(ul|ust|al|os|pl|art|nr|nos?|num|str?|pkt|par|poz|dz|im|approx|e\.g|i\.e)\.(?=\s)", re.IGNORECASE
)
_PROJECTS = re.compile(r"\b(?:projects?|proposals?|ids?)\b", re.IGNORECASE)
_TOGETHER = re.compile(
    r"(?:\s|,|&|/|\([^)]*\)|\b(?:and|or|with|also|the|projects?|proposals?|ids?|excludes?|excluding"
    r"|is excluded by|conflicts with)\b)+",
    re.IGNORECASE,
)
_AND = re.compile(r"\b(?:and|or)\b|&", re.IGNORECASE)


@dataclass(frozen=True)
class Declared:
    """What a file's META asks for: the rules, and whether Equal Shares decides instead of the order by votes.
    `rest`: what the pots leave is spent on further projects by the same rules."""

    rules: Rules
    shares: bool = False
    add_one: bool = False
    compare: bool = False
    rest: bool = False
    notes: tuple[str, ...] = ()


def declared_rules(election: PublicElection) -> Declared:
    """The rule in META. An unknown or missing one is counted greedily by votes, and a note says so."""
    meta = election.meta
    name = meta.get("rule", "").strip().lower()
    threshold, notes = _threshold(election)
    rules = Rules(
        pots=(Pot(POT, election.budget),), threshold=threshold, threshold_on="score", needs_votes=False
    )
    words = re.sub(r"equal shares?|equalshare\b", "equalshares", re.sub(r"[^a-z0-9]+", " ", name))
    words = re.sub(r"\bmethod of |\bthe ", "", re.sub(r"\bno ?skip(ping)?\b", "noskip", words))
    flags = set(re.sub(r"\badd ?(?:1|one)u?\b", "add1", words).split())
    if "mes" in flags:
        flags = flags - {"mes"} | {"equalshares"}
    if flags - KNOWN or not flags & {"greedy", "equalshares"}:
        what = f"모르는 규칙({name})이라" if name not in ("", "unknown") else "파일에 규칙이 없어"
        understood = ", ".join(sorted(flags & KNOWN))
        how = f"{understood}만 따라" if understood else "득표순(예산에 맞지 않으면 건너뜀)으로"
        notes += (f"{what} {how} 셌습니다",)
    if "equalshares" in flags:
        return Declared(rules, True, "add1" in flags, "comparison" in flags, notes=notes)
    if "noskip" in flags:
        rules = replace(rules, when_too_big="stop")
    if "exclusive" in flags:
        rules = replace(rules, exclusions=named_exclusions(election))
        if not rules.exclusions:
            notes += ("함께 선정할 수 없는 제안이 comment에서 읽히지 않아, 없는 것으로 셌습니다",)
    shared, told = _parts(election)
    if shared:
        return Declared(replace(rules, pots=shared), rest=_spends_the_rest(meta), notes=notes + told)
    notes += told
    if "custom" in flags:
        return _custom(election, rules, notes)
    return Declared(rules, notes=notes)


def _threshold(election: PublicElection) -> tuple[Number, tuple[str, ...]]:
    """The least score that may win; a per cent figure is one of the ballots."""
    text = election.meta.get("min_project_score_threshold", "")
    if not text.endswith("%"):
        return number(text or "0"), ()
    least = Fraction(number(text[:-1]) * len(election.votes), 100)
    return least, (f"min_project_score_threshold {text}를 표의 수에 대한 비율로 셌습니다",)


def _parts(election: PublicElection) -> tuple[tuple[Pot, ...], tuple[str, ...]]:
    """Budgets per category (district, neighborhood …) of the file, one pot each in the order of its list.

    Together no more than the whole budget. None when the file has no such budgets, or they fit to nothing in
    it: then a note says that they were passed over.
    """
    meta = election.meta
    key = next((key for key in meta if key.startswith("budget_per_") and meta[key]), "")
    if not key:
        return (), ()
    kind = key.removeprefix("budget_per_")
    listed = next((meta[each] for each in (f"{kind}s", f"{kind[:-1]}ies", kind) if meta.get(each)), "")
    parts = [part.strip() for part in listed.split(",")]
    passed_over = (f"{key}가 파일의 분류와 맞지 않아 budget만 따라 셌습니다",)
    try:
        budgets = [number(each) for each in meta[key].split(",")]
    except ValueError:
        return (), passed_over
    if len(set(parts)) < len(parts) or len(budgets) != len(parts) or min(budgets) < 0:
        return (), passed_over
    if any(project.other.get(kind) not in parts for project in election.projects.values()):
        return (), passed_over
    left, pots = election.budget, []
    for part, budget in zip(parts, budgets, strict=True):
        pots.append(Pot(part, min(budget, left), (part,)))
        left -= pots[-1].budget
    return tuple(pots), ()


def part_of(election: PublicElection) -> str:
    """The column that says to which part of the budget a project belongs; "" when it is not parted."""
    key = next((key for key in election.meta if key.startswith("budget_per_") and election.meta[key]), "")
    return key.removeprefix("budget_per_")


def _spends_the_rest(meta: Mapping[str, str]) -> bool:
    """What the parts leave is spent on further projects; "partially fund one" makes no project a winner."""
    words = meta.get("leftover_budget", "").lower()
    return "additional" in words and "partial" not in words


def _custom(election: PublicElection, plain: Rules, notes: tuple[str, ...]) -> Declared:
    """The one custom rule whose words are known: stop at the first that does not fit, but fund it as well
    when a stated part of its cost (80 % in Poznań) is left."""
    comment = election.meta.get("comment", "")
    stated = re.search(r"at least (\d{1,2})\s*% of (?:that|the|its)\b", comment)
    if stated or election.meta.get("unit", "").startswith("Pozna"):
        share = Fraction(int(stated[1]) if stated else 80, 100)
        return Declared(replace(plain, when_too_big="stop", reserve_share=share), notes=notes)
    return Declared(plain, notes=(*notes, "풀이가 없는 규칙(greedy-custom)이라 득표순(건너뜀)으로 셌습니다"))


def named_exclusions(election: PublicElection) -> tuple[frozenset[str], ...]:
    """Projects that a comment says cannot both be built: "projects 12 and 26 … mutually exclusive".

    Only sentences that say so are looked at. The projects named one after another, parted by nothing but "and",
    commas, slashes, remarks in brackets or the word "project", stand together; so do the two of "12 excludes 26".
    """
    found: list[frozenset[str]] = []
    ids = sorted(map(re.escape, election.projects), key=len, reverse=True)
    name = re.compile(rf"(?<![\w./-])({'|'.join(ids)})(?![\w/-]|\.\w)(?:\s*\([^)]*\))?")
    for sentence in re.split(r"(?<=[.;!?])\s+|(?:^|\s)#\d+:", _spelled_out(election)):
        start = _PROJECTS.search(sentence)
        if not start or not _EXCLUDES.search(sentence) or _ALLOWS.search(sentence):
            continue
        group: list[str] = []
        end, paired = 0, False
        for match in name.finditer(sentence, start.end()):
            between = sentence[end : match.start()]
            if not _TOGETHER.fullmatch(between) or (paired and "," in between):  # "5 and 8, 12 and 26"
                _keep(group, found)
                group, paired = [], False
            else:
                paired = paired or bool(_AND.search(between))
            group.append(match[1])
            end = match.end()
        _keep(group, found)
    return tuple(found)


def _spelled_out(election: PublicElection) -> str:
    """The comment with "12 and 26" for "12/26", and without "no." and "#" before a number or other short forms
    whose full stop ends no sentence."""
    ids = election.projects.keys()

    def apart(match: re.Match[str]) -> str:
        return (
            f"{match[1]} and {match[2]}" if {match[1], match[2]} <= ids and match[0] not in ids else match[0]
        )

    comment = _SHORT.sub(r"\1", election.meta.get("comment", ""))
    comment = re.sub(r"(?i)\b(?:nos?|nr|num|numbers?)\s+(?=\S*\d)|№\s*|#(?!\d+:)\s*(?=\w)", "", comment)
    return re.sub(r"(?<!\S)([^\s/]+)/([^\s/,.;]+)", apart, comment)


def _keep(group: list[str], found: list[frozenset[str]]) -> None:
    together = frozenset(group)
    if len(together) > 1 and together not in found:
        found.append(together)
