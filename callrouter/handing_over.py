"""What `handover` does at a terminal: shows who would get what, asks, gives it part by part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import click

from callrouter import terminal
from callrouter.flows import handover as flow
from callrouter.flows.handover import AT_ONCE, CannotHandOver, Given, Share
from callrouter.terminal import Failed, say
from storage import handovers, setups
from storage.handovers import Counts, Handover, Piece
from storage.ids import new_id

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Manager, Setup
    from callrouter.settings import Settings
    from storage.database import Database

R = TypeVar("R")

BY: Final = "cli"
_PAGE: Final = 1000  # rows in one read


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who would get what of whose work, as the base is now."""

    setup: Setup
    asked: Handover
    giver: Manager
    given: Sequence[Given]
    shares: Sequence[Share]


def hand_over(settings: Settings, giver: str, to: str | None, *, sure: bool, dry_run: bool) -> None:
    """Hand a manager's open work over to another, or with `to` None to his team."""
    asked = Handover(new_id(terminal.now()), giver, to, undone=False)
    _carry_out(settings, lambda base: _plan(base, asked), sure=sure, dry_run=dry_run)


def resume(settings: Settings, id_: str, *, sure: bool, dry_run: bool) -> None:
    """Go on with a handover that was cut short, or give what the giver got since."""

    async def plan(base: Database) -> _Plan:
        return await _plan(base, await _find(base, id_))

    _carry_out(settings, plan, sure=sure, dry_run=dry_run)


def undo(settings: Settings, id_: str) -> None:
    """Take a handover back, as far as nobody changed its pieces since."""

    async def take_back(base: Database) -> tuple[str, Counts, int]:
        done, setup = await _find(base, id_), await base.read(_setup)
        total, left, last = Counts(), 0, ("", "")
        while True:
            part = await base.write(flow.undo, setup, done, by=BY, now=terminal.now(), after=last)
            total, left = _sum(total, part.back), left + part.left
            if part.last is None:
                return done.giver, total, left
            last = part.last

    giver, total, left = _at_base(settings, take_back)
    say(f"Handover {id_} was taken back: {_words(total)} to {giver}.")
    if left:
        say(f"{left} not put back: changed since, or closed.")


def _at_base(settings: Settings, do: Callable[[Database], Awaitable[R]]) -> R:
    if terminal.no_base(settings):
        raise Failed(f"there is no base at {settings.database}")
    try:
        return terminal.with_base(settings, do)
    except CannotHandOver as error:
        raise Failed(f"{error}. Nothing was handed over.") from error


async def _find(base: Database, id_: str) -> Handover:
    found = await base.read(handovers.find, id_)
    if found is None:
        raise Failed(f"there is no handover {id_}")
    if found.undone:
        raise Failed(f"handover {id_} was taken back already")
    return found


def _carry_out(
    settings: Settings,
    make: Callable[[Database], Awaitable[_Plan]],
    *,
    sure: bool,
    dry_run: bool,
) -> None:
    """Show a plan, ask, and give it part by part."""
    plan = _at_base(settings, make)
    if not plan.given:
        say(f"{plan.giver.name} ({plan.giver.key}) has no open work.")
        return
    _show(plan)
    if dry_run:
        say("Nothing was handed over: --dry-run.")
        return
    if not sure and not _confirmed():
        raise Failed("nothing was handed over")
    if len(plan.given) > AT_ONCE:
        say(f"If this is cut short: callrouter handover resume {plan.asked.id}")
    total = _at_base(settings, lambda base: _give(base, plan))
    say(f"Handed over: {_words(total)}.")
    say(f"To take it back: callrouter handover undo {plan.asked.id}")


async def _give(base: Database, plan: _Plan) -> Counts:
    total, asked = Counts(), plan.asked
    for start in range(0, len(plan.given), AT_ONCE):
        given = await base.write(
            flow.hand_over,
            plan.setup,
            plan.given[start : start + AT_ONCE],
            id_=asked.id,
            giver=asked.giver,
            to=asked.to,
            by=BY,
            now=terminal.now(),
        )
        total = _sum(total, given)
    return total


async def _plan(base: Database, asked: Handover) -> _Plan:
    setup = await base.read(_setup)
    giver = flow.giver_of(setup, asked.giver)
    receivers = flow.receivers_of(setup, giver, asked.to)
    pieces: list[Piece] = []
    page: list[Piece] | None = None
    while page is None or len(page) == _PAGE:
        after = pieces[-1].id if pieces else ""
        page = await base.read(handovers.open_work, giver.key, after=after, limit=_PAGE)
        pieces += page
    now = terminal.now()
    given, shares = await base.read(flow.share_out, setup, pieces, receivers, now=now)
    return _Plan(setup, asked, giver, given, shares)


def _setup(conn: Connection) -> Setup:
    return setups.load(conn, setups.current_version(conn))


def _confirmed() -> bool:
    try:
        return click.confirm("Hand it over?")
    except click.Abort:
        return False


def _show(plan: _Plan) -> None:
    total = Counts()
    for share in plan.shares:
        total = _sum(total, share.counts)
    say(f"{plan.giver.name} ({plan.giver.key}) has {_words(total)}. Who gets them:")
    wide = max(len(share.manager.key) for share in plan.shares)
    for share in plan.shares:
        load = f"load {share.before:.0%} -> {share.after:.0%}"
        say(f"  {share.manager.key:{wide}}  {_words(share.counts)}; {load}")


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(one.cards + other.cards, one.contacts + other.contacts, one.tasks + other.tasks)


def _words(counts: Counts) -> str:
    """As "3 cards, 1 contact, 0 tasks"."""
    named = (("card", counts.cards), ("contact", counts.contacts), ("task", counts.tasks))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in named)
