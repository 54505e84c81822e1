"""Which template something is formed from: the newest that an admin brought, else the shipped one.

Templates are named as `[[letter]] template` says; one for a language alone is `NAME.en`. A letter's
plain text is the template of the format `txt`, beside its `html`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.forming.press import SOURCES, Template, shipped
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import Problem
from storage import notices, templates
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Setup
    from storage.templates import TemplateVersion

SHIPPED: Final = 0
"""The version that stands for the template that we ship."""


class ChangedMeanwhile(Exception):
    """Another version is in use than the one that was changed."""


class NoSuchTemplate(Exception):
    """There is no such template, or no such version of it."""


def templates_of(
    conn: Connection,
    name: str,
    format_: str,
    language: Language,
    *,
    logo: str | None = None,
    at: datetime | None = None,
) -> Template:
    """The template to form with, its logo among its images.

    `format_`: of the template (typ, docx, odt, html) or of what is formed (pdf). `at`: the one that
    was in use then. Raises NoSuchTemplate.
    """
    source = SOURCES.get(format_, format_)  # type: ignore[call-overload]
    body = _body(conn, name, source, language, at)
    try:
        ours = shipped(name, source, language)
    except LookupError:
        ours = None
    if body is None and ours is None:
        raise NoSuchTemplate(f"{name}.{format_}")
    text = b""
    if source == "html":
        text = _body(conn, name, "txt", language, at) or (ours.text if ours else b"")
    images = images_of(conn, logo, at=at)
    return Template(name, source, body or (ours.body if ours else b""), images, text)


def images_of(
    conn: Connection, logo: str | None, *, at: datetime | None = None
) -> dict[str, bytes]:
    """What a template may draw; none where there is no such logo."""
    picture = templates.in_use(conn, logo, "png", at) if logo else None
    return {logo: picture} if logo and picture else {}


def _body(
    conn: Connection, name: str, source: str, language: Language, at: datetime | None
) -> bytes | None:
    return templates.in_use(conn, f"{name}.{language}", source, at) or templates.in_use(
        conn, name, source, at
    )


def version_of(conn: Connection, name: str, format_: str) -> int:
    """The version in use; SHIPPED: none of the company's own."""
    newest = next(iter(templates.versions(conn, name, format_)), None)
    return newest.version if newest and newest.until is None else SHIPPED


def keep(
    conn: Connection,
    name: str,
    format_: str,
    body: bytes,
    *,
    by: str,
    now: datetime,
    seen: int | None = None,
) -> TemplateVersion:
    """Use a template that was found good; the one in use again changes nothing.

    `seen`: the version that was changed. Raises ChangedMeanwhile.
    """
    if seen is not None and seen != version_of(conn, name, format_):
        raise ChangedMeanwhile
    if templates.in_use(conn, name, format_) == body:
        return templates.versions(conn, name, format_)[0]
    kept = templates.add(conn, name, format_, body, by=by, now=now)
    _tell(conn, name, format_, kept.version, by=by, now=now)
    return kept


def back(
    conn: Connection, name: str, format_: str, version: int, *, by: str, now: datetime
) -> TemplateVersion | None:
    """Use an earlier version again, as the newest one; None: the shipped one, SHIPPED, is in use.

    Raises NoSuchTemplate.
    """
    if version == SHIPPED:
        if templates.end(conn, name, format_, now=now):
            _tell(conn, name, format_, SHIPPED, by=by, now=now)
        return None
    body = templates.body_of(conn, name, format_, version)
    if body is None:
        raise NoSuchTemplate(f"{name}.{format_} {version}")
    return keep(conn, name, format_, body, by=by, now=now)


def absent(conn: Connection, setup: Setup) -> Iterator[Problem]:
    """A warning for each template and logo that Setup names and nobody brought."""
    language = setup.company.language
    for letter in setup.letter:
        try:
            templates_of(conn, letter.template, "html", language)
        except NoSuchTemplate:
            message = f'there is no template "{letter.template}": its letters cannot be formed'
            bring = f"`callrouter template add {letter.template}.html`"
            yield Problem(f"{item_name('letter', letter)}.template", f"{message}; {bring}")
    for entity in setup.entity:
        if entity.logo and not images_of(conn, entity.logo):
            message = f'there is no image "{entity.logo}": offers have no logo'
            bring = f"`callrouter template add {entity.logo}.png`"
            yield Problem(f"{item_name('entity', entity)}.logo", f"{message}; {bring}")


def _tell(
    conn: Connection, name: str, format_: str, version: int, *, by: str, now: datetime
) -> None:
    used = Happening(
        "template_used", now, by, data={"template": f"{name}.{format_}", "version": version}
    )
    notices.record(conn, [used], now=now)
