"""A backup gives back what was there, whole; what was changed in it gives back nothing."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from storage import backups
from storage.archives import Archive, Damaged, sum_of
from storage.backups import Busy, attempt, bring_base, bring_files, bring_spool
from storage.database import Database, open_database
from storage.dumps import NotEmpty
from storage.files import Folder
from tests.postgres import Postgres
from tests.storage.saved import NOON, Contents, Saved, contents, tell


@pytest.fixture
async def saved(database_url: str, database: Database, tmp_path: Path) -> Saved:
    found = Saved(database_url, database, tmp_path / "here")
    found.folder.mkdir()
    await found.fill()
    return found


@pytest.fixture
async def empty_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a base that is not there yet, on the same engine."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/there/restored.sqlite"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(await server.make_base())


def nothing(_conn: Connection) -> None:
    pass


def restore(path: Path, url: str) -> None:
    with Archive(path) as archive:
        bring_base(archive, url, nothing)


async def held(url: str) -> Contents:
    database = open_database(url, guest=True)
    try:
        return await database.read(contents)
    finally:
        await database.close()


async def next_id(url: str) -> int:
    database = open_database(url, guest=True)
    try:
        return await database.write(tell)
    finally:
        await database.close()


def standing(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


async def test_a_restored_base_is_the_one_that_was_backed_up(saved: Saved, empty_url: str) -> None:
    made = await asyncio.to_thread(saved.make)
    before = await saved.database.read(contents)
    assert all(before.values())
    await asyncio.to_thread(restore, saved.archive(made), empty_url)
    assert await held(empty_url) == before
    assert await next_id(empty_url) == await saved.database.write(tell)


async def test_its_files_and_its_spool_come_back_with_it(saved: Saved, tmp_path: Path) -> None:
    made = await asyncio.to_thread(saved.make)
    assert (made.manifest.files, made.manifest.bytes, made.lost) == (2, 9995, ())
    to = Folder(tmp_path / "there", 0)
    with Archive(saved.archive(made)) as archive:
        assert list(bring_files(archive, saved.place, to)) == []
        bring_spool(archive, tmp_path / "spool")
        assert b"".join(archive.read("setup.toml")) == b"[company]\n"
    assert [b"".join(to.read(name)) for name in saved.names] == saved.sounds
    assert (tmp_path / "spool" / "spool-000000000001.log").read_bytes() == b"told"


async def test_the_manifest_says_what_is_in_it_and_whose_key_it_needs(saved: Saved) -> None:
    made = await asyncio.to_thread(saved.make)
    with Archive(saved.archive(made)) as archive:
        manifest = archive.manifest
    assert (manifest.at, manifest.key, manifest.callrouter) == (NOON, "0f0f", "1.2.3")
    assert manifest.engine == saved.database.dialect
    assert {"contact": 1, "notice": 8}.items() <= manifest.tables.items()
    assert (made.size, made.digest) == sum_of(saved.archive(made))


async def test_writes_go_on_while_a_base_is_copied_and_are_not_in_it(saved: Saved) -> None:
    """On SQLite copying would begin anew at each commit, had it no snapshot of its own."""
    writing = True

    async def write() -> int:
        written = 0
        while writing:
            await saved.database.write(tell)
            written += 1
        return written

    task = asyncio.create_task(write())
    await asyncio.sleep(0)
    mades = [await asyncio.to_thread(saved.make, NOON + timedelta(hours=n)) for n in range(3)]
    writing = False
    assert await task > 0
    counts = [one.manifest.tables["notice"] for one in mades]
    assert counts == sorted(counts)


# Damage


async def test_whatever_is_changed_in_an_archive_is_found(saved: Saved, tmp_path: Path) -> None:
    made = await asyncio.to_thread(saved.make)
    whole = saved.archive(made).read_bytes()
    with Archive(saved.archive(made)) as archive:
        members = archive._tar.getmembers()
        named = {one.name for one in archive.manifest.members}
        spots = [
            (place, member.name if within and member.name in named else "")
            for member in members
            for place, within in (
                (member.offset + 2, False),  # in its name
                (member.offset_data, True),
                (member.offset_data + member.size // 2, True),
                (member.offset_data + member.size - 1, True),
            )
        ]
    damaged = tmp_path / "damaged.tar"
    for spot, name in spots:
        changed = bytearray(whole)
        changed[spot] ^= 1 << random.randrange(8)
        damaged.write_bytes(changed)
        with pytest.raises(Damaged, match=name or "."):
            Archive(damaged)
    assert len(spots) >= 4 * 5


async def test_wherever_an_archive_ends_too_early_it_is_found(saved: Saved, tmp_path: Path) -> None:
    made = await asyncio.to_thread(saved.make)
    whole = saved.archive(made).read_bytes()
    cut = tmp_path / "cut.tar"
    for size in [*range(0, len(whole), 512), *range(len(whole) - 512, len(whole), 7)]:
        cut.write_bytes(whole[:size])
        with pytest.raises(Damaged):
            Archive(cut)
    cut.write_bytes(whole + bytes(10))
    with pytest.raises(Damaged):
        Archive(cut)


async def test_where_there_is_a_base_none_is_restored(saved: Saved) -> None:
    made = await asyncio.to_thread(saved.make)
    before = await saved.database.read(contents)
    with pytest.raises(NotEmpty):
        await asyncio.to_thread(restore, saved.archive(made), saved.url)
    assert await saved.database.read(contents) == before
    assert standing(saved.folder / "backups" / "drafts") == []


async def test_a_restore_that_fails_at_its_end_leaves_no_base(
    saved: Saved, empty_url: str, tmp_path: Path
) -> None:
    def fail(_conn: Connection) -> None:
        raise KeyError

    made = await asyncio.to_thread(saved.make)
    with Archive(saved.archive(made)) as archive, pytest.raises(KeyError):
        await asyncio.to_thread(bring_base, archive, empty_url, fail)
    if empty_url.startswith("sqlite"):
        assert standing(tmp_path / "there") == []
    else:
        database = open_database(empty_url, guest=True)
        assert await database.read(lambda conn: inspect(conn).get_table_names()) == []
        await database.close()


async def test_a_damaged_or_lost_file_is_named_and_not_brought(
    saved: Saved, tmp_path: Path
) -> None:
    made = await asyncio.to_thread(saved.make)
    with Archive(saved.archive(made)) as archive:
        stored = sorted((saved.place.root / "files").rglob("*.bin"))
        content = stored[0].read_bytes()
        stored[0].unlink()
        stored[0].write_bytes(b"!" + content[1:])
        stored[1].unlink()
        to = Folder(tmp_path / "there", 0)
        assert sorted(bring_files(archive, saved.place, to)) == sorted(saved.names)
        assert standing(tmp_path / "there") == []


async def test_a_file_that_is_not_what_the_base_says_is_told_of(saved: Saved) -> None:
    saved.put(saved.names[0], b"short")
    saved.files.delete(saved.names[1])
    made = await asyncio.to_thread(saved.make)
    assert sorted(made.lost) == sorted(saved.names)
    assert standing(saved.place.root / "files") == []


# The place of backups


async def test_a_file_lies_in_a_place_once_and_beside_its_source_takes_nothing(
    saved: Saved,
) -> None:
    for day in range(3):
        await asyncio.to_thread(saved.make, NOON + timedelta(days=day))
    stored = list((saved.place.root / "files").rglob("*.bin"))
    assert len(stored) == 2
    originals = {saved.files.path(name).stat().st_ino for name in saved.names}
    assert {one.stat().st_ino for one in stored} == originals


async def test_what_no_archive_names_any_more_goes_with_the_last_that_did(saved: Saved) -> None:
    first = await asyncio.to_thread(saved.make)
    await saved.database.write(lambda conn: conn.exec_driver_sql("DELETE FROM document_file"))
    second = await asyncio.to_thread(saved.make, NOON + timedelta(days=1))
    assert backups.clear(saved.place, set) == []
    assert len(standing(saved.place.root / "files")) == 2
    assert backups.clear(saved.place, lambda there: {max(there)}) == [first.name]
    assert list(backups.standing(saved.place).values()) == [second.name]
    assert len(standing(saved.place.root / "files")) == 1
    assert len(standing(saved.place.root / "lists")) == 1


async def test_it_is_carried_to_a_second_place_whole(
    saved: Saved, empty_url: str, tmp_path: Path
) -> None:
    made, other = await asyncio.to_thread(saved.make), Folder(tmp_path / "other", 0)
    for _ in range(2):
        backups.carry(saved.place, made.name, other)
    shutil.rmtree(saved.place.root)
    assert list(backups.standing(other).values()) == [made.name]
    await asyncio.to_thread(restore, other.path(made.name), empty_url)
    with Archive(other.path(made.name)) as archive:
        assert list(bring_files(archive, other, Folder(tmp_path / "there", 0))) == []
    assert await held(empty_url) == await saved.database.read(contents)


async def test_two_do_not_make_backups_in_one_place_at_once(saved: Saved) -> None:
    with backups.alone(saved.place) as scratch:
        (scratch / "half").write_bytes(b"half")
        with pytest.raises(Busy):
            await asyncio.to_thread(saved.make)
        assert (scratch / "half").exists()


async def test_what_a_killed_backup_left_is_cleared_by_the_next(saved: Saved) -> None:
    drafts, making = saved.place.root / "drafts", saved.place.root / "making"
    for folder in (drafts, making):
        folder.mkdir(parents=True)
        (folder / "left.part").write_bytes(b"half")
        os.utime(folder / "left.part", (0, 0))
    await asyncio.to_thread(saved.make)
    assert standing(drafts) == []
    assert not making.exists()


# Trials


async def test_a_good_backup_passes_its_trial_and_nothing_of_it_stays(saved: Saved) -> None:
    made = await asyncio.to_thread(saved.make)

    def run() -> None:
        with backups.alone(saved.place) as scratch:
            attempt(saved.archive(made), saved.place, saved.url, scratch)

    for _ in range(2):
        await asyncio.to_thread(run)
    assert not (saved.place.root / "making").exists()
    if saved.database.dialect == "postgresql":
        asked = "SELECT count(*) FROM pg_namespace WHERE nspname = 'callrouter_trial'"
        found = await saved.database.read(lambda conn: conn.exec_driver_sql(asked).scalar_one())
        assert found == 0


async def test_a_trial_finds_a_file_that_was_lost(saved: Saved) -> None:
    made = await asyncio.to_thread(saved.make)
    next((saved.place.root / "files").rglob("*.bin")).unlink()

    def run() -> None:
        with backups.alone(saved.place) as scratch:
            attempt(saved.archive(made), saved.place, saved.url, scratch)

    with pytest.raises(Damaged, match="lost or damaged"):
        await asyncio.to_thread(run)
