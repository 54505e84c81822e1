"""A process that issues offers until it is killed: `python -m tests.flows.issuing URL CARD…`.

Each number is printed after its commit; every third transaction is taken back.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from callrouter.flows.documents import issue
from storage.database import BaseSilent, open_database
from tests.examples import MONDAY_NOON
from tests.flows.papers import DESK, ENTITIES, put_items


class TakenBack(Exception):
    """The transaction was to leave nothing."""


def issue_one(conn: Connection, card: str, name: str, *, fail: bool) -> str:
    """Issue an offer of something that no other offers."""
    put_items(conn, card, replace(DESK, name=name))
    now = MONDAY_NOON + timedelta(seconds=1)
    paper = issue(conn, card, ENTITIES, by="anna", now=now)
    if fail:
        raise TakenBack
    return paper.label


async def main(url: str, name: str, cards: Sequence[str]) -> None:
    database = open_database(url, guest=True)
    for n, card in zip(itertools.count(), itertools.cycle(cards), strict=False):
        with suppress(TakenBack, BaseSilent):
            label = await database.write(issue_one, card, f"{name} {n}", fail=n % 3 == 2)
            print(label, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
