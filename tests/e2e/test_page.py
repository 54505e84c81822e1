"""The page as people meet it: in a browser, on a running demo, wide and narrow, light and dark."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, ViewportSize, expect

from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, contrast, watch

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


@pytest.fixture
async def visitor(browser: Browser, demo: Demo) -> AsyncIterator[BrowserContext]:
    """Somebody who has come in by a link of his own; the visit serves every test."""
    context = await browser.new_context(viewport=WIDE, storage_state=demo.visit)
    if demo.visit is None:
        page = await context.new_page()
        await page.goto(demo.new_link())
        demo.visit = await context.storage_state()
        await page.close()
    yield context
    await context.close()


@pytest.fixture
async def tab(visitor: BrowserContext, demo: Demo) -> Tab:
    tab = watch(await visitor.new_page())
    await tab.page.goto(demo.url)
    await expect(tab.page.locator("#link")).to_have_text("Звонки принимаются")
    return tab


async def test_the_printed_link_opens_the_page_and_nothing_else_does(
    browser: Browser, demo: Demo
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(demo.url)
    await expect(page.locator("h1")).to_have_text("Войти")
    await page.goto(demo.link)
    await expect(page.locator("h1")).to_have_text("Звонки сейчас")
    await context.clear_cookies()
    await page.goto(demo.link)
    await expect(page.locator("h1")).to_have_text("Ссылка уже использована или устарела")
    await context.close()


async def test_calling_oneself_one_watches_whom_it_rings_and_why(tab: Tab) -> None:
    page = tab.page
    await page.get_by_role("button", name="VIP-клиент").click()
    mine = page.locator(".call.mine")
    await expect(mine).to_be_visible()
    await expect(mine).to_be_in_viewport()
    await expect(mine.locator("h3")).to_have_text("Мария Кузнецова")
    await expect(mine.locator(".number")).to_have_text("+7 943 000-00-01")
    await expect(mine.locator(".tag.own")).to_have_text("ваш звонок")
    await expect(mine.locator(".card-number")).to_have_text(re.compile(r"сделка №\s\d+"))
    await expect(mine.locator(".why-text")).to_contain_text(re.compile("Звон"))
    timer = mine.locator(".timer").first
    if await timer.count():
        before = await timer.inner_text()
        await expect(timer).not_to_have_text(before)
    await tab.shoot("ringing")
    await mine.locator("summary").click()
    await expect(mine.locator(".facts").first).to_contain_text("Кто звонит")
    await expect(mine.locator("tr.chosen, .step").first).to_be_visible()
    await tab.shoot("why")
    assert tab.complaints == []


async def test_a_number_and_a_line_of_ones_own(tab: Tab) -> None:
    page = tab.page
    await page.get_by_label("Номер", exact=True).fill("8 (943) 000-77-55")
    await page.get_by_label("на номер компании").select_option(label="Магазин и реклама")
    await page.get_by_role("button", name="Позвонить", exact=True).click()
    mine = page.locator(".call.mine")
    await expect(mine.locator("h3")).to_have_text("+7 943 000-77-55")
    await expect(mine.locator(".call-line")).to_have_text("Магазин и реклама")
    assert tab.complaints == []


async def test_everybody_is_told_of_a_call(tab: Tab, visitor: BrowserContext, demo: Demo) -> None:
    other = watch(await visitor.new_page())
    await other.page.goto(demo.url)
    await tab.page.get_by_role("button", name="Скрытый номер").click()
    ref = await tab.page.locator(".call.mine").get_attribute("data-ref")
    await expect(other.page.locator(f".call[data-ref='{ref}']")).to_be_visible()
    await expect(other.page.locator(".call.mine")).to_have_count(0)
    await expect(other.page.locator("#said")).to_contain_text("Номер скрыт")
    assert other.complaints == []


async def test_the_page_works_by_keyboard(tab: Tab) -> None:
    page = tab.page
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("К содержанию")).to_be_focused()
    button = page.get_by_role("button", name="Новый номер")
    await button.focus()
    await page.keyboard.press("Enter")
    mine = page.locator(".call.mine")
    await expect(mine).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(mine.locator("h3 a")).to_be_focused()
    await mine.locator("summary").focus()  # behind the links to his card, if he has one by now
    await page.keyboard.press("Enter")
    await expect(mine.locator(".facts").first).to_be_visible()


async def test_the_language_is_switched_and_kept(tab: Tab) -> None:
    page = tab.page
    await page.locator(".user-here summary").click()
    await page.get_by_role("link", name="EN").click()
    await expect(page.locator("h1")).to_have_text("Calls now")
    await page.goto(page.url.split("?")[0])
    await expect(page.locator("h1")).to_have_text("Calls now")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert tab.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_it_fits_and_can_be_read(
    tab: Tab,
    visitor: BrowserContext,
    demo: Demo,
    size: ViewportSize,
    scheme: Literal["light", "dark"],
) -> None:
    page = tab.page
    await page.get_by_role("button", name="Знакомый клиент").click()
    await expect(page.locator(".call.mine")).to_be_visible()
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)
    await page.reload()
    row = page.locator(".call").first
    await row.locator("summary").click()
    await expect(row.locator(".facts").first).to_be_visible()
    assert await tab.fits()
    assert await contrast(page, ".call h3") > 7
    assert await contrast(page, ".why-text") > 4.5
    assert await contrast(page, ".company") > 4.5
    await page.evaluate("scrollTo(0, 0)")
    await tab.shoot(f"page-{size['width']}-{scheme}")
    assert tab.complaints == []
