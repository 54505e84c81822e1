"""The screen pop: its token says which call; who is in has to be one who may see it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from callrouter.domain.rights import LATELY_RUNG
from callrouter.flows.tasks import add_task
from callrouter.seal import Seal
from callrouter.service import POP_LIFE
from storage import notes, tables, users
from storage.listing import Viewer, calls_now
from storage.notes import Note
from tests.api.rows import NOON, add_call, add_contact, add_told
from tests.pages.coming_in import let_in
from tests.pages.conftest import Site
from tests.pages.rows import a_call, a_decision, a_ringing_call

OWN = {"Sec-Fetch-Site": "same-origin"}


def ticket(site: Site, call: str) -> str:
    return site.service.seal.ticket(call, site.clock())


async def test_it_says_who_calls_and_why(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    seen = await site.get(f"/pop/{ticket(site, call)}")
    assert seen.status == 200
    for text in (
        "<h1>Иван Петров</h1>",
        "+7 916 123-45-67",
        "сделка №\u00a0318",
        "Новая",
        "Звоним: Анна Смирнова — ответственный",
        "2. Наименее загруженный",
        "Это первый звонок.",
    ):
        assert text in seen.text, text


async def test_it_shows_the_contacts_last_calls(site: Site) -> None:
    write = site.service.database.write
    call = await write(a_ringing_call)
    (view,) = await site.service.database.read(calls_now, Viewer("admin"))
    for days in range(1, 13):
        await write(a_call, at=NOON - timedelta(days=days), state="missed", contact=view.contact)
    page = (await site.get(f"/pop/{ticket(site, call)}")).text
    assert page.count("Пропущен") == 10
    assert "01.03 12:00" in page


async def test_it_names_everybody_who_has_the_number(site: Site) -> None:
    def write(conn: Connection) -> str:
        add_contact(conn, "Иван Петров", "+79161234567", responsible="anna")
        other = add_contact(conn, "Ольга Петрова", "+79161234567")
        call = add_call(conn, state="ringing", contact=other)
        add_told(conn, call)
        return call

    call = await site.service.database.write(write)
    page = (await site.get(f"/pop/{ticket(site, call)}")).text
    part = page[page.index("На этом номере") :]
    first, second = part.index("<b>Иван Петров</b>"), part.index('class="here"><b>Ольга Петрова')
    assert first < part.index("есть свой менеджер") < second
    assert "<form" not in page[page.index("<main") :]
    alone = await site.service.database.write(a_ringing_call, caller_number="+79160000000")
    page = (await site.get(f"/pop/{ticket(site, alone)}")).text
    assert "На этом номере" not in page


@pytest.mark.parametrize(
    ("age", "status"),
    [
        pytest.param(POP_LIFE - timedelta(seconds=1), 200, id="in time"),
        pytest.param(POP_LIFE + timedelta(seconds=1), 410, id="too late"),
    ],
)
async def test_it_lives_two_hours(site: Site, age: timedelta, status: int) -> None:
    call = await site.service.database.write(a_ringing_call)
    token = ticket(site, call)
    site.clock.now = NOON + age
    seen = await site.get(f"/pop/{token}")
    assert seen.status == status
    assert ("Иван Петров" in seen.text) is (status == 200)


async def test_a_forged_token_opens_nothing(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    good = ticket(site, call)
    others = Seal("another secret key").ticket(call, NOON)
    middle = len(good) // 2
    changed = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    for token in (others, changed, good[:-4], call, "x", "%00", "ж"):
        seen = await site.get(f"/pop/{token}")
        assert seen.status == 403, token
        assert "Иван Петров" not in seen.text


async def test_who_is_not_in_is_led_to_signing_in_and_back(site: Site) -> None:
    """Not by the token alone, as once: it stands in the PBX's and the browser's history."""
    call = await site.service.database.write(a_ringing_call)
    path = f"/pop/{ticket(site, call)}"
    seen = await site.get(path, visitor=False, headers={"Accept": "text/html"})
    assert seen.status == 303
    assert seen.headers["Location"].startswith("/sign-in?next=/pop/")
    assert "Иван Петров" not in seen.text


async def test_only_who_may_see_the_call_sees_it(site: Site) -> None:
    """Anna is rung, then Vera answers; Boris has nothing to do with it."""

    def answered_by_vera(conn: Connection) -> None:
        conn.execute(update(tables.call).values(manager="vera", state="answered"))

    call = await site.service.database.write(a_ringing_call)
    path = f"/pop/{ticket(site, call)}"
    seen = {}
    for who in ("anna", "boris"):
        await let_in(site, who)
        seen[who] = (await site.get(path)).status
    assert seen == {"anna": 200, "boris": 404}
    await site.service.database.write(answered_by_vera)
    site.clock.now = NOON + LATELY_RUNG + timedelta(seconds=1)
    path = f"/pop/{ticket(site, call)}"
    await let_in(site, "vera")
    assert (await site.get(path)).status == 200
    await let_in(site, "boris")
    assert (await site.get(path)).status == 404


async def test_it_brings_what_is_to_be_done_and_what_was_noted(site: Site) -> None:
    def write(conn: Connection) -> str:
        call = a_ringing_call(conn, caller_number="+74232000000")
        row = conn.execute(select(tables.call.c.card, tables.call.c.contact)).one()
        add_task(
            conn, kind="task", owner="anna", by="manager:anna", text="Прислать образцы",
            due_at=NOON - timedelta(days=1), card=row.card, now=NOON,
        )  # fmt: skip
        note = Note("n1", row.card, "manager:anna", "Просит <b>скидку</b>", NOON)
        notes.add(conn, note)
        talked: dict[str, Any] = {
            "manager": "anna",
            "answered_at": NOON,
            "duration_s": 134.0,
            "outcome": "deal",
        }
        add_call(conn, at=NOON - timedelta(days=2), contact=row.contact, **talked)
        return call

    call = await site.service.database.write(write)
    await let_in(site, "anna")
    page = (await site.get(f"/pop/{ticket(site, call)}")).text
    for text in (
        '<li class="late">01.03 · Прислать образцы</li>',
        "<p>Просит &lt;b&gt;скидку&lt;/b&gt;</p>",
        "28.02 · Анна Смирнова · 2 мин 14 с · Сделка",
        "19:00 (+7 ч)",
    ):
        assert text in page, text
    assert re.search(r'<a class="primary" href="/cards/\w+">Открыть сделку</a>', page)


async def test_after_the_talk_it_is_to_be_written_up(site: Site) -> None:
    def write(conn: Connection) -> str:
        return add_call(conn, manager="anna", answered_at=NOON)

    call = await site.service.database.write(write)
    for who, offered in (("anna", True), ("vera", False)):
        await let_in(site, who, role="admin" if who == "vera" else "manager")
        page = (await site.get(f"/pop/{ticket(site, call)}")).text
        assert (f'href="/calls/{call}/write-up"' in page) is offered


@pytest.mark.parametrize("said", ["ring", "answer", "never", ""])
async def test_everybody_says_when_his_screen_pops(site: Site, said: str) -> None:
    user = await let_in(site, "anna", user=True)
    sent = await site.ask("POST", "/me/pop", data={"pop_at": said}, headers=OWN)
    assert (sent.status, sent.headers["Location"]) == (303, "/me?kept=pop")
    kept = await site.service.database.read(users.prefs, user)
    assert kept.get("pop_at", "") == said
    assert re.search(rf'<option value="{said}" selected>', (await site.get("/me")).text)


async def test_what_nobody_offered_is_refused(site: Site) -> None:
    user = await let_in(site, "anna", user=True)
    for form in ({"pop_at": "always"}, {"pop_at": "RING"}):
        assert (await site.ask("POST", "/me/pop", data=form, headers=OWN)).status == 400
    assert await site.service.database.read(users.prefs, user) == {}
    await let_in(site, "anna")  # by a link: there is nowhere to keep it
    assert (await site.ask("POST", "/me/pop", data={"pop_at": "ring"}, headers=OWN)).status == 400


async def test_a_call_that_has_gone(site: Site) -> None:
    assert (await site.get(f"/pop/{ticket(site, '01JGONE')}")).status == 404


async def test_a_stranger_without_a_contact(site: Site) -> None:
    call = await site.service.database.write(a_call, caller_kind="withheld", caller_number=None)
    await site.service.database.write(a_decision, call)
    page = (await site.get(f"/pop/{ticket(site, call)}")).text
    assert "<h1>Номер скрыт</h1>" in page
    assert "У этого звонка нет сделки." in page
