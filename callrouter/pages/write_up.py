"""`/calls/{id}/write-up`: after a talk: what came of it, what follows, a note; three clicks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from aiohttp import web

from callrouter.domain.next_steps import INVOICE, Desk, Step, desk_of, propose
from callrouter.domain.outcomes import Outcome, is_deal
from callrouter.domain.setup import JUNK
from callrouter.domain.tasks import BY_HAND, LONGEST_REASON, LONGEST_TEXT
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import NotSeen, within
from callrouter.flows.write_up import NextStep, WriteUp, WrittenSince, needs_form, write_up
from callrouter.pages.afterwards import OUTCOMES
from callrouter.pages.rows import row_of
from callrouter.pages.tasks import BadPick, picks_of, read_pick, way_back
from callrouter.wording.tasks import STEPS, kind_of, text_of, usual_text
from storage import moves
from storage.ids import new_id
from storage.listing import CallView, calls_by_id
from storage.listing_tasks import TaskView, list_tasks
from storage.write_ups import find

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.moves import MovingCard
    from storage.write_ups import Talk

USUAL_BACK: Final = "/calls/mine"
_LONGEST_NOTE: Final = 10_000
_KEY: Final = 32


@dataclass(frozen=True, slots=True)
class AfterTalk:
    """A talk and what it is written up with. `open_tasks`: what is to be done on its card."""

    call: CallView
    talk: Talk
    card: MovingCard | None
    open_tasks: tuple[TaskView, ...]


def read_after(conn: Connection, viewer: Viewer, call_id: str) -> AfterTalk | None:
    """None: there is no such call, or the viewer may not see it."""
    found, talk = calls_by_id(conn, [call_id], viewer), find(conn, call_id)
    if not found or talk is None:
        return None
    card = moves.find(conn, talk.card) if talk.card else None
    todo = list_tasks(conn, viewer, card=card.id, kinds=BY_HAND, limit=10).items if card else ()
    return AfterTalk(found[0], talk, card, todo)


def may_be_written_up(call: CallView) -> bool:
    """Whatever our people talked on or missed; a talk may be written up while it lasts."""
    return call.direction != "internal" and call.state not in ("rejected", "ringing", "waiting")


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it stands: first what is proposed, then what was typed.

    `key`: of this form, so that sent twice it acts once; `seen`: when the talk was written up, in
    milliseconds, as far as the form knows. `wrong`: by field, what is wrong with it.
    """

    key: str
    seen: str = ""
    outcome: str = ""
    status: str = ""
    step: str = "call"
    text: str = ""
    when: str = "days"
    date: str = ""
    no_next: str = ""
    note: str = ""
    settled: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatusRow:
    """A status that the card may get. `form`: it asks for more afterwards, on a page of its own."""

    key: str
    name: str
    here: bool
    form: bool


@dataclass(frozen=True, slots=True)
class TaskRow:
    id: str
    kind: str
    text: str


class WritingUp:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_ = request.match_info["id"]
        after = await self._service.database.read(read_after, guest.viewer, id_)
        if after is None or not may_be_written_up(after.call):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        filled = proposed(after, self._service.clock())
        return self._page(guest, after, filled, request.query.get("back", ""))

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Keeps what was said, at once; what is wrong is shown beside what was typed."""
        id_, form = request.match_info["id"], await request.post()
        service, back = self._service, str(form.get("back", ""))
        after = await service.database.read(read_after, guest.viewer, id_)
        if after is None or not may_be_written_up(after.call):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        now = service.clock()
        filled = filled_of(form)
        said, filled = read_said(filled, form, after, self._doors.setup, guest.words, now)
        if said is None:
            return self._page(guest, after, filled, back, HTTPStatus.BAD_REQUEST)
        seen = datetime.fromtimestamp(int(filled.seen) / 1000, UTC) if filled.seen else None
        try:
            done = await service.database.write(
                within,
                guest.viewer,
                "call",
                id_,
                write_up,
                id_,
                said,
                self._doors.setup,
                key=filled.key,
                seen=seen,
                by=guest.by,
                now=now,
            )
        except (NotSeen, NoSuchCall):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except WrittenSince:
            says = guest.words(
                "Somebody has written this talk up meanwhile. Look whether yours is still to be "
                "added, and save again."
            )
            return await self._again(guest, id_, filled, "whole", says, back)
        except BadFields as bad:
            says = guest.words("This cannot be done now: {why}", why=str(bad))
            return await self._again(guest, id_, filled, _place_of(bad), says, back)
        where = way_back(back, USUAL_BACK)
        if done.move_to:
            where = f"/cards/{done.card}/move?to={done.move_to}"
        elif where.startswith(("/calls/mine", "/today")):
            where += ("&" if "?" in where else "?") + "written"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})

    async def _again(
        self, guest: Guest, id_: str, filled: Filled, place: str, says: str, back: str
    ) -> web.StreamResponse:
        """The form with what was typed, over what the base says by now."""
        after = await self._service.database.read(read_after, guest.viewer, id_)
        if after is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        filled = replace(filled, seen=_seen(after.talk), wrong={place: says})
        return self._page(guest, after, filled, back, HTTPStatus.CONFLICT)

    def _page(
        self,
        guest: Guest,
        after: AfterTalk,
        filled: Filled,
        back: str,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.StreamResponse:
        setup, now, words = self._doors.setup, self._service.clock(), guest.words
        desk = desk_for(after, setup)
        about_invoice = after.card is not None and after.card.status == INVOICE
        return self._doors.page(
            guest,
            "write_up",
            status=status,
            row=row_of(after.call, setup, guest.language, now),
            call=after.call,
            card=after.card,
            filled=filled,
            outcomes=tuple((key, words(text)) for key, text in OUTCOMES.items()),
            statuses=statuses_of(after.card, setup),
            steps=tuple((key, words(text)) for key, text in STEPS.items()),
            usual=usual_text("call", words, about_invoice=about_invoice),
            picks=picks_of(desk, setup.workplace.next_days, now, words),
            soonest=f"{desk.calendar.local(now):%Y-%m-%dT%H:%M}",
            todo=tuple(
                TaskRow(one.id, kind_of(one, words), text_of(one, words))
                for one in after.open_tasks
            ),
            written_at=written_at(after, desk),
            back=way_back(back, USUAL_BACK),
        )


def _place_of(bad: BadFields) -> str:
    name = bad.wrong[0].field if bad.wrong else ""
    return name if name in ("status", "note") else "whole"


def _seen(talk: Talk) -> str:
    at = talk.written_up_at
    return str(round(at.timestamp() * 1000)) if at else ""


def written_at(after: AfterTalk, desk: Desk) -> str:
    at = after.talk.written_up_at
    return f"{desk.calendar.local(at):%d.%m.%Y %H:%M}" if at else ""


def desk_for(after: AfterTalk, setup: Setup) -> Desk:
    """When he works who is to do what follows."""
    return desk_of(setup, setup.managers.get(after.talk.manager or ""))


def proposed(after: AfterTalk, now: datetime) -> Filled:
    """What the form begins with. Calls that were to be made are taken for made by this one."""
    status = after.card.status if after.card else None
    proposal = propose(after.call.outcome, status)
    return Filled(
        key=new_id(now),
        seen=_seen(after.talk),
        outcome=after.call.outcome or "",
        status=status or "",
        step=proposal.step if proposal else "call",
        when=proposal.pick if proposal else "none",
        settled=tuple(one.id for one in after.open_tasks if _was_to_call(one, now)),
    )


def _was_to_call(one: TaskView, now: datetime) -> bool:
    """A call that was to be made by the end of tomorrow, or to ask after an offer."""
    if one.kind == "follow_up":
        return True
    soon = one.due_at is not None and one.due_at <= now + timedelta(days=1)
    return one.cause == "call" and soon


def statuses_of(card: MovingCard | None, setup: Setup) -> tuple[StatusRow, ...]:
    """The card's own status, and those that it may get now; none of a closed card."""
    pipeline = setup.pipelines.get(card.pipeline) if card else None
    if card is None or card.closed or pipeline is None:
        return ()
    here = pipeline.status(card.status)
    allowed = here.moves if here and here.moves is not None else None
    return tuple(
        StatusRow(
            one.key,
            one.name or one.key,
            one.key == card.status,
            one.key != card.status and needs_form(card, one.key, setup),
        )
        for one in pipeline.statuses
        if one.key == card.status or (one.key != JUNK and (allowed is None or one.key in allowed))
    )


# Reading the form


def filled_of(form: Any) -> Filled:  # noqa: ANN401  a MultiDict of texts
    """What was typed, bounded."""

    def said(name: str, most: int) -> str:
        return str(form.get(name, "")).replace("\x00", "")[:most]

    seen = said("seen", 13)
    return Filled(
        key=said("key", _KEY),
        seen=seen if seen.isascii() and seen.isdigit() else "",
        outcome=said("outcome", 64),
        status=said("status", 64),
        step=said("step", 16),
        text=said("text", LONGEST_TEXT),
        when=said("when", 16),
        date=said("date", 40),
        no_next=said("no_next", LONGEST_REASON),
        note=said("note", _LONGEST_NOTE),
        settled=tuple(str(one)[:32] for one in form.getall("settled", []))[:50],
    )


def read_said(
    filled: Filled,
    form: Mapping[str, Any],
    after: AfterTalk,
    setup: Setup,
    words: Words,
    now: datetime,
) -> tuple[WriteUp | None, Filled]:
    """What was said, as the flow takes it; None with what is wrong in the form."""
    wrong: dict[str, str] = {}
    if filled.outcome not in get_args(Outcome):
        wrong["outcome"] = words("Choose what came of the talk.")
    deal, next_step, no_next = is_deal(filled.outcome), None, ""
    if deal and filled.when == "none":
        no_next = filled.no_next.strip()
        if not no_next and _stays_open(filled, after, setup):
            wrong["no_next"] = words("The deal stays open: say why nothing follows.")
    elif deal:
        step = cast("Step", filled.step if filled.step in STEPS else "other")
        about_invoice = INVOICE in (filled.status, after.card.status if after.card else "")
        text = filled.text.strip() or usual_text(step, words, about_invoice=about_invoice)
        desk = desk_for(after, setup)
        try:
            at = read_pick(form, desk, setup.workplace.next_days, now, words)
            next_step = NextStep(step, text, at)
        except BadPick as bad:
            wrong["when"] = str(bad)
    if not filled.key:
        wrong["whole"] = words("That did not work. Try again.")
    if wrong:
        key = filled.key or new_id(now)
        return None, replace(filled, key=key, wrong=wrong)
    status = filled.status if after.card and filled.status != after.card.status else ""
    said = WriteUp(
        outcome=cast("Outcome", filled.outcome),
        next=next_step,
        no_next=no_next,
        note=filled.note,
        status=status or None,
        settled=filled.settled,
    )
    return said, filled


def _stays_open(filled: Filled, after: AfterTalk, setup: Setup) -> bool:
    if after.card is None or after.card.closed:
        return False
    pipeline = setup.pipelines.get(after.card.pipeline)
    to = pipeline.status(filled.status) if pipeline and filled.status else None
    return to is None or not to.closed


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    writing_up = WritingUp(service, doors)
    router.add_get("/calls/{id}/write-up", doors.guarded(writing_up.show, "work"))
    router.add_post("/calls/{id}/write-up", doors.guarded(writing_up.take, "work"))
