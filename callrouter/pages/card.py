"""`/cards/{id}`: one deal, with all that happened to it, edited in its place.

Every form works without scripts: it is sent, and the page comes back. With them only the part that
it stands in is drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter.flows.edit_card import ChangedMeanwhile, Edit, edit_card, items_mark
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import MayNot, NotSeen, check_seen, within
from callrouter.pages.card_items import Form, form_of, rates_of, rows_of, totals_of
from callrouter.pages.card_letters import desk_of
from callrouter.pages.card_people import PersonAsked, people_of
from callrouter.pages.card_read import read_card
from callrouter.pages.card_tasks import task_desk_of
from callrouter.pages.card_timeline import FILTERS, lines_of, notes_of
from callrouter.pages.card_view import PURPOSES, Typed, Unreadable, head_of, read_typed, shapes_of
from callrouter.pages.contact import HOW
from callrouter.pages.leading import see
from callrouter.pages.rendering import milliseconds
from callrouter.wording.people import Voice
from storage.listing_timeline import Place, read_place

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.pages.card_read import WholeCard
    from callrouter.pages.card_view import Shape
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing import Viewer
    from storage.listing_timeline import Filter

ID: Final = "{id:[0-9A-HJKMNP-TV-Z]{26}}"
ITEMS: Final = "items"
"""`?edit=items` opens the table of items; else it names a field."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the page is wanted: which entries, after which; which form is open, with what in it.

    `said`: what is wrong with a note or a file; `note`: a text that was not taken; `editing_note`:
    whose id is edited.
    """

    shown: Filter = "all"
    after: Place | None = None
    edit: str = ""
    typed: Typed | None = None
    items: Form | None = None
    note: str = ""
    note_wrong: str = ""
    editing_note: str = ""
    files_wrong: tuple[str, ...] = ()
    letters_wrong: str = ""
    person: PersonAsked = field(default_factory=PersonAsked)


def _read(
    conn: Connection, viewer: Viewer, card_id: str, setup: Setup, asked: Asked
) -> tuple[WholeCard, str] | None:
    """The card, and the mark of its items."""
    found = read_card(conn, viewer, card_id, setup, shown=asked.shown, after=asked.after)
    return (found, items_mark(conn, card_id)) if found else None


class CardPage:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self.page(request, guest, asked_of(request))

    async def page(
        self, request: web.Request, guest: Guest, asked: Asked, status: HTTPStatus = HTTPStatus.OK
    ) -> web.StreamResponse:
        """The whole page; 404 where there is no such card for him."""
        service = self._service
        setup, now, id_ = service.setups.current, service.clock(), request.match_info["id"]
        read = await service.database.read(_read, guest.viewer, id_, setup, asked)
        if read is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        whole, mark = read
        voice = Voice(guest.words, setup)
        head = head_of(whole, guest, voice, now, editing=asked.edit, typed=asked.typed)
        works = guest.may("work")
        items = asked.items
        if items is None and asked.edit == ITEMS and works:
            items = form_of(whole, voice, mark)
        timeline = whole.history.timeline
        return self._doors.page(
            guest,
            "card",
            status=int(status),
            head=head,
            items=rows_of(whole, voice),
            items_form=items,
            items_confirmed=whole.items.confirmed,
            totals=totals_of(whole, voice),
            rates=rates_of(setup, voice.words, now),
            desk=desk_of(whole, guest, voice, now),
            people=people_of(whole, guest, voice, asked.edit, asked.person),
            purposes=PURPOSES,
            hows=HOW,
            tasks=task_desk_of(whole, guest, voice, now),
            lines=lines_of(whole.history, guest, voice, now),
            pinned=notes_of(whole.pinned, whole.history, guest, voice, now),
            filters=[(key, voice.words(name)) for key, name in FILTERS.items()],
            shown=asked.shown,
            later=asked.after is not None,
            earlier=timeline.next,
            asked=asked,
            works=works,
            now=milliseconds(now),
        )

    async def page_with(
        self, request: web.Request, guest: Guest, person: PersonAsked, status: HTTPStatus
    ) -> web.StreamResponse:
        """The whole page, with what was refused of one of its contacts."""
        return await self.page(request, guest, Asked(person=person), status)

    async def edit(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Set one field."""
        service, form = self._service, await request.post()
        setup, id_ = service.setups.current, request.match_info["id"]
        name = str(form.get("name", ""))
        given, was = str(form.get("value", "")), str(form.get("was", ""))
        asked = Asked(edit=name)
        read = await service.database.read(_read, guest.viewer, id_, setup, asked)
        if read is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        shape = shape_of(read[0], guest, Voice(guest.words, setup), name)
        if shape is None:
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        typed = Typed(name, given)
        try:
            wanted = Edit(name, read_typed(shape, given, guest.words), was)
            await service.database.write(
                within,
                guest.viewer,
                "card",
                id_,
                edit_card,
                id_,
                wanted,
                setup,
                viewer=guest.viewer,
                by=guest.by,
                now=service.clock(),
            )
        except (NotSeen, NoSuchCard):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except MayNot:
            return self._doors.message(guest, HTTPStatus.FORBIDDEN, "no_right")
        except Unreadable as bad:
            refused = replace(typed, wrong=str(bad))
        except BadFields:
            refused = replace(typed, wrong=guest.words("This cannot be kept so."))
        except ChangedMeanwhile as other:
            refused = replace(typed, meanwhile=other.value, by=other.by or "")
            asked = replace(asked, typed=refused)
            return await self.page(request, guest, asked, HTTPStatus.CONFLICT)
        else:
            return await self._after(request, guest, name)
        asked = replace(asked, typed=refused)
        return await self.page(request, guest, asked, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def _after(self, request: web.Request, guest: Guest, name: str) -> web.StreamResponse:
        """Back to the card; whoever gave it out of his own sight goes to the board."""
        id_ = request.match_info["id"]
        if name == "manager":
            try:
                await self._service.database.read(check_seen, guest.viewer, "card", id_)
            except NotSeen:
                if "HX-Request" in request.headers:  # whose script follows a 303 by itself
                    return web.Response(headers={"HX-Redirect": "/board"})
                return see("/board")
        return back(id_, f"field-{name}")


def shape_of(whole: WholeCard, guest: Guest, voice: Voice, name: str) -> Shape | None:
    return next((one for one in shapes_of(whole, guest, voice) if one.name == name), None)


def asked_of(request: web.Request) -> Asked:
    shown = request.query.get("shown", "")
    return Asked(
        shown=next((one for one in FILTERS if one == shown), "all"),
        after=read_place(request.query.get("after", "")),
        edit=request.query.get("edit", ""),
        editing_note=request.query.get("note", ""),
    )


def back(card_id: str, anchor: str = "") -> web.Response:
    """To the page, where it was left."""
    where = f"/cards/{card_id}#{anchor}" if anchor else f"/cards/{card_id}"
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})
