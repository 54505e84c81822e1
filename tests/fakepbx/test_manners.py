from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from callrouter.fakepbx import GOOD, Habits, Manners, Person, Truth, play_virtual
from callrouter.fakepbx.manners import deliveries, spell
from callrouter.fakepbx.values import Answer, Hook
from tests.fakepbx.desk import Desk
from tests.fakepbx.examples import MAIN, OLD, START, a_pbx

pytestmark = pytest.mark.slow

CROWDED = Habits(gap_s=(0.5, 2))
CROWD = tuple(Person(f"m{n}", (str(n),)) for n in range(100, 200))


def played(manners: Manners, hours: float = 1) -> tuple[Truth, Desk]:
    """Many calls for many phones."""
    desk = Desk([person.dials[0] for person in CROWD], plain=True)
    pbx = a_pbx(manners=manners, habits=CROWDED, people=CROWD)
    return play_virtual(pbx, desk, start=START, hours=hours, quiet=timedelta(minutes=10)), desk


@pytest.fixture(scope="module")
def usual() -> tuple[Truth, Desk]:
    """An hour with the manners it has by itself."""
    return played(Manners())


def test_bad_manners_come_as_often_as_set(usual: tuple[Truth, Desk]) -> None:
    counts = usual[0].counts
    assert counts["events"] > 8_000
    told = counts["events"] - counts["asks"]
    assert counts["lost"] / counts["events"] == pytest.approx(0.03, abs=0.01)
    assert counts["lost_asks"] / counts["asks"] == pytest.approx(0.03, abs=0.015)
    assert counts["doubled"] / counts["events"] == pytest.approx(0.05, abs=0.01)
    assert counts["late"] / told == pytest.approx(0.10, abs=0.015)
    assert counts["stray"] / counts["asks"] == pytest.approx(0.01, abs=0.008)
    assert counts["pickups"] / counts["rings"] == pytest.approx(0.02, abs=0.015)
    assert counts["redials"] / counts["hang_ups"] == pytest.approx(0.3, abs=0.12)


def test_pbxes_restart_as_often_as_set() -> None:
    counts = played(replace(GOOD, restart_every_s=300), hours=1.5)[0].counts
    assert counts["restarts"] / 2 == pytest.approx(18, abs=6)


@pytest.mark.parametrize(
    ("name", "value", "counted"),
    [
        pytest.param("lost", 0.03, {"lost"}, id="lost"),
        pytest.param("doubled", 0.05, {"doubled"}, id="doubled"),
        pytest.param("late", 0.10, {"late"}, id="late"),
        pytest.param("stray", 0.05, {"stray"}, id="stray"),
        pytest.param("pickup", 0.1, {"pickups"}, id="pickup"),
        pytest.param("redial", 0.3, {"redials"}, id="redial"),
        pytest.param("restart_every_s", 600, {"restarts"}, id="restart"),
    ],
)
def test_each_can_be_had_alone(name: str, value: float, counted: set[str]) -> None:
    every = {"lost", "doubled", "late", "stray", "pickups", "redials", "restarts"}
    differences: dict[str, Any] = {name: value}
    truth, _ = played(replace(GOOD, **differences), hours=0.5)
    assert {kind for kind in every if truth.counts[kind]} == counted


def test_good_manners_are_good() -> None:
    truth, desk = played(GOOD, hours=0.5)
    sent = Counter(
        str(hook.payload.get("event_id")) for hook in desk.hooks if hook.account == "main"
    )
    assert set(sent.values()) == {1}
    assert all(
        datetime.fromisoformat(str(hook.payload["at"])) - hook.at < timedelta(milliseconds=1)
        for hook in desk.hooks
        if hook.account == "main"
    )
    came_in = [hook.payload for hook in desk.hooks if hook.payload.get("direction") == "in"]
    assert {payload["caller"] for payload in came_in} <= {
        call.caller for call in truth.calls.values()
    } | {"anonymous", "", "Restricted"}


def test_every_setting_of_good_manners_is_another_one() -> None:
    """A manner added later must have its good form too; how late and how long down do not matter."""
    same = {f.name for f in fields(Manners) if getattr(Manners(), f.name) == getattr(GOOD, f.name)}
    assert same == {"late_s", "down_s"}


def test_repeats_are_the_same_and_late_events_keep_their_time(usual: tuple[Truth, Desk]) -> None:
    _, desk = usual
    by_id: dict[str, list[Any]] = {}
    for hook in desk.hooks:
        if hook.account == MAIN.key:
            by_id.setdefault(str(hook.payload["event_id"]), []).append(hook)
    repeats = [hooks for hooks in by_id.values() if len(hooks) > 1]
    assert repeats
    assert all(hook.payload == hooks[0].payload for hooks in repeats for hook in hooks)
    delays = [
        (hook.at - datetime.fromisoformat(hook.payload["at"])).total_seconds()
        for hooks in by_id.values()
        for hook in hooks[:1]
    ]
    assert max(delays) > 120
    assert min(delays) > -0.001


def test_it_notices_a_repeat_that_got_another_answer() -> None:
    desk = Desk(["101"], plain=True)

    def forgets_what_it_said(hook: Hook, at: datetime) -> Answer | None:
        return {**(desk(hook, at) or {}), "call": str(len(desk.hooks))}

    pbx = a_pbx(manners=replace(GOOD, doubled=1))
    truth = play_virtual(pbx, forgets_what_it_said, start=START, hours=0.05)
    assert set(truth.contradictions) <= set(truth.calls)
    assert truth.contradictions


def test_what_comes_late_comes_out_of_order(usual: tuple[Truth, Desk]) -> None:
    _, desk = usual
    seen: dict[str | None, list[str]] = {}
    for hook in desk.hooks:
        seen.setdefault(hook.call_id, []).append(str(hook.payload["event"]))
    assert any(
        "leg_ringing" in events[events.index("ended") :]
        for events in seen.values()
        if "ended" in events
    )


def test_a_question_is_never_late_for_an_answer_that_is_used() -> None:
    chance = Random(1)
    drawn = [deliveries(Manners(), chance, event="ringing", asks=True) for _ in range(5_000)]
    assert all(not d or d[0] == 0 or d[0] > 2 for d in drawn)


def test_the_forgetful_account_forgets(usual: tuple[Truth, Desk]) -> None:
    _, desk = usual
    forgotten = [hook for hook in desk.hooks if hook.account == OLD.key]
    assert forgotten
    assert not any({"event_id", "leg_id", "at"} & set(hook.payload) for hook in forgotten)


def test_the_caller_is_there_again_while_his_old_call_is_dying() -> None:
    truth, _ = played(replace(GOOD, redial=1), hours=0.5)
    again = [call for call in truth.calls.values() if call.redial_of]
    olds = [truth.calls[call.redial_of or ""] for call in again]
    assert len(again) > 20
    assert all(new.caller == old.caller for new, old in zip(again, olds, strict=True))
    dying = [
        old.ended is not None and old.ended > new.began
        for new, old in zip(again, olds, strict=True)
    ]
    assert sum(dying) / len(dying) > 0.5
    assert all(
        new.began - old.began < timedelta(seconds=40 + 30)
        for new, old in zip(again, olds, strict=True)
    )


def test_a_restart_kills_calls_silently_and_says_reset() -> None:
    truth, desk = played(replace(GOOD, restart_every_s=600))
    killed = {call.call_id for call in truth.calls.values() if call.end == "restart"}
    assert killed
    ended = {hook.call_id for hook in desk.hooks if hook.payload["event"] == "ended"}
    assert not killed & ended
    resets = [hook for hook in desk.hooks if hook.payload["event"] == "reset"]
    assert len(resets) == truth.counts["restarts"]
    for reset in resets:
        mine = [call for call in truth.calls.values() if call.account == reset.account]
        assert not any(
            call.began < reset.at and (call.ended or reset.at) > reset.at for call in mine
        )


def test_who_was_never_heard_of_is_not_expected_to_be_known() -> None:
    truth, desk = played(replace(GOOD, lost=0.5), hours=0.2)
    silent = [call for call in truth.calls.values() if not call.delivered]
    heard = {hook.call_id for hook in desk.hooks}
    assert silent
    assert {call.call_id for call in silent} == set(truth.calls) - heard
    assert truth.heard_callers() == {
        call.caller
        for call in truth.calls.values()
        if call.call_id in heard and call.caller and call.direction == "in"
    }


def test_numbers_are_spelled_as_trunks_do() -> None:
    chance = Random(1)
    spelled = {spell("+79161234567", Manners(), chance) for _ in range(200)}
    assert spelled == {
        "+79161234567",
        "89161234567",
        "79161234567",
        "sip:+79161234567@trunk.example",
    }
    assert {spell("+4930123456", Manners(), chance) for _ in range(50)} == {"+4930123456"}
    assert {spell("anonymous", Manners(), chance) for _ in range(50)} == {"anonymous"}
