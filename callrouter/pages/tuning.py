"""On what a page of the setup works: on what is in force, or on a draft (`?draft=`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from callrouter.flows import tuning
from storage import drafts, setups

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.tuning import Edited
    from callrouter.pages.doors import Guest
    from callrouter.service import Service
    from storage.drafts import Draft

SETUP: Final = "/setup"
GONE: Final = f"{SETUP}?gone=1"
"""Where one is led who works on a draft that is not there any more."""


@dataclass(frozen=True, slots=True)
class Bench:
    """`setup`: as the page shows it; `version`: which one of it, or of the draft, that is."""

    setup: Setup
    draft: Draft | None
    version: int
    tunes: bool  # else one may only look
    _guest: Guest
    _service: Service

    def link(self, path: str) -> str:
        """The address of another page about the same."""
        if self.draft is None:
            return path
        return f"{path}{'&' if '?' in path else '?'}draft={quote(self.draft.id)}"

    async def renewed(self) -> Bench:
        """The same as it stands now; a draft as it was opened."""
        if self.draft is not None:
            return self
        setup = await self._service.database.read(_newest, self.setup)
        return replace(self, setup=setup, version=setup.version)

    async def edit(
        self, change: Callable[[Setup], Setup], *, note: str | None = None, seen: int | None = None
    ) -> Edited:
        """Change it, at once or on the draft; raises what `callrouter.flows.tuning.edit` does.

        A draft that has gone meanwhile leads away.
        """
        try:
            return await self._service.database.write(
                tuning.edit,
                change,
                seal=self._service.seal,
                by=self._guest.by,
                now=self._service.clock(),
                draft=self.draft.id if self.draft else None,
                note=note,
                seen=seen,
            )
        except tuning.NoSuchDraft:
            raise web.HTTPSeeOther(GONE) from None


async def bench_of(request: web.Request, guest: Guest, service: Service) -> Bench:
    """By the page's address; one of a draft that is not there leads to `/setup`, which says so."""
    tunes = guest.may("tune")
    if not (id_ := request.query.get("draft", "").replace("\x00", "")):
        setup = await service.database.read(_newest, service.setups.current)
        return Bench(setup, None, setup.version, tunes, guest, service)
    found = await service.database.read(drafts.find, id_)
    if found is None:
        raise web.HTTPSeeOther(GONE)
    return Bench(found.setup, found, found.version, tunes, guest, service)


def _newest(conn: Connection, known: Setup) -> Setup:
    """What is in force: who has just saved something sees it, before the server has it in mind."""
    version = setups.current_version(conn)
    return setups.load(conn, version) if version > known.version else known
