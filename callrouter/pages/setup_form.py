"""One item of the setup on a form: what stands in it, what was typed, what it comes to.

A form holds a mark of each field as it was opened. What somebody else has changed since is found by
it: fields that nobody touched take the new value, of the others both are shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from callrouter.pages.setup_hours import Preview, preview
from callrouter.pages.setup_kinds import (
    ABSENT,
    LONGEST,
    TYPE_AGAIN,
    Context,
    Field,
    HoursText,
    Kind,
    Option,
    Raw,
    Rows,
    Text,
    Unreadable,
    UnreadableRow,
    one,
)
from callrouter.pages.setup_sections import defaults
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from multidict import MultiDictProxy

    from callrouter.pages.setup_sections import Section
    from callrouter.setup_file import Problem

Typed = Mapping[str, Raw]  # by the field's name

_MOST: Final = 200  # values of one name
_NEEDED: Final = mark("This is needed.")
_NO_MARKS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Box:
    """A field as the template shows it. `other`: what is in force, where it differs from this."""

    name: str
    field: Field
    raw: Raw
    options: tuple[Option, ...] = ()
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # allowed, and probably not meant
    other: str | None = None
    rows: tuple[tuple[Box, ...], ...] = ()
    preview: Preview | None = None
    locked: bool = False
    said: str = ""

    @property
    def kind(self) -> Any:  # noqa: ANN401  the template knows each by its shape
        return self.field.kind

    @property
    def id(self) -> str:
        return f"f-{self.name.replace('.', '-')}"

    def value(self, end: str = "") -> str:
        return self.raw.get(end, ("",))[0]

    def values(self, end: str = "") -> tuple[str, ...]:
        return self.raw.get(end, ())

    @property
    def ends(self) -> tuple[str, ...]:
        """The further names, of phones at each PBX."""
        return tuple(end for end in self.raw if end)


@dataclass(frozen=True, slots=True)
class Form:
    """`was`: the item as a file says it, {} of a new one; `typed`: what stands in the fields."""

    section: Section
    ctx: Context
    was: Mapping[str, Any]
    typed: Typed
    new: bool
    opened: Mapping[str, str] = field(default_factory=dict)  # marks, by field
    wrong: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Of the item as it is now, for the next look."""
        return json.dumps(self.opened, separators=(",", ":"))

    @property
    def groups(self) -> tuple[tuple[str, tuple[Box, ...]], ...]:
        """Fields that follow each other under one heading."""
        found: list[tuple[str, list[Box]]] = []
        for it in self.section.fields:
            if not found or found[-1][0] != it.group:
                found.append((it.group, []))
            found[-1][1].append(self._box(it))
        return tuple((name, tuple(boxes)) for name, boxes in found)

    def _box(self, it: Field) -> Box:
        raw = self.typed.get(it.name, {})
        return Box(
            name=it.name,
            field=it,
            raw=raw,
            options=_options(it, raw, self.ctx),
            wrong=self.wrong.get(it.name, ()),
            notes=self.notes.get(it.name, ()),
            other=self.others.get(it.name),
            rows=tuple(self._rows(it.kind, raw)) if isinstance(it.kind, Rows) else (),
            preview=preview(one(raw), self._office(), self.ctx)
            if isinstance(it.kind, HoursText)
            else None,
            locked=it.fixed and not self.new,
            said=it.kind.said(held(self.section.name, self.was, it.name), self.ctx),
        )

    def _rows(self, kind: Rows, raw: Raw) -> Iterator[tuple[Box, ...]]:
        rows = kind.split(raw)
        ctx = kind.among(rows, self.ctx)
        stood = {it["key"] for it in self.was.get("statuses", ())}
        blank: Raw = {"": ("1",)}
        for n, row in enumerate([*rows, {"weight": blank}]):
            key = one(row.get("key", {}))
            yield tuple(
                Box(
                    name=f"statuses.{n}.{it.name}",
                    field=it,
                    raw=row.get(it.name, {}),
                    options=_options(it, row.get(it.name, {}), ctx),
                    wrong=self.wrong.get(f"statuses.{n}.{it.name}", ()),
                    locked=it.fixed and key in stood,
                )
                for it in kind.fields
            )

    def _office(self) -> str | None:
        """In whose time the hours of this item count."""
        if self.section.name == "office":
            return one(self.typed.get("key", {}))
        return one(self.typed.get("office", {})) or None

    def without_secrets(self) -> Form:
        """As it is shown again: with a word beside what was typed and is not kept."""
        again = self.ctx.words(TYPE_AGAIN)
        lost = {
            it.name: (*self.wrong.get(it.name, ()), again)
            for it in self.section.fields
            if it.kind.hides(self.typed.get(it.name, {}))
        }
        return replace(self, wrong={**self.wrong, **lost})

    def with_wrong(self, wrong: Mapping[str, tuple[str, ...]]) -> Form:
        return replace(self, wrong=wrong)


def _options(it: Field, raw: Raw, ctx: Context) -> tuple[Option, ...]:
    """With what stands there and is not to be had any more."""
    found = it.kind.options(ctx)
    if it.kind.shape not in ("select", "checks", "moves", "ranked"):
        return found
    known = {key for key, _ in found}
    gone = (key for key in raw.get("", ()) if key and key not in known)
    return (
        *found,
        *((key, it.kind.said(key, ctx) if it.kind.shape == "select" else key) for key in gone),
    )


def held(section: str, was: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  whatever it is
    """The value of a key, which may be its default."""
    return was[name] if name in was else defaults(section).get(name)


def open_form(section: Section, was: Mapping[str, Any], ctx: Context, *, new: bool) -> Form:
    """As it stands."""
    typed = {it.name: it.kind.raw(held(section.name, was, it.name), ctx) for it in section.fields}
    return Form(section, ctx, was, typed, new, {} if new else _marks(section, typed))


def read_form(
    posted: MultiDictProxy[Any],
    section: Section,
    was: Mapping[str, Any],
    ctx: Context,
    *,
    new: bool,
) -> Form:
    """As it was sent; what cannot be typed any more is as it stands."""
    now = open_form(section, was, ctx, new=new)
    typed: dict[str, Raw] = {}
    for it in section.fields:
        locked = it.fixed and not new
        typed[it.name] = now.typed[it.name] if locked else _sent(posted, it.name)
    return replace(now, typed=typed)


def _sent(posted: MultiDictProxy[Any], name: str) -> Raw:
    found: dict[str, tuple[str, ...]] = {}
    for key in dict.fromkeys(posted):
        if key == name or key.startswith(f"{name}."):
            values = (_clean(it) for it in posted.getall(key)[:_MOST])
            found[key[len(name) :]] = tuple(values)
    return found


def _clean(text: object) -> str:
    return str(text).replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")[: 4 * LONGEST]


# What others have changed since


def marks_of(posted: MultiDictProxy[Any]) -> Mapping[str, str]:
    """As the form was opened."""
    try:
        found = json.loads(str(posted.get("opened", ""))[:10_000])
    except ValueError:
        return _NO_MARKS
    if not isinstance(found, dict):
        return _NO_MARKS
    return {str(key): str(value) for key, value in found.items()}


def meet(form: Form, opened: Mapping[str, str]) -> Form | None:
    """None: nobody has changed the item since. Else what was typed, beside what is in force now."""
    now = _marks(form.section, open_form(form.section, form.was, form.ctx, new=False).typed)
    if now == opened:
        return None
    typed, others = dict(form.typed), {}
    for it in form.section.fields:
        stands = it.kind.raw(held(form.section.name, form.was, it.name), form.ctx)
        sent = typed.get(it.name, {})
        if _mark(it.kind, sent) == _mark(it.kind, stands) or now.get(it.name) == opened.get(
            it.name
        ):
            continue
        if _mark(it.kind, sent) == opened.get(it.name):
            typed[it.name] = stands  # he left it as it was
        else:
            others[it.name] = it.kind.said(held(form.section.name, form.was, it.name), form.ctx)
    return replace(form, typed=typed, others=others)


def _marks(section: Section, typed: Typed) -> dict[str, str]:
    return {it.name: _mark(it.kind, typed.get(it.name, {})) for it in section.fields}


def _mark(kind: Kind, raw: Raw) -> str:
    raw = kind.tidy(raw)
    tidy = sorted((end, [it.strip() for it in typed]) for end, typed in raw.items() if typed)
    text = json.dumps([(end, typed) for end, typed in tidy if any(typed)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# What it comes to


class Refused(Exception):
    """`wrong`: what is wrong beside which field."""

    def __init__(self, wrong: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(", ".join(wrong))
        self.wrong = wrong


def written(form: Form) -> dict[str, object]:
    """The item as a file would say it; what nobody touched stays exactly as it is. Raises Refused.

    Keys that have no field here stay as well.
    """
    found: dict[str, object] = dict(form.was)
    wrong: dict[str, tuple[str, ...]] = {}
    for it in form.section.fields:
        sent, default = form.typed.get(it.name, {}), defaults(form.section.name).get(it.name)
        stands = held(form.section.name, form.was, it.name)
        as_it_is = it.kind.raw(stands, form.ctx)
        if not form.new and _mark(it.kind, sent) == _mark(it.kind, as_it_is):
            continue
        found.pop(it.name, None)
        try:
            value = it.kind.read(sent, form.ctx)
        except UnreadableRow as bad:
            said = form.ctx.words(bad.message, **bad.values)
            wrong[f"{it.name}.{bad.row}.{bad.name}"] = (said,)
            continue
        except Unreadable as bad:
            wrong[it.name] = (form.ctx.words(bad.message, **bad.values),)
            continue
        if value is ABSENT and (it.needed or it.kind.shape == "number"):
            wrong[it.name] = (form.ctx.words(_NEEDED),)
        elif value is not ABSENT:
            found[it.name] = value
        elif isinstance(default, str) and isinstance(it.kind, Text):
            found[it.name] = ""
    if wrong:
        raise Refused(wrong)
    return found


def by_field(
    problems: Sequence[Problem], form: Form, names: Sequence[str], *, whole: str | None = None
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """What to say beside which field, and what is about something else.

    `names`: how problems may name the item: `manager[anna]`, a single table's own name. `whole`:
    beside which field stands what is said of the item itself.
    """
    beside: dict[str, tuple[str, ...]] = {}
    rest: list[Problem] = []
    known = {it.name: it.kind for it in form.section.fields}
    for problem in problems:
        if whole and problem.key in names:
            beside[whole] = (*beside.get(whole, ()), problem.message)
            continue
        name = next((it for it in names if problem.key.startswith(f"{it}.")), None)
        key = problem.key[len(name) + 1 :] if name else ""
        first = key.partition(".")[0].partition("[")[0]
        if not name or first not in known:
            rest.append(problem)
            continue
        place = _in_row(known[first], key, form.typed.get(first, {})) or first
        said = known[first].as_typed(problem.message)
        beside[place] = (*beside.get(place, ()), said)
    return beside, rest


def _in_row(kind: Kind, key: str, raw: Raw) -> str | None:
    """`statuses[new].weight`: the place of that row's field."""
    if not isinstance(kind, Rows) or "[" not in key:
        return None
    label, _, rest = key.partition("[")[2].partition("]")
    name = rest.lstrip(".") or "key"
    for n, row in enumerate(kind.split(raw)):
        if one(row.get("key", {})) == label and any(it.name == name for it in kind.fields):
            return f"statuses.{n}.{name}"
    return None


# Rows that come, go and move, without a script


def rearranged(form: Form, do: str) -> Form:
    """After one of the buttons beside rows: `add`, `drop:2`, `up:2`, `down:2`."""
    act, _, at = do.partition(":")
    n = int(at) if at.isdecimal() and len(at) < 4 else -1
    typed = dict(form.typed)
    for it in form.section.fields:
        if not isinstance(it.kind, Rows):
            continue
        rows = it.kind.split(typed.get(it.name, {}))
        if act == "drop" and 0 <= n < len(rows):
            rows.pop(n)
        elif act == "up" and 0 < n < len(rows):
            rows.insert(n - 1, rows.pop(n))
        elif act == "down" and 0 <= n < len(rows) - 1:
            rows.insert(n + 1, rows.pop(n))
        typed[it.name] = it.kind.join(rows)
    return replace(form, typed=typed)
