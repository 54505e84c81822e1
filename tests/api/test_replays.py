"""`/replays`, and `/route` on a draft or with something supposed, as programs ask for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.replayed import Replayed
from callrouter.flows import replays as flow
from callrouter.flows import tuning
from storage import setups
from tests.api.conftest import Api, HandClock
from tests.api.rows import LINE, NOON
from tests.pages.test_what_if import SEAL, WHOLE, broken, to_vera

NONE = "01HZZZZZZZZZZZZZZZZZZZZZZZ"


async def post(api: Api, path: str, /, **body: Any) -> Any:
    return await api.ask("POST", path, json=body)


async def draft(api: Api, change: Any) -> str:
    write, now = api.service.database.write, NOON
    await write(setups.publish, WHOLE, by="apply", now=now - timedelta(days=1))
    id_ = await write(tuning.new_draft, "Всё Вере", by="test", now=now)
    await write(tuning.edit, change, seal=SEAL, by="test", now=now, draft=id_)
    return id_


async def test_a_replay_is_asked_for_watched_and_cancelled(api: Api) -> None:
    id_ = await draft(api, to_vera)
    asked = await post(api, "/replays", days=7, draft=id_)
    assert asked.status == 201
    one = asked.body
    assert (one["state"], one["draft"], one["name"]) == ("waiting", id_, "Всё Вере")
    assert (one["since"], one["by"]) == ("2026-02-23T09:00:00.000Z", "token:a admin")
    assert (await post(api, "/replays", days=7, draft=id_)).body["id"] == one["id"]
    where = f"/replays/{one['id']}"
    cancelled = await api.ask("POST", f"{where}/cancel")
    assert cancelled.body["state"] == "cancelled"
    assert (await api.get(where)).body == cancelled.body

    def comes(conn: Connection) -> str:
        new = flow.ask(conn, days=1, draft=None, by="test", now=NOON)
        flow.begin(conn, new, now=NOON)
        result = Replayed(NOON - timedelta(days=1), NOON, calls=3, decisions=4, explained=4)
        flow.came(conn, new, result, now=NOON)
        return new

    done = await api.get(f"/replays/{await api.service.database.write(comes)}")
    assert (done.body["state"], done.body["result"]["explained"]) == ("done", 4)
    assert done.body["result"]["compared"] is None


async def test_replays_are_listed_the_newest_first_without_what_came_of_them(
    api: Api, clock: HandClock
) -> None:
    ids = []
    for days in (1, 2, 3):
        clock.now += timedelta(minutes=1)
        ids.append((await post(api, "/replays", days=days)).body["id"])
    first = (await api.get("/replays", limit=2)).body
    assert [one["id"] for one in first["items"]] == [ids[2], ids[1]]
    rest = (await api.get("/replays", limit=2, cursor=first["next"])).body
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([ids[0]], None)
    whole = (await api.get(f"/replays/{ids[0]}")).body
    assert rest["items"] == [{key: whole[key] for key in whole if key != "result"}]
    assert (await api.ask("GET", "/replays", role="manager")).status == 403
    assert (await api.get("/replays", cursor="x")).body["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"days": 0}, 422),
        ({"days": 91}, 422),
        ({"days": "7"}, 422),
        ({}, 422),
        ({"days": 7, "rules": ""}, 422),
        ({"days": 7, "draft": NONE}, 404),
    ],
)
async def test_a_wrong_replay_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    assert (await post(api, "/replays", **body)).status == status
    assert (await api.get(f"/replays/{NONE}")).status == 404
    assert (await api.ask("POST", f"/replays/{NONE}/cancel")).status == 404


async def test_who_may_not_see_the_setup_may_not_ask(api: Api) -> None:
    refused = await api.ask("POST", "/replays", role="manager", json={"days": 1})
    assert refused.status == 403
    assert (await api.ask("GET", f"/replays/{NONE}", role="auditor")).status == 404


async def test_a_call_is_tried_on_a_draft_and_with_something_supposed(api: Api) -> None:
    id_ = await draft(api, to_vera)

    async def rings(**body: Any) -> list[str]:
        found = await post(api, "/route", line=LINE, caller="+79161234567", **body)
        assert found.status == 200, found.text
        return [step["targets"][0]["manager"] for step in found.body["decision"]["steps"]]

    assert await rings() == ["anna", "vera"]
    assert await rings(draft=id_) == ["vera"]
    assert await rings(supposed={"anna": "talking", "boris": "free"}) == ["boris", "vera"]
    assert (await post(api, "/route", line=LINE, draft=NONE)).status == 404
    wrong = await post(api, "/route", line=LINE, supposed={"anna": "asleep"})
    assert wrong.status == 422

    def spoil(conn: Connection) -> None:
        tuning.edit(conn, broken, seal=SEAL, by="test", now=NOON, draft=id_)

    await api.service.database.write(spoil)
    for path, body in (("/route", {"line": LINE}), ("/replays", {"days": 1})):
        refused = await post(api, path, draft=id_, **body)
        assert refused.status == 422
        assert [one["field"] for one in refused.body["errors"]] == [f"line[{LINE}].ladder"]
    assert replace(WHOLE, version=1) == await api.service.database.read(setups.load, 1)
