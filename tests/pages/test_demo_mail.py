"""The demo's letters: kept by a real server, read on a page that lets none of them do anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from callrouter.domain.letters import Outgoing
from callrouter.domain.mailbox import read_mailbox
from callrouter.outside import message
from callrouter.outside.mail import Mailer, Sent
from callrouter.outside.message import File
from callrouter.outside.sink import KEPT, Sink
from callrouter.pages import Relay, add_pages
from callrouter.service import Service
from tests.pages.conftest import HandClock, Setups, Site

LETTER = Outgoing(
    id="L1",
    message_id="<offer.1.42@romashka.example>",
    manager="anna",
    sender_name="Анна Смирнова, Ромашка",
    reply_to="anna@romashka.example",
    to="ivan@example.com",
    to_name="Иван Петров",
    copy_to=None,
    subject="Предложение № 15 <b>",
    html="<p>Добрый день!</p><script>parent.location='http://evil.example'</script>",
    text="Добрый день!",
)
OFFER = File("КП № 15 — Ромашка.pdf", "application/pdf", b"%PDF-1.7 offer")


@dataclass
class Post:
    """A demo's pages, and the server that its letters go to."""

    site: Site
    sink: Sink

    async def send(self, letter: Outgoing = LETTER, *files: File, to: str | None = None) -> str:
        """Through SMTP, as the server does; gives the letter's id."""
        mail = message.write(letter, files, "sales@romashka.example", now=datetime.now(UTC))

        async def begin() -> bool:
            return True

        sent = replace(mail, to=to or mail.to)
        assert isinstance(await Mailer().send(read_mailbox(self.sink.url), sent, begin), Sent)
        return self.sink.listed()[0].id


@pytest.fixture
async def post(
    service: Service, setups: Setups, clock: HandClock, session: ClientSession, tmp_path: Path
) -> AsyncIterator[Post]:
    service = replace(service, demo=True)
    relay, app, sink = Relay(service), web.Application(), Sink(tmp_path / "mail")

    async def dial(_kind: str, _caller: str, _line: str) -> str:
        return ""

    find = lambda _name, _account: None  # noqa: E731
    add_pages(app, service, find=find, dial=dial, relay=relay, mail=sink)
    server = TestServer(app)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(sink.listening())
        await server.start_server()
        stack.push_async_callback(server.close)
        url = str(server.make_url("")).rstrip("/")
        site = Site(url, service, setups, clock, relay, session)
        await site.let_in()
        yield Post(site, sink)


async def test_a_letter_that_was_sent_is_on_the_page(post: Post) -> None:
    assert "Писем пока нет" in (await post.site.get("/demo/mail")).text
    name = await post.send(LETTER, OFFER)
    listed = (await post.site.get("/demo/mail")).text
    assert f'href="/demo/mail/{name}"' in listed
    assert "Предложение № 15 &lt;b&gt;" in listed
    assert "/static/demo_mail.js" in listed  # follows what comes
    assert 'http-equiv="refresh"' not in listed  # takes no reader's place away
    shown = (await post.site.get(f"/demo/mail/{name}")).text
    assert "Анна Смирнова, Ромашка &lt;sales@romashka.example&gt;" in shown
    assert "anna@romashka.example" in shown
    assert OFFER.title in shown
    assert "Добрый день!" in shown
    assert "<script>" not in shown


async def test_a_blind_copy_is_told_from_the_letter(post: Post) -> None:
    await post.send()
    assert "скрытая копия" not in (await post.site.get("/demo/mail")).text
    await post.send(to="anna@romashka.example")
    assert (await post.site.get("/demo/mail")).text.count("скрытая копия") == 1


async def test_what_stands_in_a_letter_can_do_nothing(post: Post) -> None:
    name = await post.send()
    whole = await post.site.get(f"/demo/mail/{name}")
    assert re.search(r"<iframe [^>]*\bsandbox(?=[ >])", whole.text)
    assert "frame-src 'self'" in whole.headers["Content-Security-Policy"]
    frame = await post.site.get(f"/demo/mail/{name}/html")
    assert frame.text.strip() == LETTER.html
    rules = frame.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= set(rules)
    assert not any("script" in rule for rule in rules)
    assert frame.headers["X-Content-Type-Options"] == "nosniff"


async def test_what_came_along_is_saved_and_not_shown(post: Post) -> None:
    name = await post.send(LETTER, OFFER, File("evil.html", "text/html", b"<script>1</script>"))
    file = await post.site.get(f"/demo/mail/{name}/files/0")
    assert file.text == "%PDF-1.7 offer"
    assert file.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%D0%9A")
    evil = await post.site.get(f"/demo/mail/{name}/files/1")
    assert evil.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in evil.headers["Content-Security-Policy"]
    assert (await post.site.get(f"/demo/mail/{name}/files/2")).status == 404


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fetc%2fpasswd", "1700000000000-00000000"])
async def test_what_is_no_letter(post: Post, name: str) -> None:
    for path in (f"/demo/mail/{name}", f"/demo/mail/{name}/html", f"/demo/mail/{name}/files/0"):
        assert (await post.site.get(path)).status == 404


async def test_only_visitors_read_letters_and_only_of_a_demo(post: Post, site: Site) -> None:
    name = await post.send()
    for path in ("/demo/mail", f"/demo/mail/{name}", f"/demo/mail/{name}/html"):
        assert (await post.site.get(path, visitor=False)).status == 401
    assert (await site.get("/demo/mail")).status == 404
    assert "/demo/mail" in (await post.site.get("/")).text
    assert "/demo/mail" not in (await site.get("/")).text


async def test_the_last_ones_are_kept(post: Post) -> None:
    for n in range(KEPT + 3):
        await asyncio.to_thread(post.sink.keep, f"n{n}@example.com", b"Subject: x\r\n\r\ny\r\n")
    listed = post.sink.listed()
    assert len(listed) == KEPT
    assert listed[0].to == f"n{KEPT + 2}@example.com"


async def test_what_another_demo_kept_is_there_again(post: Post, tmp_path: Path) -> None:
    await post.send()
    again = Sink(tmp_path / "mail")
    async with again.listening():
        assert [one.subject for one in again.listed()] == [LETTER.subject]
