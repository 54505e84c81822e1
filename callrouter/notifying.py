"""A letter of the system to one of ours, by the company's mailbox: alarms, digests, who calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from callrouter.domain.letters import Outgoing
from callrouter.mailboxes import NoMailbox, company_mailbox
from callrouter.outside import message
from callrouter.outside.mail import NotSent
from callrouter.outside.message import Unsendable

if TYPE_CHECKING:
    from callrouter.service import Service

PATIENCE_S: Final = 45.0
"""Till the letter's text goes; after that the mailer waits as long as a server may take."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """`id`: of its job, so that every try has the same Message-ID."""

    id: str
    to: str
    to_name: str
    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Try again: it certainly was not sent. `rest_s`: its mailbox is left alone so long."""

    reason: str
    rest_s: float = 0.0


async def notify(service: Service, one: Notice) -> Later | None:
    """Send it; None: there is nothing more to do.

    What may have arrived is not sent twice; an address that cannot be, or no mailbox at all, is no
    reason to try again.
    """
    setup, settings = service.setups.current, service.settings
    try:
        box = company_mailbox(setup, settings)
        letter = Outgoing(
            id="",
            message_id=f"<notice.{one.id}@{box.sender.rpartition('@')[2]}>",
            manager=None,
            sender_name=setup.company.name,
            reply_to=None,
            to=one.to,
            to_name=one.to_name,
            copy_to=None,
            subject=one.subject[: message.LONGEST],
            html=one.html,
            text=one.text,
        )
        mail = message.write(letter, (), box.sender, now=service.clock())
    except (NoMailbox, Unsendable) as error:
        log.info("notice_not_mailed", reason=type(error).__name__)
        return None
    patience = asyncio.timeout(PATIENCE_S)

    async def go() -> bool:
        patience.reschedule(None)  # from here on it may arrive, whoever stops to listen
        return True

    try:
        async with patience:
            outcome = await service.mailer.send(box, mail, go)
    except TimeoutError:
        return Later("the mail server does not answer in time")
    if isinstance(outcome, NotSent):
        log.info("notice_not_mailed", stage=outcome.stage, code=outcome.code)
        if outcome.temporary:
            return Later(outcome.reason, outcome.again_after_s or 0.0)
    return None
