"""Files that people bring to be imported: looked at, tried, taken in, one at a time on a server.

Each lies in a folder of its own in the data directory, with what is known of it beside, until it is
thrown away or a week has gone: it is full of clients. What runs does so in steps, as the command
does (`feeding`); what a server did not finish is finished by running it again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from callrouter.feeding import Importing, ImportingGoods, Stopped, TakingBack
from callrouter.flows.import_contacts import CannotUndo
from callrouter.import_file import (
    ENDING,
    BadFile,
    find_columns,
    find_goods_columns,
    is_goods_heading,
    is_known,
    open_table,
    read_goods_headings,
    read_people_headings,
)
from storage.database import BaseSilent
from storage.ids import moment_of, new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
    from pathlib import Path

    from callrouter.import_file import Columns, Refusal, Table
    from callrouter.service import Service

MOST_BYTES: Final = 20 << 20
MOST_FILES: Final = 20
"""So many lie there at once."""

MOST_TRIED: Final = 10_000
"""So many lines are tried: whom they would make is kept in memory meanwhile."""

FOLDER: Final = "imports"
KEPT_FOR: Final = timedelta(days=7)
SHOWN: Final = 20
SAMPLES: Final = 3

_STATE: Final = "state.json"
_PLAIN: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_LONGEST_NAME: Final = 120
_LONGEST_CELL: Final = 60

Noun = Literal["contacts", "products"]
State = Literal["new", "trying", "tried", "running", "done", "stopped", "failed"]
"""`stopped`: by a person or with its server; running it again goes on."""

log = structlog.get_logger()


class Busy(Exception):
    """Something is on its way on this server already."""


class Full(Exception):
    """As many files lie there as may."""


class TooBig(Exception):
    """The file has more bytes than are taken."""


class NoSuchUpload(LookupError):
    """Nobody brought it, or it was thrown away."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became, or would become, of lines; `refused`: the first few, each with its line."""

    taken: int = 0
    joined: int = 0
    same: int = 0
    companies: int = 0
    refused: int = 0
    lines: int = 0
    shown: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was brought. `columns`: what each heading was said to be, "" for nothing.

    `share`: how much of it is read, per cent. `error`: why it failed. `run`: the import's id.
    """

    id: str
    name: str
    noun: Noun
    size: int
    by: str
    at: datetime
    state: State = "new"
    columns: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    share: int = 0
    tried: Tally | None = None
    done: Tally | None = None
    error: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """`field`: what it is taken for, "" for nothing; `samples`: its first cells."""

    name: str
    field: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file looks like. `problem`: why it cannot be taken so."""

    headings: tuple[Heading, ...]
    system: str
    problem: str = ""


class ImportDesk:
    """Belongs to the event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._folder = service.settings.data_dir / FOLDER
        self._task: asyncio.Task[None] | None = None
        self._at: str = ""  # what the task is about
        self._feed: Importing | ImportingGoods | None = None
        self._live: dict[str, Upload] = {}
        self._stopping = False
        self.back: TakingBack | None = None
        """The import that is, or was last, taken back here."""
        self.back_error = ""

    # Files

    async def bring(
        self, name: str, noun: Noun, pieces: AsyncIterator[bytes], *, by: str
    ) -> Upload:
        """Keep a file. Raises TooBig, Full, BadFile where there is nothing in it, OSError."""
        now = self._service.clock()
        if len(await self.everything()) >= MOST_FILES:
            raise Full
        one = Upload(new_id(now), _tidy(name), noun, 0, by, now)
        folder = self._folder / one.id
        folder.mkdir(parents=True, mode=0o700)
        try:
            one = replace(one, size=await _put(folder / one.name, pieces))
            self._note(one)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return one

    async def everything(self) -> list[Upload]:
        """The newest first; what is too old goes."""
        before = self._service.clock() - KEPT_FOR
        await asyncio.to_thread(sweep, self._folder, before, self._live)
        found = await asyncio.to_thread(self._read_all)
        return [self._live.get(one.id, one) for one in found]

    async def find(self, id_: str) -> Upload:
        """Raises NoSuchUpload."""
        if id_ in self._live:
            return self._live[id_]
        return await asyncio.to_thread(self._read, id_)

    async def look(self, one: Upload) -> Look:
        """What it looks like with the columns that were said. Raises BadFile."""
        return await asyncio.to_thread(self._look, one)

    async def drop(self, id_: str) -> None:
        """Throw a file away. Raises NoSuchUpload, Busy."""
        await self.find(id_)
        if self._at == id_ and self.busy:
            raise Busy
        await asyncio.to_thread(shutil.rmtree, self._folder / id_, ignore_errors=True)

    def refused_file(self, one: Upload) -> Path | None:
        """The refused lines, to be mended and brought again."""
        path = self._folder / one.id / f"{one.name}{ENDING}"
        return path if path.is_file() else None

    # What runs

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def try_out(self, one: Upload, columns: Mapping[str, str], system: str) -> None:
        """Begin to say what would become of its lines. Raises Busy."""
        self._take_turn()
        fresh = replace(
            one, columns=dict(columns), system=system, state="trying", share=0, tried=None, error=""
        )
        self._feed_with(fresh, dry_run=True)

    async def run(self, one: Upload) -> None:
        """Begin to take it in. Raises Busy."""
        self._take_turn()
        fresh = replace(one, state="running", share=0, done=None, error="")
        self._feed_with(fresh, dry_run=False)

    def stop(self, id_: str) -> None:
        """After the part that is on its way."""
        if self._at == id_:
            self._stopping = True
            if self._feed is not None:
                self._feed.stopping = True

    async def take_back(self, run: str, *, by: str) -> None:
        """Begin to take an import back. Raises Busy."""
        self._take_turn()
        self.back, self.back_error = TakingBack(run, clock=self._service.clock, by=by), ""
        self._begin(run, self._go_back(self.back))

    async def settled(self) -> None:
        """Wait for what runs."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _take_turn(self) -> None:
        if self.busy:
            raise Busy

    def _begin(self, at: str, work: Coroutine[Any, Any, None]) -> None:
        self._at, self._stopping = at, False
        self._task = asyncio.create_task(work, name=f"import {at}")

    def _feed_with(self, one: Upload, *, dry_run: bool) -> None:
        """Whoever looks at it from now on sees that it moves."""
        self._live[one.id] = one
        self._begin(one.id, self._feed_in(one, dry_run=dry_run))

    async def _go_back(self, back: TakingBack) -> None:
        try:
            await back.go(self._service.database)
        except (CannotUndo, BaseSilent) as error:
            self.back_error = str(error) or "the base does not answer"
        log.info("import_undone", run=back.run, removed=back.removed, kept=len(back.kept))

    async def _feed_in(self, one: Upload, *, dry_run: bool) -> None:
        """Try a file, or take it in; says on the disk what came of it."""
        try:
            await asyncio.to_thread(self._note, one)
            with ExitStack() as opened:
                table = await asyncio.to_thread(opened.enter_context, self._open(one))
                feed = self._feed = self._feed_of(one, table, dry_run=dry_run)
                feed.stopping = self._stopping
                try:
                    await feed.run(self._service.database)
                finally:
                    feed.refusals.drop()
                    one = self._counted(one, feed)
            end: State = "tried" if dry_run else "done"
            one = replace(one, state=end, share=100)
            if not dry_run:  # what was refused lies beside it
                (self._folder / one.id / one.name).unlink(missing_ok=True)
        except Stopped:
            one = replace(one, state="stopped")
        except asyncio.CancelledError:
            one = replace(one, state="stopped")
            raise
        except (BadFile, BaseSilent, OSError) as error:
            one = replace(one, state="failed", error=str(error) or "the base does not answer")
        except Exception:
            log.exception("import_failed", upload=one.id)
            one = replace(one, state="failed", error="it broke off; the server's log says why")
        finally:
            self._feed = None
            self._note(one)
            self._live.pop(one.id, None)
            log.info("import_ended", upload=one.id, state=one.state, noun=one.noun)

    def _open(self, one: Upload) -> Any:  # noqa: ANN401  a context manager of a Table
        knows = is_known if one.noun == "contacts" else is_goods_heading
        path = self._folder / one.id / one.name
        return open_table(path, lambda heading: knows(heading) or heading in one.columns)

    def _feed_of(self, one: Upload, table: Table, *, dry_run: bool) -> Importing | ImportingGoods:
        """Raises BadFile."""
        columns = _columns(one, table)
        path = self._folder / one.id / one.name

        def told(_lines: int) -> None:
            if self._feed is not None:
                share = min(99, round(table.share() * 100))
                self._live[one.id] = replace(self._counted(one, self._feed), share=share)

        most = MOST_TRIED if dry_run else None
        clock = self._service.clock
        if one.noun == "products":
            return ImportingGoods(
                path, table, columns, dry_run=dry_run, clock=clock, told=told, most=most
            )
        return Importing(
            path,
            table,
            columns,
            one.system or columns.system,
            dry_run=dry_run,
            clock=clock,
            by=one.by,
            told=told,
            most=most,
        )

    def _counted(self, one: Upload, feed: Importing | ImportingGoods) -> Upload:
        tally = Tally(
            feed.counts.taken,
            feed.counts.joined,
            feed.counts.same,
            feed.counts.companies,
            feed.counts.refused,
            feed.read,
            tuple(_refusals(feed.refused)),
        )
        if feed.dry_run:
            return replace(one, tried=tally)
        run = getattr(feed, "run_id", "") if tally.taken + tally.joined else ""
        return replace(one, done=tally, run=run)

    # The disk

    def _look(self, one: Upload) -> Look:
        with self._open(one) as table:
            lines: list[tuple[str, ...]] = []
            for found in table.lines:
                if len(lines) >= SAMPLES:
                    break
                if isinstance(found, tuple):
                    lines.append(found[1])
            problem = ""
            try:
                columns = _columns(one, table)
                known = {column.index: column.field for column in columns.used}
                system = columns.system
            except BadFile as error:
                problem, system = str(error), "file"
                known = _guessed(one, table.headings)
            return Look(
                tuple(
                    Heading(
                        heading,
                        known.get(n, ""),
                        tuple(
                            line[n].strip()[:_LONGEST_CELL]
                            for line in lines
                            if n < len(line) and line[n].strip()
                        ),
                    )
                    for n, heading in enumerate(table.headings)
                    if heading.strip()
                ),
                system,
                problem,
            )

    def _note(self, one: Upload) -> None:
        """Beside the file; gone with it."""
        folder = self._folder / one.id
        said = {**asdict(one), "at": one.at.isoformat()}
        draft = folder / f".{_STATE}"
        with suppress(FileNotFoundError):
            draft.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
            draft.replace(folder / _STATE)

    def _read(self, id_: str) -> Upload:
        """Raises NoSuchUpload."""
        if len(id_) != 26 or not _PLAIN.issuperset(id_):
            raise NoSuchUpload(id_)
        try:
            said = json.loads((self._folder / id_ / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise NoSuchUpload(id_) from None
        one = Upload(
            **{
                **said,
                "at": datetime.fromisoformat(said["at"]),
                "tried": _tally(said["tried"]),
                "done": _tally(said["done"]),
            }
        )
        running = one.state in ("trying", "running") and one.id not in self._live
        return replace(one, state="stopped") if running else one

    def _read_all(self) -> list[Upload]:
        found = []
        for folder in sorted(self._folder.glob("*"), reverse=True):
            with suppress(NoSuchUpload):
                found.append(self._read(folder.name))
        return found


def sweep(folder: Path, before: datetime, live: Collection[str] = ()) -> None:
    """Throw away what was begun to be brought before that, whole or not; `live`: what runs."""
    for one in folder.glob("*"):
        with suppress(ValueError):
            if moment_of(one.name) < before and one.name not in live:
                shutil.rmtree(one, ignore_errors=True)


async def _put(path: Path, pieces: AsyncIterator[bytes]) -> int:
    """Write a file as it comes; gives its size. Raises TooBig, BadFile, OSError."""
    size = 0
    with path.open("xb") as file:
        async for piece in pieces:
            size += len(piece)
            if size > MOST_BYTES:
                raise TooBig
            await asyncio.to_thread(file.write, piece)
    if not size:
        raise BadFile("is empty")
    return size


def _columns(one: Upload, table: Table) -> Columns:
    """Raises BadFile."""
    stand = {heading.strip() for heading in table.headings}
    mapped = {name: said or "ignore" for name, said in one.columns.items() if name in stand}
    find: Callable[..., Columns] = find_columns if one.noun == "contacts" else find_goods_columns
    return find(table.headings, mapped)


def _guessed(one: Upload, headings: tuple[str, ...]) -> dict[int, str]:
    """What headings are taken for where the whole does not come to something."""
    read = read_people_headings if one.noun == "contacts" else read_goods_headings
    own = {column.index: column.field for column in read(headings).used}
    said = {n: one.columns[h.strip()] for n, h in enumerate(headings) if h.strip() in one.columns}
    return {**own, **said}


def _refusals(found: list[Refusal]) -> list[tuple[int, str]]:
    """A problem in each line of the text."""
    return [
        (one.line, "\n".join(" ".join(str(it).split()) for it in one.problems))
        for one in found[:SHOWN]
    ]


def _tally(said: dict[str, Any] | None) -> Tally | None:
    if said is None:
        return None
    return Tally(**{**said, "shown": tuple((line, text) for line, text in said["shown"])})


def _tidy(name: str) -> str:
    """As much of a file's name as any disk takes; never another place."""
    last = name.replace("\\", "/").rpartition("/")[2]
    seen = "".join(one for one in last if one.isprintable() and one not in '<>:"|?*')
    short = seen.strip(" .")[-_LONGEST_NAME:]
    while len(short.encode()) > _LONGEST_NAME:
        short = short[1:]
    return short if short and short != _STATE else "file"
