"""Who may see a page, in which language, and what every answer of ours tells the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from callrouter.flows.visits import VISIT_LIFE, find_visit
from callrouter.pages.rendering import render
from callrouter.wording import LANGUAGES, speak
from storage.database import BaseSilent
from storage.listing import Viewer

if TYPE_CHECKING:
    from callrouter.domain.setup import Language, Setup
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.visits import Visit

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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


@dataclass(frozen=True, slots=True)
class Guest:
    """Whoever asks for a page. `visit` None: nobody we let in."""

    language: Language
    visit: Visit | None = None

    @property
    def words(self) -> Words:
        return speak(self.language)

    @property
    def is_admin(self) -> bool:
        return self.visit is not None and self.visit.role == "admin"

    @property
    def viewer(self) -> Viewer:
        """For whom the base is read. A screen pop's reader is a manager like any other."""
        return Viewer(self.visit.role if self.visit else "manager")


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

    @property
    def setup(self) -> Setup:
        return self._service.setups.current

    def public_url(self, request: web.Request) -> str:
        """The address that senders know; where none is set, the one that was asked for."""
        return self._service.settings.public_url or f"{request.scheme}://{request.host}"

    def open(self, page: Page) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(page, request, Guest(self._language(request)))

        return serve

    def guarded(self, page: Page) -> Handler:
        async def show(request: web.Request, guest: Guest) -> web.StreamResponse:
            visit = await self.visit_of(request)
            if visit is None:
                return self.message(guest, HTTPStatus.UNAUTHORIZED)
            if request.method not in ("GET", "HEAD") and not self._same_site(request):
                return self.message(guest, HTTPStatus.FORBIDDEN)
            return await page(request, Guest(guest.language, visit))

        return self.open(show)

    async def visit_of(self, request: web.Request) -> Visit | None:
        cookie = request.cookies.get(self.cookie)
        if not cookie:
            return None
        now = self._service.clock()
        return await self._service.database.read(find_visit, cookie, now=now)

    def let_in(self, response: web.Response, cookie: str) -> None:
        response.set_cookie(
            self.cookie,
            cookie,
            max_age=int(VISIT_LIFE.total_seconds()),
            httponly=True,
            secure=self._https,
            samesite="Lax",
            path="/",
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
            is_admin=guest.is_admin,
            **values,
        )
        return web.Response(text=html, status=status, content_type="text/html")

    def message(self, guest: Guest, status: HTTPStatus, kind: str | None = None) -> web.Response:
        """A page that says what is wrong and what to do; `kind` is one of message.html's."""
        return self.page(guest, "message", status=status, kind=kind or str(int(status)))

    async def _serve(self, page: Page, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            response = await page(request, guest)
        except BaseSilent:
            response = self.message(guest, HTTPStatus.SERVICE_UNAVAILABLE)
            response.headers["Retry-After"] = "2"
        except web.HTTPException:
            raise
        except Exception:
            log.exception("page_failed", path=_route(request))
            response = self.message(guest, HTTPStatus.INTERNAL_SERVER_ERROR)
        if not response.prepared:
            response.headers.update(
                {name: value for name, value in SECURITY.items() if name not in response.headers}
            )
            if request.query.get("language") in LANGUAGES:
                self._keep_language(response, guest.language)
        return response

    def _language(self, request: web.Request) -> Language:
        """The one just chosen, else the one chosen before, else the company's."""
        for said in (request.query.get("language"), request.cookies.get(_LANGUAGE)):
            if said in LANGUAGES:
                return said
        return self.setup.company.language

    def _keep_language(self, response: web.StreamResponse, language: Language) -> None:
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


def _route(request: web.Request) -> str:
    """The route without what stands in it: a path may hold a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "?"
