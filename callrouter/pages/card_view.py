"""A card as its page shows it: values ready to show, and forms for one field each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from callrouter.domain.ageing import work_clock
from callrouter.domain.setup import JUNK
from callrouter.flows.edit_card import CARD, CONTACT, as_text
from callrouter.flows.fields import LONGEST_TEXT, LONGEST_TITLE, MOST_MONEY, own_fields
from callrouter.pages.afterwards import OUTCOMES
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.happenings import FIELDS, value_of
from callrouter.wording.moves import status_name, status_named
from callrouter.wording.who import who_did

if TYPE_CHECKING:
    from callrouter.domain.setup import CustomField, Setup
    from callrouter.pages.card_read import WholeCard
    from callrouter.pages.doors import Guest
    from callrouter.wording import Words
    from callrouter.wording.people import Voice
    from storage.fields import Value

Kind = Literal["text", "long", "money", "number", "date", "flag", "choice"]

LONGEST_SOURCE: Final = 64

_WRONG: Final = {
    "money": mark("A sum of money is needed, 0 or more, for example 1234,50."),
    "number": mark("A number is needed, for example 12,5."),
    "date": mark("A day is needed, for example 12.03.2026."),
    "choice": mark("One of the list is needed."),
    "long": mark("This is too long: at most {n} characters."),
}
_DAY: Final = re.compile(r"([0-3]?[0-9])\.([01]?[0-9])\.([0-9]{4})")


class Unreadable(ValueError):
    """What was typed is no such value; the text, in the reader's language, says what is needed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A field that can be edited: how it is called, and what it takes."""

    name: str
    title: str
    kind: Kind
    options: tuple[tuple[str, str], ...] = ()
    longest: int = LONGEST_TEXT


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into a field and could not be taken. `meanwhile`: what it holds by now,
    `by`: who changed it.
    """

    name: str
    value: str
    wrong: str = ""
    meanwhile: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field. `was`: its value as a form carries it; `open`: its form stands in its place.

    `value`: what the form has in it; `now`: what it holds by now, where somebody was quicker.
    """

    name: str
    title: str
    shown: str
    kind: Kind
    options: tuple[tuple[str, str], ...]
    longest: int
    was: str
    value: str
    editable: bool
    open: bool = False
    wrong: str = ""
    meanwhile: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """A status that the card may get."""

    key: str
    name: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Head:
    """`title` "": it has none; `ways`: none for who may not move it; `age`: how long in status."""

    id: str
    number: int
    title: str
    pipeline: str
    status: str
    closed: bool
    version: int
    age: str
    level: str
    ways: tuple[Way, ...]
    manager: str
    facts: tuple[tuple[str, str], ...]
    fields: tuple[FieldRow, ...]
    title_field: FieldRow
    contact_fields: tuple[FieldRow, ...]


def head_of(
    whole: WholeCard,
    guest: Guest,
    voice: Voice,
    now: datetime,
    *,
    editing: str = "",
    typed: Typed | None = None,
) -> Head:
    """`editing`: the name of the field whose form is open."""
    card, words, setup = whole.card, voice.words, voice.setup
    pipeline = setup.pipelines.get(card.pipeline)
    viewing = _Viewing(whole, guest, voice, editing, typed)
    fields = {one.name: viewing.row(one) for one in shapes_of(whole, guest, voice)}
    age, level = _age(whole, voice, now)
    return Head(
        id=card.id,
        number=card.number,
        title=card.title,
        pipeline=(pipeline.name or pipeline.key) if pipeline else card.pipeline,
        status=status_named(pipeline, card.status, words),
        closed=card.closed_at is not None,
        version=card.version,
        age=age,
        level=level,
        ways=tuple(_ways(whole, setup, words)) if guest.may("work") else (),
        manager=voice.name(card.manager) if card.manager else words("nobody yet"),
        facts=tuple(_facts(whole, voice)),
        fields=tuple(
            row for name, row in fields.items() if name != "title" and not _of_contact(name)
        ),
        title_field=fields["title"],
        contact_fields=tuple(row for name, row in fields.items() if _of_contact(name)),
    )


def shapes_of(whole: WholeCard, guest: Guest, voice: Voice) -> Iterator[Shape]:
    """What of a card may be edited in its place, in the order of the page."""
    words, setup = voice.words, voice.setup
    yield Shape("title", _name("title", words), "text", longest=LONGEST_TITLE)
    people = tuple(_people(whole, guest, setup))
    yield Shape("manager", words("Responsible"), "choice", people)
    yield Shape("amount", _name("amount", words), "money")
    yield Shape("due_on", _name("due_on", words), "date")
    yield Shape("source", _name("source", words), "text", longest=LONGEST_SOURCE)
    if len(setup.entity) > 1:
        sellers = tuple((one.key, one.name) for one in setup.entity)
        yield Shape("entity", _name("entity", words), "choice", sellers)
    yield from (_own_shape(CARD, one) for one in own_fields(setup, "card").values())
    if whole.contact:
        yield from (_own_shape(CONTACT, one) for one in own_fields(setup, "contact").values())


def _own_shape(noun: str, one: CustomField) -> Shape:
    kind: Kind = "long" if one.type == "text" else one.type
    options = tuple((choice, choice) for choice in one.choices)
    return Shape(f"{noun}{one.key}", one.name or one.key, kind, options)


def _people(whole: WholeCard, guest: Guest, setup: Setup) -> Iterator[tuple[str, str]]:
    """Whom the one who looks may make responsible."""
    owner = whole.card.manager
    for one in setup.active:
        if one.key == owner and not guest.viewer.may_give(owner, None):
            continue  # another's, which he can neither take nor give
        if one.key == owner or guest.viewer.may_give(owner, one.key):
            yield one.key, one.name


def _name(field: str, words: Words) -> str:
    return words(FIELDS[field])


def _needed(kind: str, words: Words, **values: object) -> str:
    """What a field of a kind takes."""
    return words(_WRONG[kind], **values)


def _of_contact(name: str) -> bool:
    return name.startswith(CONTACT)


def read_typed(shape: Shape, text: str, words: Words) -> Value | None:
    """What was typed, as the field has it; None: empty. Raises Unreadable."""
    said = text.replace("\x00", "").strip()
    if shape.kind == "flag":
        return said == "true"
    if not said:
        return None
    match shape.kind:
        case "money" | "number":
            return _number(said, shape.kind, words)
        case "date":
            return _day(said, words)
        case "choice":
            if said not in dict(shape.options):
                raise Unreadable(_needed("choice", words))
            return said
        case "text":
            said = " ".join(said.split())
        case "long":
            said = said.replace("\r\n", "\n")
    if len(said) > shape.longest:
        raise Unreadable(_needed("long", words, n=shape.longest))
    return said


def _number(said: str, kind: Literal["money", "number"], words: Words) -> Decimal:
    plain = re.sub(r"[\s\u00a0\u202f₽]", "", said).replace(",", ".")
    if not re.fullmatch(r"-?[0-9]{1,13}(\.[0-9]{1,2})?", plain):
        raise Unreadable(_needed(kind, words))
    number = Decimal(plain)
    if abs(number) >= MOST_MONEY or (kind == "money" and number < 0):
        raise Unreadable(_needed(kind, words))
    return number


def _day(said: str, words: Words) -> date:
    try:
        if found := _DAY.fullmatch(said):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", said):
            return date.fromisoformat(said)
    except ValueError:
        pass
    raise Unreadable(_needed("date", words))


@dataclass(frozen=True, slots=True)
class _Viewing:
    whole: WholeCard
    guest: Guest
    voice: Voice
    editing: str
    typed: Typed | None

    def row(self, shape: Shape) -> FieldRow:
        value = self._value(shape.name)
        was = as_text(value)
        row = FieldRow(
            name=shape.name,
            title=shape.title,
            shown=self._shown(shape, value),
            kind=shape.kind,
            options=shape.options,
            longest=shape.longest,
            was=was,
            value=self._to_edit(shape, value),
            editable=self._editable(shape),
            open=self.editing == shape.name and self._editable(shape),
        )
        typed = self.typed
        if typed is None or typed.name != shape.name:
            return row
        row = replace(row, open=True, value=typed.value, wrong=typed.wrong)
        if typed.meanwhile is None:
            return row
        words = self.voice.words
        now_is = self._shown_text(shape, typed.meanwhile) or words("empty")
        said = words("Changed meanwhile, it is now: {value}.", value=now_is)
        if typed.by:
            who = who_did(typed.by, self.voice.setup, words, self.whole.history.users)
            said = words("Changed meanwhile by {who}, it is now: {value}.", who=who, value=now_is)
        return replace(row, meanwhile=said, was=typed.meanwhile)

    def _value(self, name: str) -> Value | None:
        whole, card = self.whole, self.whole.card
        if name.startswith(CARD):
            return whole.own.get(name.removeprefix(CARD))
        if name.startswith(CONTACT):
            return whole.contact_own.get(name.removeprefix(CONTACT))
        values: dict[str, Value | None] = {
            "title": card.title or None,
            "manager": card.manager,
            "amount": card.amount,
            "due_on": card.due_on,
            "source": card.source,
            "entity": card.entity,
        }
        return values[name]

    def _editable(self, shape: Shape) -> bool:
        if not self.guest.may("work"):
            return False
        if shape.name == "amount":
            return not self.whole.items.items
        if shape.name == "manager":
            return bool(shape.options)
        return True

    def _shown(self, shape: Shape, value: Value | None) -> str:
        return self._shown_text(shape, as_text(value))

    def _shown_text(self, shape: Shape, text: str) -> str:
        """A value as people read it, by how a form carries it."""
        words = self.voice.words
        if not text:
            return ""
        match shape.kind:
            case "money":
                return value_of("amount", text, self.voice)
            case "number":
                return text.replace(".", ",") if words.language == "ru" else text
            case "date":
                return value_of("due_on", text, self.voice)
            case "flag":
                return words("yes") if text == "true" else words("no")
            case "choice" if shape.name == "manager":
                return self.voice.name(text)
            case "choice":
                return dict(shape.options).get(text, text)
            case "text" | "long":
                return text

    def _to_edit(self, shape: Shape, value: Value | None) -> str:
        text = as_text(value)
        decimal = shape.kind in ("money", "number") and self.voice.words.language == "ru"
        return text.replace(".", ",") if decimal else text


def _ways(whole: WholeCard, setup: Setup, words: Words) -> Iterator[Way]:
    """The statuses that it may get from the one it has; a card may always turn out no deal."""
    card = whole.card
    pipeline = setup.pipelines.get(card.pipeline)
    if pipeline is None:
        return
    now = pipeline.status(card.status)
    allowed = {*now.moves, JUNK} if now and now.moves is not None else None
    there = [*pipeline.statuses]
    junk = pipeline.status(JUNK)
    if junk and junk not in there:
        there.append(junk)
    for one in there:
        if one.key != card.status and (allowed is None or one.key in allowed):
            yield Way(one.key, status_name(one, words), one.closed)


def _age(whole: WholeCard, voice: Voice, now: datetime) -> tuple[str, str]:
    """How long it has had its status, by the hours of its office or its manager's."""
    card, setup, words = whole.card, voice.setup, voice.words
    if card.closed_at:
        closed = formats.moment(voice.local(card.closed_at))
        return words("closed {when}", when=closed), ""
    manager = setup.managers.get(card.manager or "")
    office = setup.offices.get(card.office or (manager.office if manager else None) or "")
    calendar = setup.calendar_of(office.key if office else None)
    clock = work_clock(office.hours if office else None, calendar, now)
    age = clock.age(card.status_at or whole.moving.since)
    if age.days >= 1:
        days = words.many("{n} working day", "{n} working days", int(age.days))
        return words("in this status {length}", length=days), age.level
    if age.seconds < 60:
        return "", ""
    length = formats.length(words, round(age.seconds / 60) * 60)
    return words("in this status {length} of working time", length=length), age.level


def _facts(whole: WholeCard, voice: Voice) -> Iterator[tuple[str, str]]:
    """What is only read."""
    card, words, setup = whole.card, voice.words, voice.setup
    if card.last_contact_at:
        yield words("Last contact"), formats.moment(voice.local(card.last_contact_at))
    office = setup.offices.get(card.office or "")
    team = setup.teams.get(card.team or "")
    where = [office.name or office.key if office else "", team.name or team.key if team else ""]
    if any(where):
        yield words("Office and team"), " · ".join(text for text in where if text)
    if card.loss_reason:
        yield words("Why it was closed"), _loss(card.loss_reason, words)
    yield words("Made"), formats.moment(voice.local(card.created_at))


def _loss(reason: str, words: Words) -> str:
    said = {str(key): text for key, text in OUTCOMES.items()}
    return words(said[reason]) if reason in said else reason


PURPOSES: Final = {
    "processing": mark("Processing of personal data"),
    "advertising": mark("Advertising"),
}
