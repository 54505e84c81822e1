"""A real base with something between it and who asks: what a test does not change goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy import Connection

from storage.database import Database, Priority

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Passing:
    """Hands everything on to `inner`."""

    inner: Database

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        return self.inner.dialect

    async def write(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self.inner.write(do, *args, **kwargs)

    async def write_as(
        self,
        priority: Priority,
        do: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        return await self.inner.write_as(priority, do, *args, **kwargs)

    async def read(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self.inner.read(do, *args, **kwargs)

    async def migrate(self, progress: Callable[[str], None] = lambda _: None) -> None:
        await self.inner.migrate(progress)

    async def close(self) -> None:
        await self.inner.close()
