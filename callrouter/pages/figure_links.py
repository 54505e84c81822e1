"""Addresses of the lists that stand behind figures, and what they mean when they come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import urlencode

from callrouter.domain.events import Direction
from callrouter.domain.figures import (
    LONGEST_WAIT_S,
    OWED,
    End,
    Kind,
    OwedState,
    WhichCalls,
    WhichCards,
    statuses_meant,
)
from callrouter.domain.obligations import Cause

if TYPE_CHECKING:
    from callrouter.counting import Choice
    from callrouter.domain.setup import Setup

_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class Links:
    """To the lists of what one looks at. A word that is None or "" is left out."""

    choice: Choice

    def page(self, **changed: str | None) -> str:
        return _address("/figures", {**self.choice.given, **changed})

    def to(self, path: str, **words: object) -> str:
        """`to("/figures/calls", kind="missed")`; a word of the choice may be another there."""
        return _address(path, {**self.choice.given, **words})

    def calls(self, **words: object) -> str:
        return self.to("/figures/calls", **words)

    def cards(self, **words: object) -> str:
        return self.to("/figures/cards", **words)


def _address(path: str, words: Mapping[str, object]) -> str:
    said = {name: str(value) for name, value in words.items() if value not in (None, "")}
    return f"{path}?{urlencode(said)}" if said else path


# What an address asks for; a word that means nothing is as if it were not there


def which_calls(query: Mapping[str, str]) -> WhichCalls:
    return WhichCalls(
        direction=_one_of(query, "direction", Direction),
        kind=_one_of(query, "kind", Kind),
        cause=_one_of(query, "cause", Cause),
        hour=_number(query, "hour", 23),
        weekday=_number(query, "weekday", 6),
        talked=_key(query, "talked"),
        rang=_key(query, "rang"),
        unpicked=_key(query, "unpicked"),
        outcome=_key(query, "outcome"),
        within_s=_number(query, "within", LONGEST_WAIT_S),
    )


CALL_WORDS: Final = (
    *("direction", "kind", "cause", "hour", "weekday", "talked", "rang", "unpicked"),
    *("outcome", "within"),
)
CARD_WORDS: Final = ("pipeline", "status", "reached", "left", "reason", "end", "deals")


def which_cards(query: Mapping[str, str], setup: Setup) -> WhichCards:
    """`status` of `pipeline`: now in it; `reached`; `left`: whence it came; `end`: won | lost."""
    pipeline, status = _key(query, "pipeline"), _key(query, "status")
    return WhichCards(
        pipeline=pipeline,
        statuses=statuses_meant(setup, pipeline, status, _one_of(query, "end", End)),
        reached=_key(query, "reached"),
        came_from=_key(query, "left"),
        reason=_key(query, "reason"),
        deals=query.get("deals") == "1",
    )


def which_owed(query: Mapping[str, str]) -> OwedState | None:
    return next((one for one in OWED if one == query.get("state")), None)


def which_letters(query: Mapping[str, str]) -> str | None:
    return _key(query, "letter")


def _one_of(query: Mapping[str, str], name: str, kind: Any) -> Any:  # noqa: ANN401  of a Literal
    said = query.get(name)
    return said if said in get_args(kind) else None


def _number(query: Mapping[str, str], name: str, most: int) -> int | None:
    said = query.get(name, "")
    plain = said.isascii() and said.isdecimal() and len(said) <= 4
    return int(said) if plain and int(said) <= most else None


def _key(query: Mapping[str, str], name: str) -> str | None:
    return query.get(name, "").replace("\x00", "").strip()[:_LONGEST] or None
