"""Passwords: argon2id in threads of their own, few and patient: calls are answered first."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

R = TypeVar("R")

AT_ONCE: Final = 2
MOST_WAIT: Final = 40
_NICE: Final = 10


class TooMany(Exception):
    """More people sign in at once than there is time for."""


class Passwords:
    """Belongs to the event loop. A hash takes about 0.2 s and 64 MB (RFC 9106, low memory)."""

    def __init__(self, hasher: PasswordHasher | None = None, *, most_wait: int = MOST_WAIT) -> None:
        # One lane: with more, argon2 makes threads of its own, which are not patient.
        self._hasher = PasswordHasher(parallelism=1) if hasher is None else hasher
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords", initializer=_be_patient)
        self._waiting = 0
        self._most = most_wait

    async def hash(self, password: str) -> str:
        """Raises TooMany."""
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def is_right(self, kept: str | None, password: str) -> bool:
        """Whether it is the kept one. Where none is kept it takes as long. Raises TooMany."""
        return await self._in_turn(lambda: self._verify(kept, password))

    def is_old(self, kept: str) -> bool:
        """Whether it was made with other settings than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str | None, password: str) -> bool:
        nobodys = self._nobodys  # made for whoever comes first, known or not
        try:
            self._hasher.verify(kept or nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(16))

    async def _in_turn(self, do: Callable[[], R]) -> R:
        if self._waiting >= self._most:
            raise TooMany
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, do)
        finally:
            self._waiting -= 1


def _be_patient() -> None:
    """On Linux a thread has a priority of its own: whoever answers calls goes first."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
