"""Pictures that admins bring for templates: PNG, looked at before anything draws them."""

from __future__ import annotations

import base64
import struct
from typing import Final

from callrouter.forming.errors import Refused

MOST_BYTES: Final = 1024**2
MOST_PIXELS: Final = 4_000_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises Refused."""
    if len(png) > MOST_BYTES:
        raise Refused(f"an image is at most {MOST_BYTES // 1024} KB")
    if not png.startswith(_SIGNATURE) or png[12:16] != b"IHDR" or len(png) < 33:
        raise Refused("an image must be a PNG")
    width, height = struct.unpack(">II", png[16:24])
    if not 0 < width * height <= MOST_PIXELS:
        raise Refused(f"an image has at most {MOST_PIXELS:,} pixels")
    return width, height


def as_svg(png: bytes) -> str:
    """The picture as a text that typst can draw without opening a file. Raises Refused."""
    width, height = size_of(png)
    data = base64.b64encode(png).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><image width="{width}" height="{height}" '
        f'href="data:image/png;base64,{data}"/></svg>'
    )
