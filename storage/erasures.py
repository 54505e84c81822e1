"""What is known of a person goes; that there was somebody stays, so that nothing else breaks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    union,
    update,
)

from callrouter.domain.decisions import Connect
from callrouter.domain.people import Ranked
from storage import lookup
from storage.documents import (
    read_decision,
    read_seen,
    read_why,
    write_decision,
    write_seen,
    write_why,
)
from storage.listing_journal import TAKEN
from storage.obligations import KIND as CALL_BACK
from storage.tables import (
    business_event,
    call,
    card,
    card_contact,
    consent,
    contact,
    contact_email,
    contact_phone,
    contact_tag,
    custom_value,
    decision,
    event,
    external_id,
    import_row,
    lead,
    membership,
    merge,
    quarantine,
    recording,
    task,
)

_EMPTY: Final = dict.fromkeys(
    ("folded", "first_name", "middle_name", "last_name", "inn", "comment", "position", "made_for")
)


def with_those_joined(conn: Connection, contact_id: str) -> list[str]:
    """A contact, and all who were joined into him, step by step."""
    found, new = [contact_id], [contact_id]
    while new:
        query = select(contact.c.id).where(contact.c.merged_into.in_(new))
        new = [one for one in conn.scalars(query) if one not in found]
        found += new
    return found


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards on which some contacts stand, as the main one or beside: with nobody else who is
    known by anything, and with others.
    """

    alone: tuple[str, ...]
    shared: tuple[str, ...]


def cards_of(conn: Connection, contacts: Sequence[str]) -> Cards:
    """Is to be asked before they are forgotten."""
    b, c = card_contact.c, card.c
    theirs = union(
        select(c.id).where(c.contact.in_(contacts)), select(b.card).where(b.contact.in_(contacts))
    )
    cards = list(conn.scalars(theirs))
    main = conn.execute(select(c.id, c.contact).where(c.id.in_(cards))).all()
    beside = conn.execute(select(b.card, b.contact).where(b.card.in_(cards))).all()
    others = [(on, who) for on, who in (*main, *beside) if who and who not in contacts]
    n = contact.c
    known = select(n.id).where(
        n.id.in_({who for _, who in others}),
        or_(
            n.name != "",
            exists().where(contact_phone.c.contact == n.id),
            exists().where(contact_email.c.contact == n.id),
        ),
    )
    people = set(conn.scalars(known))
    shared = {on for on, who in others if who in people}
    return Cards(tuple(sorted(set(cards) - shared)), tuple(sorted(shared)))


def recordings_of(conn: Connection, contacts: Sequence[str]) -> list[str]:
    """The recordings of their calls that are kept."""
    r, c = recording.c, call.c
    query = select(r.id).join_from(recording, call, c.id == r.call)
    return list(conn.scalars(query.where(c.contact.in_(contacts), r.deleted_at.is_(None))))


def calls_back_of(conn: Connection, contacts: Sequence[str]) -> list[str]:
    """The open calls back that are owed to them and to nobody who has their number as well."""
    c, p = task.c, contact_phone.c
    anothers = exists().where(p.number == c.phone, p.contact.not_in(contacts))
    query = select(c.id).where(
        c.kind == CALL_BACK, c.done_at.is_(None), c.contact.in_(contacts), ~anothers
    )
    return list(conn.scalars(query.order_by(c.id)))


def forget_tasks(
    conn: Connection, contacts: Sequence[str], cards: Cards, *, codes: Sequence[str]
) -> None:
    """Take away what people wrote in tasks of theirs, and whom to call; `codes`: results that are
    no words. What is to be done on a card with others is of the deal, and stays.

    A call back that is still owed to another person of the number is of that one.
    """
    c = task.c
    conn.execute(
        update(task)
        .where(c.contact.in_(contacts), c.kind == CALL_BACK, c.done_at.is_(None))
        .values(contact=None)
    )
    elsewhere = or_(c.card.is_(None), c.card.not_in(cards.shared))
    mine = or_(c.card.in_(cards.alone), and_(c.contact.in_(contacts), elsewhere))
    owed = and_(c.kind == CALL_BACK, c.done_at.is_(None))
    said = and_(c.result.is_not(None), c.result.not_in(codes))
    conn.execute(update(task).where(mine, ~owed).values(text="", version=c.version + 1))
    conn.execute(update(task).where(mine, ~owed, said).values(result=""))
    conn.execute(update(task).where(c.contact.in_(contacts), ~owed).values(phone=None))


_TOLD: Final = {"lead": ("source",), "task_snoozed": ("task", "kind", "owner", "before", "due")}
"""Of these happenings no more than so is kept: the rest is what was written by or of a person."""


def forget_told(conn: Connection, contacts: Sequence[str], cards: Cards) -> None:
    """Take words of theirs, and of their tasks, out of the history of their cards."""
    e = business_event.c
    on_them = or_(
        and_(e.kind == "lead", e.card.in_((*cards.alone, *cards.shared)), e.contact.in_(contacts)),
        and_(e.kind == "task_snoozed", e.card.in_(cards.alone)),
    )
    found = conn.execute(select(e.id, e.kind, e.data).where(on_them)).all()
    less = []
    for row in found:
        data = json.loads(row.data)
        kept = {name: data[name] for name in _TOLD[row.kind] if name in data}
        less.append({"event": row.id, "less": json.dumps(kept, ensure_ascii=False)})
    if less:
        same = update(business_event).where(e.id == bindparam("event"))
        conn.execute(same.values(data=bindparam("less")), less)


def forget(conn: Connection, contacts: Sequence[str], *, now: datetime) -> None:
    """Empty the contacts, and what leads, imports, joins, consents and calls hold of them in words.

    No number claims them any more: who calls from it is made anew.
    """
    c = contact.c
    conn.execute(
        update(contact)
        .where(c.id.in_(contacts))
        .values(name="", name_confirmed=False, updated_at=now, version=c.version + 1, **_EMPTY)
    )
    for column in (
        contact_phone.c.contact,
        contact_email.c.contact,
        contact_tag.c.contact,
        card_contact.c.contact,
        custom_value.c.owner,
        external_id.c.ours,
        membership.c.person,
    ):
        conn.execute(delete(column.table).where(column.in_(contacts)))
    conn.execute(update(consent).where(consent.c.contact.in_(contacts)).values(evidence=None))
    words = {"name": "", "text": "", "page": None, "utm": "{}"}
    conn.execute(update(lead).where(lead.c.contact.in_(contacts)).values(**words))
    lines = {"before": "{}", "after": "{}", "digest": ""}
    conn.execute(update(import_row).where(import_row.c.contact.in_(contacts)).values(**lines))
    joined = or_(merge.c.kept.in_(contacts), merge.c.gone.in_(contacts))
    conn.execute(update(merge).where(joined).values(before="{}", undone_at=now))
    conn.execute(update(call).where(call.c.contact.in_(contacts)).values(note=None))
    lookup.refresh(conn, contacts)


def forget_hooks(conn: Connection, contacts: Sequence[str], limit: int) -> int:
    """Empty what the PBX sent and heard in these contacts' calls that are over, and their names in
    what was decided; of so many calls at most, gives of how many.

    What the hooks were read as stays: by it calls are folded and decided again.
    """
    c, e = call.c, event.c
    there = exists().where(e.call == c.id, or_(e.body != b"", e.query != ""))
    over = (c.contact.in_(contacts), c.known_end.is_(None), there)
    calls = list(conn.scalars(select(c.id).where(*over).limit(limit)))
    empty = {"body": b"", "query": "", "answer": b""}
    conn.execute(update(event).where(e.call.in_(calls)).values(**empty))
    aside = select(func.substr(e.key, len(TAKEN) + 1)).where(
        e.call.in_(calls), e.key.startswith(TAKEN)
    )
    q = quarantine.c
    conn.execute(update(quarantine).where(q.id.in_(aside)).values(body=b"", query=""))
    d = decision.c
    for row in conn.execute(select(decision).where(d.call.in_(calls))).all():
        told, why, seen = read_decision(row.decision), read_why(row.why), read_seen(row.facts)
        if isinstance(told, Connect):
            told = replace(told, caller_name="")
        if seen:
            facts = replace(
                seen.of_caller, name="", people=_nameless(seen.of_caller.people, contacts)
            )
            seen = replace(seen, of_caller=facts)
        why = replace(why, people=_nameless(why.people, contacts))
        conn.execute(
            update(decision)
            .where(d.call == row.call, d.run == row.run, d.attempt == row.attempt)
            .values(decision=write_decision(told), why=write_why(why), facts=write_seen(seen))
        )
    return len(calls)


def is_on_the_phone(conn: Connection, contacts: Sequence[str]) -> bool:
    """Whether a call of theirs is not over yet."""
    c = call.c
    query = select(c.id).where(c.contact.in_(contacts), c.known_end.is_not(None)).limit(1)
    return conn.execute(query).first() is not None


def _nameless(people: Iterable[Ranked], contacts: Sequence[str]) -> tuple[Ranked, ...]:
    return tuple(replace(one, name="") if one.contact in contacts else one for one in people)
