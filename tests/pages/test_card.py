"""A card's page: what it shows to whom, what is edited in it, and that nothing typed is lost."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import FormData
from sqlalchemy import Connection, select

from callrouter.domain.setup import CustomField, Letter, Role
from callrouter.flows import notes as notes_flow
from callrouter.flows.tasks import add_task
from callrouter.flows.visits import enter, new_link
from callrouter.service import Service
from storage import attachments, fields, items, letters, listing, lookup, notes, recordings, tables
from tests.api.rows import (
    NOON,
    SETUP,
    add_call,
    add_card,
    add_contact,
    add_document,
    add_leg,
    add_letter,
    add_move,
    add_owner,
    add_told,
    keep_recording,
)
from tests.pages.conftest import Open, Seen, Setups, Site
from tests.sounds import wav

OURS = replace(
    SETUP,
    field=(
        CustomField("size", "Размер", "card", "number"),
        CustomField("kind", "Тип клиента", "contact", "choice", ("Опт", "Розница")),
    ),
    letter=(Letter("offer"),),
)
SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def site(open_site: Open, service: Service, setups: Setups, tmp_path: Path) -> Site:
    setups.current = OURS
    settings = replace(service.settings, data_dir=tmp_path / "var")
    return await open_site(replace(service, settings=settings))


async def become(site: Site, role: Role, manager: str | None = None) -> None:
    write, now = site.service.database.write, site.clock()
    link = await write(new_link, now=now, role=role, manager=manager)
    cookie = await write(enter, link, now=now)
    site.cookie = f"callrouter_{site.service.seal.fingerprint[:8]}={cookie}"


async def post(site: Site, path: str, **form: str) -> Seen:
    return await site.ask("POST", path, data=form, headers=SITE)


def make(conn: Connection) -> str:
    contact = add_contact(
        conn, "Иван <Петров>", "+79161234567", emails=("ivan@example.com",), tags=("vip",)
    )
    began = NOON - timedelta(days=4)  # a Thursday
    card = add_card(conn, contact, manager="anna", title="Столы & стулья", created_at=began)
    add_move(conn, card, 1, "new", at=began)
    add_owner(conn, card, "anna", at=began)
    call = add_call(conn, card=card, contact=contact, manager="anna", duration_s=84)
    add_leg(conn, call, answered_at=NOON)
    add_told(conn, call)
    return card


async def test_the_page_says_everything_of_a_card(site: Site) -> None:
    card = await site.service.database.write(make)
    call = (await site.service.database.read(_calls, card))[0]
    await site.service.database.write(add_letter_and_paper, card)
    await keep_recording(site.service, call, 1, wav(0.1))
    seen = await site.get(f"/cards/{card}?language=ru")
    text = seen.text
    assert seen.status == 200
    for part in (
        "Иван &lt;Петров&gt;",
        "Столы &amp; стулья",
        "рабочих дня",
        "Анна Смирнова",
        "Вера Котова",  # who made her responsible
        "ждёт согласования",
        "КП-2026-0001",
        f'src="/calls/{call}/recording?part=1"',
        f'data-peaks="/calls/{call}/peaks?part=1"',
        f'href="/calls/{call}"',
        'href="tel:+79161234567"',
        f'href="/cards/{card}/move?to=in_work"',
        "3\u00a0001,00",
    ):
        assert part in text, part
    assert "<Петров>" not in text
    assert "style=" not in text
    shown = (await site.get(f"/cards/{card}?shown=letters")).text
    assert "КП-2026-0001" in shown.split('id="timeline-page"')[1]
    assert f"/calls/{call}/recording" not in shown


@pytest.mark.parametrize(
    ("language", "says", "never"),
    [("en", "Not a deal", "Не сделка"), ("ru", "Не сделка", "Not a deal")],
)
async def test_what_is_no_deal_is_called_so_in_the_readers_language(
    site: Site, language: str, says: str, never: str
) -> None:
    def write(conn: Connection) -> tuple[str, str]:
        who = add_contact(conn, "Ivan", "+79161234567")
        add_card(conn, who, manager="anna")
        card = add_card(conn, who, manager="anna", status="junk", closed_at=NOON)
        add_move(conn, card, 1, "new", at=NOON)
        add_move(conn, card, 2, "junk", at=NOON)
        return card, who

    card, who = await site.service.database.write(write)
    for path in (
        f"/cards/{card}?",
        f"/cards/{card}?shown=changes&",
        f"/contacts/{who}?",
        "/cards.csv?",
        "/figures?",
        "/figures/cards?",
        "/figures/cards?pipeline=sales&status=junk&",
    ):
        text = (await site.get(f"{path}language={language}")).text
        assert says in text, path
        assert never not in text, path


async def test_another_managers_card_is_as_if_it_were_not_there(site: Site) -> None:
    card = await site.service.database.write(make)
    await become(site, "manager", "boris")
    addresses = ("", "/files/x", "/offer", "/products?q=a", f"/letters/{card}", "/documents/x")
    for path in addresses:
        assert (await site.get(f"/cards/{card}{path}")).status == 404, path
    for path, form in (
        ("edit", {"name": "title", "value": "x"}),
        ("notes", {"text": "x"}),
        ("items", {"item_name": "x"}),
        ("items/confirm", {}),
        ("letters", {"letter": "offer"}),
        ("documents", {}),
    ):
        assert (await post(site, f"/cards/{card}/{path}", **form)).status == 404, path
    await become(site, "auditor")
    text = (await site.get(f"/cards/{card}?edit=title")).text
    assert "Столы &amp; стулья" in text
    assert 'method="post" action="/cards/' not in text
    assert (await post(site, f"/cards/{card}/notes", text="x")).status == 403
    assert (await site.get("/cards/no-such")).status == 404


@pytest.mark.parametrize(
    ("name", "typed", "kept", "wrong"),
    [
        ("title", "  Новое   имя ", "Новое имя", ""),
        ("title", "я" * 201, None, "не больше 200"),
        ("amount", "1 234,50 ₽", Decimal("1234.50"), ""),
        ("amount", "много", None, "1234,50"),
        ("amount", "-1", None, "1234,50"),
        ("due_on", "01.04.2026", date(2026, 4, 1), ""),
        ("due_on", "31.02.2026", None, "12.03.2026"),
        ("card.size", "12,5", Decimal("12.5"), ""),
        ("contact.kind", "Опт", "Опт", ""),
        ("contact.kind", "Чужое", None, "из списка"),
        ("manager", "vera", "vera", ""),
        ("manager", "old", None, "из списка"),
    ],
)
async def test_a_field_is_edited_in_its_place(
    site: Site, name: str, typed: str, kept: object, wrong: str
) -> None:
    card = await site.service.database.write(make)
    was = {"title": "Столы & стулья", "manager": "anna"}.get(name, "")
    opened = (await site.get(f"/cards/{card}?edit={name}&language=ru")).text
    assert f'name="name" value="{name}"' in opened
    headers = {**SITE, "Cookie": "callrouter_language=ru"}
    form = {"name": name, "value": typed, "was": was}
    seen = await site.ask("POST", f"/cards/{card}/edit", data=form, headers=headers)
    if wrong:
        assert seen.status == 422
        assert wrong in seen.text
        if name not in ("contact.kind", "manager"):
            assert f'value="{typed}"' in seen.text
    else:
        assert (seen.status, seen.headers["Location"]) == (303, f"/cards/{card}#field-{name}")
    values = await site.service.database.read(_values, card)
    assert values.get(name) == kept or (wrong and str(values.get(name) or "") == was)


async def test_who_was_slower_is_told_and_keeps_what_he_typed(site: Site) -> None:
    card = await site.service.database.write(make)
    path, was = f"/cards/{card}/edit", "Столы & стулья"
    await become(site, "manager", "anna")
    assert (await post(site, path, name="title", value="Шкафы", was=was)).status == 303
    await become(site, "admin")
    seen = await site.ask(
        "POST",
        f"{path}?language=ru",
        data={"name": "title", "value": "Лампы", "was": was},
        headers=SITE,
    )
    assert seen.status == 409
    assert "Анна Смирнова" in seen.text.split('id="wrong-title"')[1][:200]
    assert 'name="value" value="Лампы"' in seen.text
    assert 'name="was" value="Шкафы"' in seen.text
    assert (await post(site, path, name="title", value="Лампы", was="Шкафы")).status == 303


async def test_a_manager_takes_a_card_of_nobodys_and_gives_away_his_own(site: Site) -> None:
    free = await site.service.database.write(lambda conn: add_card(conn, None))
    mine = await site.service.database.write(lambda conn: add_card(conn, manager="anna"))
    await become(site, "manager", "anna")
    form = (await site.get(f"/cards/{free}?edit=manager")).text.split('name="value"')[1]
    assert re.findall(r'<option value="(\w*)"', form.split("</select>")[0]) == ["", "anna"]
    assert (await post(site, f"/cards/{free}/edit", name="manager", value="vera")).status == 422
    assert (await post(site, f"/cards/{free}/edit", name="manager", value="anna")).status == 303
    given = {"name": "manager", "value": "boris", "was": "anna"}
    assert f'value="{given["value"]}"' in (await site.get(f"/cards/{mine}?edit=manager")).text
    away = await post(site, f"/cards/{mine}/edit", **given)
    assert (away.status, away.headers["Location"]) == (303, "/board")  # he sees it no more
    assert (await site.get(f"/cards/{mine}")).status == 404
    by_script = {**SITE, "HX-Request": "true"}
    given = {"name": "manager", "value": "boris", "was": "anna"}
    away = await site.ask("POST", f"/cards/{free}/edit", data=given, headers=by_script)
    assert (away.status, away.headers["HX-Redirect"]) == (200, "/board")
    for card in (mine, free):
        found = await site.service.database.read(listing.find_card, _admin(), card)
        assert found is not None
        assert found.manager == "boris"


async def test_of_anothers_card_which_he_sees_he_changes_no_owner(site: Site) -> None:
    card = await site.service.database.write(make)
    await site.service.database.write(
        add_task,
        kind="task",
        owner="boris",
        by="manager:anna",
        text="Замерить",
        due_at=NOON + timedelta(hours=3),
        card=card,
        now=NOON,
    )
    await become(site, "manager", "boris")
    assert "?edit=manager" not in (await site.get(f"/cards/{card}")).text
    for name in ("boris", ""):
        given = {"name": "manager", "value": name, "was": "anna"}
        assert (await post(site, f"/cards/{card}/edit", **given)).status in (403, 422), name


async def test_what_is_to_be_done_about_a_card_stands_on_it(site: Site) -> None:
    card = await site.service.database.write(make)
    await become(site, "manager", "anna")
    form = (await site.get(f"/cards/{card}?language=ru")).text.split('id="tasks"')[1]
    form = form.split("</section>")[0]
    assert "По сделке ничего не нужно делать." in form
    back = f"/cards/{card}#tasks"
    assert f'name="card" value="{card}"' in form
    assert f'name="back" value="{back}"' in form
    added = await post(site, "/tasks", text="Позвонить", when="tomorrow", card=card, back=back)
    assert (added.status, added.headers["Location"]) == (303, back)
    part = (await site.get(f"/cards/{card}")).text.split('id="tasks"')[1].split("</section>")[0]
    assert "Позвонить" in part
    task = re.findall(r'action="/tasks/(\w+)/done"', part)[0]
    later = {"when": "days", "reason": "Ждём", "back": back}
    assert (await post(site, f"/tasks/{task}/snooze", **later)).headers["Location"] == back
    done = await post(site, f"/tasks/{task}/done", result="Договорились", back=back)
    assert done.headers["Location"] == back
    text = (await site.get(f"/cards/{card}")).text
    assert "Договорились" not in text.split('id="tasks"')[1].split("</section>")[0]


async def test_notes_are_written_changed_and_deleted(site: Site) -> None:
    database = site.service.database
    card = await database.write(make)
    assert (await post(site, f"/cards/{card}/notes", text=" ")).status == 422
    long = "я" * 10_001
    seen = await post(site, f"/cards/{card}/notes", text=long)
    assert seen.status == 422
    assert long in seen.text
    said = "Каталог: https://a.example/x?y=1.\n<b>+7 916 000-11-22</b> javascript:alert(1)"
    assert (await post(site, f"/cards/{card}/notes", text=said)).status == 303
    (one,) = await database.read(notes.of_card, card)
    text = (await site.get(f"/cards/{card}")).text
    assert 'href="https://a.example/x?y=1"' in text
    assert 'href="tel:+79160001122"' in text
    assert "&lt;b&gt;" in text
    assert 'href="javascript' not in text
    path = f"/cards/{card}/notes/{one.id}"
    assert (await post(site, path, do="edit", text="Новое", was=one.text)).status == 303
    stale = await post(site, path, do="edit", text="Моё", was=one.text)
    assert (stale.status, "Моё" in stale.text) == (409, True)
    assert (await post(site, path, do="pin")).status == 303
    assert 'class="lines pinned"' in (await site.get(f"/cards/{card}")).text
    theirs = await database.write(
        notes_flow.add_note, card, "Анны", by="manager:anna", now=site.clock()
    )
    edited = await post(site, f"/cards/{card}/notes/{theirs.id}", do="edit", text="x", was="Анны")
    assert edited.status == 403
    await become(site, "manager", "anna")
    assert (await post(site, path, do="delete")).status == 403  # somebody else's
    await become(site, "admin")
    assert (await post(site, path, do="delete")).status == 303
    assert (await post(site, path, do="no")).status == 400
    assert "Новое" not in (await site.get(f"/cards/{card}")).text


async def test_files_are_taken_several_at_once_and_given_to_be_saved(site: Site) -> None:
    database = site.service.database
    card = await database.write(make)
    form = FormData(quote_fields=False)  # as browsers send names
    form.add_field("file", b"<svg onload=alert(1)>", filename="план.svg")
    form.add_field("file", io.BytesIO(bytes((25 << 20) + 1)), filename="big.bin")
    form.add_field("file", b"%PDF-1.7", filename="счёт.pdf")
    seen = await site.ask("POST", f"/cards/{card}/files", data=form, headers=SITE)
    assert seen.status == 422
    assert "big.bin" in seen.text
    found = {one.name: one for one in await database.read(attachments.of_card, card)}
    assert set(found) == {"план.svg", "счёт.pdf"}
    one = found["план.svg"]
    given = await site.get(f"/cards/{card}/files/{one.id}")
    assert (given.status, given.text) == (200, "<svg onload=alert(1)>")
    assert given.headers["Content-Type"] == "application/octet-stream"
    assert given.headers["Content-Disposition"].startswith("attachment;")
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    other = await database.write(lambda conn: add_card(conn, None))
    assert (await site.get(f"/cards/{other}/files/{one.id}")).status == 404
    assert (await post(site, f"/cards/{card}/files/{one.id}/delete")).status == 303
    assert (await site.get(f"/cards/{card}/files/{one.id}")).status == 404
    none = await site.ask("POST", f"/cards/{card}/files", data=FormData({"x": "1"}), headers=SITE)
    assert none.status == 422
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        odd = {**SITE, "Content-Type": kind}
        none = await site.ask("POST", f"/cards/{card}/files", data=b"--y--", headers=odd)
        assert none.status == 422, kind


async def test_items_are_put_as_a_table_and_mistakes_stand_beside_them(site: Site) -> None:
    database = site.service.database
    card = await database.write(make)

    async def put(was: str, *rows: tuple[str, str, str]) -> Seen:
        form = FormData({"was": was})
        for name, quantity, price in (*rows, ("", "", "")):
            row = {"name": name, "quantity": quantity, "price": price}
            for field in ("name", "article", "unit", "quantity", "price", "discount", "vat"):
                form.add_field(f"item_{field}", row.get(field, ""))
        url = f"/cards/{card}/items?language=ru"
        return await site.ask("POST", url, data=form, headers=SITE)

    opened = (await site.get(f"/cards/{card}?edit=items")).text
    was = re.search(r'class="items-form".*?name="was" value="(\w+)"', opened, re.DOTALL)
    assert was
    seen = await put(was[1], ("Стол", "2", "дорого"), ("Стул", "-1", "5"))
    assert seen.status == 422
    rows = seen.text.split('class="item-row"')[1:3]
    assert ["Нужна цена" in row for row in rows] == [True, False]
    assert ["Нужно число больше 0" in row for row in rows] == [False, True]
    assert 'value="дорого"' in rows[0]
    assert (await put(was[1], ("Стол", "2", "1 500,50"))).status == 303
    (one,) = await database.read(items.of_card, card)
    assert (one.name, one.quantity, one.price) == ("Стол", Decimal(2), Decimal("1500.50"))
    late = await put(was[1], ("Шкаф", "1", "1"))
    assert (late.status, 'value="Шкаф"' in late.text) == (409, True)
    assert "администратор" in late.text.split('class="items-form"')[1][:1500]
    assert (await database.read(items.of_card, card))[0].name == "Стол"


async def test_letters_are_taken_back_let_go_and_sent_again(site: Site) -> None:
    database = site.service.database
    card = await database.write(make)
    letter = await database.write(lambda conn: add_letter(conn, card))
    path = f"/cards/{card}/letters/{letter}"
    assert "ждёт согласования" in (await site.get(f"{path}?language=ru")).text
    other = await database.write(lambda conn: add_card(conn, None))
    lost = await post(site, f"/cards/{other}/letters/{letter}", do="cancel")
    assert lost.status == 404
    assert (await post(site, path, do="again")).status == 409
    assert (await post(site, path, do="cancel")).status == 303
    assert (await database.read(letters.find, letter)).state == "cancelled"  # type: ignore[union-attr]
    asked = f"/cards/{card}/letters"
    assert (await post(site, asked, letter="offer")).status == 409  # it has had it
    assert (await post(site, asked, letter="offer", again="1")).status == 303
    assert (await post(site, asked, letter="no")).status == 404
    assert len(await database.read(letters.of_card, card)) == 2
    assert (await post(site, f"/cards/{card}/documents")).status == 409  # without items
    await database.write(add_document, card)
    assert (await post(site, f"/cards/{card}/documents")).status == 303


async def test_a_player_gets_how_loud_it_is_and_what_was_said(site: Site) -> None:
    database = site.service.database
    call = await database.write(lambda conn: add_call(conn, state="answered"))
    await keep_recording(site.service, call, 1, wav(0.1))
    assert (await site.get(f"/calls/{call}/peaks?part=1")).status == 404  # nobody has read it yet
    peaks = {"seconds": 0.1, "channels": [[1, 2, 100]]}
    await database.write(recordings.keep_peaks, "r1", json.dumps(peaks), 0.1)
    said = json.dumps([{"from": 0, "to": 1, "text": "Добрый <день>"}])
    await database.write(recordings.keep_transcript, "r1", said, "добрый")
    assert json.loads((await site.get(f"/calls/{call}/peaks?part=1")).text) == peaks
    text = (await site.get(f"/calls/{call}/transcript?part=1")).text
    assert "Добрый &lt;день&gt;" in text
    kinds = select(tables.business_event.c.kind)
    assert "transcript_read" in await database.read(lambda conn: list(conn.scalars(kinds)))
    page = (await site.get(f"/calls/{call}")).text
    assert f'data-peaks="/calls/{call}/peaks?part=1"' in page
    hidden = await database.write(lambda conn: add_call(conn, manager="boris"))
    await keep_recording(site.service, hidden, 2, wav(0.1))
    await become(site, "manager", "anna")
    for what in ("peaks", "transcript"):
        assert (await site.get(f"/calls/{hidden}/{what}?part=1")).status == 404


def add_letter_and_paper(conn: Connection, card: str) -> None:
    add_letter(conn, card)
    add_document(conn, card)


def _calls(conn: Connection, card: str) -> list[str]:
    return list(conn.scalars(select(tables.call.c.id).where(tables.call.c.card == card)))


def _admin() -> listing.Viewer:
    return listing.Viewer("admin")


def _values(conn: Connection, card: str) -> dict[str, object]:
    kept = fields.of_card(conn, card)
    found = listing.find_card(conn, _admin(), card)
    assert kept
    assert found
    assert found.contact
    own = fields.values_of(conn, [card, found.contact.id], OURS.field)
    return {
        "title": kept.title,
        "amount": kept.amount,
        "due_on": kept.due_on,
        "manager": found.manager,
        "card.size": own.get(card, {}).get("size"),
        "contact.kind": own.get(found.contact.id, {}).get("kind"),
    }


async def test_a_deals_clients_are_edited_added_and_taken_off_on_it(site: Site) -> None:
    card = await site.service.database.write(make)
    other = await site.service.database.write(
        lambda conn: add_contact(conn, "Ольга Бух", "+79160000002")
    )
    view = await site.service.database.read(listing.find_card, _admin(), card)
    assert view is not None
    assert view.contact is not None
    ivan, people = view.contact.id, f"/cards/{card}/contacts"
    form = (await site.get(f"/cards/{card}?edit=person.{ivan}&language=ru")).text
    assert 'value="+7 916 123-45-67"' in form
    edited = {
        "do": "edit",
        "version": "1",
        "name": "Пётр <b>",
        "phone": "8 916 123-45-67",
        "label": "дом",
        "email": "p@example.com",
        "tags": "опт, vip",
    }
    wrong = await post(site, f"{people}/{ivan}", **{**edited, "phone": "112", "email": "p@"})
    assert wrong.status == 422
    assert 'value="112"' in wrong.text
    assert 'aria-invalid="true"' in wrong.text.split('name="email"')[1]
    assert (await post(site, f"{people}/{ivan}", **edited)).status == 303
    page = (await site.get(f"/cards/{card}")).text.split('id="contact"')[1].split("</section>")[0]
    for part in ("Пётр &lt;b&gt;", "дом", "p@example.com", "опт"):
        assert part in page, part
    late = await post(site, f"{people}/{ivan}", **{**edited, "name": "Позже"})
    assert late.status == 409
    assert 'value="Позже"' in late.text
    version = re.findall(r'name="version" value="(\d+)"', late.text)[0]
    again = {**edited, "name": "Позже", "version": version}
    assert (await post(site, f"{people}/{ivan}", **again)).status == 303

    await site.service.database.write(lookup.refresh, [other])
    assert other in (await site.get(f"{people}/add?q=Ольга")).text
    assert (await post(site, f"{people}/add", contact=other)).status == 303
    same = await post(site, f"{people}/add", name="Ещё", phone="+79160000002")
    assert same.status == 409
    assert 'name="another"' in same.text
    made = await post(site, f"{people}/add", name="Ещё", phone="+79160000002", another="yes")
    assert made.status == 303
    assert (await post(site, f"{people}/add", name="", email="нет")).status == 422
    assert (await post(site, f"{people}/{ivan}", do="remove")).status == 409
    assert (await post(site, f"{people}/{other}", do="main")).status == 303
    assert (await post(site, f"{people}/{ivan}", do="remove")).status == 303
    shown = (await site.get(f"/cards/{card}")).text.split('id="contact"')[1].split("</section>")[0]
    assert shown.index("Ольга Бух") < shown.index("Ещё")
    assert "Позже" not in shown
    assert "Основным в сделке стал другой клиент" in (await site.get(f"/cards/{card}")).text
    assert (await post(site, f"{people}/{ivan}", do="remove")).status == 404
    assert (await post(site, f"{people}/{ivan}", do="?")).status == 400


async def test_consents_are_given_and_taken_back_on_the_card(site: Site) -> None:
    card = await site.service.database.write(make)
    view = await site.service.database.read(listing.find_card, _admin(), card)
    assert view is not None
    assert view.contact is not None
    where, back = f"/contacts/{view.contact.id}/consents", f"/cards/{card}#contact"
    said = {"purpose": "advertising", "how": "spoken", "evidence": "звонок 2 марта", "back": back}
    given = await post(site, where, **said)
    assert (given.status, given.headers["Location"]) == (303, back)
    page = (await site.get(f"/cards/{card}?language=ru")).text
    assert "звонок 2 марта" in page
    withdraw = re.findall(rf'action="({where}/\w+/withdraw)"', page)[0]
    assert (await post(site, withdraw, back=back)).headers["Location"] == back
    assert withdraw not in (await site.get(f"/cards/{card}")).text
    away = await post(site, where, **{**said, "back": "//evil.example"})
    assert away.headers["Location"] == f"{where.removesuffix('/consents')}#consents"
