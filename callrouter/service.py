"""One running server's parts, as the rooms that serve people and programs see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from callrouter.outside.client import Client
from storage.files import Folder, open_files

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.seal import Seal
    from callrouter.settings import Settings
    from storage.database import Database

Clock = Callable[[], datetime]

POP_LIFE = timedelta(hours=2)
"""How long a screen-pop's link opens."""


class Setups(Protocol):
    """The Setup in force; a new version replaces it within two seconds of being applied."""

    @property
    def current(self) -> Setup: ...


@dataclass(frozen=True)
class Service:
    settings: Settings
    database: Database
    setups: Setups
    seal: Seal
    clock: Clock
    demo: bool = False
    outside: Client = field(default_factory=Client)

    @property
    def files(self) -> Folder:
        return open_files(self.settings.files)
