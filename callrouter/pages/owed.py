"""Calls back that are owed, as the screen shows them: to whom, by whom, by when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.phones import pretty
from callrouter.wording import formats, speak
from callrouter.wording.obligations import why_owed
from callrouter.wording.people import Voice
from storage.listing import ObligationView, count_owed, owed_now
from storage.listing_obligations import lost_of
from storage.obligations import Lost

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Setup
    from storage.listing import Viewer

FIRST = 6  # seen at once; the others are unfolded
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed now, by term: `count` in all, `late` of them overdue, `items` up to SHOWN.

    `today`: what became of the callers who were missed today.
    """

    items: tuple[ObligationView, ...]
    count: int
    late: int
    today: Lost


@dataclass(frozen=True, slots=True)
class OwedRow:
    """`dial`: the number as a phone takes it. `about`, `deal`, `call`: where more of it stands.

    `asked_on`: the line that was called, `line` its name; `late_since`: for a timer that runs on.
    """

    id: str
    title: str
    number: str
    dial: str
    owner: str
    term: str
    late: bool
    why: str
    notes: tuple[str, ...]
    card: str
    about: str = ""
    deal: str = ""
    call: str = ""
    asked_on: str = ""
    line: str = ""
    late_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwedPanel:
    """`rest`: the rows after the first few; `unfold`: what to click to see them.

    `more`: how many are left out even there.
    """

    rows: tuple[OwedRow, ...]
    rest: tuple[OwedRow, ...]
    unfold: str
    more: str
    count: int
    late: str
    today: str


def read_owed(
    conn: Connection, setup: Setup, viewer: Viewer, *, now: datetime, today: Lost | None = None
) -> Owed:
    """`today`: as counted a moment ago; None: it is counted."""
    found = owed_now(conn, viewer, now=now, limit=SHOWN)
    count, late = count_owed(conn, viewer, now=now)
    return Owed(found.items, count, late, today or lost_today(conn, setup, viewer, now=now))


def lost_today(conn: Connection, setup: Setup, viewer: Viewer, *, now: datetime) -> Lost:
    """Count today's missed callers, and who was called back: it looks at every call of the day."""
    midnight = setup.calendar_of(None).midnight(now)
    return lost_of(conn, viewer, midnight, now + timedelta(seconds=1), own=setup.own_phones)


def panel_of(owed: Owed, setup: Setup, language: Language, now: datetime) -> OwedPanel:
    words, voice = speak(language), Voice(speak(language), setup)
    rows = tuple(row_of(one, voice, now) for one in owed.items)
    hidden = owed.count - len(rows)
    return OwedPanel(
        rows=rows[:FIRST],
        rest=rows[FIRST:],
        unfold=words.many("and {n} more", "and {n} more", max(owed.count - FIRST, 0)),
        more=words.many("and {n} more", "and {n} more", hidden) if hidden > 0 else "",
        count=owed.count,
        late=words("overdue: {n}", n=owed.late) if owed.late else "",
        today=_today(owed.today, voice),
    )


def _today(today: Lost, voice: Voice) -> str:
    if not today.missed_numbers:
        return ""
    return voice.words.many(
        "today {n} missed caller; called back: {back}, not yet: {lost}",
        "today {n} missed callers; called back: {back}, not yet: {lost}",
        today.missed_numbers,
        back=today.called_back,
        lost=today.lost,
    )


def row_of(one: ObligationView, voice: Voice, now: datetime) -> OwedRow:
    words = voice.words
    number = pretty(one.phone) if one.phone else ""
    due, today = voice.local(one.due_at), voice.local(now)
    day = formats.until(due, today)
    when = day if due.date() == today.date() else f"{day} {due:%H:%M}"
    notes = []
    if one.repeats:
        calls = one.repeats + 1
        notes.append(words.many("called {n} time", "called {n} times", calls))
    if one.tries:
        notes.append(words.many("{n} try without a talk", "{n} tries without a talk", one.tries))
    if one.escalated_at:
        notes.append(words("passed to the head"))
    return OwedRow(
        id=one.id,
        title=one.contact_name or number or words("Number unknown"),
        number=number if one.contact_name else "",
        dial=one.phone or "",
        owner=voice.name(one.owner),
        term=words("was due at {when}", when=when)
        if one.overdue
        else words("by {when}", when=when),
        late=one.overdue,
        why=why_owed(one.why, voice.setup, language=words.language),
        notes=tuple(notes),
        card=words("card #{number}", number=one.card_number) if one.card_number else "",
        about=f"/contacts/{one.contact}" if one.contact else "",
        deal=f"/cards/{one.card}" if one.card else "",
        call=f"/calls/{one.call}" if one.call else "",
        asked_on=one.line or "",
        line=_line(one.line, voice.setup) if one.line else "",
        late_since=one.due_at if one.overdue else None,
    )


def _line(number: str, setup: Setup) -> str:
    line = setup.lines.get(number)
    return (line.name if line else "") or pretty(number)
