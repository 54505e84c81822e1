"""Coming in by a link: the server's own, an invitation, and the first admin of an empty base."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from callrouter.domain.passwords import LONGEST, weakness
from callrouter.flows import users as flow
from callrouter.flows.users import BadUser
from callrouter.flows.visits import enter, find_visit
from callrouter.pages.doors import whence
from callrouter.pages.leading import SIGN_IN, see
from callrouter.passwords import Passwords, TooMany
from callrouter.wording import users as say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callrouter.domain.setup import Manager
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.users import User

FIRST: Final = "/users/first"

_FIELDS: Final = ("manager", "name", "email", "password")

log = structlog.get_logger(__name__)


class Entrance:
    def __init__(self, service: Service, doors: Doors, passwords: Passwords) -> None:
        self._service = service
        self._doors = doors
        self._passwords = passwords

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Change the link for a cookie. Who is in already is not sent away by a used link."""
        if _guesses(request):
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        token, now, who = request.match_info["token"], self._service.clock(), whence(request)
        cookie = await self._service.database.write(
            enter, token, now=now, address=who.address, agent=who.agent
        )
        if cookie is None:
            if await self._doors.visit_of(request) is None:
                return self._doors.message(guest, HTTPStatus.UNAUTHORIZED, "link_used")
            return see("/")
        log.info("came_in", by="link")
        home = see(FIRST if await self._wants_first(cookie) else "/")
        self._doors.let_in(home, cookie)
        return home

    async def _wants_first(self, cookie: str) -> bool:
        """Whether an admin has come into a base where nobody can sign in as one yet."""
        if self._service.demo:
            return False
        visit = await self._service.database.read(find_visit, cookie, now=self._service.clock())
        is_admin = visit is not None and visit.manager is None and visit.role == "admin"
        return is_admin and not await self._has_admin()

    # The first admin

    async def ask_first(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        """Who is let in by the server's own link makes an account of it, or does so later."""
        if await self._has_admin():
            return see("/users")
        return self._first(guest, {}, {})

    async def make_first(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form = await request.post()
        typed = {name: str(form.get(name, "")).strip() for name in ("name", "email", "manager")}
        password = str(form.get("password", ""))
        manager = self._service.setups.current.managers.get(typed["manager"])
        own = (manager.name if manager else typed["name"], typed["email"])
        if found := weakness(password, own):
            wrong = {"password": say.weak(guest.words, found)}
            return self._first(guest, typed, wrong)
        try:
            kept = await self._passwords.hash(password)
        except TooMany:
            return self._busy(guest)
        try:
            cookie = await self._service.database.write(
                flow.make_admin,
                typed["name"],
                typed["email"],
                typed["manager"] or None,
                kept,
                self._service.setups.current,
                whence(request),
                by=guest.by,
                now=self._service.clock(),
            )
        except BadUser as bad:
            if bad.field == "user":
                return see("/users")
            return self._first(guest, typed, {bad.field: say.refused(guest.words, *_said(bad))})
        log.info("made_first_admin")
        home = see("/")
        self._doors.let_in(home, cookie)
        return home

    async def _has_admin(self) -> bool:
        setup = self._service.setups.current
        return await self._service.database.read(flow.has_admin, setup)

    def _first(
        self, guest: Guest, typed: Mapping[str, str], wrong: Mapping[str, str]
    ) -> web.Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
        return self._doors.page(
            guest,
            "first_admin",
            status=status,
            typed={one: typed.get(one, "") for one in _FIELDS},
            wrong={one: wrong.get(one, "") for one in _FIELDS},
            admins=self._admins(),
        )

    def _admins(self) -> list[Manager]:
        return [one for one in self._service.setups.current.active if one.role == "admin"]

    # Invitations, and new passwords: the same page

    async def ask_invited(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        token, now = request.match_info["token"], self._service.clock()
        user = await self._service.database.read(flow.find_invited, token, now=now)
        if user is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "invite_used")
        return self._invited(guest, user, "")

    async def take_invited(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        token, now = request.match_info["token"], self._service.clock()
        database, form = self._service.database, await request.post()
        user = await database.read(flow.find_invited, token, now=now)
        if user is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "invite_used")
        password = str(form.get("password", ""))
        company = self._service.setups.current.company.name
        if found := weakness(password, (user.name, user.email, company)):
            return self._invited(guest, user, say.weak(guest.words, found))
        try:
            kept = await self._passwords.hash(password)
        except TooMany:
            return self._busy(guest)
        taken = await database.write(flow.accept, token, kept, whence(request), now=now)
        if taken is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "invite_used")
        log.info("chose_password", user=user.id)
        cookie = taken[1]
        home = see("/" if cookie else SIGN_IN)
        if cookie:
            self._doors.let_in(home, cookie)
        return home

    def _invited(self, guest: Guest, user: User, wrong: str) -> web.Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
        return self._doors.page(
            guest, "invite", status=status, user=user, wrong=wrong, longest=LONGEST
        )

    def _busy(self, guest: Guest) -> web.Response:
        response = self._doors.message(guest, HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        response.headers["Retry-After"] = "3"
        return response


def _guesses(request: web.Request) -> bool:
    """A browser that only looks ahead would use the link up."""
    return "prefetch" in request.headers.get("Sec-Purpose", "")


def _said(bad: BadUser) -> tuple[str, str]:
    return bad.field, bad.code
