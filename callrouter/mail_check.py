"""What `callrouter mail-check` does: a test letter to oneself, and the domain's records read."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from callrouter import terminal
from callrouter.app import open_seal
from callrouter.domain.letters import Outgoing
from callrouter.domain.mail_records import judge
from callrouter.mailboxes import NoMailbox, mailbox_for
from callrouter.outside import message
from callrouter.outside.mail import InDoubt, Mailer, NotSent, Sent
from callrouter.outside.mail_records import Names, look_up
from callrouter.outside.message import Unsendable
from callrouter.terminal import Failed
from callrouter.wording import mail_check as say
from callrouter.wording import speak
from storage import setups, ticks

if TYPE_CHECKING:
    import ssl

    from sqlalchemy import Connection

    from callrouter.domain.mail_records import Records
    from callrouter.domain.mailbox import Mailbox
    from callrouter.domain.setup import Language, Setup
    from callrouter.outside.mail import Outcome
    from callrouter.settings import Settings
    from callrouter.wording import Words

MARKS: Final = {"good": "✓", "mend": "!", "bad": "✗"}


@dataclass(frozen=True, slots=True)
class Checked:
    """`lines`: what to print; `works`: whether letters can leave."""

    lines: tuple[str, ...]
    works: bool


@dataclass(frozen=True, slots=True)
class Line:
    grade: str
    text: str


def check(
    settings: Settings,
    *,
    language: Language | None = None,
    to: str | None = None,
    manager: str | None = None,
    selectors: Sequence[str] = (),
    names: Names | None = None,
    trust: ssl.SSLContext | None = None,
) -> Checked:
    """Try the company's mailbox, or a manager's own. `to`: absent: the mailbox itself.

    Raises Failed.
    """
    setup: Setup = terminal.read(settings, _setup)
    if manager is not None and manager not in setup.managers:
        raise Failed(f'--manager: there is no manager "{manager}"')
    if manager is not None and setup.managers[manager].smtp is None:
        raise Failed(
            f"--manager: manager[{manager}].smtp is not set; his letters go out by the company's"
        )
    try:
        box = mailbox_for(manager, setup, settings, open_seal(settings))
        wanted = message.read_address("--to", to or box.sender).text
        message.read_address("letters.sender", box.sender)
    except (NoMailbox, Unsendable) as error:
        raise Failed(f"letters cannot be sent: {error}") from None
    words = speak(language or setup.company.language)
    outcome, found = asyncio.run(
        _try(box, wanted, setup, words, Mailer(trust=trust), names or Names(), selectors)
    )
    lines = [*_of_sending(outcome, box, wanted, words), *_of_records(found, words)]
    bad = sum(one.grade == "bad" for one in lines)
    mend = sum(one.grade == "mend" for one in lines)
    works = isinstance(outcome, Sent)
    if manager is None:
        now = terminal.now()
        terminal.write(settings, ticks.keep_mail_check, works=works, bad=bad, mend=mend, now=now)
    last = say.verdict_text(words, bad, mend) if works else say.cannot_text(words)
    return Checked((*(f"{MARKS[one.grade]} {one.text}" for one in lines), "", last), works)


def _setup(conn: Connection) -> Setup:
    return setups.load(conn, setups.current_version(conn))


async def _try(
    box: Mailbox,
    to: str,
    setup: Setup,
    words: Words,
    mailer: Mailer,
    names: Names,
    selectors: Sequence[str],
) -> tuple[Outcome, Records]:
    domain = box.sender.rpartition("@")[2]
    subject, text = say.test_letter(words, setup.company.name)
    letter = Outgoing(
        id="",
        message_id=f"<mail-check.{secrets.token_hex(8)}@{domain}>",
        manager=None,
        sender_name=setup.company.name,
        reply_to=None,
        to=to,
        to_name="",
        copy_to=None,
        subject=subject,
        html="",
        text=text + "\n",
    )
    mail = message.write(letter, (), box.sender, now=terminal.now())

    async def go() -> bool:
        return True

    ascii_domain = mail.sender.rpartition("@")[2]
    sending = mailer.send(box, mail, go)
    return await asyncio.gather(sending, look_up(ascii_domain, names, selectors))


def _of_sending(outcome: Outcome, box: Mailbox, to: str, words: Words) -> Iterator[Line]:
    server = f"{box.host}:{box.port}"
    if isinstance(outcome, NotSent):
        code = f"{outcome.code} " if outcome.code else ""
        values = {"server": server, "user": box.user, "sender": box.sender, "to": to}
        why = f"{code}{outcome.reason}".rstrip(".")
        if not outcome.is_of_the_mailbox:
            yield Line("good", say.signed_in_text(words, server, box.user))
        yield Line("bad", say.refused_text(words, outcome.stage, why=why, **values))
        return
    yield Line("good", say.signed_in_text(words, server, box.user))
    if box.tls == "off" and not box.is_here:
        yield Line("mend", say.plain_text(words, server))
    if "@" in box.user and _domain(box.user) != _domain(box.sender):
        yield Line("mend", say.other_domain_text(words, box.sender, box.user))
    if isinstance(outcome, InDoubt):
        yield Line("bad", say.doubt_text(words, to, outcome.reason))
    else:
        yield Line("good", say.sent_text(words, to, outcome.reply))


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _of_records(found: Records, words: Words) -> Iterator[Line]:
    for one in judge(found):
        yield Line(one.grade, say.finding_text(words, one))


def names_of(text: str | None) -> Names:
    """The name server of `HOST[:PORT]`, an address; absent: the system's. Raises Failed."""
    if not text:
        return Names()
    host, _, port = text.partition(":")
    try:
        ip_address(host)
        return Names(host, int(port or 53))
    except ValueError:
        raise Failed(
            f'--dns: is "{text}"; allowed: an address like 8.8.8.8 or 127.0.0.1:5353'
        ) from None
