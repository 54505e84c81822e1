"""Blocks: numbers that are not put through, by setup.toml or by the list that people keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from callrouter.domain.phones import read_caller

if TYPE_CHECKING:
    from callrouter.domain.setup import Block, Setup

BlockOrigin = Literal["setup", "list"]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number (E.164, or the digits of a short one) that is blocked until a moment, or for good.

    `origin`: `setup` stands in setup.toml, `list` was added by a person or a program.
    """

    number: str
    reason: str = ""
    until: datetime | None = None
    origin: BlockOrigin = "list"

    def stands(self, now: datetime) -> bool:
        return self.until is None or self.until > now


def from_setup(setup: Setup, number: str, now: datetime) -> Blocked | None:
    """The block of setup.toml that holds this number now; of several the one that ends last."""
    found = [_of_setup(setup, number, block) for block in setup.blocks.get(number, ())]
    return _longest(one for one in found if one.stands(now))


def all_of_setup(setup: Setup) -> tuple[Blocked, ...]:
    """Every block of setup.toml, ended or not; of a number's several the one that ends last."""
    found = (
        _longest(_of_setup(setup, number, block) for block in blocks)
        for number, blocks in setup.blocks.items()
    )
    return tuple(one for one in found if one)


def find_block(
    number: str | None, setup: Setup, listed: Mapping[str, Blocked], now: datetime
) -> Blocked | None:
    """What blocks a number now: setup.toml, else the list."""
    if number is None:
        return None
    if setup.blocks and (found := from_setup(setup, number, now)):
        return found
    one = listed.get(number)
    return one if one and one.stands(now) else None


def whose_number(setup: Setup, number: str) -> str | None:
    """Says which of our own a number is, in words: such a number is never blocked."""
    if number in setup.lines:
        return "a line of ours"
    if manager := setup.own_phones.get(number):
        return f"a phone of the manager {manager}"
    return "an inside dial of ours" if number in setup.inside_dials else None


class CannotBlock(ValueError):
    """A number that is not to be blocked; the text says why and what is allowed."""


class NumberOfOurs(CannotBlock):
    """It is one of our own."""


def read_blocked(setup: Setup, text: str) -> str:
    """The number that a person or a program wants to block. Raises CannotBlock."""
    number = read_caller(text, setup.company.region).number
    if number is None:
        raise CannotBlock('is not a number; allowed: e.g. "+79990000000"')
    if ours := whose_number(setup, number):
        raise NumberOfOurs(f"is {ours}; allowed: a number that is not ours")
    return number


def end_of_day(day: date, zone: str) -> datetime | None:
    """The moment at which a local day is over, in UTC; None: beyond the calendar."""
    try:
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return None


def _of_setup(setup: Setup, number: str, block: Block) -> Blocked:
    until = end_of_day(block.until, setup.company.time_zone) if block.until else None
    return Blocked(number, block.reason, until, "setup")


def _longest(found: Iterable[Blocked]) -> Blocked | None:
    never = datetime.max.replace(tzinfo=UTC)
    return max(found, key=lambda one: one.until or never, default=None)
