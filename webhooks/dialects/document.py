"""The contract's JSON document; dials are bare."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, assert_never

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
from callrouter.domain.phones import clean_text
from webhooks.provider import Answer

_JSON: Final = json.JSONEncoder(ensure_ascii=False)
_PLAYABLE: Final = re.compile(r"[A-Za-z0-9_.:/@%+~-]{1,256}")


def as_json(decision: Decision) -> Answer:
    return told(decision, _JSON.encode(document(decision)), "application/json")


_WORDS: Final[Mapping[type[Decision], str]] = {
    Connect: "connect",
    Wait: "wait",
    Message: "message",
    Reject: "reject",
    NoOpinion: "none",
}


def told(decision: Decision, said: str, content_type: str) -> Answer:
    """An answer that says this text; its word and the call are for the log."""
    return Answer(
        said.encode(errors="replace"),
        content_type,
        decision=_WORDS[type(decision)],
        call="" if isinstance(decision, NoOpinion) else decision.call,
    )


def document(decision: Decision) -> dict[str, Any]:
    """The fields of the contract's document, in their order."""
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
