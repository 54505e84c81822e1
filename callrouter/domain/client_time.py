"""What time it is where a number belongs, if that is certain."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone


def time_of(number: str | None, now: datetime) -> datetime | None:
    """The local time of a number as +79161234567; None where it may be in zones that differ now.

    A mobile number of a large country may be anywhere in it.
    """
    if not number or not number.startswith("+"):
        return None
    found = {now.astimezone(zone).replace(tzinfo=None) for zone in _zones(number)}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=4096)
def _zones(number: str) -> tuple[ZoneInfo, ...]:
    try:
        names = timezone.time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    return () if timezone.UNKNOWN_TIMEZONE in names else tuple(map(_zone, names))


# ZoneInfo itself remembers eight; a Russian mobile number may be in eleven.
_zone = lru_cache(maxsize=None)(ZoneInfo)
