"""What a PBX keeps and has not given yet: said with the call, listed, asked for again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from callrouter import metrics
from callrouter.condition import ConditionGauges
from callrouter.domain.setup import Role
from storage import fetches, jobs
from storage.fetches import Fetch, FetchState
from storage.ids import new_id
from tests.api.conftest import Api
from tests.api.rows import LINE, NOON, SETUP, add_call, keep_recording
from tests.sounds import wav

NOBODYS = "01JAAAAAAAAAAAAAAAAAAAAAAA"
SECOND = timedelta(seconds=1)


def add_fetch(
    conn: Connection, /, call: str, state: FetchState = "waiting", **changes: object
) -> str:
    url = "https://pbx.example.com/1.wav?token=hidden"
    one = Fetch(new_id(NOON), "main", f"r-{call}", call, "a1", "talk", url, NOON)
    one = replace(one, **changes)  # type: ignore[arg-type]
    fetches.ask(conn, [one])
    if state != "waiting":
        reason = None if state == "kept" else "the PBX answered 404"
        fetches.settle(conn, one.id, state, reason=reason, now=NOON + SECOND)
    return one.id


@pytest.fixture
async def call(api: Api) -> str:
    return await api.service.database.write(lambda conn: add_call(conn, manager="anna"))


async def test_a_call_says_what_became_of_its_recordings(api: Api, call: str) -> None:
    assert (await api.get(f"/calls/{call}")).body["fetches"] == []
    await api.service.database.write(add_fetch, call, "missing")
    found = await api.get(f"/calls/{call}")
    assert found.body["fetches"] == [
        {
            "state": "missing",
            "kind": "talk",
            "leg": "a1",
            "reason": "the PBX answered 404",
            "tries": 0,
            "asked_at": "2026-03-02T09:00:00.000Z",
            "settled_at": "2026-03-02T09:00:01.000Z",
        }
    ]
    assert "hidden" not in found.text


@pytest.mark.parametrize("state", ["missing", "refused", "waiting"])
async def test_what_did_not_come_is_asked_for_again(api: Api, call: str, state: FetchState) -> None:
    await api.service.database.write(add_fetch, call, state)
    api.clock.now = NOON + timedelta(hours=30)
    found = await api.ask("POST", f"/calls/{call}/recording/fetch", role="manager")
    assert found.status == 202
    assert found.body["call"] == call
    assert [(one["state"], one["reason"]) for one in found.body["fetches"]] == [("waiting", None)]
    (job,) = await api.service.database.read(jobs.listed)
    assert (job.kind, job.due_at) == ("fetch_recording", api.clock.now)


@pytest.mark.parametrize(
    ("state", "why"), [(None, "no event named one"), ("kept", "it is here"), ("unwanted", "here")]
)
async def test_there_may_be_nothing_to_ask_for(
    api: Api, call: str, state: FetchState | None, why: str
) -> None:
    if state:
        await api.service.database.write(add_fetch, call, state)
    found = await api.ask("POST", f"/calls/{call}/recording/fetch")
    assert (found.status, why in found.body["detail"]) == (409, True)
    assert await api.service.database.read(jobs.listed) == []


async def test_of_a_caller_who_asked_not_to_be_recorded_nothing_is_asked_for(api: Api) -> None:
    call = await api.service.database.write(lambda conn: add_call(conn, unrecorded_at=NOON))
    await api.service.database.write(add_fetch, call, "missing")
    found = await api.ask("POST", f"/calls/{call}/recording/fetch")
    assert found.status == 409
    assert "asked not to be recorded" in found.body["detail"]


async def test_a_call_that_is_not_there_has_nothing(api: Api) -> None:
    for nobody in (NOBODYS, "x"):
        assert (await api.ask("POST", f"/calls/{nobody}/recording/fetch")).status == 404


# Answered calls without a recording


@pytest.fixture
def recording(api: Api) -> None:
    line = replace(SETUP.line[0], recording=True)
    api.setups.current = replace(SETUP, line=(line,))


async def make_four(api: Api) -> list[str]:
    """An hour and more ago, each a minute after the one before."""

    def make(conn: Connection) -> list[str]:
        moments = [NOON + timedelta(minutes=n) for n in range(4)]
        return [add_call(conn, at=at, answered_at=at, manager="anna") for at in moments]

    api.clock.now = NOON + timedelta(minutes=3 + 2 + 60)
    return await api.service.database.write(make)


@pytest.mark.usefixtures("recording")
async def test_answered_calls_without_a_recording_are_listed(api: Api) -> None:
    first, second, third, fourth = await make_four(api)
    await keep_recording(api.service, second, 1, wav(0.1))
    await api.service.database.write(add_fetch, third, "missing")
    found = await api.get("/recordings/missing")
    assert [one["id"] for one in found.body["items"]] == [fourth, third, first]
    one = found.body["items"][1]
    assert (one["line"], one["manager"], one["direction"]) == (LINE, "anna", "in")
    assert (one["fetch"]["state"], one["fetch"]["reason"]) == ("missing", "the PBX answered 404")
    assert found.body["items"][0]["fetch"] is None
    page = await api.get("/recordings/missing", limit=2)
    rest = await api.get("/recordings/missing", limit=2, cursor=page.body["next"])
    assert [one["id"] for one in rest.body["items"]] == [first]
    assert rest.body["next"] is None
    since = await api.get("/recordings/missing", since="2026-03-02T09:03:00Z")
    assert [one["id"] for one in since.body["items"]] == [fourth]


async def test_lines_that_do_not_record_miss_nothing(api: Api) -> None:
    await make_four(api)
    assert (await api.get("/recordings/missing")).body["items"] == []


@pytest.mark.parametrize("role", ["manager", "head", "admin", "auditor"])
async def test_the_list_is_for_who_may_see_the_setup(api: Api, role: Role) -> None:
    status = (await api.ask("GET", "/recordings/missing", role=role)).status
    assert status == (403 if role == "manager" else 200)


def missing() -> float:
    (metric,) = metrics.RECORDINGS_MISSING.collect()
    return metric.samples[0].value


@pytest.mark.usefixtures("recording")
async def test_how_many_are_missing_is_a_figure(api: Api) -> None:
    await make_four(api)
    gauge = ConditionGauges(api.service)
    await gauge.bring_up()
    assert missing() == 4
    await keep_recording(api.service, (await make_four(api))[0], 1, wav(0.1))
    await gauge.bring_up()  # so soon it is not counted anew
    assert missing() == 4
