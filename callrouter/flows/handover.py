"""Handing a manager's open work over to others, and taking that back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.managers import NOTHING_KNOWN
from callrouter.flows.cooling import mates
from callrouter.flows.gather import board_of
from storage import cards, choices, handovers, notices
from storage.handovers import NOUNS, Counts, Handover, Noun, Piece
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.managers import ManagerFacts
    from callrouter.domain.setup import Manager, Setup

AT_ONCE = 200
"""Pieces in one transaction: a write has 50 ms."""

Given = tuple[Noun, str, str]
"""(noun, id, to whom)."""


class CannotHandOver(ValueError):
    """The message says what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a receiver gets, and his load before and after."""

    manager: Manager
    counts: Counts
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Undone:
    """What went back, and how much stays because it was changed since. `last`: go on after it."""

    back: Counts
    left: int
    last: tuple[str, str] | None


def giver_of(setup: Setup, key: str) -> Manager:
    """Raises CannotHandOver."""
    if (found := setup.managers.get(key)) is None:
        raise CannotHandOver(f"«{key}»: there is no such manager")
    return found


def receivers_of(setup: Setup, giver: Manager, to: str | None) -> tuple[Manager, ...]:
    """Who gets his work: `to`, or where that is None his team's active members who own cards.

    Without a team, everybody's. Raises CannotHandOver.
    """
    if to is None:
        found = tuple(one for one in mates(giver, setup) if one.owns_cards and one.key != giver.key)
        if not found:
            raise CannotHandOver(
                f"«{giver.key}»: nobody active with owns_cards is in his team; name a manager"
            )
        return found
    receiver = giver_of(setup, to)
    if receiver.key == giver.key:
        raise CannotHandOver(f"«{to}»: FROM and TO are the same manager")
    if not receiver.active:
        raise CannotHandOver(f"«{to}» is not active; allowed: a manager with active = true")
    return (receiver,)


def share_out(
    conn: Connection,
    setup: Setup,
    pieces: Sequence[Piece],
    receivers: Sequence[Manager],
    *,
    now: datetime,
) -> tuple[list[Given], list[Share]]:
    """Decide who gets what; reads only.

    What belongs to one contact goes to one person. The oldest contact comes first; with cards that
    weigh anything it goes to whoever is least loaded by what he has and got before, without them to
    whoever got fewest things. Of equals the other figure decides, then the key.
    """
    board = board_of(conn, [one.key for one in receivers], setup, now=now)
    piles = [_Pile.of(one, board.facts.get(one.key, NOTHING_KNOWN), now) for one in receivers]
    together: dict[str, list[Piece]] = {}
    for piece in pieces:
        together.setdefault(piece.of, []).append(piece)
    given: list[Given] = []
    for theirs in together.values():
        weight = sum(_weight(piece, setup) for piece in theirs)
        pile = min(piles, key=_Pile.by_load if weight else _Pile.by_count)
        pile.weight += weight
        pile.got.update(piece.noun for piece in theirs)
        given += [(piece.noun, piece.id, pile.manager.key) for piece in theirs]
    return given, [Share(pile.manager, _counts(pile.got), pile.before, pile.load) for pile in piles]


@dataclass
class _Pile:
    """What one receiver gets."""

    manager: Manager
    before: float
    weight: float = 0.0
    got: Counter[Noun] = field(default_factory=Counter)

    @classmethod
    def of(cls, manager: Manager, facts: ManagerFacts, now: datetime) -> _Pile:
        return cls(manager, facts.parts(now).of(manager.capacity))

    @property
    def load(self) -> float:
        return self.before + self.weight / max(self.manager.capacity, 1)

    def by_load(self) -> tuple[float, int, str]:
        return (round(self.load, 9), self.got.total(), self.manager.key)

    def by_count(self) -> tuple[int, float, str]:
        return (self.got.total(), round(self.load, 9), self.manager.key)


def hand_over(
    conn: Connection,
    setup: Setup,
    part: Sequence[Given],
    *,
    id_: str,
    giver: str,
    to: str | None,
    by: str,
    now: datetime,
) -> Counts:
    """Give a part of what was shared out, at most `AT_ONCE`; begins the handover with its first.

    What is the giver's no longer, or is over, is left as it is. Gives what went over.
    """
    handovers.begin(conn, id_, giver, to, by=by, now=now)
    whose = {(noun, piece): receiver for noun, piece, receiver in part}
    moved: list[Given] = []
    happened: list[Happening] = []

    states = cards.states(conn, _ids(part, "card"))
    changes = []
    for state in states.values():
        if state.manager == giver and not state.closed:
            receiver = whose["card", state.id]
            changes.append((state, _given_to(state, receiver, setup, id_, now)))
            moved.append(("card", state.id, receiver))
            happened.append(_owned(state.id, receiver, by, now))
    cards.change(conn, changes, now=now)
    choices.touch_those_of(conn, [after.id for _, after in changes], now=now)

    responsible = handovers.responsible_of(conn, _ids(part, "contact"))
    contacts = {
        piece: whose["contact", piece] for piece, (key, _) in responsible.items() if key == giver
    }
    handovers.set_responsible(conn, contacts, by=_mark(id_), now=now)
    owners = handovers.owners_of(conn, _ids(part, "task"))
    tasks = {piece: whose["task", piece] for piece, owner in owners.items() if owner == giver}
    handovers.set_owner(conn, tasks)

    moved += [("contact", piece, receiver) for piece, receiver in sorted(contacts.items())]
    moved += [("task", piece, receiver) for piece, receiver in sorted(tasks.items())]
    handovers.keep(conn, id_, moved)
    _tell(conn, "handed_over", moved, happened, giver, id_, by=by, now=now)
    return _counts(Counter(noun for noun, _, _ in moved))


def undo(
    conn: Connection,
    setup: Setup,
    done: Handover,
    *,
    by: str,
    now: datetime,
    after: tuple[str, str] = ("", ""),
) -> Undone:
    """Put a part of a handover back, after the last that was looked at; the last part closes it.

    Only what nobody changed since goes back: what is still whom it went to by this handover, and
    open. An undo that was cut short is begun again.
    """
    part = handovers.items(conn, done.id, after=after, limit=AT_ONCE)
    mark = _mark(done.id)
    whose = {(noun, piece): receiver for noun, piece, receiver in part}
    back: list[Given] = []
    before: set[tuple[Noun, str]] = set()
    happened: list[Happening] = []

    changes = []
    for state in cards.states(conn, _ids(part, "card")).values():
        if state.manager_by != mark or state.closed:
            continue
        if state.manager == done.giver:
            before.add(("card", state.id))
        elif state.manager == whose["card", state.id]:
            changes.append((state, _given_to(state, done.giver, setup, done.id, now)))
            back.append(("card", state.id, done.giver))
            happened.append(_owned(state.id, done.giver, by, now))
    cards.change(conn, changes, now=now)
    choices.touch_those_of(conn, [after.id for _, after in changes], now=now)

    contacts: dict[str, str] = {}
    for piece, (key, set_by) in handovers.responsible_of(conn, _ids(part, "contact")).items():
        if set_by == mark and key == done.giver:
            before.add(("contact", piece))
        elif set_by == mark and key == whose["contact", piece]:
            contacts[piece] = done.giver
    handovers.set_responsible(conn, contacts, by=mark, now=now)

    tasks: dict[str, str] = {}
    for piece, owner in handovers.owners_of(conn, _ids(part, "task")).items():
        if owner == done.giver:
            before.add(("task", piece))
        elif owner == whose["task", piece]:
            tasks[piece] = done.giver
    handovers.set_owner(conn, tasks)

    back += [("contact", piece, done.giver) for piece in sorted(contacts)]
    back += [("task", piece, done.giver) for piece in sorted(tasks)]
    _tell(conn, "handover_undone", back, happened, done.giver, done.id, by=by, now=now)
    whole = len(part) < AT_ONCE
    if whole:
        handovers.close(conn, done.id, now=now)
    last = None if whole else part[-1][:2]
    left = len(part) - len(back) - len(before)
    return Undone(_counts(Counter(noun for noun, _, _ in back)), left, last)


def _given_to(
    state: cards.CardState, receiver: str, setup: Setup, id_: str, now: datetime
) -> cards.CardState:
    found = setup.managers.get(receiver)
    team = found.team if found else None
    return replace(state, manager=receiver, manager_by=_mark(id_), manager_at=now, team=team)


def _mark(id_: str) -> str:
    """How cards and intervals name what made them somebody's."""
    return f"handover:{id_}"


def _owned(card: str, receiver: str, by: str, now: datetime) -> Happening:
    return Happening("card_owned", now, by, card=card, data={"manager": receiver})


def _tell(
    conn: Connection,
    kind: str,
    moved: Sequence[Given],
    happened: Sequence[Happening],
    giver: str,
    id_: str,
    *,
    by: str,
    now: datetime,
) -> None:
    """Record what moved, and let the screens of all concerned show it."""
    if not moved:
        return
    counts = Counter(noun for noun, _, _ in moved)
    data: dict[str, str | int | None] = {"handover": id_, "from": giver}
    data |= {noun: counts[noun] for noun in NOUNS}
    notices.record(conn, [*happened, Happening(kind, now, by, data=data)], now=now)
    people = sorted({giver} | {receiver for _, _, receiver in moved})
    notices.tell_people(conn, "manager", people, now=now)
    owing = sorted({receiver for noun, _, receiver in moved if noun == "task"})
    notices.tell_people(conn, "obligation", owing, now=now)


def _ids(part: Iterable[Given], noun: Noun) -> list[str]:
    return [piece for kind, piece, _ in part if kind == noun]


def _weight(piece: Piece, setup: Setup) -> float:
    """What a card adds to a load; other things add nothing."""
    if piece.noun != "card":
        return 0.0
    pipeline = setup.pipelines.get(piece.pipeline or "")
    status = pipeline.status(piece.status or "") if pipeline else None
    return status.weight if status else 1.0


def _counts(counted: Counter[Noun]) -> Counts:
    return Counts(counted["card"], counted["contact"], counted["task"])
