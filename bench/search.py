"""The search box over 200 000 contacts: how soon what is typed finds, for who sees all and own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from bench.report import progress
from callrouter.domain.rights import Viewer
from callrouter.domain.searching import understand
from callrouter.jobs.look_up import look_up
from storage import rows, searching
from storage.database import Database, open_database
from storage.ids import new_id
from storage.tables import contact, contact_email, contact_phone

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bench.scenes import Bench

CONTACTS: Final = 200_000
MOST_MS: Final = 100.0
"""The aim for p95 of each kind of search."""

_OFTEN: Final = 40  # so often each kind is asked, each time for something else
_PEOPLE: Final = tuple(f"m{n}" for n in range(40))
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST: Final = (
    *("Иван", "Пётр", "Сергей", "Алексей", "Дмитрий", "Анна", "Мария", "Ольга", "Елена"),
    *("Наталья", "Игорь", "Юрий", "Виктор", "Павел", "Татьяна", "Светлана", "Борис", "Глеб"),
)
_ROOTS: Final = (
    *("Иван", "Петр", "Сидор", "Кузнец", "Смирн", "Поп", "Сокол", "Лебед", "Козл", "Новик"),
    *("Мороз", "Волк", "Зайц", "Соловь", "Виноград", "Орл", "Бел", "Медвед", "Жук", "Крыл"),
    *("Титар", "Громык", "Шевчук", "Федот", "Яковл", "Щербак", "Хохл", "Цветк", "Чайк", "Эрл"),
)
_ENDS: Final = ("ов", "ев", "ин", "енко", "ский", "ых", "ко", "цев", "ичев", "анов")
_FIRMS: Final = ("Ромашка", "Вектор", "Стройсервис", "Альфа", "Мебель Плюс", "Техно", "Сияние")


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of searches of one kind; `found`: how many of them found something."""

    p50: float
    p95: float
    found: int


def looking_up(run: Bench) -> None:
    for engine in run.engines:
        progress(f"{engine}: the search box over {CONTACTS} contacts")
        place = run.new(engine)
        place.folder.mkdir(parents=True, exist_ok=True)
        url = place.database_url or f"sqlite:///{place.folder / 'search.sqlite3'}"
        filled_s, kinds = asyncio.run(_measure(url))
        speed = CONTACTS / filled_s
        run.report.say(f"{engine}: contacts looked up anew, a second", f"{speed:.0f}")
        worst = max(kinds.values(), key=lambda one: one.p95)
        shown = "; ".join(f"{kind} {one.p50:.1f}/{one.p95:.1f}" for kind, one in kinds.items())
        what = f"{engine}: p95 of a search, ms"
        run.report.at_most(what, worst.p95, MOST_MS, f"p50/p95 ms: {shown}")
        run.report.keep(what, {kind: asdict(one) for kind, one in kinds.items()})


async def _measure(url: str) -> tuple[float, dict[str, Took]]:
    database = open_database(url, checkpoints=True, guest=True)
    try:
        await database.migrate()
        chance = random.Random(5)
        people = list(_people(chance))
        for n in range(0, CONTACTS, 1000):
            await database.write(_fill, people[n : n + 1000])
        began = time.perf_counter()
        await look_up(database)
        filled_s = time.perf_counter() - began
        await _settle(url)
        return filled_s, {
            kind: await _ask(database, typed, viewer)
            for kind, typed, viewer in _kinds(people, chance)
        }
    finally:
        await database.close()


async def _settle(url: str) -> None:
    """What PostgreSQL does by itself in its first minutes; SQLite never does."""
    if url.startswith("postgresql"):
        conn = await asyncpg.connect(url)
        await conn.execute("VACUUM ANALYZE")
        await conn.close()


async def _ask(database: Database, typed: list[str], viewer: Viewer) -> Took:
    took, found = [], 0
    for text in typed:
        began = time.perf_counter()
        given = await database.read(searching.search, viewer, understand(text, "RU"))
        took.append(1000 * (time.perf_counter() - began))
        found += bool(given.contacts)
    cuts = quantiles(took, n=20)
    return Took(cuts[9], cuts[18], found)


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    name: str
    number: str
    email: str | None
    responsible: str
    at: datetime


def _people(chance: random.Random) -> Iterator[_Person]:
    for n in range(CONTACTS):
        at = _BEGAN + timedelta(seconds=60 * n)
        last = chance.choice(_ROOTS) + chance.choice(_ENDS)
        name = f"{chance.choice(_FIRST)} {last}"
        if n % 10 == 0:
            name = f"ООО «{chance.choice(_FIRMS)} {chance.randrange(2000)}»"
        email = f"box{n}@firm{n % 977}.example" if n % 3 == 0 else None
        number = f"+79{chance.randrange(10**9):09}"
        yield _Person(new_id(at), name, number, email, chance.choice(_PEOPLE), at)


def _fill(conn: Connection, some: list[_Person]) -> None:
    """Contacts as they were before anything was looked up."""
    made: list[dict[str, Any]] = [
        {
            "id": one.id,
            "name": one.name,
            "responsible": one.responsible,
            "created_at": one.at,
            "updated_at": one.at,
            "talked_at": one.at,
            "talked_manager": one.responsible,
        }
        for one in some
    ]
    rows.add(conn, contact, made)
    numbers = [{"contact": one.id, "number": one.number, "created_at": one.at} for one in some]
    rows.add(conn, contact_phone, numbers)
    letters = [
        {"contact": one.id, "email": one.email, "created_at": one.at} for one in some if one.email
    ]
    rows.add(conn, contact_email, letters)


def _kinds(people: list[_Person], chance: random.Random) -> Iterator[tuple[str, list[str], Viewer]]:
    every, own = Viewer("admin"), Viewer("manager", "m1", people=frozenset({"m1"}))
    typed: dict[str, Callable[[_Person], str]] = {
        "1 letter": lambda one: _word(one)[:1],
        "2 letters": lambda one: _word(one)[:2],
        "3 letters": lambda one: _word(one)[:3],
        "a surname": _word,
        "two words": lambda one: " ".join(word[:3] for word in reversed(one.name.split())),
        "3 digits": lambda one: one.number[-3:],
        "4 digits": lambda one: one.number[-4:],
        "a number": lambda one: one.number,
        "e-mail": lambda one: (one.email or "box1")[:6],
        "of nobody": lambda one: f"{_word(one)}ъъ",
        "evil": lambda _: "%" * 50 + "_ и и и и и и и" * 10,
    }
    for name, viewer in (("", every), (", own", own)):
        for kind, of in typed.items():
            yield f"{kind}{name}", [of(one) for one in chance.sample(people, _OFTEN)], viewer


def _word(one: _Person) -> str:
    return one.name.replace("«", "").split()[1]
