"""What calls were told and why, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from callrouter.domain.rights import Viewer
from callrouter.domain.why import Candidate, Why
from storage.documents import read_decision, read_why
from storage.listing_values import MOST, DecisionView
from storage.sight import seen_among
from storage.tables import decision


def told_of(conn: Connection, call_id: str) -> tuple[DecisionView, ...]:
    """All that a call was told, in order; at most the last 200."""
    c = decision.c
    found = conn.execute(
        select(c.call, c.run, c.attempt, c.at, c.decision, c.why)
        .where(c.call == call_id)
        .order_by(c.run.desc(), c.attempt.desc())
        .limit(MOST)
    ).all()
    return tuple(_told(row) for row in reversed(found))


def without_unseen_calls(conn: Connection, viewer: Viewer, whys: Sequence[Why]) -> list[Why]:
    """Of whom a call held, not which call, where the viewer may not see it."""
    held = {one.call for why in whys for step in why.steps for one in step.candidates if one.call}
    if viewer.people is None or not held:
        return list(whys)
    seen = seen_among(conn, viewer, held)

    def told(one: Candidate) -> Candidate:
        return one if one.call is None or one.call in seen else replace(one, call=None)

    return [
        replace(
            why,
            steps=tuple(
                replace(step, candidates=tuple(map(told, step.candidates))) for step in why.steps
            ),
        )
        for why in whys
    ]


def last_told(conn: Connection, ids: Sequence[str]) -> dict[str, DecisionView]:
    """The last that each of these calls was told."""
    if not ids:
        return {}
    c = decision.c
    place = func.row_number().over(partition_by=c.call, order_by=(c.run.desc(), c.attempt.desc()))
    ranked = select(c.call, c.run, c.attempt, place.label("place")).where(c.call.in_(ids))
    last = ranked.subquery()
    found = conn.execute(
        select(c.call, c.run, c.attempt, c.at, c.decision, c.why).where(
            tuple_(c.call, c.run, c.attempt).in_(
                select(last.c.call, last.c.run, last.c.attempt).where(last.c.place == 1)
            )
        )
    )
    return {row.call: _told(row) for row in found}


def _told(row: Any) -> DecisionView:  # noqa: ANN401  a row of `decision`
    return DecisionView(
        row.call, row.run, row.attempt, row.at, read_decision(row.decision), read_why(row.why)
    )
