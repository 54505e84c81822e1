"""Who may see a page, in which language, and what every answer of ours tells the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from traceback import walk_tb
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from callrouter.domain.rights import Viewer, viewer_of
from callrouter.flows.seeing import NotSeen, check_seen, noun_of
from callrouter.flows.users import Whence
from callrouter.flows.visits import LONGEST_VISIT, find_visit, is_due, keep_up
from callrouter.pages.calling import CallingOut
from callrouter.pages.leading import to_sign_in
from callrouter.pages.menu import menu_of
from callrouter.pages.rendering import render
from callrouter.wording import LANGUAGES, speak
from callrouter.wording.users import ROLES
from storage.alarms import count_open
from storage.database import BaseSilent
from storage.listing import count_owed

if TYPE_CHECKING:
    from callrouter.domain.rights import Right
    from callrouter.domain.setup import Language, Setup
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.visits import Visit

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with "no-referrer" our own forms come with "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_LANGUAGE: Final = "callrouter_language"
_YEAR_S: Final = 365 * 24 * 3600

log = structlog.get_logger(__name__)

_BY_ADDRESS: Final = Viewer("manager")


@dataclass(frozen=True, slots=True)
class Guest:
    """Whoever asks for a page. `visit` None: nobody we let in.

    `viewer`: for whom the base is read; of an open page, which shows nothing of anybody's unless
    its address says so, a manager who sees everything that its address opens.
    """

    language: Language
    visit: Visit | None = None
    viewer: Viewer = _BY_ADDRESS
    name: str = ""
    path: str = ""  # of the page that he is on
    owed: int = 0  # calls back that he sees, and how many of them are overdue
    owed_late: int = 0
    alarms: int = 0  # that are open, for who looks after the server

    @property
    def words(self) -> Words:
        return speak(self.language)

    @property
    def called(self) -> str:
        """His name; of whom no name is known, his role."""
        return self.name or self.words(ROLES[self.viewer.role])

    @property
    def manager(self) -> str | None:
        """Who he is in Setup."""
        return self.viewer.manager

    @property
    def by(self) -> str:
        """How the base names who did what he does: `manager:anna`, `user:ID`, `page:admin`."""
        if self.manager:
            return f"manager:{self.manager}"[:64]
        return f"user:{self.visit.user}" if self.visit and self.visit.user else self._as_role

    @property
    def _as_role(self) -> str:
        return f"page:{self.viewer.role}"

    def may(self, right: Right) -> bool:
        return self.visit is not None and self.viewer.may(right)


Page = Callable[[web.Request, Guest], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Doors:
    """Opens pages: to everybody who has the address (`open`), or only to visitors (`guarded`)."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._https = service.settings.public_url.startswith("https://")
        host = urlsplit(service.settings.public_url).netloc
        self._own_host = host.lower()
        # Cookies know no ports: a demo and a real server on one machine need two names.
        name = f"callrouter_{service.seal.fingerprint[:8]}"
        self.cookie = f"__Host-{name}" if self._https else name
        self.rights: dict[Handler, Right | Literal["open", "in"]] = {}  # what each page needs

    @property
    def setup(self) -> Setup:
        return self._service.setups.current

    def public_url(self, request: web.Request) -> str:
        """The address that senders know; where none is set, the one that was asked for."""
        return self._service.settings.public_url or f"{request.scheme}://{request.host}"

    def open(self, page: Page) -> Handler:
        """A page for whoever has its address."""
        return self._declared(page, "open")

    def own(self, page: Page) -> Handler:
        """An open page whose forms only pages of ours may send; it knows who is in."""

        async def show(request: web.Request, guest: Guest) -> web.StreamResponse:
            guest = await self._recognise(request, guest)
            if _changes(request) and not self._same_site(request):
                return self.message(guest, HTTPStatus.FORBIDDEN)
            return await page(request, guest)

        return self._declared(show, "open")

    def inside(self, page: Page) -> Handler:
        """A page for everybody who is in, about himself."""
        return self._guarded(page, "in")

    def guarded(self, page: Page, right: Right) -> Handler:
        """A page for those who are in and have this right."""
        return self._guarded(page, right)

    def _guarded(self, page: Page, right: Right | Literal["in"]) -> Handler:
        async def show(request: web.Request, guest: Guest) -> web.StreamResponse:
            guest = await self._recognise(request, guest)
            if guest.visit is None:
                if _is_opened(request):
                    return to_sign_in(request)
                return self.message(guest, HTTPStatus.UNAUTHORIZED)
            if _changes(request) and not self._same_site(request):
                return self.message(guest, HTTPStatus.FORBIDDEN)
            if right != "in" and not guest.may(right):
                return self._no_right(request, guest)
            await self._check_seen(request, guest)
            return await page(request, await self._owing(request, guest))

        return self._declared(show, right)

    def _declared(self, page: Page, right: Right | Literal["open", "in"]) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(
                page, request, Guest(self._language(request), path=request.path)
            )

        self.rights[serve] = right
        return serve

    async def _check_seen(self, request: web.Request, guest: Guest) -> None:
        """Of whatever its address names by an id. Raises NotSeen."""
        noun, id_ = noun_of(_route(request)), request.match_info.get("id")
        if noun is not None and id_ is not None and guest.viewer.people is not None:
            await self._service.database.read(check_seen, guest.viewer, noun, id_)

    async def _owing(self, request: web.Request, guest: Guest) -> Guest:
        """With what the menu counts, where a whole page is asked for."""
        whole = request.headers.get("Sec-Fetch-Dest", "document") == "document"
        if request.method != "GET" or not whole or by_script(request) or not guest.may("look"):
            return guest
        now = self._service.clock()
        owed, late = await self._service.database.read(count_owed, guest.viewer, now=now)
        guest = replace(guest, owed=owed, owed_late=late)
        if not guest.may("operate"):
            return guest
        return replace(guest, alarms=await self._service.database.read(count_open))

    async def _recognise(self, request: web.Request, guest: Guest) -> Guest:
        """Who asks, as base and Setup have him now: what is taken away is gone at once."""
        visit = await self.visit_of(request)
        return self.as_now(guest, visit) if visit else guest

    def as_now(self, guest: Guest, visit: Visit) -> Guest:
        """A guest by his visit; without a visit: nobody of the Setup any more."""
        if visit.manager is None:
            return replace(guest, visit=visit, viewer=Viewer(visit.role), name=visit.name)
        manager = self.setup.managers.get(visit.manager)
        if manager is None or not manager.active:
            return guest
        viewer = viewer_of(manager, self.setup, self._service.clock())
        return replace(guest, visit=visit, viewer=viewer, name=manager.name)

    async def visit_of(self, request: web.Request) -> Visit | None:
        cookie = request.cookies.get(self.cookie)
        if not cookie:
            return None
        now = self._service.clock()
        visit = await self._service.database.read(find_visit, cookie, now=now)
        if visit is not None and is_due(visit, now):
            with suppress(BaseSilent):  # he is in all the same
                await self._service.database.write(keep_up, visit, now=now)
        return visit

    def let_in(self, response: web.Response, cookie: str) -> None:
        response.set_cookie(
            self.cookie,
            cookie,
            max_age=int(LONGEST_VISIT.total_seconds()),  # the base ends it sooner
            httponly=True,
            secure=self._https,
            samesite="Lax",
            path="/",
        )

    def let_out(self, response: web.Response) -> None:
        response.del_cookie(
            self.cookie, httponly=True, secure=self._https, samesite="Lax", path="/"
        )

    def page(
        self, guest: Guest, template: str, status: int = 200, **values: object
    ) -> web.Response:
        """Render a whole page; every one knows the company and the languages."""
        html = render(
            template,
            guest.language,
            company=self.setup.company.name,
            languages=LANGUAGES,
            demo=self._service.demo,
            guest=guest,
            menu=menu_of(guest, guest.path),
            calling=CallingOut(self._service, guest),
            **values,
        )
        return web.Response(text=html, status=status, content_type="text/html")

    def message(self, guest: Guest, status: HTTPStatus, kind: str | None = None) -> web.Response:
        """A page that says what is wrong and what to do; `kind` is one of message.html's."""
        return self.page(guest, "message", status=status, kind=kind or str(int(status)))

    def _no_right(self, request: web.Request, guest: Guest) -> web.Response:
        if by_script(request):
            says = guest.words("You may look at this, not change it.")
            return web.json_response({"says": says}, status=HTTPStatus.FORBIDDEN)
        return self.message(guest, HTTPStatus.FORBIDDEN, "no_right")

    def _not_there(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        if by_script(request):
            says = guest.words("It is not there any more.")
            return web.json_response({"says": says}, status=HTTPStatus.NOT_FOUND)
        return self.message(guest, HTTPStatus.NOT_FOUND)

    def _cannot_read(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        if by_script(request):
            says = guest.words("What was sent could not be read. Go back and send it again.")
            return web.json_response({"says": says}, status=HTTPStatus.BAD_REQUEST)
        return self.message(guest, HTTPStatus.BAD_REQUEST, "unreadable")

    async def _serve(self, page: Page, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            response = await page(request, guest)
        except NotSeen:
            response = self._not_there(request, guest)
        except BaseSilent:
            response = self.message(guest, HTTPStatus.SERVICE_UNAVAILABLE)
            response.headers["Retry-After"] = "2"
        except web.HTTPException:
            raise
        except Exception as error:
            if _is_unreadable(error):
                log.info("form_unreadable", path=_route(request))
                response = self._cannot_read(request, guest)
            else:
                log.exception("page_failed", path=_route(request))
                response = self.message(guest, HTTPStatus.INTERNAL_SERVER_ERROR)
        if not response.prepared:
            response.headers.update(
                {name: value for name, value in SECURITY.items() if name not in response.headers}
            )
            if request.query.get("language") in LANGUAGES:
                self.keep_language(response, guest.language)
        return response

    def _language(self, request: web.Request) -> Language:
        """The one just chosen, else the one chosen before, else the company's."""
        for said in (request.query.get("language"), request.cookies.get(_LANGUAGE)):
            if said in LANGUAGES:
                return said
        return self.setup.company.language

    def keep_language(self, response: web.StreamResponse, language: Language) -> None:
        response.set_cookie(
            _LANGUAGE, language, max_age=_YEAR_S, samesite="Lax", secure=self._https, httponly=True
        )

    def _same_site(self, request: web.Request) -> bool:
        """Whether an unsafe request comes from one of our own pages; browsers say so themselves."""
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site is not None and site not in ("same-origin", "none"):
            return False
        if origin is not None:
            host = urlsplit(origin).netloc.lower()
            return bool(host) and host in (request.host.lower(), self._own_host)
        return site is not None


def by_script(request: web.Request) -> bool:
    """Whether a script asks, which wants a value or a sentence, not a page."""
    return "application/json" in request.headers.get("Accept", "")


def _is_unreadable(error: Exception) -> bool:
    """Whether it broke where a form is read: what was sent is none, whoever sent it."""
    reading = web.BaseRequest.post.__code__
    return any(frame.f_code is reading for frame, _ in walk_tb(error.__traceback__))


def _route(request: web.Request) -> str:
    """The route without what stands in it: a path may hold a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "?"


def _changes(request: web.Request) -> bool:
    return request.method not in ("GET", "HEAD")


def _is_opened(request: web.Request) -> bool:
    """Whether a person opens a page, who is best led to where he can sign in."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    asks = "text/html" in request.headers.get("Accept", "")
    return request.method == "GET" and mode == "navigate" and asks


def whence(request: web.Request) -> Whence:
    return Whence(request.remote, request.headers.get("User-Agent"))
