"""Backups in a bucket of a real S3 server: carried there, cleared there, restored from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage import backups
from storage.archives import Archive
from storage.backups import bring_base, bring_files
from storage.database import open_database
from storage.files import Folder, at_hand
from tests.s3 import S3, serve_s3
from tests.storage.saved import NOON, Saved, contents

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("s3")]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with serve_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


async def test_what_was_carried_into_a_bucket_comes_back_from_it(
    s3: S3, sqlite_url: str, tmp_path: Path
) -> None:
    database = open_database(sqlite_url, guest=True)
    saved = Saved(sqlite_url, database, tmp_path / "here")
    saved.folder.mkdir()
    await saved.fill()
    before = await database.read(contents)
    other = s3.files("elsewhere", tmp_path)
    first, second = saved.make(), saved.make(NOON + timedelta(days=1))
    for made in (first, second):
        backups.carry(saved.place, made.name, other)
    assert backups.clear(other, lambda there: {max(there)}) == [first.name]
    assert list(backups.standing(other).values()) == [second.name]
    url, to = f"sqlite:///{tmp_path}/there.sqlite", Folder(tmp_path / "there", 0)
    with at_hand(other, second.name) as path, Archive(path) as archive:
        assert list(bring_files(archive, other, to)) == []
        bring_base(archive, url, lambda _conn: None)
    restored = open_database(url, guest=True)
    assert await restored.read(contents) == before
    assert [b"".join(to.read(name)) for name in saved.names] == saved.sounds
    await restored.close()
    await database.close()


async def test_files_that_lie_in_a_bucket_are_backed_up_from_there(
    s3: S3, sqlite_url: str, tmp_path: Path
) -> None:
    database = open_database(sqlite_url, guest=True)
    saved = Saved(sqlite_url, database, tmp_path / "here")
    saved.folder.mkdir()
    await saved.fill()
    bucket = s3.files("files", tmp_path)
    for name, sound in zip(saved.names, saved.sounds, strict=True):
        draft = bucket.begin()
        draft.write(sound)
        draft.keep(name)
    made = backups.make(replace(saved.source, files=bucket), saved.place, now=NOON)
    assert (made.lost, made.manifest.files) == ((), 2)
    to = Folder(tmp_path / "there", 0)
    with Archive(saved.archive(made)) as archive:
        assert list(bring_files(archive, saved.place, to)) == []
    assert [b"".join(to.read(name)) for name in saved.names] == saved.sounds
    await database.close()
