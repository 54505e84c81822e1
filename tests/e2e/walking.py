"""Walks through the pages as somebody who opens every link, once for each route."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from urllib.parse import urldefrag, urljoin, urlsplit

from aiohttp import web
from playwright.async_api import Page

_LINK = re.compile(r"""<a\b[^>]*?\bhref="([^"]*)\"""")
_EACH = re.compile(r"/setup/\{section\}(/\{key\})?")


@dataclass(frozen=True)
class Route:
    """`name` as the router has it: "/cards/{id}"."""

    name: str
    pattern: re.Pattern[str]

    def place(self, path: str) -> str | None:
        """What a page there is called: the route, but each section of the Setup is its own."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        if _EACH.fullmatch(self.name):
            return self.name.replace("{section}", found["section"])
        return self.name


def routes_of(app: web.Application) -> tuple[Route, ...]:
    """Everything that can be asked for by GET, plain addresses before those with a place in them."""
    found = []
    for resource in app.router.resources():
        if any(route.method == "GET" for route in resource):
            info = resource.get_info()
            pattern = info.get("pattern") or re.compile(re.escape(info.get("path", "")))
            found.append(Route(resource.canonical, pattern))
    return tuple(sorted(found, key=lambda one: "{" in one.name))


def place_of(address: str, routes: Sequence[Route]) -> str | None:
    path = urlsplit(address).path
    return next((name for one in routes if (name := one.place(path))), None)


async def walk(
    page: Page, url: str, starts: Sequence[str], routes: Sequence[Route]
) -> dict[str, str]:
    """The first address met of each place that shows a page, from these on by their links.

    An address that leads elsewhere is not met; where it leads to is.
    """
    found: dict[str, str] = {}
    ahead = [f"{url}{start}" for start in starts]
    tried = set()
    while ahead:
        address = urldefrag(ahead.pop(0)).url
        name = place_of(address, routes)
        if name is None or name in found or address in tried or not address.startswith(f"{url}/"):
            continue
        tried.add(address)
        answer = await page.request.get(address)
        if not answer.ok or not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        if place_of(answer.url, routes) != name:
            ahead.insert(0, answer.url)
            continue
        found[name] = address
        ahead += [urljoin(address, unescape(one)) for one in _LINK.findall(await answer.text())]
    return found
