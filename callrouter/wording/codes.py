"""What each code of a decision, a call and an event is called; every code has its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from callrouter.domain.calls import LegStatus, State
from callrouter.domain.events import Direction, EventKind, Reason
from callrouter.domain.managers import CoolReason
from callrouter.domain.people import PersonReason
from callrouter.domain.phones import CallerKind
from callrouter.domain.recording import Recorded
from callrouter.domain.setup import ResponsibleSource, Strategy
from callrouter.domain.why import Cut, Passed, ToldBy
from callrouter.wording.catalogue import mark

CALLERS: Final[Mapping[CallerKind, str]] = {
    "known": mark("a phone number"),
    "withheld": mark("Number withheld"),
    "short": mark("a short number"),
    "internal": mark("an inside phone"),
    "name": mark("a name instead of a number"),
}

PASSED: Final[Mapping[Passed, str]] = {
    "talking": mark("talking"),
    "ringing": mark("another call is ringing"),
    "wrap_up": mark("wrapping up the last call"),
    "paused": mark("has a break"),
    "off": mark("not taking calls"),
    "off_shift": mark("off shift"),
    "absent": mark("away"),
    "inactive": mark("no longer works here"),
    "strict": mark("the caller is only for the responsible manager"),
    "promised": mark("kept for a caller who has waited longer"),
    "promised_own": mark("kept for a caller of their own who waits"),
    "cooling": mark("rung last for a while"),
    "no_skill": mark("lacks the skill needed"),
    "no_phone": mark("has no phone that this PBX can ring"),
    "rejected": mark("has rejected this call"),
    "no_answer": mark("no answer to this call"),
    "phone_busy": mark("busy already for this call"),
    "already": mark("rung earlier in this plan"),
    "no_responsible": mark("nobody is responsible"),
}

COOLING: Final[Mapping[CoolReason, str]] = {
    "no_answer": mark("did not answer the last calls"),
    "unreachable": mark("the phone could not be reached a moment ago"),
    "offline": mark("the phone is offline"),
    "dnd": mark("the phone is set to “do not disturb”"),
    "busy": mark("the phone was busy a moment ago"),
}

PAUSES: Final[Mapping[str, str]] = {
    "no_answer": mark("does not answer"),
    "lunch": mark("lunch"),
    "meeting": mark("a meeting"),
}
"""The usual reasons of a break; any other is shown as it was written."""

BLOCKS: Final[Mapping[str, str]] = {
    "spam": mark("spam"),
}
"""The usual reasons of a block; any other is shown as it was written."""

ABSENCES: Final[Mapping[str, str]] = {
    "leave": mark("on leave"),
    "vacation": mark("on leave"),
    "sick": mark("on sick leave"),
    "trip": mark("on a business trip"),
}
"""The usual words of `[[absence]] reason`; any other is shown as the file has it."""

CUTS: Final[Mapping[Cut, str]] = {
    "steps": mark("the later steps: this PBX takes fewer at a time and asks again"),
    "targets": mark("some phones: this PBX rings fewer at once"),
    "parallel": mark("ringing together: this PBX rings one phone at a time"),
    "outside_numbers": mark("outside numbers: this PBX does not dial them"),
    "message": mark("the message: this PBX cannot play it"),
    "ask_again": mark("asking again: this PBX asks only once"),
    "wait": mark("waiting in line: this PBX cannot hold callers"),
}

TOLD_BY: Final[Mapping[ToldBy, str]] = {
    "base": mark("from the database, as usual"),
    "snapshot": mark("from memory: the database did not answer in time"),
    "last_resort": mark("not decided because of a fault of ours: straight to the last resort"),
}

RECORDED: Final[Mapping[Recorded, str]] = {
    "yes": mark("the talk is recorded"),
    "asked": mark("the talk is not recorded: the caller asked for that"),
    "line": mark("the talk is not recorded: calls to this number are not"),
    "pbx": mark("not told: this PBX decides by itself whether to record"),
}

STRATEGIES: Final[Mapping[Strategy, str]] = {
    "responsible": mark("Responsible manager"),
    "least_loaded": mark("Least loaded"),
    "longest_idle": mark("Longest without a call"),
    "round_robin": mark("In turn"),
    "fewest_calls": mark("Fewest talks today"),
    "all": mark("All at once"),
    "in_order": mark("In the order of the list"),
    "manager": mark("Named manager"),
}

RESPONSIBLE: Final[Mapping[ResponsibleSource, str]] = {
    "card": mark("by the open card"),
    "contact": mark("by the contact's record"),
    "tried": mark("a recent call to this contact was not answered"),
    "closed_card": mark("by the last closed card"),
    "talked": mark("had the last talk with this contact"),
}

PERSON_REASONS: Final[Mapping[PersonReason, str]] = {
    "chosen": mark("by your choice"),
    "open_card": mark("an open card"),
    "talked": mark("the latest talk"),
    "responsible": mark("has a manager"),
    "client": mark("a client"),
    "older": mark("known the longest"),
}

STATES: Final[Mapping[State, str]] = {
    "waiting": mark("Waiting"),
    "ringing": mark("Ringing"),
    "talking": mark("Talking"),
    "answered": mark("Answered"),
    "missed": mark("Missed"),
    "rejected": mark("Rejected"),
    "unanswered": mark("No answer"),
}

LEGS: Final[Mapping[LegStatus, str]] = {
    "planned": mark("next in the plan"),
    "ringing": mark("ringing now"),
    "failed": mark("did not connect"),
    "cancelled": mark("stopped ringing"),
    "talking": mark("talking now"),
    "ended": mark("talked"),
}

REASONS: Final[Mapping[Reason, str]] = {
    "busy": mark("busy"),
    "no_answer": mark("no answer"),
    "rejected": mark("call rejected"),
    "unreachable": mark("phone unreachable"),
    "dnd": mark("do not disturb"),
    "offline": mark("phone offline"),
    "answered_elsewhere": mark("answered on another phone"),
    "cancelled": mark("stopped ringing"),
    "caller_hung_up": mark("the caller hung up"),
    "completed": mark("completed"),
    "failed": mark("did not connect"),
}

DIRECTIONS: Final[Mapping[Direction, str]] = {
    "in": mark("Incoming"),
    "out": mark("Outgoing"),
    "internal": mark("Inside"),
}

EVENTS: Final[Mapping[EventKind, str]] = {
    "ringing": mark("A call came in"),
    "next": mark("The PBX asked whom to ring next"),
    "dialing": mark("A manager dials"),
    "leg_ringing": mark("A phone rings"),
    "leg_failed": mark("A phone was not answered"),
    "answered": mark("Picked up"),
    "leg_ended": mark("The talk ended"),
    "transferred": mark("Transferred"),
    "ended": mark("The call is over"),
    "recording": mark("The recording is ready"),
    "device": mark("A phone changed its state"),
    "presence": mark("A manager's presence changed"),
    "reset": mark("The PBX was restarted"),
    "unknown": mark("An event we do not know"),
}


def find(table: Mapping[Any, str], code: str | None) -> str | None:
    """The message of a code that was read from outside; None for one that we do not know."""
    return table.get(code)
