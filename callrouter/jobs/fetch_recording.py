"""Fetches a recording from a PBX: streamed to a draft, looked at, kept whole, hung on its call.

What is not ready is asked for again, for a day. Nothing of a file is kept that may have broken off.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from callrouter import metrics
from callrouter.accounts import provider_of
from callrouter.domain.audio import HEAD, AudioType, read_wav, type_of
from callrouter.flows.fetches import JOB, Part, file_of, give_up, keep_fetched
from callrouter.jobs.worker import Again, Kind, Task
from callrouter.outside.client import (
    Fetched,
    Forbidden,
    OutsideError,
    TooSoon,
    Unfit,
    asked_to_rest,
    door_of,
)
from storage import fetches
from storage.database import Priority
from storage.fetches import ASKED
from storage.files import FilesSilent, NoRoom
from webhooks.provider import Recording, Refused, Request, Response

if TYPE_CHECKING:
    from callrouter.outside.client import Door
    from callrouter.service import Service
    from storage.fetches import Fetch, FetchState
    from storage.files import Draft
    from webhooks.provider import Provider

P = ParamSpec("P")
T = TypeVar("T")

LONGEST: Final = timedelta(hours=24)
"""What is not ready after it is missing."""

FIRST_S: Final = 10.0
LAST_S: Final = 3600.0
NO_ROOM_S: Final = 300.0

PATIENCE: Final = 5
"""So many tries may bring a page instead of sound, or a link of the provider's that is refused."""

_NOT_READY: Final = frozenset({202, 204, 404, 408, 409, 423, 425, 429})
_NO_RIGHT: Final = frozenset({401, 403})


class NotYet(Exception):
    """It may come later, after a pause that grows, or `after_s` if that is longer."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Never(Exception):
    """No further asking would help; the text says why, without address or secret."""


def kinds(service: Service) -> list[Kind]:
    async def run(task: Task) -> None:
        await fetch_recording(service, task)

    return [Kind(JOB, run, at_once=2)]


async def fetch_recording(service: Service, task: Task) -> None:
    """Fetch what the job names, unless that is settled or was asked for anew since."""
    one = await service.database.read(fetches.find, task.text("fetch"))
    if one is None or one.state != "waiting" or _asked(one) != task.job.payload["asked"]:
        return
    if await service.database.read(fetches.unwanted, [one.call]):
        await _settle(service, task, one, "unwanted", ASKED)
        return
    try:
        async with _Bringing(service, one).parts() as parts:
            surplus = await task.finish(keep_fetched, one, parts, now=service.clock())
            metrics.FETCHES.labels("kept").inc()
            for name in surplus:
                await asyncio.to_thread(service.files.delete, name)
    except NotYet as late:
        await _later(service, task, one, late)
    except Never as error:
        await _settle(service, task, one, "refused", str(error))
    except (NoRoom, FilesSilent) as error:
        raise Again(str(error), NO_ROOM_S, counted=False) from None
    except TooSoon as error:
        raise Again(str(error), error.again_after_s, counted=False) from None


def _asked(one: Fetch) -> int:
    return round(one.asked_at.timestamp() * 1000)


async def _settle(service: Service, task: Task, one: Fetch, state: FetchState, reason: str) -> None:
    await task.finish(give_up, one, state, reason, now=service.clock())
    metrics.FETCHES.labels(state).inc()


async def _later(service: Service, task: Task, one: Fetch, late: NotYet) -> None:
    """Ask again after a pause that grows, for a day."""
    rest = one.asked_at + LONGEST - service.clock()
    if rest <= timedelta():
        await _settle(service, task, one, "missing", str(late))
        return
    chance = 0.8 + 0.4 * random.random()  # noqa: S311  so that not all come at once
    grown = FIRST_S * 2.0 ** min(one.tries, 10) * chance
    wait = min(max(late.after_s or 0.0, grown), LAST_S, max(rest.total_seconds(), 1.0))
    metrics.FETCHES.labels("again").inc()
    await service.database.write_as(Priority.JOBS, fetches.note_try, one, str(late))
    raise Again(str(late), wait, counted=False)


@dataclass
class _Came:
    """A file that is whole, without its name as yet."""

    draft: Draft
    type: AudioType
    seconds: float | None


class _Bringing:
    """One fetch on its way, with a thread of its own for the disk."""

    def __init__(self, service: Service, one: Fetch) -> None:
        self._service = service
        self._one = one
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fetch")
        self._drafts: list[Draft] = []

    @contextlib.asynccontextmanager
    async def parts(self) -> AsyncIterator[list[Part]]:
        """All parts, each under its name. Raises NotYet, Never, NoRoom, FilesSilent, TooSoon."""
        try:
            yield await self._bring()
        finally:
            for draft in self._drafts:
                await asyncio.shield(self._disk(draft.drop))
            self._thread.shutdown(wait=False)

    async def _bring(self) -> list[Part]:
        setup = self._service.setups.current
        account = setup.accounts.get(self._one.account)
        if account is None:
            raise Never("its account is no longer in the setup")
        service = self._service
        provider = provider_of(account, setup, service.seal, service.settings.environ)
        door = door_of(account, provider)
        requests, renewable = await self._find(provider, door)
        most = setup.recordings.most_mb * 1024**2
        came = [await self._fetch(request, door, most, renewable=renewable) for request in requests]
        return [await self._keep(one, n) for n, one in enumerate(came)]

    async def _find(self, provider: Provider, door: Door) -> tuple[tuple[Request, ...], bool]:
        """Where the parts are, and whether the provider can be asked for other links to them."""
        try:
            found = provider.find_recording(self._one.ref, self._one.url)
            if found is None:
                raise Never("the account cannot ask for it: there is no address, or no key")
            if isinstance(found, Recording):
                return found.parts, False
            response = await self._service.outside.send(found, door)
            return provider.found_recording(response).parts, True
        except Refused as refused:
            raise _of_refusal(refused) from None
        except OutsideError as error:
            raise _of_outside(error) from None

    async def _fetch(
        self, request: Request, door: Door, most_bytes: int, *, renewable: bool
    ) -> _Came:
        draft = await self._disk(self._service.files.begin)
        self._drafts.append(draft)

        async def write(data: bytes) -> None:
            try:
                await self._disk(draft.write, data)
            except OSError as error:
                raise NoRoom(f"the disk fails: {error.strerror}") from error

        try:
            client = self._service.outside
            fetched = await client.fetch(request, door, write, most_bytes=most_bytes)
        except OutsideError as error:
            raise _of_outside(error) from None
        self._check_status(fetched, renewable=renewable)
        if not draft.size:
            raise NotYet("the PBX sent an empty file")
        return self._look(await self._disk(draft.head, HEAD), draft, fetched)

    def _check_status(self, fetched: Fetched, *, renewable: bool) -> None:
        status = fetched.status
        if status == 200:
            return
        said = f"the PBX answered {status}"
        if status in _NOT_READY or status >= 500:
            raise NotYet(said, asked_to_rest(Response(503, fetched.headers)))
        if status in _NO_RIGHT and renewable and self._one.tries < PATIENCE:
            raise NotYet(f"{said}: its link ran out")
        if status in _NO_RIGHT:
            raise Never(f"{said}: we have no right to it, or its link ran out")
        raise Never(said)

    def _look(self, head: bytes, draft: Draft, fetched: Fetched) -> _Came:
        """What it is shows in its bytes, whatever was said of them."""
        type_, seconds, told = type_of(head), None, False
        if type_ is None:
            if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{", b"["):
                if self._one.tries < PATIENCE:
                    raise NotYet("the PBX sent a page instead of sound")
                raise Never("the PBX sends a page instead of sound: a login, or an error")
            raise Never("what the PBX sends is no sound that we know")
        if type_ == "wav":
            wav = read_wav(head, draft.size)
            if wav.missing:
                raise NotYet(f"it broke off: {wav.missing} bytes of sound are missing")
            if not wav.sound:
                raise NotYet("there is no sound in it")
            seconds, told = wav.seconds, wav.told
        if not (fetched.whole or told):
            raise Never("nobody says how long it is, so nobody can see whether it broke off")
        return _Came(draft, type_, seconds)

    async def _keep(self, came: _Came, n: int) -> Part:
        draft = came.draft
        name = file_of(self._one, n, came.type, draft.digest)
        part = Part(name, came.type, draft.size, draft.digest, came.seconds)
        await self._disk(draft.keep, name)
        return part

    async def _disk(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: do(*args, **kwargs))


def _of_refusal(refused: Refused) -> Exception:
    if refused.again_after_s is None:
        return Never(str(refused))
    return NotYet(str(refused), refused.again_after_s)


def _of_outside(error: OutsideError) -> Exception:
    """What the setup forbids, or is too much, stays so; all else may be otherwise later."""
    if isinstance(error, TooSoon):
        return error
    return Never(str(error)) if isinstance(error, Forbidden | Unfit) else NotYet(str(error))
