"""Why a call went where it went, in a few sentences as a colleague would say them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callrouter.domain.setup import Language, Setup
from callrouter.domain.why import Candidate, Passed, Why
from callrouter.wording import codes
from callrouter.wording.catalogue import Words, speak
from callrouter.wording.legs import RungLeg, outcome
from callrouter.wording.people import Voice
from callrouter.wording.way import way_of

_NAMED = 4  # so many of those who were not rung are named, the rest counted

_INTEREST: tuple[Passed, ...] = (
    "talking",
    "ringing",
    "wrap_up",
    "promised",
    "promised_own",
    "cooling",
    "paused",
    "off",
    "absent",
    "no_skill",
    "no_phone",
    "off_shift",
)
"""Who was not rung, the most telling reason first; the other reasons go without saying."""


def why_text(why: Why, setup: Setup, *, language: Language, legs: Sequence[RungLeg] = ()) -> str:
    """Say a decision in sentences, and with its legs also what came of it.

    `legs` are those of the decision's own run; without any it is told as a plan.
    """
    voice = Voice(speak(language), setup)
    return " ".join(_sentences(voice, why, legs))


def _sentences(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> Iterator[str]:
    yield from _who_calls(voice.words, why)
    if why.people:
        yield voice.words.many(
            "{n} person has this number: {list}.",
            "{n} people have this number: {list}.",
            len(why.people),
            list=voice.everybody(why.people),
        )
    if why.rule:
        yield voice.words("Rule “{name}” applies.", name=why.rule)
    if not why.open_hours:
        yield voice.words("It is after hours.")
    if missing := _responsible_not_rung(voice, why):
        yield missing
    if earlier := _earlier(voice, why, legs):
        yield earlier
    yield from way_of(voice, why, legs)
    if why.recorded == "asked":
        yield voice.words("The talk is not recorded: the caller asked for that.")
    if others := _not_rung(voice, why):
        yield others


def _who_calls(words: Words, why: Why) -> Iterator[str]:
    if why.told_by == "last_resort":
        yield words("The decision failed by our own fault.")
        return
    if why.told_by == "snapshot":
        yield words("The database was silent, so we decided from memory.")
    if not why.line_known:
        yield words("The number dialled is not one we know.")
    who = ""
    if why.caller != "known":
        who = words(codes.CALLERS[why.caller])
    elif not why.known and why.told_by == "base":
        who = words("New number")
    if why.new_card and why.card is not None:
        card = words("new card #{number}", number=why.card)
        yield f"{_begun(who)}: {card}." if who else f"{_begun(card)}."
    elif who:
        yield f"{_begun(who)}."


def _begun(text: str) -> str:
    """With a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def _responsible_not_rung(voice: Voice, why: Why) -> str:
    """Said first, because it is what people ask first: why not the responsible manager."""
    found = why.responsible
    if found is None or any(found.manager in step.chosen for step in why.steps):
        return ""
    looked = [one for step in why.steps for one in step.candidates if one.manager == found.manager]
    if not looked or looked[0].passed is None:
        return ""
    return voice.words(
        "{name} — {why}: {reason}.",
        name=voice.name(found.manager),
        why=voice.responsible(found),
        reason=voice.passed(looked[0], why.at),
    )


def _earlier(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> str:
    """Whom the answers before this one rang, where the PBX asked again."""
    said = [
        f"{voice.name(leg.manager)} — {came}"
        for leg in legs
        if leg.planned and leg.manager and leg.attempt < why.attempt and leg.ring_from
        if (came := outcome(voice.words, [leg], _window(leg), talked=False))
    ]
    return voice.words("Before that: {list}.", list="; ".join(said)) if said else ""


def _window(leg: RungLeg) -> int:
    if leg.ring_from is None or leg.ended_at is None:
        return 0
    return max(1, round((leg.ended_at - leg.ring_from).total_seconds()))


# Who was not rung


def _not_rung(voice: Voice, why: Why) -> str:
    rung = {key for step in why.steps for key in step.chosen}
    if why.responsible:
        rung.add(why.responsible.manager)
    passed: dict[str, Candidate] = {}
    for step in why.steps:
        for one in step.candidates:
            if one.passed in _INTEREST and one.manager not in rung:
                passed.setdefault(one.manager, one)
    if not passed:
        return ""
    order = sorted(passed.values(), key=lambda one: _INTEREST.index(one.passed or "talking"))
    by_reason: dict[str, list[str]] = {}
    for one in order[:_NAMED]:
        by_reason.setdefault(voice.passed(one, why.at), []).append(voice.name(one.manager))
    said = [f"{', '.join(names)} — {reason}" for reason, names in by_reason.items()]
    if len(order) > _NAMED:
        rest = len(order) - _NAMED
        said.append(voice.words.many("and {n} more", "and {n} more", rest))
    return voice.words("Passed over: {list}.", list="; ".join(said))
