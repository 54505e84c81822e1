"""Asking after an offer that left, or an invoice: closed once there is nothing to ask.

And reminders: each is told once, when its moment has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.next_steps import INVOICE, desk_of
from callrouter.flows.tasks import tell
from storage import letters, notices, tasks
from storage.ids import new_id
from storage.tasks import Task

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work
    from storage.letters import StoredLetter
    from storage.moves import MovingCard

FOLLOW_UP: Final = "follow_up"

TALKED: Final = "talked"
CARD_CLOSED: Final = "card_closed"
NEW_OFFER: Final = "new_offer"
INVOICED: Final = "invoiced"
"""Why the service closes one by itself: codes, kept as its result."""

RESULTS: Final = (TALKED, CARD_CLOSED, NEW_OFFER, INVOICED)


def offer_left(
    conn: Connection, letter: StoredLetter, setup: Setup, *, by: str, now: datetime
) -> None:
    """Ask the card's responsible to ask after an offer, once for a letter: it has the letter's id.

    It is due when he begins on the working day that `[workplace] next_days` names. One that asks
    after an earlier offer of the card is closed. Other letters, and offers on cards that are
    closed, ask for nothing.
    """
    card = letters.card_of(conn, letter.card)
    if letter.kind != "offer" or card is None or card.closed:
        return
    owner = card.manager or letter.manager or setup.company.duty
    manager = setup.managers.get(owner)
    one = Task(
        id=letter.id,
        kind=FOLLOW_UP,
        owner=owner,
        author=by,
        text="",
        created_at=now,
        due_at=desk_of(setup, manager).after(now, setup.workplace.next_days),
        card=card.id,
        contact=letter.contact or card.contact,
        team=manager.team if manager else None,
    )
    if tasks.find(conn, one.id):
        return  # it left before: somebody was unsure
    _close(conn, tasks.open_of_card(conn, FOLLOW_UP, card.id), NEW_OFFER, by=by, now=now)
    tasks.add(conn, [one])
    tell(conn, one, "added", by=by, now=now)


def invoiced(conn: Connection, card: MovingCard, setup: Setup, *, by: str, now: datetime) -> None:
    """Ask the card's responsible to ask after the invoice, when an offer would be asked after.

    Not where a step is planned on the card already: who wrote up his talk has said what follows.
    What asks after an offer is closed.
    """
    if any(
        one.step and one.due_at and one.due_at >= now
        for one in tasks.open_of_card(conn, "task", card.id)
    ):
        return
    owner = card.manager or setup.company.duty
    manager = setup.managers.get(owner)
    one = Task(
        id=new_id(now),
        kind=FOLLOW_UP,
        owner=owner,
        author=by,
        text="",
        created_at=now,
        due_at=desk_of(setup, manager).after(now, setup.workplace.next_days),
        card=card.id,
        contact=card.contact,
        step=INVOICE,
        team=manager.team if manager else None,
    )
    _close(conn, tasks.open_of_card(conn, FOLLOW_UP, card.id), INVOICED, by=by, now=now)
    tasks.add(conn, [one])
    tell(conn, one, "added", by=by, now=now)


def card_was_closed(conn: Connection, card_id: str, *, by: str, now: datetime) -> None:
    """Nothing is to be asked any more."""
    _close(conn, tasks.open_of_card(conn, FOLLOW_UP, card_id), CARD_CLOSED, by=by, now=now)


def follow(conn: Connection, works: Iterable[Work], *, now: datetime) -> None:
    """A talk with the customer, begun after the offer left, is when it is asked after."""
    talks = {
        work.contact: (work.id, work.state.answered_at)
        for work in works
        if work.contact and work.state and work.state.answered_at and _is_talk(work)
    }
    if not talks:
        return
    for one in tasks.open_of_contacts(conn, FOLLOW_UP, talks):
        call, since = talks[one.contact or ""]
        if since >= one.created_at:
            _close(conn, [one], TALKED, by=call, now=now)


def _is_talk(work: Work) -> bool:
    """True where a manager of ours talks on it, and that was not known before."""
    if work.stored and work.stored.answered_at:
        return False
    return any(leg.talked and leg.manager for leg in (work.state.legs if work.state else ()))


def _close(conn: Connection, ones: Iterable[Task], why: str, *, by: str, now: datetime) -> None:
    for one in ones:
        tasks.finish(conn, [one.id], result=why, by=by, now=now)
        tell(conn, one, "closed", by=by, now=now, reason=why)


def remind(conn: Connection, *, now: datetime) -> None:
    """Let the screens of those whose reminders have come show them."""
    for one in tasks.take_reminders(conn, now):
        notices.tell_people(conn, "task", [one.owner], now=now, card=one.card)
