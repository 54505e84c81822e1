"""A manager's way from a call to what follows from it, in his language."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from callrouter.flows.visits import new_link
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.e2e.test_day import Caller, pretty
from tests.hooks import pbx_of
from tests.running import LAST_RESORT, LINE, SECRET, House, beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

# Nothing here is Russian: whatever is on a page, the page has said.
OTHER_LINE = "+74951230002"
SETUP = f"""
[company]
name = "Daisy"
duty = "anna"
time_zone = "Europe/Moscow"

[[account]]
key = "main"
provider = "pbx"
secret = "{SECRET}"
default_line = "{LINE}"

[[manager]]
key = "anna"
name = "Anna Smith"
dial = "101"

[[manager]]
key = "emma"
name = "Emma Jones"
dial = "102"

[[ladder]]
key = "anna"
  [[ladder.step]]
  ring = "manager"
  managers = ["anna"]

[[ladder]]
key = "emma"
  [[ladder.step]]
  ring = "manager"
  managers = ["emma"]

[[line]]
number = "{LINE}"
name = "Site"
account = "main"
ladder = "anna"
last_resort = "{LAST_RESORT}"

[[line]]
number = "{OTHER_LINE}"
name = "Shop"
account = "main"
ladder = "emma"
last_resort = "{LAST_RESORT}"

[[pipeline]]
key = "sales"
name = "Sales"
statuses = [
  {{ key = "new", name = "New one" }},
  {{ key = "in_work", name = "In work" }},
  {{ key = "won", name = "Paid", closed = true }},
  {{ key = "lost", name = "Lost", closed = true, required = ["loss_reason"] }},
]
"""
RUSSIAN = re.compile("[А-Яа-яЁё][А-Яа-яЁё -]*")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for both: each manager has a line of her own, and sees what is her own."""
    house = House(tmp_path_factory.mktemp("manager") / "data")
    with house.standing(SETUP):
        yield house


@asynccontextmanager
async def screen_of(
    manager: str, browser: Browser, house: House, **more: Any
) -> AsyncIterator[Tab]:
    """Her browser, which must have complained of nothing in the end."""
    async with beside(house.base_url) as base:
        link = await base.write(new_link, now=datetime.now(UTC), manager=manager, role="manager")
    context = await browser.new_context(viewport=WIDE, reduced_motion="reduce", **more)
    tab = watch(await context.new_page())
    await tab.page.goto(f"{house.url}/enter/{link}")
    yield tab
    await context.close()
    assert tab.complaints == []


def pop(page: Page) -> Locator:
    return page.locator(".pop")


async def is_english(page: Page) -> None:
    """All of it: what is folded, too, and what only a screen reader says."""
    assert RUSSIAN.findall(await page.content()) == [], page.url


async def test_from_the_pop_by_the_card_to_a_next_step_in_today(
    browser: Browser, house: House
) -> None:
    async with (
        screen_of("anna", browser, house, locale="ru-RU") as tab,
        pbx_of(house) as pbx,
    ):
        page, caller = tab.page, Caller(pbx, LINE)
        await page.goto(f"{house.url}/today")
        await expect(page.locator("#link")).to_contain_text("Звонки принимаются")
        await caller.tells("ringing")
        await expect(pop(page)).to_contain_text("Звонит вам")
        await expect(pop(page)).to_contain_text(pretty(caller.number))
        await tab.shoot("manager-rings")

        # The deal is opened while it rings; the call goes on over it.
        await pop(page).get_by_role("link", name="Открыть сделку").click()
        await expect(page).to_have_url(re.compile(r"/cards/\w{26}$"))
        card = page.url
        await expect(page.locator("#deal-head .badge").first).to_have_text("New one")
        await expect(page.locator("main")).to_contain_text(pretty(caller.number))
        await caller.tells("answered", target="101")
        await expect(pop(page)).to_contain_text("Вы говорите")
        await tab.shoot("manager-talks")
        await caller.hangs_up()
        await expect(pop(page)).to_contain_text("Разговор окончен")
        await pop(page).get_by_role("link", name="Оформить").click()

        clicks = (
            page.get_by_role("radio", name="Сделка или может ею стать"),
            page.get_by_role("radio", name="Завтра"),
            page.get_by_role("radio", name="In work"),
        )
        for click in clicks:
            await click.click()
        await tab.shoot("manager-write-up")
        await page.get_by_role("button", name="Сохранить").click()
        said = page.get_by_role("status").filter(has_text="Разговор оформлен.")
        await expect(said).to_be_visible()

        await page.get_by_role("link", name="Сегодня", exact=True).click()
        step = page.locator(".part.week .todo").filter(has_text=pretty(caller.number))
        await expect(step).to_contain_text("Позвонить клиенту")
        await expect(step.locator("time")).to_contain_text(":")
        await expect(page.get_by_text("Разговоры без оформления")).to_have_count(0)
        await tab.shoot("manager-today")
        await step.locator(".card-number").click()
        await expect(page).to_have_url(card)
        await expect(page.locator("#deal-head .badge").first).to_have_text("In work")
        await expect(page.locator("main")).to_contain_text("Позвонить клиенту")
        await tab.shoot("manager-card")
        await page.set_viewport_size(NARROW)
        assert await tab.fits()
        await tab.shoot("manager-card-narrow")


async def test_who_chose_english_meets_no_russian_on_the_same_way(
    browser: Browser, house: House
) -> None:
    async with (
        screen_of("emma", browser, house, locale="ru-RU") as tab,
        pbx_of(house) as pbx,
    ):
        page, caller = tab.page, Caller(pbx, OTHER_LINE)
        await page.goto(f"{house.url}/me")
        await page.get_by_role("button", name="English").click()
        await expect(page.locator("h2", has_text="Language")).to_be_visible()
        await page.get_by_role("link", name="Today", exact=True).click()
        await expect(page.locator("#link")).to_contain_text("Calls come in")
        await is_english(page)
        await caller.tells("ringing")
        await expect(pop(page)).to_contain_text("Calls you")
        await is_english(page)
        await tab.shoot("manager-en-rings")
        await pop(page).get_by_role("link", name="Open the card").click()
        await expect(page.locator("#deal-head")).to_be_visible()
        await is_english(page)
        await caller.tells("answered", target="102")
        await expect(pop(page)).to_contain_text("You are talking")
        await is_english(page)
        await caller.hangs_up()
        await expect(pop(page)).to_contain_text("The talk is over")
        await pop(page).get_by_role("link", name="Write up").click()
        await expect(page.get_by_role("radio", name="Tomorrow")).to_be_visible()
        await is_english(page)
        await page.get_by_role("button", name="Save the write-up").click()
        wrong = await page.get_by_role("radio", name="A deal, or may become one").evaluate(
            "one => one.validity.valueMissing"
        )
        assert wrong
        await page.get_by_role("radio", name="A deal, or may become one").click()
        await page.get_by_role("radio", name="Tomorrow").click()
        await page.get_by_role("radio", name="In work").click()
        await tab.shoot("manager-en-write-up")
        await page.get_by_role("button", name="Save the write-up").click()
        await expect(page.get_by_text("The talk is written up.")).to_be_visible()
        await is_english(page)

        await page.get_by_role("link", name="Board", exact=True).click()
        await expect(page.locator("#col-in_work .tile")).to_be_visible()
        await is_english(page)
        await tab.shoot("manager-en-board")
        for name, heading in (("Today", "Today"), ("To call back", ""), ("Calls now", "Calls now")):
            await page.get_by_role("link", name=name, exact=True).click()
            await expect(page.locator("h1")).to_contain_text(heading)
            await is_english(page)
        await page.goto(f"{house.url}/calls/mine")
        await page.locator(".my-call").get_by_role("link", name=pretty(caller.number)).first.click()
        await expect(page.locator("h1")).to_contain_text(pretty(caller.number))
        await is_english(page)
        await tab.shoot("manager-en-call")
