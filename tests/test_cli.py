"""The commands as a person at a terminal meets them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import click
import pytest
from click.testing import Result

from callrouter.cli import main
from storage import journal
from storage.database import open_database
from storage.journal import Refused
from tests.commands import COMPANY, alone_in, done, failed, run
from tests.hooks import pbx_of
from tests.running import LINE, SECRET, House

GOOD = (
    COMPANY
    + """
[[line]]
number = "+74951230001"
aliases = ["site"]
name = "Сайт"
last_resort = "+74950000000"
"""
)


IN_USE_S = 2.0
"""How soon a running server uses what was applied."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no settings from outside."""
    return alone_in(tmp_path, monkeypatch)


def applied(text: str = GOOD, *options: str) -> Result:
    Path("setup.toml").write_text(text, encoding="utf-8")
    return run("apply", "setup.toml", *options)


# --help


def commands(group: click.Group = main, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command, also those within groups."""
    for name, command in group.commands.items():
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)


EVERY = [pytest.param(words, command, id=" ".join(words)) for words, command in commands()]


@pytest.mark.parametrize(("words", "command"), EVERY)
def test_every_command_says_what_it_does_and_what_each_option_is(
    words: tuple[str, ...], command: click.Command
) -> None:
    said = done(*words, "--help")
    assert said.startswith(f"Usage: main {' '.join(words)}")
    assert command.help
    assert command.get_short_help_str(100).endswith(".")
    for one in command.params:
        if isinstance(one, click.Option):
            assert one.help
            assert one.help.endswith(".")


def test_the_list_of_commands_is_read_whole() -> None:
    said = done("--help")
    assert "..." not in said.partition("Commands:")[2]
    for name in main.commands:
        assert f"  {name} " in said


# apply and export


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[company", "not TOML", id="not TOML"),
        pytest.param(GOOD + "\n[compny]\n", 'did you mean "company"', id="a section misspelt"),
        pytest.param(GOOD.replace("dial =", "dail ="), "manager[anna].dail", id="a key misspelt"),
        pytest.param(GOOD.replace('duty = "anna"', 'duty = "eva"'), "company.duty", id="nobody"),
        pytest.param(GOOD.replace('"101"', '"1 01"'), "manager[anna].dial", id="no such phone"),
        pytest.param(GOOD.replace('"+74950000000"', '"site"'), "round in a circle", id="a circle"),
    ],
)
def test_an_error_of_apply_names_its_place_and_nothing_is_applied(
    folder: Path, text: str, said: str
) -> None:
    assert applied().exit_code == 0
    before = done("export")
    (folder / "wrong.toml").write_text(text, encoding="utf-8")
    error = failed("apply", "wrong.toml")
    assert error.startswith("callrouter: wrong.toml: nothing was applied.\n")
    assert said in error
    assert done("export") == before


def test_every_error_is_told_at_once(folder: Path) -> None:
    text = GOOD.replace('duty = "anna"', 'duty = "eva"').replace('"101"', '"1 01"')
    (folder / "wrong.toml").write_text(text, encoding="utf-8")
    error = failed("apply", "wrong.toml")
    assert "company.duty" in error
    assert "manager[anna].dial" in error


def test_a_file_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "setup.toml").write_bytes(GOOD.encode("cp1251"))
    assert "not UTF-8" in failed("apply", "setup.toml")


def test_a_dry_run_shows_the_difference_and_applies_nothing(folder: Path) -> None:
    applied()
    before = done("export")
    said = applied(GOOD.replace("Анна Смирнова", "Анна Котова"), "--dry-run").stdout
    assert "Анна Котова" in said
    assert "Not applied" in said
    assert done("export") == before


def test_an_export_applied_again_changes_nothing(folder: Path) -> None:
    assert "version 1" in applied().stdout
    exported = done("export")
    assert applied(exported).stdout == "Nothing changes.\n"
    assert done("export") == exported


def test_prune_takes_away_what_the_file_does_not_name(folder: Path) -> None:
    applied(GOOD + '\n[[block]]\nnumber = "+79990000000"\n')
    assert applied().stdout == "Nothing changes.\n"
    assert "+79990000000" in applied(GOOD, "--prune").stdout
    assert "+79990000000" not in done("export")


def test_warnings_go_to_standard_error(folder: Path) -> None:
    result = applied(GOOD.replace('dial = "101"', 'dial = "101"\nshift = "Mo-Fr 09:00-18:00"'))
    assert result.stderr.startswith(f"warning: line[{LINE}]: «Сайт»: nobody on shift")
    assert "warning" not in result.stdout


def test_a_secret_is_never_printed(folder: Path) -> None:
    printed = applied(GOOD.replace("env:PBX_SECRET", "a-literal-secret")).output
    exported = done("export")
    assert "a-literal-secret" not in printed + exported
    assert 'secret = "kept"' in exported


# init, beside its questions


def test_init_does_not_touch_a_setup_that_is_there(folder: Path) -> None:
    applied()
    (folder / "setup.toml").unlink()
    assert "has a setup already" in failed("init")
    assert not (folder / "setup.toml").exists()


def test_init_begins_anew_when_forced_to(folder: Path) -> None:
    applied(GOOD.replace('key = "anna"', 'key = "old"').replace('"anna"', '"old"'))
    words = ["--number", "+7 495 123-00-02", "--manager", "Вера 101", "--last-resort", "200"]
    printed = done("init", "--yes", "--force", *words)
    assert "called=+74951230002" in printed
    exported = done("export")
    assert "+74951230001" not in exported
    assert 'duty = "vera"' in exported


def test_init_that_is_left_halfway_writes_nothing(folder: Path) -> None:
    result = run("init", answer="ru\nРомашка\n")
    assert result.exit_code == 1
    assert "nothing was written" in result.stderr
    assert not (folder / "setup.toml").exists()
    assert not (folder / ".env").exists()


# Tokens and links


def test_a_token_is_printed_alone(folder: Path) -> None:
    result = run("token", "add", "shop", "--role", "admin")
    assert re.fullmatch(r"cr_[\w-]{40,}\n", result.stdout)
    assert not result.stderr


def test_a_token_of_the_same_name_is_refused_and_one_taken_back_is_gone(folder: Path) -> None:
    done("token", "add", "shop", "--role", "admin")
    assert "allowed: another name" in failed("token", "add", "shop", "--role", "head")
    assert "taken back" in done("token", "revoke", "shop")
    assert "no good token" in failed("token", "revoke", "shop")


def test_a_role_that_is_none_is_refused(folder: Path) -> None:
    result = run("token", "add", "shop", "--role", "king")
    assert result.exit_code == 2
    assert "'manager', 'head', 'admin', 'auditor'" in result.stderr


def test_a_link_leads_to_the_public_address(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert done("link").startswith("http://127.0.0.1:8080/enter/")
    monkeypatch.setenv("CALLROUTER_PUBLIC_URL", "https://calls.example.com/")
    assert re.fullmatch(r"https://calls\.example\.com/enter/[\w-]{40,}\n", done("link"))


# Refused hooks


async def refuse(base: Path) -> None:
    database = open_database(f"sqlite:///{base}")
    at = datetime(2026, 3, 12, 11, 5, tzinfo=UTC)
    for reason in ("no Authorization header", "wrong secret (Bearer)"):
        await database.write(journal.refuse, Refused("main", "pbx", at, reason, "192.0.2.1"))
    await database.close()


def test_refused_hooks_are_shown_the_newest_first(folder: Path) -> None:
    applied()
    assert done("hooks", "--refused") == "No hook was refused.\n"
    asyncio.run(refuse(folder / "var" / "callrouter.db"))
    assert done("hooks", "--refused").splitlines() == [
        "2026-03-12 11:05:00Z  pbx/main  192.0.2.1  wrong secret (Bearer)",
        "2026-03-12 11:05:00Z  pbx/main  192.0.2.1  no Authorization header",
    ]
    assert json.loads(done("hooks", "--refused", "--json"))[0] == {
        "account": "main",
        "provider": "pbx",
        "at": "2026-03-12T11:05:00+00:00",
        "reason": "wrong secret (Bearer)",
        "peer": "192.0.2.1",
    }


# Asking


def test_route_says_what_would_happen_in_either_language(folder: Path) -> None:
    applied()
    words = ("route", "--line", "site", "--caller", "8 916 123-45-67")
    assert "Анна Смирнова — " in done(*words)
    assert "the last resort +7 495 000-00-00" in done(*words, "--lang", "en")
    told = json.loads(done(*words, "--json"))
    assert told["decision"]["steps"][0]["targets"][0]["dial"] == "101"
    assert told["why"]["caller"] == "known"


def test_route_reckons_with_the_moment(folder: Path) -> None:
    applied(GOOD.replace('dial = "101"', 'dial = "101"\nshift = "Mo-Fr 09:00-18:00"'))
    at_noon = done("route", "--line", LINE, "--at", "2026-03-12 12:00", "--json")
    at_night = done("route", "--line", LINE, "--at", "2026-03-12T02:00:00+03:00", "--json")
    assert json.loads(at_noon)["decision"]["steps"]
    assert not json.loads(at_night)["decision"]["steps"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("why", "last"), "no call yet", id="the last of none"),
        pytest.param(("why", "17.1"), "'17.1'; allowed: our id", id="an unknown call"),
        pytest.param(("route", "--line", "100"), f"allowed: {LINE}", id="an unknown line"),
        pytest.param(("route", "--line", LINE, "--at", "noon"), "2026-03-12 14:05", id="a word"),
        pytest.param(("route", "--line", LINE, "--at", "0001-01-01"), "1970", id="too early"),
    ],
)
def test_what_is_not_there_is_told_so(folder: Path, words: tuple[str, ...], said: str) -> None:
    applied()
    assert said in failed(*words)


@pytest.mark.parametrize(
    "words", [("why", "last"), ("route", "--line", "1"), ("export",), ("hooks", "--refused")]
)
def test_a_command_that_only_reads_makes_no_base(folder: Path, words: tuple[str, ...]) -> None:
    assert "there is no base at" in failed(*words)
    assert not list(folder.iterdir())


# Settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("DATABASE_URL", "mysql://x", "allowed are sqlite:///PATH", id="a base"),
        pytest.param("DATABASE_URL", "postgresql://x@h/b", "CALLROUTER_SECRET_KEY", id="no key"),
        pytest.param("SECRET_KEY", "short", "at least 16", id="a short key"),
        pytest.param("PUBLIC_URL", "calls.example.com", "http://", id="an address"),
        pytest.param("TRUSTED_PROXIES", "proxy", "10.0.0.0/8", id="a network"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "export"])
def test_a_wrong_setting_is_told_in_a_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(f"CALLROUTER_{name}", value)
    assert said in failed(command)


def test_a_data_directory_that_is_a_file_is_told_in_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "setup.toml").write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("CALLROUTER_DATA_DIR", str(folder / "setup.toml"))
    assert "setup.toml" in failed("apply", "setup.toml")
    assert "setup.toml" in failed("serve")


# Beside a running server


@pytest.mark.slow
async def test_commands_work_beside_a_running_server(tmp_path: Path, database_url: str) -> None:
    house = House(
        tmp_path / "var", database_url, "a-key-of-the-tests", environ={"PBX_SECRET": SECRET}
    )
    file = tmp_path / "setup.toml"

    async def did(*words: str) -> str:
        result = await house.run(*words)
        assert (result.code, result.complaints) == (0, "")
        return result.printed

    async def applied_version(text: str) -> int:
        file.write_text(text, encoding="utf-8")
        return int((await did("apply", str(file))).split()[-1].rstrip("."))

    assert await applied_version(GOOD) == 1
    async with house.serving() as server, pbx_of(house) as pbx:
        event = {"event": "ringing", "call_id": "17.1", "caller": "+79161234567", "called": LINE}
        ours = (await pbx.post(event)).told["call"]
        token = (await did("token", "add", "test", "--role", "admin")).strip()
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "ru"}
        url = f"{house.url}/api/v1/calls/{ours}/why"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as found:
            body = await found.json()
        assert json.loads(await did("why", "17.1", "--json")) == body
        text = await did("why", "last", "--lang", "en")
        assert f"{ours} (17.1)" in text
        assert "+7 916 123-45-67 → Сайт" in text
        assert "Анна Смирнова" in await did("route", "--line", "site")

        await applied_version(GOOD.replace("Анна Смирнова", "Анна Котова"))
        until = time.monotonic() + IN_USE_S
        while (await server.health())["setup"] != 2:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        assert await did("apply", str(file)) == "Nothing changes.\n"


async def test_a_second_server_on_one_base_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path / "var")
    async with house.serving():
        second = await house.run("serve", "--port", str(house.port))
        assert second.code == 1
        assert second.complaints.startswith("callrouter: Another callrouter server holds")
