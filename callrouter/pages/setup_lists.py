"""Lists of the setup: the items of a section in words, and who is away when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from callrouter.pages.setup_form import held
from callrouter.setup_file.editing import written_of
from callrouter.setup_file.names import label

if TYPE_CHECKING:
    from callrouter.pages.setup_kinds import Context
    from callrouter.pages.setup_sections import Section

WEEKS: Final = 6


@dataclass(frozen=True, slots=True)
class Row:
    """An item. `up`, `down`: the places where it would stand; None: it is there already."""

    key: str
    cells: tuple[str, ...]
    gone: bool = False
    up: int | None = None
    down: int | None = None


@dataclass(frozen=True, slots=True)
class AwayDay:
    day: int
    away: bool
    free: bool  # a Saturday, a Sunday, a holiday
    today: bool


@dataclass(frozen=True, slots=True)
class Away:
    """The next weeks, a row for each who is away in them. `weeks`: their first days."""

    weeks: tuple[str, ...]
    people: tuple[tuple[str, tuple[AwayDay, ...]], ...]


def rows_of(section: Section, ctx: Context, *, q: str = "", state: str = "") -> tuple[Row, ...]:
    """Those that are asked for. Managers: who works here, or `gone`, or `all`; absences: from today
    on, or `all`.
    """
    items = getattr(ctx.setup, section.name)
    found = [
        (place, label(section.name, it), _cells(section, ctx, it))
        for place, it in enumerate(items)
        if _wanted(section, ctx, it, state)
    ]
    sought = q.casefold().split()
    found = [it for it in found if all(word in _text(it) for word in sought)]
    if section.name == "absence":
        found.sort(key=lambda it: (items[it[0]].from_, it[1]))
    rows = []
    for n, (place, key, cells) in enumerate(found):
        movable = bool(section.order) and not q
        up = found[n - 1][0] if movable and n else None
        down = found[n + 1][0] if movable and n + 1 < len(found) else None
        rows.append(Row(key, cells, _is_gone(section, items[place]), up, down))
    return tuple(rows)


def _cells(section: Section, ctx: Context, item: object) -> tuple[str, ...]:
    key = label(section.name, item)
    was = written_of(ctx.setup, section.name, key)
    cells = [_said(section, ctx, was, name) for name in section.columns]
    return (cells[0] or key, *cells[1:])


def _said(section: Section, ctx: Context, was: dict[str, Any], name: str) -> str:
    return section.field(name).kind.said(held(section.name, was, name), ctx)


def _text(found: tuple[int, str, tuple[str, ...]]) -> str:
    return " ".join((found[1], *found[2])).casefold()


def _is_gone(section: Section, item: Any) -> bool:  # noqa: ANN401  of any section
    return section.name == "manager" and not item.active


def _wanted(section: Section, ctx: Context, item: Any, state: str) -> bool:  # noqa: ANN401
    if section.name == "manager":
        return state == "all" or item.active == (state != "gone")
    if section.name == "absence" and state != "all":
        return bool(item.to >= ctx.today)
    return True


def away_days(ctx: Context) -> Away:
    """From the Monday of this week on."""
    today = ctx.today
    first = today - timedelta(days=today.weekday())
    days = [first + timedelta(days=n) for n in range(7 * WEEKS)]
    calendar = ctx.setup.calendar_of(None)
    free = {it for it in days if it.weekday() > 4 or calendar.is_holiday(it)}
    people = []
    for manager, absences in ctx.setup.absences.items():
        away = {it for it in days if any(one.from_ <= it <= one.to for one in absences)}
        known = ctx.setup.managers.get(manager)
        if away:
            cells = tuple(AwayDay(it.day, it in away, it in free, it == today) for it in days)
            people.append((known.name if known else manager, cells))
    return Away(tuple(f"{days[7 * n]:%d.%m}" for n in range(WEEKS)), tuple(people))
