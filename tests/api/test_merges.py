"""What programs may do with two contacts that are one, with consents, with whose a number is."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from tests.api.conftest import Api
from tests.api.rows import add_call, add_card, add_contact


def two(conn: Connection, /) -> tuple[str, str, str]:
    kept = add_contact(conn, "Иван", "+79160000001", comment="Чай")
    gone = add_contact(conn, "Пётр", "+79160000002", comment="Кофе")
    add_card(conn, gone)
    return kept, gone, add_call(conn, contact=kept, caller_number="+79160000001")


async def ask(api: Api, method: str, path: str, body: Any = None, **more: Any) -> Any:
    return await api.ask(method, path, json=body, **more)


async def test_joined_foretold_and_undone(api: Api) -> None:
    kept, gone, _ = await api.service.database.write(two)
    body = {"other": gone, "fields": {"name": "gone"}, "dry_run": True}
    foretold = await ask(api, "POST", f"/contacts/{kept}/merge", body)
    assert (foretold.status, foretold.body["merge"]) == (200, None)
    assert foretold.body["moves"] == {"card": 1}
    assert [one["field"] for one in foretold.body["differences"]] == ["name", "comment"]
    joined = await ask(api, "POST", f"/contacts/{kept}/merge", body | {"dry_run": False})
    assert joined.status == 200
    now = await ask(api, "GET", f"/contacts/{kept}")
    assert (now.body["name"], now.body["comment"]) == ("Пётр", "Чай\n\nКофе")
    assert (await ask(api, "GET", f"/contacts/{gone}")).status == 404
    undo = f"/merges/{joined.body['merge']}/undo"
    assert (await ask(api, "POST", undo, role="manager")).status == 403
    undone = await ask(api, "POST", undo)
    assert (undone.status, undone.body["stays"]) == (200, [])
    assert (await ask(api, "POST", undo)).status == 409
    assert (await ask(api, "GET", f"/contacts/{gone}")).body["name"] == "Пётр"


@pytest.mark.parametrize(
    ("fields", "field"), [({"inn": "gone"}, "fields.inn"), ({"name": "both"}, "fields.name")]
)
async def test_a_choice_that_is_none_is_named(api: Api, fields: dict[str, str], field: str) -> None:
    kept, gone, _ = await api.service.database.write(two)
    body = {"other": gone, "fields": fields}
    refused = await ask(api, "POST", f"/contacts/{kept}/merge", body)
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, field)
    itself = await ask(api, "POST", f"/contacts/{kept}/merge", {"other": kept})
    assert (itself.status, itself.body["errors"][0]["field"]) == (422, "other")


async def test_consents_and_whose_a_number_is(api: Api) -> None:
    kept, gone, call = await api.service.database.write(two)
    body = {"purpose": "advertising", "how": "spoken", "evidence": "сказал сам"}
    given = await ask(api, "POST", f"/contacts/{kept}/consents", body)
    assert given.status == 201
    (one,) = given.body["items"]
    where = f"/contacts/{kept}/consents/{one['id']}/withdraw"
    back = await ask(api, "POST", where)
    assert back.body["items"][0]["withdrawn_at"] is not None
    wrong = f"/contacts/{gone}/consents/{one['id']}/withdraw"
    assert (await ask(api, "POST", wrong)).status == 404, "it is another's"
    attached = await ask(api, "POST", f"/calls/{call}/attach", {"contact": gone})
    assert (attached.status, attached.body) == (200, {"call": call, "contact": gone})
    now = await ask(api, "GET", f"/contacts/{gone}")
    assert now.body["phones"] == ["+79160000001", "+79160000002"]
