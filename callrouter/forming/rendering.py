"""What a child does: requests to answers, each of JSON's shapes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

import templates
from callrouter.forming import mailing, typeset, word, writer
from callrouter.forming.errors import Refused, TooLarge
from callrouter.forming.variables import LETTER, OFFER, unknown

MOST_FILE: Final = 12 * 1024**2
_OFFERS: Final = Path(templates.__file__).parent / "offers"
_LITTLE: Final = b"<title>{{ a }}</title><style>p { color: red }</style><p>{{ a }}</p>"

Answer = dict[str, Any]


def offer(request: Answer) -> Answer:
    """`file`: the offer. Raises Refused, TooLarge."""
    body, values = base64.b64decode(request["body"]), request["values"]
    logo = base64.b64decode(request["logo"])
    match request["format"]:
        case "typ":
            file = typeset.pdf(body, values, logo)
        case "docx":
            file = word.docx(body, values, logo)
        case "odt":
            file = writer.odt(body, values, logo)
        case other:
            raise Refused(f"no offer is formed from {other}")
    if len(file) > MOST_FILE:
        raise TooLarge("the file would be too large")
    return {"file": base64.b64encode(file).decode()}


def letter(request: Answer) -> Answer:
    """`subject`, `html`, `text`. Raises Refused, TooLarge."""
    body, text = base64.b64decode(request["body"]), base64.b64decode(request["text"])
    return dict(mailing.letter(body, text, request["values"]))


def names(request: Answer) -> Answer:
    """`found`: names in the template that there are not, each with its place. Raises Refused."""
    body, text = base64.b64decode(request["body"]), base64.b64decode(request["text"])
    match request["format"]:
        case "docx":
            sources, known = word.sources(body), OFFER
        case "odt":
            sources, known = writer.sources(body), OFFER
        case "html":
            sources, known = mailing.sources(body, text), LETTER
        case _:  # typst says it itself, with the line
            sources, known = [], OFFER
    return {
        "found": [list(one) for place, source in sources for one in unknown(source, known, place)]
    }


def warm_up() -> None:
    """A little of everything, so that whatever is read from the disk is in memory."""
    from callrouter.forming.samples import sample_offers

    values = sample_offers()[0]
    typeset.warm_up()
    mailing.letter(_LITTLE, b"", {"a": "1"})
    word.docx((_OFFERS / "offer.docx").read_bytes(), values, b"")
    writer.odt((_OFFERS / "offer.odt").read_bytes(), values, b"")
