"""`/managers`: who is at work, how loaded, and what holds whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callrouter.api.fields import Key, Paged
from callrouter.api.layer import READERS, Asked, Routes
from callrouter.flows.staff import AtDesk, ManagerState, managers_now

routes = Routes()


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
class Manager:
    key: str
    name: str
    team: str | None
    office: str | None
    state: ManagerState
    load: Load
    busy: Busy | None


@dataclass(frozen=True, slots=True)
class ManagerPage:
    items: tuple[Manager, ...]
    next: str | None


@routes.get("/managers", roles=READERS)
async def list_managers(asked: Asked, query: ManagersQuery) -> ManagerPage:
    """Managers by key, each as routing sees him now.

    `available`: a call may ring him; `busy`: a call holds him; the other states say why he is not
    at work.
    """
    service = asked.service
    setup = service.setups.current
    people = sorted(setup.manager, key=lambda one: one.key)
    if query.cursor is not None:
        people = [one for one in people if one.key > query.cursor]
    part, more = people[: query.limit], len(people) > query.limit
    found = await service.database.read(managers_now, setup, part, now=service.clock())
    return ManagerPage(tuple(_body(one) for one in found), part[-1].key if more else None)


def _body(one: AtDesk) -> Manager:
    manager, parts = one.manager, one.load
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
    )
