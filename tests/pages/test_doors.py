"""Who may see what, and what every answer tells the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from callrouter.flows.visits import enter, find_visit, new_link
from callrouter.service import Service
from callrouter.settings import Settings
from tests.api.rows import NOON
from tests.pages.conftest import Open, Site
from tests.pages.rows import a_call

GUARDED = ["/", "/calls/01J", "/calls/01J/why", "/events"]
OPEN = ["/enter/wrong", "/pop/wrong", "/static/callrouter.css", "/static/none.css"]


@pytest.mark.parametrize("path", GUARDED)
async def test_nobody_sees_a_page_without_a_visit(site: Site, path: str) -> None:
    seen = await site.get(path, visitor=False)
    assert seen.status == 401
    assert "callrouter link" in seen.text
    seen = await site.get(path, visitor=False, headers={"Cookie": site.cookie + "x"})
    assert seen.status == 401


async def test_a_visitor_sees_the_page(site: Site) -> None:
    assert (await site.get("/")).status == 200


async def test_dialling_needs_a_visit_and_a_demo(demo: Site, open_site: Open) -> None:
    form = {"kind": "known"}
    own = {"Sec-Fetch-Site": "same-origin"}
    seen = await demo.ask("POST", "/call-yourself", data=form, headers=own, visitor=False)
    assert (seen.status, demo.dialled) == (401, [])
    plain = await open_site(replace(demo.service, demo=False))
    assert (await plain.ask("POST", "/call-yourself", data=form, headers=own)).status == 404


@pytest.mark.parametrize("path", [*GUARDED[:3], *OPEN])
@pytest.mark.parametrize("visitor", [True, False], ids=["visitor", "stranger"])
async def test_every_answer_carries_the_security_headers(
    site: Site,
    path: str,
    visitor: bool,  # noqa: FBT001
) -> None:
    _holds_the_line((await site.get(path, visitor=visitor)).headers)


async def test_a_stream_carries_them_too(site: Site) -> None:
    headers = {"Cookie": site.cookie}
    async with site.session.get(f"{site.url}/events", headers=headers) as answer:
        _holds_the_line(answer.headers)
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"


async def test_a_refused_post_carries_them_too(demo: Site) -> None:
    seen = await demo.ask("POST", "/call-yourself", data={"kind": "known"})
    assert seen.status == 403
    _holds_the_line(seen.headers)


def _holds_the_line(headers: Mapping[str, str]) -> None:
    policy = headers["Content-Security-Policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] in ("no-store", "no-cache")


# The one-time link


async def test_a_link_opens_once(site: Site) -> None:
    link = await site.service.database.write(new_link, now=NOON)
    first = await site.get(f"/enter/{link}", visitor=False)
    assert (first.status, first.headers["Location"]) == (303, "/users/first")
    (cookie,) = first.cookies
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    own = {"Cookie": cookie.split(";")[0]}
    assert (await site.get("/", visitor=False, headers=own)).status == 200
    again = await site.get(f"/enter/{link}", visitor=False)
    assert (again.status, again.cookies) == (401, [])


async def test_whoever_is_in_is_not_sent_away_by_a_used_link(site: Site) -> None:
    link = await site.service.database.write(new_link, now=NOON)
    await site.get(f"/enter/{link}", visitor=False)
    seen = await site.get(f"/enter/{link}")
    assert (seen.status, seen.cookies) == (303, [])


async def test_looking_ahead_does_not_use_a_link_up(site: Site) -> None:
    link = await site.service.database.write(new_link, now=NOON)
    assert (await site.ask("HEAD", f"/enter/{link}", visitor=False)).status == 405
    ahead = {"Sec-Purpose": "prefetch;prerender"}
    assert (await site.get(f"/enter/{link}", visitor=False, headers=ahead)).status == 503
    assert (await site.get(f"/enter/{link}", visitor=False)).status == 303


@pytest.mark.parametrize(
    ("hours", "status"),
    [pytest.param(23.9, 303, id="the same day"), pytest.param(24, 401, id="a day later")],
)
async def test_a_link_lives_a_day(site: Site, hours: float, status: int) -> None:
    link = await site.service.database.write(new_link, now=NOON)
    site.clock.now = NOON + timedelta(hours=hours)
    assert (await site.get(f"/enter/{link}", visitor=False)).status == status


@pytest.mark.parametrize(
    ("hours", "status"),
    [pytest.param(11.9, 200, id="the same day"), pytest.param(12, 401, id="half a day later")],
)
async def test_a_visit_lasts_half_a_day(site: Site, hours: float, status: int) -> None:
    site.clock.now = NOON + timedelta(hours=hours)
    assert (await site.get("/")).status == status


async def test_a_link_is_no_cookie_and_a_cookie_no_link(service: Service) -> None:
    write = service.database.write
    link = await write(new_link, now=NOON)
    assert await service.database.read(find_visit, link, now=NOON) is None
    cookie = await write(enter, link, now=NOON)
    assert cookie is not None
    assert await service.database.read(find_visit, cookie, now=NOON) is not None
    assert await write(enter, cookie, now=NOON) is None


async def test_behind_https_the_cookie_is_bound_to_its_host(
    service: Service, open_site: Open
) -> None:
    https = replace(service, settings=Settings(public_url="https://calls.example"))
    site = await open_site(https)
    link = await service.database.write(new_link, now=NOON)
    (cookie,) = (await site.get(f"/enter/{link}", visitor=False)).cookies
    assert cookie.startswith("__Host-callrouter_")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


# Requests that change something


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 303, id="our own page"),
        pytest.param({"Origin": "http://calls.example"}, 303, id="our public address"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="a sister site"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="another origin"),
        pytest.param({"Origin": "null"}, 403, id="a hidden origin"),
        pytest.param({}, 403, id="nobody says whence"),
        pytest.param(
            {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
            403,
            id="one of the two is wrong",
        ),
    ],
)
async def test_only_our_own_pages_may_dial(
    demo: Site, headers: dict[str, str], status: int
) -> None:
    seen = await demo.ask("POST", "/call-yourself", data={"kind": "vip"}, headers=headers)
    assert seen.status == status
    assert demo.dialled == ([("vip", "", "")] if status == 303 else [])


async def test_our_own_address_as_the_browser_sees_it_is_ours(demo: Site) -> None:
    seen = await demo.ask(
        "POST", "/call-yourself", data={"kind": "vip"}, headers={"Origin": demo.url}
    )
    assert seen.status == 303


# Languages


@pytest.mark.parametrize(
    ("path", "cookie", "heading"),
    [
        pytest.param("/", "", "Звонки сейчас", id="the company's own"),
        pytest.param("/", "callrouter_language=en", "Calls now", id="the one chosen before"),
        pytest.param("/?language=en", "", "Calls now", id="the one just chosen"),
        pytest.param("/?language=xx", "", "Звонки сейчас", id="one that we do not speak"),
    ],
)
async def test_the_page_speaks_the_readers_language(
    site: Site, path: str, cookie: str, heading: str
) -> None:
    seen = await site.get(path, headers={"Cookie": cookie})
    assert f"<h1>{heading}</h1>" in seen.text


async def test_a_language_is_remembered(site: Site) -> None:
    (cookie,) = (await site.get("/?language=en")).cookies
    assert cookie.startswith("callrouter_language=en; ")
    assert (await site.get("/")).cookies == []


# When something fails


async def test_a_bug_is_a_page_and_no_secret(site: Site) -> None:
    site.setups.current = replace(site.setups.current, manager=(None,))  # type: ignore[arg-type]
    seen = await site.get("/")
    assert seen.status == 500
    assert "Traceback" not in seen.text
    _holds_the_line(seen.headers)


@pytest.mark.parametrize("path", ["/sign-in", "/blocks", "/contacts/new"])
@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=none-such",
    ],
)
async def test_a_form_that_cannot_be_read_is_no_bug_of_ours(
    site: Site, path: str, kind: str
) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": kind}
    seen = await site.ask("POST", path, data=b"--y\r\n\r\n--y--", headers=headers)
    assert seen.status == 400
    assert "не удалось прочитать" in seen.text
    _holds_the_line(seen.headers)
    headers["Accept"] = "application/json"
    asked = await site.ask("POST", path, data=b"--y--", headers=headers)
    assert (asked.status, "не удалось прочитать" in json.loads(asked.text)["says"]) == (400, True)


async def test_a_silent_base_is_told(site: Site) -> None:
    await site.service.database.write(a_call)
    await site.service.database.close()
    seen = await site.get("/")
    assert (seen.status, seen.headers["Retry-After"]) == (503, "2")
    _holds_the_line(seen.headers)


# Assets


async def test_assets_are_checked_by_their_tag(site: Site) -> None:
    seen = await site.get("/static/now.js", visitor=False)
    assert (seen.status, seen.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    tag = {"If-None-Match": seen.headers["ETag"]}
    assert (await site.get("/static/now.js", visitor=False, headers=tag)).status == 304


@pytest.mark.parametrize("name", ["..%2fpyproject.toml", "none.js"])
async def test_nothing_else_is_served(site: Site, name: str) -> None:
    assert (await site.get(f"/static/{name}", visitor=False)).status == 404
