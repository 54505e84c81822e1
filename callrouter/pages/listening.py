"""`/calls/{id}/recording`: the sound of a call, how loud it is, and what was said in it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from callrouter import playing
from callrouter.handing_out import hand_out
from callrouter.playing import Deleted
from callrouter.wording import formats
from storage import recordings
from storage.files import FilesSilent

if TYPE_CHECKING:
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.recordings import Recording


@dataclass(frozen=True, slots=True)
class SoundRow:
    """A recording as its call's page has it. `length` "" where it is not known.

    `peaks`, `said`: where its loudness and its transcript are asked for; `told`: there is one.
    """

    path: str
    peaks: str
    said: str
    name: str
    length: str
    deleted: bool
    told: bool = False


def sounds_of(
    found: Sequence[Recording], words: Words, told: Collection[str] = ()
) -> tuple[SoundRow, ...]:
    """All that hangs on a call, each under the number by which it is asked for.

    `told`: the ids of those that have a transcript.
    """
    names = {"talk": words("Talk"), "message": words("Message")}
    return tuple(
        SoundRow(
            path=f"/calls/{one.call}/recording?part={part}",
            peaks=f"/calls/{one.call}/peaks?part={part}",
            said=f"/calls/{one.call}/transcript?part={part}",
            name=names[one.kind],
            length=formats.timer(one.seconds) if one.seconds is not None else "",
            deleted=one.deleted_at is not None,
            told=one.id in told,
        )
        for part, one in enumerate(found, start=1)
    )


class Listening:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def play(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`?part=`: which, where a call has several."""
        service, call = self._service, request.match_info["id"]
        try:
            sound = await playing.listen(service, guest.viewer, call, _part(request), by=guest.by)
            if sound is None:
                return self._doors.message(guest, HTTPStatus.NOT_FOUND)
            one = sound.recording
            return await hand_out(request, service.files, one.file, sound.size, one.type)
        except (Deleted, FileNotFoundError):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except FilesSilent:
            return self._doors.message(guest, HTTPStatus.SERVICE_UNAVAILABLE)

    async def peaks(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """How loud it is, for drawing; 404 until it was read."""
        one = await self._find(request, guest)
        kept = await self._service.database.read(recordings.peaks_of, one.id) if one else None
        found = json.loads(kept or "{}")
        if "channels" not in found:
            return web.json_response({"channels": []}, status=HTTPStatus.NOT_FOUND)
        said = {"seconds": found["seconds"], "channels": found["channels"]}
        return web.json_response(said)

    async def transcript(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What was said, as a part of a page. Who reads it is kept, as listening is."""
        one = await self._find(request, guest)
        kept = await self._service.database.read(recordings.transcript_of, one.id) if one else None
        if one is None or kept is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        await playing.note(self._service, one, by=guest.by, how="transcript_read")
        lines = [(formats.timer(part["from"]), part["text"]) for part in json.loads(kept)]
        return self._doors.page(guest, "transcript", lines=lines, call=one.call)

    async def _find(self, request: web.Request, guest: Guest) -> Recording | None:
        call = request.match_info["id"]
        with suppress(Deleted):
            return await playing.find_recording(self._service, guest.viewer, call, _part(request))
        return None


def _part(request: web.Request) -> int:
    given = request.query.get("part", "1")
    return int(given) if re.fullmatch("[1-9][0-9]{0,2}", given) else 1
