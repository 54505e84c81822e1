"""`callrouter import products` as a person at a terminal meets it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.commands import COMPANY, alone_in, done, failed
from tests.import_file.files import write_csv, write_xlsx

LINE = '\n[[line]]\nnumber = "+74951230001"\nlast_resort = "+74950000000"\n'
HEAD = ["Артикул", "Наименование", "Ед.", "Цена", "НДС", "Группа", "Любимый цвет"]
GOOD = [
    HEAD,
    ["OK-1", "Окно ПВХ", "шт", "1 234,50", "без НДС", "Окна", "белый"],
    ["", "Монтаж", "час", "10"],
]
BAD = ["D-1", "Дверь", "шт", "по запросу"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    alone_in(tmp_path, monkeypatch)
    Path("setup.toml").write_text(COMPANY + LINE, encoding="utf-8")
    done("apply", "setup.toml")
    return tmp_path


def listed() -> list[tuple[str | None, str, int]]:
    """Article, name and price in kopecks."""
    with sqlite3.connect("var/callrouter.db") as base:
        return list(base.execute("SELECT article, name, price FROM product ORDER BY name"))


PRODUCTS = [(None, "Монтаж", 1000), ("OK-1", "Окно ПВХ", 123450)]


def test_a_list_is_imported_once() -> None:
    write_csv(Path("a.csv"), GOOD)
    said = done("import", "products", "a.csv")
    assert "Taken: 2 new products. Changed: 0. Already there: 0. Refused: 0." in said
    assert 'Not known and not read: "Любимый цвет"' in said
    assert "allowed: name, article, unit, price, vat, group, ignore" in said
    assert listed() == PRODUCTS
    write_xlsx(Path("a.xlsx"), GOOD)
    said = done("import", "products", "a.xlsx")
    assert "Taken: 0 new products. Changed: 0. Already there: 2. Refused: 0." in said
    assert listed() == PRODUCTS


def test_a_dry_run_says_what_would_come_of_it() -> None:
    write_csv(Path("a.csv"), [*GOOD, BAD])
    said = done("import", "products", "a.csv", "--dry-run")
    assert "Taken: 2 new products. Changed: 0. Already there: 0. Refused: 1." in said
    assert "Nothing was changed: --dry-run." in said
    assert listed() == []
    assert not Path("a.csv.refused.csv").exists()


def test_refused_lines_are_mended_and_fed_again() -> None:
    write_csv(Path("a.csv"), [*GOOD, BAD], encoding="cp1251")
    said = done("import", "products", "a.csv")
    assert 'line 4: Цена: "по запросу" is no price; allowed: 1234.50' in said
    refused = Path("a.csv.refused.csv")
    text = refused.read_text(encoding="utf-8-sig")
    refused.write_text(text.replace("по запросу;", "5000;"), encoding="utf-8-sig")
    assert "Taken: 1 new products." in done("import", "products", str(refused))
    assert len(listed()) == 3


def test_a_map_names_the_columns(folder: Path) -> None:
    write_csv(folder / "a.csv", [["Что", "Почём"], ["Окно", "5"]])
    assert 'no column is a "name"; not known: "Что", "Почём"' in failed(
        "import", "products", "a.csv"
    )
    Path("map.toml").write_text('[columns]\n"Что" = "name"\n"Почём" = "price"\n', encoding="utf-8")
    done("import", "products", "a.csv", "--map", "map.toml")
    assert listed() == [(None, "Окно", 500)]
    Path("map.toml").write_text('[columns]\n"Что" = "phone"\n', encoding="utf-8")
    assert '"phone" is not a field; ' in failed("import", "products", "a.csv", "--map", "map.toml")


def test_what_cannot_be_imported_says_so() -> None:
    write_csv(Path("a.csv"), [HEAD, BAD])
    assert "every line was refused" in failed("import", "products", "a.csv")
    write_csv(Path("b.csv"), [HEAD])
    assert "has no lines after the headings" in failed("import", "products", "b.csv")


@pytest.mark.slow
def test_two_thousand_products_go_in_parts() -> None:
    rows = [[f"A-{n}", f"Товар {n}", "шт", f"{n},10"] for n in range(2000)]
    write_csv(Path("a.csv"), [HEAD[:4], *rows])
    assert "Taken: 2000 new products." in done("import", "products", "a.csv")
    assert "Already there: 2000." in done("import", "products", "a.csv")
