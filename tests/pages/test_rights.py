"""Every address of the application, and who may use it: a page that is added is looked at too."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from callrouter.app import create_app
from callrouter.domain.rights import RIGHTS
from callrouter.domain.setup import Role
from callrouter.flows.visits import open_visit
from callrouter.outside.sink import Sink
from callrouter.pages import DOORS, add_pages
from callrouter.service import Service
from callrouter.settings import Settings
from storage.ids import new_id
from storage.users import User, add
from tests.api.rows import NOON
from tests.pages.conftest import quick_passwords

OPEN = {
    # Signing in, and links that are secrets themselves.
    "/sign-in",
    "/sign-in/code",
    "/demo/as",
    "/enter/{token}",
    "/invite/{token}",
    # Meant for everybody.
    "/form",
    "/letters/stop/{ticket}",
}
"""Pages that need no right, each on purpose."""

NO_PAGES = ("/webhooks/", "/api/v1/", "/health/live", "/health/ready", "/metrics", "/static/")
"""Begin the addresses of programs, which have their own ways of trust, and of files for all."""

REFUSES_BY_ITSELF = {
    "/pop/{token}",  # a link that is not ours
    "/audit.csv",  # whoever takes it as a file must also be one who reads it
}

PATIENCE = 5

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
OWN = {"Sec-Fetch-Site": "same-origin"}
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}


def routes_of(app: web.Application) -> list[tuple[str, str, Any]]:
    """Method, address with its braces, and handler of each."""
    return [
        (one.method, one.resource.canonical, one.handler)
        for one in app.router.routes()
        if one.resource is not None
    ]


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncIterator[Sink]:
    sink = Sink(tmp_path / "mail")
    async with sink.listening():
        yield sink


@pytest.fixture
def everything(tmp_path: Path, mail: Sink) -> web.Application:
    """The application with all that a demo has besides."""

    async def dial(_kind: str, _caller: str, _line: str) -> str:
        return ""

    settings = Settings(data_dir=tmp_path, public_url="http://calls.example")
    return create_app(settings, demo=True, dial=dial, mail=mail).app


async def test_every_page_has_a_right_or_is_open_on_purpose(everything: web.Application) -> None:
    app = everything
    rights = app[DOORS].rights
    undeclared, opened = set(), set()
    for _, path, handler in routes_of(app):
        if handler not in rights:
            undeclared.add(path)
        elif rights[handler] == "open":
            opened.add(path)
    assert {path for path in undeclared if not path.startswith(NO_PAGES)} == set()
    assert opened == OPEN


# Role by role


@dataclass(frozen=True)
class House:
    """The pages, and somebody of each role who is in."""

    app: web.Application
    url: str
    session: ClientSession
    cookies: dict[Role | None, str]

    async def ask(
        self, method: str, path: str, role: Role | None, headers: dict[str, str]
    ) -> tuple[int, str]:
        """Status, and where it leads; the body is left unread, as streams never end."""
        given = {**headers, "Cookie": self.cookies[role]}
        found = (0, "")
        for _ in range(PATIENCE):
            async with self.session.request(
                method, self.url + path, headers=given, allow_redirects=False
            ) as answer:
                found = answer.status, answer.headers.get("Location", "")
            if answer.status != 503:  # the base was too slow for a server
                break
        return found


@pytest.fixture
async def house(service: Service, session: ClientSession, mail: Sink) -> AsyncIterator[House]:
    async def dial(_kind: str, _caller: str, _line: str) -> str:
        return ""

    demo = replace(service, demo=True)
    app = web.Application()
    add_pages(
        app,
        demo,
        find=lambda _name, _account: None,
        dial=dial,
        mail=mail,
        passwords=quick_passwords(),
    )
    cookies: dict[Role | None, str] = {None: ""}
    for role in get_args(Role):
        user = User(new_id(NOON), f"{role}@example.com", role, None, role, NOON, "page:admin", "x")
        await service.database.write(add, user)
        cookie = await service.database.write(open_visit, role, now=NOON, user=user.id)
        cookies[role] = f"{app[DOORS].cookie}={cookie}"
    server = TestServer(app)
    await server.start_server()
    yield House(app, str(server.make_url("")).rstrip("/"), session, cookies)
    await server.close()


def filled(app: web.Application, method: str, path: str) -> str:
    """The address with something in its braces that it takes."""
    info = next(
        one.resource.get_info()
        for one in app.router.routes()
        if one.resource is not None and (one.method, one.resource.canonical) == (method, path)
    )
    if "pattern" not in info:
        return path
    tried = [
        re.sub(r"{\w+}", text, info["formatter"])
        for text in ("1", new_id(NOON), "a", "x.js", "team", "company")
    ]
    return next(one for one in tried if info["pattern"].fullmatch(one))


@pytest.mark.parametrize("role", [None, *get_args(Role)], ids=lambda role: role or "nobody")
async def test_each_role_may_what_its_rights_say_and_nothing_else(
    house: House, role: Role | None
) -> None:
    wrong = []
    for method, path, handler in routes_of(house.app):
        right = house.app[DOORS].rights.get(handler, "open")
        if method == "HEAD" or right == "open" or path == "/sign-out":
            continue
        where = filled(house.app, method, path)
        status, leads = await house.ask(method, where, role, PAGE if method == "GET" else OWN)
        if role is None:
            fine = leads.startswith("/sign-in") if method == "GET" else status == 401
        elif right == "in" or right in RIGHTS[role]:
            refused = status in (401, 403) and path not in REFUSES_BY_ITSELF
            fine = not refused and status < 500 and not leads.startswith("/sign-in")
        else:
            fine = status == 403
        if not fine:
            wrong.append((method, path, right, status, leads))
    assert wrong == []


@pytest.mark.parametrize("role", [None, "admin"], ids=["nobody", "an admin"])
async def test_no_form_of_another_site_is_taken(house: House, role: Role | None) -> None:
    taken_from_anywhere = {"/form", "/letters/stop/{ticket}"}  # they check by a ticket of their own
    wrong = []
    for method, path, handler in routes_of(house.app):
        if method in ("GET", "HEAD") or path in taken_from_anywhere:
            continue
        where = filled(house.app, method, path)
        status, _ = await house.ask(method, where, role, FOREIGN)
        needs = house.app[DOORS].rights.get(handler, "open")
        expected = 403 if role or needs == "open" else 401
        if status != expected:
            wrong.append((method, path, status))
    assert wrong == []
    assert (await house.ask("GET", "/me", "admin", PAGE))[0] == 200


async def test_a_script_of_nobody_hears_401(house: House) -> None:
    for path in ("/", "/events", "/me", "/users"):
        headers = {"Accept": "text/html", "Sec-Fetch-Mode": "cors"}
        assert (await house.ask("GET", path, None, headers))[0] == 401
