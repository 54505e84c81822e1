"""`/templates`: what offers and letters are formed from, and the logos on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import Connection

from callrouter import papers as forming
from callrouter.api.documents import MEDIA, NO_SUCH_CARD
from callrouter.api.fields import Given, Id
from callrouter.api.layer import Asked, Download, Routes, Upload
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.offers import Format
from callrouter.domain.setup import Language
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.templates import NoSuchTemplate, back, templates_of
from callrouter.forming.press import SOURCES, BadTemplate, Template
from callrouter.templating import Named, Unusable, bring, check
from storage import listing, templates
from storage.templates import TemplateVersion

routes = Routes()

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,50}(\.(ru|en))?$", max_length=53)]
TemplateFormat = Literal["typ", "docx", "odt", "html", "txt", "png"]
_TYPES = {
    "typ": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "html": "text/plain; charset=utf-8",  # its source, not a page
    "png": "image/png",
    "docx": forming.MEDIA_TYPES["docx"],
    "odt": forming.MEDIA_TYPES["odt"],
}


class ByName(Given):
    name: Name
    format: TemplateFormat


class OnCard(Given):
    card: Annotated[Id, Field(description="The card whose offer is formed with it.")]


class BackTo(Given):
    version: Annotated[
        int, Field(ge=0, le=1_000_000, description="An earlier version; 0: the shipped one.")
    ]


@dataclass(frozen=True, slots=True)
class Version:
    """`until` null: it is in use. `size` in bytes."""

    name: str
    format: str
    version: int
    size: int
    made_by: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Versions:
    items: tuple[Version, ...]


@routes.get("/templates", right="look")
async def list_templates(asked: Asked) -> Versions:
    """The templates of the company's own that are in use; whatever else is used is shipped."""
    found = await asked.service.database.read(templates.current)
    return Versions(tuple(_version(one) for one in found))


@routes.download("/templates/{name}.{format}", right="look", media=sorted(set(_TYPES.values())))
async def get_template(asked: Asked, path: ByName) -> Download:
    """The template that is in use, the company's own or the shipped one."""
    body = await asked.service.database.read(_source, path, asked.language)
    if body is None:
        raise _none()
    return Download(body, _TYPES[path.format], f"{path.name}.{path.format}")


@routes.put("/templates/{name}.{format}", right="tune")
async def put_template(asked: Asked, path: ByName, upload: Upload) -> Version:
    """Use this template from now on; documents that are formed already stay as they are.

    It is looked at and tried first: 422 names each unknown variable with its place, and nothing
    is kept.
    """
    service, what = asked.service, Named(path.name, path.format)
    language = service.setups.current.company.language
    try:
        kept = await bring(
            service.database,
            service.press,
            what,
            upload,
            language,
            by=asked.by,
            now=service.clock(),
        )
    except Unusable as error:
        raise _unusable(error) from None
    return _version(kept)


@routes.get("/templates/{name}.{format}/versions", right="look")
async def list_template_versions(asked: Asked, path: ByName) -> Versions:
    """All versions of a template of the company's own, the newest first."""
    found = await asked.service.database.read(templates.versions, path.name, path.format)
    return Versions(tuple(_version(one) for one in found))


@routes.post("/templates/{name}.{format}/back", right="tune")
async def take_template_back(asked: Asked, path: ByName, body: BackTo) -> Versions:
    """Use an earlier version again, as the newest one; 0 is the shipped one."""
    service = asked.service
    try:
        await service.database.write(
            back, path.name, path.format, body.version, by=asked.by, now=service.clock()
        )
    except NoSuchTemplate:
        raise _none() from None
    return await list_template_versions(asked, path)


@routes.preview("/templates/{name}.{format}/preview", right="tune", media=MEDIA)
async def preview_template(asked: Asked, path: ByName, query: OnCard, upload: Upload) -> Download:
    """The offer of a real card as this template would form it; nothing is kept.

    422: it is no template of an offer (typ, docx, odt), or cannot be used.
    """
    service, what = asked.service, Named(path.name, path.format)
    fmt = next((fmt for fmt, source in SOURCES.items() if source == path.format), None)
    if fmt is None:
        detail = f"Offers are formed from {', '.join(SOURCES.values())}."
        raise Problem(422, detail, [FieldProblem("format", "is another")])
    if await service.database.read(listing.find_card, asked.viewer, query.card) is None:
        raise NO_SUCH_CARD
    language = service.setups.current.company.language
    try:
        await check(service.database, service.press, what, upload, language)
        return await _previewed(asked, query.card, fmt, Template(path.name, path.format, upload))
    except Unusable as error:
        raise _unusable(error) from None
    except BadTemplate as error:
        raise Problem(422, f"The template cannot form it: {error}") from None
    except NoSuchCard:
        raise NO_SUCH_CARD from None


async def _previewed(asked: Asked, card: str, fmt: Format, template: Template) -> Download:
    offer, body = await forming.preview(asked.service, card, fmt, template=template)
    title = forming.title_of(offer, None, fmt)
    return Download(body, forming.MEDIA_TYPES[fmt], title)


def _source(conn: Connection, path: ByName, language: Language) -> bytes | None:
    if path.format == "png":
        return templates.in_use(conn, path.name, "png")
    name, _, own = path.name.partition(".")
    spoken: Language = "en" if own == "en" else "ru" if own == "ru" else language
    try:
        found = templates_of(conn, name, "html" if path.format == "txt" else path.format, spoken)
    except NoSuchTemplate:
        return templates.in_use(conn, path.name, path.format)
    return (found.text if path.format == "txt" else found.body) or None


def _unusable(error: Unusable) -> Problem:
    detail = "The template cannot be used, and nothing was kept."
    return Problem(422, detail, [FieldProblem(one.place, one.problem) for one in error.problems])


def _none() -> Problem:
    return Problem(404, "There is no such template.")


def _version(one: TemplateVersion) -> Version:
    return Version(one.name, one.format, one.version, one.size, one.made_by, one.since, one.until)
