"""ODT by our own hand: a LibreOffice file with `{{ number }}` in its text.

`{%tr for row in rows %}` in a row of its own stands for the row, `{%p if terms %}` in a paragraph
of its own for the paragraph, as in DOCX.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from lxml import etree

from callrouter.forming.errors import Refused
from callrouter.forming.packages import check_odt, check_odt_part, parsed
from callrouter.forming.pictures import size_of
from callrouter.forming.sandbox import Sandbox

_RENDERED: Final = ("content.xml", "styles.xml")
_MADE: Final = (2020, 1, 1, 0, 0, 0)

_OPENING = re.compile(r"\{(?:<[^<>]*>)+(?=[{%#])|(?<=[}%#])(?:<[^<>]*>)+(?=\})")
_SAID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_WHOLE = {"tr": "table:table-row", "p": "text:p"}


def odt(body: bytes, values: dict[str, Any], logo: bytes) -> bytes:
    """`logo`: takes the place of the picture that is named "logo". Raises Refused, TooLarge."""
    parts = check_odt(body)
    sandbox = Sandbox()
    for name, source in _sources(parts):
        formed = sandbox.rendered(source, values, name).encode()
        check_odt_part(name, formed)
        parts[name] = formed
    _put_logo(parts, logo)
    return _packed(parts)


def sources(body: bytes) -> list[tuple[str, str]]:
    """Each text with template words in it, and its place. Raises Refused, TooLarge."""
    return _sources(check_odt(body))


def _sources(parts: Mapping[str, bytes]) -> list[tuple[str, str]]:
    found = []
    for name in _RENDERED:
        if name in parts:
            try:
                found.append((name, _patched(parts[name].decode())))
            except UnicodeDecodeError:
                raise Refused("the part is not UTF-8", name) from None
    return found


def _patched(source: str) -> str:
    """Template words as Jinja wants them: whole, without the marks that LibreOffice puts in."""
    source = _OPENING.sub(lambda found: "{" if found[0].startswith("{") else "", source)
    source = _SAID.sub(lambda found: html.unescape(re.sub(r"<[^<>]*>", "", found[0])), source)
    for short, tag in _WHOLE.items():
        pattern = rf"<{tag}[ >](?:(?!<{tag}[ >]).)*?\{{%{short}\s+((?:(?!%\}}).)*)%\}}.*?</{tag}>"
        source = re.sub(pattern, r"{% \1%}", source, flags=re.DOTALL)
    return source


def _put_logo(parts: dict[str, bytes], logo: bytes) -> None:
    """As high as the picture that it replaces; without a logo that one goes."""
    root = parsed("content.xml", parts["content.xml"])
    for frame in list(root.iter(f"{_DRAW}frame")):
        image, above = frame.find(f"{_DRAW}image"), frame.getparent()
        if frame.get(f"{_DRAW}name") != "logo" or image is None or above is None:
            continue
        if not logo:
            above.remove(frame)
            continue
        width, height = size_of(logo)
        high = re.fullmatch(r"([\d.]+)(cm|mm|in|pt)", frame.get(f"{_SVG}height", "1.8cm"))
        if high:
            frame.set(f"{_SVG}width", f"{float(high[1]) * width / height:.3f}{high[2]}")
        parts[image.get(f"{_XLINK}href", "").removeprefix("./")] = logo
    parts["content.xml"] = etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _packed(parts: Mapping[str, bytes]) -> bytes:
    """The archive, `mimetype` first and as it is, which is how an ODT is known."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts, key=lambda name: (name != "mimetype", name)):
            entry = zipfile.ZipInfo(name, _MADE)
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, parts[name])
    return out.getvalue()
