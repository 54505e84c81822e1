"""Gathers what is known of a server's readiness, and keeps what a person confirms of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from callrouter.domain.backups import is_late
from callrouter.domain.readiness import (
    TICKABLE,
    AccountFacts,
    BackupFacts,
    Code,
    Facts,
    Item,
    LineFacts,
    MailFacts,
    Tick,
    ready,
)
from callrouter.domain.rights import Viewer
from callrouter.flows.users import can_administer
from storage import audit, backup_log, listing_hooks, listing_journal, ticks, users
from storage import readiness as kept

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup


class NotTickable(ValueError):
    """It is nothing that a person could confirm, or it is so already."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the base does not know of its server. `backed_up`: it makes backups; `gaps`: by line,
    when nobody is on shift for it: that takes long to find out, so not while the base waits.
    """

    url: str
    address: Literal["here", "plain", "https"]
    smtp: bool
    backed_up: bool
    key: str
    key_kept_in: Literal["file", "environment"]
    sample: bool
    gaps: Mapping[str, str]


def look(conn: Connection, setup: Setup, around: Around, *, now: datetime) -> tuple[Item, ...]:
    """Every item, as it is now."""
    return ready(gather(conn, setup, around, now=now))


def gather(conn: Connection, setup: Setup, around: Around, *, now: datetime) -> Facts:
    reached = kept.last_resorts_reached(conn, [one.number for one in setup.line], now=now)
    lines = [
        LineFacts(
            one.number,
            one.name,
            one.last_resort,
            reached.get(one.number),
            around.gaps.get(one.number, ""),
            one.recording,
            one.notice,
        )
        for one in setup.line
    ]
    duty, name = _duty(setup)
    return Facts(
        today=setup.calendar_of(None).local(now).date(),
        accounts=[_account(conn, key) for key in setup.accounts],
        lines=lines,
        ticks=_ticks(conn),
        address=around.address,
        url=around.url,
        mail=_mail(conn, setup, around),
        backups=_backups(conn, now) if around.backed_up else None,
        key=around.key,
        key_kept_in=around.key_kept_in,
        sample=around.sample,
        zone=setup.company.time_zone,
        admins=sum(can_administer(one, setup) for one in users.everybody(conn)),
        duty=duty,
        duty_name=name,
    )


def tick(
    conn: Connection,
    setup: Setup,
    around: Around,
    code: str,
    subject: str,
    *,
    by: str,
    now: datetime,
    address: str | None = None,
) -> None:
    """Somebody confirms an item; it is written who and when. Raises NotTickable."""
    items = look(conn, setup, around, now=now)
    asked = (one for one in items if (one.code, one.subject) == (code, subject))
    found = next(asked, None)
    if found is None or not found.can_be_ticked:
        raise NotTickable(code)
    ticks.keep(conn, code, subject, by=by, now=now)
    audit.append(
        conn,
        at=now,
        actor=by,
        action="ticked",
        object=f"ready:{code}",
        data={"what": subject},
        address=address,
    )


def untick(
    conn: Connection, code: str, subject: str, *, by: str, now: datetime, address: str | None = None
) -> None:
    """Somebody takes it back. Raises NotTickable."""
    if code not in TICKABLE or not ticks.forget(conn, code, subject):
        raise NotTickable(code)
    audit.append(
        conn,
        at=now,
        actor=by,
        action="unticked",
        object=f"ready:{code}",
        data={"what": subject},
        address=address,
    )


def _account(conn: Connection, key: str) -> AccountFacts:
    refused = listing_hooks.last_refused(conn, Viewer("admin"), key, 1)
    last = refused[0] if refused else None
    heard = listing_journal.last_heard(conn, key)
    return AccountFacts(key, heard, last.at if last else None, last.reason if last else "")


def _ticks(conn: Connection) -> Mapping[tuple[Code, str], Tick]:
    codes = {code: code for code in get_args(Code)}
    return {
        (codes[code], subject): Tick(by, at)
        for (code, subject), (by, at) in ticks.everything(conn).items()
        if code in codes
    }


def _mail(conn: Connection, setup: Setup, around: Around) -> MailFacts:
    server = around.smtp or any(one.smtp for one in setup.active)
    sent, checked = kept.last_letter(conn), ticks.mail_check(conn)
    if checked is None:
        return MailFacts(server, sent)
    at, works, bad, mend = checked
    return MailFacts(server, sent, at, works, bad, mend)


def _backups(conn: Connection, now: datetime) -> BackupFacts:
    newest, tried = backup_log.newest_good(conn), backup_log.last_trial(conn)
    begun = backup_log.begun_at(conn)
    at = newest.at if newest else None
    late = is_late(at, begun, now)
    if tried is None:
        return BackupFacts(at, late)
    return BackupFacts(at, late, tried.tried_at, failed=tried.state == "failed")


def _duty(setup: Setup) -> tuple[Literal["never", "gone", "no_phone", "known"], str]:
    key = setup.company.duty
    if not key:
        return "never", ""
    manager = setup.managers.get(key)
    if manager is None or not manager.active:
        return "gone", manager.name if manager else key
    return ("known" if manager.all_dials else "no_phone"), manager.name
