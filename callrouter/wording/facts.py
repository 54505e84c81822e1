"""What a decision stood on, and how it ends: labelled lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callrouter.domain.phones import pretty
from callrouter.domain.why import Why
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import Words
from callrouter.wording.people import Voice


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    text: str


def facts_of(voice: Voice, why: Why) -> Iterator[Fact]:
    words = voice.words
    yield Fact(words("Decided"), formats.moment(voice.local(why.at)))
    yield Fact(words("Who calls"), _caller(words, why))
    if why.people:
        yield Fact(words("On this number"), voice.everybody(why.people, len(why.people)))
    line = voice.setup.lines.get(why.line)
    named = f"{pretty(why.line)} ({line.name})" if line and line.name else pretty(why.line)
    if not why.line_known:
        named = words("{line}: the number dialled is not one we know", line=named)
    yield Fact(words("Line"), named)
    hours = words("within its hours") if why.open_hours else words("after hours")
    yield Fact(words("Working hours"), hours)
    if why.card is not None:
        card = words("card #{number}", number=why.card)
        yield Fact(words("Card"), words("new, {card}", card=card) if why.new_card else card)
    yield Fact(words("Responsible"), _responsible(voice, why))
    if place := why.place:
        kept = words("{n}, kept from the call before", n=place.position)
        yield Fact(words("Place in line"), kept if place.kept else str(place.position))
        yield Fact(words("Waits at most until"), formats.moment(voice.local(place.until)))
    version = words("setup version {n}", n=why.setup) if why.setup else words("of a draft")
    rule = words("“{name}”", name=why.rule) if why.rule else words("none matches")
    yield Fact(words("Rule"), f"{rule} ({version})")
    yield Fact(words("Ladder"), _ladder(words, why))
    if why.recorded:
        yield Fact(words("Recording"), words(codes.RECORDED[why.recorded]))
    if why.attempt:
        yield Fact(words("Asked again"), words("answer {n} of this call", n=why.attempt + 1))
    yield Fact(words("Source"), words(codes.TOLD_BY[why.told_by]))


def _caller(words: Words, why: Why) -> str:
    match why.caller:
        case "known":
            if why.known:
                return words("a known number: it belongs to a contact")
            if why.told_by != "base":
                return words("nobody whom we could find without the database")
            if why.contact:
                return words("a new number: a contact was made for it")
            return words("a new number")
        case "withheld":
            return words("number withheld: there is nothing to find the contact by")
        case "short" | "internal" | "name":
            kind = words(codes.CALLERS[why.caller])
            return words("{kind}: there is nothing to find the contact by", kind=kind)


def _responsible(voice: Voice, why: Why) -> str:
    if why.responsible is None:
        return voice.words("nobody yet")
    if why.strict:
        return voice.words(
            "{name} ({why}), and nobody else",
            name=voice.name(why.responsible.manager),
            why=voice.grounds(why.responsible),
        )
    return f"{voice.name(why.responsible.manager)} ({voice.grounds(why.responsible)})"


def _ladder(words: Words, why: Why) -> str:
    if why.ladder:
        return words("“{name}”", name=why.ladder)
    if why.told_by == "last_resort":
        return words("none")
    return words("the usual one: the responsible manager, then the least loaded")


def end_of(voice: Voice, why: Why) -> Fact:
    words = voice.words
    label = words("If nobody answers")
    match why.ends:
        case "message":
            return Fact(words("The end"), words("the caller hears a message"))
        case "wait":
            return Fact(words("The end"), words("the caller waits; then the PBX asks again"))
        case "reject":
            if why.rejected == "loop":
                return Fact(words("The end"), words("rejected: forwarded back to us by a phone"))
            return Fact(words("The end"), words("rejected: this number is blocked"))
        case "last_resort":
            line = voice.setup.lines.get(why.line)
            number = pretty(line.last_resort) if line else ""
            return Fact(label, words("the last resort {number}", number=number).strip())


def times_of(words: Words, why: Why) -> Fact:
    """Milliseconds from the first byte of the hook to each point."""
    said = [words("its turn came after {ms} ms", ms=_ms(words, why.times.waited))]
    if why.times.facts:
        said.append(words("facts gathered after {ms} ms", ms=_ms(words, why.times.facts)))
    if why.times.decided:
        said.append(words("decided after {ms} ms", ms=_ms(words, why.times.decided)))
    return Fact(words("How long it took"), ", ".join(said))


def _ms(words: Words, value: float) -> str:
    return formats.amount(words, round(value, 1))
