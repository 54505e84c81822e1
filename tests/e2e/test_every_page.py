"""What holds of every page: nothing in it hinders anybody, it fits a phone, and no text runs.

`make shots` keeps a picture of each page, wide and narrow, dark and in English, in `tests/shots`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, Page, ViewportSize
from sqlalchemy import func, select

from callrouter.pages import add_pages
from callrouter.seal import Seal, keep_key
from callrouter.service import Service
from callrouter.settings import Settings
from storage import tables
from storage.database import open_database
from tests.e2e.conftest import Demo, playing
from tests.e2e.evil import EVIL
from tests.e2e.furnishing import Furnished, furnish, is_lively
from tests.e2e.poison import FREE, OURS, TOLD, poison, texts_of
from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.e2e.walking import Route, routes_of, walk
from tests.pages.conftest import HandClock, Setups
from tests.running import beside

pytestmark = [pytest.mark.xdist_group("every page"), pytest.mark.slow]

STARTS: Final = ("/", "/search?q=943", "/setup/team")
NOT_PAGES: Final = {
    # parts of pages, streams and figures for scripts
    *("/board/column", "/board/heads", "/call-back/list", "/calls/{id}/peaks", "/calls/{id}/why"),
    *("/cards/{id}/move/hint", "/cards/{id}/products", "/connect/{account}/hooks", "/events"),
    *("/events/poll", "/search/found", "/static/{name}", "/today/count", "/setup/hours"),
    *("/wall/part", "/cards/{id}/move/letter"),
    # files
    *("/audit.csv", "/figures.csv", "/figures/calls.csv", "/figures/cards.csv"),
    *("/setup/setup.toml", "/setup/drafts/{id}/setup.toml", "/setup/templates/{file}/source"),
    *("/calls/{id}/recording", "/cards.csv", "/contacts.csv", "/cards/{id}/documents/{document}"),
    *("/cards/{id}/files/{file}", "/cards/{id}/move/offer.pdf", "/cards/{id}/offer"),
    *("/me/code.svg", "/import/{id}/refused.csv"),
    # leads on at once
    "/enter/{token}",
}
"""What is no page of its own; every other route is looked at."""

AXE: Final = Path(AXE_FILE_PATH).read_text(encoding="utf-8")
LOOK: Final = """async (rules) => {
  const only = rules?.length ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run(document, { resultTypes: ["violations"], ...only });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`);
}"""

RUNS: Final = """() => {
  const evil = [], script = /^[\\s\\x00-\\x1f]*(javascript|vbscript|data:text|js:)/i;
  for (const one of document.querySelectorAll("*")) {
    if (one.localName === "x") evil.push(one.outerHTML);
    if (one.localName === "script" && one.textContent.includes("evil(")) evil.push(one.outerHTML);
    for (const { name, value } of one.attributes) {
      if (/^(on|data-hx-on|hx-on)/i.test(name)) evil.push(`${one.localName} ${name}`);
      if (/^(href|src|action|formaction|data|srcdoc|xlink:href|hx-)/i.test(name)
        && (script.test(value) || value.startsWith("//evil"))) evil.push(`${name}=${value}`);
    }
  }
  return [window.ran === true, evil.map((one) => one.slice(0, 200))];
}"""
"""Whether anything ran, and what would if it were clicked or pointed at, or our policy were gone."""

TELLS: Final = "window.evil = () => { window.ran = true; };"

CARELESS: Final = (
    ("<p>{}</p>", "<script>evil()</script>", "ran"),
    ("<p>{}</p>", "<img src=x onerror=evil()>", "ran"),
    ("<p>{}</p>", "<svg/onload=evil()>", "ran"),
    ("<p>{}</p>", "<input autofocus onfocus=evil()>", "ran"),
    ("<title>{}</title>", "</title><script>evil()</script>", "ran"),
    ("<textarea>{}</textarea>", "</textarea><script>evil()</script>", "ran"),
    ("<script>const said = '{}';</script>", "'-evil()-'", "ran"),
    ('<input value="{}">', '" onmouseover="evil()', "onmouseover"),
    ("<input value={}>", "x onerror=evil() ", "onerror"),
    ('<a href="{}">x</a>', "JaVaScRiPt:evil()", "href="),
    ('<a href="{}">x</a>', "\x01javascript:evil()", "href="),
    ("<p>{}</p>", "<base href=//evil.example/>", "href=//evil"),
    ("<p>{}</p>", "<form action=javascript:evil()>", "action="),
    ("<p>{}</p>", "<x data-hx-on::load=evil()>", "hx-on"),
)
"""Places where a page forgets to escape, a text that uses that, and by what it is caught."""

ESCAPING_HELPS: Final = ("<p>", "<title>", "<textarea>", '<input value="')


@dataclass(frozen=True)
class Stop:
    """A page to look at. `name`: its route, and maybe what is special about it."""

    name: str
    address: str
    signed_in: bool = True
    status: int = 200

    @property
    def file(self) -> str:
        return re.sub(r"[{}]", "", self.name.strip("/")).replace("/", "-").replace(" ", "-")


@dataclass
class Lively:
    """A demo that has had calls, cards and letters for a while, and one of everything else."""

    demo: Demo
    made: Furnished
    seal: Seal
    prepared: list[Stop] | None = None

    @property
    def url(self) -> str:
        return self.demo.url


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lively]:
    with playing(tmp_path_factory.mktemp("lively")) as demo:
        seal = Seal(keep_key(demo.folder / "var" / "demo" / "secret.key"))
        yield Lively(demo, asyncio.run(_furnished(demo)), seal)


async def _furnished(demo: Demo) -> Furnished:
    async with beside(demo.base_url) as base:
        async with asyncio.timeout(180):
            while not await base.read(is_lively):
                await asyncio.sleep(1)
        return await base.write(furnish)


@pytest.fixture
async def page(browser: Browser, lively: Lively) -> AsyncIterator[Page]:
    """The admin's, who may open everything."""
    context = await browser.new_context(
        viewport=WIDE,
        storage_state=lively.demo.visit,
        reduced_motion="reduce",  # what is half faded in is no fault of its colours
    )
    page = await context.new_page()
    if lively.demo.visit is None:
        await page.goto(lively.demo.link)
        lively.demo.visit = await context.storage_state()
    yield page
    await context.close()


@pytest.fixture
async def outside(browser: Browser) -> AsyncIterator[Page]:
    """That of somebody who has not signed in."""
    context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")
    yield await context.new_page()
    await context.close()


@pytest.fixture(scope="module")
def routes() -> tuple[Route, ...]:
    """Those of a demo."""
    app = web.Application()
    settings = Settings(public_url="http://calls.example")
    base = open_database("sqlite:////nowhere/at/all")
    service = Service(
        settings, base, Setups(), Seal("a secret of the tests"), HandClock(), demo=True
    )
    add_pages(app, service, find=lambda _name, _account: None)
    return routes_of(app)


async def _stops(page: Page, lively: Lively, routes: tuple[Route, ...]) -> list[Stop]:
    """Every page: what no link leads to by its prepared address, the rest by their links."""
    if lively.prepared is None:
        lively.prepared = await _prepared(page, lively)
    made, known = lively.made, {one.name for one in lively.prepared}
    starts = (f"/cards/{made.card}", f"/contacts/{made.contact}", f"/calls/{made.call}", *STARTS)
    found = await walk(page, lively.url, starts, routes)
    walked = [Stop(name, address) for name, address in found.items() if name not in known]
    return [one for one in walked if one.name not in NOT_PAGES] + lively.prepared


async def _prepared(page: Page, lively: Lively) -> list[Stop]:
    made, now = lively.made, datetime.now(UTC)
    pop = lively.seal.ticket(made.call, now)
    stop = lively.seal.ticket(f"stop:{made.letter}", now)
    card, call, contact = f"/cards/{made.card}", f"/calls/{made.call}", f"/contacts/{made.contact}"
    upload = await _sent(page, f"{lively.url}/import", multipart=CLIENTS)
    tried = await _sent(page, f"{lively.url}/import", multipart=CLIENTS)
    await _sent(page, f"{tried}/try", form=COLUMNS)
    replay = await _sent(page, f"{lively.url}/what-if/replay", form={"days": "1", "draft": ""})
    await _until_worked(lively)
    mail = re.findall(r'href="(/demo/mail/[^"/]+)"', await _text(page, f"{lively.url}/demo/mail"))
    asked = {
        "/figures/owed": "/figures/owed?period=month",
        "/figures/letters": "/figures/letters?period=month",
        "/pop/{token}": f"/pop/{pop}",
        "/calls/{id}/transcript": f"{call}/transcript",
        "/calls/{id}/write-up": f"{call}/write-up",
        "/calls/{id}/attach": f"{call}/attach",
        "/contacts/attach": f"/contacts/attach?number=%2B74955550101&from={made.contact}",
        "/contacts/{id} edit": f"{contact}?edit",
        "/contacts/{id}/merge": f"{contact}/merge",
        "/contacts/{id}/merge with": f"{contact}/merge?with={made.other}",
        "/contacts/{id}/erase": f"{contact}/erase",
        "/cards/{id}/move": f"{card}/move",
        "/cards/{id}/move to": f"{card}/move?to=won",
        "/cards/{id}/letters/{letter}": f"{card}/letters/{made.letter}",
        "/demo/mail": "/demo/mail",
        "/demo/mail/{id}": mail[0],
        "/import/{id}": urlsplit(upload).path,
        "/import/{id} tried": urlsplit(tried).path,
        "/what-if/replay/{id}": urlsplit(replay).path,
        "/journal/aside/{id}": f"/journal/aside/{made.aside}",
        "/journal/aside/{id} again": f"/journal/aside/{made.aside}?again=1",
        "/users/first": "/users/first",
    }
    alone = {
        "/sign-in": "/sign-in",
        "/invite/{token}": f"/invite/{made.invitation}",
        "/letters/stop/{ticket}": f"/letters/stop/{stop}",
        "/form": "/form?utm_source=fair",
    }
    lost = {"/calls/{id} lost": ("/calls/none", 404), "/pop/{token} forged": ("/pop/none", 403)}
    return [
        *(Stop(name, f"{lively.url}{address}") for name, address in asked.items()),
        *(Stop(name, f"{lively.url}{address}", signed_in=False) for name, address in alone.items()),
        *(Stop(name, f"{lively.url}{at}", status=status) for name, (at, status) in lost.items()),
    ]


CLIENTS: Final = {
    "noun": "contacts",
    "file": {
        "name": "clients.csv",
        "mimeType": "text/csv",
        "buffer": "Имя;Телефон\nИрина Волкова;+7 916 555-01-02\nБез номера;12\n".encode(),
    },
}
COLUMNS: Final = {"system": "old", "column.0": "name", "column.1": "phone"}


async def _sent(page: Page, url: str, **what: Any) -> str:
    """Send a form as the page itself would; gives where that led."""
    home = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    answer = await page.request.post(url, headers={"Origin": home}, **what)
    assert answer.ok, (url, answer.status, await answer.text())
    return answer.url


async def _text(page: Page, url: str) -> str:
    return await (await page.request.get(url)).text()


async def _until_worked(lively: Lively) -> None:
    """Until the replay has its result."""
    waiting = select(func.count()).where(tables.replay.c.state.in_(("waiting", "running")))
    async with beside(lively.demo.base_url) as base, asyncio.timeout(90):
        while await base.read(lambda conn: conn.scalar(waiting)):
            await asyncio.sleep(0.3)


async def _open(page: Page, stop: Stop) -> str:
    """Go there; what is wrong with where that led."""
    answer = await page.goto(stop.address)
    assert answer
    if answer.status != stop.status:
        return f"{stop.name}: {answer.status}"
    came, asked = urlsplit(page.url).path, urlsplit(stop.address).path
    return "" if came == asked else f"{stop.name}: led to {came}"


@pytest.mark.timeout(1200)  # a hundred pages, each in four looks
async def test_every_page_fits_and_hinders_nobody(
    page: Page, outside: Page, lively: Lively, routes: tuple[Route, ...]
) -> None:
    stops = await _stops(page, lively, routes)
    met = {one.name.partition(" ")[0] for one in stops} | {
        re.sub(r"^/setup/[a-z_]+(?=$|/\{key\}$)", "/setup/{section}", one.name) for one in stops
    }
    names = {one.name for one in routes}
    wrong = [f"{name}: no page leads there" for name in sorted(names - met - NOT_PAGES)]
    wrong += [f"{name}: not there" for name in sorted(NOT_PAGES - names)]
    wrong += [f"{name}: a page after all" for name in sorted(NOT_PAGES & met)]
    tabs = {True: watch(page), False: watch(outside)}
    for stop in stops:
        wrong += await _look(tabs[stop.signed_in], stop)
    assert not wrong, "\n".join(wrong)


async def _look(tab: Tab, stop: Stop) -> list[str]:
    """What is wrong: wide and narrow, light and dark, and whether its English fits as well."""
    page, wrong = tab.page, []
    await page.set_viewport_size(WIDE)
    if astray := await _open(page, stop):
        return [astray]
    await page.evaluate(AXE)
    for width, scheme in LOOKS:
        await page.set_viewport_size(width)
        await page.emulate_media(color_scheme=scheme)
        how = f"{width['width']}" + ("-dark" if scheme == "dark" else "")
        await tab.shoot(f"{stop.file or 'now'}-{how}")
        if not await tab.fits():
            wrong.append(f"{stop.name} sticks out at {how}")
        rules = ["color-contrast"] if scheme == "dark" else []
        wrong += [f"{stop.name} at {how}: {one}" for one in await page.evaluate(LOOK, rules)]
    await page.emulate_media(color_scheme="light")
    await page.context.add_cookies([{"name": LANGUAGE, "value": "en", "url": stop.address}])
    await page.goto(stop.address)
    await tab.shoot(f"{stop.file or 'now'}-390-en")
    if await page.get_attribute("html", "lang") != "en" or not await tab.fits():
        wrong.append(f"{stop.name} in English sticks out at 390, or is none")
    if not await page.evaluate(HERE_SHOWS):
        wrong.append(f"{stop.name}: at 390 the menu does not show where one is")
    await page.context.clear_cookies(name=LANGUAGE)
    # That a page which is not there answers 404 is said on the console too.
    wrong += [f"{stop.name}: {one}" for one in tab.complaints if stop.status == 200]
    tab.complaints.clear()
    return wrong


HERE_SHOWS: Final = """() => Array.from(document.querySelectorAll("nav [aria-current=page]"))
  .map((one) => one.getBoundingClientRect())
  .every((box) => box.left >= -1 && box.right <= innerWidth + 1)"""
LOOKS: Final[tuple[tuple[ViewportSize, Literal["light", "dark"]], ...]] = (
    (WIDE, "light"),
    (NARROW, "light"),
    (NARROW, "dark"),
)
LANGUAGE: Final = "callrouter_language"  # the cookie


async def test_a_page_that_escapes_nothing_is_caught(browser: Browser) -> None:
    served: dict[str, str] = {}

    async def serve(request: web.Request) -> web.Response:
        body = f"<!doctype html><body>{served['now']}"
        return web.Response(text=body, content_type="text/html")

    app = web.Application()
    app.router.add_get("/page", serve)
    context = await browser.new_context()
    await context.add_init_script(TELLS)
    page = await context.new_page()
    async with TestServer(app) as server:
        for place, text, by in CARELESS:
            assert any(text.strip() in one for one in EVIL)
            served["now"] = place.format(text)
            await page.goto(str(server.make_url("/page")))
            assert by in await _runs(page), (place, text)
            if place.startswith(ESCAPING_HELPS):
                served["now"] = place.format(escape(text))
                await page.goto(str(server.make_url("/page")))
                assert await _runs(page) == "", (place, text)
    await context.close()


@pytest.mark.timeout(900)
async def test_no_text_of_anybody_runs(
    page: Page, outside: Page, lively: Lively, routes: tuple[Route, ...]
) -> None:
    await _stops(page, lively, routes)
    async with beside(lively.demo.base_url) as base:
        written = await base.write(poison)
    free = {(table, name) for table, names in FREE.items() for name in names}
    assert not {one for one in free if not written.get(one)}, "nothing of these is there"
    for table, names in TOLD.items():
        assert any(written[table, name] for name in names), f"no words in what {table} holds"
    await _until_renamed(page, lively)
    tabs, wrong = {True: watch(page), False: watch(outside)}, []
    for tab in tabs.values():
        await tab.page.context.add_init_script(TELLS)
    stops = await _stops(page, lively, routes)
    for stop in stops:
        tab = tabs[stop.signed_in]
        astray = await _open(tab.page, stop)
        runs = await _runs(tab.page)
        if astray or runs:
            wrong.append(f"{stop.name}: {astray} {runs}")
        wrong += [f"{stop.name}: {one}" for one in tab.complaints if stop.status == 200]
        tab.complaints.clear()
    assert not wrong, "\n".join(wrong)
    assert len(stops) > 80


async def _runs(page: Page) -> str:
    """What of the texts on a page ran, or would; "" for nothing."""
    await page.wait_for_timeout(100)  # what waits for an animation or a focus
    ran, would = await page.evaluate(RUNS)
    return f"{'ran' if ran else ''} {would[:5]}" if ran or would else ""


async def _until_renamed(page: Page, lively: Lively) -> None:
    """The server looks for a new Setup every second."""
    async with asyncio.timeout(60):
        while "evil" not in await _text(page, f"{lively.url}/setup/manager"):
            await asyncio.sleep(0.3)


def test_each_text_is_said_to_be_free_or_ours() -> None:
    for name, table in tables.metadata.tables.items():
        free, ours = FREE.get(name, ()), OURS.get(name, ())
        assert not {*free, *ours} - {one.name for one in table.c}, name
        assert not {*free} & {*ours}, name
        assert texts_of(table) <= {*free, *ours}, name
    assert not {*FREE, *OURS} - {*tables.metadata.tables}
