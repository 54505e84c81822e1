"""The board in a browser: by mouse, by keyboard, on a phone, and with five hundred cards a column."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from sqlalchemy import Connection, update

from callrouter.domain.setup import Pipeline, Setup, Status
from callrouter.flows.change_status import change_status
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.people import Person, save
from storage import cards, setups, tables
from storage.cards import NewCard
from storage.ids import new_id
from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, contrast, watch
from tests.running import beside, rows

pytestmark = pytest.mark.xdist_group("browser")

MANY = 500
SLOW_S = 3.0
"""Far more than it takes on a quiet machine: a few tenths."""


async def written(demo: Demo, do: Callable[[Connection, Setup, datetime], Any]) -> Any:
    """Write beside the running server, as a command does."""

    def write(conn: Connection) -> Any:
        return do(conn, setups.load(conn, setups.current_version(conn)), datetime.now(UTC))

    async with beside(demo.base_url) as database:
        return await database.write(write)


async def new_card(demo: Demo, name: str, *emails: str) -> str:
    def make(conn: Connection, setup: Setup, now: datetime) -> str:
        sent = Person(frozenset({"name", "emails"}), name=name, emails=emails)
        who = save(conn, sent, setup, system="e2e", external_id=name, by="anna", now=now)
        return make_card(conn, Wanted(who.contact, manager="anna"), setup, by="anna", now=now)

    return str(await written(demo, make))


@asynccontextmanager
async def looking(browser: Browser, demo: Demo, **context: Any) -> AsyncIterator[Tab]:
    made = await browser.new_context(**({"viewport": WIDE, "locale": "ru-RU"} | context))
    tab = watch(await made.new_page())
    await tab.page.goto(demo.new_link())
    await tab.page.goto(f"{demo.url}/board")
    yield tab
    await made.close()


async def drag(page: Page, tile: Locator, status: str) -> None:
    await lift(page, tile, status)
    await page.mouse.up()


async def lift(page: Page, tile: Locator, status: str) -> None:
    """Drag it there, and do not let go of it yet."""
    await tile.scroll_into_view_if_needed()
    start = await tile.bounding_box()
    end = await page.locator(f"#col-{status}").bounding_box()
    assert start
    assert end
    await page.mouse.move(start["x"] + 60, start["y"] + start["height"] - 12)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 80, start["y"] + start["height"] - 4, steps=4)
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 90, steps=12)


def tile_in(page: Page, status: str, card: str) -> Locator:
    return page.locator(f'.tiles[data-status="{status}"] #tile-{card}')


async def status_of(demo: Demo, card: str) -> str:
    found = dict(await rows(demo.base_url, "SELECT id, status FROM card"))
    return str(found[card])


def patient(conn: Connection, setup: Setup, now: datetime) -> None:
    """Letters wait for five minutes, however slow the machine is."""
    slow = tuple(replace(one, undo_seconds=300) for one in setup.letter)
    setups.publish(conn, replace(setup, letter=slow), by="apply", now=now)


async def _text(page: Page, address: str) -> str:
    return await (await page.request.get(address)).text()


async def test_a_card_is_dragged_to_work_and_its_letter_taken_back(
    browser: Browser, demo: Demo
) -> None:
    card = await new_card(demo, "Пётр Ильин", "ilin@mail.example")
    await written(demo, patient)
    async with looking(browser, demo) as tab:
        page, form = tab.page, tab.page.locator(".move-form")
        async with asyncio.timeout(30):  # the server looks for a new version every second
            while "5 мин" not in await _text(page, f"{demo.url}/cards/{card}/move?to=in_work"):
                await asyncio.sleep(0.2)
        await drag(page, tile_in(page, "new", card), "in_work")
        await expect(form).to_contain_text("ilin@mail.example")
        await form.get_by_text("Отмена").click()  # it goes back, and nothing was written
        await expect(tile_in(page, "new", card)).to_be_visible()
        assert await status_of(demo, card) == "new"
        await drag(page, tile_in(page, "new", card), "in_work")
        await form.get_by_text("Посмотреть письмо").click()
        await expect(form.locator(".move-preview pre")).to_be_visible(timeout=20_000)
        await tab.shoot("board-form")
        await form.locator("[name=new_email]").fill("ilin@gmial.com")
        await form.get_by_role("button", name="Исправить").click()
        await expect(form.locator("[name=new_email]")).to_have_value("ilin@gmail.com")
        await form.get_by_role("button", name="Перенести и отправить").click()
        await expect(tile_in(page, "in_work", card)).to_be_visible()
        left = page.locator("#leaving li").filter(has_text="ilin@gmail.com")
        await expect(left.locator("time")).to_have_text(re.compile(r"[345]:\d\d"))
        await expect(tile_in(page, "in_work", card).locator("time")).to_have_text(
            re.compile(r"[345]:\d\d")
        )
        await page.reload()
        assert await contrast(page, "#leaving .leaving-says") >= 4.5
        await left.get_by_role("button", name="Отменить письмо").click()
        await expect(left).to_have_count(0)
        found = await rows(demo.base_url, "SELECT card, state, email FROM letter")
        assert found == [(card, "cancelled", "ilin@gmail.com")]
        assert tab.complaints == []


async def test_by_keyboard_and_back_with_the_reason(browser: Browser, demo: Demo) -> None:
    card = await new_card(demo, "Ольга Зимина")
    async with looking(browser, demo) as tab:
        page, said = tab.page, tab.page.locator("#said")
        link = page.locator(f"#tile-{card} .tile-open")
        await link.focus()
        await page.keyboard.press("Space")
        for _ in range(2):
            await page.keyboard.press("ArrowRight")
        await expect(said).to_have_text("над этапом «КП отправлено»")
        await page.keyboard.press("Escape")
        await expect(tile_in(page, "new", card)).to_be_visible()
        await page.keyboard.press("Space")
        for _ in range(2):
            await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Enter")
        await expect(said).to_contain_text("теперь в этапе «КП отправлено»")
        assert await status_of(demo, card) == "offer_sent"
        await expect(link).to_be_focused()

        def elsewhere(conn: Connection, setup: Setup, now: datetime) -> None:
            change_status(conn, card, "invoice", setup, by="manager:vera", now=now)

        await page.keyboard.press("Space")  # while it is lifted, nothing is drawn anew
        await page.keyboard.press("ArrowLeft")
        await written(demo, elsewhere)
        await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Enter")
        reason = "Сделка тем временем изменена (Вера Котова)"
        back = tile_in(page, "invoice", card)
        await expect(back.locator(".tile-said")).to_contain_text(reason)
        await expect(said).to_contain_text(reason)
        await tab.shoot("board-refused")
        await page.keyboard.press("x")
        await expect(page.locator("#chosen")).to_have_text("Отмечено: 1")
        await page.locator("#together [name=to]").select_option("won")
        await page.get_by_role("button", name="Перенести", exact=True).click()
        await expect(page.locator("#together-said .done")).to_have_count(1)
        assert await status_of(demo, card) == "won"
        # Chromium tells of each answer that refuses, which is meant here.
        assert [one for one in tab.complaints if "409" not in one] == []


REPAIRS = Pipeline(
    "repairs",
    name="Ремонт",
    statuses=(
        Status("came", "Принят", moves=("works",)),
        Status("works", "В ремонте", required=("amount",)),
        Status("ready", "Готов"),
    ),
)


async def in_repairs(demo: Demo, page: Page, name: str) -> str:
    """A card of a pipeline that does not let it go everywhere, on its board."""

    def write(conn: Connection, setup: Setup, now: datetime) -> str:
        if REPAIRS not in setup.pipeline:
            setup = replace(setup, pipeline=(*setup.pipeline, REPAIRS))
            setups.publish(conn, setup, by="apply", now=now)
        sent = Person(frozenset({"name"}), name=name)
        who = save(conn, sent, setup, system="e2e", external_id=name, by="anna", now=now)
        wanted = Wanted(who.contact, "repairs", manager="anna")
        return make_card(conn, wanted, setup, by="anna", now=now)

    card = str(await written(demo, write))
    async with asyncio.timeout(30):  # the server looks for a new version every second
        while REPAIRS.name not in await _text(page, f"{demo.url}/board"):
            await asyncio.sleep(0.2)
    await page.goto(f"{demo.url}/board?pipeline=repairs")
    return card


async def test_what_may_not_be_goes_back_and_says_why(browser: Browser, demo: Demo) -> None:
    async with looking(browser, demo) as tab:
        page, said, form = tab.page, tab.page.locator("#said"), tab.page.locator(".move-form")
        card = await in_repairs(demo, page, "Марк Львов")

        # There is no way there at all
        await drag(page, tile_in(page, "came", card), "ready")
        here = tile_in(page, "came", card)
        reason = "Из «Принят» в «Готов» сделку не переносят. Можно: «В ремонте», «Не сделка»."
        await expect(here.locator(".tile-said")).to_have_text(reason)
        await expect(here.locator(".tile-said")).to_be_in_viewport()
        await expect(said).to_contain_text(reason)
        await expect(tile_in(page, "ready", card)).to_have_count(0)
        await tab.shoot("board-no-way")

        # What is needed there is asked for; who has not got it, takes the card back
        await drag(page, here, "works")
        await expect(page.locator(f"#tile-{card} .tile-said")).to_be_hidden()  # of before
        await form.get_by_role("button", name="Перенести").click()
        await expect(form).to_contain_text("Ещё нужно: сумма.")
        await tab.shoot("board-needed")
        await form.get_by_text("Отмена").click()
        await expect(here).to_be_visible()
        await expect(tile_in(page, "works", card)).to_have_count(0)
        assert await status_of(demo, card) == "came"

        # Somebody else is quicker, while it hangs on the mouse
        def elsewhere(conn: Connection, setup: Setup, now: datetime) -> None:
            given = {"amount": "1200"}
            change_status(conn, card, "works", setup, fields=given, by="manager:vera", now=now)

        await lift(page, here, "works")
        await written(demo, elsewhere)
        await page.mouse.up()
        reason = "Сделка тем временем изменена (Вера Котова); сейчас она в этапе «В ремонте»."
        await expect(form.get_by_role("alert")).to_have_text(reason)
        await tab.shoot("board-stale")
        await page.set_viewport_size(NARROW)
        assert await tab.fits()
        await tab.shoot("board-stale-narrow")
        await page.set_viewport_size(WIDE)
        await form.get_by_text("Отмена").click()
        await expect(tile_in(page, "works", card)).to_be_visible()
        await expect(tile_in(page, "came", card)).to_have_count(0)
        # Chromium tells of each answer that refuses, which is meant here.
        assert [one for one in tab.complaints if "409" not in one and "422" not in one] == []


async def test_five_hundred_cards_a_column_stay_quick(browser: Browser, demo: Demo) -> None:
    def fill(conn: Connection, setup: Setup, now: datetime) -> None:
        who = save(
            conn, Person(frozenset({"name"}), name="Опт"), setup, system="e2e", by="anna", now=now
        )
        made = [
            NewCard(new_id(now), 10_000 + n, who.contact, "sales", status, claimed=False, by="anna")
            for n, status in enumerate(["new", "in_work", "offer_sent", "invoice"] * MANY)
        ]
        for n in range(0, len(made), MANY):
            cards.make(conn, made[n : n + MANY], now=now - timedelta(seconds=n))
        conn.execute(update(tables.card).where(tables.card.c.number >= 10_000).values(title="Роза"))

    await written(demo, fill)
    async with looking(browser, demo) as tab:
        page = tab.page
        painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
        assert await page.evaluate(painted) < SLOW_S
        count = page.locator("#col-invoice .count")
        assert int(await count.inner_text()) >= MANY
        tiles = page.locator("#col-invoice .tile")
        assert await tiles.count() == 50
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(60):
            while await tiles.count() < MANY:
                await page.evaluate("one => one.scrollTo(0, 1e6)", await _list(page))
                await asyncio.sleep(0.02)
        parts = MANY / 50
        assert (asyncio.get_running_loop().time() - began) / parts < SLOW_S
        last = """() => {
          const began = performance.now();
          document.querySelector('#col-invoice .tiles').scrollTo(0, 0);
          return new Promise((done) => requestAnimationFrame(() =>
            requestAnimationFrame(() => done((performance.now() - began) / 1000))));
        }"""
        assert await page.evaluate(last) < SLOW_S
        await drag(page, tiles.first, "offer_sent")
        await expect(page.locator("#said")).to_contain_text("теперь в этапе «КП отправлено»")
        await page.set_viewport_size(NARROW)
        assert await tab.fits()
        assert tab.complaints == []


async def _list(page: Page) -> Any:
    return await page.query_selector("#col-invoice .tiles")


async def test_on_a_phone_a_tap_asks_where_to(browser: Browser, demo: Demo) -> None:
    card = await new_card(demo, "Лев Носов")
    phone = {"viewport": NARROW, "has_touch": True, "color_scheme": "dark"}
    async with looking(browser, demo, **phone) as tab:
        page = tab.page
        assert await tab.fits()
        await page.locator(f"#tile-{card} .tile-move").tap()
        await page.locator("[data-to=lost]").tap()
        await page.locator(".move-form [name=loss_reason]").fill("Дорого")
        await tab.shoot("board-phone")
        await page.locator(".move-form .primary").tap()
        await expect(page.locator("#said")).to_contain_text("теперь в этапе «Отказ»")
        assert await status_of(demo, card) == "lost"
        assert tab.complaints == []
