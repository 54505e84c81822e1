"""A card's timeline as its page shows it: each entry a line, in one language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, assert_never

from callrouter.forming.values import money
from callrouter.pages.afterwards import OUTCOMES, may_have_outcome
from callrouter.pages.listening import SoundRow, sounds_of
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import Row, row_of
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.codes import find
from callrouter.wording.happenings import happening
from callrouter.wording.letters import why_letter
from callrouter.wording.moves import status_name
from callrouter.wording.obligations import CAUSES
from callrouter.wording.tasks import RESULTS, kind_of
from callrouter.wording.who import who_did
from storage.attachments import Attached
from storage.listing import CallView, HappeningView, MoveView, OwnerView
from storage.listing_timeline import (
    Filter,
    LeadView,
    LetterEntry,
    Line,
    PaperEntry,
    TaskBrief,
)
from storage.notes import Note
from storage.obligations import KIND as OWED

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.domain.letters import LetterState
    from callrouter.domain.setup import Setup
    from callrouter.pages.card_read import History
    from callrouter.pages.doors import Guest
    from callrouter.wording import Words
    from callrouter.wording.people import Voice

FILTERS: Final[Mapping[Filter, str]] = {
    "all": mark("Everything"),
    "calls": mark("Calls of the deal"),
    "letters": mark("Letters"),
    "notes": mark("Notes and files"),
    "tasks": mark("Tasks"),
    "changes": mark("Changes"),
}

LETTER_STATES: Final[Mapping[LetterState, str]] = {
    "approval": mark("waits for approval"),
    "no_address": mark("no address"),
    "waiting": mark("leaves soon"),
    "todo": mark("is being sent"),
    "sending": mark("is being sent"),
    "sent": mark("sent"),
    "in_doubt": mark("nobody knows whether it left"),
    "cancelled": mark("cancelled"),
    "failed": mark("failed"),
}

LETTER_KINDS: Final[Mapping[str, str]] = {
    "offer": mark("Offer"),
    "brief": mark("Questions about the order"),
    "thanks": mark("Thanks"),
}

CALL_BACK: Final = mark("To call back")

_LINK: Final = re.compile(
    r"(?P<web>https?://[^\s<>\"'«»]{1,1000}[^\s<>\"'«».,;:!?)\]])|(?P<phone>\+\d[\d() -]{8,18}\d)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a note: `href` "": plain text."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class NoteRow:
    """`mine`: he may change and delete it; `raw`: as it is edited."""

    id: str
    pieces: tuple[Piece, ...]
    raw: str
    edited: bool
    deleted: bool
    pinned: bool
    mine: bool
    may_delete: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    id: str
    name: str
    size: str
    deleted: str
    may_delete: bool


@dataclass(frozen=True, slots=True)
class LineRow:
    """An entry. `sort`: how it looks; of the parts only its own is there."""

    key: str
    sort: str
    at: datetime
    when: str
    who: str = ""
    title: str = ""
    text: str = ""
    badge: str = ""
    tone: str = ""
    href: str = ""
    call: Row | None = None
    sounds: tuple[SoundRow, ...] = ()
    write_up: str = ""
    note: NoteRow | None = None
    file: FileRow | None = None
    pieces: tuple[Piece, ...] = ()


def lines_of(history: History, guest: Guest, voice: Voice, now: datetime) -> list[LineRow]:
    speaking = _Speaking(history, guest, voice, now)
    return [speaking.line(one) for one in history.timeline.lines]


def notes_of(
    found: Sequence[Note], history: History, guest: Guest, voice: Voice, now: datetime
) -> list[LineRow]:
    """Notes that stand above the timeline."""
    speaking = _Speaking(history, guest, voice, now)
    return [speaking.line(one) for one in found]


def pieces_of(text: str) -> tuple[Piece, ...]:
    """A text with its addresses and numbers as links."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    last = 0
    for found in _LINK.finditer(text):
        if found.start() > last:
            yield Piece(text[last : found.start()])
        said = found[0]
        href = said if found["web"] else f"tel:+{''.join(filter(str.isdigit, said))}"
        yield Piece(said, href)
        last = found.end()
    if last < len(text):
        yield Piece(text[last:])


@dataclass(frozen=True, slots=True)
class _Speaking:
    history: History
    guest: Guest
    voice: Voice
    now: datetime

    @property
    def words(self) -> Words:
        return self.voice.words

    @property
    def setup(self) -> Setup:
        return self.voice.setup

    def who(self, by: str | None) -> str:
        return who_did(by, self.setup, self.words, self.history.users) if by else ""

    def line(self, one: Line) -> LineRow:
        match one:
            case CallView():
                return self._call(one)
            case LetterEntry():
                return self._letter(one)
            case PaperEntry():
                return self._paper(one)
            case Note():
                return self._note(one)
            case Attached():
                return self._file(one)
            case LeadView():
                return self._lead(one)
            case TaskBrief():
                return self._task(one)
            case MoveView():
                return self._move(one)
            case OwnerView():
                return self._owner(one)
            case HappeningView():
                return self._event(one)
            case _:
                assert_never(one)

    def _row(self, key: str, sort: str, at: datetime, **parts: Any) -> LineRow:  # noqa: ANN401
        return LineRow(key, sort, at, formats.moment(self.voice.local(at)), **parts)

    def _call(self, one: CallView) -> LineRow:
        row = row_of(one, self.setup, self.words.language, self.now)
        mine = one.manager is not None and one.manager == self.guest.manager
        asked = (
            mine
            and one.id not in self.history.written_up
            and may_have_outcome(one)
            and self.guest.may("work")
        )
        return self._row(
            f"call-{one.id}",
            "call",
            one.at,
            call=row,
            href=f"/calls/{one.id}",
            text=one.note or "",
            sounds=sounds_of(self.history.sounds.get(one.id, ()), self.words, self.history.told),
            write_up=f"/calls/{one.id}/write-up" if asked else "",
        )

    def _letter(self, one: LetterEntry) -> LineRow:
        letter, words = one.letter, self.words
        sent = ""
        if letter.sent_at:
            when = formats.moment(self.voice.local(letter.sent_at))
            sent = words("sent {when}", when=when)
        why = why_letter(letter.reason, language=words.language) if letter.reason else ""
        said = [letter.email or "", letter.subject, sent, why]
        return self._row(
            f"letter-{letter.id}",
            "letter",
            one.at,
            who=self.who(letter.by),
            title=words(LETTER_KINDS.get(letter.kind, letter.kind)),
            text=" · ".join(text for text in said if text),
            badge=words(LETTER_STATES[letter.state]),
            tone=TONES.get(letter.state, ""),
        )

    def _paper(self, one: PaperEntry) -> LineRow:
        paper, words = one.paper, self.words
        over = {"replaced": words("replaced"), "annulled": words("annulled")}
        return self._row(
            f"paper-{paper.id}",
            "paper",
            one.at,
            who=self.who(paper.by),
            title=words("Offer No. {number}", number=paper.label),
            text=money(paper.offer.totals.total, words),
            badge=over.get(paper.state, ""),
            tone="cancelled",
            href=f"/cards/{paper.card}/documents/{paper.id}",
        )

    def _note(self, one: Note) -> LineRow:
        mine, works = one.by == self.guest.by, self.guest.may("work")
        note = NoteRow(
            id=one.id,
            pieces=pieces_of(one.text),
            raw=one.text,
            edited=one.edited_at is not None,
            deleted=one.deleted_at is not None,
            pinned=one.pinned,
            mine=mine and works,
            may_delete=works and (mine or self.guest.may("delete")),
        )
        return self._row(f"note-{one.id}", "note", one.at, who=self.who(one.by), note=note)

    def _file(self, one: Attached) -> LineRow:
        words, mine = self.words, one.by == self.guest.by
        gone = ""
        if one.deleted_at:
            gone = words("Deleted: {who}", who=self.who(one.deleted_by))
        file = FileRow(
            id=one.id,
            name=one.name,
            size=size_of(one.size, words),
            deleted=gone,
            may_delete=self.guest.may("work") and (mine or self.guest.may("delete")),
        )
        return self._row(f"file-{one.id}", "file", one.at, who=self.who(one.by), file=file)

    def _lead(self, one: LeadView) -> LineRow:
        said = [one.name, one.source or "", one.page or ""]
        return self._row(
            f"lead-{one.id}",
            "lead",
            one.at,
            title=self.words("A request from the site"),
            who=" · ".join(text for text in said if text),
            pieces=pieces_of(one.text),
        )

    def _task(self, one: TaskBrief) -> LineRow:
        words, voice = self.words, self.voice
        title, text = _task_says(one, words)
        said = [text, voice.name(one.owner)]
        if one.done_at:
            when = formats.moment(voice.local(one.done_at))
            said.append(words("done {when}", when=when))
            result = find(RESULTS, one.result)
            said.append(words(result) if result else one.result or "")
        elif one.due_at:
            when = formats.moment(voice.local(one.due_at))
            said.append(words("by {when}", when=when))
        late = one.done_at is None and one.due_at is not None and one.due_at < self.now
        return self._row(
            f"task-{one.id}",
            "task",
            one.at,
            who=self.who(one.author),
            title=title,
            text=" · ".join(text for text in said if text),
            badge=words("done") if one.done_at else words("overdue") if late else "",
            tone="sent" if one.done_at else "failed",
        )

    def _move(self, one: MoveView) -> LineRow:
        words = self.words
        to = self._status(one.to_status)
        if one.from_status is None:
            title = words("The deal was made: {status}", status=to)
        else:
            title = f"{self._status(one.from_status)} → {to}"
        return self._row(f"move-{one.n}", "move", one.at, who=self.who(one.by), title=title)

    def _owner(self, one: OwnerView) -> LineRow:
        title = self.words("Responsible: {name}", name=self.voice.name(one.manager))
        key = f"owner-{one.manager}-{milliseconds(one.at)}"
        return self._row(key, "owner", one.at, who=self.who(one.by), title=title)

    def _event(self, one: HappeningView) -> LineRow:
        title = happening(one.kind, one.data, self.voice, OUTCOMES)
        href = f"/calls/{one.call}" if one.call else ""
        who = self.who(one.actor)
        return self._row(f"event-{one.id}", "event", one.at, who=who, title=title, href=href)

    def _status(self, key: str) -> str:
        for pipeline in self.setup.pipelines.values():
            if found := pipeline.status(key):
                return status_name(found, self.words)
        return key


def _task_says(one: TaskBrief, words: Words) -> tuple[str, str]:
    """What kind of task it is, and what is to be done."""
    if one.kind == OWED:
        cause = find(CAUSES, one.cause or "")
        return words(CALL_BACK), one.text or (words(cause) if cause else "")
    return kind_of(one, words), one.text


def size_of(size: int, words: Words) -> str:
    """`12 KB`, `3,4 MB`."""
    kilobytes = size / 1024
    if kilobytes < 1000:
        return words("{n} KB", n=max(1, round(kilobytes)))
    return words("{n} MB", n=formats.amount(words, round(kilobytes / 1024, 1)))


TONES: Final = {
    "approval": "waiting",
    "no_address": "failed",
    "waiting": "waiting",
    "todo": "waiting",
    "sending": "waiting",
    "sent": "sent",
    "in_doubt": "failed",
    "failed": "failed",
}
