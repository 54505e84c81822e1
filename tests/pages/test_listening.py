"""The sound of a call, for who came in by the one-time link."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from callrouter.flows.erasing import delete_recordings
from callrouter.service import Service
from storage import tables
from tests.api.rows import NOON, add_call, keep_recording
from tests.pages.conftest import Open, Site
from tests.sounds import wav

TALK = wav(1.0)


@pytest.fixture
async def heard_site(open_site: Open, service: Service, tmp_path: Path) -> Site:
    settings = replace(service.settings, data_dir=tmp_path / "var")
    return await open_site(replace(service, settings=settings))


async def test_a_visitor_hears_a_part_and_it_is_kept_that_he_does(heard_site: Site) -> None:
    service = heard_site.service

    def make(conn: Connection) -> str:
        return add_call(conn)

    call = await service.database.write(make)
    await keep_recording(service, call, 1, TALK)
    path = f"/calls/{call}/recording"
    headers = {"Cookie": heard_site.cookie, "Range": "bytes=0-43"}
    async with heard_site.session.get(f"{heard_site.url}{path}", headers=headers) as answer:
        assert (answer.status, await answer.read()) == (206, TALK[:44])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "private, no-store"

    def who(conn: Connection) -> list[str]:
        c = tables.business_event.c
        return list(conn.scalars(select(c.actor).where(c.kind == "recording_played")))

    assert await service.database.read(who) == ["page:admin"]
    assert (await heard_site.get(path, visitor=False)).status == 401
    for part in ("0", "1", "2", "x", "9" * 5000):
        url = f"{heard_site.url}{path}?part={part}"
        async with heard_site.session.get(url, headers=headers) as answer:
            assert answer.status == (404 if part == "2" else 206)
    await service.database.write(delete_recordings, ["r1"], by="vera", now=NOON)
    assert (await heard_site.get(path)).status == 404
