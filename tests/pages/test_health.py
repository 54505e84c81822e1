"""`/health` says in words what is well and what is to be done, to an admin alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Connection

from callrouter.condition import look, tell_metrics
from callrouter.domain.setup import Backups
from callrouter.jobs.kinds import kinds_of
from callrouter.pages.health import _JOBS
from callrouter.service import Service
from storage import backup_log, frozen, jobs, setups
from storage.jobs import NewJob
from tests.api.rows import NOON, SETUP
from tests.pages.conftest import HandClock, Site

DAY = timedelta(days=1)


def add_backup(conn: Connection, place: str, age: timedelta) -> None:
    backup_log.add(conn, place, at=NOON - age, size=1, digest="0" * 64)


def begin(conn: Connection, ago: timedelta) -> None:
    setups.publish(conn, SETUP, by="apply", now=NOON - ago)


async def seen(site: Site, language: str = "en") -> str:
    found = await site.get(f"/health?language={language}")
    assert found.status == 200
    return found.text


async def test_a_new_server_is_well(site: Site) -> None:
    text = await seen(site)
    assert "There is none yet." in text
    assert "No backup was tried yet" in text
    assert "To be looked at" not in text or "To be looked at: Disk" in text


async def test_it_is_said_in_russian_too(site: Site) -> None:
    assert "Резервная копия" in await seen(site, "ru")


@pytest.mark.parametrize(("age", "late"), [(35, False), (37, True)])
async def test_an_old_backup_is_an_alarm(site: Site, age: int, *, late: bool) -> None:
    await site.service.database.write(begin, 30 * DAY)
    await site.service.database.write(add_backup, "/x/archives/a.tar", timedelta(hours=age))
    assert ("To be looked at: Backup" in await seen(site)) is late


async def test_without_any_backup_a_server_of_some_days_is_in_alarm(site: Site) -> None:
    await site.service.database.write(begin, 2 * DAY)
    assert "To be looked at: Backup" in await seen(site)


async def test_a_backup_that_could_not_be_restored_is_an_alarm_and_none(site: Site) -> None:
    await site.service.database.write(begin, 30 * DAY)
    await site.service.database.write(add_backup, "/x/archives/a.tar", timedelta(hours=3))
    await site.service.database.write(
        backup_log.tried, "/x/archives/a.tar", "a.tar is not what it was", now=NOON
    )
    text = await seen(site)
    assert "To be looked at: Backup, Trial" in text
    assert "a.tar is not what it was" in text


async def test_the_second_place_has_its_own_alarm(site: Site) -> None:
    to = Backups(to="s3://elsewhere/x")
    site.setups.current = replace(SETUP, backups=to)
    await site.service.database.write(begin, 30 * DAY)
    await site.service.database.write(add_backup, "/x/archives/a.tar", timedelta(hours=3))
    assert "To be looked at: Backup in the second place" in await seen(site)
    await site.service.database.write(
        add_backup, "s3://elsewhere/x/archives/a.tar", timedelta(hours=3)
    )
    assert "To be looked at: Backup" not in await seen(site)


async def test_a_dead_job_and_one_that_waits_for_long_are_alarms(
    site: Site, clock: HandClock
) -> None:
    await site.service.database.write(jobs.ask, [NewJob("sing", {}, "la")], now=NOON)
    assert "to be done: 1, given up: 0" in await seen(site)
    clock.now = NOON + timedelta(minutes=30)
    text = await seen(site)
    assert "the oldest is late by" in text
    assert "Jobs" in text.partition("To be looked at: ")[2].partition("<")[0]


def a_dead_one(conn: Connection) -> str:
    jobs.ask(conn, [NewJob("send_letter", {}, "la")], now=NOON)
    (one,) = jobs.claim(conn, {"send_letter": 1}, {"send_letter": DAY}, now=NOON)
    jobs.bury(conn, one, "550 no such user", now=NOON)
    return one.id


async def test_what_was_given_up_is_run_again_by_a_click(site: Site) -> None:
    id_ = await site.service.database.write(a_dead_one)
    text = await seen(site)
    assert "<code>callrouter jobs --dead</code>" in text
    assert "`" not in text
    assert "Send a letter" in text
    assert "550 no such user" in text
    assert "Не получилось" in await seen(site, "ru")
    headers = {"Sec-Fetch-Site": "same-origin"}
    for _ in range(2):
        done = await site.ask("POST", f"/health/jobs/{id_}", headers=headers)
        assert (done.status, done.headers["Location"]) == (303, "/health")
    found = await site.service.database.read(jobs.find, id_)
    assert found
    assert (found.state, found.attempts) == ("ready", 0)
    assert "550 no such user" not in await seen(site)


async def test_letters_of_a_restored_base_leave_by_a_click(site: Site) -> None:
    await site.service.database.write(frozen.freeze, "restored", now=NOON)
    assert "None leaves: this base was restored from a backup" in await seen(site)
    headers = {"Sec-Fetch-Site": "same-origin"}
    done = await site.ask("POST", "/health/thaw", data={"in_doubt": "1"}, headers=headers)
    assert (done.status, done.headers["Location"]) == (303, "/health")
    assert not await site.service.database.read(frozen.is_frozen)
    assert "was restored from a backup" not in await seen(site)


async def test_the_metrics_say_the_same(service: Service) -> None:
    await service.database.write(begin, 30 * DAY)
    await service.database.write(add_backup, "/x/archives/a.tar", timedelta(hours=40))
    await service.database.write(frozen.freeze, "restored", now=NOON)
    tell_metrics(await look(service), NOON)
    figures = {
        sample.name: sample.value for metric in REGISTRY.collect() for sample in metric.samples
    }
    assert figures["callrouter_backup_age_seconds"] == 40 * 3600
    assert figures["callrouter_backup_late"] == 1
    assert figures["callrouter_letters_frozen"] == 1


def test_every_kind_of_job_has_words(service: Service) -> None:
    assert {one.name for one in kinds_of(service)} - set(_JOBS) == set()
