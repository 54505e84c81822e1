"""Tasks: given, done, put off; asking after an offer comes and goes by itself; reminders, once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callrouter.domain.hours import Calendar, parse_hours
from callrouter.domain.next_steps import Desk, desk_of, moment_of, working_days
from callrouter.domain.rights import Viewer
from callrouter.flows import sending
from callrouter.flows.people import BadFields
from callrouter.flows.tasks import (
    DoneAlready,
    NoSuchTask,
    add_task,
    finish_task,
    give_task,
    snooze_task,
)
from callrouter.outside.mail import InDoubt
from callrouter.wording import speak
from callrouter.wording.tasks import kind_of, text_of
from storage import tables
from storage.database import Database
from storage.listing_tasks import TaskView, count_day, find_task, list_tasks
from tests.api.rows import add_obligation
from tests.examples import MONDAY_NOON, SETUP, event
from tests.letters import Department
from tests.office import Office

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOSCOW = Calendar("Europe/Moscow", "RU")
ALL = Viewer("admin")
ANNA = Viewer("manager", "anna", people=frozenset({"anna"}))
VERA = Viewer("manager", "vera", people=frozenset({"vera"}))


@pytest.fixture
async def department(database: Database, tmp_path: Path) -> Department:
    return await Department(database, tmp_path).open()


async def tasks_of(office: Office, viewer: Viewer = ALL, **how: Any) -> list[TaskView]:
    return list((await office.database.read(list_tasks, viewer, **how)).items)


# When


@pytest.mark.parametrize(
    ("day", "n", "hours", "then"),
    [
        pytest.param(date(2026, 3, 2), 2, None, date(2026, 3, 4), id="monday and two"),
        pytest.param(date(2026, 3, 5), 2, None, date(2026, 3, 10), id="over the 8th of March"),
        pytest.param(date(2026, 3, 7), 0, None, date(2026, 3, 10), id="none, from a saturday"),
        pytest.param(
            date(2026, 3, 4), 2, "Tu-Sa 10:00-18:00", date(2026, 3, 6), id="his own shift"
        ),
        pytest.param(date(2026, 3, 6), 1, "Tu-Sa 10:00-18:00", date(2026, 3, 7), id="on saturday"),
    ],
)
def test_working_days_are_those_of_his_shift_and_country(
    day: date, n: int, hours: str | None, then: date
) -> None:
    shift = parse_hours(hours) if hours else None
    assert working_days(MOSCOW, day, n, shift) == then


def test_a_term_is_said_by_a_click() -> None:
    desk = Desk(MOSCOW, parse_hours("Mo-Fr 09:30-18:00"))
    now = MONDAY_NOON.replace(hour=9, minute=2)  # 12:02 in Moscow
    said = {pick: moment_of(pick, desk, 2, now) for pick in ("hour", "today", "tomorrow", "days")}
    assert {pick: f"{desk.calendar.local(at):%d.%m %H:%M}" for pick, at in said.items() if at} == {
        "hour": "02.03 13:05",
        "today": "02.03 17:00",
        "tomorrow": "03.03 09:30",
        "days": "04.03 09:30",
    }
    assert moment_of("today", desk, 2, now.replace(hour=14)) is None
    night = Desk(MOSCOW, parse_hours("24/7"))
    assert desk.calendar.local(night.after(now, 1)).hour == 10


# By hand


async def test_a_task_is_given_put_off_given_away_and_done_and_each_act_is_kept(
    database: Database,
) -> None:
    office = await Office(database).open()
    now, write = MONDAY_NOON, office.database.write
    due = now + 2 * HOUR
    made: dict[str, Any] = {
        "kind": "task",
        "owner": "anna",
        "by": "manager:vera",
        "text": " Замеры ",
        "now": now,
    }
    id_ = await write(add_task, **made, due_at=due, remind_at=due - HOUR / 2)
    late = now + DAY
    put_off: dict[str, Any] = {
        "due_at": late,
        "reason": "клиент занят",
        "by": "manager:anna",
        "now": now,
    }
    assert await write(snooze_task, id_, **put_off) is True
    assert await write(snooze_task, id_, **put_off) is False  # a second click
    (one,) = await tasks_of(office)
    assert (one.text, one.owner, one.author) == ("Замеры", "anna", "manager:vera")
    assert (one.due_at, one.remind_at) == (late, late - HOUR / 2)
    assert one.overdue(late + HOUR)
    assert await write(give_task, id_, owner="boris", setup=SETUP, by="manager:vera", now=now)
    done: dict[str, Any] = {"result": "замерили", "by": "manager:boris", "now": now + HOUR}
    assert await write(finish_task, id_, **done) is True
    assert await write(finish_task, id_, **done | {"by": "manager:anna"}) is False
    assert await tasks_of(office) == []
    (one,) = await tasks_of(office, open_only=False)
    assert (one.closed_by, one.result, one.done_at) == ("manager:boris", "замерили", now + HOUR)
    kept = [row for row in await office.rows(tables.business_event) if "task_" in row.kind]
    assert sorted(row.kind for row in kept) == [
        "task_added",
        "task_done",
        "task_given",
        "task_snoozed",
    ]
    assert any("клиент занят" in row.data for row in kept)
    with pytest.raises(DoneAlready):
        await write(snooze_task, id_, **put_off | {"due_at": late + DAY})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "х" * 501}, "reason"),
        ({"due_at": MONDAY_NOON}, "due_at"),
    ],
)
async def test_what_is_put_off_has_a_reason_and_a_term_to_come(
    sqlite_database: Database, change: dict[str, Any], field: str
) -> None:
    office = await Office(sqlite_database).open()
    now, write = MONDAY_NOON, office.database.write
    made: dict[str, Any] = {
        "kind": "task",
        "owner": "anna",
        "by": "x",
        "text": "Т",
        "due_at": now,
        "now": now,
    }
    id_ = await write(add_task, **made)
    good: dict[str, Any] = {"due_at": now + DAY, "reason": "занят", "by": "x", "now": now}
    with pytest.raises(BadFields) as bad:
        await write(snooze_task, id_, **good | change)
    assert [one.field for one in bad.value.wrong] == [field]
    assert (await tasks_of(office))[0].due_at == now
    with pytest.raises(BadFields):
        await write(give_task, id_, owner="nobody", setup=SETUP, by="x", now=now)


async def test_everybody_sees_and_counts_his_own_and_a_call_owed_is_no_task(
    database: Database,
) -> None:
    office = await Office(database).open()
    now, write = MONDAY_NOON, office.database.write
    for owner, due in (("anna", now + HOUR), ("anna", now - HOUR), ("vera", now + HOUR)):
        made: dict[str, Any] = {
            "kind": "task",
            "owner": owner,
            "by": "x",
            "text": owner,
            "now": now,
        }
        await write(add_task, **made, due_at=due)
    owed = await write(lambda conn: add_obligation(conn, due_at=now + HOUR))
    with pytest.raises(NoSuchTask):
        await write(finish_task, owed, by="x", now=now)
    mine = await tasks_of(office, ANNA)
    assert [(one.text, one.overdue(now)) for one in mine] == [("anna", True), ("anna", False)]
    hers = await tasks_of(office, VERA)
    assert [one.text for one in hers] == ["vera"]
    assert await office.database.read(find_task, ANNA, hers[0].id) is None
    day: dict[str, Any] = {"since": now - 9 * HOUR, "until": now + 9 * HOUR, "now": now}
    count = await office.database.read(count_day, ANNA, "anna", **day)
    assert (count.done, count.due, count.late) == (0, 3, 1)
    await write(finish_task, mine[0].id, by="x", now=now)
    count = await office.database.read(count_day, ANNA, "anna", **day)
    assert (count.done, count.due, count.late) == (1, 2, 0)
    assert (await office.database.read(count_day, ALL, None, **day)).due == 3


async def test_a_reminder_is_told_once_and_not_of_what_is_done(database: Database) -> None:
    office = await Office(database).open()
    now, write = MONDAY_NOON, office.database.write
    ids = []
    for text, owner in (("one", "anna"), ("two", "boris")):
        made: dict[str, Any] = {"kind": "task", "owner": owner, "by": "x", "text": text, "now": now}
        ids.append(await write(add_task, **made, due_at=now + HOUR, remind_at=now + HOUR))
    await write(finish_task, ids[1], by="x", now=now)

    async def told() -> list[str]:
        return [row.manager for row in await office.rows(tables.notice) if row.kind == "task"]

    before = await told()
    await office.sweep(now + HOUR - timedelta(seconds=1))
    assert await told() == before
    await office.sweep(now + HOUR)
    await office.sweep(now + HOUR + timedelta(seconds=5))
    assert await told() == [*before, "anna"]


# Asking after an offer


async def offered(department: Department) -> str:
    card = await department.card()
    await department.move(card, "in_work")
    await department.later()
    assert await department.states(card) == ["sent"]
    return card


async def test_a_sent_offer_is_asked_after_once_two_working_days_later(
    department: Department,
) -> None:
    card = await offered(department)
    (one,) = await tasks_of(department)
    letter = await department.letter(card)
    assert (one.id, one.kind, one.owner) == (letter.id, "follow_up", "anna")
    assert (one.card, one.contact_name) == (card, "Иван Петров")
    desk = desk_of(department.setup, department.setup.managers["anna"])
    assert one.due_at
    assert f"{desk.calendar.local(one.due_at):%d.%m %H:%M}" == "04.03 10:00"
    await department.write(finish_task, one.id, by="manager:anna")
    await department.later(3 * 24 * 3600)
    assert await tasks_of(department) == []  # nothing gives it again


async def test_a_letter_in_doubt_that_was_sent_after_all_is_asked_after_once(
    department: Department,
) -> None:
    department.mailer.says = [InDoubt("dropped")]
    card = await department.card()
    await department.move(card, "in_work")
    await department.later()
    assert [one.kind for one in await tasks_of(department)] == ["letter_in_doubt"]
    letter = await department.letter(card)
    await department.write(sending.resolve, letter.id, "sent", department.setup, by="manager:anna")
    assert [one.kind for one in await tasks_of(department)] == ["follow_up"]


@pytest.mark.parametrize("how", ["closed", "talked", "talked before"])
async def test_a_deal_closed_or_a_talk_since_ends_the_asking(
    department: Department, how: str
) -> None:
    card = await offered(department)
    (one,) = await tasks_of(department)
    if how == "closed":
        await department.move(card, "lost", by="manager:anna")
    else:
        seconds = 60.0 if how == "talked" else -300.0
        await talk(department, department.now + timedelta(seconds=seconds))
    left = await tasks_of(department, kinds=["follow_up"])
    if how == "talked before":
        assert [each.id for each in left] == [one.id]
        return
    assert left == []
    (one,) = await tasks_of(department, open_only=False, kinds=["follow_up"])
    assert one.result == ("card_closed" if how == "closed" else "talked")
    call = (await department.rows(tables.call))[0].id if how == "talked" else "manager:anna"
    assert one.closed_by == call


async def talk(office: Office, at: datetime) -> None:
    """Ivan calls, and Anna answers him."""
    await office.take(event("ringing", "c1", at))
    await office.take(event("answered", "c1", at + timedelta(seconds=1), target="101"))
    await office.take(event("answered", "c1", at + timedelta(seconds=1), target="101"))


@pytest.mark.parametrize("planned", ["nothing", "a call", "a call that is past"])
async def test_an_invoice_is_asked_after_once_for_a_move_unless_a_step_is_planned(
    department: Department, planned: str
) -> None:
    card = await offered(department)
    if planned != "nothing":
        days = timedelta(days=7 if planned == "a call" else -1)
        await department.write(
            add_task,
            kind="task",
            owner="anna",
            by="manager:anna",
            text="Позвонить",
            due_at=department.now + days,
            step="call",
            card=card,
        )
    await department.move(card, "invoice", by="manager:vera")
    await department.move(card, "invoice", by="manager:vera")
    follow = await tasks_of(department, kinds=["follow_up"])
    if planned == "a call":
        assert [one.cause for one in follow] == [None]  # the offer's, as it was
        return
    (one,) = follow
    assert (one.owner, one.author, one.cause) == ("anna", "manager:vera", "invoice")
    desk = desk_of(department.setup, department.setup.managers["anna"])
    assert one.due_at
    assert f"{desk.calendar.local(one.due_at):%d.%m %H:%M}" == "04.03 10:00"
    assert kind_of(one, speak("ru")) == "Спросить об оплате счёта"
    assert text_of(one, speak("ru")) == ""
    (offer,) = [
        each
        for each in await tasks_of(department, open_only=False, kinds=["follow_up"])
        if each.cause is None
    ]
    assert offer.result == "invoiced"
    await department.move(card, "lost", by="manager:anna")
    assert await tasks_of(department, kinds=["follow_up"]) == []
