"""A service without sockets: events go straight into the base, with a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from callrouter.domain.decisions import EVERYTHING, Can, Connect, Decision
from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Setup
from callrouter.flows.sweep import sweep
from callrouter.flows.take import take
from callrouter.flows.work import Already, Batch, Desk, Entry, Taken
from storage import calls, setups, tables
from storage.database import BaseSilent, Database
from storage.documents import write_decision
from storage.ids import new_id
from storage.journal import Raw
from storage.setups import SetupCache
from tests.examples import MONDAY_NOON, SETUP
from webhooks.provider import Answer, Provider, RawHook

OK = Answer(b'{"ok": true}')


def render(decision: Decision) -> Answer:
    return Answer(write_decision(decision).encode())


def entry(
    event: CallEvent,
    *,
    can: Can = EVERYTHING,
    body: bytes | None = None,
    already: Already | None = None,
    call_id: str | None = None,
) -> Entry:
    return Entry(
        event=event,
        raw=Raw(event.key.encode() if body is None else body, ""),
        call_id=call_id or new_id(event.received),
        can=can,
        render=render,
        accept=OK,
        already=already,
    )


def posted(account: str, payload: Mapping[str, Any], at: datetime, query: str = "") -> RawHook:
    """What a PBX posted as JSON."""
    return RawHook(
        account=account,
        method="POST",
        url=f"http://x/webhooks/pbx/{account}",
        query=query,
        headers=(("content-type", "application/json"),),
        body=json.dumps(payload, ensure_ascii=False).encode(),
        peer="127.0.0.1",
        arrived=at,
        arrived_s=0.0,
    )


def entry_of(provider: Provider, hook: RawHook) -> Entry:
    """The one event of a hook, as the front door hands it on."""
    (event,) = provider.parse(hook)
    return Entry(
        event=event,
        raw=Raw(hook.body, hook.query),
        call_id=new_id(hook.arrived),
        can=provider.can(hook),
        render=lambda decision: provider.answer(decision, hook),
        accept=provider.accept(hook),
    )


class Office:
    """A base with a setup in force, and what a test wants to see of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk(SetupCache())

    async def open(self, setup: Setup = SETUP, now: datetime = MONDAY_NOON) -> Office:
        await self.database.write(setups.publish, replace(setup, version=0), by="apply", now=now)
        return self

    async def take(
        self, *given: CallEvent | Entry, now: datetime | None = None, can: Can = EVERYTHING
    ) -> list[Taken]:
        return (await self.batch(*given, now=now, can=can)).taken

    async def batch(
        self, *given: CallEvent | Entry, now: datetime | None = None, can: Can = EVERYTHING
    ) -> Batch:
        entries = [one if isinstance(one, Entry) else entry(one, can=can) for one in given]
        moment = now or max(one.event.received for one in entries)
        for _ in range(3):  # a machine that stands still longer than the base waits is no failure
            with suppress(BaseSilent):
                return await self.database.write(take, entries, self.desk, now=moment)
        return await self.database.write(take, entries, self.desk, now=moment)

    async def ring(self, event: CallEvent, *, can: Can = EVERYTHING) -> list[tuple[str, ...]]:
        """Let a call ask, and give whom it rings."""
        taken = (await self.take(event, can=can))[0]
        assert isinstance(taken.decision, Connect)
        return [step.managers for step in taken.decision.steps]

    async def sweep(self, now: datetime) -> None:
        while await self.database.write(sweep, self.desk, now=now):
            pass

    async def held(self, now: datetime) -> dict[str, list[str]]:
        """Who is held at a moment, and by what."""
        people = list(self.desk.setups.current.managers)
        found = await self.database.read(calls.holds, people, now)
        return {
            manager: [hold.kind for hold in holds if hold.since <= now]
            for manager, holds in found.items()
            if any(hold.since <= now for hold in holds)
        }

    async def rows(self, table: Table[Any]) -> Sequence[Any]:
        def read(conn: Connection) -> Sequence[Any]:
            order = list(table.primary_key)
            return conn.execute(select(table).order_by(*order)).all()

        return await self.database.read(read)

    async def count(self, table: Table[Any]) -> int:
        return len(await self.rows(table))

    async def only(self, table: Table[Any]) -> Any:
        (row,) = await self.rows(table)
        return row

    async def open_calls(self) -> list[str]:
        over = ("answered", "missed", "rejected", "unanswered")
        return [row.ref for row in await self.rows(tables.call) if row.state not in over]
