"""`/managers`: who is at work, how loaded, what holds whom; and saying that one is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection

from callrouter.api.fields import Given, Id, Key, OurTime, Paged, Reason
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.managers import CoolReason, PresenceState
from callrouter.domain.setup import Manager as Person
from callrouter.flows.presence import EndHasCome, say
from callrouter.flows.seeing import check_speaking
from callrouter.flows.staff import AtDesk, ManagerState, managers_now
from storage import handovers
from storage.handovers import Noun

routes = Routes()

_NO_SUCH_MANAGER = Problem(404, "There is no such manager.")


class ManagersQuery(Paged):
    cursor: Key | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """`share` = (in_work + strangers + ringing) / capacity; 1 and more is full.

    `in_work` is the sum of the weights of his `cards`, open and lately touched.
    """

    in_work: float
    cards: int
    strangers: int
    ringing: int
    capacity: int
    share: float


@dataclass(frozen=True, slots=True)
class Busy:
    """The call that holds him, and until when at most."""

    call: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Presence:
    """What was said of him. `reason`: a person's words, or `no_answer`: he did not pick up."""

    state: PresenceState
    reason: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Cooling:
    """Why he is rung last, and until when."""

    reason: CoolReason
    until: datetime


@dataclass(frozen=True, slots=True)
class Manager:
    key: str
    name: str
    team: str | None
    office: str | None
    state: ManagerState
    load: Load
    busy: Busy | None
    presence: Presence | None
    cooling: Cooling | None


@dataclass(frozen=True, slots=True)
class ManagerPage:
    items: tuple[Manager, ...]
    next: str | None


@routes.get("/managers", right="look")
async def list_managers(asked: Asked, query: ManagersQuery) -> ManagerPage:
    """Managers by key, each as routing sees him now.

    `available`: a call may ring him; `busy`: a call holds him; `pause`, `off`: so it was said;
    the other states say why he is not at work.
    """
    service = asked.service
    setup = service.setups.current
    people = sorted(setup.manager, key=lambda one: one.key)
    if query.cursor is not None:
        people = [one for one in people if one.key > query.cursor]
    part, last = query.part(people, attrgetter("key"))
    found = await service.database.read(managers_now, setup, part, now=service.clock())
    return ManagerPage(tuple(_body(one) for one in found), last)


class ByKey(Given):
    key: Key


class Said(Given):
    state: PresenceState
    reason: Reason = ""
    until: Annotated[
        OurTime | None,
        Field(description="When it ends; absent: at the end of his shift, else at his midnight."),
    ] = None


@routes.post("/managers/{key}/presence", right="work")
async def set_presence(asked: Asked, path: ByKey, body: Said) -> Manager:
    """Say that a manager is available, has a pause or is off; gives him as routing sees him then.

    One says his own; of others who may `assign`. The same state again only moves its end.
    `available` also ends his wrap-up and his coolings.
    """
    manager = _find(asked, path.key)
    check_speaking(asked.viewer, manager.key)
    if not manager.active:
        raise Problem(409, "He is not active in the setup: no call rings him whatever is said.")
    try:
        found = await asked.service.database.write(
            _say, asked, manager, body, now=asked.service.clock()
        )
    except EndHasCome:
        errors = (FieldProblem("until", "a moment still to come is needed"),)
        raise Problem(422, "This presence would be over already.", errors) from None
    return _body(found)


class WorkQuery(Paged):
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One open thing that is his. `number`, `pipeline`, `status`: a card's; `kind`, `phone`,
    `due_at`: a task's, an obligation is one of kind `call_back`; `name`: the contact's.
    """

    noun: Noun
    id: str
    name: str
    number: int | None
    pipeline: str | None
    status: str | None
    kind: str | None
    phone: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """`cards`, `contacts`, `tasks`: how many are open in all; `items`: the oldest first."""

    cards: int
    contacts: int
    tasks: int
    items: tuple[Piece, ...]
    next: str | None


@routes.get("/managers/{key}/work", right="look")
async def list_work(asked: Asked, path: ByKey, query: WorkQuery) -> Work:
    """A manager's open cards, contacts and tasks: what `callrouter handover` would hand over."""
    key = _find(asked, path.key).key
    if not asked.viewer.sees(key):
        raise _NO_SUCH_MANAGER
    counts, found = await asked.service.database.read(_work, key, query.cursor, query.limit)
    part, last = query.part(found, attrgetter("id"))
    return Work(
        cards=counts.cards,
        contacts=counts.contacts,
        tasks=counts.tasks,
        items=tuple(
            Piece(
                noun=one.noun,
                id=one.id,
                name=one.name,
                number=one.number,
                pipeline=one.pipeline,
                status=one.status,
                kind=one.kind,
                phone=one.phone,
                due_at=one.due_at,
            )
            for one in part
        ),
        next=last,
    )


def _work(
    conn: Connection, key: str, after: str | None, limit: int
) -> tuple[handovers.Counts, list[handovers.Piece]]:
    counts = handovers.count_open(conn, [key]).get(key, handovers.Counts())
    return counts, handovers.open_work(conn, key, after=after or "", limit=limit + 1)


def _say(conn: Connection, asked: Asked, manager: Person, body: Said, *, now: datetime) -> AtDesk:
    setup = asked.service.setups.current
    say(
        conn,
        setup,
        manager,
        body.state,
        by=asked.by,
        now=now,
        reason=body.reason,
        until=body.until,
    )
    (found,) = managers_now(conn, setup, [manager], now=now)
    return found


def _find(asked: Asked, key: str) -> Person:
    if (found := asked.service.setups.current.managers.get(key)) is None:
        raise _NO_SUCH_MANAGER
    return found


def _body(one: AtDesk) -> Manager:
    manager, parts, said, cooling = one.manager, one.load, one.presence, one.cooling
    return Manager(
        key=manager.key,
        name=manager.name,
        team=manager.team,
        office=manager.office,
        state=one.state,
        load=Load(
            in_work=parts.in_work,
            cards=parts.cards,
            strangers=parts.strangers,
            ringing=parts.ringing,
            capacity=manager.capacity,
            share=round(parts.of(manager.capacity), 4),
        ),
        busy=Busy(one.hold.call, one.hold.until) if one.hold else None,
        presence=Presence(said.state, said.reason, said.since, said.until) if said else None,
        cooling=Cooling(cooling.reason, cooling.until) if cooling else None,
    )
