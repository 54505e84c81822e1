"""`/tasks`: what people have to do; and what is said of a call afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from callrouter.api.fields import ById, Given, Id, Instant, Key, Note, OurTime, Paged, Reason
from callrouter.api.layer import Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.next_steps import Step
from callrouter.domain.outcomes import Outcome
from callrouter.flows import tasks
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import NotSeen, check_seen, within
from callrouter.flows.write_up import NextStep, WriteUp, WrittenSince, write_up
from callrouter.wording import speak
from callrouter.wording.tasks import text_of
from storage.ids import new_id
from storage.listing_tasks import TaskView, find_task
from storage.listing_tasks import list_tasks as read_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Language

routes = Routes()

NO_SUCH_TASK = Problem(404, "There is no such task.")
DONE_ALREADY = Problem(409, "This task was done already.")
WRITTEN_SINCE = Problem(409, "This call was written up since; send `seen` as it is now.")

TaskState = Literal["open", "done"]


class TasksQuery(Paged):
    state: TaskState | None = None
    owner: Annotated[Key | None, Field(description="The key of whose task it is.")] = None
    card: Id | None = None
    contact: Id | None = None
    cursor: Id | None = None


class NewTask(Given):
    text: Annotated[Note, Field(min_length=1, pattern=r"\S", description="What is to be done.")]
    owner: Annotated[Key, Field(description="The key of who is to do it.")]
    due_at: Annotated[OurTime | None, Field(description="null: it has no term.")] = None
    remind_at: OurTime | None = None
    card: Id | None = None
    contact: Annotated[Id | None, Field(description="Absent: the card's.")] = None


class Result(Given):
    result: Annotated[Note | None, Field(description="What came of it.")] = None


class Snoozing(Given):
    due_at: Annotated[OurTime, Field(description="A moment to come.")]
    reason: Annotated[Reason, Field(min_length=1, pattern=r"\S")]


class Giving(Given):
    owner: Annotated[Key, Field(description="The key of an active manager.")]


class NewNextStep(Given):
    step: Step
    text: Annotated[Note, Field(min_length=1, pattern=r"\S")]
    due_at: Annotated[OurTime, Field(description="When it is due, and its owner reminded of it.")]


class NewWriteUp(Given):
    outcome: Outcome
    next_step: NewNextStep | None = None
    no_next: Annotated[
        Reason, Field(description="Why nothing follows; needed where the card stays open.")
    ] = ""
    note: Annotated[str, Field(max_length=10_000)] = ""
    status: Annotated[Key | None, Field(description="The card's new one; absent: it stays.")] = None
    settled: Annotated[
        tuple[Id, ...], Field(max_length=50, description="Tasks of the card done with this talk.")
    ] = ()
    key: Annotated[
        Key | None, Field(min_length=1, description="The same key again does nothing.")
    ] = None
    seen: Annotated[
        Instant | None, Field(description="When it was written up before, as far as is known.")
    ] = None


@dataclass(frozen=True, slots=True)
class Task:
    """`kind`: `task`, `follow_up` (to ask after an offer or an invoice, then `cause` is `invoice`),
    or what a letter asks of a person.

    `cause`: of a next step what is to be done, else why the service asks. `closed_by`: a person, or
    the id of the call or letter that settled it; `result` is then `talked`, `card_closed`,
    `new_offer` or `invoiced`.
    """

    id: str
    kind: str
    text: str
    cause: str | None
    owner: str
    author: str
    due_at: datetime | None
    overdue: bool
    remind_at: datetime | None
    card: str | None
    card_number: int | None
    contact: str | None
    contact_name: str | None
    call: str | None
    created_at: datetime
    state: TaskState
    done_at: datetime | None
    closed_by: str | None
    result: str | None


@dataclass(frozen=True, slots=True)
class TaskPage:
    items: tuple[Task, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class CallWriteUp:
    """`new` false: the same key was sent before. `next_step`: the id of the task that was made.

    `move_to`: the card did not get this status yet, because that asks for a letter, a reason or
    what is missing: `POST /cards/{id}/status` takes them.
    """

    card: str | None
    new: bool
    next_step: str | None
    move_to: str | None


@routes.get("/tasks", right="look")
async def list_tasks(asked: Asked, query: TasksQuery) -> TaskPage:
    """Tasks, the newest first; calls back that are owed are obligations."""
    found = await asked.service.database.read(
        read_tasks,
        asked.viewer,
        owner=query.owner,
        card=query.card,
        contact=query.contact,
        open_only=False,
        state=query.state,
        newest_first=True,
        after=query.cursor,
        limit=query.limit,
    )
    now = asked.service.clock()
    items = tuple(task_body(view, asked.language, now) for view in found.items)
    return TaskPage(items, items[-1].id if found.more else None)


@routes.post("/tasks", right="work", status=201)
async def add_task(asked: Asked, body: NewTask) -> Task:
    """Give a manager a task, on a card or a contact where one is named."""
    service = asked.service
    manager = service.setups.current.managers.get(body.owner)
    if manager is None or not manager.active or not asked.viewer.sees(body.owner):
        raise Problem(
            422, "This cannot be his task.", [FieldProblem("owner", "is no active manager")]
        )
    given = (asked.viewer, body, manager.team)
    id_ = await _write(asked, _add, *given, by=asked.by, now=service.clock())
    return await _found(asked, str(id_))


@routes.post("/tasks/{id}/done", right="work")
async def finish_task(asked: Asked, path: ById, body: Result) -> Task:
    """Say that a task is done, and what came of it; a second time does nothing."""
    given = (asked.viewer, "task", path.id, tasks.finish_task, path.id)
    result = body.result or ""
    await _write(asked, within, *given, result=result, by=asked.by, now=asked.service.clock())
    return await _found(asked, path.id)


@routes.post("/tasks/{id}/snooze", right="work")
async def snooze_task(asked: Asked, path: ById, body: Snoozing) -> Task:
    """Put a task off, for a reason that is kept; one that is done is refused with 409."""
    given = (asked.viewer, "task", path.id, tasks.snooze_task, path.id)
    said = {"due_at": body.due_at, "reason": body.reason}
    await _write(asked, within, *given, **said, by=asked.by, now=asked.service.clock())
    return await _found(asked, path.id)


@routes.post("/tasks/{id}/give", right="assign")
async def give_task(asked: Asked, path: ById, body: Giving) -> Task:
    """Make a task another manager's; one that is done is refused with 409."""
    given = (asked.viewer, "task", path.id, tasks.give_task, path.id)
    said = {"owner": body.owner, "setup": asked.service.setups.current}
    await _write(asked, within, *given, **said, by=asked.by, now=asked.service.clock())
    return await _found(asked, path.id)


@routes.post("/calls/{id}/write-up", right="work")
async def write_up_call(asked: Asked, path: ById, body: NewWriteUp) -> CallWriteUp:
    """Keep at once what came of a call, the next step, the card's status and a note.

    One that somebody wrote up since is refused with 409.
    """
    now, step = asked.service.clock(), body.next_step
    said = WriteUp(
        outcome=body.outcome,
        next=NextStep(step.step, step.text, step.due_at) if step else None,
        no_next=body.no_next,
        note=body.note.replace("\x00", ""),
        status=body.status,
        settled=body.settled,
    )
    setup = asked.service.setups.current
    given = (asked.viewer, "call", path.id, write_up, path.id, said, setup)
    key = body.key or new_id(now)
    done = await _write(asked, within, *given, key=key, seen=body.seen, by=asked.by, now=now)
    return CallWriteUp(done.card, done.new, done.next, done.move_to)


def _add(
    conn: Connection, viewer: Viewer, body: NewTask, team: str | None, *, by: str, now: datetime
) -> str:
    """Raises NotSeen for a card or a contact that the viewer does not see."""
    if body.card:
        check_seen(conn, viewer, "card", body.card)
    if body.contact:
        check_seen(conn, viewer, "contact", body.contact)
    return tasks.add_task(
        conn,
        kind="task",
        owner=body.owner,
        by=by,
        text=body.text,
        due_at=body.due_at,
        remind_at=body.remind_at,
        card=body.card,
        contact=body.contact,
        team=team,
        now=now,
    )


async def _write(
    asked: Asked,
    flow: Callable[..., Any],
    *given: Any,  # noqa: ANN401  whatever the flow takes
    **named: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Run a flow; what it refuses becomes a problem."""
    try:
        return await asked.service.database.write(flow, *given, **named)
    except (NotSeen, tasks.NoSuchTask, NoSuchCall):
        raise Problem(404, "There is no such thing.") from None
    except tasks.DoneAlready:
        raise DONE_ALREADY from None
    except WrittenSince:
        raise WRITTEN_SINCE from None
    except BadFields as bad:
        raise unfit(bad) from None


async def _found(asked: Asked, id_: str) -> Task:
    view = await asked.service.database.read(find_task, asked.viewer, id_)
    if view is None:
        raise NO_SUCH_TASK
    return task_body(view, asked.language, asked.service.clock())


def task_body(view: TaskView, language: Language, now: datetime) -> Task:
    return Task(
        id=view.id,
        kind=view.kind,
        text=text_of(view, speak(language)),
        cause=view.cause,
        owner=view.owner,
        author=view.author,
        due_at=view.due_at,
        overdue=view.overdue(now),
        remind_at=view.remind_at,
        card=view.card,
        card_number=view.card_number,
        contact=view.contact,
        contact_name=view.contact_name,
        call=view.call,
        created_at=view.created_at,
        state="done" if view.done_at else "open",
        done_at=view.done_at,
        closed_by=view.closed_by,
        result=view.result,
    )
