"""Where letters are handed over: an SMTP server and who signs in there, read from an address."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Tls = Literal["wrapped", "required", "offered", "off"]
"""`wrapped`: from the first byte; `required`: by STARTTLS; `offered`: by it where there is any."""

ALLOWED: Final = "allowed are smtp://USER:PASSWORD@HOST:PORT[?tls=required|off] and smtps://…"

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)
_PORTS: Final = {"wrapped": 465, "signed in": 587, "open": 25}


class BadMailbox(ValueError):
    """An address that leads to no mailbox; the text says what is allowed, never the password."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`sender`: the address that this mailbox owns, which letters come from; "": not known yet."""

    host: str
    port: int
    tls: Tls = "offered"
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""

    @property
    def is_here(self) -> bool:
        """Whether its server is on this machine, so that nobody listens on the way."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_mailbox(url: str, *, secret_apart: bool = False) -> Mailbox:
    """Read `smtp://user:password@host:port` or `smtps://…`; `?tls=` changes how it is secured.

    With a password smtp:// demands STARTTLS, unless its server is on this machine or `?tls=off`
    says otherwise. `secret_apart`: a password may not stand in it. Raises BadMailbox.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadMailbox(ALLOWED) from None
    host = parts.hostname or ""
    if parts.scheme not in ("smtp", "smtps") or not _is_host(host) or port == 0:
        raise BadMailbox(ALLOWED)
    if parts.path not in ("", "/") or parts.fragment:
        raise BadMailbox(ALLOWED)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if any(ord(char) < 32 for char in user + password):
        raise BadMailbox(f"has a control character in it; {ALLOWED}")
    if secret_apart and password:
        raise BadMailbox("has a password in it; allowed: password = … apart from it")
    if password and not user:
        raise BadMailbox(f"has a password and no user; {ALLOWED}")
    found = Mailbox(host, 0, user=user, password=password)
    tls = _tls(parts, strict=bool(user) and not found.is_here)
    kind = "wrapped" if tls == "wrapped" else "signed in" if user else "open"
    sender = user if "@" in user else ""
    return Mailbox(host, port or _PORTS[kind], tls, user, password, sender)


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text))
    return True


def _tls(parts: SplitResult, *, strict: bool) -> Tls:
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    if set(said) - {"tls"} or said.get("tls", "off") not in ("required", "off"):
        raise BadMailbox(ALLOWED)
    if parts.scheme == "smtps":
        if said:
            raise BadMailbox("smtps:// is secured from its first byte; allowed: no ?tls=")
        return "wrapped"
    if said.get("tls") == "off":
        return "off"
    return "required" if said or strict else "offered"
