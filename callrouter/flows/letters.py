"""Letters before they leave: asked for by a card's status or a person, approved, waited for.

    status entered ─▶ no_address │ approval ─▶ waiting ─▶ todo ─▶ formed, and on to sending.py

In `waiting` a letter can be taken back, and so it can by leaving the status. When the waiting ends
an offer gets its number, in the same transaction; from then on only a person stops it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from email_validator import EmailNotValidError, validate_email

from callrouter.domain.letters import (
    BEFORE_LEAVING,
    CANCELLABLE,
    SETTLED,
    Attachment,
    CardLook,
    Frozen,
    LetterReason,
    LetterState,
    asked_by,
    letter_of,
    quiet_until,
    said,
    substitute_of,
)
from callrouter.flows import documents
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.templates import NoSuchTemplate, templates_of
from storage import items, jobs, letters, notices, papers, tasks
from storage.ids import new_id
from storage.jobs import NewJob
from storage.notices import Happening
from storage.tasks import NewTask

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Letter, Setup
    from storage.letters import CardOfLetter, Reader, StoredLetter
    from storage.listing import Viewer

RELEASE: Final = "release_letter"
FORM: Final = "form_letter"
SEND: Final = "send_letter"


class NoSuchLetter(Exception):
    """There is no letter of this id, or none of this key in setup.toml."""


class NotNow(Exception):
    """The letter is in a state in which that cannot be done; `state` says which."""

    def __init__(self, state: LetterState, reason: str | None = None) -> None:
        super().__init__(state)
        self.state = state
        self.reason = reason


class NotYours(Exception):
    """Somebody else has to say so."""


class AlreadyThere(Exception):
    """The card has this letter; another is made only if it is asked for again. `letter`: its id."""

    def __init__(self, letter: str) -> None:
        super().__init__(letter)
        self.letter = letter


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person says of the letters as he moves a card. `send` False: none is asked for.

    `key`: this one of the pipeline's instead of those that the status asks for; `email`: to this
    address of the contact; `again`: also if the card has had it.
    """

    send: bool = True
    key: str | None = None
    email: str | None = None
    again: bool = False


AS_SET_UP: Final = Wish()

# Asking for a letter


def card_moved(
    conn: Connection,
    card_id: str,
    from_status: str | None,
    to_status: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
    wish: Wish = AS_SET_UP,
) -> None:
    """Take back the letters of the status that a card left, and ask for those of the one entered.

    A move that a sent letter made takes none of the others back.
    """
    if from_status == to_status or (card := letters.card_of(conn, card_id)) is None:
        return
    for one in letters.of_card(conn, card_id, BEFORE_LEAVING):
        if reason := _left(conn, one, card):
            settle(conn, one, reason, by=by, now=now)
    if not setup.letter or not wish.send:
        return
    for spec in _wanted(conn, card, setup, wish):
        _ask(conn, card, spec, setup, wish, by=by, now=now)


def _wanted(conn: Connection, card: CardOfLetter, setup: Setup, wish: Wish) -> list[Letter]:
    if wish.key is None:
        return list(asked_by(setup, _look(conn, card)))
    spec = letter_of(setup, wish.key)
    return [spec] if spec and spec.pipeline == card.pipeline else []


@dataclass(frozen=True, slots=True)
class Prospect:
    """A letter that a move would ask for, as it would be now; not kept.

    `had`: the one of its kind that the card has, so that none is made unless it is wished.
    """

    letter: StoredLetter
    had: StoredLetter | None = None


def prospects(
    conn: Connection,
    card_id: str,
    to_status: str,
    setup: Setup,
    *,
    wish: Wish = AS_SET_UP,
    by: str,
    now: datetime,
) -> tuple[Prospect, ...]:
    """The letters that a card would ask for, were it moved to this status."""
    found = letters.card_of(conn, card_id)
    if found is None or found.status == to_status:
        return ()
    card = replace(found, status=to_status)
    before = letters.of_card(conn, card_id)
    made = []
    for spec in _wanted(conn, card, setup, wish):
        blank = _blank(card, spec, 1, status=to_status, email=wish.email, by=by, now=now)
        had = [one for one in before if one.key == spec.key or one.kind == spec.kind]
        letter = _placed(conn, blank, card, spec, setup, now=now)
        made.append(Prospect(letter, had[-1] if had else None))
    return tuple(made)


def _ask(
    conn: Connection,
    card: CardOfLetter,
    spec: Letter,
    setup: Setup,
    wish: Wish,
    *,
    by: str,
    now: datetime,
) -> None:
    """Ask for a letter by its status. What the card has had is asked about, not sent again.

    Unless who moves the card wishes it so, and the one before is settled.
    """
    before = letters.of_card(conn, card.id)
    if had := [one for one in before if one.key == spec.key or one.kind == spec.kind]:
        last = had[-1]
        if wish.again and last.state in SETTLED:
            n = max((one.n for one in before if one.key == spec.key), default=0) + 1
            claims = [f"again:{one.id}" for one in had]
            tasks.close_tasks(conn, claims, by=by, now=now)
            status, email = card.status, wish.email
            _make(conn, card, spec, n, setup, status=status, email=email, by=by, now=now)
            return
        _tell(conn, last, "letter_asked_again", by=by, now=now)
        if last.state in SETTLED:
            _give_task(conn, last, "send_again", setup, claim=f"again:{last.id}", by=by, now=now)
        return
    status, email = card.status, wish.email
    _make(conn, card, spec, 1, setup, status=status, email=email, by=by, now=now)


def ask_again(
    conn: Connection,
    card_id: str,
    key: str,
    setup: Setup,
    *,
    again: bool = True,
    by: str,
    now: datetime,
) -> StoredLetter:
    """Make a letter because a person wants it, whatever the card's status is.

    `again`: one more, if the card has one that is sent or cancelled. Raises NoSuchCard,
    NoSuchLetter, AlreadyThere without `again`, and NotNow while the one before is not settled.
    """
    card = letters.card_of(conn, card_id)
    if card is None:
        raise NoSuchCard(card_id)
    spec = letter_of(setup, key)
    if spec is None or spec.pipeline != card.pipeline:
        raise NoSuchLetter(key)
    last = letters.latest(conn, card_id, key)
    if last and not again:
        raise AlreadyThere(last.id)
    if last and last.state not in SETTLED:
        raise NotNow(last.state, last.reason)
    if last:
        tasks.close_tasks(conn, [f"again:{last.id}"], by=by, now=now)
    n = last.n + 1 if last else 1
    return _make(conn, card, spec, n, setup, status=None, by=by, now=now)


def _make(
    conn: Connection,
    card: CardOfLetter,
    spec: Letter,
    n: int,
    setup: Setup,
    *,
    status: str | None,
    email: str | None = None,
    by: str,
    now: datetime,
) -> StoredLetter:
    one = _blank(card, spec, n, status=status, email=email, by=by, now=now)
    one = _placed(conn, one, card, spec, setup, now=now)
    letters.add(conn, one)
    _tell(conn, one, "letter_asked", by=by, now=now)
    _enter(conn, one, setup, by=by, now=now)
    return one


def _blank(
    card: CardOfLetter,
    spec: Letter,
    n: int,
    *,
    status: str | None,
    email: str | None,
    by: str,
    now: datetime,
) -> StoredLetter:
    """A letter before anything is known of it; `email`: the address that is wished."""
    return letters.StoredLetter(
        id=new_id(now),
        card=card.id,
        key=spec.key,
        n=n,
        kind=spec.kind,
        state="waiting",
        message_id=f"{card.id}.{spec.key}.{n}".lower(),
        by=by,
        asked_at=now,
        changed_at=now,
        email=email,
        frozen=Frozen(status=status),
        transition=card.n,
    )


# Where a letter stands: what it lacks, who has to allow it, when it goes


def _placed(
    conn: Connection,
    one: StoredLetter,
    card: CardOfLetter,
    spec: Letter,
    setup: Setup,
    *,
    now: datetime,
) -> StoredLetter:
    """A letter that begins its way, in the state that it can have now."""
    one, chosen = _looked_up(conn, one, card, spec, setup, now=now)
    if chosen is None:
        return one
    if one.released_by is None:
        since = now - timedelta(days=setup.letters.same_offer_days)
        same = chosen.kind == "offer" and letters.sent_elsewhere(conn, one, one.email or "", since)
        if same:
            return replace(one, state="approval", reason=said("same_offer", same))
        if spec.release != "auto":
            return replace(one, state="approval", reason="release")
    until = now + timedelta(seconds=max(0, spec.undo_seconds))
    return replace(one, state="waiting", reason=None, wait_until=until)


def _looked_up(
    conn: Connection,
    one: StoredLetter,
    card: CardOfLetter,
    spec: Letter,
    setup: Setup,
    *,
    now: datetime,
) -> tuple[StoredLetter, Letter | None]:
    """To whom it goes by now, and as which letter; None: it cannot, and its state says why."""
    reader = letters.reader_of(conn, card.contact) if card.contact else None
    email = address_of(conn, reader, one.email)
    one = replace(
        one,
        contact=reader.id if reader else None,
        email=email,
        manager=card.manager,
        wait_until=None,
        changed_at=now,
    )
    if email is None:
        return replace(one, state="no_address", reason="no_address"), None
    chosen = _chosen(conn, one, card, spec, setup)
    if chosen is None:
        return replace(one, kind=spec.kind, state="approval", reason="no_items"), None
    return replace(one, kind=chosen.kind), chosen


def address_of(conn: Connection, reader: Reader | None, wanted: str | None = None) -> str | None:
    """The address of a contact that mail may go to: the one that is wanted, else the oldest."""
    known = reader.emails if reader else ()
    ordered = [one for one in known if one == wanted] + [one for one in known if one != wanted]
    return next((one for one in ordered if _takes_mail(conn, one)), None)


def addresses(conn: Connection, contact: str | None) -> list[str]:
    """The addresses of a contact that mail may go to, the oldest first."""
    reader = letters.reader_of(conn, contact) if contact else None
    return [one for one in (reader.emails if reader else ()) if _takes_mail(conn, one)]


def _takes_mail(conn: Connection, email: str) -> bool:
    return is_address(email) and "" not in letters.suppressed_for(conn, email)


def address_of_letter(conn: Connection, one: StoredLetter) -> str | None:
    """Where a letter may go now: its address, while its contact has it; else another of his."""
    card = letters.card_of(conn, one.card)
    contact = card.contact if card else None
    return address_of(conn, letters.reader_of(conn, contact) if contact else None, one.email)


def is_address(text: str) -> bool:
    """True for one address, as it may stand in a mail's head."""
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def _chosen(
    conn: Connection, one: StoredLetter, card: CardOfLetter, spec: Letter, setup: Setup
) -> Letter | None:
    """The letter that goes: its own, or what stands for an offer that nobody has priced.

    None: it waits for items, by the settings or because the card has had that other letter.
    """
    if spec.kind != "offer" or one.document:
        return spec
    if items.confirmed(conn, card.id):
        return spec
    found = substitute_of(setup, spec, _look(conn, card))
    if found is None:
        return None
    others = (other for other in letters.of_card(conn, card.id) if other.id != one.id)
    had = any(other.kind == found.kind and other.state != "cancelled" for other in others)
    return None if had else found


def _look(conn: Connection, card: CardOfLetter) -> CardLook:
    reader = letters.reader_of(conn, card.contact) if card.contact else None
    return CardLook(
        pipeline=card.pipeline,
        status=card.status,
        source=card.source,
        office=card.office,
        contact_known=bool(reader and reader.name),
        contact_tags=reader.tags if reader else frozenset(),
        contact_manager=(reader.responsible if reader else None) or card.manager,
    )


def _left(conn: Connection, one: StoredLetter, card: CardOfLetter) -> LetterReason | None:
    """Why a letter is not wanted any more: a person moved its card on, or closed it."""
    if not letters.moved_by_people(conn, card.id, one.transition or 0):
        return None
    if one.frozen.status is not None:
        return "left_status" if card.status != one.frozen.status else None
    return "card_closed" if card.closed else None


# What people do


def cancel(conn: Connection, letter_id: str, *, by: str, now: datetime) -> StoredLetter:
    """Take a letter back; one that is cancelled already stays so. Raises NoSuchLetter, NotNow.

    A number that it had stays, and its document is annulled.
    """
    one = _found(conn, letter_id)
    if one.state == "cancelled":
        return one
    if one.state not in CANCELLABLE:
        raise NotNow(one.state, one.reason)
    return settle(conn, one, "person", by=by, now=now)


def approve(
    conn: Connection, letter_id: str, setup: Setup, *, viewer: Viewer, by: str, now: datetime
) -> StoredLetter:
    """Let a letter go that waits for approval; it can still be taken back for `undo_seconds`.

    Raises NoSuchLetter, NotNow (also for one that lacks items), NotYours.
    """
    one = _found(conn, letter_id)
    if one.state != "approval" or one.reason == "no_items":
        raise NotNow(one.state, one.reason)
    if not may_approve(one, setup, viewer):
        raise NotYours
    card, spec = letters.card_of(conn, one.card), letter_of(setup, one.key)
    if card is None or spec is None:
        return settle(conn, one, "no_such_letter", by=by, now=now)
    placed = _placed(conn, replace(one, released_by=by), card, spec, setup, now=now)
    _tell(conn, one, "letter_approved", by=by, now=now)
    return to(conn, one, placed, setup, by=by, now=now)


def may_approve(one: StoredLetter, setup: Setup, viewer: Viewer) -> bool:
    """Whose approval counts: an admin's; the head's of the manager's team; the manager's own.

    A manager's does not where the letter asks for a head's. A program acts for its role.
    """
    spec = letter_of(setup, one.key)
    if viewer.role == "admin":
        return True
    if viewer.role == "head":
        manager = setup.managers.get(one.manager or "")
        team = setup.teams.get((manager.team if manager else None) or "")
        return viewer.manager is None or team is None or team.head in (None, viewer.manager)
    if viewer.role == "manager" and (spec is None or spec.release != "head"):
        return viewer.manager is None or viewer.manager == one.manager
    return False


def address_filled(
    conn: Connection, contacts: Iterable[str], setup: Setup, *, by: str, now: datetime
) -> None:
    """Contacts have an address more: what lacked one begins anew, and can be taken back again."""
    for one in letters.lacking_address(conn, contacts):
        _begin_anew(conn, one, setup, by=by, now=now)


def items_put(conn: Connection, card_id: str, setup: Setup, *, by: str, now: datetime) -> None:
    """A card has other items: an offer that waited for them begins anew."""
    for one in letters.of_card(conn, card_id, frozenset({"approval"})):
        if one.reason == "no_items":
            _begin_anew(conn, one, setup, by=by, now=now)


def _begin_anew(
    conn: Connection, one: StoredLetter, setup: Setup, *, by: str, now: datetime
) -> None:
    card, spec = letters.card_of(conn, one.card), letter_of(setup, one.key)
    if card is None or spec is None:
        return
    placed = _placed(conn, one, card, spec, setup, now=now)
    if (placed.state, placed.reason) != (one.state, one.reason):
        to(conn, one, placed, setup, by=by, now=now)


# The end of waiting


def end_waiting(conn: Connection, letter_id: str, setup: Setup, *, now: datetime) -> None:
    """Let a letter go whose time to be taken back is over, if it still should; number its offer."""
    one = letters.find(conn, letter_id)
    if one is None or one.state != "waiting" or (one.wait_until and one.wait_until > now):
        return
    card, spec = letters.card_of(conn, one.card), letter_of(setup, one.key)
    if card is None or spec is None:
        settle(conn, one, "no_such_letter", by=one.id, now=now)
        return
    if reason := _left(conn, one, card):
        settle(conn, one, reason, by=one.id, now=now)
        return
    ready, chosen = _looked_up(conn, one, card, spec, setup, now=now)
    if chosen and ready.email != one.email:  # nobody has seen that it goes there
        ready, chosen = _placed(conn, one, card, spec, setup, now=now), None
    if chosen is None:
        to(conn, one, ready, setup, by=one.id, now=now)
    elif blocked := unwanted(conn, ready, promotional=chosen.promotional):
        settle(conn, one, blocked, by=one.id, now=now)
    elif quiet := quiet_until(setup, _office(card, setup), now):
        after = replace(one, reason="quiet", wait_until=quiet, changed_at=now)
        letters.move(conn, one, after)
        _ask_job(conn, RELEASE, one.id, now=now, due_at=quiet)
    else:
        to(
            conn,
            one,
            _numbered(conn, ready, card, chosen, setup, now=now),
            setup,
            by=one.id,
            now=now,
        )


def _numbered(
    conn: Connection,
    one: StoredLetter,
    card: CardOfLetter,
    chosen: Letter,
    setup: Setup,
    *,
    now: datetime,
) -> StoredLetter:
    """The letter as it will be formed; its offer gets its number here."""
    document = one.document if one.document and is_in_force(conn, one.document) else None
    if chosen.kind == "offer" and document is None:
        try:
            by = one.released_by or one.by
            template = _paper_template(conn, chosen, setup)
            paper = documents.issue(conn, card.id, setup, by=by, now=now, template=template)
        except (documents.NoItems, documents.Unconfirmed):
            return replace(one, state="approval", reason="no_items")
        document = paper.id
    return replace(
        one,
        state="todo",
        reason=None,
        document=document,
        frozen=replace(
            one.frozen,
            template=chosen.template,
            attach=chosen.attach if chosen.kind == "offer" else (),
            promotional=chosen.promotional,
            then_status=chosen.then_status,
        ),
    )


def is_in_force(conn: Connection, document: str) -> bool:
    """False once a document was annulled, or another edition replaced it."""
    paper = papers.find(conn, document)
    return paper is not None and paper.state == "issued"


def _paper_template(conn: Connection, chosen: Letter, setup: Setup) -> str:
    """The letter's own template for its files, where there is one for each; else the usual."""
    try:
        for fmt in chosen.attach:
            templates_of(conn, chosen.template, fmt, setup.company.language)
    except NoSuchTemplate:
        return papers.OFFER
    return chosen.template


def unwanted(conn: Connection, one: StoredLetter, *, promotional: bool) -> LetterReason | None:
    """Why a letter must not go to its address: no consent, opted out, an address without mail."""
    shut = letters.suppressed_for(conn, one.email or "")
    if "" in shut:
        return "suppressed"
    if not promotional:
        return None
    if letters.ADVERTISING in shut:
        return "opted_out"
    reader = letters.reader_of(conn, one.contact) if one.contact else None
    return None if reader and reader.agreed else "no_consent"


def office_of(conn: Connection, one: StoredLetter, setup: Setup) -> str | None:
    """By whose clock a letter keeps quiet hours: its card's office, else its manager's."""
    card = letters.card_of(conn, one.card)
    return _office(card, setup) if card else None


def _office(card: CardOfLetter, setup: Setup) -> str | None:
    manager = setup.managers.get(card.manager or "")
    return card.office or (manager.office if manager else None)


# What the press made of it


@dataclass(frozen=True, slots=True)
class Pressed:
    """A letter as it was formed. `message_id`: with angle brackets and domain."""

    message_id: str
    subject: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    opt_out_url: str | None = None
    to_name: str = ""


def formed(
    conn: Connection, letter_id: str, pressed: Pressed, setup: Setup, *, now: datetime
) -> None:
    """Keep a letter as it was formed, and ask for it to be sent."""
    one = letters.find(conn, letter_id)
    if one is None or one.state != "todo" or one.html:
        return
    manager = setup.managers.get(one.manager or "")
    email = manager.email if manager else None
    copy = email if setup.letters.copy_to_manager else None
    after = replace(
        one,
        # The same on every try, and after it was formed anew.
        message_id=one.message_id if one.message_id.startswith("<") else pressed.message_id,
        subject=pressed.subject,
        html=pressed.html,
        text=pressed.text,
        changed_at=now,
        frozen=replace(
            one.frozen,
            sender_name=manager.name if manager else setup.company.name,
            reply_to=email,
            copy_to=copy,
            to_name=pressed.to_name,
            attachments=pressed.attachments,
            opt_out_url=pressed.opt_out_url,
        ),
    )
    if letters.move(conn, one, after):
        _ask_job(conn, SEND, one.id, now=now)


def not_formed(conn: Connection, letter_id: str, why: str, setup: Setup, *, now: datetime) -> None:
    """Its template failed: nothing of it leaves, and somebody is told."""
    one = letters.find(conn, letter_id)
    if one is not None and one.state == "todo" and not one.html:
        fail(conn, one, "template", why, setup, by=one.id, now=now)


# Changing the state; sending.py does it by these, too


def to(
    conn: Connection,
    before: StoredLetter,
    after: StoredLetter,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> StoredLetter:
    """Write a letter's new state, with its task or job and a business event.

    Raises NotNow if it is in another state than was read.
    """
    after = replace(after, changed_at=now)
    if not letters.move(conn, before, after):
        found = _found(conn, before.id)
        raise NotNow(found.state, found.reason)
    _tell(conn, after, f"letter_{after.state}", by=by, now=now)
    _enter(conn, after, setup, by=by, now=now)
    return after


def fail(
    conn: Connection,
    one: StoredLetter,
    reason: LetterReason,
    words: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> StoredLetter:
    after = replace(one, state="failed", reason=said(reason, words), token=None)
    return to(conn, one, after, setup, by=by, now=now)


def settle(
    conn: Connection, one: StoredLetter, reason: LetterReason, *, by: str, now: datetime
) -> StoredLetter:
    """Cancel it; the document that was numbered for it does not hold."""
    after = replace(
        one, state="cancelled", reason=reason, token=None, wait_until=None, changed_at=now
    )
    if not letters.move(conn, one, after):
        found = _found(conn, one.id)
        raise NotNow(found.state, found.reason)
    tasks.close_tasks(conn, [claim_of(one)], by=by, now=now)
    _tell(conn, after, "letter_cancelled", by=by, now=now)
    if one.document and not letters.uses(conn, one.document, besides=one.id):
        paper = papers.find(conn, one.document)
        if paper and paper.state == "issued":
            documents.annul(conn, paper.id, "letter cancelled", by=by, now=now)
    return after


_TASKS: Final[dict[LetterState, str]] = {
    "approval": "approve_letter",
    "no_address": "ask_email",
    "failed": "letter_failed",
    "in_doubt": "letter_in_doubt",
}


def _enter(conn: Connection, one: StoredLetter, setup: Setup, *, by: str, now: datetime) -> None:
    """What a state asks of people and of jobs; what the one before asked of people is done."""
    tasks.close_tasks(conn, [claim_of(one)], by=by, now=now)
    if kind := _TASKS.get(one.state):
        kind = "put_items" if one.reason == "no_items" else kind
        _give_task(conn, one, kind, setup, claim=claim_of(one), by=by, now=now)
    if one.state == "waiting":
        _ask_job(conn, RELEASE, one.id, now=now, due_at=one.wait_until)
    elif one.state == "todo":
        _ask_job(conn, SEND if one.html else FORM, one.id, now=now)


def claim_of(one: StoredLetter) -> str:
    """What at most one open task is about: the trouble that a letter has."""
    return f"letter:{one.id}"


def _give_task(
    conn: Connection,
    one: StoredLetter,
    kind: str,
    setup: Setup,
    *,
    claim: str,
    by: str,
    now: datetime,
) -> None:
    spec = letter_of(setup, one.key)
    by_head = kind == "approve_letter" and spec is not None and spec.release == "head"
    owner = _head_of(one, setup) if by_head else _owner_of(one, setup)
    manager = setup.managers.get(owner)
    asked = NewTask(
        kind=kind,
        claim=claim,
        owner=owner,
        author=by,
        card=one.card,
        contact=one.contact,
        team=manager.team if manager else None,
        cause=(one.reason or kind).partition(":")[0],
        text=(one.reason or "").partition(": ")[2],
    )
    tasks.open_task(conn, asked, now=now)
    notices.tell_people(conn, "task", [owner], now=now, card=one.card)


def doubt_is_over(conn: Connection, one: StoredLetter, *, now: datetime) -> None:
    """A letter in doubt did certainly not leave: it is to be sent, and nobody need find out."""
    tasks.close_tasks(conn, [claim_of(one)], by=one.id, now=now)
    _ask_job(conn, SEND, one.id, now=now)


def ask_for_address(
    conn: Connection, one: StoredLetter, setup: Setup, *, by: str, now: datetime
) -> None:
    """Somebody is to find out another address: mail to the letter's own comes back."""
    _give_task(conn, one, "ask_email", setup, claim=claim_of(one), by=by, now=now)


def _owner_of(one: StoredLetter, setup: Setup) -> str:
    """Its manager, while he works here; else his head."""
    manager = setup.managers.get(one.manager or "")
    return manager.key if manager and manager.active else _head_of(one, setup)


def _head_of(one: StoredLetter, setup: Setup) -> str:
    manager = setup.managers.get(one.manager or "")
    team = setup.teams.get((manager.team if manager else None) or "")
    head = setup.managers.get((team.head if team else None) or "")
    return head.key if head and head.active else setup.company.duty


def _ask_job(
    conn: Connection, kind: str, letter_id: str, *, now: datetime, due_at: datetime | None = None
) -> None:
    """Each entry of a state asks once, under the gate: no key is needed."""
    jobs.ask(conn, [NewJob(kind, {"letter": letter_id}, due_at=due_at)], now=now)


def _tell(conn: Connection, one: StoredLetter, kind: str, *, by: str, now: datetime) -> None:
    data: dict[str, str | int | None] = {"letter": one.id, "key": one.key, "n": one.n}
    data["kind"] = one.kind
    if one.reason:
        data["reason"] = one.reason
    happened = Happening(kind, now, by, card=one.card, contact=one.contact, data=data)
    notices.record(conn, [happened], now=now)


def _found(conn: Connection, letter_id: str) -> StoredLetter:
    one = letters.find(conn, letter_id)
    if one is None:
        raise NoSuchLetter(letter_id)
    return one
