"""Who gets in: every operation with every role, without a token, with a wrong one, a revoked one."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import Connection

from callrouter.api.attach import OPERATIONS
from callrouter.api.layer import Operation
from callrouter.domain.setup import Role
from callrouter.flows.tokens import add_token, revoke_token
from tests.api.conftest import Api
from tests.api.rows import NOON, SETUP, add_card, add_contact

ROLES: tuple[Role, ...] = get_args(Role)


def address(operation: Operation) -> str:
    sample = {"key": "anna", "name": "none", "format": "typ"}
    return re.sub(r"{(\w+)}", lambda found: sample.get(found[1], "01" + "Z" * 24), operation.path)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_does_what_it_may(api: Api, role: Role) -> None:
    wrong = []
    for operation in OPERATIONS:
        found = await api.ask(operation.method, address(operation), role=role)
        if role in operation.roles:
            fits = found.status not in (401, 403)
        else:
            fits = found.status == 403 and role in found.body["detail"]
        wrong += [] if fits else [(operation.name, found.status)]
    assert not wrong


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="an empty header"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer cr_wrong", id="a wrong token"),
        pytest.param("Bearer " + "x" * 5000, id="a token without end"),
        pytest.param("Basic YWRtaW46YWRtaW4=", id="another scheme"),
        pytest.param("Bearer cr_\xff", id="bytes that are no token"),
    ],
)
async def test_nobody_else_gets_in(api: Api, sent: str | None) -> None:
    headers = {} if sent is None else {"Authorization": sent}
    wrong = []
    for operation in OPERATIONS:
        url = f"{api.url}{address(operation)}"
        async with api.session.request(operation.method, url, headers=headers) as answer:
            challenge = answer.headers.get("WWW-Authenticate", "")
            said = (answer.status, challenge.split()[:1], answer.content_type)
        if said != (401, ["Bearer"], "application/problem+json"):
            wrong.append((operation.name, said))
    assert not wrong


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_the_scheme_is_read_in_any_case(api: Api, scheme: str) -> None:
    sent = {"Authorization": f"{scheme} {api.tokens['admin']}"}
    async with api.session.get(f"{api.url}/managers", headers=sent) as answer:
        assert answer.status == 200


async def test_a_token_is_remembered_for_two_seconds(api: Api) -> None:
    assert (await api.get("/managers")).status == 200
    await api.service.database.write(revoke_token, "a admin", now=NOON)
    api.clock.now += timedelta(seconds=1.9)
    assert (await api.get("/managers")).status == 200
    api.clock.now += timedelta(seconds=0.1)
    assert (await api.get("/managers")).status == 401


async def test_a_new_token_is_good_at_once(api: Api) -> None:
    token = await api.service.database.write(add_token, "shop", "auditor", now=NOON)
    assert (await api.ask("GET", "/managers", token=token)).status == 200


async def test_a_token_of_a_manager_asks_as_he(api: Api) -> None:
    """With the role that the setup has now; of one who has left it lets nobody in."""

    def make(conn: Connection) -> tuple[str, str]:
        add_card(conn, manager="boris", number=2)
        add_card(conn, manager="anna", number=1)
        return (
            add_token(conn, "of anna", "manager", now=NOON, manager="anna"),
            add_token(conn, "of old", "manager", now=NOON, manager="old"),
        )

    anna, old = await api.service.database.write(make)
    seen = await api.ask("GET", "/cards", token=anna)
    assert [one["number"] for one in seen.body["items"]] == [1]
    assert (await api.ask("GET", "/recordings/missing", token=anna)).status == 403
    promoted = [replace(one, role="admin") for one in SETUP.manager if one.key == "anna"]
    api.setups.current = replace(SETUP, manager=tuple(promoted))
    assert (await api.ask("GET", "/recordings/missing", token=anna)).status == 200
    refused = await api.ask("GET", "/cards", token=old)
    assert (refused.status, "not active" in refused.body["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status"),
    [
        ("anna", "POST", "/managers/anna/presence", {"state": "pause"}, 200),
        ("anna", "POST", "/managers/boris/presence", {"state": "off"}, 403),
        ("vera", "POST", "/managers/anna/presence", {"state": "off"}, 200),
        ("vera", "POST", "/managers/boris/presence", {"state": "off"}, 403),
        ("anna", "GET", "/managers/boris/work", None, 404),
        ("anna", "GET", "/managers/anna/work", None, 200),
        ("anna", "PATCH", "/cards/{free}", {"manager": "anna"}, 200),
        ("anna", "PATCH", "/cards/{free}", {"manager": "boris"}, 403),
        ("anna", "PATCH", "/cards/{own}", {"manager": "boris"}, 200),
        ("anna", "PATCH", "/cards/{theirs}", {"manager": "anna"}, 404),
        ("vera", "PATCH", "/cards/{own}", {"manager": "boris"}, 200),
        ("vera", "PATCH", "/cards/{theirs}", {"manager": "vera"}, 404),
        ("anna", "POST", "/cards", {"contact": "{contact}", "manager": "boris"}, 403),
        ("anna", "POST", "/cards", {"contact": "{contact}", "manager": "anna"}, 201),
        ("anna", "POST", "/cards", {"contact": "{his}", "manager": "anna"}, 404),
        ("anna", "PATCH", "/contacts/{contact}", {"responsible": "boris"}, 403),
        ("anna", "PATCH", "/contacts/{contact}", {"responsible": "anna"}, 200),
        ("anna", "POST", "/contacts", {"phone": "+79160000009"}, 404),
        ("anna", "POST", "/contacts", {"phone": "+79160000008"}, 201),
    ],
)
async def test_what_one_may_with_whose(
    api: Api, who: str, method: str, path: str, body: dict[str, str] | None, status: int
) -> None:
    sales = [replace(one, team="other" if one.key == "boris" else "sales") for one in SETUP.manager]
    head = [replace(one, role="head") if one.key == "vera" else one for one in sales]
    api.setups.current = replace(SETUP, manager=tuple(head))

    def make(conn: Connection) -> tuple[str, dict[str, str]]:
        his = add_contact(conn, "Чужой", "+79160000009", responsible="boris")
        ids = {
            "free": add_card(conn),
            "own": add_card(conn, manager="anna"),
            "theirs": add_card(conn, his, manager="boris"),
            "contact": add_contact(conn),
            "his": his,
        }
        return add_token(conn, "bound", "manager", now=NOON, manager=who), ids

    token, ids = await api.service.database.write(make)
    filled: dict[str, Any] = {
        key: ids.get(text.strip("{}"), text) for key, text in (body or {}).items()
    }
    if "phone" in filled:
        filled["phones"] = [filled.pop("phone")]
    found = await api.ask(method, path.format(**ids), token=token, json=filled if body else None)
    assert found.status == status, found.text
