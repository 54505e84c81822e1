"""What the base refuses, and what our own bugs break, costs one event: never its batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import Counter
from sqlalchemy import Connection, select

from callrouter import metrics
from callrouter.domain.decisions import Can
from callrouter.domain.routing import Arrival, Decided, Facts, decide
from callrouter.flows import asking
from callrouter.flows.apply import apply
from callrouter.flows.sweep import sweep
from callrouter.flows.work import Desk
from callrouter.intake.snapshot import Snapshot
from callrouter.intake.spool import frame
from storage.database import Database
from storage.setups import SetupCache
from storage.tables import event, quarantine
from tests.chaos.inside import Inside, inside, ringing, rung, told
from tests.chaos.setups import company
from tests.chaos.traffic import numbers
from tests.running import LINE, rows

POISON = "+7916\ud800"
"""Half of a character: no base and no JSON takes it. The front door never lets it in."""


async def kept(base: Inside) -> tuple[list[str], list[bytes]]:
    """Keys of the journal, bodies in quarantine."""

    def read(conn: Connection) -> tuple[list[str], list[bytes]]:
        keys = sorted(row.key for row in conn.execute(select(event.c.key)))
        return keys, [row.body for row in conn.execute(select(quarantine.c.body))]

    return await base.base.inner.read(read)


def count(counter: Counter) -> float:
    value: float = counter._value.get()
    return value


@pytest.mark.parametrize("guilty", [{0}, {7}, {3, 4, 19}], ids=["the first", "one", "several"])
async def test_a_poisoned_event_costs_only_itself(
    database: Database, tmp_path: Path, guilty: set[int]
) -> None:
    async with inside(database, tmp_path) as base:
        callers = numbers(20)
        answers = await asyncio.gather(
            *(
                base.post(
                    ringing(f"c{n}", callers[n]), **({"caller": POISON} if n in guilty else {})
                )
                for n in range(20)
            )
        )
        assert {told(answer)["decision"] for answer in answers} == {"connect"}
        assert not any(rung(answers[n]) == [] for n in range(20) if n not in guilty)
        await base.settled()
        keys, bodies = await kept(base)
        assert keys == sorted(f"id:c{n}-ringing" for n in range(20) if n not in guilty)
        assert len(set(bodies)) == len(guilty)
        assert rung(await base.post(ringing("after", "+79169999999")))


async def test_text_that_only_postgresql_refuses(postgres_url: str, tmp_path: Path) -> None:
    from storage.database import open_database

    database = open_database(postgres_url)
    async with inside(database, tmp_path) as base:
        good, bad = await asyncio.gather(
            base.post(ringing("c1")), base.post(ringing("c2"), key="id:\x00")
        )
        assert rung(good)
        assert told(bad)["decision"] == "connect"
        await base.settled()
        keys, bodies = await kept(base)
        assert (keys, len(set(bodies))) == (["id:c1-ringing"], 1)
    await database.close()


LONG = {
    "a caller": {"event": "ringing", "caller": "x" * 500, "called": "2" * 500},
    "ids": {"event": "ringing", "event_id": "k" * 200, "caller": "", "called": ""},
    "a reason": {"event": "ended", "reason": "SIP 480 " + "r" * 190},
    "a leg's reason": {"event": "leg_failed", "target": "101", "reason": "r" * 200},
    "a phone": {"event": "answered", "target": "sip:" + "p" * 290 + "@pbx"},
    "a leg's id": {"event": "answered", "leg_id": "l" * 200, "target": "PJSIP/" + "9" * 290},
    "an unknown word": {"event": "w" * 64},
}


@pytest.mark.parametrize("said", LONG.values(), ids=LONG)
async def test_the_longest_that_the_front_door_lets_in_can_be_stored(
    database: Database, tmp_path: Path, said: dict[str, str]
) -> None:
    async with inside(database, tmp_path) as base:
        assert (await base.post({"call_id": "c" * 200, **said})).status == 200
        await base.settled()  # by way of the spool, where the machine was slow
        keys, bodies = await kept(base)
        assert (len(keys), bodies) == (1, [])


async def test_a_poisoned_event_of_the_spool_does_not_stop_the_others(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """It was told while the base was silent; nothing showed then that the base would refuse it."""
    async with inside(sqlite_database, tmp_path) as base:
        base.base.silent = True
        await asyncio.gather(
            base.post(ringing("c1")),
            base.post(ringing("c2"), key="id:\ud800"),
            base.post(ringing("c3", "+79160000003")),
        )
        base.base.silent = False
        base.intake.batches.wake()
        await base.settled()
        keys, _ = await kept(base)
        assert {"id:c1-ringing", "id:c3-ringing"} <= set(keys)


async def test_a_record_of_another_version_does_not_stop_the_others(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path) as base:
        base.base.silent = True
        answer = await base.post(ringing("c1"))
        (file,) = (tmp_path / "spool").glob("spool-*.log")
        await base.stop()
        with file.open("ab") as spool:
            spool.write(frame({"an older": "version"}))
        base.base.silent = False
        await base.restart()
        await base.settled()
        assert (await kept(base))[0] == ["id:c1-ringing"]
        assert await base.post(ringing("c1")) == answer
        assert [one.name for one in (tmp_path / "spool").glob("*.unread")]


def break_decide(monkeypatch: pytest.MonkeyPatch, caller: str) -> None:
    """A bug that only calls of this number meet."""

    def broken(call: Arrival, facts: Facts, can: Can, *, now: object) -> Decided:
        if call.caller.number == caller:
            raise ZeroDivisionError("a bug of ours")
        return decide(call, facts, can, now=now)  # type: ignore[arg-type]

    monkeypatch.setattr(asking, "decide", broken)


@pytest.mark.parametrize("base_is", ["answering", "silent"])
async def test_a_bug_in_a_decision_costs_one_call_its_plan(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_is: str
) -> None:
    callers = numbers(10)
    break_decide(monkeypatch, callers[4])
    async with inside(sqlite_database, tmp_path) as base:
        base.base.silent = base_is == "silent"
        answers = await asyncio.gather(
            *(base.post(ringing(f"c{n}", caller)) for n, caller in enumerate(callers))
        )
        assert [n for n, answer in enumerate(answers) if rung(answer) == []] == [4]
        assert told(answers[4])["then"]["dial"]
        if base_is == "answering":
            await base.settled()
            assert len((await kept(base))[0]) == 10


async def test_such_a_bug_is_counted(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_decide(monkeypatch, "+79161234567")
    before = count(metrics.BUGS)
    async with inside(sqlite_database, tmp_path) as base:
        await base.post(ringing("c1"))
    assert count(metrics.BUGS) == before + 1


async def test_a_bug_behind_the_commit_does_not_end_the_intake(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom it hit is answered from memory; the next call is decided as ever."""
    absorb: Callable[..., None] = Snapshot.absorb
    bugs = [ZeroDivisionError("a bug of ours")]

    def broken(self: Snapshot, *args: object) -> None:
        if bugs:
            raise bugs.pop()
        absorb(self, *args)

    async with inside(sqlite_database, tmp_path) as base:
        monkeypatch.setattr(Snapshot, "absorb", broken)
        answer = await base.post(ringing("c1"))
        assert told(answer)["decision"] == "connect"
        assert rung(await base.post(ringing("c2", "+79160000002")))
        await base.settled()
        assert await base.post(ringing("c1")) == answer


async def test_calls_of_an_account_that_was_removed_do_not_stop_the_sweep(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """They end by their known ends, as all calls do; so do those that were told meanwhile."""
    other = company().replace('"main"', '"other"').replace(LINE, "+74951230002")
    later = datetime.now(UTC) + timedelta(hours=3)
    async with inside(sqlite_database, tmp_path) as base:
        await base.post(ringing("c1"))
        base.base.silent = True
        await base.post(ringing("c2", "+79160000002"))
        write = sqlite_database.write
        await write(apply, other, seal=base.seal, now=datetime.now(UTC), prune=True)
        base.base.silent = False
        base.intake.batches.wake()
        await base.settled()
        assert (await kept(base)) == (["id:c1-ringing", "id:c2-ringing"], [])
        await write(sweep, Desk(SetupCache()), now=later)
    address = f"sqlite:///{tmp_path / 'base.sqlite'}"
    assert await rows(address, "SELECT DISTINCT state FROM call") == [("missed",)]
