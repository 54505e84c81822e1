"""A contact as a person edits him: names in parts, labels, consents, whose a number is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from email_validator import EmailNotValidError, validate_email

from callrouter.domain.inn import is_inn
from callrouter.domain.phones import read_number
from callrouter.flows.choose_contact import choose_contact
from callrouter.flows.fields import Given, change_contact
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from callrouter.flows.people import BadFields, Person, Wrong
from callrouter.flows.seeing import check_giving, check_seen
from storage import choices, consents, leads, notices, profiles
from storage.leads import Consent
from storage.notices import Happening
from storage.profiles import Names, Profile

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup

PURPOSES: Final = ("processing", "advertising")
HOW: Final = ("spoken", "paper", "email", "form")
"""How a consent was got: by word of mouth, on paper, in a letter of his, on the site."""

_LONGEST: Final = 1000


class NoNumber(Exception):
    """The call has no number that could be anybody's."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What a form holds. `labels`: one for each of the person's phones, in their order."""

    person: Person
    names: Names = field(default_factory=Names)
    labels: tuple[str, ...] = ()
    own: Mapping[str, Given] = field(default_factory=dict)


def edit_contact(
    conn: Connection,
    viewer: Viewer,
    contact_id: str,
    edited: Edited,
    setup: Setup,
    *,
    version: int | None = None,
    by: str,
    now: datetime,
) -> None:
    """Write a contact as the form has him. Raises NoSuchContact, people.Stale, BadFields, MayNot.

    Where only the parts of the name were changed, they are the name.
    """
    found = profiles.find(conn, contact_id)
    if found is None:
        raise NoSuchContact(contact_id)
    before, names = found[0], profiles.names_of(conn, contact_id)
    person = edited.person
    if "responsible" in person.given:
        check_giving(viewer, before.responsible, person.responsible)
    if _parts(edited.names) != _parts(names) and (person.name or "") == before.name:
        person = replace(person, name=" ".join(_parts(edited.names)) or person.name)
    if wrong := list(unfit(person, before)):
        raise BadFields(*wrong)
    change_contact(conn, contact_id, person, edited.own, setup, version=version, by=by, now=now)
    parts = edited.names
    if person.name != before.name:  # whoever writes a name has looked at it
        parts = replace(parts, confirmed=bool(person.name))
    changed = profiles.write_names(conn, contact_id, parts, now=now)
    labels = _labels(edited, setup.company.region)
    if profiles.label_phones(conn, contact_id, labels, now=now) or changed:
        data = {"fields": "name" if changed else "phones"}
        told = Happening("contact_changed", now, by, contact=contact_id, data=data)
        notices.record(conn, [told], now=now)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is said of a name's parts (`first`, `middle`, `last`) and of what phones are for.

    What is not named stays. `confirmed` None: as it is; labels by the number in any spelling.
    """

    names: Mapping[str, str | None] = field(default_factory=dict)
    confirmed: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def write_parts(
    conn: Connection, contact_id: str, parts: Parts, setup: Setup, *, by: str, now: datetime
) -> None:
    """Write what of a contact stands beside his profile. He must be there."""
    changed = []
    if parts.names or parts.confirmed is not None:
        was = profiles.names_of(conn, contact_id)
        names = Names(
            first=parts.names.get("first", was.first),
            middle=parts.names.get("middle", was.middle),
            last=parts.names.get("last", was.last),
            confirmed=was.confirmed if parts.confirmed is None else parts.confirmed,
        )
        if profiles.write_names(conn, contact_id, names, now=now):
            changed.append("name")
    read = {read_number(one, setup.company.region): said for one, said in parts.labels.items()}
    labels = {number: said.strip() or None for number, said in read.items() if number}
    if labels and profiles.label_phones(conn, contact_id, labels, now=now):
        changed.append("phones")
    if changed:
        data = {"fields": " ".join(changed)}
        told = Happening("contact_changed", now, by, contact=contact_id, data=data)
        notices.record(conn, [told], now=now)


def _parts(names: Names) -> list[str]:
    return [one for one in (names.last, names.first, names.middle) if one]


def _labels(edited: Edited, region: str) -> dict[str, str | None]:
    read = (read_number(phone, region) for phone in edited.person.phones)
    labels = (*edited.labels, *("" for _ in edited.person.phones))
    return {
        number: label.strip()[:64] or None
        for number, label in zip(read, labels, strict=False)
        if number
    }


def unfit(person: Person, before: Profile | None = None) -> Iterator[Wrong]:
    """What a person who writes a contact by hand is told of; what was there before may stay."""
    if person.inn and (before is None or person.inn != before.inn) and not is_inn(person.inn):
        yield Wrong("inn", "has a wrong digit; allowed: 10 digits of a company, 12 of a person")
    known = before.emails if before else ()
    for n, email in enumerate(person.emails):
        if email.strip().lower() not in known and not _is_address(email.strip()):
            yield Wrong(f"emails.{n}", "is no e-mail address; e.g. ivan@example.com")


def _is_address(email: str) -> bool:
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


# Consents


def give_consent(
    conn: Connection,
    contact_id: str,
    purpose: str,
    how: str,
    evidence: str,
    *,
    by: str,
    now: datetime,
) -> None:
    """Write down what a contact agreed to. Raises NoSuchContact, BadFields."""
    if profiles.find(conn, contact_id) is None:
        raise NoSuchContact(contact_id)
    wrong = [
        Wrong(name, f"is none; allowed: {', '.join(allowed)}")
        for name, value, allowed in (("purpose", purpose, PURPOSES), ("how", how, HOW))
        if value not in allowed
    ]
    if wrong:
        raise BadFields(*wrong)
    said = {"by": by} | ({"text": evidence.strip()[:_LONGEST]} if evidence.strip() else {})
    one = Consent(purpose, how, json.dumps(said, ensure_ascii=False), now)
    leads.add_consents(conn, contact_id, [one], now=now)
    _tell_of(conn, "consent_given", contact_id, purpose, by, now)


def withdraw_consent(
    conn: Connection, contact_id: str, consent_id: str, *, by: str, now: datetime
) -> bool:
    """He takes it back. False: he did so before. Raises NoSuchContact: it is not his."""
    if consents.find(conn, consent_id) != contact_id:
        raise NoSuchContact(contact_id)
    if not consents.withdraw(conn, consent_id, now=now):
        return False
    _tell_of(conn, "consent_withdrawn", contact_id, consent_id, by, now)
    return True


def _tell_of(
    conn: Connection, kind: str, contact_id: str, what: str, by: str, now: datetime
) -> None:
    told = Happening(kind, now, by, contact=contact_id, data={"consent": what})
    notices.record(conn, [told], now=now)


# Whose a number is


def attach_number(
    conn: Connection,
    viewer: Viewer,
    number: str,
    to: str,
    *,
    take_from: Sequence[str] = (),
    setup: Setup,
    by: str,
    now: datetime,
) -> None:
    """Give a number (E.164) to a contact; those it is taken from have it no more.

    Raises NotSeen, NoSuchContact.
    """
    check_seen(conn, viewer, "contact", to)
    _rewrite(conn, to, number, setup, has=True, by=by, now=now)
    for one in take_from:
        if one != to:
            check_seen(conn, viewer, "contact", one)
            _rewrite(conn, one, number, setup, has=False, by=by, now=now)


def _rewrite(
    conn: Connection,
    contact_id: str,
    number: str,
    setup: Setup,
    *,
    has: bool,
    by: str,
    now: datetime,
) -> None:
    found = profiles.find(conn, contact_id)
    if found is None:
        raise NoSuchContact(contact_id)
    rest = tuple(one for one in found[0].phones if one != number)
    phones = (*rest, number) if has else rest
    sent = Person(given=frozenset({"phones"}), phones=phones)
    change_contact(conn, contact_id, sent, {}, setup, by=by, now=now)


def attach_call(
    conn: Connection,
    viewer: Viewer,
    call_id: str,
    to: str,
    setup: Setup,
    *,
    shared: bool,
    by: str,
    now: datetime,
) -> None:
    """Make a call's number that contact's too, or (`shared` False) no longer that of who called.

    The call goes to him, and later calls of the number too. Raises NoSuchCall, NoNumber, NotSeen,
    NoSuchContact.
    """
    check_seen(conn, viewer, "call", call_id)
    call = choices.find(conn, call_id)
    if call is None:
        raise NoSuchCall
    if call.number is None:
        raise NoNumber
    loser = call.contact if not shared and call.contact != to else None
    if loser:  # seen maybe through this call alone, which is another's in a moment
        check_seen(conn, viewer, "contact", loser)
    attach_number(conn, viewer, call.number, to, setup=setup, by=by, now=now)
    choose_contact(conn, call_id, to, setup, by=by, now=now)
    if loser:
        _rewrite(conn, loser, call.number, setup, has=False, by=by, now=now)
