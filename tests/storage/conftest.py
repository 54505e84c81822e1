from collections.abc import AsyncIterator

import pytest

from storage.database import Database, open_database
from tests.storage.tally import make_tally


@pytest.fixture
async def tally(database_url: str) -> AsyncIterator[Database]:
    """A base as a server opens it, with a server's impatience."""
    database = open_database(database_url, checkpoints=True)
    await database.write(make_tally)
    yield database
    await database.close()
