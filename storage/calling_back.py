"""The figure of a day: how many callers were missed, called back, and how soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Connection, case, func, select, type_coerce

from storage.ids import new_id
from storage.listing_values import Viewer
from storage.obligations import KIND
from storage.sight import sees_obligations
from storage.tables import task

_TIME: Final = 10  # letters of an id that say when it was drawn
_AHEAD: Final = timedelta(hours=1)
"""So much later than the server at most a PBX may say that it is: older ids are not looked at."""


@dataclass(frozen=True, slots=True)
class DayFigure:
    """Callers who were missed since a moment. `talked`: somebody has talked to them since.

    `closed`: a person said that no call is needed. `average`: from the first missed call to the
    talk; None where there was no talk.
    """

    missed: int
    talked: int
    closed: int
    average: timedelta | None


def figure_of_day(conn: Connection, viewer: Viewer, since: datetime) -> DayFigure:
    """Of those owed a call that the viewer sees, for calls begun since; requests are no calls."""
    t = task.c
    # The base has whole milliseconds; the columns' own type would read a difference as a moment.
    waited_ms = type_coerce(t.done_at, BigInteger) - type_coerce(t.created_at, BigInteger)
    talked = t.done_at.is_not(None) & t.result.is_(None)
    missed, back, closed, waited = conn.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((talked, 1), else_=0)), 0),
            func.coalesce(func.sum(case((t.result.is_not(None), 1), else_=0)), 0),
            func.coalesce(func.sum(case((talked, waited_ms), else_=0)), 0),
        ).where(
            sees_obligations(viewer),
            t.kind == KIND,
            t.id >= new_id(since - _AHEAD)[:_TIME],
            t.created_at >= since,
            t.cause != "lead",
        )
    ).one()
    average = timedelta(milliseconds=int(waited) / int(back)) if back else None
    return DayFigure(missed, int(back), int(closed), average)
