"""Whatever people, servers and the clock do to a letter, in whatever order, however often.

Never two of one number, never one after it was cancelled, never "sent" that was not, numbers of
offers without a gap, one task for one trouble.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from callrouter.flows import letters as flow
from callrouter.flows import sending
from callrouter.flows.letters import AlreadyThere, NoSuchLetter, NotNow
from callrouter.flows.people import BadFields
from callrouter.outside.mail import InDoubt, NotSent, Outcome, Sent
from storage import frozen, tables
from storage.database import Database, open_database
from storage.letters import StoredLetter
from storage.listing import Viewer
from tests.flows.papers import DESK
from tests.letters import SETUP, Department, with_letter, with_letters

OUTCOMES: dict[str, Outcome] = {
    "sent": Sent("250"),
    "put off": NotSent("later", "rcpt", 450),
    "put off late": NotSent("later", "content", 451),
    "refused": NotSent("no", "rcpt", 550, temporary=False),
    "refused late": NotSent("spam", "content", 554, temporary=False),
    "in doubt": InDoubt("dropped"),
}
ACTS = (
    "cancel",
    "approve",
    "ask",
    "ask again",
    "leave",
    "enter",
    "close",
    "say sent",
    "say again",
    "seen",
    "bounced",
    "fill address",
    "put items",
    "take items",
    "freeze",
    "thaw",
    "begin",
    "taken over",
    "late sent",
    "late put back",
    "wait",
    "wait",
    "wait long",
    "wait long",
)
STORIES = st.lists(st.sampled_from([*ACTS, *OUTCOMES]), min_size=8, max_size=30)
SETUPS = (
    SETUP,
    with_letter(release="head"),
    with_letters(without_items="wait"),
    with_letter(undo_seconds=0),
)
REFUSALS = (NotNow, AlreadyThere, NoSuchLetter, BadFields)


class Story:
    """One card, what is done to it, and what of it must never be."""

    def __init__(self, department: Department, card: str) -> None:
        self.department = department
        self.card = card
        self.again: Counter[str] = Counter()  # how often a person had it sent again, from doubt
        self.said: set[str] = set()  # of which a person or a proof said that it was sent
        self.gone: dict[str, int] = {}  # how often it had left when it was cancelled

    async def do(self, act: str) -> None:
        one = await self.last()
        if act in OUTCOMES:
            self.department.mailer.says = [OUTCOMES[act]]
        elif act.startswith("wait"):
            await self.department.later(86_400 if act == "wait long" else 31)
        elif one is not None or act in ("ask", "ask again", "leave", "enter", "close"):
            with suppress(*REFUSALS):
                await self._act(act, one)

    async def _act(self, act: str, one: StoredLetter | None) -> None:
        it, setup = self.department, self.department.setup
        id_ = one.id if one else ""
        match act:
            case "cancel":
                await it.write(flow.cancel, id_, by="anna")
            case "approve":
                await it.write(flow.approve, id_, setup, viewer=Viewer("admin"), by="vera")
            case "ask" | "ask again":
                again = act == "ask again"
                await it.write(flow.ask_again, self.card, "offer", setup, again=again, by="anna")
            case "leave" | "enter" | "close":
                status = {"leave": "new", "enter": "in_work", "close": "lost"}[act]
                await it.move(self.card, status)
            case "say sent" | "say again":
                await it.write(sending.resolve, id_, act.removeprefix("say "), setup, by="anna")
                if one and one.state == "in_doubt":
                    self.said |= {id_} if act == "say sent" else set()
                    self.again[id_] += act == "say again"
            case "seen":
                if one and await it.write(sending.seen, one.message_id, setup, by="mailbox"):
                    self.said.add(id_)
            case "bounced":
                if one and one.email:
                    self.said |= {id_} if one.state == "in_doubt" else set()
                    given = {"message_id": one.message_id, "by": "mailbox"}
                    await it.write(sending.bounced, one.email, setup, **given)
            case "fill address":
                await it.give_address(self.card, f"{len(await it.events())}@example.com")
            case "put items":
                await it.put(self.card)
            case "take items":
                await it.put(self.card, replace(DESK, by=""))
            case "freeze":
                await it.write(frozen.freeze, "restored")
            case "thaw":
                await it.write(frozen.thaw, by="vera")
            case "begin":  # and its server dies right away
                await it.write(sending.begin_sending, id_, "dead", setup)
            case "taken over":
                await it.write(sending.doubt, id_, "its server died", setup)
            case "late sent":
                if await it.write(sending.was_sent, id_, "dead", "250", setup):
                    self.said.add(id_)
            case _:
                await it.write(sending.put_back, id_, "dead", "no DATA")

    async def last(self) -> StoredLetter | None:
        found = await self.department.letters(self.card)
        return max(found, key=lambda one: one.n, default=None)

    async def check(self) -> None:
        it = self.department
        left: Counter[str] = Counter()
        for mail in it.mailer.handed_over:
            if mail.to.endswith("@example.com"):  # the customer's; the manager has a copy
                left[_message_id(mail.data)] += 1
        found = [one for one in await it.letters(self.card) if one.key == "offer"]
        assert sorted(one.n for one in found) == list(range(1, len(found) + 1))
        unsettled = [one for one in found if one.state not in ("sent", "cancelled")]
        assert len(unsettled) <= 1
        for one in found:
            many = left[one.message_id]
            assert many <= 1 + self.again[one.id], (one, many)
            if one.state == "sent":
                assert many >= 1 or one.id in self.said
            if one.state == "cancelled":
                assert many == self.gone.setdefault(one.id, many)
        await self._check_tasks(found)

    async def _check_tasks(self, found: list[StoredLetter]) -> None:
        rows = await self.department.rows(tables.task)
        kinds = {row.open_for: row.kind for row in rows if row.open_for and row.card == self.card}
        for one in found:
            kind = kinds.get(f"letter:{one.id}")
            wanted = {
                "approval": "put_items" if one.reason == "no_items" else "approve_letter",
                "no_address": "ask_email",
                "failed": "letter_failed",
                "in_doubt": "letter_in_doubt",
            }.get(one.state)
            assert kind == wanted or (one.state == "sent" and kind == "ask_email"), one


def _message_id(data: bytes) -> str:
    head = data.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", "")
    lines = (line.partition(":") for line in head.split("\r\n"))
    return next(value.strip() for name, _, value in lines if name.lower() == "message-id")


async def play(department: Department, n: int, story: list[str]) -> None:
    department.setups.current = SETUPS[n % len(SETUPS)]
    department.mailer.says = []
    department.mailer.handed_over.clear()
    address = f"i{n}@example.com" if n % 5 else None
    card = await department.card(email=address, phone=f"+7916{n:07}", items=n % 3 != 0)
    one = Story(department, card)
    for act in ("enter", *story):
        await one.do(act)
        await one.check()
    await department.write(frozen.thaw, by="vera")
    department.mailer.says = []
    for _ in range(3):
        await department.later(86_400)
        await one.check()
    assert not {"waiting", "todo", "sending"}.intersection(await department.states(card)) or (
        "dead" in [each.token for each in await department.letters(card)]
    )
    await department.database.read(_numbers_have_no_gap)


def _numbers_have_no_gap(conn: Connection) -> None:
    d = tables.document.c
    series: dict[str | None, list[int | None]] = {}
    for row in conn.execute(select(d.series, d.number).order_by(d.number)):
        series.setdefault(row.series, []).append(row.number)
    for found in series.values():
        assert found == list(range(1, len(found) + 1))


@pytest.mark.slow
def test_no_order_of_acts_sends_a_letter_twice_or_after_it_was_taken_back(
    database_url: str, tmp_path: Path
) -> None:
    many = 120 if database_url.startswith("sqlite") else 30
    numbers = itertools.count(1)
    with asyncio.Runner() as runner:
        database = open_database(database_url, checkpoints=True, guest=True)
        department = runner.run(Department(database, tmp_path).open())

        @settings(max_examples=many, deadline=None, database=None)
        @given(STORIES)
        def tell(story: list[str]) -> None:
            runner.run(play(department, next(numbers), story))

        try:
            tell()
        finally:
            runner.run(database.close())


async def test_many_clicks_at_once_make_one_letter_and_one_of_those_who_race_wins(
    database: Database, tmp_path: Path
) -> None:
    department = await Department(database, tmp_path).open(with_letter(undo_seconds=0))

    async def click(card: str, *, again: bool) -> bool:
        with suppress(*REFUSALS):
            setup = department.setup
            await department.write(flow.ask_again, card, "offer", setup, again=again, by="anna")
            return True
        return False

    async def cancel(card: str) -> bool:
        with suppress(*REFUSALS):
            one = await department.letter(card)
            await department.write(flow.cancel, one.id, by="anna")
            return True
        return False

    card = await department.card()
    clicks = [click(card, again=n % 2 == 0) for n in range(50)]
    assert sum(await asyncio.gather(*clicks)) == 1
    assert await department.count(tables.letter) == 1
    for n in range(8):
        other = await department.card(phone=f"+7916000000{n}", email=f"i{n}@example.com")
        await department.move(other, "in_work")
        before = len(department.mailer.handed_over)
        cancelled, *_ = await asyncio.gather(
            _after(n, cancel(other)), department.worker.drain(), department.worker.drain()
        )
        await department.worker.drain()
        one = await department.letter(other)
        assert one.state == ("cancelled" if cancelled else "sent")
        to_him = [each for each in department.mailer.handed_over[before:] if each.to == one.email]
        assert len(to_him) == (0 if cancelled else 1)


async def _after(turns: int, what: Awaitable[bool]) -> bool:
    for _ in range(turns):
        await asyncio.sleep(0.002)
    return await what
