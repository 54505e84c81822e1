"""Calls that people ordered: what was asked of a PBX, and what it said."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, or_, select, update

from storage import rows
from storage.tables import call_order

OrderState = Literal["asked", "accepted", "failed", "in_doubt"]


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An ordered call. `target`: the manager's dial; `number`, `line`: E.164; `ref`: the PBX's id.

    `told_at`: when it was known what became of it; `reason`: why it failed or is in doubt.
    """

    id: str
    account: str
    manager: str
    target: str
    number: str
    line: str
    by: str
    at: datetime
    state: OrderState = "asked"
    ref: str | None = None
    reason: str | None = None
    told_at: datetime | None = None

    @property
    def call_ref(self) -> str:
        """By which id the PBX's events should name the call."""
        return self.ref or self.id


_c = call_order.c
_COLUMNS = [column for column in call_order.columns if column.name != "claim"]


def free_claim(conn: Connection, claim: str, *, before: datetime) -> None:
    """Let the next order of this claim be a new one, if the one that has it is from before."""
    conn.execute(update(call_order).where(_c.claim == claim, _c.at <= before).values(claim=None))


def keep(conn: Connection, one: StoredOrder, claim: str) -> StoredOrder:
    """Add an order, unless the claim is taken; gives the order that has it."""
    rows.add_new(conn, call_order, [{**asdict(one), "claim": claim}])
    return _stored(conn.execute(select(*_COLUMNS).where(_c.claim == claim)).one())


def find(conn: Connection, id_: str) -> StoredOrder | None:
    row = conn.execute(select(*_COLUMNS).where(_c.id == id_)).one_or_none()
    return _stored(row) if row else None


def settle(
    conn: Connection,
    id_: str,
    state: OrderState,
    *,
    ref: str | None,
    reason: str | None,
    now: datetime,
) -> None:
    """Write what became of an order, once: `in_doubt` gives way to what is known, nothing else.

    A failed one has no claim, so that it may be ordered again at once.
    """
    values: dict[str, Any] = {"state": state, "ref": ref, "reason": reason, "told_at": now}
    if state == "failed":
        values["claim"] = None
    unsure = ("asked", "in_doubt") if state != "in_doubt" else ("asked",)
    conn.execute(update(call_order).where(_c.id == id_, _c.state.in_(unsure)).values(**values))


def doubt(conn: Connection, *, before: datetime, reason: str, now: datetime) -> int:
    """Put in doubt whatever was asked before and never settled; gives how many."""
    found = conn.execute(
        update(call_order)
        .where(_c.state == "asked", _c.at <= before)
        .values(state="in_doubt", reason=reason, told_at=now)
    )
    return found.rowcount


def of_call(conn: Connection, account: str, call_ref: str) -> StoredOrder | None:
    """The order that a call came of, by the id that the PBX has for the call."""
    row = conn.execute(
        select(*_COLUMNS)
        .where(_c.account == account, or_(_c.id == call_ref, _c.ref == call_ref))
        .order_by(_c.at.desc())
        .limit(1)
    ).one_or_none()
    return _stored(row) if row else None


def _stored(row: Any) -> StoredOrder:  # noqa: ANN401  a row of `call_order`
    return StoredOrder(**row._mapping)  # noqa: SLF001  SQLAlchemy's way to a row's names
