"""The setup's forms, as an admin fills them in: typed, refused, mended, saved; on a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from callrouter.pages.setup_sections import SECTIONS
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.e2e.test_every_page import AXE, LOOK

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


@pytest.fixture
async def tab(browser: Browser, demo: Demo) -> AsyncIterator[Tab]:
    """The admin's."""
    context = await browser.new_context(viewport=WIDE, locale="ru-RU", storage_state=demo.visit)
    tab = watch(await context.new_page())
    if demo.visit is None:
        await tab.page.goto(demo.link)
        demo.visit = await context.storage_state()
    yield tab
    await context.close()


async def test_a_shift_is_typed_understood_refused_mended_and_saved(tab: Tab, demo: Demo) -> None:
    page = tab.page
    await page.goto(f"{demo.url}/setup")
    await page.locator("main").get_by_role("link", name="Менеджеры").click()
    await page.get_by_role("link", name="Анна Смирнова").click()
    await expect(page.locator("h1")).to_have_text("Анна Смирнова")

    shift = page.get_by_label("Смена", exact=True)
    week = page.locator(".week")
    await shift.fill("Пн-Пт 10:00-19:00")
    await expect(week.locator(".week-day")).to_have_count(7)
    await expect(week.locator(".week-day", has_text="10:00–19:00")).to_have_count(5)
    await shift.fill("Пн-Пт с десяти")
    await expect(week.locator(".wrong")).to_be_visible()
    await shift.fill("Пн-Пт 10:00-20:00")
    await page.get_by_label("Полная загрузка").fill("0")
    await tab.shoot("setup-manager")
    await page.get_by_label("Должность").press("Enter")  # sends, and moves nothing

    beside = page.locator("#f-capacity-said .wrong")
    await expect(beside).to_have_text("Указано 0; можно от 1 до 10000.")
    await expect(page.get_by_label("Полная загрузка")).to_have_attribute("aria-invalid", "true")
    await expect(shift).to_have_value("Пн-Пт 10:00-20:00")
    await tab.shoot("setup-manager-wrong")
    assert all("422" in said for said in tab.complaints)  # a browser says so of what is refused
    tab.complaints.clear()
    await page.get_by_label("Полная загрузка").fill("15")
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.get_by_role("status").filter(has_text="Сохранено")).to_be_visible()
    await expect(page.get_by_label("Полная загрузка")).to_have_value("15")
    await page.goto(f"{demo.url}/setup/manager?q=смирнова")
    await expect(page.locator("tbody tr")).to_contain_text("Пн-Пт 10:00-20:00")
    assert tab.complaints == []


async def test_a_status_is_added_and_put_in_its_place(tab: Tab, demo: Demo) -> None:
    page = tab.page
    await page.goto(f"{demo.url}/setup/pipeline/sales")
    new = page.locator(".status-row").last
    await new.get_by_label("Ключ").fill("thinking")
    await new.get_by_label("Название").fill("Думает")
    await new.get_by_role("button", name="Ещё один").click()
    for _ in range(3):
        await page.get_by_role("button", name="Выше: Думает").click()
    rows = page.locator(".status-row legend")
    await expect(rows.nth(3)).to_have_text("Думает")
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.get_by_role("status").filter(has_text="Сохранено")).to_be_visible()
    await expect(rows.nth(3)).to_have_text("Думает")
    await tab.shoot("setup-pipeline")
    assert tab.complaints == []


async def rung(page: Page, demo: Demo, *, title: str) -> Locator:
    """Whom a call to that number would ring, as the page "what if" has it now."""
    await page.goto(f"{demo.url}/what-if")
    number = page.get_by_label("На какой номер")
    await number.select_option(label=await number.locator("option", has_text=title).inner_text())
    await page.get_by_label("Кто звонит").fill("8 943 000-12-34")
    await page.get_by_role("button", name="Проверить", exact=True).click()
    return page.locator(".rungs")


async def test_a_number_is_added_and_who_goes_on_leave_is_rung_no_more(
    tab: Tab, demo: Demo
) -> None:
    page, title, today = tab.page, "Партнёры", datetime.now(ZoneInfo("Europe/Moscow")).date()
    await page.goto(f"{demo.url}/setup")
    await page.locator("main").get_by_role("link", name="Номера компании").click()
    await page.get_by_role("link", name="Новый номер").click()
    await page.locator("#f-number").fill("8 495 000-01-77")
    await page.locator("#f-name").fill(title)
    await page.locator("#f-ladder").select_option("vip")
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.locator("#f-last_resort-said .wrong")).to_be_visible()  # nobody is lost
    await expect(page.locator("#f-name")).to_have_value(title)
    assert all("422" in said for said in tab.complaints)
    tab.complaints.clear()
    await page.locator("#f-last_resort").fill("+74950000999")
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.get_by_role("status").filter(has_text="Сохранено")).to_be_visible()
    await tab.shoot("setup-line-added")
    async with asyncio.timeout(30):  # the server looks for a new version every second
        while title not in await (await page.request.get(f"{demo.url}/what-if")).text():
            await asyncio.sleep(0.2)
    await expect(await rung(page, demo, title=title)).to_contain_text("Анна Смирнова")

    await page.goto(f"{demo.url}/setup")
    await page.locator("main").get_by_role("link", name="Отпуска и больничные").click()
    await page.get_by_role("link", name="Новое отсутствие").click()
    await page.locator("#f-manager").select_option("anna")
    await page.locator("#f-from").fill(f"{today - timedelta(days=1)}")
    await page.locator("#f-to").fill(f"{today + timedelta(days=3)}")
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.get_by_role("status").filter(has_text="Сохранено")).to_be_visible()
    await tab.shoot("setup-absence-added")
    async with asyncio.timeout(30):
        while "Анна" in await (await rung(page, demo, title=title)).inner_text():
            await asyncio.sleep(0.2)
    await expect(page.locator(".rungs")).to_contain_text("Вера Котова")
    await tab.shoot("setup-absence-seen")
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await tab.shoot("setup-absence-seen-narrow")
    assert tab.complaints == []


async def test_every_section_fits_a_phone_and_hinders_nobody(tab: Tab, demo: Demo) -> None:
    page = tab.page
    await page.set_viewport_size(NARROW)
    wrong = []
    for section in SECTIONS.values():
        for path in (section.path, f"{section.path}/new") if section.is_list else (section.path,):
            await page.goto(f"{demo.url}{path}")
            await tab.shoot(path.strip("/").replace("/", "-"))
            if not await tab.fits():
                wrong.append(f"{path} sticks out")
            if path in ("/setup/absence", "/setup/manager/new", "/setup/pipeline/new"):
                await page.evaluate(AXE)
                wrong += [f"{path}: {one}" for one in await page.evaluate(LOOK)]
    assert not wrong, "\n".join(wrong)
    assert tab.complaints == []
