"""`/letters`: mail to customers, from being asked for to being sent; `/suppressions`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from callrouter import letter_drafts
from callrouter.api.fields import ById, Given, Id, Key, Paged, Text
from callrouter.api.layer import Asked, Reply, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.letters import LetterKind, LetterState
from callrouter.flows import letters, sending
from callrouter.flows.letters import AlreadyThere, NoSuchLetter, NotNow, NotYours
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import read_email
from callrouter.flows.seeing import within
from callrouter.flows.templates import NoSuchTemplate
from callrouter.forming.press import BadTemplate
from callrouter.setup_file.problems import allowed_words
from callrouter.wording.letters import why_letter
from storage import letters as stored
from storage import listing_letters as listing
from storage.letters import StoredLetter
from storage.letters import Suppressed as StoredSuppressed

routes = Routes()

Purpose = Literal["all", "advertising"]

NO_SUCH_LETTER = Problem(404, "There is no such letter.")
NO_SUCH_CARD = Problem(404, "There is no such card.")
NO_SUCH_SUPPRESSION = Problem(404, "This address is not suppressed so.")
NOT_YOURS = Problem(403, "Somebody else has to allow this letter.")


class LettersQuery(Paged):
    card: Annotated[Id | None, Field(description="Of this card.")] = None
    state: LetterState | None = None
    cursor: Id | None = None


class Wanted(Given):
    letter: Annotated[Key, Field(description="A key of `[[letter]]`, of the card's pipeline.")]
    again: Annotated[
        bool, Field(description="One more, if the card has one that is sent or cancelled.")
    ] = False


class Resolution(Given):
    how: Annotated[
        Literal["sent", "again"],
        Field(description="`sent`: it arrived, by what you know; `again`: send it once more."),
    ]


@dataclass(frozen=True, slots=True)
class Letter:
    """`letter`: its key in setup.toml; `kind`: what goes under it, `n`: which of its key it is.

    `to` null: no address is known. `reason`: a code, maybe with what a server said, `sentence` the
    same for people. `wait_until`: it can be taken back until then. `message_id` is null until the
    letter is formed, and then never changes.
    """

    id: str
    card: str
    letter: str
    n: int
    kind: LetterKind
    state: LetterState
    to: str | None
    subject: str
    message_id: str | None
    reason: str | None
    sentence: str | None
    contact: str | None
    manager: str | None
    document: str | None
    asked_at: datetime
    asked_by: str
    wait_until: datetime | None
    approved_by: str | None
    tries: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class LetterPage:
    items: tuple[Letter, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class LetterWithText(Letter):
    """`formed` false: a preview of how it would be by now. `problem`: why there is none."""

    formed: bool
    html: str
    text: str
    attachments: tuple[str, ...]
    problem: str | None


@routes.get("/letters", right="look")
async def list_letters(asked: Asked, query: LettersQuery) -> LetterPage:
    """Letters, the newest first."""
    found = await asked.service.database.read(
        listing.list_letters,
        asked.viewer,
        card=query.card,
        state=query.state,
        after=query.cursor,
        limit=query.limit,
    )
    last = found.items[-1].id if found.more else None
    return LetterPage(tuple(_letter(asked, one) for one in found.items), last)


@routes.get("/letters/{id}", right="look")
async def get_letter(asked: Asked, path: ById) -> LetterWithText:
    """A letter as it was sent; before it is formed, as it would be by now."""
    one = await _find(asked, path.id)
    if one.html:
        titles = tuple(each.title for each in one.frozen.attachments)
        return _with_text(asked, one, _Text(one.subject, one.html, one.text, titles), formed=True)
    if one.state == "cancelled":
        return _with_text(asked, one, _Text(), formed=False)
    return _with_text(asked, one, await _preview(asked, one), formed=False)


@dataclass(frozen=True, slots=True)
class _Text:
    subject: str = ""
    html: str = ""
    text: str = ""
    attachments: tuple[str, ...] = ()
    problem: str | None = None


async def _preview(asked: Asked, one: StoredLetter) -> _Text:
    service = asked.service
    setup, now = service.setups.current, service.clock()
    try:
        draft = await service.database.read(letter_drafts.preview_of, one, setup, now=now)
        if draft is None:
            return _Text(problem="This letter is gone from setup.toml.")
        made, titles = await letter_drafts.preview(service, draft)
    except (BadTemplate, NoSuchTemplate) as error:
        return _Text(problem=str(error))
    return _Text(made.subject, made.html, made.text, titles)


def _with_text(asked: Asked, one: StoredLetter, said: _Text, *, formed: bool) -> LetterWithText:
    plain = _letter(asked, one)
    head = {field.name: getattr(plain, field.name) for field in fields(plain)}
    return LetterWithText(
        **{**head, "subject": said.subject},
        formed=formed,
        html=said.html,
        text=said.text,
        attachments=said.attachments,
        problem=said.problem,
    )


@routes.post("/letters/{id}/cancel", right="work")
async def cancel_letter(asked: Asked, path: ById) -> Letter:
    """Take a letter back that has not begun to leave; a second time changes nothing.

    Its number, if it has one, stays, and the document is annulled. 409: it is on its way, was sent,
    or nobody knows (then `resolve`).
    """
    service = asked.service
    await _find(asked, path.id)
    try:
        one = await service.database.write(
            within,
            asked.viewer,
            "letter",
            path.id,
            letters.cancel,
            path.id,
            by=asked.by,
            now=service.clock(),
        )
    except (NotNow, NoSuchLetter) as error:
        _refuse(error, "can be cancelled")
    return _letter(asked, one)


@routes.post("/letters/{id}/approve", right="work")
async def approve_letter(asked: Asked, path: ById) -> Letter:
    """Let a letter go that waits for approval; it can be taken back until `wait_until`.

    403 where a head has to say so. 409: it does not wait for that, or lacks items.
    """
    service = asked.service
    await _find(asked, path.id)
    setup, now = service.setups.current, service.clock()
    try:
        one = await service.database.write(
            within,
            asked.viewer,
            "letter",
            path.id,
            letters.approve,
            path.id,
            setup,
            viewer=asked.viewer,
            by=asked.by,
            now=now,
        )
    except NotYours:
        raise NOT_YOURS from None
    except (NotNow, NoSuchLetter) as error:
        _refuse(error, "can be approved")
    return _letter(asked, one)


@routes.post("/letters/{id}/resolve", right="work")
async def resolve_letter(asked: Asked, path: ById, body: Resolution) -> Letter:
    """Say what became of a letter in doubt, or send one again that failed.

    One that failed is formed anew, to the address that its contact has now. 409: it is neither.
    """
    service = asked.service
    await _find(asked, path.id)
    setup, now = service.setups.current, service.clock()
    try:
        one = await service.database.write(
            within,
            asked.viewer,
            "letter",
            path.id,
            sending.resolve,
            path.id,
            body.how,
            setup,
            by=asked.by,
            now=now,
        )
    except (NotNow, NoSuchLetter) as error:
        _refuse(error, "can be resolved so")
    return _letter(asked, one)


@routes.post("/cards/{id}/letters", right="work", status=201)
async def send_letter(asked: Asked, path: ById, body: Wanted) -> Letter:
    """Have a letter made on purpose, whatever status the card has.

    409: the card has this letter and `again` is false, or the one before is not settled.
    """
    service = asked.service
    setup, now = service.setups.current, service.clock()
    try:
        one = await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            letters.ask_again,
            path.id,
            body.letter,
            setup,
            again=body.again,
            by=asked.by,
            now=now,
        )
    except NoSuchCard:
        raise NO_SUCH_CARD from None
    except NoSuchLetter:
        keys = [each.key for each in setup.letter]
        message = f"is no letter of the card's pipeline; {allowed_words(keys, body.letter)}"
        raise Problem(422, "There is no such letter.", [FieldProblem("letter", message)]) from None
    except AlreadyThere:
        detail = "The card has this letter; another is made only with again = true."
        raise Problem(409, detail) from None
    except NotNow as error:
        detail = f"The letter before it is in state {error.state}; settle or cancel that one first."
        raise Problem(409, detail) from None
    return _letter(asked, one)


async def _find(asked: Asked, letter_id: str) -> StoredLetter:
    one = await asked.service.database.read(listing.find_letter, asked.viewer, letter_id)
    if one is None:
        raise NO_SUCH_LETTER
    return one


def _refuse(error: NotNow | NoSuchLetter, what: str) -> NoReturn:
    if isinstance(error, NoSuchLetter):
        raise NO_SUCH_LETTER from None
    why = ", without items" if error.reason == "no_items" else ""
    raise Problem(409, f"No letter {what} in state {error.state}{why}.") from None


def _letter(asked: Asked, one: StoredLetter) -> Letter:
    return Letter(
        id=one.id,
        card=one.card,
        letter=one.key,
        n=one.n,
        kind=one.kind,
        state=one.state,
        to=one.email,
        subject=one.subject,
        message_id=one.message_id if one.message_id.startswith("<") else None,
        reason=one.reason,
        sentence=why_letter(one.reason, language=asked.language) if one.reason else None,
        contact=one.contact,
        manager=one.manager,
        document=one.document,
        asked_at=one.asked_at,
        asked_by=one.by,
        wait_until=one.wait_until,
        approved_by=one.released_by,
        tries=one.tries,
        sent_at=one.sent_at,
    )


# Addresses that get no mail


Email = Annotated[str, Field(max_length=254)]


class SuppressionsQuery(Paged):
    email: Email | None = None
    cursor: Annotated[str, Field(max_length=320)] | None = None


class NewSuppression(Given):
    email: Annotated[Text, Field(description="No mail goes to it, of this purpose.")]
    purpose: Annotated[
        Purpose, Field(description="`all`: no mail at all; `advertising`: no promotional letters.")
    ] = "all"


class SuppressionQuery(Given):
    email: Email
    purpose: Purpose = "all"


@dataclass(frozen=True, slots=True)
class Suppression:
    """`reason`: `opt_out` by the link in a letter, `bounce`, `complaint`, or `person`."""

    email: str
    purpose: Purpose
    reason: str
    by: str
    since: datetime


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    items: tuple[Suppression, ...]
    next: str | None


@routes.get("/suppressions", right="look")
async def list_suppressions(asked: Asked, query: SuppressionsQuery) -> SuppressionPage:
    """Addresses that get no mail, in the order of the alphabet."""
    after = None
    if query.cursor:
        email, _, purpose = query.cursor.replace("\x00", "").rpartition("/")
        after = (email, purpose)
    found = await asked.service.database.read(
        stored.list_suppressed,
        email=_spelled(query.email) if query.email is not None else None,
        after=after,
        limit=query.limit + 1,
    )
    items, last = query.part(found, lambda one: f"{one.email}/{one.purpose}")
    return SuppressionPage(tuple(_suppression(one) for one in items), last)


@routes.post("/suppressions", right="work", status=201, others=(200,))
async def suppress_address(asked: Asked, body: NewSuppression) -> Reply[Suppression]:
    """Send no more mail to an address, or no more advertising; 200 where it stood already.

    Against advertising it also withdraws the consents of whoever has the address.
    """
    service, now = asked.service, asked.service.clock()
    email = read_email(body.email)
    if email is None:
        problem = FieldProblem("email", "is no e-mail address; allowed: e.g. ivan@example.com")
        raise Problem(422, "This cannot be suppressed.", [problem])
    purpose = "" if body.purpose == "all" else stored.ADVERTISING
    wanted = StoredSuppressed(email, purpose, "person", asked.by, now)
    fresh = await service.database.write(sending.suppress, wanted, now=now)
    found = await service.database.read(stored.list_suppressed, email=email)
    one = next((each for each in found if each.purpose == purpose), wanted)
    return Reply(_suppression(one), 201 if fresh else 200)


@routes.delete("/suppressions", right="work")
async def allow_address(asked: Asked, query: SuppressionQuery) -> Suppression:
    """Let an address get mail again; consents that were withdrawn stay withdrawn."""
    service = asked.service
    email = _spelled(query.email)
    purpose = "" if query.purpose == "all" else stored.ADVERTISING
    found = await service.database.read(stored.list_suppressed, email=email)
    one = next((each for each in found if each.purpose == purpose), None)
    if one is None or not await service.database.write(
        sending.unsuppress, email, purpose, by=asked.by, now=service.clock()
    ):
        raise NO_SUCH_SUPPRESSION
    return _suppression(one)


def _spelled(email: str) -> str:
    return email.replace("\x00", "").strip().lower()


def _suppression(one: StoredSuppressed) -> Suppression:
    purpose: Purpose = "advertising" if one.purpose == stored.ADVERTISING else "all"
    return Suppression(one.email, purpose, one.reason, one.by, one.since)
