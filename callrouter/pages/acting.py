"""What people do on the screen: presence, a call back that is closed, whose call it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, get_args

from aiohttp import web

from callrouter.domain.managers import PresenceState
from callrouter.domain.outcomes import Outcome
from callrouter.flows.blocks import block_caller
from callrouter.flows.choose_contact import NotOfNumber, choose_contact
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.obligations import ClosedAlready, NotOwed, close_obligation
from callrouter.flows.outcomes import say_outcome
from callrouter.flows.presence import NO_ANSWER, EndHasCome, say
from callrouter.flows.seeing import MayNot, check_speaking, within
from callrouter.pages.doors import by_script
from callrouter.wording import codes

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words

LONGEST_BREAK: Final = timedelta(hours=12)
"""A time of day that has passed means tomorrow's only for whoever works through midnight."""

_LONGEST: Final = 500
_USUAL: Final = {code: said for code, said in codes.PAUSES.items() if code != NO_ANSWER}


def may_act(guest: Guest) -> bool:
    return guest.may("work")


class Acting:
    """Takes the forms of the pages; each goes back to where it stood, or says 204 to a script."""

    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def say_presence(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`until`: when it ends, by the company's clock; empty: as `say` has it."""
        setup = self._service.setups.current
        manager = setup.managers.get(request.match_info["key"])
        form = await request.post()
        state = str(form.get("state", ""))
        if manager is None or not manager.active or state not in get_args(PresenceState):
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST)
        try:
            check_speaking(guest.viewer, manager.key)
        except MayNot:
            return self._refuse(request, guest, HTTPStatus.FORBIDDEN)
        reason = _code(str(form.get("reason", "")), guest.words)
        try:
            until = end_at(str(form.get("until", "")), setup, self._service.clock())
        except EndHasCome:
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST, _passed(guest.words))
        except ValueError:
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST)
        given = (setup, manager, state)
        return await self._do(request, guest, "/", say, *given, reason=reason, until=until)

    async def close(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form = await request.post()
        reason = str(form.get("reason", "")).strip()[:_LONGEST]
        if not reason:
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST)
        id_ = request.match_info["id"]
        where = "/call-back" if form.get("from") == "/call-back" else "/"
        given = (guest.viewer, "obligation", id_, close_obligation, id_, reason)
        return await self._do(request, guest, where, within, *given)

    async def choose(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Say which of the number's people called."""
        id_, form = request.match_info["id"], await request.post()
        contact, setup = str(form.get("contact", "")), self._service.setups.current
        given = (guest.viewer, "call", id_, choose_contact, id_, contact, setup)
        return await self._do(request, guest, f"/calls/{id_}", within, *given)

    async def say_outcome(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, form = request.match_info["id"], await request.post()
        outcome, setup = str(form.get("outcome", "")), self._service.setups.current
        if outcome not in get_args(Outcome):
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST)
        given = (guest.viewer, "call", id_, say_outcome, id_, outcome, None, setup)
        return await self._do(request, guest, f"/calls/{id_}#outcome", within, *given)

    async def block(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Put the caller's number on the block list."""
        id_, setup = request.match_info["id"], self._service.setups.current
        given = (guest.viewer, "call", id_, block_caller, id_, setup)
        return await self._do(request, guest, f"/calls/{id_}#outcome", within, *given)

    async def _do(
        self,
        request: web.Request,
        guest: Guest,
        where: str,
        flow: Callable[..., Any],
        *given: Any,  # noqa: ANN401  whatever the flow takes
        **named: Any,  # noqa: ANN401
    ) -> web.StreamResponse:
        by, now = guest.by, self._service.clock()
        try:
            await self._service.database.write(flow, *given, by=by, now=now, **named)
        except (NoSuchCall, NotOwed, LookupError):
            return self._refuse(request, guest, HTTPStatus.NOT_FOUND)
        except EndHasCome:
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST, _passed(guest.words))
        except (NotOfNumber, ValueError):
            return self._refuse(request, guest, HTTPStatus.BAD_REQUEST)
        except ClosedAlready:
            pass  # somebody was quicker: what was wanted has been done
        if by_script(request):
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})

    def _refuse(
        self, request: web.Request, guest: Guest, status: HTTPStatus, says: str = ""
    ) -> web.StreamResponse:
        """A page that says so, or for a script a sentence to put beside the form."""
        if not by_script(request):
            kind = "no_right" if status == HTTPStatus.FORBIDDEN else None
            return self._doors.message(guest, status, kind)
        return web.json_response({"says": says or _says(status, guest.words)}, status=status)


def end_at(said: str, setup: Setup, now: datetime) -> datetime | None:
    """The next moment at which the company's clock shows `HH:MM`; None for "".

    Raises EndHasCome for a time that has passed today, ValueError for what is no time.
    """
    if not said:
        return None
    clock, local = time.fromisoformat(said), setup.calendar_of(None).local(now)
    for day in (local.date(), local.date() + timedelta(days=1)):
        end = datetime.combine(day, clock, local.tzinfo).astimezone(UTC)
        if now < end <= now + LONGEST_BREAK:
            return end
    raise EndHasCome


def usual_reasons(words: Words) -> list[str]:
    """What a break is most often for."""
    return [words(usual) for usual in _USUAL.values()]


def _code(reason: str, words: Words) -> str:
    """The code of a usual reason, so that everybody reads it in his own language."""
    wanted = reason.strip().casefold()
    return next((code for code, usual in _USUAL.items() if words(usual) == wanted), reason)


def _passed(words: Words) -> str:
    return words("This time has passed.")


def _says(status: HTTPStatus, words: Words) -> str:
    match status:
        case HTTPStatus.NOT_FOUND:
            return words("It is not there any more.")
        case HTTPStatus.FORBIDDEN:
            return words("You may look at this, not change it.")
        case _:
            return words("That did not work. Try again.")
