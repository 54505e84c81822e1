"""`/users`: who may sign in to the pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Literal

from pydantic import Field

from callrouter.api.fields import Given, Id, Key, Paged, Reason
from callrouter.api.layer import Asked, Reply, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.setup import Role, Setup
from callrouter.flows import users as flow
from callrouter.flows.users import BadUser
from storage import users
from storage.users import User

routes = Routes()

NO_SUCH_USER = Problem(404, "There is no such user.")
LAST_ADMIN = Problem(409, "This is the last administrator; make another one first.")
OF_SETUP = Problem(409, "The role of a manager stands in setup.toml.")

_WRONG = {
    ("name", "empty"): "is missing; allowed: a name, or the key of a manager",
    ("name", "long"): "is too long; allowed: 200 characters",
    ("email", "empty"): "is missing",
    ("email", "not_email"): "is no e-mail; allowed: one like name@example.com",
    ("email", "taken"): "somebody else signs in with it",
    ("manager", "unknown"): "the setup has no such manager who works here",
    ("manager", "taken"): "this manager has an account already",
    ("role", "unknown"): "is no role; allowed: manager, head, admin, auditor",
}


class UsersQuery(Paged):
    cursor: Id | None = None


class UserPath(Given):
    id: Id


class NewUser(Given):
    email: Reason
    manager: Annotated[Key | None, Field(description="Who it is in setup.toml: name and role.")] = (
        None
    )
    name: Annotated[Reason, Field(description="Of who is no manager.")] = ""
    role: Annotated[Role, Field(description="Of who is no manager.")] = "manager"


class UserRole(Given):
    role: Role


@dataclass(frozen=True, slots=True)
class UserAccount:
    """`role` null: a manager whom setup.toml does not have any more. `code`: TOTP is asked for."""

    id: str
    email: str
    name: str
    manager: str | None
    role: Role | None
    state: Literal["invited", "active", "locked"]
    code: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserPage:
    items: tuple[UserAccount, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """`link` opens once, within 7 days, and is shown only now."""

    user: UserAccount
    link: str


@routes.get("/users", right="users")
async def list_users(asked: Asked, query: UsersQuery) -> UserPage:
    """Who may sign in, in the order in which they were invited."""
    service = asked.service
    everybody = await service.database.read(users.everybody)
    rest = sorted((one for one in everybody if one.id > (query.cursor or "")), key=attrgetter("id"))
    shown, last = query.part(rest, attrgetter("id"))
    setup = service.setups.current
    return UserPage(tuple(_account(one, setup) for one in shown), last)


@routes.post("/users", right="users", status=201)
async def invite_user(asked: Asked, body: NewUser) -> Reply[Invitation]:
    """Invite a manager of setup.toml, or somebody who takes no calls; nothing is mailed."""
    service, setup = asked.service, asked.service.setups.current
    try:
        user, token = await service.database.write(
            flow.add_user,
            body.name,
            body.email,
            body.role,
            body.manager,
            setup,
            by=asked.by,
            now=service.clock(),
        )
    except BadUser as bad:
        raise _refused(bad) from None
    return Reply(_invitation(asked, user, token), 201)


@routes.post("/users/{id}/password-link", right="users")
async def offer_password(asked: Asked, path: UserPath) -> Invitation:
    """A link by which somebody chooses a password; those before it open nothing any more."""
    service = asked.service
    try:
        user, token = await service.database.write(
            flow.new_password_link, path.id, by=asked.by, now=service.clock()
        )
    except BadUser as bad:
        raise _refused(bad) from None
    return _invitation(asked, user, token)


@routes.post("/users/{id}/lock", right="users")
async def lock_user(asked: Asked, path: UserPath) -> UserAccount:
    """Lock somebody out at once, wherever he is signed in. The last administrator: 409."""
    service = asked.service
    setup, now = service.setups.current, service.clock()
    try:
        await service.database.write(flow.lock, path.id, setup, by=asked.by, now=now)
    except BadUser as bad:
        raise _refused(bad) from None
    return await _shown(asked, path.id)


@routes.post("/users/{id}/unlock", right="users")
async def unlock_user(asked: Asked, path: UserPath) -> UserAccount:
    """Let somebody sign in again."""
    service = asked.service
    try:
        await service.database.write(flow.unlock, path.id, by=asked.by, now=service.clock())
    except BadUser as bad:
        raise _refused(bad) from None
    return await _shown(asked, path.id)


@routes.post("/users/{id}/code-off", right="users")
async def drop_code(asked: Asked, path: UserPath) -> UserAccount:
    """Ask somebody who lost telephone and recovery codes for no code any more."""
    service = asked.service
    try:
        await service.database.write(flow.turn_totp_off, path.id, by=asked.by, now=service.clock())
    except BadUser as bad:
        raise _refused(bad) from None
    return await _shown(asked, path.id)


@routes.patch("/users/{id}", right="users")
async def give_role(asked: Asked, path: UserPath, body: UserRole) -> UserAccount:
    """Another role for somebody who is no manager; for a manager 409: setup.toml has it."""
    service = asked.service
    setup, now = service.setups.current, service.clock()
    try:
        await service.database.write(
            flow.give_role, path.id, body.role, setup, by=asked.by, now=now
        )
    except BadUser as bad:
        raise _refused(bad) from None
    return await _shown(asked, path.id)


def _refused(bad: BadUser) -> Problem:
    if bad.field == "user":
        return LAST_ADMIN if bad.code == "last_admin" else NO_SUCH_USER
    if bad.code == "of_setup":
        return OF_SETUP
    said = _WRONG.get((bad.field, bad.code), bad.code)
    return Problem(422, "This user cannot be invited so.", [FieldProblem(bad.field, said)])


async def _shown(asked: Asked, id_: str) -> UserAccount:
    found = await asked.service.database.read(users.find, id_)
    if found is None:
        raise NO_SUCH_USER
    return _account(found, asked.service.setups.current)


def _invitation(asked: Asked, user: User, token: str) -> Invitation:
    service = asked.service
    link = f"{service.settings.public_url}/invite/{token}"
    return Invitation(_account(user, service.setups.current), link)


def _account(user: User, setup: Setup) -> UserAccount:
    comes_in = user.password is not None or user.subject is not None
    return UserAccount(
        id=user.id,
        email=user.email,
        name=user.name,
        manager=user.manager,
        role=flow.role_of(user, setup),
        state="locked" if user.locked_at else "active" if comes_in else "invited",
        code=user.asks_for_code,
        created_at=user.created_at,
    )
