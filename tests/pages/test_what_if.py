"""What would happen to a call: on the rules in force, on a draft, on both; nothing is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.setup import Ladder, Line, Setup, Step
from callrouter.flows import tuning
from callrouter.flows.try_call import rules_of, try_call
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.wording import why_details, why_text
from storage import setups, tables
from storage.database import Database
from tests.api.rows import LINE, NOON, SETUP, add_call, add_card, add_contact
from tests.pages.coming_in import let_in
from tests.pages.conftest import Open, Seen, Site
from tests.pages.markup import Markup

SEAL = Seal("a secret of the tests")
IVAN = "+79161234567"
NEW_LINE = "+74951230099"
WHOLE = replace(SETUP, account=(replace(SETUP.account[0], secret="env:PBX"),), version=0)
"""One that can be published."""


def to_vera(setup: Setup) -> Setup:
    """The line rings Vera for 25 seconds; there is a number more."""
    ladder = Ladder("vera", (Step("manager", seconds=25, managers=("vera",)),))
    line = replace(setup.line[0], ladder="vera")
    new = Line(NEW_LINE, "+74950000000", account="main", name="Новый")
    return replace(setup, ladder=(ladder,), line=(line, new))


def longer(setup: Setup) -> Setup:
    """The usual ladder, but with more patience."""
    steps = (Step("responsible", seconds=40), Step("least_loaded", seconds=40, count=2))
    line = replace(setup.line[0], ladder="slow")
    return replace(setup, ladder=(Ladder("slow", steps),), line=(line,))


def broken(setup: Setup) -> Setup:
    return replace(setup, line=(replace(setup.line[0], ladder="gone"),))


async def published(site: Site) -> None:
    write, now = site.service.database.write, NOON - timedelta(days=1)
    site.setups.current = await write(setups.publish, WHOLE, by="apply", now=now)


async def draft(site: Site, change: Any, name: str = "Всё Вере") -> str:
    write, now = site.service.database.write, site.clock()
    id_ = await write(tuning.new_draft, name, by="test", now=now)
    await write(tuning.edit, change, seal=SEAL, by="test", now=now, draft=id_)
    return id_


async def tried(site: Site, /, **query: str) -> Seen:
    given = {"line": LINE, "caller": IVAN, "language": "en", **query}
    found = await site.get("/what-if", params=given)
    assert found.status == 200
    assert Markup(found.text).is_ours()
    return found


def rungs(page: str) -> list[list[str]]:
    """The ladder of each side, a rung a line, with what is marked."""
    return [
        [text(one) for one in re.findall(r"<li.*?</li>", part, re.DOTALL)]
        for part in re.findall(r'<ol class="rungs">(.*?)</ol>', page, re.DOTALL)
    ]


def text(html: str) -> str:
    plain = unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ")
    return " ".join(plain.split())


def rows_of(conn: Connection) -> dict[str, list[str]]:
    return {
        table.name: sorted(map(repr, conn.execute(select(table))))
        for table in tables.metadata.sorted_tables
        if table.name not in ("visit", "audit")
    }


async def test_it_says_whom_a_call_would_ring_and_why_as_the_call_does(site: Site) -> None:
    found = await tried(site)
    assert rungs(found.text) == [
        ["Анна Смирнова 20 s", "Вера Котова 20 s", "then the last resort +7 495 000-00-00 1 min"]
    ]
    said = text(found.text)
    decided = await site.service.database.read(
        try_call, SETUP, line=LINE, caller=IVAN, at=NOON, now=NOON
    )
    assert why_text(decided.why, SETUP, language="en") in said
    for one in why_details(decided.why, SETUP, language="en").facts:
        assert f"{one.label} {one.text}" in said
    assert "Борис Ким off shift" in said, "who is passed over, and why"
    assert "How long it took" not in said
    later = await tried(site, at="2026-03-02T16:00")  # in the company's zone
    assert rungs(later.text)[0][1] == "Борис Ким 20 s"
    assert "Hours, shifts and leave are of that moment" in later.text
    hidden = await tried(site, caller="", hidden="yes")
    assert "Number withheld" in hidden.text


async def test_what_is_supposed_of_somebody_counts_for_this_call_alone(site: Site) -> None:
    names = re.findall(r'name="is\.(\w+)"', (await tried(site)).text)
    assert names == ["anna", "boris", "vera"], "of whom the rules looked at"
    busy = await tried(site, **{"is.anna": "talking", "is.boris": "free"})
    assert rungs(busy.text)[0][:2] == ["Борис Ким 20 s", "Вера Котова 20 s"]
    assert "Анна Смирнова talking" in text(busy.text)
    assert 'value="talking" selected' in busy.text
    assert re.search(r"<details class=\"try-people\" open>", busy.text)
    off = await tried(site, **{"is.anna": "off", "is.vera": "off", "is.nobody": "free"})
    assert rungs(off.text)[0] == ["the last resort +7 495 000-00-00 1 min"]
    again = await tried(site, **{"is.anna": "<b>"})
    assert rungs(again.text) == rungs((await tried(site)).text)


async def test_a_draft_beside_what_is_in_force_is_marked_where_it_differs(site: Site) -> None:
    await published(site)
    vera, slow = await draft(site, to_vera), await draft(site, longer, "Дольше")
    same = await draft(site, lambda it: replace(it, company=replace(it.company, name="Лютик")))
    beside = await tried(site, draft=vera, beside="yes")
    assert rungs(beside.text) == [
        [
            "Анна Смирнова differs 20 s",
            "Вера Котова differs 20 s",
            "then the last resort +7 495 000-00-00 1 min",
        ],
        ["Вера Котова differs 25 s", "then the last resort +7 495 000-00-00 1 min"],
    ]
    said = text(beside.text)
    assert "On the draft this call goes elsewhere." in said
    usual = "the usual one: the responsible manager, then the least loaded"
    assert f"What differs In force Draft “Всё Вере” Ladder {usual} “vera”" in said
    assert "none matches (of a draft)" in said
    assert len(rungs((await tried(site, draft=vera)).text)) == 1
    assert "with other seconds or words" in (await tried(site, draft=slow, beside="yes")).text
    nothing = await tried(site, draft=same, beside="yes")
    assert "The draft changes nothing for this call." in nothing.text
    assert "differs" not in str(rungs(nothing.text))


async def test_a_number_that_only_the_draft_has_rings_there_alone(site: Site) -> None:
    await published(site)
    id_ = await draft(site, to_vera)
    assert NEW_LINE not in (await tried(site)).text
    found = await tried(site, draft=id_, beside="yes", line=NEW_LINE)
    assert "These rules have no such number of ours." in found.text
    assert len(rungs(found.text)) == 1


async def test_a_draft_that_cannot_be_tried_says_why(site: Site) -> None:
    await published(site)
    id_ = await draft(site, broken)
    found = await tried(site, draft=id_, beside="yes")
    assert f"line[{LINE}].ladder" in found.text
    assert f'href="/setup/drafts/{id_}"' in found.text
    assert len(rungs(found.text)) == 1, "what is in force is shown all the same"
    gone = await tried(site, draft="01HZZZZZZZZZZZZZZZZZZZZZZZ", beside="yes")
    assert "This draft is not there any more" in gone.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"caller": ""}, "caller"),
        ({"caller": "9" * 65}, "caller"),
        ({"at": "noon"}, "at"),
        ({"at": "2026-03-02T12:00+03:00"}, "at"),
        ({"at": "9999-12-31T23:59"}, "at"),
    ],
    ids=["nobody", "too long", "no moment", "a zone", "the end of time"],
)
async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    site: Site, query: Mapping[str, str], field: str
) -> None:
    found = await tried(site, **query)
    assert f'aria-describedby="{field}-wrong"' in found.text
    assert f'id="{field}-wrong" role="alert"' in found.text
    assert all(value in found.text for value in query.values())
    assert rungs(found.text) == []


async def test_a_past_call_fills_the_form_for_who_may_see_it(site: Site) -> None:
    await published(site)

    def call(conn: Connection) -> str:
        contact = add_contact(conn, "Иван Петров", IVAN)
        card = add_card(conn, contact, manager="vera")
        return add_call(conn, contact=contact, card=card, manager="vera")

    id_ = await site.service.database.write(call)
    vera = await draft(site, to_vera)
    found = await site.get(f"/what-if?call={id_}&draft={vera}&language=en")
    assert f'value="{IVAN}"' in found.text
    assert 'value="2026-03-02T12:00"' in found.text
    assert len(rungs(found.text)) == 2, "beside what is in force, where nobody says otherwise"
    assert f'href="/calls/{id_}"' in found.text
    head = replace(SETUP.manager[0], role="head", team=None)
    site.setups.current = replace(
        site.setups.current, manager=(head, *site.setups.current.manager[1:])
    )
    await let_in(site, "anna")
    hers = await site.get(f"/what-if?call={id_}&language=en")
    assert hers.status == 200
    assert IVAN not in hers.text
    assert "not yours to see" in hers.text


async def test_a_past_call_of_a_name_is_no_hidden_number(site: Site) -> None:
    name: dict[str, Any] = {"caller_kind": "name", "caller_number": None, "caller_raw": "Ромашка"}
    id_ = await site.service.database.write(lambda conn: add_call(conn, **name))
    found = await site.get(f"/what-if?call={id_}&language=en")
    assert 'value="Ромашка"' in found.text
    assert not re.search(r'name="hidden" value="yes" checked', found.text)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nul_in_an_address_is_nothing(
    open_site: Open, service: Service, database: Database
) -> None:
    site = await open_site(replace(service, database=database))
    for path in (
        *("/what-if?call=%00", "/setup?draft=%00", "/setup/rules?draft=a%00"),
        *("/what-if/replay?draft=%00", "/what-if/replay/%00"),
    ):
        assert (await site.get(path)).status in (200, 303, 404), path
    for path in ("/what-if/replay/%00/cancel", "/what-if/replay"):
        sent, ours = {"days": "7", "draft": "a\x00"}, {"Origin": site.url}
        assert (await site.ask("POST", path, data=sent, headers=ours)).status in (404, 422), path


async def test_an_empty_form_asks_and_says_nothing_yet(site: Site) -> None:
    found = await site.get("/what-if?language=ru")
    assert rungs(found.text) == []
    assert "Проверить звонок" in found.text
    assert "Черновиков пока нет" in found.text
    assert 'role="alert"' not in found.text


async def test_nothing_is_written(database: Database) -> None:
    def asked(conn: Connection) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for rules in (setup, rules_of(conn, id_)[1]):
            decided = try_call(
                conn, rules, line=LINE, caller=IVAN, at=NOON, now=NOON, supposed={"anna": "off"}
            )
            found.append(tuple(one.ring for one in decided.why.steps))
        return found

    def known(conn: Connection) -> None:
        add_card(conn, add_contact(conn, "Иван Петров", IVAN), manager="anna")

    yesterday = NOON - timedelta(days=1)
    setup = await database.write(setups.publish, WHOLE, by="apply", now=yesterday)
    id_ = await database.write(tuning.new_draft, "Всё Вере", by="test", now=NOON)
    await database.write(tuning.edit, to_vera, seal=SEAL, by="test", now=NOON, draft=id_)
    await database.write(known)
    before = await database.read(rows_of)
    # In a write, where a write would be done: a read would only refuse it.
    assert await database.write(asked) == [
        ("responsible", "least_loaded", "least_loaded"),
        ("manager",),
    ]
    assert await database.read(rows_of) == before


async def test_a_head_hears_whom_it_rings_but_not_of_clients_of_others(site: Site) -> None:
    twins = "+79160000077"

    def clients(conn: Connection) -> None:
        add_card(conn, add_contact(conn, "Иван Свой", twins), manager="anna", number=601)
        other = add_contact(conn, "Пётр Чужой", twins, responsible="vera")
        add_card(conn, other, manager="vera", number=602)
        alone = add_contact(conn, "Тайный Клиент", IVAN, responsible="vera")
        add_card(conn, alone, manager="vera", number=603)

    await site.service.database.write(clients)
    everything = text((await tried(site)).text)
    assert "Card card #603" in everything
    assert "Вера Котова (card #603)" in everything
    assert "Пётр Чужой" in (await tried(site, caller=twins)).text
    head = replace(SETUP.manager[0], role="head", team=None)
    site.setups.current = replace(SETUP, manager=(head, *SETUP.manager[1:]))
    await let_in(site, "anna")
    said = text((await tried(site)).text)
    assert "Responsible Вера Котова (" in said, "whom it would ring is no secret"
    assert "603" not in said
    both = text((await tried(site, caller=twins)).text)
    assert "Иван Свой" in both
    assert "Пётр Чужой" not in both
    assert "602" not in both


async def test_it_promises_only_what_the_lines_own_pbx_can_do(site: Site) -> None:
    ladder = Ladder("all", (Step("all"), Step(say="Мы перезвоним")))
    line = replace(SETUP.line[0], ladder="all")
    setup = replace(SETUP, line=(line,), ladder=(ladder,))

    async def on(provider: str) -> str:
        account = replace(SETUP.account[0], provider=provider)
        site.setups.current = replace(setup, account=(account,))
        return text((await tried(site)).text)

    assert "Left out" not in await on("pbx")
    zadarma = await on("zadarma")
    assert "Left out ringing together: this PBX rings one phone at a time" in zadarma
    assert "Left out the message: this PBX cannot play it" in zadarma
    site.setups.current = SETUP
    whole = rungs((await tried(site)).text)
    account = replace(SETUP.account[0], provider="twilio", dial_inside="sip:{dial}@pbx.example")
    site.setups.current = replace(SETUP, account=(account,))
    assert rungs((await tried(site)).text) == whole, "it asks again after each step"
