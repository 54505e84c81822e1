"""What one may see: the queries agree with the rules as they are told, over worlds made by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from callrouter.domain.rights import LATELY_RUNG, LATELY_TALKED, Viewer
from callrouter.flows.seeing import NotSeen, check_seen, within
from storage import listing, tables
from storage.database import Database
from storage.ids import new_id
from storage.listing_calls import sees_call
from storage.listing_letters import list_letters
from storage.sight import Noun, Somebody, ask, sees_calls, sees_tasks
from tests.api.rows import NOON, add_call, add_card, add_contact, add_leg, add_obligation

PEOPLE = ("anna", "boris", "vera", None)
HOUR = timedelta(hours=1)
AGES = (HOUR, LATELY_RUNG - HOUR, LATELY_RUNG + HOUR, LATELY_TALKED - HOUR, LATELY_TALKED + HOUR)


@dataclass(frozen=True)
class Leg:
    manager: str | None
    ring_from: datetime | None
    answered_at: datetime | None
    outbound: bool

    @property
    def rang(self) -> bool:
        begun = self.ring_from is not None and self.ring_from <= NOON
        return begun or self.answered_at is not None or self.outbound


@dataclass
class World:
    """What there is, as plain values: contact, card, call, leg, task, letter."""

    contacts: dict[str, str | None] = field(default_factory=dict)  # whose
    cards: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # contact, whose
    calls: dict[str, tuple[str | None, str | None, str | None, list[Leg]]] = field(
        default_factory=dict
    )  # contact, card, manager, legs
    tasks: dict[str, tuple[str, str | None, str | None, str | None, bool, bool]] = field(
        default_factory=dict
    )  # owner, card, contact, call, open, call back
    letters: dict[str, str] = field(default_factory=dict)  # card


def make_world(conn: Connection, chance: Random) -> World:
    world = World()
    for _ in range(12):
        whose = chance.choice(PEOPLE)
        contact = add_contact(conn, responsible=whose)
        world.contacts[contact] = whose
    for _ in range(16):
        contact, whose = chance.choice(list(world.contacts)), chance.choice(PEOPLE)
        card = add_card(conn, contact, manager=whose)
        world.cards[card] = (contact, whose)
    for n in range(24):
        _add_call(conn, world, chance, n)
    for _ in range(8):
        _add_task(conn, world, chance)
    for card in chance.sample(list(world.cards), 5):
        id_ = new_id(NOON)
        row = {"card": card, "key": "offer", "n": 1, "kind": "offer", "state": "sent", "by": "anna"}
        moments = {"asked_at": NOON, "changed_at": NOON}
        conn.execute(insert(tables.letter).values(id=id_, message_id=id_, **row, **moments))
        world.letters[id_] = card
    return world


def _add_call(conn: Connection, world: World, chance: Random, n: int) -> None:
    contact = chance.choice([*world.contacts, None])
    card = chance.choice([*world.cards, None, None])
    manager = chance.choice((*PEOPLE, None, None))
    at = NOON - chance.choice(AGES) - timedelta(seconds=n)
    call = add_call(conn, at=at, contact=contact, card=card, manager=manager)
    legs = []
    for ref in range(chance.choice((0, 0, 1, 2))):
        leg = Leg(
            chance.choice(PEOPLE),
            chance.choice((None, at, at, NOON + HOUR)),
            chance.choice((None, None, at)),
            chance.random() < 0.1,
        )
        moments = {"ring_from": leg.ring_from, "answered_at": leg.answered_at}
        add_leg(conn, call, f"a{ref}", manager=leg.manager, outbound=leg.outbound, **moments)
        legs.append(leg)
    world.calls[call] = (contact, card, manager, legs)


def _add_task(conn: Connection, world: World, chance: Random) -> None:
    owner, is_open = chance.choice(PEOPLE[:3]), chance.random() < 0.6
    card, call = chance.choice([*world.cards, None]), chance.choice([*world.calls, None, None])
    contact, back = chance.choice([*world.contacts, None]), chance.random() < 0.5
    if back:
        phone = f"+7916{chance.randrange(10**7):07}"
        task = add_obligation(conn, phone, owner=owner, card=card, call=call, contact=contact)
        done = {"done_at": None if is_open else NOON, "open_for": phone if is_open else None}
        conn.execute(tables.task.update().where(tables.task.c.id == task).values(**done))
    else:
        task = new_id(NOON)
        row = {"owner": owner, "author": "vera", "card": card, "call": call, "contact": contact}
        done = {"done_at": None if is_open else NOON, "created_at": NOON}
        conn.execute(insert(tables.task).values(id=task, kind="task", **row, **done))
    world.tasks[task] = (owner, card, contact, call, is_open, back)


@dataclass(frozen=True)
class Rules:
    """The rules once more, over the plain values."""

    world: World
    people: frozenset[str]

    def lately(self, leg: Leg) -> bool:
        if leg.manager not in self.people:
            return False
        talked = leg.answered_at is not None and leg.answered_at >= NOON - LATELY_TALKED
        rung = leg.ring_from is not None and NOON - LATELY_RUNG <= leg.ring_from <= NOON
        return talked or rung

    def card(self, id_: str) -> bool:
        whose = self.world.cards[id_][1]
        owed = any(t[1] == id_ and t[4] and t[0] in self.people for t in self.world.tasks.values())
        calls = [legs for _, card, _, legs in self.world.calls.values() if card == id_]
        heard = any(self.lately(leg) for legs in calls for leg in legs)
        return whose is None or whose in self.people or owed or heard

    def contact(self, id_: str) -> bool:
        whose = self.world.contacts[id_]
        cards = any(of == id_ and self.card(card) for card, (of, _) in self.world.cards.items())
        owed = any(t[2] == id_ and t[4] and t[0] in self.people for t in self.world.tasks.values())
        calls = [legs for of, _, _, legs in self.world.calls.values() if of == id_]
        heard = any(self.lately(leg) for legs in calls for leg in legs)
        return whose is None or whose in self.people or cards or owed or heard

    def call(self, id_: str) -> bool:
        _, card, manager, legs = self.world.calls[id_]
        of_card = self.world.cards[card][1] if card else None
        rung = {leg.manager for leg in legs if leg.rang}
        whose = {manager, of_card, *rung} - {None}
        owed = any(t[3] == id_ and t[4] and t[0] in self.people for t in self.world.tasks.values())
        return not whose or bool(whose & self.people) or owed

    def task(self, id_: str) -> bool:
        owner, card, _, _, _, back = self.world.tasks[id_]
        of_card = card is not None and self.world.cards[card][1] in (None, *self.people)
        return owner in self.people or (of_card and not back)

    def letter(self, id_: str) -> bool:
        return self.card(self.world.letters[id_])


def viewer(*people: str) -> Viewer:
    return Viewer("manager", people[0], people=frozenset(people), at=NOON)


def seen(conn: Connection, who: Viewer, noun: Noun, id_: str) -> bool:
    try:
        check_seen(conn, who, noun, id_)
    except NotSeen:
        return False
    return True


@pytest.mark.parametrize("seed", range(6))
async def test_one_sees_what_the_rules_say(database: Database, seed: int) -> None:
    world = await database.write(make_world, Random(seed))
    people = [("anna",), ("boris", "anna"), ("nobody",)][seed % 3]
    who, rules = viewer(*people), Rules(world, frozenset(people))

    def look(conn: Connection) -> None:
        wanted: dict[Noun, list[str]] = {
            "card": [one for one in world.cards if rules.card(one)],
            "contact": [one for one in world.contacts if rules.contact(one)],
            "call": [one for one in world.calls if rules.call(one)],
            "task": [one for one in world.tasks if rules.task(one)],
            "letter": [one for one in world.letters if rules.letter(one)],
        }
        every: dict[Noun, Any] = {
            "card": world.cards,
            "contact": world.contacts,
            "call": world.calls,
            "task": world.tasks,
            "letter": world.letters,
        }
        for noun, ids in every.items():
            assert [one for one in ids if seen(conn, who, noun, one)] == wanted[noun], noun
        asked: dict[Noun, Callable[[Somebody], Any]] = {
            "call": lambda one: select(tables.call.c.id).where(sees_calls(one)),
            "task": lambda one: select(tables.task.c.id).where(sees_tasks(one)),
        }
        for noun, made in asked.items():
            assert {row.id for row in ask(conn, who, made)} == {*wanted[noun]}, f"asked: {noun}"
            assert {row.id for row in ask(conn, Viewer("admin"), made)} == {*every[noun]}
        lists: dict[Noun, Any] = {
            "card": listing.list_cards(conn, who).items,
            "contact": listing.list_contacts(conn, who).items,
            "call": listing.list_calls(conn, who).items,
            "letter": list_letters(conn, who).items,
        }
        for name, items in lists.items():
            assert sorted(one.id for one in items) == sorted(wanted[name]), f"the list: {name}"
        owed = [one for one, task in world.tasks.items() if task[0] in people and task[5]]
        found = listing.list_obligations(conn, who, now=NOON).items
        assert sorted(one.id for one in found) == sorted(owed)
        open_ = [one for one in owed if world.tasks[one][4]]
        assert listing.count_owed(conn, who, now=NOON)[0] == len(open_)
        everything = Viewer("admin")
        about = {task[3] for task in world.tasks.values() if task[4] and task[0] in people}
        for call in listing.calls_by_id(conn, world.calls, everything):
            assert sees_call(everything, call)
            assert rules.call(call.id) or not sees_call(who, call)
            assert sees_call(who, call) or not rules.call(call.id) or call.id in about

    await database.write(look)  # a reading of so much would be cut off


@pytest.mark.parametrize("seed", range(2))
async def test_a_list_is_the_same_page_by_page(database: Database, seed: int) -> None:
    """Its window is made of the first that are certain, and leaves none out."""
    await database.write(make_world, Random(seed))
    who = viewer("anna")

    def pages(conn: Connection) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            part = listing.list_calls(conn, who, after=after, limit=2)
            found += [one.id for one in part.items]
            if not part.more:
                return found
            after = (part.items[-1].at, part.items[-1].id)

    whole = await database.read(listing.list_calls, who, limit=200)
    assert await database.read(pages) == [one.id for one in whole.items]
    now = await database.read(listing.calls_now, who, 3)
    assert [one.id for one in now] == [one.id for one in whole.items][:3]


async def test_what_is_not_seen_is_not_done(database: Database) -> None:
    def make(conn: Connection) -> tuple[str, str]:
        return add_card(conn, manager="anna"), add_card(conn, manager="boris")

    def rename(conn: Connection, card: str, title: str) -> str:
        of = tables.card.c.id == card
        conn.execute(tables.card.update().where(of).values(title=title))
        return card

    def titles(conn: Connection) -> list[str]:
        return list(conn.scalars(tables.card.select().with_only_columns(tables.card.c.title)))

    own, others = await database.write(make)
    write, anna = database.write, viewer("anna")
    assert await write(within, anna, "card", own, rename, own, title="Mine") == own
    for id_ in (others, "01" + "Z" * 24):
        with pytest.raises(NotSeen):
            await write(within, anna, "card", id_, rename, id_, title="Mine")
    assert sorted(await database.read(titles)) == ["", "Mine"]
