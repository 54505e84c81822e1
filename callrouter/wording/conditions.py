"""Conditions of rules as one says them: `the tag of the client is “vip”, and it is after hours`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from babel import Locale

from callrouter.domain.phones import CallerKind, pretty
from callrouter.domain.setup import Condition, Field, Op
from callrouter.setup_file.conditions import Kind, kind_of
from callrouter.wording import codes
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callrouter.domain.rules import Value
    from callrouter.domain.setup import Setup
    from callrouter.wording.catalogue import Words
    from callrouter.wording.people import Voice

FIELDS: Final[Mapping[Field, str]] = {
    "contact.known": mark("is the caller known"),
    "contact.tag": mark("tag of the client"),
    "contact.manager": mark("responsible manager"),
    "card.pipeline": mark("pipeline of the open deal"),
    "card.status": mark("status of the open deal"),
    "missed_today": mark("missed today"),
    "hours": mark("time of the call"),
    "holiday": mark("public holiday"),
    "line": mark("company number"),
    "source": mark("source of the company number"),
    "office": mark("office of the company number"),
    "account": mark("PBX connection"),
    "caller.kind": mark("kind of the caller’s number"),
    "caller.number": mark("the caller’s number"),
    "caller.country": mark("the caller’s country"),
    "caller.region": mark("the caller’s area code"),
    "diverted_from": mark("forwarded from"),
}
"""In the order in which a form offers them."""

GROUPS: Final[Mapping[str, tuple[Field, ...]]] = {
    mark("The client"): (
        "contact.known",
        "contact.tag",
        "contact.manager",
        "card.pipeline",
        "card.status",
        "missed_today",
    ),
    mark("When"): ("hours", "holiday"),
    mark("Where the call comes in"): ("line", "source", "office", "account"),
    mark("The number"): (
        "caller.kind",
        "caller.number",
        "caller.country",
        "caller.region",
        "diverted_from",
    ),
}

OPS: Final[Mapping[Kind, Mapping[Op, str]]] = {
    "text": {
        "is": mark("is"),
        "is_not": mark("is not"),
        "in": mark("is one of"),
        "starts": mark("begins with"),
    },
    "tags": {
        "has": mark("is there"),
        "is_not": mark("is not there"),
        "in": mark("one of these is there"),
        "starts": mark("one is there that begins with"),
        "is": mark("is"),
    },
    "flag": {"is": mark("is"), "is_not": mark("is not")},
    "number": {
        "above": mark("more than"),
        "below": mark("less than"),
        "is": mark("is"),
        "is_not": mark("is not"),
        "in": mark("is one of"),
    },
    "hours": {
        "is": mark("is"),
        "within": mark("lies within"),
        "is_not": mark("is not"),
    },
}

OPEN: Final[Mapping[str, str]] = {
    "open": mark("working hours"),
    "closed": mark("after hours"),
}

_DAYS: Final = re.compile(r"\b(Mo|Tu|We|Th|Fr|Sa|Su|PH|off|closed)\b", re.IGNORECASE)
_DAY_NAMES: Final[Mapping[str, str]] = {
    "mo": mark("Mo"),
    "tu": mark("Tu"),
    "we": mark("We"),
    "th": mark("Th"),
    "fr": mark("Fr"),
    "sa": mark("Sa"),
    "su": mark("Su"),
    "ph": mark("holidays"),
    "off": mark("off"),
    "closed": mark("off"),
}


def condition_text(voice: Voice, when: Condition) -> str:
    """Say a condition so that "if" or "when" may stand before it."""
    return _said(voice, when, inner=False)


def _said(voice: Voice, when: Condition, *, inner: bool) -> str:
    words = voice.words
    if when.not_ is not None:
        return words("not ({what})", what=_said(voice, when.not_, inner=False))
    if when.field is not None:
        return _compared(voice, when.field, when)
    parts = when.all if when.all is not None else when.any or ()
    said = [_said(voice, one, inner=len(parts) > 1) for one in parts]
    text = (words(" or ") if when.all is None else words(" and ")).join(said)
    return f"({text})" if inner and len(said) > 1 else text


def _compared(voice: Voice, field: Field, when: Condition) -> str:
    words, kind = voice.words, kind_of(field)
    values = when.value if isinstance(when.value, tuple) else (when.value,)
    match kind:
        case "flag":
            return words(_FLAGS[field, (when.value is True) == (when.op == "is")])
        case "hours":
            return _hours(words, when)
        case "tags":
            return _tag(words, when.op, [quoted(words, str(value)) for value in values])
        case "number":
            given = _either(words, [str(value) for value in values])
            match when.op:
                case "above":
                    return words("missed calls today: more than {n}", n=given)
                case "below":
                    return words("missed calls today: less than {n}", n=given)
                case "is_not":
                    return words("missed calls today: not {n}", n=given)
            return words("missed calls today: {n}", n=given)
        case "text":
            what = words(FIELDS[field])
            if when.op == "starts":
                text = quoted(words, str(values[0]))
                return words("{what} begins with {text}", what=what, text=text)
            said = _either(words, [value_text(voice, field, value) for value in values])
            if when.op == "is_not":
                return words("{what}: not {value}", what=what, value=said)
            return words("{what}: {value}", what=what, value=said)


_FLAGS: Final[Mapping[tuple[Field, bool], str]] = {
    ("contact.known", True): mark("the caller is known"),
    ("contact.known", False): mark("the caller is not known yet"),
    ("holiday", True): mark("it is a public holiday"),
    ("holiday", False): mark("it is no public holiday"),
}


def _hours(words: Words, when: Condition) -> str:
    if when.op == "within":
        return words("time of the call: {hours}", hours=hours_text(words, str(when.value)))
    is_open = (when.value == "open") == (when.op == "is")
    return words("it is within hours") if is_open else words("it is after hours")


def _tag(words: Words, op: Op | None, tags: Sequence[str]) -> str:
    said = _either(words, tags)
    match op:
        case "is_not":
            return words("the client has no tag {tag}", tag=said)
        case "starts":
            return words("the client has a tag that begins with {tag}", tag=said)
    return words("the client has the tag {tag}", tag=said)


def _either(words: Words, said: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    if len(said) < 2:
        return "".join(said)
    return words("{these} or {last}", these=", ".join(said[:-1]), last=said[-1])


def quoted(words: Words, text: str) -> str:
    return words("“{name}”", name=text)


def hours_text(words: Words, text: str) -> str:
    """Hours with the days as the reader calls them."""
    return _DAYS.sub(lambda found: words(_DAY_NAMES[found[1].lower()]), text)


def value_text(voice: Voice, field: Field, value: Value) -> str:
    """What a value of a field is called; one that the setup has not is shown as it is."""
    words, setup, key = voice.words, voice.setup, str(value)
    match field:
        case "line":
            return _line(setup, key)
        case "office":
            office = setup.offices.get(key)
            return office.name or key if office else key
        case "contact.manager":
            return voice.name(key)
        case "card.pipeline":
            pipeline = setup.pipelines.get(key)
            return pipeline.name or key if pipeline else key
        case "card.status":
            pipelines = setup.pipelines.values()
            return status_named(next((it for it in pipelines if it.status(key)), None), key, words)
        case "caller.kind":
            kinds: Mapping[CallerKind, str] = codes.CALLERS
            said = codes.find(kinds, key)
            return _small(words(said)) if said else key
        case "caller.country":
            return country(words, key)
        case "caller.number" | "diverted_from":
            return pretty(key)
        case "hours":
            return words(OPEN[key]) if key in OPEN else hours_text(words, key)
        case "source" | "caller.region" | "account":
            return quoted(words, key)
    return key


def _line(setup: Setup, key: str) -> str:
    line = setup.lines.get(key) or next((one for one in setup.line if one.name == key), None)
    return line.name or pretty(line.number) if line else key


def country(words: Words, code: str) -> str:
    return str(Locale(words.language).territories.get(code, code))


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def begun(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]
