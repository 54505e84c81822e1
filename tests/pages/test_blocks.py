"""`/blocks` in a browser: what is listed, putting a number on the list, taking one off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from callrouter.domain.setup import Block
from callrouter.flows.blocks import block
from storage import blocks, tables
from tests.api.rows import LINE, NOON, SETUP, add_call
from tests.pages.conftest import Site
from tests.pages.test_acting import post
from tests.pages.test_connect import let_in_as, said_in

SPAM, RUDE, OLD = "+79161234567", "+79160000002", "+79160000003"
EN = "/blocks?language=en"
MINUTE = timedelta(minutes=1)


async def listed(site: Site) -> list[Any]:
    return await site.service.database.read(blocks.current)


async def test_the_list_tells_number_reason_end_and_who_did_it(site: Site) -> None:
    own = (Block(RUDE, date(2026, 3, 31), "хамит"), Block(OLD, date(2026, 3, 1), "ended"))
    site.setups.current = replace(SETUP, block=own)
    write = site.service.database.write
    await write(
        block,
        SPAM,
        reason="spam",
        until=NOON + timedelta(days=90),
        by="manager:anna",
        now=NOON - MINUTE,
    )
    rejected: dict[str, Any] = {"state": "rejected", "caller_number": SPAM}
    await write(lambda conn: add_call(conn, at=NOON, **rejected))
    await write(lambda conn: add_call(conn, at=NOON + MINUTE, **rejected))
    text = said_in((await site.get(EN)).text)
    assert (
        "+7 916 123-45-67 2 calls rejected, the last 02.03.2026 12:01 spam 31.05.2026 12:00 "
        "Анна Смирнова, 02.03.2026 11:59 Unblock" in text.replace("\u00a0", " ")
    )
    assert "+7 916 000-00-02 хамит 31.03.2026 setup.toml only in the file" in text.replace(
        "\u00a0", " "
    )
    assert "000-00-03" not in text, "its last day is over"


async def test_a_number_is_blocked_changed_and_unblocked(site: Site) -> None:
    made = await post(
        site, "/blocks", number="8 (916) 123-45-67", reason="<b>спам</b>", until="2026-03-02"
    )
    assert (made.status, made.headers["Location"]) == (303, "/blocks?done=added")
    (one,) = await listed(site)
    assert (one.number, one.reason, one.ends_at) == (SPAM, "<b>спам</b>", NOON.replace(hour=21))
    text = (await site.get("/blocks?done=added&language=en")).text
    assert "&lt;b&gt;спам&lt;/b&gt;" in text
    assert "The number is blocked" in text
    assert "02.03.2026" in text

    again = await post(site, "/blocks", number=SPAM)
    assert again.headers["Location"] == "/blocks?done=changed"
    (one,) = await listed(site)
    assert (one.reason, one.ends_at) == ("", None)
    assert "for ever" in (await site.get(EN)).text

    gone = await post(site, f"/blocks/{one.id}/remove")
    assert (gone.status, gone.headers["Location"]) == (303, "/blocks?done=gone")
    assert await listed(site) == []
    assert (await post(site, f"/blocks/{one.id}/remove")).headers["Location"] == "/blocks"
    told = await site.service.database.read(
        lambda conn: list(conn.scalars(select(tables.business_event.c.kind)))
    )
    assert sorted(told) == ["block_added", "block_changed", "block_removed"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        pytest.param({"number": "anonymous"}, "number", id="no number"),
        pytest.param({"number": ""}, "number", id="nothing"),
        pytest.param({"number": LINE}, "number", id="a line of ours"),
        pytest.param({"number": "101"}, "number", id="an inside dial"),
        pytest.param({"number": SPAM, "until": "2026-03-01"}, "until", id="a day that has passed"),
        pytest.param({"number": SPAM, "until": "tomorrow"}, "until", id="no day"),
        pytest.param({"number": SPAM, "until": "9999-12-31"}, "until", id="beyond the calendar"),
        pytest.param({"number": SPAM, "reason": "я" * 201}, "reason", id="a long reason"),
    ],
)
async def test_what_cannot_be_blocked_is_said_beside_its_field(
    site: Site, typed: dict[str, str], field: str
) -> None:
    refused = await post(site, "/blocks", **typed)
    assert refused.status == 422
    assert refused.text.count('-wrong" role') == 1
    assert f'id="{field}-wrong"' in refused.text
    for value in typed.values():
        assert f'value="{value}"' in refused.text, "what was typed is kept"
    assert await listed(site) == []


async def test_a_block_of_the_file_stays(site: Site) -> None:
    site.setups.current = replace(SETUP, block=(Block(RUDE),))
    answer = await post(site, f"/blocks/setup-{RUDE[1:]}/remove")
    assert answer.headers["Location"] == "/blocks"
    assert "000-00-02" in (await site.get("/blocks")).text


async def test_a_long_list_is_read_in_pages(site: Site) -> None:
    def fill(conn: Any) -> None:
        for n in range(51):
            now = NOON + timedelta(seconds=n)
            block(conn, f"+791600001{n:02}", reason="", until=None, by="page:admin", now=now)

    await site.service.database.write(fill)
    first = (await site.get("/blocks")).text
    assert first.count("/remove") == 50
    more = first.partition('href="/blocks?after=')[2].partition('"')[0]
    rest = (await site.get(f"/blocks?after={more}")).text
    assert rest.count("/remove") == 1
    assert (await site.get("/blocks?after=%00x")).text.count("/remove") == 50


async def test_who_only_looks_has_nothing_to_press(site: Site) -> None:
    await post(site, "/blocks", number=SPAM)
    await let_in_as(site, "auditor")
    text = (await site.get("/blocks")).text
    assert "123-45-67" in text
    assert "/remove" not in text
    assert 'name="number"' not in text
    assert (await post(site, "/blocks", number=RUDE)).status == 403
