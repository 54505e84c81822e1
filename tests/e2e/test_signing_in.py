"""Coming in and going out, as a manager does in a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.tab import NARROW, WIDE, Tab, watch

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

PHONE = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    context = await browser.new_context(viewport=WIDE, locale="ru-RU")
    yield watch(await context.new_page())
    await context.close()


async def test_anna_comes_in_goes_out_and_comes_back_to_where_she_was(tab: Tab, demo: Demo) -> None:
    page = tab.page
    await page.goto(f"{demo.url}/me")
    assert page.url == f"{demo.url}/sign-in?next=/me"
    await tab.shoot("sign-in")
    await page.get_by_role("button", name="Войти как Анна Смирнова").click()
    await expect(page.locator("h1")).to_have_text("Анна Смирнова")
    assert page.url == f"{demo.url}/me"

    who = page.locator(".user-here summary")
    await expect(who).to_contain_text("Анна Смирнова")
    await who.focus()
    await page.keyboard.press("Enter")
    await tab.shoot("user-menu")
    await page.get_by_role("banner").get_by_role("button", name="Выйти").press("Enter")
    await expect(page.locator("h1")).to_have_text("Войти")
    assert page.url == f"{demo.url}/sign-in"

    await page.goto(f"{demo.url}/?language=ru")
    await expect(page).to_have_url(re.compile(r"/sign-in\?next=/%3Flanguage%3Dru"))
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await page.get_by_role("button", name="Войти как Анна Смирнова").click()
    await expect(page).to_have_url(f"{demo.url}/?language=ru")
    await page.locator(".user-here summary").click()
    out = page.get_by_role("banner").get_by_role("button", name="Выйти")
    await expect(out).to_be_in_viewport()
    await tab.shoot("user-menu-narrow")
    assert tab.complaints == []


async def test_an_invited_auditor_signs_in_with_a_code_after_the_password(
    tab: Tab, demo: Demo
) -> None:
    import pyotp

    page = tab.page
    await page.goto(f"{demo.url}/sign-in?next=/users")
    await page.get_by_role("button", name="Войти как администратор").click()
    await page.get_by_text("Кто-то, кто не принимает звонки").click()
    await tab.shoot("users-invite")
    other = page.locator(".other")
    await other.get_by_label("Имя").fill("Ада Лист")
    await other.get_by_label("Почта").fill("ada@romashka.example")
    await other.get_by_label("Наблюдатель").check()
    await other.get_by_role("button", name="Пригласить").click()
    link = await page.locator(".shown code").inner_text()
    await tab.shoot("users-invited")
    await page.goto("about:blank")  # a page left open would ask on, and be refused
    await page.context.clear_cookies()

    await page.goto(link.replace(link.split("/invite")[0], demo.url))
    await page.get_by_label("Новый пароль").fill("qwertyuiop")
    await page.get_by_role("button", name="Сохранить и войти").click()
    await expect(page.locator("#password-wrong")).to_contain_text("частых паролей")
    await tab.shoot("invite-weak")
    await page.get_by_label("Новый пароль").fill("seven green owls")
    await page.get_by_role("button", name="Сохранить и войти").click()
    await expect(page.locator(".user-here summary")).to_contain_text("Ада Лист")

    await page.goto(f"{demo.url}/me")
    await page.get_by_role("button", name="Настроить").click()
    image = page.locator("img.qr")
    await expect(image).to_have_js_property("complete", value=True)
    assert await image.evaluate("one => one.naturalWidth") > 100
    phone = pyotp.TOTP((await page.locator(".secret").inner_text()).replace(" ", ""))
    await tab.shoot("me-code")
    await page.get_by_label("Код, который сейчас показывает приложение").fill(phone.now())
    await page.get_by_role("button", name="Включить").click()
    kept = (await page.locator(".codes code").all_inner_texts())[0]
    await tab.shoot("recovery")
    await page.get_by_role("link", name="Коды сохранены").click()
    await page.locator("main").get_by_role("button", name="Выйти").click()

    await page.get_by_label("Почта").fill("ada@romashka.example")
    await page.get_by_label("Пароль", exact=True).fill("seven green owls")
    await page.get_by_role("button", name="Войти", exact=True).click()
    await page.get_by_label("Код").fill(kept)
    await tab.shoot("sign-in-code")
    await page.get_by_role("button", name="Войти", exact=True).click()
    await expect(page.locator(".user-here summary")).to_contain_text("Ада Лист")
    noted = [one for one in tab.complaints if "422" not in one]  # of the weak password
    assert but_for_haste(noted) == []


def but_for_haste(complaints: list[str]) -> list[str]:
    """Without what a browser says where a field was typed in before the page had chosen one."""
    return [one for one in complaints if "Autofocus" not in one]


async def sign_in(page: Page, demo: Demo, name: str) -> None:
    await page.goto(f"{demo.url}/sign-in")
    await page.get_by_label("Почта").fill(f"{name}@romashka.example")
    await page.get_by_label("Пароль", exact=True).fill("seven green owls")
    await page.get_by_role("button", name="Войти", exact=True).click()
    await expect(page.locator(".user-here")).to_be_visible()


async def invited(page: Page, demo: Demo, name: str, email: str) -> str:
    """The link that an admin gets for somebody who takes no calls."""
    await page.goto(f"{demo.url}/sign-in?next=/users")
    await page.get_by_role("button", name="Войти как администратор").click()
    await page.get_by_text("Кто-то, кто не принимает звонки").click()
    other = page.locator(".other")
    await other.get_by_label("Имя").fill(name)
    await other.get_by_label("Почта").fill(email)
    await other.get_by_label("Наблюдатель").check()
    await other.get_by_role("button", name="Пригласить").click()
    link = await page.locator(".shown code").inner_text()
    await page.goto("about:blank")  # a page left open would ask on, and be refused
    await page.context.clear_cookies()
    return link.replace(link.split("/invite")[0], demo.url)


async def test_who_left_himself_signed_in_elsewhere_ends_it_from_here(
    tab: Tab, demo: Demo, browser: Browser
) -> None:
    page = tab.page
    await page.goto(await invited(page, demo, "Нина Гольц", "nina@romashka.example"))
    await page.get_by_label("Новый пароль").fill("seven green owls")
    await page.get_by_role("button", name="Сохранить и войти").click()
    await expect(page.locator(".user-here summary")).to_contain_text("Нина Гольц")
    away = await browser.new_context(viewport=WIDE, locale="ru-RU", user_agent=PHONE)
    other = await away.new_page()
    await sign_in(other, demo, "nina")
    await other.goto(f"{demo.url}/today")
    await expect(other.locator("h1")).to_contain_text("Сегодня")

    await page.goto(f"{demo.url}/me")
    rows = page.locator(".sessions li")
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="этот")).to_have_count(1)
    theirs = rows.filter(has_not_text="этот")
    await expect(theirs).to_contain_text("Firefox")
    await page.locator("#sessions").scroll_into_view_if_needed()
    await tab.shoot("sessions")
    await page.set_viewport_size(NARROW)
    assert await tab.fits()
    await tab.shoot("sessions-narrow")
    await page.set_viewport_size(WIDE)
    await theirs.get_by_role("button", name="Завершить").click()
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("этот")

    # The page there says it by itself, and opens nothing any more; this one goes on
    await expect(other.locator("#link")).to_contain_text("Вход закончился")
    await other.goto(f"{demo.url}/today")
    await expect(other).to_have_url(re.compile(r"/sign-in\?next=/today"))
    await page.goto(f"{demo.url}/today")
    await expect(page.locator("h1")).to_contain_text("Сегодня")
    await away.close()
    assert but_for_haste(tab.complaints) == []
