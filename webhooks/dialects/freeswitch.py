"""FreeSWITCH: its dialplan as XML, and the two forms in which it speaks of calls by itself.

mod_xml_curl asks for the dialplan, mod_json_cdr tells of each leg that has ended. How they are set
up: examples/freeswitch. Messages, waiting, recording and the key press are extensions of its own
context `callrouter` on the PBX's disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, assert_never
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from callrouter.domain.decisions import (
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.events import Reason
from webhooks.dialects.document import document, told
from webhooks.payload import Value
from webhooks.provider import Answer

Action = tuple[str, str]  # an application and its data

LOCAL_CONTEXT: Final = "callrouter"
OUTSIDE_CONTEXT: Final = "public"
"""Where calls of a trunk come in; of other contexts, such as our own phones', nothing is known."""

_XML: Final = "text/xml; charset=utf-8"
_GO_ON: Final = (
    ("set", "hangup_after_bridge=true"),
    ("set", "continue_on_fail=true"),
    ("set", "ignore_early_media=true"),
)
_CONFIRM: Final = (
    f"{{group_confirm_key=exec,"
    f"group_confirm_file=execute_extension callrouter_confirm XML {LOCAL_CONTEXT}}}"
)


def as_freeswitch(decision: Decision, spell: Callable[[str], str]) -> Answer:
    """A dialplan of one extension that always matches; `spell` makes dial strings of dials.

    Without an opinion nothing is found: FreeSWITCH goes on with the dialplan on its disk.
    """
    match decision:
        case Connect():
            actions = [*_begin(decision.then, spell), *_connect(decision, spell)]
        case Wait():
            waiting = _values(
                wait_s=decision.wait_s, media=decision.media, position=decision.position
            )
            actions = [*_begin(decision.then, spell), *waiting, *_asking(), _to("wait")]
        case Message():
            said = document(decision)
            saying = _values(
                text=said.get("text", ""),
                play=said.get("play", ""),
                record=str(decision.record).lower(),
                max_s=decision.max_s,
            )
            actions = [*_begin(decision.then, spell), *saying, _to("message")]
        case Reject():
            actions = [("respond", "603 Decline"), ("hangup", "CALL_REJECTED")]
        case NoOpinion():
            return told(decision, _NOT_FOUND_XML, _XML)
        case _:
            assert_never(decision)
    return told(decision, _dialplan(actions), _XML)


def _begin(then: LastResort, spell: Callable[[str], str]) -> list[Action]:
    """What the call is to know: whence it came, should it ask again, and its last resort."""
    last = _leg(Target(then.leg, then.dial), then.ring_s, spell)
    return [
        ("unset", "callrouter_again"),
        ("set", "callrouter_call=${uuid}"),
        ("set", "callrouter_number=${destination_number}"),
        ("set", "callrouter_context=${context}"),
        ("set", f"callrouter_then={last}"),
    ]


def _connect(plan: Connect, spell: Callable[[str], str]) -> Iterator[Action]:
    yield from _GO_ON
    name = document(plan)["caller_name"]
    if name:
        yield "set", f"effective_caller_id_name={name}"
    if plan.record:
        yield "execute_extension", f"callrouter_record XML {LOCAL_CONTEXT}"
    for step in plan.steps:
        yield "bridge", _dial_string(step, spell)
        if plan.ask_again:
            yield from _remember(step)
    if plan.ask_again:
        yield from _asking()
        yield "transfer", "${callrouter_number} XML ${callrouter_context}"
    else:
        yield "bridge", "${callrouter_then}"
        yield "hangup", "NO_ANSWER"


def _dial_string(step: PlanStep, spell: Callable[[str], str]) -> str:
    legs = ",".join(_leg(target, step.ring_s, spell) for target in step.targets)
    return _CONFIRM + legs if any(target.confirm for target in step.targets) else legs


def _leg(target: Target, ring_s: int, spell: Callable[[str], str]) -> str:
    """A phone with its variables: what its own events and its record at the end say of it.

    Who is to press a key has not answered before that: the key's extension tells it.
    """
    variables = {
        "leg_timeout": str(ring_s),
        "callrouter_call": "${uuid}",
        "callrouter_leg": target.leg,
        "callrouter_target": target.dial,
        "api_on_ring": _told("leg_ringing", target.leg),
    }
    if target.confirm:
        variables["callrouter_confirm"] = "true"
    else:
        variables["api_on_answer"] = _told("answered", target.leg)
    inside = ",".join(f"{name}={value}" for name, value in variables.items())
    return f"[{inside}]{spell(target.dial)}"


def _told(event: str, leg: str) -> str:
    """A command of the PBX's own: a secret in a variable would come back to us in every hook."""
    return f"'bg_system ${{callrouter_tell}} event={event} call_id=${{uuid}} leg_id={leg}'"


def _remember(step: PlanStep) -> Iterator[Action]:
    for target in step.targets:
        reason = f"{target.dial}=${{originate_disposition}}"
        yield "set", f"callrouter_tried=${{callrouter_tried}} {reason}"


def _asking() -> tuple[Action, ...]:
    """A stroke for each asking: the dialplan can count so without a module for sums."""
    return ("set", "callrouter_asked=${callrouter_asked}1"), ("set", "callrouter_again=true")


def _values(**values: object) -> Iterator[Action]:
    for name, value in values.items():
        yield "set", f"callrouter_{name}={value}"


def _to(extension: str) -> Action:
    return "transfer", f"callrouter_{extension} XML {LOCAL_CONTEXT}"


def _dialplan(actions: Sequence[Action]) -> str:
    root = ET.Element("document", type="freeswitch/xml")
    section = ET.SubElement(root, "section", name="dialplan")
    # A context of this name holds for whichever context has asked.
    context = ET.SubElement(section, "context", name="global")
    extension = ET.SubElement(context, "extension", name="callrouter")
    condition = ET.SubElement(extension, "condition")
    for application, data in actions:
        ET.SubElement(condition, "action", application=application, data=data)
    return ET.tostring(root, encoding="unicode")


def _not_found() -> str:
    root = ET.Element("document", type="freeswitch/xml")
    section = ET.SubElement(root, "section", name="result")
    ET.SubElement(section, "result", status="not found")
    return ET.tostring(root, encoding="unicode")


_NOT_FOUND_XML: Final = _not_found()
NOT_FOUND: Final = told(NoOpinion(), _NOT_FOUND_XML, _XML)
"""For every question of mod_xml_curl that is not about a customer's call."""


def is_not_ours(values: Mapping[str, Value]) -> Answer | None:
    """The answer to what FreeSWITCH asks or tells of other calls; None: it is an event of ours."""
    if _is_xml_curl(values) and read_xml_curl(values) is None:
        return NOT_FOUND
    if _is_json_cdr(values) and read_json_cdr(values) is None:
        return Answer(b'{"ok": true}')
    return None


def in_our_words(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """Whichever of its forms a hook has; what is neither is left as it is."""
    if _is_xml_curl(values):
        return read_xml_curl(values) or values
    if _is_json_cdr(values):
        return read_json_cdr(values) or values
    return values


def _is_xml_curl(values: Mapping[str, Value]) -> bool:
    return "event" not in values and "section" in values


def _is_json_cdr(values: Mapping[str, Value]) -> bool:
    return "event" not in values and isinstance(values.get("variables"), dict)


def read_xml_curl(values: Mapping[str, Value]) -> dict[str, Value] | None:
    """mod_xml_curl's form in the contract's names; None: it asks for nothing that we know.

    A call asks again by going through its dialplan once more, with the variables that the former
    answer has set.
    """
    if values.get("section") != "dialplan":
        return None
    if _first(values, "Hunt-Context", "Caller-Context") not in ("", OUTSIDE_CONTEXT):
        return None
    found: dict[str, Value] = {
        "call_id": _first(values, "Unique-ID", "Caller-Unique-ID", "variable_uuid"),
        "caller": _caller(values),
        "called": _first(values, "Hunt-Destination-Number", "Caller-Destination-Number"),
    }
    if values.get("variable_callrouter_again") != "true":
        return found | {"event": "ringing", "diverted_from": _first(values, "Hunt-RDNIS")}
    tried = [
        {"target": target, "reason": _reason(cause, "no_answer")}
        for target, _, cause in (
            one.partition("=") for one in _first(values, "variable_callrouter_tried").split()
        )
    ]
    asked = len(_first(values, "variable_callrouter_asked"))
    return found | {"event": "next", "attempt": str(asked), "tried": tried}


def _caller(values: Mapping[str, Value]) -> Value:
    hidden = _first(values, "Hunt-Privacy-Hide-Number", "Caller-Privacy-Hide-Number")
    if hidden == "true":
        return ""
    names = ("Hunt-Caller-ID-Number", "Caller-Caller-ID-Number")
    return next((values[name] for name in names if name in values), "")


def read_json_cdr(values: Mapping[str, Value]) -> dict[str, Value] | None:
    """mod_json_cdr's record of a leg as the event of its end; None: it is no call of ours.

    Its texts may be percent-encoded (`encode-values`).
    """
    sent = values.get("variables")
    variables = sent if isinstance(sent, dict) else {}
    said = {name: unquote(value) for name, value in variables.items() if isinstance(value, str)}
    call, leg = said.get("callrouter_call"), said.get("callrouter_leg")
    cause = said.get("hangup_cause", "")
    if not call:
        return None
    if not leg:
        talk_s = _between(said, "bridge_epoch", "end_epoch")
        reason = "completed" if talk_s else _reason(cause, "caller_hung_up")
        return {
            "event": "ended",
            "call_id": call,
            "reason": "caller_hung_up" if reason == "cancelled" else reason,
            "duration_s": str(talk_s),
        }
    of_leg: dict[str, Value] = {
        "call_id": call,
        "leg_id": leg,
        "target": said.get("callrouter_target", ""),
    }
    waited_for_a_key = said.get("callrouter_confirm") == "true"
    if waited_for_a_key and said.get("callrouter_confirmed") != "true":
        return of_leg | {"event": "leg_failed", "reason": _reason(cause, "no_answer")}
    if _seconds(said, "answer_epoch"):
        talk_s = _between(said, "answer_epoch", "end_epoch")
        return of_leg | {"event": "leg_ended", "duration_s": str(talk_s)}
    return of_leg | {"event": "leg_failed", "reason": _reason(cause, "no_answer")}


_REASONS: Final[Mapping[str, Reason]] = {
    "USER_BUSY": "busy",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "ALLOTTED_TIMEOUT": "no_answer",
    "PROGRESS_TIMEOUT": "no_answer",
    "RECOVERY_ON_TIMER_EXPIRE": "unreachable",
    "CALL_REJECTED": "rejected",
    "UNALLOCATED_NUMBER": "unreachable",
    "NO_ROUTE_DESTINATION": "unreachable",
    "INVALID_NUMBER_FORMAT": "unreachable",
    "DESTINATION_OUT_OF_ORDER": "unreachable",
    "USER_NOT_REGISTERED": "offline",
    "SUBSCRIBER_ABSENT": "offline",
    "LOSE_RACE": "answered_elsewhere",
    "PICKED_OFF": "answered_elsewhere",
    "ORIGINATOR_CANCEL": "cancelled",
}


def _reason(cause: str, clearing: Reason) -> Reason:
    """A hang-up cause in our words; `clearing`: what an orderly end means here."""
    return clearing if cause == "NORMAL_CLEARING" else _REASONS.get(cause, "failed")


def _seconds(said: Mapping[str, str], name: str) -> int:
    """Seconds since 1970; 0: it has not happened, or cannot be read."""
    text = said.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0


def _between(said: Mapping[str, str], since: str, until: str) -> int:
    begun = _seconds(said, since)
    return max(0, _seconds(said, until) - begun) if begun else 0


def _first(values: Mapping[str, Value], *names: str) -> str:
    """The first of these fields that says something."""
    said = (values.get(name) for name in names)
    return next((value for value in said if isinstance(value, str) and value), "")
