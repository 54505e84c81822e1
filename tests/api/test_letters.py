"""`/letters` and `/suppressions` over HTTP, and the page by which readers opt out."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from callrouter.api import add_api
from callrouter.opting_out import opt_out_url
from callrouter.outside.mail import InDoubt
from callrouter.pages import add_pages
from callrouter.seal import Seal
from storage import letters, tables
from storage.database import Database
from tests.api.conftest import Api, Reply, Start, add_tokens
from tests.letters import IVAN, Department, with_letter
from webhooks.provider import Provider


class Office(Department):
    """A department whose API and pages are served."""

    api: Api

    async def ask(self, method: str, path: str, **more: object) -> Reply:
        return await self.api.ask(method, path, **more)  # type: ignore[arg-type]


def no_provider(_account: object) -> Provider | None:
    return None


@pytest.fixture
async def office(
    database: Database, tmp_path: Path, start: Start, session: ClientSession
) -> Office:
    office = Office(database, tmp_path)
    await office.open()
    app = web.Application()
    add_api(app, office.service)
    add_pages(app, office.service, find=no_provider)  # type: ignore[arg-type]
    url = await start(app)
    tokens = await database.write(add_tokens)
    office.api = Api(f"{url}/api/v1", office.service, None, None, tokens, session)  # type: ignore[arg-type]
    return office


async def in_work(office: Office, **more: object) -> str:
    card = await office.card(**more)  # type: ignore[arg-type]
    await office.move(card, "in_work")
    return card


async def test_a_letter_is_seen_before_it_leaves_and_after(office: Office) -> None:
    card = await in_work(office)
    (listed,) = (await office.ask("GET", f"/letters?card={card}")).body["items"]
    one = await office.letter(card)
    assert listed == {
        "id": one.id,
        "card": card,
        "letter": "offer",
        "n": 1,
        "kind": "offer",
        "state": "waiting",
        "to": IVAN,
        "subject": "",
        "message_id": None,
        "reason": None,
        "sentence": None,
        "contact": one.contact,
        "manager": "anna",
        "document": None,
        "asked_at": "2026-03-02T09:00:00.000Z",
        "asked_by": "anna",
        "wait_until": "2026-03-02T09:00:30.000Z",
        "approved_by": None,
        "tries": 0,
        "sent_at": None,
    }
    seen = await office.ask("GET", f"/letters/{one.id}", role="auditor")
    assert (seen.status, seen.body["formed"], seen.body["problem"]) == (200, False, None)
    assert seen.body["html"].startswith("<p>")
    assert await office.count(tables.document) == 0  # a preview has no number
    await office.later()
    after = (await office.ask("GET", f"/letters/{one.id}")).body
    assert (after["state"], after["formed"], after["document"] is None) == ("sent", True, False)
    assert after["message_id"] == f"<{card.lower()}.offer.1@romashka.example>"
    assert after["attachments"] == ["КП № 1 от 02.03.2026 — Иван Петров.pdf"]
    assert (await office.ask("GET", "/letters?state=waiting")).body["items"] == []
    assert len((await office.ask("GET", "/letters?state=sent")).body["items"]) == 1


async def test_lists_go_page_by_page(office: Office) -> None:
    for n in range(3):
        await in_work(office, phone=f"+7916123450{n}", email=f"i{n}@example.com")
    first = (await office.ask("GET", "/letters?limit=2")).body
    rest = (await office.ask("GET", f"/letters?limit=2&cursor={first['next']}")).body
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]


async def test_a_preview_of_a_broken_template_says_what_is_wrong(office: Office) -> None:
    office.press.broken = "offer"
    card = await in_work(office)
    seen = (await office.ask("GET", f"/letters/{(await office.letter(card)).id}")).body
    assert (seen["html"], seen["problem"]) == ("", "line 3: there is no variable nmae")


async def test_a_letter_is_taken_back_once_and_for_good(office: Office) -> None:
    card = await in_work(office)
    one = await office.letter(card)
    for _ in range(2):
        gone = await office.ask("POST", f"/letters/{one.id}/cancel", role="manager")
        assert (gone.status, gone.body["state"]) == (200, "cancelled")
        assert (gone.body["reason"], gone.body["sentence"]) == ("person", "Отправка отменена.")
    assert (await office.ask("POST", f"/letters/{one.id}/approve")).status == 409
    assert (await office.ask("POST", f"/letters/{one.id}/cancel", role="auditor")).status == 403
    other = await in_work(office, phone="+79161234568", email="o@example.com")
    await office.later()
    sent = await office.ask("POST", f"/letters/{(await office.letter(other)).id}/cancel")
    assert (sent.status, sent.body["detail"]) == (409, "No letter can be cancelled in state sent.")


async def test_only_who_may_lets_a_letter_go(office: Office) -> None:
    office.setups.current = with_letter(release="head")
    card = await in_work(office)
    at = f"/letters/{(await office.letter(card)).id}/approve"
    assert (await office.ask("POST", at, role="manager")).status == 403
    allowed = await office.ask("POST", at, role="head")
    assert (allowed.status, allowed.body["approved_by"]) == (200, "token:a head")
    assert (await office.ask("POST", at, role="head")).status == 409
    await office.later()
    assert await office.states(card) == ["sent"]


async def test_a_doubt_is_resolved_by_a_person(office: Office) -> None:
    card = await in_work(office)
    office.mailer.says = [InDoubt("dropped")]
    await office.later()
    one = await office.letter(card)
    at = f"/letters/{one.id}/resolve"
    assert (await office.ask("POST", at, json={"how": "maybe"})).status == 422
    said = await office.ask("POST", at, json={"how": "sent"})
    assert (said.status, said.body["state"]) == (200, "sent")
    assert (await office.ask("POST", at, json={"how": "sent"})).status == 409


async def test_a_letter_is_sent_on_purpose(office: Office) -> None:
    card = await office.card()
    at = f"/cards/{card}/letters"
    made = await office.ask("POST", at, json={"letter": "offer"})
    assert (made.status, made.body["state"], made.body["n"]) == (201, "waiting", 1)
    assert (await office.ask("POST", at, json={"letter": "offer"})).status == 409
    open_one = await office.ask("POST", at, json={"letter": "offer", "again": True})
    assert (open_one.status, "waiting" in open_one.body["detail"]) == (409, True)
    await office.later()
    again = await office.ask("POST", at, json={"letter": "offer", "again": True})
    assert (again.status, again.body["n"]) == (201, 2)
    unknown = await office.ask("POST", at, json={"letter": "ofer"})
    assert (unknown.status, unknown.body["errors"][0]["field"]) == (422, "letter")
    nowhere = f"/cards/{'0' * 26}/letters"
    assert (await office.ask("POST", nowhere, json={"letter": "offer"})).status == 404


async def test_there_is_no_such_letter(office: Office) -> None:
    at = f"/letters/{'0' * 26}"
    for method, path in (("GET", at), ("POST", f"{at}/cancel"), ("POST", f"{at}/approve")):
        assert (await office.ask(method, path)).status == 404
    assert (await office.ask("POST", f"{at}/resolve", json={"how": "sent"})).status == 404


async def test_addresses_that_get_no_mail(office: Office) -> None:
    added = await office.ask("POST", "/suppressions", json={"email": " Ivan@Example.com"})
    assert added.status == 201
    assert added.body == {
        "email": IVAN,
        "purpose": "all",
        "reason": "person",
        "by": "token:a admin",
        "since": "2026-03-02T09:00:00.000Z",
    }
    sent = {"email": IVAN, "purpose": "advertising"}
    assert (await office.ask("POST", "/suppressions", json=sent)).status == 201
    assert (await office.ask("POST", "/suppressions", json=sent)).status == 200
    assert (await office.ask("POST", "/suppressions", json={"email": "ivan"})).status == 422
    first = (await office.ask("GET", "/suppressions?limit=1")).body
    rest = (await office.ask("GET", "/suppressions", params={"cursor": first["next"]})).body
    purposes = [one["purpose"] for one in (*first["items"], *rest["items"])]
    assert (purposes, rest["next"]) == (["all", "advertising"], None)
    gone = await office.ask("DELETE", "/suppressions", params={"email": "IVAN@example.com"})
    assert (gone.status, gone.body) == (200, added.body)
    assert (await office.ask("DELETE", "/suppressions", params={"email": IVAN})).status == 404
    left = (await office.ask("GET", "/suppressions", params={"email": IVAN})).body["items"]
    assert [one["purpose"] for one in left] == ["advertising"]


# The page


async def opened(office: Office, method: str, url: str, **more: object) -> tuple[int, str]:
    here = office.api.url.removesuffix("/api/v1")
    path = url.removeprefix(office.service.settings.public_url)
    async with office.api.session.request(method, f"{here}{path}", **more) as answer:  # type: ignore[arg-type]
        return answer.status, await answer.text()


async def test_a_reader_opts_out_by_the_button_and_never_by_a_look(office: Office) -> None:
    card = await in_work(office)
    one = await office.letter(card)
    url = opt_out_url(office.service, one.id)
    assert one.id not in url
    for language, words in (("ru", "Больше не присылать"), ("en", "Send me no more of them")):
        status, page = await opened(office, "GET", f"{url}?language={language}")
        assert (status, words in page) == (200, True)
    assert await office.count(tables.suppressed) == 0
    # A mail program's own button (RFC 8058), without cookies, twice
    for _ in range(2):
        form = {"List-Unsubscribe": "One-Click"}
        status, page = await opened(office, "POST", f"{url}?language=en", data=form)
        assert (status, "You will get no more of them" in page) == (200, True)
    row = await office.only(tables.suppressed)
    assert (row.email, row.purpose, row.reason) == (IVAN, letters.ADVERTISING, "opt_out")
    assert await office.events("opted_out") == ["opted_out"]


async def test_a_link_that_is_not_ours_stops_nothing(office: Office) -> None:
    card = await in_work(office)
    one = await office.letter(card)
    now = office.service.clock()
    forged = [
        Seal("another key").ticket(f"stop:{one.id}", now),
        office.service.seal.ticket(f"pop:{one.id}", now),
        office.service.seal.ticket(f"stop:{'0' * 26}", now),
        "x",
    ]
    for n, ticket in enumerate(forged):
        status, _ = await opened(office, "POST", f"/letters/stop/{ticket}")
        assert status == 404, n
    assert await office.count(tables.suppressed) == 0
