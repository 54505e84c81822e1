"""`/blocks`: numbers that are not put through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Given, Instant, Paged, Reason, Text
from callrouter.api.layer import Asked, Reply, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.blocks import BlockOrigin, CannotBlock, read_blocked
from callrouter.flows.blocks import block, unblock
from storage import listing
from storage.listing import OF_SETUP, BlockView

routes = Routes()

NO_SUCH_BLOCK = Problem(404, "There is no such block.")
OF_THE_FILE = Problem(
    409, "This block stands in setup.toml; take it out there, then `callrouter apply --prune`."
)

# Of the list; or of setup.toml, by the digits of its number.
BlockId = Annotated[
    str,
    Field(pattern=r"^([0-9A-HJKMNP-TV-Z]{26}|setup-[0-9]{1,15})$", min_length=7, max_length=26),
]


class BlocksQuery(Paged):
    cursor: BlockId | None = None


class BlockPath(Given):
    id: BlockId


class NewBlock(Given):
    number: Annotated[Text, Field(description="In any spelling; not one of our own.")]
    until: Annotated[
        Instant | None, Field(description="When it ends, later than now; null: never.")
    ] = None
    reason: Reason = ""


@dataclass(frozen=True, slots=True)
class Block:
    """`origin`: `setup` stands in setup.toml, `list` was added here or on the page.

    `since` and `by` are null for setup.toml's. `hits` counts the calls rejected since it began, the
    last of them at `last_hit_at`.
    """

    id: str
    number: str
    reason: str
    until: datetime | None
    origin: BlockOrigin
    since: datetime | None
    by: str | None
    hits: int
    last_hit_at: datetime | None


@dataclass(frozen=True, slots=True)
class BlockPage:
    items: tuple[Block, ...]
    next: str | None


@routes.get("/blocks", right="look")
async def list_blocks(asked: Asked, query: BlocksQuery) -> BlockPage:
    """The blocks that stand now: first the list, the newest first, then setup.toml's."""
    service = asked.service
    found = await service.database.read(
        listing.list_blocks,
        asked.viewer,
        service.setups.current,
        now=service.clock(),
        after=query.cursor,
        limit=query.limit,
    )
    last = found.items[-1].id if found.more else None
    return BlockPage(tuple(_block(view) for view in found.items), last)


@routes.post("/blocks", right="work", status=201, others=(200,))
async def block_number(asked: Asked, body: NewBlock) -> Reply[Block]:
    """Reject this number's calls from now on; they make no contact and no card.

    A number that is on the list already gets the new end and reason: 200.
    """
    service = asked.service
    now, setup = service.clock(), service.setups.current
    if body.until is not None and body.until <= now:
        raise _refused("until", "has passed; allowed: a later moment, or null for ever")
    try:
        number = read_blocked(setup, body.number)
    except CannotBlock as cannot:
        raise _refused("number", str(cannot)) from None
    one, new = await service.database.write(
        block, number, reason=body.reason, until=body.until, by=asked.by, now=now
    )
    found = await service.database.read(
        listing.find_block, asked.viewer, setup, one.id, now=service.clock()
    )
    view = found or BlockView(
        one.id, one.number, one.reason, one.ends_at, "list", one.since, one.by
    )
    return Reply(_block(view), 201 if new else 200)


@routes.delete("/blocks/{id}", right="work")
async def unblock_number(asked: Asked, path: BlockPath) -> Block:
    """Take a number off the list; gives the block as it stood.

    One of setup.toml is refused with 409.
    """
    service = asked.service
    now, setup = service.clock(), service.setups.current
    found = await service.database.read(listing.find_block, asked.viewer, setup, path.id, now=now)
    if found is None:
        raise NO_SUCH_BLOCK
    if path.id.startswith(OF_SETUP):
        raise OF_THE_FILE
    if await service.database.write(unblock, path.id, by=asked.by, now=now) is None:
        raise NO_SUCH_BLOCK
    return _block(found)


def _refused(field: str, message: str) -> Problem:
    return Problem(422, "This number cannot be blocked so.", [FieldProblem(field, message)])


def _block(view: BlockView) -> Block:
    return Block(
        id=view.id,
        number=view.number,
        reason=view.reason,
        until=view.until,
        origin=view.origin,
        since=view.since,
        by=view.by,
        hits=view.hits,
        last_hit_at=view.last_hit_at,
    )
