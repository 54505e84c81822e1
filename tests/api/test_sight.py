"""Every operation and page that names one thing: for each role with its own, another's, nobody's.

What is another's is as if it were not there, whatever is asked of it. The table of nouns is
`callrouter.flows.seeing.NOUNS`: an address whose `{…}` is neither of those nor listed here fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import Connection, insert

from callrouter.api import add_api
from callrouter.api.attach import OPERATIONS
from callrouter.domain.rights import RIGHTS, Right
from callrouter.domain.setup import Manager, Role, Team
from callrouter.flows.seeing import NOUNS, noun_of
from callrouter.flows.tokens import add_token
from callrouter.flows.visits import enter, new_link
from callrouter.pages import DOORS, add_pages
from callrouter.service import Service
from storage import tables
from storage.ids import new_id
from storage.sight import Noun
from tests.api.conftest import Setups, Start
from tests.api.rows import (
    NOON,
    SETUP,
    add_call,
    add_card,
    add_contact,
    add_document,
    add_leg,
    add_obligation,
)

Whose = Literal["own", "others", "nobodys"]

# Addresses that name something, of which nothing is any manager's.
NOBODYS: Final = {
    "/accounts/{key}": "accounts are the company's",
    "/blocks/{id}": "blocked numbers are the company's",
    "/connect/{account}": "accounts are the company's",
    "/demo/mail/{id}": "the demo's own",
    "/drafts/{id}": "the setup is the company's",
    "/enter/{token}": "its token opens it",
    "/health/jobs/{id}": "jobs are the company's",
    "/hooks/aside/{id}": "hooks are for who operates the server",
    "/import-files/": "imports are for who has the right `import`",
    "/imports/": "imports are for who has the right `import`",
    "/import/": "imports are for who has the right `import`",
    "/invite/{token}": "its token opens it",
    "/letters/stop/{ticket}": "its ticket opens it",
    "/managers/{key}": "what may be done with colleagues: tests below",
    "/jobs/{id}": "jobs are the company's",
    "/journal/aside/{id}": "hooks are for who operates the server",
    "/pop/{token}": "its token opens it",
    "/replays/{id}": "counts by rule and manager, for who has the right `see_setup`",
    "/setup/": "the setup is the company's",
    "/static/{name}": "files of ours",
    "/templates/{name}": "templates are the company's",
    "/users/{id}": "for who has the right `users`",
    "/what-if/replay/{id}": "as /replays/{id}; a call is a link for who sees it",
}

ROLES: Final[dict[Role, str]] = {
    "manager": "anna",
    "head": "vera",
    "admin": "rita",
    "auditor": "ada",
}

SEEN: Final[dict[Role, frozenset[Whose]]] = {
    "manager": frozenset({"own", "nobodys"}),
    "head": frozenset({"own", "nobodys"}),  # the manager's: she is in her team
    "admin": frozenset(get_args(Whose)),
    "auditor": frozenset(get_args(Whose)),
}

# Each asks for what tells him from the others; who sees everything need not be asked thrice.
ASKED: Final[dict[Role, tuple[Whose, ...]]] = {
    "manager": ("others", "own", "nobodys"),
    "head": ("others", "own"),
    "admin": ("others", "nobodys"),
    "auditor": ("others",),
}

TWO_TEAMS = replace(
    SETUP,
    team=(Team("sales", "Продажи", head="vera"), Team("support", "Сервис")),
    manager=(
        Manager("ada", "Ада Судья", role="auditor"),
        Manager("anna", "Анна Смирнова", "101", team="sales"),
        Manager("boris", "Борис Ким", "102", team="support"),
        Manager("rita", "Рита Главная", role="admin"),
        Manager("vera", "Вера Котова", "103", team="sales", role="head"),
    ),
)


@dataclass(frozen=True)
class World:
    """Ids by noun and by whose it is; tokens and cookies by role."""

    things: dict[tuple[Noun, Whose], str]
    tokens: dict[Role, str]
    cookies: dict[Role, str]


def make_world(conn: Connection, service: Service) -> World:
    things: dict[tuple[Noun, Whose], str] = {}
    owners: dict[Whose, str | None] = {"own": "anna", "others": "boris", "nobodys": None}
    for n, (whose, owner) in enumerate(owners.items()):
        phone = f"+7916000000{n}"
        contact = add_contact(conn, "Иван", phone, responsible=owner)
        card = add_card(conn, contact, manager=owner)
        call = add_call(conn, contact=contact, card=card, manager=owner, caller_number=phone)
        if owner:
            add_leg(conn, call, manager=owner, answered_at=NOON.replace(month=1), ring_from=None)
        made: dict[Noun, str] = {
            "contact": contact,
            "card": card,
            "call": call,
            "document": add_document(conn, card),
            "letter": _add(conn, tables.letter, **_letter(card, n)),
            "note": _add(conn, tables.note, card=card, by=owner or "vera", text="…", at=NOON),
            "attachment": _add(conn, tables.attachment, **_file(card)),
            "task": _add(conn, tables.task, **_task(card, owner)),
            "merge": _add(conn, tables.merge, **_join(contact)),
        }
        if owner:
            made["obligation"] = add_obligation(conn, phone, owner=owner, card=card, call=call)
        things |= {(noun, whose): id_ for noun, id_ in made.items()}
    tokens, cookies = {}, {}
    name = f"callrouter_{service.seal.fingerprint[:8]}"
    for role, manager in ROLES.items():
        tokens[role] = add_token(conn, manager, role, now=NOON, manager=manager)
        link = new_link(conn, now=NOON, role=role, manager=manager)
        cookies[role] = f"{name}={enter(conn, link, now=NOON)}"
    return World(things, tokens, cookies)


def _add(conn: Connection, table: Any, **row: Any) -> str:
    id_ = new_id(NOON)
    conn.execute(insert(table).values(id=id_, **row))
    return id_


def _letter(card: str, n: int) -> dict[str, Any]:
    moments = {"asked_at": NOON, "changed_at": NOON}
    what = {"key": "offer", "n": 1, "kind": "offer", "state": "approval", "message_id": f"m{n}"}
    return {"card": card, "by": "vera", **what, **moments}


def _file(card: str) -> dict[str, Any]:
    what = {"name": "a.pdf", "file": "x", "size": 1, "type": "application/pdf", "digest": ""}
    return {"card": card, "by": "vera", "at": NOON, **what}


def _join(contact: str) -> dict[str, Any]:
    """One that was undone already: there is nothing more to do."""
    return {"kept": contact, "gone": contact, "by": "vera", "at": NOON, "undone_at": NOON}


def _task(card: str, owner: str | None) -> dict[str, Any]:
    what = {"kind": "task", "author": "vera", "text": "…", "created_at": NOON}
    return {"card": card, "owner": owner or "boris", **what}


@dataclass(frozen=True)
class Way:
    """One method of one address."""

    method: str
    path: str
    right: Right | Literal["open", "in"]
    is_page: bool

    @property
    def noun(self) -> Noun | None:
        return noun_of(self.path)

    def __str__(self) -> str:
        return f"{'page' if self.is_page else 'API'} {self.method} {self.path}"


def operations() -> Iterator[Way]:
    for one in OPERATIONS:
        yield Way(one.method, one.path, one.right, is_page=False)


def pages(app: web.Application) -> Iterator[Way]:
    for route in app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if route.method != "HEAD" and not path.startswith("/api/"):
            right = app[DOORS].rights.get(route.handler, "open")
            yield Way(route.method, path, right, is_page=True)


@pytest.fixture
def setups() -> Setups:
    return Setups(TWO_TEAMS)


@pytest.fixture
def app(service: Service) -> web.Application:
    app = web.Application()
    add_api(app, service)
    add_pages(app, service, find=lambda _name, _account: None)
    return app


def test_every_address_says_of_whose_thing_it_is(app: web.Application) -> None:
    unknown = [
        str(way)
        for way in (*operations(), *pages(app))
        if "{" in way.path and not way.noun and not way.path.startswith(tuple(NOBODYS))
    ]
    assert not unknown, "whose are these? A noun of NOUNS, or a line of NOBODYS"


def test_every_noun_is_somebodys() -> None:
    assert set(NOUNS.values()) == set(get_args(Noun))


@pytest.mark.parametrize("role", ROLES)
async def test_one_gets_at_what_one_sees_and_may(
    app: web.Application, service: Service, start: Start, session: ClientSession, role: Role
) -> None:
    world = await service.database.write(make_world, service)
    url, wrong = await start(app), []
    for way in (*operations(), *pages(app)):
        if way.noun is None or way.right in ("open", "in"):
            continue
        whoses = [whose for whose in ASKED[role] if (way.noun, whose) in world.things]
        for whose in whoses:
            id_ = world.things[way.noun, whose]
            status, says = await _ask(session, url, way, id_, world, role)
            if not _is_right(status, says, way, role, sees=whose in SEEN[role]):
                wrong.append(f"{way}, {whose}: {status} {says[:80]}")
    assert not wrong, "\n".join(wrong)


def _is_right(status: int, says: str, way: Way, role: Role, *, sees: bool) -> bool:
    if way.right not in RIGHTS[role]:
        return status == 403
    if not sees:
        return status == 404
    if status == 404:  # something of it, which this one has not
        return way.path.count("{") > 1 or f"no such {way.noun}." not in says
    return status not in (401, 403) and status < 500


async def _ask(
    session: ClientSession, url: str, way: Way, id_: str, world: World, role: Role
) -> tuple[int, str]:
    path = re.sub(r"{id(:[^}]*)?}", id_, way.path)
    path = re.sub(r"{[^}]*}", "1", path)
    given: dict[str, Any] = {}
    if way.is_page:
        headers = {"Cookie": world.cookies[role], "Sec-Fetch-Site": "same-origin"}
        given["data"] = {} if way.method == "POST" else None
    else:
        path = f"/api/v1{path}"
        headers = {"Authorization": f"Bearer {world.tokens[role]}"}
        given["json"] = None if way.method == "GET" else {"nothing": "of this name"}
    asked = session.request(
        way.method, f"{url}{path}", headers=headers, allow_redirects=False, **given
    )
    async with asked as answer:
        return answer.status, (await answer.read()).decode(errors="replace")
