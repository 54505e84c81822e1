"""Click-to-call at a PBX without telephones: takes the orders that we POST to its `call_url`."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from callrouter.fakepbx.serving import serving

if TYPE_CHECKING:
    from callrouter.fakepbx.play import FakePbx

PATH = "/call/"


@contextlib.asynccontextmanager
async def order_desk(
    pbx: Callable[[], FakePbx], secret: Callable[[str], str | None]
) -> AsyncIterator[str]:
    """Take orders on this machine, at PATH and the account's key; gives `host:port`.

    `secret`: of an account; None: there is none of this key.
    """

    async def take(request: web.Request) -> web.Response:
        account = request.match_info["account"]
        known = secret(account)
        said = request.headers.get("Authorization", "")
        if known is None or not hmac.compare_digest(said.encode(), f"Bearer {known}".encode()):
            raise web.HTTPForbidden
        order = await request.json()
        wanted = (str(order.get(name, "")) for name in ("call_id", "target", "number", "line"))
        if not pbx().order(account, *wanted):
            raise web.HTTPConflict(text="the phone is not free")
        return web.json_response({}, status=202)

    app = web.Application()
    app.router.add_post(PATH + "{account}", take)
    async with serving(app) as where:
        yield where
