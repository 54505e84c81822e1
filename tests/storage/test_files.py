"""A file is there whole under its name, or not at all."""

import hashlib
import os
import resource
import time
from pathlib import Path

import pytest

from storage.files import Folder, NoRoom, open_files

NAME = "recordings/3f/3f00.wav"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "files")


def files_in(folder: Folder) -> list[str]:
    return sorted(str(one.relative_to(folder.root)) for one in folder.root.rglob("*.*"))


def test_a_file_has_its_name_when_it_is_kept(folder: Folder) -> None:
    draft = folder.begin()
    draft.write(b"RIFF")
    draft.write(b"WAVE")
    assert not folder.has(NAME)
    draft.keep(NAME)
    assert folder.path(NAME).read_bytes() == b"RIFFWAVE"
    assert (draft.size, draft.digest) == (8, hashlib.sha256(b"RIFFWAVE").hexdigest())
    draft.drop()  # too late
    assert files_in(folder) == [NAME]


def test_a_dropped_file_leaves_nothing(folder: Folder) -> None:
    draft = folder.begin()
    draft.write(b"RIFF")
    draft.drop()
    draft.drop()
    assert files_in(folder) == []


def test_the_same_name_again_is_one_file(folder: Folder) -> None:
    for text in (b"one", b"two"):
        draft = folder.begin()
        draft.write(text)
        draft.keep(NAME)
    assert files_in(folder) == [NAME]
    assert folder.path(NAME).read_bytes() == b"two"


def test_its_first_bytes_can_be_looked_at_while_it_is_written(folder: Folder) -> None:
    draft = folder.begin()
    draft.write(b"RIFF1234WAVE")
    assert draft.head(4) == b"RIFF"
    draft.write(b"!")
    draft.keep(NAME)
    assert folder.path(NAME).read_bytes() == b"RIFF1234WAVE!"


@pytest.mark.parametrize(
    "name",
    [
        "../etc/passwd.wav",
        "/etc/passwd.wav",
        "recordings/../../x.wav",
        "recordings/a/.wav",
        "recordings/a\x00.wav",
        "recordings/ф.wav",
        "drafts/x.part",
        "x.wav",
        "",
    ],
)
def test_no_name_leads_out_of_the_folder(folder: Folder, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        folder.path(name)


def test_the_last_bytes_of_a_disk_are_left_to_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path, spare=1 << 60)
    draft = folder.begin()
    with pytest.raises(NoRoom):
        draft.write(b"RIFF")
    with pytest.raises(NoRoom):
        folder.make_sure_of_room(0)
    draft.drop()
    assert files_in(folder) == []


def test_a_full_disk_leaves_nothing(folder: Folder) -> None:
    """A limit on the size of files fails a write in its middle, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    draft = folder.begin()
    draft.write(bytes(100_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(NoRoom):
            draft.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    draft.drop()
    assert files_in(folder) == []


def test_only_drafts_that_nobody_writes_any_more_are_swept(folder: Folder) -> None:
    left, going, kept = folder.begin(), folder.begin(), folder.begin()
    for draft in (left, going, kept):
        draft.write(b"RIFF")
    kept.keep(NAME)
    hour_ago = time.time() - 3600
    first, second = sorted((folder.root / "drafts").iterdir())
    os.utime(first, (hour_ago, hour_ago))
    os.utime(folder.path(NAME), (hour_ago, hour_ago))
    assert folder.sweep(1800) == 1
    assert files_in(folder) == [f"drafts/{second.name}", NAME]
    left.drop()
    going.drop()


def test_files_lie_where_the_address_says(tmp_path: Path) -> None:
    assert open_files(f"file://{tmp_path}/a%20b").root == tmp_path / "a b"
    for address in ("", "s3://bucket", "file://host/x", "/var/files"):
        with pytest.raises(ValueError, match="file:///PATH"):
            open_files(address)
