"""A file is there whole under its name, or not at all."""

import hashlib
import os
import resource
import time
from pathlib import Path

import pytest
from obstore.store import MemoryStore, S3Store

from storage.bucket import Bucket
from storage.files import Files, FilesSilent, Folder, NoRoom, at_hand, open_files

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
    assert open_files(f"file://{tmp_path}/a%20b") == Folder(tmp_path / "a b")
    for address in ("", "s3:bucket", "file://host/x", "/var/files"):
        with pytest.raises(ValueError, match="file:///PATH"):
            open_files(address)


# What every place of files does


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """A bucket in memory; `test_bucket.py` asks a real S3 server."""
    folder = Folder(tmp_path / "files")
    return folder if request.param == "folder" else Bucket(MemoryStore(), folder)


def keep(files: Files, name: str, data: bytes) -> None:
    draft = files.begin()
    draft.write(data)
    draft.keep(name)
    draft.drop()


def test_a_file_is_there_once_it_is_kept(files: Files, tmp_path: Path) -> None:
    draft = files.begin()
    draft.write(b"RIFFWAVE")
    assert (files.has(NAME), files.size(NAME), list(files.under("recordings"))) == (False, None, [])
    draft.keep(NAME)
    draft.drop()
    assert (files.has(NAME), files.size(NAME)) == (True, 8)
    assert [(one.name, one.size) for one in files.under("recordings")] == [(NAME, 8)]
    assert list((tmp_path / "files" / "drafts").iterdir()) == []


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, None, b"0123456789"), (4, None, b"456789"), (2, 3, b"234"), (9, 1, b"9"), (3, 0, b"")],
)
def test_a_part_is_read(files: Files, start: int, length: int | None, expected: bytes) -> None:
    keep(files, NAME, b"0123456789")
    assert b"".join(files.read(NAME, start, length)) == expected


def test_a_long_file_comes_in_blocks(files: Files) -> None:
    data = os.urandom(5_000_000)
    keep(files, NAME, data)
    blocks = list(files.read(NAME, 1))
    assert len(blocks) > 2
    assert b"".join(blocks) == data[1:]


def test_what_is_deleted_is_gone_however_often(files: Files) -> None:
    keep(files, NAME, b"RIFF")
    files.delete(NAME)
    files.delete(NAME)
    assert not files.has(NAME)
    with pytest.raises(FileNotFoundError):
        list(files.read(NAME))


def test_a_file_is_at_hand_as_a_path(files: Files, tmp_path: Path) -> None:
    keep(files, NAME, b"RIFF")
    with at_hand(files, NAME) as path:
        assert path.read_bytes() == b"RIFF"
    with pytest.raises(FileNotFoundError), at_hand(files, "recordings/no.wav"):
        pass
    assert list((tmp_path / "files" / "drafts").iterdir()) == []


def test_only_names_of_ours_are_looked_at(files: Files) -> None:
    for ask in (files.has, files.size, files.delete, lambda name: list(files.read(name))):
        with pytest.raises(ValueError, match="no name"):
            ask("../x.wav")
    draft = files.begin()
    with pytest.raises(ValueError, match="no name"):
        draft.keep("../x.wav")
    draft.drop()


KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize(
    ("url", "environ", "complaint"),
    [
        ("s3://", KEYS, "BUCKET"),
        ("s3://UPPER", KEYS, "BUCKET"),
        ("s3://bucket/../x", KEYS, "BUCKET"),
        ("s3://bucket?path=x", KEYS, "endpoint and region"),
        ("s3://bucket?endpoint=ftp://x", KEYS, "http"),
        ("s3://bucket?endpoint=https://key:secret@host", KEYS, "http"),
        ("s3://bucket", {}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket", {"AWS_ACCESS_KEY_ID": "key"}, "needs AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_wrong_address_of_a_bucket_says_what_is_allowed(
    url: str, environ: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        open_files(url, environ)


def test_a_bucket_asks_the_address_that_is_said_and_takes_no_key_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "of-the-process")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://other.example")
    said = {**KEYS, "AWS_ENDPOINT_URL": "https://one.example", "AWS_REGION": "eu-1"}
    for url, endpoint, region in (
        ("s3://bucket/a/b", "https://one.example", "eu-1"),
        ("s3://bucket?endpoint=https://two.example&region=ru-2", "https://two.example", "ru-2"),
    ):
        files = open_files(url, said, tmp_path)
        assert isinstance(files, Bucket)
        assert isinstance(files.store, S3Store)
        config = dict(files.store.config)
        assert (config["endpoint"], config["endpoint_url_s3"]) == (endpoint, endpoint)
        assert config["region"] == region
        assert files.store.credential_provider is not None
        given = files.store.credential_provider()
        assert given == {
            "access_key_id": "key",
            "secret_access_key": "secret",
            "token": None,
            "expires_at": None,
        }


def test_a_bucket_that_nobody_serves_is_silent(tmp_path: Path) -> None:
    files = open_files("s3://bucket?endpoint=http://127.0.0.1:1", KEYS, tmp_path)
    draft = files.begin()
    draft.write(b"RIFF")
    with pytest.raises(FilesSilent, match="cannot keep"):
        draft.keep(NAME)
    draft.drop()
    with pytest.raises(FilesSilent, match="cannot look"):
        files.has(NAME)
    assert list((tmp_path / "drafts").iterdir()) == []
