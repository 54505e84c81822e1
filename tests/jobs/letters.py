"""Letters that are formed and asked to be sent, as rows of a base."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from callrouter.domain.letters import Attachment, Frozen
from callrouter.domain.setup import Letters, Setup
from storage.documents import write_frozen
from storage.ids import new_id
from storage.tables import card, contact, contact_email, job, letter
from tests.examples import SETUP

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SENDER = "sales@romashka.example"
MAILING = replace(SETUP, letters=Letters(sender=SENDER, per_hour=1_000_000))


def mailing(sender: str | None = SENDER, **letters: Any) -> Setup:
    return replace(SETUP, letters=replace(MAILING.letters, sender=sender, **letters))


def name_of(n: int) -> str:
    return f"letter-{n:05}"


def message_id_of(n: int) -> str:
    return f"<offer.1.{n}@romashka.example>"


def address_of(n: int) -> str:
    return f"customer{n}@example.com"


def put_letters(
    conn: Connection,
    numbers: Iterable[int],
    *,
    now: datetime = NOW,
    copy_to: str | None = None,
    attachments: tuple[Attachment, ...] = (),
    manager: str = "anna",
) -> None:
    """Each to a customer of its own, with a card and a job."""
    frozen = Frozen(
        sender_name="Анна Смирнова, Ромашка",
        reply_to="anna@romashka.example",
        copy_to=copy_to,
        to_name="Иван Петров",
        attachments=attachments,
    )
    many = list(numbers)
    dated = {"created_at": now, "updated_at": now}
    conn.execute(
        insert(contact), [{"id": f"contact-{n}", "name": "Иван Петров", **dated} for n in many]
    )
    conn.execute(
        insert(contact_email),
        [{"contact": f"contact-{n}", "email": address_of(n), "created_at": now} for n in many],
    )
    conn.execute(
        insert(card),
        [
            {
                "id": f"card-{n}",
                "number": n + 1,
                "contact": f"contact-{n}",
                "pipeline": "sales",
                "status": "in_work",
                "manager": manager,
                **dated,
            }
            for n in many
        ],
    )
    conn.execute(
        insert(letter),
        [
            {
                "id": name_of(n),
                "card": f"card-{n}",
                "key": "offer",
                "n": 1,
                "kind": "offer",
                "state": "todo",
                "contact": f"contact-{n}",
                "email": address_of(n),
                "manager": manager,
                "message_id": message_id_of(n),
                "subject": f"Коммерческое предложение № {n}",
                "html": "<p>Добрый день!</p>",
                "text": "Добрый день!",
                "data": write_frozen(frozen),
                "by": manager,
                "asked_at": now - timedelta(minutes=1),
                "changed_at": now - timedelta(minutes=1),
            }
            for n in many
        ],
    )
    conn.execute(
        insert(job),
        [
            {
                "id": new_id(now),
                "kind": "send_letter",
                "payload": json.dumps({"letter": name_of(n)}),
                "state": "ready",
                "due_at": now,
                "created_at": now,
            }
            for n in many
        ],
    )
