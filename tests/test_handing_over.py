"""`callrouter handover` at a terminal: what it shows, asks, gives and takes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Connection, insert, select

from callrouter import terminal
from callrouter.flows.handover import AT_ONCE
from callrouter.terminal import now
from storage import tables
from storage.ids import new_id
from tests.commands import alone_in, done, run

SETUP = """\
[company]
name = "Ромашка"
duty = "vera"

[[account]]
key = "main"
secret = "env:PBX_SECRET"
default_line = "+74951230001"

[[team]]
key = "sales"

[[manager]]
key = "anna"
name = "Анна Смирнова"
dial = "101"
team = "sales"

[[manager]]
key = "boris"
name = "Борис Орлов"
dial = "102"
team = "sales"

[[manager]]
key = "vera"
name = "Вера Котова"
dial = "103"
team = "sales"

[[line]]
number = "+74951230001"
name = "Сайт"
last_resort = "+74950000000"
"""


@pytest.fixture(autouse=True)
def _company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company in a folder of its own; Anna has three clients, one of them with a deal."""
    alone_in(tmp_path, monkeypatch)
    apply(SETUP)

    def fill(conn: Connection) -> None:
        add_clients(conn, 3)
        client = conn.execute(select(tables.contact.c.id).limit(1)).scalar_one()
        moments = {"created_at": now(), "updated_at": now()}
        card = {"pipeline": "sales", "status": "in_work", "manager": "anna", "contact": client}
        conn.execute(insert(tables.card).values(id=new_id(now()), number=1, **card, **moments))

    at_base(fill)


def add_clients(conn: Connection, count: int) -> None:
    moments = {"created_at": now(), "updated_at": now()}
    rows = [{"id": new_id(now()), "responsible": "anna", **moments} for _ in range(count)]
    conn.execute(insert(tables.contact), rows)


def at_base(do: Callable[[Connection], Any]) -> Any:
    return terminal.write(terminal.settings_of(), do)


def whose() -> dict[str, int]:
    """How many clients and deals each manager has."""

    def count(conn: Connection) -> dict[str, int]:
        found: dict[str, int] = {}
        for column in (tables.contact.c.responsible, tables.card.c.manager):
            for (key,) in conn.execute(select(column)):
                found[str(key)] = found.get(str(key), 0) + 1
        return found

    result: dict[str, int] = at_base(count)
    return result


def apply(text: str) -> Result:
    Path("setup.toml").write_text(text, encoding="utf-8")
    return run("apply", "setup.toml")


def id_in(said: str) -> str:
    found = re.search(r"handover undo (\w{26})", said)
    assert found
    return found[1]


def test_it_shows_asks_and_hands_over() -> None:
    said = done("handover", "anna", "boris", answer="y\n")
    assert "Анна Смирнова (anna) has 1 card, 3 contacts, 0 tasks" in said
    assert "boris  1 card, 3 contacts, 0 tasks; load 0% -> 5%" in said
    assert "Handed over: 1 card, 3 contacts, 0 tasks." in said
    assert whose() == {"boris": 4}
    assert "has no open work" in done("handover", "anna", "boris")


def test_a_no_changes_nothing() -> None:
    result = run("handover", "anna", "boris", answer="n\n")
    assert result.exit_code == 1
    assert "nothing was handed over" in result.stderr
    assert run("handover", "anna", "boris").exit_code == 1  # nobody is there to answer
    assert whose() == {"anna": 4}


def test_a_dry_run_changes_nothing_and_asks_nothing() -> None:
    assert "--dry-run" in done("handover", "anna", "--spread", "--dry-run")
    assert whose() == {"anna": 4}


def test_it_is_spread_and_taken_back() -> None:
    id_ = id_in(done("handover", "anna", "--spread", "--yes"))
    assert whose() == {"boris": 2, "vera": 2}
    said = done("handover", "undo", id_)
    assert said == f"Handover {id_} was taken back: 1 card, 3 contacts, 0 tasks to anna.\n"
    assert whose() == {"anna": 4}
    assert "taken back already" in run("handover", "undo", id_).stderr


def test_much_of_it_says_how_to_go_on_and_going_on_takes_the_rest() -> None:
    at_base(lambda conn: add_clients(conn, AT_ONCE))
    said = done("handover", "anna", "boris", "--yes")
    id_ = id_in(said)
    assert f"callrouter handover resume {id_}" in said
    at_base(lambda conn: add_clients(conn, 2))
    done("handover", "resume", id_, "--yes")
    assert whose() == {"boris": AT_ONCE + 6}
    assert f"{AT_ONCE + 5} contacts" in done("handover", "undo", id_)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("anna",), "FROM TO"),
        (("anna", "boris", "--spread"), "FROM TO"),
        (("eva", "boris"), "no such manager"),
        (("anna", "anna"), "the same manager"),
        (("undo", "01J"), "no handover 01J"),
        (("resume", "01J"), "no handover 01J"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: tuple[str, ...], says: str) -> None:
    result = run("handover", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("callrouter: ")
    assert says in result.stderr


def test_apply_warns_of_the_work_of_who_is_dismissed_until_it_is_handed_over() -> None:
    gone = SETUP.replace('dial = "101"', 'dial = "101"\nactive = false')
    said = apply(gone).stderr
    assert "warning: manager[anna].active" in said
    assert "1 open cards, 3 contacts and 0 tasks" in said
    assert "callrouter handover anna" in said
    assert "manager[anna].active" in apply(gone).stderr
    done("handover", "anna", "vera", "--yes")
    assert "manager[anna].active" not in apply(gone).stderr
    assert "not active" in run("handover", "vera", "anna").stderr
