"""The link by which the reader of a promotional letter says that he wants no more of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from callrouter.seal import Unsealable

if TYPE_CHECKING:
    from callrouter.service import Service

PATH: Final = "/letters/stop/{ticket}"
LIFE: Final = timedelta(days=3650)
"""A letter lies in a mailbox for years, and its link is to work as long."""

_WHAT: Final = "stop:"


def opt_out_url(service: Service, letter_id: str) -> str:
    """It says nothing of anybody: the letter's id is sealed in it."""
    ticket = service.seal.ticket(f"{_WHAT}{letter_id}", service.clock())
    return f"{service.settings.public_url}{PATH.format(ticket=ticket)}"


def read_ticket(service: Service, ticket: str) -> str | None:
    """The id of the letter whose link this is; None: it is none of ours."""
    with suppress(Unsealable):
        text = service.seal.read_ticket(ticket, service.clock(), LIFE)
        if text.startswith(_WHAT):
            return text.removeprefix(_WHAT)
    return None
