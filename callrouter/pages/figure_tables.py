"""Figures as their page shows them: tiles, tables and charts, each number with its list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, cast

from callrouter.domain.figures import (
    NOBODY,
    OTHERS,
    OWED,
    WITHIN_S,
    Deals,
    Figures,
    Kind,
    OwedState,
    Period,
    deals_of,
    lost,
    won,
    won_status,
)
from callrouter.domain.phones import pretty
from callrouter.forming.values import money
from callrouter.pages.afterwards import OUTCOMES
from callrouter.pages.charts import Chart, Column, columns, heat
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_named
from callrouter.wording.obligations import CAUSES

if TYPE_CHECKING:
    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Pipeline
    from callrouter.pages.figure_links import Links
    from callrouter.wording.people import Voice

Mood = Literal["good", "bad", "even"]
_EVEN: Final[Mood] = "even"

KINDS: Final[Mapping[Kind, str]] = {
    "answered": mark("Answered calls"),
    "missed": mark("Missed calls"),
    "rejected": mark("Turned away"),
    "unanswered": mark("No answer"),
    "open": mark("Going on"),
}
STATES: Final[Mapping[OwedState, str]] = {
    "kept": mark("Closed in term"),
    "late": mark("Closed late"),
    "overdue": mark("Overdue"),
    "open": mark("Open, in term"),
}
WEEKDAYS: Final = (
    *(mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun")),
)
_MORNING, _EVENING = 9, 18  # hours that are shown even without calls
_STACKED: Final[tuple[Kind, ...]] = ("answered", "missed", "rejected", "open")

CALL_HEADS: Final = (mark("Calls in"), *(KINDS[one] for one in _STACKED))
LINE_HEADS: Final = (
    mark("Calls in"),
    mark("Answered calls"),
    mark("Missed calls"),
    mark("Answered of them"),
)
MANAGER_HEADS: Final = (
    mark("Rang"),
    mark("Answered calls"),
    mark("Not picked up"),
    mark("Called out"),
    mark("Talked in all"),
    mark("A talk on average"),
)
SOURCE_HEADS: Final = (
    mark("Calls in"),
    mark("New deals"),
    mark("Won of them"),
    mark("Conversion"),
    mark("Won in all"),
)
COUNT_HEADS: Final = (mark("How many"), mark("Before"))
DEAL_HEADS: Final = (mark("Deals"),)
FUNNEL_HEADS: Final = (mark("Reached"), mark("Now"), mark("For"))

DEFINITIONS: Final = (
    (
        mark("Calls in"),
        mark(
            "Incoming calls that began in the period, each once, however many phones it rang. "
            "Outgoing calls and calls between colleagues are counted apart."
        ),
    ),
    (mark("Answered calls"), mark("Somebody talked; an answering machine is nobody.")),
    (
        mark("Missed calls"),
        mark("It is over and nobody talked. Calls that the block list turned away are not missed."),
    ),
    (
        mark("Answered in time"),
        mark(
            "Of all answered and missed calls the share that was answered within 20 seconds "
            "of the call’s beginning."
        ),
    ),
    (mark("Wait"), mark("From the call’s beginning to the first talk, of answered calls.")),
    (
        mark("Not picked up"),
        mark(
            "The manager’s phone rang and he did not talk on this call, whoever did. "
            "Not counted: a colleague answered first, the phone was busy or could not be reached."
        ),
    ),
    (
        mark("Talks"),
        mark("Incoming calls that the manager was the first to answer, and his outgoing ones."),
    ),
    (
        mark("New deals"),
        mark("Deals made in the period, without those that turned out to be none."),
    ),
    (
        mark("Conversion"),
        mark("Of the deals made in the period the share that is won by now."),
    ),
    (
        mark("Reached"),
        mark("Of the deals made in the period those that were ever in this status."),
    ),
    (
        mark("Calls back"),
        mark("They count in the period in which the first missed call that they stand for began."),
    ),
    (mark("Letters sent"), mark("They count in the period in which they left.")),
    (
        mark("The period before"),
        mark("As many days just before; of a period that is not over, as much as has passed."),
    ),
    (
        mark("What you see"),
        mark("Only calls, deals and tasks that you may see are counted."),
    ),
)
"""What a figure is, as the page tells it; `callrouter/domain/figures.py` says the same."""


def period_said(period: Period) -> str:
    """`02.03.2026`, or `02.03.2026 – 08.03.2026`."""
    if period.days == 1:
        return f"{period.first:%d.%m.%Y}"
    return f"{period.first:%d.%m.%Y} – {period.last:%d.%m.%Y}"


def source_name(key: str, voice: Voice) -> str:
    return voice.words("No source") if key == NOBODY else key


def line_name(number: str, voice: Voice) -> str:
    line = voice.setup.lines.get(number)
    return (line.name if line else "") or pretty(number)


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure, and the list that it opens; "" for what is made of others."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`share`: how far its bar goes, 0 to 100."""

    name: str
    cells: tuple[Cell, ...]
    share: float = 0.0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """`change`: how it compares with the period before, in words."""

    name: str
    value: str
    href: str
    change: str
    mood: Mood
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    text: str
    href: str
    warmth: int
    says: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """A pipeline's deals. `lost`: from which statuses; `reasons`: why."""

    name: str
    statuses: tuple[Row, ...]
    lost: tuple[Row, ...]
    reasons: tuple[Row, ...]


class Tables:
    def __init__(
        self, found: Figures, before: Figures, links: Links, voice: Voice, viewer: Viewer
    ) -> None:
        self._found, self._before = found, before
        self._links, self._voice, self._viewer = links, voice, viewer
        self.words = voice.words
        self._won = won(voice.setup)

    @property
    def definitions(self) -> Iterator[tuple[str, str]]:
        for name, text in DEFINITIONS:
            yield self.words(name), self.words(text)

    # What one sees first

    def tiles(self) -> Iterator[Tile]:
        words, links = self.words, self._links
        calls, past = self._found.calls, self._before.calls
        inward = {"direction": "in"}
        yield self._tile(
            words("Calls in"), calls.total(), past.total(), links.calls(**inward), "even"
        )
        for kind, good, name in (
            ("answered", True, words("Answered calls")),
            ("missed", False, words("Missed calls")),
        ):
            of = cast("Kind", kind)
            yield self._tile(
                name,
                calls.of(of),
                past.of(of),
                links.calls(**inward, kind=kind),
                "good" if good else "bad",
                note=_share_of(calls.of(of), calls.total()),
                kind=kind,
            )
        yield self._service_level()
        yield self._wait()
        yield self._tile(
            words("Outgoing calls"),
            calls.total("out"),
            past.total("out"),
            links.calls(direction="out"),
            "even",
        )
        inside = calls.total("internal")
        yield self._tile(
            words("Between colleagues"),
            inside,
            past.total("internal"),
            links.calls(direction="internal"),
            "even",
        )
        deals, earlier = self._deals(self._found), self._deals(self._before)
        yield self._tile(
            words("New deals"), deals.deals, earlier.deals, links.cards(deals=1), "good"
        )
        yield self._tile(
            words("Won of them"),
            deals.won,
            earlier.won,
            links.cards(end="won"),
            "good",
            note=self._conversion(deals),
        )

    def _service_level(self) -> Tile:
        words, calls = self.words, self._found.calls
        level, past = calls.service_level(), self._before.calls.service_level()
        change, mood = "", _EVEN
        if level is not None and past is not None:
            points = round(level * 100) - round(past * 100)
            change, mood = _compared(self._voice, points, "good", f"{past * 100:.0f} %")
        return Tile(
            words("Answered in time"),
            _percent(level),
            self._links.calls(direction="in", within=WITHIN_S),
            change,
            mood,
            words("within {n} s: {many}", n=WITHIN_S, many=calls.within(WITHIN_S)),
        )

    def _wait(self) -> Tile:
        words, calls, past = self.words, self._found.calls, self._before.calls
        average, then = calls.average_wait, past.average_wait
        change, mood = "", _EVEN
        if average is not None and then is not None:
            before = formats.length(words, then)
            change, mood = _compared(self._voice, round(average) - round(then), "bad", before)
        longest = calls.wait_of(0.95)
        note = ""
        if longest is not None:
            note = words("95 % waited at most {length}", length=formats.length(words, longest))
        value = "—" if average is None else formats.length(words, average)
        return Tile(
            words("Average wait"),
            value,
            self._links.calls(direction="in", kind="answered"),
            change,
            mood,
            note,
        )

    def _tile(
        self,
        name: str,
        n: int,
        before: int,
        href: str,
        more_is: Mood,
        *,
        note: str = "",
        kind: str = "",
    ) -> Tile:
        change, mood = _compared(self._voice, n - before, more_is, str(before))
        return Tile(name, str(n), href, change, mood, note, kind)

    def _deals(self, found: Figures, source: str | None = None) -> Deals:
        return deals_of(found.cards, self._won, source)

    def _conversion(self, deals: Deals) -> str:
        if deals.conversion is None:
            return ""
        said = self.words("conversion {share}", share=_percent(deals.conversion))
        return f"{said}, {money(deals.amount, self.words)}" if deals.amount else said

    # By hour

    def hours(self) -> tuple[Chart, tuple[Row, ...]]:
        slots = self._found.calls.slots
        by_hour: Counter[tuple[str, int]] = Counter()
        for (kind, _, hour), n in slots.items():
            by_hour[kind, hour] += n
        found = []
        rows = []
        for hour in range(24):
            said = f"{hour:02}:00"
            parts = [(kind, by_hour[kind, hour]) for kind in _STACKED]
            found.append(
                Column(
                    str(hour),
                    tuple((kind, n, f"{said} {self.words(KINDS[kind])}: {n}") for kind, n in parts),
                )
            )
            total = sum(n for _, n in parts)
            if total:
                cells = [self._cell(total, direction="in", hour=hour)]
                cells += [self._cell(n, direction="in", kind=kind, hour=hour) for kind, n in parts]
                rows.append(Row(f"{said}–{(hour + 1) % 24:02}:00", tuple(cells)))
        return columns(found, every=2), tuple(rows)

    def week(self) -> tuple[tuple[int, ...], tuple[tuple[str, tuple[Heat, ...]], ...]]:
        """Which hours have calls, and each weekday's cells of those."""
        cells: Counter[tuple[int, int]] = Counter()
        for (_, weekday, hour), n in self._found.calls.slots.items():
            cells[weekday, hour] += n
        if not cells:
            return (), ()
        at = [hour for _, hour in cells]
        hours = tuple(range(min(*at, _MORNING), max(*at, _EVENING) + 1))
        most = max(cells.values())
        rows = []
        for weekday, name in enumerate(WEEKDAYS):
            day = self.words(name)
            found = []
            for hour in hours:
                n = cells[weekday, hour]
                href = self._links.calls(direction="in", weekday=weekday, hour=hour) if n else ""
                says = f"{day} {hour:02}:00: {n}"
                found.append(Heat(str(n) if n else "", href, heat(n, most), says))
            rows.append((day, tuple(found)))
        return hours, tuple(rows)

    # By cause, line, manager, source

    def causes(self) -> tuple[Row, ...]:
        found = self._found.calls.causes
        return tuple(
            Row(
                self.words(CAUSES[cause]),  # type: ignore[index]
                (self._cell(n, cause=cause), self._was(n, self._before.calls.causes[cause])),
                100 * n / found.total(),
                "missed",
            )
            for cause, n in found.most_common()
        )

    def lines(self) -> tuple[Row, ...]:
        return tuple(self._by("line", self._found.calls.lines))

    def sources(self) -> tuple[Row, ...]:
        """Calls of a source, and the deals that came from it."""
        rows = []
        calls, cards = self._found.calls.sources, self._found.cards.sources
        keys = {key for _, key in calls} | {key for key, _, _ in cards}
        for key in sorted(keys, key=lambda one: (-_sum(calls, one), one)):
            deals = self._deals(self._found, key)
            cells = (
                self._cell(_sum(calls, key), direction="in", source=key),
                Cell(str(deals.deals), self._links.cards(deals=1, source=key)),
                Cell(str(deals.won), self._links.cards(end="won", source=key)),
                Cell(_percent(deals.conversion)),
                Cell(money(deals.amount, self.words) if deals.amount else "—"),
            )
            rows.append(Row(source_name(key, self._voice), cells))
        return tuple(rows)

    def _by(self, word: str, found: Counter[tuple[str, str]]) -> Iterator[Row]:
        keys = sorted({key for _, key in found}, key=lambda one: (-_sum(found, one), one))
        for key in keys:
            total = _sum(found, key)
            answered, missed = found["answered", key], found["missed", key]
            offered = answered + missed
            yield Row(
                line_name(key, self._voice),
                (
                    self._cell(total, direction="in", **{word: key}),
                    self._cell(answered, direction="in", kind="answered", **{word: key}),
                    self._cell(missed, direction="in", kind="missed", **{word: key}),
                    Cell(_percent(answered / offered if offered else None)),
                ),
            )

    def managers(self) -> tuple[Row, ...]:
        """Those whom the reader sees; what others answered is one row, so that all adds up."""
        calls, words = self._found.calls, self.words
        keys = {one for one, _ in calls.talks} | set(calls.rang) | set(calls.unpicked)
        mine = [one for one in keys if one != NOBODY and self._viewer.sees(one)]
        rows = [
            self._manager(one)
            for one in sorted(mine, key=lambda one: (-calls.talks[one, "in"], one))
        ]
        others = keys - set(mine) - {NOBODY}
        answered = sum(calls.talks[one, "in"] for one in others)
        out = sum(calls.talks[one, "out"] for one in others)
        if answered or out:
            rows.append(self._rest(words("Other managers"), OTHERS, answered, out))
        if nobody := calls.talks[NOBODY, "in"]:
            rows.append(self._rest(words("Not known who"), NOBODY, nobody, 0))
        return tuple(rows)

    def _manager(self, key: str) -> Row:
        calls, words = self._found.calls, self.words
        talks = calls.talks[key, "in"] + calls.talks[key, "out"]
        seconds = calls.talk_ms[key] / 1000
        return Row(
            self._voice.name(key),
            (
                self._cell(calls.rang[key], direction="in", rang=key),
                self._talked(calls.talks[key, "in"], key, "in"),
                self._cell(calls.unpicked[key], direction="in", unpicked=key),
                self._talked(calls.talks[key, "out"], key, "out"),
                Cell(formats.length(words, seconds) if talks else "—"),
                Cell(formats.length(words, seconds / talks) if talks else "—"),
            ),
        )

    def _rest(self, name: str, key: str, answered: int, out: int) -> Row:
        """What is not any of the managers': only what has to add up."""
        none = Cell("—")
        cells = (none, self._talked(answered, key, "in"), none, self._talked(out, key, "out"))
        return Row(name, (*cells, none, none))

    def _talked(self, n: int, key: str, direction: str) -> Cell:
        return self._cell(n, direction=direction, kind="answered", talked=key)

    def outcomes(self) -> tuple[tuple[str, ...], tuple[Row, ...]]:
        """What came of talks, as managers said it: the heads of the columns, and a row for each."""
        found = self._found.calls.outcomes
        codes = [one for one in OUTCOMES if any(code == one for _, code in found)]
        keys = {one for one, _ in found if one != NOBODY and self._viewer.sees(one)}
        rows = []
        for key in sorted(keys, key=self._voice.name):
            cells = (
                self._cell(found[key, code], kind="answered", talked=key, outcome=code)
                for code in codes
            )
            rows.append(Row(self._voice.name(key), tuple(cells)))
        heads = tuple(self.words(OUTCOMES[one]) for one in codes)
        return heads, tuple(rows)

    # Deals

    def funnels(self) -> tuple[Funnel, ...]:
        in_use = {pipeline for pipeline, _ in self._found.cards.statuses}
        found = self._voice.setup.pipelines.values()
        return tuple(self._funnel(one) for one in found if one.key in in_use)

    def _funnel(self, pipeline: Pipeline) -> Funnel:
        cards, key = self._found.cards, pipeline.key
        statuses = [one.key for one in pipeline.statuses]
        was = {one for of, one in cards.reached if of == key}
        statuses += sorted(was - set(statuses))  # "not a deal", and what is in no Setup any more
        whole = max((cards.reached[key, one] for one in statuses), default=0) or 1
        good, bad = won_status(pipeline), lost(pipeline)
        names = {one: self._status(pipeline, one) for one in statuses}
        rows = []
        for one in statuses:
            reached, now = cards.reached[key, one], cards.statuses[key, one]
            amount = Decimal(cards.amounts[key, one]) / 100
            kind = "answered" if one == good else "missed" if one in bad else "plain"
            cells = (
                Cell(str(reached), self._cards(reached, pipeline=key, reached=one)),
                Cell(str(now), self._cards(now, pipeline=key, status=one)),
                Cell(money(amount, self.words) if amount else "—"),
            )
            rows.append(Row(names[one], cells, 100 * reached / whole, kind))
        came: Counter[str] = Counter()
        why: Counter[str] = Counter()
        for (of, status, before), n in cards.came_from.items():
            if of == key and status in bad:
                came[before] += n
        for (of, status, reason), n in cards.reasons.items():
            if of == key and status in bad:
                why[reason] += n
        total = why.total() or 1
        end = {"pipeline": key, "end": "lost"}
        return Funnel(
            pipeline.name or key,
            tuple(rows),
            tuple(
                Row(
                    self._status(pipeline, before),
                    (Cell(str(n), self._cards(n, **end, left=before)),),
                    100 * n / total,
                    "missed",
                )
                for before, n in came.most_common()
            ),
            tuple(
                Row(
                    self.words("No reason said") if reason == NOBODY else reason,
                    (Cell(str(n), self._cards(n, **end, reason=reason)),),
                    100 * n / total,
                    "missed",
                )
                for reason, n in why.most_common()
            ),
        )

    def _status(self, pipeline: Pipeline, key: str) -> str:
        if key == NOBODY:
            return self.words("From the beginning")
        return status_named(pipeline, key, self.words)

    # Calls back and letters

    def owed(self) -> tuple[Row, ...]:
        found, before = self._found.rest.owed, self._before.rest.owed
        whole = found.total() or 1
        kinds = {"kept": "answered", "late": "open", "overdue": "missed", "open": "plain"}
        return tuple(
            Row(
                self.words(STATES[one]),
                (
                    Cell(str(found[one]), self._listed("/figures/owed", found[one], state=one)),
                    self._was(found[one], before[one]),
                ),
                100 * found[one] / whole,
                kinds[one],
            )
            for one in OWED
        )

    def letters(self) -> tuple[Row, ...]:
        found, before = self._found.rest.letters, self._before.rest.letters
        names = {one.key: one.key for one in self._voice.setup.letter}
        return tuple(
            Row(
                names.get(key, key),
                (
                    Cell(str(n), self._listed("/figures/letters", n, letter=key)),
                    self._was(n, before[key]),
                ),
            )
            for key, n in found.most_common()
        )

    # One figure

    def _cell(self, n: int, **words: object) -> Cell:
        return Cell(str(n), self._listed("/figures/calls", n, **words))

    def _cards(self, n: int, **words: object) -> str:
        return self._listed("/figures/cards", n, **words)

    def _listed(self, path: str, n: int, **words: object) -> str:
        """Nothing leads to an empty list."""
        return self._links.to(path, **words) if n else ""

    def _was(self, n: int, before: int) -> Cell:
        return Cell(_compared(self._voice, n - before, "even", str(before))[0])

    def _said(self, heads: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.words(one) for one in heads)

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Everything as rows of a file: block, name, what is counted, how many."""
        words = self.words
        for tile in self.tiles():
            yield words("Figures"), tile.name, words("in all"), tile.value
        _, hours = self.hours()
        blocks: Sequence[tuple[str, tuple[Row, ...], Sequence[str]]] = (
            (words("By hour"), hours, self._said(CALL_HEADS)),
            (words("Missed, by cause"), self.causes(), (words("Missed calls"),)),
            (words("By line"), self.lines(), self._said(LINE_HEADS)),
            (words("By manager"), self.managers(), self._said(MANAGER_HEADS)),
            (words("By source"), self.sources(), self._said(SOURCE_HEADS)),
            *(
                (funnel.name, funnel.statuses, self._said(FUNNEL_HEADS))
                for funnel in self.funnels()
            ),
            (words("Calls back"), self.owed(), (words("Calls back"),)),
            (words("Letters sent"), self.letters(), (words("Letters"),)),
        )
        for block, rows, heads in blocks:
            for row in rows:
                for head, cell in zip(heads, row.cells, strict=False):
                    yield block, row.name, head, cell.text


def _sum(found: Counter[tuple[str, str]], key: str) -> int:
    return sum(n for (_, one), n in found.items() if one == key)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.0f} %"


def _share_of(n: int, whole: int) -> str:
    return _percent(n / whole) if whole else ""


def _compared(voice: Voice, by: int, more_is: Mood, before: str) -> tuple[str, Mood]:
    """How a figure compares with the period before, in words; `by`: how much more it is."""
    words = voice.words
    if by == 0:
        return words("as before: {was}", was=before), "even"
    says = (
        words("more than before: {was}", was=before)
        if by > 0
        else words("less than before: {was}", was=before)
    )
    if more_is == "even":
        return says, "even"
    return says, "good" if (by > 0) == (more_is == "good") else "bad"
