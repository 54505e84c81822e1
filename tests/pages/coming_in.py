"""Coming in as somebody of the Setup."""

from __future__ import annotations

from callrouter.domain.setup import Role
from callrouter.flows.visits import open_visit
from storage import users
from storage.ids import new_id
from storage.users import User
from tests.pages.conftest import Site


async def let_in(
    site: Site, manager: str | None, role: Role = "manager", *, user: bool = False
) -> str:
    """Let the site's browser in as a manager, with `user` by an account of his; gives its id."""
    now, write = site.clock(), site.service.database.write
    id_ = new_id(now) if user else None
    if id_:
        name = manager or role
        await write(users.add, User(id_, f"{name}@example.com", name, manager, None, now, "test"))
    cookie = await write(open_visit, role, now=now, manager=manager, user=id_)
    site.cookie = f"callrouter_{site.service.seal.fingerprint[:8]}={cookie}"
    return id_ or ""
