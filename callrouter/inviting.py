"""An invitation by mail: best effort, besides the link that whoever invites sees anyway."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

import structlog

from callrouter.domain.letters import Outgoing
from callrouter.mailboxes import NoMailbox, company_mailbox
from callrouter.outside import message
from callrouter.outside.mail import Sent
from callrouter.outside.message import Unsendable
from callrouter.wording.users import invitation

if TYPE_CHECKING:
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.users import User

PATIENCE_S: Final = 15.0

log = structlog.get_logger(__name__)


async def mail_link(service: Service, user: User, link: str, words: Words) -> bool:
    """Send somebody his link by the company's mailbox; False: nobody took it over.

    Only under the address of the settings: one that a request named may be anybody's.
    """
    setup, settings = service.setups.current, service.settings
    if not settings.public_url:
        return False
    try:
        box = company_mailbox(setup, settings)
        subject, text = invitation(words, setup.company.name, user.name, link)
        letter = Outgoing(
            id="",
            message_id=f"<invite.{secrets.token_hex(8)}@{box.sender.rpartition('@')[2]}>",
            manager=None,
            sender_name=setup.company.name,
            reply_to=None,
            to=user.email,
            to_name=user.name,
            copy_to=None,
            subject=subject,
            html="",
            text=text,
        )
        mail = message.write(letter, (), box.sender, now=service.clock())
        async with asyncio.timeout(PATIENCE_S):
            outcome = await service.mailer.send(box, mail, _go)
    except (NoMailbox, Unsendable, TimeoutError) as error:
        log.info("invite_not_mailed", reason=type(error).__name__)
        return False
    if not isinstance(outcome, Sent):
        log.info("invite_not_mailed", reason=type(outcome).__name__)
    return isinstance(outcome, Sent)


async def _go() -> bool:
    return True
