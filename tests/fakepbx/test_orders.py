"""The fake PBX takes orders to call: with the secret, once, if the phone is free."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from callrouter.fakepbx import ON_REQUEST, Account, FakePbx, Hook, Person
from callrouter.fakepbx.orders import PATH, order_desk

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINE = "+74950000101"
ORDER = {"call_id": "order-1", "target": "101", "number": "+79430000001", "line": LINE}


@pytest.fixture
def pbx() -> FakePbx:
    one = FakePbx(
        seed=1,
        accounts=[Account("main", (LINE,))],
        people=[Person("Анна", ("101",))],
        habits=ON_REQUEST,
    )
    one.open(NOON)
    return one


def play(pbx: FakePbx, seconds: float) -> list[Hook]:
    return list(pbx.play_until(NOON + timedelta(seconds=seconds)))


async def test_an_order_is_a_call_of_its_own_id_that_comes_to_a_talk(pbx: FakePbx) -> None:
    async with (
        order_desk(lambda: pbx, {"main": "secret"}.get) as host,
        aiohttp.ClientSession() as session,
    ):

        async def order(secret: str, account: str = "main", **changes: str) -> int:
            headers = {"Authorization": f"Bearer {secret}"}
            url = f"http://{host}{PATH}{account}"
            async with session.post(url, json=ORDER | changes, headers=headers) as answer:
                return answer.status

        assert await order("wrong") == 403
        assert await order("secret", "other") == 403
        assert await order("secret", target="999") == 409
        assert await order("secret", line="+70000000000") == 409
        assert await order("secret") == 202
        assert await order("secret") == 202  # the same again makes no second call
    said = [hook.payload for hook in play(pbx, 120)]
    assert {one["call_id"] for one in said} == {"order-1"}
    assert next(one["event"] for one in said) == "dialing"
    assert {"answered", "ended"} <= {one["event"] for one in said}
    assert pbx.truth.calls["order-1"].talks
    assert pbx.truth.counts["calls_out"] == 1
