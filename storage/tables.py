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

from storage.columns import Instant, Money, Quantity

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
# Byte by byte: a language's own order has no ranges of beginnings.
_Term = String(64).with_variant(String(64, collation="C"), "postgresql")
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
    note: Named[str | None] = Column(Text)  # why, as its maker says


class DraftColumns(TypedColumns):
    """A Setup that is tried before it is published. `base`: the version it was begun from."""

    id = Column(_Id, primary_key=True)
    name: Named[str] = Column(Text)
    document: Named[str] = Column(Text)
    base: Named[int] = Column(Integer)
    by: Named[str] = Column(_Key)
    created_at: Named[datetime] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant)
    version: Named[int] = Column(Integer, server_default="1")


class ReplayColumns(TypedColumns):
    """A replay that somebody asked for on a page. `document`: the rules it is tried on; null: those
    that were in force. `result`: what came of it; `error`: why nothing did.
    """

    id = Column(_Id, primary_key=True)
    draft: Named[str | None] = Column(_Id)
    name: Named[str] = Column(Text, server_default="")
    document: Named[str | None] = Column(Text)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime] = Column(Instant)
    state: Named[str] = Column(String(16))  # waiting | running | done | cancelled | failed
    done: Named[int] = Column(Integer, server_default="0")
    out_of: Named[int] = Column(Integer, server_default="0")
    result: Named[str | None] = Column(Text)
    error: Named[str | None] = Column(Text)
    by: Named[str] = Column(_Key)
    created_at: Named[datetime] = Column(Instant, index=True)
    ended_at: Named[datetime | None] = Column(Instant)


class AlarmColumns(TypedColumns):
    """Something that an admin should look at, from when until when; one open of a kind and subject.

    `open_for`: `kind subject` while it is open. `told_at`: when it was mailed or sent.
    """

    id = Column(_Id, primary_key=True)
    kind: Named[str] = Column(_Key)
    subject: Named[str] = Column(String(200), server_default="")
    data: Named[str] = Column(Text, server_default="{}")
    open_for: Named[str | None] = Column(String(280), unique=True)
    since: Named[datetime] = Column(Instant, index=True)
    until: Named[datetime | None] = Column(Instant)
    told_at: Named[datetime | None] = Column(Instant)


class TokenColumns(TypedColumns):
    id = Column(_Id, primary_key=True)
    name: Named[str] = Column(String(200), unique=True)
    role: Named[str] = Column(_Key)
    manager: Named[str | None] = Column(_Key)  # as whom it asks; then Setup has his role
    digest: Named[str] = Column(String(64), unique=True)
    created_at: Named[datetime] = Column(Instant)
    revoked_at: Named[datetime | None] = Column(Instant)


class UserColumns(TypedColumns):
    """Somebody who signs in. `manager`: who he is in Setup, which then has his role; else `role`.

    `password`: as argon2 writes it; `totp`: sealed; `totp_step`: the last that was used.
    `recovery`: SHA-256 of each code that is left, instead of a TOTP.
    `prefs`: his own choices as JSON: language, when his screen pops …
    """

    id = Column(_Id, primary_key=True)
    email: Named[str] = Column(String(254), unique=True)  # folded
    name: Named[str] = Column(Text)
    manager: Named[str | None] = Column(_Key, unique=True)
    role: Named[str | None] = Column(_Key)
    password: Named[str | None] = Column(Text)
    totp: Named[str | None] = Column(Text)
    totp_step: Named[int | None] = Column(BigInteger)
    recovery: Named[str | None] = Column(Text)
    subject: Named[str | None] = Column(String(255), unique=True)  # of OIDC: issuer and sub
    prefs: Named[str] = Column(Text, server_default="{}")
    created_at: Named[datetime] = Column(Instant)
    by: Named[str] = Column(_Key)
    locked_at: Named[datetime | None] = Column(Instant)  # an admin locked him out


class VisitColumns(TypedColumns):
    """A one-time link, an invitation, or the cookie that somebody is in by.

    As whom: a `user`, else a `manager` of Setup, else a bare `role`.
    """

    digest = Column(String(64), primary_key=True)
    id: Named[str | None] = Column(_Id, unique=True)  # by which it is listed and ended
    kind: Named[str] = Column(String(8))  # link | invite | reset | cookie
    role: Named[str] = Column(_Key)
    manager: Named[str | None] = Column(_Key)
    user: Named[str | None] = Column(_Id, ForeignKey("user.id"), index=True)
    created_at: Named[datetime] = Column(Instant)
    expires_at: Named[datetime] = Column(Instant)
    used_at: Named[datetime | None] = Column(Instant)
    seen_at: Named[datetime | None] = Column(Instant)
    address: Named[str | None] = Column(String(64))
    agent: Named[str | None] = Column(String(200))


class AttemptColumns(TypedColumns):
    """Failed tries to sign in, counted per account and per address."""

    key = Column(String(128), primary_key=True)  # what is counted, hashed
    tries: Named[int] = Column(Integer)
    last_at: Named[datetime] = Column(Instant, index=True)


class AuditColumns(TypedColumns):
    """Who did what that is not business: signing in, exports, deletions, changes of rights.

    Append-only. `digest`: SHA-256 over the row and the digest of the one before.
    """

    n = Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    at: Named[datetime] = Column(Instant, index=True)
    actor: Named[str] = Column(_Key)
    action: Named[str] = Column(_Key)
    object: Named[str | None] = Column(String(200))
    data: Named[str] = Column(Text, server_default="{}")
    address: Named[str | None] = Column(String(64))
    digest: Named[str] = Column(String(64))


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
draft = Table("draft", metadata, DraftColumns)
replay = Table("replay", metadata, ReplayColumns)
alarm = Table("alarm", metadata, AlarmColumns)
token = Table("token", metadata, TokenColumns)
user = Table("user", metadata, UserColumns)
visit = Table("visit", metadata, VisitColumns)
attempt = Table("attempt", metadata, AttemptColumns)
audit = Table("audit", metadata, AuditColumns)
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
    unrecorded_since: Named[datetime | None] = Column(Instant)  # he asked not to be recorded
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


class MergeColumns(TypedColumns):
    """A contact joined into another. `before`: what both were and had, to undo it."""

    id = Column(_Id, primary_key=True)
    kept: Named[str] = Column(_Id, ForeignKey("contact.id"), index=True)
    gone: Named[str] = Column(_Id, ForeignKey("contact.id"), index=True)
    by: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)
    before: Named[str] = Column(Text, server_default="{}")
    undone_at: Named[datetime | None] = Column(Instant)


class LookupColumns(TypedColumns):
    """Words and reversed numbers by whose beginnings contacts are found."""

    term: Named[str] = Column(_Term, primary_key=True)
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True, index=True)


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
    folded: Named[str] = Column(Text, server_default="")  # its name as it is looked up
    active: Named[bool] = Column(server_default=text("true"))
    updated_at: Named[datetime | None] = Column(Instant)


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
merge = Table("merge", metadata, MergeColumns)
lookup = Table("lookup", metadata, LookupColumns)
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
    title: Named[str] = Column(Text, server_default="")
    status_at: Named[datetime | None] = Column(Instant)  # since when it is in its status
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


class CardContactColumns(TypedColumns):
    """Who belongs to a card beside `card.contact`, its main one, who may stand here as well."""

    card: Named[str] = Column(_Id, ForeignKey("card.id"), primary_key=True)
    contact: Named[str] = Column(_Id, ForeignKey("contact.id"), primary_key=True, index=True)
    by: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)


class NoteColumns(TypedColumns):
    """What a person wrote on a card. Edited by its author; deleted ones keep their row."""

    id = Column(_Id, primary_key=True)
    card: Named[str] = Column(_Id, ForeignKey("card.id"), index=True)
    call: Named[str | None] = Column(_Id, index=True)
    by: Named[str] = Column(_Key)
    pinned: Named[bool] = Column(server_default=text("false"))
    text: Named[str] = Column(Text)
    at: Named[datetime] = Column(Instant)
    edited_at: Named[datetime | None] = Column(Instant)
    deleted_at: Named[datetime | None] = Column(Instant)


class AttachmentColumns(TypedColumns):
    """A file that a person put on a card."""

    id = Column(_Id, primary_key=True)
    card: Named[str] = Column(_Id, ForeignKey("card.id"), index=True)
    name: Named[str] = Column(Text)
    file: Named[str] = Column(String(200))
    size: Named[int] = Column(BigInteger)
    type: Named[str] = Column(String(127))
    digest: Named[str] = Column(String(64))
    by: Named[str] = Column(_Key)
    at: Named[datetime] = Column(Instant)
    deleted_at: Named[datetime | None] = Column(Instant)
    deleted_by: Named[str | None] = Column(_Key)


class CardItemColumns(TypedColumns):
    card: Named[str] = Column(_Id, ForeignKey("card.id"), primary_key=True)
    n: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    product: Named[str | None] = Column(_Id, ForeignKey("product.id"))
    name: Named[str] = Column(Text)
    unit: Named[str] = Column(String(32))
    quantity: Named[Decimal] = Column(Quantity)
    price: Named[Decimal] = Column(Money)
    discount: Named[Decimal] = Column(Money, server_default="0")  # per cent
    vat: Named[str] = Column(_Key)
    by: Named[str] = Column(_Key, server_default="")  # who put or confirmed it on this card


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
    version: Named[int] = Column(Integer, server_default="1")


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
    """A numbered paper. `data`: everything that it says, as it was when the number was given.

    A further `edition` has the number of the one that it `replaces`.
    """

    id = Column(_Id, primary_key=True)
    kind: Named[str] = Column(_Key)
    series: Named[str | None] = Column(_Key)
    number: Named[int | None] = Column(Integer, index=True)
    edition: Named[int] = Column(Integer, server_default="1")
    state: Named[str] = Column(_Key)  # issued | replaced | annulled
    card: Named[str | None] = Column(_Id, ForeignKey("card.id"), index=True)
    created_at: Named[datetime] = Column(Instant)
    entity: Named[str | None] = Column(_Key)
    label: Named[str] = Column(Text, server_default="")  # the number as it is written
    dated: Named[date | None]
    data: Named[str] = Column(Text, server_default="{}")
    template: Named[str | None] = Column(_Key)
    by: Named[str] = Column(_Key, server_default="")
    replaces: Named[str | None] = Column(_Id, ForeignKey("document.id"))
    ended_at: Named[datetime | None] = Column(Instant)
    end_reason: Named[str | None] = Column(Text)


class DocumentFileColumns(TypedColumns):
    """A document in a format, formed once."""

    document: Named[str] = Column(_Id, ForeignKey("document.id"), primary_key=True)
    format: Named[str] = Column(String(8), primary_key=True)  # pdf | docx | odt
    file: Named[str] = Column(String(200))
    size: Named[int] = Column(BigInteger)
    digest: Named[str] = Column(String(64))  # SHA-256
    at: Named[datetime] = Column(Instant)


class TemplateColumns(TypedColumns):
    """A version of a template that an admin brought; those that we ship are in `templates/`."""

    name: Named[str] = Column(_Key, primary_key=True)  # offer, brief …
    format: Named[str] = Column(String(8), primary_key=True)  # typ | docx | odt | html | txt | png
    version: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    body: Named[bytes] = Column(LargeBinary)
    made_by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime | None] = Column(Instant)


class LetterColumns(TypedColumns):
    """A mail to a customer. One of a `key` per card: `n` above 1 only if a person asked again.

    `data`: what it is made of, frozen when its waiting ended; `subject`, `html`, `text`: as formed.
    """

    id = Column(_Id, primary_key=True)
    card: Named[str] = Column(_Id, ForeignKey("card.id"))
    key: Named[str] = Column(_Key)  # of [[letter]]: the business key is (card, key, n)
    n: Named[int] = Column(Integer)
    kind: Named[str] = Column(_Key)  # what was formed: offer | brief | thanks
    state: Named[str] = Column(String(16))
    reason: Named[str | None] = Column(Text)
    contact: Named[str | None] = Column(_Id, ForeignKey("contact.id"), index=True)
    email: Named[str | None] = Column(String(254), index=True)
    manager: Named[str | None] = Column(_Key)
    message_id: Named[str] = Column(String(254), unique=True)
    document: Named[str | None] = Column(_Id, ForeignKey("document.id"))
    subject: Named[str] = Column(Text, server_default="")
    html: Named[str] = Column(Text, server_default="")
    text: Named[str] = Column(Text, server_default="")
    data: Named[str] = Column(Text, server_default="{}")
    by: Named[str] = Column(_Key)
    transition: Named[int | None] = Column(Integer)  # of the card, that asked for it
    asked_at: Named[datetime] = Column(Instant)
    wait_until: Named[datetime | None] = Column(Instant)
    released_by: Named[str | None] = Column(_Key)
    tries: Named[int] = Column(Integer, server_default="0")
    token: Named[str | None] = Column(String(32))  # of whoever is sending it
    sending_at: Named[datetime | None] = Column(Instant, index=True)
    sent_at: Named[datetime | None] = Column(Instant)
    changed_at: Named[datetime] = Column(Instant)


class SuppressedColumns(TypedColumns):
    """An address that gets no mail: of one purpose, or (``) of none at all."""

    email: Named[str] = Column(String(254), primary_key=True)
    purpose: Named[str] = Column(_Key, primary_key=True, server_default="")
    reason: Named[str] = Column(_Key)  # opt_out | bounce | complaint | person
    by: Named[str] = Column(_Key)
    since: Named[datetime] = Column(Instant)


class JobColumns(TypedColumns):
    """Work after the answer. `key`: the same work is asked for once; `due_at` of a leased one:
    when its lease ends, and whoever looks then takes it over with a new `token`.
    """

    id = Column(_Id, primary_key=True)
    kind: Named[str] = Column(_Key)
    payload: Named[str] = Column(Text, server_default="{}")
    key: Named[str | None] = Column(String(320), unique=True)
    state: Named[str] = Column(String(8))  # ready | leased | done | dead
    due_at: Named[datetime] = Column(Instant)
    attempts: Named[int] = Column(Integer, server_default="0")
    token: Named[str | None] = Column(String(32))
    error: Named[str | None] = Column(Text)
    created_at: Named[datetime] = Column(Instant)
    ended_at: Named[datetime | None] = Column(Instant, index=True)


class BackupColumns(TypedColumns):
    """A backup that was made, where it lies and whether it could be restored."""

    id = Column(_Id, primary_key=True)
    at: Named[datetime] = Column(Instant, index=True)
    place: Named[str] = Column(Text)
    size: Named[int] = Column(BigInteger)
    digest: Named[str] = Column(String(64))
    state: Named[str] = Column(String(16))  # made | tried | failed | gone
    tried_at: Named[datetime | None] = Column(Instant)
    error: Named[str | None] = Column(Text)


class CustomFieldColumns(TypedColumns):
    key = Column(_Key, primary_key=True)
    noun: Named[str] = Column(_Key)
    type: Named[str] = Column(_Key)  # text | number | date | flag | choice
    name: Named[str] = Column(Text)


class CustomValueColumns(TypedColumns):
    field: Named[str] = Column(_Key, ForeignKey("custom_field.key"), primary_key=True)
    owner: Named[str] = Column(_Id, primary_key=True, index=True)
    text: Named[str | None] = Column(Text)
    number: Named[Decimal | None] = Column(Money)
    instant: Named[datetime | None] = Column(Instant)


card = Table(
    "card",
    metadata,
    CardColumns,
    Index("ix_card_pipeline_status", "pipeline", "status", "status_at", "id"),
)
card_contact = Table("card_contact", metadata, CardContactColumns)
note = Table("note", metadata, NoteColumns)
attachment = Table("attachment", metadata, AttachmentColumns)
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
    Index(
        "ix_task_to_do",
        "owner",
        "due_at",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    Index(
        "ix_task_remind_at",
        "remind_at",
        sqlite_where=text("remind_at IS NOT NULL"),
        postgresql_where=text("remind_at IS NOT NULL"),
    ),
)
handover = Table("handover", metadata, HandoverColumns)
handover_item = Table("handover_item", metadata, HandoverItemColumns)
document = Table(
    "document", metadata, DocumentColumns, UniqueConstraint("series", "number", "edition")
)
document_file = Table("document_file", metadata, DocumentFileColumns)
template = Table(
    "template",
    metadata,
    TemplateColumns,
    Index(
        "uq_template_current",
        "name",
        "format",
        unique=True,
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
)
letter = Table(
    "letter",
    metadata,
    LetterColumns,
    UniqueConstraint("card", "key", "n"),
    Index(
        "ix_letter_open",
        "state",
        sqlite_where=text("state NOT IN ('sent', 'cancelled')"),
        postgresql_where=text("state NOT IN ('sent', 'cancelled')"),
    ),
)
suppressed = Table("suppressed", metadata, SuppressedColumns)
job = Table(
    "job",
    metadata,
    JobColumns,
    Index(
        "ix_job_due",
        "due_at",
        sqlite_where=text("state IN ('ready', 'leased')"),
        postgresql_where=text("state IN ('ready', 'leased')"),
    ),
    Index(
        "ix_job_dead",
        "ended_at",
        sqlite_where=text("state = 'dead'"),
        postgresql_where=text("state = 'dead'"),
    ),
)
backup = Table("backup", metadata, BackupColumns)
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
    written_up_at: Named[datetime | None] = Column(Instant)  # its manager said what came of it
    note: Named[str | None] = Column(Text)
    unrecorded_at: Named[datetime | None] = Column(Instant)  # asked for: this call's sound goes
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
    peaks: Named[str | None] = Column(Text)  # how loud, for drawing: JSON
    transcript: Named[str | None] = Column(Text)  # what was said: JSON
    said: Named[str | None] = Column(Text)  # the same as it is looked up
    deleted_at: Named[datetime | None] = Column(Instant)  # the file is gone, by `deleted_by`
    deleted_by: Named[str | None] = Column(_Key)  # a person's key, or `retention`


class FetchColumns(TypedColumns):
    """A recording that lies at the PBX, and what became of fetching it.

    `recording`: the file that came; without one `state` and `reason` say why not.
    """

    id = Column(_Id, primary_key=True)
    account: Named[str] = Column(_Key)
    ref: Named[str] = Column(String(256))  # the PBX's id of it, else made of the address
    call: Named[str] = Column(_Id, ForeignKey("call.id"), index=True)
    leg: Named[str | None] = Column(String(256))
    kind: Named[str] = Column(String(16))  # talk | message
    url: Named[str | None] = Column(Text)
    state: Named[str] = Column(String(16))  # waiting | kept | missing | refused | unwanted
    reason: Named[str | None] = Column(Text)
    tries: Named[int] = Column(Integer, server_default="0")
    asked_at: Named[datetime] = Column(Instant)
    settled_at: Named[datetime | None] = Column(Instant)
    recording: Named[str | None] = Column(_Id, ForeignKey("recording.id"))


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


class OutboxColumns(TypedColumns):
    """What programs outside are still to be told of, in the order of commits; gone once asked for.

    `event`: as the world knows it, the same however often it is sent; of rings, which are one for
    each manager, it is empty.
    """

    id = Column(_Big, primary_key=True)
    at: Named[datetime] = Column(Instant)
    kind: Named[str] = Column(_Key)
    event: Named[str] = Column(_Id)
    call: Named[str | None] = Column(_Id)
    card: Named[str | None] = Column(_Id)
    data: Named[str] = Column(Text, server_default="{}")


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
    Index("ix_leg_manager_ring_from", "manager", "ring_from"),
    Index("ix_leg_dial_answered_at", "account", "dial", "answered_at"),
)
recording = Table(
    "recording",
    metadata,
    RecordingColumns,
    UniqueConstraint("account", "ref"),
    Index(
        "ix_recording_kept",
        "at",
        "id",
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
)
fetch = Table(
    "fetch",
    metadata,
    FetchColumns,
    UniqueConstraint("account", "ref"),
    Index(
        "ix_fetch_waiting",
        "asked_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)
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
outbox = Table("outbox", metadata, OutboxColumns)
