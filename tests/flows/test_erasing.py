"""Recordings that go: the row at once, then the file, and then it is proven; on both engines."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from sqlalchemy import Connection, update

from callrouter.domain.setup import Setup
from callrouter.flows.erasing import delete_recordings, erase_sound
from callrouter.flows.recordings import Upload, hang
from callrouter.jobs import retention
from callrouter.jobs.worker import Worker
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import jobs, recordings, tables, unrecorded
from storage.bucket import Bucket
from storage.database import Database
from storage.files import Files, FilesSilent, Folder
from storage.recordings import Recording
from tests.examples import LINE, MONDAY_NOON, SETUP
from tests.office import Office, entry

DAY = timedelta(days=1)


@dataclass
class House:
    """A company with recordings, and a clock that is turned by hand."""

    office: Office
    folder: Path
    files: Files
    setup: Setup = SETUP
    now: datetime = MONDAY_NOON

    @property
    def current(self) -> Setup:
        return self.setup

    @property
    def service(self) -> Service:
        settings = Settings(data_dir=self.folder)
        seal = Seal("a secret of the tests")
        found = Service(settings, self.office.database, self, seal, lambda: self.now)
        vars(found)["files"] = self.files
        return found

    @property
    def worker(self) -> Worker:
        return Worker(self.office.database, lambda: self.now, retention.kinds(self.service))

    async def record(self, ref: str, *, before: timedelta = timedelta(), line: str = "") -> str:
        """A call with a recording, so long ago; gives the recording's id."""
        at = MONDAY_NOON - before
        upload = Upload("main", ref, None, "talk", "wav", 4, f"{ref:0>64}", 1.0, at)
        draft = self.files.begin()
        draft.write(b"RIFF")
        draft.keep(upload.file)
        told = replace(upload.event, called=line) if line else upload.event
        await self.office.take(entry(told, body=upload.body))
        await self.office.database.write(hang, upload, now=at)
        return upload.id

    async def row(self, id_: str) -> Recording:
        found = await self.office.database.read(recordings.find, id_)
        assert found
        return found

    async def proofs(self) -> list[tuple[str, dict[str, object]]]:
        return [
            (one.actor, json.loads(one.data))
            for one in await self.office.rows(tables.business_event)
            if one.kind == "recording_deleted"
        ]

    @property
    def lying(self) -> set[str]:
        return {one.name for one in self.files.under("recordings")}


@pytest.fixture(params=["folder", "bucket"])
async def house(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> House:
    folder = Folder(tmp_path / "files")
    files = folder if request.param == "folder" else Bucket(MemoryStore(), folder)
    return House(await Office(database).open(), tmp_path, files)


async def test_what_is_deleted_says_so_and_then_its_file_is_gone(house: House) -> None:
    mine, other = await house.record("c1"), await house.record("c2")
    database = house.office.database

    def read_it(conn: Connection) -> None:
        values = {"peaks": "{}", "transcript": "[]", "said": "secret words"}
        conn.execute(update(tables.recording).values(**values))

    await database.write(read_it)
    gone = await database.write(delete_recordings, [mine], by="vera", now=house.now)
    assert gone == [mine]
    row = await house.row(mine)
    assert (row.deleted_at, row.deleted_by) == (house.now, "vera")
    texts = {
        one.id: (one.peaks, one.transcript, one.said)
        for one in await house.office.rows(tables.recording)
    }
    assert texts == {mine: (None, None, None), other: ("{}", "[]", "secret words")}
    assert await house.proofs() == []

    await house.worker.drain()
    assert house.lying == {(await house.row(other)).file}
    proof = {"recording": mine, "sha256": f"{'c1':0>64}", "bytes": 4, "files_left": 0}
    assert await house.proofs() == [("vera", proof)]


async def test_deleting_again_changes_nothing(house: House) -> None:
    mine = await house.record("c1")
    for by in ("vera", "anna"):
        await house.office.database.write(delete_recordings, [mine], by=by, now=house.now)
        await house.worker.drain()
    assert (await house.row(mine)).deleted_by == "vera"
    assert [by for by, _ in await house.proofs()] == ["vera"]


async def test_all_sound_of_a_call_is_erased_at_once(house: House) -> None:
    first = await house.record("c1")
    call = (await house.row(first)).call
    upload = Upload("main", "c1", None, "message", "wav", 4, "9" * 64, 1.0, MONDAY_NOON)
    await house.office.take(entry(upload.event, body=upload.body))
    await house.office.database.write(hang, upload, now=house.now)
    erased = await house.office.database.write(erase_sound, call, by="anna", now=house.now)
    again = await house.office.database.write(erase_sound, call, by="anna", now=house.now)
    assert (erased, again) == (2, 0)
    await house.worker.drain()
    assert house.lying == set()
    assert len(await house.proofs()) == 2


async def test_what_comes_of_a_caller_who_refused_goes_at_once(house: House) -> None:
    first = await house.record("c1")
    call = (await house.row(first)).call

    def refuse(conn: Connection) -> None:
        unrecorded.refuse(conn, call, now=MONDAY_NOON)
        erase_sound(conn, call, by="anna", now=MONDAY_NOON)

    await house.office.database.write(refuse)
    upload = Upload("main", "c1", None, "talk", "wav", 4, "8" * 64, 1.0, MONDAY_NOON)
    draft = house.files.begin()
    draft.write(b"RIFF")
    draft.keep(upload.file)
    await house.office.take(entry(upload.event, body=upload.body))
    await house.office.database.write(hang, upload, now=house.now)
    await house.worker.drain()
    assert (await house.row(upload.id)).deleted_by == "no_recording"
    assert house.lying == set()


async def test_a_deleted_file_that_is_sent_again_goes_again(house: House) -> None:
    mine = await house.record("c1")
    await house.office.database.write(delete_recordings, [mine], by="vera", now=house.now)
    await house.worker.drain()
    assert await house.record("c1") == mine
    assert house.lying
    await house.worker.drain()
    assert house.lying == set()


async def test_a_silent_store_is_asked_again_and_nothing_is_proven_before(house: House) -> None:
    class Silent(Folder):
        def delete(self, name: str) -> None:
            raise FilesSilent(f"no answer about {name[:10]}")

    mine = await house.record("c1")
    there, house.files = house.files, Silent(house.folder / "files")
    await house.office.database.write(delete_recordings, [mine], by="vera", now=house.now)
    await house.worker.drain()
    assert await house.proofs() == []
    (job,) = [
        one for one in await house.office.database.read(jobs.listed) if one.kind == "delete_file"
    ]
    assert (job.state, job.error) == ("ready", "no answer about recordings")
    house.files, house.now = there, house.now + DAY
    await house.worker.drain()
    assert len(await house.proofs()) == 1
    assert house.lying == set()


# The term of a line


async def test_each_line_keeps_its_recordings_as_long_as_it_says(house: House) -> None:
    """A line that is no more keeps them for 180 days; 0 days are for ever."""
    ever = replace(LINE, number="+74951230077", record_days=0)
    short = replace(LINE, record_days=30)
    house.setup = replace(SETUP, line=(short, ever))
    await house.office.open(house.setup)
    on = LINE.number
    young = await house.record("c1", before=29 * DAY, line=on)
    old = await house.record("c2", before=31 * DAY, line=on)
    kept = await house.record("c3", before=1000 * DAY, line=ever.number)
    assert await retention.delete_old(house.service) == 1
    assert await retention.delete_old(house.service) == 0
    await house.worker.drain()
    assert {id_: (await house.row(id_)).deleted_by for id_ in (young, old, kept)} == {
        young: None,
        old: "retention",
        kept: None,
    }
    assert house.lying == {(await house.row(young)).file, (await house.row(kept)).file}
    assert [by for by, _ in await house.proofs()] == ["retention"]

    house.setup = replace(SETUP, line=(replace(LINE, record_days=20_000),))
    assert await retention.delete_old(house.service) == 1  # nobody has the other line any more
    assert (await house.row(kept)).deleted_by == "retention"


async def test_many_go_in_steps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    for n in range(8):
        await house.record(f"c{n}", before=(400 if n % 4 else 100) * DAY, line=LINE.number)
    assert await retention.delete_old(house.service) == 6
    await house.worker.drain()
    assert len(house.lying) == 2


# Files of nobody


async def test_a_file_of_nobody_is_counted_and_stays(house: House) -> None:
    await house.record("c1")
    draft = house.files.begin()
    draft.write(b"RIFF")
    draft.keep("recordings/ff/ff00.wav")
    house.now = datetime.now(MONDAY_NOON.tzinfo)
    assert await retention.look_for_orphans(house.service) == 0  # it may be on its way
    house.now += 2 * DAY
    assert await retention.look_for_orphans(house.service) == 1
    assert "recordings/ff/ff00.wav" in house.lying


async def test_a_file_whose_row_is_deleted_is_taken_away_once_more(house: House) -> None:
    mine = await house.record("c1")
    file = (await house.row(mine)).file
    await house.office.database.write(delete_recordings, [mine], by="vera", now=house.now)
    await house.worker.drain()
    draft = house.files.begin()
    draft.write(b"RIFF")
    draft.keep(file)
    house.now = datetime.now(MONDAY_NOON.tzinfo) + 2 * DAY
    assert await retention.look_for_orphans(house.service) == 0
    await house.worker.drain()
    assert house.lying == set()
