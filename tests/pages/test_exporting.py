"""Lists as files, and contacts that are erased: only what one sees, safe to open, and kept who."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.setup import Manager, Role
from callrouter.flows.visits import enter, new_link
from callrouter.import_file.headings import find_columns, is_known
from callrouter.import_file.opening import open_table
from callrouter.import_file.reading import Reader, Refusal, Row
from callrouter.import_file.values import bare, phones_of
from callrouter.pages import audit as audit_page
from callrouter.pages import exporting, figure_lists
from storage import audit, recordings, tables
from storage.database import Database
from tests.api.rows import NOON, SETUP, add_call, add_card, add_contact, keep_recording
from tests.pages.coming_in import let_in
from tests.pages.conftest import Site
from tests.sounds import MP3

HEAD = replace(
    SETUP,
    team=(replace(SETUP.team[0], head="vera"),),
    manager=(
        Manager("anna", "Анна Смирнова", "101", team="sales"),
        Manager("boris", "Борис Ким", "102"),
        Manager("vera", "Вера Котова", "103", team="sales", role="head"),
    ),
)


@pytest.fixture
async def office(site: Site) -> Site:
    """Seen by vera, who heads anna and not boris."""
    site.setups.current = HEAD
    await come_in(site, "head", "vera")
    return site


async def come_in(site: Site, role: Role, manager: str | None = None) -> None:
    write, now = site.service.database.write, site.clock()
    link = await write(new_link, now=now, role=role, manager=manager)
    cookie = await write(enter, link, now=now)
    site.cookie = f"callrouter_{site.service.seal.fingerprint[:8]}={cookie}"


def make_people(conn: Connection) -> None:
    wild = '=HYPERLINK("http://evil.example","Иван")'
    own = add_contact(conn, wild, "+79161234567", responsible="anna", comment="-1\nвторая")
    others = add_contact(conn, "Пётр", "+79160000002", responsible="boris")
    firm = add_contact(conn, "ООО «Ромашка»", kind="company", emails=("info@example.com",))
    add_card(conn, own, manager="anna", number=318, title="@SUM(A1)")
    add_card(conn, others, manager="boris", number=319)
    assert firm


def rows_of(text: str, delimiter: str = ";") -> list[dict[str, str]]:
    return list(
        csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    )


async def lines(database: Database) -> list[audit.Line]:
    """What was taken or erased; coming in is kept there, too."""
    return [one for one in await database.read(audit.lines) if one.action != "came_in"]


async def test_contacts_one_sees_are_a_file_that_our_import_reads(office: Site) -> None:
    await office.service.database.write(make_people)
    seen = await office.get("/contacts.csv")
    assert (seen.status, seen.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert 'filename="contacts-2026-03-02.csv"' in seen.headers["Content-Disposition"]
    firm, wild = rows_of(seen.text)
    assert firm["Компания"] == "ООО «Ромашка»"
    assert wild["ФИО"].startswith("'=HYPERLINK")
    assert wild["Телефон"] == "'+79161234567"
    assert wild["Комментарий"] == "'-1\nвторая"
    assert wild["Ответственный"] == "Анна Смирнова"
    columns = find_columns(list(wild), {})
    assert not columns.unknown
    assert phones_of(bare(wild["Телефон"]), "RU") == ["+79161234567"]
    (line,) = await lines(office.service.database)
    assert (line.actor, line.action, line.data) == ("manager:vera", "export_contacts", {"rows": 2})


async def test_a_narrowed_list_of_clients_is_a_narrowed_file(office: Site) -> None:
    await office.service.database.write(make_people)
    (firm,) = rows_of((await office.get("/contacts.csv?kind=company&relation=nonsense")).text)
    assert firm["Компания"] == "ООО «Ромашка»"
    (wild,) = rows_of((await office.get("/contacts.csv?responsible=anna")).text)
    assert wild["Ответственный"] == "Анна Смирнова"
    assert rows_of((await office.get("/contacts.csv?tag=none")).text) == []
    last, *_ = await lines(office.service.database)
    assert last.data == {"rows": 0, "tag": "none"}


async def test_the_board_leads_to_the_file_of_deals_who_may_take_it(office: Site) -> None:
    board = await office.get("/board")
    assert '<a href="/cards.csv">Все сделки файлом</a>' in board.text
    await let_in(office, "anna", "manager")
    assert "/cards.csv" not in (await office.get("/board")).text


async def test_cards_are_one_too_and_what_was_looked_for_is_kept(office: Site) -> None:
    await office.service.database.write(make_people)
    seen = await office.get("/cards.csv", headers={"Cookie": "callrouter_language=en"})
    (card,) = rows_of(seen.text, ",")
    assert (card["Number"], card["Title"], card["Responsible"]) == (
        *("318", "'@SUM(A1)"),
        "Анна Смирнова",
    )
    await office.get("/cards.csv?manager=boris&status=")
    last, _ = await lines(office.service.database)
    assert last.data == {"rows": 0, "manager": "boris"}


@pytest.mark.parametrize("n", [2, 3, 4])
async def test_a_file_has_an_end_and_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    for module in (exporting, figure_lists, audit_page):
        monkeypatch.setattr(module, "MOST_ROWS", 2)
    monkeypatch.setattr(exporting, "MOST", 1)

    def make(conn: Connection) -> None:
        for one in range(n):
            contact = add_contact(conn, f"Иван {one}", f"+7916000000{one}")
            add_card(conn, contact, manager="anna")
            add_call(conn, contact=contact)
            audit.append(conn, at=NOON, actor="page:admin", action="export_contacts", data={})

    await site.service.database.write(make)
    files = ("/audit.csv", "/contacts.csv", "/cards.csv")
    for path in (*files, "/figures/calls.csv?period=today", "/figures/cards.csv?period=today"):
        found = (await site.get(path)).text.removeprefix("\ufeff")
        head, *rows = csv.reader(io.StringIO(found, newline=""), delimiter=";")
        if path == "/audit.csv" or n > 2:  # who was let in is a line of it, too
            assert rows.pop() == [
                "… это не всё: только первые 2 строки",
                *[""] * (len(head) - 1),
                "…",
            ]
        assert [len(row) for row in rows] == [len(head)] * 2, path
        kept = (await site.service.database.read(audit.lines, limit=1))[0]
        assert (kept.action.startswith("export_"), kept.data["rows"]) == (True, 2), path


async def test_our_import_makes_no_contact_of_the_line_that_says_so(
    office: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(exporting, "MOST_ROWS", 1)

    def make(conn: Connection) -> None:
        for n in range(3):
            add_contact(conn, f"Иван {n}", f"+7916000000{n}")

    await office.service.database.write(make)
    for language in ("ru", "en"):
        file = tmp_path / f"{language}.csv"
        file.write_text((await office.get(f"/contacts.csv?language={language}")).text, "utf-8")
        with open_table(file, is_known) as table:
            columns = find_columns(table.headings, {})
            reader = Reader(columns, SETUP, system="file", now=NOON)
            taken, refused = [reader.read(line) for line in table.lines]
        assert isinstance(taken, Row)
        assert taken.name == "Иван 2"
        assert isinstance(refused, Refusal)
        assert "has 11 cells, the headings are 10" in str(refused.problems[0])


async def test_beside_the_link_it_is_said_that_a_file_has_an_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (exporting, figure_lists):
        monkeypatch.setattr(module, "MOST_ROWS", 101)

    def make(conn: Connection, n: int) -> None:
        for _ in range(n):
            add_call(conn, contact=add_contact(conn))
            audit.append(conn, at=NOON, actor="page:admin", action="export_contacts", data={})

    for n, said in ((1, False), (101, True)):
        await site.service.database.write(make, n)
        for path in ("/contacts", "/figures/calls?period=today", "/audit"):
            page = (await site.get(f"{path}{'&' if '?' in path else '?'}language=en")).text
            assert "As a file" in page, path
            assert ("(at most 101 rows)" in page) is said, (path, n)


@pytest.mark.parametrize(
    ("role", "manager", "path", "status"),
    [
        ("manager", "anna", "/contacts.csv", 403),
        ("manager", "anna", "/cards.csv", 403),
        ("auditor", None, "/contacts.csv", 403),
        ("head", "vera", "/contacts/01/erase", 403),
        ("admin", None, "/contacts/01/erase", 404),
    ],
)
async def test_who_lacks_the_right_gets_none(
    office: Site, role: Role, manager: str | None, path: str, status: int
) -> None:
    await come_in(office, role, manager)
    assert (await office.get(path)).status == status
    assert not await lines(office.service.database)


# Erasing


async def test_who_may_erase_a_contact_is_led_to_it(site: Site) -> None:
    contact = await site.service.database.write(lambda conn: add_contact(conn, "Иван"))
    link = f'href="/contacts/{contact}/erase"'
    assert link in (await site.get(f"/contacts/{contact}")).text
    await come_in(site, "head")
    assert link not in (await site.get(f"/contacts/{contact}")).text


async def test_a_contact_is_erased_once_it_is_said_who(site: Site) -> None:
    database, own = site.service.database, {"Sec-Fetch-Site": "same-origin"}

    def make(conn: Connection) -> tuple[str, str]:
        one = add_contact(
            conn, "Иван Петров", "+79161234567", emails=("ivan@example.com",), tags=("vip",)
        )
        add_contact(conn, "Иван, слит", "+79161234567", merged_into=one)
        return one, add_call(conn, contact=one, note="злой")

    one, call = await database.write(make)
    await keep_recording(site.service, call, 1, MP3)
    page = await site.get(f"/contacts/{one}/erase")
    assert "Иван Петров" in page.text
    for typed in ("", "Пётр", "1234", "567"):
        path, data = f"/contacts/{one}/erase", {"typed": typed}
        refused = await site.ask("POST", path, data=data, headers=own)
        assert (refused.status, 'role="alert"' in refused.text) == (422, True)
    done = await site.ask("POST", f"/contacts/{one}/erase", data={"typed": "45-67"}, headers=own)
    assert (done.status, 'role="status"' in done.text) == (200, True)

    def left(conn: Connection) -> tuple[list[str], list[Any]]:
        t = tables
        names = list(conn.scalars(select(t.contact.c.name)))
        rest = [
            *conn.scalars(select(t.contact_phone.c.number)),
            *conn.scalars(select(t.contact_email.c.email)),
            *conn.scalars(select(t.contact_tag.c.tag)),
            *conn.scalars(select(t.lookup.c.term)),
            *(one for one in conn.scalars(select(t.call.c.note)) if one),
        ]
        return names, rest

    assert await database.read(left) == (["", ""], [])
    (sound,) = await database.read(recordings.of_call, call)
    assert sound.deleted_by == "page:admin"
    (line,) = await lines(database)
    assert (line.action, line.object, line.data) == ("erase_contact", one, {"recordings": 1})


async def test_who_has_neither_name_nor_number_is_said_by_his_id(site: Site) -> None:
    one = await site.service.database.write(lambda conn: add_contact(conn, ""))
    typed, own = {"typed": one[-4:].lower()}, {"Sec-Fetch-Site": "same-origin"}
    done = await site.ask("POST", f"/contacts/{one}/erase", data=typed, headers=own)
    assert done.status == 200
