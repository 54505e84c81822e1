"""Documents: issued, seen, got as files, corrected, annulled; who may do what."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import Connection

from callrouter.domain.items import Item
from callrouter.domain.setup import Entity
from storage import tables
from tests.api.conftest import Api
from tests.api.rows import SETUP, add_card, add_contact
from tests.flows.papers import put_items

NOBODYS = "01KJPWD6S3HT01BC5FHBEXMTR7"
ROMASHKA = Entity("romashka", "ООО «Ромашка»", terms="Оплата по счёту.")
DESK = Item("Стол", "шт", Decimal(2), Decimal("1500.50"), Decimal(10), "22", by="anna")


def offered(conn: Connection, *items: Item) -> str:
    contact = add_contact(conn, "ООО «Лютик»/Юг", kind="company")
    card = add_card(conn, contact, manager="anna")
    put_items(conn, card, *items)
    return card


@pytest.fixture
async def card(api: Api) -> str:
    api.setups.current = replace(SETUP, entity=(ROMASHKA,))
    return await api.service.database.write(offered, DESK)


async def issued(api: Api, card: str) -> dict[str, Any]:
    reply = await api.ask("POST", f"/cards/{card}/documents")
    assert reply.status == 201, reply.text
    body: dict[str, Any] = reply.body
    return body


async def test_an_issued_document_is_given_whole(api: Api, card: str) -> None:
    made = await issued(api, card)
    assert made == {
        "id": made["id"],
        "card": card,
        "number": "КП-2026-0001",
        "edition": 1,
        "state": "issued",
        "dated": "2026-03-02",
        "valid_until": "2026-03-16",
        "entity": "romashka",
        "total": "2700.90",
        "replaces": None,
        "by": "token:a admin",
        "created_at": "2026-03-02T09:00:00.000Z",
        "ended_at": None,
        "end_reason": None,
        "file": f"/api/v1/documents/{made['id']}/file",
        "customer": "ООО «Лютик»/Юг",
        "manager": "anna",
        "items": [
            {
                "name": "Стол",
                "unit": "шт",
                "quantity": "2",
                "price": "1500.5",
                "discount": "10",
                "vat": "22",
                "sum": "2700.90",
            }
        ],
        "net": "2213.85",
        "vat": [{"rate": "22", "amount": "487.05"}],
        "terms": "Оплата по счёту.",
        "files": [],
    }
    assert (await api.get(f"/documents/{made['id']}")).body == made
    short = {key: made[key] for key in list(made)[:15]}
    assert (await api.get(f"/cards/{card}/documents")).body == {"items": [short]}


async def test_a_second_click_gives_the_same_document(api: Api, card: str) -> None:
    assert await issued(api, card) == await issued(api, card)


async def test_what_is_corrected_and_annulled_stays(api: Api, card: str) -> None:
    first = await issued(api, card)
    api.clock.now += timedelta(days=1)
    second = await api.ask("POST", f"/documents/{first['id']}/correct")
    assert second.status == 201
    assert (second.body["number"], second.body["replaces"]) == ("КП-2026-0001/2", first["id"])
    path = f"/documents/{second.body['id']}/annul"
    annulled = await api.ask("POST", path, json={"reason": "Не та цена"})
    assert (annulled.status, annulled.body["state"]) == (200, "annulled")
    listed = (await api.get(f"/cards/{card}/documents")).body["items"]
    assert [(one["number"], one["state"], one["end_reason"]) for one in listed] == [
        ("КП-2026-0001/2", "annulled", "Не та цена"),
        ("КП-2026-0001", "replaced", None),
    ]
    again = await api.ask("POST", path, json={"reason": "Не та цена"})
    assert (again.status, "annulled before" in again.body["detail"]) == (409, True)
    assert (await api.ask("POST", f"/documents/{first['id']}/correct")).status == 409


@pytest.mark.parametrize(
    ("items", "told"),
    [
        pytest.param((), "no items", id="no items"),
        pytest.param((replace(DESK, by=""),), "put or confirmed", id="a price of nobody's"),
    ],
)
async def test_what_may_not_leave_is_refused(api: Api, items: tuple[Item, ...], told: str) -> None:
    card = await api.service.database.write(offered, *items)
    reply = await api.ask("POST", f"/cards/{card}/documents")
    assert (reply.status, told in reply.body["detail"]) == (409, True)
    assert (await api.get(f"/cards/{card}/documents")).body == {"items": []}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/cards/{id}/documents", None),
        ("POST", "/cards/{id}/documents", None),
        ("GET", "/cards/{id}/offer/preview", None),
        ("GET", "/documents/{id}", None),
        ("GET", "/documents/{id}/file", None),
        ("POST", "/documents/{id}/annul", {"reason": "x"}),
        ("POST", "/documents/{id}/correct", None),
    ],
)
async def test_nothing_is_found_where_nothing_is(
    api: Api, method: str, path: str, body: dict[str, str] | None
) -> None:
    asked: dict[str, Any] = {"json": body} if body else {}
    assert (await api.ask(method, path.format(id=NOBODYS), **asked)).status == 404


async def test_an_auditor_changes_nothing(api: Api, card: str) -> None:
    made = await issued(api, card)
    for path in (f"/cards/{card}/documents", f"/documents/{made['id']}/correct"):
        assert (await api.ask("POST", path, role="auditor")).status == 403
    path = f"/documents/{made['id']}/annul"
    assert (await api.ask("POST", path, role="auditor", json={"reason": "x"})).status == 403
    assert (await api.ask("GET", f"/documents/{made['id']}", role="auditor")).status == 200


async def got(api: Api, path: str) -> tuple[int, bytes, dict[str, str]]:
    headers = {"Authorization": f"Bearer {api.tokens['auditor']}"}
    async with api.session.get(f"{api.url}{path}", headers=headers) as answer:
        return answer.status, await answer.read(), dict(answer.headers)


BEGIN = {"pdf": b"%PDF-", "docx": b"PK\x03\x04", "odt": b"PK\x03\x04"}


def name_in(headers: dict[str, str]) -> str:
    found = re.fullmatch(
        r"attachment; filename=\"([\x20-\x7e]+)\"; filename\*=UTF-8''([!-~]+)",
        headers["Content-Disposition"],
    )
    assert found
    return unquote(found[2])


@pytest.mark.slow
@pytest.mark.parametrize("fmt", BEGIN)
async def test_a_file_is_called_by_its_number_and_customer(api: Api, card: str, fmt: str) -> None:
    made = await issued(api, card)
    path = f"/documents/{made['id']}/file?format={fmt}"
    status, body, headers = await got(api, path)
    assert (status, body[: len(BEGIN[fmt])]) == (200, BEGIN[fmt])
    assert name_in(headers) == f"КП № 1 от 02.03.2026 — ООО «Лютик»-Юг.{fmt}"
    assert await got(api, path) == (status, body, headers | {"Date": headers["Date"]})
    assert (await api.get(f"/documents/{made['id']}")).body["files"] == [fmt]
    assert (await issued(api, card))["files"] == [fmt]
    annulled = await api.ask("POST", f"/documents/{made['id']}/annul", json={"reason": "x"})
    assert annulled.body["files"] == [fmt]


@pytest.mark.slow
async def test_a_preview_has_no_number_and_is_kept_nowhere(api: Api, card: str) -> None:
    status, body, headers = await got(api, f"/cards/{card}/offer/preview")
    assert (status, body[:5]) == (200, b"%PDF-")
    assert name_in(headers) == "Проект КП от 02.03.2026 — ООО «Лютик»-Юг.pdf"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]

    def counted(conn: Connection) -> int:
        return len(conn.execute(tables.document.select()).all())

    assert await api.service.database.read(counted) == 0
