"""The layer: what it demands of an operation, how it reads a body, how every error is answered."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from callrouter.api.attach import attach
from callrouter.api.fields import ById, Given, Id
from callrouter.api.layer import MOST_BYTES, Asked, Routes
from callrouter.api.problems import answer_problems
from callrouter.flows.tokens import add_token
from callrouter.service import Service
from storage.database import BaseSilent
from tests.api.conftest import Api, Start
from tests.api.rows import NOON


class Wish(Given):
    what: str
    times: int = 1


class Other(Given):
    name: Id


@dataclass(frozen=True)
class Told:
    text: str


async def typed(asked: Asked) -> Told:
    """Says something."""
    return Told(asked.viewer.role)


async def undescribed(asked: Asked) -> Told:
    return Told(asked.viewer.role)


async def unasked() -> Told:
    """Says something."""
    return Told("")


async def gives_nothing(asked: Asked):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Says nothing of what it gives."""


async def takes_more(asked: Asked, headers: Wish) -> Told:
    """Takes what the layer does not know."""
    return Told("")


async def takes_a_path(asked: Asked, path: Other) -> Told:
    """Takes a path."""
    return Told(path.name)


@pytest.mark.parametrize(
    ("function", "path", "right", "said"),
    [
        pytest.param(typed, "/x", None, "no right", id="without a right"),
        pytest.param(undescribed, "/x", "look", "docstring", id="without a docstring"),
        pytest.param(unasked, "/x", "look", "asked", id="that does not ask who"),
        pytest.param(gives_nothing, "/x", "look", "typed", id="without a result's type"),
        pytest.param(takes_more, "/x", "look", "path, query, body", id="with another part"),
        pytest.param(takes_a_path, "/x/{id}", "look", "names", id="with another name in its path"),
        pytest.param(typed, "/x/{id}", "look", "names", id="that does not read its path"),
    ],
)
def test_an_operation_is_not_taken(
    function: Callable[..., Awaitable[Told]], path: str, right: Any, said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        Routes().get(path, right=right)(function)


def test_two_operations_of_one_name_are_not_taken(service: Service) -> None:
    routes = Routes()
    routes.get("/a", right="look")(typed)
    routes.get("/b", right="look")(typed)
    with pytest.raises(TypeError, match="typed"):
        attach(web.Application(), tuple(routes.operations), service)


# A small API of the tests' own.

routes = Routes()


@routes.post("/wishes", right="tune", status=201)
async def make_a_wish(asked: Asked, body: Wish) -> Told:
    """Repeats the wish."""
    return Told(body.what * body.times)


@routes.get("/bugs/{id}", right="tune")
async def fail(asked: Asked, path: ById) -> Told:
    """Fails, telling a secret."""
    raise RuntimeError(f"+79161234567 {path.id}")


@routes.get("/silence", right="tune")
async def be_silent(asked: Asked) -> Told:
    """Finds the base silent."""
    raise BaseSilent("locked")


@pytest.fixture
async def small(start: Start, service: Service, api: Api) -> Api:
    app, sub = web.Application(), web.Application(middlewares=[answer_problems])
    attach(sub, tuple(routes.operations), service)
    app.add_subapp("/api/v1", sub)
    url = f"{await start(app)}/api/v1"
    return Api(url, service, api.clock, api.setups, api.tokens, api.session)


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b'{"what": "a", "times": 3}', JSON, 201, id="a good body"),
        pytest.param(
            b'{"what": "a"}', {"Content-Type": "application/json; charset=utf-8"}, 201, id="charset"
        ),
        pytest.param(b'{"what": "a"}', {"Content-Type": "text/plain"}, 415, id="plain text"),
        pytest.param(
            b"what=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415, id="form"
        ),
        pytest.param(b'{"what": "a"}', {"Content-Type": ""}, 415, id="of no type"),
        pytest.param(
            b'{"what": "a"}', {"Content-Type": "application/json; charset=koi8-r"}, 415, id="koi8"
        ),
        pytest.param(b"", JSON, 400, id="nothing"),
        pytest.param(b'{"what": ', JSON, 400, id="half a body"),
        pytest.param(b'{"what": "\xff"}', JSON, 400, id="bytes that are no text"),
        pytest.param(b"[" * 60_000, JSON, 400, id="nested without end"),
        pytest.param(b"[]", JSON, 422, id="no object"),
        pytest.param(b"{}", JSON, 422, id="without what it needs"),
        pytest.param(b'{"what": "a", "whom": "b"}', JSON, 422, id="with more than it takes"),
        pytest.param(b'{"what": 5}', JSON, 422, id="a number for a text"),
        pytest.param(b'{"what": "a", "times": "3"}', JSON, 422, id="a text for a number"),
        pytest.param(b'{"what": "' + b"a" * MOST_BYTES + b'"}', JSON, 413, id="too long"),
    ],
)
async def test_a_body_is_read(
    small: Api, body: bytes, headers: dict[str, str], status: int
) -> None:
    found = await small.ask("POST", "/wishes", data=body, headers=headers)
    assert found.status == status
    if status != 201:
        assert found.headers["Content-Type"].startswith("application/problem+json")
        assert found.body["status"] == status


async def test_a_packed_body_is_refused(small: Api) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    found = await small.ask("POST", "/wishes", data=b"{}", headers=headers)
    assert found.status in (400, 415)


async def test_what_is_wrong_is_named_and_not_repeated(small: Api) -> None:
    body = json.dumps({"what": ["+79161234567"], "secret": "+79161234567"})
    found = await small.ask("POST", "/wishes", data=body, headers=JSON)
    assert sorted(one["field"] for one in found.body["errors"]) == ["secret", "what"]
    assert "+79161234567" not in found.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nothing", 404, id="nothing there"),
        pytest.param("GET", "/", 404, id="the root"),
        pytest.param("GET", "/wishes/", 404, id="a slash too many"),
        pytest.param("GET", "/wishes", 405, id="another method"),
        pytest.param("OPTIONS", "/wishes", 405, id="what it can"),
        pytest.param("GET", "/bugs/../wishes/x", 404, id="up and down"),
        pytest.param("GET", "/bugs/short", 404, id="an id that can be nobody's"),
        pytest.param("GET", "/bugs/01" + "Z" * 24, 500, id="a bug of ours"),
        pytest.param("GET", "/silence", 503, id="a silent base"),
    ],
)
async def test_every_error_is_a_problem_document(
    small: Api, method: str, path: str, status: int
) -> None:
    found = await small.ask(method, path)
    assert found.status == status
    assert found.headers["Content-Type"].startswith("application/problem+json")
    assert found.body.keys() == {"type", "title", "status", "detail", "errors"}
    assert found.body["status"] == status
    if status == 405:
        assert found.headers["Allow"] == "POST"
    if status == 503:
        assert found.headers["Retry-After"] == "1"


async def test_the_log_tells_the_route_and_no_personal_data(small: Api) -> None:
    with capture_logs() as logs:
        await small.get("/bugs/01" + "Z" * 24)
        await small.get("/silence", phone="+79161234567")
        await small.get("/nothing/+79161234567")
    assert [(one["route"], one["status"]) for one in logs] == [
        ("/api/v1/bugs/{id}", 500),
        ("/api/v1/silence", 503),
        ("?", 404),
    ]
    assert logs[0]["error"] == "RuntimeError"
    assert "test_layer.py" in logs[0]["places"][-1]
    assert "7916" not in str(logs)
    assert "ZZZ" not in str(logs)


async def test_a_token_of_another_role_sees_nothing_of_what_was_sent(small: Api) -> None:
    token = await small.service.database.write(add_token, "m", "manager", now=NOON)
    found = await small.ask("POST", "/wishes", token=token, data=b"nonsense")
    assert found.status == 403


async def test_a_body_that_does_not_come_leaves_the_others_alone(small: Api) -> None:
    async def slowly() -> Any:
        yield b"{"
        await asyncio.sleep(30)

    waiting = asyncio.create_task(small.ask("POST", "/wishes", data=slowly(), headers=JSON))
    await asyncio.sleep(0.05)
    assert (await small.get("/nothing")).status == 404
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
