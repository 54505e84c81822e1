"""`callrouter import` as a person at a terminal meets it."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.commands import COMPANY, alone_in, done, failed
from tests.import_file.files import SAMPLES, write_csv, write_xlsx

SETUP = (
    COMPANY
    + """
[[manager]]
key = "boris"
name = "Борис Орлов"
dial = "102"

[[manager]]
key = "vera"
name = "Вера Котова"
dial = "103"

[[line]]
number = "+74951230001"
last_resort = "+74950000000"
"""
)
HEAD = ["ФИО", "Телефон", "Ответственный", "Любимый цвет"]
GOOD = [
    HEAD,
    ["Иван Петров", "8 916 123-45-67", "Анна Смирнова", "синий"],
    ["Мария", "89161234568"],
]
BAD = ["Глеб", "7,91612E+10", "Аня", "=1+1"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a company in it, and no settings from outside."""
    alone_in(tmp_path, monkeypatch)
    Path("setup.toml").write_text(SETUP, encoding="utf-8")
    done("apply", "setup.toml")
    return tmp_path


def names() -> list[str]:
    with sqlite3.connect("var/callrouter.db") as base:
        return [name for (name,) in base.execute("SELECT name FROM contact ORDER BY name")]


def import_id(said: str) -> str:
    found = re.search(r"callrouter import undo (\w+)", said)
    assert found, said
    return found[1]


def test_a_file_is_imported_once_and_taken_back() -> None:
    write_csv(Path("a.csv"), GOOD)
    said = done("import", "contacts", "a.csv")
    assert "Taken: 2 new contacts. Joined: 0. Already there: 0. Refused: 0." in said
    assert 'Not known and not read: "Любимый цвет"' in said
    assert "allowed: name, last_name" in said
    number = import_id(said)
    assert names() == ["Иван Петров", "Мария"]

    again = done("import", "contacts", "a.csv")
    assert "Taken: 0 new contacts. Joined: 0. Already there: 2. Refused: 0." in again
    assert "import undo" not in again

    (listed,) = done("import", "list").splitlines()
    assert listed.startswith(number)
    assert "a.csv: 2 taken, 0 joined, 0 already there, 0 refused" in listed
    assert "Removed: 2 contacts. Given back: 0. Stay: 0." in done("import", "undo", number)
    assert names() == []
    assert "taken back" in done("import", "list")
    assert "taken back already" in failed("import", "undo", number)
    assert 'there is no import "x"' in failed("import", "undo", "x")


def test_refused_lines_are_mended_and_fed_again() -> None:
    write_csv(Path("a.csv"), [*GOOD, BAD], encoding="cp1251")
    said = done("import", "contacts", "a.csv")
    assert "line 4: Телефон: Excel turned the number into 7,91612E+10: format" in said
    assert 'line 4: Ответственный: there is no manager "Аня"' in said
    assert "Taken: 2 new contacts. Joined: 0. Already there: 0. Refused: 1." in said
    assert "The refused lines are in a.csv.refused.csv" in said
    refused = Path("a.csv.refused.csv")
    assert refused.read_bytes().startswith(b"\xef\xbb\xbf")
    text = refused.read_text(encoding="utf-8-sig")
    assert "'=1+1" in text
    refused.write_text(
        text.replace("7,91612E+10", "89161234569").replace(";Аня;", ";boris;"), "utf-8"
    )
    assert "Taken: 1 new contacts. Joined: 0." in done("import", "contacts", refused.name)
    assert names() == ["Глеб", "Иван Петров", "Мария"]
    assert "Already there: 1. Refused: 0." in done("import", "contacts", refused.name)


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    write_csv(Path("a.csv"), [*GOOD, BAD])
    dry = done("import", "contacts", "a.csv", "--dry-run")
    assert dry.endswith("Nothing was changed: --dry-run.\n")
    assert names() == []
    assert not Path("a.csv.refused.csv").exists()
    assert done("import", "list") == "Nothing was imported yet.\n"
    said = done("import", "contacts", "a.csv")
    assert said.startswith(dry.removesuffix("Nothing was changed: --dry-run.\n"))


def test_a_map_names_what_is_not_known() -> None:
    write_csv(Path("a.csv"), [["Кто", "Куда звонить"], ["Иван", "89161234567"]])
    error = failed("import", "contacts", "a.csv")
    assert error.startswith("callrouter: a.csv: nothing was imported: no column is a phone")
    assert 'not known: "Кто", "Куда звонить"' in error
    Path("map.toml").write_text('[columns]\n"Кто" = "name"\n"Куда звонить" = "phone"\n', "utf-8")
    assert "Taken: 1" in done("import", "contacts", "a.csv", "--map", "map.toml")
    Path("map.toml").write_text('[columns]\n"Кто" = "nam"\n', "utf-8")
    error = failed("import", "contacts", "a.csv", "--map", "map.toml")
    assert error.startswith("callrouter: map.toml: nothing was imported")
    assert 'did you mean "name"' in error


def test_xlsx_is_imported() -> None:
    write_xlsx(Path("a.xlsx"), [["ФИО", "Телефон"], ["Иван", 79161234567], ["Мария", "8916"]])
    said = done("import", "contacts", "a.xlsx")
    assert "line 3: Телефон:" in said
    assert "Taken: 1 new contacts. Joined: 0. Already there: 0. Refused: 1." in said
    assert Path("a.xlsx.refused.csv").exists()


@pytest.mark.parametrize("sample", sorted(one.name for one in SAMPLES.iterdir()))
def test_exports_are_imported_as_they_stand(sample: str) -> None:
    said = done("import", "contacts", str(SAMPLES / sample))
    assert "Refused: 0." in said
    assert "Not known" not in said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([HEAD], "has no lines after the headings"),
        ([HEAD, BAD], "every line was refused"),
        ([["Имя", "Цвет"], ["Иван", "синий"]], "no column is a phone"),
    ],
)
def test_nothing_imported_is_a_failure(lines: list[list[str]], said: str) -> None:
    write_csv(Path("a.csv"), lines)
    error = failed("import", "contacts", "a.csv")
    assert error.startswith("callrouter: a.csv: nothing was imported: ")
    assert said in error
    assert names() == []


def test_a_system_is_a_key() -> None:
    write_csv(Path("a.csv"), GOOD)
    assert "--system" in failed("import", "contacts", "a.csv", "--system", "мой crm")
    assert "Taken: 2" in done("import", "contacts", "a.csv", "--system", "my-crm")


def test_a_base_is_not_made_for_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLROUTER_DATA_DIR", str(tmp_path / "nowhere"))
    write_csv(Path("a.csv"), GOOD)
    assert "there is no base" in failed("import", "contacts", "a.csv")


# Cut off


def contacts_file(path: Path, lines: int) -> Path:
    head = ["ID", "Фамилия", "Имя", "Компания", "Телефон", "E-mail"]
    return write_csv(
        path,
        [
            head,
            *(
                [n, f"Петров{n}", "Иван", f"Фирма {n // 5}", f"+7{9160000000 + n}", f"u{n}@a.ru"]
                for n in range(lines)
            ),
        ],
    )


def test_an_import_that_was_killed_is_finished_by_another() -> None:
    lines = 600
    contacts_file(Path("a.csv"), lines)
    words = [sys.executable, "-m", "callrouter", "import", "contacts", "a.csv"]
    with sqlite3.connect("var/callrouter.db") as base:
        going = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        while not base.execute("SELECT count(*) FROM import_row").fetchone()[0]:
            assert going.poll() is None
            time.sleep(0.005)
        going.send_signal(signal.SIGKILL)
        going.wait()
        (before,) = base.execute("SELECT count(*) FROM external_id").fetchone()
        assert 0 < before < lines
    assert "not finished" in done("import", "list")
    said = done("import", "contacts", "a.csv")
    assert f"Taken: {lines - before} new contacts" in said
    assert f"Already there: {before}." in said
    assert len(names()) == lines + lines // 5
    assert set(Counter(names()).values()) == {1}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_thousand_lines_are_imported_and_taken_back() -> None:
    lines = 20_000
    contacts_file(Path("a.csv"), lines)
    said = done("import", "contacts", "a.csv")
    assert f"Taken: {lines} new contacts and {lines // 5} companies." in said
    assert f"Already there: {lines}." in done("import", "contacts", "a.csv")
    undone = done("import", "undo", import_id(said))
    assert f"Removed: {lines + lines // 5} contacts. Given back: 0. Stay: 0." in undone
    assert names() == []
