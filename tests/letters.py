"""A department that sends letters, on a base of its own; its press and its mailer are small ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from callrouter.domain.letters import LetterState
from callrouter.domain.mailbox import Mailbox
from callrouter.domain.offers import Format, Offer
from callrouter.domain.setup import DEFAULT_PIPELINE, Letter, Letters, Manager, Setup
from callrouter.flows.change_status import change_status
from callrouter.forming.press import BadTemplate, Formed, Press, Template, TooMuch
from callrouter.jobs import form_letter, send_letter
from callrouter.jobs.worker import Worker
from callrouter.outside.mail import Begin, InDoubt, Mailer, NotSent, Outcome, Sent
from callrouter.outside.message import Mail
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import contacts, letters, profiles, tables, templates
from storage.contacts import Person
from storage.database import Database
from storage.letters import StoredLetter
from tests.examples import MONDAY_NOON
from tests.flows.papers import DESK, ENTITIES, LAMP, put_items
from tests.office import Office

SENDER = "sales@romashka.example"
IVAN = "ivan@example.com"

OFFER = Letter("offer", on_status="in_work", then_status="offer_sent")
BRIEF = Letter("brief", kind="brief", template="brief", attach=())
THANKS = Letter("thanks", kind="thanks", template="thanks", attach=(), on_status="won")


def _manager(one: Manager) -> Manager:
    return replace(one, email=f"{one.key}@romashka.example")


SETUP = replace(
    ENTITIES,
    manager=tuple(_manager(one) for one in ENTITIES.manager),
    pipeline=(DEFAULT_PIPELINE,),
    letter=(OFFER, BRIEF, THANKS),
    letters=Letters(sender=SENDER),
)


def with_letter(setup: Setup = SETUP, key: str = "offer", **changes: Any) -> Setup:
    """The setup with one of its letters changed."""
    changed = tuple(replace(one, **changes) if one.key == key else one for one in setup.letter)
    return replace(setup, letter=changed)


def with_letters(setup: Setup = SETUP, **changes: Any) -> Setup:
    return replace(setup, letters=replace(setup.letters, **changes))


@dataclass
class Setups:
    current: Setup = SETUP


class SmallPress(Press):
    """Prints what it is given; `broken`: a template of this name cannot be rendered.

    `starved`: so many letters are not rendered in time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.broken, self.starved = "", 0
        self.values: list[Mapping[str, Any]] = []

    async def offer(self, offer: Offer, template: Template, fmt: Format) -> bytes:
        if template.name == self.broken:
            raise BadTemplate("there is no variable nmae", "line 3")
        return f"{fmt} {offer.number} {offer.totals.total}".encode()

    async def letter(self, template: Template, values: Mapping[str, Any]) -> Formed:
        if template.name == self.broken:
            raise BadTemplate("there is no variable nmae", "line 3")
        if self.starved:
            self.starved -= 1
            raise TooMuch("it takes too long to render")
        self.values.append(values)
        subject = f"{template.name} {values['offer']['number']}".strip()
        return Formed(subject, f"<p>{values['greeting']}</p>", str(values["greeting"]))


@dataclass
class SmallMailer(Mailer):
    """Hands over to nobody; `says`: what comes of the next ones, then all are sent."""

    says: list[Outcome] = field(default_factory=list)
    handed_over: list[Mail] = field(default_factory=list)

    async def send(self, mailbox: Mailbox, mail: Mail, begin: Begin) -> Outcome:
        del mailbox
        said = self.says.pop(0) if self.says else Sent("250 ok")
        if isinstance(said, NotSent) and said.stage in ("mail", "rcpt", "connect", "auth"):
            return said
        if not await begin():
            return NotSent("it may not leave", "begin")
        if isinstance(said, Sent | InDoubt):
            self.handed_over.append(mail)
        return said


class Department(Office):
    """A clock that is turned by hand, a service on the base, and whoever does its jobs."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database)
        self.now = MONDAY_NOON
        self.setups = Setups()
        self.press, self.mailer = SmallPress(), SmallMailer()
        settings = Settings(
            data_dir=folder,
            public_url="https://calls.romashka.example",
            smtp_url="smtp://localhost:2525",
        )
        self.service = Service(
            settings,
            database,
            self.setups,
            Seal("a test's secret key"),
            lambda: self.now,
            press=self.press,
            mailer=self.mailer,
        )
        kinds = [*form_letter.kinds_of(self.service), send_letter.kind_of(self.service)]
        self.worker = Worker(database, lambda: self.now, kinds)

    async def open(self, setup: Setup = SETUP, now: datetime = MONDAY_NOON) -> Department:
        await super().open(setup, now)
        self.setups.current = setup
        for name in ("offer", "brief", "thanks"):
            for fmt in ("html", "typ"):
                await self.write(templates.add, name, fmt, b"a template", by="vera")
        return self

    @property
    def setup(self) -> Setup:
        return self.setups.current

    async def write(self, flow: Any, *args: Any, **more: Any) -> Any:
        return await self.database.write(flow, *args, now=self.now, **more)

    async def card(
        self,
        *,
        email: str | None = IVAN,
        phone: str = "+79161234567",
        items: bool = True,
        manager: str = "anna",
    ) -> str:
        from callrouter.flows.new_card import Wanted, make_card

        def make(conn: Connection) -> str:
            person = Person(name="Иван Петров", phones=(phone,), email=email)
            contact = contacts.add(conn, person, now=self.now)
            wanted = Wanted(contact, manager=manager)
            card = make_card(conn, wanted, self.setup, by="anna", now=self.now)
            if items:
                put_items(conn, card, DESK, LAMP)
            return card

        return await self.database.write(make)

    async def move(self, card: str, status: str, by: str = "anna") -> None:
        await self.write(change_status, card, status, self.setup, by=by)

    async def put(self, card: str, *items: Any) -> None:
        from callrouter.flows import letters as flow

        def do(conn: Connection) -> None:
            put_items(conn, card, *(items or (DESK, LAMP)))
            flow.items_put(conn, card, self.setup, by="anna", now=self.now)

        await self.database.write(do)

    async def give_address(self, card: str, email: str) -> None:
        from callrouter.flows import letters as flow

        def do(conn: Connection) -> None:
            found = letters.card_of(conn, card)
            assert found
            assert found.contact
            profiles.add_email(conn, found.contact, email, now=self.now)
            flow.address_filled(conn, [found.contact], self.setup, by="anna", now=self.now)

        await self.database.write(do)

    async def later(self, seconds: float = 60) -> None:
        """Let time pass, and whatever is due by then be done."""
        self.now += timedelta(seconds=seconds)
        await self.worker.drain()

    async def letters(self, card: str) -> list[StoredLetter]:
        return await self.database.read(letters.of_card, card)

    async def letter(self, card: str) -> StoredLetter:
        (one,) = await self.letters(card)
        return one

    async def states(self, card: str) -> list[LetterState]:
        return [one.state for one in await self.letters(card)]

    async def status(self, card: str) -> str:
        found = await self.database.read(letters.card_of, card)
        assert found
        return found.status

    async def open_tasks(self) -> list[tuple[str, str]]:
        """What people are to do: kind and owner."""
        rows = await self.rows(tables.task)
        return [(row.kind, row.owner) for row in rows if row.open_for]

    async def events(self, *kinds: str) -> list[str]:
        rows = await self.rows(tables.business_event)
        found = [row.kind for row in sorted(rows, key=lambda row: (row.at, row.id))]
        return [kind for kind in found if kind in kinds] if kinds else found
