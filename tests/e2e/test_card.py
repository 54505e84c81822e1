"""A card in a browser: from the call to it, edited in its place, its recording heard."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Connection

from callrouter.domain.setup import Letter
from callrouter.service import Service
from storage import recordings
from storage.ids import new_id
from storage.products import Product, put
from tests.api.rows import (
    NOON,
    SETUP,
    add_call,
    add_card,
    add_contact,
    add_leg,
    add_letter,
    add_move,
    add_told,
    keep_recording,
)
from tests.e2e.tab import NARROW, WIDE, Tab, watch
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
from tests.sounds import wav

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

PEAKS: Sequence[int] = [n % 100 for n in range(600)]


@pytest.fixture
async def site(
    open_site: Open,  # noqa: F811
    service: Service,  # noqa: F811
    setups: Setups,  # noqa: F811
    tmp_path: Path,
) -> Site:
    setups.current = replace(SETUP, letter=(Letter("offer"),))
    settings = replace(service.settings, data_dir=tmp_path / "var")
    return await open_site(replace(service, settings=settings))


def make(conn: Connection) -> tuple[str, str]:
    contact = add_contact(conn, "Иван Петров", "+79161234567", emails=("petrov@example.com",))
    card = add_card(conn, contact, manager="anna")
    add_move(conn, card, 1, "new")
    call = add_call(conn, card=card, contact=contact, manager="anna", duration_s=84)
    add_leg(conn, call, answered_at=NOON)
    add_told(conn, call)
    add_letter(conn, card)
    desk = Product(new_id(NOON), "D-1", "Стол письменный", "шт", Decimal(1500), "", None)
    put(conn, [desk], now=NOON)
    return card, call


async def test_a_deal_is_worked_on_in_its_page(browser: Browser, site: Site) -> None:
    database = site.service.database
    card, call = await database.write(make)
    await keep_recording(site.service, call, 1, wav(8.0))
    peaks = json.dumps({"seconds": 8.0, "channels": [PEAKS, PEAKS]})
    await database.write(recordings.keep_peaks, "r1", peaks, 8.0)
    context = await browser.new_context(viewport=WIDE)
    tab = await _enter(context, site)
    await tab.page.goto(site.url)
    await tab.page.locator("a.card-number").click()
    await tab.page.wait_for_url(f"**/cards/{card}")
    await _hear(tab.page)
    await _write(tab.page)
    await _put_items(tab.page)
    await tab.page.get_by_role("button", name="Отправить", exact=True).click()
    await expect(tab.page.locator("#letters .countdown")).to_contain_text("с")
    await tab.page.get_by_role("button", name="Отменить").click()
    await expect(tab.page.locator("#letters")).to_contain_text("отменено")
    await tab.shoot("card-wide")
    assert tab.complaints == []
    await context.close()
    await _small_and_dark(browser, site, card)


async def _hear(page: Page) -> None:
    """It is drawn, it plays, it is wound by keys, and faster."""
    wave = page.locator(".player-wave")
    await wave.scroll_into_view_if_needed()
    # Read from a copy: Chromium complains of a canvas that is read time and again.
    drawn = """one => { const copy = document.createElement("canvas");
        [copy.width, copy.height] = [one.width, one.height];
        const pen = copy.getContext("2d");
        pen.drawImage(one, 0, 0);
        const all = pen.getImageData(0, 0, one.width, one.height).data;
        return all.filter((value, at) => at % 4 === 3 && value > 0).length > one.width * 4 }"""
    await _comes(page, "canvas", drawn)
    await page.evaluate("document.querySelector('audio').muted = true")
    await wave.press(" ")
    await _comes(page, "audio", "one => one.currentTime > 0.2")
    await wave.press("ArrowRight")
    await _comes(page, "audio", "one => one.currentTime > 4")
    await page.locator(".player-speed").click()
    assert await page.evaluate("document.querySelector('audio').playbackRate") == 1.25
    await page.locator(".player-play").click()
    await _comes(page, "audio", "one => one.paused")


async def _write(page: Page) -> None:
    await page.locator("#note-text").fill("Нужны столы <b>к маю</b>")
    await page.locator("#note-text").press("Control+Enter")
    await expect(page.locator("#lines .is-note .lines-text")).to_have_text(
        "Нужны столы <b>к маю</b>"
    )
    assert await page.locator("#note-text").input_value() == ""
    await page.locator("#field-title").click()
    await page.locator(".deal-title input[name=value]").fill("Столы в офис")
    await page.locator(".deal-title input[name=value]").press("Enter")
    await expect(page.locator("h1")).to_contain_text("Столы в офис")
    await page.evaluate(
        """() => { const all = new DataTransfer();
        all.items.add(new File(["a"], "план.txt"));
        all.items.add(new File(["b"], "схема.svg"));
        const given = { dataTransfer: all, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new DragEvent("drop", given)) }"""
    )
    await expect(page.locator("#lines .file a")).to_have_count(2)
    await page.reload()
    assert await page.locator("#note-text").input_value() == ""  # nothing is left to restore
    await expect(page.locator("#lines .file a")).to_have_count(2)


async def _put_items(page: Page) -> None:
    """A product is found while its name is typed; what cannot be taken stays as it was typed."""
    await page.locator("#items .edit").click()
    name = page.locator("[name=item_name]").first
    await name.press_sequentially("стол")
    await expect(page.locator(".found button")).to_contain_text("Стол письменный")
    await name.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("[name=item_price]").first).to_have_value("1500,00")
    await page.locator("[name=item_quantity]").first.fill("3")
    await page.locator(".items-form .save").click()
    await expect(page.locator(".totals .total")).to_contain_text("4 500,00 ₽")


async def _small_and_dark(browser: Browser, site: Site, card: str) -> None:
    context = await browser.new_context(viewport=NARROW, color_scheme="dark")
    tab = await _enter(context, site)
    for what in ("", "?edit=items", "?edit=due_on", "?language=en"):
        await tab.page.goto(f"{site.url}/cards/{card}{what}")
        out = """() => [...document.querySelectorAll("main *")].filter((one) =>
            one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".wide"))
            .map((one) => one.className)"""
        assert await tab.page.evaluate(out) == [], what
    await tab.shoot("card-narrow")
    assert tab.complaints == []
    await context.close()


async def _enter(context: BrowserContext, site: Site) -> Tab:
    name, _, value = site.cookie.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": site.url}])
    return watch(await context.new_page())


async def _comes(page: Page, selector: str, what: str) -> None:
    async with asyncio.timeout(20 if not os.environ.get("CI") else 60):
        while not await page.locator(selector).first.evaluate(what):
            await asyncio.sleep(0.05)
