"""Leading a browser on: only ever to an address of ours, whatever the request said."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from aiohttp import web

SIGN_IN: Final = "/sign-in"

_LONGEST: Final = 1000
_NOT_BACK: Final = (SIGN_IN, "/sign-out", "/enter/", "/invite/")


def see(where: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})


def to_sign_in(request: web.Request) -> web.Response:
    """To where one signs in, and back from there."""
    back = request.path_qs
    return see(SIGN_IN if back == "/" else f"{SIGN_IN}?next={quote(back, safe='/')}")


def own_path(said: str) -> str:
    """An address of ours as it was said; for any other one the first page.

    Only what every browser reads alike: one slash, then parts that are not empty and go nowhere up.
    """
    path = said.partition("?")[0].partition("#")[0]
    parts = [one.casefold().replace("%2e", ".") for one in path.split("/")[1:]]
    fine = (
        said.startswith("/")
        and len(said) <= _LONGEST
        and said.isascii()
        and said.isprintable()
        and not any(one in said for one in "\\ ")
        and all(parts[:-1])
        and not {".", ".."}.intersection(parts)
    )
    return said if fine and not path.startswith(_NOT_BACK) else "/"
