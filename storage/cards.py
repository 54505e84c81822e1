"""Cards: the claim by which calls make only one, whose each is, and the counters of load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from callrouter.domain.routing import CardFacts
from storage import rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import act, card, card_contact, last_batch, load, responsibility, transition

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card that a call makes, or (`by`) a lead, a person or a program.

    `claimed` False: the caller withheld his number, or somebody wants one more by hand.
    """

    id: str
    number: int
    contact: str
    pipeline: str
    status: str
    call: str = ""
    claimed: bool = True
    source: str | None = None
    office: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class CardState:
    """What load and ownership look at."""

    id: str
    number: int
    pipeline: str
    status: str
    manager: str | None
    manager_by: str | None
    manager_at: datetime | None
    last_contact: datetime | None
    closed: bool
    team: str | None = None


_FACTS = (
    card.c.id,
    card.c.number,
    card.c.pipeline,
    card.c.status,
    card.c.manager,
    card.c.last_contact_at,
    card.c.closed_at,
)
_OF_CONTACTS = (
    select(*_FACTS, card.c.contact).where(among(card.c.contact, "contacts")).order_by(card.c.number)
)
_BESIDE = (
    select(*_FACTS, card_contact.c.contact)
    .join_from(card_contact, card, card.c.id == card_contact.c.card)
    .where(
        among(card_contact.c.contact, "contacts"),
        card.c.closed_at.is_(None),
        card.c.contact.is_distinct_from(card_contact.c.contact),
    )
    .order_by(card.c.number)
)
_CLAIMED = select(card.c.open_for, card.c.id).where(among(card.c.open_for, "claims"))


def of_contacts(conn: Connection, contacts: Iterable[str]) -> dict[str, tuple[CardFacts, ...]]:
    """Each contact's cards, open and closed, in the order of their numbers.

    Then the open ones whose main contact is another, and he stands beside.
    """
    ids = set(contacts)
    if not ids:
        return {}
    found: dict[str, list[CardFacts]] = {}
    for query, beside in ((_OF_CONTACTS, False), (_BESIDE, True)):
        for row in conn.execute(query, {"contacts": ids}):
            if row.contact:
                found.setdefault(row.contact, []).append(
                    CardFacts(
                        row.id,
                        row.number,
                        row.pipeline,
                        row.status,
                        row.manager,
                        open=row.closed_at is None,
                        last_contact=row.last_contact_at,
                        beside=beside,
                    )
                )
    return {contact: tuple(cards) for contact, cards in found.items()}


def make(conn: Connection, new: Sequence[NewCard], *, now: datetime) -> dict[str, str]:
    """Make cards for calls; gives which card stands for each claim, maybe one made before."""
    rows.add_new(
        conn,
        card,
        [
            {
                "id": one.id,
                "number": one.number,
                "contact": one.contact,
                "open_for": claim(one.contact, one.pipeline) if one.claimed else None,
                "pipeline": one.pipeline,
                "status": one.status,
                "source_first": one.source,
                "source_last": one.source,
                "office": one.office,
                "made_by_call": one.call or None,
                "status_at": now,
                "created_at": now,
                "updated_at": now,
            }
            for one in new
        ],
    )
    claims = [claim(one.contact, one.pipeline) for one in new if one.claimed]
    stand = (
        {row.open_for: row.id for row in conn.execute(_CLAIMED, {"claims": claims}) if row.open_for}
        if claims
        else {}
    )
    made = {one.id for one in new if not one.claimed} | set(stand.values())
    rows.add_new(
        conn,
        transition,
        [
            {
                "card": one.id,
                "n": 1,
                "from_status": None,
                "to_status": one.status,
                "by": one.by or one.call,
                "at": now,
            }
            for one in new
            if one.id in made
        ],
    )
    return stand


def claim(contact: str, pipeline: str) -> str:
    """What only one open card made by calls can hold."""
    return f"{contact}:{pipeline}"


_STATES = select(
    card.c.id,
    card.c.number,
    card.c.pipeline,
    card.c.status,
    card.c.manager,
    card.c.manager_by,
    card.c.manager_at,
    card.c.last_contact_at,
    card.c.closed_at,
    card.c.team,
).where(among(card.c.id, "ids"))


def states(conn: Connection, ids: Iterable[str]) -> dict[str, CardState]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {
        row.id: CardState(
            row.id,
            row.number,
            row.pipeline,
            row.status,
            row.manager,
            row.manager_by,
            row.manager_at,
            row.last_contact_at,
            row.closed_at is not None,
            row.team,
        )
        for row in conn.execute(_STATES, {"ids": wanted})
    }


_CHANGE = (
    update(card)
    .where(card.c.id == bindparam("card"))
    .values(
        manager=bindparam("to_manager"),
        manager_by=bindparam("by"),
        manager_at=bindparam("since"),
        team=bindparam("to_team"),
        last_contact_at=bindparam("last_contact"),
        updated_at=bindparam("now"),
        version=card.c.version + 1,
    )
)


def change(
    conn: Connection,
    changes: Sequence[tuple[CardState, CardState]],
    *,
    now: datetime,
) -> None:
    """Write cards as they are now, their responsibility intervals and the counters of load.

    Each pair is the card before and after; manager, `manager_by`, `manager_at`, team and last
    contact may differ.
    """
    if not changes:
        return
    conn.execute(
        _CHANGE,
        [
            {
                "card": after.id,
                "to_manager": after.manager,
                "by": after.manager_by,
                "since": after.manager_at,
                "to_team": after.team,
                "last_contact": after.last_contact,
                "now": now,
            }
            for _, after in changes
        ],
    )
    _hand_over(conn, [after for before, after in changes if before.manager != after.manager], now)
    count_load(conn, changes, now=now)


_END_RESPONSIBILITY = (
    update(responsibility)
    .where(responsibility.c.card == bindparam("of_card"), responsibility.c.until.is_(None))
    .values(until=bindparam("end"))
)


def owner_before(conn: Connection, id_: str, by: str) -> tuple[str | None, str | None]:
    """Whose a card was before this made it somebody else's, and by whom or what; or nobody's."""
    c = responsibility.c
    found = conn.execute(
        select(c.manager, c.by)
        .where(c.card == id_, c.by != by)
        .order_by(c.since.desc(), c.id.desc())
        .limit(1)
    ).one_or_none()
    return (found.manager, found.by) if found else (None, None)


def _hand_over(conn: Connection, handed: Sequence[CardState], now: datetime) -> None:
    if not handed:
        return
    ends = [{"of_card": one.id, "end": one.manager_at or now} for one in handed]
    conn.execute(_END_RESPONSIBILITY, ends)
    rows.add(
        conn,
        responsibility,
        [
            {
                "id": new_id(now),
                "card": one.id,
                "manager": one.manager,
                "by": one.manager_by or "",
                "since": one.manager_at or now,
            }
            for one in handed
            if one.manager
        ],
    )


_SET_SOURCE = (
    update(card)
    .where(card.c.id == bindparam("of_card"))
    .values(
        source_first=func.coalesce(card.c.source_first, bindparam("source")),
        source_last=bindparam("source"),
        updated_at=bindparam("now"),
    )
)


def set_last_source(conn: Connection, card_id: str, source: str, *, now: datetime) -> None:
    """Remember by which source its contact came back."""
    conn.execute(_SET_SOURCE, {"of_card": card_id, "source": source, "now": now})


# Load: counter rows per manager, status and day of a card's last touch, kept as intervals.

_Slot = tuple[str, str, str, int]  # manager, pipeline, status, day


def _slot(state: CardState) -> _Slot | None:
    """Which counter a card stands in; None for one that weighs nothing."""
    if state.closed or state.manager is None or state.last_contact is None:
        return None
    return (state.manager, state.pipeline, state.status, day_of(state.last_contact))


def day_of(moment: datetime) -> int:
    """Days since 1970-01-01, UTC."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // DAY


_CURRENT_LOAD = select(load).where(among(load.c.manager, "managers"), load.c.until.is_(None))
_END_LOAD = (
    update(load)
    .where(among(load.c.id, "ids"))
    .values(until=bindparam("end"), ended_after=last_batch)
)


def count_load(
    conn: Connection, changes: Iterable[tuple[CardState | None, CardState | None]], *, now: datetime
) -> None:
    """Move cards between the counters of load, in the transaction that changes them."""
    moved: Counter[_Slot] = Counter()
    for before, after in changes:
        if before and (slot := _slot(before)):
            moved[slot] -= 1
        if after and (slot := _slot(after)):
            moved[slot] += 1
    slots = sorted(slot for slot, by in moved.items() if by)
    if not slots:
        return
    found = conn.execute(_CURRENT_LOAD, {"managers": {slot[0] for slot in slots}})
    theirs = {(row.manager, row.pipeline, row.status, row.day): row for row in found}
    current = {slot: theirs[slot].cards for slot in slots if slot in theirs}
    if current:
        ids = [theirs[slot].id for slot in current]
        conn.execute(_END_LOAD, {"ids": ids, "end": now})
    rows.add(
        conn,
        load,
        [
            {
                "id": new_id(now),
                "manager": slot[0],
                "pipeline": slot[1],
                "status": slot[2],
                "day": slot[3],
                "cards": current.get(slot, 0) + moved[slot],
                "since": now,
            }
            for slot in slots
            if current.get(slot, 0) + moved[slot] > 0
        ],
    )


_LOAD_OF = (
    select(load.c.manager, load.c.pipeline, load.c.status, func.sum(load.c.cards).label("cards"))
    .where(
        among(load.c.manager, "managers"),
        load.c.until.is_(None),
        load.c.day >= bindparam("since_day"),
    )
    .group_by(load.c.manager, load.c.pipeline, load.c.status)
)


def load_of(
    conn: Connection, managers: Sequence[str], since_day: int
) -> dict[str, dict[tuple[str, str], int]]:
    """Per manager: how many of his open cards in (pipeline, status) were touched since a day."""
    if not managers:
        return {}
    found: dict[str, dict[tuple[str, str], int]] = {}
    for row in conn.execute(_LOAD_OF, {"managers": managers, "since_day": since_day}):
        found.setdefault(row.manager, {})[row.pipeline, row.status] = int(row.cards)
    return found


def recount(conn: Connection) -> Mapping[_Slot, int]:
    """The counters as the cards themselves have them, for checking."""
    c = card.c
    counted: Counter[_Slot] = Counter()
    for row in conn.execute(
        select(c.manager, c.pipeline, c.status, c.last_contact_at).where(
            c.closed_at.is_(None), c.manager.is_not(None), c.last_contact_at.is_not(None)
        )
    ):
        if row.manager and row.last_contact_at:
            counted[row.manager, row.pipeline, row.status, day_of(row.last_contact_at)] += 1
    return counted


def counted(conn: Connection) -> Mapping[_Slot, int]:
    """The counters as they stand."""
    c = load.c
    return {
        (row.manager, row.pipeline, row.status, row.day): row.cards
        for row in conn.execute(select(load).where(c.until.is_(None)))
    }


_DONE = select(act.c.call, act.c.act).where(among(act.c.call, "calls"))


def claim_acts(
    conn: Connection,
    acts: Sequence[tuple[str, str]],
    *,
    now: datetime,
    new: Collection[str] = (),
) -> set[tuple[str, str]]:
    """Of these (call, act) those that have not been done; they count as done from now on.

    `new`: calls that this transaction makes, which have done nothing yet.
    """
    if not acts:
        return set()
    wanted = set(acts)
    known = {call for call, _ in wanted}.difference(new)
    found = conn.execute(_DONE, {"calls": known}) if known else ()
    fresh = wanted - {(row.call, row.act) for row in found}
    rows.add(conn, act, [{"call": call, "act": name, "at": now} for call, name in sorted(fresh)])
    return fresh
