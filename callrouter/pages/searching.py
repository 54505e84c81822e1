"""`/search`: the box in the top bar of every page, and its page: clients, deals, offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from callrouter.domain.phones import pretty
from callrouter.domain.searching import LONGEST, understand
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_named
from callrouter.wording.people import Voice
from storage.searching import Found, search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.searching import CardBrief, FoundContact

IN_BOX: Final = 6
"""So many of each kind are offered while somebody types; the page shows all that was found."""

_STATES: Final = {"replaced": mark("replaced"), "annulled": mark("annulled")}


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found. `sub` and `note` say more of it, each maybe nothing."""

    id: str
    href: str
    title: str
    sub: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    hits: tuple[Hit, ...]


class Searching:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The page: all that was found."""
        typed = request.query.get("q", "")[:LONGEST].strip()
        found = await self._find(guest, typed)
        return self._doors.page(
            guest, "search", typed=typed, groups=self._groups(found, guest), more=found.more
        )

    async def show_found(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What the box offers while somebody types."""
        typed = request.query.get("q", "")[:LONGEST].strip()
        found = await self._find(guest, typed, IN_BOX)
        return self._doors.page(
            guest, "_found", typed=typed, groups=self._groups(found, guest), more=found.more
        )

    async def _find(self, guest: Guest, typed: str, most: int = 20) -> Found:
        region = self._service.setups.current.company.region
        query = understand(typed, region)
        if not query:
            return Found()
        return await self._service.database.read(search, guest.viewer, query, most)

    def _groups(self, found: Found, guest: Guest) -> tuple[Group, ...]:
        words = guest.words
        voice = Voice(words, self._service.setups.current)
        groups = (
            Group(words("Deals"), tuple(_cards(found, voice))),
            Group(words("Clients"), tuple(_contact(one, voice) for one in found.contacts)),
            Group(words("Offers"), tuple(_offers(found, voice))),
        )
        return tuple(one for one in groups if one.hits)


def _contact(one: FoundContact, voice: Voice) -> Hit:
    words = voice.words
    numbers = [pretty(number) for number in one.phones[:2]]
    title = one.name or (numbers[0] if numbers else "") or words("no name")
    about = [one.company, *(number for number in numbers if number != title), *one.emails[:1]]
    if one.inn:
        about.append(words("INN {inn}", inn=one.inn))
    notes = [_deal(card, voice) for card in one.cards]
    if one.responsible:
        notes.append(voice.name(one.responsible))
    return Hit(f"contact-{one.id}", f"/contacts/{one.id}", title, _joined(about), _joined(notes))


def _cards(found: Found, voice: Voice) -> Iterator[Hit]:
    for one in found.cards:
        name = voice.words("card #{number}", number=one.card.number)
        owner = voice.name(one.manager) if one.manager else voice.words("nobody's")
        status = _status(one.card, voice)
        sub = _joined([one.contact_name, status])
        yield Hit(f"card-{one.card.id}", f"/cards/{one.card.id}", _capital(name), sub, owner)


def _offers(found: Found, voice: Voice) -> Iterator[Hit]:
    for one in found.offers:
        state = _STATES.get(one.state)
        yield Hit(
            f"offer-{one.id}",
            f"/cards/{one.card.id}",
            one.label,
            _joined([one.contact_name, voice.words(state) if state else ""]),
            _deal(one.card, voice),
        )


def _deal(one: CardBrief, voice: Voice) -> str:
    card = voice.words("card #{number}", number=one.number)
    return f"{card}, {_status(one, voice)}"


def _status(one: CardBrief, voice: Voice) -> str:
    return status_named(voice.setup.pipelines.get(one.pipeline), one.status, voice.words)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(parts: list[str] | list[str | None]) -> str:
    return " · ".join(part for part in parts if part)


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    pages = Searching(service, doors)
    router.add_get("/search", doors.guarded(pages.show, "look"))
    router.add_get("/search/found", doors.guarded(pages.show_found, "look"), allow_head=False)
