"""Replays that people ask for on a page: kept, done by a job, ended, forgotten.

What is tried is kept with the replay, as it is when it is asked for: a draft goes on changing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from callrouter.flows.try_call import rules_of
from storage import jobs, replays
from storage.ids import new_id
from storage.jobs import NewJob
from storage.replays import Replay

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.replayed import Replayed

REPLAY: Final = "replay"
"""The kind of job."""

MOST_DAYS: Final = 90
MOST_AT_ONCE: Final = 10
KEPT: Final = 50
KEPT_FOR: Final = timedelta(days=30)

INTERRUPTED: Final = "interrupted"
"""Why one failed whose server ended."""


class NoSuchReplay(LookupError):
    """There never was one of this id, or it is forgotten."""


class TooManyReplays(Exception):
    """So many wait already that another would hardly get its turn."""


def ask(conn: Connection, *, days: int, draft: str | None, by: str, now: datetime) -> str:
    """Ask for the calls of the last days on a draft, or on the rules that they had; gives its id.

    Where just the same waits or runs already, it is that one. Raises tuning.NoSuchDraft, BadSetup,
    TooManyReplays.
    """
    rules, name = None, ""
    if draft is not None:
        found, rules = rules_of(conn, draft)
        name = found.name
    period = timedelta(days=days)
    under_way = replays.under_way(conn)
    for one in under_way:
        if one.until - one.since == period and replays.rules_are(conn, one.id, rules):
            return one.id
    if len(under_way) >= MOST_AT_ONCE:
        raise TooManyReplays
    new = Replay(new_id(now), draft, name, now - period, now, "waiting", by, now)
    replays.add(conn, new, rules)
    replays.forget(conn, now - KEPT_FOR, KEPT)
    jobs.ask(conn, [NewJob(REPLAY, {"replay": new.id}, f"{REPLAY}:{new.id}")], now=now)
    return new.id


def begin(conn: Connection, id_: str, *, now: datetime) -> bool:
    """It runs from now on; False: it is not to. One that runs already was left by a dead server."""
    if replays.begin(conn, id_):
        return True
    replays.fail(conn, id_, INTERRUPTED, now=now)
    return False


def came(conn: Connection, id_: str, result: Replayed, *, now: datetime) -> None:
    """Keep what came of it, unless it was cancelled meanwhile."""
    replays.finish(conn, id_, result, now=now)


def failed(conn: Connection, id_: str, error: str, *, now: datetime) -> None:
    replays.fail(conn, id_, error, now=now)


def cancel(conn: Connection, id_: str, *, now: datetime) -> Replay:
    """Stop it, if it has not ended. Raises NoSuchReplay."""
    replays.cancel(conn, id_, now=now)
    found = replays.find(conn, id_)
    if found is None:
        raise NoSuchReplay(id_)
    return found
