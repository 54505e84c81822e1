"""The list of what a server still needs, on `/health`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pytest
from sqlalchemy import Connection

from callrouter.domain import readiness as domain
from callrouter.domain.readiness import Code, ready
from callrouter.service import Service
from callrouter.settings import Settings
from callrouter.wording import LANGUAGES, speak
from callrouter.wording.people import Voice
from callrouter.wording.readiness import CONFIRM, LINKS, MEANS, SAID, TITLES, say
from storage import audit, backup_log, journal, ticks, users
from storage.ids import new_id
from storage.journal import Raw, Refused
from storage.users import User
from tests.api.rows import LINE, NOON, SETUP, add_call, add_leg
from tests.domain.test_readiness import CASES, WHOLE
from tests.examples import event
from tests.pages.conftest import HandClock, Open, Site
from tests.pages.test_acting import post
from tests.pages.test_connect import said_in

RESORT = f"{LINE} +74950000000"


async def shown(site: Site, language: str = "en") -> str:
    found = await site.get(f"/health?language={language}")
    assert found.status == 200
    return said_in(found.text.partition('id="ready"')[2])


def all_items() -> Iterator[domain.Item]:
    for _, facts, _, _ in CASES:
        yield from ready(facts)
    yield from ready(WHOLE)


def test_every_item_is_said_in_both_languages() -> None:
    codes = set(get_args(Code))
    assert set(TITLES) == set(MEANS) == codes
    assert set(CONFIRM) == domain.TICKABLE
    assert set(LINKS) <= codes
    met = {(one.code, one.said) for one in all_items()}
    assert met <= set(SAID)
    # Each sentence belongs to an item that there may be; those that a person confirmed are below.
    assert set(SAID) - met <= {(code, "ticked") for code in domain.TICKABLE}
    for language in LANGUAGES:
        voice = Voice(speak(language), SETUP)
        assert all(say(one, voice, {}).says for one in all_items())


async def test_what_is_to_be_done_leads_to_where_it_is_done(site: Site) -> None:
    text = await shown(site)
    assert "Events of the PBX: main Nothing has come yet." in text
    assert "On duty: Вера Котова." in text  # among what is ready
    found = (await site.get("/health?language=en")).text
    assert 'href="/connect/main"' in found
    assert "Ready for work" in found
    assert "Готовность к работе" in await shown(site, "ru") or "сделать" in await shown(site, "ru")


def talk_at_the_last_resort(conn: Connection) -> None:
    add_leg(conn, add_call(conn), manager=None, planned=True, answered_at=NOON)


async def test_what_the_base_knows_is_counted(site: Site) -> None:
    write = site.service.database.write
    heard = event("ringing", "c1", NOON)
    await write(journal.remember, [(heard, None, Raw(b"{}", ""))])
    await write(talk_at_the_last_resort)
    await write(backup_log.add, "/x/a.tar", at=NOON, size=1, digest="0" * 64)
    await write(backup_log.tried, "/x/a.tar", "it is torn", now=NOON)
    await write(ticks.keep_mail_check, works=True, bad=0, mend=2, now=NOON)
    for n in range(2):
        admin = User(new_id(NOON), f"a{n}@example.com", "A", None, "admin", NOON, "page:admin", "x")
        await write(users.add, admin)
    text = await shown(site)
    assert "Events of the PBX: main The last one came on 02.03.2026 12:00." in text
    assert "+7 495 000-00-00: on 02.03.2026 12:00 somebody talked there." in text.replace(
        "\xa0", " "
    )
    assert "On 02.03.2026 12:00 it could not be restored." in text
    assert "There are 2." in text


async def test_a_hook_refused_since_is_broken(site: Site) -> None:
    one = Refused("main", "pbx", NOON, "no Authorization header", "10.0.0.9")
    await site.service.database.write(journal.refuse, one)
    said = await shown(site)
    assert "broken Events of the PBX: main On 02.03.2026 12:00 one was not let in: " in said


async def test_a_person_confirms_by_name_and_day_and_takes_it_back(site: Site) -> None:
    read = site.service.database.read
    assert "in 90 days nobody has talked there" in await shown(site)
    said = {"code": "last_resort", "subject": RESORT}
    done = await post(site, "/health/ready", **said)
    assert (done.status, done.headers["Location"]) == (303, "/health?all=1#ready")
    text = await shown(site)
    assert "somebody picks up. Confirmed: Administrator, by a one-time link, 02.03.2026" in text
    (line,) = await read(audit.lines, limit=1)
    assert (line.action, line.object, line.data) == (
        "ticked",
        "ready:last_resort",
        {"what": RESORT},
    )
    await post(site, "/health/not-ready", **said)
    assert "in 90 days nobody has talked there" in await shown(site)
    assert (await read(audit.lines, limit=1))[0].action == "unticked"


@pytest.mark.parametrize(
    ("code", "subject"),
    [
        ("last_resort", "+74951230001 +79990000000"),
        ("backup", ""),
        ("nonsense", "x" * 5000),
        ("", ""),
    ],
)
async def test_nothing_else_can_be_confirmed(site: Site, code: str, subject: str) -> None:
    done = await post(site, "/health/ready", code=code, subject=subject)
    assert done.headers["Location"] == "/health?refused=1#ready"
    assert await site.service.database.read(ticks.everything) == {}
    assert "Nothing was confirmed" in await shown_at(site, "/health?refused=1&language=en")


async def shown_at(site: Site, path: str) -> str:
    return said_in((await site.get(path)).text)


async def test_the_setup_that_changed_asks_anew(site: Site, clock: HandClock) -> None:
    await post(site, "/health/ready", code="last_resort", subject=RESORT)
    line = replace(SETUP.line[0], last_resort="+74950000009")
    site.setups.current = replace(SETUP, line=(line,))
    assert "000-00-09: in 90 days nobody" in (await shown(site)).replace("\xa0", " ")
    clock.now = NOON.replace(month=11)
    await site.let_in()
    assert "Those of 2027 are decided in these months" in await shown(site)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8080", "it opens on this machine only"),
        ("http://calls.example", "without https"),
        ("https://calls.example", "nothing has come by it yet"),
    ],
)
async def test_the_address_is_judged(
    open_site: Open, service: Service, url: str, said: str
) -> None:
    site = await open_site(replace(service, settings=Settings(public_url=url)))
    cookie = site.cookie
    site.cookie = f"{cookie}; __Host-{cookie}"
    assert said in await shown(site)


async def test_the_demo_says_that_it_is_one(demo: Site) -> None:
    text = await shown(demo)
    assert "This is the sample company." in text
    assert "Backup" not in text
