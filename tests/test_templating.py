"""Templates that are brought: looked at and tried first, kept only if they can be used."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Literal

import pytest

from callrouter.forming.press import MOST_BODY, Press, shipped
from callrouter.templating import FORMATS, Named, Unusable, bring, named
from storage import templates
from storage.database import Database
from storage.templates import TemplateVersion
from tests.examples import MONDAY_NOON
from tests.pictures import png


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with closing(Press()) as one:
        yield one


async def brought(database: Database, press: Press, name: str, body: bytes) -> TemplateVersion:
    what = named(name)
    return await bring(database, press, what, body, "ru", by="vera", now=MONDAY_NOON)


def zipped(files: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, body in files.items():
            file.writestr(name, body)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("offer.typ", Named("offer", "typ")),
        ("offer.en.html", Named("offer.en", "html")),
        ("my_logo-2.png", Named("my_logo-2", "png")),
    ],
)
def test_a_template_is_called_like_a_file(text: str, expected: Named) -> None:
    assert (named(text), str(expected)) == (expected, text)


@pytest.mark.parametrize(
    "text",
    ["offer", ".typ", "offer.exe", "../offer.typ", "offer.de.typ", "КП.typ", f"{'a' * 51}.typ"],
)
def test_what_cannot_be_a_name_is_told(text: str) -> None:
    with pytest.raises(Unusable, match=r"none of|may hold"):
        named(text)


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        pytest.param("offer.typ", b"", "empty", id="nothing"),
        pytest.param("offer.typ", b"\xff\xfe", "UTF-8", id="another encoding"),
        pytest.param("offer.html", b"<p>\x00", "NUL", id="NUL characters"),
        pytest.param("offer.typ", b"x" * (MOST_BODY + 1), "at most", id="too large"),
        pytest.param("offer.docx", b"%PDF-1.7", "no docx", id="a PDF called docx"),
        pytest.param(
            "offer.docx", zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}), "no docx",
            id="an ODT called docx",
        ),
        pytest.param("offer.odt", zipped({"word/document.xml": b"<w/>"}), "no odt", id="a docx called odt"),
        pytest.param(
            "offer.odt", zipped({"mimetype": b"x" * 101, "content.xml": b"<x/>"}), "no odt",
            id="a long type",
        ),
        pytest.param("offer.odt", b"PK\x03\x04", "no odt", id="a broken archive"),
        pytest.param("logo.png", b"\xff\xd8\xff\xe0", "PNG", id="a JPEG"),
        pytest.param("logo.png", png(5000, 5000), "pixels", id="a picture too large"),
        pytest.param("logo.png", png() + b"x" * 1024**2, "KB", id="a heavy picture"),
    ],
)  # fmt: skip
async def test_a_file_that_is_not_what_it_is_called_is_refused(
    sqlite_database: Database, press: Press, name: str, body: bytes, told: str
) -> None:
    with pytest.raises(Unusable, match=told):
        await brought(sqlite_database, press, name, body)
    assert await sqlite_database.read(templates.current) == ()


async def test_a_picture_is_kept(sqlite_database: Database, press: Press) -> None:
    kept = await brought(sqlite_database, press, "logo.png", png())
    assert (kept.version, kept.size) == (1, len(png()))
    assert await sqlite_database.read(templates.in_use, "logo", "png") == png()


# What the press says of templates; it is tried on samples, too.


Shipped = Literal["typ", "docx", "odt", "html"]


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["typ", "docx", "odt", "html"])
async def test_a_shipped_template_can_be_brought_back(
    sqlite_database: Database, press: Press, format_: Shipped
) -> None:
    ours = shipped("offer", format_, "ru")
    assert format_ in FORMATS
    kept = await brought(sqlite_database, press, f"offer.{format_}", ours.body)
    assert kept.size == len(ours.body)


@pytest.mark.slow
async def test_an_unknown_variable_is_named_and_nothing_is_kept(
    sqlite_database: Database, press: Press
) -> None:
    html = shipped("offer", "html", "ru").body.replace(
        b"</body>", b"<p>{{ offer.numbr }}</p></body>"
    )
    with pytest.raises(Unusable, match="numbr"):
        await brought(sqlite_database, press, "offer.html", html)
    assert await sqlite_database.read(templates.current) == ()


@pytest.mark.slow
async def test_a_template_that_cannot_be_rendered_is_not_kept(
    sqlite_database: Database, press: Press
) -> None:
    ours = shipped("offer", "typ", "ru").body
    with pytest.raises(Unusable):
        await brought(sqlite_database, press, "offer.typ", ours + b"\n#panic()")
    with pytest.raises(Unusable):
        await brought(sqlite_database, press, "offer.txt", b"{% for one in %}")
    assert await sqlite_database.read(templates.current) == ()


@pytest.mark.slow
async def test_a_text_is_tried_beside_its_html(sqlite_database: Database, press: Press) -> None:
    kept = await brought(sqlite_database, press, "offer.txt", shipped("offer", "html", "ru").text)
    assert (kept.name, kept.format) == ("offer", "txt")
