"""Backups: made while calls run, kept for a while, carried elsewhere, restored and tried.

A place of backups is a folder or a bucket with three folders of its own:

    archives/callrouter-20260302-001500.tar   the base, the settings, the list of files
    lists/callrouter-20260302-001500.gz       that list once more, to be read without the archive
    files/3f/3f….bin                          recordings and documents, by their SHA-256

Recordings are by far the most of it and never change. So each lies in a place once, whichever and
however many archives name it, and goes when no archive that is kept names it any more: eleven
archives of a company with 24 GB of recordings take 24 GB and eleven times its base. Beside the
files themselves, on the same disk, they even take nothing: they are further names of the same
bytes. Whoever carries an archive away carries `files` with it.

The secret key is in none of it: without the key what is sealed in the base stays sealed.

Nothing here awaits and all of it takes long: call it in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, NullPool, create_engine

from storage import archives, dump_sqlite, migrations
from storage.archives import Archive, Damaged, Kept, Manifest, Stop
from storage.dumps import LIST, Dump, NotEmpty, read_list
from storage.files import Files, Folder, at_hand, sync_folder
from storage.ids import new_id

ARCHIVES: Final = "archives"
LISTS: Final = "lists"
STORE: Final = "files"
SAMPLE: Final = 50
"""So many files of an archive are read and summed in a trial."""

NICE: Final = 10
_SPOOL: Final = "spool/"
_PREFIX: Final = "callrouter-"


Keep = Callable[[list[datetime]], set[datetime]]
"""Which archives are kept, of those made at these moments."""


class Busy(Exception):
    """Another backup is being made in this place."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up: the base's URL, the files, and the folder of the spool.

    `extra`: further members, such as `setup.toml`; `key`: the secret key's fingerprint.
    """

    database: str
    files: Files
    spool: Path
    key: str
    version: str
    extra: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """An archive that is whole and on the disk. `lost`: files that the base names, and that are
    not what it says of them, or not there at all: the archive is without them.
    """

    name: str
    at: datetime
    size: int
    digest: str
    manifest: Manifest
    lost: tuple[str, ...]


def nothing() -> None:
    """Stop for nothing."""


def gently() -> None:
    """Let everything else go before this thread."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)  # on Linux: of this thread alone


# Names


def name_of(at: datetime) -> str:
    return f"{ARCHIVES}/{_PREFIX}{at.astimezone(UTC):%Y%m%d-%H%M%S}.tar"


def made_at(name: str) -> datetime | None:
    """When an archive was made, by its name; None: it is none of ours."""
    stem = name.rpartition("/")[2]
    with contextlib.suppress(ValueError):
        found = datetime.strptime(stem, f"{_PREFIX}%Y%m%d-%H%M%S.tar")  # noqa: DTZ007
        return found.replace(tzinfo=UTC)
    return None


def list_of(name: str) -> str:
    return f"{LISTS}/{name.rpartition('/')[2].removesuffix('.tar')}.gz"


def stored(digest: str) -> str:
    return f"{STORE}/{digest[:2]}/{digest}.bin"


@contextlib.contextmanager
def alone(place: Folder) -> Iterator[Path]:
    """Keep others from making backups in this place; gives an empty folder to work in.

    What a killed one left there is gone. Raises Busy.
    """
    place.root.mkdir(parents=True, exist_ok=True)
    scratch = place.root / "making"
    with (place.root / "backups.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"another backup is being made in {place.root}") from None
        place.sweep(0.0)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


# Making


def make(
    source: Source,
    place: Folder,
    *,
    now: datetime,
    keep: Keep | None = None,
    stop: Stop = nothing,
) -> Made:
    """Make an archive, beside whatever else goes on. Whatever was acknowledged before is in it.

    `keep`: which archives of this place stay when this one is there; None: all of them.

    Raises NoRoom, Busy, Damaged, BaseSilent, OSError, sqlite3.Error.
    """
    with alone(place) as scratch:
        # The spool first: what goes from there into the base meanwhile is then in both.
        spooled = _spool(source.spool, scratch)
        taken = _dump(source.database, scratch, stop)
        count, size, lost = _store(taken.files, source.files, place, stop)
        manifest = Manifest(
            id=new_id(now),
            at=now,
            callrouter=source.version,
            schema=taken.schema,
            engine=taken.engine,
            key=source.key,
            tables=taken.tables,
            columns=taken.columns,
            sequences=taken.sequences,
            files=count,
            bytes=size,
        )
        members = {LIST: taken.files, **_extra(source.extra, scratch), **spooled, **taken.members}
        name = name_of(now)
        _put(place, list_of(name), taken.files, stop)
        draft = place.begin()
        try:
            archives.write(draft, manifest, members, stop)
            draft.keep(name)
        finally:
            draft.drop()
        if keep:
            clear(place, keep)
        return Made(name, now, draft.size, draft.digest, manifest, lost)


def _dump(url: str, scratch: Path, stop: Stop) -> Dump:
    if url.startswith("sqlite:///"):
        return dump_sqlite.dump(Path(url.removeprefix("sqlite:///")), scratch, stop)
    from storage import dump_postgres

    return asyncio.run(dump_postgres.dump(url, scratch, stop))


def _extra(extra: Mapping[str, bytes], scratch: Path) -> dict[str, Path]:
    found = {}
    for name, text in extra.items():
        found[name] = scratch / name
        found[name].write_bytes(text)
    return found


def _spool(folder: Path, scratch: Path) -> dict[str, Path]:
    """What was acknowledged and is not in the base yet, as it lies there."""
    found = {}
    for path in sorted(folder.glob("spool-*.log")):
        with contextlib.suppress(FileNotFoundError):  # the base has got it meanwhile
            found[f"{_SPOOL}{path.name}"] = shutil.copyfile(path, scratch / path.name)
    return found


def _store(
    listed: Path, files: Files, place: Folder, stop: Stop
) -> tuple[int, int, tuple[str, ...]]:
    """See to it that all files of a list lie in a place; gives how many, their bytes, the lost."""
    count, size, lost = 0, 0, list[str]()
    with listed.open("rb") as file:
        for one in read_list(file):
            stop()
            count += 1
            size += one.size
            if not place.has(stored(one.sha256)) and not _store_one(one, files, place, stop):
                lost.append(one.name)
    return count, size, tuple(lost)


def _store_one(one: Kept, files: Files, place: Folder, stop: Stop) -> bool:
    """False: there is no such file, or it is not what the base says of it."""
    if files.size(one.name) != one.size:
        return False
    if isinstance(files, Folder):
        path = place.path(stored(one.sha256))
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # on another disk, say
            os.link(files.path(one.name), path)
            sync_folder(path.parent)
            return True
    with contextlib.suppress(FileNotFoundError):
        return _copy(files, one.name, place, stored(one.sha256), one, stop)
    return False


def _copy(source: Files, name: str, to: Files, new: str, like: Kept, stop: Stop) -> bool:
    """Copy a file, if it is what it should be."""
    draft = to.begin()
    try:
        for block in source.read(name):
            stop()
            draft.write(block)
        if (draft.size, draft.digest) != (like.size, like.sha256):
            return False
        draft.keep(new)
    finally:
        draft.drop()
    return True


def _put(to: Files, name: str, path: Path, stop: Stop) -> None:
    draft = to.begin()
    try:
        with path.open("rb") as file:
            for block in archives.pieces(file, stop=stop):
                draft.write(block)
        draft.keep(name)
    finally:
        draft.drop()


# Elsewhere


def carry(place: Folder, name: str, to: Files, *, stop: Stop = nothing) -> None:
    """Bring an archive to another place, its files first. Raises NoRoom, FilesSilent, Damaged."""
    for one in listed_in(place, name):
        stop()
        there = stored(one.sha256)
        if to.size(there) == one.size or not place.has(there):
            continue
        if not _copy(place, there, to, there, one, stop):
            raise Damaged(f"{place.path(there)} is not what it was")
    for part in (list_of(name), name):
        _put(to, part, place.path(part), stop)


def listed_in(place: Files, name: str) -> Iterator[Kept]:
    """The files that an archive names."""
    found = list_of(name)
    if place.has(found):
        with at_hand(place, found) as path, path.open("rb") as file:
            yield from read_list(file)
        return
    with at_hand(place, name) as path, Archive(path) as archive, archive.open(LIST) as file:
        yield from read_list(file)


def standing(place: Files) -> dict[datetime, str]:
    """The archives in a place, the oldest first."""
    found = {made_at(one.name): one.name for one in place.under(ARCHIVES)}
    return {at: found[at] for at in sorted(one for one in found if one)}


def clear(place: Files, keep: Keep) -> list[str]:
    """Take away the archives that are not to be kept, and the files that no other one names."""
    there = standing(place)
    kept = keep(list(there))
    gone = [name for at, name in there.items() if at not in kept]
    for name in gone:
        place.delete(name)
        place.delete(list_of(name))
    if gone:
        needed = {
            stored(one.sha256) for at in kept if at in there for one in listed_in(place, there[at])
        }
        for file in place.under(STORE):
            if file.name not in needed:
                place.delete(file.name)
    return gone


# Restoring


def place_of(archive: Path) -> Folder:
    """The place that an archive of this machine lies in: its files are there, too."""
    return Folder(archive.absolute().parent.parent)


def bring_files(
    archive: Archive, place: Files, to: Files, *, stop: Stop = nothing
) -> Iterator[str]:
    """Bring every file back that an archive names, each compared with what it was.

    Gives those that are lost or damaged, by name; they are not brought. Raises NoRoom.
    """
    with archive.open(LIST) as file:
        for one in read_list(file):
            stop()
            there = stored(one.sha256)
            brought = False
            with contextlib.suppress(FileNotFoundError):
                brought = _copy(place, there, to, one.name, one, stop)
            if not brought:
                yield one.name


def bring_spool(archive: Archive, folder: Path) -> None:
    """Bring back what had not come into the base."""
    for member in archive.manifest.members:
        if member.name.startswith(_SPOOL):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / Path(member.name).name
            with path.open("wb") as file:
                file.writelines(archive.read(member.name))
                file.flush()
                os.fsync(file.fileno())
            sync_folder(folder)


def bring_base(
    archive: Archive,
    url: str,
    finish: Callable[[Connection], None],
    *,
    stop: Stop = nothing,
) -> None:
    """Make the base of an archive anew, at this version's schema, and `finish` it.

    It is there whole or not at all. Raises NotEmpty, Damaged, BaseTooNew, BaseSilent.
    """
    _refuse_another_engine(archive, url)
    if not url.startswith("sqlite:///"):
        from storage import dump_postgres

        asyncio.run(dump_postgres.load(archive, url, finish, stop))
        return
    target, draft = Path(url.removeprefix("sqlite:///")).absolute(), _draft_of(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    forget_draft(url)
    try:
        _made_in(archive, draft, finish, stop)
        os.link(draft, target)  # unlike a rename it never takes another's place
    except FileExistsError:
        raise NotEmpty(f"{target} is there already") from None
    finally:
        forget_draft(url)
    sync_folder(target.parent)


def _draft_of(url: str) -> Path:
    base = Path(url.removeprefix("sqlite:///")).absolute()
    return base.with_name(f"{base.name}.restoring")


def forget_draft(url: str) -> None:
    """Take away what a restore that was killed left beside a base in a file."""
    if url.startswith("sqlite:///"):
        for path in _draft_of(url).parent.glob(f"{_draft_of(url).name}*"):
            path.unlink()


def _made_in(
    archive: Archive, path: Path, finish: Callable[[Connection], None], stop: Stop
) -> None:
    """A whole base in one file, at this version's schema, with no log beside it."""
    dump_sqlite.load(archive, path, stop)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True)
    with engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("PRAGMA foreign_keys = OFF")
        migrations.upgrade(conn)
        finish(conn)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _refuse_another_engine(archive: Archive, url: str) -> None:
    engine = "sqlite" if url.startswith("sqlite") else "postgresql"
    if archive.manifest.engine != engine:
        raise NotEmpty(
            f"{archive.path} is of a base on {archive.manifest.engine}, and "
            f"CALLROUTER_DATABASE_URL names one on {engine}: restore it on the same"
        )


# Trying


def attempt(path: Path, place: Files, url: str, scratch: Path, *, stop: Stop = nothing) -> None:
    """Restore an archive into a place of no use and compare it with what it was.

    Every check sum of the archive, every row, reference and the schema of the base, and a sample
    of its files. On PostgreSQL the base is made in a schema beside ours that never stays. Raises
    Damaged, and what `bring_base` raises.
    """
    with Archive(path, stop) as archive:
        _refuse_another_engine(archive, url)
        if url.startswith("sqlite:///"):
            _made_in(archive, scratch / "trial.sqlite", _nothing, stop)
        else:
            from storage import dump_postgres

            asyncio.run(dump_postgres.load(archive, url, _nothing, stop, trial=True))
        for one in _sample(archive):
            total, size = hashlib.sha256(), 0
            with contextlib.suppress(FileNotFoundError):
                for block in place.read(stored(one.sha256)):
                    stop()
                    total.update(block)
                    size += len(block)
            if (size, total.hexdigest()) != (one.size, one.sha256):
                raise Damaged(f"{path}: its file {one.name} is lost or damaged")


def _nothing(_conn: Connection) -> None:
    pass


def _sample(archive: Archive) -> list[Kept]:
    """Some of its files, each as likely as any other."""
    found: list[Kept] = []
    with archive.open(LIST) as file:
        for n, one in enumerate(read_list(file)):
            if n < SAMPLE:
                found.append(one)
            elif (place := random.randrange(n + 1)) < SAMPLE:  # noqa: S311
                found[place] = one
    return found
