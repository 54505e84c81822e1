"""An import beside a server that takes calls: how quick it is, and what it costs the calls."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.company import USUAL
from bench.jobs import Seen, load
from bench.races import fresh
from bench.report import progress
from bench.scenes import Bench
from bench.servers import Place, Server

LINES = 5_000
CALLS_A_SECOND = 10
"""Each with its ring, answer and end: so many that the machine is not busy with them alone."""

_ENDLESS = 500_000
_FAMILIES = ("Иванов", "Петров", "Сидоров", "Кузнецов", "Смирнов", "Попов", "Соколов")
_FIRST = ("Иван", "Пётр", "Сергей", "Алексей", "Дмитрий")


def importing(run: Bench) -> None:
    for engine in run.engines:
        progress(f"{engine}: an import, and calls during one")
        place = run.new(engine)
        place.apply(USUAL)
        with place.serving() as server:
            took = _timed(place, _contacts(place.folder / "contacts.csv", LINES))
            speed = LINES / took
            run.report.say(f"{engine}: import, lines/s", f"{speed:.0f}, beside a server at rest")
            quiet, during = [], []
            for n in range(run.rounds):
                quiet.append(_calls(server))
                file = _contacts(place.folder / f"endless{n}.csv", _ENDLESS, n + 1)
                with _going(place, file):
                    during.append(_calls(server))
            troubles = server.troubles()
        best = min(one.p99 for one in quiet), min(one.p99 for one in during)
        shown = (
            f"{best[1] / best[0]:.2f} ×: p99 {best[1]:.1f} ms, quiet {best[0]:.1f} ms;"
            f" p50 {min(one.p50 for one in during):.1f} ms, quiet"
            f" {min(one.p50 for one in quiet):.1f} ms" + (f"; {troubles}" if troubles else "")
        )
        what = f"{engine}: p99 during an import"
        run.report.at_most(what, best[1] / best[0], 1.5, shown)
        run.report.keep(
            what,
            {
                "lines_s": speed,
                "quiet": [one.p99 for one in quiet],
                "during": [one.p99 for one in during],
            },
        )


def _calls(server: Server) -> Seen:
    options = {"connections": 16, "seconds": 10, "warm_s": 3, "rate": CALLS_A_SECOND}
    return load(fresh(server, USUAL.lines, **options))


def _timed(place: Place, file: Path) -> float:
    began = time.perf_counter()
    place.command("import", "contacts", str(file))
    return time.perf_counter() - began


@contextmanager
def _going(place: Place, file: Path) -> Iterator[None]:
    """While a file is imported that does not come to its end."""
    words = [sys.executable, "-m", "callrouter", "import", "contacts", str(file)]
    with (place.folder / "log").open("ab") as log:
        going = subprocess.Popen(words, env=place.environ, stdout=log, stderr=log)
    try:
        time.sleep(2)
        yield
        if going.poll() is not None:
            raise RuntimeError(f"the import ended before the calls: {going.returncode}")
    finally:
        going.send_signal(signal.SIGKILL)
        going.wait()


def _contacts(file: Path, lines: int, series: int = 0) -> Path:
    """A file as a CRM exports it: a company on every second line, two phones on every third."""
    with file.open("w", encoding="utf-8-sig") as out:
        out.write("ID;Фамилия;Имя;Компания;Мобильный телефон;Рабочий телефон;Рабочий e-mail;Теги\n")
        for n in range(lines):
            firm = f"ООО «Фирма {n // 4}»" if n % 2 else ""
            second = f"+7495{n % 10_000_000:07}" if n % 3 == 0 else ""
            out.write(
                f"{series}-{n};{_FAMILIES[n % 7]};{_FIRST[n % 5]};{firm};"
                f"+7{9_800_000_000 + series * 1_000_000 + n};{second};"
                f"u{series}.{n}@example.com;опт, vip\n"
            )
    return file
