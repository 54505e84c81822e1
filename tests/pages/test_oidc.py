"""Signing in by another service: whom it lets in, and what of it is not believed."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import Connection, select
from structlog.testing import capture_logs

from callrouter.flows import users as flow
from callrouter.flows.users import FREE, Whence
from callrouter.service import Service
from callrouter.settings import BadSettings, read_settings
from storage import tables, users
from storage.ids import new_id
from storage.users import User
from tests.api.rows import NOON
from tests.idp import Claims, Idp, part, serving, unsigned
from tests.pages.conftest import Open, Seen, Site

RETURN = "http://calls.example/sign-in/oidc/return"


@cache
def ours() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@cache
def theirs() -> RSAKey:
    """Of somebody who would like to be the issuer."""
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with serving(Idp(key=ours())) as one:
        one.clock = NOON.timestamp
        yield one


@pytest.fixture
async def site(open_site: Open, service: Service, idp: Idp) -> Site:
    settings = replace(
        service.settings,
        oidc_issuer=idp.issuer,
        oidc_client_id=idp.client,
        oidc_client_secret=idp.secret,
    )
    made = await open_site(replace(service, settings=settings))
    made.cookie = ""
    await made.service.database.write(add_anna)
    return made


def add_anna(conn: Connection) -> str:
    id_ = new_id(NOON)
    users.add(conn, User(id_, "anna@example.com", "Анна Смирнова", "anna", None, NOON, "test"))
    return id_


@dataclass
class Trip:
    """A browser that has gone to the other service and was let in there."""

    cookie: str
    state: str
    code: str

    def back(self) -> str:
        return f"/sign-in/oidc/return?code={quote(self.code)}&state={quote(self.state)}"


async def go(site: Site, idp: Idp, then: str = "") -> Trip:
    away = await site.get(f"/sign-in/oidc{then}", visitor=False)
    assert away.status == 303, away.text
    where = urlsplit(away.headers["Location"])
    assert where.geturl().startswith(f"{idp.issuer}/authorize?")
    query = dict(parse_qsl(where.query))
    assert query["redirect_uri"] == RETURN
    (line,) = away.cookies
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert query["nonce"] not in line, "what goes along is sealed"
    return Trip(line.split(";")[0], query["state"], idp.approve(query))


async def come_back(site: Site, trip: Trip, path: str = "") -> Seen:
    headers = {"Cookie": trip.cookie, "Sec-Fetch-Site": "cross-site"}
    return await site.get(path or trip.back(), visitor=False, headers=headers)


async def audit(site: Site) -> list[tuple[str, str]]:
    a = tables.audit.c
    found = await site.service.database.read(
        lambda conn: conn.execute(select(a.action, a.actor).order_by(a.n)).all()
    )
    return [(row.action, row.actor) for row in found][1:]  # the first came by a link


async def anna(site: Site) -> User:
    found = await site.service.database.read(users.by_email, "anna@example.com")
    assert found is not None
    return found


async def test_an_invited_manager_comes_in_and_is_known_again(site: Site, idp: Idp) -> None:
    page = await site.get("/sign-in?next=/contacts&language=ru", visitor=False)
    assert 'href="/sign-in/oidc?next=/contacts"' in page.text
    assert "Войти через 127.0.0.1" in page.text
    seen = await come_back(site, await go(site, idp, "?next=/contacts"))
    assert (seen.status, seen.headers["Location"]) == (303, "/contacts")
    site.cookie = next(one for one in seen.cookies if "oidc" not in one).split(";")[0]
    assert (await site.get("/contacts")).status == 200
    gone = next(one for one in seen.cookies if "_oidc" in one)
    assert "Max-Age=0" in gone
    assert await audit(site) == [
        ("connected_account", "manager:anna"),
        ("signed_in", "manager:anna"),
    ]
    await site.service.database.write(users.change, (await anna(site)).id, email="new@example.com")
    idp.lie = lambda claims: {**claims, "email": "changed@example.com", "email_verified": False}
    again = await come_back(site, await go(site, idp))
    assert again.status == 303, "he is known by his id there, not by his e-mail"
    assert idp.asked.count("/keys") == 1


async def test_our_own_code_is_not_asked_for_then(site: Site, idp: Idp) -> None:
    id_, write = (await anna(site)).id, site.service.database.write
    await write(flow.begin_totp, id_, site.service.seal.close("JBSWY3DPEHPK3PXP"))
    await write(flow.turn_totp_on, id_, 1, by="test", now=NOON, whence=Whence())
    assert (await come_back(site, await go(site, idp))).headers["Location"] == "/"


def other_key(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, theirs(), algorithms=["RS256"])


def unknown_key(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "two"}, claims, theirs(), algorithms=["RS256"])


def by_public_key(claims: Claims) -> str:
    """The old trick: the public key, as the secret of a symmetric signature."""
    said = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    digest = hmac.digest(ours().as_pem(private=False), said.encode(), "sha256")
    return f"{said}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def weaker(claims: Claims) -> str:
    return jwt.encode({"alg": "PS256", "kid": "one"}, claims, ours(), algorithms=["PS256"])


def with_(**more: Any) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **more}


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


NOW = int(NOON.timestamp())


LIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("algorithm", {"sign": unsigned}),
    ("signature", {"sign": other_key}),
    ("unknown_key", {"sign": unknown_key}),
    ("algorithm", {"sign": by_public_key}),
    ("algorithm", {"sign": weaker}),
    ("no_token", {"sign": lambda _: "no.token"}),
    ("claim_nonce", {"lie": with_(nonce="another")}),
    ("claim_nonce", {"lie": without("nonce")}),
    ("claim_iss", {"lie": with_(iss="https://evil.example")}),
    ("claim_aud", {"lie": with_(aud="another")}),
    ("claim_azp", {"lie": with_(aud=["callrouter", "another"])}),
    ("claim_azp", {"lie": with_(aud=["callrouter", "another"], azp="another")}),
    ("claim_azp", {"lie": with_(azp="another")}),
    ("claim_aud", {"lie": without("aud")}),
    ("claim_exp", {"lie": with_(exp=NOW - 61)}),
    ("claim_exp", {"lie": without("exp")}),
    ("claim_iat", {"lie": with_(iat=NOW + 3600)}),
    ("claim_nbf", {"lie": with_(nbf=NOW + 3600)}),
    ("claim_sub", {"lie": without("sub")}),
    ("claim_sub", {"lie": with_(sub="")}),
)


@pytest.mark.parametrize(
    ("why", "lie"), LIES, ids=[f"{n}-{why}" for n, (why, _) in enumerate(LIES)]
)
async def test_a_token_that_is_not_meant_so_lets_nobody_in(
    site: Site, idp: Idp, why: str, lie: dict[str, Any]
) -> None:
    for name, value in lie.items():
        setattr(idp, name, value)
    trip = await go(site, idp)
    with capture_logs() as logs:
        seen = await come_back(site, trip)
    assert [one.get("why") for one in logs if one["event"] == "sign_in"] == [why]
    assert seen.status == 422, seen.text
    assert "Войти через 127.0.0.1 не получилось" in seen.text
    assert [one for one in seen.cookies if "_oidc" not in one] == []
    assert await audit(site) == [("sign_in_failed", "nobody")]
    assert (await anna(site)).subject is None


@pytest.mark.parametrize(
    "claims",
    [
        with_(email_verified=False),
        without("email_verified"),
        with_(email_verified="false"),
        without("email"),
        with_(email="stranger@example.com"),
        with_(email=["anna@example.com"]),
    ],
    ids=["unverified", "not_said", "word", "no_email", "stranger", "list"],
)
async def test_only_a_verified_e_mail_of_somebody_invited_opens(
    site: Site, idp: Idp, claims: Callable[[Claims], Claims]
) -> None:
    idp.lie = claims
    seen = await come_back(site, await go(site, idp))
    assert seen.status == 403
    assert "У такой учётной записи здесь нет доступа" in seen.text
    assert len(await site.service.database.read(users.everybody)) == 1, "nobody is made"
    assert (await anna(site)).subject is None


async def test_locked_out_is_locked_out_here_too(site: Site, idp: Idp) -> None:
    id_, setup = (await anna(site)).id, site.setups.current
    write = site.service.database.write
    await write(flow.lock, id_, setup, by="test", now=NOON)
    assert (await come_back(site, await go(site, idp))).status == 403
    await write(flow.unlock, id_, by="test", now=NOON)
    assert (await come_back(site, await go(site, idp))).status == 303
    await write(flow.lock, id_, setup, by="test", now=NOON)
    assert (await come_back(site, await go(site, idp))).status == 403
    assert (await audit(site))[-1] == ("sign_in_failed", f"user:{id_}")


async def test_another_subject_of_the_same_e_mail_is_another_person(site: Site, idp: Idp) -> None:
    assert (await come_back(site, await go(site, idp))).status == 303
    idp.lie = with_(sub="who-got-the-address-later")
    assert (await come_back(site, await go(site, idp))).status == 403
    assert (await anna(site)).subject == f"{idp.issuer} anna-at-home"
    before = "https://sso-before.example.com anna"
    await site.service.database.write(users.change, (await anna(site)).id, subject=before)
    assert (await come_back(site, await go(site, idp))).status == 303, "the issuer moved"


async def test_a_subject_of_any_length_is_known_again(site: Site, idp: Idp) -> None:
    idp.lie = with_(sub="я" * 600)
    assert (await come_back(site, await go(site, idp))).status == 303
    idp.lie = with_(sub="я" * 600, email_verified=False)
    assert (await come_back(site, await go(site, idp))).status == 303
    idp.lie = with_(sub="я" * 601)
    assert (await come_back(site, await go(site, idp))).status == 403


async def test_one_comes_back_only_as_one_went(site: Site, idp: Idp) -> None:
    trip = await go(site, idp)
    other = await go(site, idp)
    for path in (
        f"/sign-in/oidc/return?code={trip.code}&state={other.state}",
        f"/sign-in/oidc/return?code={trip.code}",
        f"/sign-in/oidc/return?error=access_denied&state={quote(trip.state)}",
        f"/sign-in/oidc/return?code=guessed&state={quote(trip.state)}",
    ):
        assert (await come_back(site, trip, path)).status == 422, path
    for cookie in ("", other.cookie, trip.cookie[:-4] + "AAAA"):
        seen = await come_back(site, replace(trip, cookie=cookie))
        assert seen.status == 422, cookie
    assert (await come_back(site, replace(trip, code=other.code))).status == 422, "another's code"
    assert (await come_back(site, trip)).status == 303
    assert (await come_back(site, trip)).status == 422, "a code is good once"
    late = await go(site, idp)
    site.clock.now += timedelta(minutes=11)
    assert (await come_back(site, late)).status == 422


async def test_keys_that_change_are_asked_for_anew_and_ec_keys_are_known(
    site: Site, idp: Idp
) -> None:
    assert (await come_back(site, await go(site, idp))).status == 303
    idp.key, idp.algorithm = ECKey.generate_key("P-256", {"kid": "two"}), "ES256"
    site.clock.now += timedelta(minutes=1)
    assert (await come_back(site, await go(site, idp))).status == 303
    idp.sign = unknown_key
    for _ in range(2):
        assert (await come_back(site, await go(site, idp))).status == 422
    assert idp.asked.count("/keys") == 2, "who invents keys does not have them fetched at will"


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=["issuer", "file", "none", "javascript"],
)
async def test_what_an_issuer_says_of_itself_is_looked_at(
    site: Site, idp: Idp, says: dict[str, Any]
) -> None:
    idp.says = says
    seen = await site.get("/sign-in/oidc", visitor=False)
    assert (seen.status, seen.cookies) == (502, [])


@pytest.mark.parametrize("port", ["{port}", "99999"])
async def test_its_other_hosts_may_not_be_private_ones_or_none(
    site: Site, idp: Idp, port: str
) -> None:
    own = str(urlsplit(idp.issuer).port)
    idp.says = {"token_endpoint": f"http://localhost:{port.format(port=own)}/token"}
    assert (await come_back(site, await go(site, idp))).status == 502
    assert "/token" not in idp.asked


async def test_while_the_other_service_is_down_passwords_go_on(site: Site, idp: Idp) -> None:
    idp.down = True
    seen = await site.get("/sign-in/oidc", visitor=False)
    assert seen.status == 502
    assert 'name="password"' in seen.text


async def test_who_comes_back_in_vain_too_often_waits(site: Site, idp: Idp) -> None:
    trip = await go(site, idp)
    vain = f"/sign-in/oidc/return?code=guessed&state={quote(trip.state)}"
    for _ in range(FREE["outside"]):
        assert (await come_back(site, trip, vain)).status == 422
    assert (await come_back(site, trip)).status == 429
    site.clock.now += timedelta(seconds=2)
    assert (await come_back(site, trip)).status == 303, "and the code was not used up"
    assert (await come_back(site, trip, vain)).status == 422
    assert (await come_back(site, await go(site, idp))).status == 303, "what failed is forgotten"


async def test_whoever_comes_in_often_does_not_wait(site: Site, idp: Idp) -> None:
    for _ in range(FREE["outside"] + 2):
        assert (await come_back(site, await go(site, idp))).status == 303


async def test_whom_another_page_sends_here_has_tried_nothing(site: Site, idp: Idp) -> None:
    trip = await go(site, idp)
    foreign = "/sign-in/oidc/return?code=x&state=y"
    for _ in range(FREE["outside"]):
        assert (await site.get(foreign, visitor=False)).status == 422
        assert (await come_back(site, trip, foreign)).status == 422
    assert await audit(site) == []
    assert (await come_back(site, trip)).status == 303


async def test_while_the_other_service_is_silent_nobody_has_tried_in_vain(
    site: Site, idp: Idp
) -> None:
    trip = await go(site, idp)
    idp.down = True
    for _ in range(FREE["outside"] + 2):
        assert (await come_back(site, trip)).status == 502
    idp.down = False
    assert (await come_back(site, trip)).status == 303


async def test_where_none_is_named_there_is_no_such_page(open_site: Open, service: Service) -> None:
    site = await open_site(service)
    assert "/sign-in/oidc" not in (await site.get("/sign-in", visitor=False)).text
    assert (await site.get("/sign-in/oidc", visitor=False)).status == 404


@pytest.mark.parametrize(
    ("issuer", "client", "fits"),
    [
        ("https://sso.example.com/realms/x", "us", True),
        ("https://x.example.com/", "us", True),
        ("http://127.0.0.1:8080", "us", True),
        ("http://sso.example.com", "us", False),
        ("https://user@sso.example.com", "us", False),
        ("https://sso.example.com?x=1", "us", False),
        ("https://sso.example.com:99999", "us", False),
        ("https://[sso.example.com", "us", False),
        ("sso.example.com", "us", False),
        ("https://sso.example.com", "", False),
        ("", "us", False),
    ],
)
def test_the_settings_are_looked_at(issuer: str, client: str, fits: bool) -> None:  # noqa: FBT001
    given = {"CALLROUTER_OIDC_ISSUER": issuer, "CALLROUTER_OIDC_CLIENT_ID": client}
    if fits:
        assert read_settings(given).oidc_issuer == issuer
    else:
        with pytest.raises(BadSettings):
            read_settings(given)
