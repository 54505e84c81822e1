"""What is in a recording: asked for when it is kept, read once, and written beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from callrouter.domain.names import folded
from storage import jobs, recordings
from storage.jobs import NewJob

if TYPE_CHECKING:
    from sqlalchemy import Connection

READ_SOUND: Final = "read_sound"
TRANSCRIBE: Final = "transcribe"


def ask_to_read(conn: Connection, recording_ids: Sequence[str], *, now: datetime) -> None:
    """Let recordings be read, each once; to be called where they are added."""
    _ask(conn, READ_SOUND, recording_ids, now)


def sound_was_read(
    conn: Connection, id_: str, found: Mapping[str, Any], *, transcribe: bool, now: datetime
) -> None:
    """Keep `seconds` and `channels` of a recording, or why it is `broken`."""
    recordings.keep_peaks(conn, id_, json.dumps(found, separators=(",", ":")), found.get("seconds"))
    if transcribe and "broken" not in found:
        _ask(conn, TRANSCRIBE, [id_], now)


def was_transcribed(conn: Connection, id_: str, parts: Sequence[tuple[float, float, str]]) -> None:
    """Keep what was said: stretches as start and end in seconds, and text."""
    told = [{"from": start, "to": end, "text": text} for start, end, text in parts]
    said = folded(" ".join(text for _, _, text in parts))
    recordings.keep_transcript(conn, id_, json.dumps(told, ensure_ascii=False), said)


def _ask(conn: Connection, kind: str, ids: Sequence[str], now: datetime) -> None:
    wanted = [NewJob(kind, {"recording": one}, key=f"{kind}:{one}") for one in ids]
    jobs.ask(conn, wanted, now=now)
