"""Hooks, the audit and readiness for programs: what the pages show and do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from callrouter.domain.setup import Account
from storage import audit, journal, setups
from storage.journal import Refused
from tests.api.conftest import Api
from tests.api.rows import LINE, NOON, SETUP
from tests.flows.test_take_aside import counts, hear, put_aside, ringing

MINE = replace(SETUP, account=(Account("main", default_line=LINE, secret="s3cr3t-of-main"),))


async def begin(api: Api) -> None:
    api.setups.current = await api.service.database.write(
        setups.publish, MINE, by="apply", now=NOON - timedelta(days=1)
    )


async def test_hooks_are_listed_read_again_and_taken(api: Api) -> None:
    await begin(api)
    write = api.service.database.write
    await write(hear, ringing(note="s3cr3t-of-main"), at=NOON)
    await write(journal.refuse, Refused("main", "pbx", NOON, "odd", "10.0.0.9"))
    lost = await write(put_aside, ringing("c2"), at=NOON - timedelta(days=1))
    first = (await api.get("/hooks", limit=2)).body
    rest = (await api.get("/hooks", limit=2, cursor=first["next"])).body
    items = [*first["items"], *rest["items"]]
    assert sorted(one["outcome"] for one in items) == ["aside", "event", "refused"]
    assert rest["next"] is None
    event = next(one for one in items if one["outcome"] == "event")
    assert (event["caller"], event["decision"]["decision"]) == ("+7916***67", "connect")

    named = {"account": "main", "key": event["key"]}
    whole = (await api.get("/hooks/event", **named)).body
    assert "s3cr3t" not in whole["body"]
    assert '"note": "•••"' in whole["body"]
    assert whole["took_ms"] is not None
    before = await api.service.database.read(counts)
    again = (await api.ask("POST", "/hooks/read-again", json=named)).body
    assert (again["kinds"], again["differs"], again["reason"]) == (["ringing"], [], "")
    assert again["decision"]["decision"] == "connect"
    both = await api.ask("POST", "/hooks/read-again", json={**named, "aside": lost})
    assert (both.status, both.body["errors"][0]["field"]) == (422, "key")
    assert await api.service.database.read(counts) == before

    assert (await api.get(f"/hooks/aside/{lost}")).body["taken"] is False
    taken = await api.ask("POST", f"/hooks/aside/{lost}/take")
    assert taken.body == {"account": "main", "key": f"aside:{lost}"}
    assert (await api.ask("POST", f"/hooks/aside/{lost}/take")).status == 409
    assert (await api.get(f"/hooks/aside/{lost}")).body["taken"] is True
    assert (await api.get("/hooks", outcome="aside")).body["items"][0]["outcome"] == "taken"
    assert len((await api.get("/hooks", digits="4567")).body["items"]) == 2


async def test_what_is_not_there_or_not_understood(api: Api) -> None:
    await begin(api)
    odd = await api.service.database.write(put_aside, {"event": "ended"})
    assert (await api.ask("POST", f"/hooks/aside/{odd}/take")).status == 409
    nobody = "0" * 26
    assert (await api.get("/hooks/event", account="main", key="x")).status == 404
    assert (await api.get(f"/hooks/aside/{nobody}")).status == 404
    assert (await api.ask("POST", f"/hooks/aside/{nobody}/take")).status == 404
    assert (await api.get("/hooks", cursor="x")).status == 422
    assert (await api.ask("GET", "/hooks", role="head")).status == 403


async def test_no_secret_of_an_address_is_shown(api: Api) -> None:
    await begin(api)

    def put(conn: Connection) -> None:
        query = "token=first&x=1&api_key=second&note=s3cr3t%2Dof-main"
        about = {"account": "main", "field": "at", "reason": "odd"}
        journal.set_aside(conn, received=NOON, body=b"{}", query=query, **about)

    await api.service.database.write(put)
    (one,) = (await api.get("/hooks")).body["items"]
    whole = (await api.get(f"/hooks/aside/{one['id']}")).body
    assert whole["query"] == "token = •••\nx = 1\napi_key = •••\nnote = •••"


async def test_the_audit_and_its_chain(api: Api) -> None:
    def write(conn: Connection) -> None:
        for n in range(3):
            audit.append(conn, at=NOON, actor="manager:anna", action=f"a{n}", data={"n": n})

    await api.service.database.write(write)
    first = (await api.get("/audit", limit=2, actor="manager:anna")).body
    assert [one["action"] for one in first["items"]] == ["a2", "a1"]
    rest = (await api.get("/audit", limit=2, actor="manager:anna", cursor=first["next"])).body
    assert [one["action"] for one in rest["items"]] == ["a0"]
    assert rest["next"] is None
    chain = (await api.ask("GET", "/audit/chain", role="auditor")).body
    assert (chain["whole"], chain["broken_at"]) == (True, None)
    assert chain["digest"] == first["items"][0]["digest"]
    assert (await api.ask("GET", "/audit", role="head")).status == 403


async def test_readiness_is_told_and_confirmed(api: Api) -> None:
    found = (await api.get("/readiness")).body
    assert sum(found["counts"].values()) == len(found["items"])
    resort = next(one for one in found["items"] if one["code"] == "last_resort")
    assert (resort["state"], resort["confirmable"]) == ("todo", True)
    said = {"code": "last_resort", "subject": resort["subject"]}
    done = (await api.ask("POST", "/readiness/confirm", json=said)).body
    now = next(one for one in done["items"] if one["code"] == "last_resort")
    assert (now["state"], now["confirmed_by"]) == ("ok", "token:a admin")
    assert (await api.ask("POST", "/readiness/confirm", json=said)).status == 409
    back = (await api.ask("POST", "/readiness/take-back", json=said)).body
    assert next(one for one in back["items"] if one["code"] == "last_resort")["state"] == "todo"
    assert (await api.ask("POST", "/readiness/take-back", json=said)).status == 409
