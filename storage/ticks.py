"""What people confirmed that no program can see: that somebody picks up, that a key is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from storage import rows
from storage.tables import meta

_BEGINS = "tick:"


def keep(conn: Connection, code: str, subject: str, *, by: str, now: datetime) -> None:
    """Whoever confirms it again is the one who did."""
    forget(conn, code, subject)
    said = {"code": code, "subject": subject, "by": by, "at": now.isoformat()}
    rows.add(conn, meta, [{"key": _key(code, subject), "value": json.dumps(said)}])


def forget(conn: Connection, code: str, subject: str) -> bool:
    """False: nobody had confirmed it."""
    gone = conn.execute(delete(meta).where(meta.c.key == _key(code, subject)))
    return gone.rowcount > 0


def everything(conn: Connection) -> Mapping[tuple[str, str], tuple[str, datetime]]:
    """By code and subject: who, and when."""
    query = select(meta.c.value).where(meta.c.key.startswith(_BEGINS, autoescape=True))
    said = [json.loads(text) for text in conn.scalars(query)]
    return {
        (one["code"], one["subject"]): (one["by"], datetime.fromisoformat(one["at"]))
        for one in said
    }


def _key(code: str, subject: str) -> str:
    """A subject may be longer than a key."""
    return f"{_BEGINS}{hashlib.sha256(f'{code} {subject}'.encode()).hexdigest()[:32]}"


# What `callrouter mail-check` found

_MAIL = "mail_checked"


def keep_mail_check(conn: Connection, *, works: bool, bad: int, mend: int, now: datetime) -> None:
    said = {"at": now.isoformat(), "works": works, "bad": bad, "mend": mend}
    conn.execute(delete(meta).where(meta.c.key == _MAIL))
    rows.add(conn, meta, [{"key": _MAIL, "value": json.dumps(said)}])


def mail_check(conn: Connection) -> tuple[datetime, bool, int, int] | None:
    """When the company's mailbox was last tried, whether it works, and what is bad or to mend."""
    text = conn.scalar(select(meta.c.value).where(meta.c.key == _MAIL))
    if text is None:
        return None
    said = json.loads(text)
    return datetime.fromisoformat(said["at"]), said["works"], said["bad"], said["mend"]
