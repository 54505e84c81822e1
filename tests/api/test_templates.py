"""Templates over the API: got, brought, tried on a real card, taken back; only admins change them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO

import pytest

from callrouter.domain.setup import Role
from callrouter.forming.press import shipped
from callrouter.service import Service
from tests.api.conftest import Api, Reply
from tests.api.rows import SETUP
from tests.api.test_documents import DESK, NOBODYS, ROMASHKA, got, name_in, offered
from tests.pictures import png

TYP = shipped("offer", "typ", "ru").body


@pytest.fixture(autouse=True)
async def _pressed(service: Service) -> AsyncIterator[None]:
    yield
    service.press.close()


async def put(api: Api, name: str, body: bytes, role: Role = "admin") -> Reply:
    return await api.ask("PUT", f"/templates/{name}", role=role, data=BytesIO(body))


async def test_a_logo_is_kept_listed_and_given(api: Api) -> None:
    made = await put(api, "logo.png", png())
    version = {
        "name": "logo",
        "format": "png",
        "version": 1,
        "size": len(png()),
        "made_by": "token:a admin",
        "since": "2026-03-02T09:00:00.000Z",
        "until": None,
    }
    assert (made.status, made.body) == (200, version)
    for path in ("/templates", "/templates/logo.png/versions"):
        assert (await api.get(path)).body == {"items": [version]}
    status, body, headers = await got(api, "/templates/logo.png")
    assert (status, body, headers["Content-Type"]) == (200, png(), "image/png")
    assert name_in(headers) == "logo.png"


async def test_what_is_shipped_can_be_got_as_a_start(api: Api) -> None:
    assert (await got(api, "/templates/offer.typ"))[:2] == (200, TYP)
    text = shipped("offer", "html", "en").text
    assert (await got(api, "/templates/offer.en.txt"))[:2] == (200, text)
    assert (await got(api, "/templates/nothing.typ"))[0] == 404
    assert (await got(api, "/templates/logo.png"))[0] == 404


async def test_the_way_back(api: Api) -> None:
    for size in (4, 5):
        await put(api, "logo.png", png(size))
    reply = await api.ask("POST", "/templates/logo.png/back", json={"version": 1})
    assert [(one["version"], one["until"] is None) for one in reply.body["items"]] == [
        (3, True), (2, False), (1, False),
    ]  # fmt: skip
    assert (await got(api, "/templates/logo.png"))[1] == png(4)
    assert (await api.ask("POST", "/templates/logo.png/back", json={"version": 9})).status == 404
    await api.ask("POST", "/templates/logo.png/back", json={"version": 0})
    assert (await api.get("/templates")).body == {"items": []}


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        pytest.param("logo.png", b"\xff\xd8\xff", 422, id="a JPEG"),
        pytest.param("offer.typ", b"", 422, id="nothing"),
        pytest.param("offer.typ", b"x" * (5 * 1024**2 + 1), 413, id="too much"),
        pytest.param("offer.exe", b"MZ", 404, id="of no format"),
        pytest.param("КП.typ", b"x", 404, id="by no name"),
    ],
)
async def test_what_cannot_be_one_is_refused(api: Api, name: str, body: bytes, status: int) -> None:
    assert (await put(api, name, body)).status == status
    assert (await api.get("/templates")).body == {"items": []}


async def test_only_admins_change_templates(api: Api) -> None:
    others: tuple[Role, ...] = ("manager", "head", "auditor")
    for role in others:
        assert (await put(api, "logo.png", png(), role)).status == 403
        reply = await api.ask(
            "POST",
            "/templates/logo.png/back",
            role=role,
            json={"version": 0},
        )
        assert reply.status == 403
    assert (await api.ask("GET", "/templates", role="auditor")).status == 200


async def preview(api: Api, name: str, card: str, body: bytes) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {api.tokens['admin']}"}
    url = f"{api.url}/templates/{name}/preview?card={card}"
    async with api.session.post(url, headers=headers, data=BytesIO(body)) as answer:
        return answer.status, await answer.read()


@pytest.mark.slow
async def test_a_template_is_tried_on_a_real_card(api: Api) -> None:
    api.setups.current = replace(SETUP, entity=(ROMASHKA,))
    card = await api.service.database.write(offered, DESK)
    status, body = await preview(api, "offer.typ", card, TYP)
    assert (status, body[:5]) == (200, b"%PDF-")
    status, body = await preview(api, "offer.typ", card, TYP + b"\n#panic()")
    assert (status, b"nothing was kept" in body) == (422, True)
    assert (await preview(api, "offer.html", card, b"<p>"))[0] == 422
    assert (await preview(api, "offer.typ", NOBODYS, TYP))[0] == 404
    assert (await api.get("/templates")).body == {"items": []}


@pytest.mark.slow
async def test_an_unknown_variable_is_named_with_its_place(api: Api) -> None:
    html = shipped("offer", "html", "ru").body
    reply = await put(api, "offer.html", html.replace(b"</body>", b"{{ offer.numbr }}</body>"))
    assert reply.status == 422
    assert [("numbr" in one["message"], bool(one["field"])) for one in reply.body["errors"]] == [
        (True, True)
    ]
