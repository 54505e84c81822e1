"""PDFs by typst. A template reads its values so:

    #let offer = json(bytes(sys.inputs.offer))

and its logo, where there is one, as `image(bytes(sys.inputs.logo))`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import fontpkg_pt_sans
import typst

from callrouter.forming.errors import Refused, TooLarge
from callrouter.forming.pictures import as_svg

_FONTS: Final = Path(fontpkg_pt_sans.__file__).parent / "files"
_SAMPLE: Final = '#set text(font: "PT Sans")\n№ 1 *2* _3_ *_4_* #sys.inputs.offer'
_PLACE = re.compile(r"__typst_py_bytes__\.typ:(\d+):\d+")
_SEARCHED = re.compile(r" \(searched at [^)]*\)")
_PACKAGE = re.compile(r"\b(?:import|include)\s*\(?\s*[\"']@")
_UNDATED: Final = b"#set document(date: none);"
"""Else the file holds the second in which it was formed, and formed anew it would be another."""
_TOO_MUCH = ("maximum", "infinite", "too many", "overflow", "recursion")


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[str(_FONTS)])


def warm_up() -> None:
    """Read every font, begin every thread."""
    _compiled(_SAMPLE.encode(), {"offer": "Шрифт"})


def pdf(body: bytes, values: dict[str, Any], logo: bytes) -> bytes:
    """Raises Refused, TooLarge."""
    try:
        source = body.decode()
    except UnicodeDecodeError:
        raise Refused("the template is not UTF-8") from None
    if found := _PACKAGE.search(source):
        line = source.count("\n", 0, found.start()) + 1
        raise Refused("packages cannot be imported", f"line {line}")
    inputs = {
        "offer": json.dumps(values, ensure_ascii=False),
        "logo": as_svg(logo) if logo else "",
    }
    return _compiled(_UNDATED + body, inputs)


def _compiled(body: bytes, inputs: dict[str, str]) -> bytes:
    try:
        compiler = typst.Compiler(
            body, root=_FONTS, font_paths=_fonts(), ignore_system_fonts=True, sys_inputs=inputs
        )
        found = compiler.compile(format="pdf")
    except typst.TypstError as error:
        where = _PLACE.search(error.diagnostic)
        place = f"line {where[1]}" if where else ""
        kind = TooLarge if any(word in error.message for word in _TOO_MUCH) else Refused
        raise kind(_SEARCHED.sub("", error.message)[:500], place) from None
    if not isinstance(found, bytes):
        raise Refused("it makes no file")
    return found
