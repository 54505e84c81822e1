"""`/accounts`: where a PBX sends its hooks, and a harmless one sent the whole way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web

from callrouter.seal import Seal
from callrouter.service import Service
from storage import setups as stored
from storage.database import Database
from tests.api.conftest import Api, HandClock, Reply, Setups, Start
from tests.api.rows import LINE, NOON, SETUP

SECRET = "the PBX's own secret"
MAIN = replace(SETUP.account[0], secret=(SECRET,))


@dataclass
class FrontDoor:
    """Stands where a PBX sends its hooks, in place of the server's own."""

    url: str = ""
    status: int = 200
    text: str = '{"ok": true}'

    async def answer(self, request: web.Request) -> web.Response:
        known = request.headers["Authorization"] == f"Bearer {SECRET}"
        return web.Response(status=self.status if known else 401, text=self.text)


@pytest.fixture
async def door(start: Start) -> FrontDoor:
    found = FrontDoor()
    app = web.Application()
    app.router.add_post("/webhooks/pbx/main", found.answer)
    found.url = await start(app)
    return found


@pytest.fixture
def setups() -> Setups:
    return Setups(replace(SETUP, account=(MAIN,)))


@pytest.fixture
def service(
    service: Service, database: Database, clock: HandClock, setups: Setups, door: FrontDoor
) -> Service:
    settings = replace(service.settings, public_url=door.url)
    return Service(settings, database, setups, Seal("a secret of the tests"), clock)


async def attempt(api: Api, key: str = "main", **asked: Any) -> Reply:
    return await api.ask("POST", f"/accounts/{key}/test", **asked)


async def test_each_account_says_where_its_pbx_sends_and_never_its_secret(
    api: Api, door: FrontDoor
) -> None:
    found = await api.ask("GET", "/accounts", role="head")
    address = f"{door.url}/webhooks/pbx/main"
    one = {"key": "main", "provider": "pbx", "default_line": LINE, "address": address}
    assert found.body == {"items": [one]}
    assert SECRET not in found.text


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (200, '{"ok": true}', "arrived"),
        (401, "", "refused"),
        (302, "", "redirected"),
        (200, "<h1>It works!</h1>", "stranger"),
    ],
)
async def test_a_harmless_hook_goes_the_whole_way(
    api: Api, door: FrontDoor, status: int, text: str, verdict: str
) -> None:
    door.status, door.text = status, text
    found = await attempt(api)
    assert found.status == 200
    assert (found.body["verdict"], found.body["status"]) == (verdict, status)
    assert found.body["answer"] == text
    assert SECRET not in found.text


async def test_an_account_connected_a_moment_ago_is_tried_too(api: Api, setups: Setups) -> None:
    await api.service.database.write(stored.publish, setups.current, by="apply", now=NOON)
    setups.current = replace(SETUP, account=())
    assert (await attempt(api)).body["verdict"] == "arrived"


async def test_what_cannot_be_tried_says_why(api: Api, setups: Setups) -> None:
    setups.current = replace(SETUP, account=(replace(MAIN, secret=("env:NOT_THERE",)),))
    assert (await attempt(api)).status == 409
    assert (await attempt(api, "nobody")).status == 404


async def test_who_may_not_tune_may_not_try(api: Api) -> None:
    assert (await attempt(api, role="head")).status == 403
    assert (await api.ask("GET", "/accounts", role="manager")).status == 403
