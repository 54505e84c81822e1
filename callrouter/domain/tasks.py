"""What people have to do: tasks that they give, and those that the service gives them."""

from __future__ import annotations

from typing import Final, Literal

TaskKind = Literal["task", "follow_up"]
"""`follow_up`: to ask after an offer that was sent, or an invoice. Others are letters that need
a person (`callrouter.flows.letters`) and calls back that are owed (`callrouter.flows.obligations`).
"""

BY_HAND: Final[tuple[TaskKind, ...]] = ("task", "follow_up")

LONGEST_TEXT: Final = 2000
LONGEST_REASON: Final = 500
