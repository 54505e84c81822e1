"""Templates and logos of a company's own: looked at and tried before one is kept."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from callrouter.domain.setup import Language
from callrouter.flows import templates as flows
from callrouter.flows.templates import templates_of
from callrouter.forming.errors import Refused
from callrouter.forming.pictures import size_of
from callrouter.forming.press import MOST_BODY, Template, TemplateProblem

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.forming.press import Press
    from storage.database import Database
    from storage.templates import TemplateVersion

FORMATS: Final = ("typ", "docx", "odt", "html", "txt", "png")

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,50}(\.(ru|en))?")
_LETTER: Final = ("html", "txt")


class Unusable(Exception):
    """A template is not kept; `problems` say what is wrong, and where."""

    def __init__(self, *problems: TemplateProblem) -> None:
        said = (f"{one.place}: {one.problem}" if one.place else one.problem for one in problems)
        super().__init__("; ".join(said))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Named:
    """A template's name, like `offer` or `offer.en`, and its format, one of FORMATS."""

    name: str
    format: str

    def __str__(self) -> str:
        return f"{self.name}.{self.format}"


def named(text: str) -> Named:
    """Read `offer.typ`, `offer.en.html`, `logo.png`. Raises Unusable."""
    name, _, format_ = text.rpartition(".")
    if format_ not in FORMATS:
        raise Unusable(TemplateProblem("", f"its ending is none of {', '.join(FORMATS)}"))
    if not _NAME.fullmatch(name):
        allowed = 'A-Z a-z 0-9 _ -, at most 50, and perhaps ".ru" or ".en"'
        raise Unusable(TemplateProblem("", f"its name may hold {allowed}"))
    return Named(name, format_)


async def check(
    database: Database, press: Press, what: Named, body: bytes, language: Language
) -> None:
    """Raise Unusable unless it can be used: its type by its content, every variable, a proof."""
    if problem := _unfit(what, body):
        raise Unusable(TemplateProblem("", problem))
    if what.format == "png":
        return
    template = await database.read(template_with, what, body, language)
    if found := await press.check(template):
        raise Unusable(*found)


async def bring(
    database: Database,
    press: Press,
    what: Named,
    body: bytes,
    language: Language,
    *,
    by: str,
    now: datetime,
    seen: int | None = None,
) -> TemplateVersion:
    """Use a template from now on; `seen`: the version that was changed.

    Raises Unusable, ChangedMeanwhile; then nothing is kept.
    """
    await check(database, press, what, body, language)
    return await database.write(flows.keep, what.name, what.format, body, by=by, now=now, seen=seen)


def template_with(conn: Connection, what: Named, body: bytes, language: Language) -> Template:
    """The template as it would be with this body; a letter has its other part, HTML or text."""
    if what.format not in _LETTER:
        return Template(what.name, what.format, body)
    name, _, own = what.name.partition(".")
    spoken: Language = "en" if own == "en" else "ru" if own == "ru" else language
    try:
        other = templates_of(conn, name, "html", spoken)
    except flows.NoSuchTemplate:
        other = Template(name, "html", b"")
    if what.format == "txt":
        return Template(what.name, "html", other.body, text=body)
    return Template(what.name, "html", body, text=other.text)


def _unfit(what: Named, body: bytes) -> str | None:
    """Why this cannot be a template of its format, by its size and content."""
    if not body:
        return "it is empty"
    if what.format == "png":
        try:
            size_of(body)
        except Refused as error:
            return str(error)
        return None
    if len(body) > MOST_BODY:
        return f"it has {len(body)} bytes; allowed: at most {MOST_BODY}"
    if what.format in ("docx", "odt"):
        return None if _is_office_file(what.format, body) else f"it is no {what.format} file"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "it is no text in UTF-8"
    return "it holds NUL characters" if "\0" in text else None


def _is_office_file(format_: str, body: bytes) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(body)) as file:
            names = set(file.namelist())
            if format_ == "docx":
                return {"[Content_Types].xml", "word/document.xml"} <= names
            if "content.xml" not in names or file.getinfo("mimetype").file_size > 100:
                return False
            return file.read("mimetype") == b"application/vnd.oasis.opendocument.text"
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, ValueError):
        return False
