"""Bases for tests: real ones, migrated, one for each test; copies of a template made once."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.database import Database, open_database
from tests.postgres import NOWHERE, Postgres, find_binaries


@dataclass(slots=True)
class Templates:
    """What the first test that needs it makes for all that follow."""

    sqlite: Path
    postgres: str | None = None


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(sqlite=tmp_path_factory.mktemp("template") / "migrated.sqlite")


@pytest.fixture(scope="session")
def postgres_binaries() -> Path:
    """Where CI is set, not having them is a failure."""
    if binaries := find_binaries():
        return binaries
    if os.environ.get("CI") == "true":
        pytest.fail(NOWHERE)
    pytest.skip(NOWHERE)


@pytest.fixture(scope="session")
def postgres(postgres_binaries: Path) -> Iterator[Postgres]:
    """A server for this process of tests."""
    server = Postgres(postgres_binaries)
    try:
        yield server.start()
    finally:
        server.remove()


async def _migrate(url: str) -> None:
    database = open_database(url)
    await database.migrate()
    await database.close()


@pytest.fixture
async def sqlite_url(templates: Templates, tmp_path: Path) -> str:
    if not templates.sqlite.exists():
        await _migrate(f"sqlite:///{templates.sqlite}")
    base = tmp_path / "base.sqlite"
    shutil.copy(templates.sqlite, base)
    return f"sqlite:///{base}"


@pytest.fixture
async def postgres_url(postgres: Postgres, templates: Templates) -> AsyncIterator[str]:
    if templates.postgres is None:
        template = await postgres.make_base()
        await _migrate(postgres.url(template))
        templates.postgres = template
    name = await postgres.make_base(template=templates.postgres)
    yield postgres.url(name)
    await postgres.drop_base(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated base, for each engine in turn."""
    engine = "postgres" if request.param == "postgresql" else "sqlite"
    url: str = request.getfixturevalue(f"{engine}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated base, for each engine in turn; as patient as a command, as tests share cores."""
    database = open_database(database_url, checkpoints=True, guest=True)
    yield database
    await database.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    database = open_database(sqlite_url, checkpoints=True)
    yield database
    await database.close()
