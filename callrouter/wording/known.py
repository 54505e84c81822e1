"""Sentences that the code says in English, known by their form, said in the reader's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callrouter.wording.catalogue import Words

Values = Mapping[str, str]


class Known:
    """Patterns, each with the message that says the same; the first that fits the whole counts.

    What a pattern names is what the message may take.
    """

    def __init__(self, *said: tuple[str, str]) -> None:
        self._said = tuple((re.compile(pattern, re.DOTALL), message) for pattern, message in said)

    def say(
        self,
        sentence: str,
        words: Words,
        *,
        start: int = 0,
        worded: Callable[[Values], Values] = dict,
    ) -> str | None:
        """The sentence from `start` on; None: it is not known here.

        `worded`: makes of what was found in it what the message takes.
        """
        for pattern, message in self._said:
            if found := pattern.fullmatch(sentence, start):
                return words(message, **worded(found.groupdict()))
        return None
