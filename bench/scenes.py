"""What is measured, scene by scene; each writes its figures into the report."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench import bases, profiling, replays
from bench.company import STORM, USUAL, Company
from bench.deciding import CANDIDATES, decide_us
from bench.disk import fsync_ms
from bench.jobs import load
from bench.races import Entrant, fresh, race
from bench.report import Report, machine, progress
from bench.servers import Place, Server, echo, enter
from tests.postgres import Postgres

CONNECTIONS = (1, 32, 128)
PROFILED = 24
RATIO = {"SQLite": 0.12, "PostgreSQL": 0.10}
CALLS_A_SECOND = 100
STREAMS = 20
CONTACTS = (1_000, 100_000, 1_000_000)
MANAGERS = {
    "10 managers": Company((10,), ring_s=1, slack_s=0),
    "1 000 managers": Company((50,) * 10 + (500,), ring_s=1, slack_s=0),
    "10 000 managers": Company((50,) * 190 + (500,), ring_s=1, slack_s=0),
}


@dataclass
class Bench:
    """One run: where its bases lie, on which engines, and what it found."""

    folder: Path
    postgres: Postgres | None
    report: Report
    rounds: int = 2
    _made: int = 0

    @property
    def engines(self) -> dict[str, Postgres | None]:
        return {"SQLite": None} | ({"PostgreSQL": self.postgres} if self.postgres else {})

    def new(self, engine: str) -> Place:
        self._made += 1
        return bases.new_place(self.folder / f"place{self._made}", self.engines[engine])

    # The machine, the decision alone, the start

    def surroundings(self) -> None:
        found = machine()
        for name, what in found.items():
            self.report.say(name, what)
        if self.postgres is None:
            self.report.say("PostgreSQL", "not measured: there is none here")
        half, most = fsync_ms(self.folder)
        self.report.say("fsync of the disk", f"p50 {half:.2f} ms, p99 {most:.2f} ms")
        self.report.keep("machine", found)
        self.report.keep("fsync_ms", {"p50": half, "p99": most})

    def deciding(self) -> None:
        progress("decide alone")
        took = {n: decide_us(n) for n in CANDIDATES}
        shown = ", ".join(f"{us:.0f} µs with {n}" for n, us in took.items())
        self.report.say("decide alone, candidates", shown)
        self.report.keep("decide_us", took)

    def replaying(self) -> None:
        progress(f"{replays.CALLS} calls are played and replayed")
        speed = replays.measure(self.folder)
        what, aim = "replay of 10 000 calls, s", replays.MOST_S
        self.report.at_most(what, speed.of_ten_thousand, aim, str(speed))
        self.report.keep("replay", asdict(speed))

    def starting(self) -> None:
        for engine in self.engines:
            progress(f"{engine}: starts")
            place = self.new(engine)
            with place.serving() as server:
                first = server.ready_s
            place.apply(Company((8, 8, 8)))
            again = []
            for _ in range(3):
                with place.serving() as server:
                    again.append(server.ready_s)
            shown = f"{median(again):.2f} s; the first, with an empty base, {first:.2f} s"
            self.report.at_most(f"{engine}: start", median(again), 1.5, shown)
            self.report.keep(f"{engine} start_s", {"empty": first, "migrated": again})

    # As many calls as there can be

    def storm(self) -> None:
        with ExitStack() as running:
            reference = running.enter_context(echo())
            places, entrants = {}, {}
            for engine in self.engines:
                progress(f"{engine}: a company of {sum(STORM.teams)} managers")
                places[engine] = self.new(engine)
                places[engine].apply(STORM)
                server = running.enter_context(places[engine].serving())
                entrants[engine] = Entrant(server, STORM.lines)
            rest = {engine: one.server.rss_mb() for engine, one in entrants.items()}
            for one in entrants.values():
                load(fresh(one.server, STORM.lines, connections=16, seconds=1))
            for connections in CONNECTIONS:
                progress(f"{connections} connections")
                found = race(reference, entrants, connections, rounds=self.rounds, seconds=3)
                for engine, result in found.items():
                    what = f"{engine}: {connections} connections"
                    if connections == CONNECTIONS[-1]:
                        self.report.at_least(what, result.ratio, RATIO[engine], str(result))
                    elif connections == 1:
                        self.report.at_most(what + ", p50 ms", result.p50, 5, str(result))
                    else:
                        self.report.say(what, str(result))
                    self.report.keep(what, result.figures())
            for engine, one in entrants.items():
                shown = f"{rest[engine]:.0f} MB at rest, {one.server.peak_mb():.0f} MB at most"
                self.report.say(f"{engine}: memory", shown)
                self._count(engine, places[engine])

    def _count(self, engine: str, place: Place) -> None:
        """Every decision that was acknowledged is there, with all its rows."""
        time.sleep(2)  # what the spool holds is written by then
        found = bases.rows(place)
        calls = found["decision"]
        shown = ", ".join(f"{name} {count / max(calls, 1):.3g}" for name, count in found.items())
        self.report.say(f"{engine}: rows a decision", f"{calls} decisions: {shown}")
        self.report.keep(f"{engine} rows", found)

    # A hundred calls a second, with everything running

    def usual_day(self) -> None:
        for engine in self.engines:
            progress(f"{engine}: {CALLS_A_SECOND} calls a second")
            place = self.new(engine)
            place.apply(USUAL)
            with place.serving() as server:
                job = fresh(
                    server,
                    USUAL.lines,
                    connections=64,
                    seconds=12,
                    warm_s=4,
                    rate=CALLS_A_SECOND,
                    streams=STREAMS,
                    cookie=enter(place, server),
                )
                seen, troubles = load(job), server.troubles()
            shown = (
                f"p50 {seen.p50:.1f} ms, p99 {seen.p99:.1f} ms; other events p99"
                f" {seen.tidings_p99:.1f} ms; {seen.told} messages to {STREAMS} screens"
                + (f"; {troubles}" if troubles else "")
            )
            what = f"{engine}: {CALLS_A_SECOND} calls/s, p99 ms"
            self.report.at_most(what, seen.p99, 50, shown)
            self.report.keep(what, {"p50": seen.p50, "p99": seen.p99, "worst": seen.worst})

    # Growth: the same load on small and big bases, in one race

    def many_contacts(self) -> None:
        for engine in self.engines:
            with ExitStack() as running:
                reference, entrants = running.enter_context(echo()), {}
                for contacts in CONTACTS:
                    name = f"{contacts:_} contacts".replace("_", " ")
                    progress(f"{engine}: {name}")
                    place = self.new(engine)
                    place.apply(STORM)
                    bases.fill(place, contacts)
                    server = running.enter_context(place.serving())
                    entrants[name] = Entrant(server, STORM.lines, contacts)
                self._settle(entrants)
                self._grow(engine, reference, entrants)

    def many_managers(self) -> None:
        """Whose number may grow without cost; a bigger team costs, because each of it is judged."""
        for engine in self.engines:
            with ExitStack() as running:
                reference = running.enter_context(echo())
                teams: dict[int, dict[str, Entrant]] = {}
                for name, company in MANAGERS.items():
                    progress(f"{engine}: {name}")
                    place = self.new(engine)
                    place.apply(company)
                    server = running.enter_context(place.serving())
                    for size in sorted(set(company.teams)):
                        entrant = Entrant(server, company.lines_of(size))
                        teams.setdefault(size, {})[f"{name}, a team of {size}"] = entrant
                for entrants in teams.values():
                    self._grow(engine, reference, entrants)

    @staticmethod
    def _settle(entrants: dict[str, Entrant]) -> None:
        """Let the servers fill their snapshots, which they do in the background after a start."""
        until = time.monotonic() + 60
        for one in entrants.values():
            while one.server.is_busy() and time.monotonic() < until:
                pass

    def _grow(self, engine: str, reference: Server, entrants: dict[str, Entrant]) -> None:
        """Compare the entrants, beginning with the smallest."""
        for one in entrants.values():
            load(fresh(one.server, one.lines, connections=16, seconds=1, known=one.known))
        found = race(reference, entrants, 32, rounds=self.rounds, seconds=4)
        first = next(iter(found.values()))
        for name, result in found.items():
            what, shown = f"{engine}: {name}", str(result)
            if result is not first:
                growth = first.ratio / max(result.ratio, 1e-9)
                self.report.at_most(f"{what}, growth", growth, 1.2, f"{growth:.2f} ×: {shown}")
            else:
                self.report.say(what, shown)
            self.report.keep(what, result.figures())

    # Where the time goes

    def profile(self) -> str:
        """At fewer connections than the aims are for: a profiled server is half as quick, and with
        more it would be busy answering without its base.
        """
        told = []
        for engine in self.engines:
            progress(f"{engine}: profile at {PROFILED} connections")
            place = self.new(engine)
            place.apply(STORM)
            file = self.folder / f"profile-{engine}.json"
            with place.serving(profiled=file) as server:
                load(fresh(server, STORM.lines, connections=16, seconds=1))
                server.tell(signal.SIGUSR1)
                load(fresh(server, STORM.lines, connections=PROFILED, seconds=6))
                server.tell(signal.SIGUSR2)
                time.sleep(1)
            found = profiling.describe(file, greenlets=bool(place.database_url))
            told.append(f"\n{engine}, {PROFILED} connections\n{found}")
        return "\n".join(told)


@contextmanager
def bench(folder: Path, rounds: int) -> Iterator[Bench]:
    with bases.postgres() as server:
        yield Bench(folder, server, Report(), rounds)
