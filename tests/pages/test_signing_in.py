"""Coming in by a password, being in, going out; and what strangers learn by trying."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pyotp
import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from sqlalchemy import Connection, select
from structlog.testing import capture_logs

from callrouter.flows.users import FREE
from callrouter.flows.visits import find_visit
from callrouter.outside.sink import Sink
from callrouter.pages.leading import own_path
from callrouter.passwords import Passwords
from callrouter.service import Service
from callrouter.settings import Settings
from storage import audit, tables, users
from storage.ids import new_id
from storage.users import User
from tests.api.rows import NOON, SETUP
from tests.pages.conftest import Open, Seen, Site, quick_passwords
from tests.pages.markup import Markup

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}
PASSWORD = "seven green owls"
KEPT = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
ANNA = "anna@example.com"


def a_user(conn: Connection, /, email: str = ANNA, **columns: Any) -> str:
    one = User(new_id(NOON), email, "Анна Смирнова", "anna", None, NOON, "page:admin", KEPT)
    users.add(conn, replace(one, **columns))
    return one.id


def an_admin(conn: Connection, /, email: str = "root@example.com", **columns: Any) -> str:
    return a_user(conn, email, **{"name": "Рита", "manager": None, "role": "admin", **columns})


async def post(site: Site, path: str, cookie: str = "", **form: str) -> Seen:
    headers = {**OWN, "Cookie": cookie}
    return await site.ask("POST", path, visitor=False, data=form, headers=headers)


async def sign_in(site: Site, email: str = ANNA, password: str = PASSWORD, **more: str) -> Seen:
    return await post(site, "/sign-in", email=email, password=password, **more)


async def come_in(site: Site, email: str = ANNA, **more: str) -> str:
    """Sign in; gives the Cookie header."""
    return cookie_of(await sign_in(site, email, **more))


def cookie_of(seen: Seen) -> str:
    assert seen.status == 303, seen.text
    return next(one.split(";")[0] for one in seen.cookies if one.startswith("callrouter_2"))


async def see(site: Site, path: str, cookie: str, **headers: str) -> Seen:
    return await site.get(path, visitor=False, headers={"Cookie": cookie, **headers})


def main_of(seen: Seen) -> str:
    return seen.text[seen.text.index("<main") : seen.text.index("</main>")]


async def done(site: Site) -> list[str]:
    lines = await site.service.database.read(audit.lines)
    return [f"{one.actor} {one.action}" for one in reversed(lines)]


# By a password


@pytest.mark.parametrize("manager", [True, False], ids=["a manager", "an auditor"])
async def test_a_password_opens_the_pages_as_whom_the_account_is(
    site: Site,
    manager: bool,  # noqa: FBT001
) -> None:
    columns: dict[str, Any] = {} if manager else {"manager": None, "role": "auditor", "name": "Ада"}
    id_ = await site.service.database.write(a_user, **columns)
    seen = await sign_in(site, " ANNA@Example.com", next="/calls/01J?a=%D1")
    assert (seen.status, seen.headers["Location"]) == (303, "/calls/01J?a=%D1")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(seen.cookies[0].split("; "))
    page = await see(site, "/", cookie_of(seen))
    assert page.status == 200
    assert ("Анна Смирнова" if manager else "Ада") in page.text
    assert (await see(site, "/users", cookie_of(seen))).status == 403
    actor = "manager:anna" if manager else f"user:{id_}"
    assert (await done(site))[-1] == f"{actor} signed_in"


async def test_each_time_the_cookie_is_another_and_the_one_before_opens_nothing(
    site: Site,
) -> None:
    await site.service.database.write(a_user)
    first = await come_in(site)
    headers = {**OWN, "Cookie": first}
    form = {"email": ANNA, "password": PASSWORD}
    again = await site.ask("POST", "/sign-in", visitor=False, data=form, headers=headers)
    second = cookie_of(again)
    assert first != second
    assert (await see(site, "/", first)).status == 401
    assert (await see(site, "/", second)).status == 200


async def test_a_wrong_password_and_an_unknown_e_mail_hear_the_same(site: Site) -> None:
    write = site.service.database.write
    await write(a_user)
    await write(a_user, "locked@example.com", manager="vera", locked_at=NOON)
    await write(a_user, "invited@example.com", manager="boris", password=None)
    said = set()
    for email, password in [
        (ANNA, "not the one"),
        (ANNA, PASSWORD + "x" * 1000),
        ("nobody@example.com", PASSWORD),
        ("locked@example.com", PASSWORD),
        ("invited@example.com", PASSWORD),
        ("", ""),
        ("a\x00b@example.com", "\ud83d".encode(errors="replace").decode()),
    ]:
        seen = await sign_in(site, email, password)
        assert (seen.status, seen.cookies) == (422, [])
        said.add(re.sub(r'value="[^"]*"', "", seen.text))
    assert len(said) == 1
    assert "Неверная почта или пароль" in said.pop()


class Weighed(PasswordHasher):
    """Notes how costly each check of a password is: argon2 takes it from the hash it checks."""

    def __init__(self) -> None:
        super().__init__(time_cost=2, memory_cost=1024, parallelism=1)
        self.costs: list[Parameters] = []

    def verify(self, kept: str | bytes, password: str | bytes) -> Literal[True]:
        self.costs.append(extract_parameters(str(kept)))
        return super().verify(kept, password)


async def test_an_unknown_e_mail_costs_as_much_as_a_known_one() -> None:
    hasher = Weighed()
    passwords = Passwords(hasher)
    for kept in (hasher.hash(PASSWORD), None):
        assert await passwords.is_right(kept, "wrong") is False
    known, unknown = hasher.costs
    assert known == unknown


async def test_neither_e_mail_nor_password_is_logged_or_audited(site: Site) -> None:
    await site.service.database.write(a_user)
    with capture_logs() as logged:
        await sign_in(site, ANNA, "my secret words")
        await sign_in(site, "who@example.com", "my secret words")
        cookie = await come_in(site)
        await post(site, "/sign-out", cookie)
    kept = f"{logged} {await site.service.database.read(audit.lines)}"
    assert {one["event"] for one in logged} >= {"sign_in", "signed_out"}
    assert not re.search(r"example\.com|secret words|owls", kept)
    assert [one.split()[1] for one in await done(site)][1:] == [
        "sign_in_failed",
        "sign_in_failed",
        "signed_in",
        "signed_out",
    ]


async def test_old_hashes_are_made_anew(site: Site) -> None:
    id_ = await site.service.database.write(
        a_user, password=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    )
    await come_in(site)
    user = await site.service.database.read(users.find, id_)
    assert user is not None
    assert user.password
    assert not quick_passwords().is_old(user.password)


# Trying many


async def test_after_some_tries_one_waits_and_longer_each_time(site: Site) -> None:
    await site.service.database.write(a_user)
    for _ in range(FREE["account"]):
        assert (await sign_in(site, ANNA, "wrong")).status == 422
    waits = []
    for _ in range(4):
        seen = await sign_in(site)  # even the right one is not looked at
        assert (seen.status, seen.cookies) == (429, [])
        waits.append(int(seen.headers["Retry-After"]))
        site.clock.now += timedelta(seconds=waits[-1])
        assert (await sign_in(site, ANNA, "wrong")).status == 422
    assert waits == [1, 2, 4, 8]
    site.clock.now += timedelta(minutes=5)  # no longer than that for an account
    assert (await sign_in(site)).status == 303


async def test_many_at_once_are_counted_before_a_password_is_looked_at(site: Site) -> None:
    await site.service.database.write(a_user)
    seen = await asyncio.gather(*(sign_in(site, ANNA, f"guess number {n}") for n in range(30)))
    assert [one.status for one in seen].count(422) == FREE["account"]
    assert [one.status for one in seen].count(429) == 30 - FREE["account"]


async def test_strangers_do_not_keep_somebody_out_where_he_has_been(
    service: Service, open_site: Open
) -> None:
    site = await open_site(service)
    await service.database.write(a_user)
    at_home = await come_in(site)
    async with elsewhere(site) as strangers:
        for _ in range(FREE["account"]):
            assert (await sign_in(strangers, ANNA, "wrong")).status == 422
        assert (await sign_in(strangers)).status == 429
    assert (await sign_in(site)).status == 303
    assert (await see(site, "/", at_home)).status == 200


@asynccontextmanager
async def elsewhere(site: Site) -> AsyncIterator[Site]:
    """The same server, asked from another address of this machine."""
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector

    connector = TCPConnector(local_addr=("127.0.0.9", 0))
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        yield replace(site, session=session)


# Being in


async def test_a_visit_lasts_while_it_is_used_but_no_longer_than_a_week(site: Site) -> None:
    await site.service.database.write(a_user)
    cookie = await come_in(site)
    for hours in range(11, 7 * 24, 11):
        site.clock.now = NOON + timedelta(hours=hours)
        assert (await see(site, "/", cookie)).status == 200, hours
    site.clock.now = NOON + timedelta(days=7)
    assert (await see(site, "/", cookie)).status == 401
    cookie = await come_in(site)
    site.clock.now += timedelta(hours=12)
    assert (await see(site, "/", cookie)).status == 401


async def test_that_somebody_is_there_is_written_once_a_minute(site: Site) -> None:
    await site.service.database.write(a_user)
    cookie = await come_in(site)
    seen = []
    for seconds in (59, 60, 90, 121):
        site.clock.now = NOON + timedelta(seconds=seconds)
        await see(site, "/me", cookie)
        visit = await site.service.database.read(
            find_visit, cookie.split("=")[1], now=site.clock.now
        )
        assert visit is not None
        assert visit.seen_at is not None
        seen.append((visit.seen_at - NOON).seconds)
    assert seen == [0, 60, 60, 121]


async def test_who_is_not_in_is_led_to_where_he_can_sign_in_and_back(site: Site) -> None:
    seen = await site.get("/calls/01J?a=1&b=%D1", visitor=False, headers=PAGE)
    assert (seen.status, seen.headers["Location"]) == (
        303,
        "/sign-in?next=/calls/01J%3Fa%3D1%26b%3D%25D1",
    )
    form = await site.get(seen.headers["Location"], visitor=False)
    assert 'name="next" value="/calls/01J?a=1&amp;b=%D1"' in form.text
    for headers in (
        {"Accept": "application/json"},
        {"Accept": "text/html", "Sec-Fetch-Mode": "cors"},
        {"Accept": "text/event-stream", "Sec-Fetch-Mode": "cors"},
        {"Accept": "*/*", "Sec-Fetch-Mode": "no-cors"},
    ):
        assert (await site.get("/", visitor=False, headers=headers)).status == 401
    inside = await site.get("/sign-in?next=/health")
    assert (inside.status, inside.headers["Location"]) == (303, "/health")


@pytest.mark.parametrize(
    "said",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "",
        "?x",
        " /",
        "/ /evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/%0d%0a/\r\nSet-Cookie: a=b",
        "/./\\evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/%2e%2E//evil.example",
        "/calls/../..//evil.example",
        "/calls//evil.example",
        "/%5c\\evil.example",
        "/\u3000/evil.example",
        "/\u2028/evil.example",
        "/\x00",
        "/sign-in?next=/sign-in",
        "/sign-out",
        "/enter/abc",
        "/" + "a" * 1001,
    ],
)
async def test_nobody_is_led_away_from_here(site: Site, said: str) -> None:
    assert own_path(said) == "/"
    await site.service.database.write(a_user)
    seen = await sign_in(site, next=said)
    assert (seen.status, seen.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["/", "/calls/01J", "/search?q=a//b&x=..", "/cards/1/move?to=x#y"])
def test_own_addresses_are_led_to_as_they_are(path: str) -> None:
    assert own_path(path) == path


async def test_a_right_is_taken_away_at_once(site: Site) -> None:
    write = site.service.database.write
    await write(a_user)
    boss = await write(an_admin)
    cookie, admin = await come_in(site), await come_in(site, "root@example.com")
    assert (await see(site, "/users", admin)).status == 200
    await write(users.change, boss, role="auditor")
    assert (await see(site, "/users", admin)).status == 403
    assert (await see(site, "/", cookie)).status == 200
    gone = tuple(
        replace(one, active=False) if one.key == "anna" else one
        for one in site.setups.current.manager
    )
    site.setups.current = replace(site.setups.current, manager=gone)
    assert (await see(site, "/", cookie)).status == 401


async def test_signing_out_ends_the_visit(site: Site) -> None:
    await site.service.database.write(a_user)
    cookie = await come_in(site)
    seen = await post(site, "/sign-out", cookie)
    assert (seen.status, seen.headers["Location"]) == (303, "/sign-in")
    assert "Max-Age=0" in seen.cookies[0]
    assert (await see(site, "/", cookie)).status == 401


# The first admin


async def test_the_first_link_leads_to_the_first_admin_who_may_be_made_later(site: Site) -> None:
    assert (await site.get("/")).status == 200  # later
    page = await site.get("/users/first")
    assert Markup(main_of(page)).is_ours()
    form = {"name": "Рита Ли", "email": "rita@example.com", "password": PASSWORD}
    for wrong in (
        {"name": " "},
        {"email": "no"},
        {"password": "short"},
        {"password": "RitaLi2026"},
    ):
        seen = await site.ask("POST", "/users/first", data={**form, **wrong}, headers=OWN)
        assert seen.status == 422, wrong
        assert 'aria-invalid="true"' in seen.text
        assert "manager" not in wrong or "Рита Ли" in seen.text
    seen = await site.ask("POST", "/users/first", data=form, headers=OWN)
    admin = cookie_of(seen)
    assert (await see(site, "/users", admin)).status == 200
    again = {**form, "email": "other@example.com"}
    seen = await site.ask("POST", "/users/first", data=again, headers=OWN)
    assert (seen.status, seen.headers["Location"]) == (303, "/users")
    assert len(await site.service.database.read(users.everybody)) == 1
    await come_in(site, "rita@example.com")


# Invitations


async def invited(site: Site, **form: str) -> str:
    """Invite; gives the path of the link."""
    seen = await site.ask("POST", "/users", data=form, headers=OWN)
    assert seen.status == 200, seen.text
    link = re.search(r"http://calls\.example(/invite/[\w-]+)", seen.text)
    assert link, seen.text
    return link[1]


async def test_an_invited_manager_chooses_a_password_and_is_in(site: Site) -> None:
    link = await invited(site, who="anna", email=ANNA)
    assert ANNA in (await site.get(link, visitor=False)).text
    for weak in ("short", "1234567890", "qwertyuiop1", "пароль2026", "смирнова12", "annaanna12"):
        seen = await post(site, link, password=weak)
        assert (seen.status, seen.cookies) == (422, []), weak
    cookie = cookie_of(await post(site, link, password=PASSWORD))
    assert "Анна Смирнова" in (await see(site, "/", cookie)).text
    assert (await see(site, "/health", cookie)).status == 403
    assert (await post(site, link, password=PASSWORD)).status == 404
    assert (await site.get(link, visitor=False)).status == 404
    await come_in(site)


async def test_an_invitation_is_good_for_a_week_and_only_the_latest(site: Site) -> None:
    first = await invited(site, name="Ада", email="ada@example.com", role="auditor")
    (user,) = await site.service.database.read(users.everybody)
    seen = await site.ask("POST", f"/users/{user.id}/link", headers=OWN)
    second = re.search(r"/invite/[\w-]+", seen.text)
    assert second
    assert (await site.get(first, visitor=False)).status == 404
    for hours, status in ((7 * 24 - 1, 200), (7 * 24, 404)):
        site.clock.now = NOON + timedelta(hours=hours)
        assert (await site.get(second[0], visitor=False)).status == status


async def test_a_refused_invitation_says_why_and_keeps_what_was_typed(site: Site) -> None:
    await site.service.database.write(a_user)
    for form, said in (
        ({"who": "anna", "email": "a@example.com"}, "уже есть учётная запись"),
        ({"who": "old", "email": "a@example.com"}, "работающих менеджеров"),
        ({"name": "Ада", "email": ANNA, "role": "head"}, "входит кто-то другой"),
        ({"name": "Ада", "email": "ada", "role": "head"}, "Это не адрес почты"),
        ({"name": "", "email": "a@example.com", "role": "head"}, "Напишите имя"),
        ({"name": "Ада", "email": "a@example.com", "role": "god"}, "одну из ролей"),
    ):
        seen = await site.ask("POST", "/users", data=form, headers=OWN)
        assert seen.status == 422
        assert said in Markup(seen.text).text
        assert f'value="{form["email"]}"' in seen.text
    assert len(await site.service.database.read(users.everybody)) == 1


async def test_where_letters_can_leave_the_link_is_mailed_under_our_own_address(
    service: Service, open_site: Open, tmp_path: Path
) -> None:
    sink = Sink(tmp_path)
    setup = replace(SETUP, letters=replace(SETUP.letters, sender="desk@calls.example"))
    async with sink.listening():
        settings = Settings(public_url="http://calls.example", smtp_url=sink.url)
        site = await open_site(replace(service, settings=settings))
        site.setups.current = setup
        headers = {**OWN, "Host": "evil.example"}
        form = {"who": "anna", "email": ANNA}
        seen = await site.ask("POST", "/users", data=form, headers=headers)
    link = re.search(r"http://[^<\s]+/invite/[\w-]+", seen.text)
    assert link
    (head,) = sink.listed()
    opened = sink.open(head.id)
    assert opened
    assert ANNA in head.to
    assert link[0] in opened.text
    assert link[0].startswith("http://calls.example/")
    assert "evil" not in opened.text
    assert "отправлена и письмом" in seen.text


async def test_locked_out_is_out_at_once_and_may_be_let_in_again(site: Site) -> None:
    id_ = await site.service.database.write(a_user)
    cookie = await come_in(site)
    assert (await site.ask("POST", f"/users/{id_}/lock", headers=OWN)).status == 303
    assert (await see(site, "/", cookie)).status == 401
    assert (await sign_in(site)).status == 422
    await site.ask("POST", f"/users/{id_}/unlock", headers=OWN)
    assert (await see(site, "/", cookie)).status == 401
    await come_in(site)
    assert (await site.ask("POST", "/users/nobody/lock", headers=OWN)).status == 404


async def test_the_last_admin_stays_one(site: Site) -> None:
    write = site.service.database.write
    first = await write(an_admin)
    await write(an_admin, "new@example.com", password=None)  # invited, and not here yet
    for path, form in ((f"/users/{first}/lock", {}), (f"/users/{first}/role", {"role": "head"})):
        seen = await site.ask("POST", path, data=form, headers=OWN)
        assert seen.status == 422
        assert "последний администратор" in seen.text
    second = await write(an_admin, "two@example.com")
    assert (await site.ask("POST", f"/users/{first}/lock", headers=OWN)).status == 303
    assert (await site.ask("POST", f"/users/{second}/lock", headers=OWN)).status == 422


# About oneself


async def test_somebody_sees_where_he_is_in_and_ends_it(site: Site) -> None:
    await site.service.database.write(a_user)
    one, two, three = [await come_in(site) for _ in range(3)]
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    form, headers = {"email": ANNA, "password": PASSWORD}, {**OWN, "User-Agent": agent}
    four = cookie_of(await site.ask("POST", "/sign-in", visitor=False, data=form, headers=headers))
    page = await see(site, "/me", one)
    assert "Firefox, Linux" in page.text
    assert Markup(page.text).text.count("127.0.0.1") == 4
    ids = re.findall(r'name="id" value="(\w+)"', page.text)
    assert len(ids) == 3
    await post(site, "/me/sessions/end", one, id=ids[0])
    assert [(await see(site, "/", was)).status for was in (one, two, three, four)].count(401) == 1
    await post(site, "/me/sessions/end", one)
    left = [(await see(site, "/", was)).status for was in (one, two, three, four)]
    assert left == [200, 401, 401, 401]


async def test_nobody_ends_anothers_visit(site: Site) -> None:
    write = site.service.database.write
    await write(a_user)
    await write(an_admin)
    admin, anna = await come_in(site, "root@example.com"), await come_in(site)
    visit = await site.service.database.read(find_visit, admin.split("=")[1], now=NOON)
    assert visit
    await post(site, "/me/sessions/end", anna, id=visit.id)
    assert (await see(site, "/", admin)).status == 200


async def test_a_password_is_changed_by_who_knows_it_and_ends_other_visits(site: Site) -> None:
    await site.service.database.write(a_user)
    here, there = await come_in(site), await come_in(site)
    new = "nine purple crows"
    for current, password in (("not mine", new), (PASSWORD, "short"), (PASSWORD, "ромашка123")):
        seen = await post(site, "/me/password", here, current=current, password=password)
        assert seen.status == 422
    assert (await post(site, "/me/password", here, current=PASSWORD, password=new)).status == 303
    assert [(await see(site, "/", one)).status for one in (here, there)] == [200, 401]
    assert (await sign_in(site)).status == 422
    await come_in(site, password=new)
    for _ in range(FREE["pair"]):
        await post(site, "/me/password", here, current="a guess", password=new)
    seen = await post(site, "/me/password", here, current=new, password=new)
    assert "Слишком много попыток" in seen.text


async def test_name_e_mail_and_language_are_ones_own(site: Site) -> None:
    write = site.service.database.write
    await write(a_user)
    await write(an_admin)
    cookie = await come_in(site, "root@example.com")
    seen = await post(site, "/me", cookie, name="Маргарита", email=ANNA)
    assert seen.status == 422
    assert "входит кто-то другой" in seen.text
    assert 'value="Маргарита"' in seen.text
    await post(site, "/me", cookie, name="Маргарита", email="M@Example.com")
    await post(site, "/me/language", cookie, language="en")
    assert (await post(site, "/me/language", cookie, language="xx")).status == 400
    again = await sign_in(site, "m@example.com")
    assert any(one.startswith("callrouter_language=en") for one in again.cookies)
    assert "Маргарита" in (await see(site, "/me", cookie_of(again))).text


async def test_who_is_in_by_a_link_has_no_account_to_change(site: Site) -> None:
    page = await site.get("/me")
    assert page.status == 200
    assert "Вы вошли по ссылке" in page.text
    for path in ("/me", "/me/password", "/me/code", "/me/code/on", "/me/sessions/end"):
        assert (await site.ask("POST", path, headers=OWN)).status == 404
    assert (await site.get("/me/code.svg")).status == 404


# A code after the password


async def with_code(site: Site, id_: str, cookie: str) -> tuple[pyotp.TOTP, list[str]]:
    """Turn it on; gives what the telephone has, and the recovery codes."""
    await post(site, "/me/code", cookie)
    page = await see(site, "/me", cookie)
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
    assert secret
    assert Markup(main_of(page).replace('src="/me/code.svg', 'src="/static/')).is_ours()
    picture = await see(site, "/me/code.svg", cookie)
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert picture.text.startswith("<?xml")
    phone = pyotp.TOTP(secret[1].replace(" ", ""))
    assert (await post(site, "/me/code/on", cookie, code="000000")).status == 422
    codes = await post(site, "/me/code/on", cookie, code=phone.at(site.clock.now))
    shown = re.findall(r"<code>([A-Z2-9-]{19})</code>", codes.text)
    assert (await see(site, "/me/code.svg", cookie)).status == 404
    kept = await site.service.database.read(
        lambda conn: conn.execute(select(tables.user).where(tables.user.c.id == id_)).one()
    )
    assert kept.totp.startswith("sealed:")
    assert secret[1].replace(" ", "") not in str(kept)
    assert not any(one in str(kept) for one in shown)
    return phone, shown


def ticket_of(seen: Seen) -> str:
    assert (seen.status, seen.cookies) == (200, [])
    found = re.search(r'name="ticket" value="([\w-]+)"', seen.text)
    assert found
    return found[1]


async def test_a_code_is_asked_for_after_the_password_and_good_once(site: Site) -> None:
    id_ = await site.service.database.write(a_user)
    phone, recovery = await with_code(site, id_, await come_in(site))
    assert len(set(recovery)) == 10

    async def code(text: str) -> Seen:
        ticket = ticket_of(await sign_in(site))
        return await post(site, "/sign-in/code", ticket=ticket, code=text, next="/health")

    now: datetime = site.clock.now
    assert (await code(phone.at(now))).status == 422  # used when it was turned on
    site.clock.now = now = now + timedelta(seconds=30)
    assert (await code("000000")).status == 422
    right = await code(phone.at(now))
    assert (right.status, right.headers["Location"]) == (303, "/health")
    assert (await code(phone.at(now))).status == 422
    assert (await code(recovery[0].lower().replace("-", " "))).status == 303
    assert (await code(recovery[0])).status == 422
    ticket = ticket_of(await sign_in(site))
    site.clock.now += timedelta(minutes=5, seconds=1)
    late = await post(site, "/sign-in/code", ticket=ticket, code=phone.at(site.clock.now))
    assert (late.status, late.cookies) == (422, [])
    assert (await post(site, "/sign-in/code", ticket="forged", code="1")).status == 422


async def test_codes_cannot_be_guessed_and_a_lost_telephone_is_forgotten(site: Site) -> None:
    id_ = await site.service.database.write(a_user)
    await with_code(site, id_, await come_in(site))
    ticket = ticket_of(await sign_in(site))
    tried = [
        (await post(site, "/sign-in/code", ticket=ticket, code=f"{n:06}")).status for n in range(9)
    ]
    assert 429 in tried
    site.clock.now += timedelta(minutes=20)
    await site.ask("POST", f"/users/{id_}/code", headers=OWN)
    cookie = await come_in(site)
    assert "Настроить" in (await see(site, "/me", cookie)).text


# The demo


async def test_the_demo_lets_anybody_be_one_of_its_people(demo: Site, open_site: Open) -> None:
    page = await demo.get("/sign-in", visitor=False)
    assert "Войти как Анна Смирнова" in page.text
    assert "Войти как администратор" in page.text
    anna = await post(demo, "/demo/as", who="anna", next="/calls/01J")
    assert anna.headers["Location"] == "/calls/01J"
    assert "Анна Смирнова" in (await see(demo, "/", cookie_of(anna))).text
    admin = cookie_of(await post(demo, "/demo/as", who="admin"))
    assert (await see(demo, "/users", admin)).status == 200
    assert (await post(demo, "/demo/as", who="old")).status == 400
    evil = {"Sec-Fetch-Site": "cross-site"}
    form = {"who": "admin"}
    seen = await demo.ask("POST", "/demo/as", visitor=False, data=form, headers=evil)
    assert seen.status == 403
    real = await open_site(replace(demo.service, demo=False))
    assert (await post(real, "/demo/as", who="admin")).status in (404, 405)
    assert "Войти как" not in (await real.get("/sign-in", visitor=False)).text
