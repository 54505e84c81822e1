"""Files on cards: named harmlessly, of the type of their bytes, gone when they are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from callrouter.attaching import Empty, TooLarge, attach_file
from callrouter.domain.rights import Viewer
from callrouter.flows import attachments as flow
from callrouter.flows.attachments import MOST_BYTES, NoSuchFile, NotYourFile, tidy_name, type_of
from callrouter.flows.erasing import erase_contact
from callrouter.flows.seeing import NotSeen
from callrouter.jobs.retention import delete_attached, look_for_orphans
from callrouter.jobs.worker import Task
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import attachments, jobs, tables
from storage.database import Database
from storage.dumps import naming
from tests.api.rows import NOON, add_card, add_contact
from tests.pages.conftest import HandClock, Setups

ANNA, BORIS = "manager:anna", "manager:boris"
LATER = NOON + timedelta(minutes=5)
ADMIN = Viewer("admin")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("План.pdf", "План.pdf"),
        ("C:\\Users\\anna\\план офиса.docx", "план офиса.docx"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: x.txt", "a Set-Cookie: x.txt"),
        ("счёт\u202efdp.exe", "счёт fdp.exe"),
        ("...", "file"),
        ("", "file"),
        ("я" * 300 + ".xlsx", "я" * 195 + ".xlsx"),
    ],
)
def test_a_name_is_kept_without_what_could_harm(said: str, kept: str) -> None:
    assert tidy_name(said) == kept


@pytest.mark.parametrize(
    ("head", "type_"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<svg onload=alert(1)>", flow.OTHER),
        (b"<!doctype html>", flow.OTHER),
        (b"", flow.OTHER),
    ],
)
def test_the_type_is_told_by_the_bytes(head: bytes, type_: str) -> None:
    assert type_of(head) == type_


async def blocks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def serving(database: Database, folder: Path) -> Service:
    settings = Settings(data_dir=folder / "var", public_url="http://calls.example")
    return Service(settings, database, Setups(), Seal("a secret of the tests"), HandClock())


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    return serving(database, tmp_path)


async def test_a_file_comes_whole_or_not_at_all(sqlite_database: Database, tmp_path: Path) -> None:
    service, database = serving(sqlite_database, tmp_path), sqlite_database
    files = service.files
    card = await database.write(lambda conn: add_card(conn, None))
    one = await attach_file(service, ADMIN, card, "план.SVG", blocks(b"<svg>", b"</svg>"), by=ANNA)
    assert (one.name, one.size, one.type) == ("план.SVG", 11, flow.OTHER)
    assert b"".join(files.read(one.file)) == b"<svg></svg>"
    assert one.file.endswith(".svg")
    many = blocks(*[bytes(1 << 20)] * 25, b"x")
    with pytest.raises(TooLarge):
        await attach_file(service, ADMIN, card, "big.bin", many, by=ANNA)
    with pytest.raises(Empty):
        await attach_file(service, ADMIN, card, "none.txt", blocks(), by=ANNA)
    hidden = await database.write(lambda conn: add_card(conn, manager="boris"))
    viewer = Viewer("manager", "anna", people=frozenset({"anna"}))
    with pytest.raises(NotSeen):
        await attach_file(service, viewer, hidden, "a.txt", blocks(b"a"), by=ANNA)
    assert [found.name for found in files.under(flow.FOLDER)] == [one.file]
    assert not list(files.under("drafts"))
    assert MOST_BYTES == 25 << 20
    in_a_year = replace(service, clock=HandClock(datetime(2040, 1, 1, tzinfo=UTC)))
    assert await look_for_orphans(in_a_year) == 0
    draft = files.begin()
    draft.write(b"of nobody")
    draft.keep(flow.place_of("0" * 26, "a.txt"))
    assert await look_for_orphans(in_a_year) == 1


async def test_a_deleted_file_goes_and_its_row_stays(service: Service) -> None:
    database = service.database
    card = await database.write(lambda conn: add_card(conn, None))
    one = await attach_file(service, ADMIN, card, "a.txt", blocks(b"secret"), by=ANNA)
    named = await database.read(_named)
    assert [line.split()[2] for line in named] == [one.file]
    with pytest.raises(NotYourFile):
        await database.write(flow.delete_file, card, one.id, by=BORIS, now=LATER)
    with pytest.raises(NoSuchFile):
        await database.write(flow.delete_file, "0" * 26, one.id, by=ANNA, now=LATER)
    await database.write(flow.delete_file, card, one.id, others=True, by=BORIS, now=LATER)
    await database.write(flow.delete_file, card, one.id, by=ANNA, now=LATER)
    (kept,) = await database.read(attachments.of_card, card)
    assert (kept.deleted_at, kept.deleted_by) == (LATER, BORIS)
    assert await database.read(_named) == []
    await _work(service)
    assert not service.files.has(one.file)


async def test_files_go_with_whom_they_are_about(service: Service) -> None:
    database = service.database
    contact = await database.write(lambda conn: add_contact(conn, "Иван Петров"))
    his = await database.write(lambda conn: add_card(conn, contact))
    another = await database.write(lambda conn: add_card(conn, add_contact(conn, "Другая")))
    mine = await attach_file(service, ADMIN, his, "Паспорт Петрова.pdf", blocks(b"1"), by=ANNA)
    other = await attach_file(service, ADMIN, another, "План.pdf", blocks(b"2"), by=ANNA)
    await database.write(erase_contact, contact, by=ANNA, now=LATER)
    (gone,) = await database.read(attachments.of_card, his)
    assert (gone.name, gone.deleted_at) == ("file", LATER)
    await _work(service)
    assert [service.files.has(one.file) for one in (mine, other)] == [False, True]
    texts = await database.read(_events)
    assert not [text for text in texts if "Паспорт" in text]


def _named(conn: Connection) -> list[str]:
    """The files that a backup takes along."""
    return [line for one in naming(conn) for line in conn.exec_driver_sql(one).scalars()]


def _events(conn: Connection) -> list[str]:
    return list(conn.scalars(select(tables.business_event.c.data)))


async def _work(service: Service) -> None:
    """Do the jobs that take files away, as the worker does."""
    kind, lease = flow.DELETE_ATTACHED, timedelta(minutes=1)
    claimed = await service.database.write(jobs.claim, {kind: 10}, {kind: lease}, now=LATER)
    assert claimed
    for job in claimed:
        await delete_attached(service, Task(job, service.database, service.clock))
