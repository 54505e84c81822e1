"""Asks name servers what they say of a domain's mail."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from callrouter.domain.mail_records import MOST_LOOKUPS, SELECTORS, Key, Records, tags_of

TOTAL_S: Final = 5.0
_ENOUGH: Final = 3 * MOST_LOOKUPS


class Silent(Exception):
    """No name server answered in time, or none would."""


@dataclass
class Names:
    """Questions to the system's name servers, or to `server`, an address."""

    server: str | None = None
    port: int = 53

    def __post_init__(self) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=self.server is None)
        except dns.resolver.NoResolverConfiguration:  # whoever is asked then is silent
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if self.server is not None:
            self._resolver.nameservers = [self.server]
            self._resolver.port = self.port
        self._resolver.lifetime = TOTAL_S

    async def ask(self, name: str, kind: str) -> list[str]:
        """What stands at a name; nothing where there is no such name. Raises Silent."""
        try:
            found = await self._resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, UnicodeError):
            raise Silent(name) from None
        if kind == "TXT":
            return [b"".join(one.strings).decode("utf-8", "replace") for one in found]
        return [one.to_text() for one in found]


async def look_up(domain: str, names: Names, selectors: Sequence[str] = ()) -> Records:
    """Everything about a domain's mail. `selectors`: further names of DKIM keys."""
    mx, spf, keys, dmarc = await asyncio.gather(
        _mx(domain, names),
        _spf(domain, names),
        _keys(domain, names, dict.fromkeys((*selectors, *SELECTORS))),
        _dmarc(domain, names),
    )
    lookups = await _lookups(spf[0], names) if spf and len(spf) == 1 else 0
    at, texts = dmarc
    return Records(domain, mx, spf, lookups, keys, texts, at)


async def _mx(domain: str, names: Names) -> tuple[str, ...] | None:
    try:
        found = sorted(
            (int(number), host.rstrip("."))
            for number, _, host in (one.partition(" ") for one in await names.ask(domain, "MX"))
        )
        return tuple(host for _, host in found if host)
    except Silent:
        return None


async def _beginning(name: str, begins: str, names: Names) -> tuple[str, ...]:
    texts = await names.ask(name, "TXT")
    return tuple(one for one in texts if one.lower().split(";")[0].split(" ")[0].strip() == begins)


async def _spf(domain: str, names: Names) -> tuple[str, ...] | None:
    try:
        return await _beginning(domain, "v=spf1", names)
    except Silent:
        return None


async def _lookups(text: str, names: Names) -> int:
    """How many questions a record costs, with those that it includes."""
    waiting, seen, many = [text], set[str](), 0
    while waiting and many < _ENOUGH:
        for term in waiting.pop().lower().split():
            word = term.lstrip("+-~?")
            name, _, to = word.replace("=", ":", 1).partition(":")
            if name.partition("/")[0] not in ("include", "redirect", "a", "mx", "ptr", "exists"):
                continue
            many += 1
            if name in ("include", "redirect") and to not in seen and "%" not in to:
                seen.add(to)
                try:
                    waiting += await _beginning(to, "v=spf1", names)
                except Silent:
                    continue
    return many


async def _keys(
    domain: str, names: Names, selectors: Sequence[str] | dict[str, None]
) -> tuple[Key, ...] | None:
    async def key(selector: str) -> Key | None:
        for text in await names.ask(f"{selector}._domainkey.{domain}", "TXT"):
            tags = tags_of(text)
            if "p" in tags and tags.get("v", "DKIM1").upper() == "DKIM1":
                return Key(selector, _bits(tags["p"], tags.get("k", "rsa")))
        return None

    found = await asyncio.gather(*map(key, selectors), return_exceptions=True)
    keys = tuple(one for one in found if isinstance(one, Key))
    if any(isinstance(one, Silent) for one in found) and not keys:
        return None
    return keys


def _bits(text: str, kind: str) -> int | None:
    """The length of an RSA key; 0 of none."""
    if not text:
        return 0
    if kind.lower() != "rsa":
        return None
    try:
        found = load_der_public_key(base64.b64decode("".join(text.split())))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return 1
    return found.key_size if isinstance(found, RSAPublicKey) else None


async def _dmarc(domain: str, names: Names) -> tuple[str, tuple[str, ...] | None]:
    """The domain's own, else that of the one above it, as receivers look for it."""
    at = domain
    try:
        while True:
            if texts := await _beginning(f"_dmarc.{at}", "v=dmarc1", names):
                return at, texts
            above = at.partition(".")[2]
            if "." not in above:
                return domain, ()
            at = above
    except Silent:
        return domain, None
