"""Whoever looks after the server sees on every page that there are alarms, and on `/health` which."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from callrouter.domain.alarms import CALM, Facts
from callrouter.flows import alarms as flows
from callrouter.flows.visits import enter, new_link
from tests.api.rows import NOON, SETUP
from tests.pages.conftest import Site

EVIL = "<script>alert(1)</script>"


def look(conn: Connection, facts: Facts, later: timedelta = timedelta()) -> None:
    flows.take_in(conn, facts, SETUP, now=NOON + later)


@pytest.mark.parametrize(
    ("language", "bar", "said", "over"),
    [
        ("en", "2 alarms: have a look", "Work was given up: 2", "Over, of the last days: 1"),
        ("ru", "2 тревоги: посмотрите", "Оставлено заданий: 2", "Прошли за последние дни: 1"),
    ],
)
async def test_open_alarms_stand_on_every_page_and_those_that_are_over_on_one(
    site: Site, language: str, bar: str, said: str, over: str
) -> None:
    write = site.service.database.write
    await write(look, Facts(overdue=11))
    dead, hook = {"transcribe": 2}, {EVIL: 1}
    await write(look, Facts(dead=dead, stuck_webhooks=hook), CALM)
    today, page = [
        (await site.get(f"{path}?language={language}")).text for path in ("/today", "/health")
    ]
    for one in (today, page):
        assert bar in one
        assert EVIL not in one
    shown = page
    assert said in shown
    assert over in shown
    await write(look, Facts(), 2 * CALM)
    assert "alarm-bar" not in (await site.get("/today")).text


async def test_who_does_not_look_after_the_server_hears_nothing_of_it(site: Site) -> None:
    await site.service.database.write(look, Facts(overdue=11))
    assert "alarm-bar" in (await site.get("/today")).text
    link = await site.service.database.write(
        new_link, now=site.clock(), role="manager", manager="anna"
    )
    cookie = await site.service.database.write(enter, link, now=site.clock())
    site.cookie = f"{site.cookie.partition('=')[0]}={cookie}"
    assert "alarm-bar" not in (await site.get("/today")).text
