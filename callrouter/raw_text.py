"""What a PBX sent, laid out for reading, and without what is nobody's to read."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

HIDDEN: Final = "•••"
LONGEST: Final = 64 * 1024

_FIGURE: Final = "\ue000"  # stands round what is no text; of no meaning to anybody
_SECRET: Final = re.compile(
    r"secret|token|passw|pwd|signature|^sign$|^sig$|auth|api_?-?key|credential|cookie",
    re.IGNORECASE,
)
_IN_ADDRESS: Final = re.compile(
    r"([?&][^=&#\s]{0,40}(?:secret|token|pass|sig|auth|key)[^=&#\s]{0,40}=)[^&#\s\"]+",
    re.IGNORECASE,
)
_WHO: Final = re.compile(r"(://)[^/\s@\"]+@")
_PAIR: Final = re.compile(
    r"(\"[^\"]{0,40}(?:secret|token|passw|signature|auth|key)[^\"]{0,40}\"\s*:\s*\")[^\"]*",
    re.IGNORECASE,
)


def laid_out(body: bytes, secrets: Collection[str] = ()) -> str:
    """A body as people read it: JSON indented, a form line by line, else as it is.

    Values whose name says that they are secret, and the account's own secrets wherever they stand,
    are hidden.
    """
    text = body[:LONGEST].decode(errors="replace").lstrip("\ufeff").strip()
    if text.startswith(("{", "[")):
        shown = _json(text)
    elif "=" in text.partition("&")[0] and "\n" not in text and not text.startswith("<"):
        shown = form(text)
    else:
        shown = text
    return hidden(shown, secrets)


def form(text: str) -> str:
    """`a=1&b=2` as a line for each."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
    except ValueError:
        return text
    return "\n".join(f"{name} = {HIDDEN if _SECRET.search(name) else said}" for name, said in pairs)


def hidden(text: str, secrets: Collection[str] = ()) -> str:
    """Without the account's secrets, and without those that stand in addresses."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    return _WHO.sub(rf"\1{HIDDEN}@", _IN_ADDRESS.sub(rf"\1{HIDDEN}", text))


def _json(text: str) -> str:
    try:
        found = json.loads(text, strict=False, parse_int=_figure, parse_float=_figure)
    except (ValueError, RecursionError):
        return _PAIR.sub(rf"\1{HIDDEN}", text)
    shown = json.dumps(_without_secrets(found), ensure_ascii=False, indent=2)
    return shown.replace(f'"{_FIGURE}', "").replace(f'{_FIGURE}"', "")


def _figure(text: str) -> str:
    """As it was sent, digit by digit: `1700000000.10` is no other number."""
    return f"{_FIGURE}{text}{_FIGURE}"


def _without_secrets(value: object) -> object:
    match value:
        case dict():
            return {
                name: HIDDEN if _SECRET.search(str(name)) else _without_secrets(one)
                for name, one in value.items()
            }
        case list():
            return [_without_secrets(one) for one in value]
        case _:
            return value
