"""The sound of a call: whole or in ranges, to whoever may read calls, and never run by a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from sqlalchemy import Connection, select

from callrouter.domain.setup import Role
from callrouter.flows.erasing import delete_recordings
from storage import recordings, tables
from storage.bucket import Bucket
from storage.files import FilesSilent, Folder
from storage.listing import Viewer
from tests.api.conftest import Api
from tests.api.rows import add_call, keep_recording
from tests.sounds import MP3, wav

TALK, LATER = wav(1.0), wav(0.5, pitch=300)
NOBODYS = "01KJPWD6S3HT01BC5FHBEXMTR7"


@dataclass(frozen=True)
class Got:
    status: int
    body: bytes
    headers: dict[str, str]


async def get(api: Api, path: str, role: Role = "auditor", **headers: str) -> Got:
    headers = {"Authorization": f"Bearer {api.tokens[role]}", **headers}
    async with api.session.get(f"{api.url}{path}", headers=headers) as answer:
        return Got(answer.status, await answer.read(), dict(answer.headers))


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, api: Api, tmp_path: Path) -> str:
    """Where the files lie."""
    if request.param == "bucket":
        vars(api.service)["files"] = Bucket(MemoryStore(), Folder(tmp_path / "drafts"))
    found: str = request.param
    return found


@pytest.fixture
async def call(api: Api) -> str:
    def make(conn: Connection) -> str:
        return add_call(conn)

    return await api.service.database.write(make)


async def test_the_file_comes_as_it_was_sent(api: Api, call: str, store: str) -> None:
    await keep_recording(api.service, call, 1, TALK)
    got = await get(api, f"/calls/{call}/recording")
    assert (got.status, got.body) == (200, TALK)
    assert got.headers["Content-Type"] == "audio/wav"
    assert got.headers["Content-Length"] == str(len(TALK))
    assert got.headers["Accept-Ranges"] == "bytes"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert got.headers["Content-Disposition"] == 'attachment; filename="r1.wav"'


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=44-143", 44, 143),
        ("bytes=16000-", 16000, 16043),
        ("bytes=-10", 16034, 16043),
        ("bytes=16000-99999", 16000, 16043),
    ],
)
async def test_a_player_may_ask_for_a_part(
    api: Api, call: str, store: str, asked: str, first: int, last: int
) -> None:
    await keep_recording(api.service, call, 1, TALK)
    got = await get(api, f"/calls/{call}/recording", Range=asked)
    assert (got.status, got.body) == (206, TALK[first : last + 1])
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(TALK)}"


async def test_a_part_past_the_end_is_refused(api: Api, call: str, store: str) -> None:
    await keep_recording(api.service, call, 1, TALK)
    got = await get(api, f"/calls/{call}/recording", Range="bytes=999999-")
    assert got.status == 416
    assert got.headers["Content-Range"] == f"bytes */{len(TALK)}"


async def test_parts_are_numbered_talks_first(api: Api, call: str) -> None:
    await keep_recording(api.service, call, 1, MP3, kind="message")
    await keep_recording(api.service, call, 3, LATER)
    await keep_recording(api.service, call, 2, TALK)
    got = [await get(api, f"/calls/{call}/recording?part={n}") for n in (1, 2, 3, 4)]
    assert [one.body for one in got[:3]] == [TALK, LATER, MP3]
    assert got[2].headers["Content-Type"] == "audio/mpeg"
    assert got[3].status == 404


async def test_a_call_says_where_its_sound_is(api: Api, call: str) -> None:
    assert (await api.get(f"/calls/{call}")).body["recording"] is None
    await keep_recording(api.service, call, 1, TALK)
    where = f"/api/v1/calls/{call}/recording"
    assert (await api.get(f"/calls/{call}")).body["recording"] == where
    assert [one["recording"] for one in (await api.get("/calls")).body["items"]] == [where]
    assert (await get(api, where.removeprefix("/api/v1"))).body == TALK


async def test_only_who_may_read_calls_hears_them(api: Api, call: str) -> None:
    await keep_recording(api.service, call, 1, TALK)
    path = f"/calls/{call}/recording"
    for role in api.tokens:
        allowed = role in ("manager", "head", "admin", "auditor")
        assert (await get(api, path, role)).status == (200 if allowed else 403)
    async with api.session.get(f"{api.url}{path}") as answer:
        assert answer.status == 401


async def test_without_a_recording_there_is_nothing(api: Api, call: str) -> None:
    one = await keep_recording(api.service, call, 1, TALK)
    api.service.files.delete(one)
    for path in (f"/calls/{call}/recording", f"/calls/{NOBODYS}/recording", "/calls/x/recording"):
        got = await get(api, path)
        assert got.status == 404
        assert got.headers["Content-Type"].startswith("application/problem+json")
    assert (await get(api, f"/calls/{call}/recording?part=0")).status == 422


async def heard(api: Api) -> list[tuple[str, str | None, str]]:
    """Who listened, on which call, to what."""

    def read(conn: Connection) -> list[tuple[str, str | None, str]]:
        c = tables.business_event.c
        found = select(c.actor, c.call, c.data).where(c.kind == "recording_played")
        return sorted((row.actor, row.call, row.data) for row in conn.execute(found))

    return await api.service.database.read(read)


async def test_who_listens_is_kept_once_however_many_parts_a_player_asks_for(
    api: Api, call: str, store: str
) -> None:
    await keep_recording(api.service, call, 1, TALK)
    await keep_recording(api.service, call, 2, LATER)
    for part in ("bytes=0-99", "bytes=100-199", "bytes=200-"):
        await get(api, f"/calls/{call}/recording", Range=part)
    first = ("token:a auditor", call, '{"recording": "r1"}')
    assert await heard(api) == [first]
    await get(api, f"/calls/{call}/recording", "head")
    await get(api, f"/calls/{call}/recording?part=2")
    others = [("token:a head", call, first[2]), (first[0], call, '{"recording": "r2"}')]
    assert await heard(api) == sorted([first, *others])
    api.clock.now += timedelta(minutes=11)
    await get(api, f"/calls/{call}/recording")
    assert await heard(api) == sorted([first, *others, first])


async def test_nobody_is_said_to_have_heard_what_he_did_not_get(api: Api, call: str) -> None:
    one = await keep_recording(api.service, call, 1, TALK)
    api.service.files.delete(one)
    await get(api, f"/calls/{call}/recording")
    await get(api, f"/calls/{call}/recording?part=2")
    await get(api, f"/calls/{NOBODYS}/recording")
    assert await heard(api) == []


async def test_a_deleted_recording_is_gone_and_the_others_keep_their_places(
    api: Api, call: str
) -> None:
    await keep_recording(api.service, call, 1, TALK)
    await keep_recording(api.service, call, 2, LATER)
    await api.service.database.write(delete_recordings, ["r1"], by="vera", now=api.clock.now)
    assert (await get(api, f"/calls/{call}/recording")).status == 404
    assert (await get(api, f"/calls/{call}/recording?part=2")).body == LATER
    assert (await api.get(f"/calls/{call}")).body["recording"]
    await api.service.database.write(delete_recordings, ["r2"], by="vera", now=api.clock.now)
    assert (await api.get(f"/calls/{call}")).body["recording"] is None


async def test_a_store_that_does_not_answer_is_no_fault_of_the_asker(
    api: Api, call: str, tmp_path: Path
) -> None:
    class Silent(Folder):
        def size(self, name: str) -> int | None:
            raise FilesSilent(f"nothing of {name} was heard")

    await keep_recording(api.service, call, 1, TALK)
    vars(api.service)["files"] = Silent(tmp_path)
    got = await get(api, f"/calls/{call}/recording")
    assert (got.status, got.headers["Retry-After"]) == (503, "10")
    assert b"r1" not in got.body
    assert await heard(api) == []


@pytest.mark.parametrize(
    ("viewer", "hears"),
    [
        pytest.param(Viewer("admin"), True, id="an admin hears all"),
        pytest.param(Viewer("auditor", "gleb", "other"), True, id="an auditor hears all"),
        pytest.param(Viewer("manager"), True, id="a program of that role stands for nobody"),
        pytest.param(Viewer("manager", "anna"), True, id="who talked"),
        pytest.param(Viewer("manager", "boris"), False, id="who had nothing to do with it"),
        pytest.param(Viewer("manager", "boris", "sales"), False, id="nor his team-mate"),
        pytest.param(Viewer("head", "vera", "sales"), True, id="the head of the team"),
        pytest.param(Viewer("head", "gleb", "other"), False, id="another team's head"),
        pytest.param(Viewer("head", "anna", "other"), True, id="a head who talked himself"),
    ],
)
async def test_a_person_hears_what_is_his_business(
    api: Api, call: str, viewer: Viewer, *, hears: bool
) -> None:
    await keep_recording(api.service, call, 1, TALK)

    def by_anna(conn: Connection) -> None:
        conn.execute(tables.call.update().values(manager="anna", team="sales"))

    await api.service.database.write(by_anna)
    found = await api.service.database.read(recordings.audible, viewer, call)
    assert [one.id for one in found] == (["r1"] if hears else [])


# What is in it


async def test_how_loud_it_is_can_be_drawn_once_it_was_read(api: Api, call: str) -> None:
    await keep_recording(api.service, call, 1, TALK)
    path = f"/calls/{call}/recording/peaks"
    nothing: dict[str, object] = {"state": "waiting", "seconds": None, "channels": []}
    assert (await api.get(path)).body == nothing
    write = api.service.database.write
    await write(recordings.keep_peaks, "r1", '{"seconds":1.5,"channels":[[0,50],[7,100]]}', 1.5)
    read = {"state": "read", "seconds": 1.5, "channels": [[0, 50], [7, 100]]}
    assert (await api.get(path)).body == read
    await write(recordings.keep_peaks, "r1", '{"broken":"it is no sound"}', None)
    assert (await api.get(path)).body == {"state": "broken", "seconds": 1.5, "channels": []}
    assert await heard(api) == []
    await write(delete_recordings, ["r1"], by="vera", now=api.clock.now)
    assert (await api.get(path)).status == 404
    assert (await api.get(f"{path}?part=2")).status == 404


async def test_what_was_said_is_read_and_found_and_who_reads_it_is_kept(
    api: Api, call: str
) -> None:
    await keep_recording(api.service, call, 1, TALK)
    path = f"/calls/{call}/recording/transcript"
    assert (await api.get(path)).body == {"state": "none", "stretches": []}
    said = '[{"from": 0.5, "to": 2.0, "text": "Ещё раз"}]'
    await api.service.database.write(recordings.keep_transcript, "r1", said, "еще раз")
    for _ in range(2):
        assert (await api.get(path)).body == {
            "state": "read",
            "stretches": [{"start": 0.5, "end": 2.0, "text": "Ещё раз"}],
        }

    def who(conn: Connection) -> list[str]:
        c = tables.business_event.c
        return list(conn.scalars(select(c.actor).where(c.kind == "transcript_read")))

    assert await api.service.database.read(who) == ["token:a admin"]
    for words, found in (("ЕЩЁ", [call]), ("никогда", [])):
        page = (await api.get("/calls", said=words)).body
        assert [one["id"] for one in page["items"]] == found
