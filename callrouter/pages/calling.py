"""Whether a page's buttons can let the PBX call: said beforehand, not after a click in vain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callrouter import ordering
from callrouter.flows.order_call import account_of

if TYPE_CHECKING:
    from callrouter.pages.doors import Guest
    from callrouter.service import Service


@dataclass(frozen=True, slots=True)
class CallingOut:
    """Whether a page's buttons can let the PBX call, each on its line; asked once per line."""

    service: Service
    guest: Guest
    known: dict[str, str] = field(default_factory=dict)

    def why_not(self, line: str | None) -> str:
        """Why who looks cannot call by a click, as a sentence; "" when he can."""
        line = line or ""
        if line not in self.known:
            self.known[line] = self._why_not(line)
        return self.known[line]

    def _why_not(self, line: str) -> str:
        words, setup, manager = self.guest.words, self.service.setups.current, self.guest.manager
        if manager is None:
            return words("Only a manager can call from here: sign in as one.")
        found = line_for(self.service, manager, line)
        account = account_of(setup, setup.lines.get(line)) if line else None
        if found is not None:
            return ""
        if account is not None and not setup.managers[manager].dials(account.key):
            return words("You have no phone on this PBX.")
        return words("This PBX takes no orders to call: click-to-call is not set up for it.")


def line_for(service: Service, manager: str, wanted: str) -> str | None:
    """The line on which his call goes: the wanted one, where one is, else the first that can."""
    setup = service.setups.current
    lines = [setup.lines[wanted]] if wanted in setup.lines else [] if wanted else setup.line
    return next((one.number for one in lines if ordering.can_order(service, manager, one)), None)
