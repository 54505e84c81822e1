"""What is done to a base that was restored, before anybody serves it; and letting it send again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.letters import said
from callrouter.flows.letters import to
from callrouter.flows.sending import doubt
from storage import frozen, letters, restored, setups

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.archives import Manifest

WHY: Final = "restored"
ON_ITS_WAY: Final = "it was being sent when the backup was made"
PERHAPS: Final = "it may have been sent after the backup was made"


def settle(conn: Connection, manifest: Manifest, *, now: datetime) -> None:
    """Freeze a restored base: nothing leaves it. What was being sent is in doubt."""
    frozen.freeze(conn, WHY, now=now)
    origin = {"id": manifest.id, "made": manifest.at.isoformat(), "at": now.isoformat()}
    restored.note(conn, json.dumps(origin))
    setups.forget_place(conn)
    if manifest.key:  # no server has another one from now on
        setups.keep_fingerprint(conn, manifest.key)
    setup = setups.load(conn, setups.current_version(conn))
    for letter in restored.letters_in(conn, "sending"):
        doubt(conn, letter, ON_ITS_WAY, setup, now=now)


@dataclass(frozen=True, slots=True)
class Thawed:
    """`waiting`: letters that go out now; `doubted`: those on which a person decides."""

    frozen: bool
    waiting: int
    doubted: int


def thaw(conn: Connection, *, by: str, now: datetime, in_doubt: bool = False) -> Thawed:
    """Let letters leave again.

    `in_doubt`: not those that were asked for before the restore: they may have been sent after the
    backup was made, and a person is to decide on each.
    """
    since = frozen.found(conn)
    if since is None:
        return Thawed(frozen=False, waiting=0, doubted=0)
    doubted = 0
    if in_doubt:
        setup = setups.load(conn, setups.current_version(conn))
        for letter in restored.letters_in(conn, "todo", before=since.since):
            if one := letters.find(conn, letter):
                after = replace(one, state="in_doubt", reason=said("unsure", PERHAPS))
                to(conn, one, after, setup, by=by, now=now)
                doubted += 1
    frozen.thaw(conn, by=by, now=now)
    return Thawed(True, len(restored.letters_in(conn, "todo")), doubted)
