"""Puts a setup file in force: merged over what there is, checked whole, all or nothing."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from callrouter.flows.publishing import Applied, publish
from callrouter.setup_file import differences, merge, read_file, write_setup
from callrouter.setup_file.rebasing import takes_over
from storage import setups

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.seal import Seal

__all__ = ["BY_APPLY", "Applied", "ChangedOnScreen", "apply", "export"]

BY_APPLY = "apply"


class ChangedOnScreen(Exception):
    """A person changed something on the screen that this file does not have."""


def apply(
    conn: Connection,
    text: str,
    *,
    seal: Seal,
    now: datetime,
    actor: str = BY_APPLY,
    dry_run: bool = False,
    prune: bool = False,
    force: bool = False,
    afar: bool = False,
) -> Applied:
    """Apply setup.toml. `seal` closes literal secrets before they are stored.

    Raises BadSetup with everything that is wrong, ChangedOnScreen; nothing is applied then. A file
    that changes nothing makes no version. `actor`: who does it, for the audit; `afar`: he
    is not at the server.
    """
    version = setups.current_version(conn)
    written, current = read_file(text), setups.load(conn, version)
    new = merge(current, written, prune=prune)
    put = partial(publish, conn, new, seal=seal, by=BY_APPLY, actor=actor, now=now, afar=afar)
    found = put(dry_run=True)
    by_people = version and setups.made_by(conn, version) != BY_APPLY
    if found.changes and not force and by_people:
        base = setups.load(conn, setups.last_by(conn, BY_APPLY))
        if not takes_over(written, base, current, new):
            raise ChangedOnScreen(setups.made_by(conn, version))
    return found if dry_run else put()


def export(conn: Connection) -> str:
    """The Setup in force as a file that `apply` takes back without a change."""
    return write_setup(setups.load(conn, setups.current_version(conn)))


def changed_on_screen(conn: Connection) -> tuple[str, ...]:
    """What people changed since a file was applied last, as `differences` says it."""
    version = setups.current_version(conn)
    last = setups.last_by(conn, BY_APPLY)
    if last == version:
        return ()
    return differences(setups.load(conn, last), setups.load(conn, version))
