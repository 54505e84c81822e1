"""A letter leaves: `todo → sending → sent`, never twice, never said to be sent if it may not be.

Whoever sends it connects first, and commits `sending` with his token right before the text goes
out. What fails before that is back in `todo`; what fails after it is in doubt, and only a person or
a proof says what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from callrouter.domain.letters import HOUR, MOST_TO_ONE, Outgoing, quiet_until, said
from callrouter.flows import letters as before_leaving
from callrouter.flows import next_steps
from callrouter.flows.change_status import change_status
from callrouter.flows.letters import NoSuchLetter, NotNow, fail, settle, to, unwanted
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields
from storage import frozen, letters, notices
from storage.letters import Suppressed
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from storage.letters import StoredLetter

How = Literal["sent", "again"]

LOOK_AGAIN: Final = timedelta(minutes=5)
"""When a base that is frozen is asked again."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a letter must not leave now. `until`: ask again then; None: it is settled."""

    reason: str
    until: datetime | None = None

    @property
    def settled(self) -> bool:
        return self.until is None


def outgoing(conn: Connection, letter_id: str) -> Outgoing | None:
    """A letter that is formed and is to be sent; None for any other."""
    one = letters.find(conn, letter_id)
    if one is None or one.state != "todo" or not one.html or not one.email:
        return None
    made = one.frozen
    return Outgoing(
        id=one.id,
        message_id=one.message_id,
        manager=one.manager,
        sender_name=made.sender_name,
        reply_to=made.reply_to,
        to=one.email,
        to_name=made.to_name,
        copy_to=made.copy_to,
        subject=one.subject,
        html=one.html,
        text=one.text,
        attachments=made.attachments,
        opt_out_url=made.opt_out_url,
    )


def begin_sending(
    conn: Connection, letter_id: str, token: str, setup: Setup, *, now: datetime
) -> Held | None:
    """Commit that a letter is about to leave, if it may; None: go.

    Everything is looked at again at this moment: a restored base, opting out, quiet hours, caps.
    """
    one = letters.find(conn, letter_id)
    if one is None or one.state != "todo" or not one.html:
        return Held("settled")
    if frozen.is_frozen(conn):
        return Held("frozen", now + LOOK_AGAIN)
    if _card_is_over(conn, one):
        settle(conn, one, "card_closed", by=one.id, now=now)
        return Held("card_closed")
    if one.document and not before_leaving.is_in_force(conn, one.document):
        fail(conn, one, "document_over", "", setup, by=one.id, now=now)
        return Held("document_over")
    if reason := unwanted(conn, one, promotional=one.frozen.promotional):
        if reason == "suppressed":
            fail(conn, one, reason, "", setup, by=one.id, now=now)
        else:
            settle(conn, one, reason, by=one.id, now=now)
        return Held(reason)
    if not one.email or before_leaving.address_of_letter(conn, one) != one.email:
        fail(conn, one, "no_address", "", setup, by=one.id, now=now)
        return Held("no_address")
    if quiet := quiet_until(setup, before_leaving.office_of(conn, one, setup), now):
        return Held("quiet", quiet)
    if until := _full_until(conn, one, setup, now):
        return Held("per_hour", until)
    after = replace(
        one,
        state="sending",
        reason=None,
        token=token,
        sending_at=now,
        tries=one.tries + 1,
        changed_at=now,
    )
    return None if letters.move(conn, one, after) else Held("settled")


def _card_is_over(conn: Connection, one: StoredLetter) -> bool:
    """True when a person closed the card since the letter was asked for."""
    card = letters.card_of(conn, one.card)
    if card is None:
        return True
    moved = letters.moved_by_people(conn, card.id, one.transition or 0)
    return card.closed and card.status != one.frozen.status and moved


def _full_until(
    conn: Connection, one: StoredLetter, setup: Setup, now: datetime
) -> datetime | None:
    """When there is room again within the hour: of all letters, and of those to one address."""
    for most, email in ((setup.letters.per_hour, None), (MOST_TO_ONE, one.email)):
        many, first = letters.begun_since(conn, now - HOUR, email)
        if many >= most and first:
            return first + HOUR
    return None


# What became of it


def was_sent(
    conn: Connection, letter_id: str, token: str, reply: str, setup: Setup, *, now: datetime
) -> bool:
    """The server took it: whoever sent it says so, even if he was given up meanwhile.

    False: it is no longer this sender's to say; nothing was written.
    """
    one = letters.find(conn, letter_id)
    if one is None or one.state not in ("sending", "in_doubt") or one.token != token:
        return False
    _sent(conn, one, reply, setup, by=one.id, now=now)
    return True


def was_refused(
    conn: Connection,
    letter_id: str,
    token: str,
    code: int | None,
    text: str,
    stage: str,
    setup: Setup,
    *,
    now: datetime,
) -> bool:
    """The server will not have it, for good: `failed` with its words, and a task.

    `stage`: mail, rcpt, data or content; before `data` the letter is still `todo`. `code` None: it
    was we who refused.
    An address that is refused a second time counts as wrong. False: not this sender's to say.
    """
    one = letters.find(conn, letter_id)
    mine = one is not None and (
        one.state == "todo" or (one.state in ("sending", "in_doubt") and one.token == token)
    )
    if one is None or not mine:
        return False
    words = f"{stage} {code or ''} {text}"
    reason: Literal["address_refused", "refused"] = (
        "address_refused" if stage == "rcpt" else "refused"
    )
    fail(conn, one, reason, words, setup, by=one.id, now=now)
    if stage == "rcpt" and one.email:
        letters.mark_refused(conn, one.email)
    return True


def put_back(conn: Connection, letter_id: str, token: str, reason: str, *, now: datetime) -> bool:
    """It certainly did not leave: `sending → todo`. False: not this sender's to say."""
    one = letters.find(conn, letter_id)
    if one is None or one.state not in ("sending", "in_doubt") or one.token != token:
        return False
    after = replace(
        one,
        state="todo",
        reason=said("put_back", reason),
        token=None,
        sending_at=None,
        changed_at=now,
    )
    if not letters.move(conn, one, after):
        return False
    if one.state == "in_doubt":  # whoever gave it up settled its job and asked a person
        before_leaving.doubt_is_over(conn, one, now=now)
    return True


def doubt(conn: Connection, letter_id: str, reason: str, setup: Setup, *, now: datetime) -> bool:
    """Nobody knows whether it left: `sending → in_doubt`, and a task to find out."""
    one = letters.find(conn, letter_id)
    if one is None or one.state != "sending":
        return False
    after = replace(one, state="in_doubt", reason=said("unsure", reason))
    to(conn, one, after, setup, by=one.id, now=now)
    return True


def _sent(
    conn: Connection, one: StoredLetter, reply: str, setup: Setup, *, by: str, now: datetime
) -> StoredLetter:
    after = replace(
        one,
        state="sent",
        reason=None,
        token=None,
        sent_at=now,
        frozen=replace(one.frozen, reply=" ".join(reply.split())[:1000]),
    )
    after = to(conn, one, after, setup, by=by, now=now)
    if one.email:
        letters.mark_taken(conn, one.email)
    next_steps.offer_left(conn, after, setup, by=by, now=now)
    _move_card(conn, after, setup, now=now)
    return after


def _move_card(conn: Connection, one: StoredLetter, setup: Setup, *, now: datetime) -> None:
    """Let the card go on to `then_status`, unless it moved since the letter was asked for."""
    status, card = one.frozen.then_status, letters.card_of(conn, one.card)
    if not status or card is None or card.n != one.transition or card.status == status:
        return
    try:
        change_status(conn, card.id, status, setup, ask_after=False, by=one.id, now=now)
    except (BadFields, NoSuchCard) as refused:
        data: dict[str, str | int | None] = {"letter": one.id, "to": status, "why": str(refused)}
        told = Happening("letter_moved_nothing", now, one.id, card=card.id, data=data)
        notices.record(conn, [told], now=now)


# Of what is in doubt or failed


def resolve(
    conn: Connection, letter_id: str, how: How, setup: Setup, *, by: str, now: datetime
) -> StoredLetter:
    """A person says what became of a letter in doubt, or has one that failed sent again.

    In doubt, `again` sends what was formed; failed, it is formed anew, to the address that the
    contact has now, and with another document if its own does not hold any more. Raises
    NoSuchLetter, NotNow.
    """
    one = letters.find(conn, letter_id)
    if one is None:
        raise NoSuchLetter(letter_id)
    if one.state == "in_doubt":
        if how == "sent":
            return _sent(conn, one, "", setup, by=by, now=now)
        after = replace(one, state="todo", reason=None, token=None, sending_at=None)
        return to(conn, one, after, setup, by=by, now=now)
    if one.state != "failed" or how == "sent":
        raise NotNow(one.state, one.reason)
    email = before_leaving.address_of_letter(conn, one)
    after = replace(one, email=email, reason=None, subject="", html="", text="", sending_at=None)
    if email is None:
        after = replace(after, state="no_address", reason="no_address")
    elif one.document and not before_leaving.is_in_force(conn, one.document):
        asked = replace(one.frozen, status=None)
        after = replace(after, state="waiting", document=None, wait_until=now, frozen=asked)
    else:
        after = replace(after, state="todo")
    return to(conn, one, after, setup, by=by, now=now)


def seen(conn: Connection, message_id: str, setup: Setup, *, by: str, now: datetime) -> bool:
    """Proof that a letter in doubt was sent: it lies in the Sent folder, or came as a copy."""
    one = letters.by_message_id(conn, message_id)
    if one is None or one.state != "in_doubt":
        return False
    _sent(conn, one, "", setup, by=by, now=now)
    return True


def bounced(
    conn: Connection,
    email: str,
    setup: Setup,
    *,
    message_id: str | None = None,
    by: str,
    now: datetime,
) -> None:
    """Mail to an address came back: it counts as wrong, and somebody is to ask for another.

    `message_id`: of which letter; one in doubt was sent, then.
    """
    email = email.strip().lower()
    whose = letters.mark_bad(conn, email)
    fresh = letters.suppress(conn, Suppressed(email, "", "bounce", by, now))
    one = letters.by_message_id(conn, message_id) if message_id else None
    if one and one.state == "in_doubt":
        one = _sent(conn, one, "", setup, by=by, now=now)
    if fresh or one:
        told = Happening(
            "letter_bounced",
            now,
            by,
            card=one.card if one else None,
            contact=next(iter(whose), None),
            data={"letter": one.id} if one else {},
        )
        notices.record(conn, [told], now=now)
    if one and one.state == "sent":
        before_leaving.ask_for_address(conn, one, setup, by=by, now=now)


# Who wants no more mail


def opt_out(conn: Connection, letter_id: str, *, now: datetime) -> str | None:
    """The reader of a letter wants no more advertising; gives his address, None for no letter."""
    one = letters.find(conn, letter_id)
    if one is None or not one.email:
        return None
    by = one.id
    fresh = letters.suppress(conn, Suppressed(one.email, letters.ADVERTISING, "opt_out", by, now))
    letters.withdraw(conn, one.email, now=now)
    if fresh:
        told = Happening("opted_out", now, by, card=one.card, contact=one.contact)
        notices.record(conn, [told], now=now)
    return one.email


def suppress(conn: Connection, one: Suppressed, *, now: datetime) -> bool:
    """Let an address get no mail, of one purpose or at all; False where it stood already."""
    fresh = letters.suppress(conn, one)
    if one.purpose == letters.ADVERTISING:
        letters.withdraw(conn, one.email, now=now)
    if fresh:
        notices.record(conn, [Happening("address_suppressed", now, one.by)], now=now)
    return fresh


def unsuppress(conn: Connection, email: str, purpose: str, *, by: str, now: datetime) -> bool:
    """False where it did not stand. Consents that were withdrawn stay so."""
    if not letters.unsuppress(conn, email, purpose):
        return False
    notices.record(conn, [Happening("address_allowed", now, by)], now=now)
    return True
