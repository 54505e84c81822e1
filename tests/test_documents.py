"""What the documents say is so: commands, settings, variables, links, and the example as it stands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click
import pytest

from callrouter import settings
from callrouter.api.attach import OPERATIONS
from callrouter.cli import main
from callrouter.domain import setup
from callrouter.setup_file import check, read_setup
from tests.running import House

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.ru.md")
DOCUMENTS = (*READMES, "ARCHITECTURE.md", "CHANGELOG.md")

both = pytest.mark.parametrize("readme", READMES)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


# Commands


def commands(group: click.Group = main, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        else:
            yield (*words, name), command


COMMANDS = dict(commands())


def flags(command: click.Command) -> set[str]:
    return {option for one in command.params for option in one.opts if option.startswith("--")}


def calls_in(text: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each `callrouter …` that stands in code: which command, and with which flags."""
    code = [*blocks(text, "sh"), *blocks(text, "ini"), *re.findall(r"`([^`\n]+)`", text)]
    for found in re.finditer(r"\bcallrouter((?: +[^\s`|#;)]+)+)", "\n".join(code)):
        words = found[1].split()
        name = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in COMMANDS), (words[0],))
        yield name, {word for word in words if word.startswith("--")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_is_named_exists_with_its_flags(document: str) -> None:
    for name, given in calls_in(read(document)):
        if name[0].startswith("-") or name == ("callrouter",):
            continue  # `createdb --owner callrouter callrouter`
        assert name in COMMANDS, name
        assert given <= flags(COMMANDS[name]), name


@both
def test_the_table_of_commands_is_whole(readme: str) -> None:
    rows = re.findall(r"^\| `(callrouter [^`]+)` \|", read(readme), re.MULTILINE)
    said = {name: given for row in rows for name, given in calls_in(f"`{row}`")}
    assert said == {name: flags(command) for name, command in COMMANDS.items()}


# Variables


def variables_read() -> set[str]:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    return {f"CALLROUTER_{name}" for name in re.findall(r'\bget\("([A-Z_]+)"\)', source)}


@both
def test_every_variable_is_in_the_table_and_no_other_is_named(readme: str) -> None:
    text = read(readme)
    rows = set(re.findall(r"^\| `(CALLROUTER_[A-Z_]+)` \|", text, re.MULTILINE))
    named = set(re.findall(r"CALLROUTER_[A-Z]+(?:_[A-Z]+)*", text))
    assert rows == named == variables_read()


# Settings

SHAPES: dict[str, type] = {
    "company": setup.Company,
    "routing": setup.Routing,
    "office": setup.Office,
    "account": setup.Account,
    "team": setup.Team,
    "manager": setup.Manager,
    "manager.smtp": setup.Smtp,
    "absence": setup.Absence,
    "ladder": setup.Ladder,
    "ladder.step": setup.Step,
    "line": setup.Line,
    "rule": setup.Rule,
    "rule.when": setup.Condition,
    "pipeline": setup.Pipeline,
    "pipeline.statuses": setup.Status,
    "letter": setup.Letter,
    "entity": setup.Entity,
    "missed": setup.Missed,
    "load": setup.Load,
    "letters": setup.Letters,
    "recordings": setup.Recordings,
    "backups": setup.Backups,
    "workplace": setup.Workplace,
    "alarms": setup.Alarms,
    "digest": setup.Digest,
    "webhook": setup.Webhook,
    "leads": setup.Leads,
    "block": setup.Block,
    "field": setup.CustomField,
}
CHECKED = {"company.duty", "account.secret", "webhook.secret", "ladder.step"}
"""Obligatory by `check`, though an empty Setup is without them."""

OBLIGATORY = {"README.md": "obligatory", "README.ru.md": "обязательно"}


def default_of(name: str, one: Field[Any], obligatory: str) -> str:
    value = one.default
    if value is MISSING or name in CHECKED:
        return obligatory
    if value is None or value in ("", ()):
        return "—"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def settings_of(obligatory: str) -> dict[str, str]:
    """Every setting with its default, as the table writes it."""
    return {
        name: default_of(name, one, obligatory)
        for section, shape in SHAPES.items()
        for one in fields(shape)
        for name in [f"{section}.{one.name.removesuffix('_')}"]
    }


def test_no_section_is_forgotten() -> None:
    sections = {one.name for one in fields(setup.Setup)} - {"version"}
    assert {name.partition(".")[0] for name in SHAPES} == sections


@both
def test_the_table_of_settings_is_whole_and_its_defaults_are_true(readme: str) -> None:
    rows = re.findall(r"^\| `([a-z_.]+\.[a-z_]+)` \| (.*?) \| .+ \|$", read(readme), re.MULTILINE)
    assert dict(rows) == settings_of(OBLIGATORY[readme])
    assert len(rows) == len(dict(rows))


@both
def test_the_short_setup_can_be_applied(readme: str) -> None:
    (text,) = blocks(read(readme), "toml")
    assert not check(read_setup(text))


# The API


@both
def test_the_api_in_short_is_whole(readme: str) -> None:
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /(?!webhooks)[^`]*)`", read(readme)))
    assert named == {f"{one.method} {one.path}" for one in OPERATIONS}


# Documents among themselves


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    text = read(document)
    for target in re.findall(r"\]\((?!https:)([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (ROOT / path).exists(), target
        if anchor:
            assert anchor in anchors(read(path) if path else text), target


def test_both_readmes_say_the_same() -> None:
    english, russian = (read(name) for name in READMES)
    assert english.count("\n## ") == russian.count("\n## ")
    for language in ("sh", "ini", "nginx", "json", "toml"):
        ours, theirs = (
            [re.sub(r"#.*|=[^=\n]*openssl", "", one) for one in blocks(text, language)]
            for text in (english, russian)
        )
        assert [one.split() for one in ours] == [one.split() for one in theirs], language
    later = [
        set(re.findall(r"^\| `([\w.]+)` \|.*\| †", text, re.MULTILINE))
        for text in (english, russian)
    ]
    assert later[0] == later[1]


@pytest.mark.parametrize("document", ["ARCHITECTURE.md"])
def test_every_file_that_is_named_exists(document: str) -> None:
    rooms = "callrouter|webhooks|storage|templates|tests|web|bench|examples"
    for named in re.findall(rf"`((?:{rooms})/[\w./-]*)`", read(document)):
        assert (ROOT / named).exists(), named


def test_the_picture_of_imports_is_what_is_checked() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    assert "\n".join(["```", *layers, "```"]) in read("ARCHITECTURE.md")


def test_the_picture_of_rooms_has_every_room() -> None:
    text = read("ARCHITECTURE.md")
    for room in ("callrouter", "webhooks", "storage"):
        for path in (ROOT / room).iterdir():
            if path.is_dir() and path.name not in ("__pycache__", "static"):
                assert f"{path.name}/" in text, path
    for path in (ROOT / "callrouter").glob("[a-z]*.py"):
        assert path.name in text, path


def test_the_changelog_tells_of_this_version() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert f"\n## {project['version']}" in read("CHANGELOG.md")


# The example, as a reader types it


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the example is for curl")
async def test_the_whole_call_of_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    house = House(tmp_path / "var")
    example = next(one for one in blocks(read("README.md"), "sh") if "tell()" in one)
    environ = {name: value for name, value in os.environ.items() if name != "PBX_SECRET"}
    callrouter = f"{sys.executable} -m callrouter"

    def sh(script: str) -> str:
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    sh(
        f"{callrouter} init --yes --language en --number +74951230001 "
        "--manager 'Anna Smith 101' --last-resort +74950000000"
    )
    house.environ = {"PBX_SECRET": (tmp_path / ".env").read_text().split("PBX_SECRET=")[1].strip()}
    example = example.replace("http://127.0.0.1:8080", house.url)
    async with house.serving():
        said = await asyncio.to_thread(sh, example.replace("callrouter why", f"{callrouter} why"))
    assert '"dial": "101"' in said
    assert said.count('{"ok": true}') == 2
    assert "Answered · Anna Smith · 1 min 35 s" in said
