"""`POST /calls/order`: the PBX rings who is signed in, and then the number that he clicked."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from callrouter import ordering
from callrouter.domain.blocks import whose_number
from callrouter.domain.phones import pretty, read_number
from callrouter.flows.order_call import Wanted, account_of
from callrouter.flows.people import BadFields
from callrouter.pages.calling import CallingOut, line_for
from callrouter.pages.doors import by_script
from storage.listing import find_card, find_obligation

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.orders import StoredOrder

_LONGEST: Final = 64


class OrderingCalls:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Form fields `number`, `line`; of an `obligation` both are its own; `card` must be seen.

        Clicked twice within seconds it is one call.
        """
        form = await request.post()
        number, line, obligation, card = (
            str(form.get(name, "")).strip()[:_LONGEST]
            for name in ("number", "line", "obligation", "card")
        )
        service, words = self._service, guest.words
        if obligation:
            now = service.clock()
            owed = await service.database.read(find_obligation, guest.viewer, obligation, now=now)
            if owed is None or owed.phone is None:
                return self._gone(request, guest)
            number, line = owed.phone, owed.line or line
        if card and await service.database.read(find_card, guest.viewer, card) is None:
            return self._gone(request, guest)
        if why_not := CallingOut(service, guest).why_not(line):
            return self._say(request, guest, why_not, HTTPStatus.CONFLICT)
        manager = guest.manager or ""
        wanted = Wanted(manager, number, line_for(service, manager, line) or "")
        try:
            order = await ordering.order_call(service, wanted, by=guest.by)
        except BadFields:
            says = _why_refused(service.setups.current, wanted, words)
            return self._say(request, guest, says, HTTPStatus.UNPROCESSABLE_ENTITY)
        except ordering.CannotOrder:
            says = words("This PBX takes no orders to call: click-to-call is not set up for it.")
            return self._say(request, guest, says, HTTPStatus.CONFLICT)
        except ordering.NotOrdered as failed:
            says = words("The PBX did not make the call: {why}.", why=str(failed))
            return self._say(request, guest, says, HTTPStatus.BAD_GATEWAY)
        return self._say(request, guest, _says(order, words), HTTPStatus.ACCEPTED)

    def _gone(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        if not by_script(request):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        says = guest.words("It is not there any more.")
        return web.json_response({"says": says}, status=HTTPStatus.NOT_FOUND)

    def _say(
        self, request: web.Request, guest: Guest, says: str, status: HTTPStatus
    ) -> web.StreamResponse:
        if by_script(request):
            return web.json_response({"says": says}, status=status)
        # A page of its own: a browser goes nowhere by 202, and a refusal must be seen.
        status = HTTPStatus.OK if status == HTTPStatus.ACCEPTED else status
        back = urlsplit(request.headers.get("Referer", "")).path
        back = back if back.startswith("/") and not back.startswith("//") else "/"
        return self._doors.page(guest, "ordered", status=status, says=says, back=back)


def _says(order: StoredOrder, words: Words) -> str:
    number = pretty(order.number)
    if order.state == "in_doubt":
        return words(
            "It is not known whether the PBX is calling {number}: it did not answer in time. "
            "If your phone does not ring, call yourself.",
            number=number,
        )
    return words("Calling: first your phone rings, then {number}.", number=number)


def _why_refused(setup: Setup, wanted: Wanted, words: Words) -> str:
    line = setup.lines[wanted.line]
    account = account_of(setup, line)
    number = read_number(wanted.number, setup.region_of(line))
    if number is None:
        return words("This is no phone number. Allowed: for example +7 916 123-45-67.")
    if whose_number(setup, number):
        return words("This number is one of ours.")
    if account and not account.may_dial(number):
        allowed = ", ".join(account.allowed_prefixes or ())
        return words("The PBX may call only numbers that begin with {allowed}.", allowed=allowed)
    return words("This number is blocked.")


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    router.add_post("/calls/order", doors.guarded(OrderingCalls(service, doors).take, "work"))
