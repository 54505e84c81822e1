"""The form of a site: what is taken, what is shown again, and who is only thanked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.setup import Leads
from callrouter.pages.lead_form import BLINK, MOST_BYTES, TICKET_LIFE
from callrouter.pages.sieve import WINDOW, Sieve
from storage import tables
from tests.api.rows import NOON, SETUP
from tests.pages.conftest import Open, Seen, Site
from tests.pages.markup import Markup

SHOP = "https://shop.example"
LEADS = Leads(
    form=True,
    source="landing",
    policy_url="https://shop.example/privacy",
    text_version="2026-01",
    allowed_origins=(SHOP,),
)
GOOD = {"name": "Иван Петров", "phone": "8 916 123-45-67", "processing": "yes"}


@pytest.fixture
async def site(open_site: Open, service: Any, setups: Any) -> Site:
    setups.current = replace(SETUP, leads=LEADS)
    return await open_site(service)


def fields(page: str) -> dict[str, str]:
    """What a browser would send of a page's form as it stands."""
    tags = [attrs for tag, attrs in Markup(page).tags if tag == "input"]
    return {
        str(one["name"]): str(one.get("value") or "")
        for one in tags
        if one.get("type") != "checkbox" or "checked" in one
    }


async def post(site: Site, given: Any, path: str = "/form", **headers: str) -> Seen:
    body = given if isinstance(given, bytes) else urlencode(given).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return await site.ask("POST", path, visitor=False, data=body, headers=headers)


async def fill_in(site: Site, path: str = "/form", **changes: str) -> dict[str, str]:
    """Open the form and fill it in, as slowly as a person does."""
    page = await site.get(path, visitor=False)
    assert page.status == 200
    site.clock.now += BLINK
    return fields(page.text) | GOOD | changes


async def all_of(site: Site, table: Any) -> list[Any]:
    def read(conn: Connection) -> list[Any]:
        return list(conn.execute(select(table)).all())

    return await site.service.database.read(read)


async def test_a_request_becomes_a_lead_with_its_consent(site: Site) -> None:
    path = "/form?page=https://shop.example/x&utm_source=yandex&utm_campaign=spring&other=1"
    seen = await post(site, await fill_in(site, path, text="Нужны стулья", advertising="yes"))
    assert seen.status == 200
    assert "Спасибо!" in seen.text
    (lead,) = await all_of(site, tables.lead)
    assert (lead.system, lead.source, lead.page) == ("form", "landing", "https://shop.example/x")
    assert json.loads(lead.utm) == {"utm_source": "yandex", "utm_campaign": "spring"}
    assert (lead.name, lead.text) == ("Иван Петров", "Нужны стулья")
    consents = await all_of(site, tables.consent)
    assert sorted((one.purpose, one.text_version) for one in consents) == [
        ("advertising", "2026-01"),
        ("processing", "2026-01"),
    ]
    assert json.loads(consents[0].evidence)["ip"] == "127.0.0.1"
    assert [one.owner for one in await all_of(site, tables.task)] == ["anna"]


async def test_it_needs_neither_session_nor_script(site: Site) -> None:
    seen = await site.get("/form", visitor=False)
    markup = Markup(seen.text)
    assert markup.is_ours()
    assert not [tag for tag, _ in markup.tags if tag == "script"]
    assert seen.cookies == []
    assert "Calls now" not in seen.text
    labelled = {attrs.get("name") for tag, attrs in markup.tags if tag in ("input", "textarea")}
    assert {"name", "phone", "email", "text", "processing", "advertising"} <= labelled


@pytest.mark.parametrize(
    ("language", "words"), [("ru", "Оставьте заявку"), ("en", "Leave a request")]
)
async def test_it_speaks_both_languages(site: Site, language: str, words: str) -> None:
    page = await site.get(f"/form?language={language}&utm_source=x", visitor=False)
    assert words in page.text
    assert "utm_source=x" in next(
        str(attrs["href"]) for tag, attrs in Markup(page.text).tags if attrs.get("hreflang") == "en"
    )


async def test_it_may_stand_in_a_frame_of_the_named_sites_alone(site: Site) -> None:
    page = await site.get("/form", visitor=False, headers={"Sec-Fetch-Dest": "iframe"})
    csp = page.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {SHOP};" in csp + ";"
    assert "script-src 'self'" in csp
    assert "hreflang" not in page.text


async def test_without_the_setting_there_is_no_form(site: Site) -> None:
    good = await fill_in(site)
    site.setups.current = SETUP
    assert (await site.get("/form", visitor=False)).status == 404
    assert (await post(site, good)).status == 404
    assert await all_of(site, tables.lead) == []


# What is wrong is said, and what was typed stays


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"phone": ""}, "Пожалуйста, оставьте телефон или почту.", id="no way"),
        pytest.param({"phone": "12-34"}, "По такому номеру мы не сможем позвонить", id="phone"),
        pytest.param({"email": "ivan@"}, "Это не адрес почты", id="e-mail"),
        pytest.param({"processing": ""}, "Без согласия мы не можем сохранить", id="no consent"),
    ],
)
async def test_what_is_missing_is_asked_for(site: Site, changes: dict[str, str], said: str) -> None:
    given = await fill_in(site, **{"text": "<b>Стулья</b>", "utm_source": "x", **changes})
    seen = await post(site, given)
    assert seen.status == 422
    assert said in seen.text
    assert "&lt;b&gt;Стулья" in seen.text
    assert Markup(seen.text).is_ours()
    again = fields(seen.text)
    assert (again["name"], again["utm_source"]) == ("Иван Петров", "x")
    assert await all_of(site, tables.lead) == []
    right = await post(site, again | GOOD | {"email": ""})  # at once
    assert "Спасибо!" in right.text
    assert len(await all_of(site, tables.lead)) == 1


async def test_sent_twice_it_is_one_lead_but_put_right_it_is_another(site: Site) -> None:
    given = await fill_in(site)
    for _ in range(2):
        assert "Спасибо!" in (await post(site, given)).text
    assert len(await all_of(site, tables.lead)) == 1
    await post(site, given | {"phone": "+79031112233"})
    assert len(await all_of(site, tables.lead)) == 2


@pytest.mark.parametrize("ticket", ["", "forged", None])
async def test_an_old_or_foreign_ticket_asks_to_send_it_again(
    site: Site, ticket: str | None
) -> None:
    given = await fill_in(site)
    if ticket is None:
        site.clock.now += TICKET_LIFE + timedelta(seconds=1)
    else:
        given["ticket"] = ticket
    seen = await post(site, given)
    assert seen.status == 409
    assert "отправьте её ещё раз" in seen.text
    assert "Спасибо!" in (await post(site, fields(seen.text) | GOOD)).text
    assert len(await all_of(site, tables.lead)) == 1


async def test_a_screen_pops_ticket_opens_no_form(site: Site) -> None:
    ticket = site.service.seal.ticket("01JCALL", site.clock())
    assert (await post(site, GOOD | {"ticket": ticket})).status == 409


# Who is no person is thanked, and only counted


async def test_the_trap_and_the_blink(site: Site) -> None:
    trapped = await post(site, await fill_in(site, website="https://spam.example"))
    page = await site.get("/form", visitor=False)
    site.clock.now += BLINK - timedelta(milliseconds=1)
    quick = await post(site, fields(page.text) | GOOD)
    for seen in (trapped, quick):
        assert seen.status == 200
        assert "Спасибо!" in seen.text
    assert await all_of(site, tables.lead) == []


def test_the_sieve_counts_by_address_and_in_all() -> None:
    sieve = Sieve(of_one=2, of_all=4)
    looks = ["203.0.113.1"] * 3 + ["2001:db8::1", "2001:db8::2", "2001:db8::3", "203.0.113.9"]
    assert [sieve.look(one, NOON) for one in looks] == [
        "fine",
        "fine",
        "too_many_of_one",
        "fine",
        "fine",
        "too_many_of_one",
        "too_many",
    ]
    assert sieve.look("203.0.113.1", NOON + WINDOW) == "fine"
    assert sieve.look(None, NOON + WINDOW) == "fine"


async def test_of_one_address_there_are_so_many_and_no_more(site: Site) -> None:
    for n in range(22):
        seen = await post(site, await fill_in(site, phone=f"+791600000{n:02}"))
        assert "Спасибо!" in seen.text
    assert len(await all_of(site, tables.lead)) == 20


# Forms of the sites themselves


async def test_a_site_sends_a_form_of_its_own(site: Site) -> None:
    given = {"phone": "+79161234567", "source": "shop", "next": f"{SHOP}/thanks?x=1"}
    seen = await post(site, given, Origin=SHOP)
    assert (seen.status, seen.headers["Location"]) == (303, f"{SHOP}/thanks?x=1")
    (lead,) = await all_of(site, tables.lead)
    assert lead.source == "shop"
    assert await all_of(site, tables.consent) == []


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "//evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example.evil.example/",
        "javascript:alert(1)",
        "https://shop.example\\@evil.example/",
        "https:///evil.example",
        "/local",
        "https://[broken",
    ],
)
async def test_it_goes_on_to_no_other_site(site: Site, where: str) -> None:
    seen = await post(site, {"phone": "+79161234567", "next": where}, Origin=SHOP)
    assert (seen.status, "Location" in seen.headers) == (200, False)
    assert "Спасибо!" in seen.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example:444"])
async def test_another_sites_form_is_shown_ours(site: Site, origin: str) -> None:
    seen = await post(site, GOOD, Origin=origin)
    assert seen.status == 409
    assert await all_of(site, tables.lead) == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"phone=" + b"1" * MOST_BYTES, {}, id="too large"),
        pytest.param(b"phone=%FF%FE", {}, id="no text"),
        pytest.param(b"\xff\xfe", {}, id="bytes"),
        pytest.param(b"&".join(b"a%d=1" % n for n in range(61)), {}, id="too many fields"),
        pytest.param(b"{}", {"Content-Type": "application/json"}, id="JSON"),
        pytest.param(b"phone=1", {"Content-Encoding": "br"}, id="packed"),
    ],
)
async def test_what_is_no_form_is_refused(site: Site, body: bytes, headers: dict[str, str]) -> None:
    seen = await post(site, body, **{"Origin": SHOP, **headers})
    assert seen.status in (400, 413)
    assert await all_of(site, tables.lead) == []


async def test_a_silent_base_loses_nothing_of_what_was_typed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await fill_in(site)
    await site.service.database.close()
    seen = await post(site, given)
    assert seen.status == 503
    assert "+7 495 123-00-01" in seen.text.replace("\u00a0", " ")
    assert fields(seen.text)["phone"] == GOOD["phone"]
