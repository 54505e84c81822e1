"""The secret key and what it seals: secrets at rest, the snapshot's file, links that expire.

Fernet (https://github.com/fernet/spec) does the work: AES-128-CBC and HMAC-SHA256.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken

if TYPE_CHECKING:
    from pathlib import Path

SEALED = "sealed:"


class Unsealable(Exception):
    """What was to be opened was sealed with another key, changed, or is too old."""


class Seal:
    """Seals and opens with one secret key."""

    def __init__(self, key: str) -> None:
        digest = hashlib.sha256(key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))
        self.fingerprint = hashlib.sha256(b"fingerprint:" + digest).hexdigest()[:16]
        """Tells two keys apart without telling anything of either."""

    def close(self, secret: str) -> str:
        """Seal a secret for the base; what is sealed already stays."""
        if secret.startswith((SEALED, "env:")):
            return secret
        return SEALED + self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret in clear. Raises Unsealable."""
        return self.open_bytes(sealed.removeprefix(SEALED).encode()).decode()

    def close_bytes(self, data: bytes) -> bytes:
        return self._fernet.encrypt(data)

    def open_bytes(self, sealed: bytes) -> bytes:
        """Raises Unsealable."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise Unsealable("sealed with another key, or changed") from error

    def ticket(self, text: str, now: datetime) -> str:
        """A token for a link: nobody without the key can make, read or prolong it."""
        sealed = self._fernet.encrypt_at_time(text.encode(), int(now.timestamp()))
        return sealed.decode().rstrip("=")

    def read_ticket(self, token: str, now: datetime, life: timedelta) -> str:
        """What a ticket says. Raises Unsealable when it is not ours or too old."""
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            return self._fernet.decrypt_at_time(
                padded, int(life.total_seconds()), int(now.timestamp())
            ).decode()
        except (InvalidToken, UnicodeError) as error:
            raise Unsealable("not a link of ours, or too old") from error


def keep_key(path: Path) -> str:
    """Read the secret key's file, or make one that only its owner can read.

    It is safe on the disk before anything is sealed with it: who loses it loses every secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process has been quicker: its key stands
            os.link(fresh, path)
        fresh.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    return path.read_text().strip()
