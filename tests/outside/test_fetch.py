"""A file is fetched under every guard that a request has, redirect by redirect."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import pytest

from callrouter.outside import client as guarded
from callrouter.outside.addresses import may_reach
from callrouter.outside.client import (
    Client,
    Door,
    Fetched,
    Forbidden,
    NoAnswer,
    OutsideError,
    Patience,
    TooSoon,
    Unfit,
)
from tests.outside.files import (
    announced,
    anywhere,
    certified,
    chunked,
    cut,
    file,
    in_turn,
    redirect,
    slowly,
)
from tests.outside.servers import Server, Write, answer, endless, known, nothing, serving
from tests.outside.test_guard import HOSTS
from tests.sounds import wav
from webhooks.provider import Request

PBX = Door("main", frozenset({"pbx.example.com", "files.example.com"}), allow_private=True)
NAMES = known(pbx_example_com="127.0.0.1", files_example_com="127.0.0.1")
RUSHED = Patience(still_s=0.3, grace_s=0.3, per_s=1024**2)
SOUND = wav(2.0)
MOST = 10 * 1024**2


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    found = Client(NAMES, patience=RUSHED)
    yield found
    found.close()


class Sink:
    """Takes what comes, and knows how large the pieces were."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.largest = 0

    async def write(self, data: bytes) -> None:
        self.body += data
        self.largest = max(self.largest, len(data))


def get(server: Server, host: str = "pbx.example.com", *headers: tuple[str, str]) -> Request:
    return Request("GET", f"http://{host}:{server.port}/a.wav?token=hidden", headers)


async def fetched(client: Client, request: Request, door: Door = PBX) -> tuple[Fetched, bytes]:
    sink = Sink()
    found = await client.fetch(request, door, sink.write, most_bytes=MOST)
    return found, bytes(sink.body)


@pytest.mark.parametrize("does", [file(SOUND), chunked(SOUND)])
async def test_a_file_comes_as_it_is(client: Client, does: Write) -> None:
    async with serving(does) as server:
        found, body = await fetched(client, get(server))
    assert (found.status, found.size, found.whole, body) == (200, len(SOUND), True, SOUND)


async def test_a_large_file_is_never_in_memory_as_a_whole(client: Client) -> None:
    async with serving(file(bytes(9 * 1024**2))) as server:
        sink = Sink()
        await client.fetch(get(server), PBX, sink.write, most_bytes=MOST)
    assert len(sink.body) == 9 * 1024**2
    assert sink.largest < 1024**2


@pytest.mark.parametrize("status", [202, 204, 206, 304, 401, 404, 500])
async def test_of_what_is_no_file_the_head_comes_alone(client: Client, status: int) -> None:
    async with serving(answer(status, b"x" if status not in (204, 304) else b"")) as server:
        found, body = await fetched(client, get(server))
    assert (found.status, found.size, body) == (status, 0, b"")


async def test_how_slow_a_file_may_be_is_reckoned_without_our_own_disk() -> None:
    patient = Client(NAMES, patience=Patience(still_s=0.3, grace_s=0.3, per_s=1024**2))
    written = []

    async def slow_disk(data: bytes) -> None:
        await asyncio.sleep(0.4)
        written.append(len(data))

    async with serving(file(bytes(800_000))) as server:
        await patient.fetch(get(server), PBX, slow_disk, most_bytes=MOST)
    assert sum(written) == 800_000
    assert len(written) >= 2
    patient.close()


@pytest.mark.parametrize("does", [nothing, slowly(SOUND, 10, 0.01)])
async def test_who_is_too_slow_is_left(client: Client, does: Write) -> None:
    async with serving(does) as server:
        with pytest.raises(NoAnswer, match="in time"):
            await fetched(client, get(server))


@pytest.mark.parametrize("does", [endless, announced(b"", 11 * 1024**2)])
async def test_no_more_comes_than_may(client: Client, does: Write) -> None:
    async with serving(does) as server:
        with pytest.raises(Unfit, match=f"longer than {MOST} bytes") as error:
            await fetched(client, get(server))
    assert "hidden" not in str(error.value)


async def test_wherever_it_is_cut_it_is_no_file(client: Client) -> None:
    chance = random.Random(4)
    async with serving(cut(SOUND, anywhere(SOUND, chance))) as server:
        for _ in range(50):
            with pytest.raises(NoAnswer, match="whole"):
                await fetched(client, get(server))


async def test_files_do_not_use_up_what_orders_need(client: Client) -> None:
    slow = Door("main", PBX.hosts, allow_private=True, per_minute=3)
    async with serving() as server:
        for _ in range(3):
            await fetched(client, get(server), slow)
        with pytest.raises(TooSoon):
            await fetched(client, get(server), slow)
        assert (await client.send(get(server), slow)).status == 200
    async with serving(answer(429, b"", "Retry-After: 30")) as server:
        assert (await fetched(client, get(server)))[0].status == 429
        with pytest.raises(TooSoon):
            await fetched(client, get(server))
        assert (await client.send(get(server), PBX)).status == 429


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["/b.wav?x=1", "b.wav", "//pbx.example.com:PORT/b.wav", "URL"])
async def test_a_redirect_is_followed(client: Client, status: int, place: str) -> None:
    async with serving() as server:
        url = f"http://pbx.example.com:{server.port}/b.wav"
        place = place.replace("PORT", str(server.port)).replace("URL", url)
        server.does = in_turn(redirect(place, status), file(SOUND))
        found, body = await fetched(client, get(server))
    assert (found.status, body) == (200, SOUND)
    assert server.asked[1].head.startswith("GET /b.wav")


async def test_three_redirects_and_no_more(client: Client) -> None:
    for many, comes in ((3, True), (4, False)):
        async with serving(in_turn(*[redirect("/next")] * many, file(SOUND))) as server:
            if comes:
                assert (await fetched(client, get(server)))[1] == SOUND
            else:
                with pytest.raises(Forbidden, match="more than 3 times"):
                    await fetched(client, get(server))
            assert server.hits == 4


async def test_what_is_for_the_first_host_goes_to_no_other(client: Client) -> None:
    """Not even to the first one again, once another has sent us there."""
    secret = ("Authorization", "Basic c2VjcmV0"), ("X-Api-Key", "secret")
    async with serving() as first, serving() as other:
        away = f"http://files.example.com:{other.port}/b"
        back = f"http://pbx.example.com:{first.port}/c"
        first.does = in_turn(redirect("/here"), redirect(away), file(SOUND))
        other.does = redirect(back)
        await fetched(client, get(first, "pbx.example.com", *secret))
    assert [one.header("Authorization") for one in first.asked] == [secret[0][1]] * 2 + [None]
    assert [one.header("X-Api-Key") for one in first.asked] == ["secret", "secret", None]
    assert other.asked[0].header("Authorization") is None
    assert other.asked[0].header("X-Api-Key") is None


async def test_another_port_is_another_host(client: Client) -> None:
    async with serving(file(SOUND)) as other:
        place = f"http://pbx.example.com:{other.port}/b"
        async with serving(redirect(place)) as first:
            await fetched(client, get(first, "pbx.example.com", ("Authorization", "x")))
    assert other.asked[0].header("Authorization") is None


async def test_nothing_leads_from_https_to_http() -> None:
    at_server, trusting = certified("pbx.example.com")
    client = Client(NAMES, trusting, patience=RUSHED)
    async with serving(file(SOUND)) as plain:
        place = f"http://pbx.example.com:{plain.port}/a"
        async with serving(redirect(place), tls=at_server) as server:
            request = Request("GET", f"https://pbx.example.com:{server.port}/a")
            with pytest.raises(Forbidden, match="from https to http"):
                await fetched(client, request)
        assert await plain.reached() == 0
    client.close()


# Nowhere else: a canary listens at every address of this machine

FORMS = (
    "https://{host}:{port}/a.wav",
    "http://{host}:{port}/a.wav?x=https://pbx.example.com/",
    "//{host}:{port}/a.wav",
    "https://pbx.example.com:443@{host}:{port}/a.wav",
    "https://{host}:{port}#@pbx.example.com/a.wav",
    "https://{host}:{port}\\@pbx.example.com/../a.wav",
)
EVIL = tuple(
    form.replace("{host}", host).replace("\r", "").replace("\n", "")
    for form in FORMS
    for host in HOSTS
)
"""`{port}` is the canary's."""

INNER = tuple(host.strip("[]") for host in HOSTS if ":" in host or host[0].isdigit())


def test_there_are_more_than_200_of_them() -> None:
    assert len(set(EVIL)) > 400
    assert len(set(INNER)) > 25


@asynccontextmanager
async def canary() -> AsyncIterator[Server]:
    async with serving(file(SOUND), everywhere=True) as found:
        yield found


def naming(url: str) -> frozenset[str]:
    """As if the very setup named all that may be read in an address."""
    read = url.replace("\\", "/").replace("@", "/").replace("#", "/").lower().split("/")
    hosts = {one.rpartition(":")[0].strip("[]") for one in read} | set(read)
    return frozenset({"pbx.example.com", "127.0.0.1", "localhost", "[::1]", *hosts})


async def refused(client: Client, url: str, door: Door) -> None:
    with pytest.raises(OutsideError):
        await fetched(client, Request("GET", url), door)


async def test_no_address_leads_inside() -> None:
    client = Client(patience=RUSHED)
    async with canary() as nobody:
        for url in EVIL:
            there = url.replace("{port}", str(nobody.port))
            await refused(client, there, Door("main", frozenset({"pbx.example.com"})))
            await refused(client, there, Door("main", naming(there)))
        assert await nobody.reached() == 0
    client.close()


@asynccontextmanager
async def our_pbx() -> AsyncIterator[tuple[Server, Client, list[str]]]:
    """A PBX whose address alone may be reached, of all this machine has; over TLS.

    With what names lead to: each the next of these addresses, whenever it is asked for.
    """
    at_server, trusting = certified("pbx.example.com")
    answers: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        if not answers:
            raise OSError(host)
        return [answers.pop(0)]

    client = Client(resolve, trusting, patience=RUSHED)
    async with serving(everywhere=True, tls=at_server) as server:
        yield server, client, answers
    client.close()


OURS = "127.0.0.9"


@contextmanager
def reachable(monkeypatch: pytest.MonkeyPatch, *, guards: bool = True) -> Iterator[None]:
    def may(address: str, *, private: bool = False) -> bool:
        return address == OURS or not guards or may_reach(address, private=private)

    with monkeypatch.context() as patch:
        patch.setattr(guarded, "may_reach", may)
        yield


async def lead_astray(
    addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch, *, guards: bool = True
) -> int:
    """Redirects to names that lead inside, and to names that have changed their mind."""
    async with canary() as nobody, our_pbx() as (server, client, answers):
        first = f"https://pbx.example.com:{server.port}/a.wav"
        with reachable(monkeypatch, guards=guards):
            for address in addresses:
                for name in ("files.example.com", "pbx.example.com"):
                    place = f"https://{name}:{nobody.port}/a.wav"
                    server.does = redirect(place)
                    door = Door("main", frozenset({name, "pbx.example.com"}))
                    answers[:] = [OURS, address]
                    await refused(client, first, door)
                    answers[:] = [address]
                    await refused(client, place, door)
        return await nobody.reached()


LOOPBACK = ("127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1")


async def test_no_redirect_and_no_rebinding_leads_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lead_astray(LOOPBACK, monkeypatch) == 0


@pytest.mark.slow
async def test_nor_to_any_other_inner_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lead_astray(INNER, monkeypatch) == 0


async def test_the_canary_sings_where_nobody_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the check of addresses off, the same redirects reach it."""
    assert await lead_astray(LOOPBACK[1:3], monkeypatch, guards=False) >= 4


async def test_no_redirect_leads_to_what_the_setup_does_not_name(client: Client) -> None:
    """Though the account's hosts may be private, and the address is reached by its name."""
    async with canary() as nobody, serving() as server:
        for chain in (1, 3):
            for url in EVIL if chain == 1 else EVIL[:: len(FORMS)]:
                place = url.replace("{port}", str(nobody.port))
                server.does = in_turn(*[redirect("/on")] * (chain - 1), redirect(place))
                await refused(client, f"http://pbx.example.com:{server.port}/", PBX)
        assert await nobody.reached() == 0
        server.does = redirect(f"http://files.example.com:{nobody.port}/a.wav")
        assert (await fetched(client, get(server)))[1] == SOUND
        assert await nobody.reached() == 1
