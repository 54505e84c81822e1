"""Letters as the press makes them: to be sent, and to be looked at before that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from callrouter import papers
from callrouter.domain.letters import Attachment, letter_of
from callrouter.flows import documents
from callrouter.flows.letters import Pressed
from callrouter.flows.templates import templates_of
from callrouter.forming.values import letter_values
from callrouter.mailboxes import NoMailbox, mailbox_for
from callrouter.opting_out import opt_out_url
from storage import letters
from storage import papers as stored_papers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.offers import Format, Offer
    from callrouter.domain.setup import Letter, Setup
    from callrouter.forming.press import Formed, Template
    from callrouter.service import Service
    from storage.letters import StoredLetter
    from storage.papers import StoredPaper


@dataclass(frozen=True, slots=True)
class Draft:
    """What a letter is formed of. `offer`: whom it is from and to, of one without a paper too."""

    letter: StoredLetter
    paper: StoredPaper | None
    offer: Offer
    template: Template
    to_name: str


def draft_of(conn: Connection, letter_id: str, setup: Setup, *, now: datetime) -> Draft | None:
    """Of a letter that is to be formed; None: not, or not any more. Raises NoSuchTemplate."""
    one = letters.find(conn, letter_id)
    if one is None or one.state != "todo" or one.html:
        return None
    return _draft(conn, one, setup, now)


def preview_of(conn: Connection, one: StoredLetter, setup: Setup, *, now: datetime) -> Draft | None:
    """Of a letter that was not formed yet, as it would be by now. Raises NoSuchTemplate."""
    if not one.frozen.template:
        spec = _spec(one, setup)
        if spec is None:
            return None
        made = replace(one.frozen, template=spec.template, promotional=spec.promotional)
        attach = spec.attach if spec.kind == "offer" else ()
        one = replace(one, frozen=replace(made, attach=attach))
    return _draft(conn, one, setup, now)


def _spec(one: StoredLetter, setup: Setup) -> Letter | None:
    """Of `[[letter]]`, by which it goes now: its own, or what stands for an offer."""
    own = letter_of(setup, one.key)
    if own is None or own.kind == one.kind:
        return own
    ours = (each for each in setup.letter if each.pipeline == own.pipeline)
    return next((each for each in ours if each.kind == one.kind), None)


def _draft(conn: Connection, one: StoredLetter, setup: Setup, now: datetime) -> Draft:
    paper = stored_papers.find(conn, one.document) if one.document else None
    offer = paper.offer if paper else documents.draft(conn, one.card, setup, now=now)
    template = templates_of(
        conn, one.frozen.template, "html", offer.language, logo=offer.entity.logo
    )
    reader = letters.reader_of(conn, one.contact) if one.contact else None
    to_name = reader.name if reader and reader.confirmed else ""
    return Draft(one, paper, offer, template, to_name)


async def press(service: Service, draft: Draft, setup: Setup) -> Pressed:
    """The whole letter, its files formed and kept.

    Raises BadTemplate, NoSuchTemplate, FilesSilent, NoRoom.
    """
    one, paper = draft.letter, draft.paper
    attachments = await _attached(service, paper, one.frozen.attach) if paper else []
    stop = opt_out_url(service, one.id) if one.frozen.promotional else None
    titles = [each.title for each in attachments]
    made = await _form(service, draft, titles, stop)
    return Pressed(
        message_id=f"<{one.message_id}@{_domain(service, one.manager, setup)}>",
        subject=made.subject,
        html=made.html,
        text=made.text,
        attachments=tuple(attachments),
        opt_out_url=stop,
        to_name=draft.to_name,
    )


async def preview(service: Service, draft: Draft) -> tuple[Formed, tuple[str, ...]]:
    """The letter as it would be, and what its files would be called. Raises BadTemplate."""
    one = draft.letter
    titles = [papers.title_of(draft.offer, draft.paper, fmt) for fmt in one.frozen.attach]
    stop = opt_out_url(service, one.id) if one.frozen.promotional else None
    return await _form(service, draft, titles, stop), tuple(titles)


async def _form(service: Service, draft: Draft, titles: list[str], stop: str | None) -> Formed:
    offer = draft.offer
    values = letter_values(
        entity=offer.entity,
        customer=offer.customer,
        sender=offer.sender,
        language=offer.language,
        offer=offer if draft.letter.kind == "offer" else None,
        attachments=titles,
        opt_out_url=stop,
    )
    return await service.press.letter(draft.template, values)


async def _attached(
    service: Service, paper: StoredPaper, formats: Iterable[Format]
) -> list[Attachment]:
    found = []
    for fmt in formats:
        file = await papers.form(service, paper.id, fmt)
        title = papers.title_of(paper.offer, paper, fmt)
        found.append(Attachment(title, papers.MEDIA_TYPES[fmt], file.file))
    return found


def _domain(service: Service, manager: str | None, setup: Setup) -> str:
    """Of the sender's address, else of our own: the right half of a Message-ID."""
    try:
        sender = mailbox_for(manager, setup, service.settings, service.seal).sender
    except NoMailbox:
        sender = ""
    domain = sender.rpartition("@")[2] or urlsplit(service.settings.public_url).hostname or ""
    try:
        return domain.encode("idna").decode().lower() or "localhost"
    except UnicodeError:
        return "localhost"
