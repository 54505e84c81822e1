"""Checks of what is dialled: accounts and what they may dial, our lines, managers' phones."""

import ipaddress
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import Final

from callrouter.domain.hours import BadHours
from callrouter.domain.phones import is_dialable, is_outside, read_number, spelled
from callrouter.domain.setup import Account, Line, Manager, Setup
from callrouter.setup_file.merging import allowed_prefixes
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import (
    Problem,
    allowed_words,
    between,
    hours,
    name_of_item,
    quoted,
    reference,
    region,
    text,
    zone,
)
from callrouter.setup_file.shifts import Shift, meet
from webhooks.providers import PROVIDERS

GRAMMAR: Final = '"101", "+74951230001", "client:anna" or "sip:user@host", without spaces'
_PREFIX = re.compile(r"\+[0-9]{0,15}")
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_HOST_AND_PORT = re.compile(rf"(?P<host>{_HOST})(?P<port>:[1-9][0-9]{{0,4}})?")
_URL = re.compile(rf"(?P<scheme>https?)://{_HOST_AND_PORT.pattern}(?:[/?][!-~]*)?")
_SPELLING = re.compile(r"[!-%'-+\--z|~]*\{dial\}[!-%'-+\--z|~]*")  # no space, comma, & or brace
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_SHORTEST_SECRET: Final = 12


def check_accounts(setup: Setup) -> Iterator[Problem]:
    for account in setup.account:
        at = item_name("account", account)
        yield from name_of_item(at, account.key)
        yield from reference(f"{at}.provider", account.provider, PROVIDERS, "provider")
        yield from check_secrets(account.secrets, f"{at}.secret")
        if spelled(account.default_line) not in setup.lines:
            yield from reference(
                f"{at}.default_line",
                account.default_line,
                [line.number for line in setup.line],
                "line",
            )
        for key in ("dial_inside", "dial_outside"):
            if not _SPELLING.fullmatch(getattr(account, key)):
                message = 'allowed: {dial} once, and round it no spaces, commas, "&" or braces'
                yield Problem(f"{at}.{key}", f'is "{getattr(account, key)}"; {message}')
        for prefix in account.allowed_prefixes or ():
            if not _PREFIX.fullmatch(prefix):
                message = f'"{prefix}" is no prefix; allowed: a plus and digits, e.g. "+7"'
                yield Problem(f"{at}.allowed_prefixes", message)
        yield from between(f"{at}.ring_slack_s", account.ring_slack_s, 0, 60)
        yield from between(f"{at}.max_talk_s", account.max_talk_s, 60, 86_400)
        yield from zone(f"{at}.time_zone", account.time_zone)
        yield from _network(account, at)


def check_secrets(secrets: Sequence[str], key: str) -> Iterator[Problem]:
    if not 1 <= len(secrets) <= 2:
        message = 'allowed: one, or a list of two while one is rotated; e.g. "env:PBX_SECRET"'
        yield Problem(key, f"has {len(secrets)}; {message}")
    for secret in secrets:
        if secret.startswith("env:") and not _VARIABLE.fullmatch(secret):
            yield Problem(key, 'has a name no variable can have; allowed: e.g. "env:PBX_SECRET"')
        elif len(secret) < _SHORTEST_SECRET and not secret.startswith(("env:", "sealed:")):
            message = f'allowed: at least {_SHORTEST_SECRET} characters, or "env:NAME"'
            yield Problem(key, f"is too short to be a secret; {message}")


def _network(account: Account, at: str) -> Iterator[Problem]:
    for host in account.recording_hosts:
        if not _HOST_AND_PORT.fullmatch(host):
            message = f'"{host}" is no host; allowed: "pbx.example.com" or "pbx.example.com:8443"'
            yield Problem(f"{at}.recording_hosts", message)
    for key in ("call_url", "base_url"):
        yield from check_url(getattr(account, key), f"{at}.{key}", private=account.allow_private)
    for network in account.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            message = f'"{network}" is no network; allowed: e.g. "203.0.113.0/24"'
            yield Problem(f"{at}.networks", message)
    if account.call_url and (found := _URL.fullmatch(account.call_url)):
        host, port = found["host"], found["port"] or ""
        if not {host, host + port} & set(account.recording_hosts):
            message = f'its host "{host}{port}" is not among recording_hosts'
            yield Problem(f"{at}.call_url", f"{message}; {allowed_words(account.recording_hosts)}")


def check_url(url: str | None, key: str, *, private: bool) -> Iterator[Problem]:
    if url is None:
        return
    found = _URL.fullmatch(url)
    if not found or (found["scheme"] == "http" and not private):
        unless = "" if private else " (http:// too with allow_private = true)"
        message = f"allowed: https://host/path{unless}, without user and password"
        yield Problem(key, f'is "{url}"; {message}')


def check_lines(setup: Setup) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for line in setup.line:
        at = item_name("line", line)
        for key, name in (("number", line.number), *(("aliases", a) for a in line.aliases)):
            forms = spellings(name, setup.region_of(line))
            if not _is_called(name):
                yield Problem(f"{at}.{key}", f'"{name}" cannot be dialled; allowed: {GRAMMAR}')
            others = {taken[form] for form in forms if form in taken}
            for other in others - {line.number}:
                message = (
                    f'"{name}" is also line[{other}]; allowed: a number that no other line has'
                )
                yield Problem(f"{at}.{key}", message)
            taken.update({form: line.number for form in forms if form not in taken})
    for line in setup.line:
        yield from _line(setup, line, item_name("line", line))
        yield from _last_resort(setup, line, taken, f"{item_name('line', line)}.last_resort")


def spellings(name: str, of_region: str) -> frozenset[str]:
    """Every form under which a number or word is looked up."""
    return frozenset(form for form in (spelled(name), read_number(name, of_region)) if form)


def _is_called(name: str) -> bool:
    """Tell whether a PBX could name a line so: digits however they are parted, or a plain word."""
    return is_dialable(spelled(name)) and len(name) <= 128


def _line(setup: Setup, line: Line, at: str) -> Iterator[Problem]:
    yield from text(f"{at}.name", line.name)
    yield from text(f"{at}.source", line.source, longest=64, needed=True)
    yield from reference(f"{at}.account", line.account, setup.accounts, "account")
    yield from reference(f"{at}.ladder", line.ladder, setup.ladders, "ladder")
    yield from hours(f"{at}.hours", line.hours)
    yield from reference(f"{at}.closed", line.closed, setup.ladders, "ladder")
    yield from reference(f"{at}.pipeline", line.pipeline, setup.pipelines, "pipeline")
    yield from reference(f"{at}.office", line.office, setup.offices, "office")
    yield from region(f"{at}.region", line.region)
    yield from between(f"{at}.record_days", line.record_days, 0, 36_600)


def _last_resort(setup: Setup, line: Line, taken: Collection[str], key: str) -> Iterator[Problem]:
    dial, regions = line.last_resort, {setup.region_of(line), setup.company.region}
    if any(form in taken for of_region in regions for form in spellings(dial, of_region)):
        message = f'"{dial}" is one of our own lines: the call would go round in a circle'
        yield Problem(key, f"{message}; allowed: a number or phone that is not ours to route")
    elif not is_dialable(dial):
        yield _undialable(key, dial, setup.region_of(line))
    elif is_outside(dial):
        for account in accounts_of(setup, line):
            yield from _prefix(setup, account, dial, key)


def accounts_of(setup: Setup, line: Line) -> tuple[Account, ...]:
    """The accounts through which a call to this line may come."""
    mine = {spelled(line.number), *map(spelled, line.aliases)}
    return tuple(
        account
        for account in setup.account
        if line.account in (None, account.key) or spelled(account.default_line) in mine
    )


def check_dials(setup: Setup) -> Iterator[Problem]:
    own = {
        form
        for line in setup.line
        for name in (line.number, *line.aliases)
        for form in spellings(name, setup.region_of(line))
    }
    for manager in setup.active:
        key = f"{item_name('manager', manager)}.dial"
        if isinstance(manager.dial, dict):
            for account_key in manager.dial:
                yield from reference(key, account_key, setup.accounts, "account")
        for dial in dict.fromkeys(manager.all_dials):
            if not is_dialable(dial):
                yield _undialable(key, dial, setup.company.region)
            elif is_outside(dial) and dial in own:
                message = f'"{dial}" is one of our own lines: the call would go round in a circle'
                yield Problem(key, f"{message}; allowed: a phone")
        for account in setup.account:
            for dial in filter(is_outside, manager.dials(account.key)):
                yield from _prefix(setup, account, dial, key)
    yield from _shared(setup)


def _undialable(key: str, dial: str, of_region: str) -> Problem:
    number = read_number(dial, of_region)
    hint = f'did you mean "{number}"? ' if number else ""
    return Problem(key, f'"{dial}" cannot be dialled; {hint}allowed: {GRAMMAR}')


def _prefix(setup: Setup, account: Account, dial: str, key: str) -> Iterator[Problem]:
    prefixes = allowed_prefixes(account, setup.company)
    if not dial.startswith(prefixes):
        where = f"account[{account.key}].allowed_prefixes"
        allowed = quoted(prefixes) or "no outside numbers"
        yield Problem(key, f'"{dial}" is outside what {where} lets; allowed: {allowed}')


def _shared(setup: Setup) -> Iterator[Problem]:
    """Two managers may have one phone only if they are never at work together."""
    told: set[tuple[str, str]] = set()
    for account in setup.account:
        owners: dict[str, list[Manager]] = {}
        for manager in setup.active:
            dials = manager.dials(account.key)
            for phone in {read_number(dial, setup.company.region) or dial for dial in dials}:
                owners.setdefault(phone, []).append(manager)
        for phone, managers in owners.items():
            for one, other in combinations(managers, 2):
                pair = (one.key, other.key)
                if pair in told or not _at_work_together(setup, one, other):
                    continue
                told.add(pair)
                message = f'"{phone}" is also the phone of "{one.key}", and their shifts meet'
                allowed = "allowed: a phone of his own, or shifts that never meet"
                yield Problem(f"{item_name('manager', other)}.dial", f"{message}; {allowed}")


def _at_work_together(setup: Setup, one: Manager, other: Manager) -> bool:
    try:
        return meet(*(Shift(m.shift, setup.calendar_of(m.office).zone) for m in (one, other)))
    except (BadHours, KeyError, ValueError):
        return False  # a problem of its own
