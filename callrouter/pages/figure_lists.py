"""Lists that figures open, by the conditions that the figures count by; and the same as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from callrouter.counting import (
    choice_of,
    count_calls,
    list_calls,
    period_before,
    read_figures,
    span_of,
)
from callrouter.domain.figures import NOBODY, OTHERS
from callrouter.domain.phones import pretty
from callrouter.forming.values import money
from callrouter.pages.afterwards import OUTCOMES
from callrouter.pages.exporting import CARD, MOST_ROWS, Exports, card_rows, most_said, sheet_of
from callrouter.pages.figure_links import (
    CALL_WORDS,
    CARD_WORDS,
    Links,
    which_calls,
    which_cards,
    which_letters,
    which_owed,
)
from callrouter.pages.figure_tables import (
    KINDS,
    STATES,
    WEEKDAYS,
    Tables,
    line_name,
    period_said,
    source_name,
)
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import row_of
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_named
from callrouter.wording.obligations import CAUSES
from callrouter.wording.people import Voice
from storage import figures
from storage.listing import MOST

if TYPE_CHECKING:
    from callrouter.counting import Choice
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.figures import OwedRow, SentRow, Span
    from storage.listing import CallView, CardView, Slice

SHOWN: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_CALL_HEAD: Final = (
    mark("Began"),
    mark("Direction"),
    mark("What became of it"),
    mark("Number"),
    mark("Client"),
    mark("Line"),
    mark("Manager"),
    mark("Wait, s"),
    mark("Talk, s"),
    mark("Outcome"),
    mark("Deal"),
)
_FIGURE_HEAD: Final = (mark("Table"), mark("Row"), mark("Figure"), mark("Value"))


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a list. `kind`: the class of its badge."""

    clock: str
    title: str
    href: str
    note: str
    badge: str
    kind: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a list is asked for. `query`: its words besides those of the choice."""

    choice: Choice
    span: Span
    query: Mapping[str, str]

    @property
    def given(self) -> dict[str, str]:
        return {**self.choice.given, **self.query}


class Lists:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors
        self._exports = Exports(service, doors)

    # Pages

    async def calls(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Words besides those of the choice: `CALL_WORDS`; `after`: where the page before ended."""
        asked, setup = self._asked(request, CALL_WORDS), self._doors.setup
        which, narrow = which_calls(request.query), asked.choice.narrow(setup)
        calendar, after = setup.calendar_of(None), _mark(request.query.get("after", ""))
        base, viewer, period = self._service.database, guest.viewer, asked.choice.period
        given = (base, viewer, calendar, period, narrow, which)
        now = self._service.clock()
        found = await list_calls(*given, after=after, limit=SHOWN, now=now)
        n = await count_calls(*given, now=now)
        voice = Voice(guest.words, setup)
        last = found.items[-1] if found.more else None
        return self._show(
            guest,
            asked,
            guest.words("Calls of a figure"),
            n,
            [_call_line(one, voice, now) for one in found.items],
            path="/figures/calls",
            after=f"{milliseconds(last.at)}.{last.id}" if last else "",
            file="/figures/calls.csv",
        )

    async def cards(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        asked, setup = self._asked(request, CARD_WORDS), self._doors.setup
        which, narrow = which_cards(request.query, setup), asked.choice.narrow(setup)
        read, after = self._service.database.read, _id(request)
        found: Slice[CardView] = await read(
            figures.list_cards, guest.viewer, asked.span, narrow, which, after=after, limit=SHOWN
        )
        n, amount = await read(figures.count_cards, guest.viewer, asked.span, narrow, which)
        voice = Voice(guest.words, setup)
        return self._show(
            guest,
            asked,
            guest.words("Deals"),
            n,
            [_card_line(one, voice) for one in found.items],
            path="/figures/cards",
            after=found.items[-1].id if found.more else "",
            file="/figures/cards.csv",
            amount=money(amount, guest.words) if amount else "",
        )

    async def owed(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`state`: one of `OwedState`."""
        asked, setup = self._asked(request, ("state",)), self._doors.setup
        state, narrow = which_owed(request.query), asked.choice.narrow(setup)
        read = self._service.database.read
        found: Slice[OwedRow] = await read(
            figures.list_owed,
            guest.viewer,
            asked.span,
            narrow,
            state,
            after=_id(request),
            limit=SHOWN,
        )
        rest = await read(figures.sum_rest, guest.viewer, asked.span, narrow)
        voice = Voice(guest.words, setup)
        return self._show(
            guest,
            asked,
            guest.words("Calls back"),
            rest.owed[state] if state else rest.owed.total(),
            [_owed_line(one, voice, self._service.clock()) for one in found.items],
            path="/figures/owed",
            after=found.items[-1].id if found.more else "",
        )

    async def letters(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`letter`: its key in the Setup."""
        asked, setup = self._asked(request, ("letter",)), self._doors.setup
        key, narrow = which_letters(request.query), asked.choice.narrow(setup)
        read = self._service.database.read
        found: Slice[SentRow] = await read(
            figures.list_letters,
            guest.viewer,
            asked.span,
            narrow,
            key,
            after=_id(request),
            limit=SHOWN,
        )
        rest = await read(figures.sum_rest, guest.viewer, asked.span, narrow)
        voice = Voice(guest.words, setup)
        return self._show(
            guest,
            asked,
            guest.words("Letters sent"),
            rest.letters[key] if key else rest.letters.total(),
            [_letter_line(one, voice) for one in found.items],
            path="/figures/letters",
            after=found.items[-1].id if found.more else "",
        )

    def _show(
        self,
        guest: Guest,
        asked: _Asked,
        title: str,
        n: int,
        lines: list[Line],
        *,
        path: str,
        after: str,
        file: str = "",
        amount: str = "",
    ) -> web.Response:
        links = Links(asked.choice)
        voice = Voice(guest.words, self._doors.setup)
        return self._doors.page(
            guest,
            "figures_list",
            title=title,
            n=n,
            amount=amount,
            period=period_said(asked.choice.period),
            says=list(_said(asked.given, voice)),
            lines=lines,
            links=links,
            more=links.to(path, **asked.query, after=after) if after else "",
            file=links.to(file, **asked.query) if file and guest.may("export") and n else "",
            file_most=most_said(guest.words, more=n > MOST_ROWS),
        )

    def _asked(self, request: web.Request, names: tuple[str, ...]) -> _Asked:
        setup, now = self._doors.setup, self._service.clock()
        choice = choice_of(request.query, setup, now)
        calendar = setup.calendar_of(None)
        query = {name: request.query[name][:64] for name in names if request.query.get(name)}
        return _Asked(choice, span_of(calendar, choice.period, now), query)

    # Files

    async def calls_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """As `/figures/calls` lists them, up to `MOST_ROWS`."""
        asked, setup = self._asked(request, CALL_WORDS), self._doors.setup
        which, narrow = which_calls(request.query), asked.choice.narrow(setup)
        found: list[CallView] = []
        while len(found) <= MOST_ROWS:
            part = await list_calls(
                self._service.database,
                guest.viewer,
                setup.calendar_of(None),
                asked.choice.period,
                narrow,
                which,
                after=(found[-1].at, found[-1].id) if found else None,
                limit=MOST,
                now=self._service.clock(),
            )
            found += part.items
            if not part.more:
                break
        voice = Voice(guest.words, setup)
        head = tuple(guest.words(one) for one in _CALL_HEAD)
        sheet = sheet_of(head, (_call_cells(one, voice) for one in found), guest.words)
        return await self._exports.send(
            request, guest, "figures_calls", sheet, len(found), self._dated(asked)
        )

    async def cards_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """As `/figures/cards` lists them, up to `MOST_ROWS`."""
        asked, setup = self._asked(request, CARD_WORDS), self._doors.setup
        which, narrow = which_cards(request.query, setup), asked.choice.narrow(setup)
        found: list[CardView] = []
        while len(found) <= MOST_ROWS:
            part = await self._service.database.read(
                figures.list_cards,
                guest.viewer,
                asked.span,
                narrow,
                which,
                after=found[-1].id if found else None,
                limit=MOST,
            )
            found += part.items
            if not part.more:
                break
        head = tuple(guest.words(one) for one in CARD)
        sheet = sheet_of(head, card_rows(found, setup, guest.words), guest.words)
        return await self._exports.send(
            request, guest, "figures_cards", sheet, len(found), self._dated(asked)
        )

    async def figures_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Every figure of `/figures`."""
        asked, setup, now = self._asked(request, ()), self._doors.setup, self._service.clock()
        calendar, period = setup.calendar_of(None), asked.choice.period
        narrow = asked.choice.narrow(setup)
        past, base, viewer = period_before(setup, period, now), self._service.database, guest.viewer
        found = await read_figures(base, viewer, calendar, period, narrow, now=now)
        earlier = await read_figures(base, viewer, calendar, past, narrow, now=now)
        voice = Voice(guest.words, setup)
        tables = Tables(found, earlier, Links(asked.choice), voice, viewer)
        head = tuple(guest.words(one) for one in _FIGURE_HEAD)
        rows = [tuple(_plain(one) for one in row) for row in tables.rows()]
        return await self._exports.send(
            request, guest, "figures", [head, *rows], len(rows), self._dated(asked)
        )

    def _dated(self, asked: _Asked) -> dict[str, str]:
        """What the audit keeps: days, not "today"."""
        return {**asked.choice.dated.given, **asked.query}


def _plain(text: str) -> str:
    return text.replace("\xa0", " ")


def _call_line(call: CallView, voice: Voice, now: datetime) -> Line:
    row = row_of(call, voice.setup, voice.words.language, now)
    talked = voice.name(call.manager) if call.manager else ""
    how_long = formats.length(voice.words, call.duration_s) if call.duration_s else ""
    return Line(
        clock=_moment(call.started_at, voice),
        title=row.title,
        href=f"/calls/{call.id}",
        note=" · ".join(one for one in (row.number, row.note, row.line, talked) if one),
        badge=row.badge,
        kind=row.state,
        more=how_long,
    )


def _call_cells(call: CallView, voice: Voice) -> tuple[str, ...]:
    words, answered, withheld = voice.words, call.answered_at, codes.CALLERS["withheld"]
    waited = max(0.0, (answered - call.started_at).total_seconds()) if answered else None
    return (
        f"{voice.local(call.started_at):%Y-%m-%d %H:%M:%S}",
        words(codes.DIRECTIONS[call.direction]),
        words(codes.STATES[call.state]),
        call.caller or call.caller_raw or words(withheld),
        call.contact_name or "",
        line_name(call.line, voice),
        voice.name(call.manager) if call.manager else "",
        "" if waited is None else f"{waited:.0f}",
        "" if call.duration_s is None else f"{call.duration_s:.0f}",
        words(OUTCOMES[call.outcome]) if call.outcome else "",
        str(call.card_number or ""),
    )


def _card_line(card: CardView, voice: Voice) -> Line:
    words, pipeline = voice.words, voice.setup.pipelines.get(card.pipeline)
    number = words("card #{number}", number=card.number)
    name = card.contact.name if card.contact else ""
    whose = voice.name(card.manager) if card.manager else words("Nobody’s")
    notes = (card.title and number, name if card.title else "", whose, card.loss_reason or "")
    return Line(
        clock=_moment(card.created_at, voice),
        title=card.title or (f"{number}, {name}" if name else number),
        href=f"/cards/{card.id}",
        note=" · ".join(one for one in notes if one),
        badge=status_named(pipeline, card.status, words),
        kind="plain",
        more="" if card.amount is None else money(card.amount, words),
    )


_OWED_KINDS: Final = {"kept": "answered", "late": "ringing", "overdue": "missed", "open": "plain"}


def _owed_line(one: OwedRow, voice: Voice, now: datetime) -> Line:
    words = voice.words
    state = one.state(now)
    number = pretty(one.phone) if one.phone else words("Number unknown")
    cause = words(CAUSES[one.cause]) if one.cause in CAUSES else ""
    due = words("by {when}", when=_moment(one.due_at, voice))
    notes = (number if one.name else "", voice.name(one.owner), cause, due)
    href = f"/calls/{one.call}" if one.call else ""
    return Line(
        clock=_moment(one.at, voice),
        title=one.name or number,
        href=href or (f"/contacts/{one.contact}" if one.contact else ""),
        note=" · ".join(text for text in notes if text),
        badge=words(STATES[state]),
        kind=_OWED_KINDS[state],
    )


def _letter_line(one: SentRow, voice: Voice) -> Line:
    words = voice.words
    whose = voice.name(one.manager) if one.manager else ""
    number = words("card #{number}", number=one.number)
    return Line(
        clock=_moment(one.at, voice),
        title=one.subject or number,
        href=f"/cards/{one.card}",
        note=" · ".join(text for text in (one.subject and number, one.email, whose) if text),
        badge=one.key,
        kind="plain",
    )


def _moment(at: datetime, voice: Voice) -> str:
    return formats.moment(voice.local(at))


# What a list is of, in words


def _said(given: Mapping[str, str], voice: Voice) -> Iterator[str]:
    """Its conditions as they were given; a word that means nothing is not said."""
    words, setup = voice.words, voice.setup
    pipeline, which = setup.pipelines.get(given.get("pipeline", "")), which_calls(given)

    def status(key: str) -> str:
        return status_named(pipeline, key, words)

    def name(key: str) -> str:
        if key == NOBODY:
            return words("Not known who")
        return words("Other managers") if key == OTHERS else voice.name(key)

    says: Mapping[str, Callable[[str], str]] = {
        "direction": lambda one: _word(codes.DIRECTIONS, one, words),
        "kind": lambda one: _word(KINDS, one, words),
        "cause": lambda one: _word(CAUSES, one, words),
        "weekday": lambda _: words(WEEKDAYS[which.weekday]) if which.weekday is not None else "",
        "hour": lambda _: "" if which.hour is None else _hour(which.hour),
        "talked": lambda one: words("talked: {name}", name=name(one)),
        "rang": lambda one: words("rang: {name}", name=name(one)),
        "unpicked": lambda one: words("not picked up by: {name}", name=name(one)),
        "outcome": lambda one: _word(OUTCOMES, one, words),
        "within": lambda _: (
            "" if which.within_s is None else words("answered within {n} s", n=which.within_s)
        ),
        "state": lambda one: _word(STATES, one, words),
        "letter": lambda one: one,
        "pipeline": lambda _: pipeline.name or pipeline.key if pipeline else "",
        "status": lambda one: words("now: {status}", status=status(one)),
        "reached": lambda one: words("reached: {status}", status=status(one)),
        "left": lambda one: (
            words("lost from: {status}", status=status(one))
            if one != NOBODY
            else words("From the beginning")
        ),
        "reason": lambda one: words("No reason said") if one == NOBODY else one,
        "end": lambda one: {"won": words("Won"), "lost": words("Lost")}.get(one, ""),
        "deals": lambda one: words("without those that are none") if one == "1" else "",
        "line": lambda one: words("line: {name}", name=line_name(one, voice)),
        "team": lambda one: words("team: {name}", name=_team(one, voice)),
        "manager": lambda one: words("manager: {name}", name=voice.name(one)),
        "source": lambda one: words("source: {name}", name=source_name(one, voice)),
    }
    for key, say in says.items():
        if (one := given.get(key)) and (text := say(one)):
            yield text


def _word(found: Mapping[Any, str], key: str, words: Callable[[str], str]) -> str:
    return words(found[key]) if key in found else ""


def _hour(hour: int) -> str:
    return f"{hour:02}:00–{(hour + 1) % 24:02}:00"


def _team(key: str, voice: Voice) -> str:
    found = voice.setup.teams.get(key)
    return (found.name if found else "") or key


def _mark(said: str) -> tuple[datetime, str] | None:
    """Where the page before ended; what is no such place is the beginning."""
    ms, _, id_ = said.partition(".")
    if not (ms.isascii() and ms.isdecimal() and len(ms) <= 14 and id_):
        return None
    return (_EPOCH + timedelta(milliseconds=int(ms)), id_[:32])


def _id(request: web.Request) -> str | None:
    return request.query.get("after", "").replace("\x00", "")[:32] or None
