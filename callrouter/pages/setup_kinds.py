"""Kinds of fields on the setup's forms: how a value is typed, read back, and said.

A value is what setup.toml would hold. What a form holds of it is its `Raw`: what a browser sends,
by the ends of names ("" is the field's own name); without those that are sent empty-handed.
"""

from __future__ import annotations

import re
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from callrouter.domain import vat
from callrouter.domain.hours import zone_exists
from callrouter.domain.items import NO_VAT
from callrouter.domain.phones import pretty
from callrouter.domain.setup import JUNK
from callrouter.domain.statuses import NEEDED
from callrouter.setup_file.afar import is_of_the_server
from callrouter.setup_file.merging import KEPT
from callrouter.setup_file.writing import toml_value
from callrouter.wording.catalogue import mark
from callrouter.wording.codes import ABSENCES
from callrouter.wording.moves import needed_name, status_name

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.wording import Words

Raw = Mapping[str, tuple[str, ...]]
Option = tuple[str, str]  # value, and what people read
Held: TypeAlias = Any  # whatever a key of setup.toml may hold

YES: Final = "yes"
LONGEST: Final = 4000
TYPE_AGAIN: Final = mark("Type the secret again: it is not kept and not shown.")
_RANGE = re.compile(r"is (-?[0-9.]+); allowed: (-?[0-9.]+) to (-?[0-9.]+)")
_NUMBER = re.compile(r"-?[0-9]{1,9}")


class Absent:
    """Nothing is written: the default holds."""


ABSENT: Final = Absent()


class Unreadable(ValueError):
    """What was typed is of no use; `message` is a msgid with its `values`."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message, self.values = message, values


@dataclass(frozen=True, slots=True)
class Context:
    """Among what a form is filled in. `beside`: keys and names of the rows typed beside a row."""

    setup: Setup
    words: Words
    now: datetime
    beside: tuple[Option, ...] = ()

    @property
    def today(self) -> date:
        """The company's; on a draft its zone may be none."""
        calendar = self.setup.calendar_of(None)
        return (calendar.local(self.now) if zone_exists(calendar.zone) else self.now).date()


@dataclass(frozen=True)
class Kind(ABC):
    """`shape`: which part of the template shows it."""

    shape: ClassVar[str]

    @abstractmethod
    def raw(self, value: Held, ctx: Context) -> Raw:
        """What a browser sends of a value that nobody touched."""

    @abstractmethod
    def read(self, raw: Raw, ctx: Context) -> object:
        """What setup.toml would hold; ABSENT: nothing. Raises Unreadable."""

    @abstractmethod
    def said(self, value: Held, ctx: Context) -> str:
        """For people who only look; "" for nothing."""

    def options(self, ctx: Context) -> tuple[Option, ...]:  # noqa: ARG002
        """What may be chosen."""
        return ()

    def tidy(self, raw: Raw) -> Raw:
        """What was sent without what says nothing, so that it can be compared."""
        return raw

    def as_typed(self, message: str) -> str:
        """What the checker says of the value, in the figures that are typed."""
        return message

    def hides(self, raw: Raw) -> bool:  # noqa: ARG002
        """Whether something was typed that no page shows again."""
        return False


def one(raw: Raw, end: str = "") -> str:
    return raw.get(end, ("",))[0].strip()


@dataclass(frozen=True)
class Text(Kind):
    """`like`: an example shown where nothing is typed; `offers`: what a browser proposes."""

    longest: int = 200
    lines: bool = False
    like: str = ""
    offers: tuple[str, ...] = ()
    input: Literal["text", "email", "url", "time", "tel"] = "text"
    shape: ClassVar = "text"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": (str(value or ""),)}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return one(raw) or ABSENT

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return str(value or "")


@dataclass(frozen=True)
class Phone(Text):
    """A number as people write it, or whatever else may be dialled."""

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return pretty(str(value)) if value else ""


@dataclass(frozen=True)
class Reason(Text):
    """Why somebody is away: one of the usual words, or any other."""

    def said(self, value: Held, ctx: Context) -> str:
        return ctx.words(ABSENCES[value]) if value in ABSENCES else str(value or "")


@dataclass(frozen=True)
class Place(Text):
    """Where backups go. A command is what the server's own people write, never a page."""

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        typed = one(raw)
        if typed.startswith("run:"):
            raise Unreadable(
                mark(
                    "A command is set on the server alone: in a setup.toml, by `callrouter apply`."
                )
            )
        return typed or ABSENT


@dataclass(frozen=True)
class HoursText(Text):
    """Opening hours; the page says what they mean in the next seven days."""

    like: str = "Mo-Fr 09:00-18:00; PH off"
    shape: ClassVar = "hours"


@dataclass(frozen=True)
class Number(Kind):
    """`times`: a page shows the value so many times as large, as a share in per cent."""

    low: float
    high: float
    unit: str = ""
    whole: bool = True
    times: int = 1
    shape: ClassVar = "number"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": ("" if value is None else self._shown(value),)}

    def as_typed(self, message: str) -> str:
        if self.times == 1 or not (found := _RANGE.fullmatch(message)):
            return message
        given, low, high = (self._shown(float(one)) for one in found.groups())
        return f"is {given}; allowed: {low} to {high}"

    def _shown(self, value: float) -> str:
        number = Decimal(str(value)) * self.times
        return f"{number.normalize():f}" if number else "0"

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        typed = one(raw).replace(",", ".").replace("\u00a0", "").replace(" ", "")
        if not typed:
            return ABSENT
        if self.whole:
            if not _NUMBER.fullmatch(typed):
                raise Unreadable(mark("A whole number is needed."))
            return int(typed)
        try:
            number = Decimal(typed) / self.times
        except InvalidOperation:
            raise Unreadable(mark("A number is needed, like 1 or 0.5.")) from None
        if not number.is_finite() or abs(number) > 10**9:
            raise Unreadable(mark("A number is needed, like 1 or 0.5."))
        return float(number)

    def said(self, value: Held, ctx: Context) -> str:
        if value is None:
            return ""
        shown = self._shown(value)
        shown = shown.replace(".", ",") if ctx.words.language == "ru" else shown
        return f"{shown} {ctx.words(self.unit)}" if self.unit else shown


@dataclass(frozen=True)
class Choice(Kind):
    """`none`: what it means that nothing is chosen; without it something has to be."""

    of: tuple[Option, ...] = ()
    none: str | None = None
    shape: ClassVar = "select"

    def options(self, ctx: Context) -> tuple[Option, ...]:
        return tuple((key, ctx.words(name)) for key, name in self.of)

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": (str(value or ""),)}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return one(raw) or ABSENT

    def said(self, value: Held, ctx: Context) -> str:
        if not value:
            return ctx.words(self.none) if self.none else ""
        return dict(self.options(ctx)).get(value, str(value))


Noun = Literal["manager", "team", "office", "account", "ladder", "pipeline", "entity", "status"]


@dataclass(frozen=True)
class Pick(Choice):
    """One of what the setup has. Of managers those who work here, and who stands there now."""

    noun: Noun = "manager"

    def options(self, ctx: Context) -> tuple[Option, ...]:
        setup = ctx.setup
        if self.noun == "manager":
            return tuple((it.key, it.name) for it in setup.active)
        if self.noun == "pipeline":
            return tuple((it.key, it.name or it.key) for it in setup.pipelines.values())
        if self.noun == "status":
            return _statuses(ctx)
        return tuple(
            (it.key, getattr(it, "name", "") or it.key) for it in getattr(setup, self.noun)
        )

    def said(self, value: Held, ctx: Context) -> str:
        if self.noun == "manager" and value in ctx.setup.managers:
            return ctx.setup.managers[value].name
        return super().said(value, ctx)


def _statuses(ctx: Context) -> tuple[Option, ...]:
    """Of all pipelines; with several of them, each with its pipeline's name."""
    pipelines = tuple(ctx.setup.pipelines.values())
    found: dict[str, str] = {}
    for pipeline in pipelines:
        for status in pipeline.statuses:
            name = status_name(status, ctx.words)
            shown = f"{name} · {pipeline.name or pipeline.key}" if len(pipelines) > 1 else name
            found[status.key] = f"{found[status.key]}, {shown}" if status.key in found else shown
    return tuple(found.items())


@dataclass(frozen=True)
class Rate(Choice):
    """A rate of VAT: those of the day, where the country's are known."""

    def options(self, ctx: Context) -> tuple[Option, ...]:
        company = ctx.setup.company
        known = vat.allowed_at(ctx.today, company.region)
        return tuple(
            (it, ctx.words(mark("no VAT")) if it == NO_VAT else f"{it} %")
            for it in known or ("0", "10", "20", NO_VAT)
        )


@dataclass(frozen=True)
class Several(Choice):
    """Any of the options, in no order of their own."""

    shape: ClassVar = "checks"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": tuple(value)} if value else {}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return [it for it in raw.get("", ()) if it]

    def said(self, value: Held, ctx: Context) -> str:
        names = dict(self.options(ctx))
        return ", ".join(names.get(it, it) for it in value or ())


@dataclass(frozen=True)
class Required(Several):
    """What a status may need of a deal, the company's own fields among it."""

    def options(self, ctx: Context) -> tuple[Option, ...]:
        own = tuple(it.key for it in ctx.setup.field)
        return tuple((it, needed_name(it, ctx.setup, ctx.words)) for it in (*NEEDED, *own))


@dataclass(frozen=True)
class Moves(Several):
    """Where a deal may go from a status: anywhere, or to those that are ticked."""

    shape: ClassVar = "moves"

    def options(self, ctx: Context) -> tuple[Option, ...]:
        known = dict(ctx.beside)
        return (*ctx.beside, *(() if JUNK in known else ((JUNK, ctx.words(mark("Not a deal"))),)))

    def raw(self, value: Held, ctx: Context) -> Raw:
        if value is None:
            return {}
        return {".only": (YES,), **super().raw(value, ctx)}

    def read(self, raw: Raw, ctx: Context) -> object:
        return super().read(raw, ctx) if raw.get(".only") else ABSENT

    def said(self, value: Held, ctx: Context) -> str:
        if value is None:
            return ctx.words(mark("anywhere"))
        return super().said(value, ctx) or ctx.words(mark("nowhere"))


@dataclass(frozen=True)
class Ranked(Several):
    """Some of the options, first to last."""

    shape: ClassVar = "ranked"

    def raw(self, value: Held, ctx: Context) -> Raw:
        chosen = tuple(value or ())
        return {"": (*chosen, *("",) * (len(self.options(ctx)) - len(chosen)))}


@dataclass(frozen=True)
class Flag(Kind):
    shape: ClassVar = "flag"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": (YES,)} if value else {}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return bool(raw.get(""))

    def said(self, value: Held, ctx: Context) -> str:
        return ctx.words(mark("yes")) if value else ctx.words(mark("no"))


def _day(text: str) -> date:
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    raise Unreadable(mark("“{day}” is no day: 09.03.2027 is one."), day=text[:40])


@dataclass(frozen=True)
class Day(Kind):
    shape: ClassVar = "day"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": (value.isoformat() if value else "",)}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return _day(one(raw)) if one(raw) else ABSENT

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return f"{value:%d.%m.%Y}" if value else ""


def _lines(raw: Raw, end: str = "") -> list[str]:
    return [line for it in one(raw, end).splitlines() if (line := it.strip())]


@dataclass(frozen=True)
class Texts(Kind):
    """Several texts, each on a line of its own. `unset`: none means that the key is not written."""

    like: str = ""
    unset: bool = False
    shape: ClassVar = "lines"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": ("\n".join(value or ()),)}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return _lines(raw) or (ABSENT if self.unset else [])

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return ", ".join(value or ())


@dataclass(frozen=True)
class Days(Texts):
    like: str = "09.03.2027"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": ("\n".join(f"{it:%d.%m.%Y}" for it in value or ()),)}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        return [_day(it) for it in _lines(raw)]

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return ", ".join(f"{it:%d.%m.%Y}" for it in value or ())


@dataclass(frozen=True)
class Dials(Kind):
    """A manager's phones: the same at every PBX, or at each its own."""

    shape: ClassVar = "dials"

    def options(self, ctx: Context) -> tuple[Option, ...]:
        return tuple((it.key, it.key) for it in ctx.setup.account)

    def raw(self, value: Held, ctx: Context) -> Raw:
        common = {"": ("" if isinstance(value, dict) else "\n".join(_many(value)),)}
        own = value if isinstance(value, dict) else {}
        keys = dict.fromkeys((*(key for key, _ in self.options(ctx)), *own))
        return common | {f".{key}": ("\n".join(_many(own.get(key))),) for key in keys}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        common = _lines(raw)
        own = {end[1:]: _few(lines) for end in raw if end and (lines := _lines(raw, end))}
        if common and own:
            raise Unreadable(
                mark("Write the phones either for every PBX, or for each of them, not both.")
            )
        return own or (_few(common) if common else ABSENT)

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        if isinstance(value, dict):
            parts = (f"{key}: {', '.join(map(pretty, _many(it)))}" for key, it in value.items())
            return "; ".join(parts)
        return ", ".join(map(pretty, _many(value)))


def _many(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Sequence) else ()


def _few(lines: list[str]) -> str | list[str]:
    return lines[0] if len(lines) == 1 else lines


@dataclass(frozen=True)
class Mailbox(Kind):
    """A mailbox of one's own. Its password goes in and never comes out."""

    shape: ClassVar = "mailbox"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        kept = {".kept": (YES,)} if value and value.get("password") else {}
        return {"": (value["url"] if value else "",), ".password": ("",), **kept}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        if not (url := one(raw)):
            return ABSENT
        password = _secret(raw.get(".password", ("",))[0])
        if not password and raw.get(".kept"):
            password = KEPT
        return {"url": url, "password": password} if password else {"url": url}

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return str(value["url"]) if value else ""

    def hides(self, raw: Raw) -> bool:
        return bool(one(raw, ".password"))


def _secret(typed: str) -> str:
    """Raises Unreadable."""
    if typed == KEPT or typed.startswith("sealed:"):
        raise Unreadable(mark("This cannot be a secret. Choose another one."))
    if typed.startswith("env:") and is_of_the_server(typed.removeprefix("env:")):
        raise Unreadable(mark("This variable holds a secret of the server’s own."))
    return typed


@dataclass(frozen=True)
class Secret(Kind):
    """Goes in and never comes out; nothing typed leaves it as it is."""

    shape: ClassVar = "secret"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        kept = {".kept": (YES,)} if value else {}
        return {"": ("",), **kept}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        typed = _secret(raw.get("", ("",))[0])
        return typed or (KEPT if raw.get(".kept") else ABSENT)

    def said(self, value: Held, ctx: Context) -> str:
        return ctx.words(mark("is set and sealed")) if value else ""

    def hides(self, raw: Raw) -> bool:
        return bool(one(raw))


@dataclass(frozen=True)
class ConditionText(Kind):
    """A condition as setup.toml has it."""

    like: str = '{ field = "contact.tag", op = "has", value = "vip" }'
    shape: ClassVar = "area"

    def raw(self, value: Held, ctx: Context) -> Raw:  # noqa: ARG002
        return {"": (_toml(value) if value else "",)}

    def read(self, raw: Raw, ctx: Context) -> object:  # noqa: ARG002
        if not (typed := one(raw)):
            return ABSENT
        try:
            found = tomllib.loads(f"x = {typed}")
        except (tomllib.TOMLDecodeError, RecursionError):
            found = {}
        if set(found) != {"x"} or not isinstance(found["x"], dict):
            raise Unreadable(mark("It is not written as the example beside it."))
        return found["x"]

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return _toml(value) if value else ""


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(it)}" for key, it in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return toml_value(value)


@dataclass(frozen=True)
class Field:
    """One key of setup.toml on a form. `name`: as the file has it.

    `fixed`: it is what the item goes by, so only a new one can have it typed. `wide`: it takes the
    whole width.
    """

    name: str
    label: str
    kind: Kind
    help: str = ""
    needed: bool = False
    fixed: bool = False
    group: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Rows(Kind):
    """A list of tables, in an order that matters: each row by the number of its place."""

    fields: tuple[Field, ...] = ()
    shape: ClassVar = "rows"

    def raw(self, value: Held, ctx: Context) -> Raw:
        found: dict[str, tuple[str, ...]] = {}
        for n, row in enumerate(value or ()):
            for it in self.fields:
                default = DEFAULTS.get(it.name)
                raw = it.kind.raw(row.get(it.name, default), ctx)
                found |= {f".{n}.{it.name}{end}": typed for end, typed in raw.items()}
        return found

    def split(self, raw: Raw) -> list[dict[str, Raw]]:
        """Each row's fields with what was typed in them; rows that hold nothing are left out."""
        rows: dict[int, dict[str, dict[str, tuple[str, ...]]]] = {}
        for end, typed in raw.items():
            _, _, rest = end.partition(".")
            place, _, name = rest.partition(".")
            name, dot, further = name.partition(".")
            if place.isdecimal() and len(place) < 4:
                row = rows.setdefault(int(place), {})
                row.setdefault(name, {})[dot + further] = typed
        found = [rows[n] for n in sorted(rows)]
        return [dict(row) for row in found if one(row.get("key", {})) or one(row.get("name", {}))]

    def join(self, rows: Sequence[Mapping[str, Raw]]) -> Raw:
        """The other way round, with places counted anew."""
        return {
            f".{n}.{name}{end}": typed
            for n, row in enumerate(rows)
            for name, raw in row.items()
            for end, typed in raw.items()
        }

    def tidy(self, raw: Raw) -> Raw:
        return self.join(self.split(raw))

    def among(self, rows: Sequence[Mapping[str, Raw]], ctx: Context) -> Context:
        """For fields that refer to the other rows."""
        named = ((one(row.get("key", {})), one(row.get("name", {}))) for row in rows)
        return replace(ctx, beside=tuple((key, name or key) for key, name in named if key))

    def read(self, raw: Raw, ctx: Context) -> object:
        rows = self.split(raw)
        ctx, found = self.among(rows, ctx), []
        for n, row in enumerate(rows):
            written: dict[str, object] = {}
            for it in self.fields:
                try:
                    value = it.kind.read(row.get(it.name, {}), ctx)
                except Unreadable as bad:
                    raise UnreadableRow(n, it.name, bad) from None
                if value is not ABSENT:
                    written[it.name] = value
            found.append(written)
        return found

    def said(self, value: Held, ctx: Context) -> str:  # noqa: ARG002
        return " → ".join(str(row.get("name") or row["key"]) for row in value or ())


class UnreadableRow(Unreadable):
    """In one field of a row."""

    def __init__(self, row: int, name: str, bad: Unreadable) -> None:
        super().__init__(bad.message, **bad.values)
        self.row, self.name = row, name


DEFAULTS: Final[Mapping[str, object]] = {"weight": 1.0}
"""Of rows' fields, where it is not nothing."""
