"""The admin sees on whatever page he is that something is wrong, and where to read what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import Connection

from callrouter.domain.alarms import CALM, Facts
from callrouter.flows import alarms
from storage import setups
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


@pytest.fixture
async def tab(browser: Browser, demo: Demo) -> AsyncIterator[Tab]:
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    watched = watch(page)
    await page.goto(demo.new_link())
    yield watched
    await context.close()


def find_wrong(conn: Connection) -> None:
    """One that is over, and two that are not."""
    setup, now = setups.load(conn, setups.current_version(conn)), datetime.now(UTC)
    early = now - timedelta(hours=2)
    alarms.take_in(conn, Facts(fallbacks=3), setup, now=early)
    alarms.take_in(conn, Facts(), setup, now=early + CALM)
    found = Facts(refused={"main": 34}, stuck_webhooks={"crm": 12})
    alarms.take_in(conn, found, setup, now=now)


async def test_the_bar_on_every_page_leads_to_what_is_to_be_done(tab: Tab, demo: Demo) -> None:
    async with beside(demo.base_url) as base:
        await base.write(find_wrong)
    page = tab.page
    await page.goto(f"{demo.url}/board")
    await expect(page.get_by_role("link", name="тревоги: посмотрите")).to_be_visible()
    await tab.shoot("alarm-bar-1440")
    await page.get_by_role("link", name="тревоги: посмотрите").click()
    await expect(page.get_by_role("heading", name="Тревоги")).to_be_visible()
    await expect(page.get_by_text("«main» присылает запросы")).to_be_visible()
    await expect(page.get_by_text("Проверьте, работает ли программа")).to_be_visible()
    await page.get_by_text("Прошли за последние дни").click()
    await expect(page.get_by_text("Звонки распределялись без базы")).to_be_visible()
    for width, size in (("1440", WIDE), ("390", NARROW)):
        await page.set_viewport_size(size)
        assert await tab.fits()
        await tab.shoot(f"alarms-{width}")
        await page.emulate_media(color_scheme="dark")
        await tab.shoot(f"alarms-dark-{width}")
        await page.emulate_media(color_scheme="light")
    await page.goto(f"{demo.url}/health?language=en")
    await expect(page.get_by_role("link", name="2 alarms: have a look")).to_be_visible()
    await tab.shoot("alarms-en-390")
    assert tab.complaints == []
