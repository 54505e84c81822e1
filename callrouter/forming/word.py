"""DOCX by docxtpl: Word files with `{{ number }}` in their text, `{%tr for … %}` in rows."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docxtpl import DocxTemplate

from callrouter.forming.errors import Refused
from callrouter.forming.packages import check_docx
from callrouter.forming.pictures import size_of
from callrouter.forming.sandbox import Sandbox


def docx(body: bytes, values: dict[str, Any], logo: bytes) -> bytes:
    """`logo`: takes the place of the picture whose alternative text is "logo". Raises Refused."""
    sandbox = Sandbox()
    document = _read(body)
    for place, source in _sources(document):
        sandbox.parsed(source, place)

    def render() -> str:
        document.render(values, jinja_env=sandbox, autoescape=True)
        return ""

    sandbox.run(render)
    _put_logo(document, logo)
    out = BytesIO()
    document.save(out)
    formed = out.getvalue()
    check_docx(formed)
    return formed


def sources(body: bytes) -> list[tuple[str, str]]:
    """Each text with template words in it, and its place. Raises Refused, TooLarge."""
    return _sources(_read(body))


def _read(body: bytes) -> DocxTemplate:
    check_docx(body)
    document = DocxTemplate(BytesIO(body))
    try:
        document.init_docx()
    except (OpcError, KeyError, ValueError, AttributeError) as error:
        raise Refused(f"the file is not a DOCX: {str(error)[:100]}") from None
    return document


def _sources(document: DocxTemplate) -> list[tuple[str, str]]:
    found = [("document", document.patch_xml(document.get_xml()))]
    for place, uri in (("header", document.HEADER_URI), ("footer", document.FOOTER_URI)):
        parts = document.get_headers_footers(uri)
        found += [(place, document.patch_xml(document.get_part_xml(part))) for _, part in parts]
    return found


def _put_logo(document: DocxTemplate, logo: bytes) -> None:
    """As high as the picture that it replaces; without a logo that one goes."""
    part = document.docx.part
    for drawing in list(part.element.iter(qn("w:drawing"))):
        named = drawing.find(f".//{qn('wp:docPr')}")
        if named is None or named.get("descr") != "logo":
            continue
        blip = drawing.find(f".//{qn('a:blip')}")
        if not logo or blip is None:
            drawing.getparent().remove(drawing)
            continue
        width, height = size_of(logo)
        part.related_parts[blip.get(qn("r:embed"))]._blob = logo  # noqa: SLF001 - it has no other way
        for extent in (*drawing.iter(qn("wp:extent")), *drawing.iter(qn("a:ext"))):
            if extent.get("cy"):
                extent.set("cx", str(int(extent.get("cy")) * width // height))
