"""The clients of a deal on its page: the main one and who else belongs to it, edited in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from callrouter.domain.phones import pretty
from callrouter.flows import card_contacts as flow
from callrouter.flows.card_contacts import HasOneOpen, MainStays
from callrouter.flows.new_by_hand import KnownAlready
from callrouter.flows.no_such import NoSuchCard, NoSuchContact
from callrouter.flows.people import BadFields, Stale
from callrouter.flows.seeing import MayNot, NotSeen, within
from callrouter.pages.contact import ConsentLine, consent_line
from callrouter.pages.contact_form import Form, read_form, wrong_of
from callrouter.pages.leading import see
from storage import card_contacts, listing_clients
from storage.listing import find_card
from storage.listing_contacts import ANYBODY

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.flows.edit_contact import Edited
    from callrouter.pages.card import CardPage
    from callrouter.pages.card_read import WholeCard
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording.people import Voice
    from storage.listing import CardView, ContactView
    from storage.listing_clients import Client, Same

PERSON: Final = "person."
"""Before a contact's id in `?edit=`: his form is open."""

_SHOWN: Final = frozenset({"name", "phones", "emails", "tags"})
_FOUND: Final = 20


@dataclass(frozen=True, slots=True)
class PersonAsked:
    """What was typed of one of the contacts and could not be taken, or is refused of all of them.

    `stale`: somebody was quicker; saved once more it counts.
    """

    contact: str = ""
    form: Form | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    stale: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class PhoneRow:
    dial: str
    shown: str
    label: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A contact of a card. `id` "": he is not the viewer's to see; `form`: it stands in his place.

    `consents`: of the main one only.
    """

    id: str
    name: str
    note: str
    main: bool
    phones: tuple[PhoneRow, ...]
    emails: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    consents: tuple[ConsentLine, ...] = ()
    form: Form | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    stale: bool = False


def people_of(
    whole: WholeCard, guest: Guest, voice: Voice, editing: str, asked: PersonAsked
) -> tuple[PersonRow, ...]:
    """The main one first; none where nobody knows yet whose card it is."""
    brief, words = whole.card.contact, voice.words
    if whole.contact is None and brief is not None:
        phones = tuple(PhoneRow(one, pretty(one), "") for one in brief.phones)
        return (PersonRow("", brief.name or words("no name"), "", main=True, phones=phones),)
    rows = _rows(whole, guest, voice)
    if not guest.may("work"):
        return tuple(rows)
    return tuple(_open(one, whole, editing, asked) for one in rows)


def _rows(whole: WholeCard, guest: Guest, voice: Voice) -> Iterator[PersonRow]:
    if whole.contact:
        consents = tuple(consent_line(one, guest, voice) for one in whole.consents)
        yield replace(_row(whole.contact, whole, voice, main=True), consents=consents)
    for one in whole.beside:
        yield _row(one, whole, voice, main=False)


def _row(one: ContactView, whole: WholeCard, voice: Voice, *, main: bool) -> PersonRow:
    phones = whole.phones.get(one.id, ())
    return PersonRow(
        id=one.id,
        name=one.name or voice.words("no name"),
        note=" · ".join(text for text in (one.position or "", one.company or "") if text),
        main=main,
        phones=tuple(PhoneRow(it.number, pretty(it.number), it.label or "") for it in phones),
        emails=one.emails,
        tags=one.tags,
    )


def _open(row: PersonRow, whole: WholeCard, editing: str, asked: PersonAsked) -> PersonRow:
    if asked.form is not None and asked.contact == row.id:
        version = _view(whole, row.id).version if asked.stale else asked.form.version
        form = replace(asked.form, version=version)
        return replace(row, form=form, wrong=asked.wrong, stale=asked.stale)
    if editing != f"{PERSON}{row.id}":
        return row
    one = _view(whole, row.id)
    form = Form(
        name=one.name,
        tags=", ".join(one.tags),
        phones=tuple((it.shown, it.label) for it in row.phones),
        emails=one.emails,
        version=one.version,
    )
    return replace(row, form=form)


def _view(whole: WholeCard, id_: str) -> ContactView:
    people = [*([whole.contact] if whole.contact else []), *whole.beside]
    return next(one for one in people if one.id == id_)


class CardPeople:
    """Takes the forms of a deal's clients."""

    def __init__(self, service: Service, doors: Doors, page: CardPage) -> None:
        self._service = service
        self._doors = doors
        self._page = page

    async def act(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`do`: edit, main or remove, of the contact that the address names."""
        form = await request.post()
        card, contact = request.match_info["id"], request.match_info["contact"]
        setup, words = self._doors.setup, guest.words
        try:
            match form.get("do"):
                case "main":
                    await self._write(request, guest, flow.make_main, card, contact, setup)
                case "remove":
                    await self._write(request, guest, flow.remove_contact, card, contact)
                case "edit":
                    return await self._edit(request, guest, read_form(form, setup))
                case _:
                    return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        except (NotSeen, NoSuchCard, NoSuchContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except MainStays:
            said = words("This is the main client: first make another one the main one.")
            return await self._refuse(request, guest, PersonAsked(refused=said))
        except HasOneOpen:
            return await self._refuse(request, guest, PersonAsked(refused=_one_open(guest)))
        return see(f"/cards/{card}#contact")

    async def _edit(self, request: web.Request, guest: Guest, form: Form) -> web.StreamResponse:
        """Raises NotSeen, NoSuchCard, NoSuchContact."""
        card, contact = request.match_info["id"], request.match_info["contact"]
        setup = self._doors.setup
        asked = PersonAsked(contact, form)
        try:
            await self._write(
                request,
                guest,
                flow.edit_contact_of,
                guest.viewer,
                card,
                contact,
                shown_of(form, setup),
                setup,
                version=form.version or None,
            )
        except BadFields as bad:
            asked = replace(asked, wrong=wrong_of(bad, guest.words))
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._refuse(request, guest, asked, status)
        except Stale:
            return await self._refuse(request, guest, replace(asked, stale=True))
        return see(f"/cards/{card}#contact")

    async def _refuse(
        self,
        request: web.Request,
        guest: Guest,
        asked: PersonAsked,
        status: HTTPStatus = HTTPStatus.CONFLICT,
    ) -> web.StreamResponse:
        return await self._page.page_with(request, guest, asked, status)

    async def _write(
        self,
        request: web.Request,
        guest: Guest,
        do: Callable[..., Any],
        *given: Any,  # noqa: ANN401  whatever the flow takes
        **named: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        named |= {"by": guest.by, "now": self._service.clock()}
        id_, write = request.match_info["id"], self._service.database.write
        return await write(within, guest.viewer, "card", id_, do, *given, **named)

    # One more

    async def choose(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._choose(request, guest, Form())

    async def _choose(
        self,
        request: web.Request,
        guest: Guest,
        form: Form,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        wrong: Mapping[str, str] = {},
        same: tuple[Same, ...] = (),
        said: str = "",
    ) -> web.StreamResponse:
        """Those found by what is typed, or somebody new."""
        setup, q = self._doors.setup, request.query.get("q", "").replace("\x00", "")[:200].strip()
        read = await self._service.database.read(
            _read_choice, guest.viewer, request.match_info["id"], q, setup.company.region
        )
        if read is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        card, there, clients = read
        return self._doors.page(
            guest,
            "card_contact",
            status=int(status),
            card=card,
            q=q,
            clients=[one for one in clients if one.id not in there],
            form=form,
            wrong=wrong,
            same=same,
            said=said,
            names={one.key: one.name for one in setup.manager},
            pretty=pretty,
        )

    async def add(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`contact`: one whom we know; else a new one of `name`, `phone`, `email`."""
        posted, setup = await request.post(), self._doors.setup
        card, known = request.match_info["id"], str(posted.get("contact", ""))[:32]
        form = read_form(posted, setup)
        try:
            if known:
                await self._write(
                    request, guest, flow.add_contact, guest.viewer, card, known, setup
                )
            else:
                form = replace(form, responsible=guest.manager or "", confirmed=True)
                await self._write(
                    request,
                    guest,
                    flow.add_new_contact,
                    guest.viewer,
                    card,
                    form.edited(setup),
                    setup,
                    another=form.another,
                )
        except BadFields as bad:
            wrong = wrong_of(bad, guest.words)
            said = guest.words("There are too many clients on this deal.")
            return await self._choose(
                request,
                guest,
                form,
                status=HTTPStatus.UNPROCESSABLE_ENTITY,
                wrong=wrong,
                said=said if "contact" in wrong else "",
            )
        except KnownAlready as other:
            conflict = HTTPStatus.CONFLICT
            return await self._choose(request, guest, form, status=conflict, same=other.same)
        except HasOneOpen:
            conflict, said = HTTPStatus.CONFLICT, _one_open(guest)
            return await self._choose(request, guest, form, status=conflict, said=said)
        except MayNot:
            return self._doors.message(guest, HTTPStatus.FORBIDDEN, "no_right")
        except (NotSeen, NoSuchCard, NoSuchContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return see(f"/cards/{card}#contact")


def shown_of(form: Form, setup: Setup) -> Edited:
    """What the card's form shows of a contact; all else of him stays."""
    whole = form.edited(setup)
    return replace(whole, person=replace(whole.person, given=_SHOWN), own={})


def _one_open(guest: Guest) -> str:
    return guest.words("This client has an open deal of this pipeline: calls would find two.")


def _read_choice(
    conn: Connection, viewer: Viewer, card_id: str, q: str, region: str
) -> tuple[CardView, set[str], tuple[Client, ...]] | None:
    """The card, who is on it, and who is found."""
    card = find_card(conn, viewer, card_id)
    if card is None:
        return None
    there = {*card_contacts.beside(conn, card_id), *([card.contact.id] if card.contact else [])}
    if not q:
        return card, there, ()
    found = listing_clients.list_clients(conn, viewer, ANYBODY, q=q, region=region, after=None)
    return card, there, found.items[:_FOUND]
