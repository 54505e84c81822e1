"""What the figures of a department mean, and how they are put together.

*Calls* belong to the period in which they began. A call counts once, however many phones it rang.
Calls in, out and inside are counted apart; "calls" without more are calls in:

- *answered*: somebody talked, a machine is nobody; *missed*: over, and nobody talked; *turned
  away*: kept out by the block list; *going on*: not over. Together they are all calls in.
- *cause* of a missed call: as its obligation has it (`callrouter.domain.obligations`).
- *wait*: from the call's beginning to the first talk. *Service level*: of the answered and missed
  calls the share that was answered within so many seconds (`WITHIN_S`).
- of a *manager*: *rang*: calls whose plan reached a phone of his; *answered*: he talked first;
  *not picked up*: it rang and he did not talk, unless a colleague's answer ended the ring. Talks
  are his answered calls in and his calls out that were answered; their length as the PBX told it.

*Deals* are cards made in the period, without those that turned out to be none. *Won*: now in the
pipeline's status `won`, else in its first closed one; *lost*: in any other closed one.
*Conversion*: the won of the deals. *Reached*: was ever in that status.

*Calls back* belong to the period in which the first call that they stand for began. *In term*:
closed by then; *late*: closed after it; *overdue*: open after it; *open*: before it.

*Letters* belong to the period in which they left.

Everything but shares and lengths adds up over parts of a period: what was read of each is summed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, get_args
from zoneinfo import ZoneInfo

from callrouter.domain.setup import JUNK

if TYPE_CHECKING:
    from callrouter.domain.events import Direction
    from callrouter.domain.hours import Calendar
    from callrouter.domain.obligations import Cause
    from callrouter.domain.setup import Pipeline, Setup

WITHIN_S: Final = 20
"""Who is answered so soon is answered in time, where nobody says another limit."""

LONGEST_WAIT_S: Final = 600
"""Longer waits are counted as this long."""

MOST_DAYS: Final = 366
PART_DAYS: Final = 7
"""So many days are read at once: a month is a few short readings, not a long one."""

NOBODY: Final = "-"
"""Whose a call is that nobody of ours talked on, where it came from that has no source."""

OTHERS: Final = "*"
"""Whoever of ours is none of those whom the reader sees."""

Kind = Literal["answered", "missed", "rejected", "unanswered", "open"]
OwedState = Literal["kept", "late", "overdue", "open"]
End = Literal["won", "lost"]
Named = Literal["today", "yesterday", "week", "last_week", "month", "last_month"]

OWED: Final[tuple[OwedState, ...]] = get_args(OwedState)
NAMED: Final[tuple[Named, ...]] = get_args(Named)


# Periods: whole days of a calendar


@dataclass(frozen=True, slots=True)
class Period:
    """`since` is in it, `until` is not; `first` and `last` are its days."""

    first: date
    last: date
    since: datetime
    until: datetime

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def period_of(calendar: Calendar, first: date, last: date) -> Period:
    """The days from first to last, whichever is said first; at most `MOST_DAYS` of them."""
    first, last = min(first, last), max(first, last)
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    return Period(first, last, midnight(calendar, first), midnight(calendar, last + _DAY))


def named(calendar: Calendar, name: Named, now: datetime) -> Period:
    """Weeks begin on Monday; this week and month end today."""
    today = calendar.local(now).date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    days: dict[Named, tuple[date, date]] = {
        "today": (today, today),
        "yesterday": (today - _DAY, today - _DAY),
        "week": (monday, today),
        "last_week": (monday - 7 * _DAY, monday - _DAY),
        "month": (first, today),
        "last_month": ((first - _DAY).replace(day=1), first - _DAY),
    }
    return period_of(calendar, *days[name])


def before(calendar: Calendar, period: Period, now: datetime) -> Period:
    """As many days just before it; of a period that is not over as much as has passed of it."""
    first = period.first - timedelta(days=period.days)
    past = Period(first, period.first - _DAY, midnight(calendar, first), period.since)
    if now >= period.until:
        return past
    # By the wall, not by the clock: on the day that clocks change half past three stays that.
    local = calendar.local(now)
    day = max(local.date() - timedelta(days=period.days), first)
    wall = datetime.combine(day, local.time(), ZoneInfo(calendar.zone))
    moment = wall.astimezone(UTC)
    return replace(past, until=max(past.since, min(past.until, moment)))


def parts(calendar: Calendar, period: Period, days: int = PART_DAYS) -> Iterator[Period]:
    """The same period in pieces of so many days, the first one first."""
    first = period.first
    while first <= period.last:
        last = min(first + timedelta(days=days - 1), period.last)
        since, until = midnight(calendar, first), midnight(calendar, last + _DAY)
        until = min(until, period.until)
        if since >= until:
            return
        yield Period(first, last, since, until)
        first = last + _DAY


_DAY: Final = timedelta(days=1)


def midnight(calendar: Calendar, day: date) -> datetime:
    """When a local day begins, in UTC; where clocks skip midnight: when they have."""
    wall = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(calendar.zone))
    return wall.astimezone(UTC)


Offset = tuple[datetime, int]
"""From when on, and how many seconds local time is ahead of UTC."""


def offsets(calendar: Calendar, since: datetime, until: datetime) -> tuple[Offset, ...]:
    """What local time is in a period: one offset, and one more for each change of the clocks."""
    found = [(since, _offset(calendar, since))]
    look = since
    while look < until:
        following = min(look + timedelta(hours=8), until)  # no zone changes twice so soon
        if _offset(calendar, following) != found[-1][1]:
            found.append(_change(calendar, look, following))
        look = following
    return tuple(found)


def _change(calendar: Calendar, low: datetime, high: datetime) -> Offset:
    """The first second at which the offset is as at `high`."""
    after = _offset(calendar, high)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (low, middle) if _offset(calendar, middle) == after else (middle, high)
    return high.replace(microsecond=0), after


def _offset(calendar: Calendar, moment: datetime) -> int:
    offset = calendar.local(moment).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


# What is asked for


@dataclass(frozen=True, slots=True)
class Narrow:
    """What a reader looks at only. `people`: what has to do with one of these managers.

    `line`: a number of ours; `source`: its key, `NOBODY` for none.
    """

    line: str | None = None
    source: str | None = None
    people: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class WhichCalls:
    """Which calls of a period make a figure, so that they can be listed. None: whichever.

    `talked`: who talked first (`NOBODY`: nobody of ours, `OTHERS`: whom the reader does not see);
    `rang`: whose phone rang; `unpicked`: who did not pick up; `within_s`: answered by then; `hour`,
    `weekday` (Monday is 0): local.
    """

    direction: Direction | None = None
    kind: Kind | None = None
    cause: Cause | None = None
    hour: int | None = None
    weekday: int | None = None
    talked: str | None = None
    rang: str | None = None
    unpicked: str | None = None
    outcome: str | None = None
    within_s: int | None = None


@dataclass(frozen=True, slots=True)
class WhichCards:
    """Which cards made in a period. `statuses`: now in one of them, in pairs with the pipeline.

    `reached`: ever in that status; `came_from`: in the status that it left for the one it is in
    (`NOBODY`: it was made there); `reason`: why it was lost (`NOBODY`: none was given).
    """

    pipeline: str | None = None
    statuses: tuple[tuple[str, str], ...] | None = None
    reached: str | None = None
    came_from: str | None = None
    reason: str | None = None
    deals: bool = False


# What was counted


@dataclass(frozen=True, slots=True)
class CallSums:
    """Calls of a period, counted. Keys of `slots`: kind, weekday, hour; of the others: kind, key.

    `directions`: by direction and kind; `talks`: how many of a manager's talks of each direction;
    `talk_ms`: how long all of them were; `waits`: answered calls in by whole seconds.
    """

    directions: Counter[tuple[str, str]] = field(default_factory=Counter)
    slots: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    lines: Counter[tuple[str, str]] = field(default_factory=Counter)
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    talks: Counter[tuple[str, str]] = field(default_factory=Counter)
    talk_ms: Counter[str] = field(default_factory=Counter)
    rang: Counter[str] = field(default_factory=Counter)
    unpicked: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __add__(self, other: CallSums) -> CallSums:
        return CallSums(
            *(
                getattr(self, name) + getattr(other, name)  # Counters of what is never below zero
                for name in self.__dataclass_fields__
            )
        )

    def of(self, kind: Kind, direction: Direction = "in") -> int:
        return self.directions[direction, kind]

    def total(self, direction: Direction = "in") -> int:
        return sum(n for (way, _), n in self.directions.items() if way == direction)

    @property
    def offered(self) -> int:
        """Calls in that could have been answered."""
        return self.of("answered") + self.of("missed")

    def within(self, seconds: int) -> int:
        return sum(n for wait, n in self.waits.items() if wait < seconds)

    def service_level(self, seconds: int = WITHIN_S) -> float | None:
        return self.within(seconds) / self.offered if self.offered else None

    @property
    def average_wait(self) -> float | None:
        n = self.waits.total()
        return sum(wait * many for wait, many in self.waits.items()) / n if n else None

    def wait_of(self, share: float) -> int | None:
        """So long at most did this share of the answered callers wait."""
        return quantile(self.waits, share)


@dataclass(frozen=True, slots=True)
class CardSums:
    """Cards made in a period: by pipeline and status (how many, what they come to), and more."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    amounts: Counter[tuple[str, str]] = field(default_factory=Counter)  # in kopecks
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)
    came_from: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    sources: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    source_amounts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def __add__(self, other: CardSums) -> CardSums:
        return CardSums(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        )

    @property
    def cards(self) -> int:
        return self.statuses.total()


@dataclass(frozen=True, slots=True)
class Rest:
    """Calls back by their state, letters by their key in the Setup."""

    owed: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Rest) -> Rest:
        return Rest(self.owed + other.owed, self.letters + other.letters)


@dataclass(frozen=True, slots=True)
class Figures:
    calls: CallSums = field(default_factory=CallSums)
    cards: CardSums = field(default_factory=CardSums)
    rest: Rest = field(default_factory=Rest)

    def __add__(self, other: Figures) -> Figures:
        return Figures(self.calls + other.calls, self.cards + other.cards, self.rest + other.rest)


def quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The least value that so great a share of all does not exceed."""
    total, seen = sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= share * total:
            return value
    return None


# What statuses mean


def won_status(pipeline: Pipeline) -> str | None:
    closed = [one.key for one in pipeline.statuses if one.closed and one.key != JUNK]
    return "won" if "won" in closed else next(iter(closed), None)


def won(setup: Setup) -> tuple[tuple[str, str], ...]:
    """The status of each pipeline in which its deals are won."""
    found = ((one.key, won_status(one)) for one in setup.pipelines.values())
    return tuple((pipeline, status) for pipeline, status in found if status)


def lost(pipeline: Pipeline) -> tuple[str, ...]:
    """The statuses in which its deals are lost."""
    good = won_status(pipeline)
    return tuple(one.key for one in pipeline.statuses if one.closed and one.key not in (good, JUNK))


def statuses_meant(
    setup: Setup, pipeline: str | None, status: str | None, end: End | None
) -> tuple[tuple[str, str], ...] | None:
    """For `WhichCards`: one status of a pipeline, or those in which its deals, or all deals, end
    so. None: any.
    """
    pipelines = [one for one in setup.pipelines.values() if pipeline in (None, one.key)]
    match end:
        case "won":
            return tuple(one for one in won(setup) if pipeline in (None, one[0]))
        case "lost":
            return tuple((one.key, bad) for one in pipelines for bad in lost(one))
    return ((pipeline, status),) if pipeline is not None and status is not None else None


@dataclass(frozen=True, slots=True)
class Deals:
    """`amount`: what the won ones come to."""

    deals: int
    won: int
    amount: Decimal

    @property
    def conversion(self) -> float | None:
        return self.won / self.deals if self.deals else None


def deals_of(sums: CardSums, good: Iterable[tuple[str, str]], source: str | None = None) -> Deals:
    """The deals in all, or those that came from a source."""
    counted, amounts = sums.statuses, sums.amounts
    if source is not None:
        counted = _of_source(sums.sources, source)
        amounts = _of_source(sums.source_amounts, source)
    good = set(good)
    return Deals(
        sum(n for (_, status), n in counted.items() if status != JUNK),
        sum(counted[one] for one in good),
        Decimal(sum(amounts[one] for one in good)) / 100,
    )


def _of_source(found: Counter[tuple[str, str, str]], source: str) -> Counter[tuple[str, str]]:
    mine: Counter[tuple[str, str]] = Counter()
    for (of, pipeline, status), n in found.items():
        if of == source:
            mine[pipeline, status] += n
    return mine
