"""What each PBX takes out of an answer by its own rules, told alike.

They read the bytes, know nothing of how they were made, and fail at what they do not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from xml.etree import ElementTree as ET

from webhooks.provider import Answer


@dataclass(frozen=True)
class Ring:
    """Phones that ring at once. `confirm`: of each phone, or one flag where the form has but one.

    `mode` None: the form has no word for it.
    """

    dials: tuple[str, ...]
    legs: tuple[str, ...]
    ring_s: int
    confirm: tuple[bool, ...] = ()
    mode: str | None = None


@dataclass(frozen=True)
class Heard:
    """A decision as a PBX understood it; `says`: whatever else it was told."""

    decision: str
    rings: tuple[Ring, ...] = ()
    last: Ring | None = None
    asks_again: bool = False
    says: dict[str, str] = field(default_factory=dict)


# JSON


def hear_json(answer: Answer) -> Heard:
    assert answer.content_type == "application/json"
    said = _strict_json(answer.body)
    rings = []
    for step in said.pop("steps", []):
        ring_s, mode, targets = step.pop("ring_s"), step.pop("mode"), step.pop("targets")
        assert not step
        assert all(one.keys() == {"manager", "leg", "dial", "confirm"} for one in targets)
        confirm = tuple(one["confirm"] for one in targets)
        dials, legs = (tuple(one[name] for one in targets) for name in ("dial", "leg"))
        rings.append(Ring(dials, legs, ring_s, confirm, mode))
    last = said.pop("then", None)
    return Heard(
        said.pop("decision"),
        tuple(rings),
        Ring((last.pop("dial"),), (last.pop("leg"),), last.pop("ring_s")) if last else None,
        asks_again=said.pop("ask_again", False),
        says=_texts(said),
    )


def _strict_json(body: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    found: dict[str, Any] = json.loads(body, object_pairs_hook=once)
    return found


def _texts(said: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in said.items():
        assert isinstance(value, str | int), name
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found["name" if name == "caller_name" else name] = text
    return found


# Asterisk


def hear_asterisk(answer: Answer) -> Heard:
    """`CURL()` with `hashcompat`, and what `Dial()` makes of `HASH()`."""
    assert answer.content_type == "application/x-www-form-urlencoded"
    said = take_apart(answer)
    rings = []
    for n in range(1, int(said.pop("n", "0")) + 1):
        dials, ring_s = _dial(said.pop(f"s{n}_dial"), said.pop(f"s{n}_ring"))
        legs = tuple(said.pop(f"s{n}_legs").split(","))
        confirm = (_flag(said.pop(f"s{n}_confirm")),)
        rings.append(Ring(dials, legs, ring_s, confirm, said.pop(f"s{n}_mode")))
    last = None
    if "then_dial" in said:
        dials, ring_s = _dial(said.pop("then_dial"), said.pop("then_ring"))
        assert len(dials) == 1
        last = Ring(dials, (said.pop("then_leg"),), ring_s)
    asks = [said.pop(name) for name in ("ask", "ask_again") if name in said]
    if "record" in said:
        said["record"] = str(_flag(said["record"])).lower()
    decision = said.pop("decision")
    return Heard(decision, tuple(rings), last, asks_again=_flag(*asks or ["0"]), says=said)


def take_apart(answer: Answer) -> dict[str, str]:
    """As Asterisk's CURL() does with hashcompat: split at & and =, undo %XX; a plus is a plus."""
    line = answer.body.decode("ascii")
    assert "\n" not in line
    names = [piece.partition("=")[0] for piece in line.split("&")]
    assert len(names) == len(set(names))
    return {
        name: _percent_decoded(value)
        for name, _, value in (piece.partition("=") for piece in line.split("&"))
    }


def _percent_decoded(text: str) -> str:
    decoded = bytearray()
    at = 0
    while at < len(text):
        if text[at] == "%":
            decoded.append(int(text[at + 1 : at + 3], 16))
            at += 3
        else:
            decoded += text[at].encode("ascii")
            at += 1
    return decoded.decode()


def _dial(phones: str, seconds: str) -> tuple[tuple[str, ...], int]:
    """Dial(phones,seconds): arguments end at a comma, phones at an &, options in parentheses."""
    arguments = f"{phones},{seconds}".split(",")
    assert len(arguments) == 2
    assert not set(arguments[0]) & set("()${}\"'\\; \n")
    return tuple(arguments[0].split("&")), int(arguments[1])


def _flag(text: str) -> bool:
    return {"0": False, "1": True}[text]


# Kamailio


def hear_rtjson(answer: Answer) -> Heard:
    """The module's document, and our own fields beside it, which the json module reads."""
    assert answer.content_type == "application/json"
    said = _strict_json(answer.body)
    assert said.pop("version") == "1.0"
    routing, routes = said.pop("routing"), said.pop("routes")
    assert routing == ("parallel" if len(routes) > 1 else "serial")
    dials, targets, legs, confirm = (
        tuple(route.pop(name) for route in routes) for name in ("uri", "target", "leg", "confirm")
    )
    seconds = {route.pop("fr_inv_timer") for route in routes}
    assert not any(routes)
    assert said.pop("legs", "") == ",".join(legs)
    assert said.pop("targets", "") == ",".join(targets)
    assert seconds == ({said.pop("ring_s") * 1000} if routes else set())
    ring = [Ring(dials, legs, seconds.pop() // 1000, confirm)] if routes else []
    last = None
    if "then_uri" in said:
        last = Ring((said.pop("then_uri"),), (said.pop("then_leg"),), said.pop("then_ring_s"))
        assert said.pop("then_target")
    if ring and last and ring[0].legs == last.legs:
        assert replaced(ring.pop()) == last
    decision = said.pop("decision")
    status = {"reject": (603, "Decline"), "none": (404, "Not Found")}.get(decision)
    assert (said.pop("status", None), said.pop("why", None)) == (status or (None, None))
    route = {"wait": "CALLROUTER_WAIT", "message": "CALLROUTER_MESSAGE"}.get(decision)
    assert said.pop("route", None) == route
    asks = said.pop("ask_again", False)
    return Heard(decision, tuple(ring), last, asks_again=asks, says=_texts(said))


def replaced(ring: Ring) -> Ring:
    """A last resort that is rung at once has nothing to press."""
    assert not any(ring.confirm)
    return Ring(ring.dials, ring.legs, ring.ring_s)


# FreeSWITCH

_KNOWN = {
    "uuid": "the-call",
    "destination_number": "the-number",
    "context": "public",
    "callrouter_tell": "tell",
}
_CONFIRM = (
    "{group_confirm_key=exec,"
    "group_confirm_file=execute_extension callrouter_confirm XML callrouter}"
)
_OF_A_LEG = {
    "leg_timeout",
    "callrouter_call",
    "callrouter_leg",
    "callrouter_target",
    "callrouter_confirm",
    "api_on_ring",
    "api_on_answer",
}
_TOLD = ("text", "play", "record", "max_s", "wait_s", "media", "position")


def hear_freeswitch(answer: Answer) -> Heard:
    """Parse the XML and do what its actions say."""
    assert answer.content_type == "text/xml; charset=utf-8"
    root = ET.fromstring(answer.body.decode())  # noqa: S314  our own answer
    assert (root.tag, root.attrib) == ("document", {"type": "freeswitch/xml"})
    (section,) = root
    if section.attrib == {"name": "result"}:
        (result,) = section
        assert (result.tag, result.attrib, len(result)) == ("result", {"status": "not found"}, 0)
        return Heard("none")
    assert (section.tag, section.attrib) == ("section", {"name": "dialplan"})
    (context,) = section
    (extension,) = context
    (condition,) = extension
    assert [one.tag for one in (context, extension, condition)] == [
        "context",
        "extension",
        "condition",
    ]
    assert not condition.attrib  # it always matches
    call = _Call()
    for action in condition:
        assert (action.tag, len(action)) == ("action", 0)
        assert action.attrib.keys() == {"application", "data"}
        call.do(action.attrib["application"], action.attrib["data"])
    return call.heard()


class _Call:
    """A call in a dialplan, as far as our answers go."""

    def __init__(self) -> None:
        self.variables = dict(_KNOWN)
        self.rings: list[Ring] = []
        self.end: tuple[str, str] | None = None
        self.responded = ""
        self.records = False

    def do(self, application: str, data: str) -> None:
        assert self.end is None
        data = self.expand(data)
        match application:
            case "set":
                name, equals, value = data.partition("=")
                assert equals
                assert re.fullmatch(r"[a-z_]+", name)
                self.variables[name] = value
            case "unset":
                self.variables.pop(data, None)
            case "bridge":
                self.rings.append(bridged(data))
            case "execute_extension":
                assert data == "callrouter_record XML callrouter"
                self.records = True
            case "respond":
                self.responded = data
            case "transfer" | "hangup":
                self.end = (application, data)
            case _:
                raise AssertionError(application)

    def expand(self, data: str) -> str:
        found = re.sub(r"\$\{([a-z_]+)\}", lambda name: self.variables.get(name[1], ""), data)
        assert "$" not in found
        return found

    def heard(self) -> Heard:
        if self.end == ("hangup", "CALL_REJECTED"):
            assert self.responded == "603 Decline"
            return Heard("reject")
        last = bridged(self.variables["callrouter_then"])
        last = Ring(last.dials, last.legs, last.ring_s)
        again = self.variables.get("callrouter_again") == "true"
        for plain in ("callrouter_number", "callrouter_context", "callrouter_call"):
            assert self.variables[plain] in _KNOWN.values()
        says = {
            name: self.variables[f"callrouter_{name}"]
            for name in _TOLD
            if self.variables.get(f"callrouter_{name}")
        }
        match self.end:
            case ("transfer", "callrouter_wait XML callrouter"):
                return Heard("wait", (), last, asks_again=again, says=says)
            case ("transfer", "callrouter_message XML callrouter"):
                return Heard("message", (), last, asks_again=again, says=says)
            case ("transfer", "the-number XML public"):
                assert again
            case ("hangup", "NO_ANSWER"):
                assert not again
                assert replaced(self.rings.pop()) == last
            case _:
                raise AssertionError(self.end)
        assert self.variables["continue_on_fail"] == self.variables["hangup_after_bridge"] == "true"
        says = {"record": str(self.records).lower()}
        says["name"] = self.variables.get("effective_caller_id_name", "")
        return Heard("connect", tuple(self.rings), last, asks_again=again, says=says)


def bridged(data: str) -> Ring:
    """A dial string: variables of all in {}, of one phone in [], phones at once by commas."""
    needs_key = data.startswith(_CONFIRM)
    data = data.removeprefix(_CONFIRM)
    phones = _phones(data)
    found = [(_variables(inside), dial) for inside, dial in phones]
    for variables, _ in found:
        assert variables.keys() <= _OF_A_LEG
        assert variables["callrouter_call"] == "the-call"
        about = f"call_id=the-call leg_id={variables['callrouter_leg']}"
        assert variables["api_on_ring"] == f"'bg_system tell event=leg_ringing {about}'"
        answered = f"'bg_system tell event=answered {about}'"
        needs = variables.get("callrouter_confirm") == "true"
        assert variables.get("api_on_answer") == (None if needs else answered)
    (seconds,) = {int(variables["leg_timeout"]) for variables, _ in found}
    confirm = tuple(variables.get("callrouter_confirm") == "true" for variables, _ in found)
    assert needs_key == any(confirm)
    legs = tuple(variables["callrouter_leg"] for variables, _ in found)
    return Ring(tuple(dial for _, dial in found), legs, seconds, confirm)


def _phones(data: str) -> list[tuple[str, str]]:
    """The variables and the dial string of each; brackets inside brackets are counted."""
    phones = []
    rest = data
    while rest:
        assert rest[0] == "["
        depths = accumulate((sign == "[") - (sign == "]") for sign in rest)
        end = next(at for at, depth in enumerate(depths) if not depth)
        dial, comma, after = rest[end + 1 :].partition(",")
        assert dial
        assert not set(dial) & set("|{}<>^' ")
        assert bool(comma) == bool(after)
        phones.append((rest[1:end], dial))
        rest = after
    return phones


def _variables(inside: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in re.findall(r"(?:[^,']|'[^']*')+", inside)]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value for name, _, value in pairs}
