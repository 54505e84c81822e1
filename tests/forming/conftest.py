from __future__ import annotations

from collections.abc import Iterator

import pytest

from callrouter.forming.press import Press


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    found = Press()
    yield found
    found.close()
