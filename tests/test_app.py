"""A whole server on a socket: probes, metrics, proxies, locks, a call from ringing to its why."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from callrouter.app import CannotServe, Server, create_app, hold_locks, prepare_base, serving
from callrouter.flows.apply import apply
from callrouter.seal import Seal
from callrouter.settings import Settings
from storage.database import open_database
from tests.examples import MONDAY_NOON

SETUP = """
[company]
name = "Ромашка"
duty = "anna"
[[account]]
key = "main"
secret = "a-good-secret"
default_line = "+74951230001"
[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"
[[line]]
number = "+74951230001"
last_resort = "+74950000000"
"""
AUTH = {"Authorization": "Bearer a-good-secret"}
RINGING = {
    "event": "ringing",
    "call_id": "c1",
    "caller": "8 916 123-45-67",
    "called": "+74951230001",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, public_url="http://calls.example", secret_key="k" * 32)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[tuple[Server, str]]:
    database = open_database(settings.database)
    await database.migrate()
    seal = Seal(settings.secret_key or "")
    await database.write(apply, SETUP, seal=seal, now=MONDAY_NOON)
    await database.close()
    made = create_app(settings)
    async with serving(made, "127.0.0.1", 0) as port:
        yield made, f"http://127.0.0.1:{port}"


async def test_a_call_is_told_and_can_be_asked_about(server: tuple[Server, str]) -> None:
    _, address = server
    async with aiohttp.ClientSession(address) as http:
        hook = "/webhooks/pbx/main"
        async with http.post(hook, json=RINGING, headers=AUTH) as response:
            first = await response.read()
            told = await response.json()
        assert told["steps"][0]["targets"][0]["manager"] == "anna"
        assert told["then"] == {"dial": "+74950000000", "leg": "last", "ring_s": 60}
        assert told["card_url"].startswith("http://calls.example/pop/")
        async with http.post(hook, json=RINGING, headers=AUTH) as response:
            assert await response.read() == first
        async with http.get(told["card_url"].removeprefix("http://calls.example")) as response:
            assert response.status == 401, "the link alone shows nothing of anybody's"
        async with http.post(hook, json=RINGING, headers={"Authorization": "Bearer x"}) as response:
            assert response.status == 401


async def test_a_ringing_without_a_call_id_is_answered_and_kept(
    server: tuple[Server, str],
) -> None:
    _, address = server
    async with aiohttp.ClientSession(address) as http:
        for _ in range(2):
            async with http.post(
                "/webhooks/pbx/main", json={"event": "ringing"}, headers=AUTH
            ) as response:
                assert (await response.json())["decision"] == "connect"


async def test_probes_are_open_and_metrics_tell_no_phones(server: tuple[Server, str]) -> None:
    _, address = server
    async with aiohttp.ClientSession(address) as http:
        await http.post("/webhooks/pbx/main", json=RINGING, headers=AUTH)
        async with http.get("/health/live") as response:
            assert response.status == 200
        async with http.get("/health/ready") as response:
            assert await response.json() == {
                "status": "ready",
                "base": "answers",
                "spool": "empty",
                "setup": 1,
                "letters": "no_smtp",
            }
        async with http.get("/metrics") as response:
            text = await response.text()
        assert 'callrouter_decisions_total{decision="connect",told_by="base"}' in text
        assert "9161234567" not in text


async def test_metrics_are_not_for_strangers(settings: Settings) -> None:
    made = create_app(replace(settings, trusted_proxies=("127.0.0.0/8",)))
    async with serving(made, "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:
        metrics = f"http://127.0.0.1:{port}/metrics"
        far = {"X-Forwarded-For": "203.0.113.9, 127.0.0.5"}
        async with http.get(metrics, headers=far) as response:
            assert response.status == 401
        async with http.get(metrics) as response:
            assert response.status == 200


async def test_a_new_setup_is_in_use_within_two_seconds(server: tuple[Server, str]) -> None:
    made, address = server
    text = SETUP.replace('dial = "101"', 'dial = "202"')
    await made.service.database.write(apply, text, seal=made.service.seal, now=MONDAY_NOON)
    await asyncio.sleep(2)
    async with aiohttp.ClientSession(address) as http:
        async with http.get("/health/ready") as response:
            assert (await response.json())["setup"] == 2
        async with http.post("/webhooks/pbx/main", json=RINGING, headers=AUTH) as response:
            assert (await response.json())["steps"][0]["targets"][0]["dial"] == "202"


HOLDS = """
import os, pathlib, sys, time
from callrouter.app import hold_locks
from callrouter.settings import Settings
with hold_locks(Settings(data_dir=pathlib.Path(sys.argv[1]))):
    if child := os.fork():
        print(child, flush=True)
    time.sleep(60)
"""


def test_a_base_is_free_when_its_server_is_dead_though_a_child_of_it_lives(
    settings: Settings,
) -> None:
    words = [sys.executable, "-c", HOLDS, str(settings.data_dir)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        child = int(server.stdout.readline())
        try:
            with (
                pytest.raises(CannotServe, match="Another callrouter server"),
                hold_locks(settings),
            ):
                pass
            server.kill()
            server.wait(10)
            os.kill(child, 0)  # it lives, with all that was open
            with hold_locks(settings):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


async def test_a_server_with_another_key_is_refused(
    server: tuple[Server, str], settings: Settings
) -> None:
    del server
    other = create_app(replace(settings, secret_key="o" * 32))
    try:
        with pytest.raises(CannotServe, match="CALLROUTER_SECRET_KEY"):
            await prepare_base(other.service, lambda _line: None)
    finally:
        await other.service.database.close()
