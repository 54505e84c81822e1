"""What would happen to a call: decides on today's facts and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from callrouter.domain.decisions import EVERYTHING
from callrouter.domain.events import CallEvent
from callrouter.domain.routing import (
    Arrival,
    CardFacts,
    Decided,
    Facts,
    decide,
    people_to_look_at,
)
from callrouter.flows.blocks import blocked
from callrouter.flows.callers import facts_of
from callrouter.flows.gather import board_of
from callrouter.flows.queue import queue_for
from callrouter.flows.work import Work
from storage import setups

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup


class UnknownLine(Exception):
    """The line that was named is none of ours."""


def try_call(
    conn: Connection, setup: Setup, *, line: str, caller: str, at: datetime, now: datetime
) -> Decided:
    """Decide on a call that nobody makes. `at`: the moment for hours, shifts and rules.

    Load and what holds people are taken as they are now. Raises UnknownLine.
    """
    account = _account_of(setup, line)
    event = CallEvent(
        account, "try", "ringing", at, call_ref="try", at=at, caller=caller, called=line
    )
    work = Work("try", account, "try", 0, setup, events=[event])
    number = work.caller.number if work.caller.kind == "known" else None
    if number and (found := facts_of(conn, [number], setup, now=now).get(number)):
        work.facts, work.known = found, found.contact is not None
    pipeline = setup.pipeline_of(work.line).key
    mine = [card for card in work.facts.cards if card.open and card.pipeline == pipeline]
    card: CardFacts | None = max(mine, key=lambda one: one.number, default=None)
    arrival = Arrival(
        call="",
        account=account,
        caller=work.caller,
        line=work.line,
        line_known=work.line_known,
    )
    queue = queue_for(conn, [work], setup, partial(setups.load, conn), now=now)
    blocks = blocked(conn, [work.caller.number or ""], setup, now=at)
    facts = Facts(
        setup,
        {},
        work.facts,
        known=work.known,
        card=card,
        blocked=blocks.get(work.caller.number or ""),
        own=queue.own(work),
        since=queue.place_of(work),
        waiting=queue.at(now),
        mean_talk_s=queue.mean_talk_s,
    )
    board = board_of(conn, people_to_look_at(arrival, facts, now=at), setup, now=now)
    return decide(arrival, replace(facts, managers=board.facts), EVERYTHING, now=at)


def _account_of(setup: Setup, line: str) -> str:
    """The account whose line this is."""
    for account in setup.account:
        found, known = setup.find_line(line, account.key)
        if known:
            return found.account or account.key
    raise UnknownLine(line)
