"""The audit's chain, gone through in short reads, so that a long one holds nobody up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage import audit

if TYPE_CHECKING:
    from storage.audit import Checked
    from storage.database import Database

AT_ONCE: Final = 100
"""So many reads at most, of 500 rows each; whoever wants the rest goes on behind them."""


async def check_chain(database: Database, behind: int = 0, *, reads: int = AT_ONCE) -> Checked:
    """Go along it from behind a row. Raises BaseSilent."""
    found = await database.read(audit.begin_behind, behind)
    for _ in range(reads):
        found = await database.read(audit.verify_part, found)
        if found.whole or found.broken_at is not None:
            break
    return found
