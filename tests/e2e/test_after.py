"""After the talk, in a browser: written up in three clicks, done the next day from the list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from callrouter.flows.tasks import add_task
from callrouter.flows.visits import new_link
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.hooks import Pbx, pbx_of
from tests.running import LAST_RESORT, LINE, SECRET, House, beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

SETUP = f"""
[company]
name = "Ромашка"
duty = "anna"
time_zone = "Europe/Moscow"

[workplace]
write_up = "obligatory"

[[account]]
key = "main"
provider = "pbx"
secret = "{SECRET}"
default_line = "{LINE}"

[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"
wrap_up_s = 900

[[ladder]]
key = "anna"
  [[ladder.step]]
  ring = "manager"
  managers = ["anna"]
  seconds = 20

[[line]]
number = "{LINE}"
name = "Сайт"
account = "main"
ladder = "anna"
last_resort = "{LAST_RESORT}"
"""

_numbers = count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("after") / "data")
    with house.standing(SETUP):
        yield house


@pytest.fixture
async def tab(browser: Browser, house: House) -> AsyncIterator[Tab]:
    """Anna's, signed in; its browser must have complained of nothing in the end."""
    async with beside(house.base_url) as base:
        link = await base.write(new_link, now=datetime.now(UTC), manager="anna", role="manager")
    context = await browser.new_context(viewport=WIDE)
    tab = watch(await context.new_page())
    await tab.page.goto(f"{house.url}/enter/{link}")
    yield tab
    await context.close()
    assert tab.complaints == []


async def talk(pbx: Pbx) -> str:
    """A customer's talk with Anna that is over; gives his number."""
    n = next(_numbers)
    said = {"caller": f"+7916100{n:04}", "called": LINE, "call_id": f"after-{n}"}
    for event, more in (
        ("ringing", {}),
        ("answered", {"target": "101"}),
        ("ended", {"reason": "completed", "duration_s": 74}),
    ):
        sent = await pbx.post({"event": event, "event_id": f"{event}-{n}", **said, **more})
        assert sent.acknowledged, sent
    return f"+7 916 100-{n // 100:02}-{n % 100:02}"


async def test_a_talk_is_written_up_in_three_clicks_and_its_next_step_is_done(
    tab: Tab, house: House
) -> None:
    page = tab.page
    async with pbx_of(house) as pbx:
        number = await talk(pbx)
    await page.goto(f"{house.url}/calls/mine")
    top = page.locator(".must")
    await expect(top).to_contain_text(number)
    await expect(page.locator('nav.pages a[href="/today"] .nav-count')).to_have_text("1")
    await tab.shoot("my_calls")
    await top.get_by_role("link", name="Оформить").click()
    await page.get_by_label("Заметка").fill("Хочет стол и лампу")
    await page.reload()  # what was typed outlives a lost page
    await expect(page.get_by_label("Заметка")).to_have_value("Хочет стол и лампу")
    await tab.shoot("write_up")
    clicks = (
        page.get_by_role("radio", name="Сделка или может ею стать"),
        page.get_by_role("radio", name="Завтра"),
        page.get_by_role("button", name="Сохранить"),
    )
    for click in clicks:
        await click.click()
    await expect(page.get_by_role("status").filter(has_text="Разговор оформлен.")).to_be_visible()
    await expect(top).to_have_count(0)
    await expect(page.locator(".my-call")).to_contain_text("оформлен")

    await page.goto(f"{house.url}/today")
    step = page.locator(".todo").filter(has_text="Позвонить клиенту")
    await expect(step).to_contain_text(number)
    await expect(step.locator("time")).to_contain_text(":")
    await step.locator("summary", has_text="Отложить").click()
    sheet = step.locator(".menu[open] form")
    await sheet.get_by_label("До какого срока").select_option("days")
    await sheet.get_by_role("button").click()
    await expect(sheet.get_by_label("Почему")).to_be_focused()  # a reason is needed
    await sheet.get_by_label("Почему").fill("Клиент попросил")
    await sheet.get_by_role("button").click()
    await expect(step.locator(".menu[open]")).to_have_count(0)
    await step.get_by_role("button", name="Готово").click()
    await expect(step).to_have_count(0)
    await expect(page.locator(".figure-of-day")).to_contain_text("1 из 1")
    await expect(page.locator(".nothing")).to_contain_text("На сегодня всё сделано.")


async def test_what_is_typed_and_open_stays_while_the_day_is_drawn_anew(
    tab: Tab, house: House
) -> None:
    page, now = tab.page, datetime.now(UTC)
    async with beside(house.base_url) as base:
        for text, hours in (("Первое", -1), ("Второе", -2)):
            made: dict[str, Any] = {
                "kind": "task",
                "owner": "anna",
                "by": "manager:anna",
                "text": text,
                "now": now,
            }
            await base.write(add_task, **made, due_at=now + timedelta(hours=hours))
    await page.set_viewport_size(NARROW)
    await page.goto(f"{house.url}/today")
    first = page.locator(".todo").filter(has_text="Первое")
    await first.locator("summary", has_text="Отложить").click()
    reason = first.locator(".menu[open]").get_by_label("Почему")
    await reason.fill("Ждём отв")
    done = page.evaluate("document.querySelector('.todo form[action$=\"/done\"]').requestSubmit()")
    await done
    await expect(page.locator(".todo").filter(has_text="Второе")).to_have_count(0)
    await expect(reason).to_have_value("Ждём отв")
    await expect(reason).to_be_visible()
    assert await tab.fits()
    await tab.shoot("today_narrow")
