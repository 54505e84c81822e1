"""`/form`: what a visitor of a site fills in to be called back. Public, no session, no script.

A site shows it in a frame, or sends a plain form of its own to it. Who fills in what people do not
see, or fills all in within a blink, is thanked like anybody, and only counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import structlog
from aiohttp import web

from callrouter.domain.leads import line_of
from callrouter.domain.phones import pretty
from callrouter.flows.leads import FORM, Agrees, Lead, take_lead
from callrouter.flows.new_card import pipeline_named
from callrouter.flows.people import BadFields
from callrouter.metrics import FORMS
from callrouter.pages.doors import CSP
from callrouter.pages.sieve import Sieve
from callrouter.seal import Unsealable
from callrouter.wording import LANGUAGES
from storage.database import BaseSilent

if TYPE_CHECKING:
    from callrouter.domain.setup import Leads, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

MOST_BYTES: Final = 64 * 1024
BODY_S: Final = 10.0
MOST_FIELDS: Final = 60
BLINK: Final = timedelta(seconds=2)
"""Nobody fills a form in so fast."""

BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
TICKET_LIFE: Final = timedelta(hours=24)

_SOURCE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UTM = re.compile(r"utm_[a-z0-9_]{1,40}")
_MOST_UTM: Final = 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in a form.

    `website` is what no person sees; `next`: where a site's own form goes on to.
    """

    name: str = ""
    phone: str = ""
    email: str = ""
    text: str = ""
    processing: str = ""
    advertising: str = ""
    website: str = ""
    source: str = ""
    page: str = ""
    next: str = ""
    ticket: str = ""
    utm: tuple[tuple[str, str], ...] = ()


_LONGEST: Final = {"text": 4000, "page": 2000, "next": 2000, "ticket": 1000}


class LeadForm:
    def __init__(self, service: Service, doors: Doors, sieve: Sieve | None = None) -> None:
        self._service = service
        self._doors = doors
        self._sieve = Sieve() if sieve is None else sieve

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The empty form; source, page and utm_… come with the address, and go with the lead."""
        self._must_be_on()
        filled = _filled(list(request.query.items()))
        referrer = request.headers.get("Referer", "")
        if not filled.page and referrer.startswith(("http://", "https://")):
            filled = replace(filled, page=referrer[: _LONGEST["page"]])
        tongues = [(one, str(request.rel_url.update_query(language=one))) for one in LANGUAGES]
        now = self._service.clock()
        return self._page(request, guest, filled, since=now, tongues=tongues)

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Take what was filled in and thank for it, or show it again with what is wrong."""
        leads = self._must_be_on()
        pairs = await _read(request)
        if pairs is None:
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        filled, now = _filled(pairs), self._service.clock()
        opened = self._opened(filled.ticket, now)
        own_form = request.headers.get("Origin", "").lower() in leads.allowed_origins
        if opened is None and not own_form:
            return self._again(request, guest, filled, "stale", status=HTTPStatus.CONFLICT)
        verdict = self._sieve.look(request.remote, now)
        if verdict == "too_many":
            FORMS.labels("too_many").inc()
            log.warning("lead_form", outcome="too_many")
            return self._again(request, guest, filled, "busy", status=BUSY)
        if spam := _spam(filled, opened, now) or (verdict != "fine" and verdict):
            FORMS.labels(spam).inc()
            log.info("lead_form", outcome=spam)
            return self._thanks(guest, filled, leads)
        if opened and not filled.processing:
            return self._again(request, guest, filled, "processing")
        try:
            await self._keep(request, filled, now)
        except BadFields as bad:
            fields_given = filled.phone or filled.email
            wrong = [one.field for one in bad.wrong] if fields_given else ["ways"]
            return self._again(request, guest, filled, *wrong)
        except BaseSilent:
            return self._again(request, guest, filled, "busy", status=BUSY)
        FORMS.labels("taken").inc()
        log.info("lead_form", outcome="taken")
        return self._thanks(guest, filled, leads)

    async def _keep(self, request: web.Request, filled: Filled, now: datetime) -> None:
        setup = self._doors.setup
        lead = Lead(
            system=FORM,
            external_id=_external_id(filled),
            name=filled.name,
            phone=filled.phone or None,
            email=filled.email or None,
            source=filled.source or None,
            text=filled.text,
            page=filled.page or None,
            utm=dict(filled.utm),
            agrees=Agrees(
                processing=bool(filled.processing),
                advertising=bool(filled.advertising),
                text_version=setup.leads.text_version,
                ip=request.remote,
            ),
        )
        await self._service.database.write(take_lead, lead, setup, by=FORM, now=now)

    # What is shown

    def _page(
        self,
        request: web.Request,
        guest: Guest,
        filled: Filled,
        *,
        since: datetime,
        status: int = 200,
        wrong: Sequence[str] = (),
        tongues: Sequence[tuple[str, str]] = (),
    ) -> web.Response:
        """The form. `since`: when the visitor first saw it; `wrong`: fields, or what else."""
        ticket = f"form:{int(since.timestamp() * 1000)}:{secrets.token_urlsafe(12)}"
        response = self._doors.page(
            guest,
            "form",
            status=status,
            filled=filled,
            wrong=wrong,
            tongues=tongues,
            hidden=_hidden(filled),
            ticket=self._service.seal.ticket(ticket, self._service.clock()),
            policy=self._doors.setup.leads.policy_url,
            number=_number(self._doors.setup, filled.source),
            framed=request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame"),
        )
        return self._framed(response)

    def _again(
        self,
        request: web.Request,
        guest: Guest,
        filled: Filled,
        *wrong: str,
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> web.Response:
        """The form as it was filled in, and what is wrong with it; it may be sent again at once."""
        since = self._service.clock() - BLINK
        return self._page(request, guest, filled, since=since, status=status, wrong=wrong)

    def _thanks(self, guest: Guest, filled: Filled, leads: Leads) -> web.StreamResponse:
        if filled.next and _origin(filled.next) in leads.allowed_origins:
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": filled.next})
        response = self._doors.page(guest, "thanks")
        return self._framed(response)

    def _framed(self, response: web.Response) -> web.Response:
        """Let the sites of the settings show it in a frame, and go on to them."""
        origins = " ".join(("'self'", *self._doors.setup.leads.allowed_origins))
        csp = CSP.replace("frame-ancestors 'none'", f"frame-ancestors {origins}")
        csp = csp.replace("form-action 'self'", f"form-action {origins}")
        response.headers["Content-Security-Policy"] = csp
        return response

    # What is asked of the settings and the seal

    def _must_be_on(self) -> Leads:
        leads = self._doors.setup.leads
        if not leads.form:
            raise web.HTTPNotFound
        return leads

    def _opened(self, ticket: str, now: datetime) -> datetime | None:
        """When this form was shown; None: it is not one of ours, or too old."""
        with suppress(Unsealable, ValueError):
            text = self._service.seal.read_ticket(ticket, now, TICKET_LIFE)
            kind, at, _ = text.split(":", 2)
            if kind == "form":
                return datetime.fromtimestamp(int(at) / 1000, UTC)
        return None


async def _read(request: web.Request) -> list[tuple[str, str]] | None:
    """The fields of a form's body, in order; None for what is no form or too large."""
    packed = request.headers.get("Content-Encoding", "identity").lower() != "identity"
    if packed or request.content_type != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    return None
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except (TimeoutError, ValueError):
        return None


def _filled(pairs: list[tuple[str, str]]) -> Filled:
    """The fields that we know, cut to their longest."""
    said: dict[str, str] = {}
    for key, value in pairs:
        said.setdefault(key, value.replace("\x00", "").replace("\r\n", "\n").strip())
    known = {
        one.name: said.get(one.name, "")[: _LONGEST.get(one.name, 128)]
        for one in fields(Filled)
        if one.name != "utm"
    }
    known["email"] = said.get("email", "")[:254]
    if not _SOURCE.fullmatch(known["source"]):
        known["source"] = ""
    return Filled(**known, utm=tuple(_utm(said))[:_MOST_UTM])


def _utm(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in said.items():
        if value and _UTM.fullmatch(key):
            yield key, value[:128]


def _hidden(filled: Filled) -> list[tuple[str, str]]:
    """What goes with a form unseen: where the visitor came from, and where he goes on to."""
    own = [(name, getattr(filled, name)) for name in ("source", "page", "next")]
    return [(name, value) for name, value in (*own, *filled.utm) if value]


def _spam(filled: Filled, opened: datetime | None, now: datetime) -> str | None:
    """Why no person can have filled this in."""
    if filled.website:
        return "trap"
    if opened and now - opened < BLINK:
        return "too_fast"
    return None


def _external_id(filled: Filled) -> str | None:
    """The same form sent twice is one lead; put right and sent again it is another."""
    if not filled.ticket:
        return None
    said = f"{filled.ticket}\n{filled.name}\n{filled.phone}\n{filled.email}\n{filled.text}"
    return hashlib.sha256(said.encode()).hexdigest()


def _origin(url: str) -> str:
    """Where an address leads; nothing for one that browsers may read in another way."""
    if re.search(r"[\x00-\x20\\]", url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def _number(setup: Setup, source: str) -> str:
    """The number to call instead."""
    pipeline = pipeline_named(setup, setup.leads.pipeline)
    line = line_of(setup, pipeline, source or setup.leads.source) if pipeline else None
    return pretty(line.number) if line else ""
