"""How callrouter reaches its base: one write transaction at a time, and reads beside it.

`Database` hides which engine it is. What runs in a transaction is a plain function: the connection
first, nothing awaited, nothing committed. Commands are guests beside a running server and use the
same `Database`, with more patience: `asyncio.run(…)` around `open_database(url, guest=True)`.
"""

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

P = ParamSpec("P")
R = TypeVar("R")


class Priority(IntEnum):
    """Who is served first by the one writer; within one, first come, first served."""

    INTAKE = 0
    JOBS = 1
    PAGES = 2


class BaseSilent(Exception):
    """The base is locked, down, stalled or full; nothing was wrong with what was asked. Try later.

    Whether an interrupted commit took place is unknown then: unique keys settle it on the retry.
    """


class BaseRefused(BaseSilent):
    """The server is there and does not let us in: a wrong name, password or base in the URL."""


class BaseTooNew(Exception):
    """The base has a schema that this version does not know: a newer version made it."""


class Database(Protocol):
    """One base. What a function itself gets wrong (IntegrityError, …) comes through unchanged.

    A caller that is cancelled stops waiting; his transaction goes on to its end.
    """

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]: ...

    async def write(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `do` in a write transaction with the priority of PAGES. Raises BaseSilent."""
        ...

    async def write_as(
        self,
        priority: Priority,
        do: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R: ...

    async def read(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `do` on one snapshot of the base that it cannot change.

        After 2 s, waiting included, it is cut: BaseSilent.
        """
        ...

    async def migrate(self, progress: Callable[[str], None] = ...) -> None:
        """Bring the base to the newest schema; make it if there is none. Cheap when it is there.

        `progress` hears each step, perhaps in another thread. Raises BaseSilent, BaseTooNew.
        """
        ...

    async def close(self) -> None:
        """Take no more, finish what is queued (for 5 s at most), end every thread and task."""
        ...


def open_database(
    url: str, *, checkpoints: bool = False, guest: bool = False, gate: bool = True
) -> Database:
    """The base at `sqlite:///path`, a bare path, or `postgresql://…`. Nothing is opened yet.

    `checkpoints`: only for the one server that owns a SQLite base. `guest`: a command beside a
    server, which waits seconds for its turn and may write long. `gate=False` lets two nodes on
    PostgreSQL write at once: only for the test that shows what the gate is good for.
    """
    if "://" not in url:
        url = f"sqlite:///{url}"
    if url.startswith(("postgresql://", "postgres://")):
        from storage.postgres import PostgresDatabase

        return PostgresDatabase(url, guest=guest, gate=gate)
    from storage.sqlite import SqliteDatabase

    path = make_url(url).database
    if not url.startswith("sqlite:///") or not path:
        raise ValueError(f"neither sqlite:///path nor postgresql://…: {url.partition(':')[0]}://…")
    return SqliteDatabase(Path(path), checkpoints=checkpoints, guest=guest)
