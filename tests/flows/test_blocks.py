"""Blocked numbers: who is on the list, for how long, and what their calls leave behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from callrouter.domain.blocks import Blocked, CannotBlock, from_setup, read_blocked
from callrouter.domain.decisions import Connect, Reject
from callrouter.domain.setup import Block, Setup
from callrouter.flows import blocks
from storage import listing, tables
from storage.database import Database
from storage.listing import Viewer
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, event
from tests.office import Office

SPAM = "+79161234567"  # the example's caller
OTHER = "+79160000002"
ADMIN = Viewer("admin")
HOUR = timedelta(hours=1)


def with_block(until: date | None = None, number: str = SPAM) -> Setup:
    return replace(SETUP, block=(Block(number, until, "spam"),))


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def block(
    office: Office,
    number: str = SPAM,
    *,
    until: datetime | None = None,
    reason: str = "spam",
    now: datetime = MONDAY_NOON,
) -> str:
    one, _ = await office.database.write(
        blocks.block, number, reason=reason, until=until, by="token:page", now=now
    )
    return one.id


async def blocked(
    office: Office, setup: Setup = SETUP, now: datetime = MONDAY_NOON
) -> dict[str, Blocked]:
    return await office.database.read(blocks.blocked, [SPAM, OTHER], setup, now=now)


async def listed(office: Office, setup: Setup = SETUP, now: datetime = MONDAY_NOON) -> list[str]:
    found = await office.database.read(listing.list_blocks, ADMIN, setup, now=now)
    return [f"{one.origin} {one.number} {one.hits}" for one in found.items]


@pytest.mark.parametrize(
    ("until", "now", "stands"),
    [
        pytest.param(None, MONDAY_NOON, True, id="for good"),
        pytest.param(date(2026, 3, 2), datetime(2026, 3, 2, 20, 59, tzinfo=UTC), True, id="today"),
        pytest.param(
            date(2026, 3, 2), datetime(2026, 3, 2, 21, 0, tzinfo=UTC), False, id="till midnight"
        ),
        pytest.param(date(2026, 3, 1), MONDAY_NOON, False, id="until yesterday"),
        pytest.param(date.max, MONDAY_NOON, True, id="beyond the calendar"),
    ],
)
def test_a_block_of_the_file_ends_with_its_day_in_moscow(
    until: date | None,
    now: datetime,
    stands: bool,  # noqa: FBT001  a table's column
) -> None:
    assert bool(from_setup(with_block(until), SPAM, now)) is stands


@pytest.mark.parametrize("spelled", ["8 916 123-45-67", "+7 (916) 1234567", "9161234567"])
def test_a_block_of_the_file_is_found_however_its_number_is_spelled(spelled: str) -> None:
    found = from_setup(with_block(number=spelled), SPAM, MONDAY_NOON)
    assert found == Blocked(SPAM, "spam", None, "setup")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("anonymous", "not a number", id="a word"),
        pytest.param("", "not a number", id="nothing"),
        pytest.param("8 495 123-00-01", "line of ours", id="our line"),
        pytest.param("+79160000009", "manager anna", id="a manager's own phone"),
        pytest.param("101", "inside dial", id="an inside dial"),
    ],
)
def test_what_is_ours_or_no_number_is_never_blocked(text: str, why: str) -> None:
    anna = replace(SETUP.manager[0], phones=("+79160000009",))
    setup = replace(SETUP, manager=(anna, *SETUP.manager[1:]))
    with pytest.raises(CannotBlock, match=why):
        read_blocked(setup, text)


async def test_the_list_and_the_file_both_block(office: Office) -> None:
    assert await blocked(office) == {}
    await block(office, OTHER, until=MONDAY_NOON + HOUR, reason="rude")
    assert await blocked(office, with_block()) == {
        SPAM: Blocked(SPAM, "spam", None, "setup"),
        OTHER: Blocked(OTHER, "rude", MONDAY_NOON + HOUR, "list"),
    }
    assert set(await blocked(office, with_block(), MONDAY_NOON + HOUR)) == {SPAM}
    assert await listed(office, with_block()) == [f"list {OTHER} 0", f"setup {SPAM} 0"]
    assert await listed(office, with_block(), MONDAY_NOON + HOUR) == [f"setup {SPAM} 0"]
    for_the_snapshot = await office.database.read(blocks.current)
    assert not for_the_snapshot[OTHER].stands(MONDAY_NOON + HOUR)


async def test_again_changes_the_block_and_after_its_end_begins_another(office: Office) -> None:
    first = await block(office)
    assert await block(office) == first
    assert await block(office, until=MONDAY_NOON + HOUR, reason="calls at night") == first
    (row,) = await office.rows(tables.block)
    assert (row.reason, row.ends_at) == ("calls at night", MONDAY_NOON + HOUR)
    assert await block(office, now=MONDAY_NOON + 2 * HOUR) != first
    ended, _ = await office.rows(tables.block)
    assert ended.until == MONDAY_NOON + HOUR
    told = sorted(one.kind for one in await office.rows(tables.business_event))
    assert told == ["block_added", "block_added", "block_changed"]


async def test_who_is_taken_off_calls_as_before(office: Office) -> None:
    id_ = await block(office)
    gone = await office.database.write(blocks.unblock, id_, by="token:page", now=MONDAY_NOON)
    assert gone is not None
    assert gone.number == SPAM
    assert await blocked(office) == {}
    again = await office.database.write(blocks.unblock, id_, by="token:page", now=MONDAY_NOON)
    assert again is None


async def test_a_blocked_call_is_rejected_makes_nothing_and_is_counted(office: Office) -> None:
    await block(office)
    began = MONDAY_NOON + timedelta(seconds=1)
    (taken,) = await office.take(event("ringing", "c1", began))
    assert taken.decision == Reject(taken.call or "", "blocked")
    await office.take(event("ended", "c1", began + timedelta(seconds=1), reason="rejected"))
    call = await office.only(tables.call)
    assert (call.state, call.contact, call.card) == ("rejected", None, None)
    assert await office.count(tables.contact) == await office.count(tables.card) == 0
    assert await office.count(tables.task) == 0
    assert await listed(office) == [f"list {SPAM} 1"]
    (view,) = (await office.database.read(listing.list_blocks, ADMIN, SETUP, now=MONDAY_NOON)).items
    assert view.last_hit_at == began


async def test_a_blocked_call_that_came_past_us_makes_nothing_either(office: Office) -> None:
    """Its `ringing` was lost, so that the PBX rang somebody by itself."""
    await block(office)
    rung = {"leg_ref": "own-1", "target": "101"}
    later = MONDAY_NOON + timedelta(seconds=20)
    await office.take(event("leg_ringing", "c1", MONDAY_NOON, **rung))
    await office.take(event("leg_failed", "c1", later, **rung, reason="no_answer"))
    await office.take(event("ended", "c1", later, reason="no_answer"))
    call = await office.only(tables.call)
    assert (call.state, call.contact, call.card) == ("missed", None, None)
    assert await office.count(tables.task) == 0


async def test_a_rejected_call_makes_nothing_after_its_block_has_ended(office: Office) -> None:
    """Its end may be reported late, or only be presumed."""
    await block(office, until=MONDAY_NOON + timedelta(seconds=2))
    await office.take(event("ringing"))
    await office.take(event("ended", "c1", MONDAY_NOON + timedelta(seconds=3)))
    await office.take(event("ringing", "c2", MONDAY_NOON + timedelta(seconds=1)))
    await office.sweep(MONDAY_NOON + HOUR)
    assert [one.state for one in await office.rows(tables.call)] == ["rejected"] * 2
    assert await office.count(tables.contact) == 0


async def test_a_contact_who_is_blocked_is_known_still(office: Office) -> None:
    await office.take(event("ringing", "c1"), event("ended", "c1"))
    contact = await office.only(tables.contact)
    await block(office, now=MONDAY_NOON + HOUR)
    (taken,) = await office.take(event("ringing", "c2", MONDAY_NOON + HOUR))
    assert isinstance(taken.decision, Reject)
    _, call = await office.rows(tables.call)
    assert call.contact == contact.id


async def test_a_block_of_the_file_rejects_the_same_way(database: Database) -> None:
    office = await Office(database).open(with_block(date(2026, 3, 2)))
    (taken,) = await office.take(event("ringing"))
    assert isinstance(taken.decision, Reject)
    (later,) = await office.take(event("ringing", "c2", MONDAY_NOON + timedelta(days=1)))
    assert isinstance(later.decision, Connect)


def test_our_own_line_is_no_number_to_block() -> None:
    with pytest.raises(CannotBlock):
        read_blocked(SETUP, LINE_NUMBER)
