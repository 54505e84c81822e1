"""`/setup` and `/drafts`: setup.toml read, applied, drafted, published and taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import Connection

from callrouter.api.fields import ById, Given, Paged, Reason
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.flows import tuning
from callrouter.flows.apply import ChangedOnScreen, apply, changed_on_screen
from callrouter.flows.tuning import (
    BadDraft,
    Conflict,
    NoSuchDraft,
    NoSuchVersion,
    Stale,
)
from callrouter.setup_file import BadSetup, differences, merge, read_file, write_setup
from callrouter.setup_file import Problem as SetupProblem
from storage import drafts, setups
from storage.drafts import Draft
from storage.setups import Version

routes = Routes()

MOST_BYTES: Final = 1024**2

Toml = Annotated[
    str,
    Field(max_length=MOST_BYTES, description="setup.toml, or only those parts that change."),
]

NO_SUCH_DRAFT = Problem(404, "There is no such draft: it was published, or thrown away.")
NO_SUCH_VERSION = Problem(404, "There was no such version.")
_STALE = Problem(409, "It was changed meanwhile. Read it again.")
_BAD = {
    "needed": "is missing",
    "too_long": "is too long",
    "too_many": f"there are {tuning.MOST_DRAFTS} drafts already",
}


class File(Given):
    text: Toml
    dry_run: Annotated[bool, Field(description="Only say what would change.")] = False
    prune: Annotated[
        bool, Field(description="Also remove what the file does not name; managers become inactive")
    ] = False
    force: Annotated[
        bool, Field(description="Also where people changed the setup on the screen since.")
    ] = False


class VersionsQuery(Paged):
    cursor: Annotated[int | None, Field(ge=1, le=2_000_000_000)] = None


class ByVersion(Given):
    version: Annotated[int, Field(ge=1, le=2_000_000_000)]


class NewDraft(Given):
    name: Reason


class DraftChange(Given):
    text: Toml
    prune: bool = False
    version: Annotated[int | None, Field(description="Of the draft, as it was read.")] = None


class Publish(Given):
    note: Annotated[str | None, Field(max_length=tuning.LONGEST_NOTE)] = None
    version: Annotated[int | None, Field(description="Of the draft, as it was read.")] = None


@dataclass(frozen=True, slots=True)
class Remark:
    """`key` in the file's terms: `manager[anna].capacity`."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class SetupVersion:
    """`by`: `apply` for a file, else a person or program; `until` null: it is in force."""

    version: int
    by: str
    since: datetime
    until: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class VersionPage:
    items: tuple[SetupVersion, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class PastSetup(SetupVersion):
    """`text`: as a file, secrets as "kept". `changes`: of the version before; `back`: what would
    change, were it put in force again.
    """

    text: str
    changes: tuple[str, ...]
    back: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """`text`: as a file, secrets as "kept". `changed_on_screen`: since a file was applied."""

    version: int
    text: str
    changed_on_screen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of it; a dry run, and what changes nothing, leave the version as it is."""

    version: int
    changes: tuple[str, ...]
    warnings: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class DraftBrief:
    """`base`: the version of the setup that it was begun from; `version` counts its changes."""

    id: str
    name: str
    base: int
    by: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DraftView:
    """`changes`: of what is in force; `problems` and `conflicts` keep it from being published."""

    draft: DraftBrief
    text: str
    changes: tuple[str, ...]
    problems: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drafts:
    items: tuple[DraftBrief, ...]


@routes.get("/setup", right="see_setup")
async def get_setup(asked: Asked) -> InForce:
    """What is in force, as a file that applies without a change."""
    return await asked.service.database.read(_in_force)


@routes.post("/setup", right="tune", most_bytes=2 * MOST_BYTES)
async def apply_setup(asked: Asked, body: File) -> Changed:
    """Apply a file: all of it or, with an error, nothing.

    Adds and changes what stands in it. 409: people changed the setup on the screen since a file was
    applied, and this one has not all of it; `force` applies it over it. 422: what is wrong, by its
    key in the file.
    """
    service = asked.service
    try:
        done = await service.database.write(
            apply,
            body.text,
            seal=service.seal,
            now=service.clock(),
            actor=asked.by,
            dry_run=body.dry_run,
            prune=body.prune,
            force=body.force,
            afar=True,
        )
    except BadSetup as bad:
        raise _refused(bad) from None
    except ChangedOnScreen:
        raise Problem(409, "People changed the setup on the screen since.") from None
    return Changed(done.setup.version, done.changes, _remarks(done.warnings))


@routes.get("/setup/versions", right="see_setup")
async def list_setup_versions(asked: Asked, query: VersionsQuery) -> VersionPage:
    """What was in force when, the newest first."""
    found = await asked.service.database.read(
        setups.versions, before=query.cursor, limit=query.limit + 1
    )
    shown, more = query.part(found, lambda one: str(one.version))
    return VersionPage(tuple(_version(one) for one in shown), more)


@routes.get("/setup/versions/{version}", right="see_setup")
async def get_setup_version(asked: Asked, path: ByVersion) -> PastSetup:
    """What was in force once, and what of it is otherwise now."""
    found = await asked.service.database.read(_past, path.version)
    if found is None:
        raise NO_SUCH_VERSION
    return found


@routes.post("/setup/versions/{version}/again", right="tune")
async def put_setup_version_in_force_again(asked: Asked, path: ByVersion) -> Changed:
    """Put a past version in force again, as a new one; secrets stay as they are now."""
    service = asked.service
    try:
        done = await service.database.write(
            tuning.go_back, path.version, seal=service.seal, by=asked.by, now=service.clock()
        )
    except NoSuchVersion:
        raise NO_SUCH_VERSION from None
    except BadSetup as bad:
        raise _refused(bad) from None
    return Changed(done.setup.version, done.changes, _remarks(done.warnings))


@routes.get("/drafts", right="see_setup")
async def list_drafts(asked: Asked) -> Drafts:
    """Everybody's drafts of the setup, the one changed last first."""
    found = await asked.service.database.read(drafts.everybody)
    return Drafts(tuple(_brief(one) for one in found))


@routes.post("/drafts", right="tune", status=201)
async def begin_draft(asked: Asked, body: NewDraft) -> DraftView:
    """Begin a draft from what is in force."""
    service = asked.service
    try:
        id_ = await service.database.write(
            tuning.new_draft, body.name, by=asked.by, now=service.clock()
        )
    except BadDraft as bad:
        raise _bad_draft(bad) from None
    return await _view(asked, id_)


@routes.get("/drafts/{id}", right="see_setup")
async def get_draft(asked: Asked, path: ById) -> DraftView:
    """A draft: as a file, what it changes, and what keeps it from being published."""
    return await _view(asked, path.id)


@routes.patch("/drafts/{id}", right="tune", most_bytes=2 * MOST_BYTES)
async def change_draft(asked: Asked, path: ById, body: DraftChange) -> DraftView:
    """Lay a file over a draft. It may be wrong for a while; 422 only for what cannot be read."""
    service = asked.service
    try:
        await service.database.write(
            tuning.edit,
            partial(merge, new=read_file(body.text), prune=body.prune),
            seal=service.seal,
            by=asked.by,
            now=service.clock(),
            draft=path.id,
            seen=body.version,
        )
    except BadSetup as bad:
        raise _refused(bad) from None
    except NoSuchDraft:
        raise NO_SUCH_DRAFT from None
    except Stale:
        raise _STALE from None
    return await _view(asked, path.id)


@routes.delete("/drafts/{id}", right="tune")
async def discard_draft(asked: Asked, path: ById) -> Drafts:
    """Throw a draft away. Gives the others."""
    try:
        await asked.service.database.write(
            tuning.discard, path.id, by=asked.by, now=asked.service.clock()
        )
    except NoSuchDraft:
        raise NO_SUCH_DRAFT from None
    return await list_drafts(asked)


@routes.post("/drafts/{id}/publish", right="tune")
async def publish_draft(asked: Asked, path: ById, body: Publish) -> Changed:
    """Put what a draft changes in force, on what others have published since; it is gone then.

    409: both changed the same, or the draft was changed since `version`.
    """
    service = asked.service
    try:
        done = await service.database.write(
            tuning.publish,
            path.id,
            seal=service.seal,
            by=asked.by,
            now=service.clock(),
            note=body.note,
            seen=body.version,
        )
    except NoSuchDraft:
        raise NO_SUCH_DRAFT from None
    except Stale:
        raise _STALE from None
    except Conflict as conflict:
        said = [FieldProblem(one, "others have changed it as well") for one in conflict.names]
        raise Problem(409, "Others have changed the same meanwhile.", said) from None
    except BadSetup as bad:
        raise _refused(bad) from None
    except BadDraft as bad:
        raise _bad_draft(bad) from None
    return Changed(done.setup.version, done.changes, _remarks(done.warnings))


async def _view(asked: Asked, id_: str) -> DraftView:
    service = asked.service
    try:
        looked = await service.database.read(tuning.look_at, id_, now=service.clock())
    except NoSuchDraft:
        raise NO_SUCH_DRAFT from None
    return DraftView(
        _brief(looked.draft),
        write_setup(looked.draft.setup),
        looked.changes,
        _remarks(looked.problems),
        _remarks(looked.warnings),
        looked.conflicts,
    )


def _in_force(conn: Connection) -> InForce:
    version = setups.current_version(conn)
    return InForce(version, write_setup(setups.load(conn, version)), changed_on_screen(conn))


def _past(conn: Connection, n: int) -> PastSetup | None:
    found = setups.versions(conn, before=n + 1, limit=1)
    if not found or found[0].version != n:
        return None
    one, now = found[0], setups.load(conn, setups.current_version(conn))
    was, before = setups.load(conn, n), setups.load(conn, n - 1)
    return PastSetup(
        version=n,
        by=one.by,
        since=one.since,
        until=one.until,
        note=one.note,
        text=write_setup(was),
        changes=differences(before, was),
        back=differences(now, was),
    )


def _version(one: Version) -> SetupVersion:
    return SetupVersion(one.version, one.by, one.since, one.until, one.note)


def _brief(one: Draft) -> DraftBrief:
    return DraftBrief(
        one.id, one.name, one.base, one.by, one.version, one.created_at, one.updated_at
    )


def _remarks(found: Iterable[SetupProblem]) -> tuple[Remark, ...]:
    return tuple(Remark(one.key, one.message) for one in found)


def _refused(bad: BadSetup) -> Problem:
    said = [FieldProblem(one.key or one.where or "text", one.message) for one in bad.problems]
    return Problem(422, "Nothing was changed.", said)


def _bad_draft(bad: BadDraft) -> Problem:
    return Problem(422, "Nothing was changed.", [FieldProblem(bad.field, _BAD[bad.code])])
