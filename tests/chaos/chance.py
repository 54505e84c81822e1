"""Red controls: what is broken on purpose shows by chance, so one may look more than once."""

from typing import Final

import pytest

by_chance: Final = pytest.mark.flaky(reruns=3)
