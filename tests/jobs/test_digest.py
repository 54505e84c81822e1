"""The letter of the morning: to whom, when, once, and of whose things."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from callrouter.domain.setup import Digest, Manager, Office, Setup, Team
from callrouter.flows.digests import SEND
from callrouter.jobs.digest import ASK
from storage import jobs, tables, users
from storage.database import Database
from storage.ids import new_id
from storage.jobs import NewJob
from storage.users import User
from tests.api.rows import add_call, add_card, add_obligation
from tests.jobs.telling import MAILING, Herald
from tests.smtp import Sink, listening

KINDS = (ASK, SEND)
MONDAY = datetime(2026, 3, 2, 5, 30, tzinfo=UTC)  # 08:30 in Moscow
FRIDAY = datetime(2026, 2, 27, 9, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

STAFF = replace(
    MAILING,
    office=(Office("msk", "Москва"), Office("ekb", "Екатеринбург", "Asia/Yekaterinburg")),
    team=(Team("sales", head="vera"), Team("east", head="egor")),
    manager=(
        Manager("anna", "Анна Смирнова", "101", team="sales", email="anna@romashka.example"),
        Manager("boris", "Борис Орлов", "102", team="east"),
        Manager(
            "vera",
            "Вера Котова",
            "103",
            team="sales",
            role="head",
            office="msk",
            email="vera@romashka.example",
        ),
        Manager(
            "egor",
            "Егор Ли",
            "104",
            team="east",
            role="head",
            office="ekb",
            email="egor@romashka.example",
        ),
    ),
)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with listening() as found:
        yield found


@pytest.fixture
async def herald(database: Database, sink: Sink) -> AsyncIterator[Herald]:
    found = await Herald(database, KINDS, STAFF, sink, now=MONDAY).open()
    await database.write(what_there_was)
    yield found
    found.close()


def what_there_was(conn: Connection) -> None:
    """Of Anna two calls, a deal and what is owed; of Boris one of each; of nobody a call."""
    of_anna: dict[str, Any] = {"manager": "anna", "answered_at": FRIDAY}
    add_call(conn, at=FRIDAY, **of_anna)
    add_call(conn, at=SUNDAY, direction="out", state="unanswered", manager="anna")
    add_call(conn, at=FRIDAY - timedelta(days=1), **of_anna)  # before the letter's days
    add_call(conn, at=FRIDAY, state="missed")
    add_call(conn, at=FRIDAY, manager="boris", answered_at=FRIDAY)
    first = add_card(conn, created_at=FRIDAY, manager="anna")
    add_card(conn, created_at=SUNDAY, manager="boris", source_first="ads")
    add_card(conn, created_at=FRIDAY, manager="boris", closed_at=FRIDAY)
    add_obligation(conn, "+79160000001", owner="anna", due_at=MONDAY - timedelta(hours=1))
    add_obligation(conn, "+79160000002", owner="boris", due_at=MONDAY + timedelta(hours=1))
    row = {"id": new_id(FRIDAY), "kind": "task", "owner": "anna", "author": "vera"}
    dated = {"created_at": FRIDAY, "due_at": FRIDAY}
    conn.execute(insert(tables.task).values(**row, **dated, card=first, text="Позвонить"))


async def ask(herald: Herald, **later: float) -> None:
    herald.now += timedelta(**later)
    await herald.database.write(jobs.ask, [NewJob(ASK)], now=herald.now)
    await herald.work()


def body(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


def figures(sink: Sink, to: str) -> dict[str, int]:
    """The rows of the one letter to somebody."""
    (found,) = [one.message for one in sink.taken if one.to == f"{to}@romashka.example"]
    rows = re.findall(r"^ +(.+): (\d+)$", body(found), re.MULTILINE)
    return {label: int(figure) for label, figure in rows}


async def test_each_head_is_told_of_his_people_at_half_past_eight_of_his_office(
    herald: Herald, sink: Sink
) -> None:
    herald.now -= timedelta(hours=2, minutes=5)  # 08:25 in Yekaterinburg
    await ask(herald)
    assert sink.taken == []
    await ask(herald, minutes=5)
    assert [one.to for one in sink.taken] == ["egor@romashka.example"]
    await ask(herald, hours=2)
    assert [one.to for one in sink.taken] == ["egor@romashka.example", "vera@romashka.example"]
    assert figures(sink, "vera") == {
        "Входящие звонки": 2,  # one of them nobody's
        "отвечено": 1,
        "пропущено": 1,
        "Исходящие звонки": 1,
        "Новые сделки": 1,
        "site": 1,
        "Надо перезвонить": 1,
        "просрочено": 1,
        "Просроченные задачи": 1,
        "Сделки без следующего шага": 0,
        "Письма под вопросом": 0,
    }
    egor = figures(sink, "egor")
    assert (egor["Новые сделки"], egor["ads"], egor["site"]) == (2, 1, 1)
    assert (egor["Надо перезвонить"], egor["просрочено"]) == (1, 0)
    assert egor["Сделки без следующего шага"] == 1
    letter = sink.taken[-1].message
    assert letter["Subject"] == "Ромашка: как прошло, 27.02 – 01.03.2026"
    html = body(letter, "html")
    assert '<a href="https://calls.example/call-back">Надо перезвонить</a>' in html
    assert "Доброе утро, Вера Котова!" in html


async def test_it_comes_once_a_day_whoever_asks_and_however_often(
    herald: Herald, sink: Sink
) -> None:
    other = Herald(herald.database, KINDS, STAFF, sink, now=MONDAY)
    await ask(herald)
    await ask(other)
    await ask(herald, minutes=5)
    assert sorted(one.to for one in sink.taken) == [
        "egor@romashka.example",
        "vera@romashka.example",
    ]
    await ask(herald, days=1)
    assert len(sink.taken) == 4  # another day, another letter
    other.close()


@pytest.mark.parametrize(
    ("later", "setup"),
    [
        pytest.param({"hours": 5}, STAFF, id="in the afternoon it is no news"),
        pytest.param({"days": 5}, STAFF, id="on a Saturday"),
        pytest.param(
            {}, replace(STAFF, company=replace(STAFF.company, holidays=(MONDAY.date(),))), id="off"
        ),
        pytest.param({}, replace(STAFF, digest=Digest(active=False)), id="turned off"),
    ],
)
async def test_when_none_comes(
    sqlite_database: Database, sink: Sink, later: dict[str, float], setup: Setup
) -> None:
    herald = await Herald(sqlite_database, KINDS, setup, sink, now=MONDAY).open()
    await sqlite_database.write(what_there_was)
    await ask(herald, **later)
    assert sink.taken == []
    herald.close()


async def test_a_server_that_stood_still_in_the_morning_sends_it_late(
    herald: Herald, sink: Sink
) -> None:
    await ask(herald, hours=1, minutes=50)
    assert len(sink.taken) == 2


async def test_a_mail_server_that_is_away_for_hours_gets_it_then(
    sqlite_database: Database, sink: Sink
) -> None:
    herald = await Herald(sqlite_database, KINDS, STAFF, sink, now=MONDAY).open()
    await sqlite_database.write(what_there_was)
    sink.manners = {"greeting": ["421 later"]}
    await ask(herald)
    for _ in range(2 * 60):
        await herald.work(minutes=1)
    herald.service.mailer.rests_s = (600.0, 600.0)
    await herald.work(hours=1)
    waits = [(one.due_at - herald.now).total_seconds() for one in await herald.waiting()]
    assert min(waits) > 590, "a mailbox that rests is left alone"
    sink.manners = {}
    fresh = Herald(sqlite_database, KINDS, STAFF, sink, now=herald.now + timedelta(hours=1))
    await fresh.work()
    assert len(sink.taken) == 2
    fresh.close()
    herald.close()


async def test_of_nothing_nothing_is_said(sqlite_database: Database, sink: Sink) -> None:
    herald = await Herald(sqlite_database, KINDS, STAFF, sink, now=MONDAY).open()
    await ask(herald)
    assert sink.taken == []
    herald.close()


def user(email: str, **columns: Any) -> User:
    given: dict[str, Any] = {"manager": None, "role": None, "password": "x", **columns}
    return User(new_id(MONDAY), email, "Ольга", created_at=MONDAY, by="test", **given)


async def test_users_get_it_by_their_role_and_nobody_twice(
    sqlite_database: Database, sink: Sink
) -> None:
    herald = await Herald(sqlite_database, KINDS, STAFF, sink, now=MONDAY).open()
    await sqlite_database.write(what_there_was)
    known = [
        user("olga@romashka.example", role="admin"),
        user("auditor@romashka.example", role="auditor"),
        user("gone@romashka.example", role="admin", locked_at=MONDAY),
        user("vera@home.example", manager="vera"),
        user("anna@home.example", manager="anna"),
    ]
    for one in known:
        await sqlite_database.write(users.add, one)
    await ask(herald)
    assert sorted(one.to for one in sink.taken) == [
        "egor@romashka.example",
        "olga@romashka.example",
        "vera@romashka.example",
    ]
    assert figures(sink, "olga")["Входящие звонки"] == 3
    herald.close()


async def test_it_speaks_the_companys_language_and_escapes_what_people_wrote(
    sqlite_database: Database, sink: Sink
) -> None:
    company = replace(STAFF.company, language="en", name="A <b>& Co")
    herald = await Herald(
        sqlite_database, KINDS, replace(STAFF, company=company), sink, now=MONDAY
    ).open()
    await sqlite_database.write(what_there_was)
    evil = "<img src=x onerror=alert(1)>"
    await sqlite_database.write(lambda conn: add_card(conn, created_at=FRIDAY, source_first=evil))
    await ask(herald)
    letter = sink.taken[-1].message
    assert letter["Subject"] == "A <b>& Co: what there was, 27.02 – 01.03.2026"
    assert "Deals without a next step: " in body(letter)
    assert evil in body(letter)
    assert "<img" not in body(letter, "html")
    assert "A &lt;b&gt;&amp; Co" in body(letter, "html")
    herald.close()
