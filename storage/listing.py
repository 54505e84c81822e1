"""The read side for people and programs: what may be read, bounded, and for whom.

Every function takes the viewer; none gives more than a screenful or two of rows. The values stand
in `listing_values`.
"""

from storage.listing_blocks import OF_SETUP, find_block, list_blocks
from storage.listing_calls import (
    CallPlace,
    InLine,
    calls_by_id,
    calls_now,
    calls_of_cards,
    calls_of_contact,
    find_call,
    in_line,
    list_calls,
    sees_call,
    why_of,
)
from storage.listing_cards import find_card, list_cards, timeline
from storage.listing_contacts import find_contact, list_contacts
from storage.listing_obligations import (
    ObligationState,
    ObligationView,
    count_owed,
    find_obligation,
    list_obligations,
    owed_now,
    owed_to,
)
from storage.listing_values import (
    MOST,
    BlockView,
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
    "OF_SETUP",
    "BlockView",
    "CallPlace",
    "CallView",
    "CardView",
    "ContactBrief",
    "ContactView",
    "DecisionView",
    "Entry",
    "HappeningView",
    "InLine",
    "LegView",
    "MoveView",
    "ObligationState",
    "ObligationView",
    "OwnerView",
    "Slice",
    "Viewer",
    "calls_by_id",
    "calls_now",
    "calls_of_cards",
    "calls_of_contact",
    "count_owed",
    "find_block",
    "find_call",
    "find_card",
    "find_contact",
    "find_obligation",
    "in_line",
    "list_blocks",
    "list_calls",
    "list_cards",
    "list_contacts",
    "list_obligations",
    "owed_now",
    "owed_to",
    "sees_call",
    "timeline",
    "why_of",
]
