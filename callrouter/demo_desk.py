"""The demo's managers after their talks: they put items on the card and set to work on it."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from callrouter.flows.change_status import change_status
from callrouter.flows.fields import Unfit
from callrouter.flows.items import GivenItem, put_items
from callrouter.flows.people import BadFields, Person, change
from callrouter.sample import sample_products
from storage import listing
from storage.database import BaseSilent
from storage.listing import Viewer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.service import Service
    from storage.listing import CardView

log = structlog.get_logger()

LOOKS_EVERY_S: Final = 4.0
AFTERWARDS: Final = timedelta(seconds=12)
"""So long after a talk began its manager writes down what was agreed, be it while he talks."""

_EVERYTHING: Final = Viewer(role="admin")


@dataclass(frozen=True, slots=True)
class Work:
    """What a manager does with a card. `email` None: he forgot to ask; `items` none: not yet."""

    card: str
    contact: str
    manager: str
    email: str | None
    items: tuple[GivenItem, ...]


async def work(service: Service, stop: asyncio.Event, chance: random.Random) -> None:
    """Let them work until told to stop, one card at a time.

    The first card gets all that an offer needs, so that who has just come soon sees one.
    """
    sure = True
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOKS_EVERY_S)
        with suppress(BaseSilent):
            sure = not await _one_card(service, chance, sure=sure) and sure


async def _one_card(service: Service, chance: random.Random, *, sure: bool) -> bool:
    """Whether there was one to work on."""
    setup, now = service.setups.current, service.clock()
    region = setup.company.region
    found = await service.database.read(
        listing.list_cards, _EVERYTHING, status="new", region=region, limit=50
    )
    ready = [one for one in found.items if _is_ready(one, now)]
    if not ready:
        return False
    todo = _drawn(ready[-1], chance, sure=sure)
    try:
        await service.database.write(do, todo, setup, now=now)
    except (BadFields, Unfit) as bad:
        log.warning("demo_card_left", why=str(bad)[:200])
        return False
    return True


def _is_ready(one: CardView, now: datetime) -> bool:
    talked = one.last_contact_at
    return bool(one.manager and one.contact and talked and talked < now - AFTERWARDS)


def _drawn(one: CardView, chance: random.Random, *, sure: bool) -> Work:
    products = chance.sample(sample_products(), chance.randint(1, 4))
    items = tuple(GivenItem(article=p.article, quantity=chance.randint(1, 25)) for p in products)
    return Work(
        card=one.id,
        contact=one.contact.id if one.contact else "",
        manager=one.manager or "",
        email=f"client-{one.number}@mail.example" if sure or chance.random() < 0.85 else None,
        items=items if sure or chance.random() < 0.8 else (),
    )


def do(conn: Connection, todo: Work, setup: Setup, *, now: datetime) -> None:
    """Write down what was agreed, and set to work. Raises BadFields, Unfit."""
    by = todo.manager
    known = listing.find_contact(conn, _EVERYTHING, todo.contact)
    if todo.email and known and not known.emails:
        sent = Person(given=frozenset({"emails"}), emails=(todo.email,))
        change(conn, todo.contact, sent, setup, by=by, now=now)
    if todo.items:
        put_items(conn, todo.card, todo.items, setup, by=by, now=now)
    change_status(conn, todo.card, "in_work", setup, by=by, now=now)
