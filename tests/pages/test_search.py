"""The search box and its page, what it leads to, and the same for programs."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, update

from callrouter.jobs.look_up import look_up
from storage import lookup
from storage.database import Database
from storage.tables import document
from tests.api.rows import add_card, add_contact, add_document
from tests.pages.coming_in import let_in
from tests.pages.conftest import Site

PART = {"Sec-Fetch-Dest": "empty"}


def write(conn: Connection) -> tuple[str, str]:
    client = add_contact(
        conn,
        'Иван <b>"Петров"</b>',
        "+79161234567",
        emails=("ivan@example.com",),
        responsible="anna",
        inn="7701234567",
    )
    other = add_contact(conn, "Иван Чужой", "+79161239999", responsible="boris")
    lookup.refresh(conn, [client, other])
    card = add_card(conn, client, number=3180, manager="anna", status="in_work")
    paper = add_document(conn, card)
    conn.execute(
        update(document).where(document.c.id == paper).values(number=7, label="КП-2026-0007")
    )
    return client, card


async def test_what_is_typed_leads_to_clients_deals_and_offers(site: Site) -> None:
    client, card = await site.service.database.write(write)
    await let_in(site, "anna")
    page = (await site.get("/search?q=4567")).text
    assert f'href="/contacts/{client}"' in page
    assert "Иван &lt;b&gt;&#34;Петров&#34;&lt;/b&gt;" in page
    assert "ИНН 7701234567" in page
    assert "сделка №\u00a03180, В работе · Анна Смирнова" in page
    assert 'value="4567"' in page
    page = (await site.get("/search?q=3180")).text
    assert f'href="/cards/{card}"><b>Сделка №\u00a03180</b>' in page
    page = (await site.get("/search", params={"q": "КП-2026-0007"})).text
    assert f'href="/cards/{card}"><b>КП-2026-0007</b>' in page
    assert "Ничего не нашлось" in (await site.get("/search?q=%25%25")).text
    assert "Ничего не нашлось" not in (await site.get("/search")).text


async def test_the_box_is_offered_what_one_may_see(site: Site) -> None:
    await site.service.database.write(write)
    await let_in(site, "anna")
    part = (await site.get("/search/found", params={"q": "ива"}, headers=PART)).text
    assert part.count('role="option"') == 1
    assert "Чужой" not in part
    assert "<html" not in part
    await let_in(site, None, "admin")
    assert (await site.get("/search/found?q=ива", headers=PART)).text.count('role="option"') == 2
    assert (await site.get("/search/found?q=3180", visitor=False)).status in (303, 401)


@pytest.mark.parametrize("typed", ["%00", "%ED%A0%80", "и" * 300, "%E2%80%AE", "q" * 6000])
async def test_nothing_that_is_typed_breaks_it(site: Site, typed: str) -> None:
    await site.service.database.write(write)
    assert (await site.get(f"/search?q={typed}")).status == 200
    assert (await site.get(f"/search/found?q={typed}", headers=PART)).status == 200


async def test_every_page_of_who_is_in_has_the_box(site: Site) -> None:
    for path in ("/", "/call-back", "/search"):
        assert 'id="find"' in (await site.get(path)).text
    assert 'id="find"' not in (await site.get("/", visitor=False)).text


async def test_a_base_from_before_is_looked_up_in_the_background(database: Database) -> None:

    def fill(conn: Connection) -> None:
        for n in range(lookup.STEP + 5):
            add_contact(conn, f"Клиент {n}")

    await database.write(fill)
    assert await look_up(database) == lookup.STEP + 5
    assert await look_up(database) == 0
