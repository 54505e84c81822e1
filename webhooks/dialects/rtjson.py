"""Kamailio's rtjson document, one step of a plan in each; its module passes over what is ours.

What is ours lies flat beside it, because Kamailio's json module reads top-level fields only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, assert_never

from callrouter.domain.decisions import (
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.phones import clean_text
from webhooks.dialects.document import document, told
from webhooks.provider import Answer

_JSON: Final = json.JSONEncoder(ensure_ascii=False)


def as_rtjson(decision: Decision, spell: Callable[[str], str]) -> Answer:
    """The first step of the plan; `spell` makes SIP addresses of dials that are none.

    `routes` alone are always right to follow: where nobody is to be rung, and for a proxy that can
    neither wait nor play, they hold the last resort; where nothing is to be rung, they are empty.
    """
    return told(decision, _JSON.encode(_document(decision, spell)), "application/json")


def _document(decision: Decision, spell: Callable[[str], str]) -> dict[str, Any]:
    match decision:
        case Connect(steps=steps, then=then):
            if steps:
                first = _to_ring(steps[0].targets, steps[0].ring_s, spell)
            else:
                first = _to_ring(_last(then), then.ring_s, spell)
            return {
                **first,
                "call": decision.call,
                "decision": "connect",
                "ask_again": decision.ask_again or len(steps) > 1,
                **_then(then, spell),
                "record": decision.record,
                "caller_name": clean_text(decision.caller_name),
                "card_url": decision.card_url,
                "reason": decision.reason,
            }
        case Wait(then=then) | Message(then=then):
            said = document(decision)
            del said["then"]
            route = {"route": f"CALLROUTER_{said['decision'].upper()}"}
            return _to_ring(_last(then), then.ring_s, spell) | said | route | _then(then, spell)
        case Reject():
            return _nobody(603, "Decline") | document(decision)
        case NoOpinion():
            return _nobody(404, "Not Found") | document(decision)
        case _:
            assert_never(decision)


def _to_ring(targets: Sequence[Target], ring_s: int, spell: Callable[[str], str]) -> dict[str, Any]:
    """Phones rung at once. `legs` and `targets` are in the order of `routes`, which is the order of
    Kamailio's branches; timers in milliseconds.
    """
    routes = [
        {
            "uri": _address(target.dial, spell),
            "fr_inv_timer": ring_s * 1000,
            "leg": target.leg,
            "target": target.dial,
            "confirm": target.confirm,
        }
        for target in targets
    ]
    return {
        "version": "1.0",
        "routing": "parallel" if len(routes) > 1 else "serial",
        "routes": routes,
        "ring_s": ring_s,
        "legs": ",".join(target.leg for target in targets),
        "targets": ",".join(target.dial for target in targets),
    }


def _address(dial: str, spell: Callable[[str], str]) -> str:
    return dial if dial.startswith(("sip:", "sips:")) else spell(dial)


def _last(then: LastResort) -> tuple[Target, ...]:
    return (Target(leg=then.leg, dial=then.dial),)


def _then(then: LastResort, spell: Callable[[str], str]) -> dict[str, Any]:
    return {
        "then_uri": _address(then.dial, spell),
        "then_target": then.dial,
        "then_leg": then.leg,
        "then_ring_s": then.ring_s,
    }


def _nobody(status: int, why: str) -> dict[str, Any]:
    return {"version": "1.0", "routing": "serial", "routes": [], "status": status, "why": why}
