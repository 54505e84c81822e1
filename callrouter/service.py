"""One running server's parts, as the rooms that serve people and programs see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from callrouter.forming.press import Press
from callrouter.import_desk import ImportDesk
from callrouter.oidc import SignOn
from callrouter.outside.client import Client
from callrouter.outside.mail import Mailer
from callrouter.outside.transcriber import Transcriber, open_transcriber
from callrouter.settings import BadSettings
from storage.files import Files, open_files

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
    mailer: Mailer = field(default_factory=Mailer)
    press: Press = field(default_factory=Press)

    @cached_property
    def files(self) -> Files:
        """Raises BadSettings."""
        settings = self.settings
        try:
            return open_files(settings.files, settings.environ, settings.data_dir)
        except ValueError as error:
            raise BadSettings(f"CALLROUTER_FILES_URL: {error}") from None

    @cached_property
    def imports(self) -> ImportDesk:
        """One for pages and programs: one file at a time is worked on here."""
        return ImportDesk(self)

    @cached_property
    def sign_on(self) -> SignOn | None:
        """None: nobody signs in by another service. Raises BadSettings."""
        settings = self.settings
        return SignOn(self.outside, settings, self.clock) if settings.oidc_issuer else None

    @cached_property
    def transcriber(self) -> Transcriber | None:
        """None: nobody makes text of recordings. Raises BadSettings."""
        model = self.settings.whisper_model
        try:
            return open_transcriber(model) if model else None
        except ValueError as error:
            raise BadSettings(f"CALLROUTER_WHISPER_MODEL: {error}") from None
