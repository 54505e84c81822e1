"""Lets through so many forms and no more: from one address, and in all. In memory, of this node."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Literal

WINDOW: Final = timedelta(minutes=10)
OF_ONE: Final = 20  # many phones of one mobile network may share an address
OF_ALL: Final = 600

Verdict = Literal["fine", "too_many_of_one", "too_many"]


class Sieve:
    """Counts within windows of ten minutes; it keeps no more addresses than it lets through."""

    def __init__(self, of_one: int = OF_ONE, of_all: int = OF_ALL) -> None:
        self._of_one = of_one
        self._of_all = of_all
        self._window = 0
        self._seen: Counter[str] = Counter()

    def look(self, address: str | None, now: datetime) -> Verdict:
        """Count one more from an address, and say whether it is too many."""
        window = int(now.timestamp() / WINDOW.total_seconds())
        if window != self._window:
            self._window = window
            self._seen.clear()
        place = _network(address)
        if self._seen[place] >= self._of_one:
            return "too_many_of_one"
        if self._seen.total() >= self._of_all:
            return "too_many"
        self._seen[place] += 1
        return "fine"


def _network(address: str | None) -> str:
    """An address of version 4; of version 6 the network, as one house has many of them."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return str(found)
