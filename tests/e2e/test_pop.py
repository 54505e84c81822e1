"""A call on the screens of whom it rings: in hidden tabs, in many tabs, while a note is typed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.e2e.test_day import DIRECT, SETUP, Caller
from tests.hooks import Pbx, pbx_of
from tests.running import House

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

GLEB = SETUP.replace(
    'name = "Глеб Лебедев"\ndial = "104"\nwrap_up_s = 600',
    """\
name = "Глеб Лебедев"
dial = "104"
wrap_up_s = 0""",
)
"""Gleb's line rings Gleb and nobody else."""

NOTE = "textarea[data-draft]"
NO_WORKER = "delete window.SharedWorker"
DRAFT = """(place) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/nowhere";
  form.dataset.draft = "note-of-the-test";
  form.className = place;
  form.innerHTML = '<textarea name="text" data-draft rows="5"></textarea>';
  document.getElementById("main").prepend(form);
  if (place === "low") Object.assign(form.style, { position: "fixed", right: "30px", bottom: "30px" });
  form.firstChild.focus();
}"""
COVERED = """() => {
  const [a, b] = [document.activeElement, document.getElementById("pops")]
    .map((one) => one.getBoundingClientRect());
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    one = House(tmp_path_factory.mktemp("pop") / "data")
    with one.standing(GLEB):
        yield one


@pytest.fixture
async def pbx(house: House) -> AsyncIterator[Pbx]:
    async with pbx_of(house) as one:
        yield one


@pytest.fixture
async def gleb(browser: Browser, house: House) -> AsyncIterator[BrowserContext]:
    """Gleb's browser, which has been allowed to show notices."""
    context = await browser.new_context(viewport=WIDE)
    await context.grant_permissions(["notifications"])
    done = await house.run("link", "--manager", "gleb")
    link = re.search(r"/enter/[\w-]+", done.printed)
    assert link, done
    page = await context.new_page()
    await page.goto(house.url + link[0])
    await page.close()
    yield context
    await context.close()


async def open_tab(context: BrowserContext, house: House, path: str = "/") -> Tab:
    tab = watch(await context.new_page())
    await tab.page.goto(house.url + path)
    await expect(tab.page.locator("#link")).to_contain_text("Звонки принимаются")
    return tab


async def with_sound(tab: Tab) -> Tab:
    """After a click on the page, as browsers want it."""
    await tab.page.locator("h1").click()
    await expect(tab.page.locator("#bell")).not_to_have_class(re.compile("silent"))
    return tab


def pop(page: Page) -> Any:
    return page.locator(".pop")


async def counted(page: Page, what: Literal["sounded", "notified"]) -> int:
    return int(await page.locator("#live").get_attribute(f"data-{what}") or 0)


async def has_one_stream(context: BrowserContext, house: House) -> None:
    """Those of browsers that are gone end with the server's next beat, within 15 seconds."""
    async with asyncio.timeout(40):
        while await _streams(context, house) != 1:
            await asyncio.sleep(0.5)


async def _streams(context: BrowserContext, house: House) -> int:
    text = await (await context.request.get(f"{house.url}/metrics")).text()
    found = re.search(r"^callrouter_streams (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


async def test_it_pops_says_who_calls_and_is_withdrawn(
    gleb: BrowserContext, house: House, pbx: Pbx
) -> None:
    tab, other = await with_sound(await open_tab(gleb, house)), Caller(pbx, DIRECT)
    page = tab.page
    await other.tells("ringing")
    await expect(pop(page)).to_be_visible()
    await expect(pop(page)).to_contain_text("Звонит вам")
    await expect(page).to_have_title(re.compile(r"^\(1\) \+7 916"))
    assert await counted(page, "sounded") == 1
    await other.tells("ended", reason="caller_hung_up")
    await expect(pop(page)).to_have_count(0)
    await expect(page).to_have_title(re.compile("^Звонки сейчас"))
    talks = await Caller(pbx, DIRECT).talks_to("104")
    await expect(pop(page)).to_contain_text("Вы говорите")
    await talks.hangs_up()
    await expect(pop(page)).to_contain_text("Разговор окончен")
    link = pop(page).get_by_role("link", name="Оформить")
    assert re.fullmatch(r"/calls/\w+/write-up", await link.get_attribute("href") or "")
    await pop(page).get_by_role("button", name="Скрыть").click()
    await expect(pop(page)).to_have_count(0)
    assert tab.complaints == []


async def test_a_hidden_tab_sounds_and_notifies(
    gleb: BrowserContext, house: House, pbx: Pbx
) -> None:
    """Ten minutes of its clock pass while it is hidden; the worker has held the stream."""
    tab = await open_tab(gleb, house)
    await with_sound(tab)
    page = tab.page
    hide = """() => {
      for (const [name, value] of [["hidden", true], ["visibilityState", "hidden"]])
        Object.defineProperty(document, name, { get: () => value, configurable: true });
      document.hasFocus = () => false;
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    front = await gleb.new_page()  # lies over it
    await front.goto("about:blank")
    await front.bring_to_front()
    await page.evaluate(hide)
    await page.clock.install()
    await page.clock.fast_forward("10:00")
    await has_one_stream(gleb, house)
    caller = Caller(pbx, DIRECT)
    await caller.tells("ringing")
    await expect(pop(page)).to_have_count(1)
    assert (await counted(page, "sounded"), await counted(page, "notified")) == (1, 1)
    await caller.tells("ended", reason="caller_hung_up")
    await expect(pop(page)).to_have_count(0)


@pytest.mark.parametrize("script", ["", NO_WORKER], ids=["a worker", "an elected tab"])
async def test_twelve_tabs_have_one_stream_and_one_sound(
    gleb: BrowserContext, house: House, pbx: Pbx, script: str
) -> None:
    if script:
        await gleb.add_init_script(script)
    tabs = [await with_sound(await open_tab(gleb, house)) for _ in range(12)]
    await has_one_stream(gleb, house)
    caller = Caller(pbx, DIRECT)
    await caller.tells("ringing")
    for tab in tabs:
        await expect(pop(tab.page)).to_have_count(1)
    assert sum([await counted(tab.page, "sounded") for tab in tabs]) == 1
    await pop(tabs[3].page).get_by_role("button", name="Скрыть").click()
    for tab in tabs:
        await expect(pop(tab.page)).to_have_count(0)
    await tabs[0].page.close()  # with it goes the elected tab's hub
    await caller.tells("ended", reason="caller_hung_up")
    again = Caller(pbx, DIRECT)
    await again.tells("ringing")
    await expect(pop(tabs[-1].page)).to_have_count(1)
    await again.tells("ended", reason="caller_hung_up")
    assert [tab.complaints for tab in tabs] == [[]] * 12


async def test_who_was_away_is_shown_only_what_still_rings(
    gleb: BrowserContext, house: House, pbx: Pbx
) -> None:
    page = (await open_tab(gleb, house)).page
    over, still = Caller(pbx, DIRECT), Caller(pbx, DIRECT)
    await over.tells("ringing")
    await expect(pop(page)).to_have_count(1)
    await gleb.set_offline(True)
    await expect(page.locator("#link")).to_contain_text("Связь потеряна")
    await over.tells("ended", reason="caller_hung_up")
    await still.tells("ringing")
    await gleb.set_offline(False)
    await expect(page.locator("#link")).to_contain_text("Звонки принимаются")
    await expect(pop(page)).to_have_count(1)
    number = still.number
    await expect(pop(page)).to_contain_text(f"{number[8:10]}-{number[10:]}")
    await still.tells("ended", reason="caller_hung_up")
    await expect(pop(page)).to_have_count(0)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("place", ["high", "low"])
async def test_it_takes_no_focus_and_covers_nothing_that_is_typed(
    gleb: BrowserContext, house: House, pbx: Pbx, size: ViewportSize, place: str
) -> None:
    tab, caller = await open_tab(gleb, house, "/me"), Caller(pbx, DIRECT)
    page = tab.page
    await page.set_viewport_size(size)
    await page.evaluate(DRAFT, place)
    await page.keyboard.type("Просил ")
    await caller.tells("ringing")
    await expect(pop(page)).to_be_visible()
    await page.keyboard.type("скидку")
    await expect(page.locator(NOTE)).to_be_focused()
    assert await page.locator(NOTE).input_value() == "Просил скидку"
    assert not await page.evaluate(COVERED)
    await tab.shoot(f"pop-{place}-{size['width']}")
    await caller.tells("ended", reason="caller_hung_up")
    await expect(pop(page)).to_have_count(0)


async def test_what_was_typed_survives_a_reload_until_it_is_sent(
    gleb: BrowserContext, house: House
) -> None:
    page = (await open_tab(gleb, house, "/me")).page
    await page.evaluate(DRAFT, "high")
    await page.keyboard.type("Просил скидку")
    await page.reload()
    await page.evaluate(DRAFT, "high")
    await expect(page.locator(NOTE)).to_have_value("Просил скидку")
    await expect(page.locator(".draft-note")).to_contain_text("Восстановлено")
    await page.get_by_role("button", name="Убрать").click()
    await expect(page.locator(NOTE)).to_have_value("")
    await page.keyboard.type("Новое")
    await page.locator("form.high").dispatch_event("sent", {"bubbles": True})
    await page.reload()
    await page.evaluate(DRAFT, "high")
    await expect(page.locator(NOTE)).to_have_value("")
    await page.keyboard.type("На чужом компьютере")
    await page.evaluate("document.querySelector(\"main form[action='/sign-out']\").requestSubmit()")
    await expect(page).to_have_url(re.compile("sign-in"))
    assert (
        await page.evaluate("Object.keys(localStorage).filter((k) => k.startsWith('draft:'))") == []
    )


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_it_fits(
    gleb: BrowserContext,
    house: House,
    pbx: Pbx,
    size: ViewportSize,
    scheme: Literal["light", "dark"],
    language: str,
) -> None:
    tab, caller = watch(await gleb.new_page()), Caller(pbx, DIRECT)
    page = tab.page
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)
    await page.goto(f"{house.url}/?language={language}")
    url = (await caller.tells("ringing")).told["card_url"]
    await expect(pop(page)).to_be_visible()
    await expect(pop(page)).to_be_in_viewport(ratio=1)
    assert await tab.fits()
    name = f"pop-{size['width']}-{scheme}-{language}"
    await tab.shoot(name)
    await page.locator("#bell summary").click()
    await expect(page.locator("#bell .sheet")).to_be_in_viewport(ratio=1)
    await tab.shoot(f"{name}-bell")
    await page.goto(url)
    assert await tab.fits()
    await tab.shoot(f"{name}-page")
    await caller.tells("ended", reason="caller_hung_up")
    assert tab.complaints == []
