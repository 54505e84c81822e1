"""Conditions of rules: a tree of comparisons over the facts of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callrouter.domain.hours import parse_hours

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.domain.routing import Arrival, Facts
    from callrouter.domain.setup import Condition, Field

Value = str | int | bool | frozenset[str] | None


def matches(when: Condition, call: Arrival, facts: Facts, open_hours: bool, now: datetime) -> bool:  # noqa: FBT001
    """Say whether a condition holds for a call. Types were checked when the rule was applied."""
    if when.all is not None:
        return all(matches(one, call, facts, open_hours, now) for one in when.all)
    if when.any is not None:
        return any(matches(one, call, facts, open_hours, now) for one in when.any)
    if when.not_ is not None:
        return not matches(when.not_, call, facts, open_hours, now)
    if when.field is None:
        return False
    if when.op == "within":
        calendar = facts.setup.calendar_of(call.line.office)
        return parse_hours(str(when.value)).open_at(now, calendar)
    return holds(when, value_of(when.field, call, facts, open_hours, now))


def holds(when: Condition, found: Value) -> bool:
    """Say whether a comparison holds for what was found; of several texts one is enough."""
    if isinstance(found, frozenset):
        return (
            any(_holds(one, when) for one in found)
            if when.op != "is_not"
            else not any(one == when.value for one in found)
        )
    return _holds(found, when)


def _holds(found: str | int | bool | None, when: Condition) -> bool:  # noqa: FBT001
    value = when.value
    match when.op:
        case "is" | "has":
            return found == value
        case "is_not":
            return found != value
        case "in":
            return isinstance(value, tuple) and found in value
        case "starts":
            return isinstance(found, str) and found.startswith(str(value))
        case "above":
            return isinstance(found, int) and isinstance(value, int) and found > value
        case "below":
            return isinstance(found, int) and isinstance(value, int) and found < value
        case _:
            return False


def value_of(
    field: Field,
    call: Arrival,
    facts: Facts,
    open_hours: bool,  # noqa: FBT001
    now: datetime,
) -> Value:
    """The fact that a field of a rule speaks of; `caller.region` is the area code."""
    caller, line = call.caller, call.line
    match field:
        case "line":
            return frozenset({line.number, line.name, *line.aliases})
        case "account":
            return call.account
        case "source":
            return line.source
        case "office":
            return line.office
        case "caller.kind":
            return caller.kind
        case "caller.number":
            return caller.number
        case "caller.country":
            return caller.country
        case "caller.region":
            return _area(caller.number)
        case "contact.known":
            return facts.known
        case "contact.tag":
            return facts.caller.tags
        case "contact.manager":
            return facts.caller.responsible or (facts.card.manager if facts.card else None)
        case "card.pipeline":
            return facts.card.pipeline if facts.card else None
        case "card.status":
            return facts.card.status if facts.card else None
        case "hours":
            return "open" if open_hours else "closed"
        case "holiday":
            calendar = facts.setup.calendar_of(line.office)
            return calendar.is_holiday(calendar.local(now).date())
        case "missed_today":
            return facts.caller.missed_today
        case "diverted_from":
            return call.diverted_from


def _area(number: str | None) -> str | None:
    """The three digits after the country code of a Russian or Kazakh number ("495"); else None."""
    return number[2:5] if number and number.startswith("+7") and len(number) == 12 else None
