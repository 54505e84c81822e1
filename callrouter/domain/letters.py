"""Letters: their states, which one a card asks for, and one as it goes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from callrouter.domain.hours import parse_hours
from callrouter.domain.rules import holds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from callrouter.domain.rules import Value
    from callrouter.domain.setup import Condition, Field, Letter, Setup

LetterKind = Literal["offer", "brief", "thanks"]

LetterState = Literal[
    "approval",
    "no_address",
    "waiting",
    "todo",
    "sending",
    "sent",
    "in_doubt",
    "cancelled",
    "failed",
]

LetterReason = Literal[
    "release",
    "same_offer",
    "no_items",
    "no_address",
    "quiet",
    "person",
    "left_status",
    "card_closed",
    "document_over",
    "no_such_letter",
    "no_consent",
    "opted_out",
    "suppressed",
    "template",
    "address_refused",
    "refused",
    "put_back",
    "unsure",
]
"""Why a letter is in its state. `release`, `same_offer` and `no_items` hold one in `approval`; what
the server said follows `address_refused`, `refused`, `put_back` and `unsure`."""

BEFORE_LEAVING: Final[frozenset[LetterState]] = frozenset({"approval", "no_address", "waiting"})
"""States in which a letter goes with its status: to leave it takes the letter back."""

CANCELLABLE: Final[frozenset[LetterState]] = BEFORE_LEAVING | {"todo", "failed"}
SETTLED: Final[frozenset[LetterState]] = frozenset({"sent", "cancelled"})

MOST_TO_ONE: Final = 5
"""So many letters an hour leave for one address."""

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along. `title`: as the customer sees it; `file`: its name among ours."""

    title: str
    type: str
    file: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter that may leave. `message_id`: with its angle brackets, the same on every try.

    `sender_name` stands before the address that the SMTP account owns; answers go to `reply_to`;
    `copy_to` gets it blind. `opt_out_url`: of a promotional one.
    """

    id: str
    message_id: str
    manager: str | None
    sender_name: str
    reply_to: str | None
    to: str
    to_name: str
    copy_to: str | None
    subject: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    opt_out_url: str | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a letter is made of. `status`: the one that it goes with; None: a person asked for it.

    The rest is fixed when its waiting ends: what of `[[letter]]` it is formed by, and how it goes
    out. `reply`: the server's words when it took the letter.
    """

    status: str | None = None
    template: str = ""
    attach: tuple[Literal["pdf", "docx", "odt"], ...] = ()
    promotional: bool = False
    then_status: str | None = None
    sender_name: str = ""
    reply_to: str | None = None
    copy_to: str | None = None
    to_name: str = ""
    attachments: tuple[Attachment, ...] = ()
    opt_out_url: str | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True)
class CardLook:
    """What a condition of a letter may look at."""

    pipeline: str
    status: str
    source: str | None = None
    office: str | None = None
    contact_known: bool = False
    contact_tags: frozenset[str] = frozenset()
    contact_manager: str | None = None


LETTER_FIELDS: Final[Mapping[Field, str]] = {
    "card.pipeline": "pipeline",
    "card.status": "status",
    "source": "source",
    "office": "office",
    "contact.known": "contact_known",
    "contact.tag": "contact_tags",
    "contact.manager": "contact_manager",
}
"""Fields of conditions that a card has even without a call, and what of CardLook each is."""


def fits(when: Condition | None, look: CardLook) -> bool:
    """Say whether a letter's condition holds for a card; none holds for every card."""
    if when is None:
        return True
    if when.all is not None:
        return all(fits(one, look) for one in when.all)
    if when.any is not None:
        return any(fits(one, look) for one in when.any)
    if when.not_ is not None:
        return not fits(when.not_, look)
    if when.field is None or when.field not in LETTER_FIELDS:
        return False
    found: Value = getattr(look, LETTER_FIELDS[when.field])
    return holds(when, found)


def asked_by(setup: Setup, look: CardLook) -> Iterator[Letter]:
    """The letters that a card asks for by entering its status: the first of each kind that fits."""
    kinds = set()
    for one in setup.letter:
        if (one.pipeline, one.on_status) != (look.pipeline, look.status) or one.kind in kinds:
            continue
        if fits(one.when, look):
            kinds.add(one.kind)
            yield one


def letter_of(setup: Setup, key: str) -> Letter | None:
    """Of `[[letter]]`, by its key."""
    return next((one for one in setup.letter if one.key == key), None)


def substitute_of(setup: Setup, offer: Letter, look: CardLook) -> Letter | None:
    """The letter that goes in place of an offer without items; None: it waits for them."""
    return next(
        (
            one
            for one in setup.letter
            if one.pipeline == offer.pipeline
            and one.kind != "offer"
            and one.kind == setup.letters.without_items
            and fits(one.when, look)
        ),
        None,
    )


def quiet_until(setup: Setup, office: str | None, now: datetime) -> datetime | None:
    """When the quiet hours end that are now, by the office's clock; None: no letter need wait."""
    if not setup.letters.quiet:
        return None
    hours, calendar = parse_hours(setup.letters.quiet), setup.calendar_of(office)
    if not hours.open_at(now, calendar):
        return None
    return hours.closes_at(now, calendar) or now + timedelta(days=1)


def said(reason: LetterReason, words: str = "") -> str:
    """A reason as it is kept: its code, and what is known besides."""
    words = " ".join(words.split())[:1000]
    return f"{reason}: {words}" if words else reason
