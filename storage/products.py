"""The list of goods and services, as it is imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from callrouter.domain.names import folded
from storage import rows
from storage.listing_values import MOST, Slice, cut
from storage.rows import among
from storage.tables import product


@dataclass(frozen=True, slots=True)
class Product:
    """One of the list. `vat` "": the rate that the seller's goods have."""

    id: str
    article: str | None
    name: str
    unit: str
    price: Decimal
    vat: str
    group: str | None


def _is_active() -> ColumnElement[bool]:
    return product.c.active.is_(True)


_BY_ARTICLES = select(product).where(among(product.c.article, "articles"), _is_active())
_BY_NAMES = (
    select(product).where(among(product.c.folded, "names"), _is_active()).order_by(product.c.id)
)
_ARTICLES = select(product.c.id, product.c.article).where(among(product.c.id, "ids"))


def by_articles(conn: Connection, articles: Iterable[str]) -> dict[str, Product]:
    wanted = set(articles)
    if not wanted:
        return {}
    found = conn.execute(_BY_ARTICLES, {"articles": wanted})
    return {row.article: _product(row) for row in found if row.article}


def by_names(conn: Connection, names: Iterable[str]) -> dict[tuple[str, str], list[Product]]:
    """By folded name and unit, the oldest first; `names` are folded."""
    wanted = set(names)
    if not wanted:
        return {}
    found: dict[tuple[str, str], list[Product]] = {}
    for row in conn.execute(_BY_NAMES, {"names": wanted}):
        found.setdefault(identity(row.name, row.unit), []).append(_product(row))
    return found


def identity(name: str, unit: str) -> tuple[str, str]:
    """By which a product without an article is known again."""
    return folded(name), folded(unit)


def articles(conn: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The articles of these products, where they have one."""
    wanted = set(ids)
    if not wanted:
        return {}
    found = conn.execute(_ARTICLES, {"ids": wanted})
    return {row.id: row.article for row in found if row.article}


def put(conn: Connection, changed: Sequence[Product], *, now: datetime) -> None:
    """Write products, new and known."""
    rows.put(
        conn,
        product,
        [
            {
                "id": one.id,
                "article": one.article,
                "name": one.name,
                "unit": one.unit,
                "price": one.price,
                "vat": one.vat,
                "group": one.group,
                "folded": folded(one.name),
                "active": True,
                "updated_at": now,
            }
            for one in changed
        ],
    )


def find(
    conn: Connection, *, q: str | None = None, after: str | None = None, limit: int = 50
) -> Slice[Product]:
    """Products, the newest first; `q`: words of the name, or a part of the article."""
    c, limit = product.c, min(limit, MOST)
    where: list[ColumnElement[bool]] = [_is_active()]
    if words := folded(q or "").split():
        named = and_(*(c.folded.contains(one, autoescape=True) for one in words))
        text = (q or "").strip()
        spellings = sorted({text, text.upper(), text.lower()})
        where.append(or_(named, *(c.article.contains(one, autoescape=True) for one in spellings)))
    if after is not None:
        where.append(c.id < after)
    found = conn.execute(select(product).where(*where).order_by(c.id.desc()).limit(limit + 1)).all()
    part = cut(found, limit)
    return Slice(tuple(_product(row) for row in part.items), part.more)


def _product(row: Any) -> Product:  # noqa: ANN401  with the columns of `product`
    return Product(row.id, row.article, row.name, row.unit, row.price, row.vat, row.group)
