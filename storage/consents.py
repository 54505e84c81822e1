"""What people agreed to, and took back: read for those who work with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from storage.tables import consent


@dataclass(frozen=True, slots=True)
class Consent:
    """`how`: by what it was got, like `form`; `evidence`: where that is kept."""

    id: str
    purpose: str
    how: str
    given_at: datetime
    withdrawn_at: datetime | None
    evidence: str | None = None
    text_version: str | None = None


def of_contact(conn: Connection, contact_id: str, limit: int = 50) -> tuple[Consent, ...]:
    """Those of a contact, the newest first, withdrawn ones too."""
    c = consent.c
    found = conn.execute(
        select(consent)
        .where(c.contact == contact_id)
        .order_by(c.given_at.desc(), c.id.desc())
        .limit(limit)
    )
    return tuple(
        Consent(
            row.id,
            row.purpose,
            row.how,
            row.given_at,
            row.withdrawn_at,
            row.evidence,
            row.text_version,
        )
        for row in found
    )


def find(conn: Connection, consent_id: str) -> str | None:
    """Whose a consent is."""
    return conn.scalar(select(consent.c.contact).where(consent.c.id == consent_id))


def withdraw(conn: Connection, consent_id: str, *, now: datetime) -> bool:
    """He takes it back; the row stays. False: he did so before."""
    c = consent.c
    still = update(consent).where(c.id == consent_id, c.withdrawn_at.is_(None))
    return conn.execute(still.values(withdrawn_at=now)).rowcount == 1
