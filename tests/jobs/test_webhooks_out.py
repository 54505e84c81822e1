"""Programs outside are told of what happened: each event at least once, signed, and in time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Reader
from structlog.testing import capture_logs

from callrouter.domain.setup import Setup, Step, Webhook, WebhookEvent
from callrouter.flows import obligations
from callrouter.flows.change_status import change_status
from callrouter.flows.publishing import sealed
from callrouter.jobs import webhooks_out
from callrouter.jobs.worker import Worker
from callrouter.outside import pace
from callrouter.service import POP_LIFE
from storage import outbox, tables
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event, with_ladder
from tests.jobs.telling import PUBLIC, SEAL, Herald
from tests.outside.servers import Asked, Server, answer, nothing, serving

OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a-secret-of-one's-own"
KINDS = ("webhook", "webhook_ring")


@pytest.fixture
async def crm() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


def hooked(server: Server, setup: Setup = SETUP, key: str = "crm", **fields: Any) -> Setup:
    """With a webhook that lies in a private network, over plain http."""
    url = f"http://{key}.example:{server.port}/hooks"
    given = {"secret": NEW, "allow_private": True, **fields}
    return replace(setup, webhook=(*setup.webhook, Webhook(key, url, **given)))


@pytest.fixture
async def herald(database: Database, crm: Server) -> AsyncIterator[Herald]:
    found = await Herald(database, KINDS, hooked(crm)).open()
    yield found
    found.close()


def told(server: Server) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in server.asked]


def types(server: Server) -> list[str]:
    return [one["type"] for one in told(server)]


def id_of(asked: Asked) -> str:
    return asked.header("webhook-id") or ""


def at(seconds: float) -> Any:
    return MONDAY_NOON + timedelta(seconds=seconds)


async def test_a_missed_call_is_told_from_its_ring_to_what_is_owed(
    herald: Herald, crm: Server
) -> None:
    await herald.office.take(event("ringing"))
    await herald.work()
    ring, card = sorted(told(crm), key=lambda one: str(one["type"]), reverse=False)
    assert (ring["type"], card["type"]) == ("call.ringing", "card.created")
    call = await herald.office.only(tables.call)
    said = ring["data"]
    assert {name: said[name] for name in ("call", "caller", "card", "manager", "line")} == {
        "call": call.id,
        "caller": "+79161234567",
        "card": call.card,
        "manager": "anna",
        "line": "+74951230001",
    }
    ticket = said["pop_url"].removeprefix(f"{PUBLIC}/pop/")
    assert SEAL.read_ticket(ticket, herald.now, POP_LIFE) == call.id
    assert card["data"] == {
        "card": call.card,
        "number": 1,
        "pipeline": "sales",
        "status": "new",
        "manager": None,
        "source": "site",
    }
    await herald.work(seconds=21)  # the next step rings
    assert told(crm)[-1]["data"]["manager"] == "boris"
    await herald.office.take(event("ended", "c1", at(30)))
    await herald.work(seconds=10)
    assert sorted(types(crm)) == [
        "call.ended",
        "call.missed",
        "call.ringing",
        "call.ringing",
        "card.created",
        "obligation.opened",
    ]
    (missed,) = [one["data"] for one in told(crm) if one["type"] == "call.missed"]
    assert (missed["state"], missed["answered_at"]) == ("missed", None)
    (owed,) = [one["data"] for one in told(crm) if one["type"] == "obligation.opened"]
    assert (owed["phone"], owed["call"]) == ("+79161234567", call.id)
    await herald.database.write(
        obligations.close_obligation, owed["obligation"], "spoke", by="anna", now=herald.now
    )
    await herald.work()
    assert told(crm)[-1]["data"]["obligation"] == owed["obligation"]
    assert types(crm)[-1] == "obligation.closed"
    assert len({id_of(one) for one in crm.asked}) == len(crm.asked)
    await herald.work(hours=2)
    assert len(crm.asked) == 7  # nothing twice
    assert await herald.database.read(outbox.is_waiting) is False


async def test_a_ring_that_is_over_is_told_to_nobody(herald: Herald, crm: Server) -> None:
    """Of a manager whom a later step rings, when the one before has answered."""
    setup = with_ladder(
        Step(ring="manager", managers=("anna",)),
        Step(ring="manager", managers=("boris",)),
        setup=herald.setup,
    )
    await herald.use(replace(setup, webhook=herald.setup.webhook))
    await herald.office.take(event("ringing"))
    await herald.work()
    await herald.office.take(event("answered", "c1", at(5), target="101", leg_ref="l1"))
    await herald.work(seconds=25)
    rings = [one["data"]["manager"] for one in told(crm) if one["type"] == "call.ringing"]
    assert rings == ["anna"]
    assert await herald.waiting() == await herald.dead() == []


async def test_a_server_that_stood_still_tells_of_no_ring_that_is_past(
    herald: Herald, crm: Server
) -> None:
    await herald.office.take(event("ringing"))
    await herald.work(seconds=35)  # Anna's time is over, Boris's has begun
    rings = [one["data"]["manager"] for one in told(crm) if one["type"] == "call.ringing"]
    assert rings == ["boris"]


async def test_a_deal_that_moves_is_told_with_where_it_went(herald: Herald, crm: Server) -> None:
    await herald.office.take(event("ringing"))
    card = (await herald.office.only(tables.card)).id
    await herald.database.write(
        change_status, card, "in_work", herald.setup, by="anna", now=herald.now
    )
    await herald.work()
    (moved,) = [one["data"] for one in told(crm) if one["type"] == "card.moved"]
    assert (moved["card"], moved["from"], moved["to"], moved["status"]) == (
        card,
        "new",
        "in_work",
        "in_work",
    )


async def test_what_is_sent_is_signed_by_both_secrets_while_one_is_changed(
    database: Database, crm: Server
) -> None:
    setup = hooked(crm, secret=("env:CRM_SECRET", NEW), events=("call.ended",))
    setup = sealed(setup, SEAL, SETUP)
    assert NEW not in str(setup.webhook[0].secrets)
    herald = await Herald(database, KINDS, setup, environ={"CRM_SECRET": OLD}).open()
    await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
    await herald.work()
    (asked,) = crm.asked  # only what it wants to hear
    headers = {
        name: asked.header(name) or ""
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    }
    clock = herald.now.timestamp()
    for secret in (OLD, NEW):
        given = headers["webhook-signature"].split(" ")
        body = asked.body.decode()
        signed = [
            Reader(secret if secret == OLD else NEW.encode()).sign(
                headers["webhook-id"], herald.now, body
            )
        ]
        assert signed[0] in given
    assert int(headers["webhook-timestamp"]) == int(clock)
    assert asked.head.startswith("POST /hooks HTTP/1.1")
    herald.close()


@pytest.mark.parametrize(
    "refusal",
    [
        answer(500),
        answer(410),
        answer(302, b"", "Location: /x"),
        answer(429, b"", "Retry-After: 1"),
    ],
)
async def test_what_was_not_taken_comes_again_with_the_same_id_and_is_once_given_up(
    sqlite_database: Database, refusal: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_out, "LONGEST_REST_S", 0.0)
    monkeypatch.setattr(pace, "LONGEST", 0.0)
    async with serving(refusal) as crm:
        herald = await Herald(sqlite_database, KINDS, hooked(crm, events=("call.ended",))).open()
        await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
        pauses = []
        for _ in range(webhooks_out.TRIES - 1):
            await herald.work()
            (job,) = await herald.waiting()
            pauses.append((job.due_at - herald.now).total_seconds())
            herald.now = job.due_at
        await herald.work()
        assert await herald.waiting() == []
        (dead,) = await herald.dead()
        assert dead.error
        assert dead.error.startswith("it answered")
        assert len(crm.asked) == webhooks_out.TRIES
        assert len({id_of(one) for one in crm.asked}) == 1
        assert len({one.header("webhook-signature") for one in crm.asked}) > 1
        assert pauses[0] < 10
        assert 1000 < pauses[-1] <= 3600
        assert sum(pauses) > 8 * 3600
        herald.close()


async def test_one_that_says_when_to_come_again_is_left_alone_till_then(
    sqlite_database: Database,
) -> None:
    async with serving(answer(429, b"", "Retry-After: 120")) as crm:
        herald = await Herald(sqlite_database, KINDS, hooked(crm, events=("call.ended",))).open()
        await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
        await herald.work()
        (job,) = await herald.waiting()
        assert job.due_at - herald.now == timedelta(seconds=120)
        herald.close()


async def test_the_log_does_not_tell_the_path_which_may_be_the_key(
    herald: Herald, crm: Server
) -> None:
    await herald.office.take(event("ringing"))
    with capture_logs() as logs:
        await herald.work()
    (line, *_) = [one for one in logs if one["event"] == "outside"]
    assert (line["account"], line["url"]) == ("webhook crm", f"crm.example:{crm.port}")
    assert "/hooks" not in str(logs)


async def test_what_had_to_wait_behind_others_was_not_tried(sqlite_database: Database) -> None:
    async with serving(answer(429, b"", "Retry-After: 60")) as crm:
        herald = await Herald(sqlite_database, KINDS, hooked(crm, events=("call.ended",))).open()
        calls = [event("ringing", f"c{n}") for n in range(20)]
        await herald.office.take(*calls, *(event("ended", f"c{n}", at(5)) for n in range(20)))
        for _ in range(3):
            await herald.work(seconds=61)
        tries = [one.attempts for one in await herald.waiting()]
        assert len(tries) == 20
        assert sum(tries) == len(crm.asked) <= 8
        herald.close()


async def test_one_that_does_not_answer_keeps_no_other_waiting(
    sqlite_database: Database, crm: Server
) -> None:
    async with serving(nothing) as silent:
        setup = hooked(silent, hooked(crm), key="bank", events=("call.ended",))
        herald = await Herald(sqlite_database, KINDS, setup, total_s=1.5).open()
        calls = [event("ringing", f"c{n}") for n in range(20)]
        ends = [event("ended", f"c{n}", at(5)) for n in range(20)]
        await herald.office.take(*calls, *ends)
        await herald.work()
        assert types(crm).count("call.ended") == 20
        assert silent.hits <= 8  # four at once; the rest are left alone for a while
        assert len(await herald.waiting()) == 20
        herald.close()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"allow_private": False}, "https only", id="plain http"),
        pytest.param({"url": "https://crm.example/x", "allow_private": False}, "reached", id="lan"),
        pytest.param({"secret": "env:NOT_THERE"}, "secret", id="no secret"),
    ],
)
async def test_what_may_not_leave_does_not(
    sqlite_database: Database, crm: Server, fields: dict[str, Any], why: str
) -> None:
    base = hooked(crm, events=("call.ended",))
    setup = replace(base, webhook=(replace(base.webhook[0], **fields),))
    herald = await Herald(sqlite_database, KINDS, setup).open()
    await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
    await herald.work()
    assert await crm.reached() == 0
    (job,) = await herald.waiting()
    assert why in (job.error or "")
    # Once it is gone from the setup, or off, nothing is left of it.
    await herald.use(replace(setup, webhook=(replace(setup.webhook[0], active=False),)))
    await herald.work(hours=1)
    assert await herald.waiting() == []
    herald.close()


async def test_a_kill_between_commit_and_asking_loses_nothing_and_doubles_nothing(
    herald: Herald, crm: Server
) -> None:
    """Whatever server looks next finds the outbox; two at once ask for each event once."""
    await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
    assert await herald.database.read(outbox.is_waiting)
    other = Herald(herald.database, KINDS, herald.setup)
    other.now = herald.now
    workers: tuple[Worker, ...] = (herald.worker, other.worker)
    for worker in workers:
        await worker.drain()
    ids = [id_of(one) for one in crm.asked]
    assert len(ids) == len(set(ids)) == 4
    assert sorted(types(crm)) == ["call.ended", "call.missed", "card.created", "obligation.opened"]
    other.close()


async def test_with_nobody_to_tell_the_outbox_is_emptied(herald: Herald, crm: Server) -> None:
    await herald.use(replace(herald.setup, webhook=()))
    await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
    await herald.work()
    assert await herald.database.read(outbox.is_waiting) is False
    assert await herald.office.rows(tables.job) == []
    assert crm.asked == []


def test_every_event_that_a_webhook_may_name_can_happen() -> None:
    assert {*outbox.TOLD.values(), "call.missed", "call.ringing"} == set(get_args(WebhookEvent))


async def test_who_is_erased_is_in_no_job(herald: Herald) -> None:
    await herald.office.take(event("ringing"), event("ended", "c1", at(9)))
    await herald.work()
    kept = await herald.database.read(lambda conn: conn.scalars(select(tables.job.c.payload)).all())
    assert len(kept) == 4
    assert not any("9161234567" in one for one in kept)
