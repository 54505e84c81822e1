"""The letters and offers of a card: where each stands, and what may be done with it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from callrouter.domain.letters import CANCELLABLE, SETTLED
from callrouter.flows.letters import may_approve
from callrouter.forming.values import money
from callrouter.pages.card_timeline import LETTER_KINDS, LETTER_STATES, TONES
from callrouter.pages.rendering import milliseconds
from callrouter.wording import formats
from callrouter.wording.letters import why_letter

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.pages.card_read import WholeCard
    from callrouter.pages.doors import Guest
    from callrouter.wording.people import Voice
    from storage.letters import StoredLetter

MOVING: Final = frozenset({"waiting", "todo", "sending"})
"""States that change by themselves: whoever looks is shown it."""


@dataclass(frozen=True, slots=True)
class LetterRow:
    """`until`: it can be taken back until then, as browsers count; `acts`: what may be done now:
    cancel, approve, again, sent.
    """

    id: str
    name: str
    to: str
    state: str
    tone: str
    when: str
    why: str
    until: int | None
    acts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperRow:
    id: str
    name: str
    total: str
    when: str
    state: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A letter that may be asked for on purpose; `again`: the card has had it."""

    key: str
    name: str
    again: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """`moving`: something changes by itself, so look again soon. `may_issue`: an offer could get
    its number now; `may_preview`: there are items.
    """

    letters: tuple[LetterRow, ...]
    papers: tuple[PaperRow, ...]
    asks: tuple[Ask, ...]
    moving: bool
    may_issue: bool
    may_preview: bool


def desk_of(whole: WholeCard, guest: Guest, voice: Voice, now: datetime) -> Desk:
    letters = tuple(_letter(one, guest, voice, now) for one in reversed(whole.letters))
    works, items = guest.may("work"), bool(whole.items.items)
    return Desk(
        letters=letters,
        papers=tuple(_papers(whole, voice)),
        asks=tuple(_asks(whole, voice)) if works else (),
        moving=any(one.state in MOVING for one in whole.letters),
        may_issue=works and items and whole.items.confirmed,
        may_preview=items,
    )


def _letter(one: StoredLetter, guest: Guest, voice: Voice, now: datetime) -> LetterRow:
    words = voice.words
    at = one.sent_at or one.asked_at
    until = one.wait_until if one.state == "waiting" else None
    return LetterRow(
        id=one.id,
        name=words(LETTER_KINDS.get(one.kind, one.kind)),
        to=one.email or "",
        state=words(LETTER_STATES[one.state]),
        tone=TONES.get(one.state, ""),
        when=formats.moment(voice.local(at)),
        why=why_letter(one.reason, language=words.language) if one.reason else "",
        until=milliseconds(until) if until and until > now else None,
        acts=tuple(_acts(one, guest, voice)) if guest.may("work") else (),
    )


def _acts(one: StoredLetter, guest: Guest, voice: Voice) -> Iterator[str]:
    approves = may_approve(one, voice.setup, guest.viewer)
    if one.state == "approval" and one.reason != "no_items" and approves:
        yield "approve"
    if one.state in ("in_doubt", "failed"):
        yield "again"
    if one.state == "in_doubt":
        yield "sent"
    if one.state in CANCELLABLE:
        yield "cancel"


def _papers(whole: WholeCard, voice: Voice) -> Iterator[PaperRow]:
    words = voice.words
    states = {"issued": "", "replaced": words("replaced"), "annulled": words("annulled")}
    for one in whole.papers:
        yield PaperRow(
            id=one.id,
            name=words("Offer No. {number}", number=one.label),
            total=money(one.offer.totals.total, words),
            when=f"{one.dated:%d.%m.%Y}",
            state=states[one.state],
        )


def _asks(whole: WholeCard, voice: Voice) -> Iterator[Ask]:
    """Letters of its pipeline, unless one of that key is still on its way."""
    last = {one.key: one for one in whole.letters}
    for spec in voice.setup.letter:
        before = last.get(spec.key)
        if spec.pipeline != whole.card.pipeline or (before and before.state not in SETTLED):
            continue
        name = voice.words(LETTER_KINDS.get(spec.kind, spec.kind))
        yield Ask(spec.key, name, again=before is not None)
