"""An account's secrets as people change them: never shown, two of them while one is changed. Pure.

In setup.toml one names them anew; here one is put beside the other, or taken away by its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from callrouter.setup_file.afar import is_of_the_server
from callrouter.setup_file.editing import find_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from callrouter.domain.setup import Account, Setup

SHORTEST: Final = 12
LONGEST: Final = 256
MOST: Final = 2
"""So many are valid at once."""

_LITERAL: Final = re.compile(r"[!-~]+")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
Code = Literal["needed", "short", "long", "signs", "written", "variable", "own", "same"]
"""What is wrong with a secret: `written`: it looks like a reference, not like a secret; `own`: the
variable holds a secret of the server's; `same`: the account has it."""


class BadSecret(ValueError):
    """The secret cannot be one. It is not in the text."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


class NotThatMany(Exception):
    """There are not as many secrets as the change needs: somebody else has changed them."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """As setup.toml would have it: a literal, or `env:NAME`. `made`: we made it up."""

    text: str = field(repr=False)
    made: bool = False


def literal(text: str) -> NewSecret:
    """A secret that was typed. Raises BadSecret."""
    if not text:
        raise BadSecret("needed")
    if text.startswith(("env:", "sealed:")):
        raise BadSecret("written")
    if len(text) < SHORTEST:
        raise BadSecret("short")
    if len(text) > LONGEST:
        raise BadSecret("long")
    if not _LITERAL.fullmatch(text):
        raise BadSecret("signs")
    return NewSecret(text)


def variable(name: str) -> NewSecret:
    """A secret that stands in the server's environment. Raises BadSecret."""
    name = name.removeprefix("env:")
    if not name:
        raise BadSecret("needed")
    if not _VARIABLE.fullmatch(name):
        raise BadSecret("variable")
    if is_of_the_server(name):
        raise BadSecret("own")
    return NewSecret(f"env:{name}")


def put_beside(setup: Setup, key: str, new: NewSecret) -> Setup:
    """Let an account have a second secret, which is valid as the first is.

    What we send ourselves is signed with the first. Raises NoSuchItem, NotThatMany.
    """
    account: Account = find_item(setup, "account", key)
    if len(account.secrets) >= MOST:
        raise NotThatMany
    return _with(setup, key, (*account.secrets, new.text))


def put_instead(setup: Setup, key: str, new: NewSecret) -> Setup:
    """Let this be the only one: no other is valid any more. Raises NoSuchItem."""
    find_item(setup, "account", key)
    return _with(setup, key, (new.text,))


def take_away(setup: Setup, key: str, place: int) -> Setup:
    """Leave the other one of two alone. Raises NoSuchItem, NotThatMany."""
    account: Account = find_item(setup, "account", key)
    if len(account.secrets) != MOST or place not in range(MOST):
        raise NotThatMany
    return _with(setup, key, account.secrets[:place] + account.secrets[place + 1 :])


def has(account: Account, new: NewSecret, opened: Callable[[str], str | None]) -> bool:
    """Whether it is one of the account's; `opened`: a secret in clear, as far as it can be had."""
    return any(one == new.text or opened(one) == new.text for one in account.secrets)


def _with(setup: Setup, key: str, secrets: tuple[str, ...]) -> Setup:
    secret = secrets[0] if len(secrets) == 1 else secrets
    return replace(
        setup,
        account=tuple(
            replace(one, secret=secret) if one.key == key else one for one in setup.account
        ),
    )
