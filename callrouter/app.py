"""create_app(): the only file that knows everybody, and how a server begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, TextIO

import structlog
from aiohttp import web

from callrouter.api.attach import add_api
from callrouter.api.health import add_health
from callrouter.flows.visits import new_link
from callrouter.flows.work import Desk
from callrouter.intake.intake import Intake, Parts
from callrouter.intake.keeping import Keeper
from callrouter.jobs import send_letter
from callrouter.jobs.kinds import feeds_of, kinds_of, schedules_of
from callrouter.jobs.worker import Worker
from callrouter.pages import add_pages
from callrouter.pages.relay import Relay
from callrouter.saving import is_half_restored
from callrouter.seal import Seal, keep_key
from callrouter.service import Clock, Service
from callrouter.settings import BadSettings, Settings
from storage import jobs, setups, users
from storage.database import BaseSilent, Database, open_database
from storage.files import Folder
from webhooks.handler import SERVER_OPTIONS, FrontDoor
from webhooks.uploads import UploadDoor

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.typedefs import Handler, Middleware

    from callrouter.outside.sink import Sink

log = structlog.get_logger()

Dial = Callable[[str, str, str], Awaitable[str]]
"""Lets the fake PBX call: (kind, caller, line) to the call's id at the PBX."""

DRAIN_S = 4.0
"""So long requests may take to end, when the server ends; aiohttp waits twice. Most take ms."""


class CannotServe(Exception):
    """Why a server cannot begin, in a line for the terminal."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Server:
    """A server's parts, before it begins."""

    service: Service
    intake: Intake
    keeper: Keeper
    relay: Relay
    worker: Worker
    app: web.Application


def open_seal(settings: Settings) -> Seal:
    """The secret key of the settings, else the one kept in the data directory."""
    return Seal(settings.secret_key or keep_key(settings.data_dir / "secret.key"))


def create_app(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    database: Database | None = None,
    demo: bool = False,
    dial: Dial | None = None,
    mail: Sink | None = None,
) -> Server:
    """Put the rooms together. Nothing is opened or begun yet; `settings.public_url` is set."""
    seal = open_seal(settings)
    base = database or open_database(settings.database, checkpoints=True)
    cache = setups.SetupCache()

    def card_url(call: str, now: datetime) -> str:
        return f"{settings.public_url}/pop/{seal.ticket(call, now)}"

    service = Service(settings, base, cache, seal, clock, demo=demo)
    relay = Relay(service)
    parts = Parts(
        database=base,
        desk=Desk(cache, card_url),
        seal=seal,
        data_dir=settings.data_dir,
        environ=settings.environ,
        clock=clock,
    )
    worker = Worker(base, clock, kinds_of(service), schedules_of(service), feeds=feeds_of(service))

    def committed() -> None:
        relay.wake()
        worker.wake()

    intake = Intake(parts, committed=committed)
    app = web.Application(
        middlewares=[_trust_proxies(settings.trusted_proxies)], client_max_size=1024**2
    )
    keeper = Keeper(base, intake, service.files, settings.data_dir / "recordings", clock)
    app.add_routes(FrontDoor(intake, settings.public_url).routes())
    app.add_routes(UploadDoor(intake, keeper, settings.public_url).routes())
    add_health(app, service, intake)
    add_api(app, service)
    add_pages(app, service, find=intake.provider, dial=dial, relay=relay, mail=mail)
    return Server(service, intake, keeper, relay, worker, app)


def _trust_proxies(networks: tuple[str, ...]) -> Middleware:
    """Take the client's address from X-Forwarded-For, where a trusted proxy wrote it."""
    trusted = [ip_network(network, strict=False) for network in networks]

    def is_trusted(address: str | None) -> bool:
        try:
            return any(ip_address(address or "") in network for network in trusted)
        except ValueError:
            return False

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_trusted(request.remote):
            hops = request.headers.get("X-Forwarded-For", "").split(",")
            for hop in reversed([one.strip() for one in hops if one.strip()]):
                if not is_trusted(hop):
                    return await handler(request.clone(remote=hop))
        return await handler(request)

    return middleware


# A server's life


@contextlib.contextmanager
def hold_locks(settings: Settings) -> Iterator[None]:
    """Keep a second server off this data directory and this SQLite base. Raises CannotServe."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    paths = [settings.data_dir / "server.lock"]
    if settings.is_sqlite:
        base = settings.database.removeprefix("sqlite:///")
        paths.append(type(settings.data_dir)(f"{base}.lock"))
    held: list[TextIO] = []
    try:
        held.extend(_lock(path) for path in paths)
        yield
    finally:
        for file in held:
            file.close()


def _lock(path: Path) -> TextIO:
    """Of this process alone: a child that is just being started does not hold it after us.

    A lock of POSIX, which ends when the process closes the file anywhere: only here is it opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise CannotServe(
            f"Another callrouter server holds {path}. One base has one server; "
            "commands work beside it."
        ) from None
    return file


async def prepare_base(service: Service, progress: Callable[[str], None]) -> None:
    """Bring the base to this version and make sure that it is sealed with our key.

    A silent base is no reason not to serve. Raises CannotServe.
    """
    try:
        await service.database.migrate(progress)
        known = await service.database.write(setups.keep_fingerprint, service.seal.fingerprint)
        await _check_place(service)
        if service.settings.smtp_url:
            await service.database.write(jobs.hurry, send_letter.KIND, now=service.clock())
    except BaseSilent as error:
        log.warning("base_silent_at_start", error=str(error)[:300])
        return
    if known != service.seal.fingerprint:
        raise CannotServe(
            "CALLROUTER_SECRET_KEY is not the key that this base was made with: secrets in it "
            "could not be opened. Use the same key on every node."
        )


async def _check_place(service: Service) -> None:
    """Several nodes on one base need their files in one place. Raises CannotServe, BaseSilent."""
    settings, files = service.settings, service.files
    if settings.is_sqlite or settings.files_shared or not isinstance(files, Folder):
        return
    here = await asyncio.to_thread(files.place)
    if await service.database.write(setups.keep_place, here) != here:
        raise CannotServe(
            f"The files of this base lie in a folder of another node, not in {files.root}. Give "
            "all nodes CALLROUTER_FILES_URL=s3://BUCKET/PREFIX or one shared folder; with "
            "CALLROUTER_FILES_SHARED=1 this folder is taken to be the same, or to take its place."
        )


@contextlib.asynccontextmanager
async def serving(
    server: Server, host: str, port: int, *, progress: Callable[[str], None] = lambda _line: None
) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port that was bound (asked for 0: any free one)."""
    await prepare_base(server.service, progress)
    await server.intake.start()
    await server.keeper.start()
    await server.worker.start()
    runner = web.AppRunner(server.app, shutdown_timeout=DRAIN_S, **SERVER_OPTIONS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            raise CannotServe(f"Cannot listen on {host}:{port}: {error.strerror}") from None
        yield runner.addresses[0][1]
    finally:
        server.relay.close()
        await runner.cleanup()
        await server.worker.stop()
        await server.keeper.stop()
        await server.intake.stop()
        server.service.outside.close()
        server.service.press.close()
        await server.service.database.close()


async def _first_link(service: Service) -> str | None:
    """A one-time link to a base that has no users yet; a silent base gets none."""
    try:
        if await service.database.read(users.names):
            return None
        token = await service.database.write(new_link, now=service.clock())
    except BaseSilent:
        return None
    return f"{service.settings.public_url}/enter/{token}"


def hear_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, which from now on do nothing else."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """`callrouter serve`: until told to stop. Raises CannotServe, BadSettings."""
    settings = replace(settings, public_url=settings.public_url or f"http://{host}:{port}")
    if not settings.public_url:
        raise BadSettings("CALLROUTER_PUBLIC_URL")
    with hold_locks(settings):
        if is_half_restored(settings):
            raise CannotServe(
                "A restore was cut short here: run `callrouter restore FILE` again, to its end."
            )
        server = create_app(settings)
        async with serving(server, host, port, progress=say) as bound:
            stop = hear_signals()  # before anything is waited for: calls come from now on
            log.info("serving", host=host, port=bound, public_url=settings.public_url)
            if not settings.smtp_url:
                say("CALLROUTER_SMTP_URL is not set: letters are formed and wait.")
            if link := await _first_link(server.service):
                say(f"Nobody can sign in yet. Make the first administrator: {link}")
            say(
                f"callrouter answers at {settings.public_url} (webhooks, API, pages). Ctrl+C stops."
            )
            await stop.wait()
            say("Stopping: what was taken is being committed ...")
