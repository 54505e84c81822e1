"""The tables. Private to storage: nobody outside names one.

Ids are time-ordered texts. A manager is his key in Setup. What is kept as an interval has `since`
and `until`; its current row has `until IS NULL`. Of what decisions look at, `began_after` and
`ended_after` number the last batch before: whoever rebuilds the past needs the order of commits.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    func,
    select,
    text,
)

from storage.columns import Instant, Money

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = String(32)
_Key = String(64)
_Big = BigInteger().with_variant(Integer, "sqlite")  # so that SQLite counts it up by itself


# What the service knows of itself


class MetaColumns(TypedColumns):
    key = Column(_Key, primary_key=True)
    value: Named[str] = Column(Text)


class SetupColumns(TypedColumns):
    version = Column(Integer, primary_key=True, autoincrement=False)
    document: Named[str] = Column(Text)
    made_by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)


class TokenColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    name: Named[str] = Column(String(200), unique=True)
    role: Named[str] = Column(_Key)
    digest: Named[str] = Column(String(64), unique=True)
    created_at: Named[datetime] = Column(Instant)
    revoked_at: Named[datetime | None] = Column(Instant)


class VisitColumns(TypedColumns):
    """A one-time link or the cookie that it was changed for."""

    digest = Column(String(64), primary_key=True)
    kind: Named[str] = Column(String(8))  # link | cookie
    role: Named[str] = Column(_Key)
    created_at: Named[datetime] = Column(Instant)
    expires_at: Named[datetime] = Column(Instant)
    used_at: Named[datetime | None] = Column(Instant)


class CounterColumns(TypedColumns):
    """Numbers that people say aloud, counted up under the gate."""

    name = Column(_Key, primary_key=True)
    value: Named[int] = Column(BigInteger)


class BatchColumns(TypedColumns):
    """A transaction that wrote calls, numbered in the order of commits; `at`: its `now`.

    `setup`: the version it worked with; `events`: how many events of calls it brought; `calls`:
    what of the calls it wrote cannot be told from the journal (see storage/batches.py).
    """

    id = Column(_Big, primary_key=True)
    at: Named[datetime] = Column(Instant, index=True)
    setup: Named[int] = Column(Integer)
    events: Named[int] = Column(Integer)
    calls: Named[str] = Column(Text, server_default="{}")


batch = Table("batch", metadata, BatchColumns)

last_batch = select(func.coalesce(func.max(batch.c.id), 0)).scalar_subquery()
"""The number of the last batch: what is written after it, in whichever transaction, is seen by
those that follow. In its own transaction a batch is the last from when it is numbered."""

meta = Table("meta", metadata, MetaColumns)
setup_version = Table("setup_version", metadata, SetupColumns)
token = Table("token", metadata, TokenColumns)
visit = Table("visit", metadata, VisitColumns)
counter = Table("counter", metadata, CounterColumns)


# People who call, and what is done with them


class ContactColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    kind: Named[str] = Column(String(16), server_default="person")  # person | company
    relation: Named[str] = Column(String(16), server_default="client")
    name: Named[str] = Column(Text, server_default="")
    folded: Named[str | None] = Column(Text)  # of a company: its name as it is looked up
    first_name: Named[str | None] = Column(Text)
    middle_name: Named[str | None] = Column(Text)
    last_name: Named[str | None] = Column(Text)
    name_confirmed: Named[bool] = Column(server_default=text("false"))
    responsible: Named[str | None] = Column(_Key)
    inn: Named[str | None] = Column(String(12))
    comment: Named[str | None] = Column(Text)
    source_first: Named[str | None] = Column(_Key)
    source_last: Named[str | None] = Column(_Key)
    made_for: Named[str | None] = Column(String(32), unique=True)
    merged_into: Named[str | None] = Column(_Id, ForeignKey("contact.id"))
    position: Named[str | None] = Column(Text)
    talked_manager: Named[str | None] = Column(_Key)
    talked_at: Named[datetime | None] = Column(Instant)
    no_card_until: Named[datetime | None] = Column(Instant)  # "not a deal": calls make no card
    created_at: Named[datetime] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant, index=True)
    version: Named[int] = Column(Integer, server_default="1")


class ContactPhoneColumns(TypedColumns):
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True)
    number: Named[str] = Column(String(32), primary_key=True, index=True)
    label: Named[str | None] = Column(String(64))
    chosen: Named[bool] = Column(server_default=text("false"))
    created_at: Named[datetime] = Column(Instant)


class ContactEmailColumns(TypedColumns):
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True)
    email: Named[str] = Column(String(254), primary_key=True, index=True)
    state: Named[str] = Column(String(16), server_default="unknown")
    created_at: Named[datetime] = Column(Instant)


class ContactTagColumns(TypedColumns):
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True)
    tag: Named[str] = Column(_Key, primary_key=True)


class MembershipColumns(TypedColumns):
    person: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True)
    company: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True, index=True)
    role: Named[str | None] = Column(Text)


class ConsentColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), index=True)
    purpose: Named[str] = Column(_Key)
    how: Named[str] = Column(_Key)
    evidence: Named[str | None] = Column(Text)
    text_version: Named[str | None] = Column(_Key)
    given_at: Named[datetime] = Column(Instant)
    withdrawn_at: Named[datetime | None] = Column(Instant)


class ExternalIdColumns(TypedColumns):
    system: Named[str] = Column(_Key, primary_key=True)
    noun: Named[str] = Column(_Key, primary_key=True)
    id: Named[str] = Column(String(200), primary_key=True)
    ours: Named[str] = Column(_Id, index=True)


class LeadColumns(TypedColumns):
    """What a site or shop sent, and what was answered: the same `external_id` is answered alike."""

    id = Column(_Id, primary_key=True)
    system: Named[str] = Column(_Key)
    external_id: Named[str | None] = Column(String(200))
    card: Named[str] = Column(_Id, ForeignKey("card.id"), index=True)
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), index=True)
    new: Named[bool]
    at: Named[datetime] = Column(Instant)
    name: Named[str] = Column(Text, server_default="")
    text: Named[str] = Column(Text, server_default="")
    page: Named[str | None] = Column(Text)
    source: Named[str | None] = Column(_Key)
    utm: Named[str] = Column(Text, server_default="{}")


class BlockColumns(TypedColumns):
    """A number that is not put through, while `until` is NULL and `ends_at` has not come."""

    id = Column(_Id, primary_key=True)
    number: Named[str] = Column(String(32), index=True)
    reason: Named[str] = Column(Text, server_default="")
    by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)
    ends_at: Named[datetime | None] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)


class ImportColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    file: Named[str] = Column(Text)
    by: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)
    counts: Named[str] = Column(Text, server_default="{}")
    undone_at: Named[datetime | None] = Column(Instant)


class ImportRowColumns(TypedColumns):
    """What a line of a file did to a contact, and what the contact was like before.

    The company that a line names has its own row: its `line` is below zero.
    """

    run: Named[str] = Column(_Id, ForeignKey("import.id"), primary_key=True)
    line: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), index=True)
    action: Named[str] = Column(String(16))  # taken | joined
    before: Named[str] = Column(Text, server_default="{}")
    after: Named[str] = Column(Text, server_default="{}")
    digest: Named[str] = Column(String(64), server_default="", index=True)


class SourceColumns(TypedColumns):
    key = Column(_Key, primary_key=True)
    name: Named[str] = Column(Text)


class CampaignColumns(TypedColumns):
    key = Column(_Key, primary_key=True)
    source: Named[str] = Column(_Key, ForeignKey("source.key"))
    name: Named[str] = Column(Text)


class ProductColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    article: Named[str | None] = Column(String(100), unique=True)
    name: Named[str] = Column(Text)
    unit: Named[str] = Column(String(32))
    price: Named[Decimal] = Column(Money)
    vat: Named[str] = Column(_Key)
    group: Named[str | None] = Column(Text)


contact = Table(
    "contact",
    metadata,
    ContactColumns,
    *(
        Index(
            f"ix_contact_{name}",
            name,
            sqlite_where=text(f"{name} IS NOT NULL"),
            postgresql_where=text(f"{name} IS NOT NULL"),
        )
        for name in ("folded", "inn", "merged_into", "responsible")
    ),
)
contact_phone = Table("contact_phone", metadata, ContactPhoneColumns)
contact_email = Table("contact_email", metadata, ContactEmailColumns)
contact_tag = Table("contact_tag", metadata, ContactTagColumns)
membership = Table("membership", metadata, MembershipColumns)
consent = Table("consent", metadata, ConsentColumns)
external_id = Table("external_id", metadata, ExternalIdColumns)
lead = Table("lead", metadata, LeadColumns, UniqueConstraint("system", "external_id"))
block = Table(
    "block",
    metadata,
    BlockColumns,
    Index(
        "uq_block_current",
        "number",
        unique=True,
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
)
import_run = Table("import", metadata, ImportColumns)
import_row = Table("import_row", metadata, ImportRowColumns)
source = Table("source", metadata, SourceColumns)
campaign = Table("campaign", metadata, CampaignColumns)
product = Table("product", metadata, ProductColumns)


class CardColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    number: Named[int] = Column(BigInteger, unique=True)
    contact: Named[str | None] = Column(_Id, ForeignKey("contact.id"), index=True)
    open_for: Named[str | None] = Column(String(128), unique=True)
    pipeline: Named[str] = Column(_Key)
    status: Named[str] = Column(_Key)
    kind: Named[str] = Column(_Key, server_default="deal")
    parent: Named[str | None] = Column(_Id, ForeignKey("card.id"))
    manager: Named[str | None] = Column(_Key, index=True)
    manager_by: Named[str | None] = Column(_Key)  # the call, or the person, that set it
    manager_at: Named[datetime | None] = Column(Instant)
    source_first: Named[str | None] = Column(_Key)
    source_last: Named[str | None] = Column(_Key)
    campaign: Named[str | None] = Column(_Key)
    amount: Named[Decimal | None] = Column(Money)
    due_on: Named[date | None]
    office: Named[str | None] = Column(_Key)
    team: Named[str | None] = Column(_Key)
    entity: Named[str | None] = Column(_Key)
    loss_reason: Named[str | None] = Column(_Key)
    made_by_call: Named[str | None] = Column(_Id)
    last_contact_at: Named[datetime | None] = Column(Instant)
    closed_at: Named[datetime | None] = Column(Instant)
    created_at: Named[datetime] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant)
    version: Named[int] = Column(Integer, server_default="1")


class CardItemColumns(TypedColumns):
    card: Named[str] = Column(_Id, ForeignKey("card.id"), primary_key=True)
    n: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    product: Named[str | None] = Column(_Id, ForeignKey("product.id"))
    name: Named[str] = Column(Text)
    unit: Named[str] = Column(String(32))
    quantity: Named[Decimal] = Column(Money)
    price: Named[Decimal] = Column(Money)
    discount: Named[Decimal] = Column(Money, server_default="0")
    vat: Named[str] = Column(_Key)


class TransitionColumns(TypedColumns):
    card: Named[str] = Column(_Id, ForeignKey("card.id"), primary_key=True)
    n: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    from_status: Named[str | None] = Column(_Key)
    to_status: Named[str] = Column(_Key)
    by: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)
    working_s: Named[int | None] = Column(Integer)


class ResponsibilityColumns(TypedColumns):
    """Whose a card or a contact was, from when to when, and who or what made it so."""

    id = Column(_Id, primary_key=True)
    card: Named[str | None] = Column(_Id, ForeignKey("card.id"), index=True)
    contact: Named[str | None] = Column(_Id, ForeignKey("contact.id"), index=True)
    manager: Named[str] = Column(_Key, index=True)
    by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)


class LoadColumns(TypedColumns):
    """How many open cards of a manager in a status were last touched on a day."""

    id = Column(_Id, primary_key=True)
    manager: Named[str] = Column(_Key)
    pipeline: Named[str] = Column(_Key)
    status: Named[str] = Column(_Key)
    day: Named[int] = Column(Integer)  # days since 1970-01-01, UTC
    cards: Named[int] = Column(Integer)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)
    began_after: Named[int] = Column(BigInteger, default=last_batch, server_default="0")
    ended_after: Named[int | None] = Column(BigInteger)


class TaskColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    kind: Named[str] = Column(_Key)
    card: Named[str | None] = Column(_Id, ForeignKey("card.id"), index=True)
    contact: Named[str | None] = Column(_Id, ForeignKey("contact.id"), index=True)
    call: Named[str | None] = Column(_Id)
    parent: Named[str | None] = Column(_Id, ForeignKey("task.id"))
    owner: Named[str] = Column(_Key, index=True)
    author: Named[str] = Column(_Key)
    text: Named[str] = Column(Text, server_default="")
    due_at: Named[datetime | None] = Column(Instant)
    remind_at: Named[datetime | None] = Column(Instant)
    done_at: Named[datetime | None] = Column(Instant)
    result: Named[str | None] = Column(Text)
    closed_by: Named[str | None] = Column(_Key)
    created_at: Named[datetime] = Column(Instant)
    # Of an obligation: whom to call back, why, and what was tried.
    phone: Named[str | None] = Column(String(32), index=True)
    open_for: Named[str | None] = Column(String(64), unique=True)
    line: Named[str | None] = Column(_Key)
    team: Named[str | None] = Column(_Key)
    cause: Named[str | None] = Column(_Key)
    cause_data: Named[str] = Column(Text, server_default="{}")
    last_at: Named[datetime | None] = Column(Instant)  # the latest call that it stands for
    repeats: Named[int] = Column(Integer, server_default="0")
    tries: Named[int] = Column(Integer, server_default="0")
    escalated_at: Named[datetime | None] = Column(Instant)


class HandoverColumns(TypedColumns):
    """A manager's work given to others at once; can be taken back."""

    id = Column(_Id, primary_key=True)
    at: Named[datetime] = Column(Instant)
    by: Named[str] = Column(_Key)
    from_manager: Named[str] = Column(_Key)
    to_manager: Named[str | None] = Column(_Key)  # NULL: spread over the team
    undone_at: Named[datetime | None] = Column(Instant)


class HandoverItemColumns(TypedColumns):
    handover: Named[str] = Column(_Id, ForeignKey("handover.id"), primary_key=True)
    noun: Named[str] = Column(String(16), primary_key=True)  # card | contact | task
    id: Named[str] = Column(_Id, primary_key=True)
    to_manager: Named[str] = Column(_Key)


class DocumentColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    kind: Named[str] = Column(_Key)
    series: Named[str | None] = Column(_Key)
    number: Named[int | None] = Column(Integer)
    edition: Named[int] = Column(Integer, server_default="1")
    state: Named[str] = Column(_Key)
    card: Named[str | None] = Column(_Id, ForeignKey("card.id"), index=True)
    created_at: Named[datetime] = Column(Instant)


class CustomFieldColumns(TypedColumns):
    key = Column(_Key, primary_key=True)
    noun: Named[str] = Column(_Key)
    type: Named[str] = Column(_Key)
    name: Named[str] = Column(Text)


class CustomValueColumns(TypedColumns):
    field: Named[str] = Column(_Key, ForeignKey("custom_field.key"), primary_key=True)
    owner: Named[str] = Column(_Id, primary_key=True, index=True)
    text: Named[str | None] = Column(Text)
    number: Named[Decimal | None] = Column(Money)
    instant: Named[datetime | None] = Column(Instant)


card = Table("card", metadata, CardColumns)
card_item = Table("card_item", metadata, CardItemColumns)
transition = Table("transition", metadata, TransitionColumns)
responsibility = Table("responsibility", metadata, ResponsibilityColumns)
load = Table(
    "load",
    metadata,
    LoadColumns,
    Index(
        "uq_load_current",
        "manager",
        "pipeline",
        "status",
        "day",
        unique=True,
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
    Index(
        "ix_load_ended_after",
        "ended_after",
        sqlite_where=text("ended_after IS NOT NULL"),
        postgresql_where=text("ended_after IS NOT NULL"),
    ),
)
task = Table(
    "task",
    metadata,
    TaskColumns,
    Index(
        "ix_task_owed",
        "due_at",
        sqlite_where=text("open_for IS NOT NULL"),
        postgresql_where=text("open_for IS NOT NULL"),
    ),
)
handover = Table("handover", metadata, HandoverColumns)
handover_item = Table("handover_item", metadata, HandoverItemColumns)
document = Table(
    "document", metadata, DocumentColumns, UniqueConstraint("series", "number", "edition")
)
custom_field = Table("custom_field", metadata, CustomFieldColumns)
custom_value = Table("custom_value", metadata, CustomValueColumns)


# Calls


class CallColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    account: Named[str] = Column(_Key)
    ref: Named[str] = Column(String(256))
    generation: Named[int] = Column(Integer, server_default="0")
    direction: Named[str] = Column(String(8))
    state: Named[str] = Column(String(16))
    line: Named[str] = Column(_Key)
    line_known: Named[bool] = Column(server_default=text("true"))
    caller_kind: Named[str] = Column(String(16))
    caller_number: Named[str | None] = Column(String(32), index=True)
    caller_raw: Named[str] = Column(String(128), server_default="")
    contact: Named[str | None] = Column(_Id, ForeignKey("contact.id"), index=True)
    card: Named[str | None] = Column(_Id, ForeignKey("card.id"), index=True)
    stranger: Named[bool] = Column(server_default=text("false"))
    manager: Named[str | None] = Column(_Key)
    started_at: Named[datetime] = Column(Instant, index=True)
    answered_at: Named[datetime | None] = Column(Instant)
    ended_at: Named[datetime | None] = Column(Instant)
    known_end: Named[datetime | None] = Column(Instant)
    duration_s: Named[float | None]
    presumed: Named[bool] = Column(server_default=text("false"))
    reason: Named[str | None] = Column(Text)
    run: Named[int] = Column(Integer, server_default="0")
    office: Named[str | None] = Column(_Key)
    team: Named[str | None] = Column(_Key)
    entity: Named[str | None] = Column(_Key)
    source: Named[str | None] = Column(_Key)
    outcome: Named[str | None] = Column(_Key)
    note: Named[str | None] = Column(Text)
    over_at: Named[datetime | None] = Column(Instant)  # by our clock, for the 24 h of its id
    waiting_since: Named[datetime | None] = Column(Instant)  # its place among those who wait


class LegColumns(TypedColumns):
    call: Named[str] = Column(_Id, ForeignKey("call.id"), primary_key=True)
    ref: Named[str] = Column(String(320), primary_key=True)
    account: Named[str] = Column(_Key)
    dial: Named[str] = Column(String(320))
    manager: Named[str | None] = Column(_Key)
    planned: Named[bool]
    run: Named[int] = Column(Integer)
    attempt: Named[int] = Column(Integer)
    step: Named[int] = Column(Integer)
    mode: Named[str] = Column(String(4))
    status: Named[str] = Column(String(16))
    stranger: Named[bool]
    ring_from: Named[datetime | None] = Column(Instant)
    ring_until: Named[datetime | None] = Column(Instant)
    answered_at: Named[datetime | None] = Column(Instant)
    ended_at: Named[datetime | None] = Column(Instant)
    hold: Named[str | None] = Column(String(8))  # what it holds its manager by now
    hold_until: Named[datetime | None] = Column(Instant)
    reason: Named[str | None] = Column(Text)
    machine: Named[bool]
    outbound: Named[bool] = Column(server_default=text("false"))  # of who calls out
    presumed: Named[bool]
    talk_s: Named[float | None]


class RecordingColumns(TypedColumns):
    """A file of sound that is kept, whole; `ref`: the PBX's id of it, ours where it sent the file.

    Several of one call, leg and kind are parts, in the order of `at`.
    """

    id = Column(_Id, primary_key=True)
    account: Named[str] = Column(_Key)
    ref: Named[str] = Column(String(256))
    call: Named[str] = Column(_Id, ForeignKey("call.id"), index=True)
    leg: Named[str | None] = Column(String(256))
    kind: Named[str] = Column(String(16))  # talk | message
    file: Named[str] = Column(String(200))
    type: Named[str] = Column(_Key)
    size: Named[int] = Column(BigInteger)
    digest: Named[str] = Column(String(64))  # SHA-256
    seconds: Named[float | None]
    at: Named[datetime] = Column(Instant)


class CallOrderColumns(TypedColumns):
    """A call that somebody asked a PBX to make; its `call_id` is our `id`, or `ref`: the PBX's own.

    `claim`: manager and number, as long as to ask again means the same order.
    """

    id = Column(_Id, primary_key=True)
    account: Named[str] = Column(_Key)
    manager: Named[str] = Column(_Key)
    target: Named[str] = Column(Text)
    number: Named[str] = Column(String(32))
    line: Named[str] = Column(String(32))
    by: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)
    state: Named[str] = Column(String(16), index=True)  # asked | accepted | failed | in_doubt
    ref: Named[str | None] = Column(String(256), index=True)
    reason: Named[str | None] = Column(Text)
    told_at: Named[datetime | None] = Column(Instant)
    claim: Named[str | None] = Column(String(128), unique=True)


class DecisionColumns(TypedColumns):
    """What a call was told, and why; `key` is of the event that asked."""

    call: Named[str] = Column(_Id, ForeignKey("call.id"), primary_key=True)
    run: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    attempt: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    key: Named[str] = Column(String(600))
    at: Named[datetime] = Column(Instant)
    setup: Named[int] = Column(Integer)
    decision: Named[str] = Column(Text)
    why: Named[str] = Column(Text)
    facts: Named[str] = Column(Text, server_default="{}")  # the caller's side of what it looked at


class EventColumns(TypedColumns):
    """The journal: every event as it came, and the bytes that it was answered with."""

    account: Named[str] = Column(_Key, primary_key=True)
    key: Named[str] = Column(String(600), primary_key=True)
    call: Named[str | None] = Column(_Id, ForeignKey("call.id"), index=True)
    kind: Named[str] = Column(String(16))
    moment: Named[datetime] = Column(Instant)
    received: Named[datetime] = Column(Instant)
    # With which it was committed, and its place there in order of arrival; of no call: after which.
    batch: Named[int] = Column(BigInteger, default=last_batch, server_default="0", index=True)
    place: Named[int] = Column(Integer, server_default="0")
    event: Named[str] = Column(Text)
    joins: Named[str | None] = Column(String(256))  # the consultation call that a transfer ends
    body: Named[bytes] = Column(LargeBinary)
    query: Named[str] = Column(Text)
    answer: Named[bytes] = Column(LargeBinary)
    answer_type: Named[str] = Column(String(100))


class QuarantineColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    account: Named[str] = Column(_Key, index=True)
    received: Named[datetime] = Column(Instant)
    field: Named[str] = Column(_Key)
    reason: Named[str] = Column(Text)
    body: Named[bytes] = Column(LargeBinary)
    query: Named[str] = Column(Text)


class RefusedColumns(TypedColumns):
    """Hooks that were not let in: neither body nor phones are kept."""

    id = Column(_Big, primary_key=True)
    account: Named[str] = Column(_Key, index=True)
    provider: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)
    reason: Named[str] = Column(Text)
    peer: Named[str] = Column(_Key)


class ActColumns(TypedColumns):
    """What a call did, once, to things that people may change."""

    call: Named[str] = Column(_Id, ForeignKey("call.id"), primary_key=True)
    act: Named[str] = Column(String(128), primary_key=True)
    at: Named[datetime] = Column(Instant)


class PresenceColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    manager: Named[str] = Column(_Key, index=True)
    state: Named[str] = Column(String(16))
    reason: Named[str | None] = Column(Text)
    ends_at: Named[datetime | None] = Column(Instant)
    by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)
    began_after: Named[int] = Column(BigInteger, default=last_batch, server_default="0")
    ended_after: Named[int | None] = Column(BigInteger)


class CoolingColumns(TypedColumns):
    """A manager, or one phone of his, that is rung last for a while; `until`: ended before."""

    id = Column(_Id, primary_key=True)
    manager: Named[str] = Column(_Key)
    account: Named[str | None] = Column(_Key)
    dial: Named[str | None] = Column(String(320))  # NULL: the manager as a whole
    reason: Named[str] = Column(_Key)
    strikes: Named[int] = Column(Integer, server_default="0")
    by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)
    ends_at: Named[datetime] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)
    began_after: Named[int] = Column(BigInteger, default=last_batch, server_default="0")
    ended_after: Named[int | None] = Column(BigInteger)


class PulseColumns(TypedColumns):
    """When a manager was last offered a call and last talked: the latest of his legs."""

    manager = Column(_Key, primary_key=True)
    last_offer: Named[datetime | None] = Column(Instant)
    last_talk: Named[datetime | None] = Column(Instant)
    unanswered: Named[int] = Column(Integer, server_default="0")  # rings in a row


class BusinessEventColumns(TypedColumns):
    """Who did what, when. Append-only."""

    id = Column(_Id, primary_key=True)
    at: Named[datetime] = Column(Instant, index=True)
    kind: Named[str] = Column(_Key)
    actor: Named[str] = Column(_Key)
    call: Named[str | None] = Column(_Id)
    card: Named[str | None] = Column(_Id, index=True)
    contact: Named[str | None] = Column(_Id)
    data: Named[str] = Column(Text, server_default="{}")


class NoticeColumns(TypedColumns):
    """What the screens are to show anew; ids grow in the order of commits."""

    id = Column(_Big, primary_key=True)
    at: Named[datetime] = Column(Instant, index=True)
    kind: Named[str] = Column(_Key)
    call: Named[str | None] = Column(_Id)
    card: Named[str | None] = Column(_Id)
    manager: Named[str | None] = Column(_Key)


call = Table(
    "call",
    metadata,
    CallColumns,
    UniqueConstraint("account", "ref", "generation"),
    Index("ix_call_manager_started_at", "manager", "started_at"),
    Index("ix_call_line_started_at", "line", "started_at"),
    Index(
        "ix_call_waiting",
        "waiting_since",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "ix_call_open",
        "known_end",
        sqlite_where=text("known_end IS NOT NULL"),
        postgresql_where=text("known_end IS NOT NULL"),
    ),
)
leg = Table(
    "leg",
    metadata,
    LegColumns,
    Index(
        "ix_leg_hold",
        "hold_until",
        sqlite_where=text("hold IS NOT NULL"),
        postgresql_where=text("hold IS NOT NULL"),
    ),
    Index(
        "ix_leg_manager_hold",
        "manager",
        "hold_until",
        sqlite_where=text("hold IS NOT NULL"),
        postgresql_where=text("hold IS NOT NULL"),
    ),
    Index("ix_leg_manager_answered_at", "manager", "answered_at"),
    Index("ix_leg_dial_answered_at", "account", "dial", "answered_at"),
)
recording = Table("recording", metadata, RecordingColumns, UniqueConstraint("account", "ref"))
call_order = Table("call_order", metadata, CallOrderColumns)
decision = Table("decision", metadata, DecisionColumns)
event = Table(
    "event",
    metadata,
    EventColumns,
    Index("ix_event_kind_received", "account", "kind", "received"),
    Index(
        "ix_event_joins",
        "account",
        "joins",
        sqlite_where=text("joins IS NOT NULL"),
        postgresql_where=text("joins IS NOT NULL"),
    ),
)
quarantine = Table("quarantine", metadata, QuarantineColumns)
refused = Table("refused", metadata, RefusedColumns)
act = Table("act", metadata, ActColumns)
presence = Table(
    "presence",
    metadata,
    PresenceColumns,
    Index(
        "uq_presence_current",
        "manager",
        unique=True,
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
)
cooling = Table(
    "cooling",
    metadata,
    CoolingColumns,
    Index("ix_cooling_manager_ends_at", "manager", "ends_at"),
)
pulse = Table("pulse", metadata, PulseColumns)
business_event = Table("business_event", metadata, BusinessEventColumns)
# Ids never begin again: browsers come back with the last one they saw.
notice = Table("notice", metadata, NoticeColumns, sqlite_autoincrement=True)
