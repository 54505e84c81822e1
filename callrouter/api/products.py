"""`/products`: the list of goods and services, as `callrouter import products` brought it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Id, Paged, Text
from callrouter.api.layer import Asked, Routes
from callrouter.domain.items import rounded
from storage import products

routes = Routes()


class ProductsQuery(Paged):
    q: Annotated[Text | None, Field(description="Words of the name, or a part of the article.")] = (
        None
    )
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """`price`: per unit, a text, exact; `vat` null: the rate that goods have on the day."""

    id: str
    article: str | None
    name: str
    unit: str
    price: Decimal
    vat: str | None
    group: str | None


@dataclass(frozen=True, slots=True)
class ProductPage:
    items: tuple[Product, ...]
    next: str | None


@routes.get("/products", right="look")
async def list_products(asked: Asked, query: ProductsQuery) -> ProductPage:
    """Products, the newest first."""
    found = await asked.service.database.read(
        products.find, q=query.q, after=query.cursor, limit=query.limit
    )
    last = found.items[-1].id if found.more else None
    return ProductPage(
        tuple(
            Product(
                id=one.id,
                article=one.article,
                name=one.name,
                unit=one.unit,
                price=rounded(one.price),
                vat=one.vat or None,
                group=one.group,
            )
            for one in found.items
        ),
        last,
    )
