"""An admin's desk in a browser: a PBX is connected, a letter written, clients are brought."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e.tab import NARROW, WIDE, Tab, watch
from tests.e2e.test_connect import send
from tests.e2e.test_every_page import AXE, LOOK
from tests.e2e.test_own_server import SETUP
from tests.running import House

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

LOOKS: Final[tuple[tuple[str, Literal["light", "dark"], ViewportSize], ...]] = (
    ("ru", "light", WIDE),
    ("en", "dark", NARROW),
)
CLIENTS: Final = """ФИО;Тел. клиента;Ответственный
Иван Петров;8 916 123-45-67;Анна Смирнова
Глеб;7,9;Аня
"""


@pytest.fixture
async def tab(browser: Browser, tmp_path: Path) -> AsyncIterator[Tab]:
    """An admin's browser on a server of its own; in the end it has complained of nothing."""
    house = House(tmp_path / "data")
    house.data_dir.mkdir()
    await house.apply(SETUP)
    async with house.serving():
        link = re.search(r"/enter/[\w-]+", (await house.run("link")).printed)
        assert link
        context = await browser.new_context(viewport=WIDE, reduced_motion="reduce")
        tab = watch(await context.new_page())
        await tab.page.goto(house.url + link[0])
        await tab.page.goto(house.url)
        yield tab
        await context.close()
        assert tab.complaints == []


async def look_at(tab: Tab, name: str, *, axe: bool = False) -> None:
    """The page as it stands: wide and light in Russian, narrow and dark in English, and back."""
    page, here = tab.page, tab.page.url.partition("#")[0]
    asking = f"{here}{'&' if '?' in here else '?'}language="
    for language, scheme, size in LOOKS:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size(size)
        await page.goto(f"{asking}{language}")
        await tab.shoot(f"{name}-{size['width']}-{language}")
        assert await tab.fits(), (name, size, language)
        if axe:  # pages that no link leads to: tests/e2e/test_every_page.py looks at the others
            await page.evaluate(AXE)
            assert await page.evaluate(LOOK) == [], name
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(WIDE)
    await page.goto(f"{asking}ru")


async def copied(page: Page, n: int) -> str:
    return (await page.locator("pre code").nth(n).inner_text()).strip()


async def test_a_pbx_is_connected_and_its_secret_changed(tab: Tab) -> None:
    page = tab.page
    await page.goto(f"{page.url.rstrip('/')}/setup/accounts")
    await expect(page.get_by_role("link", name="main", exact=True)).to_be_visible()
    await look_at(tab, "accounts")
    await page.get_by_role("link", name="Подключить ещё АТС").click()
    await look_at(tab, "account-new")

    await page.get_by_role("radio", name="Twilio").check()
    await expect(page.get_by_label("Ключ API")).to_be_visible()
    await expect(page.get_by_label("Адрес для исходящих звонков")).to_be_hidden()
    await page.locator("[name=provider][value=pbx]").check()
    await expect(page.get_by_label("Ключ API")).to_be_hidden()
    await page.get_by_label("Короткое имя").fill("second one")
    await page.get_by_role("button", name="Подключить", exact=True).click()
    await expect(page.locator("#key-wrong")).to_contain_text("От 1 до 64 знаков")
    tab.complaints.clear()  # a browser says that a page came with 422
    await page.get_by_label("Короткое имя").fill("second")
    await page.get_by_role("button", name="Подключить", exact=True).click()
    await expect(page.locator("h1")).to_have_text("Секрет подключения second")
    first, address = await copied(page, 0), await copied(page, 1)
    await tab.shoot("account-made")
    await page.get_by_role("link", name="Настроить АТС по шагам").click()
    await expect(page.locator("h1")).to_have_text("Подключить свою АТС")
    assert first not in await page.content()
    await expect(page.locator(".news-state")).to_have_text("Пока ничего не приходило")
    await _let_in(address, first)
    await page.get_by_role("link", name="Настройки подключения").click()
    await look_at(tab, "account")

    await page.get_by_text("Сменить секрет", exact=True).click()
    await page.get_by_text("Вписать", exact=True).click()
    await page.locator("[name=literal]").fill("typed-by-the-admin-1")
    await page.get_by_role("button", name="Добавить секрет").click()
    await expect(page.locator("p.ok")).to_contain_text("Теперь действуют оба секрета")
    assert "typed-by-the-admin-1" not in await page.content()
    await _let_in(address, "typed-by-the-admin-1")
    assert await send(address, first, event="test") == 200
    await look_at(tab, "account-two-secrets", axe=True)
    await page.get_by_role("button", name="Убрать старый").click()
    await expect(page.locator("p.ok")).to_contain_text("Остался один секрет")
    for _ in range(100):
        if await send(address, first, event="test") == 401:
            break
        await page.wait_for_timeout(100)
    assert await send(address, first, event="test") == 401
    assert await send(address, "typed-by-the-admin-1", event="test") == 200
    await page.get_by_text("Убрать…").click()
    await page.get_by_role("button", name="Убрать second").click()
    await expect(page.locator("p.ok")).to_have_text("Подключение second убрано.")


async def _let_in(address: str, secret: str) -> None:
    """Its hooks are taken, once the server has taken the setup up."""
    for _ in range(100):
        if await send(address, secret, event="test") == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(address)


async def test_a_letter_is_written_and_clients_are_brought(tab: Tab, tmp_path: Path) -> None:
    page, home = tab.page, tab.page.url.rstrip("/")
    await page.goto(f"{home}/setup/templates")
    await look_at(tab, "templates")
    await page.get_by_role("link", name="thanks.ru.html").click()
    letter = page.frame_locator("#preview")
    await expect(letter.locator("body")).to_contain_text("Пётр")
    await look_at(tab, "template")
    text = page.get_by_role("textbox", name="Текст шаблона")
    await text.fill("<title>Спасибо</title><body>\n<p>Рады знакомству, {{ greeting }}")
    await expect(letter.locator("body")).to_contain_text("Рады знакомству")
    await text.fill("<title>Спасибо</title><body>\n<p>{{ no.such }}")
    await expect(letter.locator(".wrong")).to_have_css("color", "rgb(124, 29, 23)")
    await page.get_by_role("button", name="Проверить и использовать").click()
    await page.get_by_role("button", name="строка 2").click()
    chosen = "document.getElementById('text').value.slice(text.selectionStart, text.selectionEnd)"
    assert await page.evaluate(chosen) == "<p>{{ no.such }}"
    tab.complaints.clear()  # of the 422, and of a preview that could not be formed
    await page.goto(f"{home}/setup/templates/offer.typ")
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Сделать PDF").click()
    assert (await begun.value).suggested_filename.endswith(".pdf")

    clients = tmp_path / "клиенты.csv"
    clients.write_text(CLIENTS, encoding="utf-8")
    await page.goto(f"{home}/import")
    await look_at(tab, "import")
    await page.locator("[name=file]").set_input_files(clients)
    await page.get_by_role("button", name="Посмотреть файл").click()
    await expect(page.get_by_label("ФИО")).to_have_value("name")
    await page.get_by_label("Тел. клиента").select_option("phone")
    await page.get_by_role("button", name="Проверить", exact=True).click()
    await expect(page.locator("#import-part")).to_contain_text("Проверен")
    await expect(page.locator(".refused-lines")).to_contain_text("нет менеджера")
    await look_at(tab, "import-tried", axe=True)
    await page.get_by_role("button", name="Загрузить", exact=True).click()
    await expect(page.locator("#import-part")).to_contain_text("Загружен")
    await page.get_by_role("link", name="Отменить загрузку…").click()
    await page.get_by_text("Отменить…").click()
    await look_at(tab, "import-past")
    await page.get_by_text("Отменить…").click()
    await page.get_by_role("button", name="Отменить загрузку").click()
    await expect(page.locator("#past")).to_contain_text("Удалено: 1.")
    await expect(page.locator("#past .badge")).to_contain_text("отменена")
