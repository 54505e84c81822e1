"""A call as its row on the screen: values ready to show, in one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.calls import OVER
from callrouter.domain.decisions import Reject
from callrouter.domain.phones import pretty
from callrouter.pages.afterwards import OUTCOMES, may_have_outcome
from callrouter.wording import codes, formats, speak, why_text
from callrouter.wording.legs import reason_of
from callrouter.wording.people import Voice

if TYPE_CHECKING:
    from callrouter.domain.setup import Language, Setup
    from callrouter.domain.why import Why
    from callrouter.wording import Words
    from storage.listing import CallView, LegView

MOST_PEOPLE = 4  # phones of one call shown in its row; the rest is counted


@dataclass(frozen=True, slots=True)
class OnPhone:
    """Whose phone rings or talks, or that the caller waits for one (`in_line`).

    `since`: when that began, for the running timer.
    """

    name: str
    initials: str
    doing: str
    talking: bool
    since: datetime | None = None
    in_line: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`said`: the row in a few words, for whoever hears the page rather than sees it.

    `asked`: a decision of ours stands behind it, so there is a whole why to open. `outcome`: what
    came of it, or that it can be said; "" where it cannot.
    """

    id: str
    ref: str
    state: str
    badge: str
    open: bool
    at: datetime
    clock: str
    title: str
    number: str
    note: str
    line: str
    card: str
    card_id: str
    people: tuple[OnPhone, ...]
    more: str
    result: str
    outcome: str
    why: str
    asked: bool
    said: str


def row_of(call: CallView, setup: Setup, language: Language, now: datetime) -> Row:
    words, voice = speak(language), Voice(speak(language), setup)
    title, number, note = caller_of(call, voice)
    people = tuple(_people(call, voice, now))
    state = "rejected" if _is_turned_away(call) else call.state
    badge = words("Message") if _hears_message(call) else words(codes.STATES[state])
    hidden = len(people) - MOST_PEOPLE
    result = "" if people else _result(call, voice)
    who = people[0].name if people else ""
    return Row(
        id=call.id,
        ref=call.call_id,
        state=state,
        badge=badge,
        open=call.state not in OVER,
        at=call.started_at,
        clock=_clock(call.started_at, voice, now),
        title=title,
        number=number,
        note=note,
        line=line_of(call, setup),
        card=words("card #{number}", number=call.card_number) if call.card_number else "",
        card_id=call.card or "",
        people=people[:MOST_PEOPLE],
        more=words.many("and {n} more", "and {n} more", hidden) if hidden > 0 else "",
        result=result,
        outcome=_outcome(call, words),
        why=sentence_of(call, setup, language),
        asked=call.told is not None,
        said=". ".join(text for text in (badge, title, who) if text),
    )


def caller_of(call: CallView, voice: Voice) -> tuple[str, str, str]:
    """Who calls: the title, the number where the title is a name, and a note.

    Of a call out it is whom we call; of one inside, whoever dialled it.
    """
    words = voice.words
    number = _number(call, words)
    note = ""
    if call.direction != "in":
        note = words(codes.DIRECTIONS[call.direction])
    elif _why(call) and _is_new(call):
        note = words("first call")
    if call.direction == "internal" and call.manager:
        return voice.name(call.manager), number, note
    if call.contact_name:
        return call.contact_name, number, note
    return number, "", note


def _number(call: CallView, words: Words) -> str:
    withheld = codes.CALLERS["withheld"]
    if call.caller_kind == "withheld":
        return words(withheld)
    return pretty(call.caller) if call.caller else call.caller_raw or words(withheld)


def _why(call: CallView) -> Why | None:
    return call.told.why if call.told else None


def _is_new(call: CallView) -> bool:
    why = _why(call)
    if why is None or why.told_by != "base":
        return False
    return why.caller == "known" and not why.known and why.new_card


def line_of(call: CallView, setup: Setup) -> str:
    line = setup.lines.get(call.line)
    return (line.name if line else "") or pretty(call.line)


def sentence_of(call: CallView, setup: Setup, language: Language) -> str:
    """Why the call went where it went; of one that nobody asked us about, just that."""
    if call.told is None:
        words = speak(language)
        if call.direction != "in":
            return ""
        return words("The PBX did not ask us: it routed this call by itself.")
    legs = [leg for leg in call.legs if leg.run == call.told.run or not leg.planned]
    return why_text(call.told.why, setup, language=language, legs=legs)


# Whose phones ring or talk


def _people(call: CallView, voice: Voice, now: datetime) -> Iterator[OnPhone]:
    if call.state in OVER:
        return
    if call.state == "waiting":
        yield _in_line(call, voice)
        return
    legs = _others(call)
    talking = [leg for leg in legs if leg.status == "talking"]
    ringing = [] if talking else [leg for leg in legs if _rings(leg, now)]
    seen = set()
    for leg in talking or ringing:
        name = _owner(leg, voice)
        if name not in seen:
            seen.add(name)
            yield _on_phone(leg, name, voice.words, talking=bool(talking))


def _others(call: CallView) -> list[LegView]:
    """The legs but, of a call inside, for that of who dialled: the title names him."""
    inside = call.direction == "internal"
    return [leg for leg in call.legs if not (inside and leg.manager == call.manager)]


def _in_line(call: CallView, voice: Voice) -> OnPhone:
    """A caller who waits: his place, since when, and how long it may last."""
    words, why = voice.words, _why(call)
    place = why.place if why else None
    if place is None:
        return OnPhone(words("Waits in line"), "…", "", talking=False, in_line=True)
    said = words("place {n}", n=place.position)
    if place.expected_s is not None:
        about = formats.length(words, max(60, round(place.expected_s / 60) * 60))
        said = words("{place}, about {length} more", place=said, length=about)
    face = str(place.position)
    return OnPhone(words("Waits in line"), face, said, False, place.since, in_line=True)


def _rings(leg: LegView, now: datetime) -> bool:
    """A phone that has said so, or whose turn has come by the plan."""
    if leg.status == "ringing":
        return True
    begun = leg.ring_from is not None and leg.ring_from <= now
    return leg.status == "planned" and begun and (leg.ring_until is None or now < leg.ring_until)


def _owner(leg: LegView, voice: Voice) -> str:
    if leg.manager:
        return voice.name(leg.manager)
    if leg.planned:
        return voice.words("Last resort")
    return pretty(leg.dial)


def _hears_message(call: CallView) -> bool:
    talks = [leg for leg in call.legs if leg.status == "talking"]
    return bool(talks) and all(leg.machine and not leg.planned for leg in talks)


def _is_turned_away(call: CallView) -> bool:
    """Told to be rejected, though its end has not been heard of yet."""
    return call.state == "ringing" and bool(call.told and isinstance(call.told.decision, Reject))


def _on_phone(leg: LegView, name: str, words: Words, *, talking: bool) -> OnPhone:
    doing = codes.LEGS["talking"] if talking else codes.LEGS["ringing"]
    since = leg.answered_at if talking else leg.ring_from
    if leg.machine and not leg.planned:
        said = words("the caller hears it now")
        return OnPhone(words("Message"), "♪", said, talking, since)
    if leg.manager:
        return OnPhone(name, initials(name), words(doing), talking, since)
    says = f"{pretty(leg.dial)} · {words(doing)}" if leg.planned else words(doing)
    return OnPhone(name, "☎", says, talking, since)


def initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2] if word).upper()


def _result(call: CallView, voice: Voice) -> str:
    """How it ended, and with whom; of an open call, that nothing rings yet."""
    words = voice.words
    if call.state not in OVER:
        return ""
    if call.state == "answered":
        talked = next((leg for leg in _others(call) if leg.answered_at), None)
        who = _owner(talked, voice) if talked else ""
        if call.manager and call.direction != "internal":
            who = voice.name(call.manager)
        how_long = formats.length(words, call.duration_s) if call.duration_s else ""
        return " · ".join(text for text in (who, how_long) if text)
    if call.state == "missed" and any(leg.machine and leg.answered_at for leg in call.legs):
        return words("heard the message")
    return reason_of(words, call.reason) if call.reason else words("nobody talked")


def _outcome(call: CallView, words: Words) -> str:
    if not may_have_outcome(call):
        return ""
    return words(OUTCOMES[call.outcome]) if call.outcome else words("Outcome")


def _clock(at: datetime, voice: Voice, now: datetime) -> str:
    local, today = voice.local(at), voice.local(now)
    same = local.date() == today.date()
    return f"{local:%H:%M:%S}" if same else f"{local:%d.%m %H:%M}"


def rows_of(
    calls: Sequence[CallView], setup: Setup, language: Language, now: datetime
) -> list[Row]:
    return [row_of(call, setup, language, now) for call in calls]
