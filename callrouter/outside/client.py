"""The one way to services outside, guarded: a request goes where the setup says, or nowhere.

    response = await client.send(request, door_of(account, provider))

Only hosts that the setup names; only addresses that we checked ourselves, and exactly these are
connected to; no redirect is followed; nothing of ours goes along but the request; nothing is sent
twice. `fetch` brings a file in the same way, and alone follows redirects: each is checked afresh.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import ClassVar, Final, NoReturn
from urllib.parse import urljoin

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from callrouter.domain.setup import Account
from callrouter.outside.addresses import may_reach
from callrouter.outside.pace import Pace
from webhooks.provider import Provider, Request, Response

log = structlog.get_logger()

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address of a name. Raises OSError."""

CONNECT_S: Final = 2.0
TOTAL_S: Final = 10.0
MOST_BYTES: Final = 64 * 1024
REDIRECTS: Final = 3
PIECE: Final = 256 * 1024
NO_HURRY_S: Final = 10.0
"""So long an account rests after a 429 that does not say how long."""

_HOST = r"(?P<name>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)|\[(?P<v6>[0-9a-f:.]{2,45})\]"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?(?:[/?][!-\[\]-~]*)?",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"[\x00\r\n]")
_LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)


_BROKEN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""What goes wrong on the way; a TimeoutError is an OSError."""


class OutsideError(Exception):
    """A request that got no answer. The text is for people: no secret, no query in it."""

    may_have_arrived: ClassVar[bool] = False


class Forbidden(OutsideError):
    """It may not go there; nothing was sent."""


class TooSoon(OutsideError):
    """The account's limit is used up, or the provider asked for a rest; nothing was sent."""

    def __init__(self, message: str, again_after_s: float) -> None:
        super().__init__(message)
        self.again_after_s = again_after_s


class Unreachable(OutsideError):
    """There was no connection; nothing was sent."""


class NoAnswer(OutsideError):
    """There was a connection: what was asked may have been done."""

    may_have_arrived = True


class Unfit(OutsideError):
    """What would come may not be taken: it is too long, or compressed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How slowly a file may come.

    `still_s`: how long nothing may come; besides, `grace_s` and a second for each `per_s` bytes.
    """

    still_s: float = 15.0
    grace_s: float = 30.0
    per_s: int = 16 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """The end of a fetch. Of a 200 `size` bytes were passed on; of all else there is the head only.

    `whole`: the sender said how long it is, or where it ends; else it may have broken off unseen.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    size: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """Where the requests of an account may go: its hosts, each `host` or `host:port`.

    `quiet`: of its addresses only the host is told, for a path may be the key itself.
    """

    account: str
    hosts: frozenset[str]
    allow_private: bool = False
    per_minute: int | None = None
    quiet: bool = False


def door_of(account: Account, provider: Provider) -> Door:
    """The hosts that an account names, and its provider's own where it has no `base_url`."""
    own = (
        [account.base_url] if account.base_url else [f"https://{one}" for one in provider.api_hosts]
    )
    urls = [url for url in (*own, account.call_url) if url]
    hosts = {_read(url).name_and_port for url in urls}
    hosts |= {host.lower() for host in account.recording_hosts}
    return Door(account.key, frozenset(hosts), account.allow_private, provider.per_minute)


def door_to(url: str, name: str, *, private: bool) -> Door:
    """Only the host of this address, of which no more is told. Raises Forbidden."""
    return Door(name, frozenset({_read(url).name_and_port}), private, quiet=True)


class Client:
    """Sends requests. Belongs to the event loop; keeps nothing between two but their pace.

    `resolve`: how names become addresses; None: as the system does. `tls`: whom to trust; None:
    the system's authorities. `total_s`: how long a request may take, from name to last byte;
    `patience`: the same for files.
    """

    def __init__(
        self,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        total_s: float = TOTAL_S,
        patience: Patience | None = None,
    ) -> None:
        # Threads of its own: a name server that is silent must not hold up the spool.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="resolve")
        self._resolve = resolve or self._ask_system
        self._tls = tls
        self._total_s = total_s
        self._patience = patience or Patience()
        self._paces: dict[tuple[str, int | None], Pace] = {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(
        self,
        request: Request,
        door: Door,
        *,
        total_s: float | None = None,
        connect_s: float = CONNECT_S,
        most_bytes: int = MOST_BYTES,
    ) -> Response:
        """Ask once. Whatever was answered is a Response, redirects too. Raises OutsideError.

        The body is as sent, never decompressed.
        """
        pace = self._paces.setdefault((door.account, door.per_minute), Pace(door.per_minute))
        began, way = time.monotonic(), _Way()
        status: int | str = "?"
        where = "?"
        try:
            place = _read(request.url)
            where = place.name_and_port if door.quiet else place.without_query
            _check(place, door)
            if (wait := pace.wait(began)) > 0:
                raise TooSoon(f"asked too often; again in {wait:.0f} s", wait)
            async with asyncio.timeout(total_s or self._total_s):
                addresses = await self._find(place, door)
                response = await self._ask(request, place, addresses, way, connect_s, most_bytes)
            status = response.status
        except OutsideError as error:
            status = type(error).__name__
            raise
        except _BROKEN as error:
            status = type(error).__name__
            _give_up(error, way)
        finally:
            took = round((time.monotonic() - began) * 1000, 1)
            log.info("outside", account=door.account, url=where, status=status, ms=took)
        if (rest := asked_to_rest(response)) is not None:
            pace.rest(rest, time.monotonic())
        return response

    async def _find(self, place: _Place, door: Door) -> Sequence[str]:
        """The addresses of a host, if every one of them may be reached."""
        if place.literal:
            addresses: Sequence[str] = [place.literal]
        else:
            try:
                addresses = await self._resolve(place.name, place.port)
            except (OSError, UnicodeError):
                raise Unreachable(f"{place.name}: there is no such host") from None
        if not addresses:
            raise Unreachable(f"{place.name}: has no address")
        if not all(may_reach(one, private=door.allow_private) for one in addresses):
            hint = "" if door.allow_private else " (allow_private = true allows private ones)"
            raise Forbidden(f"{place.name}: has an address that may not be reached{hint}")
        return addresses

    async def _ask(
        self,
        request: Request,
        place: _Place,
        addresses: Sequence[str],
        way: _Way,
        connect_s: float,
        most_bytes: int,
    ) -> Response:
        async with self._asking(request, addresses, way, connect_s) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > most_bytes:
                    raise NoAnswer(f"{place.name}: its answer is longer than {most_bytes} bytes")
            return Response(response.status, _named(response), bytes(body))

    @contextlib.asynccontextmanager
    async def _asking(
        self, request: Request, addresses: Sequence[str], way: _Way, connect_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask at these addresses and no others; the answer's head is there."""
        connector = aiohttp.TCPConnector(
            resolver=_Found(addresses), use_dns_cache=False, force_close=True, ssl=self._tls or True
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=connect_s),
                trace_configs=[way.traced()],
            ) as session,
            session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=_headers(request),
                data=request.body or None,
                allow_redirects=False,
            ) as response,
        ):
            yield response

    async def fetch(
        self,
        request: Request,
        door: Door,
        write: Callable[[bytes], Awaitable[None]],
        *,
        most_bytes: int,
    ) -> Fetched:
        """Get a file, whatever its length: the body of a 200 goes to `write`, piece by piece.

        At most three redirects are followed, each as if the setup's host had been asked for it:
        same hosts, addresses checked afresh, never from https to http; what was sent along for the
        first host goes to no other. Raises OutsideError, and what `write` raises but OSError.
        """
        # Files have a pace of their own: what people order through the account goes before them.
        files = (f"{door.account}/files", door.per_minute)
        pace = self._paces.setdefault(files, Pace(door.per_minute))
        began, way, hops = time.monotonic(), _Way(), 0
        status: int | str = "?"
        where = "?"
        size = 0
        try:
            while True:
                place = _read(request.url)
                where = place.name_and_port
                _check(place, door)
                if (wait := pace.wait(time.monotonic())) > 0:
                    raise TooSoon(f"asked too often; again in {wait:.0f} s", wait)
                async with asyncio.timeout(self._patience.still_s):
                    addresses = await self._find(place, door)
                way = _Way()
                fetched = await self._pass_on(request, place, addresses, way, write, most_bytes)
                status, size = fetched.status, fetched.size
                onward = _onward(request, place, fetched)
                if onward is None:
                    break
                hops += 1
                if hops > REDIRECTS:
                    raise Forbidden(f"{place.name}: redirects more than {REDIRECTS} times")
                request = onward
        except OutsideError as error:
            status = type(error).__name__
            raise
        except _BROKEN as error:
            status = type(error).__name__
            _give_up(error, way)
        finally:
            # Of a file's address its host only: its name may hold a number.
            took = round((time.monotonic() - began) * 1000, 1)
            said = {"account": door.account, "host": where, "status": status, "hops": hops}
            log.info("fetched", **said, bytes=size, ms=took)
        if fetched.status == 429 and (rest := asked_to_rest(fetched)) is not None:
            pace.rest(rest, time.monotonic())
        return fetched

    async def _pass_on(
        self,
        request: Request,
        place: _Place,
        addresses: Sequence[str],
        way: _Way,
        write: Callable[[bytes], Awaitable[None]],
        most_bytes: int,
    ) -> Fetched:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._patience.still_s):
                asking = self._asking(request, addresses, way, CONNECT_S)
                response = await stack.enter_async_context(asking)
            headers = _named(response)
            if response.status != 200:
                return Fetched(response.status, headers)
            announced, slow = response.content_length, self._patience
            if (announced or 0) > most_bytes:
                raise Unfit(f"{place.name}: the file is longer than {most_bytes} bytes")
            encoding = response.headers.get("Content-Encoding", "identity")
            if encoding.strip().lower() != "identity":
                raise Unfit(f"{place.name}: the file comes compressed")
            size, waited, piece = 0, 0.0, bytearray()
            while True:
                patience = min(slow.still_s, slow.grace_s + size / slow.per_s - waited)
                began = time.monotonic()
                async with asyncio.timeout(max(patience, 0.0)):
                    data = await response.content.readany()
                waited += time.monotonic() - began  # the sender's time, not that of our disk
                size += len(data)
                if size > most_bytes:
                    raise Unfit(f"{place.name}: the file is longer than {most_bytes} bytes")
                piece += data
                if piece and (len(piece) >= PIECE or not data):
                    await write(bytes(piece))
                    piece.clear()
                if not data:
                    break
            chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
            return Fetched(200, headers, size, announced is not None or chunked)

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        def find() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [str(one[4][0]) for one in found]

        return await asyncio.get_running_loop().run_in_executor(self._threads, find)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an address leads. `name` has no brackets; `literal`: it is an IP address."""

    scheme: str
    host: str
    name: str
    port: int
    literal: str | None
    path: str

    @property
    def name_and_port(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def without_query(self) -> str:
        return f"{self.scheme}://{self.name_and_port}{self.path}"


def _read(url: str) -> _Place:
    """Take an address apart, the strict way: what one reader may read otherwise is refused."""
    found = _URL.fullmatch(url)
    if not found:
        raise Forbidden("allowed: https://host/path, in ASCII, without user and password")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    name = (found["v6"] or found["name"]).lower()
    try:
        literal = str(ip_address(name))
    except ValueError:
        literal = None
        if found["v6"] or _LIKE_A_NUMBER.fullmatch(name):
            raise Forbidden("its host is spelled as no address is") from None
    port = int(found["port"] or (443 if scheme == "https" else 80))
    if port > 65_535:
        raise Forbidden("its port is none")
    rest = url[found.end("port") if found["port"] else found.end("host") :]
    return _Place(scheme, host, name, port, literal, rest.partition("?")[0])


def _check(place: _Place, door: Door) -> None:
    if place.scheme != "https" and not door.allow_private:
        raise Forbidden(f"{place.name}: https only (http too with allow_private = true)")
    if not {place.host, place.name_and_port} & door.hosts:
        raise Forbidden(f"{place.name_and_port}: is no host of the account {door.account}")


@dataclass
class _Way:
    """How far a request came. Given up rather than begun twice: aiohttp repeats a GET by itself."""

    connected: bool = False

    def traced(self) -> aiohttp.TraceConfig:
        config = aiohttp.TraceConfig()
        config.on_connection_create_start.append(self._begins)
        config.on_connection_create_end.append(self._is_there)
        return config

    async def _begins(self, *_: object) -> None:
        if self.connected:
            raise NoAnswer("the connection ended before there was an answer")

    async def _is_there(self, *_: object) -> None:
        self.connected = True


class _Found(AbstractResolver):
    """Knows the addresses that were checked, and no others."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002  both are tried
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


def _headers(request: Request) -> list[tuple[str, str]]:
    if any(_BREAKS.search(text) for one in request.headers for text in one):
        raise Forbidden("a header has a line break in it")
    own = [("Accept-Encoding", "identity"), ("User-Agent", "callrouter")]
    given = {name.lower() for name, _ in request.headers}
    return [*request.headers, *(one for one in own if one[0].lower() not in given)]


def _named(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in response.headers.items())


def _onward(request: Request, place: _Place, fetched: Fetched) -> Request | None:
    """The request that a redirect asks for; None: it is none. Raises Forbidden."""
    if fetched.status not in (301, 302, 303, 307, 308):
        return None
    said = next((value for name, value in fetched.headers if name == "location"), "").strip()
    try:
        url = urljoin(request.url, said) if said else ""
    except ValueError:
        url = ""
    other = _read(url)
    if place.scheme == "https" and other.scheme != "https":
        raise Forbidden(f"{place.name}: redirects from https to http")
    same = (other.scheme, other.name_and_port) == (place.scheme, place.name_and_port)
    return Request("GET", url, request.headers if same else ())


def _give_up(error: Exception, way: _Way) -> NoReturn:
    """Say what happened in our own words: a library's may quote what was sent."""
    late = isinstance(error, TimeoutError)
    if way.connected:
        why = "no answer in time" if late else "the connection ended before the answer was whole"
        raise NoAnswer(f"{why} ({type(error).__name__})") from None
    why = "no connection in time" if late else "no connection"
    raise Unreachable(f"{why} ({type(error).__name__})") from None


def asked_to_rest(response: Response | Fetched) -> float | None:
    """How long to send nothing, seconds, if that is what was answered."""
    if response.status not in (429, 503):
        return None
    said = next((value for name, value in response.headers if name == "retry-after"), "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return NO_HURRY_S if response.status == 429 else None
