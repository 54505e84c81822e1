"""The board: a pipeline's cards by status, a screenful of each column, with what a tile shows.

A column is read along `ix_card_pipeline_status`: who came into the status last stands first. Of
closed statuses only what came there lately is read; they grow for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)

from callrouter.domain.letters import LetterKind, LetterState
from callrouter.domain.phones import read_number
from storage.listing_values import Slice, Viewer, cut
from storage.obligations import KIND as CALL_BACK
from storage.rows import among
from storage.sight import sees_cards
from storage.tables import (
    business_event,
    card,
    card_contact,
    contact,
    contact_phone,
    contact_tag,
    letter,
    task,
)

MOST_TILES: Final = 500
"""No column gives more of them at once."""

_WORDS: Final = 6  # of a search; what follows is not looked at
_FEW_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cards of a pipeline. `manager` "": nobody's. `text`: number, title, client, phone.

    `overdue`: with an open task whose term has passed; `no_step`: without any open task.
    """

    pipeline: str
    manager: str | None = None
    overdue: bool = False
    no_step: bool = False
    source: str = ""
    tag: str = ""
    text: str = ""
    region: str = "RU"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above a column. `changed_at`: of the card that was changed last."""

    count: int = 0
    amount: Decimal = Decimal(0)
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """The open task of a card that is due first."""

    id: str
    kind: str
    text: str
    cause: str | None
    owner: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class TileLetter:
    """A letter of a card that is not settled."""

    id: str
    kind: LetterKind
    state: LetterState
    email: str | None
    wait_until: datetime | None


@dataclass(frozen=True, slots=True)
class TileView:
    """A card as the board shows it. `owed`: its client is to be called back."""

    id: str
    number: int
    title: str
    pipeline: str
    status: str
    contact: str | None
    name: str
    phone: str | None
    manager: str | None
    office: str | None
    amount: Decimal | None
    status_at: datetime
    version: int
    step: StepView | None = None
    owed: bool = False
    letters: tuple[TileLetter, ...] = ()

    @property
    def place(self) -> tuple[datetime, str]:
        """By which the next tile of the column is found."""
        return (self.status_at, self.id)


def heads(
    conn: Connection,
    viewer: Viewer,
    wanted: Wanted,
    statuses: Collection[str],
    *,
    now: datetime,
    since: datetime | None = None,
) -> dict[str, Head]:
    """How many cards each of these statuses has, and what they come to. `since`: came there."""
    c = card.c
    where = [c.status.in_(sorted(statuses)), *_where(viewer, wanted, now)]
    if since is not None:
        where.append(c.status_at >= since)
    total = func.sum(c.amount, type_=c.amount.type)
    last = func.max(c.updated_at, type_=c.updated_at.type)
    found = conn.execute(
        select(c.status, func.count().label("many"), total.label("total"), last.label("last"))
        .where(*where)
        .group_by(c.status)
    )
    heads_ = {row.status: Head(row.many, row.total or Decimal(0), row.last) for row in found}
    return {status: heads_.get(status, Head()) for status in statuses}


def column(
    conn: Connection,
    viewer: Viewer,
    wanted: Wanted,
    status: str,
    *,
    now: datetime,
    since: datetime | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> Slice[TileView]:
    """The cards of a status; `after`: the `place` of the last that was given before."""
    c, limit = card.c, max(1, min(limit, MOST_TILES))
    where = [c.status == status, *_where(viewer, wanted, now)]
    if since is not None:
        where.append(c.status_at >= since)
    if after is not None:
        at, id_ = after
        where.append(tuple_(c.status_at, c.id) < tuple_(literal(at, c.status_at.type), id_))
    query = _tiles().where(*where).order_by(c.status_at.desc(), c.id.desc()).limit(limit + 1)
    part = cut(conn.execute(query).all(), limit)
    return Slice(_views(conn, part.items), part.more)


def tiles(conn: Connection, viewer: Viewer, ids: Sequence[str]) -> tuple[TileView, ...]:
    """Of these cards those that the viewer sees."""
    query = _tiles().where(among(card.c.id, "ids"), sees_cards(viewer))
    return _views(conn, conn.execute(query, {"ids": list(ids)}).all())


@dataclass(frozen=True, slots=True)
class Leaving:
    """A letter that can still be taken back, and of which card it is."""

    letter: TileLetter
    card: str
    number: int
    name: str


def leaving(
    conn: Connection, viewer: Viewer, by: str, *, now: datetime, limit: int = 20
) -> tuple[Leaving, ...]:
    """The letters that somebody caused and that wait to leave, the next one first."""
    e, c, p = letter.c, card.c, contact.c
    found = conn.execute(
        select(e.id, e.kind, e.state, e.email, e.wait_until, e.card, c.number, p.name)
        .join_from(letter, card, c.id == e.card)
        .outerjoin(contact, p.id == c.contact)
        .where(
            e.state == "waiting",
            _OPEN,
            e.by == by,
            e.wait_until > now,
            sees_cards(viewer),
        )
        .order_by(e.wait_until, e.id)
        .limit(limit)
    )
    return tuple(
        Leaving(
            TileLetter(row.id, row.kind, row.state, row.email, row.wait_until),
            row.card,
            row.number,
            row.name or "",
        )
        for row in found
    )


def _where(viewer: Viewer, wanted: Wanted, now: datetime) -> list[ColumnElement[bool]]:
    c, t = card.c, task.c
    where: list[ColumnElement[bool]] = [c.pipeline == wanted.pipeline, sees_cards(viewer)]
    if wanted.manager is not None:
        mine = c.manager == wanted.manager if wanted.manager else c.manager.is_(None)
        where.append(mine)
    its = (t.card == c.id, t.done_at.is_(None))
    if wanted.overdue:
        where.append(exists().where(*its, t.due_at < now))
    if wanted.no_step:
        where.append(~exists().where(*its))
    if wanted.source:
        where.append(or_(c.source_first == wanted.source, c.source_last == wanted.source))
    if wanted.tag:
        g = contact_tag.c
        where.append(exists().where(g.contact == c.contact, g.tag == wanted.tag))
    if said := wanted.text.strip():
        where.append(_speaks_of(said, wanted.region))
    return where


def _speaks_of(said: str, region: str) -> ColumnElement[bool]:
    """Number, title, all the words in the name of one who is on the card, or a phone of theirs."""
    c, p, f, b = card.c, contact.c, contact_phone.c, card_contact.c
    words = said.split()[:_WORDS]
    named = [_has(p.name, word) for word in words]
    ways = [
        and_(*(_has(c.title, word) for word in words)),
        exists().where(p.id == c.contact, *named),
        exists().where(b.card == c.id, p.id == b.contact, *named),
    ]
    digits = "".join(one for one in said if one.isascii() and one.isdigit())
    if digits and len(digits) < 18 and said.strip("№# ").isdigit():
        ways.append(c.number == int(digits))
    if number := read_number(said, region):
        dialled = f.number == number
    elif len(digits) >= _FEW_DIGITS:
        dialled = f.number.contains(digits)
    else:
        return or_(*ways)
    ways.append(exists().where(f.contact == c.contact, dialled))
    ways.append(exists().where(b.card == c.id, f.contact == b.contact, dialled))
    return or_(*ways)


def _has(column_: Any, word: str) -> ColumnElement[bool]:  # noqa: ANN401  a column of text
    """SQLite folds the case of ASCII alone, so a word is looked for as people write it."""
    spellings = dict.fromkeys((word, word.lower(), word.upper(), word.capitalize()))
    return or_(*(column_.contains(one, autoescape=True) for one in spellings))


def _tiles() -> Any:  # noqa: ANN401  a select
    c = card.c
    return select(
        c.id,
        c.number,
        c.title,
        c.pipeline,
        c.status,
        c.contact,
        c.manager,
        c.office,
        c.amount,
        c.status_at,
        c.created_at,
        c.version,
    )


_OPEN = text("letter.state NOT IN ('sent', 'cancelled')")  # as the index has it
_NAMES = select(contact.c.id, contact.c.name).where(among(contact.c.id, "ids"))
_PHONES = (
    select(contact_phone.c.contact, func.min(contact_phone.c.number).label("number"))
    .where(among(contact_phone.c.contact, "ids"))
    .group_by(contact_phone.c.contact)
)
_TASK = (task.c.id, task.c.kind, task.c.text, task.c.cause, task.c.owner, task.c.due_at)
_STEPS = select(task.c.card, *_TASK).where(among(task.c.card, "ids"), task.c.done_at.is_(None))
_OWED = select(task.c.contact).where(
    among(task.c.contact, "ids"), task.c.done_at.is_(None), task.c.kind == CALL_BACK
)
_LETTERS = (
    select(
        letter.c.card,
        letter.c.id,
        letter.c.kind,
        letter.c.state,
        letter.c.email,
        letter.c.wait_until,
    )
    .where(among(letter.c.card, "ids"), _OPEN)
    .order_by(letter.c.id)
)


def _views(conn: Connection, found: Sequence[Any]) -> tuple[TileView, ...]:
    if not found:
        return ()
    ids = {"ids": [row.id for row in found]}
    people = {"ids": sorted({row.contact for row in found if row.contact})}
    names = {row.id: row.name for row in conn.execute(_NAMES, people)}
    phones = {row.contact: row.number for row in conn.execute(_PHONES, people)}
    owed = set(conn.scalars(_OWED, people))
    steps, calls = _steps(conn, ids)
    letters: dict[str, list[TileLetter]] = {}
    for row in conn.execute(_LETTERS, ids):
        one = TileLetter(row.id, row.kind, row.state, row.email, row.wait_until)
        letters.setdefault(row.card, []).append(one)
    return tuple(
        TileView(
            id=row.id,
            number=row.number,
            title=row.title,
            pipeline=row.pipeline,
            status=row.status,
            contact=row.contact,
            name=names.get(row.contact, ""),
            phone=phones.get(row.contact),
            manager=row.manager,
            office=row.office,
            amount=row.amount,
            status_at=row.status_at or row.created_at,
            version=row.version,
            step=steps.get(row.id),
            owed=row.id in calls or row.contact in owed,
            letters=tuple(letters.get(row.id, ())),
        )
        for row in found
    )


def _steps(
    conn: Connection, ids: Mapping[str, Sequence[str]]
) -> tuple[dict[str, StepView], set[str]]:
    """Each card's task that is due first, those without a term last; which have a call owed."""
    steps: dict[str, StepView] = {}
    calls = set()
    for row in conn.execute(_STEPS, dict(ids)):
        one = StepView(row.id, row.kind, row.text, row.cause, row.owner, row.due_at)
        if row.kind == CALL_BACK:
            calls.add(row.card)
        before = steps.get(row.card)
        if before is None or _sooner(one, before):
            steps[row.card] = one
    return steps, calls


def _sooner(one: StepView, other: StepView) -> bool:
    if one.due_at is None or other.due_at is None:
        return one.due_at is not None
    return one.due_at < other.due_at


def changed_by(conn: Connection, card_id: str) -> str | None:
    """Who did what was done last with a card."""
    c = business_event.c
    found = select(c.actor).where(c.card == card_id).order_by(c.at.desc(), c.id.desc()).limit(1)
    return conn.execute(found).scalar_one_or_none()
