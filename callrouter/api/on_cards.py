"""What hangs on a card, page by page: its notes, its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Protocol, TypeVar

from callrouter.api.fields import Id, Paged
from callrouter.api.layer import Asked
from callrouter.flows.seeing import within


class HasId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId)


class OnCardQuery(Paged):
    cursor: Id | None = None


async def page_of(
    asked: Asked, card: str, query: OnCardQuery, read: Callable[..., Sequence[T]]
) -> tuple[Sequence[T], str | None]:
    """What `read` finds on a card, and the cursor of the next page. Raises NotSeen."""
    found = await asked.service.database.read(
        within,
        asked.viewer,
        "card",
        card,
        read,
        card,
        after=query.cursor,
        limit=query.limit + 1,
    )
    return query.part(found, attrgetter("id"))
