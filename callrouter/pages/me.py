"""`/me`: who one is here, by which password and code one comes in, and where one is in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from callrouter import totp
from callrouter.domain.passwords import LONGEST, weakness
from callrouter.flows import users as flow
from callrouter.flows import visits as being_in
from callrouter.flows.users import BadUser, Wait
from callrouter.pages.doors import whence
from callrouter.pages.leading import see
from callrouter.passwords import Passwords, TooMany
from callrouter.wording import LANGUAGES, formats
from callrouter.wording import users as say
from storage import users, visits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.users import User
    from storage.visits import Visit

ME: Final = "/me"
QR: Final = "/me/code.svg"

_NOTHING: Final[Mapping[str, str]] = {}
_FIELDS: Final = ("name", "email", "current", "password", "code")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """Where somebody is in, in words."""

    id: str
    browser: str
    address: str
    began: str
    seen: str
    here: bool


@dataclass(frozen=True, slots=True)
class _Mine:
    user: User
    prefs: Mapping[str, str]
    visits: list[Visit]


class Me:
    def __init__(self, service: Service, doors: Doors, passwords: Passwords) -> None:
        self._service = service
        self._doors = doors
        self._passwords = passwords

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._page(guest, kept="kept" in request.query)

    async def change(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        user, form = await self._user(guest), await request.post()
        typed = {name: str(form.get(name, "")).strip() for name in ("name", "email")}
        try:
            await self._service.database.write(
                flow.change_own,
                user.id,
                typed["name"],
                typed["email"],
                by=guest.by,
                now=self._service.clock(),
                whence=whence(request),
            )
        except BadUser as bad:
            wrong: dict[str, str] = {bad.field: say.refused(guest.words, bad.field, bad.code)}
            return await self._page(guest, typed=typed, wrong=wrong)
        return see(f"{ME}?kept=account")

    async def choose_language(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form = await request.post()
        said = str(form.get("language", ""))
        chosen = next((one for one in LANGUAGES if one == said), None)
        if chosen is None:
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        if guest.visit and guest.visit.user:
            await self._service.database.write(users.put_pref, guest.visit.user, "language", chosen)
        response = see(f"{ME}?kept=language")
        self._doors.keep_language(response, chosen)
        return response

    async def change_password(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        user, form = await self._user(guest), await request.post()
        password = str(form.get("password", ""))
        wrong = await self._own_password(request, guest, user, str(form.get("current", "")))
        company = self._service.setups.current.company.name
        if not wrong and (found := weakness(password, (user.name, user.email, company))):
            wrong = {"password": say.weak(guest.words, found)}
        if wrong:
            return await self._page(guest, wrong=wrong)
        try:
            kept = await self._passwords.hash(password)
        except TooMany:
            return await self._page(guest, wrong={"current": _busy(guest)})
        await self._service.database.write(
            flow.change_password,
            user.id,
            kept,
            guest.visit.id if guest.visit else "",
            by=guest.by,
            now=self._service.clock(),
            whence=whence(request),
        )
        log.info("changed_password", user=user.id)
        return see(f"{ME}?kept=password")

    async def _own_password(
        self, request: web.Request, guest: Guest, user: User, current: str
    ) -> dict[str, str]:
        """What to say beside the own password; a stolen visit may not guess at it either."""
        now, who, write = self._service.clock(), whence(request), self._service.database.write
        begun = await write(flow.begin_try, user.email, who, now=now)
        if isinstance(begun, Wait):
            return {"current": _too_many(guest, begun)}
        try:
            is_right = await self._passwords.is_right(user.password, current[:LONGEST])
        except TooMany:
            return {"current": _busy(guest)}
        if not is_right:
            await write(flow.try_failed, user, "password", who, now=now)
            return {"current": guest.words("This is not your password of now.")}
        await write(flow.try_was_right, user, who)
        return {}

    # A second step

    async def begin_code(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        user = await self._user(guest)
        sealed = self._service.seal.close(totp.new_secret())
        with suppress(BadUser):  # it is on: the page says so
            await self._service.database.write(flow.begin_totp, user.id, sealed)
        return see(f"{ME}#code")

    async def show_qr(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        """The secret as a picture, until it is asked for; then nobody sees it again."""
        user = await self._user(guest)
        if user.totp is None or user.asks_for_code:
            raise web.HTTPNotFound
        company = self._service.setups.current.company.name
        uri = totp.uri_of(self._service.seal.open(user.totp), user.email, company)
        return web.Response(body=totp.picture_of(uri), content_type="image/svg+xml")

    async def turn_code_on(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        user, form = await self._user(guest), await request.post()
        now = self._service.clock()
        step = None
        if user.totp is not None and not user.asks_for_code:
            secret = self._service.seal.open(user.totp)
            step = totp.step_of(secret, str(form.get("code", ""))[:40], now)
        if step is None:
            wrong = {"code": guest.words("This code is not right. The app shows a new one soon.")}
            return await self._page(guest, wrong=wrong)
        try:
            codes = await self._service.database.write(
                flow.turn_totp_on, user.id, step, by=guest.by, now=now, whence=whence(request)
            )
        except BadUser:
            return see(f"{ME}#code")
        log.info("turned_totp_on", user=user.id)
        return self._doors.page(guest, "recovery_codes", codes=codes)

    async def turn_code_off(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        user, form = await self._user(guest), await request.post()
        wrong = await self._own_password(request, guest, user, str(form.get("current", "")))
        if wrong:
            return await self._page(guest, wrong={"code": wrong["current"]})
        await self._service.database.write(
            flow.turn_totp_off,
            user.id,
            by=guest.by,
            now=self._service.clock(),
            whence=whence(request),
        )
        log.info("turned_totp_off", user=user.id)
        return see(f"{ME}?kept=code")

    # Where one is in

    async def end(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """End one of one's visits, or all but this one."""
        user, form = await self._user(guest), await request.post()
        id_, own = str(form.get("id", "")), guest.visit.id if guest.visit else ""
        do = being_in.end_visit if id_ else being_in.end_others
        await self._service.database.write(
            do,
            user.id,
            id_ or own,
            by=guest.by,
            now=self._service.clock(),
            address=whence(request).address,
        )
        return see(f"{ME}?kept=sessions#sessions")

    async def _user(self, guest: Guest) -> User:
        """Whose account it is; who is in by a link has none."""
        id_ = guest.visit.user if guest.visit else None
        user = await self._service.database.read(users.find, id_) if id_ else None
        if user is None:
            raise web.HTTPNotFound
        return user

    async def _page(
        self,
        guest: Guest,
        *,
        typed: Mapping[str, str] = _NOTHING,
        wrong: Mapping[str, str] = _NOTHING,
        kept: bool = False,
    ) -> web.Response:
        setup, now = self._service.setups.current, self._service.clock()
        id_ = guest.visit.user if guest.visit else None
        mine = await self._service.database.read(_mine, id_, now) if id_ else None
        user = mine.user if mine else None
        secret = ""
        if user and user.totp and not user.asks_for_code:
            secret = self._service.seal.open(user.totp)
        return self._doors.page(
            guest,
            "me",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            user=user,
            manager=setup.managers.get(guest.manager or ""),
            role=guest.words(say.ROLES[guest.viewer.role]),
            can=guest.words(say.CAN[guest.viewer.role]),
            prefs=mine.prefs if mine else {},
            typed={"name": user.name, "email": user.email, **typed} if user else {},
            wrong={one: wrong.get(one, "") for one in _FIELDS},
            secret=" ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
            qr=QR,
            kept=kept,
            sessions=[self._session(one, guest) for one in (mine.visits if mine else ())],
            until=self._local(guest.visit.expires_at) if guest.visit else "",
            today=now,
        )

    def _session(self, visit: Visit, guest: Guest) -> Session:
        return Session(
            id=visit.id,
            browser=say.browser(guest.words, visit.agent),
            address=visit.address or "",
            began=self._local(visit.created_at) if visit.created_at else "",
            seen=self._local(visit.seen_at) if visit.seen_at else "",
            here=guest.visit is not None and guest.visit.id == visit.id,
        )

    def _local(self, at: datetime) -> str:
        return formats.moment(self._service.setups.current.calendar_of(None).local(at))


def _mine(conn: Connection, id_: str, now: datetime) -> _Mine | None:
    user = users.find(conn, id_)
    if user is None:
        return None
    return _Mine(user, users.prefs(conn, id_), visits.of_user(conn, id_, now=now))


def _too_many(guest: Guest, wait: Wait) -> str:
    return guest.words.many(
        "Too many tries. Again in {n} second.",
        "Too many tries. Again in {n} seconds.",
        wait.seconds,
    )


def _busy(guest: Guest) -> str:
    return guest.words("Many people sign in right now. Try again in a moment.")


def add_me(router: web.UrlDispatcher, service: Service, doors: Doors, passwords: Passwords) -> None:
    me = Me(service, doors, passwords)
    router.add_get(ME, doors.inside(me.show))
    router.add_post(ME, doors.inside(me.change))
    router.add_post(f"{ME}/language", doors.inside(me.choose_language))
    router.add_post(f"{ME}/password", doors.inside(me.change_password))
    router.add_post(f"{ME}/code", doors.inside(me.begin_code))
    router.add_get(QR, doors.inside(me.show_qr))
    router.add_post(f"{ME}/code/on", doors.inside(me.turn_code_on))
    router.add_post(f"{ME}/code/off", doors.inside(me.turn_code_off))
    router.add_post(f"{ME}/sessions/end", doors.inside(me.end))
