"""One good company to play, and a moment to begin at."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from callrouter.fakepbx import Account, Callers, FakePbx, Person

START = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("Europe/Moscow"))
MAIN = Account("main", ("+74951230001", "+74951230002"), recordings="https://pbx.example/rec/")
OLD = Account("old", ("+78121230001",), forgetful=True)
PEOPLE = tuple(Person(f"m{n}", (str(100 + n),)) for n in range(1, 9))
DIALS = tuple(person.dials[0] for person in PEOPLE)
CALLERS = Callers(
    known=tuple(f"+7916000{n:04d}" for n in range(40)), vip=("+79031112233", "+79031112234")
)


def a_pbx(**differences: Any) -> FakePbx:
    good: dict[str, Any] = {
        "seed": 7,
        "accounts": (MAIN, OLD),
        "people": PEOPLE,
        "callers": CALLERS,
    }
    return FakePbx(**(good | differences))
