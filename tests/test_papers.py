"""Documents as files: formed once, the same ever after, formed anew only when they are lost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from callrouter.domain.offers import Customer, Format, Offer
from callrouter.flows.documents import NoSuchPaper, draft, issue
from callrouter.flows.templates import keep
from callrouter.forming.press import BadTemplate, Press, Template, shipped
from callrouter.papers import form, preview, read, title_of
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import papers, tables
from storage.database import Database
from storage.files import Folder
from storage.papers import PaperFile, StoredPaper
from tests.api.conftest import HandClock, Setups
from tests.examples import MONDAY_NOON
from tests.flows.papers import DESK, ENTITIES, LAMP, ROMASHKA, card_with, put_items
from tests.office import Office


class Stamp(Press):
    """Prints in a moment what was asked of it, and how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.printed = 0

    async def offer(self, offer: Offer, template: Template, fmt: Format) -> bytes:
        self.printed += 1
        number = self.printed
        await asyncio.sleep(0)
        goods = ", ".join(one.name for one in offer.items)
        drawn = b"".join(template.images.values())
        return f"{number}. {fmt} {offer.number}: {goods} ".encode() + template.body[:20] + drawn


class Printer:
    """A service that forms documents, and where it keeps them."""

    def __init__(self, database: Database, folder: Path, press: Press) -> None:
        self.clock = HandClock()
        settings = Settings(data_dir=folder)
        setups = Setups(ENTITIES)
        seal = Seal("a secret of the tests")
        self.service = Service(settings, database, setups, seal, self.clock, press=press)
        self.database = database

    async def paper(self) -> StoredPaper:
        card = await card_with(self.database)
        return await self.database.write(issue, card, ENTITIES, by="anna", now=MONDAY_NOON)

    def path(self, one: PaperFile) -> Path:
        assert isinstance(self.service.files, Folder)
        return self.service.files.path(one.file)

    async def formed_anew(self) -> list[tuple[str, str]]:
        return [
            (data["was"], data["now"])
            for row in await Office(self.database).rows(tables.business_event)
            if row.kind == "document_formed_anew" and (data := json.loads(row.data))
        ]


@pytest.fixture
def printer(database: Database, tmp_path: Path) -> Printer:
    return Printer(database, tmp_path / "var", Stamp())


async def test_a_document_is_formed_once(printer: Printer) -> None:
    paper = await printer.paper()
    first = await form(printer.service, paper.id, "pdf")
    printer.clock.now += timedelta(days=1)
    await printer.database.write(put_items, paper.card, LAMP)
    assert await form(printer.service, paper.id, "pdf") == first
    body = await read(printer.service, first)
    assert body.startswith("1. pdf КП-2026-0001: Стол, Лампа ".encode())
    assert (first.size, first.file[:10]) == (len(body), "documents/")
    assert await printer.formed_anew() == []


async def test_each_format_is_a_file_of_its_own(printer: Printer) -> None:
    paper = await printer.paper()
    formats: tuple[Format, ...] = ("pdf", "docx", "odt")
    kept = [await form(printer.service, paper.id, fmt) for fmt in formats]
    assert await printer.database.read(papers.files_of, [paper.id]) == {
        paper.id: tuple(sorted(kept, key=lambda one: one.format))
    }


async def test_formed_twice_at_once_there_is_one_file(printer: Printer) -> None:
    """Whoever is quicker is believed, though the two printed differently."""
    paper = await printer.paper()
    both = await asyncio.gather(*(form(printer.service, paper.id, "pdf") for _ in range(4)))
    assert len(set(both)) == 1
    assert await form(printer.service, paper.id, "pdf") == both[0]


@pytest.mark.parametrize("lost", ["missing", "spoilt"])
async def test_a_file_that_is_lost_is_formed_anew_of_what_was_frozen(
    printer: Printer, lost: str
) -> None:
    paper = await printer.paper()
    first = await form(printer.service, paper.id, "pdf")
    path = printer.path(first)
    if lost == "missing":
        path.unlink()
    else:
        path.write_bytes(b"X" + path.read_bytes()[1:])
    await printer.database.write(put_items, paper.card, LAMP)
    printer.clock.now += timedelta(days=1)
    second = await form(printer.service, paper.id, "pdf")
    body = await read(printer.service, second)
    assert body.startswith("2. pdf КП-2026-0001: Стол, Лампа ".encode())
    assert await form(printer.service, paper.id, "pdf") == second
    assert await printer.formed_anew() == [(lost, "other")]


async def test_a_lost_file_is_formed_from_the_template_that_it_was_formed_from(
    printer: Printer,
) -> None:
    async def bring(body: bytes) -> None:
        now = printer.clock.now
        await printer.database.write(keep, "offer", "typ", body, by="vera", now=now)

    paper = await printer.paper()
    await bring(b"the old one")
    printer.clock.now += timedelta(hours=1)
    first = await form(printer.service, paper.id, "pdf")
    printer.clock.now += timedelta(hours=1)
    await bring(b"the new one")
    printer.path(first).unlink()
    again = await read(printer.service, await form(printer.service, paper.id, "pdf"))
    assert again.endswith(b"the old one")
    other = await printer.paper()
    assert (await read(printer.service, await form(printer.service, other.id, "pdf"))).endswith(
        b"the new one"
    )


async def test_the_logo_is_that_of_the_entity(printer: Printer) -> None:
    entity = replace(ROMASHKA, logo="sign")
    setup = replace(ENTITIES, entity=(entity,))
    await printer.database.write(keep, "sign", "png", b"PICTURE", by="vera", now=MONDAY_NOON)
    card = await card_with(printer.database)
    paper = await printer.database.write(issue, card, setup, by="anna", now=MONDAY_NOON)
    body = await read(printer.service, await form(printer.service, paper.id, "pdf"))
    assert body.endswith(b"PICTURE")


async def test_what_is_not_there_is_not_formed(printer: Printer) -> None:
    with pytest.raises(NoSuchPaper):
        await form(printer.service, "none", "pdf")


async def test_a_template_that_fails_leaves_no_file(printer: Printer) -> None:
    class Jam(Press):
        async def offer(self, offer: Offer, template: Template, fmt: Format) -> bytes:
            raise BadTemplate(f"{template.name}.{fmt} of {offer.number} is jammed")

    paper = await printer.paper()
    jammed = replace(printer.service, press=Jam())
    with pytest.raises(BadTemplate):
        await form(jammed, paper.id, "pdf")
    assert await printer.database.read(papers.file_of, paper.id, "pdf") is None
    assert (await form(printer.service, paper.id, "pdf")).size > 0


OFFER = Offer(
    card=1,
    number="",
    dated=date(2026, 3, 12),
    valid_until=date(2026, 3, 26),
    entity=ROMASHKA,
    customer=Customer("Иван", company="Ромашка"),
    sender=None,  # type: ignore[arg-type]
    items=(DESK,),
    totals=None,  # type: ignore[arg-type]
)


def paper_of(customer: str, edition: int = 1) -> StoredPaper:
    offer = replace(OFFER, customer=Customer(customer))
    return StoredPaper(
        "id", "card", "offer", 15, edition, "", OFFER.dated, offer, "offer", "", MONDAY_NOON
    )


@pytest.mark.parametrize(
    ("paper", "title"),
    [
        pytest.param(paper_of("Ромашка"), "КП № 15 от 12.03.2026 — Ромашка.pdf", id="plain"),
        pytest.param(
            paper_of("Ромашка", 2), "КП № 15-2 от 12.03.2026 — Ромашка.pdf", id="an edition"
        ),
        pytest.param(paper_of(""), "КП № 15 от 12.03.2026.pdf", id="to nobody by name"),
        pytest.param(
            paper_of('/. ООО "А\\Б":\n\u202e*?<>|.'),
            "КП № 15 от 12.03.2026 — ООО А-Б.pdf",
            id="signs that no file takes",
        ),
        pytest.param(
            paper_of("Щ" * 300), f"КП № 15 от 12.03.2026 — {'Щ' * 60}.pdf", id="a long name"
        ),
    ],
)
def test_what_a_file_is_called(paper: StoredPaper, title: str) -> None:
    assert title_of(paper.offer, paper, "pdf") == title


def test_what_a_preview_is_called() -> None:
    assert title_of(OFFER, None, "odt") == "Проект КП от 12.03.2026 — Ромашка.odt"
    english = replace(OFFER, language="en")
    assert title_of(english, None, "odt") == "Draft offer of 12.03.2026 — Ромашка.odt"


@pytest.mark.slow
async def test_a_real_document_says_its_number_and_a_preview_that_it_has_none(
    sqlite_database: Database, tmp_path: Path
) -> None:
    press = Press()
    try:
        printer = Printer(sqlite_database, tmp_path / "var", press)
        paper = await printer.paper()
        one = await form(printer.service, paper.id, "pdf")
        said = words(await read(printer.service, one))
        assert "КП-2026-0001" in said
        printer.path(one).unlink()
        assert (await form(printer.service, paper.id, "pdf")).digest == one.digest
        assert await printer.formed_anew() == [("missing", "same")]
        _, body = await preview(printer.service, paper.card, "pdf")
        assert "будет присвоен" in words(body)
        offer = await sqlite_database.read(draft, paper.card, ENTITIES, now=MONDAY_NOON)
        ours = shipped("offer", "typ", "ru")
        assert words(await press.offer(offer, ours, "pdf")) == words(body)
    finally:
        press.close()


def words(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
