"""Ids: 26 letters and digits that sort by the moment they were drawn (ULID).

https://github.com/ulid/spec (read 2026-11-21): 48 bits of milliseconds, 80 bits of chance, in
Crockford's base 32.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # two letters for each ten bits


def new_id(moment: datetime) -> str:
    """Draw an id for an aware moment."""
    value = int(moment.astimezone(UTC).timestamp() * 1000) << 80
    value |= int.from_bytes(os.urandom(10), "big")
    return "".join(_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10))
