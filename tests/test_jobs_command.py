"""`callrouter jobs` at a terminal."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from callrouter import terminal
from callrouter.terminal import now
from storage import jobs
from storage.jobs import NewJob
from tests.commands import alone_in, done, failed


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone_in(tmp_path, monkeypatch)


def a_dead_one(conn: Connection) -> str:
    jobs.ask(
        conn, [NewJob("send_letter", {"letter": "secret"}, "dead"), NewJob("fetch")], now=now()
    )
    (one,) = jobs.claim(conn, {"send_letter": 1}, {"send_letter": timedelta(1)}, now=now())
    jobs.bury(conn, one, "550 no such user", now=now())
    return one.id


def test_what_is_to_be_done_and_what_was_given_up_is_listed() -> None:
    id_ = terminal.write(terminal.settings_of(), a_dead_one)
    assert "fetch  ready" in done("jobs")
    dead = done("jobs", "--dead")
    assert id_ in dead
    assert "550 no such user" in dead
    (one,) = json.loads(done("jobs", "--dead", "--json"))
    assert (one["kind"], one["state"], one["attempts"]) == ("send_letter", "dead", 1)
    assert "secret" not in done("jobs", "--dead", "--json")


def test_a_dead_job_is_run_again() -> None:
    id_ = terminal.write(terminal.settings_of(), a_dead_one)
    assert "will be run again" in done("jobs", "retry", id_)
    assert done("jobs", "--dead") == "No job is dead.\n"
    assert f"{id_}  send_letter  ready" in done("jobs")
    assert "no dead job" in failed("jobs", "retry", id_)
    assert "say which" in failed("jobs", "retry")
