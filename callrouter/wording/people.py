"""What is said of people: their names, their load, why they were chosen or passed over.

Names are never declined and nobody's gender is guessed: every sentence keeps names as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from callrouter.domain.setup import Setup
from callrouter.domain.why import Candidate, Responsible, StepWhy
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import Words


@dataclass(frozen=True, slots=True)
class Voice:
    """One language, and the setup that names what keys stand for."""

    words: Words
    setup: Setup

    def name(self, key: str) -> str:
        manager = self.setup.managers.get(key)
        return manager.name if manager else key

    def names(self, keys: tuple[str, ...], most: int = 6) -> str:
        shown = ", ".join(self.name(key) for key in keys[:most])
        if len(keys) <= most:
            return shown
        rest = self.words.many("and {n} more", "and {n} more", len(keys) - most)
        return f"{shown} {rest}"

    def local(self, at: datetime) -> datetime:
        """A moment in the company's zone."""
        return self.setup.calendar_of(None).local(at)

    def load(self, one: Candidate) -> str:
        """A load and its parts: `load 35 % (7 of 20 in work)`."""
        return self.words(
            "load {share} ({parts})", share=formats.share(one.load), parts=self.parts(one)
        )

    def parts(self, one: Candidate) -> str:
        in_work = formats.amount(self.words, one.in_work)
        if one.strangers:
            return self.words.many(
                "{in_work} in work and {n} new caller of {capacity}",
                "{in_work} in work and {n} new callers of {capacity}",
                one.strangers,
                in_work=in_work,
                capacity=one.capacity,
            )
        return self.words("{in_work} of {capacity} in work", in_work=in_work, capacity=one.capacity)

    def responsible(self, found: Responsible) -> str:
        """He is responsible, and on what grounds: `responsible (card #318)`."""
        return self.words("responsible ({why})", why=self.grounds(found))

    def grounds(self, found: Responsible) -> str:
        if found.card is not None:
            card = self.words("card #{number}", number=found.card)
            if found.by == "closed_card":
                card = self.words("closed card #{number}", number=found.card)
            return card
        return self.words(codes.RESPONSIBLE[found.by])

    def chosen(self, one: Candidate, step: StepWhy, responsible: Responsible | None) -> str:
        """Why a step rings him rather than another."""
        match step.ring:
            case "responsible":
                return self.responsible(responsible) if responsible else ""
            case "least_loaded":
                return f"{self.load(one)}, {self._compared(one, step)}"
            case "longest_idle":
                if one.idle_s is None:
                    return self.words("longest without a call (none yet)")
                since = formats.length(self.words, one.idle_s)
                return self.words("longest without a call ({length})", length=since)
            case "round_robin":
                return self.words("in turn")
            case "fewest_calls":
                return self.words("the fewest talks today")
            case "in_order":
                return self.words("in the order of the list")
            case "manager":
                return self.words("as the ladder says")
            case "all":
                return ""

    def _compared(self, one: Candidate, step: StepWhy) -> str:
        others = [
            other
            for other in step.candidates
            if other.passed is None and not other.chosen and other.soft == one.soft
        ]
        if not others:
            return self.words("nobody else is free")
        lowest = min(other.load for other in others)
        if one.load < lowest:
            return self.words("the lowest of all")
        return self.words("no more than others, longest without a call")

    def passed(self, one: Candidate, now: datetime) -> str:
        """Why a candidate is not rung, and until when where that helps."""
        if one.passed is None:
            return ""
        if one.passed != "absent":
            return self.words(codes.PASSED[one.passed])
        return self.absent(one.manager, one.until, now)

    def absent(self, key: str, until: datetime | None, now: datetime) -> str:
        """Why he is away; `until`: the midnight of his first day back."""
        manager = self.setup.managers.get(key)
        today = self.setup.calendar_of(manager.office if manager else None).local(now)
        away, last_day = codes.PASSED["absent"], None
        reason = self.words(away)
        if until:
            last_day = (until - timedelta(seconds=1)).astimezone(today.tzinfo)
        for absence in self.setup.absences.get(key, ()):
            if absence.from_ <= today.date() <= absence.to:
                known = codes.find(codes.ABSENCES, absence.reason)
                reason = self.words(known) if known else absence.reason or reason
        if last_day is None or last_day.date() == today.date():
            return self.words("{reason} today", reason=reason) if last_day else reason
        day = formats.until(last_day, today)
        return self.words("{reason} until {day}", reason=reason, day=day)
