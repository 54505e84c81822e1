"""A deal's clients and tasks in a browser; and coming in by another service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, expect
from sqlalchemy import Connection

from callrouter.service import Service
from storage import lookup, users
from storage.ids import new_id
from storage.users import User
from tests.api.rows import NOON, add_call, add_card, add_contact, add_move
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.idp import Idp, serving
from tests.pages.coming_in import let_in
from tests.pages.conftest import (  # noqa: F401  a real server of the pages
    Open,
    Setups,
    Site,
    clock,
    open_site,
    service,
    session,
    setups,
)

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with serving(Idp()) as one:
        one.clock = NOON.timestamp
        yield one


@pytest.fixture
async def site(
    open_site: Open,  # noqa: F811
    service: Service,  # noqa: F811
    idp: Idp,
) -> Site:
    settings = replace(
        service.settings,
        public_url="",
        oidc_issuer=idp.issuer,
        oidc_client_id=idp.client,
        oidc_client_secret=idp.secret,
    )
    return await open_site(replace(service, settings=settings))


def make(conn: Connection) -> tuple[str, str]:
    ivan = add_contact(conn, "Иван Петров", "+79161234567", emails=("petrov@example.com",))
    olga = add_contact(conn, "Ольга Бухгалтер", "+79160000002")
    lookup.refresh(conn, [ivan, olga])
    card = add_card(conn, ivan, manager="anna", title="Столы в офис")
    add_move(conn, card, 1, "new")
    return card, add_call(conn, contact=ivan, card=card, manager="anna")


async def test_a_deals_tasks_and_clients_are_worked_on_in_its_page(
    browser: Browser, site: Site
) -> None:
    card, call = await site.service.database.write(make)
    await let_in(site, "anna")
    context = await browser.new_context(viewport=WIDE)
    tab = await _enter(context, site)
    page = tab.page
    await page.goto(f"{site.url}/cards/{card}")

    tasks = page.locator("#tasks")
    await tasks.get_by_text("Новая задача").click()
    await tasks.get_by_label("Что сделать").fill("Перезвонить насчёт <b>замера</b>")
    await tasks.get_by_role("button", name="Добавить задачу").click()
    await expect(tasks.locator(".todo-text")).to_have_text("Перезвонить насчёт <b>замера</b>")
    await tasks.get_by_text("Отложить", exact=True).first.click()
    await tasks.get_by_label("Почему откладывается").fill("Просил позже")
    await tab.shoot("card-tasks")
    await tasks.get_by_role("button", name="Отложить").last.click()
    await expect(tasks.locator("details.menu[open]")).to_have_count(0)

    people = page.locator("#contact")
    await people.get_by_role("link", name="Изменить: Иван Петров").click()
    await people.get_by_label("Имя").fill("Пётр Иванов")
    await people.get_by_label("Телефон", exact=True).last.fill("8 916 000 00 09")
    await people.get_by_role("button", name="Сохранить").click()
    await expect(people).to_contain_text("+7 916 000-00-09")
    await people.get_by_text("Записать согласие").click()
    await people.get_by_role("button", name="Записать").click()
    await expect(people).to_contain_text("согласие")

    await people.get_by_role("link", name="Ещё один клиент").click()
    await page.get_by_label("Имя, номер, почта").fill("Ольга")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Добавить в сделку: Ольга Бухгалтер").click()
    await page.wait_for_url(f"**/cards/{card}#contact")
    await people.get_by_role("button", name="Сделать основным: Ольга Бухгалтер").click()
    await expect(people.locator(".client").first).to_contain_text("Ольга Бухгалтер")
    await tab.shoot("card-people-wide")
    await tasks.get_by_role("button", name="Готово").click()
    await expect(tasks).to_contain_text("По сделке ничего не нужно делать.")

    await page.goto(f"{site.url}/calls/{call}")
    await page.get_by_role("link", name="Привязать этот номер к клиенту…").click()
    await page.get_by_role("searchbox").last.fill("Ольга")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("radio", name="Ольга Бухгалтер")).to_be_checked()
    await tab.shoot("attach")
    await page.get_by_role("button", name="Привязать номер").click()
    await expect(page.get_by_role("status").first).to_be_attached()
    await page.wait_for_url("**/contacts/*?said=attached")
    assert tab.complaints == []
    await context.close()

    small = await browser.new_context(viewport=NARROW, color_scheme="dark")
    tab = await _enter(small, site)
    for n, path in enumerate(
        (
            f"/cards/{card}",
            f"/cards/{card}/contacts/add?q=Иван&language=en",
            f"/calls/{call}/attach?q=Ольга",
        )
    ):
        await tab.page.goto(f"{site.url}{path}")
        assert await tab.fits(), path
        await tab.shoot(f"card-people-narrow-{n}")
    assert tab.complaints == []
    await small.close()


async def test_one_comes_in_by_another_service(browser: Browser, site: Site, idp: Idp) -> None:
    anna = User(new_id(NOON), "anna@example.com", "Анна", "anna", None, NOON, "test")
    await site.service.database.write(users.add, anna)
    context: Any = await browser.new_context(viewport=NARROW)
    tab = watch(await context.new_page())
    await tab.page.goto(f"{site.url}/today")
    await tab.shoot("sign-in-oidc")
    await tab.page.get_by_role("link", name="Войти через 127.0.0.1").click()
    await tab.page.wait_for_url(f"{site.url}/today")
    await expect(tab.page.get_by_role("heading", level=1)).to_contain_text("Сегодня")
    assert "/authorize" in idp.asked
    await context.close()


async def _enter(context: BrowserContext, site: Site) -> Tab:
    name, _, value = site.cookie.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": site.url}])
    return watch(await context.new_page())
