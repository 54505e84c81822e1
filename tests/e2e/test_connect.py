"""Connecting a PBX in a browser: the address is copied, the test arrives, a refused hook is seen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from playwright.async_api import Browser, ViewportSize, expect

from tests.e2e.tab import NARROW, WIDE, Tab, contrast, watch
from tests.e2e.test_own_server import SETUP
from tests.running import LINE, SECRET, House

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


async def send(address: str, secret: str, **said: str) -> int:
    """A hook, as a PBX sends it to the address that was pasted into it."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(address, data=said) as answer,
    ):
        return answer.status


@pytest.fixture
async def tab(browser: Browser, tmp_path: Path) -> AsyncIterator[Tab]:
    """An admin's browser on a server of its own; in the end it has complained of nothing."""
    house = House(tmp_path / "data")
    house.data_dir.mkdir()
    house.environ = {"PBX_SECRET": SECRET}
    await house.apply(SETUP.replace(f'"{SECRET}"', '"env:PBX_SECRET"'))
    async with house.serving():
        link = re.search(r"/enter/[\w-]+", (await house.run("link")).printed)
        assert link
        clipboard = ["clipboard-read", "clipboard-write"]
        context = await browser.new_context(viewport=WIDE, permissions=clipboard)
        tab = watch(await context.new_page())
        await tab.page.goto(house.url + link[0])
        await tab.page.goto(house.url)  # past the offer to make the first account
        yield tab
        await context.close()
        assert tab.complaints == []


async def test_from_the_address_to_the_first_event(tab: Tab) -> None:
    page = tab.page
    await page.get_by_role("link", name="Подключить свою АТС").click()
    news, state = page.locator("#news"), page.locator(".news-state")
    await expect(state).to_have_text("Пока ничего не приходило")
    await expect(page.locator(".secrets")).to_contain_text("PBX_SECRET на сервере задан")
    assert SECRET not in await page.content()

    copy = page.locator(".address .copy")
    await copy.click()
    await expect(copy).to_have_text("Скопировано")
    address = await page.evaluate("navigator.clipboard.readText()")
    assert address.endswith("/webhooks/pbx/main")

    await page.get_by_role("button", name="Проверить адрес").click()
    await expect(page.locator(".trial-note.fine")).to_contain_text("Дошло")
    await expect(page.locator(".trial-note.fine")).to_contain_text("Анна Смирнова")
    await expect(news.locator(".hooks li")).to_contain_text("наша проверка")

    for _ in range(2):
        assert await send(address, "not-the-secret", event="ringing") == 401
    await expect(state).to_have_class("news-state refused")
    refused = news.locator(".hooks.refused li")
    await expect(refused).to_contain_text("неверный секрет (Bearer) ×2")

    assert await send(address, SECRET, event="answered") == 400
    await expect(news.locator(".hooks.aside")).to_contain_text("call_id обязательно")

    call = {"call_id": "call-1", "caller": "+79161234567", "called": LINE}
    assert await send(address, SECRET, event="ringing", **call) == 200
    await expect(state).to_contain_text("Подключено: последнее событие пришло в")
    await expect(news).to_contain_text("звоним: Анна Смирнова")
    await tab.shoot("connect")
    await news.get_by_role("link", name="звоним: Анна Смирнова").click()
    await expect(page.locator("h1")).to_have_text("+7 916 123-45-67")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_it_fits_and_can_be_read(
    tab: Tab, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    page = tab.page
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)
    await page.goto(f"{page.url.rstrip('/')}/connect")
    await page.get_by_role("button", name="Проверить адрес").click()
    await expect(page.locator(".trial-note.fine")).to_be_visible()
    for kind in ("FreeSWITCH", "Kamailio", "Asterisk"):
        await page.get_by_text(kind, exact=True).click()
        assert await tab.fits()
    for selector in (".warning", ".trial-note b", ".secrets .ok", ".connect .muted", ".pages a"):
        assert await contrast(page, selector) > 4.5, selector
    await tab.shoot(f"connect-{size['width']}-{scheme}")
