"""`/contacts/{id}/erase`: forget who a contact is, once who asks has typed whom he means."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter.domain.names import folded
from callrouter.domain.phones import pretty
from callrouter.flows.erasing import Erased, erase_contact
from callrouter.flows.seeing import NotSeen, within
from storage.listing import find_contact

if TYPE_CHECKING:
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing import ContactView

DIGITS: Final = 4  # so many of a number's last digits say which it is


class Erasing:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return self._page(guest, await self._find(request, guest))

    async def erase(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        one, form = await self._find(request, guest), await request.post()
        typed = str(form.get("typed", ""))[:200]
        if not is_meant(one, typed):
            return self._page(guest, one, typed=typed, wrong=True)
        now, database = self._service.clock(), self._service.database
        gone = await database.write(
            within,
            guest.viewer,
            "contact",
            one.id,
            erase_contact,
            one.id,
            by=guest.by,
            now=now,
            address=request.remote,
        )
        return self._page(guest, one, gone=gone)

    async def _find(self, request: web.Request, guest: Guest) -> ContactView:
        id_ = request.match_info["id"]
        one = await self._service.database.read(find_contact, guest.viewer, id_)
        if one is None:
            raise NotSeen("contact")
        return one

    def _page(
        self,
        guest: Guest,
        one: ContactView,
        *,
        typed: str = "",
        wrong: bool = False,
        gone: Erased | None = None,
    ) -> web.Response:
        return self._doors.page(
            guest,
            "erase",
            HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            one=one,
            numbers=[pretty(number) for number in one.phones],
            sign=one.id[-DIGITS:],
            typed=typed,
            wrong=wrong,
            gone=gone,
        )


def is_meant(one: ContactView, typed: str) -> bool:
    """His name, or the last digits of a number of his; of who has neither, his id's last signs."""
    said = folded(typed)
    if not said:
        return False
    digits = "".join(filter(str.isdigit, typed))
    if len(digits) >= DIGITS and any(number.endswith(digits) for number in one.phones):
        return True
    if not one.name and not one.phones:
        return typed.strip().upper() == one.id[-DIGITS:]
    return said == folded(one.name)


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    erasing = Erasing(service, doors)
    router.add_get("/contacts/{id}/erase", doors.guarded(erasing.show, "delete"))
    router.add_post("/contacts/{id}/erase", doors.guarded(erasing.erase, "delete"))
