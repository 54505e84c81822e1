"""Who gets in: every operation with every role, without a token, with a wrong one, a revoked one."""

from datetime import timedelta
from typing import get_args

import pytest

from callrouter.api.attach import OPERATIONS
from callrouter.api.layer import Operation
from callrouter.domain.setup import Role
from callrouter.flows.tokens import add_token, revoke_token
from tests.api.conftest import Api
from tests.api.rows import NOON

ROLES: tuple[Role, ...] = get_args(Role)


def address(operation: Operation) -> str:
    return operation.path.replace("{id}", "01" + "Z" * 24).replace("{key}", "anna")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
async def test_a_role_does_what_it_may(api: Api, operation: Operation, role: Role) -> None:
    found = await api.ask(operation.method, address(operation), role=role)
    if role in operation.roles:
        assert found.status not in (401, 403)
    else:
        assert found.status == 403
        assert role in found.body["detail"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
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
async def test_nobody_else_gets_in(api: Api, operation: Operation, sent: str | None) -> None:
    headers = {} if sent is None else {"Authorization": sent}
    url = f"{api.url}{address(operation)}"
    async with api.session.request(operation.method, url, headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.content_type == "application/problem+json"


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
