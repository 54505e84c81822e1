"""What came of a call, as a person says: "not a deal" closes what the call made, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.blocks import whose_number
from callrouter.domain.outcomes import BLOCK_OFFERED_FOR, Outcome, is_deal, relation_by
from callrouter.domain.setup import JUNK, NOT_A_DEAL, Status
from callrouter.flows.blocks import blocked
from callrouter.flows.change_status import move
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.obligations import close_obligation
from callrouter.flows.settle import settle
from storage import cards, choices, moves, notices, obligations, outcomes
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from storage.choices import SaidCall
    from storage.moves import MovingCard
    from storage.outcomes import JunkContact


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that the block list could keep out, until when."""

    number: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a call, and what that left.

    `card_closed`: the call's card is closed as junk; `no_card_until`: so long calls of its contact
    make no card.
    """

    outcome: Outcome
    note: str | None
    card_closed: bool
    no_card_until: datetime | None
    offer: Offer | None = None


def say_outcome(
    conn: Connection,
    call_id: str,
    outcome: Outcome,
    note: str | None,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> Said:
    """Keep what came of a call; the same again does nothing. `note` None: as it was.

    Not a deal: the call's card is closed as junk if calls alone made it what it is. Of a contact
    with no open card left calls make no card for `[routing] junk_days`, what he is to us follows
    the outcome if he was never worked with, and a call back that is owed to the number is closed.

    A deal takes that back, as far as this call did it and nobody changed it since. Raises
    NoSuchCall.
    """
    call = choices.find(conn, call_id)
    if call is None:
        raise NoSuchCall
    kept = call.note if note is None else (note or None)
    if (outcome, kept) != (call.outcome, call.note):
        outcomes.say(conn, call.id, outcome, kept)
        data = {"outcome": outcome, "before": call.outcome}
        happened = [Happening("call_outcome", now, by, call.id, call.card, call.contact, data)]
        if outcome != call.outcome:
            happened += _act(conn, call, outcome, setup, by=by, now=now)
        notices.record(conn, happened, now=now)
        notices.tell(conn, [call.id], now=now)
    return _said(conn, call, outcome, kept, setup, now=now)


def _said(
    conn: Connection,
    call: SaidCall,
    outcome: Outcome,
    note: str | None,
    setup: Setup,
    *,
    now: datetime,
) -> Said:
    card = moves.find(conn, call.card) if call.card else None
    contact = outcomes.find_contact(conn, call.contact) if call.contact else None
    until = contact.no_card_until if contact else None
    return Said(
        outcome,
        note,
        card_closed=bool(card and card.closed and card.status == JUNK),
        no_card_until=until if until and until > now else None,
        offer=_offer(conn, call, setup, now=now) if outcome == "spam" else None,
    )


def _offer(conn: Connection, call: SaidCall, setup: Setup, *, now: datetime) -> Offer | None:
    """The block list for a number that may be blocked and is not."""
    number = call.number
    if number is None or whose_number(setup, number) or blocked(conn, [number], setup, now=now):
        return None
    return Offer(number, now + BLOCK_OFFERED_FOR)


def _act(
    conn: Connection, call: SaidCall, outcome: Outcome, setup: Setup, *, by: str, now: datetime
) -> list[Happening]:
    happened: list[Happening] = []
    card = moves.find(conn, call.card) if call.card else None
    mine = _closed_by(conn, call, card) if card else None
    if is_deal(outcome):
        if card and mine:
            happened.append(
                _reopen(conn, call, card, setup, claimed=mine == "claimed", by=by, now=now)
            )
    elif card and mine:
        outcomes.call_it_otherwise(conn, card.id, outcome, now=now)
    elif card and not card.closed and outcomes.only_calls_made(conn, card.id, call.id):
        happened.append(_close(conn, call, card, outcome, setup, by=by, now=now))
    contact = outcomes.find_contact(conn, call.contact) if call.contact else None
    if contact:
        _mark(conn, call, contact, outcome, setup, by=by, now=now)
    return happened


# The card. Which call closed it, in which transition, is an act of the call.


def _act_of(card: MovingCard, move: int, how: str) -> str:
    return f"junk:{card.id}@{move}:{how}"


def _closed_by(conn: Connection, call: SaidCall, card: MovingCard) -> str | None:
    """How this call closed the card as junk, if that is the last word on it: claimed or free."""
    if not card.closed or card.status != JUNK:
        return None
    done = outcomes.acts_of(conn, call.id)
    return next(
        (how for how in ("claimed", "free") if _act_of(card, card.moves, how) in done), None
    )


def _close(
    conn: Connection,
    call: SaidCall,
    card: MovingCard,
    outcome: Outcome,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> Happening:
    """Close a card as junk; its claim is free."""
    junk = _status(card, JUNK, setup)
    n = move(conn, card, junk, setup, claimed=False, loss_reason=outcome, by=by, now=now)
    how = "claimed" if card.open_for else "free"
    cards.claim_acts(conn, [(call.id, _act_of(card, n, how))], now=now)
    data = {"status": JUNK, "reason": outcome}
    return Happening("card_closed", now, by, call.id, card.id, card.contact, data)


def _reopen(
    conn: Connection,
    call: SaidCall,
    card: MovingCard,
    setup: Setup,
    *,
    claimed: bool,
    by: str,
    now: datetime,
) -> Happening:
    """Give a card the status back that it had."""
    before = _status(card, card.before or "", setup)
    move(conn, card, before, setup, claimed=claimed, loss_reason=None, by=by, now=now)
    data = {"status": before.key}
    return Happening("card_reopened", now, by, call.id, card.id, card.contact, data)


def _status(card: MovingCard, key: str, setup: Setup) -> Status:
    """A status of the card's pipeline, even one that Setup has no more."""
    pipeline = setup.pipelines.get(card.pipeline)
    found = pipeline.status(key) if pipeline else None
    return found or (NOT_A_DEAL if key == JUNK else Status(key))


# The contact


def _mark(
    conn: Connection,
    call: SaidCall,
    contact: JunkContact,
    outcome: Outcome,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> None:
    """Write what the call says of its contact; who changed him since is not overruled."""
    mine = _relation_act(contact.id, contact.version) in outcomes.acts_of(conn, call.id)
    relation = "client" if mine else contact.relation
    if is_deal(outcome):
        if mine or contact.no_card_until:
            outcomes.mark_contact(conn, contact, relation=relation, no_card_until=None, now=now)
        if contact.no_card_until and call.card is None:
            settle(conn, [call.id], setup, now=now)  # makes the card that it was not to have
        return
    if contact.open_cards:
        return  # he is somebody's client, whatever this call was
    said = relation_by(outcome)
    changes = said is not None and relation == "client" and not contact.worked_with
    if said and changes:
        relation = said
    until = now + timedelta(days=setup.routing.junk_days)
    version = outcomes.mark_contact(conn, contact, relation=relation, no_card_until=until, now=now)
    if changes:
        cards.claim_acts(conn, [(call.id, _relation_act(contact.id, version))], now=now)
    claim = obligations.claim(call.number, contact.id)
    for one in obligations.open_of(conn, [claim]).values():
        close_obligation(conn, one.id, outcome, by=by, now=now)


def _relation_act(contact: str, version: int) -> str:
    return f"relation:{contact}@{version}"
