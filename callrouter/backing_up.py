"""`callrouter backup`, `restore` and `letters thaw`: what they do and what they say."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect

from callrouter import terminal
from callrouter.flows import backups as flows
from callrouter.flows.restoring import Thawed, settle, thaw
from callrouter.saving import MARK, SPARE, local_place, source_of, without_password
from callrouter.seal import Seal
from callrouter.terminal import Failed
from storage import backups, migrations
from storage.archives import Archive, Damaged
from storage.database import BaseSilent, BaseTooNew, Database, open_database
from storage.dumps import NotEmpty
from storage.files import Files, FilesSilent, Folder, NoRoom, at_hand, open_files, sync_folder
from storage.restored import archive_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.settings import Settings
    from storage.archives import Manifest
    from storage.backups import Made

_NOT_WORTH_A_WORD: Final = frozenset({"secret.key", "server.lock", "backups", "files", MARK})
"""What may lie in an empty data directory."""

_FOLDERS: Final = ("recordings", "documents")


# Backing up


def backup(settings: Settings, folder: Path | None) -> None:
    """Make a backup now, beside whatever runs, and say where it is and what is not in it."""
    if terminal.no_base(settings):
        raise Failed(f"there is no base at {settings.database}: nothing is to be backed up")
    place = Folder(folder.absolute(), SPARE) if folder else local_place(settings)
    seal = _seal(settings)

    async def run() -> Made:
        # The base stays at the schema that it has: who installs a new version backs up first.
        database = open_database(settings.database, guest=True)
        try:
            key = seal.fingerprint if seal else ""
            source = await source_of(settings, database, key)
            made = await asyncio.to_thread(backups.make, source, place, now=terminal.now())
            with suppress(BaseSilent):  # it is made, whether or not the base can take note
                if await database.read(migrations.is_newest):
                    note = partial(flows.made, root=place.root, there=None, to=None, now=made.at)
                    await database.write(note, made)
            return made
        finally:
            await database.close()

    with _clearly("no backup was made"), terminal.clear_errors():
        made = asyncio.run(run())
    _say_what_was_made(made, place, settings)


def _seal(settings: Settings) -> Seal | None:
    """The key that is there; none is made."""
    path = settings.data_dir / "secret.key"
    if settings.secret_key:
        return Seal(settings.secret_key)
    return Seal(path.read_text().strip()) if path.is_file() else None


def _say_what_was_made(made: Made, place: Folder, settings: Settings) -> None:
    manifest = made.manifest
    rows, folder = sum(manifest.tables.values()), place.root / backups.STORE
    terminal.say(f"{place.path(made.name)}: {_amount(made.size)}, {rows} rows.")
    terminal.say(f"{manifest.files} files, {_amount(manifest.bytes)}, in {folder}: keep both.")
    if made.lost:
        terminal.complain(f"warning: {flows.lacking(made.lost)}")
    where = (
        "the variable CALLROUTER_SECRET_KEY"
        if settings.secret_key
        else str(settings.data_dir / "secret.key")
    )
    terminal.complain(
        "\n"
        "!! THE SECRET KEY IS NOT IN THE BACKUP. Without it a restored base cannot be served.\n"
        f"!! Keep it somewhere else, apart: {where}\n"
        f"!! Its fingerprint: {manifest.key or 'there is no key yet'}"
    )


def _amount(size: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size = round(size / 1000)
    return f"{size} GB"


# Restoring


def restore(settings: Settings, given: str) -> None:
    """Bring a backup back into an empty place, whole or not at all."""
    from callrouter.app import CannotServe, hold_locks

    with _clearly("nothing was restored"):
        try:
            with hold_locks(settings), _archive(settings, given) as (archive, place):
                _restore(settings, archive, place)
        except CannotServe as error:
            raise Failed(f"nothing was restored: {error}") from error


@contextmanager
def _archive(settings: Settings, given: str) -> Iterator[tuple[Archive, Files]]:
    """An archive that is whole, and the place with its files."""
    if not given.startswith("s3://"):
        path = Path(given)
        with Archive(path) as archive:
            yield archive, backups.place_of(path)
        return
    url, mark, query = given.partition("?")
    root, _, name = url.rpartition(f"/{backups.ARCHIVES}/")
    if not root:
        raise ValueError(f"{given}: allowed is s3://BUCKET/PREFIX/{backups.ARCHIVES}/NAME.tar")
    place = open_files(f"{root}{mark}{query}", settings.environ, settings.data_dir / "backups")
    with at_hand(place, f"{backups.ARCHIVES}/{name}") as path, Archive(path) as archive:
        yield archive, place


def _restore(settings: Settings, archive: Archive, place: Files) -> None:
    mark, manifest = settings.data_dir / MARK, archive.manifest
    files = open_files(settings.files, settings.environ, settings.data_dir)
    if mark.exists() and _is_done(settings, manifest):
        backups.forget_draft(settings.database)
        mark.unlink()
        _say_what_was_restored(settings, manifest)
        return
    if not _is_empty(settings):
        raise NotEmpty(f"there is a base at {without_password(settings.database)} already")
    if mark.exists():
        _clear_away(settings, files)
    else:
        _refuse_what_is_there(settings, files)
    if manifest.schema not in migrations.versions():
        raise BaseTooNew(
            f"the backup has schema {manifest.schema}, this version of callrouter knows up to "
            f"{migrations.versions()[-1]}: install the version that made it, {manifest.callrouter}"
        )
    _write_mark(mark, manifest.id)
    try:
        _bring_files(archive, place, files)
        backups.bring_spool(archive, settings.data_dir / "spool")
        finish = partial(settle, manifest=manifest, now=terminal.now())
        backups.bring_base(archive, settings.database, finish)
    except BaseException:
        _clear_away(settings, files)
        mark.unlink()
        raise
    mark.unlink()
    sync_folder(settings.data_dir)
    _say_what_was_restored(settings, manifest)


def _bring_files(archive: Archive, place: Files, files: Files) -> None:
    if lost := list(backups.bring_files(archive, place, files)):
        raise Damaged(f"{flows.lacking(lost)}; were the `files` beside the archive brought?")


def _is_done(settings: Settings, manifest: Manifest) -> bool:
    """A restore of the same archive was killed when all was there."""

    async def look(database: Database) -> str | None:
        return await database.read(archive_of)

    if terminal.no_base(settings) or _is_empty(settings):
        return False
    return terminal.with_base(settings, look) == manifest.id


def _is_empty(settings: Settings) -> bool:
    """Whether the base has no table."""
    if settings.is_sqlite:
        return terminal.no_base(settings)

    async def look() -> bool:
        database = open_database(settings.database, guest=True)
        try:
            return await database.read(_no_tables)
        finally:
            await database.close()

    return asyncio.run(look())


def _no_tables(conn: Connection) -> bool:
    return not inspect(conn).get_table_names()


def _refuse_what_is_there(settings: Settings, files: Files) -> None:
    """Raise NotEmpty unless the data directory and the files are empty."""
    for path in sorted(settings.data_dir.iterdir()):
        if path.name not in _NOT_WORTH_A_WORD and path.suffix != ".lock":
            raise NotEmpty(f"{path} is there: restore into an empty CALLROUTER_DATA_DIR")
    for folder in _FOLDERS:
        for one in files.under(folder):
            raise NotEmpty(f"{one.name} is among the files already: restore where there are none")


def _write_mark(mark: Path, text: str) -> None:
    with mark.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(mark.parent)


def _clear_away(settings: Settings, files: Files) -> None:
    """Leave nothing of a restore that failed: before it there was nothing."""
    for folder in _FOLDERS:
        for one in list(files.under(folder)):
            files.delete(one.name)
    for path in (settings.data_dir / "spool").glob("spool-*.log"):
        path.unlink()


def _say_what_was_restored(settings: Settings, manifest: Manifest) -> None:
    rows = sum(manifest.tables.values())
    terminal.say(
        f"Restored as it was at {manifest.at:%Y-%m-%d %H:%M:%S} UTC: {rows} rows, "
        f"{manifest.files} files."
    )
    terminal.say("Letters do not leave until you say so: `callrouter letters thaw`.")
    seal = _seal(settings)
    if seal is None or seal.fingerprint != manifest.key:
        there = f"the key here is {seal.fingerprint}" if seal else "there is no key here"
        terminal.complain(
            "\n"
            f"!! `serve` needs the secret key with the fingerprint {manifest.key}; {there}.\n"
            f"!! Put it into {settings.data_dir / 'secret.key'}, or into CALLROUTER_SECRET_KEY."
        )


# Letting letters leave again


def thaw_letters(settings: Settings, *, in_doubt: bool) -> str:
    found: Thawed = terminal.write(
        settings, thaw, by="command", now=terminal.now(), in_doubt=in_doubt
    )
    if not found.frozen:
        return "Nothing was frozen."
    lines = [f"Letters leave again; {found.waiting} are to be sent now."]
    if in_doubt:
        lines.append(f"{found.doubted} are in doubt: say of each whether it is to be sent again.")
    return "\n".join(lines)


@contextmanager
def _clearly(what: str) -> Iterator[None]:
    """Say in a line what went wrong."""
    known = (backups.Busy, Damaged, NotEmpty, NoRoom, FilesSilent, BaseSilent, BaseTooNew)
    try:
        yield
    except (*known, OSError, ValueError, sqlite3.Error) as error:
        raise Failed(f"{what}: {error}") from error
