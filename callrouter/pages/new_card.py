"""`/cards/new`: a deal made by hand, for a client who is there or a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from callrouter.domain.phones import pretty
from callrouter.flows.fields import read_decimal
from callrouter.flows.new_by_hand import KnownAlready, NewDeal, make_deal
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.people import BadFields, Wrong
from callrouter.flows.seeing import MayNot, NotSeen
from callrouter.pages.contact_form import (
    KINDS,
    RELATIONS,
    Form,
    givable,
    own_rows,
    read_form,
    wrong_of,
)
from storage.listing import find_contact

if TYPE_CHECKING:
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing_clients import Same


@dataclass(frozen=True, slots=True)
class Deal:
    """What is typed of the deal itself. `contact` "": of a new client."""

    contact: str = ""
    pipeline: str = ""
    manager: str = ""
    title: str = ""
    amount: str = ""


class NewCardPage:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`contact`: whose it is to be; a number or a name of somebody new may come instead."""
        query = request.query
        number = query.get("phone", "")[:64]
        form = Form(
            name=query.get("name", "")[:200],
            phones=((number, ""),) if number else (),
            responsible=guest.manager or "",
            confirmed=True,
        )
        deal = Deal(query.get("contact", ""), query.get("pipeline", ""), guest.manager or "")
        return await self._show(guest, deal, form)

    async def _show(
        self,
        guest: Guest,
        deal: Deal,
        form: Form,
        *,
        status: int = 200,
        wrong: Mapping[str, str] = {},
        same: tuple[Same, ...] = (),
    ) -> web.StreamResponse:
        setup, contact = self._doors.setup, None
        if deal.contact:
            read = self._service.database.read
            contact = await read(find_contact, guest.viewer, deal.contact)
            if contact is None:
                return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return self._doors.page(
            guest,
            "new_card",
            status=status,
            deal=deal,
            form=form,
            contact=contact,
            wrong=wrong,
            same=same,
            pipelines=setup.pipelines,
            managers=givable(guest, setup, None),
            kinds=KINDS,
            relations=RELATIONS,
            owns=own_rows(setup),
            names={one.key: one.name for one in setup.manager},
            pretty=pretty,
        )

    async def make(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        setup, posted = self._doors.setup, await request.post()
        form = read_form(posted, setup)

        def said(name: str) -> str:
            return str(posted.get(name, "")).replace("\x00", "").strip()[:300]

        deal = Deal(*(said(name) for name in ("contact", "pipeline", "manager", "title", "amount")))
        try:
            amount = _amount(deal.amount)
            client = None if deal.contact else form.edited(setup)
            new = NewDeal(
                deal.contact or None,
                client,
                deal.pipeline or None,
                deal.manager or None,
                deal.title,
                amount,
            )
            card = await self._service.database.write(
                make_deal,
                guest.viewer,
                new,
                setup,
                another=form.another,
                by=guest.by,
                now=self._service.clock(),
            )
        except BadFields as bad:
            status, wrong = HTTPStatus.UNPROCESSABLE_ENTITY, wrong_of(bad, guest.words)
            return await self._show(guest, deal, form, status=status, wrong=wrong)
        except KnownAlready as known:
            return await self._show(guest, deal, form, status=HTTPStatus.CONFLICT, same=known.same)
        except MayNot:
            wrong = {"manager": guest.words("You may take a new deal yourself.")}
            return await self._show(guest, deal, form, status=HTTPStatus.FORBIDDEN, wrong=wrong)
        except (NotSeen, NoSuchContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/cards/{card}"})


def _amount(text: str) -> Decimal | None:
    """A sum as people write it: `1 500,50`. Raises BadFields."""
    plain = "".join(text.split()).replace(",", ".")
    if not plain:
        return None
    amount = read_decimal(plain)
    if amount is None or amount < 0:
        raise BadFields(Wrong("amount", "is no sum of money"))
    return amount
