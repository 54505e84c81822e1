"""`callrouter replay` as a person at a terminal meets it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callrouter.flows.take import take
from callrouter.flows.work import Desk
from storage.database import open_database
from storage.setups import SetupCache
from tests.commands import COMPANY, alone_in, done, run
from tests.examples import event
from tests.office import entry

SETUP = (
    COMPANY
    + """
[[line]]
number = "+74951230001"
name = "Сайт"
last_resort = "+74950000000"
"""
)
RULES = """\
[[manager]]
key = "gleb"
name = "Глеб Лебедев"
dial = "109"

[[ladder]]
key = "new"
  [[ladder.step]]
  ring = "manager"
  managers = ["gleb"]

[[line]]
number = "+74951230001"
name = "Сайт"
last_resort = "+74950000000"
ladder = "new"
"""
WHEN = datetime.now(UTC) - timedelta(hours=3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A company where two customers called three hours ago."""
    alone_in(tmp_path, monkeypatch)
    (tmp_path / "setup.toml").write_text(SETUP, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    assert run("apply", "setup.toml").exit_code == 0
    asyncio.run(call_in())
    return tmp_path


async def call_in() -> None:
    desk = Desk(SetupCache())
    database = open_database("sqlite:///var/callrouter.db", guest=True)
    try:
        for n in range(2):
            moment = WHEN + timedelta(minutes=2 * n)
            caller = f"8916123456{n}"
            rings = event("ringing", f"c{n}", moment, caller=caller)
            ends = event("ended", f"c{n}", moment + timedelta(seconds=20), caller=caller)
            await database.write(take, [entry(rings)], desk, now=rings.received)
            await database.write(take, [entry(ends)], desk, now=ends.received)
    finally:
        await database.close()


def test_it_says_how_many_decisions_the_facts_explain(folder: Path) -> None:
    lines = done("replay", "--days", "1").splitlines()
    assert lines[0].startswith("2 звонка с ")
    assert lines[1:] == ["Решений, принятых заново на тех же фактах: 2; совпали с прежними: 2."]
    assert done("replay", "--days", "1", "--lang", "en").startswith("2 calls from ")


def test_other_rules_are_told_per_line_and_manager_with_what_is_taken_as_it_was(
    folder: Path,
) -> None:
    said = done("replay", "--days", "1", "--rules", "rules.toml")
    rows = [line.split() for line in said.splitlines()]
    assert "Пошли бы иначе: 2 (100 %)." in said
    assert ["Сайт", "2", "2", "0", "0", "0", "0"] in rows
    assert ["Глеб", "Лебедев", "0", "→", "2", "0", "→", "2", "+2"] in rows
    assert ["Анна", "Смирнова", "2", "→", "0", "2", "→", "0", "−2"] in rows
    assert "Анна Смирнова → Глеб Лебедев" in said
    assert "Взято как было" in said
    assert "Есть только в новых правилах" in said


def test_nothing_is_applied(folder: Path) -> None:
    before = done("export")
    done("replay", "--days", "1", "--rules", "rules.toml")
    assert done("export") == before


def test_as_json_it_is_for_programs(folder: Path) -> None:
    found = json.loads(done("replay", "--days", "1", "--rules", "rules.toml", "--json"))
    assert (found["calls"], found["explained"]) == (2, 2)
    assert found["compared"]["new_managers"] == ["gleb"]
    assert found["compared"]["lines"][0]["elsewhere"] == 2
    assert found["compared"]["examples"][0]["after"]["rings"] == [["gleb"]]
    assert datetime.fromisoformat(found["since"]).tzinfo


def test_a_file_that_cannot_be_applied_cannot_be_tried(folder: Path) -> None:
    Path("rules.toml").write_text('[[line]]\nnumber = "+74951230001"\nladder = "none"\n')
    result = run("replay", "--days", "1", "--rules", "rules.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("callrouter: rules.toml cannot be tried:\n")
    assert "last_resort" in result.stderr


@pytest.mark.parametrize("days", ["0", "-1", "soon"])
def test_days_are_a_number(folder: Path, days: str) -> None:
    result = run("replay", "--days", days)
    assert result.exit_code == 2
    assert "--days" in result.output


def test_where_there_is_no_base_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("replay", "--days", "1")
    assert result.exit_code == 1
    assert "there is no base" in result.stderr
