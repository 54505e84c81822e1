"""A department's day on the screen: breaks, callers who wait, calls back, whose call it was."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    StorageState,
    ViewportSize,
    expect,
)
from sqlalchemy import Connection

from callrouter.flows.presence import say
from storage import contacts, setups
from storage.contacts import Person
from tests.e2e.tab import NARROW, WIDE, Tab, contrast, watch
from tests.hooks import Pbx, Sent, pbx_of
from tests.running import LAST_RESORT, LINE, SECRET, House, beside

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

T = TypeVar("T")

DIRECT = "+74951230002"  # rings Gleb and nobody else
SETUP = f"""
[company]
name = "Ромашка"
duty = "vera"
time_zone = "Europe/Moscow"

[[account]]
key = "main"
provider = "pbx"
secret = "{SECRET}"
default_line = "{LINE}"

[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"
wrap_up_s = 0

[[manager]]
key = "boris"
name = "Борис Орлов"
dial = "102"
wrap_up_s = 0

[[manager]]
key = "gleb"
name = "Глеб Лебедев"
dial = "104"
wrap_up_s = 600

[[manager]]
key = "vera"
name = "Вера Котова"
dial = "103"
role = "head"

[[ladder]]
key = "sales"
  [[ladder.step]]
  ring = "least_loaded"
  managers = ["anna", "boris"]
  seconds = 20
  busy = "wait"
  wait = 180

[[ladder]]
key = "gleb"
  [[ladder.step]]
  ring = "manager"
  managers = ["gleb"]
  seconds = 20

[[line]]
number = "{LINE}"
name = "Сайт"
account = "main"
ladder = "sales"
last_resort = "{LAST_RESORT}"

[[line]]
number = "{DIRECT}"
name = "Глебу"
account = "main"
ladder = "gleb"
last_resort = "{LAST_RESORT}"
"""

_numbers = count(1)


@dataclass
class Caller:
    """Somebody who calls once: every hook of his call."""

    pbx: Pbx
    line: str = LINE
    number: str = ""

    def __post_init__(self) -> None:
        self.ref = f"call-{next(_numbers)}"
        self.number = self.number or f"+7916100{next(_numbers):04}"

    async def tells(self, event: str, **fields: Any) -> Sent:
        fields |= {"caller": self.number, "called": self.line, "call_id": self.ref}
        sent = await self.pbx.post({"event": event, "event_id": f"{event}-{self.ref}", **fields})
        assert sent.acknowledged, sent
        return sent

    async def talks_to(self, target: str) -> Caller:
        await self.tells("ringing")
        await self.tells("answered", target=target)
        return self

    async def is_missed(self) -> Caller:
        await self.tells("ringing")
        await self.tells("ended", reason="caller_hung_up")
        return self

    async def hangs_up(self) -> None:
        await self.tells("ended", reason="completed", duration_s=7)


@dataclass
class Day:
    """A server that runs, and who is let in to it."""

    house: House
    visit: StorageState | None = None

    async def write(self, do: Callable[..., T], *args: Any) -> T:
        """Write into the base beside the server, as a command does."""
        async with beside(self.house.base_url) as base:
            return await base.write(do, *args)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """One server for all tests here: each has callers of its own, and leaves nobody busy."""
    house = House(tmp_path_factory.mktemp("day") / "data")
    with house.standing(SETUP):
        yield Day(house)


@pytest.fixture
async def pbx(day: Day) -> AsyncIterator[Pbx]:
    async with pbx_of(day.house) as one:
        yield one


async def let_in(browser: Browser, day: Day) -> BrowserContext:
    context = await browser.new_context(viewport=WIDE, storage_state=day.visit)
    if day.visit is None:
        link = re.search(r"/enter/[\w-]+", (await day.house.run("link")).printed)
        assert link
        page = await context.new_page()
        await page.goto(day.house.url + link[0])
        day.visit = await context.storage_state()
        await page.close()
    return context


@pytest.fixture
async def tab(browser: Browser, day: Day) -> AsyncIterator[Tab]:
    """The page "Calls now", whose browser must have complained of nothing in the end."""
    context = await let_in(browser, day)
    tab = watch(await context.new_page())
    await tab.page.goto(day.house.url)
    await expect(tab.page.locator("#link")).to_have_text("Звонки принимаются")
    yield tab
    await context.close()
    assert tab.complaints == []


def chip(tab: Tab, key: str) -> Locator:
    return tab.page.locator(f".chip[data-key='{key}']")


def row(tab: Tab, caller: Caller) -> Locator:
    return tab.page.locator(f".call[data-ref='{caller.ref}']")


def debt(tab: Tab, title: str) -> Locator:
    return tab.page.locator(".debt").filter(has_text=title)


def pretty(number: str) -> str:
    return f"{number[:2]} {number[2:5]} {number[5:8]}-{number[8:10]}-{number[10:]}"


# Presence


async def test_a_break_by_the_menu_and_back_by_a_click(tab: Tab) -> None:
    anna = chip(tab, "anna")
    await anna.locator("summary").click()
    await expect(anna.locator(".sums")).to_contain_text("новых клиентов сегодня")
    await anna.get_by_label("Причина").fill("обед")
    await anna.get_by_role("button", name="Перерыв").click()
    await expect(anna.locator(".doing")).to_have_text(re.compile(r"перерыв \(обед\) до полуночи"))
    await expect(anna).to_have_class("chip away")
    await expect(anna.locator(".sheet")).to_be_hidden()
    await tab.shoot("break")
    back = anna.get_by_role("button", name="На линию: Анна Смирнова")
    await back.click()
    await expect(anna.locator(".doing")).to_have_text("на линии")
    await expect(back).to_have_count(0)


async def test_a_break_that_would_be_over_already_is_refused_beside_the_form(tab: Tab) -> None:
    passed = datetime.now(ZoneInfo("Europe/Moscow")) - timedelta(minutes=1)
    vera = chip(tab, "vera")
    await vera.locator("summary").click()
    await vera.get_by_label("До скольки").fill(f"{passed:%H:%M}")
    await vera.get_by_role("button", name="Перерыв").click()
    said = vera.locator(".pause .form-said")
    await expect(said).to_have_text("Это время уже прошло.")
    await expect(said).to_have_attribute("role", "status")
    await expect(vera.get_by_label("До скольки")).to_have_value(f"{passed:%H:%M}")
    await expect(vera).to_have_class("chip free")
    assert [one for one in tab.complaints if "400" not in one] == []
    tab.complaints.clear()


async def test_wrap_up_is_ended_by_a_click(tab: Tab, pbx: Pbx) -> None:
    gleb, caller = chip(tab, "gleb"), Caller(pbx, DIRECT)
    await caller.talks_to("104")
    await expect(gleb).to_have_class("chip talking")
    await caller.hangs_up()
    await expect(gleb.locator(".doing")).to_have_text("оформление")
    await gleb.get_by_role("button", name="Готово: Глеб Лебедев").click()
    await expect(gleb.locator(".doing")).to_have_text("на линии")


async def test_an_open_menu_with_what_is_typed_in_it_survives_news(tab: Tab, pbx: Pbx) -> None:
    page, boris = tab.page, chip(tab, "boris")
    await page.set_viewport_size(NARROW)
    people = page.locator(".team-list")
    await people.evaluate("one => { one.scrollLeft = 120 }")
    await boris.locator("summary").click()
    reason = boris.get_by_label("Причина")
    await reason.press_sequentially("к вачу")
    await reason.press("ArrowLeft")
    await reason.press("ArrowLeft")
    await reason.press("ArrowLeft")
    scrolled = await people.evaluate("one => one.scrollLeft")
    caller = await Caller(pbx).talks_to("102")
    await expect(boris).to_have_class("chip talking")
    await expect(reason).to_be_focused()
    await page.keyboard.type("р")
    await expect(reason).to_have_value("к врачу")
    assert scrolled > 0
    assert await people.evaluate("one => one.scrollLeft") == scrolled
    await caller.hangs_up()
    await expect(boris).to_have_class("chip free")
    await expect(reason).to_have_value("к врачу")
    await expect(reason).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(boris.locator(".sheet")).to_be_hidden()
    await expect(boris.locator("summary")).to_be_focused()


# Waiting


async def test_who_waits_has_his_place_and_a_running_timer(tab: Tab, pbx: Pbx) -> None:
    talks = [await Caller(pbx).talks_to(dial) for dial in ("101", "102")]
    first, second = Caller(pbx), Caller(pbx)
    for position, caller in ((1, first), (2, second)):
        told = (await caller.tells("ringing")).told
        assert (told["decision"], told["position"]) == ("wait", position)
        await expect(row(tab, caller).locator(".badge")).to_have_text("Ожидает")
        await expect(row(tab, caller).locator(".face")).to_have_text(str(position))
        await expect(row(tab, caller).locator(".doing")).to_contain_text(f"место {position}")
    summary = tab.page.locator(".team-sum .in-line")
    await expect(summary).to_contain_text("ждут в очереди: 2, дольше всех")
    for timer in (row(tab, first).locator(".timer"), summary.locator(".timer")):
        before = await timer.inner_text()
        assert re.fullmatch(r"\d:\d\d", before)
        await expect(timer).not_to_have_text(before)
    await tab.shoot("waiting")
    for caller in (first, second):
        await caller.tells("ended", reason="caller_hung_up")
    await expect(summary).to_have_count(0)
    for caller in talks:
        await caller.hangs_up()


# Calls back


async def test_a_missed_call_is_owed_with_a_term_until_somebody_says_why_not(
    tab: Tab, pbx: Pbx
) -> None:
    caller = await Caller(pbx, DIRECT).is_missed()
    owed = debt(tab, pretty(caller.number))
    await expect(owed).to_contain_text("Клиент положил трубку через")
    await expect(owed.locator(".badge")).to_have_text(re.compile(r"до (\d\d\.\d\d )?\d\d:\d\d"))
    await expect(owed.locator(".debt-owner")).to_contain_text("Глеб Лебедев")
    await expect(owed.locator("a.number")).to_have_attribute("href", f"tel:{caller.number}")
    # The day is counted at most every ten seconds.
    await expect(tab.page.locator(".owed-sum").last).to_contain_text("ещё нет", timeout=15_000)
    await tab.shoot("owed")
    await owed.locator("summary").click()
    await owed.get_by_role("button", name="Закрыть без звонка").click()
    assert await owed.locator("input").evaluate("one => one.validity.valueMissing")
    await owed.get_by_label("Почему перезванивать не надо").fill("договорились в чате")
    await owed.get_by_role("button", name="Закрыть без звонка").click()
    await expect(owed).to_have_count(0)


async def test_a_talk_settles_it_on_every_screen(tab: Tab, pbx: Pbx) -> None:
    missed = await Caller(pbx, DIRECT).is_missed()
    owed = debt(tab, pretty(missed.number))
    await expect(owed).to_have_count(1)
    again = await Caller(pbx, LINE, missed.number).talks_to("101")
    await expect(owed).to_have_count(0)
    await again.hangs_up()


# Whose call it was, and what came of it


async def test_another_of_the_numbers_people_is_chosen(day: Day, tab: Tab, pbx: Pbx) -> None:
    def write(conn: Connection) -> None:
        for name in ("Иван Петров", "Ольга Петрова"):
            person = Person(name=name, phones=("+79161000771",), kind="person", relation="client")
            contacts.add(conn, person, now=datetime.now(UTC))

    await day.write(write)
    caller = await Caller(pbx, DIRECT, "+79161000771").is_missed()
    title = row(tab, caller).locator("h3 a")
    await expect(title).to_have_text("Иван Петров")
    await expect(debt(tab, "Иван Петров")).to_have_count(1)
    await title.click()
    page = tab.page
    await expect(page.locator("h2", has_text="Кто звонил")).to_be_visible()
    await expect(page.locator(".debt-note")).to_contain_text("Глеб Лебедев")
    chosen = page.get_by_role("button", pressed=True)
    await expect(chosen).to_contain_text("Иван Петров")
    await page.get_by_role("button", name="Ольга Петрова").click()
    await expect(page.locator("h1")).to_have_text("Ольга Петрова")
    await expect(chosen).to_contain_text("по вашему выбору")
    await tab.shoot("people")
    await page.get_by_role("link", name="← Звонки сейчас").click()
    await expect(title).to_have_text("Ольга Петрова")
    await expect(debt(tab, "Ольга Петрова")).to_have_count(1)


async def test_the_screen_pop_names_them_and_what_is_owed(day: Day, tab: Tab, pbx: Pbx) -> None:
    def write(conn: Connection) -> None:
        for name in ("Семён Ветров", "Склад «Ветер»"):
            person = Person(name=name, phones=("+79161000772",), kind="person", relation="client")
            contacts.add(conn, person, now=datetime.now(UTC))

    await day.write(write)
    await Caller(pbx, DIRECT, "+79161000772").is_missed()
    again = Caller(pbx, DIRECT, "+79161000772")
    url = (await again.tells("ringing")).told["card_url"]
    page = tab.page
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        await page.goto(url)
        await expect(page.locator("h1")).to_have_text("Семён Ветров")
        await expect(page.locator(".several")).to_contain_text("Склад «Ветер»")
        await expect(page.locator(".debt-note")).to_contain_text("Надо перезвонить")
        await expect(page.locator("main form:not([action='/calls/order'])")).to_have_count(0)
        assert await tab.fits()
        await tab.shoot(f"pop-{size['width']}")
    await again.tells("ended", reason="caller_hung_up")


async def test_spam_is_said_and_blocked(tab: Tab, pbx: Pbx) -> None:
    page, caller = tab.page, await Caller(pbx, DIRECT).is_missed()
    await expect(debt(tab, pretty(caller.number))).to_have_count(1)
    await row(tab, caller).get_by_role("link", name=re.compile("Итог")).click()
    assert page.url.endswith("#outcome")
    await page.get_by_role("button", name="Спам").click()
    await expect(page.get_by_role("button", name="Спам")).to_have_attribute("aria-pressed", "true")
    await tab.shoot("spam")
    await page.get_by_role("button", name="Заблокировать номер").click()
    await expect(page.locator(".blocked")).to_have_text(re.compile(r"Номер заблокирован до [\d.]+"))
    await page.goto(page.url.split("/calls")[0])
    await expect(row(tab, caller).locator(".outcome")).to_have_text("Спам")
    await expect(debt(tab, pretty(caller.number))).to_have_count(0)
    again = Caller(pbx, DIRECT, caller.number)
    assert (await again.tells("ringing")).told["decision"] == "reject"
    await expect(row(tab, again).locator(".badge")).to_have_text("Отклонён")


# Everybody can use it


async def test_all_of_it_works_by_keyboard(tab: Tab, pbx: Pbx) -> None:
    page, press, vera = tab.page, tab.page.keyboard.press, chip(tab, "vera")
    missed = await Caller(pbx, DIRECT).is_missed()
    owed = debt(tab, pretty(missed.number))
    await expect(owed).to_have_count(1)

    await vera.locator("summary").focus()
    await press("Enter")
    for _ in range(3):  # the two states, then the reason
        await press("Tab")
    await page.keyboard.type("встреча")
    await press("Enter")
    await expect(vera.locator(".doing")).to_have_text(re.compile(r"перерыв \(встреча\)"))
    await expect(vera.locator("summary")).to_be_focused()
    await press("Tab")
    await expect(vera.get_by_role("button", name="На линию: Вера Котова")).to_be_focused()
    await press("Enter")
    await expect(vera.locator(".doing")).to_have_text("на линии")
    await expect(vera.locator("summary")).to_be_focused()

    await owed.locator("summary").focus()
    await press("Enter")
    await press("Tab")
    await page.keyboard.type("ошиблись номером")
    await press("Enter")
    await expect(owed).to_have_count(0)
    await expect(page.locator("#owed-title")).to_be_focused()

    await row(tab, missed).locator("h3 a").focus()
    await press("Enter")
    await expect(page.locator("h1")).to_have_text(pretty(missed.number))
    supplier = page.get_by_role("button", name="Поставщик")
    await supplier.focus()
    await press("Enter")
    await expect(supplier).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_open_menus_fit_and_can_be_read(
    tab: Tab,
    pbx: Pbx,
    day: Day,
    size: ViewportSize,
    scheme: Literal["light", "dark"],
    language: str,
) -> None:
    page = tab.page
    talks = [await Caller(pbx).talks_to(dial) for dial in ("101", "102")]
    waits = Caller(pbx)
    await waits.tells("ringing")
    await Caller(pbx, DIRECT).is_missed()
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)
    await page.goto(f"{day.house.url}/?language={language}")
    await expect(row(tab, waits).locator(".face")).to_be_visible()
    name = f"day-{size['width']}-{scheme}-{language}"
    await tab.shoot(name)
    for one in (chip(tab, "anna"), chip(tab, "vera"), page.locator(".debt").first):
        await one.locator("summary").click()
        sheet = one.locator(".sheet")
        await expect(sheet).to_be_in_viewport(ratio=1)
        assert await tab.fits()
        for inside in await sheet.locator("input, button").all():
            assert await _is_within(inside, sheet)
        await tab.shoot(f"{name}-{await one.get_attribute('class')}")
        await page.keyboard.press("Escape")
    for selector in (".in-line", ".doing", ".sums dt", ".sheet-title", ".debt .muted", ".debt h3"):
        assert await contrast(page, selector) > 4.5, selector
    assert await contrast(page, ".debt .badge") > 4.5
    for caller in (*talks, waits):
        await caller.hangs_up()


async def _is_within(inner: Locator, outer: Locator) -> bool:
    one, other = await inner.bounding_box(), await outer.bounding_box()
    assert one
    assert other
    right, end = one["x"] + one["width"], other["x"] + other["width"]
    return one["x"] >= other["x"] and right <= end


async def test_a_tab_that_was_away_gets_the_team_and_what_is_owed(
    browser: Browser, tmp_path: Path
) -> None:
    house = House(tmp_path / "data")
    house.data_dir.mkdir()
    await house.apply(SETUP)
    day = Day(house)

    def break_of_anna(conn: Connection) -> None:
        setup = setups.load(conn, setups.current_version(conn) or 0)
        now = datetime.now(UTC)
        say(conn, setup, setup.managers["anna"], "pause", by="anna", now=now, reason="lunch")

    async with pbx_of(house) as pbx:
        async with house.serving():
            tab = watch(await (await let_in(browser, day)).new_page())
            await tab.page.goto(house.url)
            await expect(chip(tab, "anna").locator(".doing")).to_have_text("на линии")
        await expect(tab.page.locator("#link")).to_have_class("link off")
        async with house.serving():
            missed = await Caller(pbx, DIRECT).is_missed()
            await day.write(break_of_anna)
            await expect(tab.page.locator("#link")).to_have_class("link", timeout=15_000)
            await expect(chip(tab, "anna").locator(".doing")).to_contain_text("перерыв (обед)")
            await expect(debt(tab, pretty(missed.number))).to_have_count(1)
        await tab.page.context.close()
