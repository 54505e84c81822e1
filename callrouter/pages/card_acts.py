"""What people do on a card's page: notes, files, items, letters, offers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import BodyPartReader, web

from callrouter import letter_drafts, papers
from callrouter.attaching import Empty, TooLarge, attach_file
from callrouter.domain.items import rounded
from callrouter.domain.offers import Format
from callrouter.flows import attachments as files_flow
from callrouter.flows import items as items_flow
from callrouter.flows import letters as letters_flow
from callrouter.flows import notes as notes_flow
from callrouter.flows import sending
from callrouter.flows.attachments import MOST_BYTES, NoSuchFile, NotYourFile
from callrouter.flows.documents import NoItems, NoSuchPaper, Unconfirmed, issue
from callrouter.flows.edit_card import ChangedMeanwhile, edit_items
from callrouter.flows.letters import AlreadyThere, NoSuchLetter, NotNow, NotYours
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.notes import NoSuchNote, NotTheAuthor, StaleNote
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import NotSeen, check_seen
from callrouter.flows.templates import NoSuchTemplate
from callrouter.forming.press import BadTemplate, TooMuch
from callrouter.handing_out import give, hand_out
from callrouter.pages.card import ID, ITEMS, Asked, CardPage, back
from callrouter.pages.card_items import Form, given_of, read_rows, refused
from callrouter.pages.card_people import CardPeople
from callrouter.pages.card_timeline import LETTER_KINDS, LETTER_STATES, size_of
from callrouter.pages.listening import Listening
from callrouter.wording.letters import why_letter
from callrouter.wording.who import who_did
from storage import listing_letters as listing
from storage import papers as stored_papers
from storage import products
from storage.files import FilesSilent, NoRoom
from storage.listing_timeline import user_names

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.letters import StoredLetter
    from storage.papers import StoredPaper

T = TypeVar("T")

MOST_FILES: Final = 20
"""So many files at once."""

_FORMATS: Final[tuple[Format, ...]] = ("pdf", "docx", "odt")
_FEW: Final = 12
_GONE = (NotSeen, NoSuchCard, NoSuchNote, NoSuchFile, NoSuchLetter, NoSuchPaper)


class CardActs:
    """Takes the forms of a card's page; what is refused comes back in it, with what was typed."""

    def __init__(self, service: Service, doors: Doors, page: CardPage) -> None:
        self._service = service
        self._doors = doors
        self._page = page

    async def _write(
        self,
        request: web.Request,
        guest: Guest,
        flow: Callable[..., T],
        *given: object,
        **named: object,
    ) -> T:
        """Run a flow on the card, if he sees it. Raises NotSeen and what the flow raises."""
        id_, by, now = request.match_info["id"], guest.by, self._service.clock()
        write = self._service.database.write
        return await write(_seen, guest.viewer, id_, flow, *given, by=by, now=now, **named)

    def _gone(self, guest: Guest) -> web.StreamResponse:
        return self._doors.message(guest, HTTPStatus.NOT_FOUND)

    def _not_his(self, guest: Guest) -> web.StreamResponse:
        return self._doors.message(guest, HTTPStatus.FORBIDDEN, "no_right")

    # Notes

    async def add_note(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, form = request.match_info["id"], await request.post()
        text = str(form.get("text", ""))
        try:
            await self._write(request, guest, notes_flow.add_note, id_, text)
        except _GONE:
            return self._gone(guest)
        except BadFields:
            asked = Asked(note=text, note_wrong=_note_wrong(guest))
            return await self._page.page(request, guest, asked, HTTPStatus.UNPROCESSABLE_ENTITY)
        return back(id_, "timeline")

    async def change_note(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`do`: edit, delete, pin or unpin."""
        id_, note, form = request.match_info["id"], request.match_info["note"], await request.post()
        text, was = str(form.get("text", "")), str(form.get("was", ""))
        try:
            match form.get("do"):
                case "edit":
                    flow = notes_flow.edit_note
                    await self._write(request, guest, flow, id_, note, text, was=was)
                case "delete":
                    flow_ = notes_flow.delete_note
                    others = guest.may("delete")
                    await self._write(request, guest, flow_, id_, note, others=others)
                case "pin" | "unpin" as how:
                    pin = notes_flow.pin_note
                    await self._write(request, guest, pin, id_, note, pinned=how == "pin")
                case _:
                    return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        except _GONE:
            return self._gone(guest)
        except NotTheAuthor:
            return self._not_his(guest)
        except BadFields:
            asked = Asked(editing_note=note, note=text, note_wrong=_note_wrong(guest))
            return await self._page.page(request, guest, asked, HTTPStatus.UNPROCESSABLE_ENTITY)
        except StaleNote:
            said = guest.words("This note was changed meanwhile. What you typed is kept here.")
            asked = Asked(editing_note=note, note=text, note_wrong=said)
            return await self._page.page(request, guest, asked, HTTPStatus.CONFLICT)
        return back(id_, f"note-{note}")

    # Files

    async def add_files(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Several at once, each to the disk as it comes; those that came whole are kept."""
        id_ = request.match_info["id"]
        try:
            await self._service.database.read(check_seen, guest.viewer, "card", id_)
            wrong = await self._take_files(request, guest, id_)
        except _GONE:
            return self._gone(guest)
        except ValueError:  # the parts of what was sent cannot be told apart
            wrong = [guest.words("Choose a file first.")]
        if not wrong:
            return back(id_, "timeline")
        asked = Asked(files_wrong=tuple(wrong))
        return await self._page.page(request, guest, asked, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def _take_files(self, request: web.Request, guest: Guest, card: str) -> list[str]:
        """What is wrong with those that were not kept."""
        words = guest.words
        if not request.content_type.startswith("multipart/"):
            return [words("Choose a file first.")]
        wrong, taken = [], 0
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader) or not part.filename:
                continue
            if taken == MOST_FILES:
                wrong.append(
                    words.many(
                        "At most {n} file at once.", "At most {n} files at once.", MOST_FILES
                    )
                )
                break
            taken += 1
            name = files_flow.tidy_name(part.filename)
            try:
                await attach_file(
                    self._service, guest.viewer, card, name, _blocks(part), by=guest.by
                )
            except TooLarge:
                most = size_of(MOST_BYTES, words)
                wrong.append(words("{name}: too large, at most {most}.", name=name, most=most))
                await _drop(part)
            except Empty:
                wrong.append(words("{name}: there is nothing in it.", name=name))
            except (NoRoom, FilesSilent):
                wrong.append(words("{name}: it could not be kept. Try again later.", name=name))
                await _drop(part)
        if not taken:
            return [words("Choose a file first.")]
        return wrong

    async def give_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A file, to be saved: no browser shows it within our pages."""
        id_, file = request.match_info["id"], request.match_info["file"]
        one = await self._service.database.read(files_flow.seen_file, guest.viewer, id_, file)
        if one is None or one.deleted_at:
            return self._gone(guest)
        try:
            return await hand_out(
                request, self._service.files, one.file, one.size, one.type, shown_as=one.name
            )
        except FileNotFoundError:
            return self._gone(guest)
        except FilesSilent:
            return self._doors.message(guest, HTTPStatus.SERVICE_UNAVAILABLE)

    async def delete_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, file = request.match_info["id"], request.match_info["file"]
        others = guest.may("delete")
        try:
            await self._write(request, guest, files_flow.delete_file, id_, file, others=others)
        except _GONE:
            return self._gone(guest)
        except NotYourFile:
            return self._not_his(guest)
        return back(id_, f"file-{file}")

    # Items

    async def put_items(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, form = request.match_info["id"], await request.post()
        setup, words = self._service.setups.current, guest.words
        rows, was = read_rows(form), str(form.get("was", ""))
        try:
            await self._write(request, guest, edit_items, id_, given_of(rows), setup, was=was)
        except _GONE:
            return self._gone(guest)
        except BadFields as bad:
            asked = Asked(edit=ITEMS, items=refused(rows, bad.wrong, was, words))
            return await self._page.page(request, guest, asked, HTTPStatus.UNPROCESSABLE_ENTITY)
        except ChangedMeanwhile as other:
            said = words("The items were changed meanwhile. Compare them, then save yours again.")
            if other.by:
                users = await self._service.database.read(user_names, [other.by])
                said = words(
                    "{who} changed the items meanwhile. Compare them, then save yours again.",
                    who=who_did(other.by, setup, words, users),
                )
            again = Form(refused(rows, (), other.value, words).rows, other.value, said)
            asked = Asked(edit=ITEMS, items=again)
            return await self._page.page(request, guest, asked, HTTPStatus.CONFLICT)
        return back(id_, "items")

    async def confirm_items(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_, setup = request.match_info["id"], self._service.setups.current
        try:
            await self._write(request, guest, items_flow.confirm_items, id_, setup)
        except _GONE:
            return self._gone(guest)
        return back(id_, "items")

    async def find_products(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """For whoever types an item's name."""
        q = request.query.get("q", "")[:128].replace("\x00", "")
        found = await self._service.database.read(products.find, q=q, limit=_FEW)
        comma = guest.language == "ru"
        said = [
            {
                "name": one.name,
                "article": one.article or "",
                "unit": one.unit,
                "price": f"{rounded(one.price):f}".replace(".", "," if comma else "."),
                "vat": one.vat or "",
            }
            for one in found.items
        ]
        return web.json_response(said)

    # Letters

    async def ask_letter(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Send a letter on purpose, one more where the card has had it."""
        id_, form = request.match_info["id"], await request.post()
        key, again = str(form.get("letter", "")), form.get("again") == "1"
        setup = self._service.setups.current
        try:
            await self._write(request, guest, letters_flow.ask_again, id_, key, setup, again=again)
        except _GONE:
            return self._gone(guest)
        except (AlreadyThere, NotNow):
            return await self._letters_refused(request, guest)
        return back(id_, "letters")

    async def act_on_letter(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`do`: cancel, approve, again or sent."""
        id_, letter = request.match_info["id"], request.match_info["letter"]
        form, setup = await request.post(), self._service.setups.current
        how = str(form.get("do", ""))
        try:
            await self._make_sure_of_letter(guest, id_, letter)
            match how:
                case "cancel":
                    await self._write(request, guest, letters_flow.cancel, letter)
                case "approve":
                    approve, viewer = letters_flow.approve, guest.viewer
                    await self._write(request, guest, approve, letter, setup, viewer=viewer)
                case "again" | "sent":
                    await self._write(request, guest, sending.resolve, letter, how, setup)
                case _:
                    return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        except _GONE:
            return self._gone(guest)
        except NotYours:
            return self._not_his(guest)
        except NotNow:
            return await self._letters_refused(request, guest)
        return back(id_, "letters")

    async def _letters_refused(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        said = guest.words("The letter is past that by now: look where it stands.")
        asked = Asked(letters_wrong=said)
        return await self._page.page(request, guest, asked, HTTPStatus.CONFLICT)

    async def _make_sure_of_letter(self, guest: Guest, card: str, letter: str) -> StoredLetter:
        """Raises NoSuchLetter."""
        find = listing.find_letter
        one = await self._service.database.read(find, guest.viewer, letter)
        if one is None or one.card != card:
            raise NoSuchLetter(letter)
        return one

    async def show_letter(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A letter as it was sent; before it is formed, as it would be by now."""
        service, words = self._service, guest.words
        id_, letter = request.match_info["id"], request.match_info["letter"]
        try:
            one = await self._make_sure_of_letter(guest, id_, letter)
        except NoSuchLetter:
            return self._gone(guest)
        subject, text, names = (
            one.subject,
            one.text,
            tuple(each.title for each in one.frozen.attachments),
        )
        problem = ""
        if not one.html and one.state != "cancelled":
            setup, now = service.setups.current, service.clock()
            try:
                draft = await service.database.read(letter_drafts.preview_of, one, setup, now=now)
                if draft:
                    made, names = await letter_drafts.preview(service, draft)
                    subject, text = made.subject, made.text
            except (BadTemplate, NoSuchTemplate):
                problem = words("Its template failed; nothing of it was sent.")
        return self._doors.page(
            guest,
            "card_letter",
            card_id=id_,
            name=words(LETTER_KINDS.get(one.kind, one.kind)),
            state=words(LETTER_STATES[one.state]),
            formed=bool(one.html),
            to=one.email or "",
            subject=subject,
            text=text,
            files=names,
            why=why_letter(one.reason, language=words.language) if one.reason else "",
            problem=problem,
        )

    # Offers

    async def issue(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Give the card's offer a number."""
        id_, setup = request.match_info["id"], self._service.setups.current
        try:
            await self._write(request, guest, issue, id_, setup)
        except _GONE:
            return self._gone(guest)
        except (NoItems, Unconfirmed):
            said = guest.words("An offer needs items, each with a price that somebody confirmed.")
            asked = Asked(letters_wrong=said)
            return await self._page.page(request, guest, asked, HTTPStatus.CONFLICT)
        return back(id_, "letters")

    async def give_document(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        service, fmt = self._service, _format(request)
        id_, document = request.match_info["id"], request.match_info["document"]
        paper = await service.database.read(_find_paper, guest.viewer, id_, document)
        if paper is None:
            return self._gone(guest)
        try:
            one = await papers.form(service, paper.id, fmt)
            title = papers.title_of(paper.offer, paper, fmt)
            media = papers.MEDIA_TYPES[fmt]
            return await hand_out(request, service.files, one.file, one.size, media, shown_as=title)
        except (BadTemplate, NoSuchTemplate, TooMuch):
            return await self._not_formed(request, guest)
        except (NoRoom, FilesSilent):
            return self._doors.message(guest, HTTPStatus.SERVICE_UNAVAILABLE)
        except FileNotFoundError:
            return self._gone(guest)

    async def preview(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The offer as it would be today, without its number."""
        id_, fmt = request.match_info["id"], _format(request)
        try:
            await self._service.database.read(check_seen, guest.viewer, "card", id_)
            offer, body = await papers.preview(self._service, id_, fmt)
        except _GONE:
            return self._gone(guest)
        except (BadTemplate, NoSuchTemplate, TooMuch):
            return await self._not_formed(request, guest)
        title = papers.title_of(offer, None, fmt)
        return give(body, papers.MEDIA_TYPES[fmt], shown_as=title)

    async def _not_formed(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        said = guest.words(
            "The template of offers failed: whoever keeps the templates has to look."
        )
        asked = Asked(letters_wrong=said)
        return await self._page.page(request, guest, asked, HTTPStatus.CONFLICT)


def _seen(
    conn: Connection,
    viewer: Viewer,
    card: str,
    flow: Callable[..., T],
    /,
    *given: object,
    **named: object,
) -> T:
    """As `within`, for flows that take a viewer of their own, too."""
    check_seen(conn, viewer, "card", card)
    return flow(conn, *given, **named)


def _note_wrong(guest: Guest) -> str:
    most = notes_flow.LONGEST
    return guest.words("A note has from 1 to {n} characters.", n=most)


def _format(request: web.Request) -> Format:
    said = request.query.get("format", "pdf")
    return next((one for one in _FORMATS if one == said), "pdf")


async def _blocks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while block := await part.read_chunk(256 * 1024):
        yield block


async def _drop(part: BodyPartReader) -> None:
    """Read the rest of a file that is not kept, as far as it is worth it."""
    left = 4 * MOST_BYTES
    while left > 0 and (block := await part.read_chunk(256 * 1024)):
        left -= len(block)


def _find_paper(conn: Connection, viewer: Viewer, card: str, document: str) -> StoredPaper | None:
    try:
        check_seen(conn, viewer, "card", card)
    except NotSeen:
        return None
    paper = stored_papers.find(conn, document)
    return paper if paper and paper.card == card else None


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    """Every page of a card, and what is asked for by its scripts."""
    page = CardPage(service, doors)
    acts = CardActs(service, doors, page)
    people = CardPeople(service, doors, page)
    listening = Listening(service, doors)
    at = f"/cards/{ID}"
    router.add_get(at, doors.guarded(page.show, "look"))
    router.add_post(f"{at}/edit", doors.guarded(page.edit, "work"))
    router.add_get(f"{at}/contacts/add", doors.guarded(people.choose, "work"))
    router.add_post(f"{at}/contacts/add", doors.guarded(people.add, "work"))
    router.add_post(f"{at}/contacts/{{contact}}", doors.guarded(people.act, "work"))
    router.add_post(f"{at}/notes", doors.guarded(acts.add_note, "work"))
    router.add_post(f"{at}/notes/{{note}}", doors.guarded(acts.change_note, "work"))
    router.add_post(f"{at}/files", doors.guarded(acts.add_files, "work"))
    router.add_get(f"{at}/files/{{file}}", doors.guarded(acts.give_file, "look"))
    router.add_post(f"{at}/files/{{file}}/delete", doors.guarded(acts.delete_file, "work"))
    router.add_post(f"{at}/items", doors.guarded(acts.put_items, "work"))
    router.add_post(f"{at}/items/confirm", doors.guarded(acts.confirm_items, "work"))
    router.add_get(f"{at}/products", doors.guarded(acts.find_products, "work"))
    router.add_post(f"{at}/letters", doors.guarded(acts.ask_letter, "work"))
    router.add_get(f"{at}/letters/{{letter}}", doors.guarded(acts.show_letter, "look"))
    router.add_post(f"{at}/letters/{{letter}}", doors.guarded(acts.act_on_letter, "work"))
    router.add_post(f"{at}/documents", doors.guarded(acts.issue, "work"))
    router.add_get(f"{at}/documents/{{document}}", doors.guarded(acts.give_document, "look"))
    router.add_get(f"{at}/offer", doors.guarded(acts.preview, "look"))
    router.add_get("/calls/{id}/peaks", doors.guarded(listening.peaks, "listen"))
    router.add_get("/calls/{id}/transcript", doors.guarded(listening.transcript, "listen"))
