"""Makes a contact of a line, or says what is to be mended in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from callrouter.import_file import values
from callrouter.import_file.opening import Unreadable
from callrouter.import_file.people import Managers
from callrouter.import_file.problems import BadValue, Problem

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.import_file.headings import Column, Columns
    from callrouter.import_file.opening import Line

Kind = Literal["person", "company"]
T = TypeVar("T")

_COMPANY_WORDS: Final = frozenset({"компания", "company", "организация"})
_PERSON_WORDS: Final = frozenset({"контакт", "contact", "человек", "person"})


@dataclass(frozen=True, slots=True)
class Phone:
    """E.164. `label`: work, mobile, home, fax, other, as the column says."""

    number: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A contact as a line of a file has it; what is empty there is empty here.

    A line without a person's name that names a company is the company itself. `digest` is the same
    for lines that say the same.
    """

    line: int
    kind: Kind = "person"
    name: str = ""
    first_name: str = ""
    middle_name: str = ""
    last_name: str = ""
    company: str = ""
    position: str = ""
    phones: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    responsible: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    inn: str = ""
    comment: str = ""
    talked_at: datetime | None = None
    external_id: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not taken, as it stood, and everything that is wrong with it."""

    line: int
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]


def misshapen(cells: Sequence[str], headings: int) -> list[Problem]:
    """What is wrong with a line as a whole, under so many headings."""
    problems = []
    if any(cell.strip() for cell in cells[headings:]):
        said = f"has {len(cells)} cells, the headings are {headings}"
        problems.append(Problem("", f"{said}: is a separator not in quotes?"))
    if any(len(cell) > values.MOST_CELL for cell in cells):
        problems.append(Problem("", "has a cell of many thousand signs: is a quote not closed?"))
    return problems


class Reader:
    """Reads the lines of one file. `system`: whose external ids they are."""

    def __init__(self, columns: Columns, setup: Setup, *, system: str, now: datetime) -> None:
        self._columns = columns
        self._region = setup.company.region
        self._zone = ZoneInfo(setup.company.time_zone)
        self._managers = Managers(setup.manager)
        self._system = system
        self._now = now
        self._by_field = by_field(columns)

    def read(self, found: Line | Unreadable) -> Row | Refusal:
        if isinstance(found, Unreadable):
            return Refusal(found.line, (), (Problem("", found.reason),))
        line, cells = found
        problems = misshapen(cells, self._columns.count)
        if problems:
            return Refusal(line, cells, tuple(problems))
        row = self._row(line, Cells(cells, self._by_field, problems))
        if not problems and not any((row.name, row.phones, row.emails, row.external_id)):
            problems.append(Problem("", "has neither a name nor a phone, an e-mail or an id"))
        return Refusal(line, cells, tuple(problems)) if problems else row

    def _row(self, line: int, cells: Cells) -> Row:
        first = cells.one("first_name", lambda text: values.line_of(text, "name"))
        middle = cells.one("middle_name", lambda text: values.line_of(text, "name"))
        last = cells.one("last_name", lambda text: values.line_of(text, "name"))
        whole = cells.one("name", lambda text: values.line_of(text, "name"))
        company = cells.one("company", lambda text: values.line_of(text, "company"))
        name = (" ".join(filter(None, (first, last))) or middle) if first or last else whole
        kind: Kind = "company" if cells.one("kind", _kind) == "company" else "person"
        if kind == "company":
            name, first, middle, last, company = company or name, "", "", "", ""
        elif company and not name:
            name, company, kind = company, "", "company"
        row = Row(
            line=line,
            kind=kind,
            name=name,
            first_name=first,
            middle_name=middle,
            last_name=last,
            company=company,
            position=cells.one("position", lambda text: values.line_of(text, "name")),
            phones=cells.phones(self._region),
            emails=tuple(dict.fromkeys(cells.several("email", values.emails_of))),
            responsible=cells.one("responsible", self._managers.find),
            tags=tuple(dict.fromkeys(cells.several("tags", values.tags_of))),
            source=cells.one("source", lambda text: values.line_of(text, "source")),
            inn=cells.one("inn", values.inn_of),
            comment="\n".join(cells.several("comment", lambda text: [values.comment_of(text)])),
            talked_at=cells.moment(self._zone, self._now),
            external_id=cells.one("external_id", values.id_of),
        )
        return _with_digest(row, self._system)


def _kind(text: str) -> str:
    word = text.casefold()
    if word in _COMPANY_WORDS:
        return "company"
    if word in _PERSON_WORDS:
        return "person"
    raise BadValue(f'"{text[:40]}" is not a kind of contact; allowed: "контакт", "компания"')


def by_field(columns: Columns) -> dict[str, list[Column]]:
    return {field: columns.of(field) for field in {one.field for one in columns.used}}


class Cells:
    """The cells of a line by field; what is wrong with one is noted, and it counts as empty."""

    def __init__(
        self,
        cells: Sequence[str],
        by_field: Mapping[str, list[Column]],
        problems: list[Problem],
    ) -> None:
        self._cells = cells
        self._by_field = by_field
        self.problems = problems

    def one(self, field: str, read: Callable[[str], str]) -> str:
        return next(iter(self._read(field, lambda text, _: [read(text)])), "")

    def several(self, field: str, read: Callable[[str], list[str]]) -> list[str]:
        return self._read(field, lambda text, _: read(text))

    def phones(self, region: str) -> tuple[Phone, ...]:
        def read(text: str, column: Column) -> list[Phone]:
            return [Phone(number, column.label) for number in values.phones_of(text, region)]

        found: dict[str, Phone] = {}
        for phone in self._read("phone", read):
            found.setdefault(phone.number, phone)
        return tuple(found.values())

    def moment(self, zone: ZoneInfo, now: datetime) -> datetime | None:
        found = self._read("last_talk", lambda text, _: [values.moment_of(text, zone, now)])
        return found[0] if found else None

    def _read(self, field: str, read: Callable[[str, Column], list[T]]) -> list[T]:
        found: list[T] = []
        for column in self._by_field.get(field, ()):
            if column.index < len(self._cells) and (text := values.bare(self._cells[column.index])):
                try:
                    found += read(text, column)
                except BadValue as bad:
                    self.problems.append(Problem(column.heading, str(bad)))
        return found


def _with_digest(row: Row, system: str) -> Row:
    said = [
        *(system if row.external_id else "", row.external_id, row.kind, row.name),
        *(row.first_name, row.middle_name, row.last_name, row.company, row.position),
        *([one.number for one in row.phones], row.emails, row.responsible, row.tags, row.source),
        *(row.inn, row.comment, row.talked_at.isoformat() if row.talked_at else ""),
    ]
    text = json.dumps(said, ensure_ascii=False)
    object.__setattr__(row, "digest", hashlib.sha256(text.encode()).hexdigest()[:40])
    return row
