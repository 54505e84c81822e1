"""`/audit`: who did what that is not business, and whether nobody changed it since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Given, Key, OurTime, Paged, Reason
from callrouter.api.layer import Asked, Routes
from callrouter.audit_chain import check_chain
from storage import audit
from storage.audit import Sought

routes = Routes()

Row = Annotated[int, Field(ge=0, le=2**53)]


class AuditQuery(Paged):
    actor: Annotated[Key | None, Field(description="Like `manager:anna` or `user:ID`.")] = None
    action: Key | None = None
    object: Annotated[Reason | None, Field(description="How it begins: `user:` is any user.")] = (
        None
    )
    since: OurTime | None = None
    until: OurTime | None = None
    cursor: Row | None = None


class ChainQuery(Given):
    behind: Annotated[Row, Field(description="Go on behind this row; 0: from the first.")] = 0


@dataclass(frozen=True, slots=True)
class AuditLine:
    n: int
    at: datetime
    actor: str
    action: str
    object: str | None
    data: Mapping[str, str | int | None]
    address: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    items: tuple[AuditLine, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class AuditChain:
    """`broken_at`: the first row that is not what it was, or is missing; null: none so far.

    `whole`: the end was reached; else go on behind `n`. `digest`: of the last row that was checked.
    """

    n: int
    digest: str
    since: datetime | None
    broken_at: int | None
    whole: bool


@routes.get("/audit", right="audit")
async def list_audit(asked: Asked, query: AuditQuery) -> AuditPage:
    """Who did what, the newest first: signing in, exports, deletions, publishing the setup."""
    sought = Sought(query.actor, query.action, query.object, query.since, query.until)
    found = await asked.service.database.read(
        audit.search, sought, after=query.cursor, limit=query.limit + 1
    )
    lines, last = query.part(found, lambda one: one.n)
    return AuditPage(
        tuple(
            AuditLine(
                one.n,
                one.at,
                one.actor,
                one.action,
                one.object,
                one.data,
                one.address,
                one.digest,
            )
            for one in lines
        ),
        last,
    )


@routes.get("/audit/chain", right="audit")
async def check_audit(asked: Asked, query: ChainQuery) -> AuditChain:
    """Whether each row's digest is what the row and the one before say; 50 000 rows at once."""
    found = await check_chain(asked.service.database, query.behind)
    return AuditChain(found.n, found.digest, found.since, found.broken_at, found.whole)
