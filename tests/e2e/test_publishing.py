"""An admin changes how calls are routed: on a draft, beside his file, and back; calls follow."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, StorageState, expect

from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.e2e.test_day import Caller
from tests.hooks import Pbx, pbx_of
from tests.running import LAST_RESORT, LINE, SECRET, House

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

RULE = "Днём: Анне"
SETUP = f"""
[company]
name = "Ромашка"
duty = "anna"
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

[[manager]]
key = "boris"
name = "Борис Орлов"
dial = "102"

[[ladder]]
key = "anna"
  [[ladder.step]]
  ring = "manager"
  managers = ["anna"]

[[ladder]]
key = "boris"
  [[ladder.step]]
  ring = "manager"
  managers = ["boris"]

[[line]]
number = "{LINE}"
name = "Сайт"
account = "main"
ladder = "anna"
last_resort = "{LAST_RESORT}"

[[rule]]
name = "{RULE}"
when = {{ field = "line", op = "is", value = "{LINE}" }}
ladder = "anna"
"""
SLOW_CHILD = '''\
"""Where somebody holds replays, they say how far they are and wait."""
import os, sys, time
held = os.environ.get("TESTS_HOLD", "")
if "callrouter.replaying_apart" in sys.orig_argv and os.path.exists(held):
    print("progress 40 160", flush=True)
    while os.path.exists(held):
        time.sleep(0.1)
'''


@dataclass
class Desk:
    """A server that runs, where its replays are held, and who is let in."""

    house: House
    held: Path
    visit: StorageState | None = None


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One server for all tests here: each leaves calls routed as it found them."""
    folder = tmp_path_factory.mktemp("publishing")
    (folder / "slow").mkdir()
    (folder / "slow" / "sitecustomize.py").write_text(SLOW_CHILD, encoding="utf-8")
    paths = os.pathsep.join((str(folder / "slow"), os.environ.get("PYTHONPATH", "")))
    held = folder / "held"
    environ = {"PYTHONPATH": paths.strip(os.pathsep), "TESTS_HOLD": str(held)}
    house = House(folder / "data", environ=environ)
    with house.standing(SETUP):
        try:
            yield Desk(house, held)
        finally:
            held.unlink(missing_ok=True)


@pytest.fixture
async def tab(browser: Browser, desk: Desk) -> AsyncIterator[Tab]:
    """The admin's, whose browser must have complained of nothing in the end."""
    context = await browser.new_context(
        viewport=WIDE, locale="ru-RU", reduced_motion="reduce", storage_state=desk.visit
    )
    tab = watch(await context.new_page())
    if desk.visit is None:
        link = re.search(r"/enter/[\w-]+", (await desk.house.run("link")).printed)
        assert link
        await tab.page.goto(desk.house.url + link[0])
        desk.visit = await context.storage_state()
    yield tab
    await context.close()
    assert tab.complaints == []


@pytest.fixture
async def pbx(desk: Desk) -> AsyncIterator[Pbx]:
    async with pbx_of(desk.house) as one:
        yield one


async def rings(pbx: Pbx, dial: str) -> None:
    """Whoever calls now rings this phone, within the seconds that a server has to learn it."""
    async with asyncio.timeout(30):
        while True:
            caller = Caller(pbx)
            phone = (await caller.tells("ringing")).phone
            await caller.tells("ended", reason="caller_hung_up")
            if phone and phone["dial"] == dial:
                return
            await asyncio.sleep(0.2)


async def begin_draft(page: Page, desk: Desk, name: str) -> None:
    await page.goto(f"{desk.house.url}/setup")
    await page.get_by_label("Название нового черновика").fill(name)
    await page.get_by_role("button", name="Начать черновик").click()
    await expect(page.locator("h1")).to_have_text(f"Черновик «{name}»")


async def give_it_to_boris(page: Page, save: str) -> None:
    """On the page of rules."""
    await page.get_by_role("link", name=RULE, exact=True).click()
    await page.locator("[name='ladder']").select_option("boris")
    await expect(page.locator("#preview")).to_contain_text("Борис Орлов")
    await page.get_by_role("button", name=save).click()
    await expect(page.locator(".rule-row").filter(has_text=RULE)).to_contain_text("«boris»")


def version_in_force(page: Page) -> Locator:
    return page.locator(".draft-list li").filter(has_text="действует")


async def test_a_rule_is_tried_on_a_draft_published_and_taken_back_by_a_click(
    tab: Tab, desk: Desk, pbx: Pbx
) -> None:
    page = tab.page
    await rings(pbx, "101")
    await page.goto(f"{desk.house.url}/setup/versions")
    before = await version_in_force(page).get_by_role("link").inner_text()

    await begin_draft(page, desk, "Звонки Борису")
    await page.locator("main").get_by_role("link", name="Правила").click()
    await give_it_to_boris(page, "Сохранить в черновике")
    await rings(pbx, "101")  # nothing of it is in force
    await page.locator(".bench").get_by_role("link", name="Проверить звонок").click()
    await page.get_by_label("Кто звонит").fill("8 916 200-00-01")
    await page.get_by_label("рядом с действующими").check()
    await page.get_by_role("button", name="Проверить", exact=True).click()
    await expect(page.locator(".try-verdict.elsewhere")).to_be_visible()
    draft = page.get_by_role("region", name="Черновик «Звонки Борису»")
    await expect(draft.locator(".rungs")).to_contain_text("Борис Орлов")
    await expect(page.get_by_role("region", name="Действует").locator(".rungs")).to_contain_text(
        "Анна Смирнова"
    )
    await look_at(tab, "publishing-tried")

    await page.goto(f"{desk.house.url}/setup")
    await page.get_by_role("link", name="Звонки Борису").click()
    await expect(page.locator(".changes")).to_contain_text("boris")
    await look_at(tab, "publishing-draft")
    await page.get_by_label("Зачем, для тех, кто посмотрит потом").fill("Анна в отпуске")
    await page.get_by_role("button", name="Опубликовать").click()
    await expect(page.locator("h1")).to_contain_text("действует")
    await rings(pbx, "102")

    await page.get_by_role("link", name="Версии настройки").click()
    await expect(version_in_force(page)).to_contain_text("Анна в отпуске")
    await look_at(tab, "publishing-versions")
    await page.get_by_role("link", name=before, exact=True).click()
    await expect(page.get_by_role("heading", name="действует")).to_have_count(0)
    await look_at(tab, "publishing-version")
    n = before.rpartition(" ")[2]
    await page.get_by_role("button", name=f"Вернуть версию {n}").click()
    await expect(page.locator("h1")).to_contain_text("действует")
    await rings(pbx, "101")
    await page.goto(f"{desk.house.url}/setup/versions")
    await expect(version_in_force(page)).to_contain_text(f"Снова версия {n}")
    await page.goto(f"{desk.house.url}/setup/rules")
    await expect(page.locator(".rule-row")).to_contain_text("«anna»")


async def test_what_was_changed_on_the_screen_is_taken_over_into_the_file(
    tab: Tab, desk: Desk, pbx: Pbx, tmp_path: Path
) -> None:
    page, file = tab.page, tmp_path / "setup.toml"
    await page.goto(f"{desk.house.url}/setup/rules")
    await give_it_to_boris(page, "Сохранить: действует сразу")
    await rings(pbx, "102")

    # The file knows nothing of it: the command stops, and the page says what it stops at
    file.write_text(SETUP.replace("Сайт", "Сайт и почта"), encoding="utf-8")
    stopped = await desk.house.run("apply", str(file))
    assert stopped.code != 0
    await rings(pbx, "102")
    await page.goto(f"{desk.house.url}/setup")
    panel = page.get_by_role("region", name="Изменено на экране, а не в файле")
    await expect(panel.locator(".changes")).to_contain_text(RULE)
    await look_at(tab, "publishing-on-screen")

    # So does the page that takes a file
    await page.get_by_role("link", name="Применить файл").click()
    await page.get_by_label("Или его текст").fill(file.read_text(encoding="utf-8"))
    await page.get_by_role("button", name="Проверить", exact=True).click()
    await expect(page.locator(".warning")).to_contain_text("настройку меняли на экране")
    await expect(page.get_by_role("status").locator(".changes")).to_contain_text(RULE)
    await look_at(tab, "publishing-file")

    # What the page offers: the file as it is now, in which he makes his change
    await page.goto(f"{desk.house.url}/setup")
    async with page.expect_download() as begun:
        await panel.get_by_role("link", name="Взять файл в нынешнем виде").click()
    await (await begun.value).save_as(file)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"Сайт"', '"Сайт и почта"'), encoding="utf-8")
    done = await desk.house.run("apply", str(file))
    assert (done.code, done.complaints) == (0, ""), done
    await page.goto(f"{desk.house.url}/setup")
    await expect(panel).to_have_count(0)
    await page.goto(f"{desk.house.url}/setup/line")
    await expect(page.locator("tbody tr")).to_contain_text("Сайт и почта")
    await rings(pbx, "102")  # and what was changed on the screen holds

    back = await desk.house.run("apply", str(write(tmp_path / "back.toml", SETUP)))
    assert back.code == 0, back
    await rings(pbx, "101")


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


async def test_past_calls_are_replayed_on_a_draft_and_a_replay_is_stopped(
    tab: Tab, desk: Desk, pbx: Pbx
) -> None:
    page = tab.page
    for _ in range(2):
        await (await Caller(pbx).talks_to("101")).hangs_up()
    await begin_draft(page, desk, "Всё Борису")
    await page.locator("main").get_by_role("link", name="Правила").click()
    await give_it_to_boris(page, "Сохранить в черновике")
    await page.get_by_role("link", name="Проверить и опубликовать").click()
    replay = page.get_by_role("link", name="Прогнать прошлые звонки")

    desk.held.touch()
    await replay.click()
    await page.get_by_label("За сколько последних дней").fill("3")
    await page.get_by_role("button", name="Прогнать").click()
    state = page.locator("#replay .badge")
    await expect(state).to_have_text("идёт")
    await expect(page.locator("#replay")).to_contain_text("Пройдено событий: 40 из 160")
    await expect(page.get_by_role("progressbar")).to_have_js_property("value", 40)
    await look_at(tab, "publishing-replay-runs")
    await page.get_by_role("button", name="Остановить").click()
    await expect(state).to_have_text("остановлен")
    await expect(page.get_by_role("button", name="Остановить")).to_have_count(0)
    desk.held.unlink()

    await page.get_by_role("link", name="К черновику").click()
    await replay.click()
    await page.get_by_role("button", name="Прогнать").click()
    await expect(state).to_have_text("готово", timeout=60_000)  # drawn by the page's own script
    await expect(page.locator("#came-title")).to_contain_text("иначе")
    sheet = page.locator(".replay-sheet").filter(has_text="Менеджер")
    for name, shift in (("Анна Смирнова", "−"), ("Борис Орлов", "+")):
        cells = sheet.get_by_role("row").filter(has_text=name).locator(".shifts")
        await expect(cells.last).to_contain_text(shift)
    await look_at(tab, "publishing-replay-done")
    await page.goto(f"{desk.house.url}/what-if/replay")
    for said in ("остановлен", "готово"):
        await expect(page.locator(".replay-list .badge").filter(has_text=said)).to_have_count(1)
    await look_at(tab, "publishing-replays")


async def look_at(tab: Tab, name: str) -> None:
    """Wide and narrow."""
    for size in (NARROW, WIDE):
        await tab.page.set_viewport_size(size)
        assert await tab.fits(), (name, size)
        await tab.shoot(f"{name}-{size['width']}")
