"""A call back from the missed call to the talk, and the search box, in a browser on the demo."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import Connection

from callrouter.domain.rights import Viewer
from callrouter.flows.visits import new_link
from storage import setups
from storage.listing import owed_now
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

T = TypeVar("T")

CALLED = "Сервис, Екатеринбург"
NUMBER, TYPED = "+7 943 000-77-66", "8 (943) 000-77-66"


def close_line(conn: Connection) -> int:
    """It is after hours there, whatever the clock says, from this version of the setup on."""
    setup = setups.load(conn, setups.current_version(conn))
    lines = tuple(replace(one, hours="off") if one.name == CALLED else one for one in setup.line)
    closed = replace(setup, line=lines)
    return setups.publish(conn, closed, by="apply", now=datetime.now(UTC)).version


async def in_base(demo: Demo, do: Callable[[Connection], T]) -> T:
    """Do something in the running demo's base, as a command does."""
    async with beside(demo.base_url) as base:
        return await base.write(do)


async def who_owes(demo: Demo) -> str:
    """Whose the call back is, once the call was missed."""

    def look(conn: Connection) -> list[str]:
        found = owed_now(conn, Viewer("admin"), now=datetime.now(UTC)).items
        return [one.owner for one in found if one.phone == "+79430007766"]

    for _ in range(150):
        if owners := await in_base(demo, look):
            return owners[0]
        await asyncio.sleep(0.2)
    raise AssertionError("the call was not missed")


@pytest.fixture
async def tab(browser: Browser, demo: Demo) -> AsyncIterator[Tab]:
    """Of whoever owes the call back of a client who called after hours."""
    closed = await in_base(demo, close_line)
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    while (await (await page.request.get(f"{demo.url}/health/ready")).json())["setup"] < closed:
        await asyncio.sleep(0.1)
    await page.goto(demo.new_link())
    await page.get_by_label("Номер", exact=True).fill(TYPED)
    await page.get_by_label("на номер компании").select_option(label=CALLED)
    await page.get_by_role("button", name="Позвонить", exact=True).click()
    owner = await who_owes(demo)
    await page.close()
    link = await in_base(
        demo, lambda conn: new_link(conn, now=datetime.now(UTC), role="manager", manager=owner)
    )
    await context.clear_cookies()
    tab = watch(await context.new_page())
    await tab.page.goto(f"{demo.url}/enter/{link}")
    yield tab
    await context.close()


async def test_who_was_missed_is_found_and_called_back(tab: Tab, demo: Demo) -> None:
    page = tab.page
    owing = page.get_by_role("link", name="Надо перезвонить")
    await expect(owing.locator(".nav-count")).to_have_text("1")

    # The key `/` leads to the box from anywhere but a field.
    await page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Поиск")
    await expect(box).to_be_focused()
    await page.keyboard.type("7766")
    hit = page.get_by_role("option").first
    await expect(hit).to_contain_text(NUMBER.replace(" ", "\u00a0"))
    await tab.shoot("find-box")
    await page.keyboard.press("ArrowDown")
    await expect(hit).to_have_attribute("aria-selected", "true")
    active = await box.get_attribute("aria-activedescendant")
    assert active == await hit.get_attribute("id")
    await page.keyboard.press("Escape")
    await expect(hit).to_be_hidden()
    await page.keyboard.type("/")
    await expect(box).to_have_value("7766/")
    await box.fill("7766")
    await page.keyboard.press("Enter")
    await expect(page.locator(".found .find-hit")).to_have_count(1)
    await tab.shoot("find-page")

    # The click lets the PBX call; the talk settles what was owed.
    await owing.click()
    row = page.locator(".debt")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text(f"звонили на {CALLED}")
    await expect(row).to_contain_text("Нерабочее время")
    await tab.shoot("call-back")
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await tab.shoot("call-back-narrow")
    await page.set_viewport_size(WIDE)
    await row.get_by_role("button", name="Перезвонить").click()
    await expect(row.locator(".call-said")).to_have_text(re.compile("Звоним"))
    await expect(row).to_have_count(0, timeout=30_000)
    await expect(page.locator("#owing")).to_contain_text("Никто не ждёт звонка.")
    await expect(page.locator("#owing-day")).to_contain_text("перезвонили: 1")
    assert tab.complaints == []
