"""No address leads to where the setup does not: a canary on loopback that nobody may reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from callrouter.outside import client as guarded
from callrouter.outside.client import Client, Door, Forbidden, OutsideError
from tests.outside.servers import Server, TwoFaced, answer, known, serving
from webhooks.provider import Request

PUBLIC = "2d00::1"
"""An address that may be reached and that nobody has."""

HOSTS = (
    # Plain, and every spelling that one reader or another takes for loopback.
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "127.000.000.001",
    "0177.0.0.1",
    "0177.0.0.01",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "0X7F000001",
    "2130706433",
    "017700000001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",  # noqa: S104
    "0x0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ip6-localhost",
    "localhost.localdomain",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "loc\u00adalhost",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "%31%32%37.0.0.1",
    "127.0.0.%31",
    "local%68ost",
    # IPv6, and IPv4 in it.
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fec0::1]",
    "[5f00::1]",
    "[fe80::1%25lo]",
    "::1",
    # Others that are nobody's business.
    "169.254.169.254",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "10.0.0.1",
    "192.168.0.1",
    "224.0.0.1",
    "255.255.255.255",
    # Two readers, two hosts.
    "user@127.0.0.1",
    "api.example.com@127.0.0.1",
    "api.example.com:443@127.0.0.1",
    "api.example.com%40127.0.0.1",
    "127.0.0.1\\@api.example.com",
    "api.example.com\\@127.0.0.1",
    "api.example.com#@127.0.0.1",
    "127.0.0.1#@api.example.com",
    "127.0.0.1%2f@api.example.com",
    "127.0.0.1 .example.com",
    "127.0.0.1\t",
    "127.0.0.1\r\nHost: api.example.com",
    "\r127.0.0.1",
)
SCHEMES = ("http", "https", "HTTP")


def doors(host: str) -> list[Door]:
    """An account that names nothing of the kind, and one whose very setup names this host."""
    plain = host.lower()
    named = frozenset({plain, plain.strip("[]"), "api.example.com", "127.0.0.1", "localhost"})
    return [Door("main", frozenset({"api.example.com"})), Door("main", named)]


@asynccontextmanager
async def canary() -> AsyncIterator[Server]:
    """Listens at every address of this machine, on one port."""
    async with serving(everywhere=True) as found:
        yield found


@asynccontextmanager
async def asking(resolve: Any = None) -> AsyncIterator[Client]:
    client = Client(resolve)
    yield client
    client.close()


async def refused(client: Client, url: str, door: Door) -> None:
    with pytest.raises(OutsideError):
        await client.send(Request("GET", url), door, connect_s=0.3, total_s=1.0)


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTS)) >= 60


async def test_no_spelling_of_an_inner_address_is_reached() -> None:
    async with canary() as nobody, asking() as client:
        await asyncio.gather(
            *(
                refused(client, f"{scheme}://{host}:{nobody.port}/a?b=c", door)
                for host in HOSTS
                for scheme in SCHEMES
                for door in doors(host)
            )
        )
        assert await nobody.reached() == 0


async def test_what_the_setup_does_not_name_is_not_reached_even_with_private_hosts_allowed() -> (
    None
):
    door = Door("main", frozenset({"api.example.com"}), allow_private=True)
    async with canary() as nobody, asking() as client:
        for host in HOSTS:
            with pytest.raises(Forbidden):
                await client.send(Request("GET", f"http://{host}:{nobody.port}/"), door)
        assert await nobody.reached() == 0


async def test_no_redirect_leads_there() -> None:
    async with canary() as nobody, asking() as client:
        for status in (301, 302, 303, 307, 308):
            for host in HOSTS:
                place = f"http://{host}:{nobody.port}/".replace("\r", "").replace("\n", "")
                async with serving(answer(status, b"", f"Location: {place}")) as server:
                    door = Door("main", frozenset({"127.0.0.1"}), allow_private=True)
                    request = Request("POST", f"http://127.0.0.1:{server.port}/", body=b"{}")
                    response = await client.send(request, door)
                    assert response.status == status
        assert await nobody.reached() == 0


async def test_a_name_server_that_changes_its_mind_leads_nowhere() -> None:
    async with canary() as nobody:
        evil = [host.strip("[]") for host in HOSTS if ":" in host or host[0].isdigit()]

        async def ask(number: int, address: str) -> None:
            name = f"n{number}.example.com"
            named = Door("main", frozenset({name}))
            async with asking(TwoFaced(PUBLIC, address)) as client:
                await refused(client, f"https://{name}:{nobody.port}/", named)
            async with asking(TwoFaced(address, PUBLIC)) as client:
                await refused(client, f"https://{name}:{nobody.port}/", named)

        await asyncio.gather(*(ask(*one) for one in enumerate(evil)))
        assert await nobody.reached() == 0


@pytest.mark.parametrize("found", [("127.0.0.1",), (PUBLIC, "127.0.0.1"), ("::1", PUBLIC)])
async def test_one_inner_address_among_good_ones_is_one_too_many(found: Sequence[str]) -> None:
    door = Door("main", frozenset({"api.example.com"}))
    async with canary() as nobody, asking(known(api_example_com=found)) as client:
        with pytest.raises(Forbidden, match="allow_private"):
            await client.send(Request("GET", f"https://api.example.com:{nobody.port}/"), door)
        assert await nobody.reached() == 0


async def test_the_canary_sings_where_nobody_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the check of addresses off, the same requests reach it."""
    monkeypatch.setattr(guarded, "may_reach", lambda *_args, **_how: True)
    async with canary() as nobody, asking() as client:
        for host in ("127.0.0.1", "127.0.0.2", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
            await refused(client, f"https://{host}:{nobody.port}/", doors(host)[1])
        reached = await nobody.reached()
        name = Door("main", frozenset({"n.example.com"}))
        async with asking(TwoFaced("127.0.0.1", PUBLIC)) as other:
            await refused(other, f"https://n.example.com:{nobody.port}/", name)
        assert reached >= 5
        assert await nobody.reached() > reached
