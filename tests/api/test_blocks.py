"""`/blocks` over HTTP: adding, changing, taking off, and those of setup.toml."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from callrouter.domain.setup import Block
from tests.api.conftest import Api
from tests.api.rows import LINE, NOON, SETUP, add_call

SPAM = "+79161234567"
MINUTE = timedelta(minutes=1)


async def test_a_number_is_blocked_changed_and_taken_off(api: Api) -> None:
    sent = {"number": "8 (916) 123-45-67", "reason": "spam"}
    added = await api.ask("POST", "/blocks", json=sent)
    assert added.status == 201
    id_ = added.body["id"]
    assert added.body == {
        "id": id_,
        "number": SPAM,
        "reason": "spam",
        "until": None,
        "origin": "list",
        "since": "2026-03-02T09:00:00.000Z",
        "by": "token:a admin",
        "hits": 0,
        "last_hit_at": None,
    }
    until = "2026-03-03T09:00:00.000Z"
    changed = await api.ask("POST", "/blocks", json={"number": SPAM, "until": until}, role="head")
    assert changed.status == 200
    assert changed.body == {**added.body, "reason": "", "until": until}
    assert (await api.get("/blocks")).body == {"items": [changed.body], "next": None}
    gone = await api.ask("DELETE", f"/blocks/{id_}")
    assert (gone.status, gone.body) == (200, changed.body)
    assert (await api.get("/blocks")).body["items"] == []
    assert (await api.ask("DELETE", f"/blocks/{id_}")).status == 404


async def test_hits_are_counted_since_the_block_began(api: Api) -> None:
    async def add(state: str, minutes: int, number: str = SPAM) -> None:
        await api.service.database.write(
            lambda conn: add_call(
                conn, at=NOON + minutes * MINUTE, state=state, caller_number=number
            )
        )

    api.setups.current = replace(SETUP, block=(Block("+79160000002"),))
    await add("rejected", -5)
    await api.ask("POST", "/blocks", json={"number": SPAM})
    await add("rejected", 1)
    await add("rejected", 2)
    await add("answered", 3)
    await add("rejected", -5, "+79160000002")
    listed, own = (await api.get("/blocks")).body["items"]
    assert (listed["hits"], listed["last_hit_at"]) == (2, "2026-03-02T09:02:00.000Z")
    assert (own["hits"], own["last_hit_at"]) == (1, "2026-03-02T08:55:00.000Z")


async def test_a_block_of_setup_toml_is_shown_and_stays(api: Api) -> None:
    blocks = (Block("89160000002", date(2026, 3, 2), "rude"), Block("900"))
    past = Block("+79160000003", date(2026, 3, 1))
    api.setups.current = replace(SETUP, block=(*blocks, past))
    found = {one["number"]: one for one in (await api.get("/blocks")).body["items"]}
    assert set(found) == {"+79160000002", "900"}
    one = found["+79160000002"]
    assert (one["origin"], one["until"], one["since"]) == (
        "setup",
        "2026-03-02T21:00:00.000Z",
        None,
    )
    refused = await api.ask("DELETE", f"/blocks/{one['id']}")
    assert refused.status == 409
    assert "setup.toml" in refused.body["detail"]
    assert (await api.ask("DELETE", "/blocks/setup-79160000003")).status == 404


async def test_the_list_is_read_in_pages_setup_toml_last(api: Api) -> None:
    api.setups.current = replace(SETUP, block=(Block("+79160000002"), Block("+79160000001")))
    for n in range(3):
        api.clock.now = NOON + n * MINUTE
        await api.ask("POST", "/blocks", json={"number": f"+7916000001{n}"})
    read, cursor = [], None
    while True:
        page = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        found = (await api.get("/blocks", **page)).body
        read += [one["number"][-2:] for one in found["items"]]
        cursor = found["next"]
        if cursor is None:
            break
    assert read == ["12", "11", "10", "01", "02"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"number": "anonymous"}, "number", id="no number"),
        pytest.param({"number": LINE}, "number", id="a line of ours"),
        pytest.param({"number": "101"}, "number", id="an inside dial"),
        pytest.param(
            {"number": SPAM, "until": "2026-03-02T09:00:00Z"}, "until", id="ended already"
        ),
    ],
)
async def test_what_cannot_be_blocked_is_refused_by_its_field(
    api: Api, body: dict[str, str], field: str
) -> None:
    refused = await api.ask("POST", "/blocks", json=body)
    assert refused.status == 422
    (error,) = refused.body["errors"]
    assert error["field"] == field
    assert "allowed" in error["message"]
    assert (await api.get("/blocks")).body["items"] == []
