"""`callrouter user …`: who may sign in, from the machine where callrouter runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from callrouter import terminal
from callrouter.first_steps import LOCAL
from callrouter.flows import users as flow
from callrouter.flows.users import BadUser
from callrouter.terminal import Failed
from storage import setups, users

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.settings import Settings
    from storage.users import User

BY: Final = "command"

_WRONG: Final = {
    ("name", "empty"): "--name: write who it is, or --manager KEY",
    ("name", "long"): "--name: at most 200 characters",
    ("email", "empty"): "EMAIL: write one",
    ("email", "not_email"): "EMAIL: this is no e-mail; name@example.com is one",
    ("email", "taken"): "EMAIL: somebody else signs in with it",
    ("manager", "unknown"): "--manager: the setup has no such manager who works here",
    ("manager", "taken"): "--manager: this manager has an account already",
    ("role", "unknown"): "--role: allowed are manager, head, admin, auditor",
    ("user", "unknown"): "nobody signs in with this e-mail; `callrouter user list` prints all",
    ("user", "last_admin"): "the last administrator stays: make another one first",
}


def add(settings: Settings, email: str, manager: str | None, name: str, role: str) -> str:
    """Invite somebody; gives the link. Raises Failed."""
    setup: Setup = terminal.read(settings, _setup)
    with_values = (name, email, role, manager, setup)
    _, token = _do(settings, flow.add_user, *with_values, by=BY, now=terminal.now())
    return _link(settings, token)


def reset(settings: Settings, email: str, *, no_code: bool) -> str:
    """A link to a new password. Raises Failed."""
    user, given = _find(settings, email), {"by": BY, "now": terminal.now()}
    if no_code:
        _do(settings, flow.turn_totp_off, user.id, **given)
    _, token = _do(settings, flow.new_password_link, user.id, **given)
    return _link(settings, token)


def lock(settings: Settings, email: str) -> str:
    """Raises Failed."""
    user, setup = _find(settings, email), terminal.read(settings, _setup)
    _do(settings, flow.lock, user.id, setup, by=BY, now=terminal.now())
    return f"{user.email}: locked out."


def unlock(settings: Settings, email: str) -> str:
    """Raises Failed."""
    user = _find(settings, email)
    _do(settings, flow.unlock, user.id, by=BY, now=terminal.now())
    return f"{user.email}: may sign in again."


def listed(settings: Settings) -> Iterator[str]:
    """A line each: e-mail, role, name, what is special."""
    setup: Setup = terminal.read(settings, _setup)
    for one in terminal.read(settings, users.everybody):
        role = flow.role_of(one, setup) or "not in the setup"
        said = [one.email, role, one.name]
        if one.locked_at is not None:
            said.append("locked out")
        elif one.password is None and one.subject is None:
            said.append("invited")
        if one.asks_for_code:
            said.append("with a code")
        yield "  ".join(said)


def must_work_here(settings: Settings, manager: str) -> None:
    """Raises Failed for a key that no active manager of the setup has."""
    found = terminal.read(settings, _setup).managers.get(manager)
    if found is None or not found.active:
        raise Failed(_WRONG["manager", "unknown"])


def _find(settings: Settings, email: str) -> User:
    found: User | None = terminal.read(settings, users.by_email, email)
    if found is None:
        raise Failed(_WRONG["user", "unknown"])
    return found


def _do(settings: Settings, what: Callable[..., Any], *given: Any, **named: Any) -> Any:  # noqa: ANN401  handed on
    try:
        return terminal.write(settings, what, *given, **named)
    except BadUser as bad:
        raise Failed(_WRONG.get((bad.field, bad.code), str(bad))) from bad


def _setup(conn: Connection) -> Setup:
    return setups.load(conn, setups.current_version(conn))


def _link(settings: Settings, token: str) -> str:
    return f"{settings.public_url or LOCAL}/invite/{token}"
