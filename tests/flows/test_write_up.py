"""A talk is written up: all of it or nothing, once however often it is sent; then he is free."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.rights import Viewer
from callrouter.domain.setup import Letter, Setup
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.people import BadFields
from callrouter.flows.presence import say
from callrouter.flows.tasks import add_task
from callrouter.flows.write_up import NextStep, WriteUp, WrittenSince, WrittenUp, write_up
from storage import tables
from storage.database import Database
from storage.listing_tasks import list_tasks
from storage.write_ups import calls_of, count_not_written_up, not_written_up
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

ANNA = Viewer("manager", "anna", people=frozenset({"anna"}))
VERA = Viewer("manager", "vera", people=frozenset({"vera"}))
BUSY = replace(
    SETUP,
    manager=tuple(replace(one, wrap_up_s=600) for one in SETUP.manager),
    letter=(Letter("offer", on_status="in_work"),),
)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


STEP = NextStep("call", "Позвонить клиенту", at(2 * 24 * 3600))
DEAL = WriteUp("deal", next=STEP)


@pytest.fixture
async def office(database: Database) -> Office:
    """Anna has talked to somebody for a minute."""
    found = await Office(database).open(BUSY)
    await talk(found)
    return found


async def talk(office: Office, ref: str = "c1", since: float = 0, **changes: Any) -> None:
    await office.take(event("ringing", ref, at(since), **changes))
    await office.take(event("answered", ref, at(since + 1), target="101", **changes))
    await office.take(event("ended", ref, at(since + 60), duration_s=59, **changes))


async def call_of(office: Office, ref: str = "c1") -> Any:
    return next(row for row in await office.rows(tables.call) if row.ref == ref)


async def save(
    office: Office,
    said: WriteUp = DEAL,
    *,
    key: str = "form-1",
    by: str = "manager:anna",
    seen: datetime | None = None,
    seconds: float = 90,
    setup: Setup = BUSY,
) -> WrittenUp:
    call = await call_of(office)
    return await office.database.write(
        write_up, call.id, said, setup, key=key, seen=seen, by=by, now=at(seconds)
    )


async def todo(office: Office) -> list[Any]:
    return list((await office.database.read(list_tasks, Viewer("admin"))).items)


async def test_all_of_it_is_kept_at_once_and_the_same_form_again_does_nothing(
    office: Office,
) -> None:
    said = replace(DEAL, note=" Хочет стол\r\nи лампу ", status="offer_sent")
    first = await save(office, said)
    assert (first.new, first.move_to) == (True, None)
    again = await save(office, said, seconds=95)
    assert again == WrittenUp(first.card, new=False)
    call, card = await call_of(office), await office.only(tables.card)
    assert (call.outcome, call.written_up_at, card.status) == ("deal", at(90), "offer_sent")
    note = await office.only(tables.note)
    assert (note.text, note.call, note.card, note.by) == (
        "Хочет стол\nи лампу",
        call.id,
        card.id,
        "manager:anna",
    )
    (task,) = await todo(office)
    assert (task.id, task.owner, task.cause, task.call) == (first.next, "anna", "call", call.id)
    assert task.due_at == task.remind_at == STEP.due_at
    events = [row.kind for row in await office.rows(tables.business_event)]
    assert events.count("call_written_up") == 1


@pytest.mark.parametrize(
    ("said", "left"), [(DEAL, ["call"]), (WriteUp("deal", no_next="Заплатит сам"), [])]
)
async def test_what_was_said_to_follow_is_not_doubled_by_the_invoice(
    office: Office, said: WriteUp, left: list[str]
) -> None:
    await save(office, replace(said, status="invoice"))
    assert (await office.only(tables.card)).status == "invoice"
    assert [one.cause for one in await todo(office)] == left


async def test_whoever_comes_later_is_told_and_loses_nothing_then_adds_to_it(
    office: Office,
) -> None:
    await save(office)
    with pytest.raises(WrittenSince):
        await save(office, replace(DEAL, note="и моё"), key="form-2", by="manager:vera")
    assert await office.count(tables.note) == 0
    await save(office, replace(DEAL, note="и моё"), key="form-2", by="manager:vera", seen=at(90))
    assert (await office.only(tables.note)).text == "и моё"


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        pytest.param(WriteUp("deal"), ["next_step"], id="an open deal goes on, or why not"),
        pytest.param(WriteUp("deal", status="lost"), None, id="a deal that is over needs no step"),
        pytest.param(WriteUp("deal", no_next="Думает"), None, id="a reason will do"),
        pytest.param(WriteUp("deal", next=replace(STEP, text=" ")), ["next_step.text"], id="empty"),
        pytest.param(replace(DEAL, status="nowhere"), ["status"], id="no such status"),
        pytest.param(WriteUp("spam"), None, id="not a deal needs nothing"),
        pytest.param(replace(DEAL, note="я" * 10_001), ["text"], id="a note too long"),
    ],
)
async def test_what_is_missing_is_refused_and_nothing_of_it_is_written(
    sqlite_database: Database, said: WriteUp, fields: list[str] | None
) -> None:
    office = await Office(sqlite_database).open(BUSY)
    await talk(office)
    if fields is None:
        await save(office, said)
        assert (await call_of(office)).written_up_at == at(90)
        return
    with pytest.raises(BadFields) as bad:
        await save(office, said)
    assert [one.field for one in bad.value.wrong] == fields
    assert (await call_of(office)).written_up_at is None
    assert (await call_of(office)).outcome is None
    assert await todo(office) == []
    await save(office)  # the same form, mended


@pytest.mark.parametrize("status", ["in_work", "won"])
async def test_a_status_that_asks_for_more_is_left_to_its_own_form(
    sqlite_database: Database, status: str
) -> None:
    office = await Office(sqlite_database).open(BUSY)
    await talk(office)
    done = await save(office, replace(DEAL, status=status))
    card = await office.only(tables.card)
    assert (done.move_to, done.card, card.status) == (status, card.id, "new")


async def test_not_a_deal_closes_the_card_and_gives_no_next_step(office: Office) -> None:
    await save(office, replace(DEAL, outcome="spam", note="реклама"))
    card = await office.only(tables.card)
    assert (card.status, card.closed_at) == ("junk", at(90))
    assert await todo(office) == []


async def test_a_talk_settles_what_was_to_be_done_on_its_card_and_on_no_other(
    office: Office,
) -> None:
    card = (await office.only(tables.card)).id
    made: dict[str, Any] = {
        "kind": "task",
        "owner": "anna",
        "by": "x",
        "due_at": at(0),
        "now": at(0),
    }
    mine = await office.database.write(add_task, **made, text="Перезвонить", card=card)
    other = await office.database.write(add_task, **made, text="Другое")
    await save(office, replace(DEAL, settled=(mine, other)))
    left = {one.text for one in await todo(office)}
    assert left == {"Другое", "Позвонить клиенту"}


@pytest.mark.parametrize(
    ("by", "word", "held"),
    [
        pytest.param("manager:anna", None, False, id="her own word frees her"),
        pytest.param("manager:vera", None, True, id="another's does not"),
        pytest.param("manager:anna", "pause", True, id="a break goes on"),
    ],
)
async def test_wrap_up_is_over_at_once_for_who_has_written_up(
    office: Office, by: str, word: str | None, *, held: bool
) -> None:
    anna = BUSY.managers["anna"]
    if word:
        await office.database.write(say, BUSY, anna, "pause", by="manager:anna", now=at(70))
    assert await office.held(at(89)) == {"anna": ["wrap_up"]}
    await save(office, by=by)
    await talk_of_another(office)
    rung = await office.ring(event("ringing", "c3", at(200), caller="+79160000003"))
    assert rung == ([] if held else [("anna",)])
    said = [row.state for row in await office.rows(tables.presence) if row.until is None]
    assert "available" in said if not held else "available" not in said


async def talk_of_another(office: Office) -> None:
    """Boris and Vera talk, so that only Anna could be rung."""
    for n, dial in ((2, "102"), (4, "103")):
        caller = f"+7916000000{n}"
        await office.take(event("ringing", f"b{n}", at(100 + n), caller=caller))
        await office.take(event("answered", f"b{n}", at(110 + n), caller=caller, target=dial))


async def test_a_late_event_of_the_call_does_not_bring_the_wrap_up_back(office: Office) -> None:
    await save(office)
    await office.take(event("ended", "c1", at(61), duration_s=60, received=at(120)), now=at(120))
    await talk_of_another(office)
    rung = await office.ring(event("ringing", "c3", at(200), caller="+79160000003"))
    assert rung == [("anna",)]


# Which wait


async def test_talks_wait_on_top_until_they_are_written_up_and_only_for_their_own(
    office: Office,
) -> None:
    await talk(office, "c2", 1000, caller="+79160000002")
    await office.take(event("ringing", "missed", at(3000), caller="+79160000009"))
    await office.take(event("ended", "missed", at(3010), caller="+79160000009"))
    now, read = at(4000), office.database.read
    waiting = await read(not_written_up, ANNA, "anna", now=now)
    assert [one.call_id for one in waiting] == ["c2", "c1"]
    assert await read(not_written_up, VERA, "anna", now=now) == ()
    assert await read(count_not_written_up, VERA, now=now) == {}
    assert await read(count_not_written_up, ANNA, now=now) == {"anna": 2}
    await save(office)
    assert [one.call_id for one in await read(not_written_up, ANNA, "anna", now=now)] == ["c2"]
    long_after = now + timedelta(days=15)
    assert await read(not_written_up, ANNA, "anna", now=long_after) == ()
    day = (at(-3600), at(7200))
    mine = await read(calls_of, ANNA, "anna", *day)
    assert {one.call_id for one in mine} >= {"c1", "c2"}
    assert [one.started_at for one in mine] == sorted(
        (one.started_at for one in mine), reverse=True
    )
    with pytest.raises(NoSuchCall):
        await office.database.write(
            write_up, "nothing", DEAL, BUSY, key="k", seen=None, by="x", now=now
        )
