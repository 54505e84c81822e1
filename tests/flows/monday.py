"""A Monday morning in virtual time: 8 managers, 40 callers in 5 minutes, talks of 2 to 6 minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heapify, heapreplace
from random import Random
from typing import Any

from callrouter.domain.setup import Ladder, Line, Manager, Setup, Step
from callrouter.domain.why import Why
from callrouter.fakepbx import (
    GOOD,
    ON_REQUEST,
    Account,
    CallTruth,
    Course,
    FakePbx,
    Person,
    Truth,
)
from storage import contacts, tables
from storage.database import Database
from storage.documents import read_why
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, SETUP
from tests.flows.carrier import Carrier
from tests.office import Office

START = MONDAY_NOON.replace(hour=6)  # nine in Moscow
ENGLISH = "+74951230002"
WAIT_S, WRAP_UP_S, RING_S = 600, 10, 20
SECOND = timedelta(seconds=1)

MANAGERS = tuple(
    Manager(
        f"m{n}",
        f"М {n}",
        f"10{n}",
        team="sales",
        wrap_up_s=WRAP_UP_S,
        skills=("en",) if n > 6 else (),
    )
    for n in range(1, 9)
)
BY_DIAL = {f"10{n}": f"m{n}" for n in range(1, 9)}


def _ladder(key: str, skill: str | None = None) -> Ladder:
    anybody = Step("least_loaded", RING_S, team="sales", skill=skill, busy="wait", wait=WAIT_S)
    return Ladder(key, (Step("responsible", RING_S), anybody))


MORNING: Setup = replace(
    SETUP,
    manager=MANAGERS,
    company=replace(SETUP.company, duty="m1"),
    team=(replace(SETUP.team[0], head="m1"),),
    ladder=(_ladder("any"), _ladder("english", "en")),
    line=(
        replace(SETUP.line[0], ladder="any"),
        Line(ENGLISH, LAST_RESORT, account="main", ladder="english"),
    ),
)
HABITS = replace(
    ON_REQUEST,
    hangs_up=0,
    gives_up=0,
    picks_up=0.93,
    picks_up_s=(2.0, 4.0),
    rejects=0.03,
    unreachable=0,
    outsider_picks_up=1,
    call_waiting=0,
    transfers=0,
)


@dataclass(frozen=True)
class Caller:
    """`gives_up_s`: hangs up after waiting so long, and calls again after `again_s`."""

    number: str
    line: str
    at_s: float
    talk_s: float
    responsible: str | None = None
    gives_up_s: float | None = None
    again_s: float = 0


def callers(chance: Random) -> list[Caller]:
    """Forty of them: a third are somebody's clients, five want English, four lose patience."""
    moments = sorted(chance.uniform(0, 300) for _ in range(40))
    found = [
        Caller(
            number=f"+7916000{n:04}",
            line=ENGLISH if n % 8 == 5 else LINE_NUMBER,
            at_s=at,
            talk_s=chance.uniform(120, 360),
            responsible=chance.choice(MANAGERS).key if n % 3 == 0 else None,
        )
        for n, at in enumerate(moments)
    ]
    for n, again_s in ((14, 30), (22, 90), (28, 115), (25, 150)):
        found[n] = replace(found[n], gives_up_s=chance.uniform(60, 130), again_s=again_s)
    return found


@dataclass(frozen=True)
class Morning:
    """What happened, and what the base has of it: its row and its whys of each call, by ref."""

    callers: list[Caller]
    truth: Truth
    rows: dict[str, Any]
    whys: dict[str, list[Why]]

    @property
    def calls(self) -> list[CallTruth]:
        return list(self.truth.calls.values())

    def place(self, call: CallTruth) -> tuple[datetime, str]:
        """Its place in the queue, as the service keeps it."""
        row = self.rows[call.call_id]
        return (row.waiting_since or row.started_at, row.id)

    def why_at(self, call: CallTruth, moment: datetime) -> Why:
        """The last thing that was decided on a call by then."""
        return [why for why in self.whys[call.call_id] if why.at <= moment][-1]


async def play_morning(database: Database, seed: int) -> Morning:
    """Play it second by second to the end of the last talk."""
    office = await Office(database).open(MORNING, now=START)
    people = callers(Random(seed))
    for one in people:
        if one.responsible:
            person = contacts.Person("", (one.number,), responsible=one.responsible)
            await database.write(contacts.add, person, now=START)
    pbx = FakePbx(
        seed=seed,
        accounts=[Account("main", (LINE_NUMBER, ENGLISH))],
        people=[Person(one.key, one.all_dials) for one in MANAGERS],
        manners=GOOD,
        habits=HABITS,
    )
    pbx.open(START)
    carrier, plan = Carrier(office, MORNING), _Plan(pbx, people)
    for second in range(3600):
        moment = START + second * SECOND
        for hook in pbx.play_until(moment):
            pbx.take(hook, await carrier.send(hook, hook.at), hook.at)
        plan.go_on(second)
        if second % 5 == 0:
            await office.sweep(moment)
        if plan.is_over():
            break
    whys: dict[str, list[Why]] = {}
    rows = await office.rows(tables.call)
    refs = {row.id: row.ref for row in rows}
    for decision in await office.rows(tables.decision):
        whys.setdefault(refs[decision.call], []).append(read_why(decision.why))
    return Morning(people, pbx.truth, {row.ref: row for row in rows}, whys)


class _Plan:
    """Who calls when; who lost patience calls again."""

    def __init__(self, pbx: FakePbx, people: list[Caller]) -> None:
        self._pbx = pbx
        self._ahead = sorted((one.at_s, n, one) for n, one in enumerate(people))
        self._tired: dict[str, Caller] = {}

    def go_on(self, second: int) -> None:
        for ref, one in list(self._tired.items()):
            call = self._pbx.truth.calls[ref]
            if call.ended:
                del self._tired[ref]
                if call.end == "caller_hung_up":
                    again = replace(one, gives_up_s=None, at_s=second + one.again_s)
                    self._ahead = sorted([*self._ahead, (again.at_s, second, again)])
        while self._ahead and self._ahead[0][0] <= second:
            one = self._ahead.pop(0)[2]
            course = Course(waits_s=one.gives_up_s, talk_s=one.talk_s)
            ref = self._pbx.call(kind="known", caller=one.number, line=one.line, course=course)
            if one.gives_up_s:
                self._tired[ref] = one

    def is_over(self) -> bool:
        calls = self._pbx.truth.calls.values()
        return not (self._ahead or self._tired) and all(call.ended for call in calls)


# What a queue is


def waits_of(call: CallTruth) -> Iterator[tuple[datetime, datetime]]:
    """From when to when a call waited: from a word to wait to whatever came next."""
    other = sorted([*(ring.since for ring in call.rings), *([call.ended] if call.ended else [])])
    for since in call.waits:
        later = (moment for moment in (*call.waits, *other) if moment > since)
        yield since, min(later)


def waits_at(call: CallTruth, moment: datetime) -> bool:
    return any(since <= moment < until for since, until in waits_of(call))


def ideal_waits(morning: Morning) -> list[float]:
    """How long the same talks had waited, were each given to whoever is free first, in order."""
    served = sorted(
        (one for one in morning.calls if one.talks and one.talks[0].person),
        key=morning.place,
    )
    free = [START] * len(MANAGERS)
    heapify(free)
    waits = []
    for call in served:
        talk = call.talks[0]
        picked_up = talk.since - call.rings[-1].since
        length = (talk.until or talk.since) - talk.since + timedelta(seconds=WRAP_UP_S)
        came = morning.place(call)[0]
        begin = max(came, free[0])
        heapreplace(free, begin + picked_up + length)
        waits.append((begin - came).total_seconds())
    return waits


def real_waits(morning: Morning) -> list[float]:
    """From its place in the queue to the ring that was answered."""
    return [
        (call.rings[-1].since - morning.place(call)[0]).total_seconds()
        for call in morning.calls
        if call.talks and call.talks[0].person
    ]
