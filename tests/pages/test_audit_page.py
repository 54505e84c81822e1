"""`/audit`: who did what, in words; whether nobody changed it since; as a file."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, update

import callrouter
from callrouter.audit_chain import check_chain
from callrouter.wording import LANGUAGES, speak
from callrouter.wording import audit as say
from callrouter.wording.people import Voice
from storage import audit, tables, users
from storage.audit import Line
from storage.database import Database
from storage.ids import new_id
from storage.users import User
from tests.api.rows import NOON, SETUP
from tests.pages.conftest import Site
from tests.pages.test_connect import let_in_as, said_in

MINUTE = timedelta(minutes=1)


def keep(conn: Connection, actor: str, action: str, n: int = 0, **said: Any) -> None:
    audit.append(conn, at=NOON + n * MINUTE, actor=actor, action=action, **said)


def fill(conn: Connection) -> str:
    """What people did one after the other; gives a user's id."""
    id_ = new_id(NOON)
    users.add(conn, User(id_, "i@example.com", "Ирина", None, "auditor", NOON, "page:admin", "x"))
    keep(conn, f"user:{id_}", "signed_in", 1, data={"by": "password"}, address="10.0.0.9")
    keep(conn, "manager:anna", "published", 2, object="setup:8", data={"changes": 3})
    keep(conn, "token:crm", "export_contacts", 3, data={"rows": 12, "q": "=HYPERLINK(1)"})
    keep(conn, "apply", "sang", 4, object="song:1")
    return id_


async def shown(site: Site, query: str = "", language: str = "en") -> str:
    found = await site.get(f"/audit?language={language}&{query}")
    assert found.status == 200
    return said_in(found.text.partition("audit-list")[2] or found.text)


async def test_it_says_who_did_what(site: Site) -> None:
    await site.service.database.write(fill)
    text = await shown(site)
    assert "Ирина · signed in how: password 10.0.0.9" in text
    assert "Анна Смирнова · published the setup: version 8 of the setup changes: 3" in text
    assert "program “crm” · took clients as a file search: =HYPERLINK(1); rows: 12" in text
    assert "callrouter apply · sang: song:1" in text  # what has no words yet, by its code
    assert text.index("sang") < text.index("published")  # the newest first
    assert "Ирина · вход способ: пароль" in await shown(site, language="ru")


async def test_what_was_kept_of_it_is_said_in_words(site: Site) -> None:
    def fill(conn: Connection) -> None:
        keep(conn, "nobody", "sign_in_failed", 1, data={"what": "recovery_code"})
        keep(conn, "manager:anna", "ended_visits", 2, data={"ended": 2})
        keep(conn, "manager:anna", "export_cards", 3, data={"status": "in_work", "manager": "vera"})
        keep(conn, "manager:anna", "ticked", 4, object="ready:last_resort")
        keep(conn, "manager:anna", "export_audit", 5, data={"of_action": "signed_in"})
        keep(conn, "manager:anna", "changed_account", 6, data={"what": "email"})

    await site.service.database.write(fill)
    text = await shown(site, language="ru")
    for said in (
        "что именно: запасной код",
        "сеансы: 2",
        "менеджер: Вера Котова; этап: В работе",
        "готовность: Запасной номер",
        "действие: вход",
        "что именно: почта",
    ):
        assert said in text, (said, text)


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("actor=manager:anna", {"published"}),
        ("action=sang", {"sang"}),
        ("object=setup:", {"published"}),
        ("object=%25", set()),
        ("since=2026-03-02T12:03", {"sang", "took clients"}),
        ("until=2026-03-02T12:01&actor=token:crm", set()),
        ("after=4", {"published"}),
    ],
)
async def test_it_is_narrowed(site: Site, query: str, there: set[str]) -> None:
    await site.service.database.write(fill)
    text = (await site.get(f"/audit?language=en&{query}")).text
    rows = said_in(text.partition("audit-list")[2])
    assert {one for one in ("published", "sang", "took clients") if one in rows} == there
    assert ("No line is like that." in text) is (not there)


async def test_a_moment_that_is_none_is_said_beside_its_field(site: Site) -> None:
    text = (await site.get("/audit?since=soon&language=en")).text
    assert 'value="soon" aria-invalid="true"' in text
    assert "Write a day and time" in text


# The chain


async def test_the_chain_is_checked_on_demand(site: Site) -> None:
    assert "Unbroken" not in await shown(site)
    await site.service.database.write(fill)
    text = said_in((await site.get("/audit?check=0&language=en")).text)
    assert "Unbroken since 02.03.2026 12:00" in text
    found = await site.service.database.read(audit.last)
    assert found
    n, digest = found
    assert f"all {n} lines" in text
    assert digest in text

    def change(conn: Connection) -> None:
        c = tables.audit.c
        conn.execute(update(tables.audit).where(c.action == "published").values(actor="x"))

    await site.service.database.write(change)
    broken = said_in((await site.get("/audit?check=0&language=en")).text)
    assert f"Broken at line {n - 2}" in broken


def write_many(conn: Connection, many: int = 7) -> None:
    for n in range(many):
        keep(conn, "manager:anna", "signed_in", n)


async def test_a_long_chain_is_gone_through_in_parts(database: Database) -> None:
    await database.write(write_many)
    part = await database.read(audit.verify_part, audit.Checked(), 3)
    assert (part.n, part.whole, part.since) == (3, False, NOON)
    part = await database.read(audit.verify_part, part, 3)
    part = await database.read(audit.verify_part, part, 3)
    assert (part.n, part.whole, part.until) == (7, True, NOON + 6 * MINUTE)
    whole = await check_chain(database)
    assert (whole.n, whole.digest, whole.since) == (7, part.digest, NOON)
    # One that is gone on with from a later row begins as the first did.
    later = await check_chain(database, 4)
    assert (later.n, later.digest, later.since) == (7, part.digest, NOON)
    assert (await check_chain(database, 99)).n == 7

    def drop(conn: Connection) -> None:
        conn.execute(delete(tables.audit).where(tables.audit.c.n == 4))

    await database.write(drop)
    assert (await check_chain(database)).broken_at == 4
    assert (await database.read(audit.verify)) == 4


async def test_more_than_one_request_checks_is_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.service.database.write(write_many, 601)
    monkeypatch.setattr(check_chain, "__kwdefaults__", {"reads": 1})
    text = (await site.get("/audit?check=0&language=en")).text
    assert "up to line 500." in text
    assert 'href="/audit?check=500"' in text
    rest = said_in((await site.get("/audit?check=500&language=en")).text)
    assert "Unbroken since 02.03.2026 12:00: all 602 lines" in rest


# As a file, and for whom


async def test_it_goes_out_as_a_file_and_that_is_written(site: Site) -> None:
    await site.service.database.write(fill)
    found = await site.get("/audit.csv?language=en&actor=token:crm")
    assert found.headers["Content-Disposition"] == 'attachment; filename="audit-2026-03-02.csv"'
    head, row = csv.reader(io.StringIO(found.text.removeprefix("\ufeff")))
    assert head[:4] == ["Line", "When", "Who", "What"]
    assert row[1:4] == ["2026-03-02 12:03:00", "program “crm”", "took clients as a file"]
    assert len(row[7]) == 64
    (line,) = await site.service.database.read(audit.lines, limit=1)
    assert line.action == "export_audit"
    assert line.data == {"rows": 1, "of_actor": "token:crm"}


@pytest.mark.parametrize(
    ("role", "page", "file"),
    [("auditor", 200, 403), ("head", 403, 403), ("admin", 200, 200), ("manager", 403, 403)],
)
async def test_only_who_may_read_it_and_export_takes_it(
    site: Site, role: str, page: int, file: int
) -> None:
    await let_in_as(site, role)
    assert (await site.get("/audit")).status == page
    assert (await site.get("/audit.csv")).status == file
    assert ("/audit.csv" in (await site.get("/audit")).text) is (file == 200)


def test_every_act_that_has_words_has_them_in_both_languages() -> None:
    for language in LANGUAGES:
        voice = Voice(speak(language), SETUP)
        for action in say.ACTIONS:
            line = Line(1, NOON, "page:admin", action, "user:gone", {"role": "head"})
            said = say.say(line, voice, {})
            assert said.what
            assert said.what.isascii() is (language == "en") or "’" in said.what
            assert ("Руководитель" in said.details) is (language == "ru")


def test_every_act_that_is_written_has_words() -> None:
    """As the code says them; files that go out are named by the call that sends them."""
    found = set()
    for path in Path(callrouter.__file__).parent.rglob("*.py"):
        told = path.read_text()
        if "audit" in told or "xports" in told:
            found |= set(re.findall(r'\baction="(\w+)"', told))
            sent = re.findall(r'\.send\(\s*request,\s*guest,\s*"(\w+)"', told)
            found |= {f"export_{one}" for one in sent}
    assert {"export_figures_calls", "export_contacts", "published"} <= found
    assert found <= say.ACTIONS.keys()


async def test_every_file_that_somebody_may_take_is_told_in_words(site: Site) -> None:
    await let_in_as(site, "admin")
    files = ("/contacts.csv", "/cards.csv", "/audit.csv", "/figures.csv")
    for path in (*files, "/figures/calls.csv", "/figures/cards.csv"):
        assert (await site.get(path)).status == 200
    text = (await site.get("/audit")).text
    assert "в файл" in text
    assert not re.findall(r"export_\w+", re.sub(r"<option.*?</option>", "", text))
