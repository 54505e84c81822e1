"""The wall: calls, people and the day, for whom they are; what this server measures of itself."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter import metrics
from callrouter.domain.hours import Calendar
from callrouter.domain.setup import Manager
from callrouter.pages import wall
from callrouter.pages.wall import Today, answered, quantile
from tests.api.rows import NOON, add_call, add_contact, add_leg, add_obligation
from tests.pages.conftest import Site
from tests.pages.test_figures import OFFICE, come_in

EVIL = "<img src=x onerror=alert(1)>"


def make_day(conn: Connection) -> None:
    client = add_contact(conn, EVIL, "+79161234567")
    for n, key in enumerate(("anna", "boris")):
        at = NOON - timedelta(minutes=2, seconds=n)
        call = add_call(conn, at=at, state="talking", manager=key, answered_at=at, contact=client)
        hold: dict[str, Any] = {"hold": "talk", "hold_until": NOON + timedelta(hours=1)}
        add_leg(conn, call, manager=key, status="talking", answered_at=at, ring_from=at, **hold)
    waits = {"waiting_since": NOON - timedelta(seconds=40)}
    add_call(conn, at=NOON - timedelta(minutes=1), state="waiting", **waits)
    missed = add_call(conn, at=NOON - timedelta(minutes=30), state="missed")
    add_leg(conn, missed, ring_from=NOON - timedelta(minutes=30), status="failed")
    add_obligation(conn, "+79160000001", call=missed, due_at=NOON - timedelta(minutes=1))


@pytest.fixture
async def office(site: Site) -> Site:
    site.setups.current = OFFICE
    await site.service.database.write(make_day)
    return site


def values(text: str) -> dict[str, tuple[str, str]]:
    tile = r'id="wall-(\w+)">.*?wall-value">([^<]*)</b><span class="wall-note">([^<]*)'
    return {
        key: (value.replace("\xa0", " "), note.strip())
        for key, value, note in re.findall(tile, text)
    }


async def test_the_wall_tells_the_department_at_a_glance(office: Site) -> None:
    page = await office.get("/wall?language=en")
    found = values(page.text)
    assert {key: found[key][0] for key in ("waiting", "ringing", "talking", "free", "missed")} == {
        "waiting": "1",
        "ringing": "0",
        "talking": "2",
        "free": "1",
        "missed": "1",
    }
    assert found["owed"] == ("1", "overdue: 1")
    assert found["level"][0] == "67 %"
    assert found["wait"][0] == "0 s"
    assert "Answered within 20\xa0s" in page.text
    assert re.search(r"mate-anna.*?talking.*?<em>&lt;img", page.text, re.DOTALL)
    assert EVIL not in page.text
    assert "style=" not in page.text
    order = re.findall(r'class="wall-call (\w+)"', page.text)
    assert order == ["waiting", "talking", "talking"]


async def test_each_sees_the_calls_that_he_may_see(office: Site) -> None:
    await come_in(office, "manager", "anna")
    found = await office.get("/wall/part?language=en")
    assert "<html" not in found.text
    assert values(found.text)["talking"][0] == "1"
    assert "mate-boris" in found.text  # that he talks everybody sees; with whom not
    assert found.text.count("<em>&lt;img") == 1


async def test_what_has_changed_is_there_at_once_and_the_day_a_little_later(office: Site) -> None:
    assert values((await office.get("/wall/part")).text)["missed"][0] == "1"

    def miss(conn: Connection) -> None:
        add_call(conn, at=NOON - timedelta(minutes=5), state="missed")
        add_call(conn, at=NOON, state="ringing")

    await office.service.database.write(miss)
    again = values((await office.get("/wall/part")).text)
    assert (again["missed"][0], again["ringing"][0]) == ("1", "1")
    office.clock.now += timedelta(seconds=5)
    assert values((await office.get("/wall/part")).text)["missed"][0] == "2"


# What this server measures


def test_quantiles_lie_between_the_limits() -> None:
    counts = {0.01: 50.0, 0.1: 90.0, 1.0: 99.0, float("inf"): 100.0}
    assert quantile(counts, 0.25) == pytest.approx(0.005)
    assert quantile(counts, 0.5) == pytest.approx(0.01)
    assert quantile(counts, 0.95) == pytest.approx(0.6)
    assert quantile(counts, 1.0) == float("inf")
    assert quantile({}, 0.5) is None
    assert quantile({0.1: 0.0, float("inf"): 0.0}, 0.5) is None
    found = [quantile(counts, share / 20) or 0 for share in range(1, 20)]
    assert all(one <= other for one, other in pairwise(found))


def test_each_day_is_counted_anew() -> None:
    calendar, today = Calendar("Europe/Moscow"), Today(NOON)
    today.look(calendar, NOON)
    metrics.ANSWER_SECONDS.observe(0.004)
    metrics.FALLBACKS.inc()
    before = today.look(calendar, NOON + timedelta(hours=1))
    assert before.n == max(answered().values())
    tomorrow = NOON + timedelta(days=1)
    fresh = today.look(calendar, tomorrow)
    assert (fresh.n, fresh.p50, fresh.fallbacks) == (0, None, 0)
    assert fresh.since == NOON + timedelta(hours=1)
    metrics.ANSWER_SECONDS.observe(0.3)
    metrics.FALLBACKS.inc()
    found = today.look(calendar, tomorrow)
    assert (found.n, found.fallbacks) == (1, 1)
    assert found.p99 is not None
    assert 0.2 < found.p99 <= 0.35


async def test_who_talks_with_a_colleague_is_not_said_to_talk_with_himself(site: Site) -> None:
    def talk(conn: Connection) -> None:
        call = add_call(
            conn, state="talking", direction="internal", manager="anna", answered_at=NOON,
            caller_kind="internal", caller_number=None, caller_raw="101",
        )  # fmt: skip
        hold: dict[str, Any] = {"hold": "talk", "hold_until": NOON + timedelta(hours=1)}
        for ref, key in (("o1", "anna"), ("a1", "boris")):
            said = {"outbound": key == "anna", "answered_at": NOON, "ring_from": NOON, **hold}
            add_leg(conn, call, ref, manager=key, status="talking", **said)

    site.setups.current = OFFICE
    await site.service.database.write(talk)
    page = (await site.get("/wall?language=en")).text
    assert re.search(r"mate-anna.*?<em>Борис Ким</em>.*?mate-boris.*?<em>Анна", page, re.DOTALL)


async def test_all_calls_are_counted_and_only_who_can_be_rung_is_free(
    office: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Manager("ada", "Ада Судья", role="auditor")
    office.setups.current = replace(OFFICE, manager=(judge, *OFFICE.manager))
    monkeypatch.setattr(wall, "SHOWN", 2)
    page = (await office.get("/wall?language=en")).text
    assert values(page)["free"] == ("1", "of 3 managers")
    assert re.search(r'In progress <span class="count">3<', page)
