"""What changes is pushed: once for each change, nothing lost on the way, nobody waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection

from callrouter.pages import live, relay
from callrouter.pages.doors import Doors, Guest
from callrouter.pages.live import Events
from callrouter.pages.relay import Relay, Stream
from tests.api.rows import NOON, SETUP, WHY, add_contact, add_told
from tests.pages.conftest import Site, Streaming
from tests.pages.markup import Markup
from tests.pages.rows import SOON, a_leg, pick_up, ring
from tests.pages.test_now import NASTY

Read = Callable[[], Awaitable[dict[str, str]]]


async def read_calls(read: Read) -> dict[str, str]:
    """The rows of the next message that has any, by call."""
    while True:
        message = await asyncio.wait_for(read(), 10)
        assert message["event"] == "changes", message
        if calls := json.loads(message["data"])["calls"]:
            return {one["id"]: one["html"] for one in calls}


async def test_a_call_appears_is_answered_and_each_change_is_told(
    site: Site, events: Streaming
) -> None:
    write = site.service.database.write
    async with events("/events?after=0") as read:
        call = await write(ring)
        site.relay.wake()
        assert 'data-state="ringing"' in (await read_calls(read))[call]
        await write(pick_up, call)
        site.relay.wake()
        assert 'data-state="talking"' in (await read_calls(read))[call]


async def test_it_looks_by_itself_when_nobody_wakes_it(site: Site, events: Streaming) -> None:
    async with events() as read:
        await read()  # what it is told on coming in
        call = await site.service.database.write(ring)
        assert set(await read_calls(read)) == {call}


async def test_a_browser_that_was_away_is_told_what_it_missed(
    site: Site, events: Streaming
) -> None:
    write = site.service.database.write
    before = await write(ring)
    async with events() as read:
        await write(pick_up, before)
        message = await read()
        while "id" not in message:
            message = await read()
    known = message["id"]
    missed = [await write(ring), await write(ring)]
    async with events(**{"Last-Event-ID": known}) as read:
        assert set(await read_calls(read)) >= set(missed)


async def test_the_page_and_its_stream_leave_no_gap(site: Site, events: Streaming) -> None:
    write = site.service.database.write
    await write(ring)
    page = (await site.get("/")).text
    last = page.split('data-last="')[1].split('"')[0]
    between = await write(ring)
    await site.relay.turn()  # it has looked before the browser comes in
    async with events(f"/events?after={last}") as read:
        assert set(await read_calls(read)) == {between}


async def test_whoever_missed_too_much_loads_the_page_anew(site: Site, events: Streaming) -> None:
    def many(conn: Connection) -> None:
        for _ in range(relay.MISSED_MOST + 1):
            ring(conn)

    await site.service.database.write(ring)
    await site.service.database.write(many)
    async with events(**{"Last-Event-ID": "1"}) as read:
        assert (await read())["event"] == "reload"


async def test_another_base_has_other_numbers(site: Site, events: Streaming) -> None:
    await site.service.database.write(ring)
    async with events(**{"Last-Event-ID": "999999"}) as read:
        assert (await read())["event"] == "reload"


async def test_each_browser_is_told_in_its_own_language(site: Site, events: Streaming) -> None:
    english = {"Cookie": "callrouter_language=en"}
    async with events() as russian, events(**english) as other:
        call = await site.service.database.write(ring)
        site.relay.wake()
        assert "Звонит" in (await read_calls(russian))[call]
        assert "Ringing" in (await read_calls(other))[call]


async def test_managers_are_told_when_they_change(site: Site, events: Streaming) -> None:
    def busy(conn: Connection) -> None:
        hold = {"status": "talking", "answered_at": NOON, "hold": "talk", "hold_until": SOON}
        a_leg(conn, ring(conn), **hold)

    async with events() as read:
        first = json.loads((await read())["data"])
        assert 'class="chip free" data-key="anna"' in first["team"]
        await site.service.database.write(busy)
        site.relay.wake()
        message = json.loads((await read())["data"])
        assert 'class="chip talking" data-key="anna"' in message["team"]
        await site.service.database.write(ring)
        site.relay.wake()
        assert "team" not in json.loads((await read())["data"])


async def test_a_new_setup_is_told(site: Site, events: Streaming) -> None:
    async with events() as read:
        await read()
        site.setups.current = replace(SETUP, version=8)
        site.relay.wake()
        assert await asyncio.wait_for(read(), 5) == {"event": "setup", "data": '{"version":8}'}


@pytest.mark.parametrize("nasty", NASTY)
async def test_what_is_pushed_is_escaped_as_well(site: Site, events: Streaming, nasty: str) -> None:
    def write(conn: Connection) -> str:
        return ring(conn, contact=add_contact(conn, nasty), ref=nasty)

    async with events() as read:
        call = await site.service.database.write(write)
        site.relay.wake()
        html = (await read_calls(read))[call]
    assert Markup(html).is_ours()
    assert nasty in Markup(html).text


async def test_one_call_that_cannot_be_shown_hides_no_other(site: Site, events: Streaming) -> None:
    def broken(conn: Connection) -> str:
        call = ring(conn)
        add_told(conn, call, why=replace(WHY, at="never"))  # type: ignore[arg-type]
        return call

    async with events() as read:
        await read()
        good = await site.service.database.write(ring)
        site.relay.wake()
        assert set(await read_calls(read)) == {good}


async def test_a_storm_is_told_in_batches_and_the_last_word_is_the_newest(
    site: Site, events: Streaming
) -> None:
    def storm(conn: Connection) -> list[str]:
        return [ring(conn) for _ in range(relay.BATCH + 30)]

    async with events() as read:
        await read()
        calls = await site.service.database.write(storm)
        site.relay.wake()
        first, second = await read(), await read()
    told = [json.loads(one["data"])["calls"] for one in (first, second)]
    assert [len(one) for one in told] == [relay.BATCH, 30]
    assert {row["id"] for rows in told for row in rows} == set(calls)
    assert "id" not in first  # a browser that comes back now is told the rest
    assert second["id"] == str(len(calls))


# Many browsers, slow browsers, no browsers


def events_of(site: Site, **limits: float) -> Events:
    return Events(site.service, site.relay, Doors(site.service), **limits)  # type: ignore[arg-type]


async def serve(site: Site, events: Events) -> TestServer:
    async def show(request: web.Request) -> web.StreamResponse:
        return await events.show(request, Guest("ru"))

    app = web.Application()
    app.router.add_get("/events", show)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_so_many_and_no_more(site: Site) -> None:
    server = await serve(site, events_of(site, most=2))
    url = server.make_url("/events")
    async with site.session.get(url) as one, site.session.get(url) as two:
        assert (one.status, two.status) == (200, 200)
        async with site.session.get(url) as three:
            assert (three.status, three.headers["Retry-After"]) == (503, "30")
    await server.close()


async def test_silence_is_broken_by_a_heartbeat(site: Site) -> None:
    server = await serve(site, events_of(site, heartbeat_s=0.05))
    async with site.session.get(server.make_url("/events")) as answer:
        found = [await answer.content.readline() for _ in range(14)]
        assert b"event: beat\n" in found  # which a script hears, unlike a comment
    await server.close()


async def test_a_browser_that_has_gone_is_forgotten(site: Site) -> None:
    server = await serve(site, events_of(site, heartbeat_s=0.02))
    async with site.session.get(server.make_url("/events")) as answer:
        await answer.content.readline()
        assert site.relay.browsers == 1
    for _ in range(200):
        if site.relay.browsers == 0:
            break
        await asyncio.sleep(0.02)
    assert site.relay.browsers == 0
    await server.close()


async def test_a_slow_reader_is_cut_off_and_nobody_waits_for_him() -> None:
    cut: list[bool] = []

    class Pipe(asyncio.Transport):
        def abort(self) -> None:
            cut.append(True)

    slow = Stream("ru", None, Pipe())
    for _ in range(relay.QUEUE):
        slow.tell(b"news")
    assert cut == []
    slow.tell(b"one more")
    assert cut == [True]


async def test_a_server_that_stops_waits_for_no_browser(site: Site, events: Streaming) -> None:
    async with events() as read:
        await read()
        site.relay.close()
        assert await asyncio.wait_for(read(), 5) == {}


async def test_whoever_comes_after_the_end_is_sent_home(site: Site, events: Streaming) -> None:
    site.relay.close()
    async with events() as read:
        assert await asyncio.wait_for(read(), 5) == {}


async def test_without_browsers_nothing_is_rendered_or_kept(site: Site) -> None:
    await site.service.database.write(ring)
    await site.relay.turn()
    assert site.relay._waiting == {}
    assert site.relay._parts == {}


async def test_a_silent_base_does_not_end_the_relay(site: Site, events: Streaming) -> None:
    quiet = Relay(site.service)
    await site.service.database.close()
    task = asyncio.create_task(quiet.run())
    quiet.wake()
    await asyncio.sleep(0.3)
    assert not task.done()
    task.cancel()


@pytest.mark.parametrize("said", ["", "abc", "-1", "1e3", "９", "9" * 30])
async def test_an_odd_last_event_id_counts_as_none(
    site: Site, events: Streaming, said: str
) -> None:
    async with events(f"/events?after={said}") as read:
        assert (await read())["event"] == "changes"


def test_limits_are_those_that_were_promised() -> None:
    assert (live.MOST, live.HEARTBEAT_S, relay.LOOK_S) == (2000, 15.0, 1.0)
