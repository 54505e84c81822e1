"""The page of figures: what one sees of a period, each figure with its list, and as a file."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import Manager, Role
from callrouter.flows.visits import enter, new_link
from callrouter.pages import figure_lists
from storage import audit, tables
from storage.ids import new_id
from tests.api.rows import (
    LINE,
    NOON,
    SETUP,
    add_call,
    add_card,
    add_contact,
    add_leg,
    add_move,
    add_obligation,
)
from tests.pages.conftest import Seen, Site

OFFICE = replace(
    SETUP,
    team=(replace(SETUP.team[0], head="vera"),),
    manager=(
        Manager("anna", "Анна Смирнова", "101", team="sales"),
        Manager("boris", "Борис Ким", "102"),
        Manager("vera", "Вера Котова", "103", team="sales", role="head"),
    ),
)
EVIL = "<img src=x onerror=alert(1)>"


async def come_in(site: Site, role: Role, manager: str | None = None) -> None:
    write, now = site.service.database.write, site.clock()
    link = await write(new_link, now=now, role=role, manager=manager)
    cookie = await write(enter, link, now=now)
    site.cookie = f"callrouter_{site.service.seal.fingerprint[:8]}={cookie}"


def make_day(conn: Connection) -> None:
    """Two hours of a Monday: what anna did, what boris did, what nobody did; and yesterday."""
    client = add_contact(conn, EVIL, "+79161234567")
    won = {"status": "won", "amount": Decimal(1500), "source_first": "ads"}
    cards = [add_card(conn, client, manager="anna", title=EVIL, **won)]
    cards += [add_card(conn, manager="anna"), add_card(conn, manager="boris", status="junk")]
    lost = add_card(conn, manager="anna", status="lost", loss_reason=EVIL)
    for card, way in ((cards[0], ("new", "won")), (lost, ("new", "in_work", "lost"))):
        for n, to in enumerate(way, 1):
            add_move(conn, card, n, to)
    for n, key in enumerate(("anna", "anna", "boris")):
        at = NOON - timedelta(minutes=10 * n)
        talk: dict[str, Any] = {"answered_at": at + timedelta(seconds=15 * n), "duration_s": 61.0}
        call = add_call(conn, at=at, manager=key, card=cards[0] if key == "anna" else None, **talk)
        add_leg(conn, call, manager=key, ring_from=at, answered_at=talk["answered_at"])
    missed = add_call(conn, at=NOON - timedelta(hours=1), state="missed", source="ads")
    add_leg(conn, missed, ring_from=NOON - timedelta(hours=1), status="failed", reason="no_answer")
    add_call(conn, at=NOON, state="unanswered", direction="out", manager="anna")
    add_call(conn, at=NOON - timedelta(days=1, minutes=1), manager="anna")
    add_obligation(conn, "+79160000001", call=missed)
    row = {"card": cards[0], "key": "offer", "n": 1, "kind": "offer", "state": "sent", "by": "anna"}
    moments = {"asked_at": NOON, "changed_at": NOON, "sent_at": NOON}
    letter = tables.letter.insert().values(id=new_id(NOON), message_id="1", **row, **moments)
    conn.execute(letter.values(subject=EVIL))


@pytest.fixture
async def office(site: Site) -> Site:
    site.setups.current = OFFICE
    await site.service.database.write(make_day)
    return site


def tiles(text: str) -> dict[str, str]:
    found = re.findall(r'tile-name" href="[^"]*">([^<]*)</a><b class="tile-value">([^<]*)<', text)
    return {name: value.replace("\xa0", " ") for name, value in found}


def figures_of(text: str) -> list[tuple[str, int]]:
    """Every number that opens a list, and its address."""
    found = re.findall(r'<a href="(/figures/[^"]*)"[^>]*>(\d+)</a>', text)
    found += re.findall(r'href="(/figures/[^"]*)">[^<]*</a><b class="tile-value">(\d+)<', text)
    return [(unescape(href), int(n)) for href, n in found]


async def count_at(site: Site, href: str) -> tuple[int, int]:
    """What a list says it has, and how many rows it shows."""
    seen = await site.get(href)
    assert seen.status == 200, href
    said = re.search(r'<span class="count">(\d+)</span>', seen.text)
    assert said, href
    return int(said[1]), seen.text.count('<time class="clock"')


@pytest.mark.parametrize(
    ("role", "manager", "answered"),
    [
        ("admin", None, "3"),
        ("head", "vera", "2"),
        ("manager", "boris", "1"),
        ("auditor", None, "3"),
    ],
)
async def test_every_figure_opens_the_list_that_it_counts(
    office: Site, role: Role, manager: str | None, answered: str
) -> None:
    await come_in(office, role, manager)
    page = await office.get("/figures?period=today&language=en")
    assert page.status == 200
    assert tiles(page.text)["Answered calls"] == answered
    found = figures_of(page.text)
    assert len(found) > 15
    for href, n in found:
        assert await count_at(office, href) == (n, n), href


async def test_the_figures_of_a_day(office: Site) -> None:
    page = await office.get("/figures?language=en")
    assert tiles(page.text) == {
        "Calls in": "4",
        "Answered calls": "3",
        "Missed calls": "1",
        "Answered in time": "50 %",
        "Average wait": "15 s",
        "Outgoing calls": "1",
        "Between colleagues": "0",
        "New deals": "3",
        "Won of them": "1",
    }
    for said in (
        "95 % waited at most 30 s",
        "conversion 33 %, 1,500.00 ₽",
        "more than before: 0",
        "Compared with 01.03.2026.",
        "Анна Смирнова",
    ):
        assert said in page.text.replace("\xa0", " "), said
    assert "Борис Ким" in page.text
    assert EVIL not in page.text
    assert "style=" not in page.text


async def test_a_period_is_narrowed_and_a_wrong_one_is_today(office: Site) -> None:
    async def calls(query: str) -> str:
        return tiles((await office.get(f"/figures?language=en&{query}")).text)["Calls in"]

    assert await calls("period=yesterday") == "1"
    assert await calls("from=2026-03-01&to=2026-03-02") == "5"
    assert await calls("from=2026-03-02&to=2026-03-01") == "5"
    assert await calls("period=month") == "5"
    assert await calls("manager=anna") == "3"
    assert await calls("team=sales&manager=boris") == "0"
    assert await calls("source=ads") == "1"
    assert await calls(f"line=%2B{LINE[1:]}") == "4"
    assert await calls("line=no-such") == "0"
    for wrong in ("period=never", "from=tomorrow", "from=9999-01-01", "hour=99", "from=0001-01-01"):
        assert await calls(wrong) in ("4", "5"), wrong


async def test_who_narrows_by_a_source_is_offered_those_of_what_he_sees(office: Site) -> None:
    async def offered(query: str = "") -> set[str]:
        page = (await office.get(f"/figures?language=en{query}")).text
        (choice,) = re.findall(r'<select name="source">(.*?)</select>', page)
        return set(re.findall(r'value="(\w+)"', choice))

    await office.service.database.write(
        lambda conn: add_card(conn, manager="boris", source_first="fair")
    )
    assert {"ads", "fair"} <= await offered()
    assert "fair" in await offered("&source=fair&manager=anna")
    await come_in(office, "manager", "anna")
    assert "ads" in (mine := await offered())
    assert "fair" not in mine


async def test_nothing_odd_in_an_address_breaks_a_list(office: Site) -> None:
    words = "direction=up&kind=x&cause=y&hour=99&weekday=-1&within=9999999&after=x&talked=%00"
    for path in ("calls", "cards", "owed", "letters"):
        for query in (
            words,
            "weekday=12&hour=77&within=abc",
            "weekday=²&hour=²&within=²",
            "after=1.2&state=z&end=none&status=new",
            "talked=*&rang=nobody&left=-",
        ):
            assert (await office.get(f"/figures/{path}?{query}")).status == 200


async def test_a_word_that_means_nothing_is_not_said_of_a_list(office: Site) -> None:
    said = text_of(await office.get("/figures/calls?hour=9&weekday=0&within=20&language=en"))
    assert "Mon" in said
    assert "09:00–10:00" in said
    assert "answered within 20 s" in said
    said = text_of(await office.get("/figures/calls?hour=77&weekday=12&within=abc&language=en"))
    assert "77:00" not in said
    assert "answered within" not in said


def text_of(seen: Seen) -> str:
    return unescape(seen.text).replace("\xa0", " ")


async def test_a_long_list_goes_on(office: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_lists, "SHOWN", 2)
    href, seen = "/figures/calls?period=month&direction=in", []
    while href:
        page = await office.get(href)
        seen += re.findall(r'href="/calls/(\w{26})"', page.text)
        more = re.search(r'class="as-link" href="([^"]*)"', page.text)
        href = unescape(more[1]) if more else ""
    assert len(seen) == len(set(seen)) == 5


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


async def test_files_are_for_who_may_export_and_are_kept_in_the_audit(office: Site) -> None:
    await come_in(office, "head", "vera")
    english: dict[str, Any] = {"headers": {"Cookie": "callrouter_language=en"}}
    calls = await office.get("/figures/calls.csv?period=today&kind=answered", **english)
    assert calls.text.startswith("\ufeff")
    head, *rows = cells(calls.text)
    assert head[:3] == ["Began", "Direction", "What became of it"]
    assert [row[6] for row in rows] == ["Анна Смирнова"] * 2
    cards = await office.get("/figures/cards.csv?period=today&end=won", **english)
    assert [row[0] for row in cells(cards.text)[1:]] != []
    every = await office.get("/figures.csv?period=today", **english)
    assert ["By line", "Сайт", "Answered calls", "2"] in cells(every.text)
    assert ["Missed, by cause", "Not picked up", "Missed calls", "1"] in cells(every.text)
    kept = [
        one for one in await office.service.database.read(audit.lines) if "export" in one.action
    ]
    assert [one.action for one in kept] == [
        *("export_figures", "export_figures_cards"),
        "export_figures_calls",
    ]
    days = {"from": "2026-03-02", "to": "2026-03-02"}
    assert kept[-1].data == {"rows": 2, "kind": "answered", **days}
    await come_in(office, "manager", "anna")
    for path in ("/figures.csv", "/figures/calls.csv", "/figures/cards.csv"):
        assert (await office.get(path)).status == 403
    assert "As a file" not in (await office.get("/figures?language=en")).text


async def test_formulas_of_callers_are_text_in_the_file(office: Site) -> None:
    def make(conn: Connection) -> None:
        add_call(conn, contact=add_contact(conn, "=1+1"), caller_kind="name", caller_raw="@SUM(A1)")

    await office.service.database.write(make)
    found = cells((await office.get("/figures/calls.csv?language=en")).text)
    assert {"'=1+1"} & {row[4] for row in found}
