"""What an alarm says to people, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.alarms import AlarmKind, Found
from callrouter.wording import formats
from callrouter.wording.catalogue import Words, mark

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.wording.people import Voice

News = tuple[Found, datetime, datetime | None]
"""An alarm, since when, and until when if it is over."""

SAID: Final[Mapping[AlarmKind, str]] = {
    "account_silent": mark("«{subject}» is silent, though calls usually come at this hour"),
    "hooks_refused": mark("«{subject}» sends what we must refuse: {n} in ten minutes"),
    "fallback": mark("Calls were decided without the base: {n} in ten minutes"),
    "spool": mark("The base does not have everything yet: events wait on the disk"),
    "dead_jobs": mark("Work was given up: {n}"),
    "letters_in_doubt": mark("Letters of which nobody knows whether they left: {n}"),
    "backup_late": mark("The newest good backup is {n} hours old"),
    "mail_failing": mark("Letters do not get through: {n}"),
    "webhook_failing": mark("The webhook «{subject}» does not take what it is told: {n}"),
    "secret_missing": mark("The secret of «{subject}» cannot be had"),
    "disk": mark("The disk is nearly full: {n} MB are free"),
    "overdue": mark("Calls back that are overdue: {n}"),
}
TO_DO: Final[Mapping[AlarmKind, str]] = {
    "account_silent": mark(
        "See whether the PBX still sends: make a call, and look at the journal."
    ),
    "hooks_refused": mark("Compare the secret here with the one at the provider's."),
    "fallback": mark("See whether the base is slow or away: its disk, its server."),
    "spool": mark("Let the server run: it writes them into the base once that answers."),
    "dead_jobs": mark("See why, mend it, and run them again."),
    "letters_in_doubt": mark("Look into the mailbox, and say of each whether it left."),
    "backup_late": mark("See why none was made: is there room where they lie?"),
    "mail_failing": mark("Run `callrouter mail-check`: it says what to mend."),
    "webhook_failing": mark("See whether its program runs and answers 2xx."),
    "secret_missing": mark("Set the variable that the setup names, and start the server again."),
    "disk": mark("Make room: calls go on, recordings and backups do not."),
    "overdue": mark("See who could call back: the list says for whom they wait."),
}


def said(found: Found, words: Words, setup: Setup | None = None) -> str:
    """`setup`: by which «anna» is called by name, where it is she of whom this is."""
    subject = found.subject
    if setup and _is_of_manager(found, setup):
        subject = setup.managers[subject].name
    return words(SAID[found.kind], subject=subject, n=found.n)


def _is_of_manager(found: Found, setup: Setup) -> bool:
    """Accounts and webhooks have secrets too, and may have the key that a manager has."""
    others = {*setup.accounts, *setup.webhooks}
    key = found.subject
    return found.kind == "secret_missing" and key in setup.managers and key not in others


def to_do(found: Found, words: Words) -> str:
    return words(TO_DO[found.kind])


def letter(news: Sequence[News], voice: Voice, url: str) -> tuple[str, str]:
    """Subject and text. What has begun comes before what is over."""
    words, setup = voice.words, voice.setup
    begun = [found for found, _, until in news if until is None]
    over = [(found, since, until) for found, since, until in news if until is not None]
    first = said(begun[0] if begun else over[0][0], words, setup)
    subject = words("Alarm: {what}", what=first) if begun else words("Over: {what}", what=first)
    if more := len(news) - 1:
        subject += f" ({words.many('and {n} more', 'and {n} more', more)})"
    lines = [setup.company.name, ""]
    for found in begun:
        lines += [said(found, words, setup), to_do(found, words), ""]
    for found, since, until in over:
        span = [formats.moment(voice.local(at)) for at in (since, until)]
        lines += [words("Over: {what}", what=said(found, words, setup)), " – ".join(span), ""]
    return subject, "\n".join([*lines, f"{url}/health", ""])
