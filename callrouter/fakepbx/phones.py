"""The virtual phones: whose they are and who talks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from callrouter.fakepbx.values import Person


class Phones:
    """Numbers that belong to nobody here (a last resort outside) are never busy."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = tuple(people)
        self._owner = {dial: person for person in reversed(people) for dial in person.dials}
        self._talks: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)

    def owner(self, dial: str) -> Person | None:
        return self._owner.get(dial)

    def begin_talk(self, dial: str, call_id: str) -> None:
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

    def free(self, *, but: frozenset[str] = frozenset()) -> list[Person]:
        """Those who do not talk and none of whose phones is in `but`."""
        return [
            person
            for person in self.people
            if not self.is_talking(person) and not but.intersection(person.dials)
        ]
