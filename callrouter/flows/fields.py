"""What people and programs set of a card, and the company's own fields of cards and contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

from callrouter.domain.setup import CustomField
from callrouter.flows import people
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Person, Saved, Wrong, wrong_manager
from callrouter.setup_file.problems import allowed_words
from storage import cards, choices, moves, notices
from storage import fields as storage
from storage.fields import CardValues, Value
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup

Noun = Literal["card", "contact"]
Given = str | int | float | bool | None
"""A value as a program sends it; None: there is none any more."""

MOST_MONEY = Decimal(10) ** 13
LONGEST_TEXT = 2000
LONGEST_TITLE = 200


class Unfit(ValueError):
    """A value that cannot be used; the text says what is allowed."""


class StaleCard(Exception):
    """The card was changed since it was read; `version` and `status` are what it has now."""

    def __init__(self, version: int, status: str) -> None:
        said = f"its version is {version}, its status {status}"
        super().__init__(f"The card was changed meanwhile: {said}.")
        self.version = version
        self.status = status


@dataclass(frozen=True, slots=True)
class CardChange:
    """What is sent of a card: of its columns only what `given` names counts.

    `manager` None: nobody's from now on. `own`: the company's own fields, as far as they are given.
    """

    given: frozenset[str] = frozenset()
    amount: Decimal | None = None
    due_on: date | None = None
    source: str | None = None
    entity: str | None = None
    manager: str | None = None
    title: str = ""
    own: Mapping[str, Given] = field(default_factory=dict)


def change_card(
    conn: Connection,
    card_id: str,
    change: CardChange,
    setup: Setup,
    *,
    version: int | None = None,
    by: str,
    now: datetime,
) -> None:
    """Set what is given of a card; what it has already does nothing.

    `version`: the one that the sender has read; None: whatever it is. Raises NoSuchCard, StaleCard,
    BadFields.
    """
    found = moves.find(conn, card_id)
    if found is None:
        raise NoSuchCard(card_id)
    if version is not None and version != found.version:
        raise StaleCard(found.version, found.status)
    own, wrong = read_own(change.own, "card", setup)
    wrong += wrong_columns(conn, card_id, change, setup)
    if wrong:
        raise BadFields(*wrong)
    happened = write_change(conn, card_id, change, own, setup, by=by, now=now)
    if "manager" in change.given:
        happened += _own(conn, card_id, change.manager, setup, by=by, now=now)
    notices.record(conn, happened, now=now)
    if happened:
        owners = {found.manager, change.manager if "manager" in change.given else None}
        tell_of(conn, card_id, owners - {None}, now=now)


def wrong_columns(
    conn: Connection, card_id: str, change: CardChange, setup: Setup, *, inside: str = ""
) -> list[Wrong]:
    """What is wrong with the columns that are given; `inside`: how the request names them."""
    return list(_wrong_columns(conn, card_id, change, setup, inside))


def _wrong_columns(
    conn: Connection, card_id: str, change: CardChange, setup: Setup, inside: str
) -> Iterator[Wrong]:
    if "amount" in change.given:
        at = f"{inside}amount"
        if storage.has_items(conn, card_id):
            yield Wrong(at, "is the sum of the card's items; allowed: to change the items")
        elif change.amount is not None and not _is_money(change.amount):
            yield Wrong(at, "is no sum of money; allowed: 0 or more, in roubles and whole kopecks")
    if "entity" in change.given and change.entity is not None:
        known = [one.key for one in setup.entity]
        if change.entity not in known:
            yield Wrong(f"{inside}entity", f"is none; {allowed_words(known, change.entity)}")
    if "title" in change.given and len(change.title) > LONGEST_TITLE:
        yield Wrong(f"{inside}title", f"is too long; allowed: at most {LONGEST_TITLE} characters")
    if "manager" in change.given and change.manager is not None:
        yield from wrong_manager(f"{inside}manager", change.manager, setup)


def _is_money(amount: Decimal) -> bool:
    return 0 <= amount < MOST_MONEY and amount == round(amount, 2)


def write_change(
    conn: Connection,
    card_id: str,
    change: CardChange,
    own: Mapping[str, Value | None],
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> list[Happening]:
    """Write columns and own fields that are good; what came of it, where anything did."""
    before = storage.of_card(conn, card_id)
    if before is None:
        raise NoSuchCard(card_id)
    columns = {one.name for one in fields(CardValues)} & change.given
    after = replace(before, **{name: getattr(change, name) for name in columns})
    changed = [name for name in sorted(columns) if getattr(before, name) != getattr(after, name)]
    data: dict[str, str | int | None] = {
        name: None if getattr(after, name) is None else str(getattr(after, name))
        for name in changed
    }
    named = _write_own(conn, card_id, "card", own, setup)
    if changed:
        storage.write_card(conn, card_id, after, now=now)
    elif named:
        storage.touch_card(conn, card_id, now=now)
    else:
        return []
    data["fields"] = " ".join([*changed, *named])
    return [Happening("card_changed", now, by, card=card_id, data=data)]


def _own(
    conn: Connection, card_id: str, manager: str | None, setup: Setup, *, by: str, now: datetime
) -> list[Happening]:
    """Make somebody, or nobody, responsible for a card."""
    before = cards.states(conn, [card_id])[card_id]
    if before.manager == manager:
        return []
    team = setup.managers[manager].team if manager else None
    after = replace(before, manager=manager, manager_by=by, manager_at=now, team=team)
    cards.change(conn, [(before, after)], now=now)
    choices.touch_those_of(conn, [card_id], now=now)
    kind = "card_owned" if manager else "card_disowned"
    return [Happening(kind, now, by, card=card_id, data={"manager": manager or before.manager})]


def tell_of(conn: Connection, card_id: str, managers: set[str | None], *, now: datetime) -> None:
    """Let the screens of these managers show the card anew."""
    keys = sorted(one for one in managers if one)
    notices.tell_people(conn, "card", keys, now=now, card=card_id)


# The company's own fields


def own_fields(setup: Setup, noun: Noun) -> dict[str, CustomField]:
    return {one.key: one for one in setup.field if one.noun == noun}


def read_own(
    given: Mapping[str, Given], noun: Noun, setup: Setup
) -> tuple[dict[str, Value | None], list[Wrong]]:
    """The values as their fields have them, and what is wrong with which."""
    known = own_fields(setup, noun)
    read: dict[str, Value | None] = {}
    wrong = []
    for key, value in given.items():
        at = f"fields.{key[:64]}"
        if key not in known:
            wrong.append(Wrong(at, f"is no field of a {noun}; {allowed_words(list(known), key)}"))
            continue
        try:
            read[key] = _read(known[key], value)
        except Unfit as bad:
            wrong.append(Wrong(at, str(bad)))
    return read, wrong


def _read(one: CustomField, given: Given) -> Value | None:
    """Raises Unfit."""
    if given is None or given == "":
        return None
    match one.type:
        case "flag":
            if not isinstance(given, bool):
                raise Unfit("is no flag; allowed: true, false")
            return given
        case "number":
            number = read_decimal(given)
            if number is None or abs(number) >= MOST_MONEY or number != round(number, 2):
                raise Unfit("is no number with at most two decimals; allowed: e.g. 12.5")
            return number
        case "date":
            return read_day(given)
        case "choice":
            if given not in one.choices:
                raise Unfit(f"is none of its choices; {allowed_words(one.choices, given)}")
            return str(given)
        case "text":
            if not isinstance(given, str):
                raise Unfit("is no text; allowed: a string")
            if len(given) > LONGEST_TEXT:
                raise Unfit(f"is too long; allowed: at most {LONGEST_TEXT} characters")
            return given.replace("\x00", "").strip() or None


def read_decimal(given: object) -> Decimal | None:
    """A number as JSON has it, or as text; None for what is none. A float is read as written."""
    if isinstance(given, bool) or not isinstance(given, (str, int, float, Decimal)):
        return None
    try:
        number = Decimal(str(given).strip()) if len(str(given)) <= 40 else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def read_day(given: object) -> date:
    """A day as text, like 2026-03-12. Raises Unfit."""
    try:
        if isinstance(given, str) and len(given) == len("2026-03-12"):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise Unfit("is no day; allowed: e.g. 2026-03-12")


def _write_own(
    conn: Connection, owner: str, noun: Noun, own: Mapping[str, Value | None], setup: Setup
) -> list[str]:
    """Write what is other than before; gives how those fields are named."""
    known = own_fields(setup, noun)
    before = storage.values_of(conn, [owner], list(known.values())).get(owner, {})
    changed = {key: value for key, value in own.items() if before.get(key) != value}
    storage.put_values(conn, owner, changed, known)
    return [f"fields.{key}" for key in sorted(changed)]


# Of contacts


def change_contact(
    conn: Connection,
    contact_id: str,
    sent: Person,
    own: Mapping[str, Given],
    setup: Setup,
    *,
    version: int | None = None,
    by: str,
    now: datetime,
) -> None:
    """Replace what is given of a contact, and its own fields.

    Raises people.BadFields, NoSuchContact, people.Stale.
    """
    read, wrong = read_own(own, "contact", setup)
    if wrong:
        raise BadFields(*wrong)
    people.change(conn, contact_id, sent, setup, version=version, by=by, now=now)
    write_contact_own(conn, contact_id, read, setup, by=by, now=now)


def save_contact(
    conn: Connection,
    sent: Person,
    own: Mapping[str, Given],
    setup: Setup,
    *,
    system: str,
    external_id: str | None = None,
    by: str,
    now: datetime,
) -> Saved:
    """Make a contact or bring him up to date, with his own fields. Raises people.BadFields."""
    read, wrong = read_own(own, "contact", setup)
    if wrong:
        raise BadFields(*wrong)
    saved = people.save(conn, sent, setup, system=system, external_id=external_id, by=by, now=now)
    write_contact_own(conn, saved.contact, read, setup, by=by, now=now)
    return saved


def write_contact_own(
    conn: Connection,
    contact_id: str,
    own: Mapping[str, Value | None],
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> None:
    if named := _write_own(conn, contact_id, "contact", own, setup):
        storage.touch_contact(conn, contact_id, now=now)
        data = {"fields": " ".join(named)}
        told = Happening("contact_changed", now, by, contact=contact_id, data=data)
        notices.record(conn, [told], now=now)
