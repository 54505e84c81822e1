"""Opens and closes alarms, and asks for the letters that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from callrouter.domain import alarms as rules
from callrouter.flows.users import can_administer
from storage import alarms, jobs, notices, users
from storage.jobs import NewJob
from storage.notices import Happening

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.alarms import Facts, Standing, Turn
    from callrouter.domain.setup import Setup

MAIL: Final = "mail_alarms"
BY: Final = "watch"


def take_in(conn: Connection, facts: Facts, setup: Setup, *, now: datetime) -> Turn:
    """Compare what is with what was known; whatever changes is told, once, in this transaction."""
    turn = rules.turn(rules.find(facts, now), alarms.opened(conn), now)
    opened = alarms.open_(conn, turn.opened, now=now)
    alarms.see(conn, turn.again)
    alarms.close(conn, turn.closed, now=now)
    happened = [_happened("alarm_opened", one, None, now) for one in opened]
    happened += [_happened("alarm_closed", one, now, now) for one in turn.closed]
    notices.record(conn, happened, now=now)
    _ask_for_letters(conn, [*opened, *turn.closed], setup, now=now)
    return turn


def _happened(kind: str, one: Standing, until: datetime | None, now: datetime) -> Happening:
    data: dict[str, str | int | None] = {
        "alarm": one.id,
        "kind": one.found.kind,
        "subject": one.found.subject,
        "n": one.found.n,
        "since": one.since.isoformat(),
        "until": until.isoformat() if until else None,
    }
    return Happening(kind, now, BY, data=data)


def _ask_for_letters(
    conn: Connection, news: Sequence[Standing], setup: Setup, *, now: datetime
) -> None:
    """One letter to each with all that is new."""
    ids = " ".join(one.id for one in news)
    if ids:
        to = addresses(conn, setup)
        jobs.ask(conn, [NewJob(MAIL, {"to": one, "alarms": ids}) for one in to], now=now)


def addresses(conn: Connection, setup: Setup) -> list[str]:
    """Who is mailed: as the setup says, else every administrator who has an address."""
    if setup.alarms.mail is not None:
        return list(setup.alarms.mail)
    found = [one.email for one in users.everybody(conn) if can_administer(one, setup)]
    found += [one.email for one in setup.active if one.role == "admin" and one.email]
    return sorted({users.fold(one): one for one in found}.values())
