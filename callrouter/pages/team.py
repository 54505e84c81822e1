"""The managers as the screen shows them: free, ringing, talking or away, and how loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from callrouter.domain.ladders import AtWork
from callrouter.domain.managers import NOTHING_KNOWN, Hold, ManagerFacts
from callrouter.flows.gather import board_of
from callrouter.pages.rows import initials
from callrouter.wording import codes, formats, speak
from callrouter.wording.people import Voice

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Manager, Setup
    from callrouter.domain.why import Passed
    from callrouter.wording import Words

Doing = Literal["talking", "ringing", "wrap_up", "free", "away"]

MOST_SHOWN = 24  # in a larger company those at work come first, and the rest is counted

_ORDER: tuple[Doing, ...] = ("talking", "ringing", "wrap_up", "free", "away")


@dataclass(frozen=True, slots=True)
class Mate:
    """One manager at a moment. `away`, `until`: why and how long, when he is not at work."""

    manager: Manager
    doing: Doing
    in_work: float
    load: float
    since: datetime | None = None
    away: Passed | None = None
    until: datetime | None = None


def team_now(conn: Connection, setup: Setup, *, now: datetime) -> list[Mate]:
    """Every active manager, in the order of setup."""
    people = setup.active
    board = board_of(conn, [one.key for one in people], setup, now=now)
    at_work = AtWork(setup, now)
    return [_mate(one, board.facts.get(one.key, NOTHING_KNOWN), at_work, now) for one in people]


def _mate(manager: Manager, facts: ManagerFacts, at_work: AtWork, now: datetime) -> Mate:
    parts = facts.parts(now)
    busy = parts.in_work + parts.strangers + parts.ringing
    load = parts.of(manager.capacity)
    if hold := _holding(facts.holds, now):
        doing: Doing = {"talk": "talking", "ring": "ringing", "wrap_up": "wrap_up"}[hold.kind]  # type: ignore[assignment]
        return Mate(manager, doing, busy, load, since=hold.since)
    if away := at_work.absence(manager):
        reason, until = away
        return Mate(manager, "away", busy, load, away=reason, until=until)
    return Mate(manager, "free", busy, load)


def _holding(holds: Sequence[Hold], now: datetime) -> Hold | None:
    """What he does now: a talk before a ring before wrap-up."""
    now_held = [hold for hold in holds if hold.since <= now < hold.until]
    kinds = ("talk", "ring", "wrap_up")
    return min(now_held, key=lambda hold: kinds.index(hold.kind), default=None)


@dataclass(frozen=True, slots=True)
class Chip:
    """`since` is shown as a running timer; `part` of `whole` is the load's bar."""

    key: str
    name: str
    initials: str
    doing: Doing
    says: str
    since: datetime | None
    part: float
    whole: int
    full: bool
    load: str
    parts: str


@dataclass(frozen=True, slots=True)
class Strip:
    chips: tuple[Chip, ...]
    summary: tuple[tuple[Doing, str], ...]
    more: str


def strip_of(mates: Sequence[Mate], setup: Setup, language: Language, now: datetime) -> Strip:
    words = speak(language)
    voice = Voice(words, setup)
    shown = list(mates)
    if len(shown) > MOST_SHOWN:
        shown.sort(key=lambda mate: _ORDER.index(mate.doing))
    hidden = len(shown) - MOST_SHOWN
    counts = Counter(mate.doing for mate in mates)
    return Strip(
        chips=tuple(_chip(mate, voice, now) for mate in shown[:MOST_SHOWN]),
        summary=tuple(
            (doing, _counted(words, doing, counts[doing])) for doing in _ORDER if counts[doing]
        ),
        more=words.many("and {n} more", "and {n} more", hidden) if hidden > 0 else "",
    )


def _chip(mate: Mate, voice: Voice, now: datetime) -> Chip:
    words = voice.words
    capacity = mate.manager.capacity
    return Chip(
        key=mate.manager.key,
        name=mate.manager.name,
        initials=initials(mate.manager.name),
        doing=mate.doing,
        says=_says(mate, voice, now),
        since=mate.since if mate.doing in ("talking", "ringing") else None,
        part=min(mate.in_work, capacity),
        whole=capacity,
        full=mate.load >= 1,
        load=formats.share(mate.load),
        parts=words("{n} of {capacity}", n=formats.amount(words, mate.in_work), capacity=capacity),
    )


def _says(mate: Mate, voice: Voice, now: datetime) -> str:
    words = voice.words
    match mate.doing:
        case "talking":
            return words("in a talk")
        case "ringing":
            return words("ringing")
        case "wrap_up":
            return words("wrap-up")
        case "free":
            return words("available")
        case "away":
            if mate.away == "absent":
                return voice.absent(mate.manager.key, mate.until, now)
            why = codes.PASSED[mate.away or "off_shift"]
            return words(why)


def _counted(words: Words, doing: Doing, n: int) -> str:
    match doing:
        case "talking":
            return words("in a talk: {n}", n=n)
        case "ringing":
            return words("ringing: {n}", n=n)
        case "wrap_up":
            return words("in wrap-up: {n}", n=n)
        case "free":
            return words("available: {n}", n=n)
        case "away":
            return words("away: {n}", n=n)
