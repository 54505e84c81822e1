"""The form of a client: what stands in it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from callrouter.domain.email_hints import likely_meant
from callrouter.domain.phones import pretty
from callrouter.flows.edit_contact import Edited
from callrouter.flows.fields import own_fields
from callrouter.flows.people import Person
from callrouter.wording.catalogue import mark
from storage.listing_contacts import Choice
from storage.profiles import Names

if TYPE_CHECKING:
    from multidict import MultiDictProxy

    from callrouter.domain.setup import CustomField, Manager, Setup
    from callrouter.flows.fields import Given
    from callrouter.flows.people import BadFields
    from callrouter.pages.doors import Guest
    from callrouter.wording import Words
    from storage.fields import Value
    from storage.listing import ContactView
    from storage.listing_clients import Details

KINDS: Final = {"person": mark("Person"), "company": mark("Company")}
RELATIONS: Final = {
    "client": mark("Client"),
    "supplier": mark("Supplier"),
    "partner": mark("Partner"),
    "staff": mark("Staff"),
    "other": mark("Other relation"),
}
FIELDS: Final = {
    "kind": mark("Person or company"),
    "relation": mark("Relation"),
    "name": mark("Name"),
    "first_name": mark("First name"),
    "middle_name": mark("Middle name"),
    "last_name": mark("Last name"),
    "responsible": mark("Responsible"),
    "inn": mark("INN"),
    "position": mark("Position"),
    "company": mark("Company"),
    "comment": mark("Comment"),
    "phones": mark("Phones"),
    "emails": mark("E-mails"),
    "tags": mark("Tags"),
}

NOBODY: Final = "-"
CHOICE: Final = ("kind", "relation", "responsible", "tag")
"""By what clients are chosen, in the address of their list and of its file."""

_LONGEST: Final = 200
_LONGEST_TEXT: Final = 4000
_LONGEST_TAGS: Final = 20_000  # of all together
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Form:
    """What is typed. `version`, `read_at`: of what its editor saw; `another`: he is none known."""

    kind: str = "person"
    relation: str = "client"
    name: str = ""
    last_name: str = ""
    first_name: str = ""
    middle_name: str = ""
    confirmed: bool = False
    company: str = ""
    position: str = ""
    inn: str = ""
    responsible: str = ""
    tags: str = ""
    comment: str = ""
    phones: tuple[tuple[str, str], ...] = ()
    emails: tuple[str, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    read_at: datetime = _EPOCH
    another: bool = False

    @property
    def phone_rows(self) -> tuple[tuple[str, str], ...]:
        """What is there, and one more to fill in."""
        return (*self.phones, ("", ""))

    @property
    def email_rows(self) -> tuple[str, ...]:
        return (*self.emails, "")

    def hint(self, email: str) -> str:
        return likely_meant(email) or ""

    def edited(self, setup: Setup) -> Edited:
        """For the flow that writes it."""
        phones = [one for one in self.phones if one[0]]
        given = {*Person.__slots__} - {"given"}
        if self.kind == "company":
            given -= {"company"}
        person = Person(
            given=frozenset(given),
            kind=self.kind,
            relation=self.relation,
            name=self.name,
            responsible=self.responsible or None,
            inn=self.inn or None,
            comment=self.comment or None,
            position=self.position or None,
            company=self.company or None if self.kind == "person" else None,
            phones=tuple(number for number, _ in phones),
            emails=tuple(one for one in self.emails if one),
            tags=tuple(one for each in self.tags.split(",") if (one := each.strip()[:64])),
        )
        parts = (self.first_name or None, self.middle_name or None, self.last_name or None)
        names = Names(*parts, confirmed=self.confirmed)
        return Edited(person, names, tuple(label for _, label in phones), self._own(setup))

    def _own(self, setup: Setup) -> dict[str, Given]:
        known = own_fields(setup, "contact")
        return {
            key: (value == "yes" if known[key].type == "flag" else value or None)
            for key, value in self.own.items()
            if key in known
        }


def choice_of(query: Mapping[str, str]) -> Choice:
    """A word that means nothing is as if it were not there."""
    kind, relation, of, tag = (query.get(name, "").replace("\x00", "")[:64] for name in CHOICE)
    return Choice(
        kind=kind if kind in KINDS else None,
        relation=relation if relation in RELATIONS else None,
        responsible="" if of == NOBODY else of or None,
        tag=tag or None,
    )


def form_of(one: ContactView, more: Details, own: Mapping[str, Value], now: datetime) -> Form:
    return Form(
        kind=one.kind,
        relation=one.relation,
        name=one.name,
        last_name=more.last_name or "",
        first_name=more.first_name or "",
        middle_name=more.middle_name or "",
        confirmed=more.name_confirmed,
        company=one.company or "",
        position=one.position or "",
        inn=one.inn or "",
        responsible=one.responsible or "",
        tags=", ".join(one.tags),
        comment=one.comment or "",
        phones=tuple((pretty(it.number), it.label or "") for it in more.phones),
        emails=tuple(it.email for it in more.emails),
        own={key: _written(value) for key, value in own.items()},
        version=one.version,
        read_at=now,
    )


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value)


def read_form(posted: MultiDictProxy[Any], setup: Setup) -> Form:
    """What was sent, cut to what may stand there.

    Of numbers and addresses there are as many as came: what is not there would be taken away.
    """

    def said(name: str, longest: int = _LONGEST) -> str:
        text = str(posted.get(name, "")).replace("\x00", "").replace("\r\n", "\n")
        return text.strip()[:longest]

    def all_of(name: str) -> list[str]:
        values = posted.getall(name, [])
        return [str(one).replace("\x00", "").strip()[:_LONGEST] for one in values]

    numbers, labels = all_of("phone"), all_of("label")
    labels += [""] * len(numbers)
    rows = zip(numbers, labels, strict=False)
    kind, relation = said("kind"), said("relation")
    version, read_at = said("version", 12), said("read_at", 16)
    return Form(
        kind=kind if kind in KINDS else "person",
        relation=relation if relation in RELATIONS else "client",
        name=" ".join(said("name").split()),
        last_name=said("last_name"),
        first_name=said("first_name"),
        middle_name=said("middle_name"),
        confirmed=bool(said("confirmed")),
        company=said("company"),
        position=said("position"),
        inn="".join(said("inn").split()),
        responsible=said("responsible", 64),
        tags=said("tags", _LONGEST_TAGS),
        comment=said("comment", _LONGEST_TEXT),
        phones=tuple((number, label) for number, label in rows if number),
        emails=tuple(one for one in all_of("email") if one),
        own={key: said(f"own.{key}", _LONGEST_TEXT) for key in own_fields(setup, "contact")},
        version=int(version) if version.isdecimal() else 0,
        read_at=_EPOCH + timedelta(milliseconds=int(read_at) if read_at.isdecimal() else 0),
        another=bool(said("another")),
    )


def wrong_of(bad: BadFields, words: Words) -> dict[str, str]:
    """What to say beside which field."""
    said = {
        "phones": words("This is not a number that we can call. For example: +7 916 123-45-67"),
        "emails": words("This is not an e-mail address. For example: ivan@example.com"),
        "inn": words("A digit is wrong. A company has 10 digits, a person 12."),
        "name": words("A name, a phone or an e-mail is needed."),
        "responsible": words("Nobody of this name works here now."),
        "amount": words("A sum is needed, like 1500 or 1500.50."),
    }
    found = {}
    for one in bad.wrong:
        found[one.field] = said.get(one.field.split(".")[0], one.message)
    return found


@dataclass(frozen=True, slots=True)
class OwnField:
    key: str
    name: str
    type: str
    choices: tuple[str, ...]


def own_rows(setup: Setup) -> tuple[OwnField, ...]:
    return tuple(_own_row(one) for one in own_fields(setup, "contact").values())


def _own_row(one: CustomField) -> OwnField:
    return OwnField(one.key, one.name or one.key, one.type, tuple(one.choices))


def givable(guest: Guest, setup: Setup, owner: str | None) -> Sequence[Manager]:
    """Whom the one who looks may make responsible; who it is now stays to be chosen."""
    return [
        one for one in setup.active if one.key == owner or guest.viewer.may_give(owner, one.key)
    ]
