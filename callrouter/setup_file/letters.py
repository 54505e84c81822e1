"""Checks of letters: what asks for them, what they need, and what they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from callrouter.domain.hours import BadHours, parse_hours
from callrouter.domain.letters import LETTER_FIELDS
from callrouter.domain.setup import Condition, Letter, Setup
from callrouter.setup_file.conditions import check_condition
from callrouter.setup_file.mailboxes import sender
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import (
    Problem,
    between,
    hours,
    name_of_item,
    once,
    quoted,
    reference,
)

_DAY_S = 86_400
_MOST_PER_HOUR = 1_000_000


def check_letters(setup: Setup) -> Iterator[Problem]:
    for letter in setup.letter:
        yield from _letter(setup, letter)
    letters = setup.letters
    yield from hours("letters.quiet", letters.quiet)
    yield from _quiet(letters.quiet)
    yield from sender("letters.sender", letters.sender)
    kinds = ("brief", "thanks", "wait")
    yield from reference("letters.without_items", letters.without_items, kinds, "such letter kind")
    yield from between("letters.same_offer_days", letters.same_offer_days, 0, 366)
    yield from between("letters.per_hour", letters.per_hour, 1, _MOST_PER_HOUR)


def _quiet(text: str | None) -> Iterator[Problem]:
    """Hours that never end would hold every letter for ever."""
    try:
        always = text is not None and parse_hours(text).text.strip() == "24/7"
        week = parse_hours(text).week if text is not None else ()
    except BadHours:
        return  # said already
    whole = week and all(spans == ((0, 1440),) for spans in week)
    if always or whole:
        yield Problem("letters.quiet", 'never end; allowed: e.g. "20:00-08:00"')


def _letter(setup: Setup, letter: Letter) -> Iterator[Problem]:
    at = item_name("letter", letter)
    yield from name_of_item(at, letter.key)
    yield from name_of_item(f"{at}.template", letter.template)
    yield from once(f"{at}.attach", letter.attach)
    yield from between(f"{at}.undo_seconds", letter.undo_seconds, 0, _DAY_S)
    yield from reference(f"{at}.pipeline", letter.pipeline, setup.pipelines, "pipeline")
    if pipeline := setup.pipelines.get(letter.pipeline):
        statuses = [status.key for status in pipeline.statuses]
        yield from reference(f"{at}.on_status", letter.on_status, statuses, "status")
        yield from reference(f"{at}.then_status", letter.then_status, statuses, "status")
    if letter.then_status is not None and letter.then_status == letter.on_status:
        message = f'is "{letter.then_status}", the status that asks for it; allowed: another'
        yield Problem(f"{at}.then_status", message)
    if letter.kind != "offer" and letter.attach and letter.attach != Letter("").attach:
        message = f"is given for a {letter.kind}; allowed: only for an offer"
        yield Problem(f"{at}.attach", message)
    if letter.kind == "offer" and not letter.attach:
        yield Problem(f"{at}.attach", "is empty; allowed: pdf, docx, odt, one or more")
    if letter.release == "head" and not any(team.head for team in setup.team):
        message = 'is "head", and no team has one; allowed: "auto", "manager", or a head in a team'
        yield Problem(f"{at}.release", message)
    if letter.when is not None:
        yield from check_condition(setup, letter.when, f"{at}.when")
        yield from _fields(letter.when, f"{at}.when")


def _fields(when: Condition, at: str) -> Iterator[Problem]:
    """A letter is asked for by a card: what only a call has says nothing here."""
    if when.field is not None and when.field not in LETTER_FIELDS:
        message = f'is "{when.field}"; allowed in a letter: {quoted(sorted(LETTER_FIELDS))}'
        yield Problem(f"{at}.field", message)
    below = (*(when.all or ()), *(when.any or ()), *((when.not_,) if when.not_ else ()))
    for part in below:
        yield from _fields(part, at)
