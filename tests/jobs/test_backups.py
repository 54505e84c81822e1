"""Backups by the clock: made and noted, carried to a second place, tried, and told of when late."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callrouter.domain.setup import Backups, Setup
from callrouter.jobs.backups import CARRY, MAKE, TRY, kinds, schedules
from callrouter.jobs.worker import Worker, last_tick
from callrouter.metrics import BACKUP_LATE
from callrouter.saving import local_place
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import backup_log, backups, jobs, setups
from storage.archives import sum_of
from storage.backup_log import Backup
from storage.database import Database
from storage.files import Folder
from storage.jobs import NewJob
from tests.examples import SETUP

NIGHT = datetime(2026, 3, 2, 0, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Setups:
    current: Setup = SETUP


@dataclass
class Nights:
    """A server by night: its clock, its worker, and what became of its backups."""

    service: Service
    setups: Setups
    now: datetime = NIGHT
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.service = replace(self.service, clock=lambda: self.now)
        self.worker = Worker(self.service.database, lambda: self.now, kinds(self.service))

    async def work(self, kind: str) -> None:
        key = f"{kind}:{self.now}"
        await self.service.database.write(jobs.ask, [NewJob(kind, {}, key)], now=self.now)
        await self.worker.drain()

    def let(self, **settings: Any) -> None:
        self.setups.current = replace(SETUP, backups=replace(Backups(), **settings))

    @property
    def place(self) -> Folder:
        return local_place(self.service.settings)

    @property
    def standing(self) -> list[datetime]:
        return list(backups.standing(self.place))

    async def noted(self) -> list[Backup]:
        return list(await self.service.database.read(backup_log.listed, 100))


@pytest.fixture
async def nights(database_url: str, database: Database, tmp_path: Path) -> Nights:
    settings = Settings(data_dir=tmp_path / "var", database_url=database_url)
    await database.write(setups.publish, SETUP, by="apply", now=NIGHT - 30 * DAY)
    held = Setups()
    service = Service(settings, database, held, Seal("a secret of the tests"), lambda: NIGHT)
    return Nights(service, held)


async def test_each_night_one_is_made_noted_and_the_old_ones_go(nights: Nights) -> None:
    nights.let(days=2, weeks=1)
    for _ in range(5):
        await nights.work(MAKE)
        nights.now += DAY
    assert len(nights.standing) == 3
    noted = await nights.noted()
    assert [one.at for one in noted] == sorted(nights.standing, reverse=True)
    for one in noted:
        assert (one.size, one.digest) == sum_of(Path(one.place))
        assert (one.state, one.error) == ("made", None)


async def test_it_is_carried_to_a_second_place_and_kept_there_as_long(
    nights: Nights, tmp_path: Path
) -> None:
    other = Folder(tmp_path / "other")
    nights.let(days=1, weeks=0, to=other.root.as_uri())
    for _ in range(2):
        await nights.work(MAKE)
        nights.now += DAY
    assert list(backups.standing(other)) == nights.standing == [NIGHT + DAY]
    assert [one.place.startswith("file://") for one in await nights.noted()] in (
        [True, False],
        [False, True],
    )


@pytest.mark.parametrize("code", [0, 3])
async def test_a_command_gets_the_path_and_one_that_fails_is_run_again(
    nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setenv("CALLROUTER_SECRET_KEY", "not for commands")
    seen = tmp_path / "seen"
    script = tmp_path / "carry.py"
    script.write_text(
        f"import os, sys; open({str(seen)!r}, 'a').write(sys.argv[-1] + '\\n')\n"
        f"assert 'CALLROUTER_SECRET_KEY' not in os.environ\nprint('no room there')\n"
        f"sys.exit({code})\n"
    )
    nights.let(to=f"run:{sys.executable} {script} --to elsewhere")
    await nights.work(MAKE)
    (made,) = [one for one in await nights.noted() if not one.place.startswith("run:")]
    assert seen.read_text() == f"{made.place}\n"
    job = await nights.service.database.read(jobs.of_key, f"carry:archives/{Path(made.place).name}")
    assert job
    assert job.kind == CARRY
    if code:
        assert job.state == "ready"
        assert job.error
        assert "ended with 3: no room there" in job.error
        assert len(await nights.noted()) == 1
    else:
        assert job.state == "done"
        assert len(await nights.noted()) == 2


async def test_the_newest_is_tried_and_what_came_of_it_is_noted(nights: Nights) -> None:
    await nights.work(MAKE)
    await nights.work(TRY)
    (one,) = await nights.noted()
    assert (one.state, one.tried_at, one.error) == ("tried", nights.now, None)
    archive = Path(one.place)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 4
    archive.write_bytes(content)
    nights.now += 7 * DAY
    await nights.work(TRY)
    (one,) = await nights.noted()
    assert (one.state, one.tried_at) == ("failed", nights.now)
    assert one.error
    assert await nights.service.database.read(backup_log.newest_good) is None


async def test_that_none_was_made_for_long_is_told(nights: Nights) -> None:
    await nights.work(MAKE)
    nights.now += timedelta(hours=36)
    await nights.work("watch_backups")
    assert BACKUP_LATE._value.get() == 0
    nights.now += timedelta(minutes=1)
    await nights.work("watch_backups")
    assert BACKUP_LATE._value.get() == 1


async def test_while_another_is_being_made_it_waits(nights: Nights) -> None:
    with backups.alone(nights.place):
        await nights.work(MAKE)
    found = await nights.service.database.read(jobs.listed)
    assert [(one.kind, one.state) for one in found] == [(MAKE, "ready")]
    assert "another backup is being made" in (found[0].error or "")


async def test_the_clock_is_the_companys(nights: Nights) -> None:
    ticks = {
        one.name: last_tick(one.cron(), one.zone(), NIGHT + DAY)
        for one in schedules(nights.service)
    }
    assert ticks["backup"] == NIGHT + DAY  # 03:15 in Moscow
    assert ticks["backup_trial"] == datetime(2026, 3, 1, 1, 15, tzinfo=UTC)  # a Sunday, 04:15


async def test_a_demo_makes_none(nights: Nights) -> None:
    demo = replace(nights.service, demo=True)
    assert (kinds(demo), schedules(demo)) == ([], [])
