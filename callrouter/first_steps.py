"""`callrouter init`: asks five things, writes setup.toml and .env, and says what to do next."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import templates
from callrouter.domain.phones import pretty
from callrouter.first_answers import (
    Answers,
    Person,
    Refused,
    example_number,
    example_person,
    read_company,
    read_dial,
    read_language,
    read_line,
    read_person,
)
from callrouter.setup_file import BadSetup, check, read_setup
from callrouter.wording import speak

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.settings import Settings
    from callrouter.wording import Words

T = TypeVar("T")

Ask = Callable[[str, str], str]
"""Puts a question with its default ("" for none) and gives what was typed."""

LOCAL: Final = "http://127.0.0.1:8080"
"""Where `callrouter serve` listens when nothing else is said."""

SECRET: Final = "PBX_SECRET"  # noqa: S105  the variable's name
STRANGER: Final = "+79430000099"
"""Calls in the example: the code 943 is given to nobody."""


class BadOption(Exception):
    """An option that cannot be used; the text names it and says what is allowed."""


class AlreadyThere(Exception):
    """What init would overwrite."""


@dataclass(frozen=True, slots=True)
class Given:
    """The answers that came as options; None and () are asked for, or with `yes` the default."""

    language: str | None = None
    company: str | None = None
    number: str | None = None
    managers: tuple[str, ...] = ()
    last_resort: str | None = None
    yes: bool = False


def ask_and_write(
    folder: Path,
    settings: Settings,
    given: Given,
    *,
    ask: Ask,
    say: Callable[[str], None],
    force: bool,
) -> None:
    """Write setup.toml and .env of a folder. Raises AlreadyThere, BadOption, BadSetup."""
    target = folder / "setup.toml"
    if target.exists() and not force:
        raise AlreadyThere(
            f"{target} is there already; change it and run `callrouter apply {target}`, "
            "or begin anew with --force"
        )
    text = write_setup(_Interview(given, ask, say).answers())
    if problems := check(read_setup(text)):
        raise BadSetup(problems)
    target.write_text(text, encoding="utf-8")
    _write_env(folder / ".env", settings)


# Asking


class _Interview:
    def __init__(self, given: Given, ask: Ask, say: Callable[[str], None]) -> None:
        self._given = given
        self._ask = ask
        self._say = say

    def answers(self) -> Answers:
        given = self._given
        language = self._one(
            "--language", given.language, "1/5  Язык / Language (ru, en)", "ru", read_language
        )
        words = speak(language)
        asked = words("Name of the company")
        company = self._one(
            "--company",
            given.company,
            f"2/5  {asked}",
            words("My company"),
            lambda text: read_company(text, words),
        )
        asked = words("The number that people dial, e.g. {number}", number=example_number(words))
        number = self._one(
            "--number", given.number, f"3/5  {asked}", "", lambda text: read_line(text, words)
        )
        managers = self._managers(number, words)
        asked = words("The last resort: where a call goes that nobody took")
        last_resort = self._one(
            "--last-resort",
            given.last_resort,
            f"5/5  {asked}",
            managers[0].dial,
            lambda text: read_dial(text, number, words),
        )
        return Answers(language, company, number, managers, last_resort)

    def _managers(self, number: str, words: Words) -> tuple[Person, ...]:
        found: list[Person] = []

        def read(text: str) -> Person:
            return read_person(text, number, found, words)

        for text in self._given.managers:
            person = self._one("--manager", text, "", "", read)
            found.append(person)
        if found:
            return tuple(found)
        if self._given.yes:
            raise BadOption("--manager: needed once or more together with --yes")
        example = example_person(words)
        asked = words(
            "Managers: name and phone as the PBX dials it, e.g. {example}", example=example
        )
        self._say(f"4/5  {asked}")
        while True:
            one = words("Manager {n} (Enter: no more)", n=len(found) + 1)
            text = self._ask(f"     {one}", "")
            if found and not text.strip():
                return tuple(found)
            try:
                found.append(read(text))
            except Refused as error:
                self._say(f"     {error}")
            else:
                self._say(f"     {found[-1].name}: {pretty(found[-1].dial)}")

    def _one(
        self, option: str, given: str | None, question: str, default: str, read: Callable[[str], T]
    ) -> T:
        """What was given as an option, else asked until it can be used."""
        if given is None and self._given.yes:
            if not default:
                raise BadOption(f"{option}: needed together with --yes")
            given = default
        if given is not None:
            try:
                return read(given)
            except Refused as error:
                raise BadOption(f"{option}: {error}") from error
        while True:
            try:
                return read(self._ask(question, default))
            except Refused as error:
                self._say(f"     {error}")


# Writing


def write_setup(answers: Answers) -> str:
    """The answers as a commented setup.toml, in their language."""
    environment = Environment(
        loader=FileSystemLoader(Path(templates.__file__).parent / "first_steps"),
        autoescape=False,  # noqa: S701  it is TOML, and every value passes the filter
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    # A JSON string is a TOML string but for DEL, which nothing printable holds.
    environment.filters["toml"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["pad"] = lambda text: f"{text:<30} "  # to where comments begin
    template = environment.get_template(f"setup.{answers.language}.toml")
    return template.render(
        company=answers.company,
        region=answers.region,
        time_zone=answers.time_zone,
        number=answers.number,
        managers=answers.managers,
        last_resort=answers.last_resort,
        prefixes=answers.prefixes,
    )


def _write_env(path: Path, settings: Settings) -> None:
    """Add to .env what it lacks; what stands there, a secret that a PBX knows too, stays."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    secret = settings.environ.get(SECRET) or secrets.token_urlsafe(24)
    lines = {
        "CALLROUTER_DATA_DIR": f"CALLROUTER_DATA_DIR={settings.data_dir}",
        "CALLROUTER_PUBLIC_URL": "# CALLROUTER_PUBLIC_URL=https://calls.example.com",
        SECRET: f"{SECRET}={secret}",
    }
    added = [line for name, line in lines.items() if f"{name}=" not in old]
    head = "" if old else "# Read by every callrouter command that runs in this folder.\n"
    ended = "\n" if old and not old.endswith("\n") else ""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(old + ended + head + "".join(f"{line}\n" for line in added), encoding="utf-8")


# What next


def what_next(settings: Settings, setup: Setup, folder: Path) -> str:
    """Where the PBX sends its hooks, and a line for the shell that plays one call."""
    words, account, line = speak(setup.company.language), setup.account[0], setup.line[0]
    path = account.hook_path
    public = settings.public_url or LOCAL
    secret = words("the secret is {name} in .env", name=SECRET)
    steps = {
        words("Start the server"): f"{_this_command()} serve",
        words("Play a call"): curl(f"{_near(public)}{path}", folder / ".env", line.number),
        words("Why it went there"): f"{_this_command()} why last",
        words("Watch calls"): f"{_this_command()} link",
        words("Address for the PBX"): f"{public}{path}   ({secret})",
    }
    done = words("Done: setup.toml and .env are written, version {n} is in force.", n=setup.version)
    width = max(map(len, steps))
    return "\n".join(
        ["", done, "", *(f"  {name:<{width}}  {text}" for name, text in steps.items())]
    )


def curl(url: str, env: Path, number: str) -> str:
    """A call from a stranger as a PBX would tell of it. Shows no secret, works in any folder."""
    secret = f"$(sed -n 's/^{SECRET}=//p' {shlex.quote(str(env.absolute()))})"
    return (
        f'curl -s -u "pbx:{secret}" {url} -d event=ringing -d call_id=try-$(date +%s) '
        f"--data-urlencode caller={STRANGER} --data-urlencode called={number}"
    )


def _near(public: str) -> str:
    """Where this machine reaches the server: behind a proxy, at its own port."""
    return LOCAL if public.startswith("https://") else public


def _this_command() -> str:
    """How this command was called, so that what is printed can be typed."""
    called = sys.argv[0]
    if Path(called).name != "callrouter" or shutil.which("callrouter") == called:
        return "callrouter"
    return os.path.relpath(called) if Path(called).is_relative_to(Path.cwd()) else called
