"""Click-to-call: what may be ordered, and what became of it. Sending is `callrouter.ordering`'s."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from callrouter.domain.blocks import whose_number
from callrouter.domain.phones import read_number, spelled
from callrouter.flows.blocks import blocked
from callrouter.flows.people import BadFields, Wrong
from storage import notices, orders
from storage.notices import Happening
from storage.orders import StoredOrder

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Account, Line, Manager, Setup
    from storage.orders import OrderState

SAME_CLICK: Final = timedelta(seconds=15)
"""Whoever asks again for the same manager and number within it means the same call."""

DOUBT_AFTER: Final = timedelta(seconds=20)
"""Longer than any request may take: who asked is no longer there to hear the answer."""

_NOBODY_HEARD = "the server ended before the answer came; the call may have been made"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: a manager's key, a number and a line of ours as people write them."""

    manager: str
    number: str
    line: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be asked of the PBX: one of the manager's `dials`, then `number`, E.164."""

    account: Account
    manager: str
    dials: tuple[str, ...]
    number: str
    line: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request. `ref`: the PBX's own id of the call, if it told one."""

    state: OrderState
    ref: str | None = None
    reason: str | None = None
    again_after_s: float | None = None


def plan_call(setup: Setup, wanted: Wanted) -> Plan:
    """Check what is asked for. Raises BadFields with all that is wrong."""
    wrong: list[Wrong] = []
    line = _line(setup, wanted.line)
    account = account_of(setup, line)
    manager = setup.managers.get(wanted.manager)
    dials = manager.dials(account.key) if manager and account else ()
    number = read_number(wanted.number, setup.region_of(line) if line else setup.company.region)
    if line is None:
        allowed = ", ".join(one.number for one in setup.line)
        wrong.append(Wrong("line", f"is no line of ours; allowed: {allowed}"))
    elif account is None:
        wrong.append(Wrong("line", "has no account; allowed: a line that names its account"))
    if manager is None or not manager.active:
        wrong.append(Wrong("manager", _wrong_manager(setup, manager)))
    elif account and not dials:
        message = f"has no phone on the account {account.key}; allowed: a manager who has one"
        wrong.append(Wrong("manager", message))
    if number is None:
        message = "is no number of a public network; allowed: e.g. +79161234567"
        wrong.append(Wrong("number", message))
    elif ours := whose_number(setup, number):
        wrong.append(Wrong("number", f"is {ours}; allowed: a number that is not ours"))
    elif account and not account.may_dial(number):
        allowed = ", ".join(account.allowed_prefixes or ())
        message = f"may not be dialled through {account.key}; allowed: numbers with {allowed}"
        wrong.append(Wrong("number", message))
    if wrong or line is None or account is None or number is None:
        raise BadFields(*wrong)
    return Plan(account, wanted.manager, dials, number, line.number)


def ask_for_call(
    conn: Connection,
    id_: str,
    plan: Plan,
    target: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> StoredOrder:
    """Keep that a call is about to be asked for, as `id_`; another id: it was ordered just now.

    Raises BadFields for a number that is blocked.
    """
    if blocked(conn, [plan.number], setup, now=now):
        raise BadFields(Wrong("number", "is blocked; allowed: a number that is not"))
    claim = f"{plan.manager} {plan.number}"
    orders.free_claim(conn, claim, before=now - SAME_CLICK)
    one = StoredOrder(
        id=id_,
        account=plan.account.key,
        manager=plan.manager,
        target=target,
        number=plan.number,
        line=plan.line,
        by=by,
        at=now,
    )
    found = orders.keep(conn, one, claim)
    if found.id == id_:
        data = {"order": id_, "manager": plan.manager, "line": plan.line}
        notices.record(conn, [Happening("call_ordered", now, by, data=data)], now=now)
    return found


def settle_order(
    conn: Connection, id_: str, outcome: Outcome, *, now: datetime
) -> StoredOrder | None:
    """Keep what became of an order, and give it; what was known of it before stands."""
    orders.settle(conn, id_, outcome.state, ref=outcome.ref, reason=outcome.reason, now=now)
    return orders.find(conn, id_)


def doubt_orders(conn: Connection, *, now: datetime) -> int:
    """Put in doubt the orders whose server is gone; they are never sent again by themselves."""
    return orders.doubt(conn, before=now - DOUBT_AFTER, reason=_NOBODY_HEARD, now=now)


def _line(setup: Setup, text: str) -> Line | None:
    if line := setup.lines.get(spelled(text)):
        return line
    number = read_number(text, setup.company.region)
    return setup.lines.get(number) if number else None


def account_of(setup: Setup, line: Line | None) -> Account | None:
    """The line's own; one that names none is of the only account there is."""
    if line is None:
        return None
    if line.account:
        return setup.accounts.get(line.account)
    return setup.account[0] if len(setup.account) == 1 else None


def _wrong_manager(setup: Setup, manager: Manager | None) -> str:
    allowed = ", ".join(one.key for one in setup.active)
    return f"{'is not active' if manager else 'is nobody'}; allowed: {allowed}"
