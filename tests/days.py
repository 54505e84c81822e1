"""Days of a sales department in virtual time, written in one transaction: thousands of calls.

A PBX without telephones calls through the real provider. Meanwhile people say that they have a
break, cards change hands, the setup changes, and calls come in at the very same moment. What wants
no decision is taken together with the next that does, as on a busy server; repeats, late events and
restarts of the PBX are its own bad manners.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, select

from callrouter.domain.managers import PresenceState
from callrouter.domain.setup import DEFAULT_PIPELINE, Ladder, Setup, Status, Step
from callrouter.fakepbx import Account, Callers, FakePbx, Hook, Person, play_virtual
from callrouter.fakepbx.habits import Habits
from callrouter.flows.presence import say
from callrouter.flows.sweep import sweep
from callrouter.flows.take import take
from callrouter.flows.work import Desk, Entry
from callrouter.sample import SERVICE, SHOP, SITE, sample_setup
from storage import cards, setups
from storage.setups import SetupCache
from storage.tables import card
from tests.office import entry_of, posted
from webhooks.providers import PROVIDERS

MONDAY_MORNING = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # nine in Moscow
SECRET = "a-good-secret"

OURS = timedelta(microseconds=2713)
"""Our clock is later than the PBX's, and not by whole milliseconds."""

SWEEPS_EVERY = timedelta(seconds=15)

RUSH = Habits(
    gap_s=(5.0, 14.0),
    talk_s=(10.0, 300.0),
    talk_mean_s=45.0,
    waits_s=(20.0, 120.0),
    dials_s=(60.0, 240.0),
    calls_back_s=(60.0, 600.0),
    break_after_s=(900.0, 4000.0),
    break_s=(60.0, 420.0),
)
"""More calls than eight people can take: some wait, some are lost."""

RUSH_GAP_S = 14
"""Between two calls at most."""


def company() -> Setup:
    """The sample company with every strategy, with callers who wait, and cards that weigh."""
    setup = sample_setup(lambda _account: SECRET, today=MONDAY_MORNING.date())
    ladders = {
        "sales": Ladder(
            "sales",
            (
                Step(ring="responsible", seconds=15),
                Step(ring="least_loaded", team="sales", count=2, seconds=15),
                Step(ring="round_robin", team="shop", seconds=15, busy="wait", wait=60),
            ),
        ),
        "shop": Ladder(
            "shop",
            (
                Step(ring="longest_idle", team="shop", count=2, seconds=15),
                Step(ring="fewest_calls", seconds=15, busy="ring"),
                Step(ring="all", team="sales", count=3, seconds=20),
            ),
        ),
    }
    ladder = tuple(ladders.get(one.key, one) for one in setup.ladder)
    statuses = (Status("new", "Новая", weight=0.5), *DEFAULT_PIPELINE.statuses[1:])
    return replace(setup, ladder=ladder, pipeline=(replace(DEFAULT_PIPELINE, statuses=statuses),))


@dataclass
class Days:
    """Plays into a base. The same seed plays the same days.

    `twins`: how many calls more, at most, come at the very moment of one that asks.
    """

    conn: Connection
    seed: int = 7
    twins: int = 1

    def __post_init__(self) -> None:
        self._setup = company()
        self._desk = Desk(SetupCache())
        self._chance = Random(self.seed)
        self._providers = {
            one.key: PROVIDERS["pbx"](replace(one, time_zone="Europe/Moscow"), (SECRET.encode(),))
            for one in self._setup.account
        }
        self._waiting: list[Hook] = []
        self._to_come: list[Hook] = []  # of the twins
        self._twins = 0
        self._now = MONDAY_MORNING
        self._swept = MONDAY_MORNING

    def play(self, calls: int) -> int:
        """Play days until so many customers have called; gives how many have."""
        setups.publish(self.conn, replace(self._setup, version=0), by="apply", now=self._now)
        played, day = 0, 0
        while played + self._twins < calls:
            played += self._play_day(MONDAY_MORNING + timedelta(days=day), calls - played)
            day += 1
        return played + self._twins

    def _play_day(self, start: datetime, most: int) -> int:
        pbx = FakePbx(
            seed=self.seed + start.toordinal(),
            accounts=[
                Account("main", (SITE, SHOP), rings=("101",)),
                Account("bare", (SERVICE,), forgetful=True, rings=("105",)),
            ],
            people=[Person(one.name, one.all_dials) for one in self._setup.active],
            callers=Callers(known=tuple(f"+7916000{n:04}" for n in range(400))),
            habits=RUSH,
        )

        def came() -> int:
            return sum(call.direction == "in" for call in pbx.truth.calls.values())

        def tick(now: datetime) -> None:
            self._tick(now)
            if came() + self._twins >= most:
                pbx.close()

        hours, quiet = min(9.0, most * RUSH_GAP_S / 3600), timedelta(minutes=15)
        play_virtual(pbx, self._send, start=start, hours=hours, tick=tick, quiet=quiet)
        self._flush()
        return came()

    # What a PBX sends

    def _send(self, hook: Hook, at: datetime) -> dict[str, Any] | None:
        if self._waiting and at - self._waiting[0].at > timedelta(seconds=1):
            self._flush()
        if hook.ask is None:
            self._waiting.append(hook)
            return {"ok": True}
        for _ in range(self._chance.choice([0, 0, self._chance.randint(0, self.twins)])):
            self._waiting.append(self._twin(at))
        self._waiting.append(hook)
        return self._flush()

    def _twin(self, at: datetime) -> Hook:
        """A call of somebody else at the same moment; he is answered, or hangs up."""
        self._twins += 1
        ref = f"twin-{self._twins}"
        caller = f"+7916000{self._chance.randrange(400):04}"
        length = self._chance.uniform(5, 40)

        def hook(event: str, after_s: float, **fields: object) -> Hook:
            payload = {"event": event, "call_id": ref, "event_id": f"{ref}-{event}", **fields}
            return Hook("main", payload, at + timedelta(seconds=after_s))

        if self._chance.random() < 0.4:
            self._to_come.append(hook("answered", 3, leg_id="a1"))
        self._to_come.append(hook("ended", length, reason="caller_hung_up"))
        return hook("ringing", 0, caller=caller, called=SITE)

    def _go_on_with_twins(self, now: datetime) -> None:
        self._waiting += [replace(one, at=now) for one in self._to_come if one.at <= now]
        self._to_come = [one for one in self._to_come if one.at > now]

    def _flush(self) -> dict[str, Any]:
        if not self._waiting:
            return {}
        hooks, self._waiting = self._waiting, []
        self._now = max(self._now, hooks[-1].at + OURS)
        entries = [self._entry(hook, hook.at + OURS / 2) for hook in hooks]
        batch = take(self.conn, entries, self._desk, now=self._now)
        assert not batch.bugs, batch.bugs
        answer: dict[str, Any] = json.loads(batch.taken[-1].answer.body)
        return answer

    def _entry(self, hook: Hook, at: datetime) -> Entry:
        query = "steps=one" if sum(str(hook.payload.get("call_id")).encode()) % 3 == 0 else ""
        raw = posted(hook.account, hook.payload, at, query)
        return entry_of(self._providers[hook.account], raw)

    # What happens beside

    def _tick(self, now: datetime) -> None:
        self._go_on_with_twins(now)
        self._flush()
        self._now = max(self._now, now + OURS)
        if self._now - self._swept >= SWEEPS_EVERY:
            self._swept = self._now
            while sweep(self.conn, self._desk, now=self._now):
                pass
        draw = self._chance.random()
        if draw < 0.004:
            self._say()
        elif draw < 0.03:
            self._hand_a_card_over()
        elif draw < 0.0305:
            self._change_setup()

    def _say(self) -> None:
        setup = self._desk.setups.refresh(self.conn)
        manager = self._chance.choice(setup.active)
        states: list[PresenceState] = ["pause", "pause", "available", "off"]
        state = self._chance.choice(states)
        until = self._now + timedelta(minutes=self._chance.choice([3, 10, 30]))
        say(self.conn, setup, manager, state, by="a person", now=self._now, until=until)

    def _hand_a_card_over(self) -> None:
        mine = select(card.c.id).where(card.c.manager.is_not(None)).order_by(card.c.id.desc())
        found = self.conn.scalars(mine.limit(50)).all()
        if not found:
            return
        id_ = self._chance.choice(found)
        before = cards.states(self.conn, [id_])[id_]
        to = self._chance.choice(self._setup.active).key
        after = replace(before, manager=to, manager_by="a person", manager_at=self._now)
        cards.change(self.conn, [(before, after)], now=self._now)

    def _change_setup(self) -> None:
        old = self._desk.setups.refresh(self.conn)
        one = self._chance.choice(old.manager)
        capacity, wrap_up_s = self._chance.choice([5, 10, 20]), self._chance.choice([0, 10, 40])
        changed = replace(one, capacity=capacity, wrap_up_s=wrap_up_s)
        people = tuple(changed if other is one else other for other in old.manager)
        new = replace(old, manager=people, version=0)
        setups.publish(self.conn, new, by="apply", now=self._now)
