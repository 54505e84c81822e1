"""Real calls through Kamailio: how much later a phone rings because callrouter is asked."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.company import Company
from bench.jobs import SECRET
from bench.report import progress
from bench.scenes import Bench
from tests.sip.exchange import HOST, Kamailio, Sipp, Telephones, free_ports, missing_telephones

COMPANY = Company((100,), ring_s=20, slack_s=0)
QUIET = 20
RATES = (50, 100, 150, 200)
SECONDS = 5
PATIENCE_MS = 500
"""A rate is sustained while no call fails and 95 % of the phones ring within this."""

_LOGGED = re.compile(
    r"^-{40,} (?P<day>\S+)\s(?P<hour>\d+):(?P<min>\d+):(?P<s>[\d.]+)\n"
    r"UDP message (?P<way>sent|received)[^\n]*\n\n(?P<text>.*?)(?=^-{40,} |\Z)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Delay:
    """From INVITE to 180 at the caller, ms. `failed`: the scenario did not go through."""

    calls: int
    p50: float
    p95: float
    failed: bool

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f} ms, p95 {self.p95:.1f} ms" + ("; failed" if self.failed else "")


def calling(run: Bench) -> None:
    if missing := missing_telephones():
        run.report.say("Kamailio", f"not measured: apt-get install {' '.join(missing)}")
        return
    for engine in run.engines:
        progress(f"{engine}: calls through Kamailio")
        place = run.new(engine)
        phone = free_ports(1)[0]
        file = place.folder / "setup.toml"
        place.folder.mkdir(parents=True, exist_ok=True)
        spelt = "".join(
            f'{name} = "sip:{{dial}}@{HOST}:{phone}"\n' for name in ("dial_inside", "dial_outside")
        )
        file.write_text(COMPANY.as_toml().replace("ring_slack_s", spelt + "ring_slack_s"))
        place.command("apply", str(file))
        with place.serving() as server:
            with _proxy(server.port, phone, {"CALLROUTER_OFF": ""}) as telephones:
                _measure(telephones, phone, QUIET)
                alone = _measure(telephones, phone, QUIET)
            with _proxy(server.port, phone, {}) as telephones:
                _measure(telephones, phone, QUIET)
                asked = _measure(telephones, phone, QUIET)
                sustained, worst = 0, asked
                for rate in RATES:
                    found = _measure(telephones, phone, rate)
                    if found.failed or found.p95 > PATIENCE_MS:
                        break
                    sustained, worst = rate, found
            troubles = server.troubles()
        shown = (
            f"p50 {asked.p50 - alone.p50:.1f} ms, p95 {asked.p95 - alone.p95:.1f} ms at {QUIET}"
            f" calls/s; asked {asked}; Kamailio alone {alone}"
            + (f"; {troubles}" if troubles else "")
        )
        run.report.say(f"{engine}: post-dial delay added", shown)
        most = "or more" if sustained == RATES[-1] else f"of {RATES[-1]} tried"
        run.report.say(f"{engine}: SIP calls/s sustained", f"{sustained} {most}: {worst}")
        run.report.keep(
            f"{engine} sip",
            {"alone": asdict(alone), "asked": asdict(asked), "sustained": sustained},
        )


@contextmanager
def _proxy(server: int, phone: int, defines: dict[str, str]) -> Iterator[Telephones]:
    """The example before this server, with a phone for its fallback."""
    with tempfile.TemporaryDirectory(prefix="callrouter-bench-sip-") as folder:
        kamailio = Kamailio(
            Path(folder) / "kamailio",
            f"{HOST}:{server}",
            SECRET,
            f"sip:100@{HOST}:{phone}",
            defines=defines,
        )
        telephones = Telephones(Path(folder) / "telephones", "")
        try:
            telephones.proxy = f"{HOST}:{kamailio.start().port}"
            yield telephones
        finally:
            telephones.stop()
            kamailio.stop()


def _measure(telephones: Telephones, phone: int, rate: int) -> Delay:
    """So many calls a second, of which each talks for 0.2 s."""
    calls = rate * SECONDS
    answering = telephones.phone(phone, calls=calls, ms=20)
    caller = telephones.caller(
        COMPANY.lines[0],
        "+7916[call_number]0000",
        ref=f"bench-{len(telephones.all)}",
        calls=calls,
        rate=rate,
    )
    failed = False
    try:
        caller.wait(SECONDS + 30)
    except AssertionError:
        failed = True
    answering.stop()
    found = sorted(_delays(caller))
    if not found:
        return Delay(0, 0.0, 0.0, failed=True)
    return Delay(
        len(found),
        found[len(found) // 2],
        found[int(len(found) * 0.95)],
        failed or len(found) < calls,
    )


def _delays(caller: Sipp) -> Iterator[float]:
    asked: dict[str, float] = {}
    for message in _LOGGED.finditer(caller.messages.read_text(errors="replace")):
        text = message["text"]
        at = int(message["hour"]) * 3600 + int(message["min"]) * 60 + float(message["s"])
        ref = next(line for line in text.splitlines() if line.startswith("Call-ID"))
        if text.startswith("INVITE"):
            asked.setdefault(ref, at)
        elif text.startswith("SIP/2.0 180") and ref in asked:
            yield (at - asked.pop(ref)) * 1000
