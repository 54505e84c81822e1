"""Signing in by another service (OpenID Connect): authorization code, PKCE, state and nonce.

    begun = await sign_on.begin(returns_to)      a browser goes to `begun.url`
    known = await sign_on.finish(code, begun, returns_to)

Whatever the other service says is believed only from its ID token: signed by a key of its own
(RS256 or ES256, nothing else), for us, by the issuer that the environment names, not expired, with
the nonce of this very beginning. It is asked by the guarded client: the issuer's own host may be a
private one, others of its addresses may not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from callrouter.outside.client import Door, OutsideError
from callrouter.settings import BadSettings
from webhooks.provider import Request, Response

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.outside.client import Client
    from callrouter.service import Clock
    from callrouter.settings import Settings

ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_S: Final = 60
"""So far another server's clock may be off."""
FRESH_S: Final = 3600.0
"""So long what an issuer says of itself is not asked for again."""
KEYS_REST_S: Final = 30.0
"""A token of an unknown key has the keys asked for anew, but not more often than this."""
LONGEST_SUBJECT: Final = 255

_PER_MINUTE: Final = 300
_PATH: Final = "/.well-known/openid-configuration"
_SCOPE: Final = "openid email profile"


class NoEntry(Exception):
    """Nobody is let in. `code` says why, for the log; it holds nothing of anybody's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unavailable(Exception):
    """The other service did not answer, or not as it should; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a browser took along; all three are secrets of it and ours."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Known:
    """Whom the other service vouches for. `email`: only one that it has verified.

    `subject`: by which he is known again; of everybody of this issuer it begins with `issuer`.
    """

    issuer: str
    subject: str
    email: str | None


@dataclass(frozen=True, slots=True)
class _Issuer:
    """What the issuer says of itself, checked."""

    authorize: str
    token: str
    keys: str
    basic: bool  # the secret goes in a header, not in the body
    said_at: datetime


class SignOn:
    """One issuer. Belongs to the event loop; keeps what the issuer says of itself for an hour."""

    def __init__(self, client: Client, settings: Settings, clock: Clock) -> None:
        """Raises BadSettings where the library for tokens is not installed."""
        try:
            import joserfc  # noqa: F401
        except ImportError:
            raise BadSettings(
                "CALLROUTER_OIDC_ISSUER: needs the extra oidc: pip install 'callrouter[oidc]'"
            ) from None
        self._client = client
        self._issuer = settings.oidc_issuer
        self._id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret
        self._clock = clock
        self._said: _Issuer | None = None
        self._keys: Mapping[str, Any] | None = None
        self._keys_at: datetime | None = None

    @property
    def name(self) -> str:
        """How people know it: its host."""
        return urlsplit(self._issuer).hostname or ""

    async def begin(self, returns_to: str) -> tuple[Begun, str]:
        """What the browser takes along, and where it goes. Raises Unavailable."""
        said = await self._discover()
        begun = Begun(*(secrets.token_urlsafe(32) for _ in range(3)))
        digest = hashlib.sha256(begun.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._id,
            "redirect_uri": returns_to,
            "scope": _SCOPE,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        joined = "&" if "?" in said.authorize else "?"
        return begun, f"{said.authorize}{joined}{urlencode(query, quote_via=quote)}"

    async def finish(self, code: str, begun: Begun, returns_to: str) -> Known:
        """Whom a code stands for; the issuer takes each once. Raises Unavailable, NoEntry."""
        if not code:
            raise NoEntry("no_code")
        said = await self._discover()
        token = await self._redeem(said, code, begun, returns_to)
        claims = await self._verified(said, token)
        return self._known(claims, begun)

    # What the issuer says of itself

    async def _discover(self) -> _Issuer:
        now = self._clock()
        if self._said and (now - self._said.said_at).total_seconds() < FRESH_S:
            return self._said
        found = _json(await self._send(Request("GET", self._issuer.rstrip("/") + _PATH)))
        if found.get("issuer") != self._issuer:
            raise Unavailable("what was found is another issuer's")
        ways = found.get("token_endpoint_auth_methods_supported")
        methods = ways if isinstance(ways, list) else ["client_secret_basic"]
        self._said = _Issuer(
            authorize=self._address(found, "authorization_endpoint"),
            token=self._address(found, "token_endpoint"),
            keys=self._address(found, "jwks_uri"),
            basic="client_secret_basic" in methods or "client_secret_post" not in methods,
            said_at=now,
        )
        return self._said

    def _address(self, found: Mapping[str, Any], name: str) -> str:
        """Raises Unavailable: it has none, or one that is less safe than the issuer's."""
        said = found.get(name)
        own = urlsplit(self._issuer).scheme
        if not isinstance(said, str) or not said.startswith(("https://", f"{own}://")):
            raise Unavailable(f"its {name} is no address that may be asked")
        if not said.isascii() or not said.isprintable() or "#" in said or " " in said:
            raise Unavailable(f"its {name} is no address")
        return said

    async def _send(self, request: Request) -> Response:
        """Raises Unavailable."""
        try:
            place, own = urlsplit(request.url), urlsplit(self._issuer)
            at_home = (place.hostname, place.port) == (own.hostname, own.port)
            port = place.port or (443 if place.scheme == "https" else 80)
            hosts = frozenset({f"{place.hostname}:{port}", place.netloc.lower()})
            door = Door("oidc", hosts, allow_private=at_home, per_minute=_PER_MINUTE)
            response = await self._client.send(request, door)
        except (OutsideError, ValueError) as error:
            raise Unavailable(str(error)) from None
        return response

    # The code

    async def _redeem(self, said: _Issuer, code: str, begun: Begun, returns_to: str) -> str:
        """The ID token that the issuer gives for a code. Raises NoEntry, Unavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": returns_to,
            "code_verifier": begun.verifier,
        }
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
        ]
        if self._secret and said.basic:
            pair = f"{quote(self._id, safe='')}:{quote(self._secret, safe='')}"
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        else:
            form["client_id"] = self._id
            if self._secret:
                form["client_secret"] = self._secret
        body = urlencode(form).encode()
        response = await self._send(Request("POST", said.token, tuple(headers), body))
        if 400 <= response.status < 500:
            raise NoEntry("code_refused")
        token = _json(response).get("id_token")
        if not isinstance(token, str):
            raise NoEntry("no_id_token")
        return token

    # The token

    async def _verified(self, said: _Issuer, token: str) -> Mapping[str, Any]:
        """The claims of a token that is signed as it must be. Raises NoEntry, Unavailable."""
        fresh = await self._ensure_keys(said, anew=False)
        try:
            return self._decode(token)
        except _UnknownKey:
            if fresh or not await self._ensure_keys(said, anew=True):
                raise NoEntry("unknown_key") from None
        try:
            return self._decode(token)
        except _UnknownKey:
            raise NoEntry("unknown_key") from None

    async def _ensure_keys(self, said: _Issuer, *, anew: bool) -> bool:
        """Have the issuer's keys; True: they were asked for just now."""
        now = self._clock()
        age = (now - self._keys_at).total_seconds() if self._keys_at else FRESH_S
        if age < (KEYS_REST_S if anew else FRESH_S):
            return False
        found = _json(await self._send(Request("GET", said.keys)))
        if not isinstance(found.get("keys"), list):
            raise Unavailable("its keys are none")
        self._keys, self._keys_at = found, now
        return True

    def _decode(self, token: str) -> Mapping[str, Any]:
        """Raises NoEntry, _UnknownKey."""
        from joserfc import jws, jwt
        from joserfc.errors import JoseError

        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
        except (JoseError, ValueError):
            raise NoEntry("no_token") from None
        algorithm, name = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise NoEntry("algorithm")
        keys = self._usable(str(algorithm), name if isinstance(name, str) else None)
        if not keys:
            raise _UnknownKey
        for key in keys:
            try:
                decoded = jwt.decode(token, key, algorithms=[str(algorithm)])
            except (JoseError, ValueError):
                continue
            return decoded.claims
        if name is None:  # it names no key: perhaps the issuer has another by now
            raise _UnknownKey
        raise NoEntry("signature")

    def _usable(self, algorithm: str, name: str | None) -> list[Any]:
        """The issuer's keys for signing so, of this name where the token names one."""
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey, RSAKey

        kind, read = ("RSA", RSAKey) if algorithm == "RS256" else ("EC", ECKey)
        found = []
        for one in (self._keys or {}).get("keys", [])[:100]:
            if not isinstance(one, dict) or one.get("kty") != kind:
                continue
            if one.get("use", "sig") != "sig" or one.get("alg", algorithm) != algorithm:
                continue
            if name is not None and one.get("kid") != name:
                continue
            try:
                found.append(read.import_key({**one}))
            except (JoseError, ValueError, TypeError):
                continue
        return found

    def _known(self, claims: Mapping[str, Any], begun: Begun) -> Known:
        """Raises NoEntry."""
        from joserfc.errors import JoseError
        from joserfc.jwt import JWTClaimsRegistry

        checks = JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            checks.validate(dict(claims))
        except JoseError as error:
            claim = getattr(error, "claim", "") or "claims"
            raise NoEntry(f"claim_{claim}") from None
        nonce, authorized = claims.get("nonce"), claims.get("azp")
        if not isinstance(nonce, str) or not secrets.compare_digest(
            nonce.encode(), begun.nonce.encode()
        ):
            raise NoEntry("claim_nonce")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or authorized is not None) and authorized != self._id:
            raise NoEntry("claim_azp")
        if not claims["sub"]:
            raise NoEntry("claim_sub")
        email = claims.get("email")
        verified = claims.get("email_verified") in (True, "true")
        issuer = _prefix(self._issuer)
        return Known(
            issuer,
            f"{issuer}{_short(str(claims['sub']), LONGEST_SUBJECT - len(issuer))}",
            email if verified and isinstance(email, str) and email else None,
        )


class _UnknownKey(Exception):
    """No key that we know of the issuer's signed the token."""


def _prefix(issuer: str) -> str:
    """Before each `sub`, which is one's own only at its issuer."""
    return f"{_short(issuer, LONGEST_SUBJECT - 80)} "


def _short(said: str, most: int) -> str:
    if len(said) <= most:
        return said
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def _json(response: Response) -> dict[str, Any]:
    """Raises Unavailable."""
    if response.status != 200:
        raise Unavailable(f"it answered {response.status}")
    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable("its answer is no JSON object")
    return found
