"""A condition as a form holds it: rows and groups, perhaps not finished, with what is wrong.

A part has an address: "" is the whole, "0.2" the third part of the first one. Its fields are named
`c.0.2:kind`, `:field`, `:op`, `:value` (one or several) and `:was`, the field that the form last
offered values for. What the buttons do is `ACTS`; they work by plain posts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from callrouter.domain.phones import pretty, read_number
from callrouter.domain.setup import Condition, Field, Op
from callrouter.setup_file.conditions import OPS, check_condition, kind_of, known_values
from callrouter.wording import conditions as say
from callrouter.wording.catalogue import mark
from callrouter.wording.remarks import remark_text

if TYPE_CHECKING:
    from callrouter.domain.rules import Value
    from callrouter.domain.setup import Setup
    from callrouter.wording import Words
    from callrouter.wording.people import Voice

Kind = Literal["row", "all", "any", "not"]

MOST_PARTS: Final = 1000
MOST_VALUES: Final = 20_000

_PATH: Final = r"(?:\.\d{1,5}){0,40}"
_KEY: Final = re.compile(rf"c({_PATH}):(kind|field|op|value|was)")
_AT: Final = re.compile(r"\.(?:(all|any)\[(\d+)\]|(not))|\.(op|value|field|all|any)$")
_YES: Final = {"yes": True, "no": False}
_NO_SPARE: Final[frozenset[Field]] = frozenset({"caller.number", "diverted_from"})


@dataclass(frozen=True, slots=True)
class Part:
    """A row, or a group of parts. `was`: the field of which the values are."""

    kind: Kind
    field: str = ""
    op: str = ""
    values: tuple[str, ...] = ("",)
    parts: tuple[Part, ...] = ()
    was: str = ""


ROW: Final = Part("row")
NEW: Final = Part("all", parts=(ROW,))


def part_of(when: Condition) -> Part:
    """A condition that is right as its form."""
    if when.not_ is not None:
        return Part("not", parts=(part_of(when.not_),))
    if when.field is None:
        kind: Kind = "any" if when.all is None else "all"
        return Part(kind, parts=tuple(part_of(one) for one in (when.all or when.any or ())))
    values = when.value if isinstance(when.value, tuple) else (when.value,)
    texts = tuple(_written(value) for value in values)
    return Part("row", when.field, when.op or "", texts, was=when.field)


def _written(value: Value | tuple[str | int, ...]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def fields_of(part: Part, at: str = "") -> Iterator[tuple[str, str]]:
    """What a browser sends of a form that shows this."""
    name = f"c{at}"
    yield f"{name}:kind", part.kind
    if part.kind == "row":
        yield f"{name}:field", part.field
        yield f"{name}:was", part.was
        yield f"{name}:op", part.op
        for value in part.values:
            yield f"{name}:value", value
    for n, one in enumerate(part.parts):
        yield from fields_of(one, f"{at}.{n}")


# Reading what was sent


def read_part(pairs: Sequence[tuple[str, str]]) -> Part:
    """The whole as it was sent; what cannot be is left out. Nothing sent: an empty one.

    What is too much is read as well, so that `build` refuses it and nothing typed is lost.
    """
    told: dict[str, dict[str, list[str]]] = {}
    for key, value in pairs:
        if found := _KEY.fullmatch(key):
            told.setdefault(found[1], {}).setdefault(found[2], []).append(value)
    below: dict[str, list[str]] = {}
    for at in told:
        if at:
            below.setdefault(at.rpartition(".")[0], []).append(at)
    return _read(told, below, "") or NEW


def _read(
    told: Mapping[str, Mapping[str, list[str]]], below: Mapping[str, list[str]], at: str
) -> Part | None:
    given = told.get(at, {})
    kind = next((one for one in get_args(Kind) if [one] == given.get("kind", [])[:1]), None)
    if kind is None:
        return None
    if kind == "row":
        return _read_row(given)
    inside = sorted(below.get(at, ()), key=lambda key: int(key.rpartition(".")[2]))
    parts = tuple(part for key in inside if (part := _read(told, below, key)))
    return Part(kind, parts=parts[:1] if kind == "not" else parts)


def _read_row(given: Mapping[str, list[str]]) -> Part:
    field, op, was = (given.get(key, [""])[0] for key in ("field", "op", "was"))
    lines = (line for one in given.get("value", ()) for line in one.split("\n"))
    values = tuple(line.removesuffix("\r") for line in lines) or ("",)
    if field not in get_args(Field):
        return Part("row")
    if field != was:
        values = ("",)
    kind = kind_of(_field(field))
    if op not in OPS[kind]:
        op = next(iter(say.OPS[kind]))
    if kind == "hours" and values != ("",) and (op == "within") == (values[0] in say.OPEN):
        values = ("",)
    return Part("row", field, op, values, was=field)


def _field(text: str) -> Field:
    return next(one for one in get_args(Field) if one == text)


# What the buttons do


def act(whole: Part, said: str) -> Part:
    """Do what a button says: `add:.0`, `unvalue:.0.1:2`; one that is not known does nothing."""
    name, _, rest = said.partition(":")
    at, _, n = rest.partition(":")
    if name not in ACTS or not re.fullmatch(_PATH, at):
        return whole
    path = [int(one) for one in at.split(".")[1:]]
    try:
        return ACTS[name](whole, path, int(n or 0))
    except (IndexError, ValueError):
        return whole


Act = Callable[[Part, list[int], int], Part]


def _change(whole: Part, path: Sequence[int], do: Callable[[Part], Sequence[Part]]) -> Part:
    """Put what `do` makes of the part at a path in its place; none, one or several parts."""
    if not path:
        made = do(whole)
        return made[0] if made else Part("all")
    first, *rest = path
    before = whole.parts[first]
    after = do(before) if not rest else (_change(before, rest, do),)
    parts = (*whole.parts[:first], *after, *whole.parts[first + 1 :])
    if whole.kind == "not" and not parts:
        return Part("all")
    return replace(whole, parts=parts)


def _add(new: Part) -> Act:
    def add(whole: Part, path: list[int], _n: int) -> Part:
        return _change(whole, path, lambda part: (replace(part, parts=(*part.parts, new)),))

    return add


def _add_group(whole: Part, path: list[int], _n: int) -> Part:
    def add(part: Part) -> Sequence[Part]:
        inner = Part("any" if part.kind == "all" else "all", parts=(ROW, ROW))
        return (replace(part, parts=(*part.parts, inner)),)

    return _change(whole, path, add)


def _remove(whole: Part, path: list[int], _n: int) -> Part:
    while len(path) > 0 and _at(whole, path[:-1]).kind == "not":
        path = path[:-1]  # what is left of "not" without what it denies
    return _change(whole, path, lambda _part: ())


def _move(by: int) -> Act:
    def move(whole: Part, path: list[int], _n: int) -> Part:
        if not path:
            return whole
        *above, here = path

        def swap(group: Part) -> Sequence[Part]:
            parts, there = list(group.parts), here + by
            if 0 <= there < len(parts):
                parts[here], parts[there] = parts[there], parts[here]
            return (replace(group, parts=tuple(parts)),)

        return _change(whole, above, swap)

    return move


def _wrap(kind: Kind, *more: Part) -> Act:
    def wrap(whole: Part, path: list[int], _n: int) -> Part:
        return _change(whole, path, lambda part: (Part(kind, parts=(part, *more)),))

    return wrap


def _unwrap(whole: Part, path: list[int], _n: int) -> Part:
    """A group's parts in its place; not where a group would have several parts for one."""

    def unwrap(part: Part) -> Sequence[Part]:
        inside_group = bool(path) and _at(whole, path[:-1]).kind != "not"
        return part.parts if len(part.parts) == 1 or (part.parts and inside_group) else (part,)

    return _change(whole, path, unwrap)


def _value(whole: Part, path: list[int], _n: int) -> Part:
    return _change(whole, path, lambda part: (replace(part, values=(*part.values, "")),))


def _unvalue(whole: Part, path: list[int], n: int) -> Part:
    def drop(part: Part) -> Sequence[Part]:
        left = (*part.values[:n], *part.values[n + 1 :])
        return (replace(part, values=left or ("",)),)

    return _change(whole, path, drop)


def _at(whole: Part, path: Sequence[int]) -> Part:
    for n in path:
        whole = whole.parts[n]
    return whole


ACTS: Final[Mapping[str, Act]] = {
    "add": _add(ROW),
    "group": _add_group,
    "remove": _remove,
    "up": _move(-1),
    "down": _move(1),
    "not": _wrap("not"),
    "and": _wrap("all", ROW),
    "or": _wrap("any", ROW),
    "unwrap": _unwrap,
    "value": _value,
    "unvalue": _unvalue,
}


# From the form to a condition


@dataclass(frozen=True, slots=True)
class Built:
    """What a form comes to: a condition that `apply` takes, or by address what is wrong."""

    when: Condition | None
    wrong: Mapping[str, str]


def build(whole: Part, setup: Setup, voice: Voice) -> Built:
    wrong: dict[str, str] = {}
    if (n := _count(whole)) > MOST_PARTS:
        said = voice.words(
            "The rule has {n} conditions. Allowed: at most {most}.", n=n, most=MOST_PARTS
        )
        return Built(None, {"": said})
    when = _condition(whole, "", setup, voice.words, wrong)
    if not wrong:
        for problem in check_condition(setup, when, ""):
            wrong.setdefault(address_of(problem.key), remark_text(voice, problem.message))
    return Built(None if wrong else when, wrong)


def _count(part: Part) -> int:
    return 1 + sum(map(_count, part.parts))


def address_of(key: str) -> str:
    """`.all[2].not.value` as an address: `.1.0`."""
    found = []
    while match := _AT.match(key):
        if match[4] is None:
            found.append("0" if match[3] else str(int(match[2]) - 1))
        key = key[match.end() :]
    return "".join(f".{n}" for n in found)


def _condition(part: Part, at: str, setup: Setup, words: Words, wrong: dict[str, str]) -> Condition:
    if part.kind == "row":
        return _comparison(part, at, setup, words, wrong)
    below = tuple(
        _condition(one, f"{at}.{n}", setup, words, wrong) for n, one in enumerate(part.parts)
    )
    match part.kind:
        case "all":
            return Condition(all=below)
        case "any":
            return Condition(any=below)
    if not below:
        wrong[at] = words("Empty: add a condition, or take it away.")
        return Condition()
    return Condition(not_=below[0])


def _comparison(
    part: Part, at: str, setup: Setup, words: Words, wrong: dict[str, str]
) -> Condition:
    if not part.field:
        wrong[at] = words("Choose what is compared.")
        return Condition()
    field = _field(part.field)
    op: Op | None = next((one for one in OPS[kind_of(field)] if one == part.op), None)
    if op is None:  # a draft may hold it
        wrong[at] = words("Choose how it is compared.")
        return Condition()
    values = part.values if op == "in" else part.values[:1]
    if len(values) > 1:
        values = tuple(one for one in values if one) or values[:1]  # fields left empty
    if not any(values):
        chooses = field in known_values(setup) and op not in ("starts", "within")
        wrong[at] = (
            words("Choose a value.")
            if chooses or kind_of(field) == "flag"
            else words("Write a value.")
        )
        return Condition()
    if len(values) > MOST_VALUES:
        wrong[at] = words(
            "There are {n} values. Allowed: at most {most}.", n=len(values), most=MOST_VALUES
        )
        return Condition()
    made = [_typed(field, op, value, setup) for value in values]
    if None in made:
        wrong[at] = words("Write a whole number.")
        return Condition()
    texts = tuple(one for one in made if one is not None)
    return Condition(field=field, op=op, value=texts if op == "in" else texts[0])


def _typed(field: Field, op: Op, text: str, setup: Setup) -> str | int | bool | None:
    match kind_of(field):
        case "flag":
            return _YES.get(text)
        case "number":
            digits = text.strip()
            return int(digits) if re.fullmatch(r"[+-]?\d{1,300}", digits, re.ASCII) else None
    if field in _NO_SPARE and op != "starts":
        return read_number(text, setup.company.region) or text
    return text


def tidied(whole: Part, kept: frozenset[str]) -> Part:
    """Without the spaces that one types by mistake; `kept`: values that stand in the rule so."""
    return replace(
        whole,
        values=tuple(one if one in kept else one.strip() for one in whole.values),
        parts=tuple(tidied(one, kept) for one in whole.parts),
    )


def values_in(part: Part) -> frozenset[str]:
    below = (value for one in part.parts for value in values_in(one))
    return frozenset((*part.values, *below))


# What is shown


@dataclass(frozen=True, slots=True)
class Shown:
    """A part as the page shows it. `n`: its place in its group of `of` parts; `above`: its kind."""

    part: Part
    at: str
    offer: Offer
    wrong: str
    parts: tuple[Shown, ...] = ()
    n: int = 0
    of: int = 1
    above: str = ""

    @property
    def name(self) -> str:
        return f"c{self.at}"


def shown(whole: Part, voice: Voice, wrong: Mapping[str, str], tags: Sequence[str]) -> Shown:
    def show(part: Part, at: str, n: int, of: int, above: str) -> Shown:
        below = tuple(
            show(one, f"{at}.{n}", n, len(part.parts), part.kind)
            for n, one in enumerate(part.parts)
        )
        offer = offer_for(part, voice, tags)
        return Shown(part, at, offer, wrong.get(at, ""), below, n, of, above)

    return show(whole, "", 0, 1, "")


def unfinished(whole: Part, at: str = "") -> Iterator[str]:
    """The addresses of what nobody has filled in yet."""
    if (whole.kind == "row" and not any(whole.values)) or (whole.kind != "row" and not whole.parts):
        yield at
    for n, one in enumerate(whole.parts):
        yield from unfinished(one, f"{at}.{n}")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a row may be compared with: to choose from, or as help while one writes."""

    ops: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, str], ...] = ()
    chooses: bool = False
    hint: str = ""
    mode: str = "text"  # of the keyboard on a phone


_HINTS: Final[Mapping[Field, str]] = {
    "caller.number": mark("e.g. +7 916 000-00-01"),
    "caller.region": mark("three digits after +7, e.g. 495"),
    "diverted_from": mark("e.g. +7 916 000-00-01"),
}


def offer_for(part: Part, voice: Voice, tags: Sequence[str]) -> Offer:
    words, setup = voice.words, voice.setup
    if not part.field:
        return Offer(())
    field = _field(part.field)
    kind = kind_of(field)
    # A needless way to say it, which a file may have all the same.
    needless = {"tags": "is", "flag": "is_not"}.get(kind)
    ops = tuple(
        (op, words(said)) for op, said in say.OPS[kind].items() if op != needless or op == part.op
    )
    if kind == "flag":
        return Offer(ops, (("yes", words("yes")), ("no", words("no"))), chooses=True)
    if kind == "number":
        return Offer(ops, mode="numeric")
    if part.op == "within":
        return Offer(ops, hint=words("e.g. Mo-Fr 18:00-21:00; Sa 10:00-16:00; PH off"))
    if part.op == "starts":
        return Offer(ops, hint=words("e.g. +7916") if field in _NO_SPARE else "")
    known = known_values(setup)
    if field in known:
        return Offer(ops, _with_those_there(_known(field, voice), part, field, voice), chooses=True)
    hint = words(_HINTS[field]) if field in _HINTS else ""
    if field == "contact.tag":
        return Offer(ops, tuple((tag, tag) for tag in tags))
    if field == "source":
        sources = dict.fromkeys(line.source for line in setup.line if line.source)
        return Offer(ops, tuple((one, one) for one in sources))
    return Offer(ops, hint=hint, mode="tel" if field in _HINTS else "text")


def _known(field: Field, voice: Voice) -> Iterator[tuple[str, str]]:
    setup = voice.setup
    match field:
        case "line":
            for line in setup.line:
                number = pretty(line.number)
                yield line.number, f"{line.name} · {number}" if line.name else number
        case "card.status":
            several = len(setup.pipelines) > 1
            for pipeline in setup.pipelines.values():
                for one in pipeline.statuses:
                    name = one.name or one.key
                    yield one.key, f"{name} ({pipeline.name or pipeline.key})" if several else name
        case "contact.manager":
            for manager in setup.active:
                yield manager.key, manager.name
        case "caller.country":
            codes = known_values(setup)["caller.country"]
            named = sorted((say.country(voice.words, code), code) for code in codes)
            yield from ((code, name) for name, code in named)
        case "account":
            yield from ((key, key) for key in setup.accounts)
        case _:
            for key in known_values(setup)[field]:
                yield key, say.begun(say.value_text(voice, field, key))


def _with_those_there(
    offered: Iterator[tuple[str, str]], part: Part, field: Field, voice: Voice
) -> tuple[tuple[str, str], ...]:
    """Also the values that are in the form but not offered: other spellings, or gone by now."""
    found = dict(offered)
    for value in part.values:
        if value and value not in found:
            there = value in known_values(voice.setup)[field]
            named = say.value_text(voice, field, value)
            found[value] = (
                (value if field == "line" else named)
                if there
                else voice.words("{value} — not there any more", value=value)
            )
    return tuple(found.items())
