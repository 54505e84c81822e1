"""`/users` over HTTP: inviting, another role, locking out."""

from __future__ import annotations

from callrouter.flows.users import Whence, accept, begin_totp, turn_totp_on
from tests.api.conftest import Api
from tests.api.rows import NOON

ADA = {"name": "Ада Лист", "email": "Ada@example.com", "role": "admin"}


async def test_somebody_is_invited_and_locked_out_but_not_the_last_admin(api: Api) -> None:
    invited = await api.ask("POST", "/users", json=ADA)
    assert invited.status == 201
    one = invited.body["user"]
    assert one == {
        "id": one["id"],
        "email": "ada@example.com",
        "name": "Ада Лист",
        "manager": None,
        "role": "admin",
        "state": "invited",
        "code": False,
        "created_at": "2026-03-02T09:00:00.000Z",
    }
    anna = await api.ask("POST", "/users", json={"email": "a@example.com", "manager": "anna"})
    assert anna.body["user"]["name"] == "Анна Смирнова"
    again = await api.ask("POST", f"/users/{one['id']}/password-link")
    write, now = api.service.database.write, NOON
    old, new = (said.body["link"].rpartition("/")[2] for said in (invited, again))
    assert await write(accept, old, "a hash", Whence(), now=now) is None
    assert await write(accept, new, "a hash", Whence(), now=now)
    assert (await api.ask("POST", f"/users/{one['id']}/lock")).status == 409
    assert (await api.ask("PATCH", f"/users/{one['id']}", json={"role": "head"})).status == 409
    locked = await api.ask("POST", f"/users/{anna.body['user']['id']}/lock")
    assert locked.body["state"] == "locked"
    await api.ask("POST", f"/users/{anna.body['user']['id']}/unlock")
    first = await api.get("/users?limit=1")
    rest = await api.get(f"/users?limit=1&cursor={first.body['next']}")
    said = [(user["name"], user["state"]) for user in first.body["items"] + rest.body["items"]]
    assert (said, rest.body["next"]) == (
        [("Ада Лист", "active"), ("Анна Смирнова", "invited")],
        None,
    )


async def test_what_is_wrong_is_said_by_its_field(api: Api) -> None:
    await api.ask("POST", "/users", json=ADA)
    for more, field in (
        ({}, "email"),
        ({"email": "ada"}, "email"),
        ({"email": "b@example.com", "name": " "}, "name"),
        ({"email": "b@example.com", "manager": "zoe"}, "manager"),
    ):
        refused = await api.ask("POST", "/users", json={**ADA, **more})
        assert refused.status == 422
        assert [one["field"] for one in refused.body["errors"]] == [field]
    anna = await api.ask("POST", "/users", json={"email": "a@example.com", "manager": "anna"})
    path = f"/users/{anna.body['user']['id']}"
    assert (await api.ask("PATCH", path, json={"role": "head"})).status == 409
    assert (await api.ask("POST", f"/users/{'0' * 26}/lock")).status == 404


async def test_who_lost_his_telephone_is_asked_for_no_code(api: Api) -> None:
    id_ = (await api.ask("POST", "/users", json=ADA)).body["user"]["id"]
    write, whence = api.service.database.write, Whence()
    await write(begin_totp, id_, "sealed")
    await write(turn_totp_on, id_, 1, by="page:admin", now=NOON, whence=whence)
    assert (await api.get("/users")).body["items"][0]["code"] is True
    off = await api.ask("POST", f"/users/{id_}/code-off")
    assert (off.status, off.body["code"]) == (200, False)
    assert (await api.ask("POST", f"/users/{'0' * 26}/code-off")).status == 404
    assert (await api.ask("POST", f"/users/{id_}/code-off", role="head")).status == 403


async def test_only_who_administers_may(api: Api) -> None:
    for role in ("manager", "head", "auditor"):
        assert (await api.ask("GET", "/users", role=role)).status == 403
        assert (await api.ask("POST", "/users", json=ADA, role=role)).status == 403
