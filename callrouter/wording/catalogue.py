"""The one message catalogue: msgids are English, other languages are .po files read at start.

Nothing compiled is kept: a .po file is what translators edit and what the service reads.
"""

from __future__ import annotations

import gettext
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final, get_args

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from callrouter.domain.setup import Language

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LOCALE: Final = Path(__file__).parents[1] / "locale"


class Words:
    """Says a message in one language. What a message speaks of stands in braces: `{name}`."""

    def __init__(self, language: Language, translations: gettext.NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def __call__(self, message: str, /, **values: object) -> str:
        text = self._translations.gettext(message)
        return text.format(**values) if values else text

    def many(self, one: str, more: str, n: int, /, **values: object) -> str:
        """Say a message in the plural form that goes with a number; `{n}` is the number."""
        return self._translations.ngettext(one, more, n).format(n=n, **values)


@cache
def speak(language: Language) -> Words:
    """The words of a language. English needs no file: the messages are English."""
    if language == "en":
        return Words(language, gettext.NullTranslations())
    path = LOCALE / language / "LC_MESSAGES" / "callrouter.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Words(language, gettext.GNUTranslations(compiled))


def mark(message: str) -> str:
    """Mark a message for the catalogue where it stands in a table and is said elsewhere."""
    return message
