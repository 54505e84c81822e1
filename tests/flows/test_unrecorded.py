"""A caller's "do not record": one act, for this call and all later ones; on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from callrouter.domain.decisions import Connect
from callrouter.domain.setup import Recordings
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from callrouter.flows.recordings import Upload, hang
from callrouter.flows.unrecorded import Refused, refuse_recording, say_recording
from storage import tables
from storage.database import Database
from tests.examples import LINE, MONDAY_NOON, SETUP, event
from tests.office import Office, entry

RECORDING = replace(SETUP, line=(replace(LINE, recording=True),))


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(RECORDING)


def sound_of(ref: str, since: float) -> Upload:
    digest = sha256(ref.encode()).hexdigest()
    return Upload("main", ref, "a1", "talk", "wav", 16044, digest, 1.0, at(since))


async def ring(office: Office, ref: str, since: float) -> bool:
    """A call comes; is the PBX told to record it?"""
    (taken,) = await office.take(event("ringing", ref, at(since)))
    assert isinstance(taken.decision, Connect)
    return taken.decision.record


async def talk(office: Office, ref: str, since: float) -> bool:
    record = await ring(office, ref, since)
    await office.take(event("answered", ref, at(since + 1), leg_ref="a1", target="101"))
    await office.take(event("ended", ref, at(since + 60), duration_s=59))
    return record


async def send_sound(office: Office, ref: str, since: float) -> None:
    upload = sound_of(ref, since)
    await office.take(entry(upload.event, body=upload.body))
    assert await office.database.write(hang, upload, now=upload.at)


async def call_of(office: Office, ref: str) -> Any:
    return next(row for row in await office.rows(tables.call) if row.ref == ref)


async def refuse(office: Office, ref: str, since: float) -> Refused:
    call = await call_of(office, ref)
    return await office.database.write(refuse_recording, call.id, by="anna", now=at(since))


async def kept(office: Office) -> list[str]:
    """The calls of which sound is there to be heard."""
    calls = {row.id: row.ref for row in await office.rows(tables.call)}
    rows = await office.rows(tables.recording)
    return sorted(calls[row.call] for row in rows if row.deleted_at is None)


async def test_it_holds_for_this_call_and_every_later_one_and_not_for_earlier_ones(
    office: Office,
) -> None:
    assert await talk(office, "c1", 0)
    await send_sound(office, "c1", 61)
    assert await talk(office, "c2", 100)
    await send_sound(office, "c2", 161)
    contact = (await call_of(office, "c2")).contact
    assert await refuse(office, "c2", 170) == Refused(contact, erased=1, not_fetched=0)
    assert await kept(office) == ["c1"]
    assert not await talk(office, "c3", 200)
    await send_sound(office, "c3", 261)  # a PBX that records all the same
    assert await kept(office) == ["c1"]


async def test_sound_that_comes_after_the_act_is_not_kept(office: Office) -> None:
    await talk(office, "c1", 0)
    await refuse(office, "c1", 61)
    await send_sound(office, "c1", 90)
    assert await kept(office) == []
    (deleted,) = await office.rows(tables.recording)
    assert deleted.deleted_at is not None


async def test_of_a_withheld_number_it_holds_for_that_call_alone(office: Office) -> None:
    for ref, since in (("c1", 0), ("c2", 100)):
        await office.take(event("ringing", ref, at(since), caller="anonymous"))
        await send_sound(office, ref, since + 61)
    await refuse(office, "c1", 170)
    assert await kept(office) == ["c2"]


async def test_who_allows_it_again_is_recorded_again(office: Office) -> None:
    await talk(office, "c1", 0)
    await refuse(office, "c1", 61)
    contact = (await call_of(office, "c1")).contact
    for changed in (True, False):
        done = await office.database.write(
            say_recording, contact, allowed=True, by="anna", now=at(70)
        )
        assert done is changed
    assert await talk(office, "c2", 100)
    await send_sound(office, "c2", 161)
    assert await kept(office) == ["c2"]


async def test_the_same_act_again_changes_nothing_more(office: Office) -> None:
    await talk(office, "c1", 0)
    await send_sound(office, "c1", 61)
    first = await refuse(office, "c1", 70)
    again = await refuse(office, "c1", 80)
    assert (first.erased, again.erased) == (1, 0)
    assert (await call_of(office, "c1")).unrecorded_at == at(70)
    events = [one.kind for one in await office.rows(tables.business_event)]
    assert events.count("recording_refused") == 2


async def test_a_call_or_contact_that_is_not_there_is_said_so(office: Office) -> None:
    with pytest.raises(NoSuchCall):
        await office.database.write(refuse_recording, "none", by="anna", now=at(0))
    with pytest.raises(NoSuchContact):
        await office.database.write(say_recording, "none", allowed=False, by="anna", now=at(0))


@pytest.mark.parametrize("outgoing", [True, False])
async def test_calls_out_are_recorded_where_the_setup_says_so(
    database: Database, *, outgoing: bool
) -> None:
    setup = replace(RECORDING, recordings=Recordings(outgoing=outgoing))
    office = await Office(database).open(setup)
    named = {"recording_url": "https://pbx.example.com/1.wav", "recording_id": "r1"}
    dialled = event("dialing", "c1", at(0), direction="out", target="101", called="+79161234567")
    await office.take(replace(dialled, caller=LINE.number))
    await office.take(event("recording", "c1", at(61), **named))
    upload = sound_of("c1", 61)
    await office.take(entry(upload.event, body=upload.body))
    assert await database.write(hang, upload, outgoing=outgoing, now=upload.at)
    assert await kept(office) == (["c1"] if outgoing else [])
    found = await office.only(tables.fetch)
    assert (found.state, found.reason) == (
        ("waiting", None) if outgoing else ("unwanted", "outgoing")
    )
