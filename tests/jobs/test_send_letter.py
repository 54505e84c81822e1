"""A letter is sent once, and what the base says of it is the truth, whatever the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection

from callrouter.domain.letters import Attachment, LetterState
from callrouter.domain.setup import Setup, Smtp
from callrouter.flows import sending
from callrouter.jobs import send_letter
from callrouter.jobs.send_letter import TRIES, pause_s
from callrouter.jobs.worker import Worker
from callrouter.outside.mail import Limits, Mailer
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import frozen, jobs, letters
from storage.database import BaseSilent, Database, Priority
from storage.jobs import Job
from storage.letters import StoredLetter
from tests.bases import Passing
from tests.jobs.letters import MAILING, NOW, SENDER, mailing, message_id_of, name_of, put_letters
from tests.smtp import Manners, Sink, listening

P = ParamSpec("P")
R = TypeVar("R")

SEAL = Seal("the-key-of-these-tests")


@dataclass
class Post:
    """A server's part that sends letters, with a clock that is turned by hand."""

    database: Database
    sink: Sink
    setup: Setup = MAILING
    url: str | None = "sink"
    now: datetime = NOW
    version: int = 1
    environ: dict[str, str] = field(default_factory=dict)
    mailer: Mailer = field(default_factory=lambda: Mailer(Limits(0.5, 0.5, 0.5), rests_s=(0, 0)))

    @property
    def current(self) -> Setup:
        return self.setup

    def service(self, folder: str = "var") -> Service:
        url = self.sink.url() if self.url == "sink" else self.url
        settings = Settings(smtp_url=url, environ=self.environ, files_url=f"file://{folder}")
        clock = lambda: self.now  # noqa: E731
        return Service(settings, self.database, self, SEAL, clock, mailer=self.mailer)

    def worker(self, folder: str = "/var/none") -> Worker:
        return Worker(self.database, lambda: self.now, [send_letter.kind_of(self.service(folder))])

    async def put(self, *numbers: int, **options: Any) -> None:
        await self.database.write(put_letters, numbers or (1,), **options)

    async def letter(self, n: int = 1) -> StoredLetter:
        found = await self.database.read(letters.find, name_of(n))
        assert found
        return found

    async def job(self) -> Job:
        (found,) = await self.database.read(jobs.listed)
        return found

    async def work(self) -> LetterState:
        """Do what is due, and give the state of the letter."""
        await self.worker().drain()
        return (await self.letter()).state

    async def work_on(self, most: int = 3 * TRIES) -> int:
        """Go on, as time passes, until nothing is left to do; gives how often there was."""
        times = 0
        while times < most and (left := await self.database.read(jobs.listed)):
            self.now = max(self.now, left[0].due_at)
            await self.worker().drain()
            times += 1
        return times


@pytest.mark.parametrize(
    ("manners", "state", "copies", "tries"),
    [
        pytest.param({}, "sent", 1, 1, id="it takes the letter"),
        pytest.param({"rcpt": ["451 greylisted", "250 ok"]}, "sent", 1, 2, id="greylisted"),
        pytest.param({"greeting": ["421 busy", "220 hello"]}, "sent", 1, 2, id="busy at once"),
        pytest.param({"greeting": ["drop", "220 hello"]}, "sent", 1, 2, id="hangs up at once"),
        pytest.param({"mail": ["450 later", "250 ok"]}, "sent", 1, 2, id="4xx at MAIL"),
        pytest.param({"mail": ["553 not yours"]}, "failed", 0, 1, id="a foreign From"),
        pytest.param({"rcpt": ["550 no such user"]}, "failed", 0, 1, id="5xx at RCPT"),
        pytest.param({"rcpt": ["drop", "250 ok"]}, "sent", 1, 2, id="hangs up before DATA"),
        pytest.param({"rcpt": ["mute", "250 ok"]}, "sent", 1, 2, id="is silent before DATA"),
        pytest.param({"data": ["451 later", "354 go on"]}, "sent", 1, 2, id="4xx at DATA"),
        pytest.param({"data": ["554 spam"]}, "failed", 0, 1, id="5xx at DATA"),
        pytest.param({"data": ["drop", "354 go on"]}, "sent", 1, 2, id="hangs up at DATA"),
        pytest.param({"dot": ["451 later", "250 ok"]}, "sent", 1, 2, id="4xx after the dot"),
        pytest.param({"dot": ["552 too big"]}, "failed", 0, 1, id="5xx after the dot"),
        pytest.param({"dot": ["slow"]}, "sent", 1, 1, id="takes its time"),
        pytest.param({"dot": ["reset"]}, "sent", 1, 1, id="answers, then hangs up"),
        pytest.param({"dot": ["keep drop"]}, "in_doubt", 1, 1, id="takes it and hangs up"),
        pytest.param({"dot": ["drop"]}, "in_doubt", 0, 1, id="hangs up after the dot"),
        pytest.param({"dot": ["keep mute"]}, "in_doubt", 1, 1, id="takes it, never answers"),
        pytest.param({"rcpt": ["451 later"]}, "failed", 0, TRIES, id="puts off for ever"),
        pytest.param(
            {"dot": ["451 a", "451 b", "451 c", "250 ok"]}, "sent", 1, 4, id="puts off thrice"
        ),
    ],
)
async def test_what_the_server_does_and_what_becomes_of_the_letter(
    database: Database, manners: Manners, state: LetterState, copies: int, tries: int
) -> None:
    async with listening(Sink(manners)) as sink:
        post = Post(database, sink)
        await post.put()
        times = await post.work_on()
        after = await post.letter()
    assert (after.state, len(sink.taken), times) == (state, copies, tries)
    assert {one.message_id for one in sink.taken} <= {message_id_of(1)}
    assert (after.sent_at is not None) == (state == "sent")
    assert not await database.read(jobs.listed, dead=True)


async def test_the_customer_reads_who_writes_to_him(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "documents").mkdir()
    (folder / "documents" / "a.pdf").write_bytes(b"%PDF-1.7 offer")
    paper = Attachment("КП № 15 — Ромашка.pdf", "application/pdf", "documents/a.pdf")
    async with listening() as sink:
        post = Post(database, sink)
        await post.put(attachments=(paper,))
        await post.worker(str(folder)).drain()
    (taken,) = sink.taken
    found = taken.message
    assert (taken.sender, taken.to) == (SENDER, "customer1@example.com")
    (ours,) = found["From"].addresses
    assert (ours.display_name, ours.addr_spec) == ("Анна Смирнова, Ромашка", SENDER)
    assert str(found["Subject"]) == "Коммерческое предложение № 1"
    assert str(found["To"]) == "Иван Петров <customer1@example.com>"
    assert str(found["Reply-To"]) == "anna@romashka.example"
    (file,) = found.iter_attachments()
    assert (file.get_filename(), file.get_content()) == (paper.title, b"%PDF-1.7 offer")
    after = await post.letter()
    assert (after.state, after.sent_at, after.frozen.reply) == (
        "sent",
        NOW,
        "250 2.0.0 taken as 42",
    )


async def test_pauses_grow_from_a_minute_to_a_day() -> None:
    pauses = [pause_s(n) for n in range(1, TRIES + 1)]
    assert pauses[:4] == [60, 120, 240, 480]
    assert pauses[-1] == 24 * 3600
    assert 3 < sum(pauses[:-1]) / 86_400 < 6


async def test_a_letter_that_was_put_off_waits_longer_each_time(database: Database) -> None:
    async with listening(Sink({"rcpt": ["451 later"]})) as sink:
        post = Post(database, sink)
        await post.put()
        for n in (1, 2, 3):
            assert await post.work() == "todo"
            found = await post.job()
            wait = (found.due_at - post.now).total_seconds()
            assert pause_s(n) <= wait <= pause_s(n) * 1.26
            assert (found.attempts, found.error) == (n, "rcpt: 451 later")
            post.now = found.due_at


async def test_a_refused_letter_says_so_in_the_servers_words(database: Database) -> None:
    async with listening(Sink({"rcpt": ["550 5.1.1 нет такого"]})) as sink:
        post = Post(database, sink)
        await post.put()
        assert await post.work() == "failed"
    assert (await post.letter()).reason == "address_refused: rcpt 550 5.1.1 нет такого"


# A mailbox that is not there, or does not work


@pytest.mark.parametrize(
    ("url", "setup", "said"),
    [
        (None, MAILING, "CALLROUTER_SMTP_URL is not set"),
        ("sink", mailing(sender=None), "letters.sender is missing"),
    ],
)
async def test_without_a_mailbox_letters_wait_uncounted(
    database: Database, url: str | None, setup: Setup, said: str
) -> None:
    async with listening() as sink:
        post = Post(database, sink, setup, url)
        await post.put()
        for _ in range(TRIES + 2):
            assert await post.work() == "todo"
            found = await post.job()
            assert found.attempts == 0
            assert said in (found.error or "")
            post.now = found.due_at
        post.url, post.setup, post.now = "sink", MAILING, post.now - timedelta(minutes=5)
        assert await post.work() == "todo"
        assert await database.write(jobs.hurry, "send_letter", now=post.now) == 1
        assert await post.work() == "sent"


async def test_a_wrong_password_keeps_letters_and_counts_no_try(database: Database) -> None:
    async with listening(Sink(users={"me": "secret"})) as sink:
        post = Post(database, sink, url=sink.url("me:wrong", "?tls=off"))
        await post.put()
        for _ in range(3):
            assert await post.work() == "todo"
            found = await post.job()
            assert (found.attempts, found.error) == (0, "auth: 535 5.7.8 wrong user or password")
            post.now = found.due_at
        post.url = sink.url("me:secret", "?tls=off")
        assert await post.work() == "sent"


async def test_a_manager_with_a_mailbox_of_his_own_writes_from_it(database: Database) -> None:
    async with listening() as company, listening(Sink(users={"a@own.example": "pw"})) as own:
        anna = replace(
            MAILING.manager[0],
            smtp=Smtp(own.url("a%40own.example", "?tls=off"), SEAL.close("pw")),
        )
        setup = replace(MAILING, manager=(anna, *MAILING.manager[1:]))
        post = Post(database, company, setup)
        await post.put(1)
        await post.put(2, manager="boris")
        await post.work()
    assert [one.to for one in company.taken] == ["customer2@example.com"]
    (his,) = own.taken
    assert (his.sender, his.to) == ("a@own.example", "customer1@example.com")
    assert his.message["From"].addresses[0].addr_spec == "a@own.example"


async def test_a_password_from_the_environment_that_is_missing_waits(database: Database) -> None:
    async with listening(Sink(users={"a@own.example": "pw"})) as own:
        smtp = Smtp(own.url("a%40own.example", "?tls=off"), "env:ANNAS")
        setup = replace(MAILING, manager=(replace(MAILING.manager[0], smtp=smtp),))
        post = Post(database, own, setup)
        await post.put()
        assert await post.work() == "todo"
        post.now, post.environ = (await post.job()).due_at, {"ANNAS": "pw"}
        assert await post.work() == "sent"


# What cannot be made


async def test_a_letter_whose_file_is_gone_fails_and_says_why(database: Database) -> None:
    paper = Attachment("КП.pdf", "application/pdf", "documents/gone.pdf")
    async with listening() as sink:
        post = Post(database, sink)
        await post.put(attachments=(paper,))
        assert await post.work() == "failed"
    assert (await post.letter()).reason == "refused: content an attachment is missing"
    assert sink.connections == 0


async def test_a_name_that_would_become_a_header_fails(database: Database) -> None:
    async with listening() as sink:
        post = Post(database, sink)
        await post.put()
        one = await post.letter()
        evil = replace(one, subject="Привет\r\nBcc: all@example.com")
        assert await database.write(letters.move, one, evil)
        assert await post.work() == "failed"
    assert not sink.taken


# The moment before it leaves


async def test_what_was_taken_back_meanwhile_does_not_leave(database: Database) -> None:
    async with listening() as sink:
        post = Post(database, sink)
        await post.put()
        one = await post.letter()
        await database.write(letters.move, one, replace(one, state="cancelled"))
        assert await post.work() == "cancelled"
        assert not await database.read(jobs.listed)
    assert sink.connections == 0


async def test_a_frozen_base_lets_nothing_leave_until_it_is_thawed(database: Database) -> None:
    async with listening() as sink:
        post = Post(database, sink)
        await post.put()
        await database.write(frozen.freeze, "restored", now=NOW)
        for _ in range(3):
            assert await post.work() == "todo"
            found = await post.job()
            assert found.attempts == 0
            assert found.due_at > post.now
            post.now = found.due_at
        assert not sink.taken
        await database.write(frozen.thaw, by="vera", now=post.now)
        assert await post.work() == "sent"


async def test_quiet_hours_are_waited_out(database: Database) -> None:
    async with listening() as sink:
        post = Post(database, sink, mailing(quiet="11:00-13:00"))  # it is noon in Moscow
        await post.put()
        assert await post.work() == "todo"
        assert (await post.job()).due_at == NOW + timedelta(hours=1)
        post.now += timedelta(hours=1)
        assert await post.work() == "sent"


async def test_two_jobs_of_one_letter_send_it_once(database: Database) -> None:
    async with listening(Sink({"mail": ["slow"]})) as sink:
        post = Post(database, sink)
        await post.put()
        again = jobs.NewJob("send_letter", {"letter": name_of(1)})
        await database.write(jobs.ask, [again, again, again], now=NOW)
        assert await post.work() == "sent"
        assert not await database.read(jobs.listed)
    assert len(sink.taken) == 1


# Killed, taken over, a base that is silent


async def test_a_letter_that_is_found_on_its_way_is_in_doubt_and_not_sent(
    database: Database,
) -> None:
    async with listening() as sink:
        post = Post(database, sink)
        await post.put()
        args = (name_of(1), "a token of somebody who died", MAILING)
        assert await database.write(sending.begin_sending, *args, now=NOW) is None
        assert await post.work() == "in_doubt"
        assert not await database.read(jobs.listed)
    assert sink.connections == 0


async def test_who_was_given_up_and_sent_it_all_the_same_says_so(database: Database) -> None:
    """Its lease ran out while the server thought; the next one had to doubt, the first one knows."""
    async with listening(Sink({"dot": ["slow"]})) as sink:
        post = Post(database, sink)
        await post.put()
        first = post.worker()
        assert await first.take() == 1
        while (await post.letter()).state != "sending":
            await asyncio.sleep(0.005)
        post.now += timedelta(minutes=2)
        assert await post.work() == "in_doubt"
        assert await first.drain() == 0
        while (await post.letter()).state == "in_doubt":
            await asyncio.sleep(0.005)
        await first.stop()
    assert (await post.letter()).state == "sent"
    assert len(sink.taken) == 1


async def test_who_lost_his_lease_before_the_text_does_not_send_it(database: Database) -> None:
    """Two have connected; the letter leaves by whoever has the job."""
    async with listening(Sink({"mail": ["slow", "250 ok"]})) as sink:
        post = Post(database, sink)
        await post.put()
        first = post.worker()
        assert await first.take() == 1
        while not sink.times.get("mail"):
            await asyncio.sleep(0.001)
        post.now += timedelta(minutes=2)
        assert await post.work() == "sent"
        await first.drain()
        await first.stop()
    assert len(sink.taken) == 1


async def test_a_letter_leaves_only_by_whoever_has_its_job(database: Database) -> None:
    async with listening(Sink({"mail": ["slow"]})) as sink:
        post = Post(database, sink)
        await post.put()
        first = post.worker()
        assert await first.take() == 1
        while not sink.times.get("mail"):
            await asyncio.sleep(0.001)
        post.now += timedelta(minutes=2)
        lease = {"send_letter": timedelta(minutes=1)}
        await database.write(jobs.claim, {"send_letter": 1}, lease, now=post.now)
        await first.drain()
        await first.stop()
        assert (await post.letter()).state == "todo"
        post.now += timedelta(minutes=2)
        assert await post.work() == "sent"
    assert len(sink.taken) == 1


@dataclass
class Moody(Passing):
    """A real base whose writes about letters are refused, before or after their commit."""

    refuse: dict[str, int] = field(default_factory=dict)
    after: bool = False

    async def write_as(
        self,
        priority: Priority,
        do: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        name = getattr(do, "__name__", "")
        silent = self.refuse.get(name, 0) > 0
        if silent:
            self.refuse[name] -= 1
        if silent and not self.after:
            raise BaseSilent("it does not feel like it")
        found = await self.inner.write_as(priority, do, *args, **kwargs)
        if silent:
            raise BaseSilent("it said so too late")
        return found


@pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after its commit"])
async def test_a_base_that_is_silent_once_the_letter_went_is_told_again(
    database: Database, *, after: bool
) -> None:
    async with listening() as sink:
        # `both`: the flow and the job's end, in one transaction; the first is of `begin`
        post = Post(Moody(database, {"finish": 0}, after), sink)
        await post.put()
        sent = asyncio.create_task(post.work())
        while not sink.taken:
            assert isinstance(post.database, Moody)
            post.database.refuse["both"] = 1
            await asyncio.sleep(0)
        assert await sent == "sent"
    assert len(sink.taken) == 1


async def test_a_base_that_is_silent_at_the_last_moment_keeps_it_from_leaving(
    database: Database,
) -> None:
    for after in (False, True):
        async with listening() as sink:
            moody = Moody(database, {"fenced": 1}, after)
            post = Post(moody, sink)
            await post.put(1 + after)
            await post.worker().drain()
            assert not sink.taken
            assert (await post.letter(1 + after)).state == "todo"
            post.now += timedelta(minutes=3)
            await post.worker().drain()
            assert (await post.letter(1 + after)).state == "sent"
        assert len(sink.taken) == 1


# The copy


async def test_the_manager_gets_a_blind_copy_of_the_same_bytes(database: Database) -> None:
    async with listening() as sink:
        post = Post(database, sink)
        await post.put(copy_to="anna@romashka.example")
        assert await post.work() == "sent"
    customer, copy = sink.taken
    assert (customer.to, copy.to) == ("customer1@example.com", "anna@romashka.example")
    assert customer.data == copy.data
    assert b"anna@romashka.example" not in customer.data.replace(b"Reply-To: anna@", b"")


@pytest.mark.parametrize("bad", ["550 no such user", "451 later", "drop"])
async def test_a_copy_that_does_not_go_changes_nothing_for_the_customer(
    database: Database, bad: str
) -> None:
    async with listening(Sink({"rcpt": ["250 ok", bad]})) as sink:
        post = Post(database, sink)
        await post.put(copy_to="anna@romashka.example")
        assert await post.work_on() == 1
        assert (await post.letter()).state == "sent"
    assert [one.to for one in sink.taken] == ["customer1@example.com"]
