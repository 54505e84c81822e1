"""A thousand calls told in any order, late, twice, or only in part, end as they should."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

import pytest

from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Ladder, Manager, Setup, Step
from storage import cards, tables
from storage.database import Database
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, event
from tests.office import Office

HISTORIES = 1000
AT_ONCE = 100
LONG_AFTER = timedelta(days=5)

PEOPLE = tuple(
    Manager(f"m{n}", f"М {n}", f"10{n}", team="sales", owns_cards=n != 7, wrap_up_s=10)
    for n in range(8)
)
FEW = ("m0", "m1", "m2")  # so that some find nobody free
WAITING = (Step(ring="least_loaded", managers=FEW, seconds=20, busy="wait", wait=60),)
MANY: Setup = replace(
    SETUP,
    manager=PEOPLE,
    company=replace(SETUP.company, duty="m0"),
    ladder=(Ladder("own", WAITING),),
    line=(replace(SETUP.line[0], ladder="own"),),
)

Direction = Literal["in", "out", "internal"]


class Story:
    """What a PBX with its own leg ids tells of one call, and of the one that belongs to it."""

    def __init__(self, n: int, chance: Random, start: datetime, *, says_all: bool) -> None:
        self.call, self.number = f"c{n}", f"8916{n:07}"
        self.chance, self.moment, self.says_all = chance, start, says_all
        self.events: list[CallEvent] = []

    def tell(self, kind: Any, **fields: Any) -> datetime:
        """Tell an event; gives its moment."""
        given = {"call_ref": self.call, "caller": self.number, **fields}
        key = f"{self.call}-{len(self.events)}"
        self.events.append(event(kind, self.call, self.moment, key=key, **given))
        told, step = self.moment, timedelta(seconds=self.chance.randint(1, 15))
        self.moment += step
        return told

    def talk(self) -> None:
        self.moment += timedelta(seconds=self.chance.choice([3, 40, 200]))

    def end(self, talked: float | None = None) -> None:
        length = {"duration_s": talked} if talked is not None and self.chance.random() < 0.6 else {}
        self.tell("ended", reason="completed" if talked else "caller_hung_up", **length)
        if talked and self.chance.random() < 0.3:
            self.tell("recording", recording_id=f"r-{self.call}")


def come_in(story: Story) -> None:
    """Rung here and there, maybe answered, maybe by a phone that was not planned."""
    chance, tell = story.chance, story.tell
    tell("ringing")
    phones = chance.sample(range(8), 3)
    for leg, phone in enumerate(phones[: chance.randint(0, 2)]):
        on = {"leg_ref": f"p{leg}", "target": f"10{phone}"}
        tell("leg_ringing", **on)
        tell("leg_failed", **on, reason=chance.choice(["busy", "no_answer", "rejected", "odd"]))
        if chance.random() < 0.3:
            tell("next", attempt=leg + 1)
    talked = 0.0
    if chance.random() < 0.7:
        on = {"leg_ref": "p9", "target": f"10{phones[2]}"}
        if chance.random() < 0.7:  # else it is picked up
            tell("leg_ringing", **on)
        answered = tell("answered", **on)
        story.talk()
        talked = (story.moment - answered).total_seconds()
        if chance.random() < 0.5:
            tell("leg_ended", **on, duration_s=talked)
    story.end(talked)


def be_transferred(story: Story) -> None:
    """Answered, and given on: blind, maybe in vain; or after a question in a call of its own."""
    chance, tell = story.chance, story.tell
    one, other = (f"10{phone}" for phone in chance.sample(range(8), 2))
    tell("ringing")
    tell("answered", leg_ref="p1", target=one)
    story.talk()
    how = chance.choice(["taken", "back", "attended", "attended"])
    named = {"target": one, "leg_ref": "p1"} if chance.random() < 0.7 else {"target": one}
    if how == "attended":
        consult(story, one, other, chance.choice(["in", "out", "internal"]))
        asked = f"{story.call}x"
        tell("transferred", **named, to_target=other, transfer="attended", other_call=asked)
        if chance.random() < 0.5:
            tell("ended", call_ref=asked, caller=one, called=other)
    else:
        tell("transferred", **named, to_target=other, transfer="blind")
        on = {"leg_ref": "p2", "target": other}
        tell("leg_ringing", **on)
        if how == "back":
            tell("leg_failed", **on, reason="no_answer")
            on = {"leg_ref": "p3", "target": one}
        tell("answered", **on)
    story.talk()
    story.end()


def consult(story: Story, one: str, other: str, direction: Direction) -> None:
    on: dict[str, Any] = {"call_ref": f"{story.call}x", "caller": one, "called": other}
    if direction == "in":
        story.tell("ringing", **on)
    else:
        story.tell("dialing", **on, target=one, direction=direction)
    if story.chance.random() < 0.8:
        story.tell("answered", **on, target=other)
        story.talk()


def call_out(story: Story) -> None:
    """Dialled by one of ours: talked, reached a machine, or nobody."""
    chance = story.chance
    phone, customer = f"10{chance.randrange(8)}", story.number
    every: dict[str, Any] = {"caller": LINE_NUMBER, "called": customer}
    if story.says_all or chance.random() < 0.5:
        every = {"caller": phone, "called": customer, "direction": "out"}
    story.tell("dialing", **every, target=phone, leg_ref="p1")
    end = chance.choice(["talk", "talk", "machine", "busy", "nobody"])
    side = chance.choice([{"target": customer}, {"target": phone}, {"leg_ref": "p1"}])
    if end == "busy":
        story.tell("leg_failed", **every, **side, reason="busy")
    elif end != "nobody":
        by = {"by": "machine"} if end == "machine" else {}
        story.tell("answered", **every, **side, **by)
        story.talk()
    story.tell("ended", **every)


def call_inside(story: Story) -> None:
    one, other = (f"10{phone}" for phone in story.chance.sample(range(8), 2))
    every: dict[str, Any] = {"caller": one, "called": other, "direction": "internal"}
    story.tell("dialing", **every, target=one)
    if story.chance.random() < 0.6:
        story.tell("answered", **every)
        story.talk()
    story.tell("ended", **every)


PLOTS = {come_in: 10, be_transferred: 4, call_out: 5, call_inside: 1}


def history(n: int, chance: Random, start: datetime, *, says_all: bool) -> list[CallEvent]:
    """One call as a PBX tells it, from its beginning to its end."""
    story = Story(n, chance, start, says_all=says_all)
    (plot,) = chance.choices(list(PLOTS), list(PLOTS.values()))
    plot(story)
    return story.events


def told_badly(events: Iterable[CallEvent], chance: Random, *, most_s: int) -> list[CallEvent]:
    """The same events late and some of them twice, in the order in which they come."""
    heard = []
    for one in events:
        for _ in range(2 if chance.random() < 0.2 else 1):
            late = timedelta(seconds=chance.choice([0, 1, 60, chance.randint(0, most_s)]))
            heard.append(replace(one, received=one.received + late))
    return sorted(heard, key=lambda one: (one.received, chance.random()))


async def play(office: Office, heard: list[CallEvent], *, sweeping: bool = True) -> None:
    for start in range(0, len(heard), AT_ONCE):
        batch = heard[start : start + AT_ONCE]
        await office.take(*batch)
        if sweeping and start % (10 * AT_ONCE) == 0:
            await office.sweep(batch[-1].received)


async def outcome(office: Office) -> dict[str, tuple[Any, ...]]:
    """How each call ended: whose it was, who talked, and who owns its card.

    A missed call's card is somebody's, but whose depends on who was there when we learned of it.
    """
    contacts = {row.id: row for row in await office.rows(tables.contact)}
    deals = {row.id: row for row in await office.rows(tables.card)}
    return {
        row.ref: (
            row.state,
            row.manager,
            row.started_at,
            row.answered_at,
            row.ended_at,
            row.duration_s,
            row.presumed,
            row.direction,
            row.contact and contacts[row.contact].made_for,
            row.contact and contacts[row.contact].talked_manager,
            row.card and _owner(deals[row.card], row.state),
            row.card and deals[row.card].open_for == f"{row.contact}:sales",
        )
        for row in await office.rows(tables.call)
    }


def _owner(deal: Any, state: str) -> str | bool | None:
    """Whose a talk made it; of a card that nobody talked about only that it is somebody's."""
    owner: str | None = deal.manager
    return owner if state == "answered" else owner is not None


async def counters_are_right(office: Office) -> None:
    assert dict(await office.database.read(cards.counted)) == dict(
        await office.database.read(cards.recount)
    )


def histories(seed: int, *, says_all: bool = False) -> list[list[CallEvent]]:
    """Stories one after another. `says_all`: every event tells direction and phone."""
    chance = Random(seed)
    starts = sorted(chance.randint(0, 40_000) for _ in range(HISTORIES))
    return [
        history(n, chance, MONDAY_NOON + timedelta(seconds=start), says_all=says_all)
        for n, start in enumerate(starts)
    ]


def in_order(stories: list[list[CallEvent]]) -> list[CallEvent]:
    return sorted((one for story in stories for one in story), key=lambda one: one.received)


@pytest.fixture
async def office(sqlite_database: Database) -> Office:
    return await Office(sqlite_database).open(MANY)


@pytest.fixture
async def other(templates: Any, tmp_path: Any) -> Any:
    import shutil

    from storage.database import open_database

    shutil.copy(templates.sqlite, tmp_path / "other.sqlite")
    database = open_database(f"sqlite:///{tmp_path / 'other.sqlite'}", checkpoints=True)
    yield await Office(database).open(MANY)
    await database.close()


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "owner"), [(1, "first"), (2, "last")])
async def test_order_lateness_and_repeats_do_not_matter(
    office: Office, other: Office, seed: int, owner: Literal["first", "last"]
) -> None:
    stories = histories(seed)
    for one in (office, other):
        await one.open(replace(MANY, routing=replace(MANY.routing, owner=owner)))
    await play(office, in_order(stories))
    chance = Random(seed + 100)
    await play(other, told_badly(in_order(stories), chance, most_s=76 * 3600))
    for one in (office, other):
        await one.sweep(MONDAY_NOON + LONG_AFTER)
        assert await one.open_calls() == []
        assert await one.held(MONDAY_NOON + LONG_AFTER) == {}
        await counters_are_right(one)
    right, late = await outcome(office), await outcome(other)
    assert len(right) == len({one.call_ref for story in stories for one in story})
    assert {ref: late[ref] for ref in right if late[ref] != right[ref]} == {}
    assert {ref: right[ref] for ref in right if late[ref] != right[ref]} == {}
    assert {row[0] for row in right.values()} == {"answered", "missed", "unanswered"}
    waited = [row for row in await office.rows(tables.call) if row.waiting_since]
    assert waited, "some found nobody free and waited"


@pytest.mark.slow
async def test_without_their_ringing_they_end_the_same(office: Office, other: Office) -> None:
    stories = histories(3, says_all=True)
    await play(office, in_order(stories))
    await play(other, in_order([story[1:] for story in stories]))
    for one in (office, other):
        await one.sweep(MONDAY_NOON + LONG_AFTER)
    right, found = await outcome(office), await outcome(other)
    without_start = [{ref: row[:2] + row[3:] for ref, row in o.items()} for o in (right, found)]
    assert without_start[0] == without_start[1]


def bare(events: Iterable[CallEvent]) -> list[CallEvent]:
    """As a PBX tells them that sends no ids and times: the key is derived from what is left."""
    return [
        replace(
            one,
            own_key=False,
            at=None,
            leg_ref=None,
            key=f"{one.call_ref}+{one.kind}++{one.target or ''}+{one.attempt or ''}+",
        )
        for one in events
    ]


@pytest.mark.slow
async def test_without_ids_and_times_nobody_stays_busy_and_no_call_open(office: Office) -> None:
    stories = histories(4)
    await play(office, bare(told_badly(in_order(stories), Random(4), most_s=180)))
    await office.sweep(MONDAY_NOON + LONG_AFTER)
    assert await office.open_calls() == []
    assert await office.held(MONDAY_NOON + LONG_AFTER) == {}
    made = [row.made_for for row in await office.rows(tables.contact)]
    claims = [row.open_for for row in await office.rows(tables.card)]
    assert len(made) == len(set(made))
    assert len(claims) == len(set(claims))
    came = {f"+7{(one.caller or '')[1:]}" for one, *_ in stories if one.kind == "ringing"}
    assert came <= set(made)
    assert len(claims) == len(came)
    await counters_are_right(office)


@pytest.mark.slow
async def test_with_any_events_but_the_first_dropped_all_comes_to_an_end(office: Office) -> None:
    chance = Random(5)
    stories = [
        [story[0], *(one for one in story[1:] if chance.random() < 0.5)] for story in histories(5)
    ]
    await play(office, in_order(stories), sweeping=False)
    end = max(one.received for story in stories for one in story)
    longest = timedelta(seconds=3600 + 200)
    assert await office.held(end + longest) == {}
    await office.sweep(end + longest)
    assert await office.open_calls() == []
    await counters_are_right(office)
