"""Puts a setup file in force: merged over what there is, checked whole, all or nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.seal import SEALED, Seal, Unsealable
from callrouter.setup_file import (
    BadSetup,
    Problem,
    check,
    differences,
    merge,
    read_file,
    warnings,
    write_setup,
)
from storage import setups
from storage.handovers import count_open

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Account, Setup

BY_APPLY = "apply"


class ChangedOnScreen(Exception):
    """What a person changed on the screen would be lost by this file."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a file changes, and what is worth a warning. `setup`: as it is in force now."""

    setup: Setup
    changes: tuple[str, ...]
    warnings: tuple[Problem, ...]


def apply(
    conn: Connection,
    text: str,
    *,
    seal: Seal,
    now: datetime,
    dry_run: bool = False,
    prune: bool = False,
    force: bool = False,
) -> Applied:
    """Apply setup.toml. `seal` closes literal secrets before they are stored.

    Raises BadSetup with everything that is wrong, ChangedOnScreen; nothing is applied then. A file
    that changes nothing makes no version.
    """
    version = setups.current_version(conn)
    old = replace(setups.load(conn, version), version=0)
    new = replace(merge(old, read_file(text), prune=prune), version=0)
    if problems := check(new):
        raise BadSetup(problems)
    remarks = warnings(new)  # while literal secrets can still be seen
    remarks += _left_behind(conn, new)
    new = replace(new, account=tuple(_sealed(one, seal, old) for one in new.account))
    changes = differences(old, new)
    if changes and not force and version and setups.made_by(conn, version) != BY_APPLY:
        raise ChangedOnScreen(setups.made_by(conn, version))
    if changes and not dry_run:
        new = setups.publish(conn, new, by=BY_APPLY, now=now)
    return Applied(new, changes, remarks)


def _left_behind(conn: Connection, setup: Setup) -> tuple[Problem, ...]:
    """A warning for each dismissed manager whose open work nobody has taken over."""
    gone = [one.key for one in setup.manager if not one.active]
    return tuple(
        Problem(
            f"manager[{key}].active",
            f"he is dismissed and has {left.cards} open cards, {left.contacts} contacts and "
            f"{left.tasks} tasks: `callrouter handover {key} --spread`, or to one manager: "
            f"`callrouter handover {key} TO`",
        )
        for key, left in count_open(conn, gone).items()
    )


def export(conn: Connection) -> str:
    """The Setup in force as a file that `apply` takes back without a change."""
    return write_setup(setups.load(conn, setups.current_version(conn)))


def _sealed(account: Account, seal: Seal, old: Setup) -> Account:
    """Secrets closed for storage; a literal that the base has already keeps its seal."""
    had = old.accounts.get(account.key)
    known: dict[str, str] = {}
    for secret in had.secrets if had else ():
        with suppress(Unsealable):
            known[seal.open(secret) if secret.startswith(SEALED) else secret] = secret
    closed = tuple(known.get(secret) or seal.close(secret) for secret in account.secrets)
    return replace(account, secret=closed[0] if len(closed) == 1 else closed)
