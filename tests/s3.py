"""A real S3 server, SeaweedFS from its wheel, and a wire to it that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from storage.bucket import Bucket
from storage.files import open_files

KEY, SECRET = "key-of-the-tests", "secret-of-the-tests"
BUCKET = "files"
START_S = 90.0

_PORTS = {
    "master.port": 0,
    "master.port.grpc": 1,
    "volume.port": 2,
    "volume.port.grpc": 3,
    "filer.port": 4,
    "filer.port.grpc": 5,
    "s3.port": 6,
    "s3.port.grpc": 7,
}


@dataclass(frozen=True, slots=True)
class S3:
    """Where it listens."""

    port: int

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def url(self, prefix: str, port: int = 0) -> str:
        """`port`: of a wire to it."""
        return f"s3://{BUCKET}/{prefix}?endpoint=http://127.0.0.1:{port or self.port}"

    def files(self, prefix: str, drafts: Path, **environ: str) -> Bucket:
        found = open_files(self.url(prefix), {**self.environ, **environ}, drafts)
        assert isinstance(found, Bucket)
        return found


@contextlib.contextmanager
def serve_s3(folder: Path) -> Iterator[S3]:
    """Checks signatures; a bucket is made when something is put there."""
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = _free_ports(len(_PORTS))
    words = [
        str(Path(sys.executable).with_name("weed")),
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=20",
        "-filer",
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        *(f"-{name}={ports[n]}" for name, n in _PORTS.items()),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_plain()
        )
    try:
        s3 = S3(ports[_PORTS["s3.port"]])
        _wait_for(s3, server, folder)
        yield s3
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _free_ports(many: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(many)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(s3: S3, server: subprocess.Popen[bytes], folder: Path) -> None:
    """It answers before it can keep anything: wait until it has kept a file."""
    until = time.monotonic() + START_S
    files = s3.files("first", folder)
    while True:
        assert server.poll() is None, (folder / "log").read_text()[-2000:]
        with contextlib.suppress(Exception):
            draft = files.begin()
            try:
                draft.write(b"first")
                draft.keep("recordings/first.wav")
            finally:
                draft.drop()
            return
        assert time.monotonic() < until, (folder / "log").read_text()[-2000:]
        time.sleep(0.3)


@dataclass
class Wire:
    """Passes bytes on to a port, `most` of them towards it, and then nothing more, either way."""

    to: int
    most: int = 1 << 60
    passed: int = 0
    cut: threading.Event = field(default_factory=threading.Event)
    _listens: socket.socket = field(default_factory=socket.socket)
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listens.bind(("127.0.0.1", 0))
        self._listens.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in [self._listens, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @property
    def port(self) -> int:
        port: int = self._listens.getsockname()[1]
        return port

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listens.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                self._open += [near, far]
                for one, other, counted in ((near, far, True), (far, near, False)):
                    pass_on = partial(self._pass, one, other, counted=counted)
                    threading.Thread(target=pass_on, daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, *, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if counted:
                    self.passed += len(data)
                if self.passed > self.most:
                    self.cut.set()
                    return
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
