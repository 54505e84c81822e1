"""A list of goods goes in: by its article, else by name and unit, each product is there once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from storage import products
from storage.ids import new_id
from storage.imports import Counts
from storage.products import Product, identity

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.import_file.goods import Good


def take_goods(conn: Connection, goods: Sequence[Good], *, now: datetime) -> Counts:
    """Write what is new (`taken`) or other than in the list (`joined`); gives the counts.

    A line with an article is the product of that article, else the one of its name and unit that
    has none yet. A line without is the product of its name and unit: one without an article, else
    the only one with, else one of which it says nothing new. What a line does not say stays as it
    is.
    """
    placed, counts = _place(conn, goods, now)
    products.put(conn, list(placed.values()), now=now)
    return counts


def foresee_goods(conn: Connection, goods: Sequence[Good], now: datetime) -> Counts:
    """What would come of it."""
    return _place(conn, goods, now)[1]


def _place(
    conn: Connection, goods: Sequence[Good], now: datetime
) -> tuple[dict[str, Product], Counts]:
    """The products to write, by id."""
    by_article = products.by_articles(conn, [one.article for one in goods if one.article])
    by_name = products.by_names(conn, [one.called[0] for one in goods])
    changed: dict[str, Product] = {}
    taken = joined = same = 0
    for good in sorted(goods, key=lambda one: not one.article):
        named = by_name.setdefault(good.called, [])
        known = _known(good, by_article, named, now)
        after = _joined(known, good, now)
        if known is None:
            taken += 1
        elif after == known:
            same += 1
            continue
        else:
            joined += 1
            for others in by_name.values():
                if known in others:
                    others.remove(known)
        changed[after.id] = after
        by_name.setdefault(identity(after.name, after.unit), []).append(after)
        if after.article:
            by_article[after.article] = after
    return changed, Counts(taken=taken, joined=joined, same=same)


def _known(
    good: Good, by_article: dict[str, Product], named: Sequence[Product], now: datetime
) -> Product | None:
    without = next((one for one in named if not one.article), None)
    if good.article:
        return by_article.get(good.article) or without
    if without or len(named) == 1:
        return without or named[0]
    return next((one for one in named if _joined(one, good, now) == one), None)


def _joined(known: Product | None, good: Good, now: datetime) -> Product:
    if known is None:
        return Product(
            id=new_id(now),
            article=good.article or None,
            name=good.name,
            unit=good.unit,
            price=good.price,
            vat=good.vat,
            group=good.group or None,
        )
    return replace(
        known,
        article=good.article or known.article,
        name=good.name,
        unit=good.unit,
        price=good.price,
        vat=good.vat or known.vat,
        group=good.group or known.group,
    )
