"""Why a call went where it went, and where one would go: `/calls/{id}/why` and `/route`."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from callrouter.api.calls import WhyOfCall, why_body
from callrouter.api.layer import write
from callrouter.domain.decisions import Decision, LastResort, Message, NoOpinion, Reject, Wait
from callrouter.domain.why import Candidate, StepWhy
from callrouter.flows.tokens import add_token
from storage import tables
from storage.listing import Viewer, why_of
from tests.api.conftest import Api
from tests.api.rows import (
    CONNECT,
    LINE,
    NOON,
    SETUP,
    WHY,
    add_call,
    add_card,
    add_contact,
    add_leg,
    add_told,
)


async def told(api: Api, *decisions: Decision) -> str:
    def make(conn: Connection) -> str:
        call = add_call(conn, state="answered", manager="vera")
        for attempt, one in enumerate(decisions):
            add_told(conn, call, attempt=attempt, decision=one)
        return call

    return await api.service.database.write(make)


async def test_why_holds_the_record_as_it_was_kept(api: Api) -> None:
    call = await told(api, CONNECT)
    found = (await api.get(f"/calls/{call}/why")).body
    assert found["call"] == call
    (one,) = found["decisions"]
    assert (one["run"], one["attempt"], one["at"]) == (0, 0, "2026-03-02T09:00:00.000Z")
    why = one["why"]
    assert (why["rule"], why["setup"], why["ladder"]) == ("VIP", 7, "sales")
    assert why["at"] == "2026-03-02T09:00:00.000Z"
    assert why["times"] == {"waited": 1.25, "facts": 2.5, "decided": 0.125}
    assert why["responsible"] == {"manager": "anna", "by": "card", "card": 318}
    vera, boris = why["steps"][1]["candidates"]
    assert (vera["chosen"], vera["load"], vera["in_work"], vera["capacity"]) == (True, 0.1, 1.0, 10)
    assert (boris["manager"], boris["passed"]) == ("boris", "off_shift")


async def test_a_command_can_print_the_same_body(api: Api) -> None:
    call = await told(api, CONNECT)
    found = await api.service.database.read(why_of, Viewer("admin"), call)
    assert found
    printed = write(TypeAdapter(WhyOfCall), why_body(*found, SETUP, "ru"))
    assert printed == (await api.get(f"/calls/{call}/why")).text


async def test_what_was_told_stands_in_the_words_of_the_pbx_answer(api: Api) -> None:
    call = await told(api, CONNECT)
    (one,) = (await api.get(f"/calls/{call}/why")).body["decisions"]
    decision = one["decision"]
    assert decision["decision"] == "connect"
    assert decision["steps"][0] == {
        "ring_s": 20,
        "mode": "one",
        "targets": [{"manager": "anna", "leg": "a1", "dial": "101", "confirm": False}],
    }
    assert decision["then"] == {"dial": "+74950000000", "leg": "last", "ring_s": 60}


async def test_the_link_that_opens_a_card_is_not_given_away(api: Api) -> None:
    found = await api.get(f"/calls/{await told(api, CONNECT)}/why")
    assert "secret" not in found.text


THEN = LastResort("+74950000000")


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            Wait("", 30, THEN, position=2),
            {"decision": "wait", "wait_s": 30, "media": "music", "position": 2, "ask_again": True},
            id="wait",
        ),
        pytest.param(
            Message("", THEN, "Мы закрыты", record=True, max_s=90),
            {"decision": "message", "text": "Мы закрыты", "record": True, "max_s": 90},
            id="message",
        ),
        pytest.param(
            Reject("", "blocked"), {"decision": "reject", "reason": "blocked"}, id="reject"
        ),
        pytest.param(NoOpinion(), {"decision": "none", "then": None, "steps": []}, id="none"),
    ],
)
async def test_every_kind_of_decision_is_told(
    api: Api, decision: Decision, expected: dict[str, Any]
) -> None:
    call = await told(api, decision)
    (one,) = (await api.get(f"/calls/{call}/why")).body["decisions"]
    assert one["decision"] | expected == one["decision"]


async def test_every_asking_has_its_own_why_in_order(api: Api) -> None:
    call = await told(api, CONNECT, replace(CONNECT, steps=()))
    found = (await api.get(f"/calls/{call}/why")).body["decisions"]
    assert [(one["attempt"], len(one["decision"]["steps"])) for one in found] == [(0, 2), (1, 0)]


@pytest.mark.parametrize(
    ("accepted", "language", "name"),
    [
        pytest.param("ru", "ru", "Анн", id="Russian"),
        pytest.param("en-US,en;q=0.9", "en", "Анна Смирнова", id="English"),
        pytest.param("", "ru", "Анн", id="the company's"),
    ],
)
async def test_the_sentence_is_in_the_language_asked_for(
    api: Api, accepted: str, language: str, name: str
) -> None:
    call = await told(api, CONNECT)
    found = await api.ask("GET", f"/calls/{call}/why", headers={"Accept-Language": accepted})
    sentence = found.body["decisions"][0]["sentence"]
    assert found.headers["Content-Language"] == language
    assert name in sentence
    assert ("загрузка" in sentence) == (language == "ru")


async def test_the_sentence_tells_what_came_of_the_plan(api: Api) -> None:
    call = await told(api, CONNECT)
    before = (await api.get(f"/calls/{call}/why")).body["decisions"][0]["sentence"]

    def fail(conn: Connection) -> None:
        add_leg(conn, call, "a1", status="failed", reason="no_answer", ring_from=WHY.at)

    await api.service.database.write(fail)
    after = (await api.get(f"/calls/{call}/why")).body["decisions"][0]["sentence"]
    assert before != after


# Where one would go


async def route(api: Api, **body: Any) -> Any:
    return await api.ask("POST", "/route", json=body)


async def test_a_call_that_nobody_makes_is_explained(api: Api) -> None:
    found = await route(api, line="8 495 123-00-01", caller="+79161234567")
    assert found.status == 200
    assert found.body.keys() == {"decision", "sentence", "why"}
    assert found.body["decision"]["decision"] == "connect"
    assert found.body["decision"]["steps"][0]["targets"][0]["manager"] == "anna"
    assert found.body["why"]["line"] == LINE
    assert "Анн" in found.body["sentence"]


async def test_it_is_decided_at_the_moment_that_is_asked_for(api: Api) -> None:
    async def passed(at: str) -> dict[str, str | None]:
        found = await route(api, line=LINE, caller="+79161234567", at=at)
        steps = found.body["why"]["steps"]
        return {one["manager"]: one["passed"] for one in steps[-1]["candidates"]}

    assert (await passed("2026-03-02T12:00:00+03:00"))["boris"] == "off_shift"
    assert (await passed("2026-03-02T16:00:00+03:00"))["boris"] is None


async def test_a_caller_who_is_not_named_is_withheld(api: Api) -> None:
    assert (await route(api, line=LINE)).body["why"]["caller"] == "withheld"


async def test_it_changes_nothing(api: Api) -> None:
    def count(conn: Connection) -> dict[str, int]:
        every = tables.metadata.sorted_tables
        return {
            one.name: conn.execute(select(func.count()).select_from(one)).scalar_one()
            for one in every
        }

    await api.service.database.write(lambda conn: add_contact(conn, "Иван", "+79161234567"))
    before = await api.service.database.read(count)
    assert (await route(api, line=LINE, caller="+79161234567")).body["why"]["known"] is True
    assert (await route(api, line=LINE, caller="+79160000009")).status == 200
    assert await api.service.database.read(count) == before


async def test_which_call_held_somebody_is_told_to_who_may_see_that_call(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, str, str, str]:
        mine = add_call(conn, state="answered", manager="anna")
        annas = add_call(conn, state="answered", manager="anna")
        veras = add_call(conn, state="answered", manager="vera")
        steps = tuple(
            StepWhy("all", 20, candidates=(Candidate(who, passed="talking", call=held),))
            for who, held in (("anna", annas), ("vera", veras))
        )
        add_told(conn, mine, why=replace(WHY, steps=steps))
        token = add_token(conn, "Anna", "manager", now=NOON, manager="anna")
        return mine, annas, veras, token

    mine, annas, veras, token = await api.service.database.write(make)

    async def held(**who: Any) -> list[Any]:
        found = await api.ask("GET", f"/calls/{mine}/why", **who)
        (one,) = found.body["decisions"]
        return [step["candidates"][0]["call"] for step in one["why"]["steps"]]

    assert await held() == [annas, veras]
    assert await held(token=token) == [annas, None]


async def test_a_head_is_told_of_no_client_of_others(api: Api) -> None:
    def make(conn: Connection) -> str:
        contact = add_contact(conn, "Тайный Клиент", "+79161234567", responsible="vera")
        add_card(conn, contact, manager="vera", number=603)
        return add_token(conn, "Anna", "head", now=NOON, manager="anna")

    token = await api.service.database.write(make)
    everything = (await route(api, line=LINE, caller="+79161234567")).body
    assert everything["why"]["card"] == 603
    assert everything["decision"]["caller_name"] == "Тайный Клиент"
    head = replace(SETUP.manager[0], role="head", team=None)
    api.setups.current = replace(SETUP, manager=(head, *SETUP.manager[1:]))
    body = {"line": LINE, "caller": "+79161234567"}
    found = (await api.ask("POST", "/route", json=body, token=token)).body
    assert found["why"]["responsible"] == {"manager": "vera", "by": "card", "card": None}
    assert (found["why"]["card"], found["why"]["contact"]) == (None, None)
    assert found["decision"]["caller_name"] == ""
    assert "603" not in found["sentence"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({"line": "+74950000000"}, 404, "line", id="a number of others"),
        pytest.param({"line": ""}, 404, "line", id="no number"),
        pytest.param({}, 422, "line", id="no line"),
        pytest.param({"line": LINE, "at": "noon"}, 422, "at", id="no moment"),
        pytest.param({"line": LINE, "at": "9999-12-31T23:59:59Z"}, 422, "at", id="the end of time"),
        pytest.param({"line": LINE, "caller": 79161234567}, 422, "caller", id="a number as number"),
        pytest.param({"line": LINE, "dry": True}, 422, "dry", id="more than it takes"),
    ],
)
async def test_a_wrong_question_is_refused(
    api: Api, body: dict[str, Any], status: int, field: str
) -> None:
    found = await route(api, **body)
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (status, [field])
