"""What `callrouter init` asks and writes."""

from __future__ import annotations

from pathlib import Path

from callrouter.domain.setup import Setup
from callrouter.settings import Settings


def ask_and_write(folder: Path, *, force: bool) -> None:
    raise NotImplementedError


def what_next(settings: Settings, setup: Setup) -> str:
    raise NotImplementedError
