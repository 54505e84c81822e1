"""Connecting a PBX: what to enter in it, whether its hooks come, why one is refused, and the test."""

from __future__ import annotations

import ast
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection, update

import webhooks
from callrouter.domain.setup import Account
from callrouter.flows.visits import enter, new_link
from callrouter.pages.connect import secret_rows, warning_of
from callrouter.service import Service
from callrouter.settings import Settings
from callrouter.trials import verdict_of
from callrouter.wording import speak
from callrouter.wording.hooks import ASIDE, REFUSED, why_aside, why_refused
from storage import journal, tables
from storage.journal import Raw, Refused
from tests.api.rows import LINE, NOON, SETUP, add_call, add_told
from tests.examples import event
from tests.pages.conftest import Open, Seen, Site
from tests.pages.markup import Markup
from tests.pages.test_acting import HOME, SCRIPT, post
from tests.running import free_port
from webhooks import errors
from webhooks.provider import Answer, UnreadableHook

SECRET = "the-secret-of-main"
MAIN = Account("main", default_line=LINE, secret=SECRET)
MINUTE = timedelta(minutes=1)
ARRIVED = "Дошло: адрес, путь к нему и секрет верны."


@pytest.fixture(autouse=True)
def _with_a_secret(site: Site) -> None:
    site.setups.current = replace(SETUP, account=(MAIN,))


def text_of(seen: Seen) -> str:
    return said_in(seen.text)


def said_in(html: str) -> str:
    return " ".join(" ".join(Markup(html).texts).split())


async def let_in_as(site: Site, role: Any) -> None:
    link = await site.service.database.write(new_link, now=NOON, role=role)
    cookie = await site.service.database.write(enter, link, now=NOON)
    site.cookie = f"{site.cookie.split('=')[0]}={cookie}"


def refuse(conn: Connection, reason: str, minute: int = 0, **said: Any) -> None:
    one = Refused("main", "pbx", NOON + minute * MINUTE, reason, "10.0.0.9")
    journal.refuse(conn, replace(one, **said))


def hear(conn: Connection, /, kind: Any, minute: int, call: str | None = None, **said: Any) -> None:
    one = event(kind, f"c{minute}", NOON + minute * MINUTE, **said)
    journal.remember(conn, [(one, call, Raw(b"{}", ""))])


# Who may see it


@pytest.mark.parametrize("role", ["manager", "head", "auditor"])
async def test_it_is_for_admins_alone(site: Site, role: str) -> None:
    assert 'href="/connect"' in (await site.get("/")).text
    await let_in_as(site, role)
    for path in ("/connect", "/connect/main"):
        seen = await site.get(path)
        assert (seen.status, "/webhooks/" in seen.text) == (403, False)
    assert (await site.get("/connect/main/hooks")).status == 403
    assert (await post(site, "/connect/main/test")).status == 403
    assert 'href="/connect"' not in (await site.get("/")).text


async def test_strangers_and_other_sites_are_shown_nothing_and_start_no_test(site: Site) -> None:
    assert (
        await post(site, "/connect/main/test", {"Origin": "https://evil.example"})
    ).status == 403
    site.cookie = ""
    for path in ("/connect", "/connect/main", "/connect/main/hooks"):
        assert (await site.get(path)).status == 401


# What to enter


async def test_the_address_and_where_the_secret_is_but_never_the_secret(site: Site) -> None:
    main = replace(MAIN, secret=("env:PBX_SECRET", SECRET), api_key="env:PBX_KEY")
    site.setups.current = replace(SETUP, account=(main,))
    seen = await site.get("/connect")
    assert "http://calls.example/webhooks/pbx/main" in text_of(seen)
    assert "PBX_SECRET на сервере не задан" in text_of(seen)
    assert "Второй секрет, на время замены хранится в базе зашифрованным" in text_of(seen)
    assert "Ключ API PBX_KEY" in text_of(seen)
    assert SECRET not in seen.text
    assert Markup(seen.text).is_ours()


def test_a_variable_is_told_by_its_name_and_whether_it_is_there() -> None:
    account = replace(MAIN, secret=("env:OLD", "env:NEW"))
    rows = secret_rows(account, lambda name: name == "NEW", speak("en"))
    assert [(one.name, one.there) for one in rows] == [("OLD", False), ("NEW", True)]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:8080", "on this machine only"),
        ("https://localhost", "on this machine only"),
        ("http://[::1]:8080", "on this machine only"),
        ("http://0.0.0.0:8080", "on this machine only"),
        ("http://crm.example.com", "Without https"),
        ("http://10.0.0.5:8080", "Without https"),
        ("https://crm.example.com", ""),
        ("https://10.0.0.5", ""),
    ],
)
def test_an_address_that_is_no_good_for_a_pbx_elsewhere_says_so(url: str, says: str) -> None:
    warning = warning_of(url, speak("en"))
    assert says in warning
    assert bool(warning) == bool(says)


async def test_each_kind_of_pbx_has_its_lines_with_the_address_in_them(site: Site) -> None:
    said = text_of(await site.get("/connect/main"))
    address = "http://calls.example/webhooks/pbx/main"
    assert f'curl -u "pbx:$SECRET" {address} -d event=test' in said
    assert f"CALLROUTER_URL={address}" in said
    assert f'value="{address}?as=freeswitch"' in said
    assert '"callrouter=>http://kamailio:SECRET@calls.example;timeout=2"' in said
    assert '#!define CALLROUTER_ASKED_AT "/webhooks/pbx/main?as=rtjson"' in said


@pytest.mark.parametrize("provider", ["zadarma", "twilio", "something"])
async def test_each_provider_has_its_steps(site: Site, provider: str) -> None:
    other = Account("second", default_line=LINE, provider=provider, secret=SECRET)
    site.setups.current = replace(SETUP, account=(MAIN, other))
    seen = await site.get("/connect/second")
    assert f"http://calls.example/webhooks/{provider}/second" in text_of(seen)
    assert (f"webhooks/providers/{provider}.md" in seen.text) == (provider != "something")
    assert 'aria-current="page">second' in seen.text
    assert (await site.get("/connect/third")).status == 404


async def test_without_a_setup_it_says_how_to_begin(site: Site) -> None:
    site.setups.current = replace(SETUP, account=(), line=())
    assert "callrouter init" in text_of(await site.get("/connect"))


async def test_english(site: Site) -> None:
    said = text_of(await site.get("/connect?language=en"))
    assert "Connect your PBX" in said
    assert "Nothing has come yet" in said


# What came


async def test_nothing_yet_says_what_to_do(site: Site) -> None:
    said = text_of(await site.get("/connect"))
    assert "Пока ничего не приходило Впишите адрес в АТС" in said


async def test_what_came_stands_there_with_its_answer_and_without_phones(site: Site) -> None:
    def write(conn: Connection) -> str:
        call = add_call(conn)
        add_told(conn, call)
        hear(conn, "ringing", 1, call, caller="+79161234567")
        key = event("ringing", "c1").key
        conn.execute(update(tables.decision).values(key=key))
        hear(conn, "ended", 2, call)
        hear(conn, "unknown", 3, word="hello<b>")
        return call

    call = await site.service.database.write(write)
    site.clock.now += 5 * MINUTE
    seen = await site.get("/connect/main/hooks")
    said = text_of(seen)
    assert "Подключено: последнее событие пришло в 12:03:00" in said
    assert "ringing звоним: Анна Смирнова" in said
    assert "ended принято" in said
    assert "hello<b> записано; такого события мы не знаем" in said
    assert said.index("ended") < said.index("ringing")
    assert "+7916***67" in said
    assert "9161234567" not in seen.text
    assert f'href="/calls/{call}"' in seen.text


@pytest.mark.parametrize("word", ["test", "CALLROUTER_TEST"])
async def test_our_own_test_is_not_taken_for_the_pbx(site: Site, word: str) -> None:
    await site.service.database.write(hear, "unknown", 1, word=word)
    said = text_of(await site.get("/connect"))
    assert "Проверка дошла, от АТС пока ничего не приходило" in said
    assert f"{word} наша проверка" in said


async def test_a_refused_hook_stands_there_with_its_reason_once(site: Site) -> None:
    def write(conn: Connection) -> None:
        hear(conn, "ended", 1)
        for minute in (2, 3, 4):
            refuse(conn, "wrong secret (Bearer)", minute)
        refuse(conn, "unknown account", 5, provider="zadarma")
        refuse(conn, "unknown account", 6, account="mian")
        refuse(conn, "a body may have 65536 bytes", 7)

    await site.service.database.write(write)
    site.clock.now += 9 * MINUTE
    said = text_of(await site.get("/connect"))
    assert "АТС обращается, но её не пускают: тело запроса больше 65536 байт" in said
    assert "12:04:00 неверный секрет (Bearer) ×3 10.0.0.9" in said
    assert "в адресе указан zadarma, а это подключение pbx" in said
    assert "На подключения, которых нет 12:06:00 /webhooks/pbx/mian" in said


async def test_whoever_is_let_in_again_is_connected(site: Site) -> None:
    def write(conn: Connection) -> None:
        refuse(conn, "wrong secret (Bearer)", 1)
        hear(conn, "ended", 2)

    await site.service.database.write(write)
    assert "Подключено: последнее событие" in text_of(await site.get("/connect"))


async def test_what_was_not_understood_names_its_field(site: Site) -> None:
    def write(conn: Connection) -> None:
        journal.set_aside(
            conn,
            account="main",
            received=NOON,
            field="call_id",
            reason="is obligatory in ended",
            body=b'{"caller": "+79161234567"}',
            query="",
        )

    await site.service.database.write(write)
    seen = await site.get("/connect")
    assert "call_id обязательно в событии ended" in text_of(seen)
    assert "9161234567" not in seen.text


async def test_only_the_last_are_shown(site: Site) -> None:
    def write(conn: Connection) -> None:
        for minute in range(40):
            hear(conn, "ended", minute)
            refuse(conn, f"wrong secret ({minute})", minute)

    await site.service.database.write(write)
    page = (await site.get("/connect/main/hooks")).text
    assert page.count("<code>ended</code>") == 15
    assert page.count("неверный секрет (") == 15


# The test


Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def elsewhere(
    open_site: Open, service: Service
) -> AsyncIterator[Callable[[Answering], Awaitable[Site]]]:
    """A site whose public address is a scripted server."""
    servers = []

    async def serve(answer: Answering) -> Site:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        url = str(server.make_url("")).rstrip("/")
        site = await open_site(replace(service, settings=Settings(public_url=url)))
        site.setups.current = replace(SETUP, account=(MAIN,))
        return site

    yield serve
    for server in servers:
        await server.close()


async def start(site: Site) -> str:
    origin = {**SCRIPT, "Origin": site.url}
    seen = await post(site, "/connect/main/test", origin)
    assert seen.status == 200
    return said_in(json.loads(seen.text)["html"])


async def test_the_test_goes_the_way_of_a_hook_and_says_whom_a_call_would_ring(
    elsewhere: Any,
) -> None:
    came: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        came.append((request.method, request.path, dict(request.headers), await request.json()))
        return web.Response(body=b'{"ok": true}')

    site = await elsewhere(answer)
    said = await start(site)
    assert said.startswith(ARRIVED)
    assert re.search(r"ответ 200, \d+ мс", said)
    assert "Если бы сейчас позвонил новый клиент: Новый номер. По плану: Анна Смирнова" in said
    ((method, path, headers, body),) = came
    assert (method, path) == ("POST", "/webhooks/pbx/main")
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert body["event"] == "test"
    await start(site)
    assert len({one[3]["event_id"] for one in came}) == 2


async def test_without_a_script_the_whole_page_comes_back_with_the_answer(elsewhere: Any) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b'{"ok": true}')

    site = await elsewhere(answer)
    seen = await post(site, "/connect/main/test", {"Origin": site.url})
    assert seen.status == 200
    assert ARRIVED in seen.text
    assert "Подключить свою АТС" in seen.text


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, "<h1>Welcome to nginx!</h1>", "Ответил кто-то другой. Прокси должен"),
        (200, '{"ok": false}', "Ответил кто-то другой."),
        (401, '{"error": "account or secret is wrong"}', "Не принято. Если ниже появилась причина"),
        (301, "", "Адрес переадресует на https://elsewhere.example/"),
        (502, "<b>Bad gateway</b>", "Ответил кто-то другой."),
        (404, "", "Ответил кто-то другой."),
    ],
)
async def test_any_other_answer_is_no_arrival(
    elsewhere: Any, status: int, body: str, says: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Location": "https://elsewhere.example/"} if status == 301 else {}
        return web.Response(text=body, status=status, headers=headers)

    said = await start(await elsewhere(answer))
    assert said.startswith(says)
    assert f"ответ {status}, " in said
    assert body in said
    assert "Если бы сейчас" not in said


async def test_an_address_that_nobody_answers_says_so(open_site: Open, service: Service) -> None:
    settings = Settings(public_url=f"http://127.0.0.1:{free_port()}")
    site = await open_site(replace(service, settings=settings))
    site.setups.current = replace(SETUP, account=(MAIN,))
    said = await start(site)
    assert re.fullmatch(r"По этому адресу никто не отвечает: .* межсетевой экран\. \d+ мс", said)


AT = ConnectionKey("crm.example.com", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (aiohttp.ClientConnectorDNSError(AT, OSError(-2, "unknown")), "no_host"),
        (aiohttp.ClientConnectorError(AT, OSError(113, "no route")), "closed"),
        (aiohttp.ClientConnectorCertificateError(AT, ssl.CertificateError()), "bad_tls"),
        (aiohttp.ClientConnectorSSLError(AT, ssl.SSLError()), "bad_tls"),
        (aiohttp.ConnectionTimeoutError(), "silent"),
        (TimeoutError(), "silent"),
        (ConnectionResetError(), "broken"),
    ],
)
def test_each_fault_of_the_network_is_told_apart(error: Exception, verdict: str) -> None:
    assert verdict_of(error) == verdict


async def test_a_connection_that_breaks_off_says_so(elsewhere: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.abort()
        return web.Response()

    assert (await start(await elsewhere(answer))).startswith("Соединение оборвалось до ответа")


async def test_without_a_secret_there_is_nothing_to_test_with(site: Site) -> None:
    site.setups.current = replace(SETUP, account=(replace(MAIN, secret="env:NOT_THERE"),))
    said = json.loads((await post(site, "/connect/main/test", SCRIPT)).text)["html"]
    assert "Проверять нечем: секрета нет." in said
    assert (await post(site, "/connect/third/test", HOME)).status == 404


# The reasons


def reasons_in_the_code() -> list[str]:
    """Every text with which a hook is refused; a `1` stands for what is put in."""
    refusing = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and not issubclass(kind, (UnreadableHook, Answer))
    }
    found = []
    for path in Path(webhooks.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            name = getattr(node.exc.func, "id", "")
            if name in refusing and node.exc.args:
                found += _texts(node.exc.args[0])
    return found


def _texts(node: ast.expr) -> list[str]:
    match node:
        case ast.IfExp(body=one, orelse=other):
            return [*_texts(one), *_texts(other)]
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(str(p.value) if isinstance(p, ast.Constant) else "1" for p in parts)]
        case ast.BinOp(left=one):
            return [f"{_texts(one)[0]}1"]
        case _:
            return []


def test_every_reason_of_a_refusal_is_said_in_russian() -> None:
    reasons = reasons_in_the_code()
    assert len(reasons) > 20
    words = speak("ru")
    assert [one for one in reasons if why_refused(words, one) == one] == []


def test_what_is_put_into_a_reason_stays_in_it() -> None:
    words = speak("ru")
    assert why_refused(words, "wrong secret (Basic)") == "неверный секрет (Basic)"
    assert why_aside(words, "is none of a, b") == "может быть только: a, b"
    assert why_refused(words, "something new") == "something new"
    for message in (*REFUSED, *ASIDE):
        assert why_refused(speak("en"), message) == message
