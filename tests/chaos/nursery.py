"""A process that has imported the service and forks it when told to: a restart in 0.2 s.

What runs in the child is `callrouter serve`, or another command, as it is. A variant breaks one thing on purpose: the
red control of a test.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

from tests.running import Spawn


@dataclass
class Child:
    """A forked server. Its exit code is asked of the nursery, which is its parent."""

    nursery: Nursery
    pid: int
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            self.code = self.nursery.ask({"poll": self.pid})
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (60 if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"server {self.pid}", timeout or 60)
            time.sleep(0.005)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


class Nursery:
    """The parent of servers, seen from the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children: list[Child] = []
        self._lock = threading.Lock()

    def spawner(self, variant: str = "") -> Spawn:
        """Spawns servers of that variant; none: the service as it is."""

        def spawn(
            words: Sequence[str], environ: Mapping[str, str], printed: Path, complaints: Path
        ) -> Child:
            files = {"printed": str(printed), "complaints": str(complaints)}
            order = {"words": list(words), "environ": dict(environ), **files}
            pid = self.ask({**order, "variant": variant})
            assert pid is not None
            self._children.append(child := Child(self, pid))
            return child

        return spawn

    def ask(self, order: Mapping[str, object]) -> int | None:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            found: int | None = json.loads(self._process.stdout.readline())
        return found

    def kill_all(self) -> None:
        """Whatever a failed test has left."""
        for child in self._children:
            child.send_signal(signal.SIGKILL)
        self._children.clear()

    def close(self) -> None:
        self.kill_all()
        self._process.communicate(timeout=10)


# In the nursery's own process


PRELOADED = (
    "callrouter.app",
    "callrouter.logs",
    "storage.migrations",
    "storage.postgres",
    "storage.sqlite",
)


def _serve_orders(orders: IO[str]) -> None:
    for module in PRELOADED:
        import_module(module)
    for line in orders:
        order = json.loads(line)
        found = _poll(order["poll"]) if "poll" in order else _fork(order)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def _poll(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _fork(order: dict[str, str]) -> int:
    pid = os.fork()
    if pid == 0:
        _become_server(order)
    return pid


def _become_server(order: Mapping[str, object]) -> NoReturn:
    code = 1
    try:
        writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(str(order["printed"]), writing, 0o644), 1)
        os.dup2(os.open(str(order["complaints"]), writing, 0o644), 2)
        environ = order["environ"]
        assert isinstance(environ, dict)
        os.environ.update(environ)
        faulthandler.register(signal.SIGUSR1)  # says what it is at when it does not end
        from callrouter.cli import main
        from tests.chaos.variants import VARIANTS

        if variant := order["variant"]:
            VARIANTS[str(variant)]()
        main(order["words"], prog_name="callrouter")
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001  nothing may come back into the nursery
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve_orders(sys.stdin)
