"""The admin asks what a draft would change: for one call, and for those of the last days."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import Connection, func, select

from callrouter.domain.setup import Ladder, Setup, Step
from callrouter.flows import tuning
from callrouter.seal import Seal
from storage import tables
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, watch
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]


def all_to_a_pair(setup: Setup) -> Setup:
    """Every line rings these two at once, whoever calls and whatever the time."""
    ladder = Ladder("pair", (Step("all", seconds=35, managers=("dina", "zhanna")),))
    lines = tuple(replace(one, ladder="pair", closed=None, hours=None) for one in setup.line)
    people = tuple(replace(one, shift=None) for one in setup.manager)
    return replace(setup, ladder=(*setup.ladder, ladder), line=lines, manager=people, rule=())


def make_draft(conn: Connection) -> str:
    now = datetime.now(UTC)
    seal = Seal("not asked for: the draft has no new secret")
    id_ = tuning.new_draft(conn, "Пара на всех", by="page:admin", now=now)
    tuning.edit(conn, all_to_a_pair, seal=seal, by="page:admin", now=now, draft=id_)
    return id_


async def prepared(demo: Demo) -> str:
    """A draft; and the call that was just dialled has been decided."""
    told = select(func.count()).select_from(tables.decision)
    async with beside(demo.base_url) as base:
        async with asyncio.timeout(60):
            while not await base.read(lambda conn: conn.scalar(told)):
                await asyncio.sleep(0.1)
        return await base.write(make_draft)


async def fits(page: Page) -> None:
    for viewport in (NARROW, WIDE):
        await page.set_viewport_size(viewport)
        assert await watch(page).fits()


async def test_a_draft_is_tried_on_one_call_and_on_past_ones(browser: Browser, demo: Demo) -> None:
    context = await browser.new_context(viewport=WIDE)
    page = await context.new_page()
    tab = watch(page)
    await page.goto(demo.new_link())
    await page.get_by_label("Номер", exact=True).fill("8 943 000-55-44")
    await page.get_by_role("button", name="Позвонить", exact=True).click()
    draft = await prepared(demo)

    await page.get_by_role("link", name="Настройка").click()
    await page.get_by_role("link", name="Проверить звонок").first.click()
    await page.get_by_label("Кто звонит").fill("8 943 000-66-55")
    await page.get_by_label("По каким правилам").select_option(draft)
    await page.get_by_label("рядом с действующими").check()
    await page.get_by_role("button", name="Проверить", exact=True).click()
    await expect(
        page.get_by_role("heading", name="На черновике этот звонок пойдёт иначе")
    ).to_be_visible()
    new = page.get_by_role("region", name="Черновик «Пара на всех»")
    await expect(new).to_contain_text("Дина Фролова")
    await expect(page.get_by_role("region", name="Действует")).to_be_visible()
    await new.get_by_text("Всё, на чём стояло решение").click()
    await expect(new).to_contain_text("«pair»")
    await fits(page)
    await page.get_by_text("Представить, что кто-то занят или свободен").click()
    await page.get_by_label("Дина Фролова").select_option(label="разговаривает")
    await page.get_by_role("button", name="Проверить", exact=True).click()
    await expect(new.locator(".rungs")).not_to_contain_text("Дина Фролова")
    await expect(page.get_by_label("Кто звонит")).to_be_in_viewport()
    await page.set_viewport_size(NARROW)
    await page.get_by_role("button", name="Проверить", exact=True).click()
    await expect(page.locator(".try-verdict h2")).to_be_in_viewport()
    await expect(page.get_by_label("Кто звонит")).not_to_be_in_viewport()
    await page.set_viewport_size(WIDE)

    await page.get_by_role("link", name="Прошлые звонки").click()
    await expect(page.get_by_label("По каким правилам")).to_have_value(draft)
    await page.get_by_role("button", name="Прогнать").click()
    await expect(page).to_have_url(re.compile(r"/what-if/replay/\w{26}$"))
    # Drawn by the page's own script, without anybody's doing.
    came = page.get_by_role("heading", name="звонок пошёл бы иначе")
    await expect(came).to_be_visible(timeout=60_000)
    await fits(page)
    example = page.get_by_role("listitem").filter(
        has=page.get_by_role("link", name="Проверить сейчас")
    )
    await example.get_by_role("link", name="Проверить сейчас").click()
    await expect(page.get_by_label("Кто звонит")).to_have_value("+79430005544")
    await page.get_by_role("link", name="Что было тогда").click()
    await expect(page).to_have_url(re.compile(r"/calls/\w{26}$"))
    assert not tab.complaints
    await context.close()
