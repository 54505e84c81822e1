"""What contract section 1 says of an event, as a list of complaints about one that breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

LEG = {"leg_id", "target"}
OF_A_CALL = {"event", "event_id", "at", "call_id", "caller", "called", "direction"}
FIELDS: dict[str, set[str]] = {
    "ringing": OF_A_CALL | {"diverted_from"},
    "dialing": OF_A_CALL | LEG,
    "next": OF_A_CALL | {"attempt", "tried"},
    "leg_ringing": OF_A_CALL | LEG,
    "leg_failed": OF_A_CALL | LEG | {"reason"},
    "answered": OF_A_CALL | LEG | {"by"},
    "leg_ended": OF_A_CALL | LEG | {"duration_s", "reason"},
    "ended": OF_A_CALL | LEG | {"duration_s", "reason"},
    "transferred": OF_A_CALL | LEG | {"to_target", "kind", "other_call_id"},
    "recording": OF_A_CALL | LEG | {"recording_url", "recording_id", "kind"},
    "device": {"event", "event_id", "at", "target", "state"},
    "presence": {"event", "event_id", "at", "target", "state"},
    "reset": {"event", "event_id", "at"},
}
NEEDS: dict[str, set[str]] = {
    "ringing": {"call_id", "caller", "called"},
    "dialing": {"call_id", "caller", "called", "target"},
    "next": {"call_id", "attempt", "tried"},
    "leg_ringing": {"call_id", "target"},
    "leg_failed": {"call_id", "target", "reason"},
    "answered": {"call_id"},
    "leg_ended": {"call_id", "target", "duration_s"},
    "ended": {"call_id", "reason", "duration_s"},
    "transferred": {"call_id", "target", "to_target", "kind"},
    "recording": {"call_id", "recording_url", "recording_id", "kind"},
    "device": {"target", "state"},
    "presence": {"target", "state"},
    "reset": set(),
}
REASONS = {
    "busy",
    "no_answer",
    "rejected",
    "unreachable",
    "dnd",
    "offline",
    "answered_elsewhere",
    "cancelled",
    "caller_hung_up",
    "completed",
    "failed",
}
STATES = {
    "device": {"available", "busy", "dnd", "offline"},
    "presence": {"available", "pause", "off"},
}
KINDS = {"transferred": {"blind", "attended"}, "recording": {"talk", "message"}}
DIAL = re.compile(r"\+?[0-9]{1,15}|[A-Za-z0-9_.-]{1,64}")
MUST_FORGET = {"event_id", "leg_id", "at"}


def complaints(payload: Mapping[str, Any], *, forgetful: bool) -> list[str]:
    """Say what is wrong; empty: the contract is kept."""
    event = payload.get("event")
    if event == "ringing" and payload.get("direction") in {"out", "internal"}:
        event = "dialing"
    if event not in FIELDS:
        return [f"unknown event {event!r}"]
    names = set(payload)
    found = [f"{event}: has no {name}" for name in NEEDS[event] - names]
    found += [f"{event}: {name} does not belong" for name in names - FIELDS[event]]
    if forgetful:
        found += [f"{event}: {name} should be forgotten" for name in names & MUST_FORGET]
    else:
        found += [f"{event}: has no {name}" for name in {"event_id", "at"} - names]
        found += [
            f"{event}: target without leg_id"
            for _ in [1]
            if "target" in names and "call_id" in names and "leg_id" not in names
        ]
        if "at" in payload and datetime.fromisoformat(payload["at"]).tzinfo is None:
            found.append(f"{event}: at has no zone")
    if "reason" in payload and payload["reason"] not in REASONS:
        found.append(f"{event}: reason {payload['reason']!r}")
    found += [
        f"{event}: {name} {payload[name]!r}"
        for name in ("target", "to_target")
        if name in payload and not DIAL.fullmatch(payload[name])
    ]
    if "duration_s" in payload and not 0 <= payload["duration_s"] <= 300:
        found.append(f"{event}: duration_s {payload['duration_s']!r}")
    if payload.get("by", "person") not in {"person", "machine"}:
        found.append(f"{event}: by {payload['by']!r}")
    if "kind" in payload and payload["kind"] not in KINDS[event]:
        found.append(f"{event}: kind {payload['kind']!r}")
    if "state" in payload and payload["state"] not in STATES[event]:
        found.append(f"{event}: state {payload['state']!r}")
    if ("other_call_id" in payload) != (payload.get("kind") == "attended"):
        found.append(f"{event}: other_call_id of {payload.get('kind')}")
    if payload.get("direction", "in") not in {"in", "out", "internal"}:
        found.append(f"{event}: direction {payload['direction']!r}")
    for tried in payload.get("tried", []):
        if set(tried) != {"target", "reason"} or tried["reason"] not in REASONS:
            found.append(f"{event}: tried {tried!r}")
    if len(json.dumps(payload).encode()) > 64_000:
        found.append(f"{event}: too long")
    return found
