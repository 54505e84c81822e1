"""What stands in a file, laid over what the base has."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

import phonenumbers

from callrouter.domain.phones import read_number, spelled
from callrouter.domain.setup import (
    Account,
    Alarms,
    Backups,
    Company,
    Digest,
    Leads,
    Letters,
    Load,
    Manager,
    Missed,
    Recordings,
    Routing,
    Setup,
    Webhook,
    Workplace,
)
from callrouter.setup_file.names import LISTS, SECTIONS, item_name, label
from callrouter.setup_file.problems import BadSetup, Problem
from callrouter.setup_file.reading import Written, read_file

Table = TypeVar(
    "Table",
    Company,
    Routing,
    Missed,
    Load,
    Letters,
    Recordings,
    Backups,
    Workplace,
    Alarms,
    Digest,
    Leads,
)
Keeper = TypeVar("Keeper", Account, Webhook)

KEPT: Final = "kept"
"""Stands in a file for a secret that is not shown; applying it leaves the secret as it is."""


def read_setup(text: str) -> Setup:
    """Read a file that is a setup by itself. Raises BadSetup with every wrong key and type.

    What the values refer to is `check`'s business.
    """
    return merge(Setup(), read_file(text))


def merge(base: Setup, new: Setup | Written, *, prune: bool = False) -> Setup:
    """Lay a file over the base; an item of the file replaces the base's item of the same key.

    Of single tables only the named keys change. The file's items come first, in its order, then
    the base's others; `prune` takes those away, but managers only become inactive. The version
    stays the base's. Raises BadSetup where "kept" stands for a secret that the base has not.
    """
    written = new if isinstance(new, Written) else Written(new, _everything())
    old, file = _without_default_prefixes(base), written.setup
    company = _laid_over(old.company, file.company, "company", written)
    changes: dict[str, Any] = {"company": company}
    for section in SECTIONS:
        before, after = getattr(old, section), getattr(file, section)
        if section in LISTS:
            changes[section] = _joined(section, before, after, company.region, prune=prune)
        elif section != "company":
            changes[section] = _laid_over(before, after, section, written)
    changes["account"] = _with_kept_secrets("account", changes["account"], old.accounts)
    changes["webhook"] = _with_kept_secrets("webhook", changes["webhook"], old.webhooks)
    changes["manager"] = tuple(_with_kept_password(one, old) for one in changes["manager"])
    merged = replace(old, **changes)
    accounts = tuple(
        replace(account, allowed_prefixes=allowed_prefixes(account, company))
        for account in merged.account
    )
    return replace(merged, account=accounts)


def allowed_prefixes(account: Account, company: Company) -> tuple[str, ...]:
    """What outside numbers of the account must begin with; else the company's country code."""
    if account.allowed_prefixes is not None:
        return account.allowed_prefixes
    code = phonenumbers.country_code_for_region(company.region)
    return (f"+{code}",) if code else ()


def has_default_prefixes(account: Account, company: Company) -> bool:
    default = allowed_prefixes(replace(account, allowed_prefixes=None), company)
    return account.allowed_prefixes in (None, default)


def identity(section: str, item: object, region: str) -> object:
    """What makes two items the same one: lines and blocks by number, however it is spelled."""
    if section in ("line", "block"):
        number = label(section, item)
        of_region = getattr(item, "region", None) or region
        return read_number(number, of_region) or spelled(number)
    return item_name(section, item)


def _everything() -> frozenset[tuple[str, str]]:
    singles = (section for section in SECTIONS if section not in LISTS)
    return frozenset((name, f.name) for name in singles for f in fields(getattr(Setup(), name)))


def _without_default_prefixes(setup: Setup) -> Setup:
    """A default follows the company's country, so it is filled in anew each time."""
    accounts = tuple(
        replace(account, allowed_prefixes=None)
        if has_default_prefixes(account, setup.company)
        else account
        for account in setup.account
    )
    return replace(setup, account=accounts)


def _laid_over(before: Table, after: Table, section: str, written: Written) -> Table:
    named = (key for table, key in written.named if table == section)
    return replace(before, **{key: getattr(after, key) for key in named})


def _joined(
    section: str,
    before: Iterable[Any],
    after: tuple[Any, ...],
    region: str,
    *,
    prune: bool,
) -> tuple[Any, ...]:
    in_file = {identity(section, item, region) for item in after}
    others = [item for item in before if identity(section, item, region) not in in_file]
    if prune and section == "manager":
        others = [replace(manager, active=False) for manager in others]
    elif prune:
        others = []
    return (*after, *others)


def _with_kept_secrets(
    section: str, keepers: Iterable[Keeper], old: Mapping[str, Keeper]
) -> tuple[Keeper, ...]:
    problems: list[Problem] = []
    done: list[Keeper] = []
    for keeper in keepers:
        had = old.get(keeper.key)
        secret: str | tuple[str, ...] = keeper.secret
        if keeper.secrets == (KEPT,):
            secret = had.secret if had else ()
        elif KEPT in keeper.secrets:
            unseen = [one for one in (had.secrets if had else ()) if not one.startswith("env:")]
            secret = tuple(
                kept for one in keeper.secrets for kept in (unseen if one == KEPT else [one])
            )
        if KEPT in keeper.secrets and secret in ((), tuple(_others(keeper))):
            message = f'is "{KEPT}", but there is none to keep; allowed: "env:NAME" or a literal'
            problems.append(Problem(f"{item_name(section, keeper)}.secret", message))
        done.append(replace(keeper, secret=secret))
    if problems:
        raise BadSetup(problems)
    return tuple(done)


def _with_kept_password(manager: Manager, old: Setup) -> Manager:
    if manager.smtp is None or manager.smtp.password != KEPT:
        return manager
    had = old.managers.get(manager.key)
    if had is None or had.smtp is None or not had.smtp.password:
        message = f'is "{KEPT}", but there is none to keep; allowed: "env:NAME" or a literal'
        raise BadSetup([Problem(f"{item_name('manager', manager)}.smtp.password", message)])
    return replace(manager, smtp=replace(manager.smtp, password=had.smtp.password))


def _others(keeper: Account | Webhook) -> Iterator[str]:
    return (one for one in keeper.secrets if one != KEPT)
