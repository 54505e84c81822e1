"""What is still to do about a card, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.next_steps import desk_of
from callrouter.pages.tasks import PickRow, owners_of, picks_of
from callrouter.pages.today import Todo, task_row

if TYPE_CHECKING:
    from callrouter.domain.setup import Manager
    from callrouter.pages.card_read import WholeCard
    from callrouter.pages.doors import Guest
    from callrouter.wording.people import Voice


@dataclass(frozen=True, slots=True)
class TaskDesk:
    """The open tasks, the earliest term first; when one may be put off to, and who may get one.

    `owner`: the one of `owners` who is meant unless somebody else is chosen.
    """

    rows: tuple[Todo, ...]
    picks: tuple[PickRow, ...]
    owners: tuple[Manager, ...]
    owner: str | None


def task_desk_of(whole: WholeCard, guest: Guest, voice: Voice, now: datetime) -> TaskDesk:
    setup, owners = voice.setup, owners_of(voice.setup, guest)
    desk = desk_of(setup, setup.managers.get(guest.manager or ""))
    rows = (task_row(one, guest.manager, desk, voice, now) for one in whole.tasks)
    usual = guest.manager or whole.card.manager
    return TaskDesk(
        rows=tuple(_here(row) for row in rows),
        picks=picks_of(desk, setup.workplace.next_days, now, guest.words),
        owners=owners,
        owner=usual if usual in {one.key for one in owners} else None,
    )


def _here(row: Todo) -> Todo:
    """Without what the page says anyway: whose deal it is, and which; its client can be called."""
    return replace(row, title="", path="", number="", dial="", card="", card_path="")
