"""A card gets another status: allowed, with what that status needs, numbered, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.hours import parse_hours, working_seconds
from callrouter.domain.next_steps import INVOICE
from callrouter.domain.setup import JUNK
from callrouter.flows import letters, next_steps
from callrouter.flows.fields import (
    CardChange,
    Given,
    StaleCard,
    Unfit,
    own_fields,
    read_day,
    read_decimal,
    read_own,
    tell_of,
    write_change,
    wrong_columns,
)
from callrouter.flows.letters import AS_SET_UP, Wish, addresses
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Wrong
from callrouter.setup_file.problems import allowed_words, quoted
from storage import choices, moves, notices
from storage import fields as kept_fields
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Pipeline, Setup, Status
    from storage.fields import Value
    from storage.moves import MovingCard

ALWAYS_OPEN: Final = parse_hours("24/7")


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of it. `n`: the number of the card's last transition; `moved` False: nothing."""

    card: str
    from_status: str
    status: str
    n: int
    moved: bool


@dataclass(frozen=True, slots=True)
class Missing(Wrong):
    """What the status needs, and the card has not."""


@dataclass(frozen=True, slots=True)
class NoWay(Wrong):
    """The card may not go there. `ways`: the statuses where it may go."""

    ways: tuple[str, ...] = ()


def lacking(conn: Connection, card_id: str, status: str, setup: Setup) -> tuple[Wrong, ...]:
    """What keeps a card from a status as it is now: no way there, or what it has not.

    A reason that the status wants is missing, too. Raises NoSuchCard.
    """
    card = moves.find(conn, card_id)
    if card is None:
        raise NoSuchCard(card_id)
    if card.status == status:
        return ()
    try:
        wanted = _allowed(card, status, setup)
    except BadFields as bad:
        return bad.wrong
    return tuple(_missing(conn, card, wanted, CardChange(), {}, None, setup))


def change_status(
    conn: Connection,
    card_id: str,
    status: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
    loss_reason: str | None = None,
    fields: Mapping[str, Given] | None = None,
    wish: Wish = AS_SET_UP,
    ask_after: bool = True,
) -> Changed:
    """Give a card a status of its pipeline; the one that it has already does nothing at all.

    `version`: the one that the sender has read; None: whatever it is. `loss_reason`: of a closed
    status. `fields`: what is set along with it: `amount`, `due`, `source`, own fields of cards.
    `wish`: of the letters that the status asks for. `ask_after`: whether somebody is to ask after
    an invoice; False where what follows is said already.

    Raises NoSuchCard, StaleCard, and BadFields for a move that is not allowed, and with all that
    the status needs and the card has not.
    """
    card = moves.find(conn, card_id)
    if card is None:
        raise NoSuchCard(card_id)
    if card.status == status:
        return Changed(card.id, status, status, card.moves, moved=False)
    if version is not None and version != card.version:
        raise StaleCard(card.version, card.status)
    wanted = _allowed(card, status, setup)
    change, own, wrong = _read(conn, card, fields or {}, setup)
    wrong += _wrong_reason(wanted, loss_reason)
    wrong += _wrong_wish(conn, card, wish, setup)
    wrong += _missing(conn, card, wanted, change, own, loss_reason, setup)
    if wrong:
        raise BadFields(*wrong)
    happened = write_change(conn, card.id, change, own, setup, by=by, now=now)
    notices.record(conn, happened, now=now)
    claimed = moves.made_by_itself(conn, card.id)
    reason = loss_reason or None
    n = move(
        conn, card, wanted, setup, claimed=claimed, loss_reason=reason, wish=wish, by=by, now=now
    )
    data: dict[str, str | int | None] = {"from": card.status, "to": status, "n": n}
    if reason:
        data["reason"] = reason
    told = Happening("card_moved", now, by, card=card.id, contact=card.contact, data=data)
    notices.record(conn, [told], now=now)
    if ask_after and status == INVOICE and not wanted.closed:
        next_steps.invoiced(conn, card, setup, by=by, now=now)
    return Changed(card.id, card.status, status, n, moved=True)


def move(
    conn: Connection,
    card: MovingCard,
    to: Status,
    setup: Setup,
    *,
    claimed: bool,
    loss_reason: str | None,
    by: str,
    now: datetime,
    wish: Wish = AS_SET_UP,
) -> int:
    """Move a card without asking whether it may; gives the number of the transition.

    Closed it frees its claim. Opened again it takes it (`claimed`), unless another card has it by
    now. The letters follow.
    """
    open_for = card.open_for
    if to.closed:
        open_for = None
    elif card.closed:
        open_for = moves.free_claim(conn, card) if claimed else None
    n = moves.write(
        conn,
        card,
        to.key,
        by=by,
        now=now,
        closed_at=now if to.closed else None,
        open_for=open_for,
        loss_reason=loss_reason,
        working_s=_working_s(card, setup, now),
    )
    choices.touch_those_of(conn, [card.id], now=now)
    tell_of(conn, card.id, {card.manager}, now=now)
    letters.card_moved(conn, card.id, card.status, to.key, setup, by=by, now=now, wish=wish)
    if to.closed and not card.closed:
        next_steps.card_was_closed(conn, card.id, by=by, now=now)
    return n


def _working_s(card: MovingCard, setup: Setup, now: datetime) -> int:
    """How long the card had its status, by the hours of its office, else of its manager's."""
    manager = setup.managers.get(card.manager or "")
    office = setup.offices.get(card.office or (manager.office if manager else None) or "")
    hours = parse_hours(office.hours) if office and office.hours else ALWAYS_OPEN
    calendar = setup.calendar_of(office.key if office else None)
    return round(working_seconds(hours, calendar, card.since, now))


def _allowed(card: MovingCard, status: str, setup: Setup) -> Status:
    """The status, if the card may go there. A card that is not a deal may always go to `junk`."""
    pipeline = setup.pipelines.get(card.pipeline)
    if pipeline is None:
        gone = f'cannot change: the card\'s pipeline "{card.pipeline}" is gone from setup.toml'
        raise BadFields(Wrong("status", gone))
    wanted = pipeline.status(status)
    now = pipeline.status(card.status)
    there = [*(one.key for one in pipeline.statuses), *([] if _has_junk(pipeline) else [JUNK])]
    if wanted is None:
        raise BadFields(
            NoWay(
                "status", f"is none of this pipeline; {allowed_words(there, status)}", tuple(there)
            )
        )
    if now and now.moves is not None and status not in {*now.moves, JUNK}:
        ways = [one for one in there if one in {*now.moves, JUNK} and one != card.status]
        said = f"cannot follow {quoted([card.status])}; {allowed_words(ways, status)}"
        raise BadFields(NoWay("status", said, tuple(ways)))
    return wanted


def _has_junk(pipeline: Pipeline) -> bool:
    return any(one.key == JUNK for one in pipeline.statuses)


def _wrong_reason(wanted: Status, reason: str | None) -> list[Wrong]:
    if reason and not wanted.closed:
        said = f'is given for "{wanted.key}", which is open; allowed: with a closed status'
        return [Wrong("loss_reason", said)]
    return []


def _wrong_wish(conn: Connection, card: MovingCard, wish: Wish, setup: Setup) -> list[Wrong]:
    wrong = []
    keys = [one.key for one in setup.letter if one.pipeline == card.pipeline]
    if wish.key is not None and wish.key not in keys:
        said = allowed_words(keys, wish.key)
        wrong.append(Wrong("letter", f"is no letter of the card's pipeline; {said}"))
    if wish.email is not None:
        usable = addresses(conn, card.contact)
        if wish.email not in usable:
            said = allowed_words(usable, wish.email)
            wrong.append(Wrong("email", f"is no address of the contact that takes mail; {said}"))
    return wrong


def _read(
    conn: Connection, card: MovingCard, given: Mapping[str, Given], setup: Setup
) -> tuple[CardChange, dict[str, Value | None], list[Wrong]]:
    """What is set along with a status, by the names that `required` has for it."""
    change = CardChange()
    wrong = []
    own = dict(given)
    if "amount" in own:
        sent = own.pop("amount")
        amount = None if sent is None else read_decimal(sent)
        if sent is not None and amount is None:
            wrong.append(Wrong("fields.amount", "is no number; allowed: e.g. 1234.50"))
        else:
            change = replace(change, given=change.given | {"amount"}, amount=amount)
    if "due" in own:
        sent = own.pop("due")
        try:
            due = None if sent is None else read_day(sent)
            change = replace(change, given=change.given | {"due_on"}, due_on=due)
        except Unfit as bad:
            wrong.append(Wrong("fields.due", str(bad)))
    if "source" in own:
        source = own.pop("source")
        if source is not None and (not isinstance(source, str) or not 0 < len(source) <= 64):
            wrong.append(Wrong("fields.source", "is no source; allowed: 1 to 64 characters"))
        else:
            change = replace(change, given=change.given | {"source"}, source=source)
    wrong += wrong_columns(conn, card.id, change, setup, inside="fields.")
    read, bad_own = read_own(own, "card", setup)
    return change, read, wrong + bad_own


def _missing(
    conn: Connection,
    card: MovingCard,
    wanted: Status,
    change: CardChange,
    own: Mapping[str, Value | None],
    loss_reason: str | None,
    setup: Setup,
) -> list[Wrong]:
    if not wanted.required:
        return []
    there = set(_there(conn, card, change, own, setup))
    if loss_reason:
        there.add("loss_reason")
    return [
        Missing(_place(name, setup), f'is missing: the status "{wanted.key}" needs it')
        for name in wanted.required
        if name not in there
    ]


def _place(name: str, setup: Setup) -> str:
    """Where a program finds what is missing."""
    if name in own_fields(setup, "card"):
        return f"fields.{name}"
    return f"contact.fields.{name}" if name in own_fields(setup, "contact") else name


def _there(
    conn: Connection,
    card: MovingCard,
    change: CardChange,
    own: Mapping[str, Value | None],
    setup: Setup,
) -> Iterator[str]:
    """What of the things that a status may need the card will have."""
    values = kept_fields.of_card(conn, card.id)
    if values is None:
        return
    names = {"amount": "amount", "due": "due_on", "source": "source"}
    for name, column in names.items():
        whose = change if column in change.given else values
        if getattr(whose, column) is not None:
            yield name
    if kept_fields.has_items(conn, card.id):
        yield "items"
    owners = [card.id, card.contact] if card.contact else [card.id]
    kept = kept_fields.values_of(conn, owners, setup.field)
    ours = {**kept.get(card.id, {}), **own}
    yield from (key for key, value in ours.items() if value is not None)
    if card.contact:
        yield "contact"
        yield from kept.get(card.contact, {})
        if kept_fields.has_email(conn, card.contact):
            yield "email"
