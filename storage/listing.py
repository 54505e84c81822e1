"""The read side for people and programs: what may be read, bounded, and for whom.

Every function takes the viewer; none gives more than a screenful or two of rows. The values stand
in `listing_values`.
"""

from storage.listing_calls import (
    CallPlace,
    calls_by_id,
    calls_now,
    calls_of_cards,
    calls_of_contact,
    list_calls,
    why_of,
)
from storage.listing_cards import find_card, list_cards, timeline
from storage.listing_contacts import list_contacts
from storage.listing_values import (
    MOST,
    CallView,
    CardView,
    ContactBrief,
    ContactView,
    DecisionView,
    Entry,
    HappeningView,
    LegView,
    MoveView,
    OwnerView,
    Slice,
    Viewer,
)

__all__ = [
    "MOST",
    "CallPlace",
    "CallView",
    "CardView",
    "ContactBrief",
    "ContactView",
    "DecisionView",
    "Entry",
    "HappeningView",
    "LegView",
    "MoveView",
    "OwnerView",
    "Slice",
    "Viewer",
    "calls_by_id",
    "calls_now",
    "calls_of_cards",
    "calls_of_contact",
    "find_card",
    "list_calls",
    "list_cards",
    "list_contacts",
    "timeline",
    "why_of",
]
