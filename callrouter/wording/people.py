"""What is said of people: their names, their load, why they were chosen or passed over.

Names are never declined and nobody's gender is guessed: every sentence keeps names as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from callrouter.domain.people import Ranked
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

    def everybody(self, people: tuple[Ranked, ...], most: int = 4) -> str:
        """Who has a number, each with what speaks for him: `Иван Петров (an open card)`."""
        said = []
        for one in people[:most]:
            reasons = ", ".join(self.words(codes.PERSON_REASONS[why]) for why in one.reasons)
            name = one.name or self.words("no name")
            said.append(f"{name} ({reasons})" if reasons else name)
        shown = ", ".join(said)
        if len(people) <= most:
            return shown
        rest = self.words.many("and {n} more", "and {n} more", len(people) - most)
        return f"{shown} {rest}"

    def local(self, at: datetime) -> datetime:
        """A moment in the company's zone."""
        return self.setup.calendar_of(None).local(at)

    def load(self, one: Candidate) -> str:
        """A load and its parts: `load 35 % (7 of 20 in work)`."""
        parts = self.parts(one)
        if one.floor is not None:
            parts = self.words("a soft start: as the team; own {parts}", parts=parts)
        return self.words("load {share} ({parts})", share=formats.share(one.load), parts=parts)

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
        if one.instead_of:
            return self.words("in place of {name}", name=self.name(one.instead_of))
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
        reason = self.words(codes.PASSED[one.passed])
        match one.passed:
            case "absent":
                return self.absent(one.manager, one.until, now)
            case "paused" | "cooling":
                usual = codes.find({**codes.PAUSES, **codes.COOLING}, one.note)
                note = self.words(usual) if usual else one.note
                reason = f"{reason} ({note})" if note else reason
            case _:
                return reason
        if one.until is None:
            return reason
        today = self.local(now)
        until = self.local(one.until)
        if (until - timedelta(seconds=1)).date() == today.date() != until.date():
            return self.words("{reason} until midnight", reason=reason)
        if until.date() != today.date():
            return self.words(
                "{reason} until {day}", reason=reason, day=formats.until(until, today)
            )
        return self.words("{reason} until {time}", reason=reason, time=f"{until:%H:%M}")

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
