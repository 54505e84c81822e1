"""The admin looks into the journal of hooks, the audit and what is left to do, on the demo."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, expect

from storage import journal
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

NUMBER = "+79430007755"


@pytest.fixture
async def tab(browser: Browser, demo: Demo) -> AsyncIterator[Tab]:
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    watched = watch(page)
    await page.goto(demo.new_link())
    yield watched
    await context.close()


async def put_aside(demo: Demo) -> None:
    """A call of yesterday that an earlier version did not understand."""
    said = {"event": "ringing", "call_id": "lost-1", "caller": NUMBER, "called": "+74950000101"}
    async with beside(demo.base_url) as base:
        await base.write(
            journal.set_aside,
            account="main",
            received=datetime.now(UTC) - timedelta(days=1),
            field="called",
            reason="is obligatory",
            body=json.dumps(said).encode(),
            query="",
        )


async def test_a_lost_hook_is_found_read_again_and_taken(tab: Tab, demo: Demo) -> None:
    page = tab.page
    await put_aside(demo)
    await page.goto(f"{demo.url}/journal")
    await page.get_by_label("Чем закончилось").select_option(label="Неразобранный запрос")
    await page.get_by_role("button", name="Показать").click()
    await page.get_by_role("link", name="Неразобранный запрос").first.click()
    await expect(page.get_by_text("lost-1")).to_be_visible()
    await expect(page.get_by_role("button", name="Принять сейчас")).to_have_count(0)
    await page.get_by_role("link", name="Прочитать ещё раз").click()
    await expect(page.get_by_role("heading", name="Решение было бы таким")).to_be_visible()
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await page.get_by_role("button", name="Принять сейчас").click()
    await expect(page).to_have_url(re.compile(r"/journal/hook\?account=main&key=aside"))
    await page.get_by_role("link", name="звонок", exact=True).click()
    await expect(page.get_by_text("+7 943 000-77-55").first).to_be_visible()

    # Who did it stands in the audit, and nobody has changed that since.
    await page.goto(f"{demo.url}/audit")
    await expect(page.locator(".audit-list li").first).to_contain_text(
        "принят неразобранный запрос"
    )
    assert await tab.fits()
    await page.get_by_role("link", name="Проверить цепочку").click()
    await expect(page.get_by_role("status").filter(has_text="Цепочка цела")).to_be_visible()


async def test_a_person_confirms_what_only_a_person_can_see(tab: Tab, demo: Demo) -> None:
    page = tab.page
    await page.goto(f"{demo.url}/health")
    key = page.locator(".ready-list > li").filter(has_text="Секретный ключ")
    await expect(key).to_contain_text("сделать")
    await key.get_by_role("button", name="Копия есть в другом месте").click()
    done = page.locator(".ready-done li").filter(has_text="Секретный ключ")
    await expect(done).to_contain_text("Подтверждение: Администратор")
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await done.get_by_role("button", name="Проверить заново").click()
    await expect(key).to_contain_text("сделать")
