"""Servers under measurement: processes of their own, begun, watched and ended here."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from bench.company import SECRET_KEY, Company

_PATIENCE_S = 60.0
_DECIDED = re.compile(r"^callrouter_(fallbacks|unrecorded|bugs)_total (\d+)", re.MULTILINE)


@dataclass
class Server:
    """A running server. `ready_s`: from the start of its process to the first 200 of its health."""

    process: subprocess.Popen[bytes]
    port: int
    ready_s: float = 0.0

    def rss_mb(self) -> float:
        return self._memory("VmRSS")

    def peak_mb(self) -> float:
        return self._memory("VmHWM")

    def _memory(self, field: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) / 1024

    def troubles(self) -> dict[str, int]:
        """What must be nothing for a figure to be honest: answers without the base, bugs."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return {name: int(count) for name, count in _DECIDED.findall(text) if int(count)}

    def is_busy(self) -> bool:
        """True when it used more than a fifth of a processor in the last half second."""
        before = self._ticks()
        time.sleep(0.5)
        return self._ticks() - before > 0.1 * os.sysconf("SC_CLK_TCK")

    def _ticks(self) -> int:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def echo() -> Iterator[Server]:
    """The yardstick."""
    port = free_port()
    with _running([sys.executable, "-m", "bench.echo", str(port)], port, None) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Place:
    """A data directory and its base; `more`: settings besides."""

    folder: Path
    database_url: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if "CALLROUTER" not in name},
            "CALLROUTER_DATA_DIR": str(self.folder),
            "CALLROUTER_DATABASE_URL": self.database_url,
            "CALLROUTER_SECRET_KEY": SECRET_KEY,
            "CALLROUTER_FILES_SHARED": "1",
            **self.more,
        }

    def command(self, *words: str) -> str:
        """Run a command of the service; gives what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "callrouter", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"callrouter {words[0]}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    def apply(self, company: Company) -> None:
        file = self.folder / "setup.toml"
        self.folder.mkdir(parents=True, exist_ok=True)
        file.write_text(company.as_toml())
        self.command("apply", str(file), "--force")

    @contextmanager
    def serving(self, *, profiled: Path | None = None) -> Iterator[Server]:
        """`callrouter serve` here; with `profiled` under a sampler that writes there."""
        port = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "callrouter"]
        if profiled:
            command = [sys.executable, "-m", "bench.profiling", str(profiled)]
        command += ["serve", "--port", str(port)]
        with (
            (self.folder / "log").open("ab") as log,
            _running(command, port, self.environ, log.fileno()) as server,
        ):
            yield server


@contextmanager
def _running(
    command: Sequence[str], port: int, environ: Mapping[str, str] | None, log: int | None = None
) -> Iterator[Server]:
    began = time.perf_counter()
    server = Server(subprocess.Popen(command, env=environ, stdout=log, stderr=log), port)
    try:
        while not _is_ready(port):
            if server.process.poll() is not None or time.perf_counter() > began + _PATIENCE_S:
                raise RuntimeError(f"did not start: {' '.join(command)}")
            time.sleep(0.005)
        server.ready_s = time.perf_counter() - began
        yield server
    finally:
        server.stop()


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as asked:
            asked.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return asked.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def enter(place: Place, server: Server) -> str:
    """A cookie that opens the pages of a server."""
    link = place.command("link")
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as asked:
        path = "/enter/" + link.rpartition("/")[2]
        asked.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answer = asked.recv(65_536).decode()
    found = re.search(r"set-cookie: ([^;]+)", answer, re.IGNORECASE)
    if not found:
        raise RuntimeError(f"no cookie: {answer[:200]}")
    return found[1]
