"""Domain values that are kept as JSON documents in a column."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from callrouter.domain.decisions import Connect, Decision, Message, NoOpinion, Reject, Wait
from callrouter.domain.events import CallEvent
from callrouter.domain.letters import Frozen
from callrouter.domain.offers import Offer
from callrouter.domain.past import Seen
from callrouter.domain.replayed import Replayed
from callrouter.domain.setup import Setup
from callrouter.domain.why import Why

_WHY = TypeAdapter(Why)
_EVENT = TypeAdapter(CallEvent)
_SETUP = TypeAdapter(Setup)
_SEEN = TypeAdapter(Seen)
_FROZEN = TypeAdapter(Frozen)
_OFFER = TypeAdapter(Offer)
_REPLAYED = TypeAdapter(Replayed)
_DECISIONS: dict[str, TypeAdapter[Any]] = {
    "connect": TypeAdapter(Connect),
    "wait": TypeAdapter(Wait),
    "message": TypeAdapter(Message),
    "reject": TypeAdapter(Reject),
    "none": TypeAdapter(NoOpinion),
}
_NAMES: dict[type[Any], str] = {
    Connect: "connect",
    Wait: "wait",
    Message: "message",
    Reject: "reject",
    NoOpinion: "none",
}


def write_decision(decision: Decision) -> str:
    """As `{"connect": {…}}`: the kind names the shape."""
    name = _NAMES[type(decision)]
    return f'{{"{name}":{_DECISIONS[name].dump_json(decision).decode()}}}'


def read_decision(text: str) -> Decision:
    ((name, document),) = json.loads(text).items()
    decision: Decision = _DECISIONS[name].validate_python(document)
    return decision


def write_why(why: Why) -> str:
    return _WHY.dump_json(why).decode()


def read_why(text: str) -> Why:
    return _WHY.validate_json(text)


NOTHING_SEEN = "{}"
"""Stands for what a decision looked at that was not taken from the base."""


def write_seen(seen: Seen | None) -> str:
    return _SEEN.dump_json(seen, exclude_defaults=True).decode() if seen else NOTHING_SEEN


def read_seen(text: str) -> Seen | None:
    return None if text == NOTHING_SEEN else _SEEN.validate_json(text)


def write_event(event: CallEvent) -> str:
    return _EVENT.dump_json(event, exclude_defaults=True).decode()


def read_event(text: str) -> CallEvent:
    return _EVENT.validate_json(text)


def write_setup(setup: Setup) -> str:
    return _SETUP.dump_json(setup, exclude_defaults=True).decode()


def read_setup(text: str) -> Setup:
    return _SETUP.validate_json(text)


def write_offer(offer: Offer) -> str:
    """Whole, defaults too: they may change, and what was offered may not. Money as exact texts."""
    return _OFFER.dump_json(offer).decode()


def read_offer(text: str) -> Offer:
    return _OFFER.validate_json(text)


def write_frozen(frozen: Frozen) -> str:
    return _FROZEN.dump_json(frozen, exclude_defaults=True).decode()


def read_frozen(text: str) -> Frozen:
    return _FROZEN.validate_json(text)


def write_replayed(replayed: Replayed) -> str:
    return _REPLAYED.dump_json(replayed, exclude_defaults=True).decode()


def read_replayed(text: str) -> Replayed:
    return _REPLAYED.validate_json(text)
