"""What people and programs read of the base: frozen values, and for whom they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from callrouter.domain.blocks import BlockOrigin
from callrouter.domain.calls import LegStatus, State
from callrouter.domain.decisions import Decision
from callrouter.domain.events import Direction
from callrouter.domain.outcomes import Outcome
from callrouter.domain.phones import CallerKind
from callrouter.domain.rights import Viewer as Viewer  # noqa: PLC0414  what lists are read for
from callrouter.domain.why import Why

MOST = 200
"""No list gives more rows at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A part of a list, newest first. `more`: others follow after its last item."""

    items: tuple[T, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class LegView:
    """One attempt to ring one phone. `talk_s`: the talk's length as the PBX reported it."""

    ref: str
    dial: str
    manager: str | None
    planned: bool
    run: int
    attempt: int
    step: int
    status: LegStatus
    reason: str | None
    ring_from: datetime | None
    ring_until: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    machine: bool
    presumed: bool
    talk_s: float | None
    outbound: bool = False


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What a call was told, and why. `run`: which plan of the call; `attempt`: which `next`."""

    call: str
    run: int
    attempt: int
    at: datetime
    decision: Decision
    why: Why


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as it stands. `call_id` is the PBX's; `caller` a number by `caller_kind`, or None.

    `told` is its last decision, where that was asked for; `card_manager`: whose its card is.
    """

    id: str
    call_id: str
    account: str
    direction: Direction
    state: State
    line: str
    caller: str | None
    caller_kind: CallerKind
    caller_raw: str
    contact: str | None
    contact_name: str | None
    card: str | None
    card_number: int | None
    manager: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    presumed: bool
    reason: str | None
    outcome: Outcome | None = None
    note: str | None = None
    legs: tuple[LegView, ...] = ()
    told: DecisionView | None = None
    recorded: bool = False
    card_manager: str | None = None

    @property
    def at(self) -> datetime:
        return self.started_at


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact. `company`: the name of the one whose person he is."""

    id: str
    kind: str
    relation: str
    name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    tags: tuple[str, ...]
    responsible: str | None
    comment: str | None
    created_at: datetime
    updated_at: datetime
    version: int
    inn: str | None = None
    position: str | None = None
    company: str | None = None


@dataclass(frozen=True, slots=True)
class ContactBrief:
    """A contact as his cards show him."""

    id: str
    name: str
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardView:
    id: str
    number: int
    pipeline: str
    status: str
    manager: str | None
    contact: ContactBrief | None
    source: str | None
    office: str | None
    team: str | None
    last_contact_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    version: int
    amount: Decimal | None = None
    due_on: date | None = None
    entity: str | None = None
    loss_reason: str | None = None
    title: str = ""
    status_at: datetime | None = None  # since when it is in its status


@dataclass(frozen=True, slots=True)
class BlockView:
    """A blocked number. `since` and `by` None: it stands in setup.toml; `hits`: calls rejected."""

    id: str
    number: str
    reason: str
    until: datetime | None
    origin: BlockOrigin
    since: datetime | None = None
    by: str | None = None
    hits: int = 0
    last_hit_at: datetime | None = None


# A card's timeline. `by`: the person, or the id of the call, that did it.


@dataclass(frozen=True, slots=True)
class MoveView:
    """A transition: the card's status changed, or (`from_status` None) it was made."""

    at: datetime
    n: int
    from_status: str | None
    to_status: str
    by: str


@dataclass(frozen=True, slots=True)
class OwnerView:
    """The card became this manager's; `until` None: it still is."""

    at: datetime
    manager: str
    until: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class HappeningView:
    """A business event. `data` is a JSON object as text."""

    at: datetime
    id: str
    kind: str
    actor: str
    call: str | None
    data: str


Entry = CallView | MoveView | OwnerView | HappeningView


def cut(rows: Sequence[T], limit: int) -> Slice[T]:
    """The first `limit` of rows that were read with one more than that."""
    return Slice(tuple(rows[:limit]), more=len(rows) > limit)
