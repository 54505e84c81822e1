"""Contacts made and changed by people and programs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.names import may_be_same
from callrouter.domain.phones import read_number
from callrouter.flows import letters
from callrouter.flows.no_such import NoSuchContact
from callrouter.setup_file.problems import allowed_words
from storage import contacts, notices, profiles
from storage.notices import Happening
from storage.profiles import Profile

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup

_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one field, and what is allowed; `field` is a dotted path."""

    field: str
    message: str


class BadFields(Exception):
    """What was sent cannot be taken; nothing was written."""

    def __init__(self, *wrong: Wrong) -> None:
        super().__init__("; ".join(f"{one.field} {one.message}" for one in wrong))
        self.wrong = wrong


class Stale(Exception):
    """The contact was changed since it was read; the text says which version it has now."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is sent of a contact: only what `given` names counts. Numbers as people write them.

    `company`: the name of the company whose person he is; it is made, if there is none.
    """

    given: frozenset[str]
    kind: str = "person"
    relation: str = "client"
    name: str | None = None
    responsible: str | None = None
    inn: str | None = None
    comment: str | None = None
    position: str | None = None
    company: str | None = None
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    contact: str
    new: bool


def save(
    conn: Connection,
    sent: Person,
    setup: Setup,
    *,
    system: str,
    external_id: str | None = None,
    by: str,
    now: datetime,
) -> Saved:
    """Make a contact, or bring the one up to date that the sender means. Raises BadFields.

    Known he is by the sender's own id, else by the first of his numbers that somebody has: of
    several people one whose name may be the same. Who has another id of this sender is somebody
    else. Of a known contact numbers, e-mails and tags are added to, what else is given is replaced.
    """
    said = _read(sent, setup)
    if not (said.name or said.phones or said.emails or external_id):
        fields = ("name", "phones", "emails", "external_id")
        raise BadFields(*(Wrong(field, "is missing; one of these is needed") for field in fields))
    known = _find(conn, said, system, external_id)
    if known is None:
        after = _with_company(conn, sent, said, by=by, now=now)
        id_ = profiles.add(conn, after, by=by, now=now)
        _record(conn, "contact_made", id_, sent, by=by, now=now)
    else:
        id_, before = known
        after = _with_company(conn, sent, _joined(before, said, sent.given), by=by, now=now)
        _write(conn, id_, before, after, setup, by=by, now=now)
    if external_id:
        profiles.add_external(conn, system, external_id, id_)
    return Saved(id_, new=known is None)


def save_new(conn: Connection, sent: Person, setup: Setup, *, by: str, now: datetime) -> str:
    """Make a contact, whoever has his numbers; gives its id. Raises BadFields."""
    after = _with_company(conn, sent, _read(sent, setup), by=by, now=now)
    id_ = profiles.add(conn, after, by=by, now=now)
    _record(conn, "contact_made", id_, sent, by=by, now=now)
    return id_


def meant(
    conn: Connection, sent: Person, setup: Setup, *, system: str, external_id: str | None = None
) -> tuple[str, Profile] | None:
    """The known contact that `save` would bring up to date, as he is. Raises BadFields."""
    return _find(conn, _read(sent, setup), system, external_id)


def change(
    conn: Connection,
    contact_id: str,
    sent: Person,
    setup: Setup,
    *,
    version: int | None = None,
    by: str,
    now: datetime,
) -> None:
    """Replace what is given of a contact. Raises BadFields, NoSuchContact, Stale.

    `version`: the one that the sender has read; None: whatever it is.
    """
    found = profiles.find(conn, contact_id)
    if found is None:
        raise NoSuchContact(contact_id)
    before, current = found
    if version is not None and version != current:
        raise Stale(f"The contact was changed meanwhile: its version is {current}.")
    said = _read(sent, setup)
    after = replace(before, **{name: getattr(said, name) for name in sent.given - {"company"}})
    after = _with_company(conn, sent, after, by=by, now=now)
    _write(conn, contact_id, before, after, setup, by=by, now=now)


def read_email(text: str) -> str | None:
    """An e-mail address in small letters; None for a text that is none."""
    address = text.strip().lower()
    good = len(address) <= _LONGEST_EMAIL and _EMAIL.fullmatch(address)
    return address if good else None


def _read(sent: Person, setup: Setup) -> Profile:
    """What is sent, as it is kept; without the company. Raises BadFields with all that is wrong."""
    region = setup.company.region
    numbers = [read_number(phone, region) for phone in sent.phones]
    emails = [read_email(email) for email in sent.emails]
    if wrong := [
        *_unreadable("phones", numbers, "is no number of a public network; e.g. +79161234567"),
        *_unreadable("emails", emails, "is no e-mail address; e.g. ivan@example.com"),
        *_unfit(sent, setup),
    ]:
        raise BadFields(*wrong)
    return Profile(
        kind=sent.kind,
        relation=sent.relation,
        name=" ".join((sent.name or "").split()),
        responsible=sent.responsible,
        inn=sent.inn,
        comment=sent.comment,
        position=sent.position,
        phones=tuple(dict.fromkeys(one for one in numbers if one)),
        emails=tuple(dict.fromkeys(one for one in emails if one)),
        tags=tuple(dict.fromkeys(sent.tags)),
    )


def _unreadable(field: str, read: Sequence[str | None], message: str) -> Iterator[Wrong]:
    return (Wrong(f"{field}.{n}", message) for n, one in enumerate(read) if one is None)


def _unfit(sent: Person, setup: Setup) -> Iterator[Wrong]:
    if sent.responsible is not None:
        yield from wrong_manager("responsible", sent.responsible, setup)
    if sent.inn is not None and not re.fullmatch(r"[0-9]{10}([0-9]{2})?", sent.inn):
        yield Wrong("inn", "is none; allowed: 10 digits of a company, 12 of a person")
    if sent.company and sent.kind == "company":
        yield Wrong("company", "is given for a company; allowed: only for a person")


def wrong_manager(field: str, key: str, setup: Setup) -> Iterator[Wrong]:
    """Says that a key is no active manager's, if that is so."""
    active = [one.key for one in setup.active]
    if key not in active:
        yield Wrong(field, f"is no active manager; {allowed_words(active, key)}")


def _find(
    conn: Connection, said: Profile, system: str, external_id: str | None
) -> tuple[str, Profile] | None:
    """The contact that is meant, with his profile."""
    ids = []
    if external_id and (ours := profiles.by_external(conn, system, external_id)):
        ids.append(ours)
    people = contacts.by_numbers(conn, said.phones)
    having = [one for phone in said.phones for one in people.get(phone, ())]
    having.sort(key=lambda one: not may_be_same(one.name, said.name))
    numbered = [one.id for one in having]
    others = profiles.known_to(conn, system, numbered) if external_id else set()
    ids += [one for one in numbered if one not in others]
    for id_ in ids:
        if found := profiles.find(conn, id_):
            return id_, found[0]
    return None


def _joined(before: Profile, said: Profile, given: frozenset[str]) -> Profile:
    """A profile with what is given; lists are added to."""
    lists = ("phones", "emails", "tags")
    changes = {name: getattr(said, name) for name in given - {"company", *lists}}
    for name in lists:
        changes[name] = tuple(dict.fromkeys((*getattr(before, name), *getattr(said, name))))
    return replace(before, **changes)


def _with_company(
    conn: Connection, sent: Person, profile: Profile, *, by: str, now: datetime
) -> Profile:
    if "company" not in sent.given:
        return profile
    name = " ".join((sent.company or "").split())
    if not name:
        return replace(profile, company=None)
    company = profiles.company_named(conn, name)
    if company is None:
        made = Profile(kind="company", relation=profile.relation, name=name)
        company = profiles.add(conn, made, by=by, now=now)
        notices.record(conn, [Happening("contact_made", now, by, contact=company)], now=now)
    return replace(profile, company=company)


def _write(
    conn: Connection,
    id_: str,
    before: Profile,
    after: Profile,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> None:
    if before == after:
        return
    profiles.change(conn, id_, before, after, by=by, now=now)
    changed = [name for name in Profile.__slots__ if getattr(before, name) != getattr(after, name)]
    data = {"fields": " ".join(changed)}
    if before.responsible != after.responsible:
        data["responsible"] = after.responsible or ""
    happening = Happening("contact_changed", now, by, contact=id_, data=data)
    notices.record(conn, [happening], now=now)
    if not set(after.emails) <= set(before.emails):
        letters.address_filled(conn, [id_], setup, by=by, now=now)


def _record(conn: Connection, kind: str, id_: str, sent: Person, *, by: str, now: datetime) -> None:
    data = {"fields": " ".join(sorted(sent.given))}
    notices.record(conn, [Happening(kind, now, by, contact=id_, data=data)], now=now)
