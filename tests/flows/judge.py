"""Holds what the base has of a play against what the played PBX knows to be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callrouter.fakepbx import CallTruth, Truth
from storage import tables
from tests.office import Office


@dataclass(frozen=True)
class Records:
    """What the base has, read once, after everything is over."""

    calls: dict[str, Any]
    legs: dict[str, list[Any]]
    known: set[str]  # numbers of contacts
    made: set[str]  # those of contacts that calls made
    owed: dict[str, list[Any]]

    @classmethod
    async def read(cls, office: Office) -> Records:
        rows = await office.rows(tables.call)
        legs: dict[str, list[Any]] = {row.ref: [] for row in rows}
        refs = {row.id: row.ref for row in rows}
        for leg in await office.rows(tables.leg):
            legs[refs[leg.call]].append(leg)
        owed: dict[str, list[Any]] = {}
        for task in await office.rows(tables.task):
            owed.setdefault(task.phone, []).append(task)
        known = {row.number for row in await office.rows(tables.contact_phone)}
        made = {row.made_for for row in await office.rows(tables.contact) if row.made_for}
        return cls({row.ref: row for row in rows}, legs, known, made, owed)

    def talkers(self, ref: str) -> Counter[str | None]:
        """Whose talks the base knows of, each as often as he talked."""
        return Counter(leg.manager for leg in self.legs[ref] if leg.answered_at and not leg.machine)


def complaints(truth: Truth, base: Records, *, exact: Sequence[str]) -> list[str]:
    """Say where the base is wrong. `exact`: accounts that send ids and times with their events."""
    found = []
    for call in truth.calls.values():
        if call.call_id in base.calls:
            found += [f"{call.call_id}: {one}" for one in _of_call(call, base, exact)]
        elif call.delivered:
            found.append(f"{call.call_id}: is not there")
    found += _of_contacts(truth, base)
    return found + _of_obligations(truth, base, exact)


def _of_call(call: CallTruth, base: Records, exact: Sequence[str]) -> list[str]:
    row, found = base.calls[call.call_id], []
    if row.direction != call.direction:
        found.append(f"is {row.direction}, was {call.direction}")
    if call.direction == "internal" and (row.contact or row.card):
        found.append("an internal call has a contact or a card")
    if call.direction == "in" and call.kind == "blocked" and row.card:
        found.append("a blocked caller has a card")
    if call.lost or call.account not in exact:
        return found
    if row.state not in (states := _states(call)):
        found.append(f"is {row.state}, was {states}")
    talkers = Counter(talk.person for talk in call.talks)
    if (known := base.talkers(call.call_id)) != talkers:
        found.append(f"talked with {dict(known)}, was {dict(talkers)}")
    if call.waits and call.routed_by == "service" and row.waiting_since is None:
        found.append("is not known to have waited")
    return found


def _states(call: CallTruth) -> set[str]:
    if call.talks:
        return {"answered"}
    if call.direction != "in":
        return {"unanswered"}
    if call.decision == "reject":
        return {"rejected"}
    # Told to reject it after it had given up on us, the PBX did not.
    return {"missed", "rejected"} if call.kind == "blocked" else {"missed"}


def _of_contacts(truth: Truth, base: Records) -> list[str]:
    calls = truth.calls.values()
    came = {c.caller for c in calls if c.direction == "in" and c.delivered and c.kind != "blocked"}
    reached = {c.caller for c in calls if c.direction == "out" and c.talks}
    wanted = {c.caller for c in calls if c.direction == "out" and c.talks and not c.lost}
    return [f"{number}: has no contact" for number in (came | wanted) - base.known - {None}] + [
        f"{number}: has a contact" for number in base.made - came - reached
    ]


def _of_obligations(truth: Truth, base: Records, exact: Sequence[str]) -> list[str]:
    """Each missed call is owed for, or there was a talk since; and nobody else is owed anything."""
    found = []
    by_number: dict[str, list[CallTruth]] = {}
    for call in truth.calls.values():
        if call.caller and call.delivered:
            by_number.setdefault(call.caller, []).append(call)
    for number, calls in by_number.items():
        open_ = [task for task in base.owed.get(number, []) if task.done_at is None]
        talks = [since for call in calls for since in _told_talks(call)]
        missed = [call for call in calls if _is_owed(call)]
        unsettled = [call for call in missed if not any(at >= call.began for at in talks)]
        if unsettled and not open_:
            found.append(f"{number}: {unsettled[-1].call_id} is not owed for")
        blocked = all(call.kind == "blocked" for call in calls)
        certain = all(not call.lost and call.account in exact for call in calls)
        if open_ and (blocked or (certain and not unsettled)):
            found.append(f"{number}: is owed for nothing")
        if len(open_) > 1:
            found.append(f"{number}: is owed for twice")
    return found + [f"{number}: is no caller" for number in set(base.owed) - set(by_number)]


def _is_owed(call: CallTruth) -> bool:
    return (
        call.direction == "in"
        and not call.talks
        and call.decision != "reject"
        and call.kind != "blocked"
    )


def _told_talks(call: CallTruth) -> list[datetime]:
    """When talks began of which the service was told."""
    told = {"answered", "leg_ended"} & set(call.delivered)
    return [talk.since for talk in call.talks] if told else []


def unnoticed_loops(truth: Truth) -> list[str]:
    """Calls that came back from a phone that the service knew to ring, and were not rejected."""
    found = []
    for call in truth.calls.values():
        mother = truth.calls.get(call.loop_of or "")
        if mother is None or call.routed_by != "service":
            continue
        knew = mother.routed_by == "service" and not (mother.lost or mother.late)
        if knew and call.decision != "reject":
            found.append(call.call_id)
    return found
