"""Ids: 26 letters and digits that sort by the moment they were drawn (ULID).

https://github.com/ulid/spec (read 2026-11-21): 48 bits of milliseconds, 80 bits of chance, in
Crockford's base 32. Those that one process draws in a row for one millisecond ascend, too, by
steps that nobody can guess.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # two letters for each ten bits


_CHANCE = (1 << 80) - 1


class _Drawing:
    """What this process drew last; threads take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def draw(self, millisecond: int) -> int:
        """80 bits of chance behind a millisecond, above those drawn for it just before."""
        start = millisecond << 80
        with self._lock:
            if self._last & ~_CHANCE == start and self._last & _CHANCE < _CHANCE >> 1:
                self._last += 1 + int.from_bytes(os.urandom(8), "big")
            else:
                chance = int.from_bytes(os.urandom(10), "big")
                self._last = start | chance >> 2  # leaves room for steps
            return self._last


_DRAWING = _Drawing()


def moment_of(id_: str) -> datetime:
    """When an id was drawn. Raises ValueError: it is none."""
    if len(id_) != 26:
        raise ValueError(id_)
    millisecond = 0
    for letter in id_[:10]:
        millisecond = millisecond << 5 | _ALPHABET.index(letter)
    return datetime.fromtimestamp(millisecond / 1000, UTC)


def new_id(moment: datetime) -> str:
    """Draw an id for an aware moment."""
    value = _DRAWING.draw(int(moment.astimezone(UTC).timestamp() * 1000))
    return "".join(_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10))
