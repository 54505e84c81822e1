"""What looks after the server: its health, alarms, jobs that were given up, letters that are held."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, update

from callrouter.domain.alarms import CALM, Facts
from callrouter.flows import alarms as flows
from storage import frozen, jobs, tables
from storage.jobs import NewJob
from tests.api.conftest import Api
from tests.api.rows import NOON, SETUP, add_card, add_letter

DAY = timedelta(days=1)
NOBODY = "01" + "Z" * 24


def give_up(conn: Connection, key: str, later: timedelta = timedelta()) -> str:
    now = NOON + later
    jobs.ask(conn, [NewJob("send_letter", {}, key)], now=now)
    (one,) = jobs.claim(conn, {"send_letter": 1}, {"send_letter": DAY}, now=now)
    jobs.bury(conn, one, "550 no such user", now=now)
    return one.id


def hold_letters(conn: Connection) -> str:
    """A letter that is to be sent, of a base that was restored."""
    letter = add_letter(conn, add_card(conn))
    conn.execute(update(tables.letter).values(state="todo", asked_at=NOON - DAY))
    frozen.freeze(conn, "restored", now=NOON)
    return letter


# Jobs


async def test_what_was_given_up_is_listed_and_done_again_once(api: Api) -> None:
    id_ = await api.service.database.write(give_up, "la")
    (dead,) = (await api.get("/jobs", state="dead")).body["items"]
    assert dead == {
        "id": id_,
        "kind": "send_letter",
        "state": "dead",
        "due_at": "2026-03-03T09:00:00.000Z",
        "attempts": 1,
        "error": "550 no such user",
        "created_at": "2026-03-02T09:00:00.000Z",
        "ended_at": "2026-03-02T09:00:00.000Z",
    }
    for _ in range(2):
        again = await api.ask("POST", f"/jobs/{id_}/retry")
        assert (again.status, again.body["state"], again.body["attempts"]) == (200, "ready", 0)
    assert (await api.get("/jobs", state="dead")).body["items"] == []
    (open_,) = (await api.get("/jobs")).body["items"]
    assert (open_["id"], open_["due_at"]) == (id_, "2026-03-02T09:00:00.000Z")


async def test_jobs_come_in_pages_the_dead_backwards_the_open_forwards(api: Api) -> None:
    def make(conn: Connection) -> tuple[list[str], list[str]]:
        same = timedelta(minutes=1)  # two that were given up at one moment
        dead = [give_up(conn, f"{n}", same * (n // 2)) for n in range(3)]
        later = [NewJob("sing", {}, key, NOON + n * DAY) for n, key in enumerate("abc")]
        jobs.ask(conn, later, now=NOON)
        return dead, [one.id for one in jobs.listed(conn)]

    dead, waiting = await api.service.database.write(make)
    latest_first = [dead[2], *sorted(dead[:2], reverse=True)]
    for state, expected in (("dead", latest_first), ("open", waiting)):
        seen, query = [], {"state": state, "limit": "1"}
        while True:
            page = (await api.get("/jobs", **query)).body
            seen += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert seen == expected


async def test_a_job_that_is_not_there(api: Api) -> None:
    found = await api.ask("POST", f"/jobs/{NOBODY}/retry")
    assert (found.status, found.body["title"]) == (404, "Not Found")


# Alarms


async def test_alarms_say_what_is_wrong_since_when_and_what_to_do(api: Api) -> None:
    def look(conn: Connection) -> None:
        flows.take_in(conn, Facts(overdue=11), SETUP, now=NOON)
        flows.take_in(conn, Facts(dead={"transcribe": 2}), SETUP, now=NOON + CALM)

    await api.service.database.write(look)
    found = await api.ask("GET", "/alarms", headers={"Accept-Language": "ru"})
    begun, over = found.body["items"]
    assert begun == {
        "id": begun["id"],
        "kind": "dead_jobs",
        "subject": "",
        "n": 2,
        "since": "2026-03-02T09:05:00.000Z",
        "until": None,
        "sentence": "Оставлено заданий: 2",
        "to_do": begun["to_do"],
    }
    assert begun["to_do"]
    assert (over["kind"], over["until"]) == ("overdue", "2026-03-02T09:05:00.000Z")
    for opened, expected in (("true", begun), ("false", over)):
        assert (await api.get("/alarms", open=opened)).body["items"][0]["id"] == expected["id"]
    first = (await api.get("/alarms", limit=1)).body
    assert (await api.get("/alarms", cursor=first["next"])).body["items"][0]["id"] == over["id"]


# Health, and letters that are held


async def test_letters_of_a_restored_base_leave_when_somebody_says_so(api: Api) -> None:
    await api.service.database.write(hold_letters)
    health = (await api.get("/health")).body
    assert health["frozen_since"] == "2026-03-02T09:00:00.000Z"
    assert health["letters"] == {"todo": 1}
    thawed = await api.ask("POST", "/health/thaw", json={})
    assert (thawed.status, thawed.body) == (200, {"frozen": True, "waiting": 1, "doubted": 0})
    assert (await api.get("/health")).body["frozen_since"] is None
    again = await api.ask("POST", "/health/thaw", json={})
    assert again.body == {"frozen": False, "waiting": 0, "doubted": 0}


async def test_letters_that_may_have_left_before_wait_for_a_person(api: Api) -> None:
    letter = await api.service.database.write(hold_letters)
    thawed = await api.ask("POST", "/health/thaw", json={"in_doubt": True})
    assert thawed.body == {"frozen": True, "waiting": 0, "doubted": 1}
    assert (await api.get(f"/letters/{letter}")).body["state"] == "in_doubt"


async def test_health_counts_what_waits_and_tells_of_backups(api: Api) -> None:
    api.service.settings.data_dir.mkdir()
    await api.service.database.write(give_up, "la")
    health = (await api.get("/health")).body
    assert health["jobs"] == [{"kind": "send_letter", "state": "dead", "jobs": 1}]
    assert (health["backup"], health["tried"], health["spooled"]) == (None, None, False)
    assert health["free"] > 0


@pytest.mark.parametrize(
    ("method", "path", "given", "field"),
    [
        ("GET", "/jobs?state=lost", None, "state"),
        ("GET", "/jobs?cursor=x", None, "cursor"),
        ("GET", "/alarms?open=perhaps", None, "open"),
        ("POST", "/health/thaw", {"in_doubt": "yes"}, "in_doubt"),
    ],
)
async def test_what_is_wrong_is_named(
    api: Api, method: str, path: str, given: dict[str, str] | None, field: str
) -> None:
    found = await api.ask(method, path, json=given)
    assert found.status == 422
    assert [one["field"] for one in found.body["errors"]] == [field]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/alarms"),
        ("GET", "/jobs"),
        ("POST", f"/jobs/{NOBODY}/retry"),
        ("POST", "/health/thaw"),
    ],
)
async def test_all_of_it_is_for_who_looks_after_the_server(
    api: Api, method: str, path: str
) -> None:
    for role in ("manager", "head", "auditor"):
        assert (await api.ask(method, path, role=role, json={})).status == 403
