"""What a decision looked at, kept so that it can be taken again later, maybe on another Setup.

Of the caller it is kept with the decision; of managers it is rebuilt (`callrouter.flows.past`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.blocks import Blocked, find_block
from callrouter.domain.decisions import Can
from callrouter.domain.phones import Caller
from callrouter.domain.routing import STRANGER, Arrival, CallerFacts, CardFacts, Facts
from callrouter.domain.setup import Line
from callrouter.domain.targets import diverter
from callrouter.domain.waiting import USUAL_TALK_S
from callrouter.domain.why import Passed

if TYPE_CHECKING:
    from callrouter.domain.managers import Managers
    from callrouter.domain.setup import Setup
    from callrouter.domain.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Seen:
    """The caller's side of what `decide` looked at: of `Arrival` and `Facts` what no Setup says.

    `line`: its number, or what was dialled where no line is known; `place`: `Facts.since`.
    """

    caller: Caller
    line: str
    line_known: bool = True
    diverted_from: str | None = None
    rung: int = 0
    turn: int = 0
    legs: int = 0
    tried: Mapping[str, Passed] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    asked: datetime | None = None
    since: datetime | None = None
    began: datetime | None = None
    of_caller: CallerFacts = STRANGER
    known: bool = False
    card: CardFacts | None = None
    new_card: bool = False
    blocked: Blocked | None = None
    own: frozenset[str] = frozenset()
    place: datetime | None = None
    mean_talk_s: float = USUAL_TALK_S
    can: Can = field(default_factory=Can)


def seen_by(call: Arrival, facts: Facts, can: Can) -> Seen:
    return Seen(
        caller=call.caller,
        line=call.line.number,
        line_known=call.line_known,
        diverted_from=call.diverted_from,
        rung=call.rung,
        turn=call.turn,
        legs=call.legs,
        tried=call.tried,
        left=call.left,
        gone=call.gone,
        asked=call.asked,
        since=call.since,
        began=call.began,
        of_caller=facts.caller,
        known=facts.known,
        card=facts.card,
        new_card=facts.new_card,
        blocked=facts.blocked,
        own=facts.own,
        place=facts.since,
        mean_talk_s=facts.mean_talk_s,
        can=can,
    )


def arrival_of(
    seen: Seen, setup: Setup, current: Setup, *, call: str, account: str, attempt: int
) -> Arrival:
    """The call as it asked, on a Setup; a line that this has not is the one of the `current`."""
    return Arrival(
        call=call,
        account=account,
        caller=seen.caller,
        line=_line_of(seen.line, account, setup, current),
        line_known=seen.line_known,
        diverted_from=seen.diverted_from,
        attempt=attempt,
        rung=seen.rung,
        turn=seen.turn,
        legs=seen.legs,
        tried=seen.tried,
        left=seen.left,
        gone=seen.gone,
        asked=seen.asked,
        diverted_by=diverter(setup, account, seen.diverted_from),
        since=seen.since,
        began=seen.began,
    )


def facts_of(seen: Seen, setup: Setup, managers: Managers, waiting: tuple[Waiting, ...]) -> Facts:
    return Facts(
        setup,
        managers,
        caller=seen.of_caller,
        known=seen.known,
        card=seen.card,
        new_card=seen.new_card,
        blocked=seen.blocked,
        own=seen.own,
        since=seen.place,
        waiting=waiting,
        mean_talk_s=seen.mean_talk_s,
    )


def blocked_by(seen: Seen, setup: Setup, now: datetime) -> Blocked | None:
    """What blocks the caller on another Setup: its own blocks, else the list as it was."""
    number, was = seen.caller.number, seen.blocked
    listed = {was.number: was} if was and was.origin == "list" else {}
    return find_block(number, setup, listed, now)


def _line_of(number: str, account: str, *setups: Setup) -> Line:
    for setup in setups:
        if account in setup.accounts:
            line, found = setup.find_line(number, account)
            if found:
                return line
    if account in setups[0].accounts:
        return setups[0].find_line(number, account)[0]
    return Line(number, last_resort="", account=account)
