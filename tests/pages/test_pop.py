"""The screen pop: opened by its signed, short-lived token alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from callrouter.seal import Seal
from callrouter.service import POP_LIFE
from storage.listing import Viewer, calls_now
from tests.api.rows import NOON, add_call, add_contact, add_told
from tests.pages.conftest import Site
from tests.pages.rows import a_call, a_decision, a_ringing_call


def ticket(site: Site, call: str) -> str:
    return site.service.seal.ticket(call, site.clock())


async def test_it_says_who_calls_and_why(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    seen = await site.get(f"/pop/{ticket(site, call)}", visitor=False)
    assert seen.status == 200
    for text in (
        "<h1>Иван Петров</h1>",
        "+7 916 123-45-67",
        "сделка №\u00a0318",
        "Новая",
        "Звоним: Анна Смирнова — ответственный",
        "2. Наименее загруженный",
        "Это первый звонок.",
    ):
        assert text in seen.text, text


async def test_it_shows_the_contacts_last_calls(site: Site) -> None:
    write = site.service.database.write
    call = await write(a_ringing_call)
    (view,) = await site.service.database.read(calls_now, Viewer("admin"))
    for days in range(1, 13):
        await write(a_call, at=NOON - timedelta(days=days), state="missed", contact=view.contact)
    page = (await site.get(f"/pop/{ticket(site, call)}", visitor=False)).text
    assert page.count("Пропущен") == 10
    assert "01.03 12:00" in page


async def test_it_names_everybody_who_has_the_number(site: Site) -> None:
    def write(conn: Connection) -> str:
        add_contact(conn, "Иван Петров", "+79161234567", responsible="anna")
        other = add_contact(conn, "Ольга Петрова", "+79161234567")
        call = add_call(conn, state="ringing", contact=other)
        add_told(conn, call)
        return call

    call = await site.service.database.write(write)
    page = (await site.get(f"/pop/{ticket(site, call)}", visitor=False)).text
    part = page[page.index("На этом номере") :]
    first, second = part.index("<b>Иван Петров</b>"), part.index('class="here"><b>Ольга Петрова')
    assert first < part.index("есть свой менеджер") < second
    assert "<form" not in page
    alone = await site.service.database.write(a_ringing_call, caller_number="+79160000000")
    page = (await site.get(f"/pop/{ticket(site, alone)}", visitor=False)).text
    assert "На этом номере" not in page


@pytest.mark.parametrize(
    ("age", "status"),
    [
        pytest.param(POP_LIFE - timedelta(seconds=1), 200, id="in time"),
        pytest.param(POP_LIFE + timedelta(seconds=1), 410, id="too late"),
    ],
)
async def test_it_lives_two_hours(site: Site, age: timedelta, status: int) -> None:
    call = await site.service.database.write(a_ringing_call)
    token = ticket(site, call)
    site.clock.now = NOON + age
    seen = await site.get(f"/pop/{token}", visitor=False)
    assert seen.status == status
    assert ("Иван Петров" in seen.text) is (status == 200)


async def test_a_forged_token_opens_nothing(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    good = ticket(site, call)
    others = Seal("another secret key").ticket(call, NOON)
    middle = len(good) // 2
    changed = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    for token in (others, changed, good[:-4], call, "x", "%00", "ж"):
        seen = await site.get(f"/pop/{token}", visitor=False)
        assert seen.status == 403, token
        assert "Иван Петров" not in seen.text


async def test_it_opens_its_own_call_and_no_other_page(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    seen = await site.get(f"/pop/{ticket(site, call)}", visitor=False)
    assert not any("callrouter_" in line and "language" not in line for line in seen.cookies)
    assert "/call-yourself" not in seen.text
    for path in (f"/calls/{call}", f"/calls/{call}/why", "/"):
        assert (await site.get(path, visitor=False)).status == 401


async def test_a_call_that_has_gone(site: Site) -> None:
    assert (await site.get(f"/pop/{ticket(site, '01JGONE')}", visitor=False)).status == 404


async def test_a_stranger_without_a_contact(site: Site) -> None:
    call = await site.service.database.write(a_call, caller_kind="withheld", caller_number=None)
    await site.service.database.write(a_decision, call)
    page = (await site.get(f"/pop/{ticket(site, call)}", visitor=False)).text
    assert "<h1>Номер скрыт</h1>" in page
    assert "У этого звонка нет сделки." in page
