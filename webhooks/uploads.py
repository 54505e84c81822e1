"""The door for recordings: `PUT /webhooks/pbx/{account}/recordings/{call_id}`, in reading order.

Trust comes before the first byte of the body: a Bearer token or a Basic password. A signature is
no trust here, as it would need the whole body first. The file goes to the disk as it comes.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from callrouter import metrics
from callrouter.domain.audio import FIRST, HEAD, MEDIA_TYPES, AudioType, read_wav, type_of
from callrouter.flows.recordings import Upload
from storage.files import FilesSilent, NoRoom
from storage.recordings import RecordingKind
from webhooks.errors import (
    NOT_KEPT,
    BrokenBody,
    NotAudio,
    TooLarge,
    TooSlow,
    UnknownAccount,
    UnsupportedEncoding,
    refusal,
)
from webhooks.handler import Takes
from webhooks.payload import Fields, read_form
from webhooks.provider import Answer, ForgedHook, HookError, RawHook, UnreadableHook
from webhooks.reading import QUERY_LIMIT, read_head, send

log = structlog.get_logger()

_CHUNK: Final = 256 * 1024
_KINDS: Final[dict[str, RecordingKind]] = {"talk": "talk", "message": "message"}

BUSY: Final = Answer(
    b'{"error": "too many recordings come at once, send it again"}',
    status=503,
    headers=(("Retry-After", "10"),),
)
NO_ROOM: Final = Answer(
    b'{"error": "there is no room for it now, send it again"}',
    status=503,
    headers=(("Retry-After", "300"),),
)
SILENT: Final = Answer(
    b'{"ok": true, "kept": false, "reason": "there is no sound in it"}', decision="empty"
)
"""What a PBX sends of a call that came to nothing: no fault, and no recording."""


class Draft(Protocol):
    """A file that is being written."""

    @property
    def size(self) -> int: ...
    @property
    def digest(self) -> str: ...
    async def write(self, data: bytes) -> None:
        """Raises NoRoom."""
        ...

    async def head(self, size: int) -> bytes: ...
    async def keep(self, upload: Upload) -> None:
        """Once this is done it is kept. Raises NoRoom."""
        ...


class Keeps(Protocol):
    """Whoever keeps files."""

    @property
    def busy(self) -> bool: ...
    def draft(self, size: int) -> AbstractAsyncContextManager[Draft]:
        """A file for about so many bytes; gone at the end unless it was kept. Raises NoRoom."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """`still_s`: how long a sender may say nothing; `grace_s` and `per_s`: how slow he may be."""

    most_bytes: int = 512 * 1024**2
    still_s: float = 15.0
    grace_s: float = 20.0
    per_s: int = 16 * 1024
    send_s: float = 5.0


@dataclass(frozen=True, slots=True)
class UploadDoor:
    """Takes recordings from a PBX that we cannot reach."""

    takes: Takes
    keeps: Keeps
    public_url: str
    limits: Limits = field(default_factory=Limits)

    def routes(self) -> list[web.RouteDef]:
        path = "/webhooks/pbx/{account}/recordings/{call_id}"
        return [web.put(path, self.handle, expect_handler=_not_yet)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        hook = read_head(request, self.public_url)
        refused = ""
        try:
            answer = await self._answer(request, hook)
        except HookError as error:
            answer, refused = await self._refuse(hook, error), str(error)
        except NoRoom:
            answer = NO_ROOM
            log.error("no_room_for_recordings", account=hook.account[:64])  # noqa: TRY400
        except FilesSilent as error:
            answer = NOT_KEPT
            log.error("files_silent", error=str(error))  # noqa: TRY400
        except Exception:
            log.exception("recording_failed", account=hook.account[:64])
            answer = NOT_KEPT
        _log_line(hook, answer, refused)
        return await send(request, answer, self.limits.send_s)

    async def _answer(self, request: web.Request, hook: RawHook) -> Answer:
        if self.takes.blind:
            return NOT_KEPT
        self._verify(hook)
        said = _read_address(request, hook)
        announced = self._check_head(request, hook)
        if self.keeps.busy:
            return BUSY
        async with self.keeps.draft(announced or 0) as draft:
            await _go_on(request)
            await self._receive(request, draft)
            return await _keep(draft, said, hook)

    def _verify(self, hook: RawHook) -> None:
        provider = self.takes.provider("pbx", hook.account)
        if provider is None:
            raise UnknownAccount("unknown account")
        if hook.header("authorization") is None:
            raise ForgedHook("a recording comes with Bearer or Basic; a signature is not enough")
        plain = tuple(one for one in hook.headers if not one[0].startswith("webhook-"))
        provider.verify(replace(hook, headers=plain))

    def _check_head(self, request: web.Request, hook: RawHook) -> int | None:
        """How many bytes are announced."""
        if (hook.header("content-encoding") or "identity").strip().lower() != "identity":
            raise UnsupportedEncoding("send the file without Content-Encoding")
        if hook.header("content-range") is not None:
            raise UnreadableHook("content-range", "send the file whole")
        if (request.content_length or 0) > self.limits.most_bytes:
            raise TooLarge(f"a recording may have {self.limits.most_bytes} bytes")
        return request.content_length

    async def _receive(self, request: web.Request, draft: Draft) -> None:
        limits, waited, came, chunk = self.limits, 0.0, 0, bytearray()
        while True:
            patience = min(limits.still_s, limits.grace_s + came / limits.per_s - waited)
            began = time.monotonic()
            data = await _next(request, patience)
            waited += time.monotonic() - began  # the sender's time, not that of our disk
            came += len(data)
            if came > limits.most_bytes:
                raise TooLarge(f"a recording may have {limits.most_bytes} bytes")
            chunk += data
            if draft.size == 0 and len(chunk) >= FIRST:
                _read_type(bytes(chunk[:FIRST]))
            if chunk and (len(chunk) >= _CHUNK or not data):
                await draft.write(bytes(chunk))
                chunk.clear()
            if not data:
                return

    async def _refuse(self, hook: RawHook, error: HookError) -> Answer:
        metrics.RECORDINGS.labels("refused").inc()
        if not isinstance(error, UnreadableHook):
            try:
                await self.takes.refuse(hook, str(error))
            except Exception:
                log.exception("refused_hook_not_remembered", account=hook.account[:64])
        return refusal(error)


@dataclass(frozen=True, slots=True)
class _Said:
    call_ref: str
    leg: str | None
    kind: RecordingKind


def _read_address(request: web.Request, hook: RawHook) -> _Said:
    if len(hook.query) > QUERY_LIMIT:
        raise TooLarge(f"a query may have {QUERY_LIMIT} bytes")
    given = {**read_form(hook.query), "call_id": request.match_info["call_id"]}
    fields = Fields(given)
    call_ref, leg = fields.text("call_id"), fields.text("leg_id")
    kind = fields.word("kind", _KINDS) or "talk"
    for name, why in fields.troubles.items():
        raise UnreadableHook(name, why)
    if call_ref is None:
        raise UnreadableHook("call_id", "is obligatory")
    return _Said(call_ref, leg, kind)


async def _keep(draft: Draft, said: _Said, hook: RawHook) -> Answer:
    head = await draft.head(HEAD)
    type_, seconds = _read_type(head), None
    if type_ == "wav":
        wav = read_wav(head, draft.size)
        if not wav.sound and not wav.missing:
            metrics.RECORDINGS.labels("empty").inc()
            return SILENT
        if wav.missing:
            raise UnreadableHook("body", f"is cut off: {wav.missing} bytes of sound are missing")
        seconds = wav.seconds
    upload = Upload(
        account=hook.account,
        call_ref=said.call_ref,
        leg=said.leg,
        kind=said.kind,
        type=type_,
        size=draft.size,
        digest=draft.digest,
        seconds=seconds,
        at=hook.arrived,
    )
    await draft.keep(upload)
    metrics.RECORDINGS.labels("kept").inc()
    body = {"ok": True, "recording_id": upload.id, "bytes": upload.size}
    return Answer(json.dumps({**body, "sha256": upload.digest}).encode(), decision="kept")


def _read_type(head: bytes) -> AudioType:
    found = type_of(head)
    if found is None:
        raise NotAudio("body", f"is no sound that we know; allowed: {', '.join(MEDIA_TYPES)}")
    return found


async def _not_yet(_request: web.Request) -> None:
    """Whoever expects a word before he sends the body gets it once he is trusted."""


async def _go_on(request: web.Request) -> None:
    expected = request.headers.get("Expect", "").strip().lower()
    if expected == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


async def _next(request: web.Request, patience_s: float) -> bytes:
    """The next bytes of the body; empty at its end, where all that was announced has come."""
    try:
        async with asyncio.timeout(max(patience_s, 0.0)):
            return await request.content.readany()
    except TimeoutError:
        raise TooSlow("the body comes too slowly") from None
    except (web.RequestPayloadError, HttpProcessingError, OSError) as broken:
        raise BrokenBody("the body broke off or is badly chunked") from broken


def _log_line(hook: RawHook, answer: Answer, refused: str) -> None:
    """One line per file. Neither the call's id nor the address: a SIP id may hold a number."""
    metrics.HOOKS.labels("pbx", "recording", answer.status).inc()
    told = {"outcome": answer.decision, "refused": refused}
    log.info(
        "recording",
        provider="pbx",
        account=hook.account[:64],
        status=answer.status,
        duration_ms=round((time.monotonic() - hook.arrived_s) * 1000, 1),
        **{name: value for name, value in told.items() if value},
    )
