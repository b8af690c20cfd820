"""How many messages with codes go out, and to whom they may not: counted in the store, for all servers on it together.

Ceilings stand for a clock hour or a day, under names that are keyed hashes of the day: yesterday's lead to nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address, ip_network

from civic.errors import FieldError, Invalid, OutOfTexts, TooMany
from civic.store.box import PollBox

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CONTACT_HOUR, CONTACT_DAY = 5, 12  # a bill, and a telephone that does not stop ringing
# Of these a day from one block of addresses: who plagues a telephone leaves its owner some.
CONTACT_FROM_BLOCK = 8
HOUSEHOLD_HOUR = 300  # offices, libraries and mobile networks share addresses
FEW = 5  # an hour: so many a block gets while any are left
LOW = 0.2  # of a budget: from here on staff are told


@dataclass(frozen=True)
class Budget:
    """What staff allow."""

    place_hour: int = 3000  # one form or poll
    day: int = 10_000  # all of them together
    countries: tuple[str, ...] = ("82",)

    def check_country(self, contact: str) -> None:
        """Raises Invalid for a number (E.164) of a country to which nothing is sent."""
        if contact.startswith("+") and not contact.startswith(tuple(f"+{code}" for code in self.countries)):
            known = ", ".join(f"+{code}" for code in self.countries)
            raise Invalid([FieldError("contact", f"인증번호는 나라 번호가 {known}인 번호로만 보냅니다.")])

    def spend(
        self, box: PollBox, hashed: Callable[..., str], place: str, contact: str, address: str, now: datetime
    ) -> bool:
        """Count one message; True when little is left after it.

        place: of the budget by the hour. address: of who asks, "" when nobody knows. Nothing is counted where it
        raises and the caller's block ends by it. Raises TooMany (this contact, household or block had enough) and
        OutOfTexts. The less is left, the less one block may have: the heaviest wait first.
        """
        hour = end_of_hour(now)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        name = partial(hashed, "hit", day.date().isoformat())
        from_block = block(address)
        own = [
            (name("contact", "hour", contact), CONTACT_HOUR, hour),
            (name("contact", "day", contact), CONTACT_DAY, day),
        ]
        if address:
            own.append((name("contact", "block", contact, from_block), CONTACT_FROM_BLOCK, day))
            own.append((name("household", household(address)), HOUSEHOLD_HOUR, hour))
        shared = [(name("place", place), self.place_hour, hour), (name("all"), self.day, day)]
        left = [most - box.times(key, now) for key, most, _ in shared]
        if min(left) <= 0:
            over = max(end for (_, _, end), rest in zip(shared, left, strict=True) if rest <= 0)
            raise OutOfTexts(retry_after=_seconds(over - now))
        if address:
            own.append((name("block", from_block), max(FEW, min(left) // 2), hour))
        for key, most, end in (*own, *shared):
            if not box.hit(key, most, end - now, now):
                raise TooMany(retry_after=_seconds(end - now))
        return any(rest - 1 <= int(most * LOW) for (_, most, _), rest in zip(shared, left, strict=True))


USUAL = Budget()


def end_of_hour(now: datetime) -> datetime:
    """Until when a ceiling by the hour counts: the same for everybody, so that it tells nobody's time."""
    return now.replace(minute=0, second=0, microsecond=0) + HOUR


@lru_cache(maxsize=4096)  # every post asks for the same few thousand
def household(address: str) -> str:
    """One subscriber: an IPv4 address, or the /64 of IPv6 in which one household has 2^64 addresses.

    "" and whatever is no address stay as they are.
    """
    return _network(address, v4=32, v6=64)


@lru_cache(maxsize=4096)
def block(address: str) -> str:
    """What one provider gives out together: the /24 of an IPv4 address, the /48 of an IPv6 one; as `household` else."""
    return _network(address, v4=24, v6=48)


def _network(address: str, v4: int, v6: int) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        known = known.ipv4_mapped or known
    return str(ip_network((known.packed, v4 if known.version == 4 else v6), strict=False))


def _seconds(wait: timedelta) -> int:
    return max(1, int(wait.total_seconds()))
