"""A recording hangs on its call, once, whenever it comes; on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import Connection

from callrouter.flows.recordings import Upload, hang
from storage import recordings, tables
from storage.database import Database
from tests.examples import MONDAY_NOON, event
from tests.office import Office, entry


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


UPLOAD = Upload(
    account="main",
    call_ref="c1",
    leg="a1",
    kind="talk",
    type="wav",
    size=16044,
    digest="5" * 64,
    seconds=1.0,
    at=at(60),
)
RINGING = event("ringing", "c1", at(0))
ANSWERED = event("answered", "c1", at(5), leg_ref="a1", target="101")
ENDED = event("ended", "c1", at(50), reason="completed")


async def offer(office: Office, upload: Upload) -> str | None:
    """What the keeper does with a file that is whole."""
    await office.take(entry(upload.event, body=upload.body))
    return await office.database.write(hang, upload, now=upload.at)


async def test_it_hangs_on_the_call_that_its_sender_names(office: Office) -> None:
    (taken,) = await office.take(RINGING)
    await office.take(ANSWERED)
    await office.take(ENDED)
    assert await offer(office, UPLOAD) == taken.call
    row = await office.only(tables.recording)
    assert (row.id, row.call, row.leg, row.kind) == (UPLOAD.id, taken.call, "a1", "talk")
    assert (row.file, row.type, row.size) == (UPLOAD.file, "audio/wav", 16044)
    assert (row.digest, row.seconds, row.at) == ("5" * 64, 1.0, at(60))
    told = [one for one in await office.rows(tables.event) if one.kind == "recording"]
    assert [(one.call, one.key) for one in told] == [(taken.call, f"file:{UPLOAD.id}")]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
async def test_the_order_does_not_matter(office: Office, order: tuple[int, ...]) -> None:
    """A file may be here before anything else of its call."""
    for n in order:
        if n < 3:
            await office.take((RINGING, ANSWERED, ENDED)[n])
        else:
            assert await offer(office, UPLOAD)
    call = await office.only(tables.call)
    assert (call.state, call.caller_number) == ("answered", "+79161234567")
    assert (await office.only(tables.recording)).call == call.id


async def test_the_same_again_is_once_there_whatever_is_said_of_its_time(office: Office) -> None:
    for later in (0, 5, 5000):
        assert await offer(office, replace(UPLOAD, at=at(60 + later)))
    assert (await office.only(tables.recording)).at == at(60)
    assert await office.count(tables.event) == 1
    assert await office.count(tables.quarantine) == 0


async def test_parts_legs_and_kinds_are_recordings_of_their_own(office: Office) -> None:
    (taken,) = await office.take(RINGING)
    voicemail = replace(UPLOAD, kind="message", digest="1" * 64, at=at(59))
    second = replace(UPLOAD, digest="6" * 64, at=at(61))
    other_leg = replace(UPLOAD, leg=None, at=at(62))
    for one in (other_leg, second, voicemail, UPLOAD):
        await offer(office, one)
    found = await office.database.read(recordings.of_call, taken.call or "")
    assert [one.id for one in found] == [UPLOAD.id, second.id, other_leg.id, voicemail.id]


async def test_days_later_it_is_still_of_the_same_call(office: Office) -> None:
    """A branch was without a network over the weekend."""
    (taken,) = await office.take(RINGING)
    await office.take(ENDED)
    assert await offer(office, replace(UPLOAD, at=at(3 * 86400))) == taken.call
    assert await office.count(tables.call) == 1


async def test_it_waits_for_its_event(office: Office) -> None:
    """The base was silent: the event is on the spool, the file on the disk."""
    assert await office.database.write(hang, UPLOAD, now=at(60)) is None
    assert await office.count(tables.recording) == 0
    assert await offer(office, UPLOAD)


async def test_screens_hear_of_it_once(office: Office) -> None:
    await office.take(RINGING)
    await offer(office, UPLOAD)
    before = await office.count(tables.notice)

    def again(conn: Connection) -> None:
        hang(conn, UPLOAD, now=at(99))

    await office.database.write(again)
    assert await office.count(tables.notice) == before


def test_an_id_is_of_account_call_leg_kind_and_bytes() -> None:
    changed = [
        replace(UPLOAD, account="other"),
        replace(UPLOAD, call_ref="c2"),
        replace(UPLOAD, leg=None),
        replace(UPLOAD, kind="message"),
        replace(UPLOAD, digest="6" * 64),
    ]
    assert len({one.id for one in [UPLOAD, *changed]}) == 6
    assert replace(UPLOAD, at=at(0), size=1, seconds=None).id == UPLOAD.id
