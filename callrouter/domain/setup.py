"""Setup: everything an admin tunes, as one immutable value with a version.

The shapes follow setup.toml key by key; `callrouter.setup_file` reads and checks it.
Seconds are whole seconds; hours are texts that `domain.hours` parses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import ClassVar, Final, Literal

from callrouter.domain.hours import Calendar, Hours, parse_hours
from callrouter.domain.phones import is_dialable, is_outside, read_caller, read_number, spelled

Language = Literal["ru", "en"]
Role = Literal["manager", "head", "admin", "auditor"]
CardAt = Literal["ring", "answer", "never"]
ResponsibleSource = Literal["card", "contact", "tried", "closed_card", "talked"]
Strategy = Literal[
    "responsible",
    "least_loaded",
    "longest_idle",
    "round_robin",
    "fewest_calls",
    "all",
    "in_order",
    "manager",
]
WhenBusy = Literal["skip", "ring", "wait"]
WebhookEvent = Literal[
    "call.ringing",
    "call.ended",
    "call.missed",
    "card.created",
    "card.moved",
    "letter.sent",
    "letter.in_doubt",
    "obligation.opened",
    "obligation.closed",
    "alarm.opened",
    "alarm.closed",
]
Op = Literal["is", "is_not", "in", "has", "starts", "above", "below", "within"]
Field = Literal[
    "line",
    "account",
    "source",
    "office",
    "caller.kind",
    "caller.number",
    "caller.country",
    "caller.region",
    "contact.known",
    "contact.tag",
    "contact.manager",
    "card.pipeline",
    "card.status",
    "hours",
    "holiday",
    "missed_today",
    "diverted_from",
]

FORBID_EXTRA = {"extra": "forbid"}
"""What `setup_file` tells its reader: a misspelt key is an error, never ignored."""


@dataclass(frozen=True)
class Company:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    name: str = "callrouter"
    region: str = "RU"
    time_zone: str = "Europe/Moscow"
    language: Language = "ru"
    holidays: tuple[date, ...] = ()
    duty: str = ""


@dataclass(frozen=True)
class Routing:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    card_at: CardAt = "ring"
    responsible: tuple[ResponsibleSource, ...] = (
        "card",
        "contact",
        "tried",
        "closed_card",
        "talked",
    )
    tried_hours: int = 24
    talked_days: int = 180
    owner: Literal["first", "last"] = "first"
    owner_min_talk_s: int = 10
    strict: bool = False
    junk_days: int = 30


@dataclass(frozen=True)
class Office:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    name: str = ""
    time_zone: str | None = None
    hours: str | None = None
    entity: str | None = None


@dataclass(frozen=True)
class Entity:
    """A legal entity in whose name offers are made.

    `vat`: the rate that its goods have unless an item says otherwise: "10", "0" … per cent; "none":
    it pays no VAT; absent: the general rate of the day (`domain.vat`). `series`: how its numbers
    are written; `{year}` begins them anew each year. `logo`: the name of an image among the
    templates.
    """

    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    name: str
    full_name: str = ""
    inn: str | None = None
    kpp: str | None = None
    ogrn: str | None = None
    address: str = ""
    bank: str = ""
    bik: str | None = None
    account: str | None = None
    corr_account: str | None = None
    phone: str = ""
    email: str | None = None
    site: str = ""
    signer: str = ""
    signer_post: str = ""
    logo: str | None = None
    vat: str | None = None
    prices_include_vat: bool = True
    series: str = "КП-{year}-{n:04}"
    valid_days: int = 14
    terms: str = ""


@dataclass(frozen=True)
class CustomField:
    """A field of the company's own on cards or contacts. `choices`: of `type = "choice"`."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    name: str
    noun: Literal["card", "contact"] = "card"
    type: Literal["text", "number", "date", "flag", "choice"] = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Smtp:
    """A mailbox of a manager's own. `url`: `smtp://user@host:port`; `password` as a secret."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    url: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Account:
    """One configured connection to a PBX or provider."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    default_line: str
    provider: str = "pbx"
    secret: str | tuple[str, ...] = field(default=(), repr=False)
    api_key: str | None = None
    dial_inside: str = "{dial}"
    dial_outside: str = "{dial}"
    allowed_prefixes: tuple[str, ...] | None = None
    ring_slack_s: int = 10
    max_talk_s: int = 3600
    recording_hosts: tuple[str, ...] = ()
    call_url: str | None = None
    time_zone: str | None = None
    base_url: str | None = None
    networks: tuple[str, ...] = ()
    allow_private: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """As written: `env:NAME`, `sealed:…` or a literal; two while one is rotated."""
        return (self.secret,) if isinstance(self.secret, str) else self.secret

    @property
    def hook_path(self) -> str:
        """Where its hooks come, behind the public address."""
        return f"/webhooks/{self.provider}/{self.key}"

    def may_dial(self, dial: str) -> bool:
        """False for an outside number that begins with none of its allowed prefixes."""
        allowed = self.allowed_prefixes
        return not is_outside(dial) or allowed is None or dial.startswith(allowed)

    def spell(self, dial: str) -> str:
        """The dial as this account writes it."""
        template = self.dial_outside if is_outside(dial) else self.dial_inside
        return template.replace("{dial}", dial)


@dataclass(frozen=True)
class Team:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    name: str = ""
    head: str | None = None


@dataclass(frozen=True)
class Manager:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    name: str
    dial: str | tuple[str, ...] | dict[str, str | tuple[str, ...]] = ()
    team: str | None = None
    office: str | None = None
    phones: tuple[str, ...] = ()
    email: str | None = None
    capacity: int = 20
    shift: str | None = None
    skills: tuple[str, ...] = ()
    wrap_up_s: int = 0
    confirm: bool = False
    owns_cards: bool = True
    deputy: str | None = None
    active: bool = True
    started_on: date | None = None
    role: Role = "manager"
    post: str = ""
    smtp: Smtp | None = None

    def dials(self, account: str) -> tuple[str, ...]:
        """His phones at this account, rung together; empty when he cannot be rung through it."""
        dial = self.dial.get(account, ()) if isinstance(self.dial, dict) else self.dial
        return (dial,) if isinstance(dial, str) else dial

    @property
    def all_dials(self) -> tuple[str, ...]:
        if not isinstance(self.dial, dict):
            return self.dials("")
        return tuple(dial for account in self.dial for dial in self.dials(account))


FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
"""Between these days whoever counts days from one of the setup meets no end of the calendar."""


def countable(day: date) -> date:
    """The nearest of these days: a setup that was stored before they were asked for may say any."""
    return min(max(day, FIRST_DAY), LAST_DAY)


@dataclass(frozen=True)
class Absence:
    """Days away, both ends included, in the manager's own zone."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    manager: str
    from_: date
    to: date
    reason: str = "leave"


@dataclass(frozen=True)
class Step:
    """One rung of a ladder: whom to ring, how chosen, for how long; or what to say."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    ring: Strategy | None = None
    seconds: int = 20
    team: str | None = None
    office: str | None = None
    skill: str | None = None
    managers: tuple[str, ...] = ()
    count: int | None = None
    busy: WhenBusy = "skip"
    wait: int = 60
    say: str | None = None
    play: str | None = None
    record: bool = False
    max_s: int = 120


@dataclass(frozen=True)
class Ladder:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    step: tuple[Step, ...] = ()


DEFAULT_LADDER = Ladder(
    key="",
    step=(Step(ring="responsible", seconds=20), Step(ring="least_loaded", seconds=20, count=2)),
)
"""What a line without a ladder of its own does."""


@dataclass(frozen=True)
class Line:
    """A number of ours that people dial."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    number: str
    last_resort: str
    account: str | None = None
    aliases: tuple[str, ...] = ()
    name: str = ""
    ladder: str | None = None
    hours: str | None = None
    closed: str | None = None
    pipeline: str | None = None
    source: str | None = None
    office: str | None = None
    region: str | None = None
    recording: bool = False
    record_days: int = 180
    notice: Literal["pbx", "manager", "none"] = "pbx"
    last_resort_kind: Literal["person", "voicemail"] = "person"


@dataclass(frozen=True)
class Condition:
    """A comparison, or one of `all`, `any`, `not` over conditions; exactly one of the four."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    field: Field | None = None
    op: Op | None = None
    value: str | int | bool | tuple[str | int, ...] | None = None
    all: tuple[Condition, ...] | None = None
    any: tuple[Condition, ...] | None = None
    not_: Condition | None = None


@dataclass(frozen=True)
class Rule:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    name: str
    when: Condition
    ladder: str


@dataclass(frozen=True)
class Status:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    name: str = ""
    weight: float = 1.0
    closed: bool = False
    moves: tuple[str, ...] | None = None
    required: tuple[str, ...] = ()


JUNK = "junk"
NOT_A_DEAL = Status(JUNK, "Не сделка", weight=0, closed=True)


@dataclass(frozen=True)
class Pipeline:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    statuses: tuple[Status, ...]
    name: str = ""

    def status(self, key: str) -> Status | None:
        """Of this key; every pipeline has `junk`, where cards go that are not a deal."""
        own = next((status for status in self.statuses if status.key == key), None)
        return own or (NOT_A_DEAL if key == JUNK else None)


DEFAULT_PIPELINE = Pipeline(
    key="sales",
    name="Продажи",
    statuses=(
        Status("new", "Новая", weight=0),
        Status("in_work", "В работе"),
        Status("offer_sent", "КП отправлено"),
        Status("invoice", "Счёт выставлен"),
        Status("won", "Оплачено", closed=True),
        Status("lost", "Отказ", closed=True),
    ),
)


@dataclass(frozen=True)
class Letter:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    kind: Literal["offer", "brief", "thanks"] = "offer"
    pipeline: str = "sales"
    on_status: str | None = None
    template: str = "offer"
    attach: tuple[Literal["pdf", "docx", "odt"], ...] = ("pdf",)
    undo_seconds: int = 30
    release: Literal["auto", "manager", "head"] = "auto"
    then_status: str | None = None
    when: Condition | None = None
    promotional: bool = False


@dataclass(frozen=True)
class Missed:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    term_min: int = 15
    after_opening_min: int = 30
    tries: int = 3
    lead_term_min: int = 5


@dataclass(frozen=True)
class Load:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    active_days: int = 30
    tie: float = 0.05
    soft_days: int = 5
    overdue_weight: float = 0.0


@dataclass(frozen=True)
class Letters:
    """Of all letters. `sender`: the address that the SMTP account owns; absent: its user's name."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    quiet: str | None = None
    without_items: str = "brief"
    sender: str | None = None
    copy_to_manager: bool = True
    same_offer_days: int = 14
    per_hour: int = 500


@dataclass(frozen=True)
class Recordings:
    """Of all recordings. `missing_after_min`: an answered call without one is listed then."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    outgoing: bool = True
    missing_after_min: int = 60
    most_mb: int = 200
    transcribe: bool = False


@dataclass(frozen=True)
class Backups:
    """Nightly backups. `to`: a second place: `file:///DIR`, `s3://bucket/prefix`, `run:COMMAND`."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    at: str = "03:15"
    days: int = 7
    weeks: int = 4
    to: str | None = None


@dataclass(frozen=True)
class Workplace:
    """What people see and must do. `managers_see`: whose things (`domain.rights`).

    `write_up`: whether a talk has to be written up before its manager is done with it. `pop_at`:
    when a screen pops, unless its reader chose otherwise. `next_days`: working days until the next
    step that an outcome or a status proposes. `pop_mail`: who is rung gets its link by mail, too.
    """

    __pydantic_config__: ClassVar = FORBID_EXTRA

    managers_see: Literal["own", "team", "office", "all"] = "own"
    write_up: Literal["offered", "obligatory"] = "offered"
    pop_at: Literal["ring", "answer", "never"] = "ring"
    next_days: int = 2
    pop_mail: bool = False


@dataclass(frozen=True)
class Webhook:
    """A program that is told what happens; `events`: of which; none: of all. `secret`: signs it."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    key: str
    url: str
    secret: str | tuple[str, ...] = field(default=(), repr=False)
    events: tuple[WebhookEvent, ...] = ()
    allow_private: bool = False
    active: bool = True

    @property
    def secrets(self) -> tuple[str, ...]:
        """As an account's: `env:NAME`, `sealed:…` or a literal; two while one is rotated."""
        return (self.secret,) if isinstance(self.secret, str) else self.secret

    def hears(self, event: str) -> bool:
        return self.active and (not self.events or event in self.events)


@dataclass(frozen=True)
class Alarms:
    """What admins are told of. `mail`: to whom; absent: to every admin who has an address.

    `silent_min`: so long an account may be silent at an hour at which it usually is not; 0: ever.
    """

    __pydantic_config__: ClassVar = FORBID_EXTRA

    mail: tuple[str, ...] | None = None
    silent_min: int = 60


@dataclass(frozen=True)
class Digest:
    """The letter of the morning to heads and admins, on their working days."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    active: bool = True
    at: str = "08:30"


@dataclass(frozen=True)
class Leads:
    """The form on the company's own site; `source` stands for leads that name none."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    form: bool = False
    pipeline: str | None = None
    source: str = "site"
    policy_url: str | None = None
    text_version: str | None = None
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    __pydantic_config__: ClassVar = FORBID_EXTRA

    number: str
    until: date | None = None
    reason: str = ""


@dataclass(frozen=True)
class Setup:
    """The whole of it. Keys are unique in their list; `setup_file` has checked every reference."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    company: Company = field(default_factory=Company)
    routing: Routing = field(default_factory=Routing)
    office: tuple[Office, ...] = ()
    account: tuple[Account, ...] = ()
    team: tuple[Team, ...] = ()
    manager: tuple[Manager, ...] = ()
    absence: tuple[Absence, ...] = ()
    ladder: tuple[Ladder, ...] = ()
    line: tuple[Line, ...] = ()
    rule: tuple[Rule, ...] = ()
    pipeline: tuple[Pipeline, ...] = ()
    letter: tuple[Letter, ...] = ()
    entity: tuple[Entity, ...] = ()
    missed: Missed = field(default_factory=Missed)
    load: Load = field(default_factory=Load)
    letters: Letters = field(default_factory=Letters)
    recordings: Recordings = field(default_factory=Recordings)
    backups: Backups = field(default_factory=Backups)
    workplace: Workplace = field(default_factory=Workplace)
    alarms: Alarms = field(default_factory=Alarms)
    digest: Digest = field(default_factory=Digest)
    webhook: tuple[Webhook, ...] = ()
    leads: Leads = field(default_factory=Leads)
    block: tuple[Block, ...] = ()
    field: tuple[CustomField, ...] = ()  # last: the name hides the helper of dataclasses
    version: int = 0

    # Look-ups. A Setup never changes, so each is made once.

    @cached_property
    def managers(self) -> dict[str, Manager]:
        return {manager.key: manager for manager in self.manager}

    @cached_property
    def accounts(self) -> dict[str, Account]:
        return {account.key: account for account in self.account}

    @cached_property
    def webhooks(self) -> dict[str, Webhook]:
        return {webhook.key: webhook for webhook in self.webhook}

    @cached_property
    def offices(self) -> dict[str, Office]:
        return {office.key: office for office in self.office}

    @cached_property
    def teams(self) -> dict[str, Team]:
        return {team.key: team for team in self.team}

    @cached_property
    def ladders(self) -> dict[str, Ladder]:
        return {ladder.key: ladder for ladder in self.ladder}

    @cached_property
    def pipelines(self) -> dict[str, Pipeline]:
        return {pipeline.key: pipeline for pipeline in self.pipeline or (DEFAULT_PIPELINE,)}

    @cached_property
    def lines(self) -> dict[str, Line]:
        """By every spelling of `called` that is known."""
        found: dict[str, Line] = {}
        for line in self.line:
            region = line.region or self.company.region
            for text in (line.number, *line.aliases):
                found[spelled(text)] = line
                if number := read_number(text, region):
                    found.setdefault(number, line)
        return found

    @cached_property
    def members(self) -> dict[str, tuple[Manager, ...]]:
        """Active managers by team, in the order of the file."""
        found: dict[str, list[Manager]] = {}
        for manager in self.manager:
            if manager.active and manager.team:
                found.setdefault(manager.team, []).append(manager)
        return {team: tuple(managers) for team, managers in found.items()}

    @cached_property
    def active(self) -> tuple[Manager, ...]:
        return tuple(manager for manager in self.manager if manager.active)

    @cached_property
    def by_dial(self) -> dict[tuple[str, str], tuple[Manager, ...]]:
        """(account, dial) to whoever has that phone; several only if their shifts never meet."""
        found: dict[tuple[str, str], list[Manager]] = {}
        for manager in self.manager:
            for account in self.accounts:
                for dial in manager.dials(account):
                    found.setdefault((account, dial), []).append(manager)
        return {key: tuple(managers) for key, managers in found.items()}

    @cached_property
    def own_phones(self) -> dict[str, str]:
        """E.164 of managers' own phones to the manager: calls from them make no card."""
        return {
            number: manager.key
            for manager in self.manager
            for phone in (*manager.phones, *manager.all_dials)
            # A few digits are an inside dial; to read thousands of those would hold up a batch.
            if len(phone) > 6 and (number := read_number(phone, self.company.region))
        }

    @cached_property
    def blocks(self) -> dict[str, tuple[Block, ...]]:
        """By number as callers have it: E.164, or the digits of a short one."""
        found: dict[str, list[Block]] = {}
        for block in self.block:
            if number := read_caller(block.number, self.company.region).number:
                found.setdefault(number, []).append(block)
        return {number: tuple(blocks) for number, blocks in found.items()}

    @cached_property
    def inside_dials(self) -> frozenset[str]:
        return frozenset(
            dial for manager in self.manager for dial in manager.all_dials if is_dialable(dial)
        )

    @cached_property
    def waits(self) -> bool:
        """True when some ladder lets callers wait until somebody is free."""
        return any(step.busy == "wait" for ladder in self.ladder for step in ladder.step)

    @cached_property
    def asks_missed_today(self) -> bool:
        """True when a rule needs the count of a caller's missed calls."""

        def asks(when: Condition) -> bool:
            below = (*(when.all or ()), *(when.any or ()), *((when.not_,) if when.not_ else ()))
            return when.field == "missed_today" or any(asks(one) for one in below)

        return any(asks(rule.when) for rule in self.rule)

    @cached_property
    def soft_starts(self) -> dict[tuple[str, date], bool]:
        """Who is in his first days, by key and day, as far as it was looked at."""
        return {}

    @cached_property
    def absences(self) -> dict[str, tuple[Absence, ...]]:
        found: dict[str, list[Absence]] = {}
        for absence in self.absence:
            found.setdefault(absence.manager, []).append(absence)
        return {manager: tuple(absences) for manager, absences in found.items()}

    def find_line(self, called: str | None, account: str) -> tuple[Line, bool]:
        """The line that was dialled, and whether it was recognised; else the account's default.

        Raises KeyError only for an account that Setup does not have.
        """
        default_line = self.accounts[account].default_line
        if called and (line := self.lines.get(called) or self.lines.get(spelled(called))):
            return line, True
        default = self.lines[spelled(default_line)]
        if not called:
            return default, False
        number = read_number(called, default.region or self.company.region)
        if number and (line := self.lines.get(number)):
            return line, True
        return default, False

    def region_of(self, line: Line) -> str:
        return line.region or self.company.region

    def pipeline_of(self, line: Line) -> Pipeline:
        found = self.pipelines.get(line.pipeline or "")
        return found or next(iter(self.pipelines.values()))

    def calendar_of(self, office: str | None) -> Calendar:
        """The office's zone and days off; the company's where there is no office."""
        if (found := self._calendars.get(office)) is None:
            found = self._calendars[None]
        return found

    def hours_of(self, line: Line) -> tuple[Hours, Calendar] | None:
        """The line's hours, else its office's, and where they count; None: it is always open."""
        office = self.offices.get(line.office or "")
        text = line.hours or (office.hours if office else None)
        return (parse_hours(text), self.calendar_of(line.office)) if text else None

    @cached_property
    def _calendars(self) -> dict[str | None, Calendar]:
        company, extra = self.company, frozenset(self.company.holidays)
        calendars: dict[str | None, Calendar] = {
            None: Calendar(company.time_zone, company.region, extra)
        }
        for office in self.office:
            zone = office.time_zone or company.time_zone
            calendars[office.key] = Calendar(zone, company.region, extra)
        return calendars
