"""`/contacts/{id}/merge`: whom to join into a client, what would become of it, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, cast, get_args

from aiohttp import web

from callrouter.domain.merging import Choice, NoQuestion
from callrouter.domain.phones import pretty
from callrouter.flows.merge import Preview, SameContact, foresee, merge_contacts
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.people import Stale
from callrouter.flows.seeing import NotSeen
from callrouter.pages.contact import STAYS
from callrouter.pages.contact_form import FIELDS, KINDS, RELATIONS
from callrouter.wording.catalogue import mark
from storage import listing, listing_clients
from storage.listing_contacts import ANYBODY

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing import ContactView
    from storage.listing_clients import Client, Same

CHOICES = {"kept": mark("of the first"), "gone": mark("of the second"), "both": mark("both")}


class Merging:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Without `with`: whom one may choose; with it, what the merge would come to."""
        return await self._show(request, guest, request.query.get("with", ""))

    async def _show(
        self,
        request: web.Request,
        guest: Guest,
        other: str,
        *,
        choices: Mapping[str, Choice] | None = None,
        status: int = 200,
        said: str = "",
    ) -> web.StreamResponse:
        id_, setup, read = request.match_info["id"], self._doors.setup, self._service.database.read
        q = request.query.get("q", "").replace("\x00", "")[:200]
        try:
            if not other:
                one, same, found = await read(_candidates, guest.viewer, id_, q, setup)
                names = {it.key: it.name for it in setup.manager}
                return self._doors.page(
                    guest,
                    "merge_choose",
                    one=one,
                    same=same,
                    found=found,
                    q=q,
                    names=names,
                    pretty=pretty,
                )
            preview, views = await read(_preview, guest.viewer, id_, other, choices)
        except (NotSeen, NoSuchContact, SameContact, NoQuestion):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return self._doors.page(
            guest,
            "merge",
            status=status,
            preview=preview,
            kept=views[0],
            gone=views[1],
            said=said,
            fields=FIELDS | {f"fields.{it.key}": it.name or it.key for it in setup.field},
            values=self._values(guest),
            choices=CHOICES,
            nouns=STAYS,
            pretty=pretty,
        )

    def _values(self, guest: Guest) -> Mapping[str, str]:
        """How what a question offers is said."""
        said = {key: guest.words(text) for key, text in {**KINDS, **RELATIONS}.items()}
        return said | {it.key: it.name for it in self._doors.setup.manager}

    async def join(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, posted = request.match_info["id"], await request.post()
        other = str(posted.get("with", ""))
        choices = {
            name.removeprefix("choice."): cast("Choice", value)
            for name, value in posted.items()
            if name.startswith("choice.") and value in get_args(Choice)
        }
        versions = str(posted.get("versions", "")).split(".")
        if len(versions) != 2 or not all(one.isdecimal() for one in versions):
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        try:
            await self._service.database.write(
                merge_contacts,
                guest.viewer,
                id_,
                other,
                self._doors.setup,
                choices=choices,
                versions=(int(versions[0]), int(versions[1])),
                by=guest.by,
                now=self._service.clock(),
            )
        except (Stale, NoQuestion):
            says = guest.words("One of the two was changed meanwhile. Look once more.")
            status = HTTPStatus.CONFLICT
            return await self._show(request, guest, other, status=status, said=says)
        except (NotSeen, NoSuchContact, SameContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        where = {"Location": f"/contacts/{id_}?said=joined#merges"}
        return web.Response(status=HTTPStatus.SEE_OTHER, headers=where)


def _candidates(
    conn: Connection, viewer: Viewer, id_: str, q: str, setup: Setup
) -> tuple[ContactView, tuple[Same, ...], tuple[Client, ...]]:
    """Raises NoSuchContact."""
    one = listing.find_contact(conn, viewer, id_)
    if one is None:
        raise NoSuchContact(id_)
    same = listing_clients.same_as(
        conn, viewer, phones=one.phones, emails=one.emails, inn=one.inn, besides=id_
    )
    found: tuple[Client, ...] = ()
    if q.strip():
        region = setup.company.region
        part = listing_clients.list_clients(conn, viewer, ANYBODY, q=q, region=region, limit=20)
        found = tuple(it for it in part.items if it.id != id_)
    return one, same, found


def _preview(
    conn: Connection, viewer: Viewer, kept: str, gone: str, choices: Mapping[str, Choice] | None
) -> tuple[Preview, tuple[ContactView, ContactView]]:
    preview = foresee(conn, viewer, kept, gone, choices)
    mine = listing.find_contact(conn, viewer, kept)
    theirs = listing.find_contact(conn, viewer, gone)
    if mine is None or theirs is None:
        raise NoSuchContact(kept)
    return preview, (mine, theirs)
