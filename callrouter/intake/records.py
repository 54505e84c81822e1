"""How an event that the base has not got is written into the spool, and read back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from callrouter.domain.decisions import Can
from callrouter.flows.work import Already, Entry
from storage.documents import (
    read_decision,
    read_event,
    read_why,
    write_decision,
    write_event,
    write_why,
)
from storage.journal import Raw
from webhooks.provider import Answer


def write_record(entry: Entry, already: Already) -> dict[str, Any]:
    """The event, the call's id and what was told."""
    return {
        "call": entry.call_id,
        "event": write_event(entry.event),
        "body": b64encode(entry.raw.body).decode(),
        "query": entry.raw.query,
        "trouble": list(entry.trouble) if entry.trouble else None,
        "decision": write_decision(already.decision) if already.decision else None,
        "why": write_why(already.why) if already.why else None,
        "answer": b64encode(already.answer.body).decode(),
        "type": already.answer.content_type,
    }


def read_record(record: dict[str, Any]) -> Entry:
    """The entry again, with what it was told already. Raises ValueError."""
    answer = Answer(b64decode(record["answer"]), record["type"])
    trouble = record["trouble"]
    return Entry(
        event=read_event(record["event"]),
        raw=Raw(b64decode(record["body"]), record["query"]),
        call_id=record["call"],
        can=Can(),
        render=lambda _decision: answer,
        accept=answer,
        trouble=(trouble[0], trouble[1]) if trouble else None,
        already=Already(
            read_decision(record["decision"]) if record["decision"] else None,
            read_why(record["why"]) if record["why"] else None,
            answer,
        ),
    )
