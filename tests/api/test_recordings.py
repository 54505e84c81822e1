"""The sound of a call: whole or in ranges, to whoever may read calls, and never run by a browser."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import Role
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


@pytest.fixture
async def call(api: Api) -> str:
    def make(conn: Connection) -> str:
        return add_call(conn)

    return await api.service.database.write(make)


async def test_the_file_comes_as_it_was_sent(api: Api, call: str) -> None:
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
    api: Api, call: str, asked: str, first: int, last: int
) -> None:
    await keep_recording(api.service, call, 1, TALK)
    got = await get(api, f"/calls/{call}/recording", Range=asked)
    assert (got.status, got.body) == (206, TALK[first : last + 1])
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(TALK)}"


async def test_a_part_past_the_end_is_refused(api: Api, call: str) -> None:
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
    file = await keep_recording(api.service, call, 1, TALK)
    file.unlink()
    for path in (f"/calls/{call}/recording", f"/calls/{NOBODYS}/recording", "/calls/x/recording"):
        got = await get(api, path)
        assert got.status == 404
        assert got.headers["Content-Type"].startswith("application/problem+json")
    assert (await get(api, f"/calls/{call}/recording?part=0")).status == 422
