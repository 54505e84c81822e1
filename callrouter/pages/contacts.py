"""`/contacts`: the clients that one sees; one made by hand; whose a number is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from callrouter.domain.phones import pretty, read_number
from callrouter.flows import new_by_hand
from callrouter.flows.edit_contact import NoNumber, attach_call, attach_number
from callrouter.flows.new_by_hand import KnownAlready
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import MayNot, NotSeen
from callrouter.pages.contact import ContactPage
from callrouter.pages.contact_form import (
    CHOICE,
    KINDS,
    RELATIONS,
    Form,
    choice_of,
    givable,
    own_rows,
    read_form,
    wrong_of,
)
from callrouter.pages.exporting import most_said
from callrouter.pages.merging import Merging
from callrouter.pages.new_card import NewCardPage
from callrouter.pages.rendering import milliseconds
from callrouter.wording import formats
from callrouter.wording.people import Voice
from storage import listing_clients
from storage.listing import find_call, find_contact
from storage.listing_clients import Client
from storage.listing_contacts import ANYBODY

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.flows.edit_contact import Edited
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing import Slice
    from storage.listing_clients import Mark, Named, Same
    from storage.listing_contacts import Choice

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID: Final = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    """Everything about clients. The addresses with a word stand before those with an id."""
    page, one = Contacts(service, doors), ContactPage(service, doors)
    cards, merging = NewCardPage(service, doors), Merging(service, doors)
    router.add_get("/contacts", doors.guarded(page.show, "look"))
    router.add_get("/contacts/new", doors.guarded(page.new, "work"))
    router.add_post("/contacts/new", doors.guarded(page.make, "work"))
    router.add_post("/contacts/same", doors.guarded(page.same, "work"))
    router.add_get("/cards/new", doors.guarded(cards.show, "work"))
    router.add_post("/cards/new", doors.guarded(cards.make, "work"))
    router.add_get("/calls/{id}/attach", doors.guarded(page.choose, "work"))
    router.add_post("/calls/{id}/attach", doors.guarded(page.attach, "work"))
    router.add_get("/contacts/attach", doors.guarded(page.choose_for, "work"))
    router.add_post("/contacts/attach", doors.guarded(page.attach_number, "work"))
    router.add_get("/contacts/{id}", doors.guarded(one.show, "look"))
    router.add_post("/contacts/{id}", doors.guarded(one.save, "work"))
    router.add_post("/contacts/{id}/recording", doors.guarded(one.record, "work"))
    router.add_post("/contacts/{id}/consents", doors.guarded(one.agree, "work"))
    withdraw = "/contacts/{id}/consents/{consent}/withdraw"
    router.add_post(withdraw, doors.guarded(one.withdraw, "work"))
    router.add_get("/contacts/{id}/merge", doors.guarded(merging.show, "merge"))
    router.add_post("/contacts/{id}/merge", doors.guarded(merging.join, "merge"))
    router.add_post("/contacts/{id}/merges/{merge}/undo", doors.guarded(one.undo, "merge"))


@dataclass(frozen=True, slots=True)
class Attaching:
    """Whose number is asked for. `people`: who has it now; `kept`: what its form carries along.

    `withheld`: the caller said none; `given_up`: who may have it no more; `typed`: what is no
    number.
    """

    number: str
    people: Sequence[tuple[str, str]]
    here: str
    back: str
    withheld: bool = False
    kept: Mapping[str, str] = field(default_factory=dict)
    given_up: str = ""
    typed: str = ""

    @property
    def from_call(self) -> bool:
        return self.here.startswith("/calls/")

    @property
    def query(self) -> str:
        return urlencode(self.kept)


class Contacts:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The list; `after`: where the page before ended."""
        setup, query = self._doors.setup, request.query
        choice = choice_of(query)
        q = query.get("q", "").replace("\x00", "")[:200]
        found, tags = await self._service.database.read(
            _list, guest.viewer, choice, q, setup.company.region, _mark(query.get("after", ""))
        )
        voice, now = Voice(guest.words, setup), self._service.clock()
        last = found.items[-1] if found.more else None
        after = f"{milliseconds(last.at)}.{last.id}" if last else ""
        kept = {name: query[name] for name in _CHOSEN if query.get(name)}
        viewer = guest.viewer
        return self._doors.page(
            guest,
            "contacts",
            clients=[(one, _day(one, voice, now)) for one in found.items],
            q=q,
            choice=choice,
            tags=tags,
            kinds=KINDS,
            relations=RELATIONS,
            people=[one for one in setup.manager if viewer.sees(one.key)],
            names={one.key: one.name for one in setup.manager},
            more=str(request.rel_url.with_query({**kept, "after": after})) if after else "",
            narrowed=bool(kept),
            may_edit=guest.may("work"),
            may_export=guest.may("export"),
            has_export=_leads_to(request, "/contacts.csv"),
            csv=str(request.rel_url.with_path("/contacts.csv").with_query(kept)),
            csv_most=most_said(guest.words, more=found.more or "after" in query),
            pretty=pretty,
        )

    # By hand

    async def new(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The empty form; a number or name may come with the address."""
        number = request.query.get("phone", "")[:64]
        form = Form(
            name=request.query.get("name", "")[:200],
            phones=((number, ""),) if number else (),
            responsible=guest.manager or "",
            confirmed=True,
        )
        return self._new(guest, form)

    def _new(
        self,
        guest: Guest,
        form: Form,
        *,
        status: int = 200,
        wrong: Mapping[str, str] = {},
        same: tuple[Same, ...] = (),
    ) -> web.Response:
        setup = self._doors.setup
        return self._doors.page(
            guest,
            "new_contact",
            status=status,
            form=form,
            wrong=wrong,
            same=same,
            kinds=KINDS,
            relations=RELATIONS,
            managers=givable(guest, setup, None),
            owns=own_rows(setup),
            names={one.key: one.name for one in setup.manager},
            pretty=pretty,
        )

    async def make(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        setup = self._doors.setup
        form = read_form(await request.post(), setup)
        try:
            id_ = await self._service.database.write(
                new_by_hand.make_contact,
                guest.viewer,
                form.edited(setup),
                setup,
                another=form.another,
                by=guest.by,
                now=self._service.clock(),
            )
        except BadFields as bad:
            status, wrong = HTTPStatus.UNPROCESSABLE_ENTITY, wrong_of(bad, guest.words)
            return self._new(guest, form, status=status, wrong=wrong)
        except KnownAlready as known:
            return self._new(guest, form, status=HTTPStatus.CONFLICT, same=known.same)
        except MayNot:
            wrong = {"responsible": guest.words("You may take a new client yourself.")}
            return self._new(guest, form, status=HTTPStatus.FORBIDDEN, wrong=wrong)
        return _go(f"/contacts/{id_}?said=made")

    async def same(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Who has what is typed so far: the part of the page that warns."""
        setup, posted = self._doors.setup, await request.post()
        form = read_form(posted, setup)
        same = await self._service.database.read(
            _doubles, guest.viewer, form.edited(setup), setup, str(posted.get("besides", ""))
        )
        hints = [hint for email in form.emails if (hint := form.hint(email))]
        names = {one.key: one.name for one in setup.manager}
        where = str(posted.get("use", ""))
        return self._doors.page(
            guest, "_same", same=same, hints=hints, names=names, form=form, use=where, pretty=pretty
        )

    # Whose a number is

    async def choose(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._choose(request, guest)

    async def _choose(
        self, request: web.Request, guest: Guest, *, status: int = 200, said: str = ""
    ) -> web.StreamResponse:
        """To whom a call's number is to belong: those found, or somebody new."""
        id_ = request.match_info["id"]
        found = await self._service.database.read(find_call, guest.viewer, id_)
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        call, people = found
        number = call.caller if call.caller_kind == "known" else None
        known = [(one.contact, one.name) for one in people]
        back = f"/calls/{id_}"
        asked = Attaching(number or "", known, f"{back}/attach", back, withheld=number is None)
        return await self._ask_whose(request, guest, asked, status, said)

    async def _ask_whose(
        self, request: web.Request, guest: Guest, asked: Attaching, status: int, said: str
    ) -> web.StreamResponse:
        setup, q = self._doors.setup, request.query.get("q", "").replace("\x00", "")[:200]
        clients: tuple[Client, ...] = ()
        if q.strip():
            region, read = setup.company.region, self._service.database.read
            part, _ = await read(_list, guest.viewer, ANYBODY, q, region, None)
            clients = tuple(one for one in part.items if one.id != asked.given_up)[:20]
        return self._doors.page(
            guest,
            "attach",
            status=status,
            asked=asked,
            q=q,
            clients=clients,
            said=said,
            names={one.key: one.name for one in setup.manager},
            pretty=pretty,
        )

    async def choose_for(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Whose a number is, without a call; `from`: who was thought to have it."""
        return await self._choose_for(request, guest)

    async def _choose_for(
        self, request: web.Request, guest: Guest, *, status: int = 200, said: str = ""
    ) -> web.StreamResponse:
        query, setup, read = request.query, self._doors.setup, self._service.database.read
        typed = query.get("number", "")[:64].strip()
        number = read_number(typed, setup.company.region)
        holder = query.get("from", "")
        mine = await read(find_contact, guest.viewer, holder) if _ID.fullmatch(holder) else None
        card = query.get("card", "")
        back = f"/contacts/{mine.id}" if mine else "/contacts"
        if _ID.fullmatch(card):
            back = f"/cards/{card}#contact"
        known: list[tuple[str, str]] = []
        if number:
            same = await read(_holders, guest.viewer, number)
            known = [(one.id, one.name) for one in same if one.seen]
        elif typed and not said:
            said = guest.words(
                "This is not a number that we can call. For example: +7 916 123-45-67"
            )
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        kept = {"number": number or typed, "from": holder if mine else "", "card": card}
        asked = Attaching(
            number or "",
            known,
            "/contacts/attach",
            back,
            kept={name: value for name, value in kept.items() if value},
            given_up=mine.id if mine and number in mine.phones else "",
            typed=typed,
        )
        return await self._ask_whose(request, guest, asked, int(status), said)

    async def attach_number(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`contact` or `name`, as with a call; `shared`: who had it keeps it."""
        posted, setup = await request.post(), self._doors.setup
        to, name = (
            str(posted.get("contact", ""))[:32],
            " ".join(str(posted.get("name", "")).split()),
        )
        number = read_number(request.query.get("number", "")[:64], setup.company.region)
        if number is None:
            return await self._choose_for(request, guest)
        holder = request.query.get("from", "")[:32]
        try:
            to = await self._service.database.write(
                _attach_number,
                guest.viewer,
                number,
                to,
                name[:200],
                setup,
                take_from=holder if posted.get("shared") != "yes" else "",
                responsible=guest.manager,
                by=guest.by,
                now=self._service.clock(),
            )
        except BadFields:
            says = guest.words("Choose a client, or say the name of a new one.")
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._choose_for(request, guest, status=status, said=says)
        except (NotSeen, NoSuchContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return _go(f"/contacts/{to}?said=attached")

    async def attach(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`contact`: whose it is; `new`: the name of somebody new; `shared`: others keep it."""
        id_, posted = request.match_info["id"], await request.post()
        to, name = str(posted.get("contact", "")), " ".join(str(posted.get("name", "")).split())
        try:
            to = await self._service.database.write(
                _attach,
                guest.viewer,
                id_,
                to,
                name[:200],
                self._doors.setup,
                shared=posted.get("shared") == "yes",
                responsible=guest.manager,
                by=guest.by,
                now=self._service.clock(),
            )
        except NoNumber:
            says = guest.words("The caller withheld the number: there is nothing to attach.")
            return await self._choose(request, guest, status=HTTPStatus.CONFLICT, said=says)
        except BadFields:
            says = guest.words("Choose a client, or say the name of a new one.")
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._choose(request, guest, status=status, said=says)
        except (NotSeen, NoSuchCall, NoSuchContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return _go(f"/contacts/{to}?said=attached")


def _attach_number(
    conn: Connection,
    viewer: Viewer,
    number: str,
    to: str,
    name: str,
    setup: Setup,
    *,
    take_from: str,
    responsible: str | None,
    by: str,
    now: datetime,
) -> str:
    """Give a number to a contact, or to one that is made; gives its id."""
    if not to:
        edited = Form(name=name, responsible=responsible or "").edited(setup)
        to = new_by_hand.make_contact(conn, viewer, edited, setup, another=True, by=by, now=now)
    givers = [take_from] if take_from else []
    attach_number(conn, viewer, number, to, take_from=givers, setup=setup, by=by, now=now)
    return to


def _holders(conn: Connection, viewer: Viewer, number: str) -> tuple[Named, ...]:
    """Who has a number, seen or not."""
    return tuple(one.contact for one in listing_clients.same_as(conn, viewer, phones=[number]))


def _attach(
    conn: Connection,
    viewer: Viewer,
    call_id: str,
    to: str,
    name: str,
    setup: Setup,
    *,
    shared: bool,
    responsible: str | None,
    by: str,
    now: datetime,
) -> str:
    """Attach a call's number to a contact, or to one that is made; gives its id."""
    if not to:
        form = Form(name=name, responsible=responsible or "")
        edited = form.edited(setup)
        to = new_by_hand.make_contact(conn, viewer, edited, setup, another=True, by=by, now=now)
    attach_call(conn, viewer, call_id, to, setup, shared=shared, by=by, now=now)
    return to


def _list(
    conn: Connection, viewer: Viewer, choice: Choice, q: str, region: str, after: Mark | None
) -> tuple[Slice[Client], list[str]]:
    found = listing_clients.list_clients(conn, viewer, choice, q=q, region=region, after=after)
    return found, listing_clients.tags_in_use(conn)


def _doubles(
    conn: Connection, viewer: Viewer, edited: Edited, setup: Setup, besides: str
) -> tuple[Same, ...]:
    return new_by_hand.doubles(conn, viewer, edited.person, setup, besides=besides or None)


_CHOSEN: Final = ("q", *CHOICE)


def _mark(said: str) -> Mark | None:
    """Where the page before ended; what is no such place is the beginning."""
    ms, _, id_ = said.partition(".")
    if not (ms.isascii() and ms.isdecimal() and len(ms) <= 14 and id_):
        return None
    return (_EPOCH + timedelta(milliseconds=int(ms)), id_[:32])


def _day(one: Client, voice: Voice, now: datetime) -> str:
    return formats.until(voice.local(one.at), voice.local(now))


def _leads_to(request: web.Request, path: str) -> bool:
    """Whether there is a page at an address."""
    return any(one.canonical == path for one in request.app.router.resources())


def _go(where: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})
