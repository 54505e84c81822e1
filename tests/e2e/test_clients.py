"""Clients in a browser: a deal by hand with a warning, two clients joined and taken apart."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from callrouter.domain.setup import Role
from callrouter.flows.visits import new_link
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

PHONE = "+79167770001"


async def test_a_deal_by_hand_a_warning_a_merge_and_its_undoing(
    demo: Demo, browser: Browser
) -> None:
    page = await browser.new_page(viewport=WIDE, locale="ru-RU")
    tab = watch(page)
    await page.goto(demo.new_link())
    await page.goto(f"{demo.url}/contacts/new?language=ru")
    await page.get_by_label("Имя", exact=True).first.fill("Зоя Первая")
    await page.get_by_label("Телефон", exact=True).first.fill(PHONE)
    await page.get_by_role("button", name="Завести клиента").click()
    await expect(page.get_by_role("heading", name="Зоя Первая")).to_be_visible()
    known = page.url
    await page.goto(f"{demo.url}/cards/new")
    await page.get_by_label("Название").fill("Столы для офиса")
    await page.get_by_label("Имя", exact=True).first.fill("Зоя Вторая")
    await page.get_by_label("Телефон", exact=True).first.fill("8 916 777-00-01")
    warning = page.get_by_role("alert")
    await expect(warning).to_contain_text("Это уже есть у нас")
    await expect(page.get_by_role("link", name="Зоя Первая")).to_be_visible()
    assert await page.get_by_label("Телефон", exact=True).count() == 2, "a further row"
    await tab.shoot("new-deal-wide-ru")
    await page.get_by_role("button", name="Завести сделку").click()
    await expect(page.get_by_label("Имя", exact=True).first).to_have_value("Зоя Вторая")
    await page.get_by_label("Это другой человек").check()
    await page.get_by_role("button", name="Завести сделку").click()
    await page.wait_for_url("**/cards/0*")
    await expect(page.get_by_text("Столы для офиса").first).to_be_visible()

    await page.goto(known)
    await tab.shoot("client-wide-ru")
    await page.get_by_role("link", name="Объединить…").click()
    await expect(page.get_by_text("сделки: 1")).to_be_visible()
    await tab.shoot("merge-wide-ru")
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await tab.shoot("merge-narrow-ru")
    await page.get_by_role("button", name="Объединить").click()
    await expect(page.get_by_text("Теперь это один клиент.")).to_be_visible()
    await expect(page.get_by_role("link", name="№").first).to_be_visible()
    assert await tab.fits()
    await page.get_by_role("button", name="Отменить объединение").click()
    await expect(page.get_by_text("Это снова два клиента.")).to_be_visible()
    await expect(page.get_by_text("Сделок пока нет.")).to_be_visible()
    assert tab.complaints == [
        one
        for one in tab.complaints
        if "409" in one  # the refused form, as the browser tells it
    ]
    await page.close()


@asynccontextmanager
async def as_(
    browser: Browser, demo: Demo, role: Role, key: str | None = None
) -> AsyncIterator[Tab]:
    """Somebody of the demo, whose browser must have complained of nothing in the end."""
    async with beside(demo.base_url) as base:
        link = await base.write(new_link, now=datetime.now(UTC), role=role, manager=key)
    context = await browser.new_context(viewport=WIDE, locale="ru-RU", accept_downloads=True)
    tab = watch(await context.new_page())
    await tab.page.goto(f"{demo.url}/enter/{link}")
    yield tab
    await context.close()
    assert tab.complaints == []


async def new_client(page: Page, demo: Demo, name: str, phone: str) -> str:
    """By the form; gives his page."""
    await page.goto(f"{demo.url}/contacts/new")
    await page.get_by_label("Имя", exact=True).first.fill(name)
    await page.get_by_label("Телефон", exact=True).first.fill(phone)
    await page.get_by_role("button", name="Завести клиента").click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
    return page.url


async def test_a_list_is_a_file_for_a_head_and_no_link_for_a_manager(
    demo: Demo, browser: Browser, tmp_path: Path
) -> None:
    async with as_(browser, demo, "manager", "anna") as tab:
        page = tab.page
        await new_client(page, demo, "Клара Файлова", "+79167770011")
        await page.goto(f"{demo.url}/contacts?q=Файлова")
        await expect(page.get_by_role("link", name="Клара Файлова")).to_be_visible()
        await expect(page.get_by_role("link", name="Файлом")).to_have_count(0)
        assert (await page.request.get(f"{demo.url}/contacts.csv")).status == 403
    async with as_(browser, demo, "head", "vera") as tab:
        page = tab.page
        await page.goto(f"{demo.url}/contacts?q=Файлова")
        await expect(page.get_by_role("link", name="Клара Файлова")).to_be_visible()
        await tab.shoot("contacts-head")
        async with page.expect_download() as begun:
            await page.get_by_role("link", name="Файлом").click()
        file = await begun.value
        assert re.fullmatch(r"contacts-\d{4}-\d\d-\d\d\.csv", file.suggested_filename)
        await file.save_as(tmp_path / "clients.csv")
    text = (tmp_path / "clients.csv").read_text(encoding="utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text), delimiter=";")  # what was looked for, and no more
    assert row["ФИО"] == "Клара Файлова"
    assert row["Телефон"] == "'+79167770011"  # as no formula


async def test_a_client_is_forgotten_by_who_may_and_no_card_names_him(
    demo: Demo, browser: Browser
) -> None:
    async with as_(browser, demo, "admin") as tab:
        page = tab.page
        client = await new_client(page, demo, "Захар Забытов", "+79167770021")
        await page.get_by_role("link", name="Новая сделка").click()
        await page.get_by_label("Название").fill("Стеллаж")
        await page.get_by_role("button", name="Завести сделку").click()
        await page.wait_for_url("**/cards/0*")
        card = page.url
        await expect(page.get_by_text("Захар Забытов").first).to_be_visible()

    async with as_(browser, demo, "head", "vera") as tab:
        await tab.page.goto(client)
        await expect(tab.page.get_by_role("heading", name="Захар Забытов")).to_be_visible()
        await expect(tab.page.get_by_role("link", name="Стереть данные клиента")).to_have_count(0)

    async with as_(browser, demo, "admin") as tab:
        page = tab.page
        await page.goto(client)
        await tab.shoot("client-erasable")
        await page.get_by_role("link", name="Стереть данные клиента").click()
        await page.get_by_role("textbox", name="Для подтверждения").fill("Захар")
        await page.get_by_role("button", name="Стереть навсегда").click()
        await expect(page.get_by_role("alert")).to_contain_text("Ничего не стёрто")
        tab.complaints.clear()  # a browser says that a page came with 422
        for size in (NARROW, WIDE):
            await page.set_viewport_size(size)
            assert await tab.fits()
            await tab.shoot(f"erase-{size['width']}")
        await page.get_by_role("textbox", name="Для подтверждения").fill("Захар Забытов")
        await page.get_by_role("button", name="Стереть навсегда").click()
        await expect(page.locator("h1")).to_have_text("Данные клиента стёрты")
        await tab.shoot("erased")
        await page.goto(card)
        await expect(page.locator("h1")).to_contain_text("Стеллаж")
        assert "Забытов" not in await page.content()
        assert "777-00-21" not in (await page.content()).replace("\xa0", " ")
        await tab.shoot("erased-card")
        for what in ("Забытов", "9167770021"):
            await page.goto(f"{demo.url}/contacts?q={what}")
            await expect(page.locator("main")).not_to_contain_text("Захар")
