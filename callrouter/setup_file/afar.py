"""What only who sits at the server may put into a setup, not a page and not a program with a token.

A command would run on the server; a variable of the server's own would carry its secrets to a PBX,
a mailbox or a webhook that somebody names. A secret that nobody is shown would be carried out by
another host in the address that it is sent to: whoever names one there has to know the secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from callrouter.domain.setup import Setup
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import Problem

if TYPE_CHECKING:
    from callrouter.domain.setup import Account

OF_THE_SERVER: Final = ("CALLROUTER_", "AWS_", "PG")
"""Beginnings of variables that hold secrets of the server's own."""

FOR_SETUP: Final = ("PBX_", "WEBHOOK_", "MAIL_")
"""Beginnings of variables that are there for a setup to name; what else the environment holds is
other programs' as well."""

_AT_THE_SERVER: Final = "allowed: by `callrouter apply`, on the server itself"
_OTHERS: Final = "by `callrouter apply`, on the server itself"
_ANEW: Final = "allowed: with the secret typed anew, or by `callrouter apply`, on the server itself"


def is_of_the_server(variable: str) -> bool:
    return variable.upper().startswith(OF_THE_SERVER)


def beyond_reach(old: Setup, new: Setup, past: Setup | None = None) -> Iterator[Problem]:
    """A problem for each such thing that is new; what stands already may stay.

    `past`: an earlier version, whose variables were named rightly.
    """
    if (new.backups.to or "").startswith("run:") and new.backups.to != old.backups.to:
        yield Problem("backups.to", f"runs a command; {_AT_THE_SERVER}")
    before = set(_variables(old))
    named = {name for _, name in (*before, *(_variables(past) if past else ()))}
    for at, name in _variables(new):
        if (at, name) in before:
            continue
        if is_of_the_server(name):
            yield Problem(at, f"names a variable of the server's own; {_AT_THE_SERVER}")
        elif name not in named and not name.startswith(FOR_SETUP):
            beginnings = ", ".join(FOR_SETUP)
            yield Problem(
                at,
                f"names a variable that is new here, {name}; allowed: one that begins with "
                f"{beginnings}, or that the setup names already; others {_OTHERS}",
            )
    yield from carried_out(old, new)


def carried_out(old: Setup, new: Setup) -> Iterator[Problem]:
    """A problem for each secret that would go to another host and was not typed anew."""
    message = "goes to another host: "
    for account in led_elsewhere(old, new).account:
        if set(account.secrets) & set(old.accounts[account.key].secrets):
            at = f"{item_name('account', account)}.secret"
            yield Problem(at, f"{message}{_hosts(account)}; {_ANEW}")
    for manager in led_elsewhere(old, new).manager:
        had = old.managers[manager.key].smtp
        if had and manager.smtp and manager.smtp.password == had.password != "":
            at = f"{item_name('manager', manager)}.smtp.password"
            yield Problem(at, f"{message}{_host(manager.smtp.url)}; {_ANEW}")


def led_elsewhere(old: Setup, new: Setup) -> Setup:
    """Of a Setup, those accounts and managers alone whose secrets another host would get."""
    return Setup(
        account=tuple(
            one
            for one in new.account
            if one.key in old.accounts and _addresses(one) - _addresses(old.accounts[one.key])
        ),
        manager=tuple(
            one
            for one in new.manager
            if one.smtp
            and one.key in old.managers
            and (had := old.managers[one.key].smtp)
            and _host(one.smtp.url) != _host(had.url)
        ),
    )


def _addresses(account: Account) -> set[str]:
    return {_host(url) for url in (account.base_url, account.call_url) if url}


def _hosts(account: Account) -> str:
    return ", ".join(sorted(_addresses(account)))


def _host(url: str) -> str:
    """With its scheme and port, without a user."""
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}".lower()


def _variables(setup: Setup) -> Iterator[tuple[str, str]]:
    for section in ("account", "webhook"):
        for item in getattr(setup, section):
            for secret in item.secrets:
                if secret.startswith("env:"):
                    yield f"{item_name(section, item)}.secret", secret.removeprefix("env:")
    for manager in setup.manager:
        if manager.smtp and manager.smtp.password.startswith("env:"):
            name = manager.smtp.password.removeprefix("env:")
            yield f"{item_name('manager', manager)}.smtp.password", name
