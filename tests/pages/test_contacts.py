"""Clients in a browser: the list, one client edited in place, by hand, attached, joined, undone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import Connection, insert, select

from callrouter.domain.setup import CustomField
from callrouter.flows.visits import enter, new_link
from storage import lookup, tables
from tests.api.rows import NOON, SETUP, add_call, add_card, add_contact
from tests.pages.conftest import Seen, Site

PHONE, SECOND = "+79160000001", "+79160000002"


async def come_as(site: Site, role: Any, manager: str) -> None:
    """Be let in as somebody of the setup."""
    database, now = site.service.database, site.clock()
    people = tuple(
        replace(one, role=role) if one.key == manager else one
        for one in site.setups.current.manager
    )
    site.setups.current = replace(site.setups.current, manager=people)
    link = await database.write(new_link, now=now, role=role, manager=manager)
    cookie = await database.write(enter, link, now=now)
    site.cookie = f"callrouter_{site.service.seal.fingerprint[:8]}={cookie}"


async def post(site: Site, path: str, /, **fields: Any) -> Seen:
    return await site.ask("POST", path, data=fields, headers={"Origin": site.url})


async def rows(site: Site, table: Any) -> list[Any]:
    def read(conn: Connection) -> list[Any]:
        return list(conn.execute(select(table)))

    return await site.service.database.read(read)


async def one(site: Site, id_: str) -> Any:
    return next(row for row in await rows(site, tables.contact) if row.id == id_)


def some(conn: Connection, /) -> tuple[str, str, str]:
    """Ivan, whom Anna has; Ivan again, whom Boris has; a company of nobody's."""
    ivan = add_contact(conn, "Иван Петров", PHONE, responsible="anna", tags=("vip",))
    again = add_contact(conn, "Петров И.", PHONE, SECOND, responsible="boris", inn="7707083893")
    firm = add_contact(conn, "ООО Вектор", kind="company")
    lookup.refresh(conn, [ivan, again, firm])
    return ivan, again, firm


async def test_the_list_is_narrowed_and_shows_whom_one_sees(site: Site) -> None:
    ivan, again, firm = await site.service.database.write(some)
    seen = await site.get("/contacts?language=en")
    assert all(id_ in seen.text for id_ in (ivan, again, firm))
    assert ivan not in (await site.get("/contacts?kind=company")).text
    assert again not in (await site.get("/contacts?tag=vip")).text
    nobodys = (await site.get("/contacts?responsible=-")).text
    assert firm in nobodys
    assert ivan not in nobodys
    found = (await site.get("/contacts?q=Вектор")).text
    assert firm in found
    assert ivan not in found
    await come_as(site, "manager", "anna")
    hers = (await site.get("/contacts")).text
    assert ivan in hers
    assert again not in hers
    assert (await site.get(f"/contacts/{again}")).status == 404


async def test_who_has_much_keeps_all_of_it_when_a_form_is_saved(site: Site) -> None:
    phones = [f"+79160001{n:03}" for n in range(60)]
    emails, tags = [f"a{n}@example.com" for n in range(30)], [f"{n:060}" for n in range(60)]
    client = await site.service.database.write(
        lambda conn: add_contact(conn, "Иван", *phones, emails=tuple(emails), tags=tuple(tags))
    )
    page = await site.get(f"/contacts/{client}?edit=1")
    shown = re.findall(
        r'<input[^>]* name="(phone|email|tags|version)"[^>]* value="([^"]*)"', page.text
    )
    form = [("name", "Иван"), ("kind", "person"), ("relation", "client"), *shown]
    own = {"Origin": site.url}
    saved = await site.ask("POST", f"/contacts/{client}", data=FormData(form), headers=own)
    assert saved.status == 303, saved.text
    t = tables
    assert sorted(row.number for row in await rows(site, t.contact_phone)) == phones
    assert {row.email for row in await rows(site, t.contact_email)} == set(emails)
    assert {row.tag for row in await rows(site, t.contact_tag)} == set(tags)


async def test_pages_of_the_list_follow_each_other(site: Site) -> None:
    def many(conn: Connection) -> None:
        for n in range(55):
            add_contact(conn, f"Клиент {n}")

    await site.service.database.write(many)
    first = await site.get("/contacts?language=en")
    more = re.search(r'href="(/contacts\?after=[^"]+)"', first.text)
    assert more is not None
    second = await site.get(more[1])
    ids = [set(re.findall(r"/contacts/([0-9A-Z]{26})", it.text)) for it in (first, second)]
    assert [len(it) for it in ids] == [50, 5]
    assert not ids[0] & ids[1]


async def test_a_client_is_edited_and_a_stale_form_loses_nothing(site: Site) -> None:
    site.setups.current = replace(SETUP, field=(CustomField("city", "Город", "contact"),))
    ivan, _, _ = await site.service.database.write(some)
    page = await site.get(f"/contacts/{ivan}?edit=1&language=en")
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version is not None
    read_at = re.search(r'name="read_at" value="(\d+)"', page.text)
    assert read_at is not None
    form = {
        "kind": "person",
        "relation": "partner",
        "name": "Иван Петров",
        "last_name": "Петров",
        "first_name": "Пётр",
        "phone": "8 916 000-00-03",
        "label": "рабочий",
        "email": "Ivan@Example.com",
        "inn": "500100732259",
        "responsible": "anna",
        "tags": "vip, опт",
        "comment": "Любит чай",
        "own.city": "Тула",
        "version": version[1],
        "read_at": read_at[1],
    }
    saved = await post(site, f"/contacts/{ivan}", **form)
    assert saved.status == 303, saved.text
    row = await one(site, ivan)
    assert (row.name, row.relation, row.inn) == ("Петров Пётр", "partner", "500100732259")
    assert row.name_confirmed, "a person wrote it"
    (phone,) = [it for it in await rows(site, tables.contact_phone) if it.contact == ivan]
    assert (phone.number, phone.label) == ("+79160000003", "рабочий")
    shown = await site.get(f"/contacts/{ivan}")
    assert [
        text for text in ("Тула", "опт", "Любит чай", "рабочий") if text not in shown.text
    ] == []

    late = await post(site, f"/contacts/{ivan}", **(form | {"comment": "Пьёт кофе"}))
    assert late.status == 409
    assert "Пьёт кофе" in late.text
    assert "администратор: " in late.text, "who changed it, and what"
    assert (await one(site, ivan)).comment == "Любит чай"
    again = re.search(r'name="version" value="(\d+)"', late.text)
    assert again is not None
    over = form | {"comment": "Пьёт кофе", "version": again[1]}
    assert (await post(site, f"/contacts/{ivan}", **over)).status == 303
    assert (await one(site, ivan)).comment == "Пьёт кофе"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("phone", "12", "phones.0-wrong"),
        ("email", "ivan@", "emails.0-wrong"),
        ("inn", "7707083894", "inn-wrong"),
        ("inn", "770708", "inn-wrong"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    site: Site, field: str, value: str, says: str
) -> None:
    answer = await post(site, "/contacts/new", **{"name": "Новый <b>", field: value})
    assert answer.status == 422
    assert f'id="{says}"' in answer.text
    assert f'value="{value}"' in answer.text, "what was typed is kept"
    assert "Новый &lt;b&gt;" in answer.text
    assert not await rows(site, tables.contact)


async def test_a_double_is_made_only_by_who_says_that_it_is_another(site: Site) -> None:
    ivan, again, _ = await site.service.database.write(some)
    await come_as(site, "manager", "anna")
    form = {"name": "Иван", "phone": "8 916 000-00-01", "responsible": "anna"}
    warned = await post(site, "/contacts/same?language=en", **form, use="/cards/new?contact=")
    assert f"/cards/new?contact={ivan}" in warned.text
    assert again not in warned.text
    assert "another manager’s client: Борис Ким" in warned.text
    assert "Петров И." not in warned.text, "of whom one may not see only whose he is"
    hint = await post(site, "/contacts/same?language=en", email="a@gmial.com")
    assert "a@gmail.com" in hint.text
    refused = await post(site, "/contacts/new", **form)
    assert refused.status == 409
    assert len(await rows(site, tables.contact)) == 3
    made = await post(site, "/contacts/new", **form, another="yes")
    assert made.status == 303
    assert len(await rows(site, tables.contact)) == 4


@pytest.mark.parametrize(
    ("field", "typed", "shown"),
    [
        ("phone", "8 (916) 000-00-07", "+7 916 000-00-07"),
        ("email", "Info@Vector.Example", "info@vector.example"),
        ("inn", "7707083893", "7707083893"),
        ("inn", " 7707 083 893 ", "7707083893"),
    ],
)
@pytest.mark.parametrize("seen", [True, False], ids=["one's own", "another's"])
async def test_a_double_is_known_by_number_address_and_inn(
    site: Site, field: str, typed: str, shown: str, *, seen: bool
) -> None:
    def make(conn: Connection) -> str:
        of = "anna" if seen else "boris"
        had: dict[str, Any] = {"inn": "7707083893", "responsible": of}
        had["emails"] = ("info@vector.example",)
        there = add_contact(conn, "Вектор", "+79160000007", **had)
        add_contact(conn, "Слитый", "+79160000007", **(had | {"merged_into": there}))
        add_contact(conn, "Другой", SECOND, emails=("other@vector.example",), inn="7736050003")
        return there

    there = await site.service.database.write(make)
    await come_as(site, "manager", "anna")
    form = {"name": "Иван", "responsible": "anna", field: typed}
    for path, status in (("/contacts/same", 200), ("/contacts/new", 409)):
        said = await post(site, f"{path}?language=en", **form)
        assert said.status == status, path
        doubles = said.text[said.text.index("We know this already") :].partition("</ul>")[0]
        assert doubles.replace("\N{NO-BREAK SPACE}", " ").count(f">{shown}:<") == 1, path
        assert doubles.count("<li>") == 1, path
        assert (f'href="/contacts/{there}"' in doubles) is seen, path
        assert ("Вектор" in doubles) is seen, path
        assert ("another manager’s client: Борис Ким" in doubles) is not seen, path
    assert len(await rows(site, tables.contact)) == 3
    himself = await post(site, "/contacts/same", **form, besides=there)
    assert 'class="warning doubles"' not in himself.text, "who is edited is no double of himself"
    assert (await post(site, "/contacts/new", **form, another="yes")).status == 303
    assert len(await rows(site, tables.contact)) == 4


async def test_a_deal_by_hand_is_made_with_its_client_or_not_at_all(site: Site) -> None:
    await site.service.database.write(some)
    await come_as(site, "manager", "anna")
    deal = {"title": "Столы", "amount": "1 500,50", "manager": "anna"}
    client = {"name": "Новый", "phone": "8 916 000-00-09"}
    bad = await post(site, "/cards/new", **(deal | {"amount": "много"}), **client)
    assert (bad.status, 'id="amount-wrong"' in bad.text) == (422, True)
    anothers = await post(site, "/cards/new", **(deal | {"manager": "boris"}), **client)
    assert anothers.status == 403
    assert not await rows(site, tables.card)
    assert len(await rows(site, tables.contact)) == 3, "nor is its client"
    made = await post(site, "/cards/new", **deal, **client)
    assert made.status == 303
    (card,) = await rows(site, tables.card)
    assert made.headers["Location"] == f"/cards/{card.id}"
    assert (card.title, f"{card.amount:.2f}", card.manager) == ("Столы", "1500.50", "anna")
    assert (await one(site, card.contact)).name == "Новый"


async def test_consents_and_the_wish_not_to_be_recorded(site: Site) -> None:
    ivan, _, _ = await site.service.database.write(some)
    given = {"purpose": "advertising", "how": "spoken", "evidence": "сказал <i>сам</i>"}
    assert (await post(site, f"/contacts/{ivan}/consents", **given)).status == 303
    assert (await post(site, f"/contacts/{ivan}/consents", purpose="x")).status == 400
    (consent,) = await rows(site, tables.consent)
    assert "сказал &lt;i&gt;сам" in (await site.get(f"/contacts/{ivan}")).text
    gone = await post(site, f"/contacts/{ivan}/consents/{consent.id}/withdraw")
    assert gone.status == 303
    (consent,) = await rows(site, tables.consent)
    assert consent.withdrawn_at == NOON
    await post(site, f"/contacts/{ivan}/recording", allowed="no")
    assert (await one(site, ivan)).unrecorded_since == NOON
    await post(site, f"/contacts/{ivan}/recording", allowed="yes")
    assert (await one(site, ivan)).unrecorded_since is None


@pytest.mark.parametrize("shared", ["", "yes"])
async def test_a_number_is_attached_to_who_really_called(site: Site, shared: str) -> None:
    def ring(conn: Connection) -> tuple[str, str, str]:
        first = add_contact(conn, "Секретарь", PHONE)
        second = add_contact(conn, "Директор", SECOND)
        lookup.refresh(conn, [first, second])
        return first, second, add_call(conn, contact=first, caller_number=PHONE)

    first, second, call = await site.service.database.write(ring)
    page = await site.get(f"/calls/{call}/attach?q=Директор&language=en")
    assert second in page.text
    done = await post(site, f"/calls/{call}/attach", contact=second, shared=shared)
    assert done.status == 303
    have = {row.contact for row in await rows(site, tables.contact_phone) if row.number == PHONE}
    assert have == ({first, second} if shared else {second})
    assert {row.contact for row in await rows(site, tables.call)} == {second}
    new = await post(site, f"/calls/{call}/attach", contact="", name="Третий")
    assert new.status == 303
    (called,) = await rows(site, tables.call)
    assert (await one(site, called.contact)).name == "Третий"


async def test_a_number_without_a_call_is_said_to_be_anothers(site: Site) -> None:
    def two(conn: Connection) -> tuple[str, str]:
        first = add_contact(conn, "Секретарь", PHONE)
        second = add_contact(conn, "Директор", SECOND)
        lookup.refresh(conn, [first, second])
        return first, second

    first, second = await site.service.database.write(two)
    asked = await site.get("/contacts/attach?language=en")
    assert 'name="number"' in asked.text
    wrong = await site.get("/contacts/attach?number=112")
    assert (wrong.status, 'value="112"' in wrong.text) == (422, True)
    number = f"/contacts/attach?number=%2B{PHONE[1:]}&from={first}"
    assert number.replace("&", "&amp;") in (await site.get(f"/contacts/{first}")).text
    page = (await site.get(f"{number}&q=Директор")).text
    assert second in page
    assert "Секретарь" in page.split("<form")[-3], "who has it now"
    assert (await post(site, number)).status == 422
    shared = await post(site, number, contact=second, shared="yes")
    assert (shared.status, shared.headers["Location"]) == (303, f"/contacts/{second}?said=attached")
    have = {row.contact for row in await rows(site, tables.contact_phone) if row.number == PHONE}
    assert have == {first, second}
    assert (await post(site, number, contact=second, shared="")).status == 303
    have = {row.contact for row in await rows(site, tables.contact_phone) if row.number == PHONE}
    assert have == {second}
    assert (await post(site, number, contact="0" * 26)).status == 404
    assert (await post(site, number, contact="", name="Третий")).status == 303


async def test_a_call_leads_to_whose_its_number_is_unless_it_was_withheld(site: Site) -> None:
    def ring(conn: Connection) -> tuple[str, str]:
        return (
            add_call(conn, caller_number=PHONE),
            add_call(conn, caller_number=None, caller_kind="withheld"),
        )

    known, withheld = await site.service.database.write(ring)
    assert f'href="/calls/{known}/attach"' in (await site.get(f"/calls/{known}")).text
    assert "/attach" not in (await site.get(f"/calls/{withheld}")).text
    assert (await post(site, f"/calls/{withheld}/attach", name="Кто")).status == 409


async def test_two_clients_are_joined_and_taken_apart(site: Site) -> None:
    ivan, again, _ = await site.service.database.write(some)

    def deal(conn: Connection) -> str:
        conn.execute(insert(tables.contact_tag).values(contact=again, tag="опт"))
        return add_card(conn, again, manager="boris")

    card = await site.service.database.write(deal)
    assert again in (await site.get(f"/contacts/{ivan}/merge")).text, "they share a number"
    preview = await site.get(f"/contacts/{ivan}/merge?with={again}&language=en")
    versions = re.search(r'name="versions" value="([\d.]+)"', preview.text)
    assert versions is not None
    assert "7707083893" in preview.text
    assert "deals: 1" in preview.text
    form = {"with": again, "versions": versions[1], "choice.name": "gone"}
    stale = await post(site, f"/contacts/{ivan}/merge", **(form | {"versions": "7.7"}))
    assert stale.status == 409
    assert (await post(site, f"/contacts/{ivan}/merge", **form)).status == 303
    joined = await one(site, ivan)
    assert (joined.name, joined.inn, joined.responsible) == ("Петров И.", "7707083893", "anna")
    (moved,) = await rows(site, tables.card)
    assert moved.contact == ivan
    away = await site.get(f"/contacts/{again}")
    assert (away.status, away.headers["Location"]) == (303, f"/contacts/{ivan}")
    (merge,) = await rows(site, tables.merge)
    await come_as(site, "manager", "anna")
    refused = await post(site, f"/contacts/{ivan}/merges/{merge.id}/undo")
    assert refused.status == 403, "it needs the right"
    await site.let_in()
    undone = await post(site, f"/contacts/{ivan}/merges/{merge.id}/undo")
    assert undone.status == 303
    assert (await one(site, ivan)).name == "Иван Петров"
    (back,) = await rows(site, tables.card)
    assert (back.id, back.contact) == (card, again)
    twice = await post(site, f"/contacts/{ivan}/merges/{merge.id}/undo")
    assert twice.status == 409
