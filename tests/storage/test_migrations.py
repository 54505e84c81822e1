"""Every way to the newest schema ends where the tables say, and no row is lost on it."""

import asyncio
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeEngine

from storage import migrations, sqlite
from storage.database import BaseTooNew, Database
from storage.tables import card_item, metadata
from tests.postgres import Postgres
from tests.storage.tally import opened

VERSIONS = migrations.versions()
HERE = migrations.HERE

NEXT = f"""
import sqlalchemy as sa
from alembic import op

revision = "{len(VERSIONS) + 1:04}"
down_revision = "{VERSIONS[-1]}"

def upgrade():
"""
MAKES_A_TABLE_ANEW = """
    with op.batch_alter_table("contact", recreate="auto") as contact:
        contact.add_column(sa.Column("nickname", sa.Text()))
        contact.alter_column("comment", existing_type=sa.Text(), type_=sa.String(4000))
"""
LOSES_WHAT_OTHERS_REFER_TO = """
    op.execute("DELETE FROM contact")
"""


@pytest.fixture
async def empty_sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/empty.sqlite"


@pytest.fixture
async def empty_postgres(postgres: Postgres) -> str:
    return postgres.url(await postgres.make_base())


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest) -> str:
    """The address of a base with nothing in it."""
    url: str = request.getfixturevalue(f"empty_{request.param}")
    return url


def released(folder: Path, known: int, then: str = "") -> Path:
    """The migrations as they were with so many versions, and perhaps one more."""
    scripts = folder / f"migrations_{known}_{bool(then)}"
    (scripts / "versions").mkdir(parents=True)
    shutil.copy(HERE / "env.py", scripts)
    for number in VERSIONS[:known]:
        (file,) = HERE.glob(f"versions/{number}_*.py")
        shutil.copy(file, scripts / "versions")
    if then:
        (scripts / "versions" / f"{known + 1:04}_next.py").write_text(NEXT + then)
    return scripts


async def migrate(url: str) -> list[str]:
    told: list[str] = []
    async with opened(url) as database:
        await database.migrate(told.append)
    return told


def order(conn: Connection, statement: str) -> None:
    conn.exec_driver_sql(statement)


def reflected(conn: Connection) -> MetaData:
    found = MetaData()
    found.reflect(conn)
    return found


def a_value(kind: TypeEngine[object]) -> object:
    match kind:
        case Boolean():
            return True
        case BigInteger() | Integer() | Float():
            return 1
        case Date():
            return date(2026, 3, 12)
        case LargeBinary():
            return b"1"
        case _:
            return "1"


def put_a_row_everywhere(conn: Connection) -> None:
    """Everything is 1, so that every reference finds what it refers to."""
    for table in reflected(conn).sorted_tables:
        if table.name != "alembic_version":
            conn.execute(insert(table).values({c.name: a_value(c.type) for c in table.columns}))


def count_everywhere(conn: Connection) -> dict[str, int]:
    return {
        table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
        for table in reflected(conn).sorted_tables
    }


def differences(conn: Connection) -> list[object]:
    """What the tables have and the base has not, or the other way round."""
    options = {"compare_server_default": conn.dialect.name == "postgresql"}
    found: list[object] = compare_metadata(MigrationContext.configure(conn, opts=options), metadata)
    return found


async def test_an_empty_base_becomes_what_the_tables_say(empty: str) -> None:
    assert await migrate(empty) == [f"the base is brought to schema {v}" for v in VERSIONS]
    async with opened(empty, guest=True) as database:
        assert await database.write(differences) == []


async def test_a_base_without_a_table_is_found_out(empty: str) -> None:
    """The red control of the test above."""
    await migrate(empty)
    async with opened(empty, guest=True) as database:
        await database.write(order, "DROP TABLE notice")
        assert await database.write(differences) != []


async def test_versions_are_one_line_numbered_like_their_files(database: Database) -> None:
    def chain(conn: Connection) -> list[str]:
        scripts = ScriptDirectory.from_config(migrations.configured(conn))
        assert len(scripts.get_heads()) == 1
        return [script.revision for script in scripts.walk_revisions()][::-1]

    assert await database.read(chain) == VERSIONS
    assert [f"{n + 1:04}" for n in range(len(VERSIONS))] == VERSIONS


@pytest.mark.parametrize("known", range(1, len(VERSIONS) + 1))
async def test_no_step_loses_a_row(
    empty: str, known: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step is to a version that is not there yet: it makes a table anew."""
    monkeypatch.setattr(migrations, "HERE", released(tmp_path, known))
    await migrate(empty)
    async with opened(empty, guest=True) as database:
        await database.write(put_a_row_everywhere)
        before = await database.read(count_everywhere)
        assert set(before.values()) == {1}
        then = MAKES_A_TABLE_ANEW if known == len(VERSIONS) else ""
        monkeypatch.setattr(migrations, "HERE", released(tmp_path, known + (not then), then))
        assert await migrate(empty) == [f"the base is brought to schema {known + 1:04}"]
        after = await database.read(count_everywhere)
    assert after == before | {name: 0 for name in after if name not in before}


async def test_quantities_are_thousandths_from_version_2_on(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were hundredths: 1 stood for 0.01."""
    monkeypatch.setattr(migrations, "HERE", released(tmp_path, 1))
    await migrate(empty)
    async with opened(empty, guest=True) as database:
        await database.write(put_a_row_everywhere)
        monkeypatch.setattr(migrations, "HERE", HERE)
        await migrate(empty)
        quantity = await database.read(
            lambda conn: conn.execute(select(card_item.c.quantity)).scalar_one()
        )
    assert quantity == Decimal("0.01")


async def test_with_foreign_keys_on_making_a_table_anew_would_fail(
    empty_sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The red control of the test above."""
    await migrate(empty_sqlite)
    async with opened(empty_sqlite) as database:
        await database.write(put_a_row_everywhere)
    scripts = released(tmp_path, len(VERSIONS), MAKES_A_TABLE_ANEW)
    monkeypatch.setattr(migrations, "HERE", scripts)
    monkeypatch.setattr(sqlite, "_MIGRATING", {})
    with pytest.raises(IntegrityError):
        await migrate(empty_sqlite)


async def test_a_step_that_breaks_references_is_taken_back(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty)
    async with opened(empty, guest=True) as database:
        await database.write(put_a_row_everywhere)
        before = await database.read(count_everywhere)
        scripts = released(tmp_path, len(VERSIONS), LOSES_WHAT_OTHERS_REFER_TO)
        monkeypatch.setattr(migrations, "HERE", scripts)
        with pytest.raises((RuntimeError, IntegrityError), match=r"references|foreign key"):
            await migrate(empty)
        assert await database.read(count_everywhere) == before
        assert await database.read(migrations.current) == VERSIONS[-1]


async def test_a_base_of_a_newer_version_is_left_alone(database: Database) -> None:
    await database.write(order, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BaseTooNew, match="9999"):
        await database.migrate()


async def test_nodes_that_start_at_once_migrate_once(empty: str) -> None:
    told = await asyncio.gather(*(migrate(empty) for _ in range(3)))
    assert sorted(map(len, told)) == [0, 0, len(VERSIONS)]


async def test_a_base_up_to_date_is_opened_without_alembic(sqlite_url: str) -> None:
    script = f"""
import asyncio, sys
from storage.database import open_database

async def start():
    database = open_database({sqlite_url!r})
    await database.migrate()
    await database.close()
    print("alembic" in sys.modules)

asyncio.run(start())
"""
    printed = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert printed == ["False"]
