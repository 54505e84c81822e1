"""Alarms as `/health` shows them: what is wrong since when and what to do, and what is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from callrouter.wording import alarms as say
from callrouter.wording import formats
from storage import alarms

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.wording.people import Voice

SHOWN: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """`when`: since when, or from when until when; `over`: it is no more."""

    text: str
    to_do: str
    when: str
    over: bool


def alarms_shown(conn: Connection, voice: Voice, *, now: datetime) -> tuple[AlarmLine, ...]:
    """Those that are open, and those of the last days: what `_alarms.html` shows."""
    lines = []
    for one in alarms.latest(conn, now - SHOWN):
        since = formats.moment(voice.local(one.since))
        over = one.until is not None
        until = formats.moment(voice.local(one.until)) if one.until else ""
        when = f"{since} – {until}" if over else voice.words("since {when}", when=since)
        text = say.said(one.found, voice.words, voice.setup)
        lines.append(AlarmLine(text, say.to_do(one.found, voice.words), when, over))
    return tuple(lines)
