"""Contacts from files: whom a line joins, that nothing is done twice, and taking it back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from callrouter.flows import import_contacts as flow
from callrouter.flows.import_contacts import CannotUndo, Kept, Run
from callrouter.flows.import_joining import Book
from callrouter.import_file import Phone, Row
from storage import contacts, imports, known, rows, setups, tables
from storage.contacts import Person
from storage.database import Database
from storage.ids import new_id
from storage.imports import Counts
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

P1, P2, P3 = "+79161234567", "+79161234568", "+79161234569"
LATER = MONDAY_NOON + timedelta(hours=1)
TALK = MONDAY_NOON - timedelta(days=3)

WRITTEN = (
    tables.contact,
    tables.contact_phone,
    tables.contact_email,
    tables.contact_tag,
    tables.membership,
    tables.external_id,
)


def row(line: int, name: str = "", *phones: str, **more: Any) -> Row:
    said = (name, phones, tuple(sorted(more.items())))
    numbers = tuple(Phone(number) for number in phones)
    return Row(line, name=name, phones=numbers, digest=str(hash(said)), **more)


class Desk(Office):
    """An office that imports."""

    async def run(
        self,
        *given: Row,
        file: str = "a.csv",
        system: str = "file",
        part: int = 100,
        now: datetime = MONDAY_NOON,
    ) -> tuple[str, Counts]:
        """Import lines, so many in each part; gives the import and what came of it."""
        run, counts = Run(new_id(now), file, system), Counts()
        for start in range(0, len(given), part):
            lines = given[start : start + part]
            prepared = await self.database.read(flow.prepare, run, lines, now=now)
            made = await self.database.write(flow.take_part, run, prepared, counts, now=now)
            counts = flow.add(counts, made)
        await self.database.write(flow.finish, run, counts)
        return run.id, counts

    async def foresee(self, *given: Row, file: str = "a.csv", part: int = 100) -> Counts:
        run, book, counts = Run("run", file, "file"), Book("file"), Counts()
        for start in range(0, len(given), part):
            lines = given[start : start + part]
            found = await self.database.read(flow.foresee, book, run, lines, MONDAY_NOON)
            counts = flow.add(counts, found)
        return counts

    async def undo(
        self, run: str, *, limit: int = 100, now: datetime = LATER
    ) -> tuple[int, int, list[Kept]]:
        removed = restored = 0
        kept: list[Kept] = []
        below: int | None = None
        while True:
            part = await self.database.write(flow.undo_part, run, below, limit=limit, now=now)
            removed, restored, kept = (
                removed + part.removed,
                restored + part.restored,
                [*kept, *part.kept],
            )
            if (below := part.below) is None:
                return removed, restored, kept

    async def add(self, name: str, *phones: str, **more: Any) -> str:
        person = Person(name, phones, **more)
        return await self.database.write(contacts.add, person, now=MONDAY_NOON)

    async def named(self, name: str) -> Any:
        (found,) = [one for one in await self.rows(tables.contact) if one.name == name]
        return found

    async def people(self) -> list[str]:
        return sorted(one.name for one in await self.rows(tables.contact) if one.kind == "person")

    async def phones_of(self, contact: str) -> list[str]:
        found = await self.rows(tables.contact_phone)
        return sorted(one.number for one in found if one.contact == contact)

    async def content(self) -> list[list[str]]:
        """All that an import writes, without what undoing must leave behind: dates and versions."""
        found = []
        for table in WRITTEN:
            drop = {"updated_at", "version", "created_at"}
            names = [one.name for one in table.columns if one.name not in drop]
            found.append(
                sorted(
                    repr([getattr(one, name) for name in names]) for one in await self.rows(table)
                )
            )
        return found


@pytest.fixture
async def desk(database: Database) -> Desk:
    desk = Desk(database)
    await desk.open()
    return desk


@pytest.fixture
async def small_desk(sqlite_database: Database) -> Desk:
    """On one engine: for what is not about SQL."""
    desk = Desk(sqlite_database)
    await desk.open()
    return desk


FULL = row(
    2,
    "Иван Петров",
    P1,
    P2,
    first_name="Иван",
    middle_name="Сергеевич",
    last_name="Петров",
    company="ООО «Ромашка»",
    position="Директор",
    emails=("ivan@example.com",),
    responsible="anna",
    tags=("vip", "опт"),
    source="Сайт",
    inn="7707083893",
    comment="После 11",
    talked_at=TALK,
    external_id="17",
)


async def test_everything_that_a_line_says_is_kept(desk: Desk) -> None:
    _, counts = await desk.run(FULL, system="amocrm")
    assert counts == Counts(taken=1, companies=1)
    ivan, firm = await desk.named("Иван Петров"), await desk.named("ООО «Ромашка»")
    assert (ivan.first_name, ivan.middle_name, ivan.last_name) == ("Иван", "Сергеевич", "Петров")
    assert (ivan.responsible, ivan.position, ivan.comment) == ("anna", "Директор", "После 11")
    assert (ivan.source_first, ivan.source_last) == ("Сайт", "Сайт")
    assert (ivan.talked_manager, ivan.talked_at) == ("anna", TALK)
    assert (ivan.inn, ivan.made_for, ivan.kind) == (None, None, "person")
    assert (firm.kind, firm.inn, firm.folded) == ("company", "7707083893", "ооо ромашка")
    assert await desk.phones_of(ivan.id) == [P1, P2]
    member = await desk.only(tables.membership)
    assert (member.person, member.company, member.role) == (ivan.id, firm.id, "Директор")
    external = await desk.only(tables.external_id)
    assert (external.system, external.noun, external.id) == ("amocrm", "contact", "17")
    owned = await desk.only(tables.responsibility)
    assert (owned.contact, owned.manager, owned.until) == (ivan.id, "anna", None)
    assert {one.tag for one in await desk.rows(tables.contact_tag)} == {"vip", "опт"}


async def test_an_import_rings_nobody_and_gives_nobody_work(desk: Desk) -> None:
    await desk.run(FULL, row(3, "Пётр", P3))
    for table in (tables.notice, tables.task, tables.card, tables.lead, tables.call):
        assert await desk.count(table) == 0
    (happened,) = await desk.rows(tables.business_event)
    assert happened.kind == "contacts_imported"
    assert json.loads(happened.data)["file"] == "a.csv"


async def test_a_call_of_who_was_imported_goes_to_his_manager(desk: Desk) -> None:
    await desk.run(row(2, "Иван", P1, responsible="boris"))
    assert (await desk.ring(event("ringing", caller=P1)))[0] == ("boris",)
    assert len(await desk.people()) == 1


async def test_the_last_talk_of_a_file_routes_too(desk: Desk) -> None:
    routing = replace(SETUP.routing, responsible=("talked",))
    await desk.database.write(
        setups.publish, replace(SETUP, version=0, routing=routing), by="apply", now=MONDAY_NOON
    )
    await desk.run(row(2, "Иван", P1, responsible="boris", talked_at=TALK))
    assert (await desk.ring(event("ringing", caller=P1)))[0] == ("boris",)


async def test_the_snapshot_of_a_server_learns_of_contacts(desk: Desk) -> None:
    mark = await desk.database.read(known.mark_before, 0)
    run, _ = await desk.run(row(2, "Иван", P1, responsible="boris"), now=LATER)
    facts, _, _ = await desk.database.read(known.changed_since, mark)
    assert [(number, one.responsible) for number, one in facts.items()] == [(P1, "boris")]
    assert run


# Whom a line joins


async def test_a_line_joins_by_external_id_whatever_its_name(desk: Desk) -> None:
    await desk.run(row(2, "Иван", P1, external_id="17"), file="a.csv")
    _, counts = await desk.run(row(2, "Пётр", P2, external_id="17"), file="b.csv")
    assert (counts.taken, counts.joined) == (0, 1)
    assert await desk.people() == ["Иван"]
    _, counts = await desk.run(row(2, "Пётр", P3, external_id="17"), file="c.csv", system="other")
    assert counts.taken == 1


async def test_a_line_joins_who_alone_has_its_phone_and_fills_in_what_is_empty(desk: Desk) -> None:
    id_ = await desk.add("Иван", P1, responsible="vera", tags=("vip",))
    _, counts = await desk.run(replace(FULL, name="И. Петров"))
    assert (counts.taken, counts.joined) == (0, 1)
    (one,) = [one for one in await desk.rows(tables.contact) if one.kind == "person"]
    assert (one.id, one.name, one.first_name) == (id_, "Иван", None)
    assert (one.responsible, one.comment, one.version) == ("vera", "После 11", 2)
    assert (one.talked_manager, one.talked_at) == ("anna", TALK)
    assert await desk.phones_of(id_) == [P1, P2]
    assert await desk.count(tables.responsibility) == 0
    assert {one.tag for one in await desk.rows(tables.contact_tag)} == {"vip", "опт"}


async def test_who_called_before_gets_his_name(desk: Desk) -> None:
    await desk.ring(event("ringing", caller=P1))
    _, counts = await desk.run(row(2, "Иван", P1, responsible="boris"))
    assert counts.joined == 1
    assert await desk.people() == ["Иван"]


async def test_of_several_on_a_phone_the_one_whose_name_fits_is_joined(desk: Desk) -> None:
    ivan, petr = await desk.add("Иван Петров", P1), await desk.add("Пётр Котов", P1)
    given = (
        row(2, "Котов П.", P1, comment="его"),
        row(3, "Мария", P1),
        row(4, "Петров Иван", P1, P2),
    )
    _, counts = await desk.run(*given)
    assert (counts.taken, counts.joined) == (1, 2)
    assert (await desk.named("Пётр Котов")).comment == "его"
    assert await desk.phones_of(ivan) == [P1, P2]
    assert await desk.phones_of(petr) == [P1]
    assert await desk.people() == ["Иван Петров", "Мария", "Пётр Котов"]


@pytest.mark.parametrize("part", [1, 100], ids=["each alone", "in one part"])
async def test_two_names_on_one_phone_in_a_file_are_two_people(desk: Desk, part: int) -> None:
    given = (
        row(2, "Иван Петров", P1),
        row(3, "Мария Петрова", P1),
        row(4, "Петров Иван", P1, comment="тот же"),
    )
    assert await desk.foresee(*given, part=part) == Counts(taken=2, joined=1)
    _, counts = await desk.run(*given, part=part)
    assert (counts.taken, counts.joined) == (2, 1)
    assert await desk.people() == ["Иван Петров", "Мария Петрова"]
    _, counts = await desk.run(replace(given[1], emails=("m@b.ru",), digest="mended"))
    assert (counts.taken, counts.joined) == (0, 1)


async def test_a_line_joins_by_email_or_inn_where_the_name_fits(desk: Desk) -> None:
    await desk.add("Иван Петров", P1, email="info@example.com")
    await desk.run(row(2, "ИП Котов", P2, inn="500100732259"), file="b.csv")
    given = (
        row(2, "Петров Иван", emails=("info@example.com",), comment="его"),
        row(3, "Мария", emails=("info@example.com",)),
        row(4, "Котов", inn="500100732259", comment="его"),
    )
    _, counts = await desk.run(*given)
    assert (counts.taken, counts.joined) == (1, 2)


async def test_people_of_one_company_are_not_one_person(desk: Desk) -> None:
    given = [
        row(n + 2, f"Человек {'абвг'[n]}", f"+7916000000{n}", company="Север", inn="7707083893")
        for n in range(4)
    ]
    _, counts = await desk.run(*given, part=2)
    assert (counts.taken, counts.companies) == (4, 1)
    assert await desk.count(tables.membership) == 4


async def test_a_company_is_known_by_inn_else_by_name(desk: Desk) -> None:
    given = (
        row(2, "Анна", P1, company='ООО "Ромашка"', inn="7707083893"),
        row(3, "Борис", P2, company="ооо «РОМАШКА»"),
        row(4, "Вера", P3, company="Ромашка, ООО", inn="7707083893"),
        row(5, "Глеб", "+79161234570", company="ООО Ромашка", inn="7736050003"),
        row(6, 'ООО "Ромашка"', "+74951234567", kind="company", inn="7707083893"),
    )
    _, counts = await desk.run(*given)
    assert (counts.taken, counts.joined, counts.companies) == (4, 1, 2)
    firms = [one for one in await desk.rows(tables.contact) if one.kind == "company"]
    assert sorted(one.inn for one in firms) == ["7707083893", "7736050003"]
    (first,) = [one for one in firms if one.inn == "7707083893"]
    assert await desk.phones_of(first.id) == ["+74951234567"]


async def test_a_company_that_called_before_becomes_one(desk: Desk) -> None:
    await desk.ring(event("ringing", caller=P1))
    run, counts = await desk.run(row(2, "ООО Ромашка", P1, kind="company"))
    assert counts.joined == 1
    one = await desk.only(tables.contact)
    assert (one.kind, one.name, one.folded) == ("company", "ООО Ромашка", "ооо ромашка")
    await desk.undo(run)
    one = await desk.only(tables.contact)
    assert (one.kind, one.name, one.folded) == ("person", "", None)


async def test_a_person_is_not_joined_to_the_company_that_has_his_phone(desk: Desk) -> None:
    await desk.run(row(2, "ООО Ромашка", P1, kind="company"))
    _, counts = await desk.run(row(2, "Иван", P1), file="b.csv")
    assert counts.taken == 1


async def test_who_was_merged_into_another_is_joined_no_more(desk: Desk) -> None:
    await desk.run(row(2, "Иван", P1, external_id="17"))
    old, new = (await desk.named("Иван")).id, await desk.add("Иван Петров", P2)
    merge = update(tables.contact).where(tables.contact.c.id == old).values(merged_into=new)
    await desk.database.write(lambda conn: conn.execute(merge).rowcount)
    _, counts = await desk.run(row(2, "Иван", P1, P2, external_id="17"), file="b.csv")
    assert (counts.taken, counts.joined) == (0, 1)
    assert await desk.phones_of(new) == [P1, P2]


# Nothing twice


async def test_a_second_run_changes_nothing(desk: Desk) -> None:
    given = [FULL, row(3, "Мария", P1), row(4, "Без телефона"), row(5, "Мария", P1)]
    _, first = await desk.run(*given)
    assert (first.taken, first.same) == (3, 1)
    before = [await desk.rows(table) for table in tables.metadata.sorted_tables]
    _, again = await desk.run(*given, now=LATER)
    assert again == Counts(same=4)
    assert [await desk.rows(table) for table in tables.metadata.sorted_tables] == before
    assert await desk.foresee(*given) == Counts(same=4)


async def test_a_file_that_was_cut_off_goes_on(desk: Desk) -> None:
    given = [row(n, f"Имя{n}", f"+7916123{n:04}") for n in range(2, 12)]
    await desk.run(*given[:6], part=3)
    run, counts = await desk.run(*given, part=4)
    assert (counts.taken, counts.same) == (4, 6)
    assert len(await desk.people()) == 10
    assert run


async def test_a_part_whose_commit_nobody_heard_of_counts_once(desk: Desk) -> None:
    run, given = Run(new_id(MONDAY_NOON), "a.csv", "file"), [FULL]
    part = await desk.database.read(flow.prepare, run, given, now=MONDAY_NOON)
    for _ in range(2):
        counts = await desk.database.write(flow.take_part, run, part, Counts(), now=MONDAY_NOON)
        assert (counts.taken, counts.same) == (1, 0)
    assert await desk.people() == ["Иван Петров"]


async def test_what_happened_since_a_part_was_prepared_is_seen(desk: Desk) -> None:
    run = Run(new_id(MONDAY_NOON), "a.csv", "file")
    part = await desk.database.read(flow.prepare, run, [FULL], now=MONDAY_NOON)
    await desk.ring(event("ringing", caller=P2))
    counts = await desk.database.write(flow.take_part, run, part, Counts(), now=LATER)
    assert (counts.taken, counts.joined) == (0, 1)
    assert await desk.people() == ["Иван Петров"]


async def test_what_a_dry_run_foresees_comes_true(desk: Desk) -> None:
    await desk.add("Иван", P1)
    given = [FULL, row(3, "Мария", P1), row(4, "Мария", P1, P3), row(5, "Глеб", company="Север")]
    before = await desk.content()
    seen = await desk.foresee(*given, part=2)
    assert await desk.content() == before
    _, counts = await desk.run(*given, part=3)
    assert counts == seen


# Taking it back


async def test_an_import_is_taken_back_whole(desk: Desk) -> None:
    await desk.add("Иван", P1)
    before = await desk.content()
    run, _ = await desk.run(
        FULL,
        row(3, "Мария", P1, company="Север"),
        row(4, "Глеб", P3, company="Север"),
        row(5, "Север", kind="company", comment="сама"),
        part=2,
    )
    removed, restored, kept = await desk.undo(run, limit=1)
    assert (removed, restored, kept) == (4, 1, [])
    assert await desk.content() == before
    assert await desk.count(tables.import_row) == 0
    assert (await desk.only(tables.import_run)).undone_at == LATER
    assert {one.until for one in await desk.rows(tables.responsibility)} == {LATER}
    with pytest.raises(CannotUndo, match="taken back already"):
        await desk.undo(run)
    with pytest.raises(CannotUndo, match="there is no import"):
        await desk.undo("nothing")


async def _call(desk: Desk, contact: str) -> None:
    await desk.ring(event("ringing", caller=P1))


async def _change(desk: Desk, contact: str) -> None:
    """As a person or the API does."""
    c = tables.contact.c

    def change(conn: Connection) -> None:
        conn.execute(
            update(tables.contact).where(c.id == contact).values(comment="x", updated_at=LATER)
        )

    await desk.database.write(change)


async def _task(desk: Desk, contact: str) -> None:
    one = {"id": "t", "kind": "call", "contact": contact, "owner": "a", "author": "a"}
    await desk.database.write(rows.add, tables.task, [{**one, "created_at": LATER}])


async def _consent(desk: Desk, contact: str) -> None:
    one = {"id": "c", "contact": contact, "purpose": "p", "how": "h", "given_at": LATER}
    await desk.database.write(rows.add, tables.consent, [one])


async def _other_import(desk: Desk, contact: str) -> None:
    await desk.run(row(2, "Иван Петров", P1, comment="ещё"), file="b.csv")


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (_call, "call"),
        (_change, "change"),
        (_task, "task"),
        (_consent, "consent"),
        (_other_import, "import"),
    ],
)
async def test_what_somebody_worked_on_stays_and_is_told(
    desk: Desk, work: Any, reason: str
) -> None:
    run, _ = await desk.run(FULL, row(3, "Глеб", P3), row(4, "Ждан", company="Север"))
    ivan = await desk.named("Иван Петров")
    await work(desk, ivan.id)
    removed, restored, kept = await desk.undo(run)
    assert (removed, restored) == (3, 0)
    assert [(one.line, one.name) for one in kept] == [(2, "Иван Петров"), (2, "ООО «Ромашка»")]
    assert reason in kept[0].reasons
    assert kept[1].reasons == ("member",)
    assert await desk.people() == ["Иван Петров"]
    _, counts = await desk.run(FULL, now=LATER)
    assert counts == Counts(same=1)


async def test_who_was_joined_keeps_what_was_changed_since(desk: Desk) -> None:
    id_ = await desk.add("Иван", P1)
    run, _ = await desk.run(FULL)
    await _change(desk, id_)
    await desk.ring(event("ringing", caller=P2))
    _, restored, kept = await desk.undo(run)
    assert (restored, kept) == (1, [])
    one = await desk.only(tables.contact)
    assert (one.comment, one.responsible, one.position) == ("x", None, None)
    assert await desk.phones_of(id_) == [P1, P2]  # somebody has called from it
    assert await desk.count(tables.contact_tag) == 0


async def test_the_later_import_is_taken_back_first(desk: Desk) -> None:
    first, _ = await desk.run(row(2, "Иван Петров", P1), file="a.csv")
    second, _ = await desk.run(
        row(2, "Иван Петров", P1, P2, comment="ещё"), file="b.csv", now=LATER
    )
    _, restored, _ = await desk.undo(second, now=LATER + timedelta(minutes=1))
    assert restored == 1
    removed, _, kept = await desk.undo(first, now=LATER + timedelta(minutes=2))
    assert (removed, kept) == (1, [])
    assert await desk.people() == []


async def test_an_undo_that_was_cut_off_goes_on(desk: Desk) -> None:
    before = await desk.content()
    run, _ = await desk.run(
        *(row(n, f"Имя{n}", f"+7916123{n:04}", company=f"Ф{n % 2}") for n in range(2, 10))
    )
    await desk.database.write(flow.undo_part, run, None, limit=3, now=LATER)
    removed, _, kept = await desk.undo(run, limit=3)
    assert (removed, kept) == (7, [])
    assert await desk.content() == before


NAMES = st.sampled_from(["", "Иван", "Иван Петров", "Мария", "Петров И."])
LINES = st.lists(
    st.builds(
        lambda name, phones, emails, inn, company, id_, comment: (
            name,
            tuple(dict.fromkeys(phones)),
            {
                "emails": tuple(emails),
                "inn": inn,
                "company": company if name else "",
                "external_id": id_,
                "comment": comment,
                "tags": (comment,) if comment else (),
                "responsible": "anna" if comment else "",
            },
        ),
        NAMES,
        st.lists(st.sampled_from([P1, P2, P3]), max_size=2),
        st.lists(st.sampled_from(["a@b.ru"]), max_size=1),
        st.sampled_from(["", "", "7707083893"]),
        st.sampled_from(["", "", "Север", "Юг"]),
        st.sampled_from(["", "", "", "1", "2"]),
        st.sampled_from(["", "раз", "два"]),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(one=LINES, other=LINES, part=st.integers(1, 5))
async def test_whatever_was_imported_can_be_taken_back(
    small_desk: Desk, one: Any, other: Any, part: int
) -> None:
    desk = small_desk
    first = [row(n + 2, name, *phones, **more) for n, (name, phones, more) in enumerate(one)]
    second = [row(n + 2, name, *phones, **more) for n, (name, phones, more) in enumerate(other)]
    empty = await desk.content()
    run1, counts1 = await desk.run(*first, part=part, now=MONDAY_NOON)
    after = await desk.content()
    assert (await desk.run(*first, part=part, now=MONDAY_NOON))[1] == Counts(same=len(first))
    run2, counts2 = await desk.run(*second, file="b.csv", part=part, now=LATER)
    assert (await desk.run(*second, file="b.csv", now=LATER))[1] == Counts(same=len(second))
    if await desk.database.read(imports.find, run2):
        _, _, kept = await desk.undo(run2, limit=part, now=LATER + timedelta(minutes=1))
        assert not kept
    assert await desk.content() == after, (counts1, counts2)
    if await desk.database.read(imports.find, run1):
        _, _, kept = await desk.undo(run1, limit=part, now=LATER + timedelta(minutes=2))
        assert not kept
    assert await desk.content() == empty
