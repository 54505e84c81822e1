"""One form-encoded line that a dialplan can take apart: CURL() with hashcompat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never
from urllib.parse import quote

from callrouter.domain.decisions import (
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    Reject,
    Wait,
)
from callrouter.domain.phones import clean_text
from webhooks.dialects.document import document, told
from webhooks.provider import Answer


def as_asterisk(decision: Decision, spell: Callable[[str], str]) -> Answer:
    """One line; `spell` makes dial strings of dials.

    A space is %20: whether a plus is one depends on how Asterisk was told to read it.
    """
    match decision:
        case Connect():
            fields = _connect_line(decision, spell)
        case Wait() | Message():
            fields = document(decision)
            fields.pop("then")
            fields |= _then_line(decision.then, spell)
        case Reject() | NoOpinion():
            fields = document(decision)
        case _:
            assert_never(decision)
    line = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    return told(decision, line, "application/x-www-form-urlencoded")


def _connect_line(plan: Connect, spell: Callable[[str], str]) -> dict[str, Any]:
    steps = list(enumerate(plan.steps, start=1))
    fields: dict[str, Any] = {"decision": "connect", "call": plan.call, "n": len(steps)}
    for n, step in steps:
        fields[f"s{n}_mode"] = step.mode
        fields[f"s{n}_ring"] = step.ring_s
        fields[f"s{n}_dial"] = "&".join(spell(target.dial) for target in step.targets)
    for n, step in steps:
        fields[f"s{n}_legs"] = ",".join(target.leg for target in step.targets)
    for n, step in steps:
        fields[f"s{n}_confirm"] = any(target.confirm for target in step.targets)
    return {
        **fields,
        **_then_line(plan.then, spell),
        "name": clean_text(plan.caller_name),
        "record": plan.record,
        "ask": plan.ask_again,
    }


def _then_line(then: LastResort, spell: Callable[[str], str]) -> dict[str, Any]:
    return {"then_dial": spell(then.dial), "then_leg": then.leg, "then_ring": then.ring_s}


def _quoted(value: object) -> str:
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return quote(text, safe="", errors="replace")
