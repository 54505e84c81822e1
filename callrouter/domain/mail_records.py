"""What a domain's name servers say of its mail, and what of that is to be mended.

SPF: RFC 7208; DKIM: RFC 6376; DMARC: RFC 7489.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

SELECTORS: Final = (
    *("mail", "default", "dkim", "google", "selector1", "selector2", "s1", "s2", "k1", "k2"),
    *("mailru", "yandex", "smtp", "key1", "mx", "beget", "unisender", "us", "mandrill", "zoho"),
)
"""Names under which DKIM keys usually stand; a domain has no list of its own."""

MOST_LOOKUPS: Final = 10
SHORTEST_KEY: Final = 1024
SHORT_KEY: Final = 2048

Grade = Literal["good", "mend", "bad"]
Code = Literal[
    "mx",
    "no_mx",
    "spf",
    "no_spf",
    "many_spf",
    "spf_all",
    "spf_open",
    "spf_long",
    "dkim",
    "no_dkim",
    "dkim_gone",
    "dkim_weak",
    "dkim_short",
    "dmarc",
    "no_dmarc",
    "many_dmarc",
    "dmarc_none",
    "dmarc_broken",
    "silent",
]


@dataclass(frozen=True, slots=True)
class Key:
    """A DKIM key. `bits`: of an RSA key; 0: it was taken back; None: of another kind."""

    selector: str
    bits: int | None


@dataclass(frozen=True, slots=True)
class Records:
    """What was found of a domain; None: no name server answered.

    `spf`, `dmarc`: the texts that begin as such; `dmarc_at`: where the latter stand. `lookups`:
    how many questions the SPF record costs whoever checks it.
    """

    domain: str
    mx: tuple[str, ...] | None = ()
    spf: tuple[str, ...] | None = ()
    lookups: int = 0
    keys: tuple[Key, ...] | None = ()
    dmarc: tuple[str, ...] | None = ()
    dmarc_at: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`good`, worth to `mend`, or `bad`: letters may be thrown away because of it."""

    code: Code
    grade: Grade
    values: Mapping[str, str | int] = field(default_factory=dict)


def judge(found: Records) -> tuple[Finding, ...]:
    """Everything that there is to say, in the order in which it is mended."""
    return (*_mx(found), *_spf(found), *_dkim(found), *_dmarc(found))


def _silent(what: str, found: Records) -> Finding:
    return Finding("silent", "mend", {"what": what, "domain": found.domain})


def _mx(found: Records) -> Iterator[Finding]:
    if found.mx is None:
        yield _silent("MX", found)
    elif found.mx:
        yield Finding("mx", "good", {"domain": found.domain, "hosts": ", ".join(found.mx[:3])})
    else:
        yield Finding("no_mx", "bad", {"domain": found.domain})


def _spf(found: Records) -> Iterator[Finding]:
    at = {"domain": found.domain}
    if found.spf is None:
        yield _silent("SPF", found)
    elif not found.spf:
        yield Finding("no_spf", "bad", at)
    elif len(found.spf) > 1:
        yield Finding("many_spf", "bad", {**at, "n": len(found.spf)})
    else:
        (text,) = found.spf
        terms = text.lower().split()
        if found.lookups > MOST_LOOKUPS:
            yield Finding("spf_long", "bad", {**at, "n": found.lookups})
        if {"+all", "all"} & set(terms):
            yield Finding("spf_open", "bad", {**at, "text": text})
        elif not {"-all", "~all"} & set(terms) and not any(
            term.startswith("redirect=") for term in terms
        ):
            yield Finding("spf_all", "mend", {**at, "text": text})
        else:
            yield Finding("spf", "good", {**at, "text": text})


def _dkim(found: Records) -> Iterator[Finding]:
    if found.keys is None:
        yield _silent("DKIM", found)
        return
    if not found.keys:
        yield Finding("no_dkim", "bad", {"domain": found.domain})
    for key in found.keys:
        at = {"name": f"{key.selector}._domainkey.{found.domain}"}
        if key.bits == 0:
            yield Finding("dkim_gone", "mend", at)
        elif key.bits is None or key.bits >= SHORT_KEY:
            yield Finding("dkim", "good", at)
        elif key.bits >= SHORTEST_KEY:
            yield Finding("dkim_short", "mend", {**at, "bits": key.bits})
        else:
            yield Finding("dkim_weak", "bad", {**at, "bits": key.bits})


def _dmarc(found: Records) -> Iterator[Finding]:
    at = {"name": f"_dmarc.{found.dmarc_at or found.domain}"}
    if found.dmarc is None:
        yield _silent("DMARC", found)
    elif not found.dmarc:
        yield Finding("no_dmarc", "bad", at)
    elif len(found.dmarc) > 1:
        yield Finding("many_dmarc", "bad", {**at, "n": len(found.dmarc)})
    else:
        (text,) = found.dmarc
        policy = tags_of(text).get("p", "").lower()
        if policy in ("quarantine", "reject"):
            yield Finding("dmarc", "good", {**at, "text": text})
        elif policy == "none":
            yield Finding("dmarc_none", "mend", {**at, "text": text})
        else:
            yield Finding("dmarc_broken", "bad", {**at, "text": text})


def tags_of(text: str) -> dict[str, str]:
    """The `name=value` of a record, which semicolons divide."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
