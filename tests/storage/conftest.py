import pytest

from storage.database import Database
from tests.storage.tally import make_tally


@pytest.fixture
async def tally(database: Database) -> Database:
    await database.write(make_tally)
    return database
