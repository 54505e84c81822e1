"""The virtual phones: whose they are, who talks, and who is there to take them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from callrouter.fakepbx.values import Person, Where


class Phones:
    """Numbers that belong to nobody here (a last resort outside) are never busy."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = tuple(people)
        self._owner = {dial: person for person in reversed(people) for dial in person.dials}
        self._talks: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._where: dict[str, Where] = {}

    def owner(self, dial: str) -> Person | None:
        return self._owner.get(dial)

    def begin_talk(self, dial: str, call_id: str) -> None:
        """From now on this phone is in use: it talks, or calls somebody."""
        if owner := self.owner(dial):
            self._talks[owner.name].append((dial, call_id))

    def end_talk(self, dial: str, call_id: str) -> None:
        if owner := self.owner(dial):
            self._talks[owner.name].remove((dial, call_id))

    def is_talking(self, person: Person) -> bool:
        return bool(self._talks[person.name])

    def is_busy(self, dial: str) -> bool:
        """Tell whether this very phone talks; its owner may talk on another one."""
        owner = self.owner(dial)
        return owner is not None and any(talks == dial for talks, _ in self._talks[owner.name])

    def where(self, person: Person) -> Where:
        return self._where.get(person.name, "here")

    def move(self, person: Person, where: Where) -> None:
        self._where[person.name] = where

    def gone(self) -> int:
        """How many are not there."""
        return sum(where != "here" for where in self._where.values())

    def free(self, *, but: frozenset[str] = frozenset()) -> list[Person]:
        """Those who are there, do not talk, and none of whose phones is in `but`."""
        return [
            person
            for person in self.people
            if self.where(person) == "here"
            and not self.is_talking(person)
            and not but.intersection(person.dials)
        ]
