"""Which phone, and whose, a PBX speaks of when it names a channel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from callrouter.domain.calls import Leg, Phone, Whose
from callrouter.domain.ladders import AtWork
from callrouter.domain.phones import read_number, spelled

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.domain.setup import Setup

_TECHNOLOGY = re.compile(
    r"^(?:PJSIP|SIP|IAX2|Local|DAHDI|user|sofia/[^/]+|loopback)/", re.IGNORECASE
)
_SCHEME = re.compile(r"^sips?:", re.IGNORECASE)
_CHANNEL = re.compile(r"-[0-9a-fA-F]{4,}(?:;[12])?$")


def spellings(target: str) -> tuple[str, ...]:
    """A target as sent, then without technology prefix, channel suffix, scheme and host.

    >>> spellings("PJSIP/101-0000001a")
    ('PJSIP/101-0000001a', '101-0000001a', '101')
    """
    found = [target]
    rest = _TECHNOLOGY.sub("", target)
    for shorter in (
        rest,
        _CHANNEL.sub("", rest),
        _SCHEME.sub("", _CHANNEL.sub("", rest)).split("@")[0].split(";")[0],
    ):
        if shorter and shorter not in found:
            found.append(shorter)
    return tuple(found)


@lru_cache(maxsize=8192)
def _names(target: str, region: str) -> tuple[str, ...]:
    """Under what a phone may be known: every spelling, and the number that it is."""
    names = spellings(target)
    plain = spelled(target)
    number = read_number(target, region) or read_number(names[-1], region)
    return tuple(dict.fromkeys(name for name in (*names, plain, number) if name))


def phones_of(setup: Setup, account: str) -> Whose:
    """The look-up that the fold of an account's calls uses.

    A phone is found by an offered dial; else by the one manager on shift with that dial, or the
    only one who has it; else by his own number; else it is nobody's.
    """
    region = setup.company.region

    def whose(target: str | None, moment: datetime, legs: Sequence[Leg]) -> Phone:
        if not target:
            return Phone("", None)
        names = _names(target, region)
        for name in names:
            for leg in legs:
                if leg.dial == name:
                    return Phone(name, leg.manager)
        for name in names:
            if owners := setup.by_dial.get((account, name)):
                at_work = AtWork(setup, moment)
                present = [one for one in owners if at_work.absence(one) is None] or owners
                return Phone(name, present[0].key if len(present) == 1 else None)
        for name in names:
            if manager := setup.own_phones.get(name):
                return Phone(name, manager)
        return Phone(spellings(target)[-1], None)

    return whose


def diverter(setup: Setup, account: str, diverted_from: str | None) -> str | None:
    """The manager whose phone forwarded a call to us; None: nobody's that we know for sure."""
    if not diverted_from:
        return None
    for name in _names(diverted_from, setup.company.region):
        if owners := setup.by_dial.get((account, name)):
            return owners[0].key if len(owners) == 1 else None
        if manager := setup.own_phones.get(name):
            return manager
    return None
