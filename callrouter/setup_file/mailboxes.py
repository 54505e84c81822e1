"""Mailboxes in a setup: a manager's own, and the address that letters come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, validate_email

from callrouter.domain.mailbox import BadMailbox, read_mailbox
from callrouter.setup_file.problems import Problem

if TYPE_CHECKING:
    from callrouter.domain.setup import Manager


def mailbox(at: str, manager: Manager) -> Iterator[Problem]:
    """Of a manager who has one of his own."""
    if manager.smtp is None:
        return
    try:
        found = read_mailbox(manager.smtp.url, secret_apart=True)
    except BadMailbox as error:
        yield Problem(f"{at}.url", str(error))
        return
    if manager.smtp.password and not found.user:
        yield Problem(f"{at}.url", "names no user; allowed: smtp://USER@HOST:PORT")
    if not found.sender and not manager.email:
        message = "has a user that is no address; allowed: with the manager's `email` beside it"
        yield Problem(f"{at}.url", message)


def sender(at: str, given: str | None) -> Iterator[Problem]:
    """The address that letters come from, alone: the manager's name is put before it."""
    if given is None:
        return
    try:
        validate_email(given, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        yield Problem(at, f'is "{given[:80]}"; allowed: one address like "sales@romashka.example"')
