"""How a decision is said to a PBX: JSON, or one line that a dialplan can take apart."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, assert_never
from urllib.parse import quote

from callrouter.domain.decisions import (
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Wait,
)
from callrouter.domain.phones import clean_text, is_dialable
from webhooks.provider import Answer

_JSON: Final = json.JSONEncoder(ensure_ascii=False)
_PLAYABLE: Final = re.compile(r"[A-Za-z0-9_.:/@%+~-]{1,256}")


def keep_dialable(decision: Decision, may_ring: Callable[[str], bool]) -> Decision:
    """Check every dial once more before it leaves.

    A target that must not be rung is dropped; with a last resort that is no dial the PBX is left
    to its own default.
    """
    match decision:
        case Connect(steps=steps, then=then) if is_dialable(then.dial):
            return replace(decision, steps=tuple(_ringable(steps, may_ring)))
        case Wait(then=then) | Message(then=then) if is_dialable(then.dial):
            return decision
        case Connect() | Wait() | Message():
            return NoOpinion()
        case Reject() | NoOpinion():
            return decision
        case _:
            assert_never(decision)


def _ringable(steps: Iterable[PlanStep], may_ring: Callable[[str], bool]) -> Iterator[PlanStep]:
    for step in steps:
        targets = tuple(target for target in step.targets if may_ring(target.dial))
        if targets == step.targets:
            yield step
        elif targets:
            yield replace(step, targets=targets)


def from_step(decision: Decision, first: int, *, only: bool) -> Decision:
    """Leave out the steps before `first` and, with `only`, those after it: the PBX asks again."""
    if not isinstance(decision, Connect) or not (first or only):
        return decision
    steps = decision.steps[first:]
    if only and len(steps) > 1:
        return replace(decision, steps=steps[:1], ask_again=True)
    return replace(decision, steps=steps)


def as_json(decision: Decision) -> Answer:
    """The contract's document; dials are bare."""
    document = _document(decision)
    return _answer(document, _JSON.encode(document), "application/json")


def as_asterisk(decision: Decision, spell: Callable[[str], str]) -> Answer:
    """One form-encoded line, for CURL() with hashcompat; `spell` makes dial strings of dials.

    A space is %20: whether a plus is one depends on how Asterisk was told to read it.
    """
    match decision:
        case Connect():
            fields = _connect_line(decision, spell)
        case Wait() | Message():
            fields = _document(decision)
            fields.pop("then")
            fields |= _then_line(decision.then, spell)
        case Reject() | NoOpinion():
            fields = _document(decision)
        case _:
            assert_never(decision)
    line = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    return _answer(fields, line, "application/x-www-form-urlencoded")


def _document(decision: Decision) -> dict[str, Any]:
    match decision:
        case Connect(steps=steps, then=then):
            return {
                "call": decision.call,
                "decision": "connect",
                "steps": [_step(step) for step in steps],
                "then": _then(then),
                "ask_again": decision.ask_again,
                "record": decision.record,
                "caller_name": clean_text(decision.caller_name),
                "card_url": decision.card_url,
                "reason": decision.reason,
            }
        case Wait(then=then):
            return {
                "call": decision.call,
                "decision": "wait",
                "wait_s": decision.wait_s,
                "media": decision.media,
                "position": decision.position,
                "ask_again": True,
                "then": _then(then),
            }
        case Message(then=then):
            return {
                "call": decision.call,
                "decision": "message",
                **_what_to_say(decision),
                "record": decision.record,
                "max_s": decision.max_s,
                "then": _then(then),
            }
        case Reject():
            return {"call": decision.call, "decision": "reject", "reason": decision.reason}
        case NoOpinion():
            return {"decision": "none"}
        case _:
            assert_never(decision)


def _step(step: PlanStep) -> dict[str, Any]:
    targets = [
        {
            "manager": target.manager,
            "leg": target.leg,
            "dial": target.dial,
            "confirm": target.confirm,
        }
        for target in step.targets
    ]
    return {"ring_s": step.ring_s, "mode": step.mode, "targets": targets}


def _then(then: LastResort) -> dict[str, Any]:
    return {"dial": then.dial, "leg": then.leg, "ring_s": then.ring_s}


def _what_to_say(message: Message) -> dict[str, str]:
    if _PLAYABLE.fullmatch(message.play):
        return {"play": message.play}
    return {"text": clean_text(message.text)}


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


def _answer(fields: Mapping[str, Any], said: str, content_type: str) -> Answer:
    return Answer(
        said.encode(errors="replace"),
        content_type,
        decision=fields["decision"],
        call=fields.get("call", ""),
    )
