"""Work after the answer: letters, offers and recordings a second, and what that costs the calls."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.request import Request, urlopen

import asyncpg
from sqlalchemy import Connection

from bench.company import USUAL
from bench.imports import CALLS_A_SECOND
from bench.jobs import SECRET, Seen, load
from bench.races import fresh
from bench.report import progress
from bench.scenes import Bench
from bench.servers import Place, Server
from callrouter.domain.setup import Setup
from callrouter.flows.change_status import change_status
from callrouter.flows.items import GivenItem, put_items
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.people import Person, save
from storage import setups
from storage.database import open_database

LETTERS = 1500
RECORDINGS = 1000
"""More of each than is done while the calls are measured."""

STEP = 25

COUNTS = {
    "letters": "SELECT count(*) FROM letter WHERE state = 'sent'",
    "offers": "SELECT count(*) FROM document_file",
    "bytes": "SELECT coalesce(sum(size), 0) FROM recording",
}


@dataclass(frozen=True, slots=True)
class Done:
    """What was done in how many seconds."""

    seconds: float
    letters: int
    offers: int
    bytes: int

    def __str__(self) -> str:
        mb = self.bytes / 1e6 / self.seconds
        each = f"{self.letters / self.seconds:.1f} letters/s, {self.offers / self.seconds:.1f}"
        return f"{each} offers/s (PDF), {mb:.1f} MB/s of recordings"


def working(run: Bench) -> None:
    for engine in run.engines:
        progress(f"{engine}: letters, offers and recordings, and calls meanwhile")
        with outside() as (sounds, mail):
            more = {"CALLROUTER_SMTP_URL": f"smtp://127.0.0.1:{mail}"}
            place = replace(run.new(engine), more=more)
            _apply(place, sounds)
            with place.serving() as server:
                asyncio.run(_prepare(place))
                quiet = [_calls(server) for _ in range(run.rounds)]
                _name_recordings(server, sounds)
                _let_go(place)
                before, began = _counts(place), time.monotonic()
                during = [_calls(server) for _ in range(run.rounds)]
                done = _since(before, _counts(place), time.monotonic() - began)
                left = _count(place, "SELECT count(*) FROM job WHERE state IN ('ready', 'leased')")
                troubles = server.troubles()
        best = min(one.p99 for one in quiet), min(one.p99 for one in during)
        ratio = best[1] / best[0]
        shown = f"{ratio:.2f} ×: p99 {best[1]:.1f} ms, quiet {best[0]:.1f} ms; meanwhile {done}"
        shown += f"; {troubles}" if troubles else ""
        shown += "" if left else "; the work was over before the calls"
        what = f"{engine}: p99 while work is done"
        run.report.at_most(what, ratio, 1.5, shown)
        run.report.keep(what, {"quiet": best[0], "during": best[1], "done": str(done)})


@contextmanager
def outside() -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "bench.outside"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        sounds, mail = (int(port) for port in process.stdout.readline().split())
        try:
            yield sounds, mail
        finally:
            process.stdin.close()


def _apply(place: Place, sounds: int) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    text = USUAL.as_toml().replace(
        "ring_slack_s",
        f'recording_hosts = ["127.0.0.1:{sounds}"]\nallow_private = true\nring_slack_s',
    )
    text += (
        '[[entity]]\nkey = "bench"\nname = "ООО «Скамья»"\n'
        '[[letter]]\nkey = "offer"\non_status = "in_work"\nundo_seconds = 86400\n'
        '[letters]\nsender = "sales@example.com"\nper_hour = 1000000\n'
    )
    file = place.folder / "setup.toml"
    file.write_text(text)
    place.command("apply", str(file), "--force")


async def _prepare(place: Place) -> None:
    """Cards whose letters wait."""
    base = open_database(place.database_url or f"sqlite:///{_file(place)}", guest=True)
    try:
        setup = await base.read(lambda conn: setups.load(conn, setups.current_version(conn)))
        for first in range(0, LETTERS, STEP):
            await base.write(_cards, setup, range(first, first + STEP))
    finally:
        await base.close()


def _name_recordings(server: Server, sounds: int) -> None:
    """Calls whose recordings can be fetched."""
    for n in range(RECORDINGS):
        call = {"call_id": f"sound-{n}", "caller": f"+7999{n:07}", "called": USUAL.lines[0]}
        url = f"http://127.0.0.1:{sounds}/{n}.wav"
        _post(server, {"event": "ended", **call, "recording_url": url, "recording_id": f"s{n}"})


def _cards(conn: Connection, setup: Setup, numbers: range) -> None:
    now = datetime.now(UTC)
    for n in numbers:
        given = frozenset({"name", "emails"})
        person = Person(given=given, name=f"Client {n}", emails=(f"c{n}@example.com",))
        contact = save(conn, person, setup, system="bench", by="m0", now=now).contact
        wanted = Wanted(contact, None, None, "m0", None)
        card = make_card(conn, wanted, setup, by="m0", now=now)
        items = [GivenItem(name=f"Item {k}", quantity=k + 1, price="145.50") for k in range(10)]
        put_items(conn, card, items, setup, by="m0", now=now)
        change_status(conn, card, "in_work", setup, by="m0", now=now)


def _post(server: Server, event: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{server.port}/webhooks/pbx/main"
    with urlopen(Request(url, json.dumps(event).encode(), headers), timeout=10) as answer:
        answer.read()


def _calls(server: Server) -> Seen:
    options = {"connections": 16, "seconds": 10, "warm_s": 3, "rate": CALLS_A_SECOND}
    return load(fresh(server, USUAL.lines, **options))


# The base, asked directly


def _let_go(place: Place) -> None:
    """Every letter's time has come, and every recording's."""
    _do(place, "UPDATE letter SET wait_until = 0 WHERE state = 'waiting'")
    _do(place, "UPDATE job SET due_at = 0 WHERE state = 'ready'")


def _counts(place: Place) -> dict[str, int]:
    return {name: _count(place, statement) for name, statement in COUNTS.items()}


def _since(before: dict[str, int], after: dict[str, int], seconds: float) -> Done:
    return Done(seconds, **{name: after[name] - before[name] for name in after})


def _count(place: Place, statement: str) -> int:
    return int(_do(place, statement)[0][0])


def _do(place: Place, statement: str) -> list[tuple[object, ...]]:
    if not place.database_url:
        with closing(sqlite3.connect(_file(place), timeout=30)) as conn, conn:
            conn.execute("PRAGMA wal_autocheckpoint = 0")
            return conn.execute(statement).fetchall()

    async def ask() -> list[tuple[object, ...]]:
        conn = await asyncpg.connect(place.database_url)
        try:
            return [tuple(row) for row in await conn.fetch(statement)]
        finally:
            await conn.close()

    return asyncio.run(ask())


def _file(place: Place) -> str:
    return str(place.folder / "callrouter.db")
