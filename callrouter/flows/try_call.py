"""What would happen to a call: decides on today's facts and changes nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from callrouter.domain.decisions import EVERYTHING, Can, Connect
from callrouter.domain.events import CallEvent
from callrouter.domain.routing import (
    Arrival,
    CallerFacts,
    Decided,
    Facts,
    decide,
    open_card,
    people_to_look_at,
)
from callrouter.domain.supposed import suppose
from callrouter.flows import tuning
from callrouter.flows.blocks import blocked
from callrouter.flows.callers import facts_of
from callrouter.flows.gather import board_of
from callrouter.flows.queue import queue_for
from callrouter.flows.work import Work
from callrouter.setup_file import BadSetup, check
from callrouter.setup_file.rebasing import Conflict, rebase
from storage import drafts, setups, sight
from storage.listing_told import without_unseen_calls
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Account, Setup
    from callrouter.domain.supposed import Supposed
    from storage.drafts import Draft


class UnknownLine(Exception):
    """The line that was named is none of ours."""


def rules_of(conn: Connection, draft: str) -> tuple[Draft, Setup]:
    """A draft, and the Setup that it would make of the one in force now.

    Where others have published what it changes too, it is taken as it stands. Raises
    tuning.NoSuchDraft; BadSetup where it could not be published as it is.
    """
    if (found := drafts.find(conn, draft)) is None:
        raise tuning.NoSuchDraft(draft)
    rules, current = found.setup, setups.current_version(conn)
    if found.base != current:
        with suppress(Conflict):
            rules = rebase(setups.load(conn, found.base), rules, setups.load(conn, current))
    if problems := check(rules):
        raise BadSetup(problems)
    return found, replace(rules, version=0)


def try_call(
    conn: Connection,
    setup: Setup,
    *,
    line: str,
    caller: str,
    at: datetime,
    now: datetime,
    supposed: Mapping[str, Supposed] = {},
    viewer: Viewer | None = None,
    can: Can | None = None,
) -> Decided:
    """Decide on a call that nobody makes. `at`: the moment for hours, shifts and rules.

    Load and what holds people are taken as they are now, but for what is `supposed` of some.
    `viewer`: for whom it is said, who is told of no client that he may not see; None: of all.
    `can`: what its PBX can do; None: what the line's account can at best. Raises UnknownLine.
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
        card=open_card(work.facts.cards, pipeline),
        blocked=blocks.get(work.caller.number or ""),
        own=queue.own(work),
        since=queue.place_of(work),
        waiting=queue.at(now),
        mean_talk_s=queue.mean_talk_s,
    )
    board = board_of(conn, people_to_look_at(arrival, facts, now=at), setup, now=now)
    known = {
        key: suppose(one, supposed[key], at) if key in supposed else one
        for key, one in board.facts.items()
    }
    can = can or _able(setup.accounts[account])
    decided = decide(arrival, replace(facts, managers=known), can, now=at)
    return _as_seen(conn, decided, work.facts, viewer) if viewer else decided


def _as_seen(conn: Connection, decided: Decided, caller: CallerFacts, viewer: Viewer) -> Decided:
    """Without the clients and the cards that he may not see; whom it rings, he is told."""
    if viewer.people is None:
        return decided
    why, decision, responsible = decided.why, decided.decision, decided.why.responsible
    named = {why.card, responsible.card if responsible else None}
    cards = {
        one.number
        for one in caller.cards
        if one.number in named and sight.is_seen(conn, viewer, "card", one.id)
    }
    if responsible and responsible.card not in cards:
        responsible = replace(responsible, card=None)
    contact = why.contact
    if contact is not None and not sight.is_seen(conn, viewer, "contact", contact):
        contact = None
        if isinstance(decision, Connect):
            decision = replace(decision, caller_name="")
    people = [one for one in why.people if sight.is_seen(conn, viewer, "contact", one.contact)]
    why = replace(
        why,
        contact=contact,
        people=tuple(people),
        card=why.card if why.card in cards else None,
        responsible=responsible,
    )
    (why,) = without_unseen_calls(conn, viewer, [why])
    return replace(decided, decision=decision, why=why)


def _able(account: Account) -> Can:
    """What its PBX can do with a whole ladder: who asks again gets the later steps then."""
    if account.provider not in PROVIDERS:
        return EVERYTHING  # a later version's
    able = PROVIDERS[account.provider](account, ()).able
    return replace(able, steps=None) if able.ask_again else able


def _account_of(setup: Setup, line: str) -> str:
    """The account whose line this is."""
    for account in setup.account:
        found, known = setup.find_line(line, account.key)
        if known:
            return found.account or account.key
    raise UnknownLine(line)
