"""`/sign-in` by e-mail and password, then by a code where that is asked for; and out again.

Or by another service (OpenID Connect), where the environment names one.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from callrouter import totp
from callrouter.domain.passwords import LONGEST
from callrouter.flows import users as flow
from callrouter.flows.users import Wait
from callrouter.flows.visits import open_visit, sign_out
from callrouter.oidc import Begun, NoEntry, Unavailable
from callrouter.pages.doors import whence
from callrouter.pages.entering import FIRST, Entrance
from callrouter.pages.leading import SIGN_IN, own_path, see
from callrouter.pages.me import add_me
from callrouter.pages.users import add_users
from callrouter.passwords import Passwords, TooMany
from callrouter.seal import Unsealable
from callrouter.wording import LANGUAGES
from storage import users
from storage.users import User

if TYPE_CHECKING:
    from callrouter.oidc import SignOn
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

CODE_LIFE: Final = timedelta(minutes=5)
"""Between the password and the code."""
AWAY_LIFE: Final = timedelta(minutes=10)
"""So long somebody may be with the other service by which he signs in."""
SHOWN: Final = 2
"""So many managers the demo offers to be."""

_LONGEST_EMAIL: Final = 254
_LONGEST_CODE: Final = 4000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form; `next`: where to go on to."""

    email: str = ""
    next: str = "/"


class SigningIn:
    def __init__(self, service: Service, doors: Doors, passwords: Passwords) -> None:
        self._service = service
        self._doors = doors
        self._passwords = passwords

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        then = own_path(request.query.get("next", "/"))
        return self.page(guest, Typed(next=then)) if guest.visit is None else see(then)

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Look at the password. An e-mail that nobody has takes as long, and hears the same."""
        form, now, who = await request.post(), self._service.clock(), whence(request)
        email = str(form.get("email", "")).strip()[:_LONGEST_EMAIL]
        password = str(form.get("password", ""))
        typed = Typed(email, own_path(str(form.get("next", "/"))))
        write = self._service.database.write
        begun = await write(flow.begin_try, email, who, now=now)
        if isinstance(begun, Wait):
            log.warning("sign_in", outcome="too_many_tries")
            return self.too_many(guest, typed, begun)
        user, is_right = begun.user, len(password) <= LONGEST
        try:
            kept = user.password if user else None
            is_right &= await self._passwords.is_right(kept, password[:LONGEST])
            old = is_right and kept is not None and self._passwords.is_old(kept)
            anew = await self._passwords.hash(password) if old else None
        except TooMany:
            return self._busy(guest, typed)
        if user is None or not is_right:
            await write(flow.try_failed, user, "password", who, now=now)
            log.info("sign_in", outcome="wrong")
            wrong = guest.words("E-mail or password is not right.")
            return self.page(guest, typed, wrong=wrong, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        if user.asks_for_code:
            await write(flow.password_was_right, email, who, now=now)
            return self._ask_code(guest, user, typed)
        cookie = await write(flow.sign_in, user.id, "password", who, now=now, password=anew)
        return await self.let_in(request, guest, user, cookie, typed)

    # The code

    async def take_code(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Look at the code. Each is good once; tries are counted as those of a password are."""
        form, now, who = await request.post(), self._service.clock(), whence(request)
        typed = Typed(next=own_path(str(form.get("next", "/"))))
        database = self._service.database
        user = await self._half_in(str(form.get("ticket", "")))
        if user is None or user.totp is None:
            wrong = guest.words("That took too long: begin again.")
            return self.page(guest, typed, wrong=wrong, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        begun = await database.write(flow.begin_try, user.email, who, now=now)
        if isinstance(begun, Wait):
            log.warning("sign_in", outcome="too_many_tries")
            return self.too_many(guest, typed, begun)
        code = str(form.get("code", ""))[:40]
        step = totp.step_of(self._service.seal.open(user.totp), code, now)
        if not await database.write(flow.use_code, user.id, code, step):
            await database.write(flow.try_failed, user, "code", who, now=now)
            log.info("sign_in", outcome="wrong_code")
            wrong = guest.words("This code is not right, or has been used.")
            return self._ask_code(guest, user, typed, wrong)
        how = "code" if step is not None else "recovery_code"
        cookie = await database.write(flow.sign_in, user.id, how, who, now=now)
        return await self.let_in(request, guest, user, cookie, typed)

    async def _half_in(self, ticket: str) -> User | None:
        """Whose password was right a moment ago."""
        now = self._service.clock()
        try:
            kind, _, id_ = self._service.seal.read_ticket(ticket, now, CODE_LIFE).partition(":")
        except Unsealable:
            return None
        return await self._service.database.read(users.find, id_) if kind == "code" else None

    def _ask_code(self, guest: Guest, user: User, typed: Typed, wrong: str = "") -> web.Response:
        ticket = self._service.seal.ticket(f"code:{user.id}", self._service.clock())
        status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
        return self._doors.page(
            guest, "sign_in_code", status=status, ticket=ticket, typed=typed, wrong=wrong
        )

    # In and out

    async def let_in(
        self, request: web.Request, guest: Guest, user: User, cookie: str | None, typed: Typed
    ) -> web.StreamResponse:
        if cookie is None:
            wrong = guest.words("E-mail or password is not right.")
            return self.page(guest, typed, wrong=wrong, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        log.info("sign_in", outcome="in", user=user.id)
        await self._end(request, guest)  # what this browser was in by before
        home = see(typed.next)
        self._doors.let_in(home, cookie)
        said = (await self._service.database.read(users.prefs, user.id)).get("language")
        for language in LANGUAGES:
            if language == said:
                self._doors.keep_language(home, language)
        return home

    async def sign_out(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        await self._end(request, guest)
        log.info("signed_out")
        out = see(SIGN_IN)
        self._doors.let_out(out)
        return out

    async def _end(self, request: web.Request, guest: Guest) -> None:
        if guest.visit is not None:
            address, now = whence(request).address, self._service.clock()
            await self._service.database.write(
                sign_out, guest.visit, by=guest.by, now=now, address=address
            )

    async def as_somebody(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The demo lets anybody be one of its people, or the admin."""
        form, who = await request.post(), whence(request)
        key = str(form.get("who", ""))
        manager = self._service.setups.current.managers.get(key)
        if key != "admin" and (manager is None or not manager.active):
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        await self._end(request, guest)
        cookie = await self._service.database.write(
            open_visit,
            manager.role if manager else "admin",
            now=self._service.clock(),
            manager=manager.key if manager else None,
            address=who.address,
            agent=who.agent,
        )
        home = see(own_path(str(form.get("next", "/"))))
        self._doors.let_in(home, cookie)
        return home

    # What is shown

    def page(
        self, guest: Guest, typed: Typed, *, wrong: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        return self._doors.page(
            guest,
            "sign_in",
            status=status,
            typed=typed,
            wrong=wrong,
            people=self._service.setups.current.active if self._service.demo else (),
            outside=self._service.sign_on.name if self._service.sign_on else "",
            first=SHOWN,
        )

    def too_many(self, guest: Guest, typed: Typed, wait: Wait) -> web.Response:
        wrong = guest.words.many(
            "Too many tries. Again in {n} second.",
            "Too many tries. Again in {n} seconds.",
            wait.seconds,
        )
        response = self.page(guest, typed, wrong=wrong, status=HTTPStatus.TOO_MANY_REQUESTS)
        response.headers["Retry-After"] = str(wait.seconds)
        return response

    def _busy(self, guest: Guest, typed: Typed) -> web.Response:
        wrong = guest.words("Many people sign in right now. Try again in a moment.")
        response = self.page(guest, typed, wrong=wrong, status=HTTPStatus.SERVICE_UNAVAILABLE)
        response.headers["Retry-After"] = "3"
        return response


class ByAnother:
    """Signing in by another service; what it needs to come back goes along in a sealed cookie.

    No code is asked for afterwards: who that service lets in is its own affair.
    """

    def __init__(self, service: Service, doors: Doors, signing: SigningIn, sign_on: SignOn) -> None:
        self._service = service
        self._doors = doors
        self._signing = signing
        self._sign_on = sign_on
        self._cookie = f"{doors.cookie}_oidc"

    async def begin(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        then = own_path(request.query.get("next", "/"))
        if guest.visit is not None:
            return see(then)
        try:
            begun, url = await self._sign_on.begin(self._returns_to(request))
        except Unavailable as error:
            log.warning("sign_in", outcome="oidc_unavailable", why=str(error))
            return self._refused(guest, then, HTTPStatus.BAD_GATEWAY)
        said = json.dumps([begun.state, begun.nonce, begun.verifier, then])
        away = see(url)
        away.set_cookie(
            self._cookie,
            self._service.seal.ticket(f"oidc:{said}", self._service.clock()),
            max_age=int(AWAY_LIFE.total_seconds()),
            httponly=True,
            secure=self._doors.cookie.startswith("__Host-"),
            samesite="Lax",
            path="/",
        )
        return away

    async def finish(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Where the other service sends the browser; what it took along is used up by that."""
        answer = await self._finish(request, guest)
        secure = self._doors.cookie.startswith("__Host-")
        answer.del_cookie(self._cookie, httponly=True, secure=secure, samesite="Lax", path="/")
        return answer

    async def _finish(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        now, who, write = self._service.clock(), whence(request), self._service.database.write
        try:
            begun, then = self._taken_along(request)
        except NoEntry as no:  # any page may send its readers here: that is no try of theirs
            log.info("sign_in", outcome="oidc_refused", why=no.code)
            return self._refused(guest, "/")
        wait = await write(flow.begin_outside_try, who, now=now)
        if wait is not None:
            log.warning("sign_in", outcome="too_many_tries")
            return self._signing.too_many(guest, Typed(next=then), wait)
        try:
            code = request.query.get("code", "")[:_LONGEST_CODE]
            known = await self._sign_on.finish(code, begun, self._returns_to(request))
        except NoEntry as no:
            log.info("sign_in", outcome="oidc_refused", why=no.code)
            await write(flow.try_failed, None, "oidc", who, now=now)
            return self._refused(guest, then)
        except Unavailable as error:
            log.warning("sign_in", outcome="oidc_unavailable", why=str(error))
            await write(flow.outside_was_silent, who, now=now)
            return self._refused(guest, then, HTTPStatus.BAD_GATEWAY)
        entered = await write(
            flow.enter_outside, known.issuer, known.subject, known.email, who, now=now
        )
        if entered is None:
            log.info("sign_in", outcome="oidc_unknown")
            wrong = guest.words(
                "Nobody here has this account. Ask whoever administers callrouter for an "
                "invitation to the same e-mail."
            )
            status = HTTPStatus.FORBIDDEN
            return self._signing.page(guest, Typed(next=then), wrong=wrong, status=status)
        user, cookie = entered
        return await self._signing.let_in(request, guest, user, cookie, Typed(next=then))

    def _taken_along(self, request: web.Request) -> tuple[Begun, str]:
        """What this browser began with, and where it wanted to go. Raises NoEntry."""
        ticket = request.cookies.get(self._cookie, "")
        try:
            said = self._service.seal.read_ticket(ticket, self._service.clock(), AWAY_LIFE)
        except Unsealable:
            raise NoEntry("not_begun_here") from None
        kind, _, text = said.partition(":")
        if kind != "oidc":
            raise NoEntry("not_begun_here")
        state, nonce, verifier, then = json.loads(text)
        if not secrets.compare_digest(request.query.get("state", "").encode(), state.encode()):
            raise NoEntry("state")
        return Begun(state, nonce, verifier), then

    def _returns_to(self, request: web.Request) -> str:
        return f"{self._doors.public_url(request)}{SIGN_IN}/oidc/return"

    def _refused(
        self, guest: Guest, then: str, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
    ) -> web.Response:
        name = self._sign_on.name
        wrong = guest.words("Signing in with {name} did not work. Try again.", name=name)
        return self._signing.page(guest, Typed(next=then), wrong=wrong, status=status)


def add(router: web.UrlDispatcher, service: Service, doors: Doors, passwords: Passwords) -> None:
    """All pages by which people come in, and of who they are."""
    signing = SigningIn(service, doors, passwords)
    router.add_get(SIGN_IN, doors.own(signing.show))
    router.add_post(SIGN_IN, doors.own(signing.take))
    router.add_post(f"{SIGN_IN}/code", doors.own(signing.take_code))
    router.add_post("/sign-out", doors.inside(signing.sign_out))
    if service.demo:
        router.add_post("/demo/as", doors.own(signing.as_somebody))
    if service.sign_on:
        outside = ByAnother(service, doors, signing, service.sign_on)
        router.add_get(f"{SIGN_IN}/oidc", doors.own(outside.begin), allow_head=False)
        router.add_get(f"{SIGN_IN}/oidc/return", doors.own(outside.finish), allow_head=False)
    entrance = Entrance(service, doors, passwords)
    router.add_get("/enter/{token}", doors.open(entrance.show), allow_head=False)
    router.add_get("/invite/{token}", doors.own(entrance.ask_invited), allow_head=False)
    router.add_post("/invite/{token}", doors.own(entrance.take_invited))
    router.add_get(FIRST, doors.guarded(entrance.ask_first, "users"))
    router.add_post(FIRST, doors.guarded(entrance.make_first, "users"))
    add_me(router, service, doors, passwords)
    add_users(router, service, doors)
