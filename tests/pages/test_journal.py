"""The journal of hooks: what is listed, one hook, reading it again, taking it from quarantine."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import Account
from callrouter.raw_text import HIDDEN, laid_out
from storage import journal, setups
from storage.journal import Refused
from tests.api.rows import LINE, NOON, SETUP
from tests.flows.test_take_aside import counts, hear, put_aside, ringing
from tests.pages.conftest import Site
from tests.pages.test_acting import post
from tests.pages.test_connect import said_in

SECRET = "the-secret-of-main"
MINE = replace(SETUP, account=(Account("main", default_line=LINE, secret=SECRET),))


@pytest.fixture(autouse=True)
async def _with_a_setup(site: Site) -> None:
    site.setups.current = await site.service.database.write(
        setups.publish, MINE, by="apply", now=NOON - timedelta(days=1)
    )


async def page(site: Site, path: str) -> str:
    found = await site.get(path)
    assert found.status == 200
    return said_in(found.text)


async def hook_of(site: Site, said: dict[str, Any]) -> str:
    """The page of the first hook of the list, after one came."""
    await site.service.database.write(hear, said, at=NOON)
    text = (await site.get("/journal")).text
    return text.partition("/journal/hook?")[2].partition('"')[0].replace("&amp;", "&")


async def test_everything_that_came_is_listed_the_newest_first(site: Site) -> None:
    write = site.service.database.write
    await write(hear, ringing(), at=NOON - timedelta(minutes=2))
    await write(put_aside, {"event": "?"}, at=NOON - timedelta(minutes=1))
    await write(journal.refuse, Refused("main", "pbx", NOON, "odd", "10.0.0.9"))
    text = await page(site, "/journal?language=en")
    assert text.index("A hook that was refused main odd 10.0.0.9") < text.index(
        "A hook that was not understood main at: odd"
    )
    assert text.index("A hook that was not understood main") < text.index(
        "A call came in main rings:"
    )
    assert "+7916***67" in text
    assert "79161234567" not in text
    only = await page(site, "/journal?language=en&outcome=refused")
    assert "odd 10.0.0.9" in only
    assert "A call came in main" not in only
    assert "No hook is like that." in await page(site, "/journal?digits=99&language=en")
    assert "A call came in main" in await page(site, "/journal?digits=…4567&language=en")


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_what_cannot_be_read_is_said_beside_its_field(site: Site, language: str) -> None:
    asked = "since=yesterday&until=2026-03-02T14%3A05&digits=x7&account=%00%27"
    text = (await site.get(f"/journal?{asked}&language={language}")).text
    assert 'value="yesterday" aria-invalid="true"' in text
    assert 'value="x7" aria-invalid="true"' in text
    assert 'value="2026-03-02T14:05">' in text


async def test_a_moment_is_by_the_companys_clock(site: Site) -> None:
    await site.service.database.write(hear, ringing(), at=NOON)  # 12:00 in Moscow
    narrow = "/journal?language=en&since=2026-03-02T12:00&until=2026-03-02T12:00"
    assert "A call came in" in await page(site, narrow)
    assert "A call came in" not in await page(site, narrow.replace("12:00", "12:01"))


async def test_older_ones_follow_on_another_page(site: Site) -> None:
    def many(conn: Connection) -> None:
        for n in range(60):
            put_aside(conn, {"event": "?"}, at=NOON + timedelta(seconds=n))

    await site.service.database.write(many)
    first = (await site.get("/journal?outcome=aside&language=en")).text
    older = first.partition('journal-more" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = (await site.get(older)).text
    assert (first.count("/journal/aside/"), second.count("/journal/aside/")) == (50, 10)
    assert "journal-more" not in second


async def test_one_hook_shows_what_came_and_what_was_told(site: Site) -> None:
    said = {"x_auth_token": "abc-1", "note": f"it is {SECRET}!", "recording_url": "https://a:b@c/d"}
    link = await hook_of(site, ringing(**said))
    text = await page(site, f"/journal/hook?{link}&language=en")
    assert '"note": "it is •••!"' in text
    assert "https://•••@c/d" in text
    assert "abc-1" not in text
    assert SECRET not in text
    assert '"caller": "+79161234567"' in text  # whole, on the page of this one hook
    assert '"decision": "connect"' in text
    assert "call_id c1" in text
    assert "ms: waited 0, facts" in text
    calls = (await site.get(f"/journal/hook?{link}")).text
    assert 'href="/calls/' in calls


async def test_reading_again_changes_nothing(site: Site) -> None:
    link = await hook_of(site, ringing())
    before = await site.service.database.read(counts)
    text = await page(site, f"/journal/hook?{link}&again=1&language=en")
    assert "It is read as it was then." in text
    assert "Would be decided" in text
    assert "Would be answered" in text
    assert await site.service.database.read(counts) == before


async def test_of_a_connection_that_is_gone_nothing_is_read(site: Site) -> None:
    link = await hook_of(site, ringing())
    site.setups.current = replace(MINE, account=())
    text = await page(site, f"/journal/hook?{link}&again=1&language=en")
    assert "there is nobody to read it" in text


async def test_a_hook_aside_is_read_again_and_taken_once(site: Site) -> None:
    id_ = await site.service.database.write(put_aside, ringing(), at=NOON - timedelta(days=2))
    where = f"/journal/aside/{id_}"
    assert "First read it again" in await page(site, f"{where}?language=en")
    text = (await site.get(f"{where}?again=1&language=en")).text
    assert f'action="{where}/take"' in text
    done = await post(site, f"{where}/take")
    assert done.status == 303
    taken = await page(site, f"{done.headers['Location']}&language=en")
    assert "28.02.2026 12:00:00" in taken
    assert "all hooks of this call" in taken
    assert "Taken since" in await page(site, "/journal?language=en")
    before = await site.service.database.read(counts)
    twice = await post(site, f"{where}/take")
    assert twice.status == 409
    assert "Второй раз ничего не принято" in twice.text
    assert await site.service.database.read(counts) == before


async def test_what_is_not_understood_today_either_is_not_taken(site: Site) -> None:
    id_ = await site.service.database.write(put_aside, {"event": "ended"})
    before = await site.service.database.read(counts)
    done = await post(site, f"/journal/aside/{id_}/take", {"Sec-Fetch-Site": "same-origin"})
    assert done.status == 409
    assert "И сегодня он не разбирается" in done.text
    assert "call_id" in done.text
    assert await site.service.database.read(counts) == before


@pytest.mark.parametrize(
    "path",
    ["/journal/hook", "/journal/hook?account=main&key=none", "/journal/aside/01ARZ", "/journal/x"],
)
async def test_what_is_not_there_is_404(site: Site, path: str) -> None:
    assert (await site.get(path)).status == 404


async def test_a_page_that_we_did_not_write_begins_anew(site: Site) -> None:
    for after in ("x", "1.2.3", "9" * 30 + ".0.0.0", "9999999999999.0.0.0", "1.1.1.1"):
        assert (await site.get(f"/journal?after={after}")).status == 200


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            b'{"a":1.10,"b":{"api_key":"s"}}',
            '{\n  "a": 1.10,\n  "b": {\n    "api_key": "•••"\n  }\n}',
        ),
        (b"CallSid=CA1&AuthToken=s&From=%2B7916", "CallSid = CA1\nAuthToken = •••\nFrom = +7916"),
        (b'{"secret": "s", broken', '{"secret": "•••", broken'),
        (b'["x", {"password": [1, 2]}]', '[\n  "x",\n  {\n    "password": "•••"\n  }\n]'),
        (b"\xff\xfe\x00", "\ufffd\ufffd\x00"),
        (b'{"u": "https://x/?sig=s&n=1"}', '{\n  "u": "https://x/?sig=•••&n=1"\n}'),
        (b"", ""),
        (b"<b>hi</b>", "<b>hi</b>"),
        (b"[" * 5000, "[" * 5000),
    ],
)
def test_a_body_is_laid_out_without_its_secrets(body: bytes, shown: str) -> None:
    assert laid_out(body) == shown


def test_the_accounts_own_secret_is_hidden_wherever_it_stands() -> None:
    assert laid_out(json.dumps({"x": "a s3cr3t!"}).encode(), ["s3cr3t"]) == (
        f'{{\n  "x": "a {HIDDEN}!"\n}}'
    )
