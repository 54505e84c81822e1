"""What happened to a card, in a sentence: business events as their timeline says them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from callrouter.forming.values import money
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.wording.people import Voice

FIELDS: Final[Mapping[str, str]] = {
    "title": mark("Title"),
    "amount": mark("Amount"),
    "due_on": mark("Due"),
    "source": mark("Source of the deal"),
    "entity": mark("Seller"),
}
"""What of a card is set by hand, as pages call it."""

PLAIN: Final[Mapping[str, str]] = {
    "items_confirmed": mark("Prices confirmed"),
    "letter_asked_again": mark("The letter was asked for once more: the deal has had it."),
    "letter_moved_nothing": mark("The letter was sent, but the deal could not move on."),
    "call_written_up": mark("The call was written up"),
    "contact_chosen": mark("Chosen whose call it was"),
    "card_contact_added": mark("One more client is on the deal"),
    "card_contact_removed": mark("A client was taken off the deal"),
    "card_contact_main": mark("Another client is the main one of the deal"),
    "recording_refused": mark("The caller asked not to be recorded."),
    "opted_out": mark("The client wants no more advertising."),
}
"""Events of which nothing more needs to be said."""


def happening(kind: str, data: str, voice: Voice, outcomes: Mapping[Any, str] = {}) -> str:
    """Say an event of a card. `data`: as it is kept, JSON; `outcomes`: how those of calls are said.

    What has no words here yet is named by its code.
    """
    words, said = voice.words, _read(data)
    if kind in PLAIN:
        return words(PLAIN[kind])
    match kind:
        case "card_changed":
            changed = "; ".join(_changed(said, voice))
            return words("Changed: {what}", what=changed) if changed else words("Changed")
        case "card_disowned":
            name = voice.name(str(said.get("manager") or ""))
            return words("Nobody is responsible any more; before: {name}", name=name)
        case "items_put":
            n = _whole(said.get("items"))
            total = _money(said.get("amount"), voice)
            return words.many("{n} item, {total}", "{n} items, {total}", n, total=total)
        case "document_annulled":
            number, why = said.get("number") or "", said.get("reason") or ""
            text = words("Offer No. {number} was annulled", number=number)
            return f"{text}: {why}" if why else text
        case "call_outcome":
            outcome = str(said.get("outcome") or "")
            what = words(outcomes[outcome]) if outcome in outcomes else outcome
            return words("What came of the call: {what}", what=what)
        case _:
            return words("An event: {kind}", kind=kind)


def _changed(said: Mapping[str, Any], voice: Voice) -> Iterator[str]:
    own = {one.key: one.name or one.key for one in voice.setup.field}
    for name in str(said.get("fields") or "").split():
        key = name.removeprefix("fields.")
        if key != name:
            yield own.get(key, key)
        elif name in FIELDS:
            value = value_of(name, said.get(name), voice)
            title = voice.words(FIELDS[name])
            yield f"{title}: {value}" if value else voice.words("{what} emptied", what=title)
        else:
            yield name


def value_of(name: str, kept: object, voice: Voice) -> str:
    """The value of one of `FIELDS` as people read it; `kept`: as an event has it."""
    text = "" if kept is None else str(kept)
    if not text:
        return ""
    match name:
        case "amount":
            return _money(text, voice)
        case "due_on":
            return _day(text)
        case "entity":
            entity = next((one for one in voice.setup.entity if one.key == text), None)
            return entity.name if entity else text
        case _:
            return text


def _day(text: str) -> str:
    try:
        return f"{date.fromisoformat(text):%d.%m.%Y}"
    except ValueError:
        return text


def _money(kept: object, voice: Voice) -> str:
    try:
        return money(Decimal(str(kept)), voice.words)
    except InvalidOperation:
        return str(kept)


def _whole(kept: object) -> int:
    return kept if isinstance(kept, int) else 0


def _read(data: str) -> Mapping[str, Any]:
    found = json.loads(data or "{}")
    return found if isinstance(found, dict) else {}
