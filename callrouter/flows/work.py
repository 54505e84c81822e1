"""What the intake's flows pass among themselves: entries that come in, calls that are worked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.calls import CallState, Limits, Told, direction_of
from callrouter.domain.fold import fold
from callrouter.domain.phones import Caller, read_caller, read_number, spelled
from callrouter.domain.routing import STRANGER, CallerFacts, CardFacts
from callrouter.domain.setup import Line
from callrouter.domain.targets import phones_of
from storage.calls import StoredCall

if TYPE_CHECKING:
    from callrouter.domain.blocks import Blocked
    from callrouter.domain.decisions import Can, Decision
    from callrouter.domain.events import CallEvent, Direction
    from callrouter.domain.managers import Board
    from callrouter.domain.setup import Setup
    from callrouter.domain.why import Why
    from storage.journal import Raw
    from storage.setups import SetupCache
    from webhooks.provider import Answer


@dataclass(frozen=True, slots=True)
class Already:
    """What an event was told while the base was silent: the truth, whoever decided it."""

    decision: Decision | None
    why: Why | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class Entry:
    """One event on its way into the base.

    `call_id` was drawn at arrival. `render` spells a decision for this hook, `accept` is its
    acknowledgement. `waited_ms`: from its first byte to the beginning of its batch. `trouble`: the
    field that could not be read, and why; the event then also goes to quarantine.
    """

    event: CallEvent
    raw: Raw
    call_id: str
    can: Can
    render: Callable[[Decision], Answer]
    accept: Answer
    waited_ms: float = 0.0
    trouble: tuple[str, str] | None = None
    already: Already | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an entry. `repeat`: the journal had it already, and `answer` is that one's."""

    answer: Answer
    call: str | None = None
    decision: Decision | None = None
    why: Why | None = None
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What a transaction did, for the snapshot and the logs.

    `board`: every manager it looked at, as the commit leaves him; `callers`: what is
    now known of these numbers; `bugs`: what went wrong by our own fault.
    """

    taken: list[Taken]
    board: Board
    callers: dict[str, CallerFacts]
    setup: Setup
    now: datetime
    works: tuple[Work, ...] = ()
    bugs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desk:
    """What the flows of the intake use of the server: its Setup versions and how it makes links."""

    setups: SetupCache
    card_url: Callable[[str, datetime], str] = lambda _call, _now: ""


@dataclass
class Work:
    """One call while its batch is worked on."""

    id: str
    account: str
    ref: str
    generation: int
    setup: Setup
    stored: StoredCall | None = None
    events: list[CallEvent] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    resets: tuple[datetime, ...] = ()
    superseded: dict[str, datetime] = field(default_factory=dict)
    joined: datetime | None = None
    state: CallState | None = None
    facts: CallerFacts = STRANGER
    known: bool = False
    card: CardFacts | None = None
    new_card: bool = False
    contact: str | None = None
    stranger: bool = False
    blocked: Blocked | None = None
    whys: dict[tuple[int, int], Why] = field(default_factory=dict)  # not stored yet
    _parties: tuple[Line, bool, Caller] | None = None
    _direction: Direction | None = None

    @property
    def new(self) -> bool:
        return self.stored is None

    @property
    def run(self) -> int:
        """The latest of its plans; 0 before it has one, and for the first."""
        return max((one.run for one in self.told), default=0)

    def plan(self, run: int) -> list[Told]:
        """What it was told in one of its plans, in order."""
        return sorted((one for one in self.told if one.run == run), key=lambda one: one.attempt)

    def told_at(self, place: tuple[int, int]) -> Told | None:
        """What one asking of it was told."""
        return next((one for one in self.told if one.place == place), None)

    def fold(self, now: datetime) -> CallState:
        """Fold its events as they stand now, and keep the state."""
        setup = self.setup
        owner, owner_min_talk_s = setup.routing.owner, setup.routing.owner_min_talk_s
        limits = Limits(owner_min_talk_s=owner_min_talk_s, owner=owner)
        if account := setup.accounts.get(self.account):
            slack, longest = account.ring_slack_s, account.max_talk_s
            limits = Limits(slack, longest, owner_min_talk_s, owner)

        def wrap_up(manager: str) -> int:
            return setup.managers[manager].wrap_up_s if manager in setup.managers else 0

        def owns_cards(manager: str) -> bool:
            return manager in setup.managers and setup.managers[manager].owns_cards

        self.state = fold(
            self.events,
            self.told,
            limits=limits,
            whose=phones_of(setup, self.account),
            now=now,
            wrap_up=wrap_up,
            resets=self.resets,
            superseded=self.superseded,
            direction=self.direction,
            joined=self.joined,
            owns_cards=owns_cards,
        )
        return self.state

    def hear(self, event: CallEvent) -> None:
        """Add an event of the call; who calls whom may be known better after it."""
        self.events.append(event)
        self._parties = self._direction = None

    def join(self, moment: datetime) -> None:
        """It was a consultation, put together at this moment with the call it was about."""
        self.joined = moment
        self._parties = self._direction = None

    def use(self, setup: Setup) -> None:
        """Go on with another version of Setup."""
        if setup is not self.setup:
            self.setup = setup
            self._parties = self._direction = None

    # Who called whom: the first event by order that says so.

    @property
    def direction(self) -> Direction:
        """A call out to one of our own phones is an internal one."""
        if self._direction is None:
            found = direction_of(self.events)
            if found == "out" and self._is_ours(self._first("called")):
                found = "internal"
            self._direction = found
        return self._direction

    def _is_ours(self, called: str | None) -> bool:
        if not called:
            return False
        number = read_number(called, self.setup.company.region)
        return spelled(called) in self.setup.inside_dials or number in self.setup.own_phones

    @property
    def internal(self) -> bool:
        """True when no customer is on it: it makes no contact, no card, no obligation."""
        return self.joined is not None or self.direction == "internal"

    @property
    def line(self) -> Line:
        return self._who()[0]

    @property
    def line_known(self) -> bool:
        """False: the number dialled is none of ours, and the default line stands for it."""
        return self._who()[1]

    @property
    def caller(self) -> Caller:
        return self._who()[2]

    @property
    def diverted_from(self) -> str | None:
        return self._first("diverted_from")

    def _who(self) -> tuple[Line, bool, Caller]:
        if self._parties is None:
            direction = self.direction
            old = self.stored if self.stored and self.stored.direction == direction else None
            line, known = self._find_line(old)
            caller = old.caller if old else None
            if caller is None or caller.kind == "withheld":
                customer = self._first("called" if direction == "out" else "caller")
                region = self.setup.region_of(line)
                caller = read_caller(customer, region, internal=self.setup.inside_dials)
            self._parties = (line, known, caller)
        return self._parties

    def _find_line(self, old: StoredCall | None) -> tuple[Line, bool]:
        if old and old.line_known and (line := self.setup.lines.get(old.line)):
            return line, True
        ours = self._first("caller" if self.direction == "out" else "called")
        if self.account not in self.setup.accounts:  # taken out of the setup; its calls go on
            gone = self.stored.line if self.stored else ours or ""
            return Line(gone, last_resort="", account=self.account), False
        return self.setup.find_line(ours, self.account)

    @property
    def caller_told(self) -> bool:
        """True when some event said who calls, even that he withholds it."""
        return any(event.caller is not None for event in self.events)

    def _first(self, name: str) -> str | None:
        ordered = self.events if len(self.events) == 1 else sorted(self.events, key=_order)
        found = (getattr(event, name) for event in ordered)
        return next((value for value in found if value is not None), None)

    def _team_of(self, manager: str | None) -> str | None:
        found = self.setup.managers.get(manager or "")
        return found.team if found else None

    def as_stored(self) -> StoredCall:
        """The call's own columns, for writing."""
        line, line_known = self.line, self.line_known
        state = self.state or self.fold(self.events[0].received)
        old = self.stored
        source = line.source if state.direction == "in" else None
        return StoredCall(
            id=self.id,
            account=self.account,
            ref=self.ref,
            generation=self.generation,
            direction=state.direction,
            state=state.state,
            line=line.number,
            line_known=line_known,
            caller=self.caller,
            contact=self.contact,
            card=self.card.id if self.card else None,
            stranger=self.stranger and state.direction == "in",
            office=old.office if old else line.office,
            team=(old.team if old else None) or self._team_of(state.talker or state.dialer),
            source=old.source if old and old.direction == state.direction else source,
            over_at=old.over_at if old else None,
        )


def _order(event: CallEvent) -> tuple[datetime, int, str]:
    return event.order
