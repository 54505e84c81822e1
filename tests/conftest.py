"""Bases for tests: real ones, migrated, one for each test; copies of a template made once."""

import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from storage.database import Database, open_database
from tests.postgres import NOWHERE, Postgres, find_binaries

# Time is the machine's affair; a further try of a method runs on another object of its class.
settings.register_profile(
    "callrouter",
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)
settings.load_profile("callrouter")

TIMED = (
    "api/",
    "chaos/test_front_door_flood.py",
    "chaos/test_poison.py",
    "chaos/test_stalls.py",
    "e2e/",
    "examples_of_pbx/",
    "jobs/",
    "outside/",
    "pages/",
    "setup_file/test_shadows.py",
    "sip/",
    "storage/test_database.py",
    "storage/test_silence_postgres.py",
    "storage/test_silence_sqlite.py",
    "test_cli.py",
    "test_first_steps.py",
    "webhooks/",
)
"""These measure time, or wait for a server, a browser or a SIP proxy: where cores are shared with
others they may fail. They get two more tries; the summary counts them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(TIMED):
            item.add_marker(pytest.mark.flaky(reruns=2))


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """What a failed test shared with its module ends with it.

    Its next try, and the test after it, begin with a server that has not seen its calls and cards.
    pytest has no public way to say so; pytest-rerunfailures reaches for the same place.
    """
    if item.stash.get(FAILED, False) and item.get_closest_marker("flaky"):
        item.session._setupstate.teardown_exact(item.session)  # type: ignore[arg-type]


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
    """The like for tests that need one engine only."""
    database = open_database(sqlite_url, checkpoints=True, guest=True)
    yield database
    await database.close()
