"""What a sample company has not met yet: one row of everything that people, callers and PBXs leave."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select, update

from callrouter.domain.setup import CustomField, Entity
from callrouter.flows.users import add_user
from storage import setups, tables
from storage.ids import new_id

COMMENT: Final = "Просит звонить после обеда; договор подписывает директор."
BODY: Final = b'{"event": "call.moved", "call": "c-1", "from": "+79161234567"}'


@dataclass(frozen=True)
class Furnished:
    """Whose pages show most; by their ids."""

    card: str
    contact: str
    other: str
    """Another contact."""
    call: str
    letter: str
    aside: str
    invitation: str


def is_lively(conn: Connection) -> bool:
    """Whether a letter went, and a talk was recorded."""
    return _letter(conn) is not None and _talk(conn) is not None


def _letter(conn: Connection) -> Any:
    """One that went, with its card and contact."""
    card, letter = tables.card, tables.letter
    found = select(card.c.id, card.c.contact, letter.c.id.label("letter")).where(
        letter.c.card == card.c.id, letter.c.state == "sent", card.c.contact.is_not(None)
    )
    return conn.execute(found.limit(1)).first()


def _talk(conn: Connection) -> str | None:
    """A call that is over, and was recorded."""
    call, recording = tables.call, tables.recording
    found = select(call.c.id).where(
        recording.c.call == call.c.id,
        call.c.answered_at.is_not(None),
        call.c.ended_at.is_not(None),
    )
    return conn.scalar(found.limit(1))


def furnish(conn: Connection) -> Furnished:
    """Put the rows that the company lacks to that card, its client and the rest."""
    now = datetime.now(UTC)
    one, talk, call = _letter(conn), _talk(conn), tables.call
    assert one, "the company has not lived long enough"
    assert talk, "the company has not lived long enough"
    conn.execute(update(call).where(call.c.id == talk).values(card=one.id, contact=one.contact))
    contact = tables.contact.c.id
    other = conn.scalar(select(contact).where(contact != one.contact).limit(1))
    account = conn.scalar(select(call.c.account).where(call.c.id == talk))
    manager = conn.scalar(select(tables.card.c.manager).where(tables.card.c.id == one.id))
    setup = _furnish_setup(conn, now)
    _furnish_client(conn, one, other, now)
    _furnish_card(conn, one, talk, manager, now)
    aside = _furnish_hooks(conn, account, now)
    _furnish_rest(conn, manager, setup.version, now)
    _user, token = add_user(
        conn, "Ольга Лаврова", "olga@example.com", "head", None, setup, by="page:admin", now=now
    )
    return Furnished(one.id, one.contact, str(other), talk, one.letter, aside, token)


def _furnish_setup(conn: Connection, now: datetime) -> Any:
    """With a form for leads, an entity and fields of its own."""
    setup = setups.load(conn, setups.current_version(conn))
    entity = Entity("romashka", "ООО «Ромашка»", address="Москва, Садовая, 1", signer="Р. Цветков")
    return setups.publish(
        conn,
        replace(
            setup,
            leads=replace(setup.leads, form=True),
            entity=setup.entity or (entity,),
            field=(
                CustomField("contract", "Договор"),
                CustomField("size", "Размер", "contact", "choice", ("Опт", "Розница")),
            ),
        ),
        by="apply",
        now=now,
        note="Форма на сайте",
    )


def _furnish_client(conn: Connection, one: Any, other: str | None, now: datetime) -> None:
    t, since = tables, {"created_at": now, "updated_at": now}
    conn.execute(
        update(t.contact)
        .where(t.contact.c.id == other)
        .values(first_name="Пётр", middle_name="Ильич", last_name="Звонов", name="Звонов Пётр")
    )
    conn.execute(
        update(t.contact)
        .where(t.contact.c.id == one.contact)
        .values(comment=COMMENT, position="закупщик", version=t.contact.c.version + 1)
    )
    company = _add(conn, t.contact, kind="company", name="ООО «Вектор»", folded="вектор", **since)
    _put(conn, t.membership, person=one.contact, company=company, role="снабжение")
    given = {"contact": one.contact, "given_at": now, "text_version": "2026-01"}
    evidence = "Согласие в разговоре"
    _add(conn, t.consent, purpose="advertising", how="spoken", evidence=evidence, **given)
    tag = {"contact": one.contact, "tag": "оптовик"}
    if not conn.execute(select(t.contact_tag).filter_by(**tag)).first():
        _put(conn, t.contact_tag, **tag)
    _put(
        conn,
        t.contact_phone,
        contact=one.contact,
        number="+74955550101",
        label="рабочий",
        created_at=now,
    )
    _put(conn, t.contact_phone, contact=other, number="+74955550101", created_at=now)
    _put(conn, t.source, key="fair", name="Выставка")
    _put(conn, t.campaign, key="spring", source="fair", name="Весна")
    _put(conn, t.external_id, system="site", noun="contact", id="c-17", ours=one.contact)
    # The fields themselves are put in when the server reads the Setup that has them, or here.
    for key, noun, type_, name in (
        ("contract", "card", "text", "Договор"),
        ("size", "contact", "choice", "Размер"),
    ):
        if not conn.execute(select(t.custom_field).filter_by(key=key)).first():
            _put(conn, t.custom_field, key=key, noun=noun, type=type_, name=name)
    _put(conn, t.custom_value, field="contract", owner=one.id, text="№ 14 от 2 марта")
    _put(conn, t.custom_value, field="size", owner=one.contact, text="Опт")


def _furnish_card(
    conn: Connection, one: Any, talk: str, manager: str | None, now: datetime
) -> None:
    t = tables
    conn.execute(
        update(t.card)
        .where(t.card.c.id == one.id)
        .values(title="Букеты на юбилей", source_last="fair", campaign="spring")
    )
    _add(conn, t.note, card=one.id, by=f"manager:{manager}", text=COMMENT, at=now)
    file = {"file": "files/none", "size": 2048, "type": "application/pdf", "digest": "0" * 64}
    _add(conn, t.attachment, card=one.id, name="Смета.pdf", by="page:admin", at=now, **file)
    _add(
        conn,
        t.lead,
        system="site",
        card=one.id,
        contact=one.contact,
        new=False,
        at=now,
        name="Иван",
        text="Нужны букеты к пятнице",
        page="https://example.com/buket",
        source="fair",
        utm=json.dumps({"utm_source": "fair", "utm_campaign": "spring"}),
    )
    call = t.call
    conn.execute(
        update(call).where(call.c.id == talk).values(note=COMMENT, outcome=None, written_up_at=None)
    )
    said = [{"from": 0.0, "text": "Здравствуйте!"}, {"from": 4.2, "text": "Нужны букеты."}]
    conn.execute(
        update(t.recording)
        .where(t.recording.c.call == talk)
        .values(transcript=json.dumps(said), said="здравствуйте нужны букеты")
    )
    _add(
        conn,
        t.task,
        kind="task",
        card=one.id,
        contact=one.contact,
        owner=manager,
        author="page:admin",
        text="Уточнить адрес доставки",
        due_at=now + timedelta(hours=2),
        created_at=now,
    )
    _add(
        conn,
        t.task,
        kind="task",
        card=one.id,
        owner=manager,
        author="page:admin",
        text="Прислать каталог",
        result="Отправлен",
        done_at=now,
        created_at=now,
    )


def _furnish_hooks(conn: Connection, account: str | None, now: datetime) -> str:
    t = tables
    for reason in ("signature", "prefix 8800 is not allowed"):
        _put(
            conn,
            t.refused,
            account=account,
            provider="pbx",
            at=now,
            reason=reason,
            peer="203.0.113.7",
        )
    return _add(
        conn,
        t.quarantine,
        account=account,
        received=now,
        field="event",
        reason="unknown event",
        body=BODY,
        query="from=pbx",
    )


def _furnish_rest(conn: Connection, manager: str | None, setup: int, now: datetime) -> None:
    t, soon = tables, now + timedelta(hours=1)
    _add(conn, t.block, number="+79990001122", reason="Обзвон", by="page:admin", since=now)
    _add(
        conn,
        t.alarm,
        kind="dead_jobs",
        subject="send_letter",
        data=json.dumps({"n": 1, "seen": int(now.timestamp() * 1000)}),
        open_for="dead_jobs send_letter",
        since=now,
        told_at=now,
    )
    _add(
        conn,
        t.job,
        kind="send_letter",
        state="dead",
        due_at=now,
        attempts=8,
        error="SMTP 550: no such user",
        created_at=now,
        ended_at=now,
    )
    _add(
        conn,
        t.presence,
        manager="zoya",
        state="pause",
        reason="Обед",
        ends_at=soon,
        by="page:admin",
        since=now,
    )
    _add(
        conn,
        t.call_order,
        account="main",
        manager=manager,
        target="101",
        number="+79161234567",
        line="+74951230001",
        by="page:admin",
        at=now,
        state="failed",
        reason="busy",
    )
    made = {"size": 1 << 20, "digest": "0" * 64}
    _add(
        conn,
        t.backup,
        at=now,
        place="backups/2026-11-22.crb",
        state="failed",
        error="The disk is full",
        **made,
    )
    _add(
        conn,
        t.import_run,
        file="clients.csv",
        by="page:admin",
        at=now,
        counts=json.dumps({"taken": 2, "finished": True}),
    )
    _put(
        conn,
        t.token,
        id=new_id(now),
        name="Сайт",
        role="admin",
        digest="1" * 64,
        created_at=now,
    )
    _put(
        conn,
        t.suppressed,
        email="stop@example.com",
        purpose="",
        reason="person",
        by="page:admin",
        since=now,
    )
    _put(
        conn,
        t.visit,
        digest="2" * 64,
        id=new_id(now),
        kind="cookie",
        role="admin",
        created_at=now,
        expires_at=soon,
        seen_at=now,
        agent="Mozilla/5.0 (X11; Linux x86_64)",
    )
    document = conn.scalar(
        select(t.setup_version.c.document).where(t.setup_version.c.version == setup)
    )
    told = {"name": "Вечерняя смена", "document": document, "by": "page:admin"}
    _add(conn, t.draft, base=setup, created_at=now, updated_at=now, **told)


def _add(conn: Connection, table: Table, **columns: Any) -> str:
    """A row with an id of its own, which it gives."""
    id_ = new_id(datetime.now(UTC))
    _put(conn, table, id=id_, **columns)
    return id_


def _put(conn: Connection, table: Table, **columns: Any) -> None:
    conn.execute(insert(table).values(**columns))
