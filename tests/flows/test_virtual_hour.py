"""An hour of a PBX with bad manners, in virtual time, through the real provider into a real base."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callrouter.fakepbx import Account, Callers, FakePbx, Hook, Person, play_virtual_async
from callrouter.flows.work import Entry
from callrouter.sample import SERVICE, SHOP, SITE, sample_setup
from storage import cards, tables
from storage.database import Database
from storage.ids import new_id
from storage.journal import Raw
from tests.examples import MONDAY_NOON
from tests.flows.test_histories import LONG_AFTER
from tests.office import Office
from webhooks.provider import RawHook
from webhooks.providers import PROVIDERS

SETUP = sample_setup(lambda _account: "a-good-secret")


class Line:
    """Carries hooks to the base as the front door would, one at a time."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.providers = {
            one.key: PROVIDERS["pbx"](replace(one, time_zone="Europe/Moscow"), (b"a-good-secret",))
            for one in SETUP.account
        }

    async def send(self, hook: Hook, at: datetime) -> dict[str, Any] | None:
        provider = self.providers[hook.account]
        body = json.dumps(hook.payload, ensure_ascii=False).encode()
        raw = RawHook(
            account=hook.account,
            method="POST",
            url="http://x/webhooks/pbx/main",
            query="",
            headers=(("content-type", "application/json"),),
            body=body,
            peer="127.0.0.1",
            arrived=at,
            arrived_s=0.0,
        )
        (event,) = provider.parse(raw)
        entry = Entry(
            event=event,
            raw=Raw(body, ""),
            call_id=new_id(at),
            can=provider.can(raw),
            render=lambda decision: provider.answer(decision, raw),
            accept=provider.accept(raw),
        )
        (taken,) = await self.office.take(entry, now=at)
        answer: dict[str, Any] = json.loads(taken.answer.body)
        return answer


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
async def test_after_an_hour_of_bad_manners_nothing_is_stuck_or_lost(
    sqlite_database: Database, seed: int
) -> None:
    office = await Office(sqlite_database).open(SETUP)
    line = Line(office)
    known = tuple(f"+7916000{n:04}" for n in range(40))
    pbx = FakePbx(
        seed=seed,
        accounts=[
            Account("main", (SITE, SHOP), rings=("101",)),
            Account("bare", (SERVICE,), forgetful=True, rings=("105",)),
        ],
        people=[Person(one.name, one.all_dials) for one in SETUP.active],
        callers=Callers(known=known),
    )
    truth = await play_virtual_async(
        pbx,
        line.send,
        start=MONDAY_NOON,
        hours=1,
        tick=office.sweep,
        quiet=timedelta(seconds=3600 + 300),
    )
    end = MONDAY_NOON + timedelta(hours=2, minutes=10)
    await office.sweep(end)

    assert truth.bad_answers == []
    assert truth.contradictions == []
    assert len(truth.calls) > 150
    assert truth.talking(end) == {}
    assert await office.held(end) == {}, "nobody is busy without a living leg"
    assert await office.open_calls() == [], "no call is open past its limit"
    contacts = {row.made_for for row in await office.rows(tables.contact)}
    assert truth.heard_callers() - contacts == set(), "a contact for every known caller"
    claims = [row.open_for for row in await office.rows(tables.card) if row.open_for]
    assert len(claims) == len(set(claims))
    states = [row.state for row in await office.rows(tables.call)]
    assert states.count("answered") > len(states) / 3
    assert dict(await sqlite_database.read(cards.counted)) == dict(
        await sqlite_database.read(cards.recount)
    )
    await office.sweep(MONDAY_NOON + LONG_AFTER)


@pytest.mark.slow
async def test_while_it_plays_a_busy_manager_has_a_living_leg_or_a_lost_end(
    sqlite_database: Database,
) -> None:
    """Looked at each minute: who we think talks does, or the PBX never told us that he stopped."""
    office = await Office(sqlite_database).open(SETUP)
    line = Line(office)
    pbx = FakePbx(
        seed=11,
        accounts=[Account("main", (SITE, SHOP), rings=("101",))],
        people=[Person(one.name, one.all_dials) for one in SETUP.active],
    )
    wrong: list[tuple[datetime, str]] = []
    looked = [0]
    dials = {one.key: one.all_dials for one in SETUP.manager}

    async def tick(now: datetime) -> None:
        await office.sweep(now)
        if now.second:
            return
        looked[0] += 1
        talking = pbx.truth.talking(now)
        untold = {ref for ref, call in pbx.truth.calls.items() if call.lost or call.late}
        by_ref = {row.id: row.ref for row in await office.rows(tables.call)}
        for leg in await office.rows(tables.leg):
            if leg.hold == "talk" and leg.hold_until > now and leg.manager:
                alive = any(dial in talking for dial in dials[leg.manager])
                if not alive and by_ref[leg.call] not in untold:
                    wrong.append((now, leg.manager))

    await play_virtual_async(pbx, line.send, start=MONDAY_NOON, hours=1, tick=tick)
    assert looked[0] > 50
    assert wrong == []
