"""`/users`: who may sign in; inviting, a new password, locking out, another role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from aiohttp import web

from callrouter.flows import users as flow
from callrouter.flows.users import BadUser
from callrouter.inviting import mail_link
from callrouter.pages.doors import whence
from callrouter.pages.leading import see
from callrouter.wording import formats
from callrouter.wording import users as say
from storage import users, visits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Manager, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.users import User

USERS: Final = "/users"

_NOTHING: Final[Mapping[str, str]] = {}
_FIELDS: Final = ("user", "manager", "name", "email", "role")

log = structlog.get_logger(__name__)

State = Literal["in_use", "invited", "locked", "gone"]


@dataclass(frozen=True, slots=True)
class Row:
    """A user in words. `gone`: he is a manager whom the Setup does not have any more."""

    user: User
    role: str
    state: State
    seen: str
    own: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A link that is shown once. `mailed`: it is also on its way to him."""

    user: User
    link: str
    mailed: bool


class Users:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        return await self._page(guest)

    async def invite(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form = await request.post()
        typed = {name: str(form.get(name, "")).strip() for name in ("who", "name", "email", "role")}
        setup = self._service.setups.current
        manager = setup.managers.get(typed["who"])
        if manager and not typed["email"]:
            typed["email"] = manager.email or ""
        try:
            user, token = await self._service.database.write(
                flow.add_user,
                typed["name"],
                typed["email"],
                typed["role"],
                typed["who"] or None,
                setup,
                by=guest.by,
                now=self._service.clock(),
                whence=whence(request),
            )
        except BadUser as bad:
            wrong: dict[str, str] = {bad.field: say.refused(guest.words, bad.field, bad.code)}
            return await self._page(guest, typed=typed, wrong=wrong)
        log.info("invited", user=user.id)
        return await self._page(guest, shown=await self._shown(request, guest, user, token))

    async def new_link(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Another invitation, or a link to a new password."""
        try:
            user, token = await self._service.database.write(
                flow.new_password_link,
                request.match_info["id"],
                by=guest.by,
                now=self._service.clock(),
                whence=whence(request),
            )
        except BadUser as bad:
            return await self._refused(guest, bad)
        return await self._page(guest, shown=await self._shown(request, guest, user, token))

    async def lock(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._do(request, guest, flow.lock, self._service.setups.current)

    async def unlock(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._do(request, guest, flow.unlock)

    async def drop_code(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Of whoever lost telephone and recovery codes."""
        return await self._do(request, guest, flow.turn_totp_off)

    async def give_role(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        role = str((await request.post()).get("role", ""))
        return await self._do(request, guest, flow.give_role, role, self._service.setups.current)

    async def _do(
        self,
        request: web.Request,
        guest: Guest,
        what: Callable[..., None],
        *given: Any,  # noqa: ANN401  whatever the flow takes
    ) -> web.StreamResponse:
        id_ = request.match_info["id"]
        named = {"by": guest.by, "now": self._service.clock(), "whence": whence(request)}
        try:
            await self._service.database.write(what, id_, *given, **named)
        except BadUser as bad:
            return await self._refused(guest, bad)
        log.info(what.__name__, user=id_)
        return see(USERS)

    async def _refused(self, guest: Guest, bad: BadUser) -> web.Response:
        if (bad.field, bad.code) == ("user", "unknown"):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_user")
        return await self._page(
            guest, wrong={"user": say.refused(guest.words, bad.field, bad.code)}
        )

    async def _shown(self, request: web.Request, guest: Guest, user: User, token: str) -> Shown:
        link = f"{self._doors.public_url(request)}/invite/{token}"
        return Shown(user, link, await mail_link(self._service, user, link, guest.words))

    async def _page(
        self,
        guest: Guest,
        *,
        typed: Mapping[str, str] = _NOTHING,
        wrong: Mapping[str, str] = _NOTHING,
        shown: Shown | None = None,
    ) -> web.Response:
        setup = self._service.setups.current
        found, seen = await self._service.database.read(_everybody)
        own = guest.visit.user if guest.visit else None
        taken = {one.manager for one in found}
        return self._doors.page(
            guest,
            "users",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            rows=[self._row(one, seen.get(one.id), own, guest) for one in found],
            free=[one for one in setup.active if one.key not in taken],
            roles=[
                (key, guest.words(name), guest.words(say.CAN[key]))
                for key, name in say.ROLES.items()
            ],
            role_of=lambda one: _role_of(one, guest),
            typed={"who": "", "name": "", "email": "", "role": "manager", **typed},
            wrong={one: wrong.get(one, "") for one in _FIELDS},
            shown=shown,
        )

    def _row(self, user: User, seen: datetime | None, own: str | None, guest: Guest) -> Row:
        setup = self._service.setups.current
        role = flow.role_of(user, setup)
        return Row(
            user=user,
            role=guest.words(say.ROLES[role]) if role else "",
            state=_state(user, setup),
            seen=formats.moment(setup.calendar_of(None).local(seen)) if seen else "",
            own=user.id == own,
        )


def _state(user: User, setup: Setup) -> State:
    if user.locked_at is not None:
        return "locked"
    if flow.role_of(user, setup) is None:
        return "gone"
    return "in_use" if user.password or user.subject else "invited"


def _role_of(manager: Manager, guest: Guest) -> str:
    return guest.words(say.ROLES[manager.role])


def _everybody(conn: Connection) -> tuple[list[User], dict[str, datetime]]:
    return users.everybody(conn), visits.last_seen(conn)


def add_users(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Users(service, doors)
    router.add_get(USERS, doors.guarded(page.show, "users"))
    router.add_post(USERS, doors.guarded(page.invite, "users"))
    router.add_post(f"{USERS}/{{id}}/link", doors.guarded(page.new_link, "users"))
    router.add_post(f"{USERS}/{{id}}/lock", doors.guarded(page.lock, "users"))
    router.add_post(f"{USERS}/{{id}}/unlock", doors.guarded(page.unlock, "users"))
    router.add_post(f"{USERS}/{{id}}/role", doors.guarded(page.give_role, "users"))
    router.add_post(f"{USERS}/{{id}}/code", doors.guarded(page.drop_code, "users"))
