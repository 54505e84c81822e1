"""What time it is where a number belongs: said only if it is certain."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callrouter.domain.client_time import time_of

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # in Moscow


@pytest.mark.parametrize(
    ("number", "hour"),
    [
        pytest.param("+74232000000", 19, id="Vladivostok"),
        pytest.param("+74951230001", 12, id="Moscow"),
        pytest.param("+390612345678", 10, id="Rome"),
        pytest.param("+79161234567", None, id="a mobile one, anywhere in Russia"),
        pytest.param("+88312345678", None, id="of no place"),
        pytest.param("+999123", None, id="no number"),
        pytest.param("112", None, id="short"),
        pytest.param(None, None, id="withheld"),
    ],
)
def test_the_time_there(number: str | None, hour: int | None) -> None:
    found = time_of(number, NOON)
    assert (found.hour if found else None) == hour
