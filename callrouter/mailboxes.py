"""Which mailbox a letter goes out by: the manager's own, else the company's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from callrouter.accounts import open_secret
from callrouter.domain.mailbox import BadMailbox, Mailbox, read_mailbox

if TYPE_CHECKING:
    from callrouter.domain.setup import Manager, Setup
    from callrouter.seal import Seal
    from callrouter.settings import Settings


class NoMailbox(Exception):
    """Letters cannot go out by it as it is set; the text says what is missing."""


def mailbox_for(manager: str | None, setup: Setup, settings: Settings, seal: Seal) -> Mailbox:
    """The mailbox for a manager's letters. Raises NoMailbox."""
    who = setup.managers.get(manager or "")
    if who and who.smtp:
        return own_mailbox(who, settings, seal)
    return company_mailbox(setup, settings)


def company_mailbox(setup: Setup, settings: Settings) -> Mailbox:
    """The one of `CALLROUTER_SMTP_URL`. Raises NoMailbox."""
    if not settings.smtp_url:
        raise NoMailbox("CALLROUTER_SMTP_URL is not set")
    try:
        found = read_mailbox(settings.smtp_url)
    except BadMailbox as error:
        raise NoMailbox(f"CALLROUTER_SMTP_URL: {error}") from None
    sender = setup.letters.sender or found.sender
    if not sender:
        raise NoMailbox("letters.sender is missing: the address that letters come from")
    return replace(found, sender=sender)


def own_mailbox(manager: Manager, settings: Settings, seal: Seal) -> Mailbox:
    """A manager's own. Raises NoMailbox."""
    at, smtp = f"manager[{manager.key}].smtp", manager.smtp
    if smtp is None:
        raise NoMailbox(f"{at} is not set")
    try:
        found = read_mailbox(smtp.url, secret_apart=True)
    except BadMailbox as error:
        raise NoMailbox(f"{at}.url: {error}") from None
    password = open_secret(smtp.password, manager.key, seal, settings.environ)
    if smtp.password and not password:
        raise NoMailbox(f"{at}.password cannot be had")
    sender = found.sender or manager.email or ""
    if not sender:
        raise NoMailbox(f"manager[{manager.key}].email is missing: his letters come from it")
    return replace(found, password=password or "", sender=sender)
