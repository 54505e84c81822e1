"""Recordings that lie at a PBX: asked for as soon as an event names one, settled once.

Fetching itself is `callrouter.jobs.fetch_recording`'s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from callrouter.domain.audio import MEDIA_TYPES, AudioType
from callrouter.domain.targets import phones_of
from callrouter.flows.erasing import erase_sound
from callrouter.flows.homes import Homes, homes_of
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.recordings import NOT_WANTED, keep_recording
from storage import calls, fetches, jobs, notices, recordings
from storage.fetches import ASKED, OUTGOING, Fetch, FetchState
from storage.ids import new_id
from storage.jobs import NewJob
from storage.notices import Happening
from storage.recordings import Recording
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.events import CallEvent
    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work

JOB: Final = "fetch_recording"

CLOSING: Final = timedelta(seconds=5)
"""A PBX that names the recording with the call's end may still be writing it."""

_BETWEEN_PARTS: Final = timedelta(milliseconds=1)


class NothingToFetch(Exception):
    """No event of the call named a recording that is not here; the text says how it stands."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file that came whole and has its name: one of the parts of a recording, mostly the only."""

    file: str
    type: AudioType
    size: int
    digest: str
    seconds: float | None


# What events name


def follow(
    conn: Connection,
    heard: Sequence[tuple[CallEvent, Work]],
    works: Collection[Work],
    setup: Setup,
    *,
    now: datetime,
) -> None:
    """Ask for the recordings that new events name, each once.

    `heard`: the new events, each with its call; `works`: all calls of the transaction, written
    already. What belongs to a consultation hangs on the call that it was put together with.
    """
    named = [(event, work) for event, work in heard if _names_one(event, setup)]
    joined = [work for work in works if work.joined]
    if not (named or joined):
        return
    homes = homes_of(conn, joined, works, setup) if joined else {}
    fetches.move(conn, homes)
    for call in fetches.unwanted(conn, {new for new, _ in homes.values()}) if homes else ():
        erase_sound(conn, call, by=NOT_WANTED, now=now)
    if not named:
        return
    refused = _refused(conn, named, homes)
    wanted = [_wanted(event, work, homes, setup, refused) for event, work in named]
    waiting = fetches.ask(conn, wanted)
    ended = {
        one.ref for one, (event, _) in zip(wanted, named, strict=True) if event.kind == "ended"
    }
    jobs.ask(
        conn, [_job(one, CLOSING if one.ref in ended else timedelta()) for one in waiting], now=now
    )


def _names_one(event: CallEvent, setup: Setup) -> bool:
    """True where it can be fetched: there is an address, or the provider can be asked by the id."""
    if event.recording_url or not event.recording_id:
        return bool(event.recording_url)
    account = setup.accounts.get(event.account)
    if account is None or account.provider not in PROVIDERS:
        return False
    return bool(PROVIDERS[account.provider](account, ()).api_hosts)


def _refused(
    conn: Connection,
    named: Sequence[tuple[CallEvent, Work]],
    homes: Homes,
) -> set[str]:
    """Of which calls nothing may be kept, neither of a consultation nor of what it is now part."""
    found = fetches.unwanted(
        conn,
        {id_ for _, work in named for id_ in (work.id, homes.get(work.id, (work.id, None))[0])},
    )
    return found | {old for old, (new, _) in homes.items() if new in found}


def _wanted(
    event: CallEvent,
    work: Work,
    homes: Homes,
    setup: Setup,
    refused: set[str],
) -> Fetch:
    home, home_leg = homes.get(work.id, (work.id, None))
    reason = ASKED if work.id in refused else None
    if work.direction == "out" and not setup.recordings.outgoing:
        reason = reason or OUTGOING
    return Fetch(
        id=new_id(event.received),
        account=event.account,
        ref=event.recording_id or ref_of_address(work.id, event.recording_url or ""),
        call=home,
        leg=_leg_of(event, work, setup) or home_leg,
        kind=event.recording_kind,
        url=event.recording_url,
        asked_at=event.received,
        state="unwanted" if reason else "waiting",
        reason=reason,
        settled_at=event.received if reason else None,
    )


def ref_of_address(call: str, url: str) -> str:
    """What stands for the id where the PBX gives none: the same address of the same call is one."""
    return "url:" + hashlib.sha256(json.dumps([call, url]).encode()).hexdigest()[:40]


def _leg_of(event: CallEvent, work: Work, setup: Setup) -> str | None:
    """The attempt that it is of: as the PBX names it, else the last talk of the phone it names."""
    if event.leg_ref or not event.target:
        return event.leg_ref
    legs = work.state.legs if work.state else ()
    phone = phones_of(setup, work.account)(event.target, event.moment, legs)
    talks = [leg for leg in legs if leg.dial == phone.dial and leg.answered_at]
    return talks[-1].ref if talks else None


def _job(one: Fetch, later: timedelta = timedelta()) -> NewJob:
    """One job for each time that a recording is asked for anew."""
    asked = round(one.asked_at.timestamp() * 1000)
    return NewJob(
        JOB, {"fetch": one.id, "asked": asked}, f"fetch:{one.id}:{asked}", one.asked_at + later
    )


# What became of them


def keep_fetched(conn: Connection, one: Fetch, parts: Sequence[Part], *, now: datetime) -> set[str]:
    """Hang what came on its call, once; gives the files on which nothing hangs, and that may go."""
    found = fetches.find(conn, one.id)
    if found is None:
        return {part.file for part in parts}
    if found.state == "waiting" and found.call in fetches.unwanted(conn, [found.call]):
        fetches.settle(conn, one.id, "unwanted", reason=ASKED, now=now)
    elif found.state == "waiting":
        ids = [_hang(conn, found, part, n, now=now) for n, part in enumerate(parts)]
        fetches.settle(conn, one.id, "kept", recording_id=ids[0], now=now)
        notices.tell(conn, [found.call], now=now)
    hung = {
        recording.file
        for recording in recordings.of_call(conn, found.call)
        if recording.deleted_at is None
    }
    return {part.file for part in parts} - hung


def _hang(conn: Connection, one: Fetch, part: Part, n: int, *, now: datetime) -> str:
    """Its id: that of the same bytes, if the call has them already."""
    if same := fetches.same_sound(conn, one.call, part.digest):
        return same
    id_ = _recording_id(one, n, part.digest)
    keep_recording(conn, _recording(one, part, id_, n), now=now)
    return id_


def give_up(
    conn: Connection, one: Fetch, state: FetchState, reason: str | None, *, now: datetime
) -> None:
    """It does not come: `missing`, `refused` or `unwanted`; one asked for anew since waits on."""
    found = fetches.find(conn, one.id)
    if found and found.state == "waiting" and found.asked_at == one.asked_at:
        fetches.settle(conn, one.id, state, reason=reason, now=now)
        notices.tell(conn, [found.call], now=now)


def fetch_again(conn: Connection, call_id: str, *, by: str, now: datetime) -> list[Fetch]:
    """Fetch what has not come of a call, from now on as if it had just been told of.

    Gives all of the call. Raises NoSuchCall, NothingToFetch.
    """
    if call_id not in calls.by_ids(conn, [call_id]):
        raise NoSuchCall
    if call_id in fetches.unwanted(conn, [call_id]):
        raise NothingToFetch("the caller asked not to be recorded")
    again = fetches.ask_again(conn, call_id, now=now)
    if not again:
        some = fetches.of_call(conn, call_id)
        raise NothingToFetch("it is here" if some else "no event named one")
    jobs.ask(conn, [_job(one) for one in again], now=now)
    data = {"fetches": len(again)}
    notices.record(conn, [Happening("recording_asked", now, by, call_id, data=data)], now=now)
    notices.tell(conn, [call_id], now=now)
    return fetches.of_call(conn, call_id)


def file_of(one: Fetch, n: int, type_: AudioType, digest: str) -> str:
    """Where the n-th part is kept: the same bytes at the same place, however often they come."""
    id_ = _recording_id(one, n, digest)
    return f"recordings/{id_[:2]}/{id_}.{type_}"


def _recording_id(one: Fetch, n: int, digest: str) -> str:
    of = [one.account, one.ref, n, digest]
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:32]


def _recording(one: Fetch, part: Part, id_: str, n: int) -> Recording:
    return Recording(
        id=id_,
        account=one.account,
        ref=one.ref if n == 0 else f"{one.ref}#{n + 1}",
        call=one.call,
        leg=one.leg,
        kind=one.kind,
        file=part.file,
        type=MEDIA_TYPES[part.type],
        size=part.size,
        digest=part.digest,
        seconds=part.seconds,
        at=one.asked_at + n * _BETWEEN_PARTS,
    )
