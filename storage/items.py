"""What cards are about: their goods and services, with who put or confirmed each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from callrouter.domain.items import Item
from storage import rows
from storage.tables import card, card_item, product


def of_card(conn: Connection, card_id: str) -> tuple[Item, ...]:
    """In their order."""
    c = card_item.c
    found = conn.execute(select(card_item).where(c.card == card_id).order_by(c.n))
    return tuple(_item(row) for row in found)


def put(
    conn: Connection, card_id: str, items: Sequence[Item], total: Decimal, *, now: datetime
) -> None:
    """Replace the whole list of a card; its amount is the total, and none without items."""
    conn.execute(delete(card_item).where(card_item.c.card == card_id))
    rows.add(
        conn,
        card_item,
        [
            {
                "card": card_id,
                "n": n,
                "product": one.product,
                "name": one.name,
                "unit": one.unit,
                "quantity": one.quantity,
                "price": one.price,
                "discount": one.discount,
                "vat": one.vat,
                "by": one.by,
            }
            for n, one in enumerate(items, 1)
        ],
    )
    conn.execute(
        update(card)
        .where(card.c.id == card_id)
        .values(amount=total if items else None, updated_at=now, version=card.c.version + 1)
    )


def confirmed(conn: Connection, card_id: str) -> bool:
    """True for a card with items, each of which a person put or confirmed.

    What a program brings by itself stands with an empty `by`.
    """
    c = card_item.c
    by = list(conn.scalars(select(c.by).where(c.card == card_id)))
    return bool(by) and all(by)


def confirm(conn: Connection, card_id: str, *, by: str, now: datetime) -> int:
    """Confirm what nobody has put or confirmed; gives how many items that were."""
    c = card_item.c
    done = conn.execute(update(card_item).where(c.card == card_id, c.by == "").values(by=by))
    if done.rowcount:
        conn.execute(
            update(card)
            .where(card.c.id == card_id)
            .values(updated_at=now, version=card.c.version + 1)
        )
    return done.rowcount


@dataclass(frozen=True, slots=True)
class FormerItem:
    """An item of another card of the contact, as it was then. `product`: ours, if it is listed.

    `listed`: what the list asks for it today, per unit.
    """

    item: Item
    card: str
    card_number: int
    at: datetime
    article: str | None = None
    listed: Decimal | None = None


def of_former_cards(conn: Connection, card_id: str, limit: int = 200) -> list[FormerItem]:
    """Items of the contact's other cards, the latest card first; `at`: when that card was made."""
    c, i, p = card.c, card_item.c, product.c
    contact = select(c.contact).where(c.id == card_id).scalar_subquery()
    found = conn.execute(
        select(
            i.name,
            i.unit,
            i.quantity,
            i.price,
            i.discount,
            i.vat,
            i.product,
            i.by,
            c.id.label("card"),
            c.number,
            c.created_at,
            p.article,
            p.price.label("listed"),
        )
        .join_from(card_item, card, i.card == c.id)
        .outerjoin(product, and_(i.product == p.id, p.active))
        .where(c.contact == contact, c.id != card_id)
        .order_by(c.created_at.desc(), c.id.desc(), i.n)
        .limit(limit)
    )
    return [
        FormerItem(
            _item(row),
            row.card,
            row.number,
            row.created_at,
            row.article,
            row.listed,
        )
        for row in found
    ]


def _item(row: Any) -> Item:  # noqa: ANN401  with the columns of `card_item`
    return Item(
        row.name,
        row.unit,
        row.quantity,
        row.price,
        row.discount,
        row.vat,
        row.product,
        row.by,
    )
