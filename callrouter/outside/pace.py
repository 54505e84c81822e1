"""How fast a provider may be asked."""

from __future__ import annotations

from collections import deque
from typing import Final

MINUTE: Final = 60.0
LONGEST: Final = 3600.0
"""A rest that is asked for is kept so long at most, seconds."""


class Pace:
    """Counts one account's requests: never more than `per_minute` within any minute.

    Times are of a monotonic clock, seconds.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._per_minute = per_minute
        self._sent: deque[float] = deque()
        self._rests_until = 0.0

    def wait(self, now: float) -> float:
        """Count a request and give 0; or count nothing and give the seconds until it may go."""
        if now < self._rests_until:
            return self._rests_until - now
        if self._per_minute is None:
            return 0.0
        while self._sent and now - self._sent[0] >= MINUTE:
            self._sent.popleft()
        if len(self._sent) >= self._per_minute:
            return self._sent[0] + MINUTE - now
        self._sent.append(now)
        return 0.0

    def rest(self, seconds: float, now: float) -> None:
        """Send nothing for so long: the provider said so."""
        self._rests_until = max(self._rests_until, now + min(max(seconds, 0.0), LONGEST))
