"""`callrouter backup`, `restore` and `letters thaw`, as an admin gives them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from callrouter.saving import MARK
from tests.commands import COMPANY, alone_in, done, failed, run

LINE = '\n[[line]]\nnumber = "+74951230001"\naccount = "main"\nlast_resort = "+74950000000"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a company is set up."""
    home = tmp_path / "home"
    home.mkdir()
    alone_in(home, monkeypatch)
    (home / "setup.toml").write_text(COMPANY + LINE)
    done("apply", "setup.toml")
    return home


def made(*words: str) -> Path:
    """A backup, and where it is."""
    printed = done("backup", *words)
    return Path(printed.partition(": ")[0]).absolute()


def empty(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: nothing but the secret key."""
    fresh = folder / "fresh"
    (fresh / "var").mkdir(parents=True)
    shutil.copy(folder / "var" / "secret.key", fresh / "var")
    monkeypatch.chdir(fresh)
    return fresh


def test_a_backup_says_where_it_is_and_that_the_key_is_not_in_it(folder: Path) -> None:
    result = run("backup")
    assert result.exit_code == 0
    archive = Path(result.stdout.partition(": ")[0])
    assert archive.parent == folder / "var" / "backups" / "archives"
    assert "THE SECRET KEY IS NOT IN THE BACKUP" in result.stderr
    assert str(Path("var/secret.key")) in result.stderr
    key = (folder / "var" / "secret.key").read_text().strip()
    assert key.encode() not in archive.read_bytes()


def test_a_backup_into_a_folder_lies_there(folder: Path, tmp_path: Path) -> None:
    assert made(str(tmp_path / "disk")).is_relative_to(tmp_path / "disk" / "archives")
    assert not (folder / "var" / "backups").exists()


def test_without_a_base_nothing_is_backed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone_in(tmp_path, monkeypatch)
    assert "there is no base" in failed("backup")
    assert list(tmp_path.iterdir()) == []


def test_what_was_restored_is_what_was_backed_up_and_frozen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, before = made(), done("export")
    empty(folder, monkeypatch)
    said = done("restore", str(archive))
    assert "callrouter letters thaw" in said
    assert done("export") == before
    assert done("letters", "thaw").startswith("Letters leave again")
    assert done("letters", "thaw") == "Nothing was frozen.\n"


def test_with_another_key_it_says_which_one_is_needed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made()
    fresh = empty(folder, monkeypatch)
    (fresh / "var" / "secret.key").write_text("another key, and long enough\n")
    said = run("restore", str(archive))
    assert said.exit_code == 0
    assert "`serve` needs the secret key with the fingerprint" in said.stderr
    assert "is not the key that this base was made with" in failed("serve", "--port", "0")


@pytest.mark.parametrize(
    "there",
    ["callrouter.db", "snapshot", "spool/spool-000000000001.log", "files/recordings/3f/3f.wav"],
)
def test_where_there_is_anything_nothing_is_restored(
    folder: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    archive = made()
    fresh = empty(folder, monkeypatch)
    path = fresh / "var" / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"there")
    before = standing(fresh)
    assert "nothing was restored: " in failed("restore", str(archive))
    assert standing(fresh) - {"var/server.lock", "var/callrouter.db.lock"} == before


def standing(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}


def test_of_a_damaged_backup_nothing_is_restored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made()
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    fresh = empty(folder, monkeypatch)
    assert "damaged" in failed("restore", str(archive))
    assert standing(fresh) <= {"var/secret.key", "var/server.lock", "var/callrouter.db.lock"}


def test_without_its_files_nothing_is_restored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect("var/callrouter.db")) as base, base:
        base.execute("PRAGMA foreign_keys = OFF")
        base.execute(
            "INSERT INTO document (id, kind, state, created_at) VALUES ('1', 'offer', 'issued', 0)"
        )
        base.execute(
            "INSERT INTO document_file VALUES ('1', 'pdf', 'documents/1a/1a.pdf', 3, ?, 0)",
            ["0" * 64],
        )
    said = run("backup")
    assert "warning: 1 files are lost or damaged, such as documents/1a/1a.pdf" in said.stderr
    archive = Path(said.stdout.partition(": ")[0]).absolute()
    fresh = empty(folder, monkeypatch)
    assert "documents/1a/1a.pdf" in failed("restore", str(archive))
    assert "var/callrouter.db" not in standing(fresh)
    assert f"var/{MARK}" not in standing(fresh)


def test_half_a_restore_is_not_served_and_can_be_done_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made()
    fresh = empty(folder, monkeypatch)
    (fresh / "var" / MARK).write_text("half")
    left = fresh / "var" / "files" / "recordings" / "3f" / "left.wav"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    assert "A restore was cut short here" in failed("serve", "--port", "0")
    done("restore", str(archive))
    assert not left.exists()
    assert f"var/{MARK}" not in standing(fresh)
    again = failed("restore", str(archive))
    assert "already" in again


def test_a_restore_that_was_killed_at_its_very_end_is_only_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made()
    fresh = empty(folder, monkeypatch)
    done("restore", str(archive))
    (fresh / "var" / MARK).write_text("all is there")
    assert "Restored as it was" in done("restore", str(archive))
    assert f"var/{MARK}" not in standing(fresh)
