"""A server of one's own, from an empty base to the first call that came, was answered and ended."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.tab import watch
from tests.hooks import Pbx, pbx_of
from tests.running import LAST_RESORT, LINE, SECRET, House

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

SETUP = f"""
[company]
name = "Ромашка"
duty = "anna"

[[account]]
key = "main"
provider = "pbx"
secret = "{SECRET}"
default_line = "{LINE}"

[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"

[[line]]
number = "{LINE}"
name = "Сайт"
account = "main"
last_resort = "{LAST_RESORT}"
"""


async def tell(pbx: Pbx, event: str, n: int, **fields: Any) -> None:
    hook = {"event": event, "event_id": f"{event}-{n}", "call_id": f"call-{n}", **fields}
    sent = await pbx.post({"caller": "+79160000000", "called": LINE, **hook})
    assert sent.acknowledged, sent


async def test_from_an_empty_base_to_a_call_that_ended(browser: Browser, tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    async with house.serving(), pbx_of(house) as pbx:
        link = re.search(r"/enter/[\w-]+", (await house.run("link")).printed)
        assert link
        tab = watch(await browser.new_page())
        page = tab.page
        await page.goto(house.url + link[0])
        await expect(page.locator("h1")).to_have_text("Первый администратор")
        await page.get_by_role("link", name="Позже").click()
        await expect(page.locator(".way")).to_contain_text("callrouter init")

        await house.apply(SETUP)
        await expect(page.locator(".way")).to_contain_text(f"{house.url}/webhooks/pbx/main")

        await tell(pbx, "ringing", 1)
        row = page.locator(".call")
        await expect(row.locator("h3")).to_have_text("+7 916 000-00-00")
        await expect(row.locator(".badge")).to_have_text("Звонит")
        await expect(row.locator(".mate b")).to_have_text("Анна Смирнова")
        await expect(page.locator(".way")).to_have_count(0)
        await row.locator("summary").click()
        await expect(row.locator(".why-whole")).to_contain_text("новый номер")

        await tell(pbx, "answered", 1, target="101")
        await expect(row.locator(".badge")).to_have_text("Разговор")
        await expect(page.locator(".chip")).to_have_class(re.compile("talking"))
        await expect(row.locator(".why-whole")).to_contain_text("идёт разговор")

        await tell(pbx, "ended", 1, duration_s=75, reason="completed")
        over = page.locator("#over .call")
        await expect(over.locator(".result")).to_have_text("Анна Смирнова · 1 мин 15 с")
        await expect(over.locator("details")).to_have_attribute("open", "")
        await expect(page.locator(".quiet")).to_be_visible()
        assert tab.complaints == []
        await page.context.close()


async def test_the_screen_comes_back_by_itself(browser: Browser, tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    house.data_dir.mkdir()
    await house.apply(SETUP)
    async with pbx_of(house) as pbx:
        async with house.serving():
            link = re.search(r"/enter/[\w-]+", (await house.run("link")).printed)
            assert link
            page = await browser.new_page()
            await page.goto(house.url + link[0])
            await page.get_by_role("link", name="Позже").click()
            await tell(pbx, "ringing", 1)
            await expect(page.locator(".badge")).to_have_text("Звонит")
        await expect(page.locator("#link")).to_have_class("link off")
        async with house.serving():
            await expect(page.locator("#link")).to_have_class("link", timeout=15_000)
            await tell(pbx, "answered", 1, target="101")
            await expect(page.locator(".badge")).to_have_text("Разговор")
        await page.context.close()
