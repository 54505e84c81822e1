"""What `callrouter route` and `callrouter why` print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

Read = Callable[..., Any]


def show_route(
    read: Read, line: str, caller: str, moment: str | None, *, as_json: bool, now: datetime
) -> str:
    raise NotImplementedError


def show_why(read: Read, call: str, *, as_json: bool, now: datetime) -> str:
    raise NotImplementedError
