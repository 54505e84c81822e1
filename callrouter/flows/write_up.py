"""A talk is written up: what came of it, what follows, the card's status, a note; at once, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.ladders import AtWork
from callrouter.domain.outcomes import Outcome, is_deal
from callrouter.domain.tasks import LONGEST_REASON, LONGEST_TEXT
from callrouter.flows.change_status import change_status
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.notes import add_note
from callrouter.flows.outcomes import say_outcome
from callrouter.flows.people import BadFields, Wrong
from callrouter.flows.presence import say
from callrouter.flows.tasks import add_task, finish_task
from storage import calls, cards, moves, notices, presence, tasks, write_ups
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.next_steps import Step
    from callrouter.domain.setup import Setup, Status
    from storage.moves import MovingCard
    from storage.write_ups import Talk


@dataclass(frozen=True, slots=True)
class NextStep:
    step: Step
    text: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class WriteUp:
    """What is said of a talk. `status`: the card's new one, None: it stays.

    `next`: what follows; None: nothing does, for the reason `no_next`. `settled`: tasks of the card
    that are done with this talk.
    """

    outcome: Outcome
    next: NextStep | None = None
    no_next: str = ""
    note: str = ""
    status: str | None = None
    settled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenUp:
    """`new` False: the same was sent before, nothing was written now.

    `move_to`: the status that the card did not get yet, because it asks for more than a click.
    """

    card: str | None
    new: bool
    next: str | None = None
    move_to: str | None = None


class WrittenSince(Exception):
    """Somebody else has written it up since it was read; nothing was written now."""


def write_up(
    conn: Connection,
    call_id: str,
    said: WriteUp,
    setup: Setup,
    *,
    key: str,
    seen: datetime | None,
    by: str,
    now: datetime,
) -> WrittenUp:
    """Keep all that is said of a talk; the same `key` again does nothing.

    `seen`: when it was written up, as far as the sender knows. Its manager's wrap-up is over at
    once if he wrote it himself. Raises NoSuchCall, WrittenSince, BadFields.
    """
    talk = write_ups.find(conn, call_id)
    if talk is None:
        raise NoSuchCall(call_id)
    if not cards.claim_acts(conn, [(talk.id, f"write_up:{key}")], now=now):
        return WrittenUp(talk.card, new=False)
    if talk.written_up_at != seen and talk.written_up_at is not None:
        raise WrittenSince
    card = moves.find(conn, talk.card) if talk.card else None
    _check(said, card, setup)
    said_of_call = said.note.strip() if card is None and said.note.strip() else None
    say_outcome(conn, talk.id, said.outcome, said_of_call, setup, by=by, now=now)
    if card and said.note.strip():
        add_note(conn, card.id, said.note, call=talk.id, by=by, now=now)
    move_to = _move(conn, card, said, setup, by=by, now=now)
    _settle(conn, card, said, by=by, now=now)
    task = _add_next(conn, talk, said, setup, by=by, now=now)
    write_ups.mark(conn, talk.id, now=now)
    data = {"outcome": said.outcome, "next": task, "no_next": said.no_next.strip() or None}
    happened = Happening("call_written_up", now, by, talk.id, talk.card, talk.contact, data)
    notices.record(conn, [happened], now=now)
    notices.tell(conn, [talk.id], now=now)
    if talk.manager:
        notices.tell_people(conn, "task", [talk.manager], now=now)
        _end_wrap_up(conn, talk, setup, by=by, now=now)
    return WrittenUp(talk.card, new=True, next=task, move_to=move_to)


def needs_form(card: MovingCard, status: str, setup: Setup) -> bool:
    """Whether a move asks for more than a click: a letter, something missing, a reason."""
    wanted = _status(card, status, setup)
    if wanted is None:
        return False
    letters = (one for one in setup.letter if one.pipeline == card.pipeline)
    return wanted.closed or bool(wanted.required) or any(one.on_status == status for one in letters)


def _status(card: MovingCard, status: str, setup: Setup) -> Status | None:
    pipeline = setup.pipelines.get(card.pipeline)
    return pipeline.status(status) if pipeline else None


def _stays_open(said: WriteUp, card: MovingCard | None, setup: Setup) -> bool:
    if card is None or card.closed or not is_deal(said.outcome):
        return False
    to = _status(card, said.status, setup) if said.status else None
    return to is None or not to.closed


def _check(said: WriteUp, card: MovingCard | None, setup: Setup) -> None:
    """Raises BadFields."""
    wrong = []
    if said.next is None and not said.no_next.strip() and _stays_open(said, card, setup):
        wrong.append(Wrong("next_step", "is missing; allowed: a step, or why there is none"))
    if said.next and not 0 < len(said.next.text.strip()) <= LONGEST_TEXT:
        wrong.append(Wrong("next_step.text", f"allowed: 1 to {LONGEST_TEXT} characters"))
    if len(said.no_next) > LONGEST_REASON:
        wrong.append(Wrong("no_next", f"is too long; allowed: {LONGEST_REASON} characters"))
    if len(said.note) > LONGEST_TEXT and card is None:
        wrong.append(Wrong("note", f"is too long; allowed: {LONGEST_TEXT} characters"))
    if wrong:
        raise BadFields(*wrong)


def _move(
    conn: Connection,
    card: MovingCard | None,
    said: WriteUp,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> str | None:
    """Give the card its status; gives the one that a form of its own must ask for."""
    if card is None or not said.status or said.status == card.status or not is_deal(said.outcome):
        return None
    if needs_form(card, said.status, setup):
        return said.status
    change_status(conn, card.id, said.status, setup, ask_after=False, by=by, now=now)
    return None


def _settle(
    conn: Connection, card: MovingCard | None, said: WriteUp, *, by: str, now: datetime
) -> None:
    """What was to be done on this card and is, with this talk."""
    for id_ in said.settled:
        one = tasks.find(conn, id_)
        if card and one and one.card == card.id:
            finish_task(conn, id_, by=by, now=now)


def _add_next(
    conn: Connection, talk: Talk, said: WriteUp, setup: Setup, *, by: str, now: datetime
) -> str | None:
    """Give who talked the next step; its moment is when he is reminded of it."""
    if said.next is None or not is_deal(said.outcome):
        return None
    owner = setup.managers.get(talk.manager or "") or setup.managers.get(by.partition(":")[2])
    found = cards.states(conn, [talk.card]).get(talk.card) if talk.card else None
    responsible = setup.managers.get((found.manager if found else None) or setup.company.duty)
    who = owner if owner and owner.active else responsible
    return add_task(
        conn,
        kind="task",
        owner=who.key if who else setup.company.duty,
        by=by,
        text=said.next.text,
        due_at=said.next.due_at,
        remind_at=said.next.due_at,
        step=said.next.step,
        card=talk.card,
        contact=talk.contact,
        call=talk.id,
        team=who.team if who else None,
        now=now,
    )


def _end_wrap_up(conn: Connection, talk: Talk, setup: Setup, *, by: str, now: datetime) -> None:
    """Who is at work and in wrap-up after this very talk is free from now on.

    His word is an act that a later event of the call does not undo: its leg is folded anew, what
    he said stays. Who has a break, or is not on shift, is left as he is.
    """
    manager = setup.managers.get(talk.manager or "")
    if manager is None or by != f"manager:{manager.key}"[:64]:
        return
    said = presence.last_said(conn, [manager.key]).get(manager.key)
    holds = calls.holds(conn, [manager.key], now).get(manager.key, ())
    waits = any(one.kind == "wrap_up" and one.call == talk.id for one in holds)
    if waits and AtWork(setup, now).absence(manager, said) is None:
        say(conn, setup, manager, "available", by=by, now=now)
