"""Every minute somebody looks; who should know is told when it begins and when it is over."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, update

from callrouter import notifying
from callrouter.domain.alarms import CALM
from callrouter.domain.setup import Alarms, Smtp, Webhook, WebhookEvent
from callrouter.flows.alarms import MAIL
from callrouter.jobs.alarms import WATCH
from callrouter.outside.mail import Limits
from storage import alarms, backup_log, jobs, journal, tables
from storage.database import Database
from storage.jobs import NewJob
from storage.journal import Refused
from tests import smtp
from tests.api.rows import WHY, add_call, add_card, add_letter, add_obligation, add_told
from tests.examples import MONDAY_NOON
from tests.jobs.telling import MAILING, Herald
from tests.outside.servers import serving
from tests.smtp import Sink, listening

KINDS = (WATCH, MAIL)
NOON = MONDAY_NOON
IT = "it@romashka.example"
TOLD = replace(MAILING, alarms=Alarms(mail=(IT, "head@romashka.example")))


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with listening() as found:
        yield found


@pytest.fixture
async def herald(database: Database, sink: Sink, tmp_path: Path) -> AsyncIterator[Herald]:
    found = await Herald(database, KINDS, TOLD, sink, data_dir=tmp_path).open()
    await database.write(back_up)
    yield found
    found.close()


def back_up(conn: Connection, hours_ago: float = 1) -> None:
    backup_log.add(conn, "/backups/x.tar", at=NOON - timedelta(hours=hours_ago), size=1, digest="")


async def look(herald: Herald, **later: float) -> list[str]:
    """Let a minute's look happen; gives the alarms that are open then."""
    herald.now += timedelta(**later)
    await herald.database.write(jobs.ask, [NewJob(WATCH)], now=herald.now)
    await herald.work()
    return [one.found.key for one in await herald.database.read(alarms.opened)]


def refuse(conn: Connection, many: int, account: str = "main") -> None:
    for _ in range(many):
        journal.refuse(conn, Refused(account, "pbx", NOON, "wrong secret", "127.0.0.1"))


def call_weekly(conn: Connection, weeks: int = 4) -> None:
    for week in range(1, weeks + 1):
        for n in range(3):
            add_call(conn, at=NOON - timedelta(days=7 * week, minutes=5 + n))


def stuck(conn: Connection, kind: str, payload: str, state: str, **columns: object) -> None:
    row: dict[str, object] = {"id": f"{kind}-{state}", "kind": kind, "state": state}
    row["payload"] = payload
    ended = NOON - timedelta(hours=1) if state == "dead" else None
    row |= {"due_at": NOON + timedelta(hours=5), "created_at": NOON - timedelta(hours=1)}
    conn.execute(insert(tables.job).values({**row, "ended_at": ended, "error": "no", **columns}))


async def test_all_is_well_and_nobody_is_told_anything(herald: Herald, sink: Sink) -> None:
    assert await look(herald) == []
    await herald.database.write(refuse, 19)
    await herald.database.write(call_weekly, 2)
    assert await look(herald, minutes=1) == []
    assert sink.taken == []


async def test_one_letter_when_it_begins_and_one_when_it_is_over(
    herald: Herald, sink: Sink
) -> None:
    await herald.database.write(refuse, 20)
    await herald.database.write(call_weekly)
    both = ["account_silent main", "hooks_refused main"]
    assert sorted(await look(herald)) == both
    assert sorted(one.to for one in sink.taken) == ["head@romashka.example", IT]
    letter = next(one for one in sink.taken if one.to == IT).message
    assert letter["Subject"] == ("Тревога: «main» молчит, хотя в этот час обычно звонят (и ещё 1)")
    text = letter.get_content()
    assert "отклонять: 20 за десять минут" in text
    assert "https://calls.example/health" in text
    for minute in range(9):  # it goes on, and nobody is told again
        assert sorted(await look(herald, minutes=1)) == both, minute
    # What was refused is no more lately, but it was seen a minute ago.
    assert sorted(await look(herald, minutes=1)) == both
    await herald.database.write(lambda conn: add_call(conn, at=herald.now))
    assert sorted(await look(herald, minutes=3)) == both
    assert len(sink.taken) == 2
    assert await look(herald, minutes=1) == ["account_silent main"]
    assert await look(herald, minutes=CALM.total_seconds() / 60) == []
    subjects = [str(one.message["Subject"]) for one in sink.taken if one.to == IT]
    assert len(subjects) == 3
    assert subjects[1].startswith("Прошло: «main» присылает")
    assert subjects[2].startswith("Прошло: «main» молчит")
    happened = await herald.office.rows(tables.business_event)
    assert [one.kind for one in happened] == ["alarm_opened"] * 2 + ["alarm_closed"] * 2


def everything(conn: Connection) -> None:
    add_told(conn, add_call(conn), why=replace(WHY, told_by="snapshot"))
    add_told(conn, add_call(conn))
    stuck(conn, "transcribe", "{}", "dead")
    stuck(conn, "send_letter", "{}", "ready")
    stuck(conn, "webhook", '{"webhook": "crm"}', "ready")
    stuck(conn, "webhook_ring", '{"webhook": "crm"}', "dead")
    in_doubt = update(tables.letter).values(state="in_doubt")
    conn.execute(in_doubt.where(tables.letter.c.id == add_letter(conn, add_card(conn))))
    for n in range(10):
        late = NOON - timedelta(minutes=1)
        add_obligation(conn, f"+7916000000{n}", due_at=late)


async def test_everything_that_can_be_wrong_is_seen_in_the_base(
    herald: Herald, tmp_path: Path
) -> None:
    await herald.database.write(everything)
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "spool-1.log").write_bytes(b"x")
    old = (NOON - timedelta(minutes=2)).timestamp()
    os.utime(spool / "spool-1.log", (old, old))
    anna = replace(TOLD.manager[0], smtp=Smtp("smtp://a%40b.example@mail.example", "env:NOT"))
    hook = Webhook("crm", "https://crm.example", secret=("a-literal-secret", "env:NEITHER"))
    await herald.use(replace(TOLD, manager=(anna, *TOLD.manager[1:]), webhook=(hook,)))
    assert sorted(await look(herald)) == [
        "dead_jobs ",
        "fallback ",
        "letters_in_doubt ",
        "mail_failing ",
        "overdue ",
        "secret_missing anna",
        "secret_missing crm",
        "spool ",
        "webhook_failing crm",
    ]
    assert "backup_late " in await look(herald, hours=25.5)


async def test_programs_are_told_of_it_too(sqlite_database: Database, tmp_path: Path) -> None:
    async with serving() as crm:
        url = f"http://crm.example:{crm.port}/hooks"
        wanted: tuple[WebhookEvent, ...] = ("alarm.opened", "alarm.closed")
        hook = Webhook("crm", url, secret="a-secret-of-ones-own", events=wanted, allow_private=True)
        setup = replace(TOLD, alarms=Alarms(mail=()), webhook=(hook,))
        herald = await Herald(sqlite_database, (WATCH, "webhook"), setup, data_dir=tmp_path).open()
        await sqlite_database.write(back_up)
        await sqlite_database.write(refuse, 20)
        await look(herald)
        await look(herald, minutes=30)
        opened, closed = [json.loads(one.body) for one in crm.asked]
        assert [opened["type"], closed["type"]] == ["alarm.opened", "alarm.closed"]
        assert opened["data"] == {
            "alarm": closed["data"]["alarm"],
            "kind": "hooks_refused",
            "subject": "main",
            "n": 20,
            "since": NOON.isoformat(),
            "until": None,
        }
        assert closed["data"]["until"] == herald.now.isoformat()
        herald.close()


async def test_what_is_late_for_a_moment_only_is_no_alarm(herald: Herald) -> None:
    """A letter that was put off once, an event that a program did not take at once."""
    just_now = {"created_at": NOON - timedelta(minutes=9)}
    await herald.database.write(lambda conn: stuck(conn, "send_letter", "{}", "ready", **just_now))
    crm = '{"webhook": "crm"}'
    await herald.database.write(lambda conn: stuck(conn, "webhook", crm, "ready", **just_now))
    assert await look(herald) == []
    assert await look(herald, minutes=2) == ["webhook_failing crm"]


async def test_nobody_wonders_at_a_silence_on_a_day_off(herald: Herald) -> None:
    await herald.database.write(call_weekly)
    day_off = replace(TOLD.company, holidays=(NOON.date(),))
    await herald.use(replace(TOLD, company=day_off))
    assert await look(herald) == []
    await herald.use(replace(TOLD, alarms=Alarms(silent_min=0)))
    assert await look(herald) == []
    await herald.use(TOLD)
    assert await look(herald) == ["account_silent main"]


async def test_with_no_mail_server_alarms_are_only_shown(
    sqlite_database: Database, tmp_path: Path
) -> None:
    herald = await Herald(sqlite_database, KINDS, TOLD, data_dir=tmp_path).open()
    await sqlite_database.write(refuse, 20)
    assert await look(herald) == ["hooks_refused main", "backup_late "]
    assert await herald.waiting() == await herald.dead() == []
    herald.close()


async def test_a_mail_server_that_is_away_gets_the_letter_later_and_once(
    herald: Herald, sink: Sink
) -> None:
    sink.manners = {"greeting": ["421 later", "421 later", "220 ready"]}
    await herald.use(replace(TOLD, alarms=Alarms(mail=(IT,))))
    await herald.database.write(refuse, 20)
    await look(herald)
    assert sink.taken == []
    for _ in range(3):
        await herald.work(minutes=2)
    assert [one.to for one in sink.taken] == [IT]


async def test_a_server_that_thinks_about_a_letter_is_sent_it_once(
    herald: Herald, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "PATIENCE_S", 0.3)
    monkeypatch.setattr(smtp, "SLOW_S", 0.5)
    herald.service.mailer.limits = Limits(5, 5, 5)
    sink.manners = {"dot": ["slow"]}
    await herald.use(replace(TOLD, alarms=Alarms(mail=(IT,))))
    await herald.database.write(refuse, 20)
    await look(herald)
    await herald.work(minutes=2)
    assert [one.to for one in sink.taken] == [IT]
    assert await herald.waiting() == []


async def test_looks_leave_no_rows_behind(herald: Herald) -> None:
    for _ in range(3):
        await look(herald, days=3)
    done = [one for one in await herald.office.rows(tables.job) if one.kind == WATCH]
    assert len(done) == 1
