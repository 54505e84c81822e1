"""One call, its answers given one after the other, and what the PBX then sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from callrouter.fakepbx import (
    GOOD,
    ON_REQUEST,
    Account,
    Course,
    FakePbx,
    Habits,
    Manners,
    Person,
    Truth,
    play_virtual,
)
from tests.fakepbx.desk import THEN
from tests.fakepbx.examples import MAIN, PEOPLE, START, a_pbx

ONE_CALL = replace(ON_REQUEST, hangs_up=0, transfers=0, machine=0, forwards=0)


def plan(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"call": "C", "decision": "connect", "steps": list(steps), "then": THEN} | fields


def step(*dials: str, mode: str = "one", manager: str = "") -> dict[str, Any]:
    targets = [{"manager": manager or f"m{d}", "leg": f"a{d}", "dial": d} for d in dials]
    return {"ring_s": 20, "mode": mode, "targets": targets}


NOBODY = replace(ONE_CALL, picks_up=0, rejects=0, unreachable=0)
EVERYBODY = replace(ONE_CALL, picks_up=1)


def play_one(
    answers: list[Any],
    habits: Habits,
    manners: Manners = GOOD,
    account: Account = MAIN,
    *,
    people: tuple[Person, ...] = PEOPLE,
    course: Course | None = None,
    begin: Callable[[FakePbx], object] | None = None,
    seed: int = 7,
) -> tuple[list[dict[str, Any]], Truth]:
    """Let one call come, give it these answers one after the other, and return what was sent.

    `begin`: begins it in another way.
    """
    pbx = a_pbx(seed=seed, manners=manners, habits=habits, accounts=(account,), people=people)
    sent: list[dict[str, Any]] = []
    ahead = list(answers)

    def send(hook: Any, at: datetime) -> Any:
        sent.append(hook.payload)
        return ahead.pop(0) if hook.ask else {"ok": True}

    def ask_for_one(moment: datetime) -> None:
        if not pbx.truth.calls:
            if begin:
                begin(pbx)
            else:
                pbx.call(kind="known", course=course)

    play_virtual(pbx, send, start=START, hours=0.5, tick=ask_for_one)
    return sent, pbx.truth


def in_short(payload: dict[str, Any]) -> str:
    """Event, phone and reason of a payload, on one line with others."""
    reason = "" if payload["event"] == "leg_ended" else payload.get("reason", "")
    return (
        str(payload["event"])
        + (f":{payload['target']}" if "target" in payload else "")
        + (f"={reason}" if reason else "")
    )
