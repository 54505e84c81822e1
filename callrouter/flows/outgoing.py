"""What programs outside are told: who is told of what happened, and in which words.

A row of the outbox is written with what it tells of. Here it becomes a job for each webhook that
wants to hear it, in one transaction, so nothing is lost and nothing is asked for twice. What a
message says is read when it leaves: a job keeps ids only, so that whoever is erased is nowhere.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from callrouter.domain.rights import Viewer
from storage import jobs, outbox, pops
from storage.jobs import NewJob
from storage.listing import calls_by_id, find_card, find_obligation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from storage.listing import CallView
    from storage.outbox import Waiting
    from storage.pops import Ring

DELIVER: Final = "webhook"
DELIVER_RING: Final = "webhook_ring"
POP_MAIL: Final = "pop_mail"

BATCH: Final = 500
_ALL: Final = Viewer("admin")

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Told:
    """One event for one webhook. `id`: the same however often it is sent; `data`: JSON."""

    webhook: str
    type: str
    id: str
    at: str
    call: str | None
    card: str | None
    manager: str | None
    data: str


def is_heard(setup: Setup) -> bool:
    """Whether anybody outside is told of anything."""
    return setup.workplace.pop_mail or any(one.active for one in setup.webhook)


def spread(conn: Connection, setup: Setup, *, now: datetime) -> int:
    """Ask for the jobs of the oldest rows of the outbox; gives how many rows that were."""
    rows = outbox.waiting(conn, BATCH)
    if not rows:
        return 0
    ended = {one.call for one in rows if one.kind == "call.ended" and one.call}
    missed = {one.id for one in calls_by_id(conn, ended, _ALL) if one.state == "missed"}
    ringing = {one.call for one in rows if one.kind == outbox.RINGS and one.call}
    rings = [one for one in pops.rings_of(conn, ringing) if not one.talks]
    wanted = [*_of_rings(rings, setup)]
    for one in rows:
        if one.kind != outbox.RINGS:
            wanted += _of(one, one.kind, one.event, setup)
        if one.call in missed and one.kind == "call.ended":
            wanted += _of(one, "call.missed", f"{one.event}-missed", setup)
    jobs.ask(conn, wanted, now=now)
    outbox.drop(conn, rows[-1].id)
    return len(rows)


def _of(one: Waiting, type_: str, event: str, setup: Setup) -> Iterator[NewJob]:
    at = one.at.isoformat()
    for webhook in setup.webhook:
        if webhook.hears(type_):
            told = Told(webhook.key, type_, event, at, one.call, one.card, None, one.data)
            yield _job(DELIVER, told)


def _of_rings(rings: Sequence[Ring], setup: Setup) -> Iterator[NewJob]:
    """Of each manager once for a call, when his phone begins to ring."""
    for ring in rings:
        event = hashlib.sha256(f"{ring.call}\n{ring.manager}".encode()).hexdigest()[:32]
        at = ring.since.isoformat()
        for webhook in setup.webhook:
            if webhook.hears("call.ringing"):
                told = Told(
                    webhook.key, "call.ringing", event, at, ring.call, None, ring.manager, "{}"
                )
                yield _job(DELIVER_RING, told, due_at=ring.since)
        manager = setup.managers.get(ring.manager)
        if setup.workplace.pop_mail and manager and manager.email:
            payload = {"call": ring.call, "manager": ring.manager}
            yield NewJob(POP_MAIL, payload, f"{POP_MAIL}:{event}", ring.since)


def _job(kind: str, told: Told, due_at: datetime | None = None) -> NewJob:
    payload = {
        "webhook": told.webhook,
        "type": told.type,
        "id": told.id,
        "at": told.at,
        "call": told.call,
        "card": told.card,
        "manager": told.manager,
        "data": told.data,
    }
    return NewJob(kind, payload, f"webhook:{told.webhook}:{told.id}", due_at)


def told_by(payload: jobs.Payload) -> Told:
    """What a job of ours is to tell."""

    def text(name: str) -> str | None:
        found = payload.get(name)
        return None if found is None else str(found)

    return Told(
        str(payload["webhook"]),
        str(payload["type"]),
        str(payload["id"]),
        str(payload["at"]),
        text("call"),
        text("card"),
        text("manager"),
        str(payload["data"]),
    )


# What a message says


def message(conn: Connection, told: Told, *, pop_url: str, now: datetime) -> bytes | None:
    """The body of a message, as things stand; None: there is nothing to tell any more."""
    data = _data(conn, told, pop_url=pop_url, now=now)
    if data is None:
        return None
    whole = {"type": told.type, "timestamp": told.at, "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _data(
    conn: Connection, told: Told, *, pop_url: str, now: datetime
) -> Mapping[str, Value] | None:
    said = outbox.read_data(told.data)
    match told.type.partition(".")[0]:
        case "call":
            found = calls_by_id(conn, [told.call or ""], _ALL)
            if not found:
                return None
            if told.type != "call.ringing":
                return _call(found[0])
            ring = ringing(conn, told.call or "", told.manager or "", now=now)
            return _ring(found[0], ring, pop_url) if ring else None
        case "card":
            return _card(conn, told, said)
        case "letter":
            of = {name: said.get(name) for name in ("letter", "key", "kind", "n")}
            return {**of, "card": told.card}
        case "obligation":
            return _obligation(conn, told, said, now=now)
        case _:
            return said


def ringing(conn: Connection, call: str, manager: str, *, now: datetime) -> Ring | None:
    """His ring by this call, if his phone rings now."""
    rings = [one for one in pops.rings_of(conn, [call]) if one.manager == manager]
    return next((one for one in rings if one.rings(now)), None)


def _ring(call: CallView, ring: Ring, pop_url: str) -> Mapping[str, Value]:
    return {
        "call": call.id,
        "account": call.account,
        "call_id": call.call_id,
        "line": call.line,
        "caller": call.caller,
        "caller_kind": call.caller_kind,
        "card": call.card,
        "manager": ring.manager,
        "rings_from": ring.since.isoformat(),
        "rings_until": ring.until.isoformat() if ring.until else None,
        "pop_url": pop_url,
    }


def _call(call: CallView) -> Mapping[str, Value]:
    return {
        "call": call.id,
        "account": call.account,
        "call_id": call.call_id,
        "direction": call.direction,
        "state": call.state,
        "line": call.line,
        "caller": call.caller,
        "caller_kind": call.caller_kind,
        "card": call.card,
        "manager": call.manager,
        "started_at": call.started_at.isoformat(),
        "answered_at": call.answered_at.isoformat() if call.answered_at else None,
        "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        "duration_s": call.duration_s,
    }


def _card(conn: Connection, told: Told, said: outbox.Data) -> Mapping[str, Value] | None:
    card = find_card(conn, _ALL, told.card or "")
    if card is None:
        return None
    of: dict[str, Value] = {
        "card": card.id,
        "number": card.number,
        "pipeline": card.pipeline,
        "status": card.status,
        "manager": card.manager,
        "source": card.source,
    }
    if told.type == "card.moved":
        of |= {"from": said.get("from"), "to": said.get("to") or said.get("status")}
    return of


def _obligation(
    conn: Connection, told: Told, said: outbox.Data, *, now: datetime
) -> Mapping[str, Value]:
    id_ = str(said.get("obligation"))
    found = find_obligation(conn, _ALL, id_, now=now)
    return {
        "obligation": id_,
        "cause": said.get("cause"),
        "owner": said.get("owner"),
        "phone": found.phone if found else None,
        "due_at": found.due_at.isoformat() if found else None,
        "call": told.call,
        "card": told.card,
    }
