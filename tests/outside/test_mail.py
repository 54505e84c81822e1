"""What became of a letter is said for certain, whatever the server does."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field, replace

import pytest
import trustme

from callrouter.domain.mailbox import BadMailbox, Mailbox, Tls, read_mailbox
from callrouter.outside.mail import InDoubt, Limits, Mailer, NotSent, Outcome, Sent, Stage
from callrouter.outside.message import Mail
from tests.smtp import Manners, Sink, listening

MAIL = Mail("sales@romashka.example", "ivan@example.com", b"Subject: x\r\n\r\n.dot\r\nbye\r\n")
QUICK = Limits(connect_s=0.4, command_s=0.4, end_s=0.4)


@dataclass
class Begun:
    """Counts how often a letter was said to be on its way."""

    times: int = 0
    allowed: bool = True

    async def __call__(self) -> bool:
        self.times += 1
        return self.allowed


@dataclass
class Authority:
    """Somebody who vouches for the sink, and a context for each side."""

    made: trustme.CA = field(default_factory=trustme.CA)

    def of_server(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.made.issue_cert(name).configure_cert(context)
        return context

    @property
    def trusted(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.made.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def box(sink: Sink, tls: Tls = "offered", user: str = "", password: str = "") -> Mailbox:
    return Mailbox("127.0.0.1", sink.port, tls, user, password, "sales@romashka.example")


async def send(sink: Sink, mailbox: Mailbox | None = None, mail: Mail = MAIL) -> Outcome:
    return await Mailer(QUICK).send(mailbox or box(sink), mail, Begun())


def refused(stage: Stage, code: int | None = None, *, temporary: bool = True) -> tuple[object, ...]:
    return ("not sent", stage, code, temporary)


def short(outcome: Outcome) -> object:
    match outcome:
        case Sent():
            return "sent"
        case InDoubt():
            return "in doubt"
        case NotSent():
            return ("not sent", outcome.stage, outcome.code, outcome.temporary)


@pytest.mark.parametrize(
    ("manners", "expected", "kept"),
    [
        pytest.param({}, "sent", 1, id="it takes the letter"),
        pytest.param({"greeting": ["421 busy"]}, refused("connect", 421), 0, id="busy at once"),
        pytest.param({"greeting": ["554 no"]}, refused("connect", 554), 0, id="not for us"),
        pytest.param({"greeting": ["drop"]}, refused("connect"), 0, id="hangs up at once"),
        pytest.param({"greeting": ["mute"]}, refused("connect"), 0, id="never greets"),
        pytest.param({"ehlo": ["drop"]}, refused("ehlo"), 0, id="hangs up at EHLO"),
        pytest.param({"ehlo": ["502 what", "250 sink"]}, "sent", 1, id="knows only HELO"),
        pytest.param({"mail": ["450 later"]}, refused("mail", 450), 0, id="4xx at MAIL"),
        pytest.param(
            {"mail": ["553 5.7.1 sender address rejected: not owned by user"]},
            refused("mail", 553, temporary=False),
            0,
            id="a foreign From",
        ),
        pytest.param({"rcpt": ["451 4.7.1 greylisted"]}, refused("rcpt", 451), 0, id="greylisted"),
        pytest.param(
            {"rcpt": ["550 no such user"]}, refused("rcpt", 550, temporary=False), 0, id="no user"
        ),
        pytest.param({"rcpt": ["drop"]}, refused("rcpt"), 0, id="hangs up before DATA"),
        pytest.param({"rcpt": ["mute"]}, refused("rcpt"), 0, id="is silent before DATA"),
        pytest.param({"rcpt": ["gibberish"]}, refused("rcpt"), 0, id="cannot be read"),
        pytest.param({"data": ["452 full"]}, refused("data", 452), 0, id="4xx at DATA"),
        pytest.param(
            {"data": ["554 spam"]}, refused("data", 554, temporary=False), 0, id="5xx at DATA"
        ),
        pytest.param({"data": ["drop"]}, refused("data"), 0, id="hangs up at DATA"),
        pytest.param({"middle": ["drop"]}, refused("content"), 0, id="hangs up in the text"),
        pytest.param({"dot": ["451 later"]}, refused("content", 451), 0, id="4xx after the dot"),
        pytest.param(
            {"dot": ["552 too big"]}, refused("content", 552, temporary=False), 0, id="5xx after it"
        ),
        pytest.param({"dot": ["slow"]}, "sent", 1, id="takes its time"),
        pytest.param({"dot": ["keep drop"]}, "in doubt", 1, id="takes it, hangs up"),
        pytest.param({"dot": ["drop"]}, "in doubt", 0, id="hangs up after the dot"),
        pytest.param({"dot": ["keep mute"]}, "in doubt", 1, id="takes it, never answers"),
        pytest.param({"dot": ["gibberish"]}, "in doubt", 0, id="answers gibberish after the dot"),
        pytest.param({"dot": ["354 more"]}, "in doubt", 0, id="wants more after the dot"),
        pytest.param({"dot": ["reset"]}, "sent", 1, id="answers, then hangs up"),
    ],
)
async def test_what_a_server_does_and_what_is_said_of_the_letter(
    manners: Manners, expected: object, kept: int
) -> None:
    begun = Begun()
    # A text that no buffer of the network takes whole, so that who hangs up in it is noticed.
    mail = replace(MAIL, data=MAIL.data * 400_000) if "middle" in manners else MAIL
    async with listening(Sink(manners)) as sink:
        outcome = await Mailer(replace(QUICK, end_s=2.0 if "middle" in manners else 0.4)).send(
            box(sink), mail, begun
        )
    assert short(outcome) == expected
    assert len(sink.taken) == kept
    late = isinstance(outcome, (Sent, InDoubt)) or outcome.stage in ("data", "content")
    assert begun.times == (1 if late else 0)


async def test_the_text_arrives_as_it_was_made() -> None:
    async with listening() as sink:
        assert await send(sink) == Sent("250 2.0.0 taken as 42")
    (taken,) = sink.taken
    assert (taken.sender, taken.to, taken.data) == (MAIL.sender, MAIL.to, MAIL.data)
    assert sink.said[-1] == "QUIT"


async def test_what_may_not_leave_after_all_does_not() -> None:
    async with listening() as sink:
        outcome = await Mailer(QUICK).send(box(sink), MAIL, Begun(allowed=False))
    assert short(outcome) == refused("begin")
    assert "DATA" not in sink.said
    assert not sink.taken


async def test_what_the_base_says_in_the_last_moment_goes_through_and_nothing_leaves() -> None:
    async def fail() -> bool:
        raise KeyError

    async with listening() as sink:
        with pytest.raises(KeyError):
            await Mailer(QUICK).send(box(sink), MAIL, fail)
    assert not sink.taken


async def test_nobody_listens() -> None:
    async with listening() as sink:
        pass
    assert short(await send(sink)) == refused("connect")


async def test_a_name_that_is_none() -> None:
    outcome = await Mailer(QUICK).send(Mailbox("no.such.invalid", 25), MAIL, Begun())
    assert isinstance(outcome, NotSent)
    assert (outcome.stage, outcome.temporary) == ("connect", True)


# Secured, and signed in


async def test_it_is_secured_where_the_server_offers_it_and_signs_in(authority: Authority) -> None:
    users = {"sales@romashka.example": "пароль"}
    mailer = Mailer(QUICK, authority.trusted)
    async with listening(Sink(tls=authority.of_server(), users=users)) as sink:
        mailbox = box(sink, "required", "sales@romashka.example", "пароль")
        assert isinstance(await mailer.send(mailbox, MAIL, Begun()), Sent)
    assert sink.said.index("STARTTLS") < next(
        n for n, line in enumerate(sink.said) if line.startswith("AUTH")
    )


async def test_tls_from_the_first_byte(authority: Authority) -> None:
    async with listening(wrapped=authority.of_server()) as sink:
        outcome = await Mailer(QUICK, authority.trusted).send(box(sink, "wrapped"), MAIL, Begun())
    assert isinstance(outcome, Sent)


@pytest.mark.parametrize("tls", ["required", "offered"])
async def test_nothing_goes_to_a_server_whose_certificate_is_not_trusted(
    authority: Authority, tls: Tls
) -> None:
    users = {"me": "secret"}
    async with listening(Sink(tls=authority.of_server(), users=users)) as sink:
        outcome = await Mailer(QUICK).send(box(sink, tls, "me", "secret"), MAIL, Begun())
    assert short(outcome) == refused("tls")
    assert "certificate" in outcome.reason  # type: ignore[union-attr]
    assert not any(line.startswith(("AUTH", "MAIL")) for line in sink.said)


async def test_nor_to_one_of_another_name(authority: Authority) -> None:
    async with listening(wrapped=authority.of_server("mail.example")) as sink:
        outcome = await Mailer(QUICK, authority.trusted).send(box(sink, "wrapped"), MAIL, Begun())
    assert short(outcome) == refused("tls")


async def test_a_password_is_not_said_where_it_can_be_heard() -> None:
    """Who strips the offer of STARTTLS out of the answer to EHLO learns nothing."""
    async with listening(Sink(users={"me": "secret"})) as sink:
        outcome = await send(sink, box(sink, "required", "me", "secret"))
    assert short(outcome) == refused("tls")
    assert not any(line.startswith("AUTH") for line in sink.said)


async def test_starttls_that_fails(authority: Authority) -> None:
    manners = {"starttls": ["454 not now"]}
    async with listening(Sink(manners, tls=authority.of_server())) as sink:
        outcome = await Mailer(QUICK, authority.trusted).send(box(sink), MAIL, Begun())
    assert short(outcome) == refused("tls", 454)
    assert not sink.taken


async def test_a_wrong_password_is_of_the_mailbox_and_may_be_mended() -> None:
    async with listening(Sink(users={"me": "secret"})) as sink:
        outcome = await send(sink, box(sink, "off", "me", "wrong"))
    assert short(outcome) == refused("auth", 535)
    assert isinstance(outcome, NotSent)
    assert outcome.is_of_the_mailbox


# A mailbox that does not work


async def test_a_mailbox_that_does_not_work_is_left_alone_for_a_while() -> None:
    async with listening(Sink({"greeting": ["421 busy", "421 busy", "220 ready"]})) as sink:
        mailer = Mailer(QUICK, rests_s=(0.1, 0.15))
        first = await mailer.send(box(sink), MAIL, Begun())
        again = await mailer.send(box(sink), MAIL, Begun())
        assert isinstance(first, NotSent)
        assert isinstance(again, NotSent)
        assert (first.code, again.code, sink.connections) == (421, 421, 1)
        assert 0 < (again.again_after_s or 0) <= (first.again_after_s or 0) <= 0.1
        await asyncio.sleep(0.11)
        assert isinstance(await mailer.send(box(sink), MAIL, Begun()), NotSent)
        assert sink.connections == 2
        await asyncio.sleep(0.16)
        assert isinstance(await mailer.send(box(sink), MAIL, Begun()), Sent)


async def test_what_is_wrong_with_a_letter_keeps_no_other_one_back() -> None:
    async with listening(Sink({"rcpt": ["550 no such user", "250 ok"]})) as sink:
        mailer = Mailer(QUICK)
        assert isinstance(await mailer.send(box(sink), MAIL, Begun()), NotSent)
        assert isinstance(await mailer.send(box(sink), MAIL, Begun()), Sent)


# Sizes and alphabets


async def test_a_letter_that_is_too_big_is_not_begun() -> None:
    async with listening(Sink(size=10)) as sink:
        assert short(await send(sink)) == refused("mail", 552, temporary=False)
    assert not any(line.startswith("MAIL") for line in sink.said)


async def test_a_big_one_that_fits_goes_whole() -> None:
    mail = replace(MAIL, data=b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 200_000)
    async with listening(Sink(size=10_000_000)) as sink:
        outcome = await Mailer(Limits(5, 5, 20)).send(box(sink), mail, Begun())
    assert isinstance(outcome, Sent)
    assert sink.taken[0].data == mail.data
    assert f"MAIL FROM:<{MAIL.sender}> SIZE={len(mail.data)}" in sink.said


async def test_an_address_in_cyrillic_needs_a_server_that_takes_it() -> None:
    mail = replace(MAIL, to="анна@xn--80a1acny.example", utf8=True)
    async with listening() as able, listening(Sink(smtputf8=False)) as unable:
        assert isinstance(await send(able, mail=mail), Sent)
        assert short(await send(unable, mail=mail)) == refused("rcpt", 553, temporary=False)
    assert able.taken[0].to == mail.to


# Addresses of mailboxes


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://127.0.0.1:2525", Mailbox("127.0.0.1", 2525)),
        ("smtp://relay.example", Mailbox("relay.example", 25)),
        (
            "smtp://anna%40romashka.ru:p%3Aw%2F@smtp.example",
            Mailbox(
                "smtp.example", 587, "required", "anna@romashka.ru", "p:w/", "anna@romashka.ru"
            ),
        ),
        (
            "smtps://me:pw@smtp.example",
            Mailbox("smtp.example", 465, "wrapped", "me", "pw"),
        ),
        ("smtp://me:pw@localhost", Mailbox("localhost", 587, "offered", "me", "pw")),
        ("smtp://me:pw@10.0.0.7:25?tls=off", Mailbox("10.0.0.7", 25, "off", "me", "pw")),
        ("smtp://relay.example?tls=required", Mailbox("relay.example", 25, "required")),
        ("smtp://[::1]:2525", Mailbox("::1", 2525)),
    ],
)
def test_an_address_of_a_mailbox(url: str, expected: Mailbox) -> None:
    found = read_mailbox(url)
    assert found == expected
    assert "pw" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "smtp.example",
        "http://smtp.example",
        "smtp://",
        "smtp://host:0",
        "smtp://host:99999",
        "smtp://host/path",
        "smtp://ho st",
        "smtp://:pw@host",
        "smtp://host?tls=maybe",
        "smtp://host?other=1",
        "smtps://host?tls=off",
        "smtp://me:p%0Aw@host",
    ],
)
def test_what_is_none(url: str) -> None:
    with pytest.raises(BadMailbox, match="allowed"):
        read_mailbox(url)


def test_a_managers_password_stands_apart() -> None:
    with pytest.raises(BadMailbox, match="password = "):
        read_mailbox("smtp://me:secret@host", secret_apart=True)
