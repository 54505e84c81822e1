"""Whom a call rings is told at once to his screens alone, and taken back as soon as it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, update

from callrouter.domain.setup import Workplace
from callrouter.pages import relay
from callrouter.pages.relay import EACH
from storage import notices, tables, users
from tests.api.rows import NOON, SETUP, add_call, add_card, add_contact, add_leg
from tests.examples import event
from tests.office import Office
from tests.pages.coming_in import let_in
from tests.pages.conftest import Site, Streaming
from tests.pages.markup import Markup
from tests.pages.rows import SOON, ring
from tests.pages.test_now import NASTY

Read = Callable[[], Awaitable[dict[str, str]]]
LATER = SOON + timedelta(seconds=20)


def a_call_for(conn: Connection, /, *people: str, **columns: Any) -> str:
    """Anna's phone rings now, that of whoever comes after her 20 s later, and so on."""
    call = add_call(conn, state="ringing", **columns)
    since = NOON
    for n, who in enumerate(people):
        until = since + timedelta(seconds=20)
        rings = {"ring_from": since, "ring_until": until, "status": "planned"}
        add_leg(conn, call, f"a{n}", manager=who, step=n, **rings)
        since = until
    notices.tell(conn, [call], now=NOON)
    return call


def leg_is(conn: Connection, call: str, who: str, **columns: Any) -> None:
    c = tables.leg.c
    conn.execute(update(tables.leg).where(c.call == call, c.manager == who).values(**columns))
    notices.tell(conn, [call], now=NOON)


def answers(conn: Connection, call: str, who: str) -> None:
    """Everybody else's phone stops."""
    c = tables.leg.c
    others = update(tables.leg).where(c.call == call, c.manager != who)
    conn.execute(others.values(status="cancelled", ring_until=NOON))
    leg_is(conn, call, who, status="talking", answered_at=NOON)


def is_over(conn: Connection, call: str) -> None:
    ended = {"state": "answered", "known_end": None, "ended_at": NOON}
    conn.execute(update(tables.call).where(tables.call.c.id == call).values(**ended))
    conn.execute(update(tables.leg).where(tables.leg.c.call == call).values(status="ended"))
    notices.tell(conn, [call], now=NOON)


async def next_of(read: Read, *kinds: str) -> dict[str, Any]:
    """The next message of these kinds: its data, and its kind as `event`."""
    while True:
        message = await asyncio.wait_for(read(), 5)
        assert message, "the stream has ended"
        if message["event"] in kinds:
            return {**json.loads(message["data"]), "event": message["event"]}


async def about(read: Read) -> tuple[str, str, object]:
    """What is told of which call: its state, or of one that is taken back whether he talked."""
    said = await next_of(read, "pop", "unpop")
    return said["event"], said["call"], said.get("state", said.get("talked"))


@pytest.fixture
def listening(site: Site, events: Streaming) -> Callable[..., Any]:
    async def enter(who: str, **kwargs: Any) -> Any:
        await let_in(site, who, **kwargs)
        return events("/events?lists=0", rings=True)

    return enter


async def test_only_those_who_ring_are_told_each_in_his_turn(
    site: Site, listening: Callable[..., Any]
) -> None:
    write, wake = site.service.database.write, site.relay.wake
    async with await listening("anna") as anna, await listening("vera") as vera:
        assert (await next_of(anna, "pops"))["pops"] == (await next_of(vera, "pops"))["pops"] == []
        call = await write(a_call_for, "anna", "vera")
        wake()
        assert await about(anna) == ("pop", call, "ringing")
        assert json.loads((await site.get("/events/poll")).text)["pops"] == []  # of Vera, yet
        site.clock.now = SOON  # nothing is written: her window ends, the next one's begins
        wake()
        assert await about(anna) == ("unpop", call, False)
        assert await about(vera) == ("pop", call, "ringing")
        await write(answers, call, "vera")
        wake()
        assert await about(vera) == ("pop", call, "talking")
        await write(is_over, call)
        wake()
        assert await about(vera) == ("unpop", call, True)


@pytest.mark.parametrize("transfer", ["blind", "attended"])
async def test_who_is_rung_by_a_transfer_is_told_as_of_any_call(
    site: Site, listening: Callable[..., Any], transfer: Any
) -> None:
    office = await Office(site.service.database).open()

    async def happens(kind: Any, seconds: float, **fields: Any) -> None:
        site.clock.now = NOON + timedelta(seconds=seconds)
        await office.take(event(kind, "c1", site.clock.now, **fields))
        site.relay.wake()

    async with await listening("anna") as anna, await listening("boris") as boris:
        await happens("ringing", 0)
        call = (await office.only(tables.call)).id
        assert await about(anna) == ("pop", call, "ringing")
        await happens("answered", 8, leg_ref="a1", target="101")
        assert await about(anna) == ("pop", call, "talking")
        passed = {"target": "101", "to_target": "102", "transfer": transfer}
        await happens("transferred", 40, **passed)
        assert await about(anna) == ("unpop", call, True)
        if transfer == "blind":
            assert await about(boris) == ("pop", call, "ringing")
            assert json.loads((await site.get("/events/poll")).text)["pops"][0]["call"] == call
            await happens("answered", 45, target="102")
        assert await about(boris) == ("pop", call, "talking")
        await happens("ended", 100)
        assert await about(boris) == ("unpop", call, True)


@pytest.mark.parametrize("ends", [answers, is_over], ids=["another answers", "caller gives up"])
async def test_it_is_withdrawn(
    site: Site, listening: Callable[..., Any], ends: Callable[..., None]
) -> None:
    def both(conn: Connection) -> str:
        call = a_call_for(conn, "anna", "vera")
        leg_is(conn, call, "vera", ring_from=NOON)
        return call

    async with await listening("anna") as anna:
        await next_of(anna, "pops")
        call = await site.service.database.write(both)
        site.relay.wake()
        assert await about(anna) == ("pop", call, "ringing")
        given = (call, "vera") if ends is answers else (call,)
        await site.service.database.write(ends, *given)
        site.relay.wake()
        assert await about(anna) == ("unpop", call, False)


async def test_who_comes_or_comes_back_is_told_what_rings_and_nothing_that_is_over(
    site: Site, listening: Callable[..., Any]
) -> None:
    write = site.service.database.write
    over = await write(a_call_for, "anna")
    still = await write(a_call_for, "anna")
    hers = await write(a_call_for, "vera")
    await write(is_over, over)
    async with await listening("vera") as vera, await listening("anna") as anna:
        assert [one["call"] for one in (await next_of(vera, "pops"))["pops"]] == [hers]
        assert [one["call"] for one in (await next_of(anna, "pops"))["pops"]] == [still]
    asked = json.loads((await site.get("/events/poll?after=1")).text)
    assert [one["call"] for one in asked["pops"]] == [still]
    assert (asked["news"], asked["last"]) == (True, 4)
    assert not json.loads((await site.get("/events/poll?after=4")).text)["news"]
    await let_in(site, "vera")
    asked = json.loads((await site.get("/events/poll")).text)
    assert [one["call"] for one in asked["pops"]] == [hers]
    await let_in(site, None, "admin")
    assert json.loads((await site.get("/events/poll")).text)["pops"] == []
    assert (await site.get("/events/poll", visitor=False)).status == 401


async def test_it_says_who_calls(site: Site, listening: Callable[..., Any]) -> None:
    def write(conn: Connection) -> str:
        contact = add_contact(conn, "Мария <b>", "+74232000000")
        card = add_card(conn, contact, number=318, manager="vera", title="Окна")
        for n, who in enumerate(("vera", "anna", "boris")):
            talk: dict[str, Any] = {"manager": who, "answered_at": NOON, "duration_s": 60.0}
            add_call(conn, at=NOON - timedelta(days=n + 1), contact=contact, **talk)
        found = {"contact": contact, "card": card, "caller_number": "+74232000000"}
        return a_call_for(conn, "anna", **found)

    async with await listening("anna") as anna:
        await next_of(anna, "pops")
        call = await site.service.database.write(write)
        site.relay.wake()
        pop = await next_of(anna, "pop")
    assert pop["said"] == "Мария <b> · +7 423 200-00-00"
    for text in (
        "<b>Мария &lt;b&gt;</b>",
        "№\u00a0318 · Окна · Новая",
        "Вера Котова",
        "19:00 (+7 ч)",
        "28.02 · Анна Смирнова · 1 мин",
        'href="/cards/',
        f'href="{pop["url"]}"',
    ):
        assert text in pop["html"], text
    assert "Борис" not in pop["html"]  # another's talk, of whom she sees nothing
    assert pop["until"] == int((SOON + timedelta(seconds=5)).timestamp() * 1000)
    seen = await site.get(pop["url"])
    assert (seen.status, f"/calls/{call}" in seen.text) == (200, False)


@pytest.mark.parametrize("nasty", NASTY)
async def test_what_callers_send_stays_text(
    site: Site, listening: Callable[..., Any], nasty: str
) -> None:
    def write(conn: Connection) -> str:
        contact = add_contact(conn, nasty)
        card = add_card(conn, contact, title=nasty)
        return a_call_for(conn, "anna", contact=contact, card=card)

    async with await listening("anna") as anna:
        await next_of(anna, "pops")
        await site.service.database.write(write)
        site.relay.wake()
        html = (await next_of(anna, "pop"))["html"]
    assert Markup(html).is_ours()
    assert nasty in Markup(html).text


@pytest.mark.parametrize(
    ("company", "own", "told"),
    [
        ("ring", None, ["ringing", "talking"]),
        ("answer", None, ["talking"]),
        ("never", None, []),
        ("ring", "answer", ["talking"]),
        ("never", "ring", ["ringing", "talking"]),
    ],
)
async def test_everybody_is_told_when_he_wants_to_be(
    site: Site, listening: Callable[..., Any], company: Any, own: str | None, told: list[str]
) -> None:
    write = site.service.database.write
    site.setups.current = replace(SETUP, workplace=Workplace(pop_at=company))
    user = await let_in(site, "anna", user=True)
    await write(users.put_pref, user, "pop_at", own)
    cookie = site.cookie
    call = await write(a_call_for, "anna")
    async with await listening("vera") as vera:
        site.cookie = cookie
        asked = json.loads((await site.get("/events/poll")).text)["pops"]
        await write(answers, call, "anna")
        asked += json.loads((await site.get("/events/poll")).text)["pops"]
        await next_of(vera, "pops")
    assert [one["state"] for one in asked] == told


async def test_calls_out_and_inside_and_messages_pop_nowhere(
    site: Site, listening: Callable[..., Any]
) -> None:
    def write(conn: Connection) -> None:
        for direction in ("out", "internal"):
            a_call_for(conn, "anna", direction=direction)
        heard = a_call_for(conn, "anna")
        leg_is(conn, heard, "anna", machine=True)

    await site.service.database.write(write)
    async with await listening("anna") as anna:
        assert (await next_of(anna, "pops"))["pops"] == []


# Whose lists, and for how long


def calls_in(message: dict[str, Any]) -> set[str]:
    return {one["id"] for one in message["calls"]}


async def test_lists_show_each_his_own_and_what_became_anothers_goes(
    site: Site, events: Streaming
) -> None:
    write, wake = site.service.database.write, site.relay.wake
    await let_in(site, "boris")
    async with events() as boris:
        await next_of(boris, "changes")
        nobodys, annas = await write(ring), await write(a_call_for, "anna")
        wake()
        told = await next_of(boris, "changes")
        assert (calls_in(told), told["gone"]) == ({nobodys}, [annas])

        def to_vera(conn: Connection) -> None:
            add_leg(conn, nobodys, manager="vera", status="talking", answered_at=NOON)
            notices.tell(conn, [nobodys], now=NOON)

        await write(to_vera)
        wake()
        told = await next_of(boris, "changes")
        assert (calls_in(told), told["gone"]) == (set(), [nobodys])


async def test_news_of_people_go_to_those_who_see_them(
    site: Site, listening: Callable[..., Any]
) -> None:
    def write(conn: Connection) -> None:
        notices.tell_people(conn, "task", ["vera"], now=NOON, card="c1")
        notices.tell_people(conn, "lead", ["anna"], now=NOON, card="c2")

    async with await listening("anna") as anna:
        await next_of(anna, "pops")
        await site.service.database.write(write)
        site.relay.wake()
        told = await next_of(anna, "news")
    assert (told["kinds"], told["cards"]) == (["lead"], ["c2"])


def sign_out(conn: Connection) -> None:
    conn.execute(delete(tables.visit))


def lock_out(conn: Connection) -> None:
    conn.execute(update(tables.user).values(locked_at=NOON))


@pytest.mark.parametrize("how", [sign_out, lock_out, "dismissed", "a head by now", "nothing"])
async def test_rights_that_changed_end_the_stream(
    site: Site, listening: Callable[..., Any], how: Any
) -> None:
    anna, *others = SETUP.manager
    async with await listening("anna", user=True) as read:
        await next_of(read, "pops")
        if callable(how):
            await site.service.database.write(how)
        elif how != "nothing":
            changes: dict[str, Any] = {"active": how != "dismissed", "role": "head"}
            people = (replace(anna, **changes), *others)
            site.setups.current = replace(SETUP, manager=people, version=8)
        await site.relay.check()
        assert site.relay.browsers == (1 if how == "nothing" else 0)
        if how != "nothing":
            while await asyncio.wait_for(read(), 5):
                pass


def test_rights_are_looked_at_often_enough() -> None:
    assert relay.CHECK_S < 5


async def test_what_one_chose_for_his_screen_works_while_he_listens(
    site: Site, events: Streaming
) -> None:
    user = await let_in(site, "anna", user=True)
    async with events("/events?lists=0", rings=True) as read:
        await next_of(read, "pops")
        await site.service.database.write(users.put_pref, user, "pop_at", "never")
        await site.relay.check()
        await site.service.database.write(a_call_for, "anna")
        await site.relay.look()
        await site.service.database.write(
            notices.tell_people, "lead", ["anna"], now=NOON
        )  # comes after whatever there was
        site.relay.wake()
        assert (await next_of(read, "pop", "news"))["event"] == "news"


async def test_a_further_stream_of_a_person_takes_the_place_of_his_oldest(
    site: Site, listening: Callable[..., Any], events: Streaming
) -> None:
    async with await listening("vera") as other:
        await next_of(other, "pops")
        await let_in(site, "anna")
        opened = [events("/events?lists=0", rings=True) for _ in range(EACH + 1)]
        reads = []
        for one in opened:
            reads.append(await one.__aenter__())
            await next_of(reads[-1], "pops")
        assert (await next_of(reads[0], "crowd"))["event"] == "crowd"
        assert await asyncio.wait_for(reads[0](), 5) == {}
        assert site.relay.browsers == EACH + 1
        for one in opened:
            await one.__aexit__(None, None, None)
