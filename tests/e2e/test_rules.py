"""Rules and ladders in a browser: an admin builds a rule on a draft, by mouse and by keyboard."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote, urlsplit

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, watch

pytestmark = pytest.mark.xdist_group("browser")

VIP, TIRED = "VIP: сразу руководителю", "Дважды не дозвонился: звоним всем"
NEW = "Опт в нерабочее время"


async def names(page: Page) -> list[str]:
    return await page.locator("#rule-list h2 a").all_inner_texts()


async def drag(page: Page, grip: Locator, above: Locator) -> None:
    start, end = await grip.bounding_box(), await above.bounding_box()
    assert start
    assert end
    await page.mouse.move(start["x"] + 10, start["y"] + 12)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 14, start["y"] + 2, steps=4)
    await page.mouse.move(end["x"] + 30, end["y"] + 6, steps=12)
    await page.mouse.up()


async def test_a_rule_is_built_on_a_draft_put_first_and_told_in_words(
    browser: Browser, demo: Demo
) -> None:
    context = await browser.new_context(viewport=WIDE, locale="ru-RU")
    tab = watch(page := await context.new_page())
    await page.goto(demo.new_link())
    await page.goto(f"{demo.url}/setup/rules")
    await page.get_by_role("button", name="Работать в черновике").click()
    await expect(page).to_have_url(re.compile(r"/setup/drafts/\w+"))
    draft = urlsplit(page.url).path.rpartition("/")[2]
    await page.goto(f"{demo.url}/setup/rules?draft={draft}")

    # A rule: two conditions, the second of which is chosen from what there is
    await page.get_by_role("link", name="Новое правило").click()
    await page.get_by_label("Название правила").fill(NEW)
    await page.locator("[name='c.0:field']").select_option("contact.tag")
    await page.locator("[name='c.0:value']").fill("опт")
    await page.get_by_role("button", name="+ условие").click()
    await expect(page.locator("[name='c.1:field']")).to_be_focused()  # one goes on there
    await page.locator("[name='c.1:field']").select_option("hours")
    await page.locator("[name='c.1:value']").select_option("closed")
    await page.locator("[name='ladder']").select_option("night")
    preview = page.locator("#preview")
    await expect(preview).to_contain_text(
        "Если у клиента есть метка «опт» и сейчас нерабочее время: клиент слышит"
    )
    await page.locator("[name='c.0:value']").fill("vip")  # what VIPs have is taken above
    await expect(preview).to_contain_text(f"Никогда не сработает: выше стоит «{VIP}»")
    await page.locator("[name='c.0:value']").fill("опт")
    await expect(preview).not_to_contain_text("Никогда не сработает")
    await tab.shoot("rule-form")
    await page.get_by_role("button", name="Сохранить в черновике").click()

    # The order: dragged to the top, then down again by keyboard, which stays where it was
    await expect(page.locator("#rule-list h2 a")).to_have_text([VIP, TIRED, NEW])
    await drag(page, page.locator(".grip").nth(2), page.locator(".rule-row").nth(0))
    await expect(page.locator("#rule-list h2 a")).to_have_text([NEW, VIP, TIRED])
    await expect(page.locator("#rule-list .rule-n")).to_have_text(["1", "2", "3"])  # it is kept
    down = page.get_by_role("button", name=f"Ниже: {NEW}")
    await down.press("Enter")
    await expect(page.locator("#rule-list h2 a")).to_have_text([VIP, NEW, TIRED])
    await expect(down).to_be_focused()
    await page.reload()
    assert await names(page) == [VIP, NEW, TIRED]
    tried = page.locator(".rules-ways").get_by_role("link", name="Проверить звонок")
    assert await tried.get_attribute("href") == f"/what-if?draft={draft}"

    # Nothing of it is in force
    await page.goto(f"{demo.url}/setup/rules")
    assert await names(page) == [VIP, TIRED]
    assert tab.complaints == []
    await context.close()


async def test_what_is_chosen_before_the_script_has_come_is_told_too(
    browser: Browser, demo: Demo
) -> None:
    context = await browser.new_context(viewport=WIDE, locale="ru-RU")
    page = await context.new_page()
    await page.goto(demo.new_link())
    chosen = asyncio.Event()

    async def slowly(route: Route) -> None:
        await chosen.wait()
        await route.continue_()

    await page.route("**/static/rules.js", slowly)
    address = f"{demo.url}/setup/rules/edit?rule={quote(VIP)}"
    await page.goto(address, wait_until="commit")
    await page.locator("[name='ladder']").select_option("everybody")
    chosen.set()
    await expect(page.locator("#preview")).to_contain_text("не больше 5 телефонов")
    await context.close()


async def test_a_ladder_is_built_on_a_phone(browser: Browser, demo: Demo) -> None:
    context = await browser.new_context(viewport=NARROW, locale="ru-RU")
    tab = watch(page := await context.new_page())
    await page.goto(demo.new_link())
    await page.goto(f"{demo.url}/setup/ladders/new")
    await page.get_by_label("Короткое имя").fill("evening")
    await page.get_by_role("button", name="+ шаг").click()
    await expect(page.locator("[name='s.2:what']")).to_be_focused()
    await page.locator("[name='s.2:what']").select_option("in_order")
    await page.locator("button[value='manager:2']").click()
    await page.locator("[name='s.2:managers']").select_option("zhanna")
    await page.locator("[name='s.1:seconds']").fill("9999")
    await expect(page.locator("#step-1 .wrong").filter(has_text="600")).to_be_visible()
    await page.locator("[name='s.1:seconds']").fill("30")
    preview = page.locator("#preview")
    await expect(preview).to_contain_text(
        "2 попытки по 30 с → по порядку списка: Жанна Белова, 20 с"
    )
    await expect(preview).to_contain_text("не дольше 1 мин 40 с")
    assert await tab.fits()
    await tab.shoot("ladder-form-narrow")
    await page.get_by_role("button", name="Сохранить: действует сразу").click()
    row = page.locator("#ladder-evening")
    await expect(row).to_contain_text("Пока никем не используется")
    await row.locator("summary").click()
    await row.get_by_role("button", name="Удалить порядок").click()
    await expect(row).to_have_count(0)
    assert tab.complaints == []
    await context.close()
