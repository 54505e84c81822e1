"""Templates of the company's own: versions, which is in use when, and back to the shipped one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callrouter.domain.setup import Entity, Letter
from callrouter.flows.templates import SHIPPED, NoSuchTemplate, absent, back, keep, templates_of
from callrouter.forming.press import Template, shipped
from storage import tables, templates
from storage.database import Database
from storage.templates import TemplateVersion
from tests.examples import MONDAY_NOON, SETUP
from tests.office import Office

HOUR = timedelta(hours=1)


async def bring(
    database: Database, name: str, body: bytes, at: datetime = MONDAY_NOON
) -> TemplateVersion:
    stem, _, format_ = name.rpartition(".")
    return await database.write(keep, stem, format_, body, by="vera", now=at)


async def used(
    database: Database, language: str = "ru", at: datetime | None = None, fmt: str = "typ"
) -> Template:
    return await database.read(templates_of, "offer", fmt, language, at=at)  # type: ignore[arg-type]


async def test_nobody_brought_any_so_the_shipped_one_is_used(database: Database) -> None:
    assert await used(database) == shipped("offer", "typ", "ru")
    assert (await used(database, fmt="pdf")).format == "typ"


async def test_the_newest_is_used_and_each_is_kept(database: Database) -> None:
    await bring(database, "offer.typ", b"one")
    await bring(database, "offer.typ", b"two", MONDAY_NOON + HOUR)
    assert (await used(database)).body == b"two"
    found = await database.read(templates.versions, "offer", "typ")
    assert found == (
        TemplateVersion("offer", "typ", 2, 3, "vera", MONDAY_NOON + HOUR, None),
        TemplateVersion("offer", "typ", 1, 3, "vera", MONDAY_NOON, MONDAY_NOON + HOUR),
    )
    assert await database.read(templates.current) == found[:1]


async def test_any_past_moment_has_its_template(database: Database) -> None:
    await bring(database, "offer.typ", b"one")
    await bring(database, "offer.typ", b"two", MONDAY_NOON + HOUR)
    moments = [MONDAY_NOON - HOUR, MONDAY_NOON, MONDAY_NOON + HOUR]
    bodies = [(await used(database, at=one)).body for one in moments]
    assert bodies == [shipped("offer", "typ", "ru").body, b"one", b"two"]


async def test_one_of_a_language_is_used_for_that_alone(database: Database) -> None:
    await bring(database, "offer.typ", b"any")
    await bring(database, "offer.en.typ", b"English")
    assert (await used(database)).body == b"any"
    assert (await used(database, "en")).body == b"English"


async def test_the_same_again_is_no_version(database: Database) -> None:
    first = await bring(database, "offer.typ", b"one")
    assert await bring(database, "offer.typ", b"one", MONDAY_NOON + HOUR) == first


async def test_a_letter_is_its_html_and_its_text(database: Database) -> None:
    await bring(database, "news.html", b"<p>")
    template = await database.read(templates_of, "news", "html", "ru")
    assert (template.body, template.text) == (b"<p>", b"")
    await bring(database, "news.txt", b"plain")
    template = await database.read(templates_of, "news", "html", "ru")
    assert (template.body, template.text) == (b"<p>", b"plain")


async def test_an_earlier_version_is_used_again_as_the_newest(database: Database) -> None:
    for body in (b"one", b"two"):
        await bring(database, "offer.typ", body)
    kept = await database.write(back, "offer", "typ", 1, by="vera", now=MONDAY_NOON)
    assert (kept and kept.version, (await used(database)).body) == (3, b"one")
    with pytest.raises(NoSuchTemplate):
        await database.write(back, "offer", "typ", 9, by="vera", now=MONDAY_NOON)


async def test_the_way_back_to_the_shipped_one(database: Database) -> None:
    await bring(database, "offer.typ", b"one")
    now = MONDAY_NOON + HOUR
    assert await database.write(back, "offer", "typ", SHIPPED, by="vera", now=now) is None
    assert await used(database) == shipped("offer", "typ", "ru")
    assert (await bring(database, "offer.typ", b"one", now + HOUR)).version == 2


async def test_who_changed_a_template_is_told(database: Database) -> None:
    await bring(database, "offer.typ", b"one")
    await bring(database, "offer.typ", b"one")
    await database.write(back, "offer", "typ", SHIPPED, by="boris", now=MONDAY_NOON)
    rows = await Office(database).rows(tables.business_event)
    assert sorted((row.kind, row.actor, json.loads(row.data)["version"]) for row in rows) == [
        ("template_used", "boris", 0),
        ("template_used", "vera", 1),
    ]


async def test_what_a_setup_names_and_nobody_brought_is_warned_of(database: Database) -> None:
    setup = replace(
        SETUP,
        letter=(Letter("spring", template="spring"),),
        entity=(Entity("romashka", "ООО «Ромашка»", logo="sign"),),
    )
    told = await database.read(lambda conn: [one.key for one in absent(conn, setup)])
    assert told == ["letter[spring].template", "entity[romashka].logo"]
    await bring(database, "spring.html", b"<p>")
    await bring(database, "sign.png", b"picture")
    assert await database.read(lambda conn: list(absent(conn, setup))) == []
