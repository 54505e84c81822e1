"""`/import-files`: clients and products: brought, tried, taken in; `/imports`: taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Final

from pydantic import Field

from callrouter.api.fields import ById, Given, Id, Paged
from callrouter.api.layer import Asked, Download, Routes, Upload
from callrouter.api.problems import FieldProblem, Problem
from callrouter.flows.import_contacts import Reason
from callrouter.import_desk import (
    MOST_BYTES,
    MOST_FILES,
    Busy,
    Full,
    NoSuchUpload,
    Noun,
    State,
    Tally,
    TooBig,
)
from callrouter.import_desk import Heading as SeenHeading
from callrouter.import_desk import Upload as Brought
from callrouter.import_file import FIELDS, GOODS_FIELDS, BadFile
from callrouter.wording import speak
from callrouter.wording.import_problems import refusal_said
from storage import imports

routes = Routes()

SHOWN: Final = 20
"""So many of those who stay are named, where an import is taken back."""

NO_SUCH_FILE = Problem(404, "There is no such file; one is kept for a week.")
NO_SUCH_IMPORT = Problem(404, "There is no such import.")
BUSY = Problem(409, "Another file is being worked on; wait until it is done.")
DONE_ALREADY = Problem(409, "It is taken in already.")

_Heading = Annotated[str, Field(max_length=500)]


class FileQuery(Given):
    name: Annotated[
        str, Field(min_length=1, max_length=200, description="With its ending: .csv or .xlsx.")
    ]
    noun: Noun = "contacts"


class Columns(Given):
    columns: Annotated[
        dict[_Heading, Annotated[str, Field(max_length=64)]],
        Field(
            default_factory=dict,
            max_length=500,
            description="What stands below a heading: a field, or an empty text for nothing. Of "
            "headings not named it is as `headings` has it.",
        ),
    ]
    system: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_.-]{0,64}$",
            max_length=64,
            description="Whose ids the file holds; empty: as the file looks.",
        ),
    ] = ""


class ImportsQuery(Paged):
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class RefusedLine:
    line: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """What became, or would become, of a file's lines. `joined`: to a known contact; `same`: it had
    all of it; `companies`: made besides; `first_refused`: up to 20 of the refused.
    """

    lines: int
    taken: int
    joined: int
    same: int
    companies: int
    refused: int
    first_refused: tuple[RefusedLine, ...]


@dataclass(frozen=True, slots=True)
class ImportFile:
    """`share`: how much of it is read, per cent. `error`: why it failed. `import_id`: of what it
    became, where it made or joined contacts.
    """

    id: str
    name: str
    noun: Noun
    size: int
    by: str
    at: datetime
    state: State
    share: int
    system: str
    tried: Lines | None
    done: Lines | None
    error: str
    import_id: str | None


@dataclass(frozen=True, slots=True)
class ImportFiles:
    items: tuple[ImportFile, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """`field`: what it is taken for, empty for nothing; `samples`: its first cells."""

    name: str
    field: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportLook:
    """`problem`: why the file cannot be taken so; `fields`: what a heading may be said to be."""

    file: ImportFile
    headings: tuple[Heading, ...]
    fields: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class Staying:
    """A contact that an undone import leaves, because somebody has worked on it since."""

    line: int
    name: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Undoing:
    """How far taking an import back is, on the server that is asked. `stay`: how many contacts
    stay, the first of them in `first_staying`; `error`: why it broke off.
    """

    moving: bool
    removed: int
    restored: int
    stay: int
    first_staying: tuple[Staying, ...]
    error: str


@dataclass(frozen=True, slots=True)
class PastImport:
    """An import of contacts. `finished` false: it was stopped, or goes on."""

    id: str
    file: str
    by: str
    at: datetime
    taken: int
    joined: int
    same: int
    refused: int
    companies: int
    finished: bool
    undone_at: datetime | None
    undoing: Undoing | None


@dataclass(frozen=True, slots=True)
class PastImportPage:
    items: tuple[PastImport, ...]
    next: str | None


# Files


@routes.get("/import-files", right="import")
async def list_import_files(asked: Asked) -> ImportFiles:
    """The files that lie on this server, the newest first; at most 20, for a week."""
    found = await asked.service.imports.everything()
    return ImportFiles(tuple(_file(one, asked) for one in found))


@routes.post("/import-files", right="import", status=201, most_bytes=MOST_BYTES)
async def bring_import_file(asked: Asked, query: FileQuery, upload: Upload) -> ImportLook:
    """Bring a CSV or XLSX of clients or products, up to 20 MB. Nothing is taken in yet.

    It lies on the server that is asked. Next: `try`, which says what would become of its lines, and
    `run`. 409: as many files lie there as may.
    """
    try:
        one = await asked.service.imports.bring(
            query.name, query.noun, _pieces(upload), by=asked.by
        )
    except TooBig:
        raise Problem(413, f"A file has at most {MOST_BYTES} bytes.") from None
    except Full:
        raise Problem(409, f"There are {MOST_FILES} files already: drop one first.") from None
    except BadFile as bad:
        raise _bad_file(bad) from None
    except OSError:
        raise Problem(503, "The file could not be kept; send it again later.") from None
    return await _look(asked, one)


@routes.get("/import-files/{id}", right="import")
async def get_import_file(asked: Asked, path: ById) -> ImportLook:
    """How far a file is, and what its headings are taken for, while it is not taken in."""
    return await _look(asked, await _find(asked, path.id))


@routes.post("/import-files/{id}/try", right="import", status=202)
async def try_import_file(asked: Asked, path: ById, body: Columns) -> ImportFile:
    """Begin to say what would become of the file's lines, up to 10,000 of them; changes nothing.

    Look at the file until its state is `tried`. 409: another file is being worked on.
    """
    one = await _find(asked, path.id)
    if one.state == "done":
        raise DONE_ALREADY
    try:
        look = await asked.service.imports.look(one)
        _check(body.columns, look.headings, one.noun)
        await asked.service.imports.try_out(one, body.columns, body.system)
    except BadFile as bad:
        raise _bad_file(bad) from None
    except Busy:
        raise BUSY from None
    return _file(await _find(asked, path.id), asked)


@routes.post("/import-files/{id}/run", right="import", status=202)
async def run_import_file(asked: Asked, path: ById) -> ImportFile:
    """Begin to take in what was tried, or go on where it was stopped. Look until it is `done`.

    409: it was not tried with these columns, it is taken in, or another file is being worked on.
    """
    one = await _find(asked, path.id)
    if one.state == "done":
        raise DONE_ALREADY
    if one.tried is None:
        raise Problem(409, "Try it first.")
    try:
        await asked.service.imports.run(one)
    except Busy:
        raise BUSY from None
    return _file(await _find(asked, path.id), asked)


@routes.post("/import-files/{id}/stop", right="import")
async def stop_import_file(asked: Asked, path: ById) -> ImportFile:
    """Stop after the part that is on its way; what does not run stays as it is."""
    await _find(asked, path.id)
    asked.service.imports.stop(path.id)
    return _file(await _find(asked, path.id), asked)


@routes.delete("/import-files/{id}", right="import")
async def drop_import_file(asked: Asked, path: ById) -> ImportFiles:
    """Throw a file away; what was taken in of it stays. Gives the others. 409: it is worked on."""
    try:
        await asked.service.imports.drop(path.id)
    except NoSuchUpload:
        raise NO_SUCH_FILE from None
    except Busy:
        raise BUSY from None
    return await list_import_files(asked)


@routes.download("/import-files/{id}/refused", right="import", media=("text/csv",))
async def get_refused_lines(asked: Asked, path: ById) -> Download:
    """The lines that were not taken, each with why: a file to be mended and brought again."""
    kept = asked.service.imports.refused_file(await _find(asked, path.id))
    if kept is None:
        raise Problem(404, "No line of this file was refused.")
    return Download(await asyncio.to_thread(kept.read_bytes), "text/csv", kept.name)


# What was taken in


@routes.get("/imports", right="import")
async def list_imports(asked: Asked, query: ImportsQuery) -> PastImportPage:
    """Imports of contacts that were taken in, the newest first."""
    found = await asked.service.database.read(imports.imports, query.limit + 1, after=query.cursor)
    part, last = query.part(found, attrgetter("id"))
    return PastImportPage(tuple(_past(one, asked) for one in part), last)


@routes.get("/imports/{id}", right="import")
async def get_import(asked: Asked, path: ById) -> PastImport:
    """One of them, and how far taking it back is."""
    return _past(await _find_past(asked, path.id), asked)


@routes.post("/imports/{id}/undo", right="import", status=202)
async def undo_import(asked: Asked, path: ById) -> PastImport:
    """Begin to take an import back; whoever was worked on since stays. Look until it is undone.

    409: it is taken back already, or another file is being worked on.
    """
    one = await _find_past(asked, path.id)
    if one.undone_at:
        raise Problem(409, "It is taken back already.")
    try:
        await asked.service.imports.take_back(one.id, by=asked.by)
    except Busy:
        raise BUSY from None
    return _past(one, asked)


async def _find(asked: Asked, id_: str) -> Brought:
    try:
        return await asked.service.imports.find(id_)
    except NoSuchUpload:
        raise NO_SUCH_FILE from None


async def _find_past(asked: Asked, id_: str) -> imports.Import:
    found = await asked.service.database.read(imports.find, id_)
    if found is None:
        raise NO_SUCH_IMPORT
    return found


async def _look(asked: Asked, one: Brought) -> ImportLook:
    headings: tuple[SeenHeading, ...] = ()
    problem = ""
    if one.state not in ("trying", "running", "done"):
        try:
            look = await asked.service.imports.look(one)
        except BadFile as bad:
            problem = str(bad)
        except OSError:  # thrown away meanwhile
            raise NO_SUCH_FILE from None
        else:
            headings, problem = look.headings, look.problem
    return ImportLook(
        _file(one, asked),
        tuple(Heading(it.name, it.field, it.samples) for it in headings),
        _fields(one.noun),
        problem,
    )


def _fields(noun: Noun) -> tuple[str, ...]:
    known = FIELDS if noun == "contacts" else GOODS_FIELDS
    return tuple(one for one in known if one != "ignore")


def _check(columns: Mapping[str, str], headings: tuple[SeenHeading, ...], noun: Noun) -> None:
    """Raises Problem, which names each that is wrong."""
    stand, fields = {one.name.strip() for one in headings}, _fields(noun)
    wrong = [
        FieldProblem(f"columns.{heading}", message)
        for heading, field in columns.items()
        for message in (
            "is no heading of the file" if heading not in stand else "",
            f"is none of: {', '.join(fields)}" if field and field not in fields else "",
        )
        if message
    ]
    if wrong:
        raise Problem(422, "The columns cannot be read so.", wrong)


def _bad_file(bad: BadFile) -> Problem:
    return Problem(422, "The file cannot be read.", [FieldProblem("file", str(bad))])


async def _pieces(upload: Upload) -> AsyncIterator[bytes]:
    if upload:
        yield bytes(upload)


def _file(one: Brought, asked: Asked) -> ImportFile:
    return ImportFile(
        id=one.id,
        name=one.name,
        noun=one.noun,
        size=one.size,
        by=one.by,
        at=one.at,
        state=one.state,
        share=one.share,
        system=one.system,
        tried=_lines(one.tried, asked),
        done=_lines(one.done, asked),
        error=one.error,
        import_id=one.run or None,
    )


def _lines(tally: Tally | None, asked: Asked) -> Lines | None:
    if tally is None:
        return None
    words = speak(asked.language)
    return Lines(
        lines=tally.lines,
        taken=tally.taken,
        joined=tally.joined,
        same=tally.same,
        companies=tally.companies,
        refused=tally.refused,
        first_refused=tuple(
            RefusedLine(line, tuple(refusal_said(one, words) for one in text.split("\n")))
            for line, text in tally.shown
        ),
    )


def _past(one: imports.Import, asked: Asked) -> PastImport:
    counts = one.counts
    return PastImport(
        id=one.id,
        file=one.file,
        by=one.by,
        at=one.at,
        taken=counts.taken,
        joined=counts.joined,
        same=counts.same,
        refused=counts.refused,
        companies=counts.companies,
        finished=counts.finished,
        undone_at=one.undone_at,
        undoing=_undoing(one.id, asked),
    )


def _undoing(run: str, asked: Asked) -> Undoing | None:
    desk = asked.service.imports
    back = desk.back
    if back is None or back.run != run:
        return None
    return Undoing(
        moving=desk.busy,
        removed=back.removed,
        restored=back.restored,
        stay=len(back.kept),
        first_staying=tuple(Staying(it.line, it.name, it.reasons) for it in back.kept[:SHOWN]),
        error=desk.back_error,
    )
