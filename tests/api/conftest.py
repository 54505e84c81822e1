"""A real server of the API on a base of its own, at noon of a Monday."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection

from callrouter.api import add_api
from callrouter.domain.setup import Role, Setup
from callrouter.flows.tokens import add_token
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage.database import Database
from tests.api.rows import NOON, SETUP


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
class Reply:
    status: int
    body: Any
    headers: Any
    text: str


@dataclass(frozen=True)
class Api:
    """Asks the server as a program does. `tokens` holds one per role."""

    url: str
    service: Service
    clock: HandClock
    setups: Setups
    tokens: dict[Role, str]
    session: ClientSession

    async def get(self, path: str, **params: Any) -> Reply:
        return await self.ask("GET", path, params=params)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        role: Role = "admin",
        token: str | None = None,
        **kwargs: Any,
    ) -> Reply:
        headers = {"Authorization": f"Bearer {token or self.tokens[role]}"}
        headers |= kwargs.pop("headers", {})
        url = f"{self.url}{path}"
        async with self.session.request(method, url, headers=headers, **kwargs) as answer:
            text = await answer.text()
            body = await answer.json(content_type=None) if text else None
            return Reply(answer.status, body, answer.headers, text)


def add_tokens(conn: Connection) -> dict[Role, str]:
    roles: tuple[Role, ...] = get_args(Role)
    return {role: add_token(conn, f"a {role}", role, now=NOON) for role in roles}


Start = Callable[[web.Application], Awaitable[str]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server for an application; gives its address."""
    servers = []

    async def start_one(app: web.Application) -> str:
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start_one
    for server in servers:
        await server.close()


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """One engine is enough here: what the API reads is tested on both in tests/storage."""
    return sqlite_database


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def setups() -> Setups:
    return Setups()


@pytest.fixture
def service(database: Database, clock: HandClock, setups: Setups, tmp_path: Path) -> Service:
    settings = Settings(data_dir=tmp_path / "var")
    return Service(settings, database, setups, Seal("a secret of the tests"), clock)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as one:
        yield one


@pytest.fixture
async def api(
    start: Start, service: Service, clock: HandClock, setups: Setups, session: ClientSession
) -> Api:
    app = web.Application()
    add_api(app, service)
    url = await start(app)
    tokens = await service.database.write(add_tokens)
    return Api(f"{url}/api/v1", service, clock, setups, tokens, session)
