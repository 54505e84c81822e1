"""`callrouter init`: from nothing to a right answer."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrouter.domain.setup import Language
from callrouter.first_answers import (
    Answers,
    Person,
    Refused,
    read_dial,
    read_language,
    read_line,
    read_person,
    region_of,
)
from callrouter.first_steps import AlreadyThere, BadOption, Given, ask_and_write, write_setup
from callrouter.settings import Settings, read_settings
from callrouter.setup_file import check, read_setup, warnings
from callrouter.wording import LANGUAGES, speak
from tests.running import House

NUMBER = "+74951230001"
ANNA = Person("anna", "Анна Смирнова", "101")
RU, EN = speak("ru"), speak("en")


# What a typed text means


@pytest.mark.parametrize(
    ("language", "typed", "number"),
    [
        pytest.param("ru", "+7 495 123-00-01", NUMBER, id="with its country"),
        pytest.param("ru", "8 (495) 123-00-01", NUMBER, id="as written in Russia"),
        pytest.param("ru", "+44 20 7946 0123", "+442079460123", id="of another country"),
        pytest.param("en", "+7 495 123-00-01", NUMBER, id="in English with its country"),
        pytest.param("en", "00442079460123", "+442079460123", id="with the exit code"),
        pytest.param("en", "8 495 123-00-01", None, id="in English no country is guessed"),
        pytest.param("ru", "123-00-01", None, id="a local number"),
        pytest.param("ru", "101", None, id="an inside phone"),
        pytest.param("ru", "", None, id="nothing"),
        pytest.param("ru", "номер", None, id="a word"),
    ],
)
def test_the_number_that_people_dial(language: Language, typed: str, number: str | None) -> None:
    if number:
        assert read_line(typed, speak(language)) == number
    else:
        with pytest.raises(Refused, match=f"[«“]{re.escape(typed)}[»”]"):
            read_line(typed, speak(language))


@pytest.mark.parametrize(
    ("typed", "name", "dial"),
    [
        pytest.param("Анна Смирнова 101", "Анна Смирнова", "101", id="an inside phone"),
        pytest.param("Анна Смирнова, 101", "Анна Смирнова", "101", id="with a comma"),
        pytest.param("Анна=101", "Анна", "101", id="as an option has it"),
        pytest.param("Анна 8 916 123-45-67", "Анна", "+79161234567", id="an outside phone"),
        pytest.param("Анна (916) 123-45-67", "Анна", "+79161234567", id="without a prefix"),
        pytest.param("  Анна   Смирнова   1 0 1 ", "Анна Смирнова", "101", id="spaces"),
        pytest.param("Зоя sip:zoe@pbx.local", "Зоя", "sip:zoe@pbx.local", id="a SIP address"),
        pytest.param("Отдел 2, 101", "Отдел 2", "101", id="a comma parts a name with a digit"),
    ],
)
def test_a_manager_is_a_name_and_a_phone(typed: str, name: str, dial: str) -> None:
    found = read_person(typed, NUMBER, [], RU)
    assert (found.name, found.dial) == (name, dial)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("", "нужны имя и за ним телефон", id="nothing"),
        pytest.param("Вера", "нужны имя и за ним телефон", id="no phone"),
        pytest.param("101", "нужны имя и за ним телефон", id="no name"),
        pytest.param("Вера, sip vera", "позвонить нельзя", id="a phone with a space"),
        pytest.param("Вера +7999", "позвонить нельзя", id="a number that is too short"),
        pytest.param("Вера 101", "Анна Смирнова", id="a phone that another has"),
        pytest.param("Вера 8 495 123-00-01", "по кругу", id="our own number"),
        pytest.param(f"{'В' * 201}, 103", "от 1 до 200", id="too long a name"),
    ],
)
def test_what_is_no_manager_is_refused_with_the_reason(typed: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_person(typed, NUMBER, [ANNA], RU)


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        pytest.param(["Анна Смирнова", "Борис"], ["anna", "boris"], id="first names"),
        pytest.param(["Анна С", "Анна К", "Анна"], ["anna", "anna2", "anna3"], id="namesakes"),
        pytest.param(["Щукарь Юрий", "Подъячев"], ["schukar", "podyachev"], id="long letters"),
        pytest.param(["Zoë O'Hara"], ["zoe"], id="accents"),
        pytest.param(["李", "王"], ["manager", "manager2"], id="no Latin letters"),
    ],
)
def test_every_manager_gets_a_key_of_his_own(names: list[str], keys: list[str]) -> None:
    found: list[Person] = []
    for n, name in enumerate(names, start=101):
        found.append(read_person(f"{name}, {n}", NUMBER, found, RU))
    assert [one.key for one in found] == keys


@pytest.mark.parametrize(
    ("typed", "dial"),
    [
        pytest.param("84950000000", "+74950000000", id="outside"),
        pytest.param("200", "200", id="inside"),
        pytest.param("client:desk", "client:desk", id="a browser's phone"),
        pytest.param(NUMBER, None, id="our own number"),
        pytest.param("два-ноль-ноль", None, id="words"),
    ],
)
def test_the_last_resort(typed: str, dial: str | None) -> None:
    if dial:
        assert read_dial(typed, NUMBER, RU) == dial
    else:
        with pytest.raises(Refused):
            read_dial(typed, NUMBER, RU)


def test_only_languages_that_we_speak_are_taken() -> None:
    assert [read_language(f" {one.upper()} ") for one in LANGUAGES] == ["ru", "en"]
    with pytest.raises(Refused, match=r"ru \| en"):
        read_language("de")


@pytest.mark.parametrize(
    ("number", "region", "time_zone"),
    [
        pytest.param(NUMBER, "RU", "Europe/Moscow", id="Moscow"),
        pytest.param("+73432345678", "RU", "Asia/Yekaterinburg", id="a town of another zone"),
        pytest.param("+78001234567", "RU", "Europe/Moscow", id="a number of no place"),
        pytest.param("+442079460123", "GB", "Europe/London", id="London"),
        pytest.param("+77172234567", "KZ", "Asia/Almaty", id="a country that shares its code"),
        pytest.param("+80012345678", "RU", "Europe/Moscow", id="of no country"),
    ],
)
def test_country_and_zone_are_those_of_the_number(number: str, region: str, time_zone: str) -> None:
    answers = Answers("ru", "Ромашка", number, (ANNA,), "200")
    assert (region_of(number), answers.time_zone) == (region, time_zone)


# The files


COMMENTED_OUT = re.compile(r"^# {1,3}(?=(?:\w+ = |\[\[))", re.MULTILINE)

PEOPLE = (ANNA, Person("boris", 'Борис "Боб"', "+79161234567"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(Answers("ru", "Ромашка", NUMBER, PEOPLE, "+74950000000"), id="outside"),
        pytest.param(Answers("ru", 'A \\ "B" & {c}', "+442079460123", PEOPLE, "101"), id="signs"),
    ],
)
def test_the_file_can_be_applied_as_it_is(language: Language, answers: Answers) -> None:
    text = write_setup(
        Answers(language, answers.company, answers.number, answers.managers, answers.last_resort)
    )
    setup = read_setup(text)
    assert not check(setup)
    assert not warnings(setup)
    assert (setup.company.language, setup.company.name) == (language, answers.company)
    assert [(one.key, one.name, one.dial) for one in setup.manager] == [
        (one.key, one.name, one.dial) for one in PEOPLE
    ]
    assert setup.account[0].secrets == ("env:PBX_SECRET",)
    assert setup.line[0].last_resort == answers.last_resort


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_commented_out_in_the_file_works_when_it_is_not(language: Language) -> None:
    answers = Answers(language, "Ромашка", NUMBER, (ANNA,), "200")
    text, times = COMMENTED_OUT.subn("", write_setup(answers))
    assert times >= 12
    setup = read_setup(text.replace('"+44"', '"+7"'))
    assert not check(setup)
    assert setup.line[0].closed == "night"
    assert setup.manager[0].shift


def test_both_languages_have_the_same_file() -> None:
    def bare(language: Language) -> dict[str, object]:
        text = write_setup(Answers(language, "Ромашка", NUMBER, PEOPLE, "200"))
        return tomllib.loads(text.replace('language = "en"', 'language = "ru"'))

    assert bare("ru") == bare("en")


# Asking


class Keyboard:
    """Types these lines, one for each question, and keeps what was shown."""

    def __init__(self, *lines: str) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.shown: list[str] = []

    def ask(self, question: str, default: str) -> str:
        self.shown.append(question)
        return next(self._lines) or default

    def say(self, line: str) -> None:
        self.shown.append(line)


def run(
    folder: Path, keyboard: Keyboard, given: Given | None = None, *, force: bool = False
) -> str:
    ask_and_write(
        folder,
        Settings(),
        given or Given(),
        ask=keyboard.ask,
        say=keyboard.say,
        force=force,
    )
    return (folder / "setup.toml").read_text(encoding="utf-8")


def test_five_answers_make_a_setup(tmp_path: Path) -> None:
    keyboard = Keyboard("", "Ромашка", NUMBER, "Анна 101", "Борис 102", "", "+74950000000")
    setup = read_setup(run(tmp_path, keyboard))
    assert (setup.company.name, setup.company.duty) == ("Ромашка", "anna")
    assert [one.key for one in setup.manager] == ["anna", "boris"]
    assert [line[:3] for line in keyboard.shown if line[1:3] == "/5"] == [
        "1/5", "2/5", "3/5", "4/5", "5/5"
    ]  # fmt: skip


def test_a_bad_answer_is_asked_again_and_told_why(tmp_path: Path) -> None:
    keyboard = Keyboard("de", "ru", "", "5", NUMBER, "", "Анна", "Анна 101", "", NUMBER, "")
    setup = read_setup(run(tmp_path, keyboard))
    assert setup.company.name == "Моя компания"
    assert setup.line[0].last_resort == "101"
    said = "\n".join(keyboard.shown)
    for why in ("“de”: ru | en", "«5» — не полный номер", "«Анна»: нужны имя", "пошёл бы по кругу"):
        assert why in said


def test_what_was_given_is_not_asked(tmp_path: Path) -> None:
    keyboard = Keyboard("Acme", "")
    given = Given(language="en", number="+44 20 7946 0123", managers=("Zoe 101",))
    assert read_setup(run(tmp_path, keyboard, given)).company.region == "GB"
    assert [line[:3] for line in keyboard.shown] == ["2/5", "5/5"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(Given(yes=True), "--number: needed", id="no number"),
        pytest.param(Given(yes=True, number=NUMBER), "--manager: needed", id="no manager"),
        pytest.param(Given(language="de"), "--language: “de”", id="a language we do not speak"),
        pytest.param(Given(yes=True, number="5"), "--number: «5»", id="a bad number"),
        pytest.param(
            Given(yes=True, number=NUMBER, managers=("Анна 101", "Вера 101")),
            "--manager: 101",
            id="a phone twice",
        ),
    ],
)
def test_a_bad_option_is_named(tmp_path: Path, given: Given, said: str) -> None:
    with pytest.raises(BadOption, match=re.escape(said)):
        run(tmp_path, Keyboard("ru"), given)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_not_overwritten_by_chance(tmp_path: Path) -> None:
    given = Given(yes=True, number=NUMBER, managers=("Анна 101",))
    first = run(tmp_path, Keyboard(), given)
    with pytest.raises(AlreadyThere, match="--force"):
        run(tmp_path, Keyboard(), given)
    other = Given(yes=True, number=NUMBER, managers=("Вера 102",))
    assert run(tmp_path, Keyboard(), other, force=True) != first


# .env


def test_the_secret_is_random_and_for_its_owner_only(tmp_path: Path) -> None:
    given = Given(yes=True, number=NUMBER, managers=("Анна 101",))
    secrets = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, Keyboard(), given)
        env = tmp_path / name / ".env"
        assert stat.S_IMODE(env.stat().st_mode) == 0o600
        secrets.add(env.read_text().partition("PBX_SECRET=")[2].strip())
    assert len(secrets) == 2
    assert all(len(secret) >= 24 for secret in secrets)


def test_what_stands_in_env_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = tmp_path / ".env"
    env.write_text("OTHER=1\nPBX_SECRET=known-to-the-pbx")
    run(tmp_path, Keyboard(), Given(yes=True, number=NUMBER, managers=("Анна 101",)))
    monkeypatch.chdir(tmp_path)
    for name in ("CALLROUTER_DATA_DIR", "PBX_SECRET"):
        monkeypatch.delenv(name, raising=False)
    found = read_settings()
    assert (found.environ["OTHER"], found.environ["PBX_SECRET"]) == ("1", "known-to-the-pbx")
    assert found.data_dir == Path("var")
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


# The whole way, as a person goes it


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the printed line is for curl")
async def test_from_nothing_to_a_right_answer_by_curl(tmp_path: Path) -> None:
    house = House(tmp_path / "var")
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PBX_SECRET"},
        "CALLROUTER_PUBLIC_URL": house.url,
    }
    typed = ["", "Ромашка", "8 495 123-00-01", "Анна Смирнова 101", "", "8 495 000-00-00"]

    def sh(*words: str, given: str = "", folder: Path = tmp_path) -> str:
        done = subprocess.run(
            words,
            input=given,
            env=environ,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    callrouter = [sys.executable, "-m", "callrouter"]
    printed = sh(*callrouter, "init", given="".join(f"{line}\n" for line in typed))
    curl = next(line[line.index("curl ") :] for line in printed.splitlines() if "curl " in line)
    assert f"{house.url}/webhooks/pbx/main" in printed
    secret = (tmp_path / ".env").read_text().partition("PBX_SECRET=")[2].strip()
    assert secret not in printed

    house.environ = {"PBX_SECRET": secret}  # where the server runs it stands in its .env
    async with house.serving():
        elsewhere = tmp_path / "another folder"
        elsewhere.mkdir()
        answer = json.loads(await asyncio.to_thread(sh, "sh", "-c", curl, folder=elsewhere))
        assert answer["decision"] == "connect"
        assert answer["steps"][0]["targets"][0]["dial"] == "101"
        assert answer["then"]["dial"] == "+74950000000"
        why = await asyncio.to_thread(sh, *callrouter, "why", "last")
        assert "Анна Смирнова" in why
        assert answer["call"] in why
