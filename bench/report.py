"""What was found: lines with aim and result for people, everything as JSON for comparing."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.postgres import find_binaries

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `met` None: there is no aim for it."""

    what: str
    result: str
    aim: str = ""
    met: bool | None = None


@dataclass
class Report:
    lines: list[Line] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def say(self, what: str, result: str) -> None:
        self.lines.append(Line(what, result))

    def at_least(self, what: str, value: float, aim: float, shown: str) -> None:
        self.lines.append(Line(what, shown, f"≥ {aim:g}", value >= aim))

    def at_most(self, what: str, value: float, aim: float, shown: str) -> None:
        self.lines.append(Line(what, shown, f"≤ {aim:g}", value <= aim))

    def keep(self, name: str, figures: object) -> None:
        self.figures[name] = figures

    @property
    def missed(self) -> list[Line]:
        return [line for line in self.lines if line.met is False]

    def as_table(self) -> str:
        wide = max(len(line.what) for line in self.lines)
        words = {None: "", True: "met", False: "MISSED"}
        return "\n".join(
            f"{line.what:<{wide}}  {line.aim:>8}  {words[line.met]:<6}  {line.result}".rstrip()
            for line in self.lines
        )

    def write(self) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
        lines = [[line.what, line.aim, line.met, line.result] for line in self.lines]
        found = {"lines": lines, **self.figures}
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1))
        return path


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    binaries = find_binaries()
    server = "none"
    if binaries:
        words = [str(binaries / "postgres"), "--version"]
        server = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    names = ("aiohttp", "sqlalchemy", "asyncpg", "pydantic", "phonenumbers")
    return {
        "cpu": f"{os.cpu_count()} × {_cpu()}, load {os.getloadavg()[0]:.1f} before the start",
        "kernel": platform.release(),
        "python": f"{platform.python_version()}"
        + ("" if "--enable-optimizations" in options else ", built without optimizations"),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": server,
        "libraries": ", ".join(f"{name} {version(name)}" for name in names),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def progress(text: str) -> None:
    print(f"  … {text}", file=sys.stderr, flush=True)
