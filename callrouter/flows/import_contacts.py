"""Imports contacts from a file, a part at a time, and takes an import back.

Each part is one short transaction, and what it did is noted with it, line by line. So an import
that was cut off is finished by running it again: lines that say the same as one that was taken
before, in whatever import, change nothing. Nobody is rung, told or given work because of an import;
what it leaves beside contacts is one business event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from callrouter.flows import letters
from callrouter.flows.import_joining import Book, wanted
from storage import imports, notices, setups
from storage import letters as stored
from storage.imports import Counts, Import, Touched, Work
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.import_file import Row
    from storage.imports import Done, Step

BY = "import"


@dataclass(frozen=True, slots=True)
class Run:
    """One import. `file`: its name without where it lies; `system`: whose external ids it has."""

    id: str
    file: str
    system: str
    by: str = BY


@dataclass(frozen=True, slots=True)
class Part:
    """Lines, what they are to do, and what that was concluded from.

    `steps` by line, that of its contact last; lines that say nothing new are left out. `seen`: whom
    the lines may speak of, with the moment of the last change.
    """

    rows: Sequence[Row]
    steps: Mapping[int, tuple[Step, ...]]
    done: Mapping[str, Done]
    seen: Mapping[str, datetime]

    @property
    def fresh(self) -> list[Row]:
        return [row for row in self.rows if row.digest not in self.done]


def prepare(conn: Connection, run: Run, rows: Sequence[Row], *, now: datetime) -> Part:
    """Conclude what lines are to do, before the turn to write has come. Only reads."""
    return _place(conn, Book(run.system), run, rows, now)


def take_part(conn: Connection, run: Run, part: Part, before: Counts, *, now: datetime) -> Counts:
    """Do it; gives what became of these lines alone. `before`: of the parts before.

    Is the base not as it was when that was concluded, all is concluded anew. A part that was taken
    already, by a commit nobody heard of, counts as it did then.
    """
    done = imports.done(conn, {row.digest for row in part.rows})
    wants = wanted(part.fresh, system=run.system, file=run.file)
    if done != part.done or imports.led_to(conn, wants) != part.seen:
        part = _place(conn, Book(run.system), run, part.rows, now)
    counts = counted(part, run)
    if not part.steps:
        return counts
    so_far = add(before, counts)
    if not imports.count(conn, run.id, so_far):
        imports.begin(conn, Import(run.id, run.file, run.by, now, so_far))
        data = {"import": run.id, "file": run.file}
        notices.record(conn, [Happening("contacts_imported", now, run.by, data=data)], now=now)
    steps = [step for found in part.steps.values() for step in found]
    imports.take(conn, run.id, steps, now=now)
    if filled := [step.contact for step in steps if step.emails]:
        _go_on_with_letters(conn, filled, now)
    return counts


def _go_on_with_letters(conn: Connection, contacts: Sequence[str], now: datetime) -> None:
    """Letters that waited for an address of these contacts wait now to be taken back."""
    if stored.lacking_address(conn, contacts):
        setup = setups.load(conn, setups.current_version(conn))
        letters.address_filled(conn, contacts, setup, by=BY, now=now)


def foresee(conn: Connection, book: Book, run: Run, rows: Sequence[Row], now: datetime) -> Counts:
    """What would become of lines. `book` keeps what the parts before would have done."""
    return counted(_place(conn, book, run, rows, now), run)


def finish(conn: Connection, run: Run, counts: Counts) -> None:
    """Note that the whole file was read, if anything of it was taken."""
    imports.count(conn, run.id, replace(counts, finished=True))


def _place(conn: Connection, book: Book, run: Run, rows: Sequence[Row], now: datetime) -> Part:
    done = imports.done(conn, {row.digest for row in rows})
    fresh = [row for row in rows if row.digest not in done]
    found = imports.known(conn, wanted(fresh, system=run.system, file=run.file))
    book.learn(found)
    placed = {row.line: book.place(row, now=now) for row in fresh}
    steps = {line: its for line, its in placed.items() if its}
    return Part(rows, steps, done, {one.id: one.updated_at for one in found})


def counted(part: Part, run: Run) -> Counts:
    """What becomes of these lines alone."""
    taken = joined = companies = 0
    for row in part.rows:
        if steps := part.steps.get(row.line):
            taken += steps[-1].action == "taken"
            joined += steps[-1].action == "joined" and steps[-1].changes
            companies += len(steps) > 1 and steps[0].action == "taken"
        elif (past := part.done.get(row.digest)) and (past.run, past.line) == (run.id, row.line):
            taken += past.action == "taken"
            joined += past.action == "joined" and past.changed
    return Counts(taken, joined, len(part.rows) - taken - joined, companies=companies)


def add(one: Counts, other: Counts) -> Counts:
    return Counts(
        one.taken + other.taken,
        one.joined + other.joined,
        one.same + other.same,
        one.refused + other.refused,
        one.companies + other.companies,
    )


# Taking it back

Reason = Work | Literal["change"]


class CannotUndo(Exception):
    """There is no such import, or it was taken back already."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A contact that stays, because somebody has worked on it since."""

    line: int
    name: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of a part. `below`: where the next part begins, None: this was the last."""

    removed: int
    restored: int
    kept: tuple[Kept, ...]
    below: int | None


def undo_part(
    conn: Connection, run: str, below: int | None, *, limit: int, now: datetime, by: str = BY
) -> Undone:
    """Take back the lines of an import from the last one up, so many at once.

    A contact that the import made is removed, unless it was changed since or something hangs on it:
    a call, a card, a lead, a task, a consent, a handover, another import, a member of a company.
    One that it joined gets back what it had, where it is still as the import left it. Each is
    looked at with its first line, companies after people. Raises CannotUndo.
    """
    one = imports.find(conn, run)
    if one is None:
        raise CannotUndo(f'there is no import "{run}"; `callrouter import list` shows them')
    if one.undone_at:
        raise CannotUndo(f"import {run} was taken back already")
    lines = imports.lines_below(conn, run, below, limit)
    if not lines:
        return _finish_undo(conn, run, now, by)
    last = lines[-1][0]
    found = imports.touched(conn, run, {contact for _, contact in lines})
    removed, restored = 0, 0
    kept: list[Kept] = []
    for of_companies in (False, True):
        due = [it for it in found if it.lowest >= last and (it.lowest < 0) == of_companies]
        joined = [it for it in due if it.made_by is None]
        stay = _kept(conn, run, [it for it in due if it.made_by is not None])
        gone = [it.id for it in due if it.made_by is not None and it.id not in stay]
        imports.remove(conn, gone)
        restored += imports.restore(conn, run, joined, now=now)
        removed += len(gone)
        kept += stay.values()
    return Undone(removed, restored, tuple(kept), last)


def _finish_undo(conn: Connection, run: str, now: datetime, by: str) -> Undone:
    imports.mark_undone(conn, run, now)
    data = {"import": run}
    notices.record(conn, [Happening("import_undone", now, by, data=data)], now=now)
    return Undone(0, 0, (), None)


def _kept(conn: Connection, run: str, made: Sequence[Touched]) -> dict[str, Kept]:
    worked = imports.worked_on(conn, run, [it.id for it in made])
    kept = {}
    for it in made:
        reasons: list[Reason] = [*sorted(worked.get(it.id, ()))]
        if it.updated_at != it.left_at:
            reasons.append("change")
        if reasons:
            kept[it.id] = Kept(abs(it.made_by or 0), it.name, tuple(reasons))
    return kept
