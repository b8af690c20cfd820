"""What a sign-up form asks, and whether the answers fit it. The page is drawn from the same spec
that checks the post. No store, no clock, no web.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field

from civic.content.questions import AnyQuestion, CheckboxQuestion, Question
from civic.content.rounds import Consent, Limit, Round
from civic.errors import FieldError
from civic.shape import SLUG, Clash, Many, SeoulTime, Shape, Text, repeated

FIXED_LABELS = {  # of the fields that every form may have, as the page and the consent name them
    "name": "이름",
    "phone": "휴대전화 번호",
    "birth_date": "생년월일",
    "email": "이메일",
    "party": "함께 신청하는 사람 수",
    "participants": "참여하는 사람의 이름과 생년월일",
}
# Not checked: to have the checks of a shape ready takes time, wherever a page is read.
RESIDENT = CheckboxQuestion.model_construct(
    name="resident", label="이 지역에 주소(주민등록)를 둔 주민입니다", type="checkbox"
)
COMPANIONS = Question.model_construct(
    name="companions",
    label="함께 오는 사람의 이름",
    type="textarea",
    required=False,
    hint="신청하는 사람을 빼고 한 줄에 한 사람씩 적어 주세요.",
)


class FormSpec(Shape):
    """A page's sign-up form (`[form]`): when, what for, for whom, what is asked, how places are given."""

    opens: SeoulTime = Field(description="접수를 시작하는 때. 이 시각부터 받습니다.")
    closes: SeoulTime = Field(description="접수를 마감하는 때. 이 시각 바로 앞까지 받습니다.")
    selection: Literal["first-come", "draw", "window-draw", "review"] = Field(
        "first-come", description="뽑는 방법: 선착순, 추첨, 처음 window분은 추첨 뒤 선착순, 심사"
    )
    window: int | None = Field(None, gt=0, le=1440, description="window-draw에서 동시 접수로 보는 시간(분)")
    seed: Text = Field("", description="추첨 씨앗으로 쓸 공개 값. 접수 전에 미리 알립니다.")
    seed_kind: Literal["lotto", "number", "two"] | None = Field(
        None,
        description="씨앗의 종류: lotto는 로또 번호 여섯 개(작은 수부터 빈칸 하나씩), number는 공개된 수 하나, two는 두 사람의 난수. "
        "비우면 seed가 있을 때 lotto, 없을 때 two",
    )
    seed_at: SeoulTime | None = Field(
        None,
        description="씨앗이 공개되는 때. lotto와 number에 꼭 씁니다. 이때까지 얼리지 못하면 그 씨앗은 쓰지 않습니다.",
    )
    freeze_at: SeoulTime | None = Field(
        None,
        description="추첨 명단을 얼리는 때. 그때까지 자격이 없는 신청을 뺄 수 있습니다. 비우면 접수가 끝나는 때",
    )
    result_at: SeoulTime | None = Field(
        None, description="추첨이나 심사의 결과를 알리는 때. 비우면 ‘접수가 끝난 뒤’라고만 알립니다."
    )
    promotion: Literal["auto", "offer"] = Field(
        "auto", description="빈자리가 났을 때: auto는 다음 대기자를 바로 확정, offer는 수락할 시간을 줍니다."
    )
    offer_hours: int = Field(24, gt=0, le=168, description="promotion이 offer일 때 기다리는 시간(시간)")
    party: int = Field(
        1,
        ge=1,
        le=10,
        description="한 번에 함께 신청할 수 있는 가장 많은 사람 수. 가장 작은 회차의 정원까지 쓸 수 있습니다.",
    )
    close_at: float | None = Field(
        None,
        ge=1,
        description="조기 마감 배수. 1.5면 확정, 대기, 접수가 정원의 1.5배가 될 때 마감합니다. 대기(waiting)가 거기까지 되어야 합니다.",
    )
    limits: Many[Limit] = Field((), description="여러 신청에 걸친 한 사람의 한도")
    ledger: str = Field("", pattern=r"^$|" + SLUG, description="활동 시간을 함께 세는 장부의 이름")
    ledger_max: int = Field(100, gt=0, description="장부에서 한 사람이 쓸 수 있는 시간(시간)")
    reentry: bool = Field(True, description="스스로 취소하거나 사양한 회차에 다시 신청할 수 있는지")
    party_names: bool = Field(False, description="함께 오는 사람의 이름을 묻는지")
    person: Literal["phone", "phone+birth_date", "participant"] = Field(
        "phone",
        description="누구를 한 사람으로 세는지: 휴대전화 번호, 번호와 생년월일, "
        "또는 신청하는 사람(보호자)과 따로 적는 참여하는 사람(이름과 생년월일). 14세 미만이 참여하면 participant를 씁니다.",
    )
    contact: Literal["proven", "typed"] | None = Field(
        None,
        description="휴대전화 번호를 확인하는지: proven은 문자로 받은 인증번호로 확인한 번호만, typed는 적은 대로 받음. "
        "비우면 심사(review)는 typed, 자리가 찰 수 있는 나머지는 proven",
    )
    per_contact: int | None = Field(
        None,
        ge=1,
        le=20,
        description="휴대전화 번호 하나로 신청할 수 있는 사람 수. 비우면 1, person이 phone이 아니면 5. participant에서는 한 번에 적을 수 있는 사람 수이기도 합니다.",
    )
    email: Literal["none", "optional", "required"] = Field("optional", description="이메일을 묻는지")
    eligibility: Text = Field("", description="신청하는 사람이 맞다고 확인하는 조건 한 문장")
    rounds: Many[Round] = Field(min_length=1, description="회차. 하나 이상 씁니다.")
    fields: Many[AnyQuestion] = Field((), description="더 묻는 질문")
    consent: Consent = Field(description="개인정보 수집·이용 동의")

    def clashes(self) -> Iterator[Clash]:
        yield self.closes <= self.opens, "closes는 opens보다 뒤여야 합니다"
        for name, keys in (
            ("rounds", [name for r in self.rounds for name in (r.id, *r.aliases)]),
            ("fields", [name for f in self.fields for name in (f.name, *f.aliases)]),
            ("limits", [limit.group for limit in self.limits]),
        ):
            double = repeated(keys)
            yield double, f"{name}에 같은 이름이 두 번 있습니다: {', '.join(double)}"
        for number, each in enumerate(self.rounds):
            yield from self._clashes_of(number, each)
        is_other = (self.selection == "window-draw") != (self.window is not None)
        yield is_other, "window는 selection이 window-draw일 때만, 그때는 반드시 씁니다"
        is_more = self.person == "phone" and (self.per_contact or 1) > 1
        yield is_more, "person이 phone이 아닐 때만 2 이상을 씁니다", "per_contact"
        yield self.party_names and self.party == 1, "party가 2 이상일 때만 씁니다", "party_names"
        named, said = self.has_participants, "person이 participant이면 사람마다 따로 신청하므로 쓰지 않습니다"
        yield named and self.party > 1, said, "party"
        said = "person이 participant이면 보호자의 번호를 확인해야 합니다"
        yield named and self.contact == "typed", said, "contact"
        told, last = self.result_at, max(map(self.window_end, self.rounds))
        yield told and self.selection == "first-come", "추첨이나 심사로 뽑을 때만 씁니다", "result_at"
        yield told and told < last, "뽑을 신청을 다 받는 때보다 앞설 수 없습니다", "result_at"
        yield from self._clashes_of_draw(last)
        has_hours = any(each.hours for each in self.rounds)
        yield has_hours and not self.ledger, "회차에 hours를 쓰려면 ledger를 쓰세요"

    def _clashes_of(self, number: int, each: Round) -> Iterator[Clash]:
        opens, closes = self.opens_for(each), self.closes_for(each)
        yield closes <= opens, "opens보다 뒤여야 합니다", "rounds", number, "closes"
        yield opens < self.opens, "신청서의 opens보다 앞설 수 없습니다", "rounds", number, "opens"
        yield closes > self.closes, "신청서의 closes보다 늦을 수 없습니다", "rounds", number, "closes"
        is_over = each.ends and each.ends <= opens
        yield is_over, "접수를 시작하는 때보다 뒤여야 합니다", "rounds", number, "ends"
        said = (
            f"회차 {each.id}의 정원(places) {each.places}명보다 클 수 없습니다. 그런 일행은 끝없이 기다립니다"
        )
        yield self.party > each.places, said, "party"
        size, most = self.closing_size(each) or 0, each.places + each.waiting
        said = (
            f"close_at {self.close_at or 0:g}배는 {size}명인데 정원과 대기를 더해도 {most}명이라 조기 마감이 되지 않습니다. "
            f"waiting을 {size - each.places} 이상으로 쓰세요"
        )
        yield (
            size > most and self.selection in ("first-come", "window-draw"),
            said,
            "rounds",
            number,
            "waiting",
        )

    def _clashes_of_draw(self, last: datetime) -> Iterator[Clash]:
        """last: when all who may be drawn have applied."""
        of_draws = not self.is_drawn and (self.seed_kind or self.seed_at or self.freeze_at)
        yield of_draws, "seed_kind, seed_at, freeze_at은 추첨하는 신청서에만 씁니다"
        is_early = self.freeze_at and self.freeze_at < last
        yield is_early, "추첨할 신청을 다 받는 때보다 앞설 수 없습니다", "freeze_at"
        if not self.is_drawn:
            return
        is_two, said = self.drawn_by == "two", "두 사람의 난수로 정할 때는 seed와 seed_at을 쓰지 않습니다"
        yield is_two and (self.seed or self.seed_at), said, "seed_kind"
        is_half = not is_two and not (self.seed and self.seed_at)
        yield is_half, "씨앗의 이름(seed)과 그것이 공개되는 때(seed_at)를 함께 씁니다", "seed"
        least = timedelta(days=1) if self.drawn_by == "lotto" else timedelta(0)
        is_early = self.seed_at and self.seed_at <= (self.freeze_at or last) + least
        said = "명단을 얼리고 하루가 지난 뒤여야 합니다" if least else "명단을 얼린 뒤여야 합니다"
        yield is_early, said, "seed_at"

    @property
    def is_drawn(self) -> bool:
        """Are places given by a draw?"""
        return self.selection in ("draw", "window-draw")

    @property
    def drawn_by(self) -> str:
        """Where the seed of a draw comes from."""
        return self.seed_kind or ("lotto" if self.seed else "two")

    @property
    def needs_proof(self) -> bool:
        """Must a phone be proven? Where staff decide one by one nothing runs out; elsewhere invented numbers take places."""
        is_open = self.contact is None and (self.selection != "review" or self.has_participants)
        return self.contact == "proven" or is_open

    @property
    def has_participants(self) -> bool:
        """Does who signs up name those who take part, a parent their children?"""
        return self.person == "participant"

    def asking(self, *more: Question) -> Self:
        """The same form with these questions behind its own; one of that name stays as staff wrote it."""
        known = {question.name for question in self.fields}
        return self.model_copy(
            update={"fields": (*self.fields, *(each for each in more if each.name not in known))}
        )

    @property
    def people_per_contact(self) -> int:
        """How many people may sign up with one phone."""
        return self.per_contact or (1 if self.person == "phone" else 5)

    @property
    def counted_with(self) -> frozenset[str]:
        """Names of what its sign-ups use up together with other forms': groups of limits, the ledger."""
        return frozenset(filter(None, [*(limit.group for limit in self.limits), self.ledger]))

    def round(self, id: str) -> Round | None:
        """The round that has that id, or once had it; or None."""
        return next((each for each in self.rounds if id == each.id or id in each.aliases), None)

    def opens_for(self, round_: Round) -> datetime:
        """When this round opens: its own time, or the form's."""
        return round_.opens or self.opens

    def closes_for(self, round_: Round) -> datetime:
        """When this round closes: its own time, or the form's."""
        return round_.closes or self.closes

    def window_end(self, round_: Round) -> datetime:
        """Until when all who apply have come at once: the end of the window; for a draw, the end of the round."""
        if self.selection != "window-draw":
            return self.closes_for(round_)
        return min(self.opens_for(round_) + timedelta(minutes=self.window or 0), self.closes_for(round_))

    def closing_size(self, round_: Round) -> int | None:
        """How many people close the round early: `close_at` times the places, rounded up; None without it."""
        # Decimal: 1.1 times 10 is 11, and not a little more.
        return None if self.close_at is None else math.ceil(Decimal(str(self.close_at)) * round_.places)

    def read_answers(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
        """Checked answers by the name under which they are kept, and what must be corrected.

        given: `{name: text | number | list of text | bool}` as JSON or a plain form sends it; a page that was opened
        before a question was renamed sends its old name. Empty optional answers are left out. Error fields are named
        "answers.<name>". Unknown names are errors.
        """
        now = {old: question.name for question in self.fields for old in question.aliases}
        given = {now.get(name, name): value for name, value in given.items()}
        asked = {question.name for question in self.fields}
        errors = [
            FieldError(f"answers.{name}", "이 신청서에 없는 항목입니다.")
            for name in given
            if name not in asked
        ]
        answers: dict[str, Any] = {}
        for question in self.fields:
            try:
                answer = question.read(given.get(question.name))
            except ValueError as wrong:
                errors.append(FieldError(f"answers.{question.name}", str(wrong)))
                continue
            if answer is not None:
                answers[question.key] = answer
        return answers, errors

    @property
    def collected(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is collected of a person, for the consent: (always, only if they like), in the order of the form.

        From the same fields that the page draws and the post is checked by, then what the consent adds.
        """
        asked = [(FIXED_LABELS["name"], True), (FIXED_LABELS["phone"], True)]
        if self.person == "phone+birth_date":
            asked.append((FIXED_LABELS["birth_date"], True))
        if self.has_participants:
            asked.append((FIXED_LABELS["participants"], True))
        if self.email != "none":
            asked.append((FIXED_LABELS["email"], self.email == "required"))
        if self.party > 1:
            asked.append((FIXED_LABELS["party"], True))
        asked += [
            (question.label, question.required) for question in self.fields if question.type != "consent"
        ]
        always = [label for label, needed in asked if needed] + list(self.consent.items)
        chosen = [label for label, needed in asked if not needed] + list(self.consent.optional_items)
        return tuple(dict.fromkeys(always)), tuple(
            dict.fromkeys(each for each in chosen if each not in always)
        )

    @property
    def places(self) -> int:
        """Places of all rounds together."""
        return sum(each.places for each in self.rounds)

    @property
    def last_end(self) -> datetime:
        """When the last round is over; see `Document.kept_until`: aware, Seoul."""
        return max([self.closes_for(r) for r in self.rounds] + [r.ends for r in self.rounds if r.ends])
