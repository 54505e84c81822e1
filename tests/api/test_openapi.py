"""openapi.json: valid, whole, and the server keeps what it promises."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from sqlalchemy import Connection, Table, select

from callrouter.api.attach import OPERATIONS
from callrouter.flows.tasks import add_task
from storage import counters, tables
from tests.api.conftest import Api
from tests.api.rows import (
    NOON,
    add_call,
    add_card,
    add_contact,
    add_document,
    add_fetch,
    add_happening,
    add_leg,
    add_letter,
    add_move,
    add_obligation,
    add_owner,
    add_told,
    keep_recording,
)
from tests.sounds import wav


async def document(api: Api) -> dict[str, Any]:
    async with api.session.get(f"{api.url}/openapi.json") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def test_the_document_is_valid_and_open_to_all(api: Api) -> None:
    found = await document(api)
    assert found["openapi"] == "3.1.0"
    validate(found)


async def test_the_document_holds_every_operation(api: Api) -> None:
    found = await document(api)
    told = {
        (one["operationId"], path, method)
        for path, methods in found["paths"].items()
        for method, one in methods.items()
    }
    assert told == {(one.name, one.path, one.method.lower()) for one in OPERATIONS}


async def test_every_operation_tells_its_roles_and_its_problems(api: Api) -> None:
    found = await document(api)
    for operation in OPERATIONS:
        told = found["paths"][operation.path][operation.method.lower()]
        assert all(role in told["description"] for role in operation.roles)
        assert {"401", "403", "503", "default"} <= told["responses"].keys()
    problem = found["components"]["responses"]["Problem"]["content"]
    assert list(problem) == ["application/problem+json"]
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


async def test_every_shape_is_used_and_every_reference_leads_somewhere(api: Api) -> None:
    found = await document(api)
    text = json.dumps(found)
    for name in found["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text


def fill(conn: Connection) -> str:
    """Something of everything; gives the call."""
    contact = add_contact(conn, "Иван Петров", "+79161234567", tags=("vip",))
    card = add_card(conn, contact, manager="anna", number=counters.draw(conn, "card", 1)[0])
    add_document(conn, card)
    add_letter(conn, card)
    add_move(conn, card, 1, "new")
    add_owner(conn, card, "anna")
    add_happening(conn, card, "card_made")
    call = add_call(conn, contact=contact, card=card, manager="anna", answered_at=NOON)
    add_leg(conn, call, answered_at=NOON)
    add_told(conn, call)
    add_obligation(conn, contact=contact, card=card, call=call)
    return call


# A body of the right form may still name a manager or a number that there is not: 422. What is made
# by chance mostly does. Ten thousand letters, each of them escaped, are more than a body may be: 413.
CONFIG = """
warnings = ["missing_auth", "missing_test_data", "method_not_allowed", "unsupported_regex"]

[[operations]]
include-path = "/documents/{{id}}/correct"
parameters = {{ id = "{document}" }}

[[operations]]
include-path = "/templates/{{name}}.{{format}}/preview"
parameters = {{ name = "offer", format = "typ", card = "{card}" }}

[[operations]]
include-path = "/calls/{{id}}/no-recording"
parameters = {{ id = "{spare}" }}

[[operations]]
include-path = "/calls/{{id}}/recording/fetch"
parameters = {{ id = "{named}" }}

[[operations]]
include-path = "/contacts/{{id}}/merge"
parameters = {{ id = "{contact}" }}

[[operations]]
include-path-regex = "^/tasks/"
parameters = {{ id = "{task}" }}

[[operations]]
include-path-regex = "^/letters/"
parameters = {{ id = "{letter}" }}

[[operations]]
include-path = "/cards/{{id}}/letters"
parameters = {{ id = "{card}" }}

[[operations]]
include-name = "DELETE /suppressions"
parameters = {{ email = "ivan@example.com", purpose = "all" }}

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "413", "422", "503"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "503"]
"""


def another_call(conn: Connection) -> str:
    return add_call(conn)


def call_to_fetch(conn: Connection) -> str:
    call = add_call(conn)
    add_fetch(conn, call)
    return call


def a_task(conn: Connection, card: str) -> str:
    return add_task(
        conn, kind="task", owner="anna", by="x", text="Позвонить", due_at=NOON, card=card, now=NOON
    )


def select_ids(conn: Connection, table: Table[Any]) -> Sequence[str]:
    return conn.scalars(select(table.c.id)).all()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_server_keeps_what_the_document_promises(api: Api, tmp_path: Path) -> None:
    """Schemathesis: right and wrong requests by the document, also in chains; a fixed seed."""
    await keep_recording(api.service, await api.service.database.write(fill), 1, wav(0.1))
    (document,) = (await api.service.database.read(select_ids, tables.document))[:1]
    (card,) = (await api.service.database.read(select_ids, tables.card))[:1]
    (letter,) = (await api.service.database.read(select_ids, tables.letter))[:1]
    spare = await api.service.database.write(another_call)  # its sound may go
    named = await api.service.database.write(call_to_fetch)
    (contact,) = (await api.service.database.read(select_ids, tables.contact))[:1]
    task = await api.service.database.write(a_task, card)
    config = CONFIG.format(
        document=document,
        card=card,
        letter=letter,
        spare=spare,
        named=named,
        contact=contact,
        task=task,
    )
    (tmp_path / "schemathesis.toml").write_text(config)
    run = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("run", f"{api.url}/openapi.json", "--url", api.url),
        *("--header", f"Authorization: Bearer {api.tokens['admin']}"),
        *("--checks", "all", "--max-examples", "8", "--seed", "7", "--no-shrink"),
        # A day that there is, at a time with a zone, is hard to come by for a generator.
        *("--suppress-health-check", "filter_too_much"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await run.communicate()
    assert run.returncode == 0, told.decode()
    assert b"FAILURES" not in told, told.decode()
