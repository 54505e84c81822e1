"""Who may do what, and with whose things: rights by action, limited by whose a thing is.

A thing (card, call, contact, task, letter) is somebody's or nobody's. What is nobody's may be seen
and taken by everybody who works. `Viewer.people` are those whose things one may see; `may` says
whether an action is one's at all. Both are looked at on each request, so a change works at once.
What one may not see is, to him, not there: 404. (`storage/sight.py` asks the base so.)

A *card* is seen by its manager's, and by whoever has an open task about it, talked on a call of it
in the last 30 days, or was rung for it in the last 24 hours. A *call* by whoever talked, by whom it
rang, by its card's manager's, and by whoever has a task about it; one that reached nobody and is of
nobody's card is nobody's. A step of a ladder that has not come rings nobody. A *contact* by his
responsible's, and with a card of his or to which he belongs, a task about him or a late call as
with cards. An *obligation* by its owner's, another *task* also with a card that is his people's or
nobody's. A *letter*, *document*, *note* or *file* with its card. To *listen* one must have talked,
or the card must be his people's; that a phone rang is not enough.

*Giving*: who may `assign` makes anybody responsible. Else one takes what is nobody's, and gives
away what is one's own. *Speaking for others* (presence, a call from their phone) is for who may
`assign`, and sees them. A token of a role stands for a program and sees everything; a manager's
token is he himself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, get_args

from callrouter.domain.setup import Role

if TYPE_CHECKING:
    from callrouter.domain.setup import Manager, Setup

Right = Literal[
    "look",  # at calls, cards, contacts, tasks, letters: those one may see
    "work",  # on them: cards, contacts, notes, tasks, outcomes, letters, calls to customers
    "listen",  # to recordings of calls that one may see
    "assign",  # give cards to others, say presence for others
    "merge",  # join contacts, and undo it
    "figures",  # of those one may see
    "export",  # lists as files
    "delete",  # cards' files, contacts' data
    "import",  # contacts and products of other systems
    "see_setup",  # lines, rules, people, letters: read only
    "tune",  # change and publish them
    "users",  # invite, lock out, see who is signed in
    "operate",  # health, jobs, backups, raw hooks
    "audit",  # read who did what
]

RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    "manager": frozenset({"look", "work", "listen", "figures"}),
    "head": frozenset(
        {"look", "work", "listen", "assign", "merge", "figures", "export", "see_setup"}
    ),
    "admin": frozenset(get_args(Right)),
    "auditor": frozenset({"look", "listen", "figures", "see_setup", "audit"}),
}


LATELY_TALKED: Final = timedelta(days=30)
"""So long who talked about a card, or with a contact, sees it, whosever it is."""

LATELY_RUNG: Final = timedelta(hours=24)
"""So long whose phone rang for it does: his screen has shown it."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """For whom is read. `manager` None: a program, or a person who is in no Setup.

    `people`: the managers whose things he may see, himself among them; None: everybody's. `at`:
    when he looks, by which "lately" is reckoned; None: nothing is lately.
    """

    role: Role
    manager: str | None = None
    team: str | None = None
    office: str | None = None
    people: frozenset[str] | None = None
    at: datetime | None = field(default=None, compare=False)

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]

    def may_give(self, owner: str | None, to: str | None) -> bool:
        """Whether he may make `to` responsible for what is the owner's; None: nobody('s)."""
        if self.manager is None or self.may("assign"):
            return self.may("work")
        taking = owner is None and to == self.manager
        return self.may("work") and (taking or owner == self.manager)

    def sees(self, owner: str | None) -> bool:
        """Whether a thing of this manager's, or (None) of nobody's, is his to see."""
        return self.people is None or owner is None or owner in self.people


def viewer_of(manager: Manager, setup: Setup, now: datetime) -> Viewer:
    """A manager as a viewer, by what the Setup says of him now."""
    return Viewer(
        manager.role, manager.key, manager.team, manager.office, _people(manager, setup, now), now
    )


def _people(manager: Manager, setup: Setup, now: datetime) -> frozenset[str] | None:
    """Himself and those he stands in for while they are away; a head also those whom he leads.

    `[workplace] managers_see` widens what a manager sees: "own", "team", "office", "all".
    """
    if manager.role in ("admin", "auditor"):
        return None
    found = {manager.key, *_deputised(manager, setup, now)}
    if manager.role == "head":
        led = {one.key for one in setup.team if one.head == manager.key} | {manager.team}
        found |= {one.key for one in setup.manager if one.team is not None and one.team in led}
    match setup.workplace.managers_see:
        case "all":
            return None
        case "team":
            found |= {one.key for one in setup.manager if one.team and one.team == manager.team}
        case "office":
            found |= {
                one.key for one in setup.manager if one.office and one.office == manager.office
            }
        case "own":
            pass
    return frozenset(found)


def _deputised(manager: Manager, setup: Setup, now: datetime) -> set[str]:
    return {
        one.key
        for one in setup.manager
        if one.deputy == manager.key and (not one.active or _is_absent(one, setup, now))
    }


def _is_absent(manager: Manager, setup: Setup, now: datetime) -> bool:
    today = setup.calendar_of(manager.office).local(now).date()
    return any(one.from_ <= today <= one.to for one in setup.absences.get(manager.key, ()))
