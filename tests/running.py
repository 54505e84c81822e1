"""The real thing: `callrouter serve` in a process of its own, its base, and commands beside it.

A `House` is where a server lives: a data directory, a base, a port. Servers come and go in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

import aiohttp
import asyncpg

from callrouter.flows.apply import apply
from callrouter.seal import Seal, keep_key
from storage.database import Database, open_database

SECRET = "secret-of-the-tests"
LINE = "+74951230001"
LAST_RESORT = "+74950000000"
START_S = 30.0


class Process(Protocol):
    """What `subprocess.Popen` and the nursery's children have in common."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


Spawn = Callable[[Sequence[str], Mapping[str, str], Path, Path], Process]
"""Runs `callrouter WORDS` with an environment and files for what it prints and complains of."""


CALLROUTER = (sys.executable, "-m", "callrouter")


def spawn(
    words: Sequence[str],
    environ: Mapping[str, str],
    printed: Path,
    complaints: Path,
    *,
    program: Sequence[str] = CALLROUTER,
) -> Process:
    """As an admin does it."""
    with printed.open("ab") as stdout, complaints.open("ab") as stderr:
        return subprocess.Popen(
            [*program, *words],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    printed: str
    complaints: str


@dataclass
class House:
    """Where servers of one base and one data directory live. `database_url` empty: SQLite there."""

    data_dir: Path
    database_url: str = ""
    secret_key: str = ""
    port: int = 0
    spawn: Spawn = spawn
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "CALLROUTER_DATA_DIR": str(self.data_dir),
            "CALLROUTER_DATABASE_URL": self.database_url,
            "CALLROUTER_SECRET_KEY": self.secret_key,
            "CALLROUTER_FILES_SHARED": "1",  # each node of a test has a folder of its own
            **self.environ,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return self.database_url or f"sqlite:///{self.base}"

    @property
    def base(self) -> Path:
        """The SQLite file."""
        named = self.database_url.removeprefix("sqlite:///")
        return Path(named) if named else self.data_dir / "callrouter.db"

    @property
    def log(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    @property
    def spooled(self) -> list[Path]:
        """What the spool holds that the base has not got."""
        return sorted((self.data_dir / "spool").glob("spool-*.log"))

    async def run(self, *words: str) -> Done:
        """A command beside whatever runs in this house."""
        with tempfile.TemporaryDirectory() as folder:
            printed, complaints = Path(folder) / "printed", Path(folder) / "complaints"
            process = self.spawn(words, self.settings, printed, complaints)
            code = await asyncio.to_thread(process.wait, 60)
            return Done(code, printed.read_text(), complaints.read_text())

    async def apply(self, setup: str) -> None:
        """What `callrouter apply` does, without the second that a process takes to begin."""
        seal = Seal(self.secret_key or keep_key(self.data_dir / "secret.key"))
        async with beside(self.base_url) as database:
            await database.migrate()
            await database.write(apply, setup, seal=seal, now=datetime.now(UTC))

    def open(self) -> Running:
        """Start a server and do not wait for it."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        words = ["serve", "--port", str(self.port)]
        return Running(self, self.spawn(words, self.settings, self.log, self.log))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Running]:
        """A server that answers; told to stop at the end, however the block ends."""
        server = self.open()
        try:
            yield await server.ready()
        finally:
            if server.process.poll() is None:
                await server.stop()

    @contextmanager
    def standing(self, setup: str) -> Iterator[None]:
        """A server with this setup, for tests that share it: each has an event loop of its own."""
        self.data_dir.mkdir()
        asyncio.run(self.apply(setup))
        server = self.open()
        try:
            asyncio.run(server.ready())
            yield
        finally:
            asyncio.run(server.stop())


@asynccontextmanager
async def beside(url: str) -> AsyncIterator[Database]:
    """The base of a server that may be running, as a command opens it."""
    database = open_database(url, guest=True)
    try:
        yield database
    finally:
        await database.close()


@dataclass
class Running:
    """One server process."""

    house: House
    process: Process

    async def ready(self, *, blind: bool = False) -> Self:
        """Wait until it takes calls; `blind`: until it listens at all."""
        until = time.monotonic() + START_S
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"{self.house.url}/health/ready") as response:
                        if response.status == 200 or blind:
                            return self
                if self.process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"the server did not start:\n{self.printed()}")
                await asyncio.sleep(0.01)

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self._get("/health/ready"))
        return found

    async def metrics(self) -> dict[str, float]:
        """Every figure without labels, and the sums of those with."""
        return _figures(await self._get("/metrics"))

    async def _get(self, path: str) -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.house.url}{path}") as response,
        ):
            return await response.text()

    async def settled(self, within_s: float = 30.0) -> Self:
        """Wait until the base answers and has everything that was told without it."""
        until = time.monotonic() + within_s
        while self.house.spooled or (await self.health())["base"] != "answers":
            assert time.monotonic() < until, f"not settled: {self.house.spooled}\n{self.printed()}"
            await asyncio.sleep(0.02)
        return self

    def kill(self) -> None:
        """As the kernel does it: at once, and without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    async def stop(self, within_s: float = 15.0) -> int:
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, within_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(0.5)
            self.kill()
            raise AssertionError(f"it did not end in {within_s} s:\n{self.printed()}") from None

    def printed(self) -> str:
        return self.house.log.read_text(errors="replace")[-4000:]


def _figures(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0].removesuffix("_total")
            found[name] = found.get(name, 0.0) + float(value)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Who looks


async def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What a base says, asked by no code of the service."""
    if url.startswith("sqlite:///"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn:
            conn.execute("PRAGMA wal_autocheckpoint = 0")
            return list(conn.execute(statement))
    raw = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await raw.fetch(statement)]
    finally:
        await raw.close()
