"""`/contacts/{id}`: one client with all that is his, edited in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from callrouter.domain.phones import pretty
from callrouter.flows import edit_contact as flow
from callrouter.flows.merge import CannotUndo, NoSuchMerge, undo_merge
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from callrouter.flows.people import BadFields, Stale
from callrouter.flows.seeing import MayNot, NotSeen, check_seen, within
from callrouter.flows.unrecorded import say_recording
from callrouter.pages.card_view import PURPOSES
from callrouter.pages.contact_form import (
    FIELDS,
    KINDS,
    RELATIONS,
    Form,
    form_of,
    givable,
    own_rows,
    read_form,
    wrong_of,
)
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import rows_of
from callrouter.pages.tasks import way_back
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_named
from callrouter.wording.people import Voice
from callrouter.wording.tasks import kind_of
from callrouter.wording.tasks import text_of as task_text
from callrouter.wording.who import who_did
from storage import consents, listing, listing_clients, listing_tasks, merges
from storage import fields as own_fields
from storage.listing_timeline import user_names

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.consents import Consent
    from storage.fields import Value
    from storage.listing import CallView, CardView, ContactView
    from storage.listing_clients import Changed, Details, Same
    from storage.listing_tasks import TaskView
    from storage.merges import Merge

CALLS: Final = 10

HOW: Final = {
    "spoken": mark("by word of mouth"),
    "paper": mark("on paper"),
    "email": mark("in a letter"),
    "form": mark("on the site"),
}
EMAIL_STATES: Final = {
    "bad": mark("mail does not arrive"),
    "refused": mark("was refused once"),
}
STAYS: Final = {
    "phone": mark("phones"),
    "email": mark("e-mails"),
    "tag": mark("tags"),
    "company": mark("companies"),
    "member": mark("people of the company"),
    "field": mark("own fields"),
    "card": mark("deals"),
    "task": mark("tasks"),
    "call": mark("calls"),
    "letter": mark("letters"),
    "lead": mark("requests"),
    "consent": mark("consents"),
    "external_id": mark("ids in other systems"),
    "import": mark("lines of imports"),
    "merge": mark("earlier merges"),
    "beside": mark("deals of other clients"),
    "call_since": mark("calls that came since"),
}


@dataclass(frozen=True, slots=True)
class Whole:
    one: ContactView
    more: Details
    own: Mapping[str, Value]
    cards: Sequence[CardView]
    calls: Sequence[CallView]
    tasks: Sequence[TaskView]
    consents: Sequence[Consent]
    merges: Sequence[Merge]
    same: Sequence[Same]
    users: Mapping[str, str]


def read_whole(conn: Connection, viewer: Viewer, id_: str, setup: Setup) -> Whole | str | None:
    """A contact with all of his; of one that was joined into another, that one's id."""
    one = listing.find_contact(conn, viewer, id_)
    more = listing_clients.details(conn, viewer, id_) if one else None
    if one is None or more is None:
        return merges.kept_of(conn, id_)
    same = listing_clients.same_as(
        conn, viewer, phones=one.phones, emails=one.emails, inn=one.inn, besides=id_
    )
    joined = merges.of_contact(conn, id_)
    own = own_fields.values_of(conn, [id_], setup.field).get(id_, {})
    return Whole(
        one,
        more,
        own,
        listing_clients.cards_of(conn, viewer, id_),
        listing.calls_of_contact(conn, viewer, id_, CALLS),
        listing_tasks.list_tasks(conn, viewer, contact=id_).items,
        consents.of_contact(conn, id_),
        joined,
        same,
        user_names(conn, [it.by for it in joined]),
    )


class ContactPage:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._show(request, guest)

    async def _show(
        self,
        request: web.Request,
        guest: Guest,
        *,
        form: Form | None = None,
        status: int = 200,
        wrong: Mapping[str, str] = {},
        said: str = "",
        changed: Sequence[Changed] = (),
    ) -> web.StreamResponse:
        setup, id_ = self._doors.setup, request.match_info["id"]
        found = await self._service.database.read(read_whole, guest.viewer, id_, setup)
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        if isinstance(found, str):
            return _go(f"/contacts/{found}")
        now, voice = self._service.clock(), Voice(guest.words, setup)
        may_edit = guest.may("work")
        if form is None and may_edit and "edit" in request.query:
            form = form_of(found.one, found.more, found.own, now)
        one = found.one
        manager = setup.managers.get(one.responsible or "")
        last = next((it.id for it in found.merges if it.undone_at is None), "")
        return self._doors.page(
            guest,
            "contact",
            status=status,
            one=one,
            more=found.more,
            form=form,
            wrong=wrong,
            said=said or _said(request, guest),
            stays=_stays(request, guest),
            stale=status == HTTPStatus.CONFLICT and form is not None,
            changed=[self._changed(it, guest, voice) for it in changed],
            kinds=KINDS,
            relations=RELATIONS,
            managers=givable(guest, setup, one.responsible),
            owns=own_rows(setup),
            own={key: _shown(value, guest) for key, value in found.own.items()},
            name=one.name or guest.words("no name"),
            responsible=manager.name if manager else one.responsible or "",
            cards=[_card(it, setup, guest.words) for it in found.cards],
            rows=rows_of(found.calls, setup, guest.language, now),
            tasks=[
                (task_text(it, guest.words) or kind_of(it, guest.words), it, _due(it, voice, now))
                for it in found.tasks
            ],
            consents=[consent_line(it, guest, voice) for it in found.consents],
            purposes=PURPOSES,
            hows=HOW,
            merges=[
                (it, formats.moment(voice.local(it.at)), self._who(it.by, guest, found.users))
                for it in found.merges
            ],
            last_merge=last,
            doubles=found.same,
            names={key: it.name for key, it in setup.managers.items()},
            states=EMAIL_STATES,
            pretty=pretty,
            now=milliseconds(now),
            ms=milliseconds,
            may_edit=may_edit,
            may_merge=guest.may("merge"),
        )

    def _who(self, by: str, guest: Guest, users: Mapping[str, str]) -> str:
        return who_did(by, self._doors.setup, guest.words, users)

    def _changed(self, one: Changed, guest: Guest, voice: Voice) -> str:
        fields = ", ".join(
            guest.words(FIELDS[name]).lower() if name in FIELDS else name.removeprefix("fields.")
            for name in one.fields
        )
        who = self._who(one.by, guest, {})
        when = formats.moment(voice.local(one.at))
        return f"{when} · {who}: {fields}" if fields else f"{when} · {who}"

    async def save(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Write the form; what is wrong or was changed meanwhile comes back with what was typed."""
        id_, setup = request.match_info["id"], self._doors.setup
        form = read_form(await request.post(), setup)
        try:
            await self._write(
                guest,
                id_,
                flow.edit_contact,
                guest.viewer,
                id_,
                form.edited(setup),
                setup,
                version=form.version,
            )
        except BadFields as bad:
            wrong = wrong_of(bad, guest.words)
            bad_status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._show(request, guest, form=form, status=bad_status, wrong=wrong)
        except Stale:
            return await self._stale(request, guest, form)
        except MayNot:
            says = guest.words("You may take a client that is nobody's, not another's.")
            wrong = {"responsible": says}
            status = HTTPStatus.FORBIDDEN
            return await self._show(request, guest, form=form, status=status, wrong=wrong)
        except (NotSeen, NoSuchContact):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        try:
            await self._service.database.read(check_seen, guest.viewer, "contact", id_)
        except NotSeen:
            return _go("/contacts")  # he gave it out of his own sight
        return _go(f"/contacts/{id_}?said=saved#profile")

    async def _stale(self, request: web.Request, guest: Guest, form: Form) -> web.StreamResponse:
        """Nothing was written: who changed what, and the form to be sent once more over it."""
        id_, read = request.match_info["id"], self._service.database.read
        changed = await read(listing_clients.changes_since, id_, form.read_at)
        found = await read(read_whole, guest.viewer, id_, self._doors.setup)
        if not isinstance(found, Whole):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        again = _with(form, found.one.version, self._service.clock())
        status = HTTPStatus.CONFLICT
        return await self._show(request, guest, form=again, status=status, changed=changed)

    async def record(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Whether talks with him may be recorded from now on."""
        posted, id_ = await request.post(), request.match_info["id"]
        allowed = posted.get("allowed") == "yes"
        return await self._do(request, guest, "#consents", say_recording, id_, allowed=allowed)

    async def agree(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        posted, id_ = await request.post(), request.match_info["id"]
        said = [str(posted.get(name, "")) for name in ("purpose", "how", "evidence")]
        return await self._do(request, guest, "#consents", flow.give_consent, id_, *said)

    async def withdraw(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, consent = request.match_info["id"], request.match_info["consent"]
        return await self._do(request, guest, "#consents", flow.withdraw_consent, id_, consent)

    async def undo(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Take apart what was joined into this one."""
        id_, merge = request.match_info["id"], request.match_info["merge"]
        try:
            undone = await self._service.database.write(
                undo_merge, guest.viewer, merge, by=guest.by, now=self._service.clock()
            )
        except (NoSuchMerge, NotSeen):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except CannotUndo as cannot:
            words = guest.words
            later = words("A later merge must be undone first.")
            says = later if cannot.later else words("It was undone already.")
            return await self._show(request, guest, status=HTTPStatus.CONFLICT, said=says)
        stays = ",".join(f"{one.what}:{one.n}" for one in undone.stays)
        return _go(f"/contacts/{id_}?said=undone&stays={stays}")

    async def _write(
        self,
        guest: Guest,
        id_: str,
        do: Callable[..., Any],
        *given: Any,  # noqa: ANN401  whatever the flow takes
        **named: Any,  # noqa: ANN401
    ) -> None:
        now = self._service.clock()
        write = self._service.database.write
        named |= {"by": guest.by, "now": now}
        await write(within, guest.viewer, "contact", id_, do, *given, **named)

    async def _do(
        self,
        request: web.Request,
        guest: Guest,
        where: str,
        do: Callable[..., Any],
        *given: Any,  # noqa: ANN401
        **named: Any,  # noqa: ANN401
    ) -> web.StreamResponse:
        id_ = request.match_info["id"]
        try:
            await self._write(guest, id_, do, *given, **named)
        except (NotSeen, NoSuchContact, NoSuchCall):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except BadFields:
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        back = str((await request.post()).get("back", ""))
        return _go(way_back(back, f"/contacts/{id_}{where}"))


def _go(where: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})


def _with(form: Form, version: int, now: datetime) -> Form:
    return replace(form, version=version, read_at=now)


def _said(request: web.Request, guest: Guest) -> str:
    words = guest.words
    said = {
        "saved": words("Saved."),
        "made": words("The client is made."),
        "joined": words("The two clients are one now."),
        "undone": words("They are two clients again."),
        "attached": words("The number is this client's now."),
    }
    return said.get(request.query.get("said", ""), "")


def _stays(request: web.Request, guest: Guest) -> list[str]:
    """What an undoing left as it was, in words."""
    found = []
    for part in request.query.get("stays", "").split(","):
        what, _, n = part.partition(":")
        if name := {**FIELDS, **STAYS}.get(what):
            words = guest.words(name)
            found.append(f"{words}: {n}" if what in STAYS and n.isdecimal() else words.lower())
    return found


def _shown(value: Value, guest: Guest) -> str:
    if isinstance(value, bool):
        return guest.words("yes") if value else guest.words("no")
    return str(value)


@dataclass(frozen=True, slots=True)
class CardLine:
    id: str
    number: int
    status: str
    manager: str
    open: bool


def _card(one: CardView, setup: Setup, words: Words) -> CardLine:
    pipeline = setup.pipelines.get(one.pipeline)
    status = status_named(pipeline, one.status, words)
    manager = setup.managers.get(one.manager or "")
    name = manager.name if manager else one.manager or ""
    return CardLine(one.id, one.number, status, name, one.closed_at is None)


def _due(one: TaskView, voice: Voice, now: datetime) -> str:
    return formats.until(voice.local(one.due_at), voice.local(now)) if one.due_at else ""


@dataclass(frozen=True, slots=True)
class ConsentLine:
    id: str
    said: str
    how: str
    withdrawn: bool


def consent_line(one: Consent, guest: Guest, voice: Voice) -> ConsentLine:
    words = guest.words
    purpose = words(PURPOSES[one.purpose]) if one.purpose in PURPOSES else one.purpose
    given = f"{voice.local(one.given_at):%d.%m.%Y}"
    said = words("{purpose}: agreed {day}", purpose=purpose, day=given)
    if one.withdrawn_at:
        day = f"{voice.local(one.withdrawn_at):%d.%m.%Y}"
        said += " · " + words("withdrawn {day}", day=day)
    how = words(HOW[one.how]) if one.how in HOW else one.how
    return ConsentLine(one.id, said, _joined(how, _evidence(one.evidence)), bool(one.withdrawn_at))


def _joined(*texts: str) -> str:
    return " · ".join(text for text in texts if text)


def _evidence(text: str | None) -> str:
    """What stands as evidence, as far as people can read it."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return text or ""
    return str(found.get("text", "")) if isinstance(found, dict) else str(found)
