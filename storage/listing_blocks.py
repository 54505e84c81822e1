"""Blocked numbers as people and programs read them: the list's and those of setup.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, or_, select

from callrouter.domain.blocks import all_of_setup
from storage.listing_values import MOST, BlockView, Slice, Viewer, cut
from storage.tables import block, call

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup

OF_SETUP = "setup-"
"""With it begins the id of a block of setup.toml; the digits of its number follow."""

_Hits = tuple[int, datetime | None]


def list_blocks(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001  every role sees all for now
    setup: Setup,
    *,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> Slice[BlockView]:
    """The blocks that stand now: the list, newest first, then setup.toml's by number.

    `after` is the id of the last one that was given before.
    """
    limit = min(limit, MOST)
    found: list[BlockView] = []
    if after is None or not after.startswith(OF_SETUP):
        found = _of_list(conn, now, after, limit + 1)
        after = None
    if len(found) <= limit:
        own = _of_setup(setup, now)
        found += [one for one in own if after is None or one.id > after]
    part = cut(found, limit)
    return Slice(_with_hits(conn, part.items), part.more)


def find_block(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001  every role sees all for now
    setup: Setup,
    id_: str,
    *,
    now: datetime,
) -> BlockView | None:
    """One that stands now."""
    if id_.startswith(OF_SETUP):
        found = [one for one in _of_setup(setup, now) if one.id == id_]
    else:
        found = _of_list(conn, now, None, 1, id_)
    return next(iter(_with_hits(conn, found)), None)


def _of_list(
    conn: Connection, now: datetime, after: str | None, limit: int, id_: str | None = None
) -> list[BlockView]:
    c = block.c
    where = [c.until.is_(None), or_(c.ends_at.is_(None), c.ends_at > now)]
    if after is not None:
        where.append(c.id < after)
    if id_ is not None:
        where.append(c.id == id_)
    found = conn.execute(
        select(c.id, c.number, c.reason, c.ends_at, c.since, c.by)
        .where(*where)
        .order_by(c.id.desc())
        .limit(limit)
    )
    return [
        BlockView(row.id, row.number, row.reason, row.ends_at, "list", row.since, row.by)
        for row in found
    ]


def _of_setup(setup: Setup, now: datetime) -> list[BlockView]:
    found = [
        BlockView(f"{OF_SETUP}{one.number.lstrip('+')}", one.number, one.reason, one.until, "setup")
        for one in all_of_setup(setup)
        if one.stands(now)
    ]
    return sorted(found, key=lambda one: one.id)


def _with_hits(conn: Connection, blocks: Sequence[BlockView]) -> tuple[BlockView, ...]:
    hits = _hits_of_list(conn, [one.id for one in blocks if one.origin == "list"])
    hits |= _hits_of_numbers(conn, {one.number: one.id for one in blocks if one.since is None})
    return tuple(
        replace(one, hits=hits[one.id][0], last_hit_at=hits[one.id][1]) if one.id in hits else one
        for one in blocks
    )


def _hits_of_list(conn: Connection, ids: Sequence[str]) -> dict[str, _Hits]:
    """Rejected calls of each number since its block began, and the last of them."""
    if not ids:
        return {}
    found = conn.execute(
        select(block.c.id, func.count(), func.max(call.c.started_at))
        .join_from(block, call, call.c.caller_number == block.c.number)
        .where(block.c.id.in_(ids), call.c.state == "rejected", call.c.started_at >= block.c.since)
        .group_by(block.c.id)
    )
    return {id_: (count, last) for id_, count, last in found}


def _hits_of_numbers(conn: Connection, numbers: Mapping[str, str]) -> dict[str, _Hits]:
    """All rejected calls of numbers, by the ids that these stand for."""
    if not numbers:
        return {}
    c = call.c
    found = conn.execute(
        select(c.caller_number, func.count(), func.max(c.started_at))
        .where(c.caller_number.in_(list(numbers)), c.state == "rejected")
        .group_by(c.caller_number)
    )
    return {numbers[number]: (count, last) for number, count, last in found if number}
