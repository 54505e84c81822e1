"""Tasks: given, done, put off for a reason, given to somebody else; each act once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.tasks import LONGEST_REASON, LONGEST_TEXT
from callrouter.flows.people import BadFields, Wrong
from storage import notices, tasks
from storage.ids import new_id
from storage.notices import Happening
from storage.tasks import Task

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup


class NoSuchTask(LookupError):
    """There is no such task; one of kind `call_back` is an obligation."""


class DoneAlready(Exception):
    """The task was done before: it is neither put off nor given away."""


def add_task(
    conn: Connection,
    *,
    kind: str,
    owner: str,
    by: str,
    text: str,
    due_at: datetime | None,
    card: str | None = None,
    contact: str | None = None,
    call: str | None = None,
    step: str | None = None,
    team: str | None = None,
    remind_at: datetime | None = None,
    now: datetime,
) -> str:
    """Give somebody a task; gives its id. `step`: of a next step, what is to be done.

    `due_at` None: it has no term. Raises BadFields for a text that is empty or too long.
    """
    text = _text("text", text, LONGEST_TEXT)
    one = Task(
        id=new_id(now),
        kind=kind,
        owner=owner,
        author=by,
        text=text,
        created_at=now,
        due_at=due_at,
        remind_at=remind_at,
        card=card,
        contact=contact,
        call=call,
        step=step,
        team=team,
    )
    tasks.add(conn, [one])
    tell(conn, one, "added", by=by, now=now)
    return one.id


def finish_task(conn: Connection, id_: str, *, result: str = "", by: str, now: datetime) -> bool:
    """Say that it is done, and what came of it; False: it was done already, and stays so.

    Raises NoSuchTask, and BadFields for a result that is too long.
    """
    one = _find(conn, id_)
    result = result.strip()
    if len(result) > LONGEST_TEXT:
        raise BadFields(Wrong("result", f"is too long; allowed: {LONGEST_TEXT} characters"))
    if one.done_at:
        return False
    tasks.finish(conn, [one.id], result=result or None, by=by, now=now)
    tell(conn, one, "done", by=by, now=now)
    return True


def snooze_task(
    conn: Connection, id_: str, *, due_at: datetime, reason: str, by: str, now: datetime
) -> bool:
    """Put it off, for a reason that is kept; False: it has that term already.

    A reminder moves along with the term. Raises NoSuchTask, DoneAlready, and BadFields for a
    term that has passed and for no reason.
    """
    one = _find(conn, id_)
    wrong = [] if due_at > now else [Wrong("due_at", "has passed; allowed: a moment to come")]
    if not (reason := reason.strip()) or len(reason) > LONGEST_REASON:
        wrong.append(Wrong("reason", f"is needed; allowed: 1 to {LONGEST_REASON} characters"))
    if wrong:
        raise BadFields(*wrong)
    if one.done_at:
        raise DoneAlready
    if one.due_at == due_at:
        return False
    remind_at = due_at if one.remind_at else None
    if one.remind_at and one.due_at and one.remind_at > now:
        remind_at = max(now, due_at - (one.due_at - one.remind_at))
    tasks.postpone(conn, one.id, due_at=due_at, remind_at=remind_at)
    before = one.due_at.isoformat() if one.due_at else None
    data = {"reason": reason, "before": before, "due": due_at.isoformat()}
    tell(conn, replace(one, due_at=due_at), "snoozed", by=by, now=now, **data)
    return True


def give_task(
    conn: Connection, id_: str, *, owner: str, setup: Setup, by: str, now: datetime
) -> bool:
    """Make it somebody else's; False: it is his already.

    Raises NoSuchTask, DoneAlready, and BadFields where there is no such manager at work.
    """
    one = _find(conn, id_)
    manager = setup.managers.get(owner)
    if manager is None or not manager.active:
        raise BadFields(Wrong("owner", "is no active manager"))
    if one.done_at:
        raise DoneAlready
    if one.owner == owner:
        return False
    tasks.give(conn, one.id, owner, manager.team)
    after = replace(one, owner=owner, team=manager.team)
    tell(conn, after, "given", by=by, now=now, before=one.owner)
    notices.tell_people(conn, "task", [one.owner], now=now, card=one.card)
    return True


def tell(
    conn: Connection, one: Task, what: str, *, by: str, now: datetime, **data: str | None
) -> None:
    """Keep what happened to a task, and let its owner's screen show it.

    `what`: added, done, snoozed, given or closed (by the service).
    """
    said: dict[str, str | int | None] = {"task": one.id, "kind": one.kind, "owner": one.owner}
    happened = Happening(f"task_{what}", now, by, one.call, one.card, one.contact, said | data)
    notices.record(conn, [happened], now=now)
    notices.tell_people(conn, "task", [one.owner], now=now, card=one.card)


def _find(conn: Connection, id_: str) -> Task:
    one = tasks.find(conn, id_)
    if one is None:
        raise NoSuchTask(id_)
    return one


def _text(field: str, said: str, most: int) -> str:
    said = said.strip()
    if not said or len(said) > most:
        raise BadFields(Wrong(field, f"is needed; allowed: 1 to {most} characters"))
    return said
