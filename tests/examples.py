"""One good setup, call and facts; each test changes only its subject."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from callrouter.domain.decisions import EVERYTHING, Can, Connect, Decision
from callrouter.domain.events import CallEvent, EventKind
from callrouter.domain.load import LoadParts
from callrouter.domain.managers import Hold, ManagerFacts
from callrouter.domain.phones import Caller
from callrouter.domain.routing import Arrival, CallerFacts, CardFacts, Facts, decide
from callrouter.domain.setup import (
    DEFAULT_PIPELINE,
    Account,
    Company,
    Ladder,
    Line,
    Manager,
    Office,
    Setup,
    Step,
    Team,
)

MONDAY_NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # noon in Moscow
LINE_NUMBER = "+74951230001"
LAST_RESORT = "+74950000000"

LINE = Line(number=LINE_NUMBER, account="main", last_resort=LAST_RESORT, source="site")
SETUP = Setup(
    company=Company(name="Ромашка", duty="vera"),
    office=(Office("msk", "Москва"), Office("ekb", "Екатеринбург", "Asia/Yekaterinburg")),
    account=(Account(key="main", default_line=LINE_NUMBER, secret="a-good-secret"),),
    team=(Team("sales", head="vera"),),
    manager=(
        Manager("anna", "Анна Смирнова", "101", team="sales", office="msk"),
        Manager("boris", "Борис Орлов", "102", team="sales", office="msk"),
        Manager("vera", "Вера Котова", "103", team="sales", office="msk"),
    ),
    pipeline=(DEFAULT_PIPELINE,),
    line=(LINE,),
    version=1,
)
CALLER = Caller("known", "+79161234567", "89161234567")
CALL = Arrival(call="call-1", account="main", caller=CALLER, line=LINE)
FACTS = Facts(SETUP, {})


def with_ladder(*steps: Step, setup: Setup = SETUP) -> Setup:
    """The example setup, its line climbing these steps."""
    line = replace(setup.line[0], ladder="own")
    return replace(setup, ladder=(Ladder("own", steps),), line=(line,))


def load(weight: float = 0, *, strangers: int = 0) -> ManagerFacts:
    return ManagerFacts(load=LoadParts(in_work=weight, cards=int(weight), strangers=strangers))


def talking(call: str = "other", until_s: int = 3600) -> ManagerFacts:
    since = MONDAY_NOON - timedelta(seconds=30)
    hold = Hold(call, "a1", "talk", since, MONDAY_NOON + timedelta(seconds=until_s))
    return ManagerFacts(holds=(hold,))


def rung(from_s: int, until_s: int, *, shared: bool = False) -> ManagerFacts:
    """Rung by another call in a window of seconds from now."""
    since = MONDAY_NOON + timedelta(seconds=from_s)
    until = MONDAY_NOON + timedelta(seconds=until_s)
    return ManagerFacts(holds=(Hold("other", "a1", "ring", since, until, shared=shared),))


def idle(seconds: int) -> ManagerFacts:
    """Offered a call so long ago."""
    return ManagerFacts(last_offer=MONDAY_NOON - timedelta(seconds=seconds))


def known(manager: str | None = None, **changes: Any) -> dict[str, Any]:
    """Facts of a known caller, whose open card this manager is responsible for."""
    card = CardFacts("card-1", 318, "sales", "in_work", manager)
    caller = CallerFacts(contact="contact-1", name="Иван Петров", cards=(card,), **changes)
    return {"caller": caller, "known": True, "card": card}


def rings(decision: Decision) -> list[tuple[str, ...]]:
    """Whom a decision rings, step by step."""
    assert isinstance(decision, Connect)
    return [step.managers for step in decision.steps]


def told(
    setup: Setup = SETUP,
    *,
    can: Can = EVERYTHING,
    call: Arrival = CALL,
    now: datetime = MONDAY_NOON,
    **facts: Any,
) -> list[tuple[str, ...]]:
    """Whom the example call rings, with something changed."""
    changed = replace(FACTS, setup=setup, **facts)
    return rings(decide(replace(call, line=setup.line[0]), changed, can, now=now).decision)


def event(
    kind: EventKind, call: str = "c1", at: datetime = MONDAY_NOON, /, **fields: Any
) -> CallEvent:
    """An event of a PBX that sends ids, times and both numbers in each."""
    parts = [call, kind, *(str(fields.get(name, "")) for name in ("leg_ref", "target", "attempt"))]
    given = {
        "key": "/".join(parts),
        "own_key": True,
        "received": at,
        "at": at,
        "caller": "89161234567",
        "called": LINE_NUMBER,
        "call_ref": call,
        **fields,
    }
    return CallEvent(account=given.pop("account", "main"), kind=kind, **given)
