"""Writes calls as their events leave them, and does once what their states ask to be done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.calls import Leg
from callrouter.domain.ladders import NEVER
from callrouter.flows import cooling, next_steps, obligations
from callrouter.flows.callers import identify
from callrouter.flows.work import Work
from storage import batches, calls, cards, contacts, counters, journal, notices, outbox
from storage.batches import Written
from storage.cards import CardState
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from storage.calls import StoredCall, Talk
    from storage.counters import Pulse

LONGEST = timedelta(days=2)
"""Resets and talks further back than this cannot touch a call that is still open."""

SAME_CALL_FOR = timedelta(hours=24)
"""So far from its beginning a call cannot be the consultation that a transfer names by its id."""


def load_works(conn: Connection, ids: Iterable[str], setup: Setup) -> dict[str, Work]:
    """Calls of the base with their events and what they were told, ready to be folded."""
    return works_of(conn, calls.by_ids(conn, ids), setup)


def works_of(conn: Connection, stored: Mapping[str, StoredCall], setup: Setup) -> dict[str, Work]:
    """The same for calls that were found already."""
    events = journal.events_of(conn, stored)
    told = calls.told_of(conn, stored)
    return {
        id_: Work(
            id=id_,
            account=one.account,
            ref=one.ref,
            generation=one.generation,
            setup=setup,
            stored=one,
            events=events[id_],
            told=told[id_],
            contact=one.contact,
            stranger=one.stranger,
        )
        for id_, one in stored.items()
    }


def fold_all(conn: Connection, works: dict[str, Work], setup: Setup, *, now: datetime) -> None:
    """Fold calls; others that are over by what these tell join them.

    So are consultations that a transfer put together with one of these, and talks whose phone has
    answered one of these.
    """
    _join(conn, works, setup)
    accounts = {work.account for work in works.values()}
    resets = journal.resets_of(conn, accounts, now - LONGEST)
    for work in works.values():
        work.resets = tuple(resets.get(work.account, ()))
        work.fold(now)
    talks = _talks(works.values())
    if not talks:
        return
    since = min(talk.answered_at for talk in talks) - LONGEST
    phones = {(talk.account, talk.dial) for talk in talks if talk.dial}
    others = [t for t in calls.talks_on(conn, phones, since) if t.call not in works]
    ousted = load_works(conn, _ousted(talks, others), setup)
    _join(conn, ousted, setup)
    for work in ousted.values():
        work.resets = tuple(resets.get(work.account, ()))
        work.fold(now)
    works |= ousted
    answered = _by_phone([*talks, *others])
    for work in works.values():
        if superseded := _superseded(work, answered):
            work.superseded = superseded
            work.fold(now)


def _join(conn: Connection, works: dict[str, Work], setup: Setup) -> None:
    """Load the consultations that these calls' transfers name, and mark all that were such."""
    told: dict[tuple[str, str], list[datetime]] = {}
    for work in works.values():
        for event in work.events:
            if event.joins:
                told.setdefault((work.account, event.joins), []).append(event.moment)
    here = {(work.account, work.ref) for work in works.values()}
    named = calls.find(conn, told.keys() - here)
    # One that ended by it was folded so already, and learns nothing new.
    fresh = {
        one.id: one for ref, one in named.items() if not (one.over_at and one.ended_at in told[ref])
    }
    works |= works_of(conn, fresh, setup)
    found = journal.joins_of(conn, {(work.account, work.ref) for work in works.values()})
    for work in works.values():
        ref = (work.account, work.ref)
        began = min((event.moment for event in work.events), default=None)
        moments = [*found.get(ref, ()), *told.get(ref, ())]
        near = [one for one in moments if began and abs(one - began) < SAME_CALL_FOR]
        if near:
            work.join(min(near))


def _talks(works: Iterable[Work]) -> list[Talk]:
    return [
        calls.Talk(work.id, leg.ref, work.account, leg.dial, leg.answered_at, leg.outbound)
        for work in works
        if work.state
        for leg in work.state.legs
        if leg.answered_at and leg.dial
    ]


def _ousted(new: Sequence[Talk], others: Sequence[Talk]) -> set[str]:
    """The calls whose talk on a phone ended because that phone answered another."""
    answered = _by_phone(new)
    return {
        old.call
        for old in others
        if not old.ended
        and any(moment > old.answered_at for moment, _ in answered.get((old.account, old.dial), ()))
    }


def _by_phone(talks: Iterable[Talk]) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
    """When each phone answered, and which call, in order.

    One that called out has answered nothing: the talk before may wait until it comes back.
    """
    found: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    for talk in sorted(talks, key=lambda one: one.answered_at):
        if not talk.outbound:
            found.setdefault((talk.account, talk.dial), []).append((talk.answered_at, talk.call))
    return found


def _superseded(
    work: Work, answered: Mapping[tuple[str, str], Sequence[tuple[datetime, str]]]
) -> dict[str, datetime]:
    """The call's legs whose phone answered another call later, and when."""
    found: dict[str, datetime] = {}
    for leg in work.state.legs if work.state else ():
        if leg.answered_at:
            for moment, call in answered.get((work.account, leg.dial), ()):
                if call != work.id and moment > leg.answered_at:
                    found[leg.ref] = moment
                    break
    return found


def number(
    conn: Connection,
    works: Sequence[Work],
    setup: Setup,
    *,
    heard: Collection[str] = (),
    events: int = 0,
    now: datetime,
) -> int:
    """Number the transaction that is about to write these calls.

    `heard`: those of which it brings new `events`. What decides comes before, what is decided by it
    after: so the past can be told in the order in which it was known.
    """
    written: dict[str, Written] = {}
    for work in works:
        new = work.stranger and not (work.stored and work.stored.stranger)
        if work.id not in heard or work.superseded or work.joined or new:
            written[work.id] = Written(work.superseded, work.joined, new)
    return batches.number(conn, written, setup=setup.version, events=events, now=now)


def write(
    conn: Connection, works: Sequence[Work], happened: Sequence[Happening], *, now: datetime
) -> None:
    """Write folded and identified calls, and act on what their states ask for, once.

    `happened`: what their identification brought about; it is recorded with the rest.
    """
    if not works:
        return
    pairs = [(work.as_stored(), work.state or work.fold(now)) for work in works]
    new = frozenset(work.id for work in works if work.new)
    calls.save(conn, pairs, new=new, now=now)
    counters.beat(conn, beats_of(works, now))
    came_by = {
        work.contact: work.line.source
        for work in works
        if work.new and work.known and work.contact and work.direction == "in"
    }
    contacts.set_last_source(conn, {c: source for c, source in came_by.items() if source}, now=now)
    more = _talked(conn, works, now=now) + _milestones(conn, works, now=now)
    more += obligations.follow(conn, works, now=now)
    more += cooling.follow(conn, works, now=now)
    next_steps.follow(conn, works, now=now)
    notices.record(conn, [*happened, *more], now=now)
    notices.tell(conn, [work.id for work in works], now=now)
    outbox.put_rings(conn, [work.id for work in works if _is_heard(work)], now=now)


def _is_heard(work: Work) -> bool:
    """Whether somebody outside is to be told that it rings: the pop's link by webhook or mail."""
    setup, state = work.setup, work.state
    if state is None or state.over or work.direction != "in" or work.internal:
        return False
    if not (setup.workplace.pop_mail or any(one.hears("call.ringing") for one in setup.webhook)):
        return False
    return any(leg.manager and leg.status in ("planned", "ringing") for leg in state.legs)


def settle(conn: Connection, ids: Sequence[str], setup: Setup, *, now: datetime) -> list[Work]:
    """Bring calls to what their events and the clock make of them; gives all that it wrote."""
    works = load_works(conn, ids, setup)
    fold_all(conn, works, setup, now=now)
    found = list(works.values())
    happened = identify(conn, found, now=now)
    if found:
        number(conn, found, setup, now=now)
    write(conn, found, happened, now=now)
    return found


def beats_of(works: Sequence[Work], now: datetime) -> dict[str, Pulse]:
    """The latest offer and talk of every manager in these calls."""
    beats: dict[str, Pulse] = {}
    for work in works:
        for leg in work.state.legs if work.state else ():
            if leg.manager is None:
                continue
            offer, talk = beats.get(leg.manager, (None, None))
            if leg.ring_from and leg.ring_from <= now:
                offer = max(offer or leg.ring_from, leg.ring_from)
            ended = leg.ended_at or leg.answered_at
            if leg.talked and ended:
                talk = max(talk or ended, ended)
            if offer or talk:
                beats[leg.manager] = (offer, talk)
    return beats


def _talked(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """What a talk does: the contact's last talker, the card's last touch, its first owner."""
    talked = [work for work in works if work.state and work.state.answered_at]
    last: dict[str, tuple[str, datetime]] = {}
    for work in talked:
        for leg in _talks_with_managers(work):
            heard = leg.ended_at if not leg.presumed else None
            moment = heard or leg.answered_at or now
            old = last.get(work.contact or "")
            if work.contact and leg.manager and (old is None or moment >= old[1]):
                last[work.contact] = (leg.manager, moment)
    contacts.note_talk(conn, last, now=now)

    before = cards.states(conn, [work.card.id for work in talked if work.card])
    after = dict(before)
    happened: list[Happening] = []
    for work in sorted(talked, key=lambda one: (one.state and one.state.answered_at) or now):
        if work.card and (card := after.get(work.card.id)):
            touched = _touch(card, work)
            owned = _own(conn, touched, work, now=now)
            if owned.manager != card.manager:
                kind = "card_owned" if owned.manager else "card_disowned"
                data = {"manager": owned.manager or card.manager}
                happened.append(Happening(kind, now, work.id, work.id, card.id, data=data))
            after[card.id] = owned
    changes = [(before[id_], card) for id_, card in after.items() if card != before[id_]]
    cards.change(conn, changes, now=now)
    return happened


def _talks_with_managers(work: Work) -> list[Leg]:
    return [leg for leg in (work.state.legs if work.state else ()) if leg.talked and leg.manager]


def _answered(work: Work) -> datetime:
    return (work.state.answered_at if work.state else None) or NEVER


def _touch(card: CardState, work: Work) -> CardState:
    moments = [leg.answered_at for leg in _talks_with_managers(work) if leg.answered_at]
    latest = max(moments, default=None)
    if latest and (card.last_contact is None or latest > card.last_contact):
        return replace(card, last_contact=latest)
    return card


def _own(conn: Connection, card: CardState, work: Work, *, now: datetime) -> CardState:
    """Whose a talk makes a card; one that was too short gives it back.

    The first talker keeps a card that is nobody's; with `owner = "last"` a later talk takes it over
    from whoever had it when it began. A call decides anew only when it has learned of another
    event, and never over what was decided after its talk.
    """
    state, managers = work.state, work.setup.managers
    owner = state.owner if state else None
    since = state.owner_since if state else None
    mine = card.manager_by in (None, work.id)
    last = work.setup.routing.owner == "last"
    takes = last and since is not None and (card.manager_at is None or since > card.manager_at)
    if owner == card.manager or not (mine or takes):
        return card
    if owner and card.manager and card.manager_by != work.id and state and not state.owner_sure:
        return card
    act = f"own:{owner or '-'}@{len(work.events)}"
    if not cards.claim_acts(conn, [(work.id, act)], now=now):
        return card
    by: str | None = work.id
    if owner is None:
        owner, by = cards.owner_before(conn, card.id, work.id) if last else (None, None)
    return replace(
        card,
        manager=owner,
        manager_by=by,
        manager_at=since or (state.answered_at if state else now),
        team=managers[owner].team if owner in managers else None,
    )


def _milestones(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """A call's beginning, first answer and end, each told once in the business events."""
    reached: dict[tuple[str, str], Happening] = {}
    for work in works:
        state = work.state
        if state is None:
            continue
        old = work.stored

        def note(kind: str, at: datetime, call: Work = work) -> None:
            card = call.card.id if call.card else None
            reached[call.id, kind] = Happening(kind, at, call.id, call.id, card, call.contact)

        if old is None:
            note("call_began", state.started_at)
        if state.answered_at and not (old and old.answered_at):
            note("call_answered", state.answered_at)
        if state.over and state.ended_at and not (old and old.over_at):
            note("call_ended", state.ended_at)
    new = {work.id for work in works if work.new}
    done = cards.claim_acts(conn, list(reached), now=now, new=new)
    return [happening for key, happening in reached.items() if key in done]
