"""An S3 service that takes connections and says nothing: calls hear nothing of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import pytest

from callrouter.intake.keeping import AT_ONCE
from tests.chaos.conftest import MakeHouse
from tests.chaos.setups import company
from tests.hooks import Event, pbx_of
from tests.running import LINE, SECRET
from tests.sounds import wav

pytestmark = pytest.mark.slow

TRUST = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def silence() -> Iterator[int]:
    """The port of somebody who listens and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listens:
        port: int = listens.getsockname()[1]
        yield port


def ringing(n: int) -> Event:
    caller = f"+7916{n:07}"
    return {"event": "ringing", "call_id": f"r{n}", "caller": caller, "called": LINE}


async def test_calls_are_decided_while_every_recording_waits(
    make_house: MakeHouse, silence: int
) -> None:
    house = await make_house(company())
    house.environ |= {
        "CALLROUTER_FILES_URL": f"s3://files?endpoint=http://127.0.0.1:{silence}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    server = await house.open().ready()
    async with aiohttp.ClientSession(headers=TRUST) as session, pbx_of(house) as pbx:

        async def upload(n: int) -> int:
            url = f"{house.url}/webhooks/pbx/main/recordings/c{n}"
            async with session.put(url, data=wav(1.0, pitch=300 + n)) as answer:
                return answer.status

        uploads = [asyncio.create_task(upload(n)) for n in range(AT_ONCE + 1)]
        done, waiting = await asyncio.wait(uploads, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result() for one in done] == [503]  # as many come as may
        sent = [await pbx.post(ringing(n)) for n in range(50)]
        assert all(one.told["decision"] == "connect" for one in sent)
        assert not any(one.done() for one in waiting)
        assert (await server.metrics())["callrouter_fallbacks"] == 0
        for one in uploads:
            one.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)
    server.kill()
