"""`POST /calls` against a real PBX's door that behaves, and that does not; on both engines."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.setup import Account
from callrouter.flows.order_call import Wanted
from callrouter.ordering import NotOrdered, order_call
from callrouter.outside.client import Client
from callrouter.service import Service
from storage import tables
from storage.database import Database, open_database
from tests.api.conftest import Api, HandClock, Reply, Setups
from tests.api.rows import LINE, NOON, SETUP, add_call
from tests.outside.servers import (
    Server,
    Write,
    answer,
    drip,
    drip_head,
    endless,
    gibberish,
    hang_up,
    hang_up_later,
    nothing,
    serving,
)

NUMBER = "+79161234567"
SECRET = "a-very-good-secret"
ORDER = {"manager": "anna", "number": "8 916 123-45-67", "line": "88001234567"}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = open_database(database_url, checkpoints=True, guest=True)
    yield found
    await found.close()


@pytest.fixture
def service(service: Service) -> Service:
    return replace(service, outside=Client(total_s=0.5))


def account(server: Server | None, **changes: Any) -> Account:
    port = server.port if server else 1
    given: dict[str, Any] = {
        "secret": SECRET,
        "allowed_prefixes": ("+7",),
        "recording_hosts": ("127.0.0.1",),
        "call_url": f"http://127.0.0.1:{port}/call?from=us",
        "allow_private": True,
    }
    return Account("main", default_line=LINE, **(given | changes))


@contextlib.asynccontextmanager
async def pbx(setups: Setups, does: Write | None = None, **changes: Any) -> AsyncIterator[Server]:
    async with serving(does) as server:
        setups.current = replace(SETUP, account=(account(server, **changes),))
        yield server


@dataclass(frozen=True)
class Kept:
    state: str
    reason: str | None


async def kept(api: Api) -> list[Kept]:
    def read(conn: Connection) -> list[Kept]:
        c = tables.call_order.c
        rows = conn.execute(select(c.state, c.reason).order_by(c.id))
        return [Kept(row.state, row.reason) for row in rows]

    return await api.service.database.read(read)


async def order(api: Api, **changes: Any) -> Reply:
    return await api.ask("POST", "/calls", json=ORDER | changes)


async def test_the_pbx_is_asked_to_ring_the_manager_and_then_the_number(
    api: Api, setups: Setups
) -> None:
    async with pbx(setups, answer(202, b"")) as server:
        found = await order(api)
    assert found.status == 202
    id_ = found.body["id"]
    assert found.body == {"id": id_, "call_id": id_, "state": "accepted", "reason": None}
    (asked,) = server.asked
    assert asked.head.startswith("POST /call?from=us HTTP/1.1")
    assert asked.header("Authorization") == f"Bearer {SECRET}"
    assert json.loads(asked.body) == {
        "call_id": id_,
        "target": "101",
        "number": NUMBER,
        "line": LINE,
    }
    assert await kept(api) == [Kept("accepted", None)]


@pytest.mark.parametrize("role", ["manager", "head", "admin"])
async def test_whoever_may_write_may_call(api: Api, setups: Setups, role: Any) -> None:
    async with pbx(setups) as server:
        assert (await api.ask("POST", "/calls", json=ORDER, role=role)).status == 202
    assert server.hits == 1


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (answer(302, b"", "Location: http://127.0.0.1/"), "answered 302"),
        (answer(400), "answered 400"),
        (answer(401), "answered 401"),
        (answer(404), "answered 404"),
        (answer(500), "answered 500"),
    ],
    ids=["redirect", "400", "401", "404", "500"],
)
async def test_a_pbx_that_says_no_is_quoted_and_no_call_is_made(
    api: Api, setups: Setups, does: Write, words: str
) -> None:
    async with pbx(setups, does) as server:
        found = await order(api)
        again = await order(api)  # what failed may be tried again at once
    assert (found.status, again.status) == (502, 502)
    assert words in found.body["detail"]
    assert SECRET not in found.text
    assert server.hits == 2
    assert [one.state for one in await kept(api)] == ["failed", "failed"]


async def test_a_pbx_that_asks_for_rest_is_not_asked_again_till_then(
    api: Api, setups: Setups
) -> None:
    async with pbx(setups, answer(429, b"", "Retry-After: 30")) as server:
        first = await order(api)
        second = await order(api)
    for one in (first, second):
        assert (one.status, one.headers["Retry-After"]) == (503, "30")
    assert server.hits == 1
    assert [one.state for one in await kept(api)] == ["failed", "failed"]


@pytest.mark.parametrize(
    "does",
    [
        nothing,
        drip,
        drip_head,
        hang_up,
        hang_up_later,
        endless,
        gibberish,
        answer(502),
        answer(504),
    ],
    ids=lambda one: getattr(one, "__name__", "gateway"),
)
async def test_what_may_have_been_done_is_in_doubt_and_never_sent_again(
    api: Api, setups: Setups, does: Write
) -> None:
    async with pbx(setups, does) as server:
        found = await order(api)
        again = await order(api)
    assert (found.status, found.body["state"]) == (202, "in_doubt")
    assert found.body["reason"]
    assert again.body == found.body
    assert server.hits == 1
    assert [one.state for one in await kept(api)] == ["in_doubt"]


@pytest.mark.parametrize(
    "does",
    [
        answer(200, b"<html>"),
        answer(204, b""),
        answer(200, b"\x1f\x8b..", "Content-Encoding: gzip"),
    ],
    ids=["no JSON", "nothing", "compressed"],
)
async def test_the_generic_pbx_need_say_no_more_than_that_it_will(
    api: Api, setups: Setups, does: Write
) -> None:
    async with pbx(setups, does):
        assert (await order(api)).body["state"] == "accepted"


async def test_a_pbx_that_is_not_there_is_no_doubt(api: Api, setups: Setups) -> None:
    setups.current = replace(SETUP, account=(account(None),))
    found = await order(api)
    assert found.status == 502
    assert "no connection" in found.body["detail"]
    assert [one.state for one in await kept(api)] == ["failed"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allow_private": False}, "https only"),
        ({"call_url": "https://127.0.0.1:1/", "allow_private": False}, "may not be reached"),
        ({"call_url": "https://user@127.0.0.1/"}, "without user and password"),
    ],
)
async def test_a_call_url_that_leads_where_it_may_not_is_not_asked(
    api: Api, setups: Setups, changes: dict[str, Any], words: str
) -> None:
    async with pbx(setups, **changes) as server:
        found = await order(api)
        assert found.status == 502
        assert words in found.body["detail"]
        assert await server.reached() == 0


SID = "CA" + "0" * 32


@pytest.mark.parametrize(
    ("provider", "key", "says", "state", "call_id"),
    [
        ("twilio", "AC" + "1" * 32, answer(201, f'{{"sid": "{SID}"}}'.encode()), "accepted", SID),
        ("twilio", "AC" + "1" * 32, answer(400, b'{"code": 21211}'), "failed", None),
        ("twilio", "AC" + "1" * 32, answer(201, b"<html>"), "accepted", None),
        ("zadarma", "zd-key", answer(200, b'{"status": "success"}'), "accepted", None),
        ("zadarma", "zd-key", answer(200, b'{"status": "error", "message": "no"}'), "failed", None),
        ("zadarma", "zd-key", answer(200, b"<html>"), "failed", None),
        ("zadarma", "zd-key", hang_up, "in_doubt", None),
    ],
)
async def test_every_provider_that_places_calls_is_asked_once(
    api: Api,
    setups: Setups,
    provider: str,
    key: str,
    says: Write,
    state: str,
    call_id: str | None,
) -> None:
    """At the address of its API that the account names; an order by GET is not repeated either."""
    async with pbx(setups, says, call_url=None) as server:
        own = account(
            server,
            provider=provider,
            api_key=key,
            dial_inside="sip:{dial}@pbx.example.com" if provider == "twilio" else "{dial}",
            base_url=f"http://127.0.0.1:{server.port}",
            call_url=None,
        )
        setups.current = replace(SETUP, account=(own,))
        found = await order(api)
    assert server.hits == 1
    assert [one.state for one in await kept(api)] == [state]
    if call_id:
        assert found.body["call_id"] == call_id


async def test_an_account_without_click_to_call_says_so(api: Api, setups: Setups) -> None:
    setups.current = replace(SETUP, account=(account(None, call_url=None),))
    found = await order(api)
    assert found.status == 409
    assert "no click-to-call in the setup" in found.body["detail"]
    assert await kept(api) == []


async def test_what_is_wrong_with_the_order_is_said_and_nothing_is_kept(
    api: Api, setups: Setups
) -> None:
    async with pbx(setups) as server:
        found = await order(api, manager="nobody", number=LINE, line="+74951239999")
        missing = await api.ask("POST", "/calls", json={"manager": "anna"})
    assert found.status == 422
    assert {one["field"] for one in found.body["errors"]} == {"manager", "number", "line"}
    assert missing.status == 422
    assert server.hits == 0
    assert await kept(api) == []


async def test_an_order_is_in_the_base_before_the_pbx_hears_of_it(api: Api, setups: Setups) -> None:
    seen: list[list[Kept]] = []

    async def look(to: asyncio.StreamWriter) -> None:
        seen.append(await kept(api))
        await answer(200)(to)

    async with pbx(setups, look):
        await order(api)
    assert seen == [[Kept("asked", None)]]


async def test_a_double_click_rings_once(api: Api, setups: Setups) -> None:
    async def slowly(to: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await answer(200)(to)

    async with pbx(setups, slowly) as server:
        found = await asyncio.gather(*(order(api) for _ in range(8)))
        later = await order(api)
    assert {one.status for one in found} == {202}
    assert len({one.body["id"] for one in (*found, later)}) == 1
    assert sorted({one.body["state"] for one in found}) == ["accepted", "asked"]
    assert later.body["state"] == "accepted"
    assert server.hits == 1


async def test_two_clicks_on_two_nodes_ring_once(
    api: Api, setups: Setups, database_url: str
) -> None:
    other = replace(api.service, database=open_database(database_url, guest=True), outside=Client())
    wanted = Wanted("anna", NUMBER, LINE)
    async with pbx(setups) as server:
        found = await asyncio.gather(
            *(order_call(node, wanted, by="test") for node in (api.service, other) * 4)
        )
    await other.database.close()
    assert len({one.id for one in found}) == 1
    assert server.hits == 1


async def test_after_a_while_the_same_is_another_call(
    api: Api, setups: Setups, clock: HandClock
) -> None:
    async with pbx(setups) as server:
        first = await order(api)
        clock.now = NOON + timedelta(seconds=15)
        second = await order(api)
    assert first.body["id"] != second.body["id"]
    assert server.hits == 2


async def test_who_ordered_a_call_is_told_with_it(api: Api, setups: Setups) -> None:
    async with pbx(setups):
        id_ = (await order(api)).body["id"]

    def make(conn: Connection) -> tuple[str, str]:
        return add_call(conn, ref=id_, direction="out"), add_call(conn, direction="out")

    ordered, other = await api.service.database.write(make)
    assert (await api.get(f"/calls/{ordered}")).body["ordered"] == {
        "id": id_,
        "by": "token:a admin",
        "at": "2026-03-02T09:00:00.000Z",
    }
    assert (await api.get(f"/calls/{other}")).body["ordered"] is None


async def test_a_server_that_dies_after_it_asked_leaves_a_doubt_and_no_second_call(
    api: Api, setups: Setups
) -> None:
    async with pbx(setups, nothing) as server:
        dying = replace(api.service, outside=Client(total_s=30))
        task = asyncio.create_task(order_call(dying, Wanted("anna", NUMBER, LINE), by="test"))
        while not server.asked:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [one.state for one in await kept(api)] == ["asked"]
        assert (await order(api)).body["state"] == "asked"
        assert server.hits == 1


async def test_an_order_that_failed_says_when_it_may_be_asked_again(
    api: Api, setups: Setups
) -> None:
    async with pbx(setups, answer(429, b"", "Retry-After: 30")):
        await order(api)
        with pytest.raises(NotOrdered) as error:
            await order_call(api.service, Wanted("anna", NUMBER, LINE), by="test")
    assert error.value.again_after_s is not None
    assert 29 < error.value.again_after_s <= 30
