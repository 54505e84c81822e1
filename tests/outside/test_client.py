"""The guarded client against servers that behave, and servers that do not."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import ClassVar

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from callrouter.domain.setup import Account
from callrouter.outside.client import (
    Client,
    Door,
    Forbidden,
    NoAnswer,
    OutsideError,
    TooSoon,
    Unreachable,
    door_of,
)
from tests.examples import LINE_NUMBER
from tests.outside.servers import (
    Write,
    answer,
    drip,
    drip_head,
    endless,
    gibberish,
    hang_up,
    hang_up_later,
    known,
    nothing,
    serving,
)
from webhooks.provider import Request, Response
from webhooks.providers.pbx import Pbx

PBX = Door("main", frozenset({"pbx.example.com"}), allow_private=True)
SECRET = "a-very-good-secret"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    found = Client(known(pbx_example_com="127.0.0.1"))
    yield found
    found.close()


def post(port: int, path: str = "/call?token=hidden", scheme: str = "http") -> Request:
    return Request(
        "POST",
        f"{scheme}://pbx.example.com:{port}{path}",
        (("Authorization", f"Bearer {SECRET}"), ("Content-Type", "application/json")),
        b'{"call_id": "1"}',
    )


async def test_a_request_arrives_as_it_is_and_the_answer_comes_back(client: Client) -> None:
    body = '{"да": 1}'.encode()
    async with serving(answer(201, body, "X-Its-Id: 7", "Set-Cookie: a=b")) as server:
        response = await client.send(post(server.port, "/a%2Fb/?q=%D1%8F+1&r=a%2Fb"), PBX)
        await client.send(post(server.port), PBX)
    assert (response.status, response.body) == (201, body)
    assert ("x-its-id", "7") in response.headers
    first, second = server.asked
    assert first.head.startswith("POST /a%2Fb/?q=%D1%8F+1&r=a%2Fb HTTP/1.1")
    assert first.header("Host") == f"pbx.example.com:{server.port}"
    assert first.header("Authorization") == f"Bearer {SECRET}"
    assert first.header("Accept-Encoding") == "identity"
    assert first.body == b'{"call_id": "1"}'
    assert second.header("Cookie") is None


async def test_nothing_of_the_environment_goes_along(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine pbx.example.com login root password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving() as server, serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await client.send(Request("GET", f"http://pbx.example.com:{server.port}/"), PBX)
        assert await proxy.reached() == 0
    assert server.hits == 1
    assert server.asked[0].header("Authorization") is None


@pytest.mark.parametrize("status", [200, 202, 204, 302, 400, 401, 404, 429, 500, 503])
async def test_every_status_is_an_answer(client: Client, status: int) -> None:
    async with serving(answer(status, b"", "Location: http://127.0.0.1/")) as server:
        assert (await client.send(post(server.port), PBX)).status == status
    assert server.hits == 1


async def test_a_compressed_answer_is_left_as_it_is(client: Client) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with serving(answer(200, bomb, "Content-Encoding: gzip")) as server:
        response = await client.send(post(server.port), PBX)
    assert response.body == bomb


@pytest.mark.parametrize(
    "does", [nothing, drip, drip_head, hang_up, hang_up_later, endless, gibberish]
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_an_answer_that_does_not_come_whole_leaves_it_open_what_was_done(
    client: Client, does: Write, method: str
) -> None:
    """And nothing is asked again: a GET may order a call as well."""
    async with serving(does) as server:
        request = Request(method, f"http://pbx.example.com:{server.port}/?token=hidden")
        async with asyncio.timeout(20):
            with pytest.raises(NoAnswer) as error:
                await client.send(request, PBX, total_s=0.4)
    assert server.hits == 1
    assert error.value.may_have_arrived
    assert "hidden" not in str(error.value)


async def test_an_answer_has_at_most_so_many_bytes(client: Client) -> None:
    async with serving(endless) as server:
        with pytest.raises(NoAnswer, match="longer than 65536 bytes"):
            await client.send(post(server.port), PBX)
    async with serving(answer(200, b"x" * 1001)) as server:
        with pytest.raises(NoAnswer, match="longer than 1000 bytes"):
            await client.send(post(server.port), PBX, most_bytes=1000)
        assert len((await client.send(post(server.port), PBX, most_bytes=1001)).body) == 1001


async def test_no_connection_means_nothing_was_sent(client: Client) -> None:
    async with serving() as server:
        pass
    with pytest.raises(Unreachable) as error:
        await client.send(post(server.port), PBX)
    assert not error.value.may_have_arrived
    with pytest.raises(Unreachable, match="no such host"):
        await client.send(
            Request("GET", "https://gone.example.com/"),
            Door("main", frozenset({"gone.example.com"})),
        )


async def test_a_name_server_that_is_silent_costs_no_more_than_the_whole_time() -> None:
    async def silent(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    client = Client(silent)
    with pytest.raises(Unreachable, match="in time"):
        await client.send(Request("GET", "https://pbx.example.com/"), PBX, total_s=0.1)
    client.close()


async def test_the_system_is_asked_for_names_where_nobody_else_is() -> None:
    client = Client()
    door = Door("main", frozenset({"localhost"}), allow_private=True)
    async with serving(everywhere=True) as server:
        response = await client.send(Request("GET", f"http://localhost:{server.port}/"), door)
    client.close()
    assert response.status == 200


@pytest.mark.parametrize(
    ("hosts", "url", "goes"),
    [
        ({"pbx.example.com"}, "https://pbx.example.com/a", True),
        ({"pbx.example.com"}, "https://PBX.example.COM:8443/a", True),
        ({"pbx.example.com:8443"}, "https://pbx.example.com:8443/a", True),
        ({"pbx.example.com:443"}, "https://pbx.example.com", True),
        ({"pbx.example.com:8443"}, "https://pbx.example.com/a", False),
        ({"pbx.example.com"}, "https://api.pbx.example.com/", False),
        ({"pbx.example.com"}, "https://pbx.example.com.evil.com/", False),
        ({"pbx.example.com"}, "https://pbx.example.co/", False),
        ({"pbx.example.com"}, "http://pbx.example.com/", False),
        ({"pbx.example.com"}, "ftp://pbx.example.com/", False),
        ({"pbx.example.com"}, "file:///etc/passwd", False),
        ({"pbx.example.com"}, "https://u:p@pbx.example.com/", False),
        ({"pbx.example.com"}, "https://pbx.example.com:0/", False),
        ({"pbx.example.com"}, "https://pbx.example.com:99999/", False),
        ({"pbx.example.com"}, "https://pbx.example.com/a b", False),
        ({"pbx.example.com"}, "https://pbx.example.com/я", False),
        ({"pbx.example.com"}, "//pbx.example.com/", False),
        ({"pbx.example.com"}, "", False),
    ],
)
async def test_only_hosts_that_the_setup_names_are_asked(
    hosts: set[str],
    url: str,
    goes: bool,  # noqa: FBT001
) -> None:
    client = Client(known())
    expected: type[OutsideError] = Unreachable if goes else Forbidden
    with pytest.raises(expected):
        await client.send(Request("GET", url), Door("main", frozenset(hosts)))
    client.close()


async def test_a_header_with_a_line_break_goes_nowhere(client: Client) -> None:
    async with serving() as server:
        request = Request("GET", f"http://pbx.example.com:{server.port}/", (("A", "b\r\nC: d"),))
        with pytest.raises(Forbidden, match="line break"):
            await client.send(request, PBX)
    assert server.hits == 0


# How often


async def test_an_account_asks_no_more_often_than_its_provider_allows(client: Client) -> None:
    slow = Door("main", PBX.hosts, allow_private=True, per_minute=3)
    other = Door("other", PBX.hosts, allow_private=True, per_minute=3)
    async with serving() as server:
        for _ in range(3):
            await client.send(post(server.port), slow)
        with pytest.raises(TooSoon) as error:
            await client.send(post(server.port), slow)
        await client.send(post(server.port), other)
    assert server.hits == 4
    assert 50 < error.value.again_after_s <= 60


def in_a_minute() -> str:
    return (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("status", "said", "least", "most"),
    [
        (429, "Retry-After: 30", 29, 30),
        (503, "Retry-After: 30", 29, 30),
        (429, "Retry-After: IN_A_MINUTE", 30, 61),
        (429, "Retry-After: 999999999999", 3590, 3600),
        (429, "Retry-After: soon", 9, 10),
        (429, "X: y", 9, 10),
    ],
)
async def test_an_account_rests_when_it_is_told_to(
    client: Client, status: int, said: str, least: float, most: float
) -> None:
    async with serving(answer(status, b"", said.replace("IN_A_MINUTE", in_a_minute()))) as server:
        assert (await client.send(post(server.port), PBX)).status == status
        with pytest.raises(TooSoon) as error:
            await client.send(post(server.port), PBX)
    assert server.hits == 1
    assert least < error.value.again_after_s <= most


async def test_a_server_that_is_merely_out_of_order_may_be_asked_again(client: Client) -> None:
    async with serving(answer(503, b"")) as server:
        for _ in range(2):
            await client.send(post(server.port), PBX)
    assert server.hits == 2


# What an account names


def pbx(**settings: object) -> Account:
    account: Account = Account(key="main", default_line=LINE_NUMBER, **settings)  # type: ignore[arg-type]
    return account


class Hosted(Pbx):
    """A provider whose API has a place of its own."""

    api_hosts: ClassVar[tuple[str, ...]] = ("api.example.com",)
    per_minute: ClassVar[int | None] = 100


def test_the_hosts_of_an_account_are_those_it_names() -> None:
    account = pbx(
        call_url="https://PBX.example.com:8443/call",
        recording_hosts=("Files.example.com", "pbx.example.com"),
    )
    door = door_of(account, Hosted(account, ()))
    assert door == Door(
        "main",
        frozenset(
            {
                "api.example.com:443",
                "pbx.example.com:8443",
                "files.example.com",
                "pbx.example.com",
            }
        ),
        per_minute=100,
    )


def test_a_base_url_stands_for_the_providers_own_hosts() -> None:
    account = pbx(base_url="https://api-sandbox.example.com", allow_private=True)
    door = door_of(account, Hosted(account, ()))
    assert door.hosts == {"api-sandbox.example.com:443"}
    assert door.allow_private


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `pbx.example.com`, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pbx.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("pbx.example.com"), x509.IPAddress(IPv4Address("127.0.0.2"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def over_tls(
    certificate: Path, host: str, *, trusted: bool = True
) -> tuple[Response, list[str | None]]:
    at_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    at_server.load_cert_chain(certificate)
    names: list[str | None] = []

    def note(_socket: object, name: str | None, _context: object) -> None:
        names.append(name)

    at_server.sni_callback = note
    ours = ssl.create_default_context(cafile=str(certificate) if trusted else None)
    client = Client(known(pbx_example_com="127.0.0.1", other_example_com="127.0.0.1"), ours)
    door = Door("main", frozenset({host}), allow_private=True)
    try:
        async with serving(everywhere=True, tls=at_server) as server:
            response = await client.send(Request("GET", f"https://{host}:{server.port}/"), door)
            assert server.asked[0].header("Host") == f"{host}:{server.port}"
    finally:
        client.close()
    return response, names


async def test_over_tls_the_name_is_kept_though_an_address_is_dialled(certificate: Path) -> None:
    response, names = await over_tls(certificate, "pbx.example.com")
    assert response.status == 200
    assert names == ["pbx.example.com"]


async def test_a_certificate_of_somebody_else_or_of_nobody_known_is_not_taken(
    certificate: Path,
) -> None:
    with pytest.raises(Unreachable):
        await over_tls(certificate, "other.example.com")
    with pytest.raises(Unreachable):
        await over_tls(certificate, "pbx.example.com", trusted=False)


# What is told


async def test_the_log_names_the_place_and_neither_query_nor_secret(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        async with serving() as server:
            await client.send(post(server.port), PBX)
        with pytest.raises(OutsideError):
            await client.send(post(server.port), PBX)
        with pytest.raises(OutsideError):
            await client.send(Request("GET", f"https://u:{SECRET}@pbx.example.com/"), PBX)
    first, second, third = lines
    assert first["url"] == f"http://pbx.example.com:{server.port}/call"
    assert (first["account"], first["status"]) == ("main", 200)
    assert second["status"] == "ClientConnectorError"
    assert third["status"] == "Forbidden"
    assert "hidden" not in str(lines)
    assert SECRET not in str(lines)
    assert SECRET not in repr(post(1))
