"""All that a card's page shows, read at one moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callrouter.flows import items as items_flow
from callrouter.flows.items import CardItems
from storage import (
    card_contacts,
    consents,
    letters,
    listing,
    listing_tasks,
    moves,
    notes,
    papers,
    profiles,
    recordings,
    write_ups,
)
from storage import fields as own_fields
from storage.listing import CallView
from storage.listing_timeline import (
    Filter,
    Place,
    Timeline,
    doers,
    timeline_of,
    user_names,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from storage.consents import Consent
    from storage.fields import Value
    from storage.letters import StoredLetter
    from storage.listing import CardView, ContactView
    from storage.listing_tasks import TaskView
    from storage.moves import MovingCard
    from storage.notes import Note
    from storage.papers import StoredPaper
    from storage.profiles import Phone
    from storage.recordings import Recording

PAGE = 30
"""So many entries of the timeline at once."""


@dataclass(frozen=True, slots=True)
class History:
    """A page of the timeline, with what stands behind its lines.

    `sounds`: by call, what of it may be heard; `users`: names by id; `written_up`: calls of which
    somebody said what came of them; `told`: recordings that have a transcript.
    """

    timeline: Timeline
    sounds: Mapping[str, Sequence[Recording]]
    users: Mapping[str, str]
    written_up: Collection[str]
    told: Collection[str]


@dataclass(frozen=True, slots=True)
class WholeCard:
    """`contact` None: nobody knows yet whose it is, or he is not the viewer's to see.

    `beside`: who else belongs to it; `phones`: of each of them, with what they are for.
    """

    card: CardView
    moving: MovingCard
    contact: ContactView | None
    beside: Sequence[ContactView]
    phones: Mapping[str, Sequence[Phone]]
    own: Mapping[str, Value]
    contact_own: Mapping[str, Value]
    consents: Sequence[Consent]
    tasks: Sequence[TaskView]
    items: CardItems
    letters: Sequence[StoredLetter]
    papers: Sequence[StoredPaper]
    pinned: Sequence[Note]
    history: History


def read_card(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    setup: Setup,
    *,
    shown: Filter = "all",
    after: Place | None = None,
) -> WholeCard | None:
    """None: there is no such card, or none that he may see."""
    card = listing.find_card(conn, viewer, card_id)
    moving = moves.find(conn, card_id) if card else None
    if card is None or moving is None:
        return None
    contact = listing.find_contact(conn, viewer, card.contact.id) if card.contact else None
    beside = [
        listing.find_contact(conn, viewer, one) for one in card_contacts.beside(conn, card_id)
    ]
    people = [one for one in (contact, *beside) if one]
    owners = [card_id, *([contact.id] if contact else [])]
    own = own_fields.values_of(conn, owners, setup.field)
    pinned = notes.pinned_on(conn, card_id)
    history = read_history(conn, viewer, card_id, shown=shown, after=after)
    return WholeCard(
        card=card,
        moving=moving,
        contact=contact,
        beside=[one for one in beside if one],
        phones=profiles.phones_of(conn, [one.id for one in people]),
        own=own.get(card_id, {}),
        contact_own=own.get(contact.id, {}) if contact else {},
        consents=consents.of_contact(conn, contact.id) if contact else (),
        tasks=listing_tasks.list_tasks(conn, viewer, card=card_id).items,
        items=items_flow.items_of(conn, card_id, setup),
        letters=letters.of_card(conn, card_id),
        papers=papers.of_card(conn, card_id),
        pinned=pinned,
        history=history,
    )


def read_history(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    *,
    shown: Filter = "all",
    after: Place | None = None,
) -> History:
    """A page of the timeline of a card that the viewer sees."""
    found = timeline_of(conn, viewer, card_id, shown=shown, after=after, limit=PAGE)
    listens = viewer.may("listen")
    sounds = {
        one.id: recordings.audible(conn, viewer, one.id)
        for one in found.lines
        if listens and isinstance(one, CallView) and one.recorded
    }
    pinned = notes.pinned_on(conn, card_id)
    by = doers(found.lines) | {one.by for one in pinned}
    calls = [one.id for one in found.lines if isinstance(one, CallView)]
    done = write_ups.written_up(conn, calls)
    told = recordings.transcribed(conn, [one.id for each in sounds.values() for one in each])
    return History(found, sounds, user_names(conn, by), done.keys(), told)
