"""Letters as people and programs read them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from callrouter.domain.letters import LetterState
from storage.letters import StoredLetter, read
from storage.listing_values import MOST, Slice, Viewer, cut
from storage.sight import FEW, cards_seen, on_seen_card
from storage.tables import letter


def list_letters(
    conn: Connection,
    viewer: Viewer,
    *,
    card: str | None = None,
    state: LetterState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Slice[StoredLetter]:
    """Letters, newest first; `after` is the id of the last one that was given before."""
    c, limit = letter.c, min(limit, MOST)
    where: list[ColumnElement[bool]] = []
    if card is not None:
        where += [c.card == card, on_seen_card(viewer, letter)]
    elif viewer.people is not None and len(viewer.people) <= FEW:
        where.append(c.card.in_(cards_seen(viewer)))
    else:
        where.append(on_seen_card(viewer, letter))
    if state is not None:
        where.append(c.state == state)
    if after is not None:
        where.append(c.id < after)
    found = conn.execute(select(letter).where(*where).order_by(c.id.desc()).limit(limit + 1)).all()
    return cut([read(row) for row in found], limit)


def find_letter(conn: Connection, viewer: Viewer, letter_id: str) -> StoredLetter | None:
    row = conn.execute(
        select(letter).where(letter.c.id == letter_id, on_seen_card(viewer, letter))
    ).one_or_none()
    return read(row) if row else None
