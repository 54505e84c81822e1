"""What became of the phones that a step rang, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from callrouter.wording import codes, formats
from callrouter.wording.catalogue import Words

Phase = Literal["planned", "ahead", "now", "done", "talk", "unneeded"]
"""How far a step is. `planned`: nothing is known of its phones; `ahead`: its turn has not come."""


class RungLeg(Protocol):
    """A leg as sentences need it; `domain.calls.Leg` is one."""

    @property
    def dial(self) -> str: ...
    @property
    def manager(self) -> str | None: ...
    @property
    def planned(self) -> bool: ...
    @property
    def attempt(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def ring_from(self) -> datetime | None: ...
    @property
    def answered_at(self) -> datetime | None: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def machine(self) -> bool: ...
    @property
    def presumed(self) -> bool: ...
    @property
    def talk_s(self) -> float | None: ...


def phase_of(legs: Sequence[RungLeg], before: Phase | None = None) -> Phase:
    """How far the phones of a step are; `before`: the phase of the step before it.

    What stopped ringing because a step before it was answered was hardly rung, whatever its time.
    """
    if not legs:
        return "planned"
    if any(leg.answered_at for leg in legs):
        return "talk"
    if any(leg.status == "ringing" for leg in legs):
        return "now"
    if any(leg.status == "planned" for leg in legs):
        return "ahead"
    if before == "talk" and all(leg.status == "cancelled" for leg in legs):
        return "unneeded"
    return "done" if any(leg.ring_from for leg in legs) else "unneeded"


def outcome(words: Words, legs: Sequence[RungLeg], seconds: int, *, talked: bool) -> str:
    """What became of one person's phones in a step of so many seconds; "" while they ring.

    `talked`: somebody answered this call, here or elsewhere.
    """
    if answered := next((leg for leg in legs if leg.answered_at), None):
        return _talk(words, answered)
    if not legs or any(leg.status in ("ringing", "planned") for leg in legs):
        return ""
    return _no_talk(words, min(legs, key=_telling), seconds, talked=talked)


def _talk(words: Words, leg: RungLeg) -> str:
    if leg.machine:
        return words("an answering machine took it")
    if leg.ended_at is None:
        return words("talking now")
    seconds = leg.talk_s
    if seconds is None and leg.answered_at:
        seconds = (leg.ended_at - leg.answered_at).total_seconds()
    return words("talked {length}", length=formats.length(words, seconds or 0))


_TELLING = ("rejected", "busy", "no_answer", None, "answered_elsewhere", "caller_hung_up", "dnd")


def _telling(leg: RungLeg) -> int:
    """Of several phones of one person the one that says most of him."""
    return _TELLING.index(leg.reason) if leg.reason in _TELLING else len(_TELLING)


def _no_talk(words: Words, leg: RungLeg, seconds: int, *, talked: bool) -> str:
    if leg.status == "cancelled":
        return _stopped(words, talked=talked)
    if leg.reason in (None, "no_answer"):
        return words("no answer in {seconds} s", seconds=_rang(leg, seconds))
    return reason_of(words, leg.reason)


def reason_of(words: Words, reason: str | None) -> str:
    """A reason as a PBX gave it; a word that we do not know is shown as it came."""
    if known := codes.find(codes.REASONS, reason):
        return words(known)
    failed = codes.REASONS["failed"]
    return f"{words(failed)} ({reason})" if reason else words(failed)


def _stopped(words: Words, *, talked: bool) -> str:
    elsewhere = codes.REASONS["answered_elsewhere"]
    return words(elsewhere) if talked else words("the caller did not wait")


def _rang(leg: RungLeg, seconds: int) -> int:
    """For how long it rang: its step's time, unless it was given up earlier."""
    if leg.presumed or leg.ring_from is None or leg.ended_at is None:
        return seconds
    rang = round((leg.ended_at - leg.ring_from).total_seconds())
    return rang if 0 < rang < seconds else seconds
