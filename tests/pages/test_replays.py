"""Past calls again, as a page has them: asked for, how far, what came of it, cancelled."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.replayed import (
    Compared,
    Example,
    LineShift,
    ManagerShift,
    Replayed,
    Shift,
    Way,
)
from callrouter.flows import replays as flow
from callrouter.flows import tuning
from storage import replays
from storage.replays import Replay
from tests.api.rows import LINE, NOON, SETUP, add_call
from tests.pages.coming_in import let_in
from tests.pages.conftest import Seen, Site
from tests.pages.markup import Markup
from tests.pages.test_what_if import broken, draft, published, text, to_vera

LAST = "+74950000000"
PLAIN = Replayed(since=NOON - timedelta(days=7), until=NOON, calls=3, decisions=3, explained=3)


def compared(seen: str, unseen: str = "") -> Replayed:
    """One of three calls goes to Vera instead of Anna."""
    anna, vera = (Way("rings", ((key,),), LAST) for key in ("anna", "vera"))
    examples = tuple(Example(call, NOON, LINE, anna, vera) for call in (seen, unseen) if call)
    none = Shift()
    return replace(
        PLAIN,
        compared=Compared(
            calls=3,
            elsewhere=len(examples),
            otherwise=0,
            lines=(LineShift(LINE, 3, len(examples), Shift(1, 0), none, none, none),),
            managers=(
                ManagerShift("anna", Shift(3, 2), Shift(3, 2), 0, 1),
                ManagerShift("vera", Shift(0, 1), Shift(0, 1), 1, 0),
            ),
            examples=examples,
        ),
    )


async def post(site: Site, path: str, /, **fields: str) -> Seen:
    return await site.ask("POST", path, data=fields, headers={"Origin": site.url})


async def asked_for(site: Site, **fields: str) -> str:
    """Its page's address."""
    found = await post(site, "/what-if/replay", **{"days": "7", "draft": "", **fields})
    assert found.status == 303
    where = str(found.headers["Location"])
    assert re.fullmatch(r"/what-if/replay/[0-9A-Z]{26}", where)
    return where


async def shown(site: Site, where: str) -> Seen:
    found = await site.get(f"{where}?language=en")
    assert found.status == 200
    assert Markup(found.text).is_ours()
    return found


async def comes(site: Site, where: str, result: Replayed) -> None:
    """As the job writes it."""

    def write(conn: Connection) -> None:
        id_ = where.rpartition("/")[2]
        assert flow.begin(conn, id_, now=site.clock())
        flow.came(conn, id_, result, now=site.clock())

    await site.service.database.write(write)


async def a_call(site: Site, **columns: Any) -> str:
    return await site.service.database.write(lambda conn: add_call(conn, **columns))


async def test_it_waits_runs_and_comes_to_tables_whose_examples_lead_on(site: Site) -> None:
    await published(site)
    id_, call = await draft(site, to_vera), await a_call(site, manager="anna")
    await let_in(site, None, "admin", user=True)
    where = await asked_for(site, draft=id_)
    waits = await shown(site, where)
    assert "waits for its turn" in waits.text
    assert 'data-open="1"' in waits.text
    assert await asked_for(site, draft=id_) == where, "a second click asks for nothing more"

    def runs(conn: Connection) -> None:
        flow.begin(conn, where.rpartition("/")[2], now=site.clock())
        replays.went_on(conn, where.rpartition("/")[2], 40, 160)

    await site.service.database.write(runs)
    running = await shown(site, where)
    assert '<progress max="160" value="40"' in running.text
    assert "40 of 160 events" in running.text

    def end(conn: Connection) -> None:
        flow.came(conn, where.rpartition("/")[2], compared(call), now=site.clock())

    await site.service.database.write(end)
    done = await shown(site, where)
    said = text(done.text)
    assert 'data-open="0"' in done.text
    assert "1 call would have gone elsewhere" in said
    assert "Сайт 3 1 1 → 0 0 0 0" in said
    assert "Анна Смирнова 3 → 2 3 → 2 −1" in said
    assert "Вера Котова 0 → 1 0 → 1 +1" in said
    assert "Taken as it was" in said
    assert f'<a href="/calls/{call}">02.03.2026 12:00</a>' in done.text
    assert f'href="/what-if?call={call}&amp;draft={id_}"' in done.text
    listed = await site.get("/what-if/replay?language=en")
    assert f'href="{where}">Draft “Всё Вере”' in listed.text
    assert text(listed.text).count("admin 02.03.2026 12:00") == 1
    await site.service.database.write(tuning.discard, id_, by="test", now=NOON)
    gone = await shown(site, where)
    assert f'href="/what-if?call={call}"' in gone.text
    assert "the replay was on what it was then" in gone.text


async def test_calls_that_one_may_not_see_are_named_without_a_way_to_them(site: Site) -> None:
    hers = await a_call(site, manager="anna", card=None)
    others = await a_call(site, manager="vera")
    head = replace(SETUP.manager[0], role="head", team=None)
    site.setups.current = replace(SETUP, manager=(head, *SETUP.manager[1:]))
    await let_in(site, "anna")
    where = await asked_for(site)
    result = replace(compared(hers, others), explained=1, unexplained=(hers, others))
    await comes(site, where, result)
    found = await shown(site, where)
    assert found.text.count(f'href="/calls/{hers}"') == 2
    assert f'href="/calls/{others}"' not in found.text
    assert others in found.text
    assert f"call={others}" not in found.text


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (PLAIN, "Each decision comes out as it was told"),
        (replace(PLAIN, explained=2), "Not each decision comes out as it was told"),
        (replace(PLAIN, calls=0, decisions=0, explained=0), "There were no calls in these days"),
        (replace(compared("x"), calls=0), "There were no calls in these days"),
        (compared(""), "No call would have gone elsewhere"),
    ],
    ids=["explained", "not explained", "no calls", "no calls on a draft", "nothing changes"],
)
async def test_the_first_line_says_what_came_of_it(site: Site, result: Replayed, says: str) -> None:
    where = await asked_for(site)
    await comes(site, where, result)
    assert says in (await shown(site, where)).text


async def test_who_cancels_sees_it_stopped_and_an_interrupted_one_says_so(site: Site) -> None:
    where = await asked_for(site)
    cancelled = await post(site, f"{where}/cancel")
    assert (cancelled.status, cancelled.headers["Location"]) == (303, where)
    assert "stopped" in (await shown(site, where)).text
    broke = await asked_for(site, days="3")

    def end(conn: Connection) -> None:
        id_ = broke.rpartition("/")[2]
        flow.begin(conn, id_, now=NOON)
        flow.failed(conn, id_, flow.INTERRUPTED, now=NOON)

    await site.service.database.write(end)
    found = await shown(site, broke)
    assert "The server ended while it ran" in found.text
    assert '<input type="hidden" name="days" value="3">' in found.text, "once more, with one click"
    none = "/what-if/replay/01HZZZZZZZZZZZZZZZZZZZZZZZ"
    assert (await site.get(none)).status == 404
    assert (await post(site, f"{none}/cancel")).status == 404


@pytest.mark.parametrize("days", ["", "0", "91", "-1", "1.5", "seven", "٣", "9" * 30])
async def test_days_that_are_none_are_refused_and_stay(site: Site, days: str) -> None:
    found = await post(site, "/what-if/replay?language=en", days=days, draft="")
    assert found.status == 422
    assert "Allowed: from 1 to 90 days." in found.text
    assert 'aria-describedby="days-wrong"' in found.text
    assert await site.service.database.read(replays.listed, 9) == []


async def test_a_draft_that_is_gone_or_wrong_and_a_long_queue_are_said(site: Site) -> None:
    await published(site)
    id_ = await draft(site, broken)

    async def refused(**fields: str) -> Seen:
        given = {"days": "5", "draft": "", **fields}
        return await post(site, "/what-if/replay?language=en", **given)

    wrong = await refused(draft=id_)
    assert wrong.status == 422
    assert f"line[{LINE}].ladder" in wrong.text
    assert 'value="5"' in wrong.text
    gone = await refused(draft="gone")
    assert gone.status == 422
    assert "not there any more" in gone.text

    def fill(conn: Connection) -> None:
        for n in range(flow.MOST_AT_ONCE):
            one = Replay(f"r{n}", None, "", NOON, NOON, "waiting", "test", NOON)
            replays.add(conn, one, None)

    await site.service.database.write(fill)
    full = await refused()
    assert full.status == 409
    assert "Too many replays wait already" in full.text
