"""Whose a contact is: a manager by key, e-mail or name, as another system writes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from callrouter.domain.names import folded
from callrouter.domain.setup import Manager
from callrouter.import_file.problems import BadValue

_SHOWN: Final = 20
_REMEMBERED: Final = 10_000


class Managers:
    """The managers of a setup, the dismissed ones too: their contacts are handed over later."""

    def __init__(self, managers: Iterable[Manager]) -> None:
        self._known: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        for one in managers:
            for spelling in {one.key.casefold(), (one.email or "").lower(), _words(one.name)}:
                if spelling:
                    self._known.setdefault(spelling, []).append(one.key)
            self._names[one.name] = one.key
        self._found: dict[str, str | BadValue] = {}

    def find(self, text: str) -> str:
        """The key of the one who is meant. Raises BadValue: nobody, or several."""
        found = self._found.get(text)
        if found is None:
            found = self._look(text)
            if len(self._found) < _REMEMBERED:
                self._found[text] = found
        if isinstance(found, BadValue):
            raise BadValue(*found.args)
        return found

    def _look(self, text: str) -> str | BadValue:
        spelling = text.strip().lower()
        keys = self._known.get(spelling) or self._known.get(_words(text)) or self._by_part(text)
        if len(keys) == 1:
            return keys[0]
        if keys:
            return BadValue(f'several are called "{text}"; allowed: a key: {", ".join(keys)}')
        return BadValue(f'there is no manager "{text[:80]}"; {self._allowed(text)}')

    def _by_part(self, text: str) -> list[str]:
        """With the patronymic, which setup seldom has, or without it."""
        words = set(folded(text).split())
        if len(words) < 2:
            return []
        found = {
            key
            for name, key in self._names.items()
            if len(known := set(folded(name).split())) > 1 and (known <= words or words <= known)
        }
        return sorted(found)

    def _allowed(self, text: str) -> str:
        if not self._names:
            return "no manager is set up"
        spelled = {_words(name): name for name in self._names}
        near = difflib.get_close_matches(_words(text), spelled, n=3)
        hint = (
            f"did you mean {' or '.join(_quoted(spelled[one]) for one in near)}? " if near else ""
        )
        shown = list(self._names)[:_SHOWN]
        more = f" and {len(self._names) - _SHOWN} more" if len(self._names) > _SHOWN else ""
        return f"{hint}allowed: a key, e-mail or name: {', '.join(map(_quoted, shown))}{more}"


def _words(name: str) -> str:
    """The same for every order of first and last name."""
    return " ".join(sorted(folded(name).split()))


def _quoted(text: str) -> str:
    return f'"{text}"'
