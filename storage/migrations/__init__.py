"""The steps from any released schema to the newest, run in process on a connection that is given.

A version's number is how its file begins: `versions/0002_letters.py` is "0002". Alembic itself is
imported only when there is something to do: a start with a base up to date is quick.

`python -m storage.migrations "letters"` writes the next version by comparing with the tables.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from storage.database import BaseTooNew

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent


def versions() -> list[str]:
    """All numbers, oldest first."""
    return sorted(path.name.partition("_")[0] for path in HERE.glob("versions/[0-9]*_*.py"))


def current(conn: Connection) -> str | None:
    """The number that the base is at, None for an empty one."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    number: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return number


def is_newest(conn: Connection) -> bool:
    """Is there nothing to do? Raises BaseTooNew."""
    known, found = versions(), current(conn)
    if found is not None and found not in known:
        raise BaseTooNew(f"the base has schema {found}, this version knows up to {known[-1]}")
    return found == known[-1]


def upgrade(conn: Connection, progress: Callable[[str], None] = lambda _: None) -> None:
    """Bring the base to the newest version within the connection's transaction.

    On SQLite its foreign keys must be off: changing a table makes it anew, and dropping the old one
    would silently delete all rows that refer to it. Raises BaseTooNew.
    """
    if is_newest(conn):  # another node may have been quicker
        return
    from alembic import command

    command.upgrade(configured(conn, progress), "head")


def upgrade_to(conn: Connection, number: str) -> None:
    """Bring an empty base to a schema that was, to be filled with what a backup has of it.

    Raises BaseTooNew.
    """
    if number not in versions():
        raise BaseTooNew(
            f"the backup has schema {number}, this version knows up to {versions()[-1]}"
        )
    from alembic import command

    command.upgrade(configured(conn), number)


def configured(conn: Connection, progress: Callable[[str], None] = lambda _: None) -> "Config":
    """What Alembic's own commands want to be given."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=conn, progress=progress)
    return config
