"""Templates to HTML: escaped, strict about what is missing, in the reader's language."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

import templates
from callrouter.wording import speak

if TYPE_CHECKING:
    from callrouter.domain.setup import Language

_TIED = re.compile(r"(?<=\d) (?=[%сsчhм])|(?<=№) (?=\d)|(?<=\d) (?=(?:min|мин|ms)\b)")

_PHONE = re.compile(r"\+\d[\d -]{6,18}\d")


def render(template: str, language: Language, **values: object) -> str:
    """The HTML of `templates/pages/<template>.html`; in it `t` and `tn` say messages."""
    words = speak(language)
    page = _environment().get_template(f"{template}.html")
    return page.render(language=language, t=words, tn=words.many, **values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(templates.__file__).parent / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["tied"] = tied
    made.filters["coded"] = coded
    made.filters["ms"] = milliseconds
    return made


def tied(text: str) -> str:
    """Keep on one line what is one: `35 %`, `№ 318`, `20 s`, `+7 916 123-45-67`."""
    text = _PHONE.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return _TIED.sub("\u00a0", text)


def coded(text: str) -> Markup:
    """What stands between backticks, as a mail or a terminal has it, set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one is left over
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts)
    )


def milliseconds(at: datetime) -> int:
    """A moment as the browser counts it."""
    return int(at.timestamp() * 1000)
