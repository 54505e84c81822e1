"""A recording that the PBX sent itself: its event, and the file that hangs on the call; and who
hears what is kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.audio import MEDIA_TYPES, AudioType
from callrouter.domain.events import CallEvent
from callrouter.flows.erasing import ask_to_delete, erase_sound
from callrouter.flows.homes import home_of
from callrouter.flows.sounds import ask_to_read
from storage import journal, notices, recordings, unrecorded
from storage.notices import Happening
from storage.recordings import Hearing, Recording, RecordingKind

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOT_WANTED: Final = "no_recording"
"""Who deleted what came of a caller who had asked not to be recorded."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came whole, and what its sender says it is of. `leg`: the PBX's word for it."""

    account: str
    call_ref: str
    leg: str | None
    kind: RecordingKind
    type: AudioType
    size: int
    digest: str
    seconds: float | None
    at: datetime

    @property
    def id(self) -> str:
        """The same for the same bytes of the same call, leg and kind, whenever they come."""
        of = [self.account, self.call_ref, self.leg, self.kind, self.digest]
        return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:32]

    @property
    def file(self) -> str:
        return f"recordings/{self.id[:2]}/{self.id}.{self.type}"

    @property
    def key(self) -> str:
        return f"file:{self.id}"

    @property
    def event(self) -> CallEvent:
        """What it tells of the call, however often and however late it comes."""
        return CallEvent(
            account=self.account,
            key=self.key,
            own_key=True,
            kind="recording",
            received=self.at,
            call_ref=self.call_ref,
            leg_ref=self.leg,
            recording_id=self.id,
            recording_kind=self.kind,
        )

    @property
    def body(self) -> bytes:
        """What the journal has as sent: a repeat has the same."""
        said = {
            "event": "recording",
            "call_id": self.call_ref,
            "leg_id": self.leg,
            "kind": self.kind,
            "recording_id": self.id,
            "sha256": self.digest,
        }
        return json.dumps(said).encode()


def hang(conn: Connection, upload: Upload, *, outgoing: bool = True, now: datetime) -> str | None:
    """Hang a file on the call that its event belongs to, once; gives the call's id.

    `outgoing` False: the sound of calls out is not kept. None: the base has not got the event yet.
    """
    found = journal.find(conn, [(upload.account, upload.key)])
    stored = found.get((upload.account, upload.key))
    if stored is None or stored.call is None:
        return None
    if upload.id in recordings.known(conn, [upload.id]):
        # Sent again after it was deleted, it lies there again.
        ask_to_delete(conn, recordings.deleted_among(conn, [upload.id]), now=now)
        return stored.call
    home = home_of(conn, stored.call)
    if not outgoing and unrecorded.is_outgoing(conn, home):
        unrecorded.refuse(conn, home, now=now)
    keep_recording(conn, _recording(upload, home), now=now)
    return stored.call


def keep_recording(conn: Connection, one: Recording, *, now: datetime) -> None:
    """A file that is there, whole and under its name, hangs on its call from now on.

    Of a caller who asked not to be recorded it goes again at once.
    """
    recordings.add(conn, [one])
    if unrecorded.is_refused(conn, one.call):
        erase_sound(conn, one.call, by=NOT_WANTED, now=now)
    else:
        ask_to_read(conn, [one.id], now=now)
    notices.tell(conn, [one.call], now=now)


def hear(conn: Connection, one: Recording, *, by: str, now: datetime, how: Hearing) -> None:
    """Keep who listens to what, or reads what was said, once for each hearing."""
    if not recordings.heard_recently(conn, one, by, now, how):
        data = recordings.heard_as(one)
        notices.record(conn, [Happening(how, now, by, one.call, data=data)], now=now)


def _recording(upload: Upload, call: str) -> Recording:
    return Recording(
        id=upload.id,
        account=upload.account,
        ref=upload.id,
        call=call,
        leg=upload.leg,
        kind=upload.kind,
        file=upload.file,
        type=MEDIA_TYPES[upload.type],
        size=upload.size,
        digest=upload.digest,
        seconds=upload.seconds,
        at=upload.at,
    )
