"""Whom a line of a file speaks of: somebody who is known, or somebody new. Pure.

A line joins the contact that
1. has its external id in the file's system;
2. has one of its phones, if only one contact has; of several, the one whose name fits;
3. has its INN, where the line is not about somebody in a company, or one of its e-mails, and a name
   that fits, if there is only one such contact.

A name fits that could be the same one (`names.may_be_same`): `Петров И.` fits `Иван Петров`, and
who has no name fits everybody. A contact that a line of the same file calls otherwise is somebody
else, even with the same phone: two lines with one phone and two names are two people, in whatever
order and in however many tries the file is read. So is who has another external id in that system
or another INN, and a person is never a company. A line that says the same as one before is that
one.

A company is known by its INN, else by its name without case and signs. A line that names a company
and no person is the company itself.

Joining fills in what is empty, and adds phones, e-mails, tags and the company; it never overwrites.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.names import folded, may_be_same
from storage.ids import new_id
from storage.imports import FIELDS, Fields, Known, NewPhone, Step, Wanted

if TYPE_CHECKING:
    from callrouter.import_file import Row


def wanted(rows: Iterable[Row], *, system: str, file: str) -> Wanted:
    """By what these lines may know whom they speak of."""
    keys: list[set[str]] = [set() for _ in range(5)]
    external_ids, phones, emails, inns, companies = keys
    for row in rows:
        external_ids.add(row.external_id)
        phones.update(phone.number for phone in row.phones)
        emails.update(row.emails)
        inns.add(row.inn)
        companies.add(folded(row.name if row.kind == "company" else row.company))
    return Wanted(
        system,
        file,
        *(tuple(sorted(those - {""})) for those in keys),
    )


@dataclass
class Book:
    """The contacts that lines may join, with what the lines before have done to them."""

    system: str
    _people: dict[str, Known] = field(default_factory=dict)
    _by: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)  # whom a digest speaks of

    def learn(self, people: Iterable[Known]) -> None:
        """Contacts of the base; those that are known already have moved on since."""
        for one in people:
            if one.id not in self._people:
                self._put(one)

    def place(self, row: Row, *, now: datetime) -> tuple[Step, ...]:
        """What a line does: to its contact, and before that to the company that it names.

        Empty: it says what a line before has said.
        """
        if row.digest in self._said:
            return ()
        firm = self._place_company(row, now=now) if row.company else None
        found = self._find(row)
        one = found or Known(new_id(now), row.kind, now, now, NOTHING)
        step = _step(row, one, firm.contact if firm else None, self.system, new=found is None)
        self._said[row.digest] = one.id
        self._put(_after(one, step))
        return (step,) if firm is None or not firm.changes else (firm, step)

    # Finding

    def _find(self, row: Row) -> Known | None:
        for found in self._of("external", [row.external_id]):
            return found
        if row.kind == "company":
            for found in self._named_company(row.name, row.inn):
                if self._may_be(found, row):
                    return found
        by_phone = self._of("phone", [phone.number for phone in row.phones])
        able = [one for one in by_phone if self._may_be(one, row)]
        if len(able) == 1 and not _is_called_otherwise(able[0], row.name):
            return able[0]
        if len(able) > 1 and (fitting := [one for one in able if _fits(one, row.name)]):
            return min(fitting, key=lambda one: (not one.fields.name, one.created_at, one.id))
        own_inn = [] if row.company or row.kind == "company" else [row.inn]
        for kind, keys in (("inn", own_inn), ("email", row.emails)):
            able = [
                one
                for one in self._of(kind, keys)
                if self._may_be(one, row) and _fits(one, row.name)
            ]
            if len(able) == 1:
                return able[0]
        return None

    def _may_be(self, one: Known, row: Row) -> bool:
        if row.external_id and one.external and row.external_id != one.external:
            return False
        inn = "" if row.company else row.inn
        if inn and one.fields.inn and inn != one.fields.inn:
            return False
        if row.kind == "company":
            return one.kind == "company" or not one.fields.name
        return one.kind == "person" or not row.name

    def _named_company(self, name: str, inn: str) -> list[Known]:
        """By INN; else by name, unless its INN is another one. The oldest first."""
        by_inn = [one for one in self._of("inn", [inn]) if one.kind == "company"]
        by_name = [
            one
            for one in self._of("company", [folded(name)])
            if not inn or not one.fields.inn or one.fields.inn == inn
        ]
        return sorted(by_inn or by_name, key=lambda one: (one.created_at, one.id))

    def _of(self, kind: str, keys: Sequence[str]) -> list[Known]:
        ids = dict.fromkeys(id_ for key in keys if key for id_ in self._by.get((kind, key), ()))
        return [self._people[id_] for id_ in ids]

    # Doing

    def _place_company(self, row: Row, *, now: datetime) -> Step:
        said = Fields(name=row.company, inn=row.inn or None)
        if found := next(iter(self._named_company(row.company, row.inn)), None):
            step = Step(
                -row.line,
                found.id,
                "joined",
                named=row.company,
                found_at=found.updated_at,
                fields=_empty_ones(found.fields, said),
            )
        else:
            found = Known(new_id(now), "company", now, now, NOTHING)
            step = Step(
                -row.line, found.id, "taken", named=row.company, kind="company", fields=said
            )
        self._put(_after(found, step))
        return step

    def _put(self, one: Known) -> None:
        self._people[one.id] = one
        keys = [("phone", number) for number in one.phones]
        keys += [("email", email) for email in one.emails]
        keys += [("inn", one.fields.inn)] if one.fields.inn else []
        keys += [("external", one.external)] if one.external else []
        if one.kind == "company" and one.fields.name:
            keys.append(("company", folded(one.fields.name)))
        for key in keys:
            ids = self._by.setdefault(key, [])
            if one.id not in ids:
                ids.append(one.id)


def _fits(one: Known, name: str) -> bool:
    return may_be_same(one.fields.name or "", name)


def _is_called_otherwise(one: Known, name: str) -> bool:
    """True when lines of the same file gave this contact names, and this is none of them."""
    named = [other for other in one.named if other]
    names = [*named, one.fields.name] if one.fields.name else named
    return bool(named) and not any(may_be_same(name, other) for other in names)


def _step(row: Row, one: Known, company: str | None, system: str, *, new: bool) -> Step:
    """What a line does to the contact that it speaks of."""
    becomes = row.kind if new or (row.kind == "company" and one.kind != "company") else None
    joins = company is not None and company not in one.companies
    said = Fields(
        name=row.name or None,
        first_name=row.first_name or None,
        middle_name=row.middle_name or None,
        last_name=row.last_name or None,
        responsible=row.responsible or None,
        inn=(row.inn or None) if not row.company else None,
        comment=row.comment or None,
        position=row.position or None,
        source_first=row.source or None,
        source_last=row.source or None,
        talked_manager=(row.responsible or one.fields.responsible) if row.talked_at else None,
        talked_at=row.talked_at,
    )
    return Step(
        row.line,
        one.id,
        "taken" if new else "joined",
        row.digest,
        row.name,
        kind=becomes,
        was=None if new else one.kind,
        found_at=None if new else one.updated_at,
        fields=_empty_ones(one.fields, said),
        phones=tuple(
            NewPhone(phone.number, phone.label)
            for phone in row.phones
            if phone.number not in one.phones
        ),
        emails=tuple(email for email in row.emails if email not in one.emails),
        tags=tuple(tag for tag in row.tags if tag not in one.tags),
        company=company if joins else None,
        role=(row.position or None) if joins else None,
        external=(system, row.external_id) if row.external_id and not one.external else None,
    )


NOTHING = Fields()
_NAME = frozenset({"name", "first_name", "middle_name", "last_name"})
_TALK = frozenset({"talked_manager", "talked_at"})


def _empty_ones(has: Fields, said: Fields) -> Fields:
    """Of what a line says that which is empty. A name is one thing in parts, and so is a talk."""
    if has is NOTHING:
        return said
    closed: set[str] = {name for name in FIELDS if getattr(has, name)}
    closed |= _NAME if has.name else set()
    closed |= _TALK if has.talked_at else set()
    return Fields(*(None if name in closed else getattr(said, name) for name in FIELDS))


def _both(has: Fields, given: Fields) -> Fields:
    if has is NOTHING or given == NOTHING:
        return given if has is NOTHING else has
    return Fields(
        *(getattr(has, name) if (new := getattr(given, name)) is None else new for name in FIELDS)
    )


def _after(one: Known, step: Step) -> Known:
    """The contact once a line has done this to it."""
    return Known(
        one.id,
        step.kind or one.kind,
        one.created_at,
        one.updated_at,
        _both(one.fields, step.fields),
        one.phones | {phone.number for phone in step.phones},
        one.emails.union(step.emails),
        one.tags.union(step.tags),
        one.companies | {step.company} if step.company else one.companies,
        step.external[1] if step.external else one.external,
        (*one.named, step.named),
    )
