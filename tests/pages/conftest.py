"""A real server of the pages on a base of its own, at noon of a Monday."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher

from callrouter.domain.setup import Setup
from callrouter.flows.visits import enter, new_link
from callrouter.pages import Relay, add_pages
from callrouter.passwords import Passwords
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage.database import Database
from tests.api.rows import NOON, SETUP
from webhooks.provider import Provider
from webhooks.providers import PROVIDERS


@dataclass
class HandClock:
    """Stands still until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Setups:
    current: Setup = SETUP


@dataclass(frozen=True)
class Seen:
    """What a browser got. `cookies`: Set-Cookie lines as they came."""

    status: int
    headers: Any
    text: str
    cookies: list[str]


@dataclass
class Site:
    """Asks for pages as a browser does; `cookie` is a visitor's whole Cookie header."""

    url: str
    service: Service
    setups: Setups
    clock: HandClock
    relay: Relay
    session: ClientSession
    cookie: str = ""
    dialled: list[tuple[str, str, str]] = field(default_factory=list)

    async def get(self, path: str, *, visitor: bool = True, **kwargs: Any) -> Seen:
        return await self.ask("GET", path, visitor=visitor, **kwargs)

    async def ask(self, method: str, path: str, *, visitor: bool = True, **kwargs: Any) -> Seen:
        headers = dict(kwargs.pop("headers", {}))
        if visitor:
            said = headers.pop("Cookie", "")
            headers["Cookie"] = f"{self.cookie}; {said}" if said else self.cookie
        async with self.session.request(
            method, f"{self.url}{path}", headers=headers, allow_redirects=False, **kwargs
        ) as answer:
            cookies = answer.headers.getall("Set-Cookie", [])
            return Seen(answer.status, answer.headers, await answer.text(), cookies)

    async def let_in(self) -> None:
        """Become a visitor, as the one-time link makes one."""
        link = await self.service.database.write(new_link, now=self.clock())
        cookie = await self.service.database.write(enter, link, now=self.clock())
        self.cookie = f"callrouter_{self.service.seal.fingerprint[:8]}={cookie}"


def quick_passwords() -> Passwords:
    """As many as tests need."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def setups() -> Setups:
    return Setups()


@pytest.fixture
def service(sqlite_database: Database, clock: HandClock, setups: Setups) -> Service:
    """One engine is enough: what pages read is tested on both in tests/storage."""
    settings = Settings(public_url="http://calls.example")
    return Service(settings, sqlite_database, setups, Seal("a secret of the tests"), clock)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=DummyCookieJar()) as one:
        yield one


class Open(Protocol):
    def __call__(self, service: Service) -> Awaitable[Site]: ...


@pytest.fixture
async def open_site(
    setups: Setups, clock: HandClock, session: ClientSession
) -> AsyncIterator[Open]:
    """Starts a server of the pages for a service; everybody may dial where it is a demo."""
    servers = []

    async def start(service: Service) -> Site:
        relay = Relay(service)
        dialled: list[tuple[str, str, str]] = []

        async def dial(kind: str, caller: str, line: str) -> str:
            dialled.append((kind, caller, line))
            return f"pbx-{len(dialled)}"

        def find(name: str, account: str) -> Provider | None:
            """As the intake gives it; whose secret is in no environment has none."""
            found = setups.current.accounts.get(account)
            opened = tuple(one.encode() for one in found.secrets) if found else ()
            secrets = tuple(one for one in opened if not one.startswith(b"env:"))
            return PROVIDERS[name](found, secrets) if found else None

        app = web.Application()
        add_pages(app, service, find=find, dial=dial, relay=relay, passwords=quick_passwords())
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        url = str(server.make_url("")).rstrip("/")
        site = Site(url, service, setups, clock, relay, session, dialled=dialled)
        await site.let_in()
        return site

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def site(open_site: Open, service: Service) -> Site:
    return await open_site(service)


@pytest.fixture
async def demo(open_site: Open, service: Service) -> Site:
    return await open_site(replace(service, demo=True))


Streaming = Callable[..., Any]


@pytest.fixture
def events(site: Site) -> Streaming:
    """Opens `/events`; gives an async reader of (event, id, data) as text.

    Of what lists are told; with `rings` also of who is rung, and of other news.
    """

    @asynccontextmanager
    async def listen(
        path: str = "/events", *, rings: bool = False, **headers: str
    ) -> AsyncIterator[Callable[[], Awaitable[dict[str, str]]]]:
        headers["Cookie"] = f"{site.cookie}; {headers.pop('Cookie', '')}"
        async with site.session.get(f"{site.url}{path}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()

            async def read() -> dict[str, str]:
                while (found := await _message(answer.content.readline)) and not rings:
                    if found["event"] not in ("pops", "pop", "unpop", "news"):
                        break
                return found

            yield read

    return listen


async def _message(readline: Callable[[], Awaitable[bytes]]) -> dict[str, str]:
    """The next message with an event; `{}` at the stream's end."""
    found: dict[str, str] = {}
    while line := (await readline()).decode():
        if line == "\n":
            if "event" in found:
                return found
            found = {}
        elif not line.startswith(":"):
            name, _, value = line.rstrip("\n").partition(": ")
            found[name] = value
    return {}
