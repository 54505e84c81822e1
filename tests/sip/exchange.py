"""Telephones, a SIP proxy and a real server between them; all on loopback, on ports found free.

Callers and phones are SIPp; the proxy is Kamailio with the files of `examples/kamailio` as they are,
but for `settings.cfg`.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "kamailio"
HOST = "127.0.0.1"
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'

_PACKAGES: Mapping[str, Callable[[], bool]] = {
    "kamailio": lambda: shutil.which("kamailio") is not None,
    "kamailio-utils-modules": lambda: _module("http_client"),
    "kamailio-json-modules": lambda: _module("rtjson"),
    "sip-tester": lambda: shutil.which("sipp") is not None,
}

T = TypeVar("T")


def _module(name: str) -> bool:
    return any(Path("/usr/lib").glob(f"*/kamailio/modules/{name}.so"))


def missing_telephones() -> list[str]:
    """Debian's packages that are not here."""
    return [package for package, is_there in _PACKAGES.items() if not is_there()]


def need_telephones() -> None:
    """Where CI is set, not having them is a failure."""
    if missing := missing_telephones():
        what = f"no telephones: apt-get install {' '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(what)
        pytest.skip(what)


_PORTS = list(range(20_000, 32_000, 4))
"""Below those that the kernel gives away by itself; four to each, as SIPp takes for sound."""

random.shuffle(_PORTS)


def free_ports(count: int) -> list[int]:
    """Free UDP ports that nobody else here is given, even while nobody listens there."""
    found: list[int] = []
    while len(found) < count:
        port = _PORTS.pop()
        with contextlib.suppress(OSError), _bound(port):
            found.append(port)
    return found


def _bound(port: int = 0) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


def until(what: str, look: Callable[[], T | None], within_s: float = 10.0) -> T:
    """What it finds, as soon as it is there."""
    end = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not in {within_s} s: {what}")
        time.sleep(0.02)
    return found


@dataclass
class Kamailio:
    """The example in a folder of its own. `defines`: what else its settings define."""

    folder: Path
    callrouter: str  # host:port
    secret: str
    fallback: str
    account: str = "main"
    defines: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "kamailio.log"

    def start(self) -> Kamailio:
        self.port = self.port or free_ports(1)[0]
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in EXAMPLE.glob("*.cfg"):
            shutil.copy(file, self.folder)
        self._set()
        run = self.folder / "run"
        run.mkdir(exist_ok=True)
        words = ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", "kamailio.cfg"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*words, "-Y", str(run), "-w", str(run)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            until("Kamailio answers", self._answers)
        except AssertionError as failed:
            self.stop()
            raise AssertionError(f"{failed}\n{self.printed()}") from None
        return self

    def _set(self) -> None:
        """Put this one's values into the settings of the example."""
        hook = f"/webhooks/pbx/{self.account}"
        values = {
            "CALLROUTER_AT": f'"callrouter=>http://kamailio:{self.secret}@{self.callrouter};timeout=2"',
            "CALLROUTER_HOOK": f'"{hook}"',
            "CALLROUTER_ASKED_AT": f'"{hook}?as=rtjson"',
            "CALLROUTER_FALLBACK": f'"{self.fallback}"',
            **self.defines,
        }
        settings = (EXAMPLE / "settings.cfg").read_text()
        settings, found = re.subn(
            r"(?<=!CALLROUTER_LISTEN!)[^!]+", f"udp:{HOST}:{self.port}", settings
        )
        assert found == 1
        for name, value in values.items():
            settings, _ = re.subn(rf"(?m)^#?#!define {name}\b.*\n", "", settings)
            settings += f"#!define {name} {value}".rstrip() + "\n"
        (self.folder / "settings.cfg").write_text(settings)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"Kamailio did not start:\n{self.printed()}")
        with _bound() as asking:
            asking.settimeout(0.2)
            host, port = asking.getsockname()
            asking.sendto(
                _OPTIONS.format(host=host, port=port, to=self.port).encode(), (HOST, self.port)
            )
            with contextlib.suppress(OSError):
                return asking.recv(4096).startswith(b"SIP/2.0 200")
        return False

    def stop(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)

    def printed(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


_OPTIONS = (
    "OPTIONS sip:ping@127.0.0.1:{to} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{port}\r\n"
    "From: <sip:ping@{host}>;tag={port}\r\nTo: <sip:ping@127.0.0.1>\r\n"
    "Call-ID: ping-{port}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
)


@dataclass
class Sipp:
    """One SIPp process: a caller or a phone."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def messages(self) -> Path:
        return self.folder / f"{self.name}.messages"

    def wait(self, within_s: float = 30.0) -> None:
        """It came to its end, and everything was as its scenario has it."""
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} is not done in {within_s} s{self.told()}") from None
        assert code == 0, f"{self.name}: SIPp says {code}{self.told()}"

    def heard(self, method: str) -> list[str]:
        """Requests or replies of this beginning that came in, in order."""
        return [text for came, text in self.log() if came and text.startswith(method)]

    def log(self) -> list[tuple[bool, str]]:
        """Each message: whether it came in, and its text."""
        if not self.messages.exists():
            return []
        found = re.split(r"(?m)^-{40,} .*$", self.messages.read_text(errors="replace"))
        heads = [piece.strip().partition("\n") for piece in found if piece.strip()]
        return [("received" in head, text.strip()) for head, _, text in heads]

    def told(self) -> str:
        errors = self.folder / f"{self.name}.errors"
        said = errors.read_text(errors="replace")[-1500:] if errors.exists() else ""
        heard = "\n".join(
            ("< " if came else "> ") + text.partition("\n")[0] for came, text in self.log()
        )
        return f"\n{said}\n{heard}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)


@dataclass
class Telephones:
    """Every SIPp of a test; none outlives it."""

    folder: Path
    proxy: str  # host:port
    all: list[Sipp] = field(default_factory=list)

    def phone(
        self, port: int, scenario: str = "phone_answers", *, calls: int = 1, **said: Any
    ) -> Sipp:
        """A phone that does so `calls` times."""
        name = f"phone-{port}-{len(self.all)}"
        words = ["-p", str(port), *self._times(calls)]
        phone = self._sipp(name, scenario, words, {}, **said)
        until(f"{name} listens", lambda: _listens(port) or phone.process.poll() is not None)
        assert phone.process.poll() is None, phone.told()
        return phone

    def caller(
        self,
        called: str,
        caller: str = "+79160000001",
        scenario: str = "caller",
        *,
        ref: str,
        calls: int = 1,
        rate: int = 0,
        privacy: str = "none",
        **said: Any,
    ) -> Sipp:
        """A caller to a number; `ref`: his Call-ID, with -1, -2 … where there are many calls.

        `rate`: how many begin each second; 0: all at once.
        """
        from_header = caller if "<" in caller else f"<sip:{caller}@{HOST}>"
        words = [self.proxy, "-s", called, "-cid_str", ref if calls == 1 else f"{ref}-%u"]
        words += ["-p", str(free_ports(1)[0])]
        words += self._times(calls, rate)
        who = {"FROM": from_header, "PRIVACY": privacy}
        return self._sipp(f"caller-{len(self.all)}", scenario, words, who, **said)

    @staticmethod
    def _times(calls: int, rate: int = 0) -> list[str]:
        at_once = min(max(calls, 10), 500)
        return ["-m", str(calls), "-r", str(rate or at_once), "-l", str(at_once)]

    def _sipp(
        self,
        name: str,
        scenario: str,
        words: list[str],
        said: Mapping[str, str],
        *,
        ms: int = 200,
        code: int = 486,
    ) -> Sipp:
        """`said`: what stands in the scenario for these words; `ms`: its -d."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{name}.xml"
        text = (HERE / "scenarios" / f"{scenario}.xml").read_text()
        for word, stands_for in {**said, "CODE": str(code)}.items():
            text = text.replace(word, stands_for)
        file.write_text(text)
        command = ["sipp", "-sf", str(file), "-i", HOST, "-mp", str(free_ports(1)[0])]
        command += ["-d", str(ms), "-nostdin", "-timeout", "60", "-timeout_error"]
        command += ["-trace_err", "-error_file", str(self.folder / f"{name}.errors")]
        command += ["-trace_msg", "-message_file", str(self.folder / f"{name}.messages")]
        process = subprocess.Popen(
            [*command, *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        sipp = Sipp(name, self.folder, process)
        self.all.append(sipp)
        return sipp

    def stop(self) -> None:
        for one in self.all:
            one.stop()


def _listens(port: int) -> bool:
    """Whether somebody has this UDP port."""
    rows = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{port:04X}") for row in rows)
