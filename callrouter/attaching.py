"""A file that somebody puts on a card: to the disk as it comes, then into the base, then kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from callrouter.flows.attachments import (
    MOST_BYTES,
    attach,
    new_file_id,
    place_of,
    tidy_name,
    type_of,
)
from callrouter.flows.seeing import check_seen, within
from callrouter.handing_out import in_thread

if TYPE_CHECKING:
    from callrouter.service import Service
    from storage.attachments import Attached
    from storage.listing import Viewer

_FIRST = 64


class TooLarge(Exception):
    """More bytes than a file on a card may have."""


class Empty(Exception):
    """There was nothing in it."""


async def attach_file(
    service: Service,
    viewer: Viewer,
    card: str,
    name: str,
    blocks: AsyncIterator[bytes],
    *,
    by: str,
) -> Attached:
    """Put a file on a card that the viewer sees.

    Its row is written once it lies whole under its name; what fell between is an orphan that the
    nightly look counts. Raises NotSeen, NoSuchCard, TooLarge, Empty, NoRoom, FilesSilent,
    BaseSilent.
    """
    await service.database.read(check_seen, viewer, "card", card)
    now, name = service.clock(), tidy_name(name)
    id_ = new_file_id(now)
    draft = await in_thread(service.files.begin)
    try:
        async for block in blocks:
            if draft.size + len(block) > MOST_BYTES:
                raise TooLarge
            await in_thread(draft.write, block)
        if not draft.size:
            raise Empty
        type_ = type_of(await in_thread(draft.head, _FIRST))
        size, digest = draft.size, draft.digest
        await in_thread(draft.keep, place_of(id_, name))
    finally:
        await in_thread(draft.drop)
    return await service.database.write(
        within,
        viewer,
        "card",
        card,
        attach,
        card,
        file_id=id_,
        name=name,
        size=size,
        type_=type_,
        digest=digest,
        by=by,
        now=now,
    )
