"""Files in a bucket of a real S3 server: whole under their names, or not there at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from storage import bucket
from storage.bucket import Bucket
from storage.files import FilesSilent, at_hand, open_files
from tests.s3 import S3, Wire, serve_s3

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("s3")]

NAME = "recordings/3f/3f00.wav"
LONG = os.urandom(12 * 1024**2 + 17)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with serve_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def files(s3: S3, tmp_path: Path) -> Bucket:
    return s3.files(f"of/{tmp_path.name}", tmp_path)


def keep(files: Bucket, data: bytes, name: str = NAME) -> None:
    draft = files.begin()
    try:
        draft.write(data)
        draft.keep(name)
    finally:
        draft.drop()


def drafts_in(folder: Path) -> list[Path]:
    return list((folder / "drafts").iterdir())


def test_a_long_file_goes_there_in_parts_and_comes_back(files: Bucket, tmp_path: Path) -> None:
    keep(files, LONG)
    assert files.size(NAME) == len(LONG)
    assert b"".join(files.read(NAME)) == LONG
    assert b"".join(files.read(NAME, 5_000_000, 3_000_000)) == LONG[5_000_000:8_000_000]
    assert [(one.name, one.size) for one in files.under("recordings")] == [(NAME, len(LONG))]
    with at_hand(files, NAME) as path:
        assert path.read_bytes() == LONG
    assert drafts_in(tmp_path) == []


def test_the_same_name_again_is_the_newer_file(files: Bucket) -> None:
    keep(files, LONG)
    keep(files, b"RIFF")
    assert b"".join(files.read(NAME)) == b"RIFF"


def test_what_is_deleted_is_gone_however_often(files: Bucket) -> None:
    keep(files, b"RIFF")
    files.delete(NAME)
    files.delete(NAME)
    assert (files.has(NAME), list(files.under("recordings"))) == (False, [])
    with pytest.raises(FileNotFoundError):
        list(files.read(NAME))
    with pytest.raises(FileNotFoundError):
        list(files.read(NAME, 0, 2))


def test_prefixes_keep_files_apart(s3: S3, files: Bucket, tmp_path: Path) -> None:
    keep(files, b"RIFF")
    assert not s3.files("of/other", tmp_path).has(NAME)


def test_a_wrong_secret_is_said_and_keeps_nothing(s3: S3, files: Bucket, tmp_path: Path) -> None:
    wrong = s3.files(f"of/{tmp_path.name}", tmp_path, AWS_SECRET_ACCESS_KEY="another-secret")
    for ask in (
        lambda: keep(wrong, b"RIFF"),
        lambda: wrong.has(NAME),
        lambda: list(wrong.read(NAME, 0, 2)),
        lambda: wrong.delete(NAME),
        lambda: list(wrong.under("recordings")),
    ):
        with pytest.raises(FilesSilent, match="refuses us; see AWS_ACCESS_KEY_ID") as said:
            ask()
        assert "another-secret" not in str(said.value)
    assert not files.has(NAME)
    assert drafts_in(tmp_path) == []


KEEPS = """
import sys
from pathlib import Path
from storage.files import open_files
url, drafts, key, secret = sys.argv[1:]
keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
draft = open_files(url, keys, Path(drafts)).begin()
draft.write(bytes(30_000_000))
draft.keep("recordings/3f/3f00.wav")
"""


@pytest.mark.parametrize("most", [100, 3_000_000, 12_000_000, 29_900_000])
def test_a_kill_in_the_middle_leaves_nothing_under_the_name(
    s3: S3, files: Bucket, tmp_path: Path, most: int
) -> None:
    """The wire is cut after so many bytes, then whoever sends is killed."""
    with Wire(s3.port, most) as wire:
        url = s3.url(f"of/{tmp_path.name}", wire.port)
        words = [sys.executable, "-c", KEEPS, url, str(tmp_path), *s3.environ.values()]
        sends = subprocess.Popen(words, cwd=Path(bucket.__file__).parents[1])
        assert wire.cut.wait(60)
        sends.kill()
        sends.wait()
    assert not files.has(NAME)
    assert list(files.under("recordings")) == []
    (left,) = drafts_in(tmp_path)
    os.utime(left, (0, 0))
    assert files.sweep(3600) == 1
    keep(files, b"RIFF")  # as whoever was killed does it the next time
    assert files.size(NAME) == 4


@pytest.mark.parametrize("most", [0, 7_000_000])
def test_a_server_that_stalls_is_waited_for_no_longer_than_said(
    s3: S3, files: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(bucket, "REQUEST", timedelta(milliseconds=500))
    with Wire(s3.port, most) as wire:
        url = s3.url(f"of/{tmp_path.name}", wire.port)
        stalled = open_files(url, s3.environ, tmp_path)
        assert isinstance(stalled, Bucket)
        with pytest.raises(FilesSilent, match="cannot keep"):
            keep(stalled, LONG)
        with pytest.raises(FilesSilent, match="cannot look"):
            stalled.has(NAME)
    assert not files.has(NAME)
    assert drafts_in(tmp_path) == []
