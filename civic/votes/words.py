"""The rules of a poll in plain Korean, from its data: what citizens read before voting and beside the result. No files."""

from civic import korean
from civic.content.poll import Poll


def counting_rules(poll: Poll) -> tuple[str, ...]:
    """How the ballots become winners, a sentence or two per rule, in the order of docs/rules.md."""
    lines = [_limits(poll), _order(poll), *_pots(poll)]
    if poll.when_too_big == "stop":
        lines.append("남은 예산보다 큰 제안이 나오면 거기서 선정을 마칩니다.")
    else:
        lines.append("남은 예산보다 큰 제안은 건너뛰고 다음 제안을 봅니다.")
    if poll.threshold:
        lines.append(f"{poll.threshold:,}표보다 적게 받은 제안은 선정하지 않습니다.")
    if poll.exclusions:
        lines.append("같은 사업으로 묶인 제안은 하나만 선정합니다.")
    if poll.ties == "draw":
        lines.append("동점이라 당락이 갈리면 공개 추첨으로 정합니다.")
    else:
        lines.append(
            "동점이라 당락이 갈리면 예산이 적은 제안이 먼저이고, 그것도 같으면 파일 이름 순서입니다."
        )
    return tuple(lines)


def _limits(poll: Poll) -> str:
    kinds = [f"{kind.label} {kind.max}개" for kind in poll.types if kind.max]
    by_type = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
    blank = "빈 표도 받습니다." if poll.blank_allowed else "적어도 하나는 골라야 합니다."
    return f"한 사람이 모두 {poll.max_picks}개까지 고릅니다{by_type}. {blank}"


def _order(poll: Poll) -> str:
    if not poll.bodies:
        return "득표수가 많은 제안부터 차례로 선정합니다. 아무도 고르지 않은 제안은 선정하지 않습니다."
    rest = 100 - sum(body.weight for body in poll.bodies)
    shares = ", ".join([f"온라인 투표 {rest}%", *(f"{body.label} {body.weight}%" for body in poll.bodies)])
    return (
        f"{shares}를 더한 점수가 높은 제안부터 차례로 선정합니다. "
        "기구마다 가장 높은 점수를 100%로 봅니다. 아무도 고르지 않은 제안은 선정하지 않습니다."
    )


def _pots(poll: Poll) -> list[str]:
    own = [kind for kind in poll.types if kind.budget is not None and kind.max]
    lines = [f"{kind.label}의 예산은 {korean.won(kind.budget or 0)}이고, 그 유형만 씁니다." for kind in own]
    shared = [kind.label for kind in poll.types if kind.budget is None and kind.max]
    if shared:
        rest = poll.budget - sum(kind.budget or 0 for kind in poll.types)
        together = (
            f"{korean.josa(', '.join(shared), '이/가')} 함께 쓰는 예산은" if len(shared) > 1 else "예산은"
        )
        lines.append(f"{together} {korean.won(rest)}입니다.")
    return lines
