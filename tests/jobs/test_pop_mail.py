"""Whoever is rung gets the link to who calls by mail, where the setup says so."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from callrouter.domain.setup import Setup, Step, Workplace
from callrouter.service import POP_LIFE
from storage import tables
from storage.database import Database
from tests.examples import MONDAY_NOON, event, with_ladder
from tests.jobs.telling import MAILING, PUBLIC, SEAL, Herald
from tests.smtp import listening


def mailed(setup: Setup = MAILING) -> Setup:
    """Anna and Boris are rung one after the other; only Anna has an address."""
    anna, *others = setup.manager
    own = replace(setup, manager=(replace(anna, email="anna@romashka.example"), *others))
    steps = [Step(ring="manager", managers=(one,)) for one in ("anna", "boris")]
    return with_ladder(*steps, setup=replace(own, workplace=Workplace(pop_mail=True)))


async def test_who_is_rung_gets_the_link_and_nobody_else(sqlite_database: Database) -> None:
    async with listening() as sink:
        herald = await Herald(sqlite_database, ("pop_mail",), mailed(), sink).open()
        await herald.office.take(event("ringing"))
        await herald.work()
        await herald.office.take(event("leg_ringing", "c1", MONDAY_NOON, target="101"))
        await herald.work(seconds=21)
        (letter,) = sink.taken
        assert letter.to == "anna@romashka.example"
        text = letter.message.get_content()
        assert letter.message["Subject"] == "Вам звонит: +7 916 123-45-67"
        assert "Линия: +7 495 123-00-01" in text
        assert "только у вас" not in text
        assert "может каждый, кто вошёл и кому виден этот звонок" in text
        found = re.search(rf"{PUBLIC}/pop/(\S+)", text)
        assert found
        call = (await herald.office.only(tables.call)).id
        assert SEAL.read_ticket(found[1], herald.now, POP_LIFE) == call
        herald.close()


async def test_a_ring_that_is_over_and_a_setup_without_it_mail_nothing(
    sqlite_database: Database,
) -> None:
    async with listening() as sink:
        herald = await Herald(sqlite_database, ("pop_mail",), mailed(), sink).open()
        await herald.office.take(event("ringing"))
        ended = MONDAY_NOON + timedelta(seconds=1)
        await herald.office.take(event("ended", "c1", ended))
        await herald.work(seconds=2)
        await herald.use(replace(herald.setup, workplace=Workplace()))
        await herald.office.take(event("ringing", "c2", herald.now))
        await herald.work(seconds=1)
        assert sink.taken == []
        assert await herald.waiting() == []
        herald.close()
