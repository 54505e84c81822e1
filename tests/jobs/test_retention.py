"""kill -9 while recordings are deleted: in the end each row says so, no file is there, once proven."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from callrouter.flows.recordings import Upload, hang
from storage.database import Database
from storage.files import Folder
from tests.examples import MONDAY_NOON
from tests.office import Office, entry

pytestmark = pytest.mark.slow

MANY = 10
HERE = Path(__file__).parents[2]


async def record(office: Office, files: Folder, n: int) -> None:
    at = MONDAY_NOON + timedelta(seconds=n)
    upload = Upload("main", f"c{n}", None, "talk", "wav", 4, f"{n:064}", 1.0, at)
    draft = files.begin()
    draft.write(b"RIFF")
    draft.keep(upload.file)
    await office.take(entry(upload.event, body=upload.body))
    await office.database.write(hang, upload, now=at)


def run(url: str, folder: Path, where: str = "", times: int = 0) -> int:
    words = [sys.executable, "-m", "tests.jobs.deleting", url, str(folder), where, str(times)]
    return subprocess.run(words, cwd=HERE, check=False, timeout=120).returncode


def free_leases(conn: Connection) -> None:
    """As if the time of a lease had passed."""
    conn.execute(text("UPDATE job SET due_at = 0 WHERE state = 'leased'"))


def seen(conn: Connection) -> tuple[dict[str, bool], Counter[str]]:
    """Which files' rows say that they are deleted, and how often each was proven."""
    rows = conn.execute(text("SELECT file, deleted_at FROM recording"))
    told = conn.execute(text("SELECT data FROM business_event WHERE kind = 'recording_deleted'"))
    proofs = Counter(json.loads(data)["recording"] for (data,) in told)
    return {file: at is not None for file, at in rows}, proofs


async def test_a_kill_at_whatever_moment_leaves_no_file_that_is_said_to_be_gone(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    office, files = await Office(database).open(), Folder(tmp_path / "files")
    for n in range(MANY):
        await record(office, files, n)
    for where, times in (
        ("rows", 2),
        ("before the file", 2),
        ("after the file", 2),
        ("looked", 2),
        ("proven", 2),
        ("done", 2),
    ):
        assert run(database_url, tmp_path, where, times) == -9, where
        rows, proofs = await database.read(seen)
        lying = {one.name for one in files.under("recordings")}
        assert all(rows[file] or file in lying for file in rows)  # nothing is gone unsaid
        assert set(proofs.values()) <= {1}
        assert not {file for file in lying if file[13:45] in proofs}
        await database.write(free_leases)
    assert run(database_url, tmp_path) == 0
    rows, proofs = await database.read(seen)
    assert (len(rows), set(rows.values())) == (MANY, {True})
    assert list(files.under("recordings")) == []
    assert (len(proofs), set(proofs.values())) == (MANY, {1})
