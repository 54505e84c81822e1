"""Moving cards: the small form, what came of it, several at once, and a letter taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from callrouter import letter_drafts, papers
from callrouter.domain.email_hints import likely_meant
from callrouter.domain.items import sum_of
from callrouter.domain.letters import letter_of
from callrouter.flows import letters
from callrouter.flows.change_status import Missing, NoWay, lacking
from callrouter.flows.fields import StaleCard
from callrouter.flows.letters import (
    NoSuchLetter,
    NotNow,
    Prospect,
    Wish,
    addresses,
    prospects,
)
from callrouter.flows.move_card import Move, Moved, give_card, move_card
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Wrong
from callrouter.flows.seeing import MayNot, NotSeen, within
from callrouter.flows.templates import NoSuchTemplate
from callrouter.forming.press import BadTemplate
from callrouter.forming.values import figure, money
from callrouter.handing_out import give
from callrouter.pages.board import Choice, Faces, asks_reason, statuses_of
from callrouter.pages.doors import by_script
from callrouter.pages.rendering import render
from callrouter.wording import formats
from callrouter.wording.letters import why_letter
from callrouter.wording.moves import (
    LETTER_KINDS,
    LETTER_STATES,
    missing_text,
    needed_name,
    no_way_text,
    status_name,
    status_named,
)
from callrouter.wording.who import who_did
from storage import items, listing_board

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.items import Item
    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import CustomField, Pipeline, Setup
    from callrouter.flows.fields import Given
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.listing_board import TileView

MOST_TOGETHER: Final = 100
"""So many cards are moved or given at once."""

_MOST_ITEMS: Final = 6  # of a card that the form shows; the rest is counted
_LONGEST: Final = 2000
_NEW: Final = "new"  # the choice of one more address
_ASKED_HERE: Final = ("amount", "due", "source", "loss_reason", "email")
"""What the form itself can take of what a status needs; the rest stands on the card."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A card before a move, and what the move would do. `changed_by`: of its last change."""

    tile: TileView
    emails: tuple[str, ...] = ()
    letters: tuple[Prospect, ...] = ()
    lacking: tuple[Wrong, ...] = ()
    items: tuple[Item, ...] = ()
    changed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the form brought, as it was typed."""

    to: str = ""
    version: int | None = None
    send: str = ""
    email: str = ""
    new_email: str = ""
    sure: str = ""
    letter: str = ""
    again: bool = False
    loss_reason: str = ""
    back: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def wish(self) -> Wish:
        email = self.email if self.email and self.email != _NEW else None
        return Wish(self.send != "0", self.letter or None, email, self.again)

    @property
    def typed_email(self) -> str:
        """One more address that is wanted."""
        return self.new_email.strip() if self.email in ("", _NEW) else ""


@dataclass(frozen=True, slots=True)
class LetterRow:
    name: str
    says: str
    had: str


@dataclass(frozen=True, slots=True)
class Input:
    """A field that the status needs. `kind`: of its input; `choices`: of a select."""

    name: str
    label: str
    kind: str
    value: str
    choices: tuple[str, ...] = ()
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class ItemRow:
    name: str
    quantity: str
    sum: str


@dataclass(frozen=True, slots=True)
class Form:
    """The small form. `ways`: where to, of one who has not said it or may not go there."""

    id: str
    number: int
    title: str
    version: int
    to: str
    from_name: str
    to_name: str
    sent: Sent
    says: str
    wrong: Mapping[str, str]
    ways: tuple[Choice, ...]
    letters: tuple[LetterRow, ...]
    choices: tuple[Choice, ...]
    emails: tuple[Choice, ...]
    asks_email: bool
    hint: str
    may_again: bool
    items: tuple[ItemRow, ...]
    more_items: int
    total: str
    asks_reason: bool
    inputs: tuple[Input, ...]
    elsewhere: str
    preview: str


class Moving:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def ask(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The small form, as a page or (`part=1`) as a part of one.

        `version`: of the card that was dragged; the form says where it was changed since.
        """
        query = request.query
        sent = Sent(
            to=query.get("to", "")[:64],
            letter=query.get("letter", "")[:64],
            back=_back(query.get("back", "")),
        )
        try:
            plan = await self._plan(request, guest, sent)
        except NotSeen:
            return self._gone(request, guest)
        seen = query.get("version", "")
        stale = bool(seen) and seen != str(plan.tile.version)
        says = changed_text(plan, self._service.setups.current, guest.words) if stale else ""
        return self._form(request, guest, plan, sent, says)

    async def move(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Move it; a script gets JSON, a form goes back to where it was opened."""
        id_, setup = request.match_info["id"], self._service.setups.current
        try:
            sent = await _read(request)
            plan = await self._plan(request, guest, sent)
        except NotSeen:
            return self._gone(request, guest)
        except ValueError:
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        if sent.send == "" and plan.letters and plan.tile.status != sent.to:
            return self._refuse(request, guest, plan, sent, asks=True)  # nobody said: letters?
        meant = likely_meant(sent.typed_email) if sent.typed_email else None
        if meant and sent.sure != sent.typed_email:
            return self._refuse(request, guest, plan, sent, hint=meant)
        pipeline = setup.pipelines.get(plan.tile.pipeline)
        asked = Move(
            sent.to,
            sent.version,
            sent.wish,
            sent.typed_email,
            sent.loss_reason or None,
            _given(sent.fields, setup),
        )
        words = guest.words
        try:
            moved = await self._service.database.write(
                within, guest.viewer, "card", id_, move_card, id_, asked, setup,
                by=guest.by, now=self._service.clock(),
            )  # fmt: skip
        except (NotSeen, NoSuchCard):
            return self._gone(request, guest)
        except StaleCard:
            plan = await self._plan(request, guest, sent)
            said = changed_text(plan, setup, words)
            return self._refuse(request, guest, plan, sent, said, status=HTTPStatus.CONFLICT)
        except BadFields as bad:
            said, wrong = said_of(bad.wrong, plan.tile.status, sent.to, pipeline, setup, words)
            return self._refuse(request, guest, plan, sent, said, wrong=wrong)
        return await self._moved(request, guest, moved, sent)

    async def _moved(
        self, request: web.Request, guest: Guest, moved: Moved, sent: Sent
    ) -> web.StreamResponse:
        id_, now = request.match_info["id"], self._service.clock()
        if not by_script(request):
            where = sent.back or f"/cards/{id_}"
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})
        found = await self._service.database.read(listing_board.tiles, guest.viewer, [id_])
        held = [one for one in moved.letters if one.state != "waiting"]
        return web.json_response(
            {
                "status": moved.changed.status,
                "tile": self._tile(guest, found[0], now) if found else "",
                "says": " ".join(
                    f"{guest.words(LETTER_STATES[one.state])}. "
                    f"{why_letter(one.reason, language=guest.language) if one.reason else ''}"
                    for one in held
                    if one.state in LETTER_STATES
                ).strip(),
            }
        )

    def _tile(self, guest: Guest, view: TileView, now: datetime) -> str:
        tile = Faces(self._service.setups.current, guest.words, now).tile(view)
        return render("_tile", guest.language, one=tile, may_work=guest.may("work"))

    # The form

    async def _plan(self, request: web.Request, guest: Guest, sent: Sent) -> Plan:
        setup, now = self._service.setups.current, self._service.clock()
        id_ = request.match_info["id"]
        wish = Wish(key=sent.letter or None, email=sent.wish.email)
        return await self._service.database.read(
            read_plan, guest.viewer, id_, sent.to, wish, setup, by=guest.by, now=now
        )

    def _form(
        self,
        request: web.Request,
        guest: Guest,
        plan: Plan,
        sent: Sent,
        says: str = "",
        *,
        wrong: Mapping[str, str] | None = None,
        hint: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.Response:
        setup, now = self._service.setups.current, self._service.clock()
        form = form_of(plan, sent, setup, guest.words, now, says=says, wrong=wrong, hint=hint)
        if request.query.get("part") == "1":
            html = render("_move", guest.language, form=form, part=True)
            return web.Response(text=html, status=status, content_type="text/html")
        return self._doors.page(guest, "move", status=status, form=form, part=False)

    def _refuse(
        self,
        request: web.Request,
        guest: Guest,
        plan: Plan,
        sent: Sent,
        says: str = "",
        *,
        wrong: Mapping[str, str] | None = None,
        hint: str = "",
        asks: bool = False,
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> web.Response:
        """The form again with what was typed; a script gets it with the sentence and the tile."""
        if not by_script(request):
            return self._form(
                request, guest, plan, sent, says, wrong=wrong, hint=hint, status=status
            )
        setup, now = self._service.setups.current, self._service.clock()
        form = form_of(plan, sent, setup, guest.words, now, says=says, wrong=wrong, hint=hint)
        body = {
            "says": says,
            "asks": asks or bool(hint),
            "status": plan.tile.status,
            "tile": self._tile(guest, plan.tile, now),
            "form": render("_move", guest.language, form=form, part=True),
        }
        return web.json_response(body, status=status)

    def _gone(self, request: web.Request, guest: Guest) -> web.Response:
        if by_script(request):
            says = guest.words("It is not there any more.")
            return web.json_response({"says": says}, status=HTTPStatus.NOT_FOUND)
        return self._doors.message(guest, HTTPStatus.NOT_FOUND)

    # What would leave

    async def show_letter(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A letter as it would be, were the card moved now."""
        query, setup, now = request.query, self._service.setups.current, self._service.clock()
        sent = Sent(
            to=query.get("to", "")[:64],
            letter=query.get("letter", "")[:64],
            email=query.get("email", "")[:254],
        )
        try:
            plan = await self._plan(request, guest, sent)
        except NotSeen:
            return self._gone(request, guest)
        seen = []
        for one in plan.letters:
            problem, made = "", None
            titles: tuple[str, ...] = ()
            try:
                draft = await self._service.database.read(
                    letter_drafts.preview_of, one.letter, setup, now=now
                )
                if draft:
                    made, titles = await letter_drafts.preview(self._service, draft)
            except (BadTemplate, NoSuchTemplate) as error:
                problem = str(error)
            kind = guest.words(LETTER_KINDS[one.letter.kind])
            seen.append(Preview(kind, one.letter.email or "", made, titles, problem))
        id_, part = request.match_info["id"], query.get("part") == "1"
        if part:
            html = render("_letter", guest.language, previews=seen, id=id_)
            return web.Response(text=html, content_type="text/html")
        return self._doors.page(guest, "letter", previews=seen, id=id_, title=plan.tile.number)

    async def show_offer(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The offer as a file, without a number: it is not kept."""
        id_ = request.match_info["id"]
        try:
            await self._service.database.read(read_tile, guest.viewer, id_)
            offer, body = await papers.preview(self._service, id_, "pdf")
        except (NotSeen, NoSuchCard):
            return self._gone(request, guest)
        except (BadTemplate, NoSuchTemplate):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return give(body, "application/pdf", shown_as=papers.title_of(offer, None, "pdf"))

    async def hint(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        """What was probably meant by an address."""
        meant = likely_meant(request.query.get("email", "")[:254].strip())
        return web.json_response({"meant": meant})

    # Several at once

    async def together(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Move or give many cards, each by itself; what came of each is said."""
        form = await request.post()
        ids = list(dict.fromkeys(str(one) for one in form.getall("card", [])))
        do, to = str(form.get("do", "")), str(form.get("to", ""))[:64]
        manager = str(form.get("manager", ""))[:64]
        send, reason = str(form.get("letters", "")), str(form.get("loss_reason", ""))[:64].strip()
        back, words = _back(str(form.get("back", ""))), guest.words
        setup = self._service.setups.current
        if not ids:
            return self._said(request, guest, words("Choose some deals first."), back)
        if len(ids) > MOST_TOGETHER:
            said = words("At most {n} deals at once.", n=MOST_TOGETHER)
            return self._said(request, guest, said, back)
        if (do == "move" and not to) or (do == "give" and not manager) or do not in _DOINGS:
            return self._said(request, guest, words("Choose where to, or to whom."), back)
        known = await self._service.database.read(listing_board.tiles, guest.viewer, ids)
        tiles = {one.id: one for one in known}
        if do == "move" and send not in ("send", "without"):
            sends = {one.pipeline for one in setup.letter if one.on_status == to}
            if any(one.pipeline in sends for one in known):
                said = words("Choose: with letters or without.")
                return self._said(request, guest, said, back)
        results = []
        for id_ in ids:
            if id_ not in tiles:
                says = words("It is not there any more.")
            elif do == "move":
                asked = Move(to, wish=Wish(send != "without"), loss_reason=reason or None)
                says = await self._one_move(guest, tiles[id_], asked)
            else:
                says = await self._one_given(guest, id_, manager)
            number = tiles[id_].number if id_ in tiles else 0
            results.append(Result(id_, number, not says, says or words("done")))
        return self._said(request, guest, "", back, results)

    async def _one_move(self, guest: Guest, tile: TileView, asked: Move) -> str:
        """Why it was refused; "" where it was not."""
        setup, words = self._service.setups.current, guest.words
        try:
            await self._service.database.write(
                within, guest.viewer, "card", tile.id, move_card, tile.id, asked, setup,
                by=guest.by, now=self._service.clock(),
            )  # fmt: skip
        except (NotSeen, NoSuchCard):
            return words("It is not there any more.")
        except (BadFields, StaleCard) as bad:
            pipeline = setup.pipelines.get(tile.pipeline)
            wrong = bad.wrong if isinstance(bad, BadFields) else ()
            return said_of(wrong, tile.status, asked.to, pipeline, setup, words)[0]
        return ""

    async def _one_given(self, guest: Guest, id_: str, manager: str) -> str:
        setup, words = self._service.setups.current, guest.words
        try:
            await self._service.database.write(
                within, guest.viewer, "card", id_, give_card, id_, manager, setup,
                viewer=guest.viewer, by=guest.by, now=self._service.clock(),
            )  # fmt: skip
        except (NotSeen, NoSuchCard):
            return words("It is not there any more.")
        except MayNot:
            return words("Only a head gives other people's deals away.")
        except BadFields:
            return words("There is no such manager.")
        return ""

    def _said(
        self,
        request: web.Request,
        guest: Guest,
        says: str,
        back: str,
        results: Sequence[Result] = (),
    ) -> web.Response:
        status = HTTPStatus.OK if results else HTTPStatus.UNPROCESSABLE_ENTITY
        if by_script(request):
            body = {
                "says": says,
                "results": [
                    {"card": one.card, "number": one.number, "done": one.done, "says": one.says}
                    for one in results
                ],
            }
            return web.json_response(body, status=status)
        return self._doors.page(
            guest, "together", status=status, says=says, results=results, back=back or "/board"
        )

    async def cancel_letter(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, words = request.match_info["id"], guest.words
        form = await request.post()
        says, status = "", HTTPStatus.OK
        try:
            await self._service.database.write(
                within, guest.viewer, "letter", id_, letters.cancel, id_,
                by=guest.by, now=self._service.clock(),
            )  # fmt: skip
        except (NotSeen, NoSuchLetter):
            return self._gone(request, guest)
        except NotNow:
            says = words("It is too late: the letter is leaving or has left.")
            status = HTTPStatus.CONFLICT
        if by_script(request):
            return web.json_response({"says": says}, status=status)
        if says:
            return self._said(request, guest, says, _back(str(form.get("back", ""))))
        where = _back(str(form.get("back", ""))) or "/board"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})


_DOINGS: Final = ("move", "give")


@dataclass(frozen=True, slots=True)
class Preview:
    """`made` None: it cannot be formed, and `problem` may say why."""

    kind: str
    email: str
    made: object
    titles: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class Result:
    card: str
    number: int
    done: bool
    says: str


def read_tile(conn: Connection, viewer: Viewer, id_: str) -> TileView:
    """Raises NotSeen."""
    found = listing_board.tiles(conn, viewer, [id_])
    if not found:
        raise NotSeen("card")
    return found[0]


def read_plan(
    conn: Connection,
    viewer: Viewer,
    id_: str,
    to: str,
    wish: Wish,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> Plan:
    """What a move would do. Raises NotSeen."""
    tile = read_tile(conn, viewer, id_)
    changed_by = listing_board.changed_by(conn, id_)
    if not to or tile.status == to:
        return Plan(tile, changed_by=changed_by)
    return Plan(
        tile,
        tuple(addresses(conn, tile.contact)),
        prospects(conn, id_, to, setup, wish=wish, by=by, now=now),
        lacking(conn, id_, to, setup),
        items.of_card(conn, id_),
        changed_by,
    )


def form_of(
    plan: Plan,
    sent: Sent,
    setup: Setup,
    words: Words,
    now: datetime,
    *,
    says: str = "",
    wrong: Mapping[str, str] | None = None,
    hint: str = "",
) -> Form:
    tile, wrong = plan.tile, wrong or {}
    pipeline = setup.pipelines.get(tile.pipeline)
    to = pipeline.status(sent.to) if pipeline and sent.to else None
    no_way = next((one for one in plan.lacking if isinstance(one, NoWay)), None)
    if no_way and not says:
        says = no_way_text(pipeline, tile.status, sent.to, no_way.ways, words)
    here = to is None or no_way is not None or tile.status == sent.to
    missing = [one.field for one in plan.lacking if isinstance(one, Missing)]
    face = Faces(setup, words, now).tile(tile)
    own = {one.key: one for one in setup.field if one.noun == "card"}
    inputs = [] if here else [_input(one, own, sent, wrong, setup, words) for one in missing]
    elsewhere = [
        one for one in missing if one not in _ASKED_HERE and one.removeprefix("fields.") not in own
    ]
    offer = any(one.letter.kind == "offer" for one in plan.letters)
    rows = [
        ItemRow(one.name, f"{figure(one.quantity, words)} {one.unit}", money(sum_of(one), words))
        for one in plan.items[:_MOST_ITEMS]
    ]
    query = {"to": sent.to, "letter": sent.letter}
    return Form(
        id=tile.id,
        number=tile.number,
        title=face.title,
        version=tile.version,
        to="" if here else sent.to,
        from_name=status_named(pipeline, tile.status, words),
        to_name=status_name(to, words) if to else "",
        sent=sent,
        says=says,
        wrong=wrong,
        ways=_ways(pipeline, tile, words) if here else (),
        letters=() if here else tuple(_letter_row(one, setup, words, now) for one in plan.letters),
        choices=() if here else _letter_choices(plan, setup, words),
        emails=_emails(plan, sent),
        asks_email=not here and (bool(plan.letters) or "email" in missing),
        hint=hint,
        may_again=any(one.had and one.had.state in ("sent", "cancelled") for one in plan.letters),
        items=tuple(rows) if offer else (),
        more_items=max(0, len(plan.items) - _MOST_ITEMS) if offer else 0,
        total=face.amount if offer and plan.items else "",
        asks_reason=not here and to is not None and asks_reason(to),
        inputs=tuple(one for one in inputs if one),
        elsewhere="" if here or not elsewhere else missing_text(elsewhere, setup, words),
        preview=f"/cards/{tile.id}/move/letter?{urlencode(query)}",
    )


def _ways(pipeline: Pipeline | None, tile: TileView, words: Words) -> tuple[Choice, ...]:
    """Where a card may go from here."""
    if pipeline is None:
        return ()
    now = pipeline.status(tile.status)
    allowed = None if now is None or now.moves is None else {*now.moves, "junk"}
    return tuple(
        Choice(one.key, status_name(one, words), here=False)
        for one in statuses_of(pipeline)
        if one.key != tile.status and (allowed is None or one.key in allowed)
    )


def _letter_row(one: Prospect, setup: Setup, words: Words, now: datetime) -> LetterRow:
    letter, had = one.letter, ""
    if one.had:
        had = words("The deal has such a letter already: none is made unless you wish one more.")
        if one.had.sent_at:
            had = words("It was sent already. None is sent unless you wish one more.")
    if letter.state == "waiting" and letter.wait_until:
        left = (letter.wait_until - now).total_seconds()
        says = words("It leaves {length} after the move.", length=formats.length(words, left))
        spec = letter_of(setup, letter.key)
        if spec and spec.kind != letter.kind:
            instead = words("Instead of an offer: the deal has no goods with confirmed prices.")
            says = f"{instead} {says}"
    else:
        says = why_letter(letter.reason, language=words.language) if letter.reason else ""
    return LetterRow(words(LETTER_KINDS[letter.kind]), says, had)


def _letter_choices(plan: Plan, setup: Setup, words: Words) -> tuple[Choice, ...]:
    """Which letter: those of the pipeline, where there are several of them."""
    ours = [one for one in setup.letter if one.pipeline == plan.tile.pipeline]
    if not plan.letters or len(ours) < 2:
        return ()
    usual = plan.letters[0].letter.key  # the one that was chosen, if one was
    names = [words(LETTER_KINDS[one.kind]) for one in ours]
    return tuple(
        Choice(one.key, name if names.count(name) == 1 else f"{name} ({one.key})", one.key == usual)
        for one, name in zip(ours, names, strict=True)
    )


def _emails(plan: Plan, sent: Sent) -> tuple[Choice, ...]:
    chosen = sent.email if sent.email in plan.emails else ""
    if not chosen and sent.email != _NEW and plan.emails:
        chosen = plan.emails[0]
    return tuple(Choice(one, one, one == chosen) for one in plan.emails)


_COLUMNS: Final = {"amount": "text", "due": "date", "source": "text"}
_KINDS: Final = {"text": "text", "number": "text", "date": "date", "flag": "checkbox"}


def _input(
    place: str,
    own: Mapping[str, CustomField],
    sent: Sent,
    wrong: Mapping[str, str],
    setup: Setup,
    words: Words,
) -> Input | None:
    """What is missing, as an input; None for what stands elsewhere."""
    key = place.removeprefix("fields.")
    label = needed_name(place, setup, words)
    said = sent.fields.get(key, "")
    at = wrong.get(key, "")
    if place in _COLUMNS:
        return Input(key, label, _COLUMNS[place], said, wrong=at)
    if place.startswith("fields.") and key in own:
        one = own[key]
        if one.type == "choice":
            return Input(key, one.name or key, "choice", said, one.choices, wrong=at)
        return Input(key, one.name or key, _KINDS[one.type], said, wrong=at)
    return None


def changed_text(plan: Plan, setup: Setup, words: Words) -> str:
    """To who meant to move a card that is not as he saw it."""
    who = who_did(plan.changed_by, setup, words) if plan.changed_by else ""
    pipeline = setup.pipelines.get(plan.tile.pipeline)
    return words(
        "The deal was changed meanwhile ({who}); now it is in “{status}”.",
        who=who or words("somebody"),
        status=status_named(pipeline, plan.tile.status, words),
    )


def said_of(
    wrong: Iterable[Wrong],
    frm: str,
    to: str,
    pipeline: Pipeline | None,
    setup: Setup,
    words: Words,
) -> tuple[str, dict[str, str]]:
    """Why a move was refused, in a sentence; and what is wrong with which field of the form."""
    sentences, missing, at = [], [], {}
    for one in wrong:
        if isinstance(one, NoWay):
            sentences.append(no_way_text(pipeline, frm, to, one.ways, words))
        elif not isinstance(one, Missing):
            at[one.field.rpartition("fields.")[2]] = _unfit(one.field, words)
        elif one.field.rpartition("fields.")[2] not in at:
            missing.append(one.field)
            at[one.field.rpartition("fields.")[2]] = words("This is needed.")
    if missing:
        sentences.append(missing_text(missing, setup, words))
    if not sentences:
        sentences.append(next(iter(at.values()), words("That did not work. Try again.")))
    return " ".join(sentences), at


def _unfit(place: str, words: Words) -> str:
    match place.removeprefix("fields."):
        case "new_email":
            return words("This is no e-mail address. Allowed: for example ivan@example.com.")
        case "email":
            return words("This address takes no mail. Choose another one.")
        case "letter":
            return words("There is no such letter.")
        case "amount":
            return words("This is no sum of money. Allowed: for example 1234.50.")
        case "due":
            return words("This is no day. Allowed: for example 2026-03-12.")
        case "loss_reason":
            return words("A reason is given only where a deal is closed.")
        case _:
            return words("This value does not fit here.")


async def _read(request: web.Request) -> Sent:
    """Raises ValueError."""
    form = await request.post()

    def said(name: str, longest: int = 254) -> str:
        return str(form.get(name, "")).replace("\x00", "").strip()[:longest]

    version = said("version", 12)
    return Sent(
        to=said("to", 64),
        version=int(version) if version else None,
        send=said("send", 1),
        email=said("email"),
        new_email=said("new_email"),
        sure=said("sure"),
        letter=said("letter", 64),
        again=bool(said("again")),
        loss_reason=said("loss_reason", 64),
        back=_back(said("back", 1000)),
        fields={
            key.removeprefix("field."): str(value).replace("\x00", "").strip()[:_LONGEST]
            for key, value in form.items()
            if key.startswith("field.") and isinstance(value, str)
        },
    )


def _given(fields: Mapping[str, str], setup: Setup) -> dict[str, Given]:
    """What was typed, as the flow takes it; what stayed empty is not given."""
    own = {one.key: one for one in setup.field if one.noun == "card"}
    given: dict[str, Given] = {}
    for key, value in fields.items():
        if not value:
            continue
        kind = own[key].type if key in own else ("number" if key == "amount" else "text")
        if kind == "flag":
            given[key] = True
        elif kind == "number":
            given[key] = "".join(value.split()).replace(",", ".").removesuffix("₽")
        else:
            given[key] = value
    return given


def _back(said: str) -> str:
    """Where to go back: a page of ours, or nowhere."""
    ours = said in ("/board", "/today") or said.startswith(("/board?", "/cards/", "/contacts/"))
    return said[:1000] if ours and "\\" not in said and said.isprintable() else ""
