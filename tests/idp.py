"""A small identity provider: real HTTP, real keys; it can be told to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from yarl import URL

Claims = dict[str, Any]


@dataclass
class Idp:
    """`lie`: changes the claims of the next tokens; `sign`: makes a token in some other way.

    `says`: what the next discovery has otherwise; `asked`: the paths that were asked for.
    """

    issuer: str = ""
    client: str = "callrouter"
    secret: str = "a secret of ours: с &%"
    clock: Callable[[], float] = lambda: 0.0
    key: RSAKey | ECKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    algorithm: str = "RS256"
    lie: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[[Claims], str] | None = None
    says: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    down: bool = False

    def approve(self, query: Mapping[str, str]) -> str:
        """What a person does there: signs in and agrees; gives the code."""
        assert query["response_type"] == "code"
        assert query["client_id"] == self.client
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(query)
        return code

    def token(self, claims: Claims) -> str:
        if self.sign is not None:
            return self.sign(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


def part(said: Mapping[str, Any]) -> str:
    """A part of a token that is put together by hand."""
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def unsigned(claims: Claims) -> str:
    """A token of `alg: none`."""
    return f"{part({'alg': 'none'})}.{part(claims)}."


@asynccontextmanager
async def serving(idp: Idp) -> AsyncIterator[Idp]:
    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        idp.asked.append(request.path)
        if idp.down:
            return web.Response(status=503)
        return await handler(request)  # type: ignore[no-any-return]

    async def discover(_: web.Request) -> web.Response:
        said = {
            "issuer": idp.issuer,
            "authorization_endpoint": f"{idp.issuer}/authorize",
            "token_endpoint": f"{idp.issuer}/token",
            "jwks_uri": f"{idp.issuer}/keys",
        }
        return web.json_response({**said, **idp.says})

    async def authorize(request: web.Request) -> web.Response:
        """Whoever comes is somebody already, and agrees."""
        query = {"code": idp.approve(request.query), "state": request.query["state"]}
        raise web.HTTPFound(str(URL(request.query["redirect_uri"]).with_query(query)))

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [idp.key.as_dict(private=False)]})

    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        asked = idp.codes.pop(str(form["code"]), None)  # each is good once
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        right = asked is not None and (
            challenge == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"]
        )
        if asked is None or not right or not _is_ours(request):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(idp.clock())
        claims: Claims = {
            "iss": idp.issuer,
            "aud": idp.client,
            "sub": "anna-at-home",
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "email": "Anna@example.com",
            "email_verified": True,
        }
        said = {"access_token": "x", "token_type": "Bearer", "id_token": idp.token(idp.lie(claims))}
        return web.json_response(said)

    def _is_ours(request: web.Request) -> bool:
        said = request.headers.get("Authorization", "").removeprefix("Basic ")
        name, _, secret = base64.b64decode(said).decode().partition(":")
        quoted = "a%20secret%20of%20ours%3A%20%D1%81%20%26%25"
        return (name, secret) == (idp.client, quoted)

    app = web.Application(middlewares=[note])
    app.router.add_get("/.well-known/openid-configuration", discover)
    app.router.add_get("/authorize", authorize)
    app.router.add_get("/keys", keys)
    app.router.add_post("/token", token)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        idp.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield idp
    finally:
        await runner.cleanup()
