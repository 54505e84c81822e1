"""What people change of the setup on their screens: at once, or on a draft that is published later.

A draft may be wrong for a while, a Setup in force may not: publishing checks as `apply` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from callrouter.flows import publishing
from callrouter.setup_file import BadSetup, Problem, check, differences
from callrouter.setup_file.afar import led_elsewhere
from callrouter.setup_file.rebasing import Conflict, rebase
from storage import audit, drafts, setups
from storage.drafts import Draft
from storage.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Manager, Setup
    from callrouter.flows.publishing import Keeper
    from callrouter.seal import Seal

MOST_DRAFTS: Final = 50
LONGEST_NAME: Final = 80
LONGEST_NOTE: Final = 300


class NoSuchDraft(LookupError):
    """Nobody has it any more: it was published, or thrown away."""


class NoSuchVersion(LookupError):
    """No Setup of this number was ever in force."""


class Stale(Exception):
    """Somebody changed it since the page was opened; nothing was changed now."""


class BadDraft(ValueError):
    """`field` and what is wrong: `needed`, `too_long`, `too_many`."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


@dataclass(frozen=True, slots=True)
class Edited:
    """What a change came to. `problems`: what still keeps a draft from being published."""

    setup: Setup
    changes: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """A draft beside the Setup in force: what it changes there, what keeps it from being published.

    `conflicts`: what others have published since it was begun, and it changes as well.
    """

    draft: Draft
    current: int
    changes: tuple[str, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    conflicts: tuple[str, ...]


def edit(
    conn: Connection,
    change: Callable[[Setup], Setup],
    *,
    seal: Seal,
    by: str,
    now: datetime,
    draft: str | None = None,
    note: str | None = None,
    seen: int | None = None,
) -> Edited:
    """Change the Setup in force, or a draft; `seen`: the version of it that the page showed.

    Whatever `change` raises changes nothing. Raises BadSetup, NoSuchDraft, Stale, BadDraft.
    """
    if draft is not None:
        return _edit_draft(conn, draft, change, seal=seal, now=now, seen=seen)
    old = setups.load(conn, setups.current_version(conn))
    if seen is not None and seen != old.version:
        raise Stale
    done = publishing.publish(
        conn,
        change(old),
        seal=seal,
        by=by,
        now=now,
        note=_tidy(note, "note", LONGEST_NOTE),
        afar=True,
    )
    return Edited(done.setup, done.changes, (), done.warnings)


def new_draft(conn: Connection, name: str, *, by: str, now: datetime) -> str:
    """Begin a draft from what is in force. Gives its id. Raises BadDraft."""
    tidy = _tidy(name, "name", LONGEST_NAME)
    if not tidy:
        raise BadDraft("name", "needed")
    if len(drafts.everybody(conn)) >= MOST_DRAFTS:
        raise BadDraft("name", "too_many")
    base = setups.current_version(conn)
    new = Draft(new_id(now), tidy, setups.load(conn, base), base, by, now, now, 1)
    drafts.add(conn, new)
    return new.id


def look_at(conn: Connection, id_: str, *, now: datetime) -> Looked:
    """Raises NoSuchDraft."""
    draft = _known(conn, id_)
    current = setups.load(conn, setups.current_version(conn))
    new = draft.setup
    conflicts: tuple[str, ...] = ()
    try:
        new = _on_current(conn, draft, current)
    except Conflict as conflict:
        conflicts = conflict.names
    problems = publishing.hindrances(conn, current, new)
    return Looked(
        draft,
        current.version,
        differences(current, new),
        problems,
        () if problems else publishing.remarks_on(conn, new, now),
        conflicts,
    )


def publish(
    conn: Connection,
    id_: str,
    *,
    seal: Seal,
    by: str,
    now: datetime,
    note: str | None = None,
    seen: int | None = None,
) -> Edited:
    """Put what a draft changes in force, on what others have published since; it is gone then.

    Raises NoSuchDraft, Stale, Conflict, BadSetup, BadDraft.
    """
    draft = _known(conn, id_)
    if seen is not None and seen != draft.version:
        raise Stale
    new = _on_current(conn, draft, setups.load(conn, setups.current_version(conn)))
    said = _tidy(note, "note", LONGEST_NOTE) or draft.name
    done = publishing.publish(conn, new, seal=seal, by=by, now=now, note=said, afar=True)
    drafts.remove(conn, id_)
    return Edited(done.setup, done.changes, (), done.warnings)


def discard(conn: Connection, id_: str, *, by: str, now: datetime) -> None:
    """Throw a draft away. Raises NoSuchDraft."""
    draft = _known(conn, id_)
    drafts.remove(conn, id_)
    audit.append(
        conn,
        at=now,
        actor=by,
        action="discarded_draft",
        object=f"draft:{id_}",
        data={"name": draft.name},
    )


def go_back(conn: Connection, version: int, *, seal: Seal, by: str, now: datetime) -> Edited:
    """Put a past Setup in force again, as a new version.

    Secrets stay as they are now, and who has come since works here no more but stays. Raises
    NoSuchVersion, BadSetup.
    """
    try:
        past = setups.load(conn, version)
    except KeyError:
        raise NoSuchVersion(version) from None
    if not version:
        raise NoSuchVersion(version)
    new = _as_now(past, setups.load(conn, setups.current_version(conn)))
    note = f"= {version}"
    done = publishing.publish(conn, new, seal=seal, by=by, now=now, note=note, afar=True, past=past)
    return Edited(done.setup, done.changes, (), done.warnings)


def _edit_draft(
    conn: Connection,
    id_: str,
    change: Callable[[Setup], Setup],
    *,
    seal: Seal,
    now: datetime,
    seen: int | None,
) -> Edited:
    draft = _known(conn, id_)
    if seen is not None and seen != draft.version:
        raise Stale
    clear = replace(change(draft.setup), version=0)
    current = setups.load(conn, setups.current_version(conn))
    # What is typed anew for another host is sealed anew: so publishing knows that it was typed.
    elsewhere = led_elsewhere(current, clear)
    known = replace(
        draft.setup,
        account=tuple(one for one in draft.setup.account if one.key not in elsewhere.accounts),
        manager=tuple(one for one in draft.setup.manager if one.key not in elsewhere.managers),
    )
    new = publishing.sealed(clear, seal, known)
    problems = check(new)
    # Once sealed nobody can see that a secret is none.
    if unseen := [one for one in check(clear) if one not in problems]:
        raise BadSetup(unseen)
    changes = differences(draft.setup, new)
    if changes:
        drafts.keep(conn, replace(draft, setup=new, updated_at=now, version=draft.version + 1))
    return Edited(new, changes, problems, () if problems else publishing.remarks_on(conn, new, now))


def _known(conn: Connection, id_: str) -> Draft:
    if (found := drafts.find(conn, id_)) is None:
        raise NoSuchDraft(id_)
    return found


def _on_current(conn: Connection, draft: Draft, current: Setup) -> Setup:
    """Raises Conflict."""
    if draft.base == current.version:
        return draft.setup
    return rebase(setups.load(conn, draft.base), draft.setup, current)


def _as_now(past: Setup, now: Setup) -> Setup:
    since = (one for one in now.manager if one.key not in past.managers)
    return replace(
        past,
        account=tuple(_with_secret_of(one, now.accounts.get(one.key)) for one in past.account),
        webhook=tuple(_with_secret_of(one, now.webhooks.get(one.key)) for one in past.webhook),
        manager=(
            *(_with_mailbox_of(one, now.managers.get(one.key)) for one in past.manager),
            *(replace(one, active=False) for one in since),
        ),
    )


def _with_secret_of(past: Keeper, now: Keeper | None) -> Keeper:
    return replace(past, secret=now.secret) if now else past


def _with_mailbox_of(manager: Manager, now: Manager | None) -> Manager:
    return replace(manager, smtp=now.smtp) if now else manager


def _tidy(said: str | None, field: str, longest: int) -> str | None:
    tidy = " ".join((said or "").split())
    if len(tidy) > longest:
        raise BadDraft(field, "too_long")
    return tidy or None


__all__ = [
    "BadDraft",
    "BadSetup",
    "Conflict",
    "Edited",
    "Looked",
    "NoSuchDraft",
    "NoSuchVersion",
    "Stale",
    "discard",
    "edit",
    "go_back",
    "look_at",
    "new_draft",
    "publish",
]
