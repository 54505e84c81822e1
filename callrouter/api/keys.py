"""Who asks: Bearer tokens (RFC 6750), and what each may do."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from callrouter.api.problems import Problem
from callrouter.domain.rights import RIGHTS, Right, Viewer, viewer_of
from callrouter.service import Service
from storage.tokens import TokenInfo, digest_of, find_token

REMEMBERED: Final = timedelta(seconds=2)
"""So long a token that was taken back may still be let in."""

_MOST_REMEMBERED = 256
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,200}=*) *", re.IGNORECASE)


class Keys:
    """Checks tokens, remembering good ones for a moment."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._good: dict[str, tuple[TokenInfo, datetime]] = {}

    async def check(self, request: web.Request, right: Right) -> tuple[TokenInfo, Viewer]:
        """The token of a request, and for whom it asks, who has this right. Raises Problem."""
        sent = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        token = await self._find(sent[1]) if sent else None
        if token is None:
            challenge = 'Bearer error="invalid_token"' if sent else "Bearer"
            raise Problem(
                401,
                "A good token is needed: Authorization: Bearer … "
                "(`callrouter token add NAME --role admin` makes one).",
                headers={"WWW-Authenticate": challenge},
            )
        viewer = self._viewer(token)
        if not viewer.may(right):
            allowed = ", ".join(sorted(role for role, rights in RIGHTS.items() if right in rights))
            raise Problem(
                403, f"A token of role {viewer.role} may not do this; allowed: {allowed}."
            )
        return token, viewer

    def _viewer(self, token: TokenInfo) -> Viewer:
        """Of a token of a person's: he, as Setup has him now; else a program that sees all."""
        if token.manager is None:
            return Viewer(token.role)
        setup = self._service.setups.current
        manager = setup.managers.get(token.manager)
        if manager is None or not manager.active:
            raise Problem(403, "The manager of this token is not active in the setup.")
        return viewer_of(manager, setup, self._service.clock())

    async def _find(self, text: str) -> TokenInfo | None:
        now, digest = self._service.clock(), digest_of(text)
        if (known := self._good.get(digest)) and timedelta() <= now - known[1] < REMEMBERED:
            return known[0]
        self._good.pop(digest, None)
        token = await self._service.database.read(find_token, text)
        if token:
            if len(self._good) >= _MOST_REMEMBERED:
                self._good.clear()
            self._good[digest] = (token, now)
        return token
