"""One server and one Kamailio for all tests of a module; callers and phones for each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.running import SECRET, House, Running
from tests.sip.company import EVERYBODY, company
from tests.sip.exchange import HOST, Kamailio, Telephones, free_ports, need_telephones, until

OVER = {"answered", "missed", "rejected", "unanswered"}


@dataclass
class Exchange:
    """A company that can be called. `phones`: the port of each manager's phone."""

    house: House
    server: Running
    kamailio: Kamailio
    token: str
    phones: dict[str, int]
    last: int
    fallback: int

    def ask(self, path: str) -> Any:
        with contextlib.closing(HTTPConnection(HOST, self.house.port, timeout=10)) as asking:
            asking.request(
                "GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"}
            )
            answer = asking.getresponse()
            assert answer.status == 200, answer.read()
            return json.load(answer)

    def call(self, ref: str, *states: str) -> dict[str, Any]:
        """The call of this Call-ID, once its state is one of these; none given: once it is over."""
        wanted = set(states) or OVER

        def look() -> dict[str, Any] | None:
            items = self.ask("/calls?limit=100")["items"]
            found = [one for one in items if one["call_id"] == ref]
            return next((one for one in found if one["state"] in wanted), None)

        return until(f"call {ref} is {wanted}", look)

    def why(self, call: dict[str, Any]) -> list[dict[str, Any]]:
        """What it was told, in order, each with its why."""
        decisions: list[dict[str, Any]] = self.ask(f"/calls/{call['id']}/why")["decisions"]
        return decisions

    def busy(self) -> dict[str, str]:
        """Who is busy, and with which call of ours."""
        found = self.ask("/managers?limit=100")["items"]
        return {one["key"]: one["busy"]["call"] for one in found if one["busy"]}

    def is_free(self, *managers: str) -> None:
        until(f"{managers} are free", lambda: not self.busy().keys() & set(managers))

    @contextmanager
    def down(self) -> Iterator[None]:
        """No server here; afterwards there is one again."""
        assert asyncio.run(self.server.stop()) == 0
        try:
            yield
        finally:
            self.server = self.house.open()
            asyncio.run(self.server.ready())

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """The server takes connections and says nothing."""
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    need_telephones()
    folder: Path = tmp_path_factory.mktemp("sip")
    last, fallback, *ports = free_ports(2 + len(EVERYBODY))
    phones = dict(zip(EVERYBODY, ports, strict=True))
    house = House(folder / "var")
    house.data_dir.mkdir(parents=True)
    asyncio.run(house.apply(company(phones, last)))
    made = asyncio.run(house.run("token", "add", "tests", "--role", "auditor"))
    assert made.code == 0, made.complaints
    server = house.open()
    kamailio = Kamailio(
        folder / "kamailio", f"{HOST}:{house.port}", SECRET, f"sip:100@{HOST}:{fallback}"
    )
    exchange = Exchange(house, server, kamailio, made.printed.strip(), phones, last, fallback)
    try:
        asyncio.run(server.ready())
        kamailio.start()
        yield exchange
    finally:
        kamailio.stop()
        if exchange.server.process.poll() is None:
            asyncio.run(exchange.server.stop())
    assert "7916000" not in kamailio.log.read_text(), "a caller's number stands in the log"


@pytest.fixture
def telephones(exchange: Exchange, tmp_path: Path) -> Iterator[Telephones]:
    telephones = Telephones(tmp_path, f"{HOST}:{exchange.kamailio.port}")
    try:
        yield telephones
    finally:
        telephones.stop()
        for one in telephones.all:
            print(one.name, one.told())


@pytest.fixture(autouse=True)
def complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """When a test fails, what Kamailio complained of stands with it."""
    yield
    if "exchange" in request.fixturenames:
        print(request.getfixturevalue("exchange").kamailio.printed())
