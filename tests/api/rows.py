"""Rows as calls leave them, for tests of reading: each maker takes only what is its subject."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert

from callrouter.domain.decisions import Connect, Decision, LastResort, PlanStep, Target
from callrouter.domain.items import Item
from callrouter.domain.obligations import Obligation, WhyMissed
from callrouter.domain.setup import Account, Company, Line, Manager, Setup, Team
from callrouter.domain.why import Candidate, Responsible, StepWhy, Times, Why
from callrouter.flows.documents import issue
from callrouter.service import Service
from storage import items, obligations, recordings, tables
from storage.documents import write_decision, write_why
from storage.ids import new_id
from storage.recordings import Recording, RecordingKind
from tests.sounds import MP3

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday, 12:00 in Moscow
LINE = "+74951230001"

SETUP = Setup(
    company=Company(name="Ромашка", duty="vera"),
    account=(Account("main", default_line=LINE),),
    team=(Team("sales", "Продажи"),),
    manager=(
        Manager("anna", "Анна Смирнова", "101", team="sales"),
        Manager("boris", "Борис Ким", "102", team="sales", shift="Mo-Fr 15:00-23:00"),
        Manager("old", "Олег Давний", "104", active=False),
        Manager("vera", "Вера Котова", "103", team="sales", capacity=10),
    ),
    line=(Line(LINE, "+74950000000", account="main", aliases=("88001234567",), name="Сайт"),),
    version=7,
)

_numbers = count(1)


def add_contact(
    conn: Connection,
    name: str = "Иван Петров",
    *phones: str,
    emails: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    **columns: Any,
) -> str:
    id_ = new_id(NOON + timedelta(milliseconds=next(_numbers)))
    moments = {"created_at": NOON, "updated_at": NOON}
    _add(conn, tables.contact, id=id_, name=name, **moments, **columns)
    for phone in phones:
        _add(conn, tables.contact_phone, contact=id_, number=phone, created_at=NOON)
    for email in emails:
        _add(conn, tables.contact_email, contact=id_, email=email, created_at=NOON)
    for tag in tags:
        _add(conn, tables.contact_tag, contact=id_, tag=tag)
    return id_


def add_card(conn: Connection, contact: str | None = None, **columns: Any) -> str:
    number = next(_numbers)
    id_ = new_id(NOON + timedelta(milliseconds=number))
    row = {
        "number": number,
        "pipeline": "sales",
        "status": "new",
        "created_at": NOON,
        "updated_at": NOON,
        "source_first": "site",
    }
    _add(conn, tables.card, id=id_, contact=contact, **(row | columns))
    return id_


def add_document(conn: Connection, card: str) -> str:
    """An offer of a desk, with its number."""
    desk = Item("Стол", "шт", Decimal(2), Decimal("1500.50"), vat="22", by="anna")
    items.put(conn, card, [desk], Decimal(3001), now=NOON)
    return issue(conn, card, SETUP, by="anna", now=NOON).id


def add_move(conn: Connection, card: str, n: int, to: str, *, at: datetime = NOON) -> None:
    before = "new" if n > 1 else None
    row = {"card": card, "n": n, "from_status": before, "to_status": to, "by": "anna", "at": at}
    _add(conn, tables.transition, **row)


def add_owner(conn: Connection, card: str, manager: str, *, at: datetime = NOON) -> None:
    row = {"card": card, "manager": manager, "by": "vera", "since": at}
    _add(conn, tables.responsibility, id=new_id(at), **row)


def add_letter(conn: Connection, card: str, *, at: datetime = NOON) -> str:
    """One that waits for approval, and an address that gets no mail."""
    letter_id = new_id(at)
    row = {"card": card, "key": "offer", "n": 1, "kind": "offer", "state": "approval"}
    moments = {"asked_at": at, "changed_at": at}
    _add(conn, tables.letter, id=letter_id, message_id=letter_id, by="anna", **row, **moments)
    shut = {"email": "ivan@example.com", "purpose": "", "reason": "person", "by": "anna"}
    _add(conn, tables.suppressed, since=at, **shut)
    return letter_id


def add_happening(conn: Connection, card: str, kind: str, *, at: datetime = NOON) -> None:
    row = {"at": at, "kind": kind, "actor": "anna", "card": card, "data": '{"why": "Так"}'}
    _add(conn, tables.business_event, id=new_id(at), **row)


def add_call(
    conn: Connection, *, at: datetime = NOON, state: str = "answered", **columns: Any
) -> str:
    id_ = new_id(at + timedelta(milliseconds=next(_numbers)))
    is_open = state in ("waiting", "ringing", "talking")
    row = {
        "account": "main",
        "ref": f"pbx-{id_}",
        "direction": "in",
        "state": state,
        "line": LINE,
        "caller_kind": "known",
        "caller_number": "+79161234567",
        "started_at": at,
        "known_end": at + timedelta(hours=1) if is_open else None,
        "ended_at": None if is_open else at + timedelta(minutes=2),
    }
    _add(conn, tables.call, id=id_, **(row | columns))
    return id_


def add_fetch(conn: Connection, call: str, *, at: datetime = NOON) -> None:
    """A recording that its PBX named and that did not come."""
    row = {"account": "main", "ref": call, "call": call, "kind": "talk", "state": "missing"}
    _add(conn, tables.fetch, id=new_id(at), asked_at=at, **row)


def add_leg(conn: Connection, call: str, ref: str = "a1", **columns: Any) -> None:
    row = {
        "account": "main",
        "dial": "101",
        "manager": "anna",
        "planned": True,
        "run": 0,
        "attempt": 0,
        "step": 0,
        "mode": "one",
        "status": "ended",
        "stranger": False,
        "machine": False,
        "presumed": False,
    }
    _add(conn, tables.leg, call=call, ref=ref, **(row | columns))


def add_obligation(conn: Connection, phone: str | None = "+79161234567", **changes: Any) -> str:
    """One that is open, its first call at noon."""
    one = Obligation(
        id=new_id(NOON + timedelta(milliseconds=next(_numbers))),
        number=phone,
        owner="anna",
        due_at=NOON + timedelta(minutes=15),
        first_at=NOON,
        last_at=NOON,
        why=WhyMissed("not_picked_up", ("anna", "boris")),
        author="call",
        line=LINE,
    )
    obligations.add(conn, [replace(one, **changes)])
    return one.id


WHY = Why(
    caller="known",
    known=True,
    line=LINE,
    line_known=True,
    setup=7,
    at=NOON,
    contact="Иван Петров",
    card=318,
    rule="VIP",
    ladder="sales",
    responsible=Responsible("anna", "card", 318),
    steps=(
        StepWhy(
            "responsible",
            20,
            chosen=("anna",),
            candidates=(
                Candidate("anna", chosen=True, load=0.35, in_work=7, cards=7, capacity=20),
            ),
        ),
        StepWhy(
            "least_loaded",
            20,
            chosen=("vera",),
            candidates=(
                Candidate("vera", chosen=True, load=0.1, in_work=1, cards=1, capacity=10),
                Candidate("boris", passed="off_shift", capacity=20),
            ),
        ),
    ),
    times=Times(1.25, 2.5, 0.125),
)
CONNECT = Connect(
    "",
    (
        PlanStep(20, "one", (Target("a1", "101", "anna"),)),
        PlanStep(20, "one", (Target("a2", "103", "vera"),)),
    ),
    LastResort("+74950000000"),
    caller_name="Иван Петров",
    card_url="https://example.com/pop/secret",
    reason="responsible",
)


def add_told(
    conn: Connection,
    call: str,
    run: int = 0,
    attempt: int = 0,
    *,
    decision: Decision = CONNECT,
    why: Why = WHY,
) -> None:
    _add(
        conn,
        tables.decision,
        call=call,
        run=run,
        attempt=attempt,
        key=f"{call}:{run}:{attempt}",
        at=NOON,
        setup=why.setup,
        decision=write_decision(decision),
        why=write_why(why),
    )


def _add(conn: Connection, table: Any, **row: Any) -> None:
    conn.execute(insert(table).values(**row))


async def keep_recording(
    service: Service, call: str, n: int, sound: bytes, kind: RecordingKind = "talk"
) -> str:
    """A recording of a call, the n-th of all, with its file; gives that one's name."""
    suffix, type_ = ("mp3", "audio/mpeg") if sound == MP3 else ("wav", "audio/wav")
    one = Recording(
        id=f"r{n}",
        account="main",
        ref=f"r{n}",
        call=call,
        leg=None,
        kind=kind,
        file=f"recordings/r{n}/r{n}.{suffix}",
        type=type_,
        size=len(sound),
        digest="",
        seconds=None,
        at=NOON + timedelta(seconds=n),
    )
    draft = service.files.begin()
    draft.write(sound)
    draft.keep(one.file)
    await service.database.write(recordings.add, [one])
    return one.file
