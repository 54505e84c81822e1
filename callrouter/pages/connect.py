"""`/connect`: what to enter in a PBX, whether its hooks come, and why one is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from callrouter.domain.phones import masked
from callrouter.flows.try_call import UnknownLine, try_call
from callrouter.pages.doors import by_script
from callrouter.pages.rendering import render
from callrouter.trials import Came, Verdict, find_account, send_trial
from callrouter.wording import speak, why_text
from callrouter.wording.catalogue import mark
from callrouter.wording.hooks import answered, why_aside, why_refused
from callrouter.wording.people import Voice
from storage.listing_hooks import AsideView, HookView, astray, last_aside, last_hooks, last_refused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Account, Language, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.journal import Refused
    from storage.listing import Viewer
    from webhooks.provider import Provider

FindProvider = Callable[[str, str], "Provider | None"]
"""(provider, account) to the provider with its opened secrets, as hooks meet it."""

SHOWN: Final = 15
LOOKED_AT: Final = 50  # of the refused: whoever is refused goes on, and is shown as one
STRANGER: Final = "+79430000099"  # the code 943 is given to nobody
GUIDES: Final = frozenset({"pbx", "zadarma", "twilio"})
"""Whose settings are told step by step: a template `_guide_….html` each."""

log = structlog.get_logger(__name__)

NewsState = Literal["nothing", "trial", "refused", "works"]


# What is read


@dataclass(frozen=True, slots=True)
class Read:
    hooks: tuple[HookView, ...]
    refused: tuple[Refused, ...]
    aside: tuple[AsideView, ...]
    astray: tuple[Refused, ...]


def read_hooks(conn: Connection, setup: Setup, account: str, viewer: Viewer) -> Read:
    return Read(
        last_hooks(conn, viewer, account, SHOWN),
        last_refused(conn, viewer, account, LOOKED_AT),
        last_aside(conn, viewer, account, SHOWN),
        astray(conn, viewer, list(setup.accounts), LOOKED_AT),
    )


# What is shown


@dataclass(frozen=True, slots=True)
class SecretRow:
    """`name`: the variable's, "" for one that is kept sealed in the base. `there`: it has it."""

    label: str
    name: str
    there: bool


@dataclass(frozen=True, slots=True)
class HookRow:
    key: str
    at: str
    event: str
    caller: str
    says: str
    call: str | None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One reason and sender, however often in a row. `times`: "" for once."""

    key: str
    at: str
    says: str
    peer: str
    where: str
    times: str


@dataclass(frozen=True, slots=True)
class News:
    """What came of the account. `says`: in a sentence."""

    state: NewsState
    says: str
    hooks: tuple[HookRow, ...]
    refused: tuple[RefusedRow, ...]
    aside: tuple[tuple[str, str, str], ...]
    astray: tuple[RefusedRow, ...]


@dataclass(frozen=True, slots=True)
class TrialNote:
    """`fine`: it arrived. `figures`: status and time; `route`: whom a stranger would reach."""

    fine: bool
    says: str
    figures: str = ""
    answer: str = ""
    route: str = ""


def warning_of(public_url: str, words: Words) -> str:
    """What is wrong with a public address, for a PBX that is elsewhere; "" for nothing."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if _is_here(host):
        return words(
            "This address opens on this machine only. For a PBX elsewhere set "
            "CALLROUTER_PUBLIC_URL to the address that it can reach, and start the server again."
        )
    if parts.scheme != "https":
        return words(
            "Without https the secret and the callers' numbers can be read on the way. That is "
            "all right inside one network only; for a PBX elsewhere put a proxy with https before "
            "the server and set CALLROUTER_PUBLIC_URL."
        )
    return ""


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def secret_rows(account: Account, environ: Callable[[str], bool], words: Words) -> list[SecretRow]:
    """Where the account's secrets stand, never what they are."""
    found = []
    for n, secret in enumerate(account.secrets):
        label = words("Secret") if not n else words("Second secret, while one is changed")
        found.append(_secret_row(label, secret, environ))
    if account.api_key:
        found.append(_secret_row(words("API key"), account.api_key, environ))
    return found


def _secret_row(label: str, written: str, environ: Callable[[str], bool]) -> SecretRow:
    if not written.startswith("env:"):
        return SecretRow(label, "", there=True)
    name = written.removeprefix("env:")
    return SecretRow(label, name, environ(name))


def secret_name(account: Account) -> str:
    """How a line for the shell names the secret."""
    name = account.secrets[0] if account.secrets else ""
    return name.removeprefix("env:") if name.startswith("env:") else "SECRET"


def news_of(read: Read, account: Account, setup: Setup, language: Language, now: datetime) -> News:
    voice = Voice(speak(language), setup)
    refused = tuple(_refused_rows(read.refused, account, voice, now))
    state, says = _state(read, voice, now)
    return News(
        state,
        says,
        hooks=tuple(_hook_row(one, voice, now) for one in read.hooks),
        refused=refused[:SHOWN],
        aside=tuple(
            (_clock(one.received, voice, now), one.field, why_aside(voice.words, one.reason))
            for one in read.aside
        ),
        astray=tuple(_refused_rows(read.astray, None, voice, now))[:5],
    )


def _state(read: Read, voice: Voice, now: datetime) -> tuple[NewsState, str]:
    words = voice.words
    real = [one.event.received for one in read.hooks if not _is_trial(one)]
    last = max(real, default=None)
    if read.refused and (last is None or read.refused[0].at > last):
        reason = why_refused(words, read.refused[0].reason)
        return "refused", words("It knocks, but is not let in: {reason}", reason=reason)
    if last:
        at = _clock(last, voice, now)
        return "works", words("Connected: the last event came at {at}", at=at)
    if read.hooks:
        return "trial", words("Our own test has arrived, nothing of the PBX has come yet")
    return "nothing", words("Nothing has come yet")


def _is_trial(one: HookView) -> bool:
    """Every provider's trial calls itself a test."""
    return one.event.kind == "unknown" and "test" in one.event.word.lower()


def _hook_row(one: HookView, voice: Voice, now: datetime) -> HookRow:
    event, words = one.event, voice.words
    if one.told:
        says = answered(voice, one.told)
    elif _is_trial(one):
        says = words("our test")
    elif event.kind == "unknown":
        says = words("kept, an event that we do not know")
    else:
        says = words("answered as before") if event.asks else words("taken")
    return HookRow(
        event.key,
        _clock(event.received, voice, now),
        event.word or event.kind,
        masked(event.caller or ""),
        says,
        one.call,
    )


def _refused_rows(
    found: Sequence[Refused], account: Account | None, voice: Voice, now: datetime
) -> Iterator[RefusedRow]:
    words = voice.words
    for (reason, peer, key, provider), same in groupby(
        found, lambda one: (one.reason, one.peer, one.account, one.provider)
    ):
        times = list(same)
        said = why_refused(words, reason)
        if account and provider != account.provider:
            said = words(
                "the address names the provider {named}, this connection is {provider}",
                named=provider,
                provider=account.provider,
            )
        yield RefusedRow(
            f"{times[-1].at.isoformat()} {peer} {reason}",
            _clock(times[0].at, voice, now),
            said,
            peer,
            f"/webhooks/{provider}/{key}",
            f"×{len(times)}" if len(times) > 1 else "",
        )


def _clock(at: datetime, voice: Voice, now: datetime) -> str:
    local, today = voice.local(at), voice.local(now)
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%d.%m %H:%M}"


# The test


_VERDICTS: Final[dict[Verdict, str]] = {
    "arrived": mark("It arrived: the address, the way to it and the secret are right."),
    "refused": mark(
        "Refused. If the reason stands below, it was this server; else the address leads to "
        "another one, or something before ours wants a password."
    ),
    "redirected": mark(
        "The address redirects to {location}. A PBX does not follow: let CALLROUTER_PUBLIC_URL be "
        "the address where the way ends."
    ),
    "stranger": mark(
        "Somebody else answered. Let the proxy pass /webhooks/ on to callrouter, and see that "
        "callrouter runs."
    ),
    "no_host": mark("No server of that name is known: see CALLROUTER_PUBLIC_URL and the DNS."),
    "closed": mark("Nobody listens at this address: see the proxy, the port and the firewall."),
    "bad_tls": mark("The certificate of this address is not accepted; a PBX would refuse it, too."),
    "silent": mark(
        "No answer in 5 s: a firewall drops it, or the network does not let us reach our own "
        "public address. Try from the PBX's side, too."
    ),
    "broken": mark("The connection broke off before an answer came."),
}


def note_of(came: Came, words: Words, route: str) -> TrialNote:
    says = words(_VERDICTS[came.verdict], location=came.location)
    figures = words("{ms} ms", ms=came.took_ms)
    if came.status:
        figures = words("answer {status}, {ms} ms", status=came.status, ms=came.took_ms)
    fine = came.verdict == "arrived"
    return TrialNote(fine, says, figures, came.answer, route if fine else "")


class Connect:
    """`find`: gives the account's provider, as hooks meet it."""

    def __init__(self, service: Service, doors: Doors, find: FindProvider) -> None:
        self._service = service
        self._doors = doors
        self._find = find
        self._busy: set[str] = set()

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The page of an account, the first one where none is named."""
        account = await self._account(request)
        if account is None and "account" in request.match_info:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        return await self._page(request, guest, account)

    async def show_news(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What came, alone: the page asks for it again and again."""
        account = await self._account(request)
        if account is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        news = await self._news(guest, account)
        return web.Response(
            text=render("_hooks", guest.language, news=news), content_type="text/html"
        )

    async def test(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Send the harmless hook, and say what came of it: a part of the page for a script."""
        account = await self._account(request)
        if account is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND, "no_account")
        note = await self._try(request, guest, account)
        if by_script(request):
            html = render("_trial", guest.language, note=note)
            return web.json_response({"html": html})
        return await self._page(request, guest, account, note)

    async def _account(self, request: web.Request) -> Account | None:
        if key := request.match_info.get("account"):
            return await find_account(self._service, key)
        return next(iter(self._service.setups.current.accounts.values()), None)

    async def _page(
        self,
        request: web.Request,
        guest: Guest,
        account: Account | None,
        note: TrialNote | None = None,
    ) -> web.StreamResponse:
        setup, url = self._service.setups.current, self._doors.public_url(request)
        words = guest.words
        address = f"{url}{account.hook_path}" if account else ""
        parts = urlsplit(address)
        return self._doors.page(
            guest,
            "connect",
            accounts=setup.account,
            account=account,
            address=address,
            scheme=parts.scheme,
            host=parts.netloc,
            path=parts.path,
            warning=warning_of(url, words),
            secrets=secret_rows(account, self._is_set, words) if account else [],
            secret=secret_name(account) if account else "",
            secret_shell=f"${secret_name(account)}" if account else "",
            guide=account.provider if account and account.provider in GUIDES else "",
            number=account.default_line if account else "",
            news=await self._news(guest, account) if account else None,
            note=note,
        )

    async def _news(self, guest: Guest, account: Account) -> News:
        setup, now = self._service.setups.current, self._service.clock()
        read = await self._service.database.read(read_hooks, setup, account.key, guest.viewer)
        return news_of(read, account, setup, guest.language, now)

    async def _try(self, request: web.Request, guest: Guest, account: Account) -> TrialNote:
        words = guest.words
        provider = self._find(account.provider, account.key)
        address = f"{self._doors.public_url(request)}{account.hook_path}"
        trial = provider.trial(address, secrets.token_hex(8)) if provider else None
        if trial is None:
            return TrialNote(fine=False, says=words("There is no secret to try it with."))
        if account.key in self._busy:
            return TrialNote(fine=False, says=words("A test is on its way already."))
        self._busy.add(account.key)
        try:
            came = await send_trial(trial)
        finally:
            self._busy.discard(account.key)
        log.info(
            "trial", account=account.key, verdict=came.verdict, status=came.status, ms=came.took_ms
        )
        return note_of(came, words, await self._route(guest, account))

    async def _route(self, guest: Guest, account: Account) -> str:
        """Whom a stranger's call to the account's line would ring now."""
        setup, now = self._service.setups.current, self._service.clock()
        try:
            decided = await self._service.database.read(
                try_call, setup, line=account.default_line, caller=STRANGER, at=now, now=now
            )
        except UnknownLine:
            return ""
        return why_text(decided.why, setup, language=guest.language)

    def _is_set(self, name: str) -> bool:
        return bool(self._service.settings.environ.get(name))
