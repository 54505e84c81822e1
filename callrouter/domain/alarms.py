"""Alarms: from what is known of the server to what somebody has to look at, and since when.

Each rule is a function of facts; what it finds is open until nothing was seen of it for a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

AlarmKind = Literal[
    "account_silent",
    "hooks_refused",
    "fallback",
    "spool",
    "dead_jobs",
    "letters_in_doubt",
    "backup_late",
    "mail_failing",
    "webhook_failing",
    "secret_missing",
    "disk",
    "overdue",
]

CALM: Final = timedelta(minutes=5)
"""An alarm is over when nothing was seen of it for so long."""

LATELY: Final = timedelta(minutes=10)
"""So far back is looked for refused hooks and calls decided without the base."""

WEEKS: Final = 4
BUSY_WEEKS: Final = 3
USUAL: Final = 3
"""An hour is one of calls if at least so many came in it in three of the past four weeks."""

REFUSED: Final = 20
SPOOL_OLD: Final = timedelta(minutes=1)
BACKUP_OLD: Final = timedelta(hours=26)
STUCK: Final = timedelta(minutes=10)
STUCK_MAIL: Final = timedelta(minutes=30)
"""What has failed for so long does not get through; a mail server may put a letter off."""

LITTLE: Final = 2 * 1024**3
OVERDUE: Final = 10


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one account: its calls in the last hour or so, and in the same time of past weeks."""

    account: str
    now: int
    before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at a moment.

    `refused`: lately, by account; `fallbacks`: calls decided without the base lately; `spooled`:
    when the oldest of what the base has not was written; `dead`: jobs given up, by kind, webhooks
    aside; `backup_due_since`: since the newest good backup, or since there is anything to back up;
    `stuck_mail`, `stuck_webhooks`: what does not get through, the latter by webhook; `no_secret`:
    whose cannot be had; `free`: bytes; `overdue`: calls back.
    """

    heard: Sequence[Heard] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    fallbacks: int = 0
    spooled: datetime | None = None
    dead: Mapping[str, int] = field(default_factory=dict)
    in_doubt: int = 0
    backup_due_since: datetime | None = None
    stuck_mail: int = 0
    stuck_webhooks: Mapping[str, int] = field(default_factory=dict)
    no_secret: Sequence[str] = ()
    free: int | None = None
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong. `subject`: with what; "": with the whole. `n`: how many, how much."""

    kind: AlarmKind
    subject: str = ""
    n: int = 0

    @property
    def key(self) -> str:
        return f"{self.kind} {self.subject}"


def find(facts: Facts, now: datetime) -> tuple[Found, ...]:
    """Everything that somebody should look at."""
    return tuple(_find(facts, now))


def _find(facts: Facts, now: datetime) -> Iterator[Found]:
    for one in facts.heard:
        if is_silent(one):
            yield Found("account_silent", one.account, sum(one.before) // len(one.before))
    for account, many in sorted(facts.refused.items()):
        if many >= REFUSED:
            yield Found("hooks_refused", account, many)
    if facts.fallbacks:
        yield Found("fallback", n=facts.fallbacks)
    if facts.spooled is not None and now - facts.spooled > SPOOL_OLD:
        yield Found("spool")
    if dead := sum(facts.dead.values()):
        yield Found("dead_jobs", n=dead)
    if facts.in_doubt:
        yield Found("letters_in_doubt", n=facts.in_doubt)
    since = facts.backup_due_since
    if since is not None and now - since > BACKUP_OLD:
        yield Found("backup_late", n=int((now - since).total_seconds() // 3600))
    if facts.stuck_mail:
        yield Found("mail_failing", n=facts.stuck_mail)
    for webhook, many in sorted(facts.stuck_webhooks.items()):
        yield Found("webhook_failing", webhook, many)
    for whose in facts.no_secret:
        yield Found("secret_missing", whose)
    if facts.free is not None and facts.free < LITTLE:
        yield Found("disk", n=facts.free // 1024**2)
    if facts.overdue >= OVERDUE:
        yield Found("overdue", n=facts.overdue)


def is_silent(one: Heard) -> bool:
    """Nothing now, though at this hour of this weekday something usually comes.

    A few calls in one week, or an account that is new, say nothing.
    """
    usual = sum(many >= USUAL for many in one.before)
    return one.now == 0 and len(one.before) == WEEKS and usual >= BUSY_WEEKS


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that is open. `seen`: when it was seen last."""

    id: str
    found: Found
    since: datetime
    seen: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """What a look changes. `again`: seen anew, with its figures of now."""

    opened: tuple[Found, ...]
    again: tuple[Standing, ...]
    closed: tuple[Standing, ...]


def turn(found: Sequence[Found], standing: Sequence[Standing], now: datetime) -> Turn:
    """Compare what is wrong with what was known to be."""
    by_key = {one.key: one for one in found}
    known = {one.found.key: one for one in standing}
    return Turn(
        opened=tuple(one for key, one in by_key.items() if key not in known),
        again=tuple(
            Standing(one.id, by_key[key], one.since, now)
            for key, one in known.items()
            if key in by_key
        ),
        closed=tuple(
            one for key, one in known.items() if key not in by_key and now - one.seen >= CALM
        ),
    )
