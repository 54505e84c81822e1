"""Tags that contacts have, as rules offer them."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from storage import tags
from storage.database import Database
from storage.tags import tags_in_use
from tests.api.rows import add_contact


async def test_the_most_used_tags_in_the_order_of_the_alphabet(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(conn: Connection) -> None:
        for given in (("vip", "опт"), ("опт",), ("a",), ("vip",), ()):
            add_contact(conn, tags=given)

    await database.write(some)
    assert await database.read(tags_in_use) == ("a", "vip", "опт")
    monkeypatch.setattr(tags, "MOST", 2)
    assert await database.read(tags_in_use) == ("vip", "опт")
