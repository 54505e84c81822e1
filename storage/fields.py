"""What may be set of a card, and the company's own fields of cards and contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import Connection, delete, select, update

from callrouter.domain.setup import CustomField
from storage import rows
from storage.rows import among
from storage.tables import card, card_item, contact, contact_email, custom_field, custom_value

Value = str | Decimal | date | bool


@dataclass(frozen=True, slots=True)
class CardValues:
    """What may be set of a card. `source`: its first one; `due_on`: a day where the company is."""

    amount: Decimal | None
    due_on: date | None
    source: str | None
    entity: str | None
    title: str = ""


def of_card(conn: Connection, card_id: str) -> CardValues | None:
    c = card.c
    row = conn.execute(
        select(c.amount, c.due_on, c.source_first, c.entity, c.title).where(c.id == card_id)
    ).one_or_none()
    if row is None:
        return None
    return CardValues(row.amount, row.due_on, row.source_first, row.entity, row.title)


def has_items(conn: Connection, card_id: str) -> bool:
    found = select(card_item.c.n).where(card_item.c.card == card_id).limit(1)
    return conn.execute(found).first() is not None


def has_email(conn: Connection, contact_id: str) -> bool:
    found = select(contact_email.c.email).where(contact_email.c.contact == contact_id).limit(1)
    return conn.execute(found).first() is not None


def write_card(conn: Connection, card_id: str, after: CardValues, *, now: datetime) -> None:
    conn.execute(
        update(card)
        .where(card.c.id == card_id)
        .values(
            amount=after.amount,
            due_on=after.due_on,
            source_first=after.source,
            entity=after.entity,
            title=after.title,
        )
    )
    touch_card(conn, card_id, now=now)


def touch_card(conn: Connection, card_id: str, *, now: datetime) -> None:
    """Count a card's version up, as something that belongs to it was changed."""
    conn.execute(
        update(card).where(card.c.id == card_id).values(updated_at=now, version=card.c.version + 1)
    )


def touch_contact(conn: Connection, contact_id: str, *, now: datetime) -> None:
    conn.execute(
        update(contact)
        .where(contact.c.id == contact_id)
        .values(updated_at=now, version=contact.c.version + 1)
    )


# The company's own fields. What a field is, Setup says; its row stands for the foreign key.

_OF_OWNERS = select(custom_value).where(among(custom_value.c.owner, "owners"))


def values_of(
    conn: Connection, owners: Iterable[str], defined: Sequence[CustomField]
) -> dict[str, dict[str, Value]]:
    """Per card or contact the values by field, in the order of Setup; nothing of what is gone.

    A value of another type than the field has by now is passed over.
    """
    ids = set(owners)
    if not ids or not defined:
        return {}
    kept: dict[str, dict[str, Value]] = {}
    by_key = {one.key: one for one in defined}
    for row in conn.execute(_OF_OWNERS, {"owners": ids}):
        field = by_key.get(row.field)
        value = _value(field, row.text, row.number, row.instant) if field else None
        if value is not None:
            kept.setdefault(row.owner, {})[row.field] = value
    order = list(by_key)
    return {
        owner: dict(sorted(values.items(), key=lambda one: order.index(one[0])))
        for owner, values in kept.items()
    }


def _value(
    field: CustomField, text: str | None, number: Decimal | None, instant: datetime | None
) -> Value | None:
    match field.type:
        case "text":
            return text
        case "choice":
            return text if text in field.choices else None
        case "number":
            return number
        case "flag":
            return None if number is None else bool(number)
        case "date":
            return instant.date() if instant else None


def put_values(
    conn: Connection,
    owner: str,
    values: Mapping[str, Value | None],
    defined: Mapping[str, CustomField],
) -> None:
    """Write these fields of a card or contact; None: it has no value any more."""
    named = [defined[key] for key in sorted(values)]
    rows.put(
        conn,
        custom_field,
        [
            {"key": one.key, "noun": one.noun, "type": one.type, "name": one.name or one.key}
            for one in named
        ],
    )
    c = custom_value.c
    gone = sorted(key for key, value in values.items() if value is None)
    if gone:
        conn.execute(delete(custom_value).where(c.owner == owner, c.field.in_(gone)))
    rows.put(
        conn,
        custom_value,
        [
            {"field": key, "owner": owner, **_columns(value)}
            for key, value in sorted(values.items())
            if value is not None
        ],
    )


def _columns(value: Value) -> dict[str, str | Decimal | datetime | None]:
    columns: dict[str, str | Decimal | datetime | None] = dict.fromkeys(
        ("text", "number", "instant")
    )
    if isinstance(value, str):
        columns["text"] = value
    elif isinstance(value, bool):
        columns["number"] = Decimal(int(value))
    elif isinstance(value, Decimal):
        columns["number"] = value
    else:
        columns["instant"] = datetime.combine(value, time(), UTC)
    return columns
