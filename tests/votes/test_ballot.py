"""Sealed ballots: what opens, what is void, what is refused, and that browser and server seal alike."""

import json
import random
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from civic.codes import from_text, is_code, new_code, to_text
from civic.content.poll import Correction, PollType
from civic.errors import Invalid, Unusable
from civic.votes.ballot import check_choices, rules_hash
from civic.votes.box_key import HolderKey, HolderPart, new_key, read_key, write_key
from civic.votes.envelope import (
    HEADER,
    BadEnvelope,
    Slot,
    ephemeral_of,
    public_bytes,
    read_public,
    receipt_of,
    room,
    seal,
)
from civic.votes.opening import BoxBroken, open_all
from civic.votes.partial import PartialFile, is_proven
from tests.ballot_samples import OPENS, a_poll, a_proposal, a_slot, some_keys, some_proposals
from tests.node import in_node

ROOT = Path(__file__).resolve().parents[2]
KEYS = some_keys()
POLL = a_poll(KEYS)
BOARD = "b0" * 32
PROPOSALS = some_proposals()
SLOT = a_slot(POLL, PROPOSALS)


def opened(envelopes: list[bytes], receipts: list[str] | None = None, **changes: Any) -> Any:
    """By the first and the last holder; the second is missing."""
    parts = changes.pop("parts", None) or parts_of(envelopes, *KEYS[::2])
    given: dict[str, Any] = {
        "slot": SLOT,
        "board": BOARD,
        "parts": parts,
        "poll": POLL,
        "proposals": PROPOSALS,
    } | changes
    board = [receipt_of(each) for each in envelopes] if receipts is None else receipts
    return open_all(envelopes, board, **given)


def parts_of(envelopes: list[bytes], *keys: HolderKey) -> list[PartialFile]:
    """What these holders write over a box, in the order of its receipts."""
    box = sorted(envelopes, key=receipt_of)
    return [PartialFile.of(key, BOARD, box) for key in keys]


def read_one(envelope: bytes, *keys: HolderKey) -> tuple[str, tuple[str, ...]]:
    """What these holders (two, where none are named) find in an envelope."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral_of(envelope))
    shared = {int(key.holder[-1]) - 1: key.box.exchange(ec.ECDH(), point) for key in keys or KEYS[:2]}
    return SLOT.open(envelope, SLOT.key_of(envelope, shared))


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (["bench", "lamp", "ramp"], "일반참여형은 2개까지 고를 수 있습니다. 지금 3개입니다."),
        (["bench", "lamp", "bus", "guide"], "모두 합해 3개까지 고를 수 있습니다. 지금 4개입니다."),
        (["club"], "청년참여형은 이 투표에서 고르지 않습니다."),
        (["nothing"], "이 투표에 없는 것을 골랐습니다."),
        (["gone"], "철회된 제안을 골랐습니다."),
        (["bench", "bench"], "같은 것을 두 번 골랐습니다."),
        ([], "하나 이상 골라 주세요."),
    ],
)
def test_choices_that_break_the_rules_are_named(choices: list[str], says: str) -> None:
    """Every kind of wrong choice has its own sentence."""
    with pytest.raises(Invalid) as refused:
        check_choices(POLL, PROPOSALS, choices)
    assert says in [error.message for error in refused.value.errors]
    assert {error.field for error in refused.value.errors} == {"choices"}


def test_choices_within_the_rules_come_back_sorted() -> None:
    """The limit itself is allowed; nothing at all only where the poll says so."""
    assert check_choices(POLL, PROPOSALS, ["lamp", "bus", "bench"]) == ("bench", "bus", "lamp")
    assert check_choices(a_poll(KEYS, blank_allowed=True), PROPOSALS, []) == ()


def test_a_changed_rule_changes_the_fingerprint() -> None:
    """Limits, dates, money, keys and proposals are bound; words beside the rules are not."""
    listed = list(PROPOSALS.values())
    print_ = rules_hash(POLL, listed)
    assert re.fullmatch("[0-9a-f]{64}", print_)
    assert rules_hash(POLL, reversed(listed)) == print_
    assert rules_hash(a_poll(KEYS, body="다른 글", summary="다른 요약"), listed) == print_
    others = [
        rules_hash(a_poll(KEYS, max_picks=2), listed),
        rules_hash(a_poll(KEYS, budget=1), listed),
        rules_hash(a_poll(KEYS[::-1]), listed),
        rules_hash(a_poll(KEYS, keys_needed=3), listed),
        rules_hash(a_poll(KEYS, receipt_key=KEYS[0].public.signing), listed),
        rules_hash(a_poll(KEYS, types=(PollType(id="general", label="일반참여형", max=3),)), listed),
        rules_hash(POLL, listed[1:]),
        rules_hash(POLL, [a_proposal("bench", cost=1), *listed[1:]]),
        rules_hash(POLL, [a_proposal("bench", withdrawn=True), *listed[1:]]),
    ]
    assert len({print_, *others}) == 10


def test_what_was_sealed_comes_out() -> None:
    """Choices and tracker survive; the order of ticking does not."""
    tracker = new_code()
    envelope = seal(["lamp", "bus", "bench"], SLOT, tracker)
    assert read_one(envelope) == (tracker, ("bench", "bus", "lamp"))


def test_every_envelope_of_a_poll_has_one_size() -> None:
    """Nothing about the choices shows from outside: neither how many nor how long their names are."""
    roomy = Slot("p", "0" * 64, SLOT.keys, room(3))
    longest = ["a" * 80, "b" * 80, "c" * 80]
    assert {len(seal(choices, roomy)) for choices in ([], ["a"], longest)} == {roomy.length}
    with pytest.raises(ValueError, match="do not fit"):
        seal([f"{number:080}" for number in range(9)], roomy)


def test_sealing_twice_gives_two_envelopes() -> None:
    """The same choices under the same tracker look different each time."""
    tracker = new_code()
    assert seal(["lamp"], SLOT, tracker) != seal(["lamp"], SLOT, tracker)


def test_any_two_of_three_open_and_one_alone_does_not() -> None:
    """Each pair finds the same ballot; a holder alone, or beside a stranger's key, finds nothing."""
    envelope = seal(["lamp"], SLOT)
    assert len({read_one(envelope, *pair) for pair in combinations(KEYS, 2)}) == 1
    stranger = ec.generate_private_key(ec.SECP256R1())
    for key in KEYS:
        with pytest.raises(BadEnvelope) as shut:
            read_one(envelope, key)
        assert shut.value.fault == "altered"
    for place, key in enumerate(KEYS):
        with pytest.raises(BadEnvelope):
            read_one(envelope, key, replace(KEYS[place - 1], box=stranger))


def test_any_altered_byte_is_noticed() -> None:
    """Each byte of the envelope flipped in turn: refused from outside, or shut when it is opened."""
    envelope = seal(["lamp"], SLOT)
    for place in range(len(envelope)):
        altered = bytearray(envelope)
        altered[place] ^= 1
        with pytest.raises(BadEnvelope):
            read_one(SLOT.check(bytes(altered)))


def test_the_mirrored_one_time_key_does_not_open() -> None:
    """-E gives the same ECDH secret as E: only the derivation keeps a mirrored copy from being a second ballot."""
    envelope = seal(["lamp"], SLOT)
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    start = HEADER + 33
    y = int.from_bytes(envelope[start : start + 32], "big")
    mirrored = envelope[:start] + (prime - y).to_bytes(32, "big") + envelope[start + 32 :]
    with pytest.raises(BadEnvelope) as shut:
        read_one(SLOT.check(mirrored))
    assert shut.value.fault == "altered"


def test_a_wrap_spoiled_for_one_pair_makes_the_ballot_void_for_all() -> None:
    """A voter may not choose which holders can open: the pair whose wrap is right sees the other one's too."""
    envelope = seal(["lamp"], SLOT)
    spoiled = bytearray(envelope)
    spoiled[HEADER + 65] ^= 1  # of the first and second holder
    for pair in combinations(KEYS, 2):
        with pytest.raises(BadEnvelope) as shut:
            read_one(bytes(spoiled), *pair)
        assert shut.value.fault == "altered"
        assert read_one(envelope, *pair)


def faulty_envelopes() -> dict[str, tuple[str | bytes, str]]:
    good = seal(["lamp"], SLOT)
    other_poll = Slot("other", SLOT.rules, SLOT.keys, SLOT.room)
    other_rules = Slot(SLOT.poll, "f" * 64, SLOT.keys, SLOT.room)
    too_long = Slot(SLOT.poll, SLOT.rules, SLOT.keys, SLOT.room + 512)
    return {
        "empty": ("", "format"),
        "no base64": ("not an envelope!", "format"),
        "Hangul": ("봉한 투표용지", "format"),
        "padded spelling": (to_text(good) + "=", "format"),
        "version": (b"\x01" + good[1:], "format"),
        "no point": (good[:50] + b"\x00" * 60 + good[110:], "format"),
        "cut": (good[:-1], "size"),
        "longer": (good + b"\0", "size"),
        "too long": (seal(["lamp"], too_long), "size"),
        "huge": ("A" * 60_000, "size"),
        "other poll": (seal(["lamp"], other_poll), "other-poll"),
        "other rules": (seal(["lamp"], other_rules), "other-rules"),
    }


@pytest.mark.parametrize("case", faulty_envelopes())
def test_faulty_envelopes_are_named(case: str) -> None:
    """Whatever can be seen from outside is refused before anything is kept, under its own name."""
    envelope, fault = faulty_envelopes()[case]
    with pytest.raises(BadEnvelope) as refused:
        SLOT.check(envelope)
    assert refused.value.fault == fault
    assert refused.value.errors[0].field == "envelope"


def test_bytes_have_one_spelling() -> None:
    """Spare bits at the end of base64 would make two texts of one envelope: only the plain one is read."""
    assert from_text("AA") == b"\0"
    for other in ("AB", "AA==", "A A", "AA\n", "A"):
        with pytest.raises(ValueError):
            from_text(other)


def test_receipts_are_readable_and_belong_to_one_envelope() -> None:
    """Sixteen signs without look-alikes; another envelope has another receipt."""
    first, second = seal(["lamp"], SLOT), seal(["lamp"], SLOT)
    assert is_code(receipt_of(first)) and is_code(new_code())
    assert receipt_of(first) == receipt_of(from_text(to_text(first))) != receipt_of(second)
    assert not any(is_code(wrong) for wrong in ("7K3F", "7K3F-9QXM-7K3F-9QX1", "7K3F-9QXM-7K3F9QXMM", 5))


def test_the_box_opens_the_same_in_any_order() -> None:
    """Ballots come out by tracker, whatever order the envelopes came in."""
    envelopes = [seal([choice], SLOT) for choice in ("bench", "lamp", "ramp", "bus", "guide") * 4]
    first = opened(envelopes)
    shuffled = random.Random(7).sample(envelopes, len(envelopes))
    assert opened(shuffled) == first
    assert [ballot.tracker for ballot in first.ballots] == sorted(ballot.tracker for ballot in first.ballots)
    assert sorted(ballot.choices for ballot in first.ballots) == sorted(
        (choice,) for choice in ("bench", "lamp", "ramp", "bus", "guide") for _ in range(4)
    )


def test_an_empty_box_opens() -> None:
    """Nobody voted: no ballots, nothing void."""
    assert opened([]).ballots == opened([]).void == ()


def test_a_void_ballot_does_not_stop_the_vote() -> None:
    """One who seals nonsense or breaks the limits loses that ballot alone, and the reason is known."""
    good = seal(["lamp"], SLOT)
    nonsense = bytearray(seal(["lamp"], SLOT))
    nonsense[-30:] = bytes(30)
    void = {
        "altered": bytes(nonsense),
        "type-limit": seal(["bench", "lamp", "ramp"], SLOT),
        "unknown": seal(["nothing"], SLOT),
        "twice": seal(["lamp", "lamp"], SLOT),
        "blank": seal([], SLOT),
        "content": seal(["lamp"], SLOT, tracker="<script>"),
    }
    box = opened([good, *void.values()])
    assert [ballot.choices for ballot in box.ballots] == [("lamp",)]
    assert {each.receipt: each.fault for each in box.void} == {
        receipt_of(envelope): fault for fault, envelope in void.items()
    }


def test_a_box_that_was_changed_stays_shut() -> None:
    """Missing, added, exchanged, copied and cut envelopes are each named and nothing is opened."""
    envelopes = [seal(["lamp"], SLOT) for _ in range(3)]
    board = [receipt_of(each) for each in envelopes]
    extra = seal(["bus"], SLOT)
    cases = [
        (envelopes[:2], [(board[2], "missing")]),
        ([*envelopes, extra], [(receipt_of(extra), "unlisted")]),
        ([*envelopes[:2], extra], [(board[2], "missing"), (receipt_of(extra), "unlisted")]),
        ([*envelopes, envelopes[0]], [(board[0], "copied")]),
        (
            [*envelopes[:2], envelopes[2][:-1]],
            [(board[2], "missing"), (receipt_of(envelopes[2][:-1]), "size")],
        ),
    ]
    for box, faults in cases:
        with pytest.raises(BoxBroken) as broken:
            opened(box, board)
        assert broken.value.faults == tuple(sorted(faults))
        assert all(receipt in str(broken.value) for receipt, _ in faults)
    with pytest.raises(BoxBroken):
        opened(envelopes, [*board, board[0]])
    assert len(opened(envelopes, board).ballots) == 3


def test_a_reused_one_time_key_is_a_copy() -> None:
    """Two envelopes under one ephemeral key never come from two honest voters."""
    once = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(BoxBroken) as broken:
        opened([seal(["lamp"], SLOT, once=once), seal(["bus"], SLOT, once=once)])
    assert [fault for _, fault in broken.value.faults] == ["copied"]


def test_a_tracker_given_to_two_voters_shows() -> None:
    """Both ballots count; the second carries a mark, so that one name never stands for two ballots."""
    tracker = new_code()
    box = opened([seal(["lamp"], SLOT, tracker), seal(["bus"], SLOT, tracker)])
    assert [(ballot.tracker, ballot.choices) for ballot in box.ballots] == [
        (tracker, ("bus",)),
        (f"{tracker}~2", ("lamp",)),
    ]


def test_ballots_from_before_a_correction_are_opened() -> None:
    """Cast under the old rules and corrected since: opened, but no longer taken in."""
    old = seal(["lamp"], SLOT)
    corrected = a_poll(
        KEYS, budget=2, corrections=(Correction(at=OPENS, text="예산을 바로잡음", rules=SLOT.rules),)
    )
    slot = a_slot(corrected, PROPOSALS)
    assert slot.rules != SLOT.rules
    with pytest.raises(BadEnvelope):
        slot.check(old)
    assert len(opened([old], slot=slot, poll=corrected).ballots) == 1


def test_a_proposal_withdrawn_after_the_vote_voids_no_ballot() -> None:
    """The count passes over it; the voter's other pick still counts."""
    box = opened([seal(["gone", "lamp"], SLOT)])
    assert box.ballots[0].choices == ("gone", "lamp") and not box.void


def test_a_false_point_names_its_holder() -> None:
    """Whether the others open the ballot or nobody does: who lied is named, and no voter's ballot is called void."""
    good, spoiled = seal(["lamp"], SLOT), bytearray(seal(["bus"], SLOT))
    spoiled[-1] ^= 1
    box = [good, bytes(spoiled)]
    honest = parts_of(box, *KEYS)
    receipts = sorted(map(receipt_of, box))
    for place, name in enumerate(receipts):
        shared = list(honest[1].shared)
        shared[place] = shared[1 - place]
        liar = honest[1].model_copy(update={"shared": tuple(shared)})
        for parts in ([honest[0], liar], [honest[0], liar, honest[2]]):
            with pytest.raises(Unusable) as found:
                opened(box, parts=parts)
            assert found.value.lines == (f"열쇠 2: {name}의 공유값이 틀립니다",)
    (void,) = opened(box, parts=honest[:2]).void
    assert (void.receipt, void.fault) == (receipt_of(bytes(spoiled)), "altered")


def test_a_point_is_proven_only_by_its_own_proof() -> None:
    """Another point, another envelope's proof, another holder's key, a number out of range: none is taken for it."""
    one, other = seal(["lamp"], SLOT), seal(["lamp"], SLOT)
    (given,) = map(from_text, parts_of([one], KEYS[0])[0].shared)
    (foreign,) = map(from_text, parts_of([other], KEYS[0])[0].shared)
    assert is_proven(SLOT.keys[0], one, given)
    for key, envelope, point in (
        (SLOT.keys[1], one, given),
        (SLOT.keys[0], other, given),
        (SLOT.keys[0], one, foreign[:32] + given[32:]),
        (SLOT.keys[0], one, given[:-1] + bytes([given[-1] ^ 1])),
        (SLOT.keys[0], one, b"\xff" * 32 + given[32:]),
    ):
        assert not is_proven(key, envelope, point)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda parts: parts[:1], "2명의 공유값이 있어야 엽니다. 지금 1명입니다"),
        (lambda parts: [parts[0], parts[0]], "열쇠 1: 같은 사람의 공유값이 두 번 있습니다"),
        (
            lambda parts: [parts[0], parts[1].model_copy(update={"holder": "옆 부서"})],
            "옆 부서: 이 투표(budget)의 열쇠를 맡은 사람이 아닙니다",
        ),
        (
            lambda parts: [parts[0], parts[1].model_copy(update={"holder": "열쇠 3"})],
            "열쇠 3: 명단의 서명이 맞지 않습니다",
        ),
        (
            lambda parts: [parts[0], parts[1].model_copy(update={"board": "0" * 64})],
            "열쇠 2: 다른 투표함의 공유값입니다 (found 000000000000…, 이 투표함 b0b0b0b0b0b0…)",
        ),
        (
            lambda parts: [parts[0], parts[1].model_copy(update={"shared": ()})],
            "열쇠 2: 공유값의 수나 형식이 맞지 않습니다",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_named(change: Any, says: str) -> None:
    """Too few, twice the same, a stranger's, in another's name, of another board, cut: each by its holder."""
    box = [seal(["lamp"], SLOT)]
    parts = parts_of(box, *KEYS[:2])
    assert opened(box, parts=parts).ballots  # the control
    with pytest.raises(Unusable) as found:
        opened(box, parts=change(parts))
    assert found.value.lines == (says,)


def test_keys_survive_their_file_and_prove_themselves() -> None:
    """Read again they are the same; the file does not show them; the public part proves that both are held."""
    key = replace(new_key("budget", "감사관"), board="b0" * 32)
    text = write_key(key, "달빛 아래 자전거")
    back = read_key(text, "달빛 아래 자전거")
    assert (back.poll, back.public, back.board) == ("budget", key.public, key.board)
    scalar = to_text(key.box.private_numbers().private_value.to_bytes(32, "big"))
    assert scalar not in text and to_text(key.signer.private_bytes_raw()) not in text
    kept = json.loads(text)
    for wrong in (text.replace("감사관", "과장"), json.dumps(kept | {"board": ""})):
        with pytest.raises(ValueError, match="암호가 맞지 않거나 파일이 바뀌었습니다"):
            read_key(wrong, "달빛 아래 자전거")
    with pytest.raises(ValueError, match="암호가 맞지 않거나"):
        read_key(text, "다른 암호")
    for wrong in ("", "{}", "[]", '"x"', json.dumps(kept | {"format": "x"})):
        with pytest.raises(ValueError, match="열쇠 파일이 아니거나"):
            read_key(wrong, "달빛 아래 자전거")
    part, other = HolderPart.of(key), HolderPart.of(new_key("budget", "감사관"))
    assert part.proven() == key.public
    for name in ("public", "signing", "box_proof", "signing_proof"):
        with pytest.raises(ValueError):
            part.model_copy(update={name: getattr(other, name)}).proven()


def node(script: str, given: Any) -> Any:
    """What a module answers in node that has static/js/envelope.js as `e`."""
    return in_node(f"const e = await import({json.dumps(JS.as_uri())});\n{script}", given)


JS = ROOT / "static" / "js" / "envelope.js"


def plain(slot: Slot) -> dict[str, Any]:
    return {
        "poll": slot.poll,
        "rules": slot.rules,
        "keys": [to_text(key) for key in slot.keys],
        "needed": slot.needed,
        "room": slot.room,
    }


def test_what_the_browser_seals_opens_here() -> None:
    """A hundred envelopes from WebCrypto: each opens, with its tracker, choices and receipt."""
    sealed = node(
        "const out = []; for (let i = 0; i < 100; i += 1)"
        " out.push(await e.seal(['lamp', 'bench', 'bus'], given)); console.log(JSON.stringify(out));",
        plain(SLOT),
    )
    for each in sealed:
        raw = SLOT.check(each["envelope"])
        assert receipt_of(raw) == each["receipt"]
        assert read_one(raw) == (each["tracker"], ("bench", "bus", "lamp"))
    assert len({each["tracker"] for each in sealed}) == 100


def vector() -> dict[str, Any]:
    """The test vector as docs/voting.md prints it."""
    text = (ROOT / "docs" / "voting.md").read_text("utf-8")
    found = re.search(r"```json\n(\{.*?\})\n```", text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_documented_vector_holds_on_both_sides() -> None:
    """The envelope in docs/voting.md is what Python and WebCrypto make of its inputs, byte for byte."""
    given = vector()
    slot = Slot(
        given["poll"], given["rules"], tuple(map(read_public, given["keys"])), given["room"], given["needed"]
    )
    once = ec.derive_private_key(int(given["ephemeral_private"], 16), ec.SECP256R1())
    here = seal(given["choices"], slot, given["tracker"], once)
    assert (to_text(here), receipt_of(here)) == (given["envelope"], given["receipt"])
    shared = dict(enumerate(slot.points(once)))
    for pair in combinations(range(3), 2):
        found = slot.key_of(here, {holder: shared[holder] for holder in pair})
        assert slot.open(here, found) == (given["tracker"], tuple(given["choices"]))
    raw = public_bytes(once.public_key())
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": to_text(raw[1:33]),
        "y": to_text(raw[33:]),
        "d": to_text(bytes.fromhex(given["ephemeral_private"])),
    }
    there = node(
        "const c = { name: 'ECDH', namedCurve: 'P-256' }; const { d, ...pub } = given.jwk;"
        "const privateKey = await crypto.subtle.importKey('jwk', given.jwk, c, true, ['deriveBits']);"
        "const publicKey = await crypto.subtle.importKey('jwk', pub, c, true, []);"
        "console.log(JSON.stringify(await e.seal(given.choices, given,"
        " { tracker: given.tracker, ephemeral: { privateKey, publicKey } })));",
        given | {"jwk": jwk},
    )
    assert there == {key: given[key] for key in ("envelope", "receipt", "tracker")}


def test_the_published_order_says_nothing_of_the_order_of_casting() -> None:
    """Ballots stand by tracker, and trackers are drawn evenly: of 200 votes about one in twenty leaves the 95 % band.

    The control is a tracker that counts up: its order is the order of casting.
    """

    def rho(trackers: list[str]) -> float:
        place = {tracker: rank for rank, tracker in enumerate(sorted(trackers))}
        n = len(trackers)
        return 1 - 6 * sum((rank - place[t]) ** 2 for rank, t in enumerate(trackers)) / (n * (n * n - 1))

    band = 1.96 / (100 - 1) ** 0.5
    outside = sum(abs(rho([new_code() for _ in range(100)])) > band for _ in range(200))
    assert outside <= 25  # 10 are expected; more than 25 come once in 100,000 runs
    assert rho([f"{number:016}" for number in range(100)]) == 1
