"""A call on the screen of whoever is rung: what pops up, and what the browser needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from callrouter.domain.client_time import time_of
from callrouter.domain.phones import pretty
from callrouter.forming.values import money
from callrouter.pages.afterwards import OUTCOMES
from callrouter.pages.rendering import milliseconds, render
from callrouter.wording import codes, formats
from callrouter.wording.moves import status_named
from callrouter.wording.people import Voice
from callrouter.wording.tasks import KINDS

if TYPE_CHECKING:
    from callrouter.wording import Words
    from storage.pops import Before, Calling, Ring, Talk, ToDo

PopAt = Literal["ring", "answer", "never"]
State = Literal["ringing", "talking"]

LATE: Final = timedelta(seconds=5)
"""A browser takes a ring away by itself so long after its end, if nobody tells it anything."""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    late: bool = False


@dataclass(frozen=True, slots=True)
class Pop:
    """What it shows; `said`: who calls, in a line."""

    title: str
    number: str
    line: str
    since: datetime
    local_time: str
    card: str
    manager: str
    talks: tuple[str, ...]
    tasks: tuple[Line, ...]
    card_url: str
    write_up_url: str
    url: str

    @property
    def said(self) -> str:
        return " · ".join(text for text in (self.title, self.number) if text)


def state_of(ring: Ring) -> State:
    return "talking" if ring.talks else "ringing"


def pop_of(
    one: Calling, ring: Ring, before: Before, voice: Voice, now: datetime, *, url: str
) -> Pop:
    number = number_of(one, voice.words)
    line = voice.setup.lines.get(one.line)
    return Pop(
        title=one.contact_name or number,
        number=number if one.contact_name else "",
        line=(line.name if line else "") or pretty(one.line),
        since=ring.since,
        local_time=local_time(one.caller, voice, now),
        card=card_of(one, voice),
        manager=voice.name(one.manager) if one.manager else "",
        talks=tuple(talk_of(talk, voice, now) for talk in before.talks),
        tasks=tuple(task_of(task, voice, now) for task in before.tasks),
        card_url=f"/cards/{one.card}" if one.card else "",
        write_up_url=f"/calls/{one.id}/write-up",
        url=url,
    )


def message_of(pop: Pop, call: str, ring: Ring, voice: Voice) -> dict[str, object]:
    """As the browser gets it. `loud`: it is to be heard, not only seen."""
    html = render("_pop", voice.words.language, pop=pop)
    until = milliseconds(ring.until + LATE) if ring.until and not ring.talks else None
    title = voice.words("You are talking") if ring.talks else voice.words("Calls you")
    return {
        "call": call,
        "state": state_of(ring),
        "loud": not ring.talks,
        "html": html,
        "title": title,
        "said": pop.said,
        "url": pop.url,
        "until": until,
    }


def number_of(one: Calling, words: Words) -> str:
    said = codes.CALLERS["withheld"]
    withheld = words(said)
    if one.caller_kind == "withheld":
        return withheld
    return pretty(one.caller) if one.caller else one.caller_raw or withheld


def card_of(one: Calling, voice: Voice) -> str:
    """`№ 318 · Offer sent · 120 000 ₽`"""
    if not one.card_number:
        return ""
    words, pipeline = voice.words, voice.setup.pipelines.get(one.pipeline or "")
    parts = [words("No. {number}", number=one.card_number), one.card_title]
    parts.append(status_named(pipeline, one.status or "", words))
    if one.amount:
        parts.append(money(one.amount, words))
    return " · ".join(part for part in parts if part)


def local_time(number: str | None, voice: Voice, now: datetime) -> str:
    """What time it is there, if that is certain and not our own."""
    theirs, ours = time_of(number, now), voice.local(now).replace(tzinfo=None)
    if theirs is None or theirs == ours:
        return ""
    hours = (theirs - ours).total_seconds() / 3600
    ahead = f"{'+' if hours > 0 else '−'}{formats.amount(voice.words, abs(hours))}"
    day = "" if theirs.date() == ours.date() else f"{theirs:%d.%m} "
    return voice.words("{time} ({ahead} h)", time=f"{day}{theirs:%H:%M}", ahead=ahead)


def talk_of(talk: Talk, voice: Voice, now: datetime) -> str:
    """When, with whom, how long, and what came of it."""
    at = voice.local(talk.at)
    when = formats.until(at, voice.local(now))
    parts = [when, voice.name(talk.manager) if talk.manager else ""]
    parts.append(formats.length(voice.words, talk.seconds) if talk.seconds else "")
    parts.append(voice.words(OUTCOMES[talk.outcome]) if talk.outcome else "")
    return " · ".join(part for part in parts if part)


def task_of(task: ToDo, voice: Voice, now: datetime) -> Line:
    words = voice.words
    name = words("Call back") if task.kind == "call_back" else words(KINDS.get(task.kind, "Task"))
    text = task.text if task.kind == "task" and task.text else name
    if task.due_at is None:
        return Line(text)
    due = voice.local(task.due_at)
    when = formats.until(due, voice.local(now))
    return Line(f"{when} · {text}", late=task.due_at < now)
