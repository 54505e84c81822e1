"""A head looks at the wall and at figures: what happens is there by itself, each figure opens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import Connection

from storage import notices
from tests.api.rows import add_call, add_leg
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, watch
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


@pytest.fixture
async def page(browser: Browser, demo: Demo) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=WIDE, locale="en")
    page = await context.new_page()
    await page.goto(demo.new_link())
    await page.goto(f"{demo.url}/figures?language=en")
    yield page
    await context.close()


async def miss(demo: Demo, caller: str) -> None:
    """A call that anna did not pick up, as the server writes one."""

    def write(conn: Connection) -> None:
        now = datetime.now(UTC)
        began = now - timedelta(seconds=1)  # today, whatever the hour
        call = add_call(conn, at=began, state="missed", caller_number=caller, ended_at=now)
        add_leg(conn, call, ring_from=began, status="failed", reason="no_answer")
        notices.tell(conn, [call], now=now)

    async with beside(demo.base_url) as base:
        await base.write(write)


async def test_the_wall_shows_by_itself_what_has_happened(page: Page, demo: Demo) -> None:
    tab = watch(page)
    await page.goto(f"{demo.url}/wall")
    missed = page.locator("#wall-missed .wall-value")
    before = int(await missed.inner_text())
    await miss(demo, "+79430000077")
    await expect(missed).to_have_text(str(before + 1))
    await expect(page.locator(".wall-mate").first).to_be_visible()
    big = await missed.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)")
    assert big >= 50, "to be read across the room"
    for viewport in (WIDE, NARROW):
        await page.set_viewport_size(viewport)
        assert await tab.fits()
    assert tab.complaints == []


async def test_a_figure_opens_its_list_and_the_list_leads_back(page: Page, demo: Demo) -> None:
    tab = watch(page)
    await miss(demo, "+79430000078")
    await page.goto(f"{demo.url}/figures?period=month")
    tile = page.locator(".tile.missed")
    n = await tile.locator(".tile-value").inner_text()
    await tile.get_by_role("link").click()
    await expect(page.locator("h1 .count")).to_have_text(n)
    await expect(page.locator(".listed li").first).to_contain_text("+7 943 000")
    await page.get_by_role("link", name="← Figures").click()
    await expect(page).to_have_url(re.compile(r"/figures\?period=month"))
    rows = page.get_by_role("region", name="Cause").get_by_role("row")
    await rows.filter(has_text="Not picked up").get_by_role("link").click()
    await expect(page.locator(".asked")).to_contain_text("Not picked up")
    await page.go_back()
    await page.locator("select[name=manager]").select_option("anna")
    await page.get_by_role("button", name="Show").click()
    await expect(page).to_have_url(re.compile("manager=anna"))
    await expect(page.locator(".tile.missed .tile-value")).not_to_have_text("0")
    for viewport in (NARROW, WIDE):
        await page.set_viewport_size(viewport)
        assert await tab.fits()
    assert tab.complaints == []
