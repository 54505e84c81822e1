"""A recording that the PBX sent itself: its event, and the file that hangs on the call."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.audio import MEDIA_TYPES, AudioType
from callrouter.domain.events import CallEvent
from storage import journal, notices, recordings
from storage.recordings import Recording, RecordingKind

if TYPE_CHECKING:
    from sqlalchemy import Connection


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


def hang(conn: Connection, upload: Upload, *, now: datetime) -> str | None:
    """Hang a file on the call that its event belongs to, once; gives the call's id.

    None: the base has not got the event yet.
    """
    found = journal.find(conn, [(upload.account, upload.key)])
    stored = found.get((upload.account, upload.key))
    if stored is None or stored.call is None:
        return None
    if upload.id not in recordings.known(conn, [upload.id]):
        recordings.add(conn, [_recording(upload, stored.call)])
        notices.tell(conn, [stored.call], now=now)
    return stored.call


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
