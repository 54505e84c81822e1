"""`/contacts.csv`, `/cards.csv`: what one may see as a file; who took which is kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from callrouter.import_file.refused import as_text
from callrouter.pages.contact_form import CHOICE, choice_of
from callrouter.pages.doors import SECURITY
from callrouter.wording.catalogue import mark
from callrouter.wording.moves import status_named
from storage import audit
from storage.listing import MOST, CardView, ContactView, list_cards, list_contacts

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.domain.setup import Language, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.listing import Slice

MOST_ROWS: Final = 10_000
_LONGEST: Final = 128  # of what is looked for

# The headings that our own import knows again (`import_file/headings.py`), in both languages.
_CONTACT: Final = {
    "ru": (
        *("ФИО", "Компания", "Должность", "Телефон", "Почта", "Ответственный"),
        *("Теги", "ИНН", "Комментарий", "Дата создания"),
    ),
    "en": (
        *("Name", "Company", "Position", "Phone", "Email", "Responsible"),
        *("Tags", "INN", "Comment", "Created on"),
    ),
}
CARD: Final = (
    mark("Number"),
    mark("Title"),
    mark("Pipeline"),
    mark("Status"),
    mark("Responsible"),
    mark("Client"),
    mark("Phone"),
    mark("Amount"),
    mark("Due"),
    mark("Came from"),
    mark("Made"),
    mark("Last contact"),
    mark("Closed"),
)


class Exports:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def contacts(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`?q=`, `?phone=`, and what clients are chosen by: as the list of contacts takes them."""
        sought, chosen = _given(request, ("q", "phone")), _given(request, CHOICE)
        read = partial(list_contacts, choice=choice_of(chosen))
        found: list[ContactView] = await self._all(read, guest, sought)
        setup, language = self._service.setups.current, guest.language
        rows = _contact_rows(found, setup)
        sheet = sheet_of(_CONTACT[language], rows, guest.words)
        given = {**sought, **chosen}
        return await self.send(request, guest, "contacts", sheet, len(found), given)

    async def cards(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`?status=`, `?manager=`, `?phone=`: as the list of cards takes them."""
        given = _given(request, ("status", "manager", "phone"))
        found: list[CardView] = await self._all(list_cards, guest, given)
        setup, words = self._service.setups.current, guest.words
        head = tuple(words(one) for one in CARD)
        sheet = sheet_of(head, card_rows(found, setup, words), words)
        return await self.send(request, guest, "cards", sheet, len(found), given)

    async def _all(
        self, read: Callable[..., Slice[Any]], guest: Guest, given: Mapping[str, str]
    ) -> list[Any]:
        """A page at a time: no read holds the base for long. More than `MOST_ROWS`: not all."""
        region, database = self._service.setups.current.company.region, self._service.database
        found: list[Any] = []
        after = None
        while len(found) <= MOST_ROWS:
            part = await database.read(
                read, guest.viewer, **given, region=region, after=after, limit=MOST
            )
            found += part.items
            if not part.more:
                break
            after = part.items[-1].id
        return found

    async def send(
        self,
        request: web.Request,
        guest: Guest,
        name: str,
        rows: Sequence[Sequence[str]],
        count: int,
        given: Mapping[str, str],
    ) -> web.StreamResponse:
        """Kept first that he takes it, then given. `count`: found, in the file or not.

        Raises BaseSilent.
        """
        now = self._service.clock()
        await self._service.database.write(
            audit.append,
            at=now,
            actor=guest.by,
            action=f"export_{name}",
            data={"rows": min(count, MOST_ROWS), **given},
            address=request.remote,
        )
        day = self._service.setups.current.calendar_of(None).local(now)
        shown_as = f"{name}-{day:%Y-%m-%d}.csv"
        return web.Response(
            body=written(rows, guest.language).encode("utf-8-sig"),
            content_type="text/csv",
            charset="utf-8",
            headers={**SECURITY, "Content-Disposition": f'attachment; filename="{shown_as}"'},
        )


def sheet_of(
    head: Sequence[str], rows: Iterable[Sequence[str]], words: Words
) -> list[Sequence[str]]:
    """The head, and as many rows as a file takes; where there are more, its last line says so.

    That line has a cell more than there are headings: our own import makes no contact of it.
    """
    kept = list(islice(rows, MOST_ROWS + 1))
    if len(kept) <= MOST_ROWS:
        return [head, *kept]
    says = words.many(
        "… not all: only the first {n} row", "… not all: only the first {n} rows", MOST_ROWS
    )
    return [head, *kept[:MOST_ROWS], (says, *[""] * (len(head) - 1), "…")]


def most_said(words: Words, *, more: bool) -> str:
    """Beside the link to a file: that it does not take any list whole; "" for a short one."""
    said = words.many("at most {n} row", "at most {n} rows", MOST_ROWS)
    return said if more else ""


def written(rows: Iterable[Sequence[str]], language: Language) -> str:
    """As Excel of that language opens it, which takes no cell for a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if language == "ru" else ",")
    writer.writerows([as_text(cell) for cell in row] for row in rows)
    return text.getvalue()


def _contact_rows(found: Iterable[ContactView], setup: Setup) -> Iterator[tuple[str, ...]]:
    for one in found:
        is_company = one.kind == "company"
        yield (
            "" if is_company else one.name,
            one.name if is_company else one.company or "",
            one.position or "",
            "; ".join(one.phones),
            "; ".join(one.emails),
            _name(one.responsible, setup),
            "; ".join(one.tags),
            one.inn or "",
            one.comment or "",
            _moment(one.created_at, setup),
        )


def card_rows(found: Iterable[CardView], setup: Setup, words: Words) -> Iterator[tuple[str, ...]]:
    for one in found:
        pipeline = setup.pipelines.get(one.pipeline)
        yield (
            str(one.number),
            one.title,
            (pipeline.name if pipeline else "") or one.pipeline,
            status_named(pipeline, one.status, words),
            _name(one.manager, setup),
            one.contact.name if one.contact else "",
            "; ".join(one.contact.phones) if one.contact else "",
            "" if one.amount is None else f"{one.amount:.2f}",
            one.due_on.isoformat() if one.due_on else "",
            one.source or "",
            _moment(one.created_at, setup),
            _moment(one.last_contact_at, setup),
            _moment(one.closed_at, setup),
        )


def _name(key: str | None, setup: Setup) -> str:
    manager = setup.managers.get(key) if key else None
    return manager.name if manager else key or ""


def _moment(at: datetime | None, setup: Setup) -> str:
    return f"{setup.calendar_of(None).local(at):%Y-%m-%d %H:%M}" if at else ""


def _given(request: web.Request, names: Sequence[str]) -> dict[str, str]:
    """What is looked for, as far as something is."""
    asked = {name: request.query.get(name, "").replace("\x00", "")[:_LONGEST] for name in names}
    return {name: text for name, text in asked.items() if text.strip()}


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    exports = Exports(service, doors)
    router.add_get("/contacts.csv", doors.guarded(exports.contacts, "export"), allow_head=False)
    router.add_get("/cards.csv", doors.guarded(exports.cards, "export"), allow_head=False)
