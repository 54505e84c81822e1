"""The form of an account: what stands in it, how setup.toml says it, what is wrong with it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from callrouter.domain.setup import Account
from callrouter.setup_file.merging import allowed_prefixes, has_default_prefixes
from callrouter.wording.catalogue import mark
from callrouter.wording.setup_problems import problem_said
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from multidict import MultiDictProxy

    from callrouter.domain.setup import Company, Setup
    from callrouter.setup_file import Problem
    from callrouter.setup_file.secrets import Code
    from callrouter.wording import Words

_LONGEST: Final = 2000

ALLOWED: Final[Mapping[str, str]] = {
    "key": mark("1 to 64 of the letters A-Z a-z, digits, _ . and -."),
    "provider": mark("One of those above."),
    "default_line": mark("One of the company’s numbers."),
    "api_key": mark("As the provider’s cabinet shows it, without spaces."),
    "dial_inside": mark("{dial} once, and round it no spaces, commas, “&” or other braces."),
    "dial_outside": mark("{dial} once, and round it no spaces, commas, “&” or other braces."),
    "allowed_prefixes": mark("Each begins with a plus, then digits: +7, +375."),
    "ring_slack_s": mark("A whole number from 0 to 60."),
    "max_talk_s": mark("A whole number from 60 to 86400."),
    "recording_hosts": mark("Hosts, each like pbx.example.com or pbx.example.com:8443."),
    "call_url": mark(
        "An address like https://pbx.example.com/call; its host is a host of recordings."
    ),
    "time_zone": mark("A name like Europe/Moscow; empty: UTC."),
    "base_url": mark("An address like https://api.novofon.com, without user and password."),
    "networks": mark("Networks, each like 203.0.113.0/24."),
}
"""What may stand in a field, by its name."""

KEY_TAKEN: Final = mark("Another connection is called so, or it is a word of ours.")

SECRET_WRONG: Final[Mapping[Code, str]] = {
    "needed": mark("Nothing was given."),
    "short": mark("Too short: at least 12 characters."),
    "long": mark("Too long: at most 256 characters."),
    "signs": mark("Letters A-Z a-z, digits and signs only, no spaces."),
    "written": mark("This names a secret; write the secret itself, or choose a variable."),
    "variable": mark("A variable’s name: letters A-Z a-z, digits and _, no digit first."),
    "own": mark("This variable is the server’s own; choose another one."),
    "same": mark("The connection has this one already."),
}

TITLES: Final[Mapping[str, str]] = {
    "pbx": mark("Any PBX that can send HTTP"),
    "zadarma": "Zadarma, Novofon 1",
    "twilio": "Twilio",
}
ABOUT: Final[Mapping[str, str]] = {
    "pbx": mark("Asterisk, FreeSWITCH, Kamailio and others. It needs a secret that both know."),
    "zadarma": mark("It needs a key and a secret from the cabinet: Settings, API."),
    "twilio": mark("It needs the Account SID and the Auth Token of the console."),
}


@dataclass(frozen=True, slots=True)
class Provided:
    """A provider in words. `can`: what it does with an answer, each as (what, how)."""

    key: str
    title: str
    about: str
    can: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AccountForm:
    """What is typed, as texts; the secret is no part of it. `only`: prefixes are listed."""

    key: str = ""
    provider: str = "pbx"
    default_line: str = ""
    api_key: str = ""
    dial_inside: str = "{dial}"
    dial_outside: str = "{dial}"
    only: bool = False
    allowed_prefixes: str = ""
    ring_slack_s: str = "10"
    max_talk_s: str = "3600"
    recording_hosts: str = ""
    call_url: str = ""
    time_zone: str = ""
    base_url: str = ""
    networks: str = ""
    allow_private: bool = False

    def written(self) -> dict[str, object]:
        """As setup.toml says it, without the secret."""
        said: dict[str, object] = {
            "key": self.key,
            "provider": self.provider,
            "default_line": self.default_line,
            "dial_inside": self.dial_inside,
            "dial_outside": self.dial_outside,
            "ring_slack_s": _whole(self.ring_slack_s),
            "max_talk_s": _whole(self.max_talk_s),
            "recording_hosts": _listed(self.recording_hosts),
            "networks": _listed(self.networks),
            "allow_private": self.allow_private,
        }
        if self.only:
            said["allowed_prefixes"] = _listed(self.allowed_prefixes)
        for name in ("api_key", "call_url", "time_zone", "base_url"):
            if value := getattr(self, name):
                said[name] = value
        return said

    def wrong(self) -> dict[str, str]:
        """What no setup could have, by field."""
        found = {
            name: ALLOWED[name]
            for name in ("ring_slack_s", "max_talk_s")
            if _whole(getattr(self, name)) < 0
        }
        if not re.fullmatch(r"[!-~]*", self.api_key):
            found["api_key"] = ALLOWED["api_key"]
        if self.provider not in PROVIDERS:
            found["provider"] = ALLOWED["provider"]
        return found


def form_of(account: Account, company: Company) -> AccountForm:
    only = not has_default_prefixes(account, company)
    return AccountForm(
        key=account.key,
        provider=account.provider,
        default_line=account.default_line,
        api_key=account.api_key or "",
        dial_inside=account.dial_inside,
        dial_outside=account.dial_outside,
        only=only,
        allowed_prefixes=" ".join(account.allowed_prefixes or ()) if only else "",
        ring_slack_s=str(account.ring_slack_s),
        max_talk_s=str(account.max_talk_s),
        recording_hosts="\n".join(account.recording_hosts),
        call_url=account.call_url or "",
        time_zone=account.time_zone or "",
        base_url=account.base_url or "",
        networks="\n".join(account.networks),
        allow_private=account.allow_private,
    )


def read_form(post: MultiDictProxy[Any]) -> AccountForm:
    """What was typed; whatever else was sent is not read."""
    said: dict[str, Any] = {}
    for one in fields(AccountForm):
        typed = str(post.get(one.name, "")).replace("\r\n", "\n").strip()[:_LONGEST]
        said[one.name] = typed == "yes" if one.name in ("only", "allow_private") else typed
    return AccountForm(**said)


def marks(form: AccountForm) -> dict[str, str]:
    """Of each field, to know later whether it was touched."""
    return {
        name: hashlib.sha256(str(value).encode()).hexdigest()[:12]
        for name, value in asdict(form).items()
    }


def meet(
    typed: AccountForm, opened: Mapping[str, str], now: AccountForm
) -> tuple[AccountForm, dict[str, str]]:
    """What was typed, on what others have saved since the form was `opened`.

    A field that nobody touched is as it is now; the others keep what was typed, and where others
    have changed them too, what stands there now is told.
    """
    sent, stands = marks(typed), marks(now)
    news = [one for one in stands if stands[one] not in (opened.get(one), sent[one])]
    left = {one: getattr(now, one) for one in news if sent[one] == opened.get(one)}
    others = {one: str(getattr(now, one)) for one in news if one not in left}
    return replace(typed, **left), others


def placed(
    problems: Iterable[Problem], key: str, words: Words
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Problems of a setup by the form's fields, and those that stand elsewhere."""
    wrong: dict[str, str] = {}
    others: list[str] = []
    for one in problems:
        mine, name = _field(one.key, key)
        if mine and name in ALLOWED:
            wrong[name] = words(ALLOWED[name])
        elif mine and name == "secret":
            wrong[name] = problem_said(one.message, words)
        else:
            others.append(f"{one.key}: {problem_said(one.message, words)}")
    return wrong, tuple(others)


def _field(problem: str, key: str) -> tuple[bool, str]:
    """Whether it is the account's, and of which field."""
    mine, name = f"account[{key}]", "key"
    if problem.startswith(f"{mine}."):
        name = problem.removeprefix(f"{mine}.").partition("[")[0]
    return problem.startswith(mine), name


def usual_prefixes(company: Company) -> str:
    return ", ".join(allowed_prefixes(Account("", ""), company))


def providers(words: Words) -> tuple[Provided, ...]:
    """Every provider that there is, in words."""
    return tuple(
        Provided(
            key,
            words(TITLES.get(key, key)),
            words(ABOUT[key]) if key in ABOUT else "",
            tuple(_can(key, words)),
        )
        for key in PROVIDERS
    )


def title_of(provider: str, words: Words) -> str:
    return words(TITLES.get(provider, provider))


def _can(provider: str, words: Words) -> Iterable[tuple[str, str]]:
    able = PROVIDERS[provider](Account("", ""), ()).able
    all_ = words("all")
    yield words("Steps in one answer"), all_ if able.steps is None else str(able.steps)
    at_once = all_ if able.targets is None else str(able.targets)
    yield words("Phones rung at once"), at_once if able.parallel else "1"
    for says, does in (
        (words("Rings outside numbers"), able.outside_numbers),
        (words("Asks again after a step"), able.ask_again),
        (words("Holds callers in the queue"), able.wait),
        (words("Says a message"), able.message),
        (words("Records when told to"), able.record),
        (words("Dials the last resort"), able.then),
    ):
        yield says, words("yes") if does else words("no")


def lines_of(account: str, setup: Setup) -> tuple[str, ...]:
    """The lines whose calls may come through nothing else: without the account they have none."""
    others = [one for one in setup.account if one.key != account]
    return tuple(
        one.number
        for one in setup.line
        if one.account == account or (one.account is None and not others)
    )


def managers_of(account: str, setup: Setup) -> tuple[str, ...]:
    """Whose phones are named for this account."""
    return tuple(
        one.name
        for one in setup.manager
        if isinstance(one.dial, dict) and account in one.dial and one.active
    )


def _whole(text: str) -> int:
    """-1 for what is no whole number."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1


def _listed(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,;]+", text) if one]
