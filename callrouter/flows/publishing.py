"""Puts a Setup in force: checked whole, its secrets sealed, as the next version."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from callrouter.domain.setup import Account, Webhook
from callrouter.flows.templates import absent
from callrouter.flows.users import can_administer
from callrouter.seal import SEALED, Seal, Unsealable
from callrouter.setup_file import BadSetup, Problem, check, differences, warnings
from callrouter.setup_file.afar import beyond_reach
from callrouter.setup_file.entities import outdated
from storage import audit, setups, users
from storage.handovers import count_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Manager, Setup

Keeper = TypeVar("Keeper", Account, Webhook)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a change comes to, and what is worth a warning. `setup`: as it is in force now."""

    setup: Setup
    changes: tuple[str, ...]
    warnings: tuple[Problem, ...]


def publish(
    conn: Connection,
    new: Setup,
    *,
    seal: Seal,
    by: str,
    now: datetime,
    note: str | None = None,
    actor: str | None = None,
    afar: bool = False,
    past: Setup | None = None,
    dry_run: bool = False,
) -> Applied:
    """Put a Setup in the place of the one in force. Raises BadSetup with everything wrong in it.

    What changes nothing makes no version. `actor`: who does it, where `by` is no person; `afar`:
    from a page or by a token, which may not say everything (`callrouter.setup_file.afar`). `past`:
    the earlier version that is put in force again.
    """
    old = replace(setups.load(conn, setups.current_version(conn)), version=0)
    new = replace(new, version=0)
    if problems := hindrances(conn, old, new, afar=afar, past=past):
        raise BadSetup(problems)
    remarks = remarks_on(conn, new, now)  # while literal secrets can still be seen
    new = sealed(new, seal, old)
    changes = differences(old, new)
    if changes and not dry_run:
        new = setups.publish(conn, new, by=by, note=note, now=now)
        said = {"changes": len(changes), "note": note}
        audit.append(
            conn,
            at=now,
            actor=actor or by,
            action="published",
            object=f"setup:{new.version}",
            data=said,
        )
    return Applied(new, changes, remarks)


def hindrances(
    conn: Connection,
    old: Setup,
    new: Setup,
    *,
    afar: bool = True,
    past: Setup | None = None,
) -> tuple[Problem, ...]:
    """What has to be put right before a Setup may take the place of the one in force."""
    if problems := check(new):
        return problems
    return (*_without_admin(conn, old, new), *(beyond_reach(old, new, past) if afar else ()))


def remarks_on(conn: Connection, setup: Setup, now: datetime) -> tuple[Problem, ...]:
    """What is allowed in it but probably not meant, and what it leaves behind."""
    today = setup.calendar_of(None).local(now).date()
    return (
        *warnings(setup),
        *_left_behind(conn, setup),
        *outdated(setup, today),
        *absent(conn, setup),
    )


def sealed(setup: Setup, seal: Seal, old: Setup) -> Setup:
    """Literal secrets closed for storage; one that the base has already keeps its seal."""
    return replace(
        setup,
        account=tuple(_with_sealed_secrets(one, old.accounts, seal) for one in setup.account),
        webhook=tuple(_with_sealed_secrets(one, old.webhooks, seal) for one in setup.webhook),
        manager=tuple(_with_sealed_mailbox(one, seal, old) for one in setup.manager),
    )


def _without_admin(conn: Connection, old: Setup, new: Setup) -> list[Problem]:
    """A problem for each who was the last to administer, and would not be any more."""
    known = users.everybody(conn)
    before = [one for one in known if can_administer(one, old)]
    if not before or any(can_administer(one, new) for one in known):
        return []
    message = "is the last administrator; allowed: make somebody else one first"
    return [Problem(f"manager[{one.manager}].role", message) for one in before]


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


def _with_sealed_secrets(keeper: Keeper, old: Mapping[str, Keeper], seal: Seal) -> Keeper:
    had = old.get(keeper.key)
    closed = _closed(keeper.secrets, had.secrets if had else (), seal)
    return replace(keeper, secret=closed[0] if len(closed) == 1 else closed)


def _with_sealed_mailbox(manager: Manager, seal: Seal, old: Setup) -> Manager:
    if manager.smtp is None or not manager.smtp.password:
        return manager
    had = old.managers.get(manager.key)
    before = (had.smtp.password,) if had and had.smtp else ()
    (closed,) = _closed((manager.smtp.password,), before, seal)
    return replace(manager, smtp=replace(manager.smtp, password=closed))


def _closed(secrets: Sequence[str], before: Sequence[str], seal: Seal) -> tuple[str, ...]:
    known: dict[str, str] = {}
    for secret in before:
        with suppress(Unsealable):
            known[seal.open(secret) if secret.startswith(SEALED) else secret] = secret
    return tuple(known.get(secret) or seal.close(secret) for secret in secrets)
