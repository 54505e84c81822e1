"""What comes of past calls on other rules: a summary, tables, examples, what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from callrouter.domain.phones import pretty
from callrouter.domain.replayed import Compared, Example, LineShift, Replayed, Shift, Way
from callrouter.domain.setup import Language, Setup
from callrouter.wording import formats
from callrouter.wording.catalogue import speak
from callrouter.wording.people import Voice


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; the first column names what the row is of."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Parted:
    """A call that would have gone another way: where both ways part, and to whom."""

    call: str
    at: str
    line: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Told:
    """`summary`, `remarks`: a sentence each; `examples`: a call each. Without rules no tables.

    `parted`: the same calls in parts.
    """

    summary: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    examples: tuple[str, ...]
    remarks: tuple[str, ...]
    parted: tuple[Parted, ...] = ()


def tell_replayed(replayed: Replayed, setup: Setup, *, language: Language) -> Told:
    """Say what a replay found. `setup`: the one that names lines and people, also new ones."""
    voice = Voice(speak(language), setup)
    compared = replayed.compared
    parted = [_parted(voice, one) for one in compared.examples] if compared else []
    return Told(
        summary=tuple(_summary(voice, replayed)),
        sheets=(_lines(voice, compared), _managers(voice, compared)) if compared else (),
        examples=tuple(_example(voice, one) for one in parted),
        remarks=tuple(_remarks(voice, replayed)),
        parted=tuple(parted),
    )


def _summary(voice: Voice, replayed: Replayed) -> Iterator[str]:
    words, compared = voice.words, replayed.compared
    since, until = (
        formats.moment(voice.local(moment)) for moment in (replayed.since, replayed.until)
    )
    yield words.many(
        "{n} call from {since} to {until}.",
        "{n} calls from {since} to {until}.",
        replayed.calls,
        since=since,
        until=until,
    )
    yield words(
        "Decisions taken again on the facts as they were: {n}; the same as then: {same}.",
        n=replayed.decisions,
        same=replayed.explained,
    )
    if compared is None:
        return
    share = formats.share(compared.elsewhere / compared.calls if compared.calls else 0)
    yield words("Would have gone elsewhere: {n} ({share}).", n=compared.elsewhere, share=share)
    if compared.otherwise:
        yield words("The same people, but other seconds or words: {n}.", n=compared.otherwise)


# Tables


def _lines(voice: Voice, compared: Compared) -> Sheet:
    words = voice.words
    head = (
        words("Line"),
        words("Calls"),
        words("Elsewhere"),
        words("Only the last resort"),
        words("Message"),
        words("Rejection"),
        words("Kept waiting"),
    )
    return Sheet(head, tuple(_line(voice, one) for one in compared.lines))


def _line(voice: Voice, one: LineShift) -> tuple[str, ...]:
    counts = (one.last_resort, one.messages, one.rejects, one.waits)
    return (
        _named(voice, one.line),
        str(one.calls),
        str(one.elsewhere),
        *(_shift(count) for count in counts),
    )


def _managers(voice: Voice, compared: Compared) -> Sheet:
    words = voice.words
    head = (
        words("Manager"),
        words("Rung first"),
        words("Rung at all"),
        words("Gains"),
        words("Loses"),
    )
    rows = (
        (
            voice.name(one.manager),
            _shift(one.first),
            _shift(one.rung),
            *_signed(one.gained, one.lost),
        )
        for one in compared.managers
    )
    return Sheet(head, tuple(rows))


def _shift(count: Shift) -> str:
    """`12 → 3`; a figure that stays is said once."""
    return str(count.after) if count.before == count.after else f"{count.before} → {count.after}"


def _signed(gained: int, lost: int) -> tuple[str, str]:
    return f"+{gained}" if gained else "", f"−{lost}" if lost else ""


def _named(voice: Voice, number: str) -> str:
    line = voice.setup.lines.get(number)
    return line.name if line and line.name else pretty(number)


# Examples


def _example(voice: Voice, one: Parted) -> str:
    return voice.words(
        "{at} · {line} · {call}: {before} → {after}",
        at=one.at,
        line=one.line,
        call=one.call,
        before=one.before,
        after=one.after,
    )


def _parted(voice: Voice, one: Example) -> Parted:
    told = one.before.then != one.after.then
    return Parted(
        one.call,
        formats.moment(voice.local(one.at)),
        _named(voice, one.line),
        _way(voice, one.before, then=told),
        _way(voice, one.after, then=told),
    )


def _way(voice: Voice, way: Way, *, then: bool) -> str:
    """Whom a call rings, one after another. `then`: the last resort is worth saying."""
    words = voice.words
    match way.kind:
        case "rings":
            said = voice.names(way.rings[0])
            for ring in way.rings[1:]:
                said = words("{whom}, then {next}", whom=said, next=voice.names(ring))
            if then:
                last = words("the last resort {number}", number=pretty(way.then))
                said = words("{whom}, then {next}", whom=said, next=last)
            return said
        case "last_resort":
            return words("the last resort {number}", number=pretty(way.then))
        case "wait":
            return words("the caller waits")
        case "message":
            return words("the caller hears a message")
        case "reject":
            return words("the call is rejected")
        case "none":
            return words("the PBX does as it does by itself")
        case _:
            assert_never(way.kind)


# What it rests on


def _remarks(voice: Voice, replayed: Replayed) -> Iterator[str]:
    words, compared = voice.words, replayed.compared
    if compared:
        yield words(
            "Taken as it was: who was busy and for how long, the load, who was there, what was "
            "known of callers, how long talks took."
        )
        yield words(
            "People are taken to pick up as they did; a call that would have gone elsewhere "
            "changes nothing for those after it."
        )
        yield words(
            "Where the PBX asked again, a call is compared up to the first answer that would have "
            "been another."
        )
        yield from _of_rules(voice, compared)
    if replayed.without_base:
        yield words(
            "Told from memory while the database was silent, and not taken again: {n}.",
            n=replayed.without_base,
        )
    if replayed.failed:
        yield words("Failed by our own fault, and not taken again: {n}.", n=replayed.failed)
    if replayed.unrecorded:
        yield words(
            "From before it was kept what decisions look at, and not taken again: {n}.",
            n=replayed.unrecorded,
        )
    if more := replayed.decisions - replayed.explained:
        calls = ", ".join(replayed.unexplained)
        yield words(
            "Come out otherwise than they were told, as an older version took them or a fact was "
            "not kept: {n} ({calls}).",
            n=more,
            calls=calls,
        )


def _of_rules(voice: Voice, compared: Compared) -> Iterator[str]:
    words = voice.words
    if compared.new_managers:
        yield words(
            "Only in the new rules, so taken as free, without load, and there by their shift: "
            "{names}.",
            names=voice.names(compared.new_managers, most=20),
        )
    for unknown in compared.unknown:
        match unknown:
            case "missed_today":
                yield words(
                    "How often a caller had been missed that day was not kept while no rule asked "
                    "for it, and counts as 0."
                )
            case _:
                assert_never(unknown)
