"""What is backed up of a running service, and where to: for the nightly job and for the command."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from callrouter.flows.apply import export
from storage.backups import Source
from storage.files import Folder, open_files

if TYPE_CHECKING:
    from callrouter.settings import Settings
    from storage.database import Database

SPARE: Final = 512 * 1024**2
"""Bytes that a backup leaves free on its disk: calls need it more."""


MARK: Final = "restoring"
"""Stands in the data directory from the first to the last thing that a restore does."""


def is_half_restored(settings: Settings) -> bool:
    return (settings.data_dir / MARK).exists()


def local_place(settings: Settings) -> Folder:
    """Where backups lie beside the data."""
    return Folder((settings.data_dir / "backups").absolute(), SPARE)


async def source_of(settings: Settings, database: Database, key: str) -> Source:
    """Raises BaseSilent, ValueError."""
    setup = await database.read(export)
    extra = {"setup.toml": setup.encode(), "settings.json": json.dumps(_plain(settings)).encode()}
    return Source(
        database=settings.database,
        files=open_files(settings.files, settings.environ, settings.data_dir),
        spool=settings.data_dir / "spool",
        key=key,
        version=version("callrouter"),
        extra=extra,
    )


def _plain(settings: Settings) -> dict[str, str | bool | list[str]]:
    """The settings without any secret; of the variables that setup.toml names, their names."""
    return {
        "CALLROUTER_DATA_DIR": str(settings.data_dir.absolute()),
        "CALLROUTER_DATABASE_URL": without_password(settings.database_url),
        "CALLROUTER_FILES_URL": without_password(settings.files_url),
        "CALLROUTER_FILES_SHARED": settings.files_shared,
        "CALLROUTER_PUBLIC_URL": settings.public_url,
        "CALLROUTER_SMTP_URL": without_password(settings.smtp_url or ""),
        "CALLROUTER_TRUSTED_PROXIES": list(settings.trusted_proxies),
    }


def without_password(url: str) -> str:
    """`postgresql://anna:secret@host/base` as `postgresql://anna@host/base`."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"{user.partition(':')[0]}@{host}", parts.path, "", ""))
