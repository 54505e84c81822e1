"""The managers as the screen shows them: free, ringing, talking or away, and how loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from callrouter.domain.ladders import AtWork
from callrouter.domain.managers import (
    NOTHING_KNOWN,
    Cooling,
    Hold,
    HoldKind,
    ManagerFacts,
    PresenceState,
)
from callrouter.domain.why import Candidate
from callrouter.flows.gather import board_of
from callrouter.pages.rows import initials
from callrouter.wording import formats, speak
from callrouter.wording.people import Voice
from storage.listing import InLine, in_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.load import LoadParts
    from callrouter.domain.setup import Language, Manager, Setup
    from callrouter.domain.why import Passed
    from callrouter.wording import Words
    from storage.listing import Viewer

Doing = Literal["talking", "ringing", "wrap_up", "free", "away"]

MOST_SHOWN = 24  # in a larger company those at work come first, and the rest is counted

_ORDER: tuple[Doing, ...] = ("talking", "ringing", "wrap_up", "free", "away")


@dataclass(frozen=True, slots=True)
class Mate:
    """One manager at a moment. `away`, `until`: why and how long he is not to be rung.

    Whoever talks may be away, too: his break begins when he hangs up.
    """

    manager: Manager
    doing: Doing
    parts: LoadParts
    since: datetime | None = None
    away: Passed | None = None
    until: datetime | None = None
    note: str = ""
    cooling: Cooling | None = None

    @property
    def load(self) -> float:
        return self.parts.of(self.manager.capacity)

    @property
    def weight(self) -> float:
        """What of his capacity is taken."""
        return self.load * self.manager.capacity

    @property
    def candidate(self) -> Candidate:
        """The same as sentences need it."""
        return Candidate(self.manager.key, self.away, until=self.until, note=self.note)


@dataclass(frozen=True, slots=True)
class Team:
    """Every active manager in the order of setup, and those who wait for one of them."""

    mates: tuple[Mate, ...]
    waiting: InLine


def team_now(conn: Connection, setup: Setup, viewer: Viewer, *, now: datetime) -> Team:
    people = setup.active
    board = board_of(conn, [one.key for one in people], setup, now=now)
    at_work = AtWork(setup, now)
    mates = (_mate(one, board.facts.get(one.key, NOTHING_KNOWN), at_work, now) for one in people)
    return Team(tuple(mates), in_line(conn, viewer))


_DOES: Mapping[HoldKind, Doing] = {"talk": "talking", "ring": "ringing", "wrap_up": "wrap_up"}


def _mate(manager: Manager, facts: ManagerFacts, at_work: AtWork, now: datetime) -> Mate:
    away, until = at_work.absence(manager, facts.presence) or (None, None)
    hold = _holding(facts, now)
    doing: Doing = _DOES[hold.kind] if hold else "away" if away else "free"
    cooling = facts.cooled(now)
    return Mate(
        manager,
        doing,
        facts.parts(now),
        since=hold.since if hold and hold.kind != "wrap_up" else None,
        away=away,
        until=until,
        note=facts.presence.reason if away == "paused" and facts.presence else "",
        cooling=None if away else cooling,
    )


def _holding(facts: ManagerFacts, now: datetime) -> Hold | None:
    """What he does now: a talk before a ring before wrap-up."""
    now_held = [
        hold
        for hold in facts.holds
        if hold.since <= now < hold.until and not hold.is_over_by(facts.presence)
    ]
    kinds = ("talk", "ring", "wrap_up")
    return min(now_held, key=lambda hold: kinds.index(hold.kind), default=None)


@dataclass(frozen=True, slots=True)
class Chip:
    """`since` is shown as a running timer; `part` of `whole` is the load's bar, `parts` its sum.

    `notes`: what else keeps calls from him, or will. `back`: what the click is called that lets
    him have them again; "" where nothing keeps him from them. `state`: what his presence is now;
    None where he can say nothing of it, because he is on leave.
    """

    key: str
    name: str
    initials: str
    doing: Doing
    says: str
    since: datetime | None
    notes: tuple[str, ...]
    part: float
    whole: int
    full: bool
    share: str
    short: str
    parts: tuple[tuple[str, str], ...]
    back: str
    state: PresenceState | None


@dataclass(frozen=True, slots=True)
class Strip:
    """`waiting`: how many callers wait, "" for none; `longest`: since when the first of them."""

    chips: tuple[Chip, ...]
    waiting: str
    longest: datetime | None
    summary: tuple[tuple[Doing, str], ...]
    more: str


def strip_of(team: Team, setup: Setup, language: Language, now: datetime) -> Strip:
    words = speak(language)
    voice = Voice(words, setup)
    shown = list(team.mates)
    if len(shown) > MOST_SHOWN:
        shown.sort(key=lambda mate: _ORDER.index(mate.doing))
    hidden = len(shown) - MOST_SHOWN
    counts = Counter(mate.doing for mate in team.mates)
    return Strip(
        chips=tuple(_chip(mate, voice, now) for mate in shown[:MOST_SHOWN]),
        waiting=words("callers waiting: {n}", n=team.waiting.calls) if team.waiting.calls else "",
        longest=team.waiting.since,
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
        since=mate.since,
        notes=tuple(_notes(mate, voice, now)),
        part=min(mate.weight, capacity),
        whole=capacity,
        full=mate.load >= 1,
        share=formats.share(mate.load),
        short=words("{n} of {capacity}", n=formats.amount(words, mate.weight), capacity=capacity),
        parts=_parts(mate, words),
        back=_back(mate, words),
        state=_state(mate),
    )


def _parts(mate: Mate, words: Words) -> tuple[tuple[str, str], ...]:
    """What the load is made of, and what it is measured by."""
    parts = mate.parts
    return (
        (words("cards in work"), formats.amount(words, parts.in_work)),
        (words("new callers today"), str(parts.strangers)),
        (words("new callers ringing now"), str(parts.ringing)),
        (words("full at"), str(mate.manager.capacity)),
    )


def _notes(mate: Mate, voice: Voice, now: datetime) -> Iterator[str]:
    if mate.doing != "away" and mate.away in ("paused", "off"):
        yield voice.words("then: {what}", what=voice.passed(mate.candidate, now))
    if cooling := mate.cooling:
        shown = replace(mate.candidate, passed="cooling", until=cooling.until, note=cooling.reason)
        yield voice.passed(shown, now)


def _back(mate: Mate, words: Words) -> str:
    if mate.away in ("absent", "inactive"):
        return ""
    if mate.away in ("paused", "off") or mate.cooling:
        return words("Take calls")
    return words("Ready") if mate.doing == "wrap_up" else ""


def _state(mate: Mate) -> PresenceState | None:
    match mate.away:
        case None:
            return "available"
        case "paused":
            return "pause"
        case "off" | "off_shift":
            return "off"
        case _:
            return None


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
            return voice.passed(mate.candidate, now)


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
