"""Our own scripts, styles and pictures, read once: there are few, and all of them are small."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web

from callrouter.pages.doors import SECURITY

_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_ROOM = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Asset:
    data: bytes
    type: str
    tag: str


@cache
def assets() -> dict[str, Asset]:
    """By name: ours, which stand beside the package in a checkout and inside it in a wheel; in
    `vendor/` those of others, which the build fetched.
    """
    inside = _ROOM / "static"
    ours = inside if (inside / "callrouter.css").is_file() else _ROOM.parent / "web"
    found = {path.name: path for path in ours.iterdir()}
    found |= {f"vendor/{path.name}": path for path in (inside / "vendor").glob("*")}
    return {name: _read(path) for name, path in found.items() if path.suffix in _TYPES}


def _read(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(data, _TYPES[path.suffix], f'"{hashlib.sha256(data).hexdigest()[:16]}"')


async def show_asset(request: web.Request) -> web.Response:
    """Checked anew by its tag each time, so that a new version is never mixed with an old page."""
    asset = assets().get(request.match_info["name"])
    if asset is None:
        return web.Response(status=HTTPStatus.NOT_FOUND, headers=SECURITY)
    headers = {**SECURITY, "Cache-Control": "no-cache", "ETag": asset.tag}
    if request.headers.get("If-None-Match") == asset.tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=asset.data, content_type=asset.type, charset="utf-8", headers=headers)
