"""Sends a letter once.

The whole way stands in `callrouter/outside/mail.py`; here is what the base hears of it. Before the
text goes, the letter is `sending` in the base: whoever finds it so did not send it, and nobody but
a person does again. The manager's copy goes after that, as a message of its own: whatever becomes
of it, the customer has his one letter.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from callrouter import metrics
from callrouter.flows import sending
from callrouter.jobs.worker import Again, Kind, LeaseLost, Task
from callrouter.mailboxes import NoMailbox, mailbox_for
from callrouter.outside import message
from callrouter.outside.mail import InDoubt, NotSent, Sent
from callrouter.outside.message import File, Mail, Unsendable
from storage import jobs, letters
from storage.database import BaseSilent, Priority
from storage.files import FilesSilent

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.letters import Outgoing
    from callrouter.domain.mailbox import Mailbox
    from callrouter.domain.setup import Setup
    from callrouter.service import Service

log = structlog.get_logger()

KIND: Final = "send_letter"

TRIES: Final = 14
"""Of a letter that the server puts off: about four days, as RFC 5321 (4.5.4.1) asks."""

LEASE_S: Final = 60.0
NO_MAILBOX_S: Final = 600.0
INSIST_S: Final = 120.0
"""So long what is known of a letter is brought to a base that does not answer."""

_DAY_S: Final = 24 * 3600.0

R = TypeVar("R")


def kind_of(service: Service) -> Kind:
    """`tries`: a letter whose server dies each time is given up some time, too."""
    return Kind(KIND, partial(send_letter, service), at_once=4, lease_s=LEASE_S, tries=3 * TRIES)


def pause_s(attempts: int) -> float:
    """How long a letter waits that was put off so often: a minute, two, … a day."""
    return min(_DAY_S, 60.0 * 2.0 ** (attempts - 1))


async def send_letter(service: Service, task: Task) -> None:
    """Payload: `letter`."""
    await _Sending(service, task).run()


class _Sending:
    """One attempt. `begun`: the base has it as `sending`, with this job's token."""

    def __init__(self, service: Service, task: Task) -> None:
        self._service = service
        self._task = task
        self._letter = task.text("letter")
        self._token = task.job.token or ""
        self._setup: Setup = service.setups.current
        self._held: sending.Held | None = None
        self._begun = False

    async def run(self) -> None:
        found = await self._service.database.read(letters.find, self._letter)
        if found is None or found.state not in ("todo", "sending"):
            return
        if found.state == "sending":
            await self._doubt("the server ended while the letter was on its way")
            return
        letter = await self._service.database.read(sending.outgoing, self._letter)
        if letter is None:
            return
        box = self._mailbox(letter)
        mail = await self._written(letter, box)
        if mail is None:
            return
        outcome = await self._service.mailer.send(box, mail, self._begin)
        match outcome:
            case Sent(reply):
                await self._finish(sending.was_sent, self._token, reply, self._setup)
                _count("sent")
                await self._copy(letter, box, mail)
            case InDoubt(reason):
                await self._doubt(reason)
            case NotSent():
                await self._was_not_sent(outcome)

    # What is sent

    def _mailbox(self, letter: Outgoing) -> Mailbox:
        service = self._service
        try:
            return mailbox_for(letter.manager, self._setup, service.settings, service.seal)
        except NoMailbox as error:
            _count("no_mailbox")
            raise Again(str(error), _spread(NO_MAILBOX_S), counted=False) from None

    async def _written(self, letter: Outgoing, box: Mailbox) -> Mail | None:
        """The message; None where none can be made of it, which is final."""
        try:
            files = await asyncio.to_thread(self._read_files, letter)
            return message.write(letter, files, box.sender, now=self._service.clock())
        except FilesSilent as error:
            raise Again(f"files: {error}") from None
        except (Unsendable, FileNotFoundError) as error:
            missing = isinstance(error, FileNotFoundError)
            text = "an attachment is missing" if missing else str(error)
            await self._refuse(NotSent(text, "content", temporary=False))
            return None

    def _read_files(self, letter: Outgoing) -> list[File]:
        files = self._service.files
        return [
            File(one.title, one.type, b"".join(files.read(one.file))) for one in letter.attachments
        ]

    # What the base hears

    async def _begin(self) -> bool:
        """The last word before the text goes: may it, and is it still ours to send?"""
        until = self._service.clock() + timedelta(seconds=LEASE_S)

        def fenced(conn: Connection, *, now: datetime) -> sending.Held | None:
            if not jobs.prolong(conn, self._task.job, until):
                raise LeaseLost
            return sending.begin_sending(conn, self._letter, self._token, self._setup, now=now)

        try:
            self._held = await self._write(fenced)
        except BaseSilent:  # its commit may be there all the same
            await self._put_back("the base did not answer")
            raise Again("the base did not answer", 5.0, counted=False) from None
        self._begun = self._held is None
        return self._begun

    async def _was_not_sent(self, found: NotSent) -> None:
        if self._held is not None:
            if self._held.until is None:
                return
            wait = (self._held.until - self._service.clock()).total_seconds()
            raise Again("it may not leave now", max(1.0, wait), counted=False)
        if found.is_of_the_mailbox:
            _count("mailbox")
            wait = max(1.0, found.again_after_s or 0.0)
            raise Again(_said(found), _spread(wait), counted=False)
        attempts = self._task.job.attempts
        if not found.temporary or attempts >= TRIES:
            await self._refuse(found)
            return
        if self._begun:
            await self._put_back(_said(found))
        _count("put_off")
        raise Again(_said(found), _spread(pause_s(attempts)))

    async def _refuse(self, found: NotSent) -> None:
        said = (found.code, found.reason, found.stage)
        await self._finish(sending.was_refused, self._token, *said, self._setup)
        _count("refused")

    async def _doubt(self, reason: str) -> None:
        await self._finish(sending.doubt, reason, self._setup)
        _count("in_doubt")

    async def _put_back(self, reason: str) -> None:
        """It certainly did not leave; whatever else happens, it may be tried again."""
        await _insist(lambda: self._write(sending.put_back, self._letter, self._token, reason))

    async def _finish(self, do: Callable[..., object], *args: object) -> None:
        """Write what became of the letter, with which the job is done.

        Where the job is somebody else's by now, the letter is told of all the same: whether that
        still counts, its token says.
        """

        async def once() -> None:
            try:
                await self._task.finish(do, self._letter, *args, now=self._service.clock())
            except LeaseLost:
                await self._write(do, self._letter, *args)

        await _insist(once)

    async def _write(self, do: Callable[..., R], *args: object) -> R:
        now = self._service.clock()
        return await self._service.database.write_as(Priority.JOBS, do, *args, now=now)

    # The copy

    async def _copy(self, letter: Outgoing, box: Mailbox, mail: Mail) -> None:
        """The same bytes to the manager, blind: once, and nothing of ours depends on it."""
        if not letter.copy_to:
            return
        try:
            to = message.read_address("copy_to", letter.copy_to)
        except Unsendable:
            return
        copy = replace(mail, to=to.text, utf8=mail.utf8 or to.utf8)
        outcome = await self._service.mailer.send(box, copy, _at_once)
        if not isinstance(outcome, Sent):
            log.warning("copy_not_sent", letter=self._letter, outcome=type(outcome).__name__)


async def _at_once() -> bool:
    return True


async def _insist(once: Callable[[], Awaitable[object]]) -> None:
    """Until the base has it, for a while. Raises BaseSilent."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + INSIST_S, 0.2
    while True:
        try:
            await once()
        except BaseSilent:
            if loop.time() + pause > end:
                raise
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)
        else:
            return


def _spread(seconds: float) -> float:
    """A little longer, so that not all come at once."""
    return seconds * (1 + random.random() / 4)  # noqa: S311


def _said(found: NotSent) -> str:
    code = f"{found.code} " if found.code else ""
    return f"{found.stage}: {code}{found.reason}"


def _count(outcome: str) -> None:
    metrics.LETTERS.labels(outcome).inc()
