"""`callrouter demo`: a sample company in a folder of its own, and a fake PBX that calls it."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from callrouter import demo_desk, fakepbx
from callrouter.app import CannotServe, create_app, hear_signals, hold_locks, serving, utc_now
from callrouter.fakepbx import Account, Callers, FakePbx, Habits, Person
from callrouter.fakepbx.orders import PATH, order_desk
from callrouter.fakepbx.sounds import shelf
from callrouter.flows.visits import new_link
from callrouter.outside.sink import Sink
from callrouter.sample import (
    BLOCKED,
    SERVICE,
    SHOP,
    SITE,
    SampleProduct,
    sample_contacts,
    sample_products,
    sample_setup,
)
from callrouter.settings import Settings
from storage import contacts, products, setups
from storage.ids import new_id
from storage.products import Product

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.seal import Seal
    from callrouter.service import Service

FOLDER = Path("var/demo")


async def demo(host: str, port: int, say: Callable[[str], None], *, quiet: bool = False) -> None:
    """Serve the sample company until told to stop. `quiet`: nobody calls by himself.

    Raises CannotServe.
    """
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise CannotServe("The demo serves this machine only: --host 127.0.0.1")
    mail = Sink(FOLDER / "mail")
    settings = Settings(data_dir=FOLDER, public_url=f"http://{host}:{port}", smtp_url=mail.url)
    calling: list[FakePbx] = []
    opened: dict[str, str] = {}  # the accounts' secrets

    async def dial(kind: str, caller: str, line: str) -> str:
        return calling[0].call(kind=kind, caller=caller or None, line=line or None)  # type: ignore[arg-type]

    with hold_locks(settings):
        server = create_app(settings, demo=True, dial=dial, mail=mail)
        async with (
            mail.listening(),
            serving(server, host, port, progress=say) as bound,
            shelf(lambda: calling[0].truth, utc_now) as sounds,
            order_desk(lambda: calling[0], opened.get) as orders,
        ):
            service = server.service
            await service.database.write(fill, service.seal, now=utc_now())
            setup = await service.database.write(let_reach, sounds, orders, now=utc_now())
            link = await service.database.write(new_link, now=utc_now())
            opened |= {one.key: _secret(one.secrets[0], service.seal) for one in setup.account}
            await _until_in_use(service, setup)
            pbx = _pbx(setup, sounds, quiet=quiet)
            calling.append(pbx)
            _greet(say, f"http://{host}:{bound}", link)
            stop = asyncio.Event()
            async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
                tasks.create_task(
                    fakepbx.play_http(
                        pbx, f"http://{host}:{bound}", opened, stop=stop, session=session
                    )
                )
                if not quiet:
                    tasks.create_task(demo_desk.work(service, stop, random.Random()))  # noqa: S311
                await hear_signals().wait()
                stop.set()
            say("Stopped. The company's data stay where they are.")


def fill(conn: Connection, seal: Seal, *, now: datetime) -> Setup:
    """Put the sample company into an empty base; one that is there stays as it is."""
    if version := setups.current_version(conn):
        return setups.load(conn, version)
    sample = sample_setup(lambda _account: seal.close(secrets.token_urlsafe(24)), today=now.date())
    for person in sample_contacts():
        contacts.add(
            conn,
            contacts.Person(
                name=person.name,
                phones=person.phones,
                kind=person.kind,
                relation=person.relation,
                responsible=person.responsible,
                tags=person.tags,
                email=person.email,
            ),
            now=now,
        )
    products.put(conn, [_product(one, now) for one in sample_products()], now=now)
    return setups.publish(conn, sample, by="apply", now=now)


def _product(one: SampleProduct, now: datetime) -> Product:
    return Product(
        id=new_id(now),
        article=one.article,
        name=one.name,
        unit=one.unit,
        price=one.price,
        vat="",
        group=None,
    )


def let_reach(conn: Connection, sounds: str, orders: str, *, now: datetime) -> Setup:
    """Let the fake PBX be reached where it has its recordings and takes its orders this time."""
    setup = setups.load(conn, setups.current_version(conn))
    accounts = tuple(
        replace(
            one,
            recording_hosts=(sounds, orders),
            call_url=f"http://{orders}{PATH}{one.key}",
            allow_private=True,
        )
        for one in setup.account
    )
    if accounts == setup.account:
        return setup
    return setups.publish(conn, replace(setup, account=accounts), by="apply", now=now)


def _secret(sealed: str, seal: Seal) -> str:
    return seal.open(sealed)


async def _until_in_use(service: Service, setup: Setup) -> None:
    """The server looks for a new version every second; the PBX must not call before it has it."""
    while service.setups.current.version != setup.version:  # noqa: ASYNC110  it polls as well
        await asyncio.sleep(0.05)


def _pbx(setup: Setup, sounds: str, *, quiet: bool) -> FakePbx:
    known = tuple(p.phones[0] for p in sample_contacts() if "vip" not in p.tags)
    vip = tuple(p.phones[0] for p in sample_contacts() if "vip" in p.tags)
    away = {one.manager for one in setup.absence}
    people = [Person(one.name, one.all_dials) for one in setup.active if one.key not in away]
    habits = fakepbx.ON_REQUEST if quiet else Habits(gap_s=(10, 26), dials_s=(60, 200))
    return FakePbx(
        seed=secrets.randbelow(2**32),
        accounts=[
            Account("main", (SITE, SHOP), rings=("101",), recordings=f"http://{sounds}/"),
            Account("bare", (SERVICE,), forgetful=True, rings=("105",)),
        ],
        people=people,
        callers=Callers(known=known, vip=vip, blocked=(BLOCKED,)),
        habits=habits,
        closed_line=SERVICE,
        scenes=() if quiet else fakepbx.first_minutes(known, SITE),
    )


def _greet(say: Callable[[str], None], address: str, link: str) -> None:
    say(
        f"""
callrouter demo: the sample company «Ромашка», 8 managers, 3 lines; a PBX without telephones calls.

  Open        {address}/enter/{link}
              (the link opens once; `callrouter link --demo` prints another)
  Try         «Позвонить самому» on that page: watch the plan and why
  Mail        {address}/demo/mail    the letters that it sends; they go nowhere
  Why         .venv/bin/callrouter why --demo last
  Data        {FOLDER.absolute()}  (delete it to begin anew)
  Next        .venv/bin/callrouter init    sets up your own company in a minute
  Stop        Ctrl+C
"""
    )
